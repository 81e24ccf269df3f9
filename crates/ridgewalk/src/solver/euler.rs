//! Euler's method in σ: first order, one evaluation a step; the same update as DDIM (arXiv 2010.02502).
//!
//! x ← x + h (D(x; σ) − x),  h = 1 − σ′/σ.

use ndarray::Array2;

use super::fused::update;
use super::{Order, Solver, Step};
use crate::error::Result;

/// Euler's method (DDIM).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Euler;

impl Solver for Euler {
    fn name(&self) -> String {
        "euler".into()
    }

    fn order(&self) -> Order {
        Order::Path(1)
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let h = 1.0 - step.next / step.sigma;
        let denoised = step.denoised(x.view())?;
        update(&mut x, &denoised, |x, d| x + h * (d - x));
        step.recycle(denoised);
        Ok(x)
    }
}
