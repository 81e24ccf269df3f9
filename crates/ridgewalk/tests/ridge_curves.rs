//! Traced ridges against curves that are known, and films of them.

use ndarray::{Array1, Array2, ArrayView1, array};
use ridgewalk::closed_form::{Empirical, Sphere};
use ridgewalk::geometry::{Ridge, RidgeCurve, RidgeCurves, RidgeFilm, RidgeTracer, ridge_cloud};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::survey::{Marks, Plot};
use ridgewalk::{Heun, LogLinear, PointSet, Sampler};

fn empirical(points: &Array2<f64>) -> Empirical {
    Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap()
}

fn trace(points: &Array2<f64>, sigma: f64) -> RidgeCurves {
    let model = empirical(points);
    RidgeTracer::new(&model).unwrap().trace(points.view(), sigma).unwrap()
}

fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}

/// n points of the unit circle.
fn ring(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / n as f64;
        if k == 0 { angle.cos() } else { angle.sin() }
    })
}

/// Thirteen points on a wave in the plane.
fn wave() -> Array2<f64> {
    Array2::from_shape_fn((13, 2), |(i, k)| {
        let x = -3.0 + 0.5 * i as f64;
        if k == 0 { x } else { 1.2 * (std::f64::consts::PI * x / 3.0).sin() }
    })
}

fn helix(t: f64) -> [f64; 3] {
    [(6.0 * t).cos(), (6.0 * t).sin(), 2.0 * t]
}

/// ln(p_σ(x)/p_σ(0)) of two points at ±3 of the line, by hand: (cosh(3x/σ²)) exp(−x²/2σ²).
fn two_points(x: f64, sigma: f64) -> f64 {
    let k = (3.0 * x / (sigma * sigma)).abs();
    k + (0.5 * (1.0 + (-2.0 * k).exp())).ln() - 0.5 * x * x / (sigma * sigma)
}

/// The ridge of two points is the line through them, cut where the density is 10⁻³ of its maximum: whole above
/// a noise level, two pieces below.
#[test]
fn two_points_have_a_line_cut_by_the_density() {
    let data = array![[-3.0, 0.0], [3.0, 0.0]];
    for (sigma, pieces) in [(4.0, 1), (2.0, 1), (1.0, 1), (0.6, 2), (0.1, 2), (0.001, 2)] {
        let traced = trace(&data, sigma);
        assert!(traced.complete);
        assert_eq!(traced.curves.len(), pieces, "σ = {sigma}");
        // The highest point of p_σ, and the cut, by search on the line.
        let highest =
            (0..=60_000).map(|i| two_points(i as f64 * 1e-4, sigma)).fold(f64::NEG_INFINITY, f64::max);
        let floor = highest + 1e-3f64.ln();
        let (mut low, mut high) = (3.0, 3.0 + 10.0 * sigma);
        for _ in 0..60 {
            let middle = 0.5 * (low + high);
            if two_points(middle, sigma) >= floor { low = middle } else { high = middle }
        }
        let mut ends = (f64::INFINITY, f64::NEG_INFINITY);
        for curve in &traced.curves {
            assert!(!curve.closed);
            let xs: Vec<f64> = curve.points.column(0).to_vec();
            assert!(curve.points.column(1).iter().all(|y| y.abs() < 1e-9 * sigma.max(1.0)));
            let way = (xs[1] - xs[0]).signum();
            assert!(xs.windows(2).all(|w| (w[1] - w[0]) * way > 0.0), "goes back on itself: {xs:?}");
            ends = xs.iter().fold(ends, |(a, b), &x| (a.min(x), b.max(x)));
            assert!(xs.iter().all(|&x| two_points(x, sigma) >= floor - 1e-9));
        }
        // A curve ends within the shortest step of the cut, 0.4/256 noise levels.
        assert!(
            (ends.1 - low).abs() < 0.002 * sigma && (ends.0 + low).abs() < 0.002 * sigma,
            "{ends:?} {low}"
        );
    }
}

