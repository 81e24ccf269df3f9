//! Samples near a ridge: phases, bounds and the effect of known errors, against closed forms and reference tables.
//!
//! The tables are in the coordinates of the Ornstein–Uhlenbeck process, x_t = a x₀ + √h ε with a = e^{−t} and
//! h = 1 − a²: here σ = √h/a, and lengths there are a times those here.

mod injected;
mod kinds;
mod line;
mod phases;
mod ring;

use ndarray::{Array2, ArrayView1, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::{Denoiser, Levels, PointSet, Sampler, Solver};

/// (a, σ) at time t.
fn level(t: f64) -> (f64, f64) {
    let a = (-t).exp();
    (a, (-(-2.0 * t).exp_m1()).sqrt() / a)
}

/// a at a noise level.
fn scale(sigma: f64) -> f64 {
    1.0 / (1.0 + sigma * sigma).sqrt()
}

/// Noise levels at times spaced exponentially.
fn levels(from: f64, to: f64, steps: usize) -> Vec<f64> {
    let ratio = (to / from).ln() / steps as f64;
    (0..=steps).map(|i| level(from * (ratio * i as f64).exp()).1).collect()
}

/// The time of a noise level.
fn time(sigma: f64) -> f64 {
    0.5 * (sigma * sigma).ln_1p()
}

/// A recorded run from these states.
fn path<D: Denoiser>(
    solver: impl Solver,
    levels: &[f64],
    model: &D,
    start: ArrayView2<f64>,
    seed: u64,
) -> Trajectories {
    let mut path = Trajectories::starting_at(levels[0], start.to_owned());
    let sampler = Sampler::new(solver, Levels(levels.to_vec())).seed(seed);
    sampler.run_from(model, start, &mut path).unwrap();
    path
}

/// Noise level and states of a run at the first time of its grid that is not after t: where the tables are.
fn at(path: &Trajectories, t: f64) -> (f64, ArrayView2<'_, f64>) {
    path.states().find(|(sigma, _)| time(*sigma) <= t * (1.0 + 1e-9)).unwrap()
}

/// The states at the last positive level.
fn end(path: &Trajectories) -> ArrayView2<'_, f64> {
    path.states().filter(|(s, _)| *s > 0.0).last().unwrap().1
}

fn empirical(points: Array2<f64>) -> Empirical {
    Empirical::new(&PointSet::vectors(points).unwrap()).unwrap()
}

/// n points of the unit circle.
fn ring(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / n as f64;
        if k == 0 { angle.cos() } else { angle.sin() }
    })
}

/// Radius of the ridge of a uniform unit circle: the root of r = I₁(k)/I₀(k), k = r/σ²; 0 if there is none.
fn ring_radius(sigma: f64) -> f64 {
    let ratio = |k: f64| {
        let (mut first, mut zeroth) = (0.0, 0.0);
        for i in 0..400 {
            let c = (2.0 * std::f64::consts::PI * i as f64 / 400.0).cos();
            let weight = (k * (c - 1.0)).exp();
            first += weight * c;
            zeroth += weight;
        }
        first / zeroth
    };
    let (mut low, mut high) = (1e-6, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if ratio(middle / (sigma * sigma)) > middle { low = middle } else { high = middle }
    }
    low
}

/// Standard normals of SplitMix64 by Box–Muller, as the tables' own.
fn splitmix_normals(seed: u64, n: usize) -> Vec<f64> {
    let uniform = |k: u64| {
        let mut z = seed.wrapping_add((k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    };
    let pair = |i: usize| {
        let (u, v) = (uniform(2 * i as u64), uniform(2 * i as u64 + 1));
        let (radius, angle) = ((-2.0 * (1.0 - u).ln()).sqrt(), 2.0 * std::f64::consts::PI * v);
        [radius * angle.cos(), radius * angle.sin()]
    };
    (0..n.div_ceil(2)).flat_map(pair).take(n).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn std(values: &[f64]) -> f64 {
    let centre = mean(values);
    mean(&values.iter().map(|v| (v - centre).powi(2)).collect::<Vec<_>>()).sqrt()
}

fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected} to {tolerance}");
}

#[test]
fn the_tables_generator() {
    let normals = splitmix_normals(1, 3);
    for (found, expected) in normals.iter().zip([-0.0342673217918511, -1.29260853323732, -2.50006749336987]) {
        close(*found, expected, 1e-13);
    }
}
