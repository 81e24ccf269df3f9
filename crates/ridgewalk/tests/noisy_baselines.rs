//! What can be done about noise in data besides attraction, on laws where the answer is known: exact
//! deconvolution, one Tweedie step, and truncated sampling.

use ndarray::{Array1, Array2, ArrayView2, array};
use ridgewalk::closed_form::{Covariance, CovarianceKind, Gaussian, Mixture, deconvolution};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::transform::tweedie_step;
use ridgewalk::{Denoiser, Heun, LogLinear, PointSet, Result, Sampler};

/// A rank-2 covariance plus isotropic in 5 dimensions, its variances being 9, 4 and 2.
fn low_rank() -> Covariance {
    let vectors = array![[0.6, 0.8, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.6, -0.8]];
    Covariance::from_parts(vectors, vec![9.0, 4.0], 2.0).unwrap()
}

/// Convolving with the noise that was taken out gives the covariance back, in every form of it.
#[test]
fn deconvolution_undoes_convolution() {
    let dense = array![[4.0, 1.0], [1.0, 3.0]];
    let forms = [
        low_rank(),
        Covariance::from_dense(dense.view()).unwrap(),
        Covariance::diagonal(vec![2.0, 5.0, 3.0]).unwrap(),
        Covariance::isotropic(3, 2.5).unwrap(),
    ];
    for covariance in forms {
        let d = covariance.dim();
        let noisy = Gaussian::new(Array1::from_elem(d, 2.0), covariance.clone()).unwrap();
        let clean = noisy.deconvolved(1.2).unwrap();
        assert_eq!(clean.mean(), noisy.mean());
        let back = &clean.covariance().to_dense() + &(Array2::<f64>::eye(d) * 1.44);
        let off = (&back - &covariance.to_dense()).iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(off < 1e-14 * 9.0, "{covariance:?} {off}");
        // The score of the clean law at σ is that of the noisy one at σ′, σ′² = σ² − η².
        let x = Array2::from_shape_fn((4, d), |(i, j)| (i * j) as f64 - 1.5);
        let a = clean.score(x.view(), 2.0).unwrap();
        let b = noisy.score(x.view(), (4.0f64 - 1.44).sqrt()).unwrap();
        assert!((&a - &b).iter().all(|e| e.abs() < 1e-13));
    }
}

/// Directions below the noise become points of a thousandth of σ_data; what was narrower stays.
#[test]
fn what_noise_explains_whole_becomes_flat() {
    let noisy =
        Gaussian::new(Array1::zeros(4), Covariance::diagonal(vec![16.0, 3.9, 1.0, 1e-9]).unwrap()).unwrap();
    let clean = noisy.deconvolved(2.0).unwrap();
    let floor = deconvolution::FLOOR.powi(2) * (16.0 + 3.9 + 1.0 + 1e-9) / 4.0;
    let found = clean.covariance().values();
    assert_eq!((found[0], found[3]), (12.0, 1e-9));
    assert!(found[1..3].iter().all(|v| (v / floor - 1.0).abs() < 1e-12), "{found:?}");
    assert_eq!(noisy.deconvolved(0.0).unwrap(), noisy);
    for bad in [-1.0, f64::NAN, f64::INFINITY] {
        let message = noisy.deconvolved(bad).unwrap_err().to_string();
        assert!(message.contains("standard deviation of the noise"), "{message}");
    }
}

/// Exact draws of a mixture, noise added, the covariances known: deconvolved it is the mixture of before, so its
/// draws of the same seed are the same points.
#[test]
fn a_mixture_keeps_its_weights_and_means() {
    let with = |noise: f64| {
        let component = |m: f64, v: f64| {
            Gaussian::new(array![m, -m], Covariance::isotropic(2, v + noise * noise).unwrap()).unwrap()
        };
        Mixture::new(vec![0.3, 0.7], vec![component(-4.0, 0.5), component(3.0, 1.5)]).unwrap()
    };
    let clean = with(1.5).deconvolved(1.5).unwrap();
    assert_eq!(clean.weights(), with(0.0).weights());
    let off = &clean.sample(200, 3) - &with(0.0).sample(200, 3);
    assert!(off.iter().all(|e| e.abs() < 1e-13));
}

/// The factor of a Gaussian direction is 1 − η²/(v + σ²) for every v, also where it is negative.
#[test]
fn a_tweedie_step_has_the_known_factor_and_overshoots_below_the_noise() {
    let variances = vec![25.0, 9.0, 4.0, 1.0];
    let noisy =
        Gaussian::new(Array1::from_elem(4, 1.0), Covariance::diagonal(variances.clone()).unwrap()).unwrap();
    let x = array![[2.0, 2.0, 2.0, 2.0], [0.0, -3.0, 5.0, 1.0]];
    for sigma in [0.01, 1.0, 3.0] {
        let found = tweedie_step(&noisy, x.view(), 3.0, sigma).unwrap();
        for ((i, j), value) in found.indexed_iter() {
            let known = 1.0 + (1.0 - 9.0 / (variances[j] + sigma * sigma)) * (x[(i, j)] - 1.0);
            assert!((value - known).abs() < 1e-9, "sigma {sigma} at {i}, {j}: {value}, not {known}");
        }
    }
    // At v = 1 < η²/2 the step turns 1 into −8: noise grows.
    let found = tweedie_step(&noisy, array![[1.0, 1.0, 1.0, 2.0]].view(), 3.0, 1e-3).unwrap();
    assert!((found[(0, 3)] - 1.0 + 8.0).abs() < 1e-4);
    assert_eq!(tweedie_step(&noisy, x.view(), 0.0, 0.1).unwrap(), x);
    assert!(tweedie_step(&noisy, x.view(), -1.0, 0.1).is_err());
    assert!(tweedie_step(&noisy, x.view(), 1.0, 0.0).is_err());
    assert!(tweedie_step(&noisy, array![[1.0]].view(), 1.0, 0.1).is_err());
}

