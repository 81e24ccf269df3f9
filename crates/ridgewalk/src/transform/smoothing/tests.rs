use ndarray::{Array2, array};

use super::*;
use crate::closed_form::{Covariance, Empirical, Gaussian};
use crate::points::PointSet;

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

/// A function of (x, σ, sample): the batch and its order do not matter, the sample index does.
#[test]
fn draws_are_keyed_by_sample() {
    let model = plane();
    let smoothed = Smoothed::new(&model, Kernel::isotropic(0.3).draws(6)).unwrap();
    let x = array![[0.2, 0.1], [0.2, 0.1], [0.6, -0.5]];
    let all = smoothed.denoise_at(x.view(), 0.3, &Visit { samples: &[5, 8, 5], step: None }).unwrap();
    assert_ne!(all.row(0), all.row(1));
    for (row, sample) in [(0, 5), (1, 8), (2, 5)] {
        let one = x.select(Axis(0), &[row]);
        let alone = smoothed.denoise_at(one.view(), 0.3, &Visit { samples: &[sample], step: None }).unwrap();
        assert_eq!(alone.row(0), all.row(row));
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

/// Kernels compose: scales 0.18 and 0.24 are one of 0.3, for one seed too. With one pair of draws each,
/// equal draws would leave half of the weight at x itself. D varies by 0.3 or less under the kernel, so
/// the mean over 20,000 samples of two draws or more has an error below 0.3/√20,000 = 0.0021; four of them.
#[test]
fn nested_kernels_are_independent() {
    let n = 20_000;
    let samples: Vec<u64> = (0..n).collect();
    let x = Array2::from_shape_fn((n as usize, 2), |(_, k)| if k == 0 { 0.6 } else { -0.5 });
    let mean = |model: &dyn Denoiser| {
        let visit = Visit { samples: &samples, step: None };
        model.denoise_at(x.view(), 0.3, &visit).unwrap().mean_axis(Axis(0)).unwrap()
    };
    let kernel = |scale| Kernel::isotropic(scale).draws(2).seed(3);
    let single = mean(&Smoothed::new(plane(), kernel(0.3)).unwrap());
    for (outer, inner) in [(0.18, 0.24), (0.3 / f64::sqrt(2.0), 0.3 / f64::sqrt(2.0))] {
        let within = Smoothed::new(plane(), kernel(inner)).unwrap();
        let nested = mean(&Smoothed::new(within, kernel(outer)).unwrap());
        assert!((&nested - &single).iter().all(|e| e.abs() < 0.0085), "{nested} {single}");
    }
}

#[test]
fn kernels_without_meaning_are_refused() {
    for kernel in [Kernel::isotropic(-1.0), Kernel::isotropic(f64::NAN), Kernel::isotropic(1.0).draws(0)] {
        assert!(Smoothed::new(plane(), kernel).is_err());
    }
}
