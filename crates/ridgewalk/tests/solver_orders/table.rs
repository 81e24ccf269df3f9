//! The reference table: largest error to the exact flow, in the coordinates of the variance-preserving process.

use ndarray::Axis;
use ndarray::array;
use ridgewalk::closed_form::Gaussian;
use ridgewalk::solver::named;

use crate::models::{carried, gaussian, uniform};

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
    // Without a corrector in the last step, as the paper has it, 1.8e-4, 2.2e-5, 1.7e-6, 1.2e-7.
    ("unipc:order=3,variant=bh2", [1.43e-4, 2.05e-5, 1.64e-6, 1.15e-7]),
];

#[test]
fn maps_err_as_the_reference_table_says() {
    let range = -3.0..3.0f64;
    let (high, low) = ((-range.start).exp(), (-range.end).exp());
    let model: Gaussian = gaussian();
    let along = |sigma: f64| {
        let offsets =
            array![0.7, -1.3, 0.4] * array![4.0, 1.0, 0.09].mapv(|v: f64| (v + sigma * sigma).sqrt());
        (offsets + model.mean()).insert_axis(Axis(0))
    };
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
