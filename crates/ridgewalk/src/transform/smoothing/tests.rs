use ndarray::{Array2, array};

use super::*;
use crate::closed_form::{Covariance, Empirical, Gaussian};
use crate::points::PointSet;

const ALL: [Estimator; 5] = [
    Estimator::MonteCarlo,
    Estimator::Antithetic,
    Estimator::QuasiMonteCarlo,
    Estimator::ControlVariate,
    Estimator::GaussHermite,
];

fn plane() -> Empirical {
    let data = array![[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [0.3, -0.8]];
    Empirical::new(&PointSet::vectors(data).unwrap()).unwrap()
}

/// Reference values by trapezoidal quadrature (independent of this code). With 400,000 draws the
/// standard error of score·t is about 2e-4·σ for these points; five of them and the 1/t.
#[test]
fn smoothed_scores_of_four_points() {
    let model = plane();
    for (t, x, expected) in [
        (0.5, [0.2, 0.1], [0.102698, 0.037132]),
        (0.5, [0.6, -0.5], [-0.138538, 0.337298]),
        (0.05, [0.2, 0.1], [3.547595, -0.012105]),
        (0.05, [0.6, -0.5], [-0.962853, -0.088679]),
        (0.01, [0.2, 0.1], [18.078108, 0.034186]),
    ] {
        let smoothed = Smoothed::new(&model, Kernel::isotropic(0.3).draws(400_000)).unwrap();
        let x = Array2::from_shape_vec((1, 2), x.to_vec()).unwrap();
        let score = smoothed.score(x.view(), f64::sqrt(t)).unwrap();
        for k in 0..2 {
            let error = (score[(0, k)] - expected[k]) * t;
            assert!(error.abs() < 3e-3, "t {t}: {score} {expected:?}");
        }
    }
}

/// Smoothing a Gaussian's score changes nothing: antithetic pairs cancel the linear part exactly.
#[test]
fn a_gaussian_is_unchanged() {
    let model = Gaussian::new(array![1.0, -2.0, 0.5], Covariance::isotropic(3, 0.7).unwrap()).unwrap();
    let smoothed = Smoothed::new(&model, Kernel::isotropic(2.0).draws(8)).unwrap();
    let x = array![[3.0, 1.0, -4.0], [0.0, 0.0, 0.1]];
    let difference = smoothed.denoise(x.view(), 0.4).unwrap() - model.denoise(x.view(), 0.4).unwrap();
    assert!(difference.iter().all(|e| e.abs() < 1e-13));
}

#[test]
fn scale_zero_and_levels_above_the_limit_are_the_model_bit_for_bit() {
    let model = plane();
    let x = array![[0.2, 0.1]];
    let plain = model.denoise(x.view(), 0.5).unwrap();
    assert_eq!(Smoothed::new(&model, Kernel::isotropic(0.0)).unwrap().denoise(x.view(), 0.5).unwrap(), plain);
    let limited = Smoothed::new(&model, Kernel::isotropic(0.3).below(0.4)).unwrap();
    assert_eq!(limited.denoise(x.view(), 0.5).unwrap(), plain);
    assert_ne!(limited.denoise(x.view(), 0.4).unwrap(), model.denoise(x.view(), 0.4).unwrap());
}

#[test]
fn one_point_is_given_back() {
    let model = Empirical::new(&PointSet::vectors(array![[3.0, 4.0]]).unwrap()).unwrap();
    let smoothed = Smoothed::new(&model, Kernel::isotropic(5.0)).unwrap();
    let out = smoothed.denoise(array![[0.0, 9.0]].view(), 0.1).unwrap();
    assert!((out - array![[3.0, 4.0]]).iter().all(|e| e.abs() < 1e-12));
}

/// One function of (x, σ): neither the batch, nor its order, nor the samples that the rows are matter.
#[test]
fn draws_are_the_same_for_all_rows() {
    let model = plane();
    let x = array![[0.2, 0.1], [0.6, -0.5], [0.2, 0.1]];
    for estimator in ALL {
        let smoothed = Smoothed::new(&model, Kernel::isotropic(0.3).draws(36).estimator(estimator)).unwrap();
        let visit = Visit { samples: &[5, 8, 2], step: None };
        let all = smoothed.denoise_at(x.view(), 0.3, &visit).unwrap();
        assert_eq!(all.row(0), all.row(2));
        for row in 0..3 {
            let one = x.select(Axis(0), &[row]);
            assert_eq!(smoothed.denoise(one.view(), 0.3).unwrap().row(0), all.row(row), "{estimator:?}");
        }
    }
}

/// Derivatives of the smoothed denoiser are those of the function that it is.
#[test]
fn derivatives_agree_with_central_differences() {
    let model = plane();
    let smoothed = Smoothed::new(&model, Kernel::isotropic(0.3).draws(10)).unwrap();
    let numeric = crate::denoiser::FiniteDifference::new(&smoothed);
    let (x, v) = (array![[0.2, 0.1], [0.6, -0.5]], array![[1.0, 0.5], [-0.3, 2.0]]);
    let close = |a: Array2<f64>, b: Array2<f64>| assert!((a - b).iter().all(|e| e.abs() < 1e-6));
    close(smoothed.jvp(x.view(), 0.4, v.view()).unwrap(), numeric.jvp(x.view(), 0.4, v.view()).unwrap());
    let (mean, by_sigma) = smoothed.denoise_with_sigma_derivative(x.view(), 0.4).unwrap();
    close(by_sigma, numeric.denoise_with_sigma_derivative(x.view(), 0.4).unwrap().1);
    close(mean, smoothed.denoise(x.view(), 0.4).unwrap());
    let trace = numeric.divergence(x.view(), 0.4).unwrap();
    let exact = smoothed.divergence(x.view(), 0.4).unwrap();
    assert!((trace - exact).iter().all(|e| e.abs() < 1e-6));
}

/// Kernels compose: scales 0.18 and 0.24 are one of 0.3, for one seed too. If the draws within were those
/// without, scales h and h would be one of 2h and not of √2·h. Sixteen Sobol points each leave errors near
/// 0.01 in D, and over 40 seeds a quarter of a hundredth; three of them.
#[test]
fn nested_kernels_are_independent() {
    let x = array![[0.6, -0.5]];
    let kernel =
        |scale, seed| Kernel::isotropic(scale).estimator(Estimator::QuasiMonteCarlo).draws(64).seed(seed);
    let exact = Kernel::isotropic(0.3).estimator(Estimator::GaussHermite).draws(1600);
    let exact = Smoothed::new(plane(), exact).unwrap().denoise(x.view(), 0.3).unwrap();
    for (outer, inner) in [(0.18, 0.24), (0.3 / f64::sqrt(2.0), 0.3 / f64::sqrt(2.0))] {
        let mut mean = Array2::<f64>::zeros((1, 2));
        for seed in 0..40 {
            let within = Smoothed::new(plane(), kernel(inner, seed)).unwrap();
            let nested = Smoothed::new(within, kernel(outer, seed)).unwrap();
            mean += &(nested.denoise(x.view(), 0.3).unwrap() / 40.0);
        }
        assert!((&mean - &exact).iter().all(|e| e.abs() < 0.0075), "{mean} {exact}");
    }
}

#[test]
fn kernels_without_meaning_are_refused() {
    for kernel in [Kernel::isotropic(-1.0), Kernel::isotropic(f64::NAN), Kernel::isotropic(1.0).draws(0)] {
        assert!(Smoothed::new(plane(), kernel).is_err());
    }
}
