//! Exponential Adams–Bashforth: x/σ integrated exactly against e^λ, with D a polynomial in λ = −ln σ through
//! the last values,
//!
//! ```text
//! x′ = (σ′/σ) x + Σ_j D_j σ′ ∫_λ^λ′ e^l L_j(l) dl
//! ```
//!
//! One evaluation a step. Of order 1 it is Euler's method (DDIM); of order 2 it is DPM-Solver++(2M)
//! with the difference's own integral for a weight, where 2M has half of the constant's; of order 3 it is what
//! DPM-Solver++(3M) sets out to be. Exponential multistep methods of this kind: arXiv 2204.13902, 2211.01095.

use ndarray::Array2;

use super::adams::denoised_weights;
use super::multistep::{Coefficients, Prediction, Start, advance, checked_order};
use super::{Order, Solver, Step};
use crate::error::Result;

/// Exponential Adams–Bashforth with up to `order` values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExponentialAdams {
    order: usize,
    start: Start,
}

impl ExponentialAdams {
    /// Of this order.
    ///
    /// # Errors
    /// If the order is not 1, 2, 3 or 4.
    pub fn new(order: usize) -> Result<Self> {
        Ok(ExponentialAdams { order: checked_order(order, 4)?, start: Start::Published })
    }

    /// With another way to take the first steps.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
}

impl Solver for ExponentialAdams {
    fn name(&self) -> String {
        format!("eab:order={},start={}", self.order, self.start.word())
    }

    fn order(&self) -> Order {
        Order::Path(self.start.limits(self.order) as u8)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let (sigma, next) = (step.sigma, step.next);
        advance(x, step, (self.order, self.start), Prediction::Denoised, |levels| Coefficients {
            state: next / sigma,
            values: denoised_weights(levels, sigma, next),
        })
    }
}
