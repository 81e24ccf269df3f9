//! The processes in which most of the field thinks: variance exploding, Ornstein–Uhlenbeck, flow matching.

use std::ops::Range;

use super::Process;
use crate::error::{Error, Result};

/// Variance exploding: α = 1, σ = t (the EDM convention, arXiv 2206.00364).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VarianceExploding;

impl Process for VarianceExploding {
    fn name(&self) -> &'static str {
        "variance-exploding"
    }
    fn alpha(&self, _t: f64) -> f64 {
        1.0
    }
    fn sigma(&self, t: f64) -> f64 {
        t
    }
    fn alpha_derivative(&self, _t: f64) -> f64 {
        0.0
    }
    fn sigma_derivative(&self, _t: f64) -> f64 {
        1.0
    }
    fn time(&self, level: f64) -> f64 {
        level
    }
}

/// Ornstein–Uhlenbeck: dX = −aX dt + √2 dB, so α = e^{−at} and σ² = (1 − e^{−2at})/a, → 2t as
/// a → 0 (arXiv 2510.02305, section 2). With a = 1 it preserves the variance of unit data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OrnsteinUhlenbeck {
    rate: f64,
}

impl OrnsteinUhlenbeck {
    /// With the rate a ≥ 0.
    ///
    /// # Errors
    /// If the rate is negative or not finite.
    pub fn new(rate: f64) -> Result<Self> {
        if rate >= 0.0 && rate.is_finite() {
            return Ok(OrnsteinUhlenbeck { rate });
        }
        Err(Error::argument("rate", format!("is {rate}"), "choose a finite number that is not negative"))
    }

    /// Variance preserving for unit data: a = 1.
    pub fn variance_preserving() -> Self {
        OrnsteinUhlenbeck { rate: 1.0 }
    }
}

impl Process for OrnsteinUhlenbeck {
    fn name(&self) -> &'static str {
        "ornstein-uhlenbeck"
    }
    fn alpha(&self, t: f64) -> f64 {
        libm::exp(-self.rate * t)
    }
    fn sigma(&self, t: f64) -> f64 {
        if self.rate == 0.0 {
            return (2.0 * t).sqrt();
        }
        (-libm::expm1(-2.0 * self.rate * t) / self.rate).sqrt()
    }
    fn alpha_derivative(&self, t: f64) -> f64 {
        -self.rate * self.alpha(t)
    }
    fn sigma_derivative(&self, t: f64) -> f64 {
        libm::exp(-2.0 * self.rate * t) / self.sigma(t)
    }
    fn time(&self, level: f64) -> f64 {
        // σ²/α² = (e^{2at} − 1)/a
        if self.rate == 0.0 {
            return 0.5 * level * level;
        }
        libm::log1p(self.rate * level * level) / (2.0 * self.rate)
    }
}

/// Flow matching on the straight path, also known as rectified flow: α = 1 − t, σ = t, for t in (0, 1) (arXiv 2210.02747, 2209.03003).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct FlowMatching;

impl Process for FlowMatching {
    fn name(&self) -> &'static str {
        "flow-matching"
    }
    fn alpha(&self, t: f64) -> f64 {
        1.0 - t
    }
    fn sigma(&self, t: f64) -> f64 {
        t
    }
    fn alpha_derivative(&self, _t: f64) -> f64 {
        -1.0
    }
    fn sigma_derivative(&self, _t: f64) -> f64 {
        1.0
    }
    fn time(&self, level: f64) -> f64 {
        level / (1.0 + level)
    }
    fn customary_times(&self) -> Range<f64> {
        0.0..1.0
    }
    fn end(&self) -> f64 {
        1.0
    }
}
