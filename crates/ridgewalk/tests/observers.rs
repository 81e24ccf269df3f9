//! What paths look like: curves with known constants, and the flow of Gaussian data (arXiv 2303.02490).

use ndarray::{Array1, Array2, array};
use ridgewalk::closed_form::{Covariance, Gaussian};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::{Trajectories, bending, curvature, torsion};
use ridgewalk::{Heun, LogLinear, Sampler};

fn normals(rows: usize, cols: usize, scale: f64) -> Array2<f64> {
    let mut stream = Stream::new(3, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || scale * stream.normal())
}

fn largest(values: &Array1<f64>, known: f64) -> f64 {
    values.iter().fold(0.0, |m, v| m.max((v - known).abs()))
}

#[test]
fn a_straight_path_does_not_bend() {
    let (from, along) = (normals(1, 5, 1.0), normals(2, 5, 1.0));
    let points =
        Array2::from_shape_fn((30, 5), |(i, k)| from[(0, k)] + along[(1, k)] * ((i * i) as f64 + 0.1));
    assert!(largest(&curvature(points.view()).unwrap(), 0.0) < 1e-8);
    assert_eq!(largest(&torsion(points.view()).unwrap(), 0.0), 0.0);
    let whole = bending(points.view()).unwrap();
    let length = along.row(1).dot(&along.row(1)).sqrt() * 841.0;
    assert!((whole.length / length - 1.0).abs() < 1e-12 && whole.turning < 1e-6 && whole.twisting == 0.0);
    // Points that coincide, and too few of them, are no curve.
    let still = Array2::ones((4, 3));
    assert_eq!(curvature(still.view()).unwrap(), array![0.0, 0.0]);
    assert_eq!(torsion(still.view()).unwrap(), array![0.0]);
    assert!(curvature(array![[1.0]].view()).unwrap().is_empty());
    assert!(curvature(array![[f64::NAN], [1.0]].view()).is_err());
}

/// (r cos s, r sin s, c s) has κ = r/(r² + c²) and τ = c/(r² + c²): here in a plane of six dimensions that no
/// axis is along, and in uneven steps. The errors fall with the square of the steps.
#[test]
fn a_helix_has_its_constants() {
    let (r, c) = (1.5, 0.7);
    let frame = Gaussian::new(
        Array1::zeros(6),
        Covariance::from_dense(normals(6, 6, 1.0).t().dot(&normals(6, 6, 1.0)).view()).unwrap(),
    );
    let frame = frame.unwrap().covariance().vectors().to_owned();
    let helix = |steps: usize| {
        let at = |i: usize| {
            let u = i as f64 / steps as f64;
            let s = 4.0 * (u + 0.3 * u * u);
            array![r * s.cos(), r * s.sin(), c * s]
        };
        let mut points = Array2::zeros((steps + 1, 6));
        for (i, mut row) in points.outer_iter_mut().enumerate() {
            let local = at(i);
            (0..3).for_each(|k| row.scaled_add(local[k], &frame.row(k)));
        }
        points
    };
    let errors = |steps: usize| {
        let points = helix(steps);
        let kappa = largest(&curvature(points.view()).unwrap(), r / (r * r + c * c));
        (
            kappa,
            largest(&torsion(points.view()).unwrap(), c / (r * r + c * c)),
            bending(points.view()).unwrap(),
        )
    };
    let (coarse, fine) = (errors(50), errors(100));
    assert!(fine.0 < 1e-3 && fine.1 < 2e-3, "{fine:?}");
    assert!(coarse.0 / fine.0 > 3.5 && coarse.1 / fine.1 > 1.8, "{coarse:?} {fine:?}");
    let length = 5.2 * (r * r + c * c).sqrt();
    assert!((fine.2.length / length - 1.0).abs() < 1e-3);
    // The inner points leave out about one step of the angle at either end.
    assert!((fine.2.turning / (length * r / (r * r + c * c)) - 1.0).abs() < 0.03, "{:?}", fine.2);
    assert!((fine.2.twisting / (length * c / (r * r + c * c)) - 1.0).abs() < 0.05, "{:?}", fine.2);
}

/// Ten dimensions with these variances, two or three each, mean 0.
fn model(variances: &[f64]) -> Gaussian {
    let all = (0..10).map(|k| variances[k % variances.len()]).collect();
    Gaussian::new(Array1::zeros(10), Covariance::diagonal(all).unwrap()).unwrap()
}

