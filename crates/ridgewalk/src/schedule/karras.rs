//! The schedule of EDM: even in σ^{1/ρ}.

use std::ops::Range;

use super::{Schedule, check, checked, no_grid, pinned};
use crate::error::{Error, Result};

/// σᵢ = (σ_max^{1/ρ} + i/(n−1)·(σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ (Karras et al., arXiv 2206.00364, eq. 5), ρ = 7.
///
/// ρ = 1 is even in σ; ρ → ∞ is [`LogLinear`](super::LogLinear).
#[derive(Debug, Clone, PartialEq)]
pub struct Karras {
    range: Range<f64>,
    n: usize,
    rho: f64,
}

impl Karras {
    /// n levels over `sigma_min..sigma_max`, ρ = 7.
    pub fn new(range: Range<f64>, n: usize) -> Self {
        Karras { range, n, rho: 7.0 }
    }

    /// With another ρ.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }
}

impl Schedule for Karras {
    fn name(&self) -> String {
        if self.rho == 7.0 { "karras".into() } else { format!("karras with rho {}", self.rho) }
    }

    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        if !(self.rho > 0.0 && self.rho.is_finite()) {
            return Err(Error::argument(
                "rho",
                format!("is {}", self.rho),
                "choose a positive number; 7 is usual",
            ));
        }
        let root = |x: f64| libm::pow(x, 1.0 / self.rho);
        let (high, low) = (root(self.range.end), root(self.range.start));
        let levels = pinned(&self.range, self.n, |u| libm::pow(high + u * (low - high), self.rho));
        checked(levels).map_err(|_| {
            Error::argument(
                "rho",
                format!("is {}, for which {}", self.rho, no_grid(&self.range, self.n)),
                "choose rho between 1 and 100 (7 is usual), a wider range, or fewer steps",
            )
        })
    }
}
