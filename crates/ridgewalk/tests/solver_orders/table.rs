//! The reference table: largest error to the exact flow, in the coordinates of the variance-preserving process.

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::Sampler;
use ridgewalk::closed_form::Gaussian;
use ridgewalk::solver::named;

use crate::models::{carried, gaussian, uniform};

const VARIANCES: [f64; 3] = [4.0, 1.0, 0.09];

/// A solver, and its errors at N = 20, 40, 80, 160 as a separate computation gives them to two digits; 0 where it
/// does not say.
const TABLE: &[(&str, [f64; 4])] = &[
    ("euler", [1.0e-1, 5.1e-2, 2.6e-2, 1.3e-2]),
    ("heun", [1.7e-2, 4.0e-3, 9.8e-4, 2.4e-4]),
    ("dpm++2s", [7.4e-3, 1.9e-3, 4.8e-4, 1.2e-4]),
    ("dpm++2m", [7.2e-3, 1.9e-3, 4.7e-4, 1.2e-4]),
    ("dpm++3m", [2.9e-3, 6.2e-4, 1.5e-4, 3.6e-5]),
    ("lms:order=2", [3.1e-2, 0.0, 0.0, 5.9e-4]),
    ("lms:order=4", [9.9e-3, 1.1e-3, 1.1e-4, 1.5e-5]),
    ("deis:order=3,time=lambda", [1.3e-3, 2.1e-4, 4.4e-5, 1.0e-5]),
    ("deis:order=3,time=sigma-root", [2.8e-3, 4.1e-4, 7.0e-5, 1.4e-5]),
    ("unipc:order=2,variant=bh2", [3.0e-3, 3.9e-4, 4.9e-5, 6.1e-6]),
    ("unipc:order=2,variant=bh1", [6.4e-3, 7.5e-4, 9.1e-5, 1.1e-5]),
    // Without a corrector in the last step: below.
    ("unipc:order=3,variant=bh2", [1.43e-4, 2.05e-5, 1.64e-6, 1.15e-7]),
];

/// The exact path, at a level.
fn path(model: &Gaussian, sigma: f64) -> Array2<f64> {
    let deviations: Array1<f64> = VARIANCES.iter().map(|v| (v + sigma * sigma).sqrt()).collect();
    let offsets = array![0.7, -1.3, 0.4] * deviations;
    (offsets + model.mean()).insert_axis(Axis(0))
}

/// What a run of UniPC returns is D at the state that its last predictor found: without the last corrector, which
/// costs nothing and which no sample sees. Of a Gaussian D tells that state, whose errors are the table's.
#[test]
fn what_unipc_returns_errs_as_the_reference_table_says() {
    let range = -3.0..3.0f64;
    let (high, low) = ((-range.start).exp(), (-range.end).exp());
    let (model, alpha) = (gaussian(), (1.0 / (1.0 + (-6.0f64).exp())).sqrt());
    for (n, expected) in [(20, 1.8e-4), (40, 2.2e-5), (80, 1.7e-6), (160, 1.2e-7)] {
        let mut ignore = |_: &ridgewalk::Progress| std::ops::ControlFlow::Continue(());
        let sampler = Sampler::new(named("unipc:order=3", n).unwrap(), uniform(&range, n));
        let run = sampler.run_from(&model, path(&model, high).view(), &mut ignore).unwrap();
        assert_eq!(run.evaluations, n + 1);
        let stretch = array![VARIANCES[0], VARIANCES[1], VARIANCES[2]].mapv(|v: f64| (v + low * low) / v);
        let state = (run.points - model.mean()) * stretch + model.mean();
        let error = crate::models::worst(&state, &path(&model, low)) * alpha;
        assert!((error / expected - 1.0).abs() < 0.04, "{n}: {error:e}");
    }
}

#[test]
fn maps_err_as_the_reference_table_says() {
    let range = -3.0..3.0f64;
    let (high, low) = ((-range.start).exp(), (-range.end).exp());
    let model: Gaussian = gaussian();
    let along = |sigma: f64| path(&model, sigma);
    let alpha = (1.0 / (1.0 + (-6.0f64).exp())).sqrt();
    for (name, errors) in TABLE {
        let solver = named(name, 1).unwrap();
        for (n, expected) in [20, 40, 80, 160].into_iter().zip(errors) {
            let end = carried(solver.as_ref(), &model, uniform(&range, n), along(high).view());
            let error = crate::models::worst(&end, &along(low)) * alpha;
            let off = if *expected > 0.0 { error / expected - 1.0 } else { 0.0 };
            assert!(off.abs() < 0.04, "{name} {n}: {error:e}");
        }
    }
}