/// Denoises to the index of the sample, so that it shows under which index a row is asked.
struct Indexed;

impl Denoiser for Indexed {
    fn dim(&self) -> usize {
        1
    }
    fn denoise(&self, x: ArrayView2<f64>, _: f64) -> Result<Array2<f64>> {
        Ok(x.to_owned())
    }
    fn denoise_at(&self, x: ArrayView2<f64>, _: f64, visit: &ridgewalk::Visit) -> Result<Array2<f64>> {
        Ok(Array2::from_shape_fn(x.raw_dim(), |(row, _)| visit.sample(row) as f64))
    }
}

#[test]
fn a_row_is_the_sample_of_its_own_index() {
    let found = tweedie_step(&Indexed, Array2::zeros((600, 1)).view(), 1.0, 1.0).unwrap();
    assert!(found.iter().enumerate().all(|(i, v)| *v == i as f64));
}

/// E[x₀ | x] of a mixture is found by weighing clean draws by the likelihood of x: the step is the posterior mean
/// beyond Gaussians too. 200,000 draws; the weighted mean has a standard error of about 0.004, five of them.
#[test]
fn a_tweedie_step_is_the_posterior_mean() {
    let noise: f64 = 0.8;
    let component = |m: f64, v: f64| {
        Gaussian::new(array![m], Covariance::isotropic(1, v + noise * noise).unwrap()).unwrap()
    };
    let noisy = Mixture::new(vec![0.4, 0.6], vec![component(-1.0, 0.1), component(1.0, 0.3)]).unwrap();
    let clean = noisy.deconvolved(noise).unwrap().sample(200_000, 1);
    for x in [-1.5, 0.2, 1.4] {
        let weigh = |c: &f64| libm::exp(-(x - c) * (x - c) / (2.0 * noise * noise));
        let (sum, total) = clean.iter().fold((0.0, 0.0), |(s, t), c| (s + weigh(c) * c, t + weigh(c)));
        let found = tweedie_step(&noisy, array![[x]].view(), noise, 1e-4).unwrap()[(0, 0)];
        assert!((found - sum / total).abs() < 0.02, "{x}: {found}, not {}", sum / total);
    }
}

/// Truncated sampling is a schedule that ends at the level t: the last step gives D(x; t), which leaves a
/// direction of variance v the factor √(v/(v + t²)). Heun over 800 even log steps is good to 1e-4.
#[test]
fn truncated_sampling_has_the_known_factor() {
    let (t, highest) = (0.2, 80.0);
    let deviations = [0.02, 0.1, 0.2, 0.5, 2.0];
    let variances: Vec<f64> = deviations.iter().map(|s| s * s).collect();
    let model = Gaussian::new(Array1::zeros(5), Covariance::diagonal(variances.clone()).unwrap()).unwrap();
    let start = Array2::from_shape_fn((1, 5), |(_, j)| f64::hypot(deviations[j], highest));
    let sampler = Sampler::new(Heun::new(), LogLinear::new(t..highest, 800));
    let found = sampler
        .run_from(&model, start.view(), &mut |_: &ridgewalk::Progress| std::ops::ControlFlow::Continue(()))
        .unwrap();
    for (v, end) in variances.iter().zip(found.points.iter()) {
        let known = (v / (v + t * t)).sqrt();
        assert!((end / v.sqrt() - known).abs() < 2e-4, "v {v}: {}, not {known}", end / v.sqrt());
    }
}

/// 5,000 noisy points of rank 2 in 10 dimensions: the fit is deconvolved to the clean spectrum. A variance is known
/// to √(2/5000) = 2 % of its noisy value; four of them.
#[test]
fn a_fit_to_noisy_points_gives_the_clean_spectrum() {
    let mut stream = Stream::new(3, Purpose::Synthetic, 0, 0);
    let values = Array2::from_shape_fn((5000, 10), |(_, j)| match j {
        0 => 3.0 * stream.normal() + stream.normal(),
        1 => 2.0 * stream.normal() + stream.normal(),
        _ => stream.normal(),
    });
    let points = PointSet::vectors(values).unwrap();
    let clean = Gaussian::fit(&points, CovarianceKind::LowRank(2)).unwrap().deconvolved(1.0).unwrap();
    let found = clean.covariance().values();
    assert!((found[0] - 9.0).abs() < 0.8 && (found[1] - 4.0).abs() < 0.4, "{found:?}");
    assert!(clean.covariance().isotropic_variance() < 0.02);
}
