use ndarray::{Array1, Array2, Axis, array};

use super::*;
use crate::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use crate::points::PointSet;
use crate::random::{Purpose, Stream};

/// Gaussian points of these standard deviations along coordinates.
fn gaussian_points(n: usize, deviations: &[f64], seed: u64) -> PointSet {
    let mut values = Array2::zeros((n, deviations.len()));
    for (i, mut row) in values.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Synthetic, i as u64, 0);
        row.iter_mut().zip(deviations).for_each(|(v, s)| *v = s * stream.normal());
    }
    PointSet::vectors(values).unwrap()
}

/// Points on the unit circle in the first two of d coordinates, noise in all.
fn circle(n: usize, d: usize, noise: f64, seed: u64) -> PointSet {
    let mut values = Array2::zeros((n, d));
    for (i, mut row) in values.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Synthetic, i as u64, 0);
        let angle = stream.uniform() * std::f64::consts::TAU;
        row[0] = angle.cos();
        row[1] = angle.sin();
        row.iter_mut().for_each(|v| *v += noise * stream.normal());
    }
    PointSet::vectors(values).unwrap()
}

/// Eight wide directions and 392 of noise, seen by only 200 points: eigenvalues of the sample would spread from 0 to
/// (1 + √(392/200))² = 5.8 times the noise variance; cross-validated they are flat. What the components of a hundred
/// points miss of the wide directions, 8·(392/100)·0.25 of variance, adds 8 % to that of the noise.
#[test]
fn noise_is_flat_however_few_the_points() {
    let mut deviations = vec![5.0; 8];
    deviations.extend([0.5; 392]);
    let points = gaussian_points(200, &deviations, 3);
    let spectrum = VarianceSpectrum::principal(&points, 0).unwrap();
    assert!((spectrum.directions() - 400.0).abs() < 1e-9);
    assert!((spectrum.total() / points.values().var_axis(Axis(0), 1.0).sum() - 1.0).abs() < 0.05);
    let floor = NoiseFloor::of_points(&points, 0).unwrap();
    assert!((floor.noise / 0.5 - 1.0).abs() < 0.08, "{}", floor.noise);
    assert!(floor.directions > 300.0 && floor.gap > 4.0, "{} {}", floor.directions, floor.gap);
}

#[test]
fn the_noise_of_a_circle_in_many_dimensions_and_in_few() {
    for (d, noise) in [(64, 0.05), (64, 0.2), (3, 0.05), (2, 0.05), (2, 0.1)] {
        let floor = NoiseFloor::of_points(&circle(2000, d, noise, 1), 0).unwrap();
        // Within neighbourhoods a part of the curvature is counted as noise.
        let tolerance = if d == 64 { 0.02 } else { 0.15 };
        assert!((floor.noise / noise - 1.0).abs() < tolerance, "{d} {noise}: {floor:?}");
        assert_eq!(floor.neighbours.is_some(), d < 8, "{d}");
        assert!(floor.gap > 4.0);
    }
}

/// Constant coordinates, as outside of a mask, are neither noise nor a part of its floor; one stray point among equal
/// ones leaves a half without spread.
#[test]
fn what_does_not_vary_is_no_floor() {
    let mut deviations = vec![3.0; 4];
    deviations.extend([0.5; 30]);
    deviations.extend([0.0; 40]);
    let points = gaussian_points(800, &deviations, 5);
    let floor = NoiseFloor::of_points(&points, 0).unwrap();
    assert!((floor.noise / 0.5 - 1.0).abs() < 0.05, "{floor:?}");
    assert_eq!((floor.directions, floor.constant), (30.0, 40.0));
    let samples = gaussian_points(400, &deviations.iter().map(|s| 0.3 * s).collect::<Vec<_>>(), 6);
    let spectrum = VarianceSpectrum::along_components_of(&points, &samples, 0).unwrap();
    assert!((spectrum.mean_within(&floor).sqrt() / 0.15 - 1.0).abs() < 0.05);
    let mut stray = Array2::ones((40, 3));
    stray[[0, 0]] = 2.0;
    assert!(NoiseFloor::find(&PointSet::vectors(stray).unwrap(), 0).unwrap().is_err());
}

