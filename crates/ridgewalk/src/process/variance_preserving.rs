//! The variance-preserving process with linear β(t), and its sub-variance-preserving sibling
//! (arXiv 2011.13456, appendix B and C).
//!
//! ```text
//! β(t) = β_min + t (β_max − β_min)        B(t) = ∫₀ᵗ β = β_min t + ½(β_max − β_min) t²
//! VP       α = e^{−B/2}   σ² = 1 − e^{−B}      σ/α = √(e^B − 1)
//! sub-VP   α = e^{−B/2}   σ  = 1 − e^{−B}      σ/α = 2 sinh(B/2)
//! ```

use std::ops::Range;

use super::Process;
use crate::error::{Error, Result};

/// First time of both in the sampler of arXiv 2011.13456, and their last.
const TIMES: Range<f64> = 1e-3..1.0;

/// β(t), linear.
#[derive(Debug, Clone, Copy, PartialEq)]
struct LinearBeta {
    min: f64,
    slope: f64,
}

impl LinearBeta {
    fn new(min: f64, max: f64) -> Result<Self> {
        if min > 0.0 && max >= min && max.is_finite() {
            return Ok(LinearBeta { min, slope: max - min });
        }
        Err(Error::argument(
            "beta",
            format!("goes from {min} to {max}"),
            "choose a positive beta-min and a finite beta-max that is not below it (0.1 and 20 are usual)",
        ))
    }

    fn usual() -> Self {
        LinearBeta { min: 0.1, slope: 20.0 - 0.1 }
    }

    fn at(&self, t: f64) -> f64 {
        self.min + t * self.slope
    }

    fn integral(&self, t: f64) -> f64 {
        t * (self.min + 0.5 * t * self.slope)
    }

    /// The time at which the integral is `value`; the root of the quadratic that does not cancel.
    fn time(&self, value: f64) -> f64 {
        2.0 * value / (self.min + (self.min * self.min + 2.0 * self.slope * value).sqrt())
    }
}

/// Variance preserving (for data of unit variance): α² + σ² = 1.
///
/// ```
/// use ridgewalk::Process;
/// use ridgewalk::process::VariancePreserving;
///
/// // B(1) = 10.05: what is left of the data at t = 1.
/// let process = VariancePreserving::default();
/// assert!((process.alpha(1.0) - 0.00657).abs() < 1e-5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VariancePreserving(LinearBeta);

impl VariancePreserving {
    /// With β from `beta_min` at t = 0 to `beta_max` at t = 1.
    ///
    /// # Errors
    /// If `beta_min` is not positive, or `beta_max` is below it or not finite.
    pub fn new(beta_min: f64, beta_max: f64) -> Result<Self> {
        Ok(VariancePreserving(LinearBeta::new(beta_min, beta_max)?))
    }
}

impl Default for VariancePreserving {
    /// β from 0.1 to 20.
    fn default() -> Self {
        VariancePreserving(LinearBeta::usual())
    }
}

impl Process for VariancePreserving {
    fn name(&self) -> &'static str {
        "variance-preserving"
    }
    fn alpha(&self, t: f64) -> f64 {
        libm::exp(-0.5 * self.0.integral(t))
    }
    fn sigma(&self, t: f64) -> f64 {
        (-libm::expm1(-self.0.integral(t))).sqrt()
    }
    fn alpha_derivative(&self, t: f64) -> f64 {
        -0.5 * self.0.at(t) * self.alpha(t)
    }
    fn sigma_derivative(&self, t: f64) -> f64 {
        0.5 * self.0.at(t) * libm::exp(-self.0.integral(t)) / self.sigma(t)
    }
    fn time(&self, level: f64) -> f64 {
        self.0.time(libm::log1p(level * level))
    }
    fn customary_times(&self) -> Range<f64> {
        TIMES
    }
}

/// Sub-variance preserving: the variance of unit data dips below 1 on the way.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SubVariancePreserving(LinearBeta);

impl SubVariancePreserving {
    /// With β from `beta_min` at t = 0 to `beta_max` at t = 1. Errors as [`VariancePreserving::new`].
    pub fn new(beta_min: f64, beta_max: f64) -> Result<Self> {
        Ok(SubVariancePreserving(LinearBeta::new(beta_min, beta_max)?))
    }
}

impl Default for SubVariancePreserving {
    /// β from 0.1 to 20.
    fn default() -> Self {
        SubVariancePreserving(LinearBeta::usual())
    }
}

impl Process for SubVariancePreserving {
    fn name(&self) -> &'static str {
        "sub-variance-preserving"
    }
    fn alpha(&self, t: f64) -> f64 {
        libm::exp(-0.5 * self.0.integral(t))
    }
    fn sigma(&self, t: f64) -> f64 {
        -libm::expm1(-self.0.integral(t))
    }
    fn alpha_derivative(&self, t: f64) -> f64 {
        -0.5 * self.0.at(t) * self.alpha(t)
    }
    fn sigma_derivative(&self, t: f64) -> f64 {
        self.0.at(t) * libm::exp(-self.0.integral(t))
    }
    fn time(&self, level: f64) -> f64 {
        self.0.time(2.0 * libm::asinh(0.5 * level))
    }
    fn customary_times(&self) -> Range<f64> {
        TIMES
    }
}
