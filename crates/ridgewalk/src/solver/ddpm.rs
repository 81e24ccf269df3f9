//! Ancestral sampling (Ho, Jain, Abbeel, arXiv 2006.11239, algorithm 2): first order, one evaluation a step.
//!
//! A step draws from a Gaussian whose mean is exactly E[x′ | x]; its variance is one of two guesses at
//! Var[x′ | x], each exact for one law of the data (section 3.2 there). In variance-exploding coordinates:
//!
//! ```text
//! x ← x + (1 − σ′²/σ²)(D(x; σ) − x) + √v·ε
//! small   v = (σ² − σ′²) σ′²/σ²                    data at one point;       β̃/α′² of the paper
//! large   v = (σ² − σ′²) (s² + σ′²)/(s² + σ²)      N(0, s²I);               β/α′² of the paper, at s = 1
//! ```
//!
//! (With α² = 1/(1 + σ²), the variance-preserving process, β = 1 − α²/α′² = (σ² − σ′²)/(1 + σ²).) Both
//! are s = 0 and s = σ_data of one family, whose other end s → ∞ is Euler–Maruyama,
//! [`ReverseSde`](super::ReverseSde). Small is [`Ddim`](super::Ddim) with η = 1. Nothing is clipped.

use ndarray::Array2;

use super::fused::update2;
use super::{Order, Solver, Step};
use crate::error::{Error, Result};

/// Ancestral sampling.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ddpm {
    /// s of the formulas above; 0 is the small variance.
    data: f64,
}

impl Ddpm {
    /// With the small variance, which is exact for data at one point: states are too narrow on others.
    pub fn small() -> Self {
        Ddpm { data: 0.0 }
    }

    /// With the large variance, which is exact for N(μ, s²I) with s = `data`, in the data's units; 1 is the
    /// paper's β.
    ///
    /// # Errors
    /// If `data` is not a positive number.
    pub fn large(data: f64) -> Result<Self> {
        if data > 0.0 && data.is_finite() {
            return Ok(Ddpm { data });
        }
        Err(Error::argument(
            "data",
            format!("is {data}"),
            "it is the data's standard deviation, a positive number in their units",
        ))
    }
}

impl Solver for Ddpm {
    fn name(&self) -> String {
        match self.data {
            0.0 => "ddpm:variance=small".into(),
            data => format!("ddpm:variance=large,data={data}"),
        }
    }

    fn order(&self) -> Order {
        Order::Law(1)
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let ratio = step.next / step.sigma;
        let h = 1.0 - ratio * ratio;
        let spread = step.sigma * h.sqrt() * self.data.hypot(step.next) / self.data.hypot(step.sigma);
        let denoised = step.denoised(x.view())?;
        let noise = step.noise();
        update2(&mut x, [&denoised, &noise], |x, d, e| x + (h * (d - x) + spread * e));
        step.recycle(denoised);
        step.recycle(noise);
        Ok(x)
    }
}
