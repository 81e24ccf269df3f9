//! Smoothing of the empirical score against reference values: quadrature, closed forms and laws of
//! log-domain smoothing (arXiv 2510.02305). The noise levels are variances t = σ².

mod attractors;
mod estimators;
mod likelihood;
mod scores;

use std::f64::consts::TAU;

use ndarray::Array2;
use ridgewalk::PointSet;
use ridgewalk::closed_form::Empirical;
use ridgewalk::transform::{Estimator, Kernel};

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

/// Nodes (`step` apart, within `reach` of 0) and weights of the trapezoidal rule for a two-dimensional standard normal.
fn trapezoid(step: f64, reach: f64) -> (Array2<f64>, Vec<f64>) {
    let side = (reach / step) as i64;
    let places = (-side..=side).flat_map(|i| (-side..=side).map(move |j| [i as f64 * step, j as f64 * step]));
    let nodes: Vec<[f64; 2]> = places.filter(|p| p[0].hypot(p[1]) < reach).collect();
    let mut weights: Vec<f64> = nodes.iter().map(|[a, b]| (-0.5 * (a * a + b * b)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    (Array2::from(nodes), weights)
}
