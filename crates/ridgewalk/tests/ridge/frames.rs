//! Frames against tables, dense matrices, and each other.

use ndarray::{Array2, Axis, array};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Density, Differentiable, FiniteDifference, Frames, PointSet};

use crate::{close, empirical, length, level, one, two, wave};

/// Residual and Newton distance at points of the plane, in the process's coordinates.
#[test]
fn residuals_and_newton_distances_of_the_wave() {
    let model = empirical(wave());
    let expected = [
        (0.01, (0.1, 0.3), (-0.216904, -1.0), 5.81947, 0.115233),
        (0.01, (-1.4, -1.5), (-0.989807, -0.999952), 16.3173, 0.32312),
        (0.1, (0.1, 0.3), (0.0846967, -0.99753), 0.655584, 0.119132),
        (0.1, (-1.4, -1.5), (-0.448475, -0.953091), 2.67747, 0.50923),
        (0.1, (2.0, 0.0), (0.188819, -0.972233), 2.94871, 0.549776),
        (0.5, (0.1, 0.3), (0.0730551, -0.908597), 0.298051, 0.207357),
        (0.5, (2.0, 0.0), (-0.596939, -0.924495), 0.0829222, 0.0566978),
    ];
    for (t, (x, y), (first, second), residual, newton) in expected {
        let (a, sigma) = level(t);
        let frames = Frames::at(&model, array![[x / a, y / a]].view(), sigma, 1).unwrap();
        close(frames.gains()[(0, 0)] - 1.0, first, 1e-5);
        close(frames.gains()[(0, 1)] - 1.0, second, 1e-5);
        let rho = length(frames.mean_shift().row(0)) / (sigma * sigma * a);
        close(rho / residual, 1.0, 1e-5);
        close(a * length(frames.newton().row(0)) / newton, 1.0, 1e-5);
    }
}

/// The direction between two points is found where the Hessian has lost it, and where all weights but one
/// underflow. Rotated, so that no coordinate axis is right by luck.
#[test]
fn the_axis_of_two_points_at_any_noise() {
    let turn = array![[0.8, 0.6], [-0.6, 0.8]];
    let model = empirical(two().dot(&turn));
    for (t, x, gain) in [
        (0.5, 0.0, 4.23779),
        (0.5, 1.0, -0.934206),
        (0.1, 0.0, 39.6499),
        (0.1, 1.0, -1.0),
        (0.1, 2.0, -1.0),
        (0.01, 2.5, -1.0),
        (1e-5, 2.5, -1.0),
        (1e-9, 1.0, -1.0),
    ] {
        let (a, sigma) = level(t);
        let frames = Frames::at(&model, (array![[x, 0.2]] / a).dot(&turn).view(), sigma, 1).unwrap();
        let along = frames.tangent(0).row(0).dot(&turn.row(0));
        close(along.abs(), 1.0, 1e-14);
        close(frames.gains()[(0, 0)] - 1.0, gain, 1e-4);
        assert!(frames.gaps()[0] > 0.999);
    }
}

/// In 80 dimensions, where J is not decomposed: against the whole Jacobian.
#[test]
fn leading_eigenvectors_are_those_of_the_jacobian() {
    let d = 80;
    let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
    let scale = |k: usize| 3.0 / (1.0 + k as f64);
    let points = Array2::from_shape_fn((400, d), |(_, k)| scale(k) * stream.normal());
    let few = empirical(points.slice_axis(Axis(0), ndarray::Slice::from(..40)).to_owned());
    let many = empirical(points.clone());
    let parts = (0..3)
        .map(|i| {
            let part = points.slice_axis(Axis(0), ndarray::Slice::from(100 * i..100 * (i + 1)));
            Gaussian::fit(
                &PointSet::vectors(part.to_owned()).unwrap(),
                ridgewalk::closed_form::CovarianceKind::Full,
            )
        })
        .collect::<Result<Vec<_>, _>>()
        .unwrap();
    let mixture = Mixture::new(vec![0.2, 0.3, 0.5], parts).unwrap();
    let x = Array2::from_shape_fn((4, d), |(_, k)| scale(k) * stream.normal());
    // The Jacobian of many points comes of an f32 product, the frames do not.
    let models: [(&dyn Density, f64); 3] = [(&few, 1e-8), (&many, 1e-6), (&mixture, 1e-8)];
    for (model, tolerance) in models {
        for sigma in [0.7, 2.0] {
            for dimension in [0, 1, 5] {
                let frames = model.frames(x.view(), sigma, dimension).unwrap();
                agree(model, &frames, x.view(), sigma, dimension, tolerance);
            }
        }
    }
    // Differences of D, of which J is not symmetric to the last digits.
    let rough = FiniteDifference::new(&mixture);
    let frames = rough.frames(x.view(), 0.7, 2).unwrap();
    agree(&mixture, &frames, x.view(), 0.7, 2, 1e-4);
}

