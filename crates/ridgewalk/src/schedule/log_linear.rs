//! Even in log σ, and powers of that.

use std::ops::Range;

use super::{Schedule, check, checked, no_grid, pinned};
use crate::error::{Error, Result};

/// Levels evenly spaced in log σ, that is in λ = log(α/σ) and in the log-SNR 2λ of any process: what
/// arXiv 2206.00927 calls uniform λ, and others exponential, is this grid.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLinear {
    range: Range<f64>,
    n: usize,
}

impl LogLinear {
    /// n levels over `sigma_min..sigma_max`.
    pub fn new(range: Range<f64>, n: usize) -> Self {
        LogLinear { range, n }
    }
}

impl Schedule for LogLinear {
    fn name(&self) -> String {
        "log-linear".into()
    }

    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        let (high, low) = (libm::log(self.range.end), libm::log(self.range.start));
        checked(pinned(&self.range, self.n, |u| libm::exp(high + u * (low - high)))).map_err(|_| {
            let problem = format!("is {}: {}", self.n, no_grid(&self.range, self.n));
            Error::argument("steps", problem, "choose a wider range, or fewer steps")
        })
    }
}

/// log σᵢ = log σ_min + (1 − i/(n−1))^ρ (log σ_max − log σ_min): ρ = 1 is [`LogLinear`]; above 1 levels crowd
/// at the low end, below 1 at the high end. Known as poly-exponential from the sampling code that went with
/// arXiv 2206.00364's.
#[derive(Debug, Clone, PartialEq)]
pub struct PolyExponential {
    range: Range<f64>,
    n: usize,
    rho: f64,
}

impl PolyExponential {
    /// n levels over `sigma_min..sigma_max`, with this ρ.
    pub fn new(range: Range<f64>, n: usize, rho: f64) -> Self {
        PolyExponential { range, n, rho }
    }
}

impl Schedule for PolyExponential {
    fn name(&self) -> String {
        format!("poly-exponential with rho {}", self.rho)
    }

    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        if !(self.rho > 0.0 && self.rho.is_finite()) {
            let problem = format!("is {}", self.rho);
            return Err(Error::argument("rho", problem, "choose a positive number; 1 is log-linear"));
        }
        let (high, low) = (libm::log(self.range.end), libm::log(self.range.start));
        let level = |u: f64| libm::exp(low + libm::pow(1.0 - u, self.rho) * (high - low));
        checked(pinned(&self.range, self.n, level)).map_err(|_| {
            let problem = format!("is {}, for which {}", self.rho, no_grid(&self.range, self.n));
            Error::argument("rho", problem, "choose rho near 1, a wider range, or fewer steps")
        })
    }
}
