//! Final over initial standard deviation of Gaussian directions: the soft threshold.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2};
use ridgewalk::closed_form::{Covariance, Gaussian};
use ridgewalk::transform::{Attraction, extended_score};
use ridgewalk::{Denoiser, Euler, Heun, Karras, Mad, MadConfig, Progress, Sampler, Solver, Switched, Trace};

use crate::{DIFFERENCE, hybrid, with};

pub const DEVIATIONS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0];

/// Ten independent directions of these deviations.
pub fn directions() -> Gaussian {
    let variances = DEVIATIONS.map(|s| s * s).to_vec();
    Gaussian::new(Array1::zeros(10), Covariance::diagonal(variances).unwrap()).unwrap()
}

/// One state, each coordinate at one deviation of its law at this level.
pub fn at_one_deviation(level: f64) -> Array2<f64> {
    Array2::from_shape_fn((1, 10), |(_, k)| DEVIATIONS[k].hypot(level))
}

fn soft_threshold(config: MadConfig, n: usize, solver: impl Fn(f64) -> Box<dyn Solver>) -> Vec<f64> {
    let mad = Mad::new(directions(), config).unwrap();
    let sampler = Sampler::new(solver(mad.onset_level()), Karras::new(0.002..80.0, n));
    let start = at_one_deviation(80.0);
    let out = sampler.run_from(&mad, start.view(), &mut |_: &Progress| ControlFlow::Continue(())).unwrap();
    out.points.iter().zip(DEVIATIONS).map(|(x, s)| x / s).collect()
}

/// Worked out independently: all rows to the last digit that is given.
#[test]
fn directions_end_where_the_reference_says() {
    let p = |p| MadConfig { p, ..with(4.0, DIFFERENCE) };
    let rows: [(MadConfig, usize, [f64; 10]); 15] = [
        (
            with(0.0, DIFFERENCE),
            40,
            [0.9633, 1.0202, 1.0185, 1.0155, 1.0128, 1.0113, 1.0098, 1.0080, 1.0065, 1.0050],
        ),
        (
            with(2.0, DIFFERENCE),
            4000,
            [0.3461, 0.3782, 0.3996, 0.4599, 0.6102, 0.7314, 0.8644, 0.9589, 0.9892, 0.9982],
        ),
        (
            with(2.0, DIFFERENCE),
            40,
            [0.2858, 0.3079, 0.3371, 0.4082, 0.5803, 0.7158, 0.8612, 0.9630, 0.9946, 1.0030],
        ),
        (
            with(4.0, DIFFERENCE),
            4000,
            [0.1494, 0.1451, 0.1601, 0.2116, 0.3723, 0.5351, 0.7471, 0.9195, 0.9784, 0.9965],
        ),
        (
            with(4.0, DIFFERENCE),
            80,
            [0.1193, 0.1157, 0.1326, 0.1856, 0.3552, 0.5275, 0.7471, 0.9214, 0.9800, 0.9977],
        ),
        (
            with(4.0, DIFFERENCE),
            40,
            [0.0848, 0.0854, 0.1043, 0.1581, 0.3393, 0.5238, 0.7528, 0.9281, 0.9853, 1.0015],
        ),
        (
            with(4.0, DIFFERENCE),
            18,
            [0.0161, 0.0119, 0.0229, 0.0767, 0.2883, 0.5367, 0.7997, 0.9700, 1.0169, 1.0244],
        ),
        (
            with(8.0, DIFFERENCE),
            4000,
            [0.0277, 0.0213, 0.0256, 0.0447, 0.1385, 0.2862, 0.5581, 0.8454, 0.9572, 0.9930],
        ),
        (
            with(8.0, DIFFERENCE),
            40,
            [0.0011, 0.0011, 0.0031, 0.0109, 0.0913, 0.2602, 0.5678, 0.8613, 0.9667, 0.9985],
        ),
        (
            with(16.0, DIFFERENCE),
            80,
            [0.0000, 0.0000, 0.0000, 0.0001, 0.0075, 0.0619, 0.3059, 0.7236, 0.9213, 0.9878],
        ),
        (p(2.0), 4000, [0.1504, 0.1526, 0.1821, 0.2446, 0.3735, 0.4839, 0.6405, 0.8230, 0.9293, 0.9836]),
        (p(32.0), 4000, [0.1494, 0.1449, 0.1586, 0.2081, 0.3722, 0.5424, 0.7589, 0.9257, 0.9803, 0.9968]),
        (
            with(4.0, Attraction::VarianceDifference(0.5)),
            4000,
            [0.2082, 0.2008, 0.2150, 0.2637, 0.4108, 0.5585, 0.7549, 0.9204, 0.9785, 0.9965],
        ),
        (
            with(4.0, Attraction::Directional(1.0)),
            4000,
            [0.1423, 0.1384, 0.1534, 0.2052, 0.3676, 0.5322, 0.7462, 0.9194, 0.9784, 0.9965],
        ),
        (
            MadConfig { a: 5.0, ..with(4.0, DIFFERENCE) },
            4000,
            [0.1500, 0.1541, 0.2117, 0.3724, 0.6598, 0.8076, 0.9195, 0.9784, 0.9945, 0.9991],
        ),
    ];
    for (config, n, expected) in rows {
        let label = format!("{config:?} n {n}");
        for (got, expected) in soft_threshold(config, n, hybrid).iter().zip(expected) {
            assert!((got - expected).abs() < 1e-4, "{label}: {got} {expected}");
        }
    }
}

