//! iPNDM: Adams–Bashforth on dx/dσ = ε̂ with the weights of equal steps, whatever the levels (arXiv 2202.09778
//! and 2204.13902). One evaluation a step.
//!
//! ```text
//! x′ = x + (σ′ − σ) Σ_j w_j ε̂_j,    w = (1),  (3, −1)/2,  (23, −16, 5)/12,  (55, −59, 37, −9)/24
//! ```
//!
//! The order is as named where the levels are evenly spaced in σ (and the start is accurate). On other grids
//! whose steps change smoothly, neighbouring steps differ by a share of h, which leaves an error of h² from the
//! weights: second order, however many values are used.

use ndarray::Array2;

use super::multistep::{Coefficients, MOST, Prediction, Start, advance, checked_order};
use super::{Order, Solver, Step};
use crate::error::Result;

/// Weights on equal steps, latest value first (Adams–Bashforth; Hairer, Nørsett, Wanner, section III.1).
const WEIGHTS: [[f64; MOST]; 4] = [
    [1.0, 0.0, 0.0, 0.0],
    [3.0 / 2.0, -1.0 / 2.0, 0.0, 0.0],
    [23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0, 0.0],
    [55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
];

/// iPNDM with up to `order` values; of order 1 it is Euler's method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ipndm {
    order: usize,
    start: Start,
}

impl Ipndm {
    /// Of this order; 4 is usual.
    ///
    /// # Errors
    /// If the order is not 1, 2, 3 or 4.
    pub fn new(order: usize) -> Result<Self> {
        Ok(Ipndm { order: checked_order(order, 4)?, start: Start::Published })
    }

    /// With another way to take the first steps.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }
}

impl Solver for Ipndm {
    fn name(&self) -> String {
        format!("ipndm:order={},start={}", self.order, self.start.word())
    }

    fn order(&self) -> Order {
        Order::Path(self.order.min(2) as u8)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let delta = step.next - step.sigma;
        advance(x, step, (self.order, self.start), Prediction::Noise, |levels| {
            let weights = WEIGHTS.get(levels.len().saturating_sub(1)).copied().unwrap_or_default();
            Coefficients { state: 1.0, values: weights.map(|w| delta * w) }
        })
    }
}