/// Clean data of falling variances, pure noise, and data without variation have no noise to be read.
#[test]
fn without_a_floor_the_noise_is_refused_in_words() {
    let falling: Vec<f64> = (0..40).map(|k| 0.95f64.powi(k)).collect();
    for (points, words) in [
        (gaussian_points(500, &falling, 1), "flat end"),
        (gaussian_points(500, &[1.0; 40], 1), "stands out"),
        (circle(500, 64, 1e-4, 1), "next to no noise"),
    ] {
        let error = NoiseFloor::of_points(&points, 0).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    }
    // Small neighbourhoods of clean curves and surfaces are flat; large ones see the curvature.
    for (n, d) in [(1000, 2), (2000, 2), (1000, 3)] {
        assert!(NoiseFloor::of_points(&circle(n, d, 0.0, 1), 0).is_err(), "{n} {d}");
    }
    // Repeated points leave neighbourhoods without any spread.
    let grid = Array2::from_shape_fn(
        (3000, 2),
        |(i, k)| if k == 0 { (i % 10) as f64 } else { (i / 10 % 10) as f64 },
    );
    assert!(NoiseFloor::of_points(&PointSet::vectors(grid).unwrap(), 0).is_err());
    let equal = PointSet::vectors(Array2::ones((50, 3))).unwrap();
    assert!(NoiseFloor::of_points(&equal, 0).is_err());
    assert!(NoiseFloor::of_points(&gaussian_points(5, &[1.0, 2.0], 0), 0).is_err());
}

/// A Gaussian's spectrum is known: residuals alone find the directions of each variance. Lines within a factor of
/// four may run together, those a hundred times apart may not.
#[test]
fn residuals_tell_the_variances_that_a_model_sees() {
    let mut variances = vec![100.0; 3];
    variances.extend([1.0; 10]);
    variances.extend([0.01; 27]);
    let dense = Array2::from_diag(&Array1::from(variances.clone()));
    let model = Gaussian::new(Array1::zeros(40), Covariance::from_dense(dense.view()).unwrap()).unwrap();
    let deviations: Vec<f64> = variances.iter().map(|v| v.sqrt()).collect();
    let points = gaussian_points(256, &deviations, 9);
    let spectrum = VarianceSpectrum::of_model(&model, points.values(), 0).unwrap();
    for (range, expected, tolerance) in
        [(10.0..1e4, 3.0, 0.4), (0.1..10.0, 10.0, 1.0), (1e-4..0.1, 27.0, 1.0)]
    {
        let found = spectrum.directions_within(range.clone());
        assert!((found - expected).abs() < tolerance, "{range:?}: {found} {spectrum:?}");
    }
    assert!((spectrum.directions() - 40.0).abs() < 0.5);
}

/// A model that gives its points back sees no variance at all about them; one of noise sees the noise.
#[test]
fn a_memorising_model_sees_points() {
    let points = circle(200, 16, 0.1, 4);
    let memorising = Empirical::new(&points).unwrap();
    let seen = VarianceSpectrum::of_model(&memorising, points.values(), 0).unwrap();
    assert!(seen.directions_within(0.0..1e-3) > 15.0, "{seen:?}");
    let components = (0..64)
        .map(|i| {
            let angle = f64::from(i) / 64.0 * std::f64::consts::TAU;
            let mut mean = Array1::zeros(16);
            (mean[0], mean[1]) = (angle.cos(), angle.sin());
            Gaussian::new(mean, Covariance::isotropic(16, 0.01).unwrap()).unwrap()
        })
        .collect();
    let model = Mixture::new(vec![1.0 / 64.0; 64], components).unwrap();
    let seen = VarianceSpectrum::of_model(&model, points.values(), 0).unwrap();
    assert!((seen.directions_within(3e-3..0.03) - 15.0).abs() < 1.0, "{seen:?}");
    assert!(VarianceSpectrum::of_model(&model, array![[f64::NAN; 16]].view(), 0).is_err());
    assert!(VarianceSpectrum::of_model(&model, Array2::zeros((1, 16)).view(), 0).is_err());
}