/// r = I₁(k)/I₀(k) with k = r/σ², the ridge of a uniform unit circle.
#[test]
fn a_circle_has_one_closed_curve_of_its_radius() {
    let radii = [
        (0.1, 0.9949619262),
        (0.2, 0.9793608886),
        (0.3, 0.9514602290),
        (0.4, 0.9068697346),
        (0.5, 0.8314620248),
        (0.6, 0.6773030721),
    ];
    let data = ring(200);
    for (sigma, radius) in radii {
        let traced = trace(&data, sigma);
        assert!(traced.complete);
        assert_eq!(traced.curves.len(), 1, "σ = {sigma}");
        let curve = &traced.curves[0];
        assert!(curve.closed && curve.points.row(0) == curve.points.row(curve.points.nrows() - 1));
        for point in curve.points.outer_iter() {
            assert!((length(point) - radius).abs() < 1e-6, "σ = {sigma}: {}", length(point));
        }
        // Once around, and no more: of chords that turn by at most 0.12.
        let around = 2.0 * std::f64::consts::PI * radius;
        assert!((curve.length() / around - 1.0).abs() < 2e-3, "σ = {sigma}: {} {around}", curve.length());
    }
}

/// Above σ = 1/√2 a circle has no ridge but its centre.
#[test]
fn above_its_level_a_circle_has_no_curve() {
    for sigma in [0.72, 0.8, 1.0, 2.0] {
        let traced = trace(&ring(200), sigma);
        for curve in &traced.curves {
            let farthest = curve.points.outer_iter().map(length).fold(0.0, f64::max);
            assert!(farthest < 0.05, "σ = {sigma}: {farthest}");
        }
    }
}

/// The wave of thirteen points: one curve through them, on the ridge everywhere, within reach of known points of it.
#[test]
fn the_wave_has_one_curve() {
    let data = wave();
    let model = empirical(&data);
    let known = [
        (0.02, [-2.71193949, -0.27438734]),
        (0.02, [-1.19272019, -1.08673433]),
        (0.02, [0.27783653, 0.33340367]),
        (0.1, [-2.50095803, -0.25062019]),
        (0.1, [-1.11546711, -0.94561569]),
        (0.1, [1.57723413, 0.95179534]),
        (0.2, [-1.02407924, -0.77114120]),
        (0.2, [1.41535861, 0.77697615]),
    ];
    for t in [0.02, 0.1, 0.2, 0.5] {
        let a = f64::exp(-t);
        let sigma = (1.0 - a * a).sqrt() / a;
        let traced = trace(&data, sigma);
        assert_eq!(
            traced.curves.len(),
            1,
            "t = {t}: {:?}",
            traced.curves.iter().map(|c| c.points.nrows()).collect::<Vec<_>>()
        );
        let curve = &traced.curves[0];
        assert!(!curve.closed);
        assert!(
            Ridge::new(&model, 1).unwrap().contains(curve.points.view(), sigma).unwrap().iter().all(|&on| on)
        );
        // Central symmetry of the data is one of the curve.
        let (first, last) = (curve.points.row(0), curve.points.row(curve.points.nrows() - 1));
        assert!(length((&first + &last).view()) < 0.01 * sigma, "{first} {last}");
        for (_, point) in known.iter().filter(|k| k.0 == t) {
            let point = Array1::from_iter(point.map(|v| v / a));
            let distance =
                curve.points.outer_iter().map(|p| length((&p - &point).view())).fold(f64::INFINITY, f64::min);
            // A known point is at most half a step away along the curve.
            assert!(distance < 0.21 * sigma, "t = {t}: {distance}");
        }
    }
}

/// Where the ridge is not along the leading eigenvector, steps are as long as elsewhere: three times as many as the
/// longest make is plenty. And few of their points are needed for a picture.
#[test]
fn steps_stay_long_where_the_ridge_is_askew() {
    for sigma in [1.5, 2.0, 3.0, 6.0] {
        let traced = trace(&wave(), sigma);
        assert_eq!(traced.curves.len(), 1, "σ = {sigma}");
        let curve = &traced.curves[0];
        let points = curve.points.nrows() as f64;
        assert!(points < 30.0 + 3.0 * curve.length() / (0.4 * sigma), "σ = {sigma}: {points}");

        let simple = curve.simplified(0.01);
        let ends =
            |c: &RidgeCurve| (c.points.row(0).to_owned(), c.points.row(c.points.nrows() - 1).to_owned());
        assert!(ends(&simple) == ends(curve) && simple.points.nrows() < curve.points.nrows());
        for p in curve.points.outer_iter() {
            let lines = simple.points.outer_iter().zip(simple.points.outer_iter().skip(1));
            let distance = lines.map(|(a, b)| {
                let along = ((&p - &a).dot(&(&b - &a)) / (&b - &a).dot(&(&b - &a))).clamp(0.0, 1.0);
                length((&p - &a - along * (&b - &a)).view())
            });
            assert!(distance.fold(f64::INFINITY, f64::min) <= 0.01 + 1e-12);
        }
    }
}

