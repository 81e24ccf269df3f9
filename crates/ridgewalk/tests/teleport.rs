//! Runs that begin by a Gaussian's exact flow (arXiv 2412.09726).

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{
    Denoiser, Error, Euler, Heun, Karras, Levels, LogLinear, Progress, Sampler, Schedule, Solver, Trace,
};

fn ignore() -> impl FnMut(&Progress) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

fn normals(rows: usize, cols: usize, scale: f64) -> Array2<f64> {
    let mut stream = Stream::new(6, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || scale * stream.normal())
}

/// Eight modes on the unit circle of standard deviation 0.1, the first three times as heavy.
fn ring() -> Mixture {
    let mode = |k: usize| {
        let angle = std::f64::consts::TAU * k as f64 / 8.0;
        Gaussian::new(array![angle.cos(), angle.sin()], Covariance::isotropic(2, 0.01).unwrap()).unwrap()
    };
    let weights = (0..8).map(|k| if k == 0 { 3.0 } else { 1.0 }).collect();
    Mixture::new(weights, (0..8).map(mode).collect()).unwrap()
}

/// Its mean and covariance by hand: (1/5, 0), and E[cos²] − 1/25 = 2/5, E[sin²] = 2/5 of the modes:
/// Σw cos² = (3 + 3)/10 and Σw sin² = 4/10.
fn moments_of_the_ring() -> Gaussian {
    let covariance = array![[0.6 - 0.04 + 0.01, 0.0], [0.0, 0.4 + 0.01]];
    Gaussian::new(array![0.2, 0.0], Covariance::from_dense(covariance.view()).unwrap()).unwrap()
}

/// Root mean square distance, over 2,000 starts 80·z, between teleported states and those of the solved
/// flow, at five landing levels. An independent computation with 36,000 starts gives these numbers; the
/// standard error of ours is 2 to 5 %, by the starts. The first part needs its many steps: at σ = 10 the
/// solver's own error would else be a tenth of what is measured.
#[test]
fn landing_errors_on_the_ring_are_known() {
    let known =
        [(10.0, 4.69e-4, 50), (5.0, 1.884e-3, 20), (2.0, 0.01206, 20), (1.0, 0.0476, 20), (0.5, 0.1448, 20)];
    let model = ring();
    assert!((&model.moments().unwrap().mean - &array![0.2, 0.0]).iter().all(|e| e.abs() < 1e-15));
    let reference = moments_of_the_ring();
    let mut levels = vec![80.0];
    for (to, _, part) in known {
        let from = levels[levels.len() - 1];
        levels.extend(LogLinear::new(to..from, part).levels().unwrap().into_iter().skip(1));
        // The observer sees a state after a step only: land so little above that the step does nothing.
        levels.insert(levels.len() - 1, to * (1.0 + 1e-6));
    }
    let n = 2000;
    let starts = normals(n, 2, 80.0);
    let sampler = Sampler::new(Heun::new(), Levels(levels.clone())).batch(n);
    let mut solved = Trace::default();
    sampler.run_from(&model, starts.view(), &mut solved).unwrap();
    for (sigma, expected, _) in known {
        let steps = levels.iter().position(|l| *l == sigma).unwrap() - 1;
        let mut landed = None;
        let mut watch = |p: &Progress| {
            landed = Some((p.sigma, p.state.to_owned()));
            ControlFlow::Break(())
        };
        let stopped = sampler.clone().teleport(&reference, steps).run_from(&model, starts.view(), &mut watch);
        assert_eq!(stopped, Err(Error::Stopped { step: steps }));
        let (level, state) = landed.unwrap();
        assert_eq!((level, solved.sigmas[steps]), (sigma, sigma));
        let off = state - &solved.states[steps];
        let error: f64 = (off.mapv(|e| e * e).sum() / n as f64).sqrt();
        assert!((error / expected - 1.0).abs() < 0.12, "{sigma}: {error:e}");
    }
}

