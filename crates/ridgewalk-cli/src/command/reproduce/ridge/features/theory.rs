//! The formula of training against its reference table, and against gradient descent in small steps.
//!
//! ```text
//! W ← W − 2 r (W U − V)        τ = r × steps        U, V by the formulas of cosine features, apart from the library's
//! ```

use std::f64::consts::TAU;

use ndarray::{Array1, Array2};
use ridgewalk::closed_form::{Activation, Features, TimeGrid, Training};
use ridgewalk::survey::{Cell, Finding, Table};
use ridgewalk_report::format_number;

use super::super::super::part::Part;
use super::super::settings::{Settings, at_most, table_normals, table_uniforms};
use super::{modes, points};
use crate::failure::Result;

const FEATURES: usize = 64;
const TIMES: [f64; 3] = [0.1, 0.5, 1.0];
/// (τ, loss along x, loss along y), from an independent computation.
const TABLE: [(f64, f64, f64); 7] = [
    (0.0, 5.78881, 1.02978),
    (1.0, 3.17808, 0.721709),
    (10.0, 0.68093, 0.190796),
    (100.0, 0.405069, 0.00858297),
    (1000.0, 0.392418, 0.000841578),
    (10000.0, 0.391094, 6.65273e-05),
    (f64::INFINITY, 0.390478, 1.83796e-06),
];
/// Length of a step of gradient descent, and τ up to which steps are taken.
const STEP: f64 = 0.02;
const STEPPED: f64 = 1000.0;

pub fn run(settings: &Settings, part: &mut Part) -> Result<()> {
    let shape = |e| ridgewalk::Error::shape("the features", e, "64 of the plane");
    let directions = Array2::from_shape_vec((FEATURES, 2), table_normals(7, 2 * FEATURES)).map_err(shape)?;
    let biases: Vec<f64> = table_uniforms(8, FEATURES).into_iter().map(|u| TAU * u).collect();
    let initial = Array2::from_shape_vec((2, FEATURES), table_normals(9, 2 * FEATURES)).map_err(shape)? / 8.0;
    let none = Array2::zeros((FEATURES, 0));
    let features = Features::new(Activation::Cosine, directions, none, biases, 1.0)?;
    let times = TimeGrid::new(TIMES.map(|t| (t, 1.0 / 3.0)).to_vec())?;
    let (second, first) = moments(&features)?;
    let training = Training { initial: initial.clone(), ..Training::new(features, times, 0) };
    let trained = training.train(&points(modes())?)?;

    let last = if settings.paper.small { 100.0 } else { STEPPED };
    let columns =
        ["τ", "loss along x", "table", "loss along y", "table", "steps of descent: along x", "along y"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut weights, mut steps) = (initial, 0usize);
    let (mut worst, mut worst_limit, mut worst_steps) = (0.0f64, 0.0f64, 0.0f64);
    for (tau, along_x, along_y) in TABLE {
        let loss = trained.loss(tau)?;
        let [x, y] = [0, 1].map(|k: usize| loss.get(k).copied().unwrap_or(f64::NAN));
        let off = (x / along_x - 1.0).abs().max((y / along_y - 1.0).abs());
        if tau.is_finite() {
            worst = worst.max(off)
        } else {
            worst_limit = off
        }
        let mut row: Vec<Cell> = [tau, x, along_x, y, along_y].map(Into::into).to_vec();
        if tau.is_infinite() {
            row[0] = "∞".into();
        }
        if tau <= last {
            while ((steps + 1) as f64 * STEP) <= tau * (1.0 + 1e-12) {
                let gradient = weights.dot(&second) - &first;
                weights.scaled_add(-2.0 * STEP, &gradient);
                steps += 1;
            }
            let stepped = losses(&weights, &second, &first, trained.loss_of_nothing());
            worst_steps = worst_steps.max((stepped[0] / x - 1.0).abs()).max((stepped[1] / y - 1.0).abs());
            row.extend(stepped.iter().map(|v| Cell::from(*v)));
        } else {
            row.extend(["–".into(), "–".into()]);
        }
        table.rows.push(row);
    }
    part.table("ridge-features-training", "Loss of 64 features over training time", table);
    part.finding(
        Finding::new(
            "features-table",
            format!("Losses up to τ = 10000 are the table's within {}.", format_number(worst)),
            worst,
            2 * (TABLE.len() - 1),
        )
        .expect(at_most(1e-5, "at most 1e-5, the table's digits")),
    );
    part.finding(
        Finding::new(
            "features-limit",
            format!("Losses at τ = ∞ are the table's within {}.", format_number(worst_limit)),
            worst_limit,
            2,
        )
        .expect(at_most(1e-3, "at most 1e-3: the limit depends on where eigenvalues are cut")),
    );
    part.finding(
        Finding::new(
            "features-descent",
            format!(
                "Gradient descent in {steps} steps has the losses of the formula within {}.",
                format_number(worst_steps)
            ),
            worst_steps,
            steps,
        )
        .setting("step", STEP)
        .expect(at_most(0.01, "at most 1 %, what steps of this length leave out")),
    );
    Ok(())
}

/// U and V of cosine features that are blind to the time, on the two modes, by their formulas.
fn moments(features: &Features) -> Result<(Array2<f64>, Array2<f64>)> {
    let (w, data) = (features.directions(), modes());
    let p = features.len();
    let share = 1.0 / (TIMES.len() * data.nrows() * p) as f64;
    let (mut second, mut first) = (Array2::zeros((p, p)), Array2::zeros((2, p)));
    for t in TIMES {
        let (a, h) = (libm::exp(-t), -libm::expm1(-2.0 * t));
        let means = features.expectation(data.view(), t)?;
        for (x, mean) in data.outer_iter().zip(means.outer_iter()) {
            let q: Vec<f64> = w.dot(&x).iter().zip(features.biases()).map(|(wx, b)| a * wx + b).collect();
            for ((j, k), sum) in second.indexed_iter_mut() {
                let (less, more): (Array1<f64>, Array1<f64>) = (&w.row(j) - &w.row(k), &w.row(j) + &w.row(k));
                let damped = |v: &Array1<f64>, angle: f64| libm::exp(-0.5 * h * v.dot(v)) * libm::cos(angle);
                *sum += share * (damped(&less, q[j] - q[k]) + damped(&more, q[j] + q[k]));
            }
            for (mut row, x) in first.outer_iter_mut().zip(&x) {
                row.scaled_add(share * a * x, &mean);
            }
        }
    }
    Ok((second, first))
}

/// p w U wᵀ − 2p V wᵀ + C of every row.
fn losses(weights: &Array2<f64>, second: &Array2<f64>, first: &Array2<f64>, target: &[f64]) -> [f64; 2] {
    let p = weights.ncols() as f64;
    let moved = weights.dot(second);
    [0, 1].map(|k| {
        let w = weights.row(k);
        p * (moved.row(k).dot(&w) - 2.0 * first.row(k).dot(&w)) + target.get(k).copied().unwrap_or(f64::NAN)
    })
}