/// What was traced does not depend on the order of the seeds, but for where a curve starts.
#[test]
fn the_order_of_seeds_does_not_matter() {
    let data = wave();
    let model = empirical(&data);
    let tracer = RidgeTracer::new(&model).unwrap();
    let turned = data.select(ndarray::Axis(0), &(0..13).rev().collect::<Vec<_>>());
    let (a, b) = (tracer.trace(data.view(), 0.5).unwrap(), tracer.trace(turned.view(), 0.5).unwrap());
    assert_eq!((a.curves.len(), b.curves.len()), (1, 1));
    assert!((a.curves[0].length() - b.curves[0].length()).abs() < 0.02);
    assert_eq!(tracer.trace(data.view(), 0.5).unwrap(), a);
}

/// In three dimensions: the helix moves inwards by about σ²/2 of its curvature, as a circle does.
#[test]
fn a_helix_has_one_curve_in_three_dimensions() {
    let n = 300;
    let data = Array2::from_shape_fn((n, 3), |(i, k)| helix(i as f64 / (n - 1) as f64)[k]);
    let sigma = 0.1;
    let traced = trace(&data, sigma);
    assert_eq!(traced.curves.len(), 1);
    let curve = &traced.curves[0];
    assert!(!curve.closed);
    // Curvature r/(r² + c²) with r = 1, c = 1/3 a radian.
    let inwards = 0.5 * sigma * sigma / (1.0 + 1.0 / 9.0);
    let inner = curve.points.outer_iter().filter(|p| (0.3..1.7).contains(&p[2]));
    let mut seen = 0;
    for p in inner {
        let radius = p[0].hypot(p[1]);
        // The next term is of order σ⁴.
        assert!((1.0 - radius - inwards).abs() < 2e-4, "{radius} {inwards}");
        let angle = p[1].atan2(p[0]) - 3.0 * p[2];
        assert!((angle - (angle / std::f64::consts::TAU).round() * std::f64::consts::TAU).abs() < 1e-3);
        seen += 1;
    }
    assert!(seen > 30);
    // From end to end, and a little beyond.
    assert!((5.9..7.5).contains(&curve.length()), "{}", curve.length());
}

/// A crossing of two lines of points: four arms, every part once.
#[test]
fn curves_that_meet_are_not_traced_twice() {
    let data = Array2::from_shape_fn((122, 2), |(i, k)| {
        let along = (i % 61) as f64 * 0.1 - 3.0;
        if (i / 61 == 0) == (k == 0) { along } else { 0.0 }
    });
    let traced = trace(&data, 0.15);
    let total: f64 = traced.curves.iter().map(|c| c.length()).sum();
    // Two lines of length 6 with ends beyond by less than 3.7 noise levels each, but for a little at the crossing.
    assert!((11.5..14.5).contains(&total), "{total}");
}

#[test]
fn caps_end_the_work_and_say_so() {
    let data = ring(200);
    let model = empirical(&data);
    let traced = RidgeTracer::new(&model).unwrap().most_points(10).trace(data.view(), 0.1).unwrap();
    assert!(!traced.complete && traced.curves[0].points.nrows() <= 12);
    assert!(RidgeTracer::new(&model).unwrap().trace(Array2::zeros((0, 2)).view(), 0.1).is_err());
    assert!(RidgeTracer::new(&model).unwrap().trace(data.view(), 0.0).is_err());
    assert!(RidgeTracer::new(&model).unwrap().trace(Array2::zeros((3, 3)).view(), 0.1).is_err());
    assert!(RidgeTracer::new(&model).unwrap().least_density(1.0).is_err());
    // Seeds from which nothing dense is found.
    let far = RidgeTracer::new(&model).unwrap().trace(array![[90.0, 90.0]].view(), 0.1).unwrap();
    assert!(far.curves.is_empty() && far.complete);
    let line = empirical(&array![[0.0], [1.0]]);
    assert!(RidgeTracer::new(&line).is_err());
}