/// The whole flow of Gaussian data is exact: no error at whatever level a run lands.
#[test]
fn gaussian_data_are_teleported_without_error() {
    let covariance = Covariance::from_parts(array![[0.6, 0.8, 0.0]], vec![3.0], 0.2).unwrap();
    let model = Gaussian::new(array![1.0, -2.0, 5.0], covariance).unwrap();
    let schedule = || Karras::new(0.002..80.0, 18);
    let levels = schedule().levels().unwrap();
    let starts = normals(7, 3, 80.0);
    for steps in 1..18 {
        let sampler = Sampler::new(Heun::new(), schedule()).teleport(&model, steps);
        let mut trace = Trace::default();
        let samples = sampler.run_from(&model, starts.view(), &mut trace).unwrap();
        assert_eq!(samples.sigmas, levels[steps..]);
        // The rest of the run is that of the solver from the exact state.
        let exact = model.flow_levels(starts.view(), 80.0, levels[steps]).unwrap();
        let rest = Sampler::new(Heun::new(), Levels(levels[steps..].to_vec()));
        assert_eq!(samples.points, rest.run_from(&model, exact.view(), &mut ignore()).unwrap().points);
    }
    // Landing at the last level, the sample is D on the exact flow.
    let sampler = Sampler::new(Euler, schedule()).teleport(&model, 17);
    let samples = sampler.run_from(&model, starts.view(), &mut ignore()).unwrap();
    let (from, to) = (80.0, 0.002);
    let exact = model.flow_denoised(&ridgewalk::VarianceExploding, starts.view(), from, to).unwrap();
    assert!((samples.points - exact).iter().all(|e| e.abs() < 1e-12));
}

/// EDM's grids of 18 and 40 levels, landing at node k: level to three digits, evaluations 2(N − k) − 1.
#[test]
fn the_grid_stays_and_evaluations_are_saved() {
    let model = moments_of_the_ring();
    for (n, k, sigma, evaluations) in [
        (18, 2, 40.8, 31),
        (18, 3, 28.4, 29),
        (18, 4, 19.4, 27),
        (18, 5, 12.9, 25),
        (18, 6, 8.40, 23),
        (18, 8, 3.26, 19),
        (40, 8, 23.6, 63),
        (40, 12, 11.7, 55),
        (40, 14, 8.03, 51),
    ] {
        let sampler = Sampler::new(Heun::new(), Karras::new(0.002..80.0, n)).teleport(&model, k);
        let samples = sampler.run(&model, 1).unwrap();
        assert!((samples.sigmas[0] / sigma - 1.0).abs() < 4e-3, "{n} {k}: {}", samples.sigmas[0]);
        assert_eq!((samples.evaluations, samples.sigmas.len()), (evaluations, n - k));
    }
}

/// Start and noise are those of the same run without teleporting: on Gaussian data, with churn and many
/// steps, the samples are the same up to the solver's error; and no step left out is no change at all.
#[test]
fn a_teleported_run_has_the_start_and_the_noise_of_the_whole_one() {
    let model = moments_of_the_ring();
    let solver = Heun::with_churn(40.0, 400, 0.05..=5.0, 1.0).unwrap();
    let sampler = Sampler::new(solver, LogLinear::new(0.01..80.0, 400)).seed(3);
    let whole = sampler.run(&model, 20).unwrap().points;
    assert_eq!(whole, sampler.clone().teleport(&model, 0).run(&model, 20).unwrap().points);
    let short = sampler.clone().teleport(&model, 100).run(&model, 20).unwrap().points;
    assert!((&short - &whole).iter().all(|e| e.abs() < 1e-3), "{}", short - whole);
    for batch in [1, 7] {
        assert_eq!(short, sampler.clone().teleport(&model, 100).batch(batch).run(&model, 20).unwrap().points);
    }
}

#[test]
fn impossible_teleports_are_errors() {
    fn message<V: Solver, S: Schedule>(sampler: Sampler<V, S>, by: &Gaussian, steps: usize) -> String {
        sampler.teleport(by, steps).run(&ring(), 1).unwrap_err().to_string()
    }
    let sampler = || Sampler::new(Euler, Karras::new(0.1..10.0, 5));
    assert!(message(sampler(), &moments_of_the_ring(), 5).contains("5, of a schedule with 5 levels"));
    let other = Gaussian::new(Array1::zeros(3), Covariance::isotropic(3, 1.0).unwrap()).unwrap();
    assert!(message(sampler(), &other, 1).contains("3 dimensions"));
    let rows = normals(2, 3, 1.0);
    let sampler = sampler().teleport(&moments_of_the_ring(), 1);
    assert!(sampler.run_from(&ring(), rows.view(), &mut ignore()).is_err());
    assert_eq!(sampler.run(&ring(), 2).unwrap().points.len_of(Axis(0)), 2);
}
