//! Twenty-four points of a circle: runs with and without errors against reference tables.

use ndarray::{Array1, Array2, ArrayView1, array};
use ridgewalk::ReverseSde;
use ridgewalk::solver::RungeKutta4;
use ridgewalk::transform::{Field, InjectedError, Perturbed};

use crate::{
    at, close, empirical, length, level, levels, mean, path, ring, ring_radius, scale, splitmix_normals, std,
};
use ridgewalk::sampler::observers::Trajectories;

const TIMES: [f64; 8] = [0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001];
const GAP: f64 = 2.0 * std::f64::consts::PI / 24.0;

fn outward<'a>(d: f64) -> InjectedError<'a> {
    InjectedError::new(Field::away_from(array![0.0, 0.0])).of_size_at(move |sigma| d / scale(sigma))
}

fn around<'a>(d: f64) -> InjectedError<'a> {
    InjectedError::new(Field::around(array![0.0, 0.0], (0, 1))).of_size_at(move |sigma| d / scale(sigma))
}

fn start() -> Array2<f64> {
    Array2::from_shape_vec((256, 2), splitmix_normals(9, 512)).unwrap() / level(3.0).0
}

/// Distances from the ring's ridge at time t, in the tables' units.
fn off(path: &Trajectories, t: f64) -> Vec<f64> {
    let (sigma, x) = at(path, t);
    let radius = ring_radius(sigma);
    x.outer_iter().map(|x| scale(sigma) * (length(x) - radius)).collect()
}

/// Mean angle turned since time `from`, in gaps between data, at these times.
fn slides(path: &Trajectories, from: f64, times: &[f64]) -> Vec<f64> {
    let begin = at(path, from).0;
    let wanted: Vec<f64> = times.iter().map(|t| at(path, *t).0).collect();
    let mut turned: Option<(Array1<f64>, Vec<f64>)> = None;
    let mut found = Vec::new();
    for (sigma, x) in path.states().filter(|(s, _)| *s > 0.0 && *s <= begin) {
        let angles: Vec<f64> = x.outer_iter().map(|x| x[1].atan2(x[0])).collect();
        let (sum, last) = turned.get_or_insert_with(|| (Array1::zeros(angles.len()), angles.clone()));
        for ((sum, last), now) in sum.iter_mut().zip(last.iter()).zip(&angles) {
            let by = now - last;
            *sum += by - 2.0 * std::f64::consts::PI * (by / (2.0 * std::f64::consts::PI)).round();
        }
        *last = angles;
        if wanted.contains(&sigma) {
            found.push(sum.mean().unwrap() / GAP);
        }
    }
    found
}

#[test]
fn flows_onto_the_ring() {
    let exact = empirical(ring(24));
    let levels = levels(3.0, 1e-3, 800);
    let run = path(RungeKutta4, &levels, &exact, start().view(), 0);
    let means = [0.8781, 0.2346, 0.1040, 0.0397, 0.0195, 0.0094, 0.0036, 0.0017];
    let spreads = [0.4915, 0.4010, 0.3046, 0.2002, 0.1433, 0.1015, 0.0647, 0.0459];
    let out = Perturbed::new(&exact, outward(0.05)).unwrap();
    let pushed = path(RungeKutta4, &levels, &out, start().view(), 0);
    let moved = [1.0123, 0.3633, 0.2185, 0.1341, 0.1019, 0.0827, 0.0685, 0.0623];
    let turn = Perturbed::new(&exact, around(0.05)).unwrap();
    let turned = path(RungeKutta4, &levels, &turn, start().view(), 0);
    let radii = [0.1677, 0.7774, 0.8974, 0.9597, 0.9799, 0.9901, 0.9960, 0.9980];
    for (i, t) in TIMES.into_iter().enumerate() {
        let z = off(&run, t);
        let sigma = at(&run, t).0;
        close(scale(sigma) * ring_radius(sigma), radii[i], 1e-4);
        close(mean(&z), means[i], 1e-4);
        close(std(&z), spreads[i], 1e-4);
        let radius = 3.0 * sigma * scale(sigma);
        let within = z.iter().filter(|z| z.abs() < radius).count() as f64 / 256.0;
        close(within, if i == 0 { 0.945 } else { 1.0 }, 5e-4);
        close(mean(&off(&pushed, t)), moved[i], 1e-4);
        // An error along the ridge leaves the distance from it.
        close(mean(&off(&turned, t)), mean(&z), 4e-4);
    }
    let expected = [0.0, 0.087, 0.185, 0.254, 0.321, 0.402, 0.450];
    for (found, expected) in slides(&turned, 0.1, &TIMES[1..]).iter().zip(expected) {
        close(*found, expected, 6e-4);
    }
    let turn = Perturbed::new(&exact, around(0.15)).unwrap();
    let turned = path(RungeKutta4, &levels, &turn, start().view(), 0);
    let expected = [0.0, 0.262, 0.554, 0.761, 0.967, 1.222, 1.393];
    for (found, expected) in slides(&turned, 0.1, &TIMES[1..]).iter().zip(expected) {
        close(*found, expected, 6e-4);
    }
}

