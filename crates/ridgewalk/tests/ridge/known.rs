//! Ridges that are known.

use ndarray::{Array2, Axis, array};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture, Sphere};
use ridgewalk::geometry::{Ended, Ridge, RidgeSpectrum, Steps};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, PointSet};

use crate::{close, empirical, length, level, one, ring, two, wave};

/// Radius r of the ridge of a uniform unit circle, r = I₁(k)/I₀(k) with k = r/σ², the concavity 1 − g of the
/// radius, and the steps of mean shift from 1.05 to 1e-12.
const CIRCLE: [(f64, f64, f64, usize); 9] = [
    (0.05, 0.9987476474, 0.998745, 6),
    (0.1, 0.9949619262, 0.994923, 7),
    (0.2, 0.9793608886, 0.978694, 8),
    (0.3, 0.9514602290, 0.947517, 10),
    (0.4, 0.9068697346, 0.890079, 13),
    (0.5, 0.8314620248, 0.765316, 20),
    (0.6, 0.6773030721, 0.496498, 39),
    (0.65, 0.5276830892, 0.292188, 74),
    (0.7, 0.1986644720, 0.0397297, 554),
];

#[test]
fn the_ridge_of_a_circle_has_its_radius() {
    let model = empirical(ring(200));
    for (sigma, radius, concavity, steps) in CIRCLE {
        let start = array![[1.05 * 0.3f64.cos(), 1.05 * 0.3f64.sin()]];
        let ridge = Ridge::new(&model, 1).unwrap().concavity(0.01).unwrap().tolerance(1e-12).unwrap();
        let newton = ridge.project(start.view(), sigma).unwrap();
        close(length(newton.points().row(0)), radius, 2e-10);
        close(newton.frames().concavity()[0], concavity, 1e-6);
        assert!(newton.on_ridge(0) && newton.steps()[0] <= 12, "{sigma}: {} steps", newton.steps()[0]);
        // The angle stays.
        close(newton.points()[(0, 1)] / newton.points()[(0, 0)], 0.3f64.tan(), 1e-9);
        let slow = ridge.steps(Steps::MeanShift).most_steps(700).project(start.view(), sigma).unwrap();
        close(length(slow.points().row(0)), radius, 2e-10);
        let ratio = slow.steps()[0] as f64 / steps as f64;
        assert!(
            (0.8..1.25).contains(&ratio),
            "{sigma}: {} steps of mean shift, not {steps}",
            slow.steps()[0]
        );
    }
    // Above R/√2 there is no ridge but the centre, which is not concave by 0.1 until far above.
    let above = Ridge::new(&model, 1).unwrap().project(array![[0.8, 0.3]].view(), 0.72).unwrap();
    assert!(length(above.points().row(0)) < 0.1 && !above.on_ridge(0), "{above:?}");
}

/// Twenty-four points: below their spacing of 0.26 the ridge is a polygon.
#[test]
fn the_ridge_of_few_points_of_a_circle() {
    let model = empirical(ring(24));
    let expected =
        [(0.05, 0.99620614), (0.1, 0.99593374), (0.2, 0.97936796), (0.3, 0.95146023), (0.5, 0.83146202)];
    for (sigma, radius) in expected {
        let start = array![[1.05 * 0.3f64.cos(), 1.05 * 0.3f64.sin()]];
        let ridge = Ridge::new(&model, 1).unwrap();
        let slow = ridge.steps(Steps::MeanShift).project(start.view(), sigma).unwrap();
        assert!(slow.on_ridge(0));
        // Where on the polygon the point lands depends on the way there at low noise: that of mean shift.
        close(length(slow.points().row(0)), radius, 2e-8);
    }
}

/// A noisy circle is one of a larger σ, up to its draws.
#[test]
fn the_ridge_of_a_noisy_circle() {
    let n = 4000;
    let mut stream = Stream::new(5, Purpose::Synthetic, 0, 0);
    let mut points = ring(n);
    points.mapv_inplace(|v| v + 0.1 * stream.normal());
    let model = empirical(points);
    let starts = Array2::from_shape_fn((16, 2), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / 16.0;
        if k == 0 { angle.cos() } else { angle.sin() }
    });
    for (sigma, radius) in [(0.15, 0.983333), (0.2, 0.973984), (0.3, 0.945542)] {
        let found = Ridge::new(&model, 1).unwrap().project(starts.view(), sigma).unwrap();
        assert!((0..16).all(|row| found.on_ridge(row)));
        let mean = found.points().outer_iter().map(length).sum::<f64>() / 16.0;
        // Sixteen starts see about n points with an error of 0.1/√n each side, and of the curve's bend.
        close(mean, radius, 4e-3);
    }
}