/// One solver throughout. The reference lets a strength below 0.01 act, which is left out here, and the step that
/// crosses that level be half attracted: 5e-4 b at most.
#[test]
fn one_solver_throughout() {
    let euler = |_| -> Box<dyn Solver> { Box::new(Euler) };
    let heun = |_| -> Box<dyn Solver> { Box::new(Heun::new()) };
    let rows = [
        (
            soft_threshold(with(4.0, DIFFERENCE), 40, euler),
            [0.0848, 0.0854, 0.1041, 0.1570, 0.3318, 0.5049, 0.7129, 0.8696, 0.9243, 0.9461],
        ),
        // Within the window Heun cannot contract by more than half a step: it attracts less.
        (
            soft_threshold(with(4.0, DIFFERENCE), 40, heun),
            [0.1907, 0.1715, 0.1802, 0.2264, 0.3777, 0.5376, 0.7511, 0.9256, 0.9844, 1.0014],
        ),
        (
            soft_threshold(with(8.0, DIFFERENCE), 40, heun),
            [0.0999, 0.0547, 0.0496, 0.0665, 0.1501, 0.2887, 0.5584, 0.8498, 0.9628, 0.9978],
        ),
    ];
    for ((got, expected), b) in rows.into_iter().zip([4.0, 4.0, 8.0]) {
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < 5e-4 * b, "{got} {expected}");
        }
    }
}

/// A run that ends at a level of 0.2 and gives D there: the other way to leave noise out. It leaves
/// √(v/(v + σ²)), the reference adds the error of its steps.
#[test]
fn truncated_runs() {
    let levels = Karras::new(0.002..80.0, 40);
    let mut levels = ridgewalk::Schedule::levels(&levels).unwrap();
    let end = levels.iter().position(|level| *level < 0.2).unwrap();
    levels.truncate(end);
    levels.push(0.2);
    let sampler = Sampler::new(Heun::new(), ridgewalk::Levels(levels));
    let start = at_one_deviation(80.0);
    let run = sampler.run_from(&directions(), start.view(), &mut |_: &Progress| ControlFlow::Continue(()));
    let expected = [0.0250, 0.0995, 0.2428, 0.4490, 0.7129, 0.8400, 0.9372, 0.9884, 1.0015, 1.0042];
    for ((x, s), expected) in run.unwrap().points.iter().zip(DEVIATIONS).zip(expected) {
        // The grid ends at 0.2 here, and near it there.
        assert!((x / s - expected).abs() < 3e-3, "{} {expected}", x / s);
    }
}

/// A fine grid and a sharp onset meet the closed form √v·exp(−(b/2)σ_on²/(v+σ_on²)).
#[test]
fn the_limit_is_the_soft_threshold_curve() {
    let config = MadConfig { p: 64.0, ..with(4.0, Attraction::Automatic) };
    let got = soft_threshold(config, 8000, hybrid);
    for (got, s) in got.iter().zip(DEVIATIONS).skip(2) {
        let expected = libm::exp(-2.0 * 0.04 / (s * s + 0.04));
        assert!((got - expected).abs() < 4e-3, "{s}: {got} {expected}");
    }
}

/// The same limit with compensation, which changes the wanted directions more than the unwanted ones.
#[test]
fn the_limit_with_compensation() {
    let (b, c, r) = (8.0, 1.0, 3.0);
    let config = MadConfig { c, reach: r, p: 64.0, ..with(b, Attraction::Automatic) };
    let got = soft_threshold(config, 8000, hybrid);
    let part = |level: f64, s: f64| level * level / (s * s + level * level);
    for (got, s) in got.iter().zip(DEVIATIONS).skip(2) {
        let (on, off) = (part(0.2, s), part(0.2 * r, s));
        let expected = libm::exp(-0.5 * b * on + 0.5 * c * (off - on));
        assert!((got - expected).abs() < 4e-3, "{s}: {got} {expected}");
    }
    // At twice and five times the onset a good part of the loss comes back.
    assert!(got[6] > 0.71 && got[7] > 0.94, "{got:?}");
}

/// The extended score with a variance unit that does not fall with σ: sharper than what is offered, but the model is
/// asked about noise levels that x does not have, and the threshold depends on where the run ends.
struct FixedUnit {
    model: Gaussian,
    unit: f64,
}

impl Denoiser for FixedUnit {
    fn dim(&self) -> usize {
        self.model.dim()
    }
    fn denoise(&self, x: ndarray::ArrayView2<f64>, sigma: f64) -> ridgewalk::Result<ndarray::Array2<f64>> {
        if sigma > 2.0 * self.unit.sqrt() {
            return self.model.denoise(x, sigma);
        }
        let p = 8.0;
        let floor = libm::pow(self.unit / 6.25, 0.5 * p);
        let gamma = libm::pow(libm::pow(sigma, p) + floor, 2.0 / p);
        let score = extended_score(&self.model, x, gamma, self.unit, DIFFERENCE)?;
        Ok(&x + &(score * self.unit))
    }
}

#[test]
fn a_fixed_unit_is_sharper() {
    let model = FixedUnit { model: directions(), unit: 0.01 };
    let solver = Switched::new(Heun::new(), Euler, 0.2);
    let mut trace = Trace::default();
    let start = at_one_deviation(80.0);
    Sampler::new(solver, Karras::new(0.002..80.0, 400)).run_from(&model, start.view(), &mut trace).unwrap();
    let expected = [0.3153, 0.0083, 0.0025, 0.0465, 0.3567, 0.6077, 0.8276, 0.9526, 0.9879, 0.9981];
    // The state before the last step, to σ = 0.
    for ((x, s), expected) in trace.states[398].iter().zip(DEVIATIONS).zip(expected) {
        assert!((x / s - expected).abs() < 2e-3, "{s}: {} {expected}", x / s);
    }
}
