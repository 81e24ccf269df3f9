//! Smoothing of the empirical score against reference values: quadrature, closed forms and laws of
//! log-domain smoothing (arXiv 2510.02305). The noise levels are variances t = σ².

use std::f64::consts::TAU;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2, Axis, array};
use ridgewalk::closed_form::{Covariance, Empirical};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::likelihood::{Integrator, LogLikelihood, Start};
use ridgewalk::transform::smoothing::span;
use ridgewalk::transform::{Dimension, DrawDisplacements, Estimator, Kernel, LocalPca, Smoothed};
use ridgewalk::{Denoiser, Displacements, LogLinear, PointSet, Result, Visit};

fn empirical(values: Array2<f64>) -> Empirical {
    Empirical::new(&PointSet::vectors(values).unwrap()).unwrap()
}

fn circle(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        let angle = TAU * i as f64 / n as f64;
        if k == 0 { angle.cos() } else { angle.sin() }
    })
}

fn rule(scale: f64, nodes: usize, coordinates: u32) -> Kernel {
    Kernel::isotropic(scale).estimator(Estimator::GaussHermite).draws(nodes.pow(coordinates))
}

fn sobol(scale: f64, draws: usize) -> Kernel {
    Kernel::isotropic(scale).estimator(Estimator::QuasiMonteCarlo).draws(draws)
}

