//! Affine noising processes x_t = α(t) x₀ + σ(t) ε, and the change of variables between them.
//!
//! Dividing by α(t) turns any of them into the variance-exploding one at noise level σ/α, so a
//! single denoiser D(x; σ) serves all: D_process(x_t, t) = D(x_t/α(t); σ(t)/α(t)). [`Marginal`] is a
//! denoiser seen in a process's own coordinates.

mod marginal;

pub use marginal::Marginal;

use crate::error::{Error, Result};

/// An affine noising process.
pub trait Process: Send + Sync {
    /// Name for messages and run records.
    fn name(&self) -> &'static str;
    /// Signal coefficient α(t).
    fn alpha(&self, t: f64) -> f64;
    /// Noise coefficient σ(t).
    fn sigma(&self, t: f64) -> f64;
    /// α′(t).
    fn alpha_derivative(&self, t: f64) -> f64;
    /// σ′(t).
    fn sigma_derivative(&self, t: f64) -> f64;
    /// The time at which σ(t)/α(t) is `level`: the inverse of [`Process::noise_level`].
    fn time(&self, level: f64) -> f64;
    /// Largest time at which the process is defined and α(t) > 0 (may be infinite).
    fn end(&self) -> f64 {
        f64::INFINITY
    }

    /// Noise level σ(t)/α(t) of the variance-exploding process that this one is in disguise.
    fn noise_level(&self, t: f64) -> f64 {
        self.sigma(t) / self.alpha(t)
    }

    /// (α(t), σ(t)), or an error outside of (0, end) where one of them vanishes.
    fn checked_levels(&self, t: f64) -> Result<(f64, f64)> {
        let (alpha, sigma) = (self.alpha(t), self.sigma(t));
        if t > 0.0 && t <= self.end() && alpha > 0.0 && sigma > 0.0 && sigma.is_finite() {
            return Ok((alpha, sigma));
        }
        Err(Error::argument(
            "t",
            format!("is {t}, where the process {} has alpha {alpha} and sigma {sigma}", self.name()),
            format!("choose t above 0 and below {}", self.end()),
        ))
    }
}

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

/// Flow matching on the straight path: α = 1 − t, σ = t, for t in (0, 1) (arXiv 2210.02747, 2209.03003).
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
    fn end(&self) -> f64 {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Box<dyn Process>> {
        vec![
            Box::new(VarianceExploding),
            Box::new(OrnsteinUhlenbeck::variance_preserving()),
            Box::new(OrnsteinUhlenbeck::new(0.3).unwrap()),
            Box::new(OrnsteinUhlenbeck::new(0.0).unwrap()),
            Box::new(FlowMatching),
        ]
    }

    #[test]
    fn derivatives_agree_with_central_differences() {
        for process in all() {
            for t in [0.01, 0.2, 0.5, 0.9] {
                let h = 1e-6;
                let da = (process.alpha(t + h) - process.alpha(t - h)) / (2.0 * h);
                let ds = (process.sigma(t + h) - process.sigma(t - h)) / (2.0 * h);
                assert!((da - process.alpha_derivative(t)).abs() < 1e-7, "{} {t}", process.name());
                assert!((ds - process.sigma_derivative(t)).abs() < 1e-5, "{} {t}", process.name());
            }
        }
    }

    #[test]
    fn time_inverts_noise_level() {
        for process in all() {
            for level in [1e-4, 0.1, 1.0, 30.0] {
                let back = process.noise_level(process.time(level));
                assert!((back / level - 1.0).abs() < 1e-10, "{} {level} {back}", process.name());
            }
        }
    }

    #[test]
    fn ends_are_refused() {
        assert!(FlowMatching.checked_levels(1.0).is_err());
        assert!(FlowMatching.checked_levels(0.0).is_err());
        assert!(VarianceExploding.checked_levels(f64::NAN).is_err());
    }
}