/// Two points: the whole line through them, of the largest concavity, whatever the noise.
#[test]
fn the_ridge_of_two_points_is_a_line() {
    let model = empirical(two());
    for t in [0.5, 0.1, 0.01, 1e-3] {
        let (_, sigma) = level(t);
        let x = array![[0.0, 0.2], [1.0, -0.3], [2.5, 0.2], [-7.0, 1.0], [2.999, 0.001]];
        let found = Ridge::new(&model, 1).unwrap().project(x.view(), sigma).unwrap();
        for row in 0..x.nrows() {
            assert!(found.on_ridge(row), "t {t} row {row}: {:?}", found.ended()[row]);
            close(found.points()[(row, 1)], 0.0, 1e-12);
            close(found.points()[(row, 0)], x[(row, 0)], 1e-12);
            close(found.frames().concavity()[row], 1.0, 1e-12);
            close(found.distances()[row], x[(row, 1)].abs(), 1e-12);
        }
    }
    // The largest β that any ridge has is 1/σ².
    let ridge = Ridge::new(&model, 1).unwrap().beta(4.0, 0.5).unwrap();
    assert!(ridge.contains(array![[1.0, 0.0]].view(), 0.5).unwrap()[0]);
    assert!(Ridge::new(&model, 1).unwrap().beta(4.1, 0.5).is_err());
}

#[test]
fn projections_of_the_wave() {
    let model = empirical(wave());
    let expected = [
        (0.02, 0, (-2.71193949, -0.27438734), 0.999999),
        (0.02, 3, (-1.19272019, -1.08673433), 0.998495),
        (0.02, 6, (0.27783653, 0.33340367), 0.999996),
        (0.1, 0, (-2.50095803, -0.25062019), 0.996509),
        (0.1, 3, (-1.11546711, -0.94561569), 0.914428),
        (0.1, 9, (1.57723413, 0.95179534), 0.913328),
        (0.2, 3, (-1.02407924, -0.77114120), 0.865203),
        (0.2, 9, (1.41535861, 0.77697615), 0.866576),
    ];
    for (t, i, (x, y), concavity) in expected {
        let (a, sigma) = level(t);
        let data = wave();
        let middle = (&data.row(i) + &data.row(i + 1)) * 0.5;
        // The start is the middle of the chord of the scaled points, plus (0.02, 0.05).
        let start = one(middle + array![0.02, 0.05] / a);
        let ridge = Ridge::new(&model, 1).unwrap().steps(Steps::MeanShift);
        let found = ridge.project(start.view(), sigma).unwrap();
        assert!(found.on_ridge(0));
        close(a * found.points()[(0, 0)], x, 3e-8);
        close(a * found.points()[(0, 1)], y, 3e-8);
        close(found.frames().concavity()[0], concavity, 2e-6);
        // Newton's way ends on the same curve, if a little further along it.
        let fast = Ridge::new(&model, 1).unwrap().project(start.view(), sigma).unwrap();
        assert!(fast.on_ridge(0) && fast.steps()[0] <= 8, "{} steps", fast.steps()[0]);
        close(length((&fast.points().row(0) - &found.points().row(0)).view()), 0.0, 0.02);
    }
}

