//! The noisy unit circle in R^d: 256 centres, isotropic noise η in all d coordinates, exact score.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, array};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::transform::Attraction;
use ridgewalk::{Denoiser, Heun, Karras, Mad, PointSet, Progress, Sampler, Solver};

use crate::{DIFFERENCE, hybrid, with};

fn angle(i: usize, n: usize) -> f64 {
    i as f64 / n as f64 * std::f64::consts::TAU
}

fn at(angle: f64, d: usize) -> Array1<f64> {
    let mut point = Array1::zeros(d);
    point[0] = angle.cos();
    point[1] = angle.sin();
    point
}

pub fn noisy_circle(d: usize, noise: f64) -> Mixture {
    let one = |i| Gaussian::new(at(angle(i, 256), d), Covariance::isotropic(d, noise * noise).unwrap());
    Mixture::new(vec![1.0 / 256.0; 256], (0..256).map(|i| one(i).unwrap()).collect()).unwrap()
}

/// Mean distance to the circle, mean and standard deviation of the radius in its plane, and the entropy of angles
/// in 32 bins over its largest value.
fn ends(samples: &Array2<f64>) -> [f64; 4] {
    let n = samples.nrows() as f64;
    let (mut distance, mut radii, mut squares, mut bins) = (0.0, 0.0, 0.0, [0.0; 32]);
    for row in samples.outer_iter() {
        let r = row[0].hypot(row[1]);
        let rest: f64 = row.iter().skip(2).map(|v| v * v).sum();
        distance += ((r - 1.0).powi(2) + rest).sqrt() / n;
        radii += r / n;
        squares += r * r / n;
        let turn = row[1].atan2(row[0]) / std::f64::consts::TAU + 0.5;
        bins[((turn * 32.0) as usize).min(31)] += 1.0 / n;
    }
    let entropy: f64 = bins.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
    [distance, radii, (squares - radii * radii).max(0.0).sqrt(), entropy / 32f64.ln()]
}

struct Row {
    d: usize,
    noise: f64,
    b: f64,
    attraction: Attraction,
    n: usize,
    heun: bool,
    expected: [f64; 3],
}

/// The reference's rows: distance, mean radius and its deviation. Three standard errors are allowed: in the plane, where
/// 500 samples are drawn, 10 % of the distance and of the deviation; in 64 dimensions, where distances are nearly
/// the same, 5 % and, of 40 samples, 35 %.
#[test]
fn rows_of_the_reference() {
    let row =
        |d, noise, b, expected| Row { d, noise, b, attraction: DIFFERENCE, n: 40, heun: false, expected };
    let rows = [
        row(2, 0.05, 0.0, [0.03975, 1.00299, 0.05011]),
        row(2, 0.05, 2.0, [0.01444, 0.99500, 0.01768]),
        row(2, 0.1, 4.0, [0.01637, 0.98879, 0.01731]),
        row(2, 0.05, 8.0, [0.00238, 0.99762, 0.00019]),
        row(2, 0.1, 8.0, [0.00917, 0.99083, 0.00143]),
        row(2, 0.05, 16.0, [0.00210, 0.99790, 0.00001]),
        Row { n: 80, ..row(2, 0.05, 8.0, [0.00275, 0.99725, 0.00076]) },
        Row { heun: true, ..row(2, 0.05, 8.0, [0.00330, 0.99703, 0.00265]) },
        Row { attraction: Attraction::Directional(1.0), ..row(2, 0.05, 8.0, [0.00166, 0.99834, 0.00011]) },
        Row { attraction: Attraction::Directional(1.0), ..row(2, 0.1, 8.0, [0.00655, 0.99345, 0.00090]) },
        row(64, 0.1, 0.0, [0.80155, 1.00836, 0.09958]),
        row(64, 0.05, 8.0, [0.00267, 0.99762, 0.00019]),
        row(64, 0.1, 8.0, [0.01257, 0.99084, 0.00140]),
        Row { heun: true, ..row(64, 0.1, 8.0, [0.05320, 0.99140, 0.00697]) },
    ];
    for row in rows {
        let Row { d, noise, b, attraction, n, heun, expected } = row;
        let mad = Mad::new(noisy_circle(d, noise), with(b, attraction)).unwrap();
        let solver: Box<dyn Solver> = if heun { Box::new(Heun::new()) } else { hybrid(mad.onset_level()) };
        let sampler = Sampler::new(solver, Karras::new(0.002..80.0, n)).seed(1);
        let count = if d == 2 { 500 } else { 40 };
        let [distance, radius, deviation, entropy] = ends(&sampler.run(&mad, count).unwrap().points);
        let label = format!("d {d} noise {noise} b {b} {attraction:?} n {n} heun {heun}");
        let error = if d == 2 { 0.1 } else { 0.05 };
        assert!((distance / expected[0] - 1.0).abs() < error, "{label}: {distance} {expected:?}");
        let error = 0.003 + 3.0 * expected[2] / (count as f64).sqrt();
        assert!((radius - expected[1]).abs() < error, "{label}: {radius} {expected:?}");
        let error = if d == 2 { 0.15 } else { 0.35 };
        assert!(
            (deviation - expected[2]).abs() < error * expected[2] + 1e-5,
            "{label}: {deviation} {expected:?}"
        );
        // Of uniform angles −1 + entropy is about −31/(2 n log 32).
        assert!(entropy > 1.0 - 2.0 * 31.0 / (2.0 * count as f64 * 32f64.ln()), "{label}: {entropy}");
    }
}

