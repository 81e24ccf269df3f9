//! Smoothed scores and denoised points of small data sets.

use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis, array};
use ridgewalk::closed_form::{Covariance, Empirical};
use ridgewalk::transform::smoothing::span;
use ridgewalk::transform::{Dimension, Estimator, Kernel, LocalPca, Smoothed};
use ridgewalk::{Denoiser, Displacements, PointSet, Visit};

use crate::{empirical, rule, sobol, trapezoid};

/// D_k of a kernel of `scale`, made of two of scales 0.851 and 0.526 of it, their ratio golden: Gauss–Hermite
/// nodes of the one then fall between those of the other, so that m·m nodes a coordinate do what a single rule
/// of that size would. `kernel` gives either part from its scale.
fn in_two_parts(
    model: &Empirical,
    scale: f64,
    x: &Array2<f64>,
    t: f64,
    kernel: impl Fn(f64) -> Kernel,
) -> Array2<f64> {
    let golden = 0.5 * (1.0 + 5f64.sqrt());
    let small = scale / (1.0 + golden * golden).sqrt();
    let inner = Smoothed::new(model, kernel(small)).unwrap();
    Smoothed::new(inner, kernel(golden * small)).unwrap().denoise(x.view(), t.sqrt()).unwrap()
}

/// Scores to all six decimals of the published table, by a trapezoidal rule and by Gauss–Hermite; at t = 0.01,
/// where the weights are nearly steps, the latter has 3. Sobol points have an error of 1e-4 in D at the most, so
/// that a score of theirs has 3, 2 and 2 decimals.
#[test]
fn scores_of_four_points() {
    let model = empirical(array![[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [0.3, -0.8]]);
    let x = array![[0.2, 0.1], [0.6, -0.5]];
    let close = |found: Array2<f64>, expected: [f64; 4], tolerance: f64, what: &str| {
        for (value, expected) in found.iter().zip(expected) {
            assert!((value - expected).abs() < tolerance, "{what}: {found} {expected:?}");
        }
    };
    for (t, step, count, expected, plain) in [
        (0.5, 0.04, 32, [0.102698, 0.037132, -0.138538, 0.337298], [0.168265, 0.021157, -0.093378, 0.274827]),
        (
            0.05,
            0.04,
            48,
            [3.547595, -0.012105, -0.962853, -0.088679],
            [12.003873, -2.16348, -4.724279, -4.542033],
        ),
        (
            0.01,
            0.02,
            64,
            [18.078108, 0.034186, -5.116234, -0.884405],
            [79.981222, -10.011735, -29.999291, -29.99919],
        ),
    ] {
        let sigma = f64::sqrt(t);
        let score = |kernel| Smoothed::new(&model, kernel).unwrap().score(x.view(), sigma).unwrap();
        close(score(Kernel::isotropic(0.0)), plain, 1e-6, "no smoothing");
        let (nodes, weights) = trapezoid(step, 8.0);
        let nodes = nodes * 0.3;
        let alike = Displacements { nodes: nodes.view(), frames: None, weights: &weights, groups: 1 };
        let mean = model.denoise_displaced(x.view(), sigma, &alike, &Visit::default()).unwrap();
        close((mean.index_axis(Axis(0), 0).to_owned() - &x) / t, expected, 1e-6, "trapezoid");
        close(score(sobol(0.3, 1 << 16)), expected, 1e-4 / t, "Sobol points");
        let parts = in_two_parts(&model, 0.3, &x, t, |scale| rule(scale, count, 2));
        close((parts - &x) / t, expected, if t < 0.05 { 5e-4 } else { 1e-6 }, "Gauss-Hermite");
    }
}

/// D_k of ±1 at 0.3, to six decimals by Gauss–Hermite; for t → 0 it is 2Φ(x/scale) − 1, a mean of a step, which
/// quasi-random points give to five.
#[test]
fn two_points() {
    let model = empirical(array![[-1.0], [1.0]]);
    let x = array![[0.3]];
    let denoised =
        |kernel, t: f64| Smoothed::new(&model, kernel).unwrap().denoise(x.view(), t.sqrt()).unwrap();
    assert!((denoised(rule(0.4, 128, 1), 0.5)[(0, 0)] - 0.392513).abs() < 1e-6);
    let parts = in_two_parts(&model, 0.4, &x, 0.05, |scale| rule(scale, 128, 1));
    assert!((parts[(0, 0)] - 0.543874).abs() < 1e-6, "{parts}");
    for (scale, expected) in [(0.4, 0.546745), (1.0, 0.235823)] {
        let value = denoised(sobol(scale, 1 << 19), 1e-4)[(0, 0)];
        assert!((value - expected).abs() < 5e-6, "{value} {expected}");
    }
}

/// Points on a line: the isotropic kernel, the one along the line, and the plane of the data by local
/// principal components are the same kernel, and offsets across it change nothing (proposition 3.1).
#[test]
fn affine_data() {
    let (cos, sin) = (0.5f64.cos(), 0.5f64.sin());
    let along = [-1.0f64, -0.425, 0.15, 0.725, 1.3].map(|c| c * c * c);
    let points =
        Array2::from_shape_fn(
            (5, 2),
            |(i, k)| if k == 0 { 0.2 + along[i] * cos } else { along[i] * sin - 0.1 },
        );
    let set = PointSet::vectors(points).unwrap();
    let model = Empirical::new(&set).unwrap();
    let (x, sigma) = (array![[0.2, 0.1]], 0.02f64.sqrt());
    let score = |kernel| Smoothed::new(&model, kernel).unwrap().score(x.view(), sigma).unwrap();
    let covariance =
        |a: [f64; 2], v: f64| Covariance::from_parts(array![[a[0], a[1]]], vec![v], 0.0).unwrap();
    let many = |kernel: Kernel| kernel.estimator(Estimator::QuasiMonteCarlo).draws(1 << 16);
    let tangents = LocalPca::new(&set, 5, Dimension::Chosen(1)).unwrap();
    // A point at 3.9 scales, which three of the 65,536 nodes reach, leaves 3e-3 of the score to chance.
    for kernel in [
        many(Kernel::isotropic(0.3)),
        many(Kernel::isotropic(0.3).within(span(&set).unwrap())),
        many(Kernel::anisotropic(covariance([cos, sin], 0.09))),
        many(Kernel::manifold(0.3, tangents)),
    ] {
        let found = score(kernel.clone());
        let difference = &found - &array![[4.183636, -7.714469]];
        assert!(difference.iter().all(|e| e.abs() < 1e-2), "{kernel:?}: {found}");
    }
    for kernel in [
        &(|s| rule(s, 128, 1).within(span(&set).unwrap())) as &dyn Fn(f64) -> Kernel,
        &|s| Kernel::anisotropic(covariance([cos, sin], s * s)).estimator(Estimator::GaussHermite).draws(128),
        &|s| {
            Kernel::manifold(s, LocalPca::new(&set, 5, Dimension::Chosen(1)).unwrap())
                .estimator(Estimator::GaussHermite)
                .draws(128)
        },
    ] {
        let found = (in_two_parts(&model, 0.3, &x, 0.02, kernel) - &x) / 0.02;
        let difference = &found - &array![[4.183636, -7.714469]];
        assert!(difference.iter().all(|e| e.abs() < 1e-6), "{found}");
    }
    // The same nodes, projected onto the line.
    let onto_line = move |x: ArrayView2<f64>, scale: f64, nodes: ArrayView2<f64>| {
        let along = array![[cos * cos, cos * sin], [cos * sin, sin * sin]];
        let moves = nodes.dot(&along) * scale;
        Ok(moves
            .insert_axis(Axis(0))
            .broadcast((x.nrows(), nodes.nrows(), 2))
            .map_or_else(|| unreachable!("one row is any number of rows"), |moves| moves.to_owned()))
    };
    let difference = score(Kernel::isotropic(0.3)) - score(Kernel::custom(0.3, Arc::new(onto_line)));
    assert!(difference.iter().all(|e| e.abs() < 1e-11), "{difference}");
    let across = score(Kernel::anisotropic(covariance([-sin, cos], 0.09)));
    assert!((across - model.score(x.view(), sigma).unwrap()).iter().all(|e| e.abs() < 1e-11));
}

/// Three corners in space: drawn in their plane to all six decimals, or in all of space, where a rule of 24 nodes
/// a coordinate has an error of 4e-4.
#[test]
fn rank_reduction_is_exact() {
    let set = PointSet::vectors(Array2::eye(3)).unwrap();
    let model = Empirical::new(&set).unwrap();
    let (x, sigma) = (array![[0.3, 0.1, -0.2]], 0.1f64.sqrt());
    for (kernel, tolerance) in
        [(rule(0.4, 128, 2).within(span(&set).unwrap()), 1e-6), (rule(0.4, 24, 3), 1e-3)]
    {
        let found = Smoothed::new(&model, kernel).unwrap().denoise(x.view(), sigma).unwrap();
        let difference = &found - &array![[0.562755, 0.319828, 0.117417]];
        assert!(difference.iter().all(|e| e.abs() < tolerance), "{found}");
    }
}