/// A line in R⁵⁰, with noise, and rotated: its ridge is the line, and the point goes to its foot.
#[test]
fn the_ridge_of_a_line_in_many_dimensions() {
    let d = 50;
    let mut stream = Stream::new(2, Purpose::Synthetic, 0, 0);
    let direction = ndarray::Array1::from_shape_simple_fn(d, || stream.normal());
    let direction = &direction / length(direction.view());
    let on = |s: f64| &direction * s + 0.3;
    let points = Array2::from_shape_fn((101, d), |(i, k)| on(0.05 * i as f64 - 2.5)[k]);
    let line = empirical(points);
    let mut x = Array2::zeros((20, d));
    for (i, mut row) in x.outer_iter_mut().enumerate() {
        row.assign(&on(0.1 * i as f64 - 1.0));
        row.iter_mut().for_each(|v| *v += 0.05 * stream.normal());
    }
    let gaussian = Gaussian::fit(
        &PointSet::vectors(line.points().to_owned()).unwrap(),
        ridgewalk::closed_form::CovarianceKind::Full,
    )
    .unwrap();
    for sigma in [0.02, 0.1, 0.5] {
        for model in [line.differentiable().unwrap(), gaussian.differentiable().unwrap()] {
            let found = Ridge::new(model, 1).unwrap().project(x.view(), sigma).unwrap();
            for row in 0..20 {
                let off = &x.row(row) - &on(0.0);
                let foot = on(off.dot(&direction));
                assert!(found.on_ridge(row) && found.steps()[row] <= 3);
                close(length((&found.points().row(row) - &foot).view()), 0.0, 1e-9);
            }
            let spectrum = RidgeSpectrum::at(model, x.view(), sigma, 6).unwrap();
            assert_eq!(spectrum.dimension(), 1, "{spectrum:?}");
        }
    }
}

#[test]
fn projecting_again_changes_nothing() {
    let mut stream = Stream::new(3, Purpose::Synthetic, 0, 0);
    let points = Array2::from_shape_simple_fn((300, 3), || stream.normal());
    let model = empirical(points);
    let x = Array2::from_shape_simple_fn((40, 3), || 1.2 * stream.normal());
    for (sigma, dimension) in [(0.05, 1), (0.3, 1), (0.3, 2), (0.6, 0), (1.0, 1)] {
        let ridge = Ridge::new(&model, dimension).unwrap();
        let once = ridge.project(x.view(), sigma).unwrap();
        let twice = ridge.project(once.points(), sigma).unwrap();
        for row in 0..40 {
            if once.on_ridge(row) {
                close(twice.distances()[row], 0.0, 1e-8);
                assert!(ridge.contains(one(once.points().row(row).to_owned()).view(), sigma).unwrap()[0]);
            }
        }
        let share = (0..40).filter(|&row| once.on_ridge(row)).count();
        assert!(share >= 20, "sigma {sigma}, dimension {dimension}: only {share} of 40 found a ridge");
    }
}

#[test]
fn distances_do_not_change_under_rotation_and_translation() {
    let mut stream = Stream::new(4, Purpose::Synthetic, 0, 0);
    let points = Array2::from_shape_simple_fn((200, 4), || stream.normal());
    let x = Array2::from_shape_simple_fn((30, 4), || stream.normal());
    let rotation = rotation(4, &mut stream);
    let turned = |x: &Array2<f64>| x.dot(&rotation) + 2.5;
    for sigma in [0.1, 0.4] {
        let model = empirical(points.clone());
        let other = empirical(turned(&points));
        let found = Ridge::new(&model, 1).unwrap().project(x.view(), sigma).unwrap();
        let moved = Ridge::new(&other, 1).unwrap().project(turned(&x).view(), sigma).unwrap();
        assert_eq!(found.ended(), moved.ended());
        for row in 0..30 {
            if found.on_ridge(row) {
                close(moved.distances()[row], found.distances()[row], 1e-8);
            }
        }
        let turned_back = turned(&found.points().to_owned());
        for row in (0..30).filter(|&row| found.on_ridge(row)) {
            close(length((&moved.points().row(row) - &turned_back.row(row)).view()), 0.0, 1e-7);
        }
    }
}

/// An orthogonal matrix, by Gram–Schmidt.
fn rotation(d: usize, stream: &mut Stream) -> Array2<f64> {
    let mut q = Array2::from_shape_simple_fn((d, d), || stream.normal());
    for i in 0..d {
        for j in 0..i {
            let other = q.row(j).to_owned();
            let along = q.row(i).dot(&other);
            q.row_mut(i).scaled_add(-along, &other);
        }
        let norm = length(q.row(i));
        q.row_mut(i).mapv_inplace(|v| v / norm);
    }
    q
}

