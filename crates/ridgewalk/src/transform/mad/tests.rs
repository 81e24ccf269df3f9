use ndarray::{Array2, Axis, array};

use super::*;
use crate::closed_form::{Covariance, Empirical, Gaussian};
use crate::denoiser::{Differentiable, FiniteDifference};
use crate::points::PointSet;
use crate::sampler::Sampler;
use crate::schedule::Karras;
use crate::solver::Heun;

fn diracs() -> Empirical {
    let data = PointSet::vectors(array![[0.0, 0.0], [2.0, 0.0], [0.0, 3.0]]).unwrap();
    Empirical::weighted(&data, &[0.5, 0.3, 0.2]).unwrap()
}

fn gaussian(variance: f64) -> Gaussian {
    Gaussian::new(array![0.0], Covariance::isotropic(1, variance).unwrap()).unwrap()
}

/// The definition evaluated by hand on point masses and Gaussians.
#[test]
fn extended_score_of_simple_laws() {
    let score = |model: &dyn Denoiser, x: &[f64], gamma: f64| {
        let x = Array2::from_shape_vec((1, x.len()), x.to_vec()).unwrap();
        extended_score(model, x.view(), gamma, 1.0, Attraction::Automatic).unwrap()
    };
    let one = Empirical::new(&PointSet::vectors(array![[0.0]]).unwrap()).unwrap();
    for gamma in [1e-4, 0.1, 7.0] {
        assert!((score(&one, &[1.5], gamma)[(0, 0)] + 1.5).abs() < 1e-12);
    }
    for (variance, gamma, expected) in [
        (0.01, 0.01, -38.25),
        (0.01, 0.1, -2.603306),
        (1.0, 0.01, -1.485296),
        (1.0, 1.0, -1.125),
        (4.0, 0.5, -0.462963),
    ] {
        assert!((score(&gaussian(variance), &[1.5], gamma)[(0, 0)] - expected).abs() < 1e-6);
    }
    let three = diracs();
    for (x, gamma, expected) in [
        ([0.4, 0.3], 0.5, [0.172646, -0.287133]),
        ([0.4, 0.3], 0.05, [-0.4, -0.3]),
        ([1.2, 0.2], 0.5, [-0.841269, -0.196313]),
        ([1.2, 0.2], 0.05, [0.620169, -0.2]),
        ([1.2, 0.2], 0.005, [0.8, -0.2]),
        ([1.0, 0.0], 0.5, [-0.25044, 0.001758]),
        ([1.0, 0.0], 0.05, [-0.25, 0.0]),
        ([0.1, 1.6], 0.5, [0.062201, -1.307446]),
        ([0.1, 1.6], 0.05, [-0.1, -0.821959]),
        ([0.1, 1.6], 0.005, [-0.1, 1.4]),
    ] {
        let got = score(&three, &x, gamma);
        for k in 0..2 {
            assert!((got[(0, k)] - expected[k]).abs() < 2e-6, "{x:?} {gamma}: {got}");
        }
    }
}

#[test]
fn extended_score_of_a_circle() {
    let circle = Array2::from_shape_fn((2000, 2), |(i, k)| {
        let angle = i as f64 / 2000.0 * std::f64::consts::TAU;
        if k == 0 { angle.cos() } else { angle.sin() }
    });
    let model = Empirical::new(&PointSet::vectors(circle).unwrap()).unwrap();
    for (radius, expected) in [(0.8, -0.42602), (1.0, -0.50075), (1.3, -0.68515)] {
        let got =
            extended_score(&model, array![[radius, 0.0]].view(), 1e-3, 1.0, Attraction::Automatic).unwrap();
        assert!((got[(0, 0)] - expected).abs() < 1e-5, "{radius}: {got}");
    }
}

#[test]
fn the_cap_is_the_root_of_no_overshoot() {
    for h in [0.05, 0.2, 0.5, 0.9, 1.0] {
        let kappa = no_overshoot_cap(h);
        assert!((h * (kappa + 1.0) * (kappa + 1.0) / (4.0 * kappa) - 1.0).abs() < 1e-12);
    }
    // The 18-step Karras grid.
    let sigma: Vec<f64> = crate::schedule::Schedule::levels(&Karras::new(0.002..80.0, 18)).unwrap();
    for (i, expected) in [(11, 5.94), (12, 5.37), (13, 4.81), (14, 4.24), (15, 3.68), (16, 3.13)] {
        assert!((no_overshoot_cap(1.0 - sigma[i + 1] / sigma[i]) - expected).abs() < 0.006);
    }
}

fn with(b: f64, attraction: Attraction) -> MadConfig {
    MadConfig { b, attraction, ..MadConfig::default() }
}

/// The exact derivative and a fine difference quotient agree.
#[test]
fn exact_and_numerical_attraction_agree() {
    let model = diracs();
    let numeric = FiniteDifference::new(&model);
    let x = array![[0.8, 0.6], [0.3, 1.4]];
    let run = |model: &dyn Denoiser, attraction| {
        let config = MadConfig { sigma_data: Some(2.0), ..with(6.0, attraction) };
        Mad::new(model, config).unwrap().denoise(x.view(), 0.6).unwrap()
    };
    let exact = run(&model, Attraction::Automatic);
    assert!((&exact - &run(&numeric, Attraction::Automatic)).iter().all(|e| e.abs() < 1e-7));
    assert!((&exact - &run(&model, Attraction::VarianceDifference(1e-6))).iter().all(|e| e.abs() < 1e-4));
}

