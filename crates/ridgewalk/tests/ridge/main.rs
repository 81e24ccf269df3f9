//! Ridges against closed forms and tables of known values.
//!
//! The tables are in the coordinates of the Ornstein–Uhlenbeck process, x_t = a x₀ + √h ε with a = e^{−t} and
//! h = 1 − a²: here σ = √h/a, and lengths there are a times those here.

mod frames;
mod known;
mod scale;

use ndarray::{Array1, Array2, ArrayView1, array};
use ridgewalk::PointSet;
use ridgewalk::closed_form::Empirical;

/// (a, σ) at time t.
fn level(t: f64) -> (f64, f64) {
    let a = (-t).exp();
    (a, (1.0 - a * a).sqrt() / a)
}

fn empirical(points: Array2<f64>) -> Empirical {
    Empirical::new(&PointSet::vectors(points).unwrap()).unwrap()
}

/// Thirteen points on a wave in the plane.
fn wave() -> Array2<f64> {
    Array2::from_shape_fn((13, 2), |(i, k)| {
        let x = -3.0 + 0.5 * i as f64;
        if k == 0 { x } else { 1.2 * (std::f64::consts::PI * x / 3.0).sin() }
    })
}

/// n points of the unit circle.
fn ring(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / n as f64;
        if k == 0 { angle.cos() } else { angle.sin() }
    })
}

fn two() -> Array2<f64> {
    array![[-3.0, 0.0], [3.0, 0.0]]
}

fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} is not {expected} to {tolerance}");
}

/// A point as a batch.
fn one(x: Array1<f64>) -> Array2<f64> {
    x.insert_axis(ndarray::Axis(0))
}