/// The control: a score that memorises 2,000 noisy points gives them back.
#[test]
fn a_memorising_score_is_not_cleaned() {
    let mut points = Array2::zeros((2000, 64));
    for (i, mut row) in points.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(5, Purpose::DataNoise, i as u64, 0);
        row.assign(&at(stream.uniform() * std::f64::consts::TAU, 64));
        row.iter_mut().for_each(|v| *v += 0.1 * stream.normal());
    }
    let model = Empirical::new(&PointSet::vectors(points).unwrap()).unwrap();
    for (b, expected) in [(0.0, 0.789), (8.0, 0.763)] {
        let mad = Mad::new(&model, with(b, DIFFERENCE)).unwrap();
        let sampler = Sampler::new(hybrid(mad.onset_level()), Karras::new(0.002..80.0, 40)).seed(1);
        let [distance, ..] = ends(&sampler.run(&mad, 150).unwrap().points);
        // The distance of one is 0.79 ± 0.07: ± 0.006 of 150, four times.
        assert!((distance - expected).abs() < 0.024, "{b}: {distance} {expected}");
    }
}

#[test]
fn one_trajectory() {
    let model = noisy_circle(2, 0.1);
    let end = |b: f64, attraction: Attraction, euler: bool| {
        let mad = Mad::new(&model, with(b, attraction)).unwrap();
        let solver: Box<dyn Solver> =
            if euler { Box::new(ridgewalk::Euler) } else { hybrid(mad.onset_level()) };
        let start = array![[30.0, -50.0]];
        let out = Sampler::new(solver, Karras::new(0.002..80.0, 40)).run_from(
            &mad as &dyn Denoiser,
            start.view(),
            &mut |_: &Progress| ControlFlow::Continue(()),
        );
        out.unwrap().points
    };
    for (b, attraction, euler, expected, tolerance) in [
        (0.0, DIFFERENCE, true, [0.470596, -0.784327], 1e-5),
        (0.0, DIFFERENCE, false, [0.481218, -0.802030], 1e-5),
        (4.0, DIFFERENCE, false, [0.502497, -0.837495], 1e-5),
        (8.0, DIFFERENCE, false, [0.509286, -0.848810], 1e-5),
        (4.0, Attraction::Directional(1.0), false, [0.505668, -0.842780], 1e-5),
        (8.0, Attraction::Directional(1.0), false, [0.510787, -0.851311], 1e-5),
        // The reference lets strengths below 0.01 act.
        (4.0, DIFFERENCE, true, [0.500477, -0.834129], 1e-3),
        (8.0, DIFFERENCE, true, [0.509118, -0.848531], 1e-3),
    ] {
        let got = end(b, attraction, euler);
        for k in 0..2 {
            assert!((got[(0, k)] - expected[k]).abs() < tolerance, "{b} {attraction:?}: {got}");
        }
    }
}
