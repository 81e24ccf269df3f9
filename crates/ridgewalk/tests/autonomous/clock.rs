//! A blind field with a clock, run by the library's solvers, against the updates that papers write down for networks.

use ndarray::{Array2, Axis};
use ridgewalk::autonomous::{Autonomous, Blind, Clocked, Target, TimePrior};
use ridgewalk::process::Ddpm;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{
    Denoiser, Euler, FlowMatching, Heun, Karras, Levels, LinearTime, Process, Sampler, Schedule, Solver,
    Trace, VarianceExploding, solver,
};

use crate::closed_form::embedded;
use crate::sampling::{circles, noisy};

const DIM: usize = 8;

/// States of a run from `u` after every step, in the coordinates of the process (the last one is data, α = 1).
fn states(
    solver: impl Solver,
    schedule: impl Schedule,
    model: &dyn Denoiser,
    process: &dyn Process,
    u: &Array2<f64>,
) -> Vec<Array2<f64>> {
    let levels = schedule.levels().unwrap();
    let mut trace = Trace::default();
    let x = u / process.alpha(process.time(levels[0]));
    Sampler::new(solver, schedule).seed(4).run_from(model, x.view(), &mut trace).unwrap();
    let alphas = levels[1..].iter().map(|&level| process.alpha(process.time(level))).chain([1.0]);
    trace.states.iter().zip(alphas).map(|(x, alpha)| x * alpha).collect()
}

fn assert_same(found: &[Array2<f64>], expected: &[Array2<f64>], what: &str) {
    assert_eq!(found.len(), expected.len());
    for (k, (found, expected)) in found.iter().zip(expected).enumerate() {
        let off = (found - expected).iter().fold(0.0, |a: f64, d| a.max(d.abs()));
        assert!(off < 1e-12, "{what}: step {k} off by {off:e}");
    }
}

/// u_s = u + (s − t) f(u), at times evenly apart, and u − t f(u) at the end.
#[test]
fn euler_is_the_step_of_flow_matching() {
    let model = embedded(&circles(), DIM);
    let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0).unwrap()).unwrap();
    let field = blind.field(Target::Velocity);
    let (from, to, n) = (0.9, 0.02, 23);
    let start = noisy(6, DIM, 1, (1.0 - from, from));
    let level = |t: f64| t / (1.0 - t);
    let schedule = LinearTime::new(FlowMatching, level(to)..level(from), n);
    let clocked = Clocked::new(field, FlowMatching);
    let found = states(Euler, schedule, &clocked, &FlowMatching, &start);
    let times: Vec<f64> =
        (0..n).map(|i| from + (to - from) * i as f64 / (n - 1) as f64).chain([0.0]).collect();
    let mut u = start;
    let mut expected = Vec::new();
    for pair in times.windows(2) {
        let f = field.field(u.view()).unwrap();
        u.scaled_add(pair[1] - pair[0], &f);
        expected.push(u.clone());
    }
    assert_same(&found, &expected, "flow matching");
}

/// x̂ and ε̂ as the target means them, u_s = α_s x̂ + σ_s ε̂: DDIM, for every target.
#[test]
fn euler_is_ddim_for_every_target() {
    let model = embedded(&circles(), DIM);
    let process = Ddpm::linear();
    let prior = TimePrior::steps((1..=100).map(|i| f64::from(10 * i))).unwrap();
    let blind = Blind::from(&model, &process, prior).unwrap();
    let times: Vec<f64> = (0..12).map(|i| 600.0 - 50.0 * f64::from(i)).collect();
    let levels = Levels(times.iter().map(|&t| process.noise_level(t)).collect());
    let start = noisy(6, DIM, 1, (process.alpha(600.0), process.sigma(600.0)));
    for target in [Target::Noise, Target::Data, Target::VPrediction, Target::Equilibrium] {
        let field = blind.field(target);
        let found = states(Euler, levels.clone(), &Clocked::new(field, &process), &process, &start);
        let mut u = start.clone();
        let mut expected = Vec::new();
        for (i, &t) in times.iter().enumerate() {
            let (a, b) = (process.alpha(t), process.sigma(t));
            let f = field.field(u.view()).unwrap();
            let x = match target {
                Target::Noise => (&u - &(&f * b)) / a,
                Target::VPrediction => &u * a - &f * b,
                Target::Equilibrium => &u - &f,
                _ => f,
            };
            let e = (&u - &(&x * a)) / b;
            u = match times.get(i + 1) {
                Some(&s) => &x * process.alpha(s) + &e * process.sigma(s),
                None => x,
            };
            expected.push(u.clone());
        }
        assert_same(&found, &expected, target.name());
    }
}