/// Euler–Maruyama with other noise: within three standard errors of both runs.
#[test]
fn noisy_runs_onto_the_ring() {
    let exact = empirical(ring(24));
    let levels = levels(3.0, 1e-3, 1000);
    let out = Perturbed::new(&exact, outward(0.05)).unwrap();
    let run = path(ReverseSde, &levels, &exact, start().view(), 1);
    let pushed = path(ReverseSde, &levels, &out, start().view(), 2);
    let means = [0.877, 0.235, 0.098, 0.024, 0.015, 0.002, 0.004, 0.004];
    let spreads = [0.518, 0.396, 0.287, 0.194, 0.139, 0.106, 0.066, 0.045];
    let moved = [0.927, 0.289, 0.151, 0.075, 0.065, 0.052, 0.054, 0.054];
    for (i, t) in TIMES.into_iter().enumerate() {
        // Two runs of 256 paths each, and three digits.
        let allowed = 3.0 * (2.0f64 / 256.0).sqrt() * spreads[i] + 5e-4;
        close(mean(&off(&run, t)), means[i], allowed);
        close(std(&off(&run, t)), spreads[i], 3.0 * spreads[i] / 256f64.sqrt() + 5e-4);
        close(mean(&off(&pushed, t)), moved[i], allowed);
    }
    let turn = Perturbed::new(&exact, around(0.15)).unwrap();
    let turned = path(ReverseSde, &levels, &turn, start().view(), 3);
    let expected = [0.0, 0.548, 1.157, 1.598, 2.042, 2.559, 2.899];
    for (found, expected) in slides(&turned, 0.1, &TIMES[1..]).iter().zip(expected) {
        // Twice as fast as the flow; a path's angle has about a gap's standard deviation of noise.
        close(*found, expected, 3.0 * (2.0f64 / 256.0).sqrt() * 1.6);
    }
}

/// Below half the gap, sin(π/24) = 0.1305, a tangential error ends beside a datum; above, samples slide on.
#[test]
fn the_threshold_of_sliding() {
    let exact = empirical(ring(24));
    let times = [1e-3, 1e-4, 1e-5, 1e-6];
    let levels = levels(0.05, 1e-6, 2000);
    let radius = ring_radius(level(0.05).1);
    let start = Array2::from_shape_fn((64, 2), |(j, k)| {
        let angle = 2.0 * std::f64::consts::PI * j as f64 / 64.0 + 0.01;
        radius * if k == 0 { angle.cos() } else { angle.sin() }
    });
    let expected =
        [(0.13, [0.9967, 1.2714, 1.3575, 1.3847], 0.1271), (0.135, [1.0366, 1.3114, 1.4690, 1.7935], 0.0377)];
    for (d, slid, offset) in expected {
        let model = Perturbed::new(&exact, around(d)).unwrap();
        let run = path(RungeKutta4, &levels, &model, start.view(), 0);
        for (found, expected) in slides(&run, 0.05, &times).iter().zip(slid) {
            close(*found, expected, 1e-3);
        }
        let beside = |x: ArrayView1<f64>| {
            let gaps = x[1].atan2(x[0]) / GAP;
            GAP * (gaps - gaps.round())
        };
        let offsets: Vec<f64> = at(&run, 1e-6).1.outer_iter().map(beside).collect();

        close(mean(&offsets), offset, 1e-4);
    }
}
