//! DEIS, the variant tAB (arXiv 2204.13902): Adams–Bashforth on dx = ε̂ dσ, with ε̂ a polynomial in a time
//! variable τ through the last values. One evaluation a step; the weights are those of `adams.rs`.
//!
//! In VE coordinates the exponential integrator's linear part is gone, and what is left of the method is the
//! choice of τ.

use ndarray::Array2;

use super::adams::{InterpolationTime, noise_weights};
use super::multistep::{Coefficients, Prediction, Start, advance, checked_order};
use super::{Order, Solver, Step};
use crate::error::Result;

/// DEIS with up to `order` values: tAB-q with q = order − 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deis {
    order: usize,
    time: InterpolationTime,
    start: Start,
}

impl Deis {
    /// Of this order, interpolating in λ.
    ///
    /// # Errors
    /// If the order is not 1, 2, 3 or 4.
    pub fn new(order: usize) -> Result<Self> {
        let time = InterpolationTime::LogSnr;
        Ok(Deis { order: checked_order(order, 4)?, time, start: Start::Published })
    }

    /// Interpolating in another time variable.
    pub fn time(mut self, time: InterpolationTime) -> Self {
        self.time = time;
        self
    }

    /// With another way to take the first steps.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// As they are written in a specification.
    pub(super) const TIMES: [&str; 4] = ["lambda", "sigma-root", "sigma", "vp"];

    pub(super) fn time_from_word(place: usize) -> InterpolationTime {
        match place {
            1 => InterpolationTime::SigmaRoot,
            2 => InterpolationTime::Sigma,
            3 => InterpolationTime::LinearBeta,
            _ => InterpolationTime::LogSnr,
        }
    }
}

impl Solver for Deis {
    fn name(&self) -> String {
        let time = match self.time {
            InterpolationTime::LogSnr => "lambda",
            InterpolationTime::SigmaRoot => "sigma-root",
            InterpolationTime::Sigma => "sigma",
            InterpolationTime::LinearBeta => "vp",
        };
        format!("deis:order={},time={time},start={}", self.order, self.start.word())
    }

    fn order(&self) -> Order {
        Order::Path(self.start.limits(self.order) as u8)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let (sigma, next) = (step.sigma, step.next);
        advance(x, step, (self.order, self.start), Prediction::Noise, |levels| Coefficients {
            state: 1.0,
            values: noise_weights(self.time, levels, sigma, next),
        })
    }
}