/// Algorithm 2 of arXiv 2006.11239: u ← (u − β/√(1 − ᾱ) ε̂)/√(1 − β) + √β̃ z, from the same noise.
#[test]
fn ddpm_is_the_ancestral_step() {
    let model = embedded(&circles(), DIM);
    let process = Ddpm::linear();
    let prior = TimePrior::steps((1..=100).map(|i| f64::from(10 * i))).unwrap();
    let blind = Blind::from(&model, &process, prior).unwrap();
    let field = blind.field(Target::Noise);
    let (from, n) = (300usize, 20);
    let levels = Levels((0..n).map(|i| process.noise_level((from - i) as f64)).collect());
    let bar = |t: usize| process.alpha_bar(t).unwrap();
    let start = noisy(6, DIM, 1, (bar(from).sqrt(), (1.0 - bar(from)).sqrt()));
    let small = solver::named("ddpm:variance=small", n).unwrap();
    let found = states(small, levels, &Clocked::new(field, &process), &process, &start);
    let mut u = start;
    let mut expected = Vec::new();
    for i in 0..n {
        let t = from - i;
        let f = field.field(u.view()).unwrap();
        if i + 1 == n {
            u = (&u - &(&f * (1.0 - bar(t)).sqrt())) / bar(t).sqrt();
        } else {
            let beta = 1.0 - bar(t) / bar(t - 1);
            let spread = ((1.0 - bar(t - 1)) / (1.0 - bar(t)) * beta).sqrt();
            u = (&u - &(&f * (beta / (1.0 - bar(t)).sqrt()))) / (1.0 - beta).sqrt();
            for (sample, mut row) in u.axis_iter_mut(Axis(0)).enumerate() {
                let mut stream = Stream::new(4, Purpose::Churn, sample as u64, i as u64);
                row.iter_mut().for_each(|v| *v += spread * stream.normal());
            }
        }
        expected.push(u.clone());
    }
    assert_same(&found, &expected, "ddpm");
}

/// Algorithm 1 of arXiv 2206.00364 with d = (x − f(x))/σ: the field is the denoiser, and knows no σ.
#[test]
fn heun_is_the_step_of_edm() {
    let model = embedded(&circles(), DIM);
    let blind = Blind::from(&model, VarianceExploding, TimePrior::uniform(2e-3..80.0).unwrap()).unwrap();
    let field = blind.field(Target::Data);
    let schedule = Karras::new(0.01..20.0, 14);
    let levels = schedule.levels().unwrap();
    let start = noisy(6, DIM, 1, (1.0, 20.0));
    let clocked = Clocked::new(field, VarianceExploding);
    let found = states(Heun::new(), schedule, &clocked, &VarianceExploding, &start);
    let slope = |x: &Array2<f64>, sigma: f64| (x - &field.field(x.view()).unwrap()) / sigma;
    let mut x = start;
    let mut expected = Vec::new();
    for (i, &sigma) in levels.iter().enumerate() {
        let d = slope(&x, sigma);
        let next = levels.get(i + 1).copied().unwrap_or(0.0);
        let predicted = &x + &(&d * (next - sigma));
        x = match next {
            0.0 => predicted,
            _ => &x + &((&d + &slope(&predicted, next)) * (0.5 * (next - sigma))),
        };
        expected.push(x.clone());
    }
    assert_same(&found, &expected, "edm");
}