fn walk(model: &Gaussian, levels: usize) -> Trajectories {
    let starts = normals(5, 10, 30.0);
    let mut paths = Trajectories::starting_at(30.0, starts.clone());
    let sampler = Sampler::new(Heun::new(), LogLinear::new(1e-3..30.0, levels));
    sampler.run_from(model, starts.view(), &mut paths).unwrap();
    paths
}

/// Coordinates of one variance keep their proportions: two variances make a path in the plane of its two
/// ends, one makes a straight one, and of four some is outside of the plane.
#[test]
fn paths_of_gaussian_data_are_as_flat_as_their_variances() {
    let flat = |variances: &[f64]| walk(&model(variances), 60).flatness().unwrap();
    let (one, two, four) = (flat(&[1.0]), flat(&[4.0, 0.1]), flat(&[9.0, 1.0, 0.1, 0.01]));
    for flatness in [&one, &two] {
        assert!(largest(&flatness.plane, 1.0) < 1e-12 && largest(&flatness.three_components, 1.0) < 1e-12);
    }
    assert!(four.plane.iter().all(|p| *p > 0.99 && *p < 1.0 - 1e-6), "{four:?}");
    assert!(four.three_components.iter().all(|p| *p > 0.999), "{four:?}");
    // The recorded states against the closed form of the flow, and with it every number: by 400 levels.
    let (model, starts) = (model(&[9.0, 1.0, 0.1, 0.01]), normals(5, 10, 30.0));
    let paths = walk(&model, 400).variance_preserving(1.5).unwrap();
    let mut exact = Vec::new();
    for (sigma, _) in paths.states() {
        let state = if sigma < 30.0 {
            model.flow_levels(starts.view(), 30.0, sigma).unwrap()
        } else {
            starts.clone()
        };
        exact.push(state * (1.5 / 1.5f64.hypot(sigma)));
    }
    for sample in 0..5 {
        let path = paths.path(sample).unwrap();
        let known = Array2::from_shape_fn(path.dim(), |(i, k)| exact[i][(sample, k)]);
        assert!((&path - &known).iter().all(|e| e.abs() < 2e-3));
        let (found, known) = (bending(path.view()).unwrap(), bending(known.view()).unwrap());
        assert!((found.length / known.length - 1.0).abs() < 1e-3, "{found:?} {known:?}");
    }
    assert_eq!(paths.bending().unwrap().len(), 5);
}

/// D's coordinate along a mode is half of its final value at σ = √3·√λ, in every sample; and D's path of one
/// variance is straight.
#[test]
fn modes_are_decided_in_the_order_of_their_variance() {
    let model = model(&[9.0, 1.0, 0.1]);
    let denoised = walk(&model, 200).denoised(&model).unwrap();
    let basis = Array2::<f64>::eye(10);
    let found = denoised.commitment(model.mean(), basis.view(), &[9.0, 1.0, 0.1]).unwrap_err();
    assert!(found.to_string().contains("10 dimensions"));
    let part = |n: usize| basis.select(ndarray::Axis(0), &(0..n).collect::<Vec<_>>());
    let modes = denoised.commitment(model.mean(), part(3).view(), &[9.0, 1.0, 0.1]).unwrap();
    for (mode, variance) in modes.iter().zip([9.0f64, 1.0, 0.1]) {
        assert!((mode.expected - (3.0 * variance).sqrt()).abs() < 1e-14);
        assert!(mode.levels.iter().all(|level| (level / mode.expected - 1.0).abs() < 5e-3), "{mode:?}");
        assert!((mode.median / mode.expected - 1.0).abs() < 5e-3);
    }
    let straight = walk(&self::model(&[2.0]), 50);
    let straight = straight.denoised(&self::model(&[2.0])).unwrap();
    assert!(straight.bending().unwrap().iter().all(|b| b.turning < 1e-5));
}

#[test]
fn nothing_recorded_is_told() {
    let none = Trajectories::new();
    assert!(none.flatness().is_err() && none.bending().is_err() && none.path(0).is_err());
    assert!(none.variance_preserving(0.0).is_err());
    assert!(walk(&model(&[1.0]), 5).path(5).is_err());
}
