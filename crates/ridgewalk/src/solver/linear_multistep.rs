//! The linear multistep method (LMS) in σ: Adams–Bashforth on dx/dσ = ε̂ with the levels as they are spaced,
//! x′ = x + Σ_j ε̂_j ∫_σ^σ′ L_j(s) ds (Hairer, Nørsett, Wanner, Solving Ordinary Differential Equations I, section
//! III.5). One evaluation a step.

use ndarray::Array2;

use super::adams::{InterpolationTime, noise_weights};
use super::multistep::{Coefficients, Prediction, Start, advance, checked_order};
use super::{Order, Solver, Step};
use crate::error::Result;

/// The linear multistep method with up to `order` values; of order 1 it is Euler's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinearMultistep {
    order: usize,
    start: Start,
}

impl LinearMultistep {
    /// Of this order; 4 is usual.
    ///
    /// # Errors
    /// If the order is not 1, 2, 3 or 4.
    pub fn new(order: usize) -> Result<Self> {
        Ok(LinearMultistep { order: checked_order(order, 4)?, start: Start::Published })
    }

    /// With another way to take the first steps.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
}

impl Solver for LinearMultistep {
    fn name(&self) -> String {
        format!("lms:order={},start={}", self.order, self.start.word())
    }

    fn order(&self) -> Order {
        Order::Path(self.start.limits(self.order) as u8)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let (sigma, next) = (step.sigma, step.next);
        advance(x, step, (self.order, self.start), Prediction::Noise, |levels| Coefficients {
            state: 1.0,
            values: noise_weights(InterpolationTime::Sigma, levels, sigma, next),
        })
    }
}