/// Nodes and weights of the trapezoidal rule for a two-dimensional standard normal.
fn trapezoid(step: f64) -> (Array2<f64>, Vec<f64>) {
    let side = (8.0 / step).round() as i64;
    let at = |i: i64| i as f64 * step;
    let pairs: Vec<(f64, f64)> =
        (-side..=side).flat_map(|i| (-side..=side).map(move |j| (at(i), at(j)))).collect();
    let mut weights: Vec<f64> = pairs.iter().map(|(a, b)| (-0.5 * (a * a + b * b)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    (Array2::from_shape_fn((pairs.len(), 2), |(i, k)| if k == 0 { pairs[i].0 } else { pairs[i].1 }), weights)
}

/// Scores to all six decimals of the published table by a trapezoidal rule; Gauss–Hermite agrees where the
/// weights vary slowly, and Sobol points to their own error everywhere.
#[test]
fn scores_of_four_points() {
    let model = empirical(array![[1.0, 0.0], [0.0, 1.0], [-1.0, 0.5], [0.3, -0.8]]);
    let x = array![[0.2, 0.1], [0.6, -0.5]];
    let close = |found: Array2<f64>, expected: [f64; 4], tolerance: f64, what: &str| {
        for (value, expected) in found.iter().zip(expected) {
            assert!((value - expected).abs() < tolerance, "{what}: {found} {expected:?}");
        }
    };
    for (t, step, expected, plain) in [
        (0.5, 0.04, [0.102698, 0.037132, -0.138538, 0.337298], [0.168265, 0.021157, -0.093378, 0.274827]),
        (
            0.05,
            0.04,
            [3.547595, -0.012105, -0.962853, -0.088679],
            [12.003873, -2.16348, -4.724279, -4.542033],
        ),
        (
            0.01,
            0.02,
            [18.078108, 0.034186, -5.116234, -0.884405],
            [79.981222, -10.011735, -29.999291, -29.99919],
        ),
    ] {
        let sigma = f64::sqrt(t);
        let score = |kernel| Smoothed::new(&model, kernel).unwrap().score(x.view(), sigma).unwrap();
        close(score(Kernel::isotropic(0.0)), plain, 1e-6, "no smoothing");
        let (nodes, weights) = trapezoid(step);
        let nodes = nodes * 0.3;
        let alike = Displacements { nodes: nodes.view(), frames: None, weights: &weights, groups: 1 };
        let mean = model.denoise_displaced(x.view(), sigma, &alike, &Visit::default()).unwrap();
        close((mean.index_axis(Axis(0), 0).to_owned() - &x) / t, expected, 1e-6, "trapezoid");
        close(score(sobol(0.3, 1 << 16)), expected, 2e-4 / t, "Sobol points");
        if t == 0.5 {
            close(score(rule(0.3, 32, 2)), expected, 1e-6, "Gauss-Hermite");
        }
    }
}

/// D_k of ±1 at 0.3, to six decimals; for t → 0 it is 2Φ(x/scale) − 1, a mean of a step, for which the
/// quasi-random points have an error near 1/n.
#[test]
fn two_points() {
    let model = empirical(array![[-1.0], [1.0]]);
    let x = array![[0.3]];
    let denoised =
        |kernel, t: f64| Smoothed::new(&model, kernel).unwrap().denoise(x.view(), t.sqrt()).unwrap();
    assert!((denoised(rule(0.4, 128, 1), 0.5)[(0, 0)] - 0.392513).abs() < 1e-6);
    for (scale, t, expected, tolerance) in
        [(0.4, 0.05, 0.543874, 2e-6), (0.4, 1e-4, 0.546745, 5e-5), (1.0, 1e-4, 0.235823, 5e-5)]
    {
        let value = denoised(sobol(scale, 65536), t)[(0, 0)];
        assert!((value - expected).abs() < tolerance, "{value} {expected}");
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

/// Three corners in space: drawn in their plane, or in all of space; the rules' own errors are 2e-5 and 4e-4.
#[test]
fn rank_reduction_is_exact() {
    let set = PointSet::vectors(Array2::eye(3)).unwrap();
    let model = Empirical::new(&set).unwrap();
    let (x, sigma) = (array![[0.3, 0.1, -0.2]], 0.1f64.sqrt());
    for (kernel, tolerance) in
        [(rule(0.4, 64, 2).within(span(&set).unwrap()), 5e-5), (rule(0.4, 24, 3), 1e-3)]
    {
        let found = Smoothed::new(&model, kernel).unwrap().denoise(x.view(), sigma).unwrap();
        let difference = &found - &array![[0.562755, 0.319828, 0.117417]];
        assert!(difference.iter().all(|e| e.abs() < tolerance), "{found}");
    }
}

fn likelihood(steps: usize) -> LogLikelihood<LogLinear> {
    let range = 1e-3f64.sqrt()..5f64.sqrt();
    LogLikelihood::new(LogLinear::new(range, steps + 1)).start(Start::Noise).integrator(Integrator::Euler)
}

/// Angles 2πj/100 on the unit circle with 12 data points: 1000 Euler steps from t = 1e-3 to 5, values to
/// five decimals. The scheme's own; a finer grid gives other ones.
#[test]
fn likelihood_of_twelve_points() {
    let expected = [
        -2.64664, -0.62219, 5.37937, 15.29909, 29.08033, 19.46740, 8.25305, 0.94001, -2.42009, -1.74344,
        2.94111, 11.56028, 24.06300,
    ];
    let x = circle(100).select(Axis(0), &(0..13).collect::<Vec<_>>());
    let found = likelihood(1000).run(&empirical(circle(12)), x.view()).unwrap();
    for (found, expected) in found.iter().zip(expected) {
        assert!((-found - expected).abs() < 1e-4, "{found} {expected}");
    }
}

/// Means over the circle: 25 angles, at as many phases of its twelve periods. The nodes, which the published
/// values do not share, are worth 0.02 to 0.03 (seen by changing their seed).
#[test]
fn likelihood_of_twelve_points_smoothed() {
    let model = empirical(circle(12));
    for (scale, steps, draws, expected, tolerance) in
        [(0.05, 100, 2048, 1.608, 0.03), (0.1, 100, 512, 0.126, 0.03), (0.2, 100, 1024, -0.293, 0.05)]
    {
        let smoothed = Smoothed::new(&model, sobol(scale, draws).seed(1)).unwrap();
        let found = -likelihood(steps).run(&smoothed, circle(25).view()).unwrap().mean().unwrap();
        println!("{scale} {steps}: {found} {expected}");
        assert!((found - expected).abs() < tolerance, "{scale}: {found} {expected}");
    }
}

/// r = 1 + 0.13 sin 8θ, 30 points at equal arc length.
fn wavy() -> Array2<f64> {
    let radius = |a: f64| 1.0 + 0.13 * (8.0 * a).sin();
    let fine = 200_000;
    let point = |i: usize| {
        let a = TAU * i as f64 / fine as f64;
        (radius(a) * a.cos(), radius(a) * a.sin())
    };
    let mut length = vec![0.0];
    for i in 0..fine {
        let (a, b) = (point(i), point(i + 1));
        length.push(length[i] + (b.0 - a.0).hypot(b.1 - a.1));
    }
    Array2::from_shape_fn((30, 2), |(j, k)| {
        let target = length[fine] * j as f64 / 30.0;
        let p = point(length.partition_point(|&l| l < target));
        if k == 0 { p.0 } else { p.1 }
    })
}

fn normals(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || stream.normal())
}

/// Root mean square length of t·score's error over rows and seeds.
fn error(
    model: &Empirical,
    kernel: &Kernel,
    x: ArrayView2<f64>,
    t: f64,
    exact: &Array2<f64>,
    seeds: u64,
) -> f64 {
    let mut sum = 0.0;
    for seed in 0..seeds {
        let found = Smoothed::new(model, kernel.clone().seed(seed)).unwrap().denoise(x, t.sqrt()).unwrap();
        sum += (found - exact).iter().map(|e| e * e).sum::<f64>();
    }
    (sum / (seeds as f64 * x.nrows() as f64)).sqrt()
}

/// The published errors (units of x) of 64 and 1024 evaluations on the wavy circle, scale 0.25. Points are
/// data with noise √t, as along a trajectory; errors vary with x, so that a factor of 1.5 is what two sets
/// of points agree to. Sobol points are to be no worse than the table's Kronecker sequence. The error of a rule
/// varies by orders of magnitude from point to point: 50, and below a fifth of theirs while weights vary slowly.
#[test]
fn errors_of_the_estimators() {
    let model = empirical(wavy());
    let data = wavy();
    for (t, plain, antithetic, quasi, gauss) in [
        (0.3, [0.0254, 0.0063], [0.0076, 0.0021], [0.0126, 0.0009], [8e-8, 1e-9]),
        (0.05, [0.0265, 0.0067], [0.0115, 0.0028], [0.0138, 0.0011], [2e-4, 5e-7]),
        (0.001, [0.0299, 0.0074], [0.0182, 0.0045], [0.0170, 0.0016], [0.0200, 0.0061]),
    ] {
        let x = &data + &(normals(30, 2, 9) * f64::sqrt(t));
        let exact = if t > 0.01 { rule(0.25, 96, 2) } else { sobol(0.25, 1 << 15).seed(99) };
        let exact = Smoothed::new(&model, exact).unwrap();
        let exact = exact.denoise(x.view(), f64::sqrt(t)).unwrap();
        for (slot, draws) in [64, 1024].into_iter().enumerate() {
            let seeds = if slot == 0 { 16 } else { 4 };
            let of = |estimator, seeds| {
                let kernel = Kernel::isotropic(0.25).estimator(estimator).draws(draws);
                error(&model, &kernel, x.view(), t, &exact, seeds)
            };
            let within = |name, found: f64, expected: f64, factor: f64| {
                println!("{name} t {t} n {draws}: {found} {expected}");
                assert!(
                    found < factor * expected && found > expected / factor,
                    "{name} t {t} n {draws}: {found}"
                );
            };
            let found = of(Estimator::MonteCarlo, seeds);
            within("plain", found, plain[slot], 1.5);
            let pairs = of(Estimator::Antithetic, seeds);
            within("antithetic", pairs, antithetic[slot], 1.5);
            assert!(pairs < found);
            let points = of(Estimator::QuasiMonteCarlo, seeds);
            println!("quasi t {t} n {draws}: {points} {}", quasi[slot]);
            assert!(points < 1.5 * quasi[slot] && points < pairs, "quasi t {t} n {draws}: {points}");
            let best = of(Estimator::ControlVariate, seeds);
            println!("control t {t} n {draws}: {best}");
            assert!(best < 1.05 * found, "the best coefficient is no worse than 1: {best} {found}");
            let nodes = of(Estimator::GaussHermite, 1);
            println!("gauss t {t} n {draws}: {nodes} {}", gauss[slot]);
            assert!(
                nodes < 50.0 * gauss[slot] + 1e-9 && (t < 0.01 || nodes < 0.2 * points),
                "gauss t {t} n {draws}: {nodes}"
            );
        }
    }
}

/// In high dimension plain Monte Carlo has the error scale·√((d − r)/n) of the directions across the data at
/// the least; pairs, and drawing in the span, have not.
#[test]
fn plain_error_in_high_dimension() {
    let (d, n, scale) = (400, 64, 0.5);
    let set = PointSet::vectors(normals(4, d, 1) * 0.3).unwrap();
    let model = Empirical::new(&set).unwrap();
    let x = set.values().to_owned() + normals(4, d, 2) * 0.3;
    let inside = span(&set).unwrap();
    assert_eq!(inside.nrows(), 3);
    let exact = rule(scale, 24, 3).within(inside.clone());
    let exact = Smoothed::new(&model, exact).unwrap().denoise(x.view(), 0.5).unwrap();
    let of = |kernel: Kernel| error(&model, &kernel.draws(n), x.view(), 0.25, &exact, 4);
    let floor = scale * (((d - 3) as f64) / n as f64).sqrt();
    let plain = of(Kernel::isotropic(scale).estimator(Estimator::MonteCarlo));
    assert!(plain > 0.9 * floor && plain < 1.3 * floor, "{plain} {floor}");
    let within = of(Kernel::isotropic(scale).estimator(Estimator::MonteCarlo).within(inside));
    assert!(within < 0.2 * floor, "{within}");
    assert!(of(Kernel::isotropic(scale)) < 0.2 * floor);
}

/// A point of the circle for every x: the empirical denoiser of a dense circle as t → 0.
struct Circle;

impl Denoiser for Circle {
    fn dim(&self) -> usize {
        2
    }
    fn denoise(&self, x: ArrayView2<f64>, _: f64) -> Result<Array2<f64>> {
        onto_circle(x)
    }
}

fn onto_circle(x: ArrayView2<f64>) -> Result<Array2<f64>> {
    let norm = x.map_axis(Axis(1), |row| row.dot(&row).sqrt().max(f64::MIN_POSITIVE));
    Ok(&x / &norm.insert_axis(Axis(1)))
}

/// Where x ← D_k(x) ends. The rule's nodes are mirror images, so that the state stays on its axis.
fn attractor(model: impl Denoiser, kernel: Kernel, start: f64) -> f64 {
    let dim = model.dim();
    let smoothed = Smoothed::new(model, kernel).unwrap();
    let mut x = Array2::zeros((1, dim));
    x[(0, 0)] = start;
    for _ in 0..400 {
        let next = smoothed.denoise(x.view(), 1e-3).unwrap();
        let step = (&next - &x).iter().fold(0.0f64, |m, e| m.max(e.abs()));
        x = next;
        if step < 1e-8 {
            break;
        }
    }
    x.rows().into_iter().map(|row| row.dot(&row).sqrt()).sum()
}

/// The fixed point of ρ = A(ρ/scale), which vanishes at scale √(π/8) = 0.627. The kink of x/|x| at the origin
/// leaves an error of the rule that matters where the kernel reaches it.
#[test]
fn attractor_of_a_dense_circle() {
    for (scale, radius, tolerance) in [
        (0.05, 0.99874, 1e-5),
        (0.1, 0.99491, 1e-5),
        (0.2, 0.97836, 1e-5),
        (0.3, 0.94388, 1e-4),
        (0.4, 0.86972, 1e-3),
        (0.5, 0.71517, 5e-3),
    ] {
        let found = attractor(Circle, rule(scale, 64, 2), 1.0);
        assert!((found - radius).abs() < tolerance, "{scale}: {found} {radius}");
    }
    assert!(attractor(Circle, rule(0.7, 64, 2), 1.0) < 0.05);
}

/// ±0.5 merge at scale 1/√(2π) = 0.399: fixed points of 2Φ(x/scale)/2 − ½.
#[test]
fn attractor_of_two_points() {
    let model = empirical(array![[-0.5], [0.5]]);
    for (scale, expected) in [(0.3, 0.41848), (0.35, 0.31886), (0.39, 0.14450)] {
        let found = attractor(&model, sobol(scale, 1 << 14), 0.5);
        assert!((found - expected).abs() < 2e-3, "{scale}: {found} {expected}");
    }
    assert!(attractor(&model, sobol(0.45, 1 << 14), 0.5) < 0.02);
}

/// Moves along the circle whose mean is passed over.
struct WithoutMean;

impl DrawDisplacements for WithoutMean {
    fn draw(&self, x: ArrayView2<f64>, scale: f64, nodes: ArrayView2<f64>) -> Result<ndarray::Array3<f64>> {
        let middle = onto_circle(x)?;
        let mut out = ndarray::Array3::zeros((x.nrows(), nodes.nrows(), 2));
        for (m, mut out) in middle.outer_iter().zip(out.outer_iter_mut()) {
            let from = &nodes * scale + m;
            out.assign(&(onto_circle(from.view())? - m));
        }
        Ok(out)
    }
    fn centred(&self) -> bool {
        true
    }
}

/// Moves along the circle leave every point of it where it is, since E ξ is taken off; without it the
/// circle shrinks.
#[test]
fn the_mean_displacement_matters() {
    let gauss = |kernel: Kernel| kernel.estimator(Estimator::GaussHermite).draws(48 * 48);
    for scale in [0.2, 0.5, 1.0] {
        let kernel = gauss(Kernel::tangent(scale, Arc::new(onto_circle)));
        assert!((attractor(Circle, kernel, 1.0) - 1.0).abs() < 1e-4, "{scale}");
    }
    for (scale, radius, tolerance) in [(0.2, 0.9784, 1e-4), (0.5, 0.7875, 5e-3)] {
        let found = attractor(Circle, gauss(Kernel::custom(scale, Arc::new(WithoutMean))), 1.0);
        assert!((found - radius).abs() < tolerance, "{scale}: {found}");
    }
}
