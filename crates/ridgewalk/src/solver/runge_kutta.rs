//! The classical Runge–Kutta method on dx/dσ = ε̂(x; σ): fourth order, four evaluations a step.
//!
//! ```text
//! k₁ = ε̂(x; σ)            k₂ = ε̂(x + ½Δ k₁; σ + ½Δ)      Δ = σ′ − σ
//! k₃ = ε̂(x + ½Δ k₂; σ + ½Δ)   k₄ = ε̂(x + Δ k₃; σ′)       x ← x + Δ (k₁ + 2k₂ + 2k₃ + k₄)/6
//! ```
//!
//! In σ rather than in λ, because ε̂ is bounded and changes slowly where noise dominates, so that long steps
//! stay stable there. Multistep methods that start accurately begin with it.

use ndarray::Array2;

use super::fused::{update, update2};
use super::{Order, Solver, Step};
use crate::error::Result;

/// The classical Runge–Kutta method.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RungeKutta4;

impl Solver for RungeKutta4 {
    fn name(&self) -> String {
        "rk4".into()
    }

    fn order(&self) -> Order {
        Order::Path(4)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let sigma = step.sigma;
        let mut slope = step.denoised(x.view())?;
        update(&mut slope, &x, |d, x| (x - d) / sigma);
        classical(x, slope, step)
    }
}

/// One step from `x`, where the slope is `slope`: three more evaluations.
pub(super) fn classical(mut x: Array2<f64>, slope: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
    let delta = step.next - step.sigma;
    let middle = step.sigma + 0.5 * delta;
    let mut sum = slope;
    let mut ahead = step.spare();
    update2(&mut ahead, [&x, &sum], |_, x, k| x + 0.5 * delta * k);
    for (sigma, weight, reach) in [(middle, 2.0, 0.5 * delta), (middle, 2.0, delta), (step.next, 1.0, 0.0)] {
        let denoised = step.denoise(ahead.view(), sigma)?;
        update2(&mut sum, [&ahead, &denoised], |sum, ahead, d| sum + weight * ((ahead - d) / sigma));
        update2(&mut ahead, [&x, &denoised], |ahead, x, d| x + reach * ((ahead - d) / sigma));
        step.recycle(denoised);
    }
    x.scaled_add(delta / 6.0, &sum);
    step.recycle(sum);
    step.recycle(ahead);
    Ok(x)
}