/// The ridge of dimension 2 of a uniform sphere is a sphere: coth k − 1/k = r with k = r/σ².
#[test]
fn a_sphere_has_a_cloud_of_its_radius() {
    let model = Sphere::new(3, 1.0).unwrap();
    let sigma = 0.2;
    let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
    let seeds = Array2::from_shape_simple_fn((2000, 3), || 0.7 * stream.normal());
    let ridge = Ridge::new(&model, 2).unwrap();
    let cloud = ridge_cloud(&ridge, &model, seeds.view(), sigma, 1e-3, 150).unwrap();
    assert!((100..=150).contains(&cloud.nrows()), "{}", cloud.nrows());
    let radius = (0..200).fold(1.0f64, |r, _| {
        let k: f64 = r / (sigma * sigma);
        1.0 / k.tanh() - 1.0 / k
    });
    for (i, point) in cloud.outer_iter().enumerate() {
        assert!((length(point) - radius).abs() < 1e-6, "{} {radius}", length(point));
        let apart = (0..i).map(|j| length((&cloud.row(j) - &point).view())).fold(f64::INFINITY, f64::min);
        assert!(apart > 0.09, "{apart}");
    }
}

fn paths(model: &Empirical, n: usize, levels: usize) -> Trajectories {
    let mut paths = Trajectories::new();
    let sampler = Sampler::new(Heun::new(), LogLinear::new(0.02..40.0, levels)).seed(3);
    sampler.run_observed(model, n, &mut paths).unwrap();
    paths
}

#[test]
fn a_film_has_a_frame_a_level_with_ridge_data_and_samples() {
    let data = wave();
    let model = empirical(&data);
    let recorded = paths(&model, 30, 150);
    let film = RidgeFilm::new(&model, 1).unwrap().frames(12).samples(20);
    let film = film.phase(|sigma| if sigma > 1.0 { "reach".into() } else { "slide".into() });
    let figure = film.draw("wave", data.view(), &recorded).unwrap();
    let Plot::Film(film) = &figure.plot else { panic!("{figure:?}") };
    film.check().unwrap();
    assert_eq!(film.frames.len(), 12);
    // From the longest side of the data, 6, to the last level, in even steps of the logarithm up to the levels' own.
    let logs: Vec<f64> = film.frames.iter().map(|f| f.value.ln()).collect();
    let step = (logs[0] - logs[11]) / 11.0;
    assert!((5.0..=6.0).contains(&film.frames[0].value) && film.frames[11].value < 0.03, "{:?}", film.frames);
    assert!(logs.windows(2).all(|w| (w[0] - w[1] - step).abs() < (2000f64).ln() / 149.0));
    assert!(film.frames.iter().all(|f| f.label == if f.value > 1.0 { "reach" } else { "slide" }));
    let [ridge, points, samples] = &film.layers[..] else { panic!() };
    let (Marks::Curves(ridge), Marks::Still(points), Marks::Moving(samples)) =
        (&ridge.marks, &points.marks, &samples.marks)
    else {
        panic!()
    };
    assert!(ridge.iter().all(|curves| !curves.is_empty()) && points.len() == 26);
    assert!(samples.len() == 12 && samples.iter().all(|s| s.len() == 40));
    // The samples of a frame are the recorded states of its level.
    let (_, states) = recorded.states().find(|(sigma, _)| *sigma == film.frames[5].value).unwrap();
    assert!((states[(3, 1)] - samples[5][7]).abs() < 1e-3);

    let json = serde_json::to_string(&figure).unwrap();
    assert_eq!(serde_json::from_str::<ridgewalk::survey::Figure>(&json).unwrap(), figure);
}

#[test]
fn a_film_needs_two_or_three_dimensions_and_a_record() {
    let data = wave();
    let model = empirical(&data);
    assert!(RidgeFilm::new(&model, 2).is_err());
    let film = RidgeFilm::new(&model, 1).unwrap();
    assert!(film.draw("f", data.view(), &Trajectories::new()).is_err());
    assert!(film.draw("f", Array2::zeros((0, 2)).view(), &paths(&model, 2, 5)).is_err());
    assert!(film.draw("f", Array2::zeros((4, 3)).view(), &paths(&model, 2, 5)).is_err());
    let four = empirical(&Array2::eye(4));
    assert!(RidgeFilm::new(&four, 1).is_err());
}