/// Mean shift converges by the factor g of the normal direction a step.
#[test]
fn the_rate_of_mean_shift_is_the_gain() {
    let model = empirical(ring(200));
    let (sigma, expected) = (0.5, 1.0 - 0.765316);
    let radius = 0.8314620248;
    let ridge = Ridge::new(&model, 1).unwrap().steps(Steps::MeanShift);
    let mut off = Vec::new();
    for most in 3..6 {
        let found = Ridge::new(&model, 1).unwrap().steps(Steps::MeanShift).most_steps(most);
        let found = found.project(array![[1.05, 0.0]].view(), sigma).unwrap();
        assert_eq!(found.ended()[0], Ended::NotConverged);
        off.push(length(found.points().row(0)) - radius);
    }
    close(off[2] / off[1], expected, 1e-3);
    assert_eq!(ridge.dimension(), 1);
}

/// A sphere in closed form, and a mixture of two Gaussians: the ridges of other densities than points'.
#[test]
fn ridges_of_other_models() {
    // p_σ of the sphere S² of radius 1 peaks where r = coth(r/σ²) − σ²/r.
    let sphere = Sphere::new(3, 1.0).unwrap();
    let sigma = 0.2;
    let found = Ridge::new(&sphere, 2).unwrap().project(array![[0.5, 0.6, -0.7]].view(), sigma).unwrap();
    let mut r: f64 = 1.0;
    for _ in 0..200 {
        let k = r / (sigma * sigma);
        r = 1.0 / k.tanh() - 1.0 / k;
    }
    assert!(found.on_ridge(0));
    close(length(found.points().row(0)), r, 1e-9);
    let spectrum = RidgeSpectrum::at(&sphere, found.points(), sigma, 3).unwrap();
    assert_eq!(spectrum.dimension(), 2);

    let long = Covariance::from_dense(array![[1.0, 0.0], [0.0, 0.01]].view()).unwrap();
    let parts = [-2.0, 2.0].map(|x| Gaussian::new(array![x, 0.0], long.clone()).unwrap());
    let mixture = Mixture::new(vec![0.5, 0.5], parts.to_vec()).unwrap();
    let found =
        Ridge::new(&mixture, 1).unwrap().project(array![[0.3, 0.4], [2.5, -0.2]].view(), 0.1).unwrap();
    assert!(found.points().column(1).iter().all(|y| y.abs() < 1e-9));
    // A mode of a wide component is hardly concave on the scale of little noise: 1 − g = σ²/(1 + σ²).
    let modes = Ridge::new(&mixture, 0)
        .unwrap()
        .concavity(5e-3)
        .unwrap()
        .project(array![[1.5, 0.4]].view(), 0.1)
        .unwrap();
    close(modes.points()[(0, 0)], 2.0, 1e-2);
    assert!(modes.on_ridge(0));
}

#[test]
fn points_of_one_place_have_no_direction() {
    let model = empirical(array![[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]);
    let found = Ridge::new(&model, 1).unwrap().project(array![[1.5, 2.5]].view(), 0.1).unwrap();
    assert_eq!(found.ended(), [Ended::Undefined]);
    let mode = Ridge::new(&model, 0).unwrap().project(array![[1.5, 2.5]].view(), 0.1).unwrap();
    assert!(mode.on_ridge(0));
    close(mode.distances()[0], 0.5f64.sqrt(), 1e-12);
    assert!(Ridge::new(&model, 2).is_err());
    let x: Array2<f64> = array![[f64::NAN, 0.0]];
    assert!(Ridge::new(&model, 1).unwrap().project(x.view(), 0.1).is_err());
    assert!(Ridge::new(&model, 1).unwrap().project(array![[1.0, 0.0]].view(), 0.0).is_err());
    let none = Array2::zeros((0, 2));
    assert_eq!(Ridge::new(&model, 1).unwrap().project(none.view(), 0.1).unwrap().ended().len(), 0);
}

/// Duplicates weigh more, and change nothing else: k copies of all points are the same model.
#[test]
fn duplicates_change_no_ridge() {
    let data = wave();
    let thrice = ndarray::concatenate(Axis(0), &[data.view(), data.view(), data.view()]).unwrap();
    let x = array![[0.2, 0.9], [-1.3, -1.5], [2.2, 0.1]];
    for t in [0.2, 0.01, 1e-4] {
        let (_, sigma) = level(t);
        let of = |points: Array2<f64>| {
            let model = Empirical::new(&PointSet::vectors(points).unwrap()).unwrap();
            Ridge::new(&model, 1).unwrap().project(x.view(), sigma).unwrap().points().to_owned()
        };
        let (a, b) = (of(data.clone()), of(thrice.clone()));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9), "t {t}\n{a}\n{b}");
    }
}