#[test]
fn without_strength_nothing_changes_and_point_masses_are_kept() {
    let model = diracs();
    let sampler = Sampler::new(Heun::new(), Karras::new(0.002..80.0, 18)).seed(4);
    let plain = sampler.run(&model, 20).unwrap();
    let none = sampler.run(&Mad::new(&model, with(0.0, Attraction::Automatic)).unwrap(), 20).unwrap();
    assert_eq!(plain, none);
    let attracted = sampler.run(&Mad::new(&model, with(8.0, Attraction::Automatic)).unwrap(), 50).unwrap();
    for row in attracted.points.outer_iter() {
        let nearest = model
            .points()
            .outer_iter()
            .map(|p| (p[0] - row[0]).hypot(p[1] - row[1]))
            .fold(f64::INFINITY, f64::min);
        assert!(nearest < 1e-5, "{nearest}");
    }
}

/// A denoiser that depends on the sample: x is moved by a tenth of its index.
#[derive(Clone)]
struct Keyed(Empirical);

impl Keyed {
    fn moved(x: ArrayView2<f64>, visit: &Visit) -> Array2<f64> {
        Array2::from_shape_fn(x.dim(), |(row, k)| x[(row, k)] + 0.1 * visit.sample(row) as f64)
    }
}

impl Denoiser for Keyed {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        self.0.denoise(Self::moved(x, visit).view(), sigma)
    }
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
}

impl Differentiable for Keyed {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.0.jvp(x, sigma, v)
    }
    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        self.denoise_with_sigma_derivative_at(x, sigma, &Visit::default())
    }
    fn denoise_with_sigma_derivative_at(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        visit: &Visit,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        self.0.denoise_with_sigma_derivative(Self::moved(x, visit).view(), sigma)
    }
}

/// Sample indices reach a denoiser that draws, through the differences as through an exact derivative.
#[test]
fn differences_keep_the_samples_of_the_rows() {
    let keyed = Keyed(diracs());
    let config = MadConfig { sigma_data: Some(2.0), ..MadConfig::default() };
    let exact = Mad::new(keyed.clone(), config.clone()).unwrap();
    let mad = Mad::new(FiniteDifference::new(keyed), config).unwrap();
    let x = array![[0.8, 0.6], [0.8, 0.6], [0.3, 1.4]];
    let all = mad.denoise_at(x.view(), 0.4, &Visit { samples: &[5, 8, 2], step: None }).unwrap();
    let exact = exact.denoise_at(x.view(), 0.4, &Visit { samples: &[5, 8, 2], step: None }).unwrap();
    assert!((&all - &exact).iter().all(|e| e.abs() < 1e-6), "{all} {exact}");
    assert_ne!(all.row(0), all.row(1));
    for (row, sample) in [5, 8, 2].into_iter().enumerate() {
        let one = x.select(Axis(0), &[row]);
        let alone = mad.denoise_at(one.view(), 0.4, &Visit { samples: &[sample], step: None }).unwrap();
        assert_eq!(alone.row(0), all.row(row));
    }
}

/// Keeps what it was asked; gives x/2.
struct Recorder(std::sync::Mutex<Vec<(f64, f64, f64)>>);

impl Denoiser for Recorder {
    fn dim(&self) -> usize {
        1
    }
    fn denoise(&self, x: ArrayView2<f64>, _sigma: f64) -> Result<Array2<f64>> {
        Ok(&x * 0.5)
    }
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        if let Some((start, end)) = visit.step {
            self.0.lock().unwrap().push((sigma, start, end));
        }
        self.denoise(x, sigma)
    }
}

/// Churn carries the state up to σ̂ = σ(1 + γ), and the step from there to σ′ is the longer one: both of
/// Heun's evaluations are capped by it.
#[test]
fn the_cap_is_that_of_the_step_with_its_churn() {
    let recorder = Recorder(Default::default());
    let churn = Heun::with_churn(40.0, 100, 0.0..=f64::INFINITY, 1.0).unwrap();
    let levels = [0.4, 0.3, 0.2];
    let sampler = Sampler::new(churn, crate::schedule::Levels(levels.to_vec()));
    sampler.run(&recorder, 1).unwrap();
    let asked = recorder.0.into_inner().unwrap();
    let mad =
        Mad::new(gaussian(1.0), MadConfig { b: 1e9, sigma_data: Some(1.0), ..Default::default() }).unwrap();
    for (step, pair) in asked.chunks(2).take(2).enumerate() {
        let hat = levels[step] * 1.4;
        let cap = no_overshoot_cap(1.0 - levels[step + 1] / hat);
        assert!((pair[0].0 - hat).abs() < 1e-12 && pair[1].0 == levels[step + 1]);
        for &(sigma, start, end) in pair {
            let strength = mad.strength_at(sigma, &Visit { samples: &[], step: Some((start, end)) });
            assert!((strength / cap - 1.0).abs() < 1e-12, "{strength} {cap}");
        }
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    let model = gaussian(1.0);
    for config in [
        MadConfig { a: 0.0, ..MadConfig::default() },
        MadConfig { b: -1.0, ..MadConfig::default() },
        MadConfig { p: f64::NAN, ..MadConfig::default() },
        MadConfig { c: 1.5, ..MadConfig::default() },
        MadConfig { c: f64::NAN, ..MadConfig::default() },
        MadConfig { reach: 0.5, ..MadConfig::default() },
        MadConfig { sigma_data: Some(0.0), ..MadConfig::default() },
        with(4.0, Attraction::VarianceDifference(0.0)),
        with(4.0, Attraction::Directional(-1.0)),
    ] {
        assert!(Mad::new(&model, config).is_err());
    }
}