fn agree(
    model: &dyn Density,
    frames: &Frames,
    x: ndarray::ArrayView2<f64>,
    sigma: f64,
    dimension: usize,
    tolerance: f64,
) {
    let jacobian = model.jacobian(x, sigma).unwrap();
    let denoised = model.denoise(x, sigma).unwrap();
    for row in 0..x.nrows() {
        let d = x.ncols();
        let dense = jacobian.index_axis(Axis(0), row);
        let tangent = frames.tangent(row);
        let gram = tangent.dot(&tangent.t());
        for (i, t) in tangent.outer_iter().enumerate() {
            let image = dense.dot(&t);
            let gain = frames.gains()[(row, i)];
            // ‖J t − g t‖ bounds the angle to the eigenvector by its ratio to the gap.
            close(length((&image - &(&t * gain)).view()), 0.0, tolerance);
            close(gram[(i, i)], 1.0, 1e-12);
        }
        // What is left has no larger gain: a power iteration within the normal space.
        let mut v = ndarray::Array1::from_shape_fn(d, |k| ((k * 7 + 1) % 13) as f64 - 6.0);
        let mut gain = 0.0;
        for _ in 0..3000 {
            let normal = frames.normal(one_of(&v, frames.len(), row).view()).unwrap().row(row).to_owned();
            let image = dense.dot(&normal);
            gain = normal.dot(&image) / normal.dot(&normal);
            v = &image / length(image.view());
        }
        close(frames.gains()[(row, dimension)], gain, 1e-4 + tolerance);
        // N(I − J)z = N(D − x).
        let shift = one_of(&(&denoised.row(row) - &x.row(row)), frames.len(), row);
        let right = frames.normal(shift.view()).unwrap().row(row).to_owned();
        close(length((&frames.mean_shift().row(row) - &right).view()), 0.0, 1e-5);
        if frames.concavity()[row] > 0.0 {
            let z = frames.newton().row(row).to_owned();
            let left = &z - &dense.dot(&z);
            let left = frames.normal(one_of(&left, frames.len(), row).view()).unwrap().row(row).to_owned();
            close(length((&left - &right).view()) / length(right.view()), 0.0, 1e-5);
        }
    }
}

/// A batch with v in one row.
fn one_of(v: &ndarray::Array1<f64>, batch: usize, row: usize) -> Array2<f64> {
    let mut out = Array2::zeros((batch, v.len()));
    out.row_mut(row).assign(v);
    out
}

/// Equal eigenvalues are all found: a flat disc of 3 dimensions in R¹⁰⁰.
#[test]
fn equal_gains_are_found_as_often_as_they_occur() {
    let d = 100;
    let mut values = vec![4.0; 3];
    values.push(1.0);
    let mut vectors = Array2::zeros((4, d));
    for k in 0..4 {
        vectors[(k, 20 * k + 3)] = 0.6;
        vectors[(k, 20 * k + 9)] = 0.8;
    }
    let model =
        Gaussian::new(ndarray::Array1::zeros(d), Covariance::from_parts(vectors, values, 0.01).unwrap())
            .unwrap();
    let frames = Frames::at(&model, one(ndarray::Array1::ones(d)).view(), 1.0, 3).unwrap();
    for (i, gain) in [0.8, 0.8, 0.8, 0.5].into_iter().enumerate() {
        close(frames.gains()[(0, i)], gain, 1e-10);
    }
    close(frames.gaps()[0], 0.3 / 0.8, 1e-9);
}

/// Frames of a batch are those of its rows, and N and T are complementary projectors.
#[test]
fn a_row_does_not_depend_on_its_batch() {
    let mut stream = Stream::new(9, Purpose::Synthetic, 0, 0);
    let points = Array2::from_shape_simple_fn((150, 70), || stream.normal());
    let x = Array2::from_shape_simple_fn((9, 70), || stream.normal());
    let empirical = empirical(points.clone());
    let gaussian =
        Gaussian::fit(&PointSet::vectors(points).unwrap(), ridgewalk::closed_form::CovarianceKind::Full)
            .unwrap();
    let models: [&dyn Differentiable; 2] = [&empirical, &gaussian];
    for model in models {
        let all = model.frames(x.view(), 1.5, 2).unwrap();
        for row in 0..9 {
            let alone = model.frames(one(x.row(row).to_owned()).view(), 1.5, 2).unwrap();
            assert_eq!(alone.newton().row(0), all.newton().row(row));
            assert_eq!(alone.tangent(0), all.tangent(row));
        }
        let parts = all.normal(x.view()).unwrap() + all.tangential(x.view()).unwrap();
        assert!(parts.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-12));
        let basis = all.normal_basis(4);
        assert_eq!(basis.dim(), (68, 70));
        assert!(basis.dot(&all.tangent(4).t()).iter().all(|v| v.abs() < 1e-12));
        let gram = basis.dot(&basis.t()) - Array2::<f64>::eye(68);
        assert!(gram.iter().all(|v| v.abs() < 1e-12));
        assert!(all.normal(Array2::zeros((2, 70)).view()).is_err());
    }
    assert!(empirical.frames(x.view(), 1.5, 70).is_err());
}

/// The frame of the nearest points, however small the noise, also in many dimensions and among close points.
#[test]
fn directions_to_the_next_nearest_as_the_noise_vanishes() {
    let d = 90;
    let mut stream = Stream::new(6, Purpose::Synthetic, 0, 0);
    let points = Array2::from_shape_simple_fn((500, d), || stream.normal());
    let model = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
    let x = one(&points.row(17) + &(0.01 * &points.row(3)));
    let mut far: Vec<(f64, usize)> =
        (0..500).map(|i| (length((&points.row(i) - &x.row(0)).view()), i)).collect();
    far.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert_eq!(far[0].1, 17);
    let between = &points.row(far[1].1) - &points.row(17);
    for sigma in [0.05, 1e-3, 1e-6, 1e-100] {
        let frames = Frames::at(&model, x.view(), sigma, 1).unwrap();
        let along = frames.tangent(0).row(0).dot(&between) / length(between.view());
        close(along.abs(), 1.0, 1e-9);
        assert!(frames.gaps()[0] > 0.9);
        close(length((&frames.denoised().row(0) - &points.row(17)).view()), 0.0, 1e-12);
    }
    assert!(model.density().is_some());
}
