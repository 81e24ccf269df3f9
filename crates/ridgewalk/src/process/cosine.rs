//! The cosine process in continuous time (arXiv 2102.09672, eq. 17).
//!
//! ```text
//! α(t) = cos u/cos u₀     u = (t + s)/(1 + s)·π/2,  u₀ = u(0)     σ² = 1 − α² = sin(u − u₀) sin(u + u₀)/cos² u₀
//! ```
//!
//! The product of sines keeps the digits of σ near the data, which 1 − α² loses. α reaches 0 at t = 1: the
//! process ends before it, customarily at t = 0.9946 (arXiv 2206.00927), where σ/α is about 118.

use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

use super::Process;
use crate::error::{Error, Result};

/// First time of its discrete sibling's thousand steps, and the last that arXiv 2206.00927 uses.
const TIMES: Range<f64> = 1e-3..0.9946;

/// The cosine process, variance preserving for data of unit variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cosine {
    offset: f64,
    /// u₀.
    first: f64,
}

impl Cosine {
    /// With the offset s, from 0 to 1: how much noise the first moments add.
    ///
    /// # Errors
    /// If the offset is not in [0, 1].
    pub fn new(offset: f64) -> Result<Self> {
        if (0.0..=1.0).contains(&offset) {
            return Ok(Cosine { offset, first: offset / (1.0 + offset) * FRAC_PI_2 });
        }
        Err(Error::argument("s", format!("is {offset}"), "choose an offset from 0 to 1 (0.008 is usual)"))
    }

    fn angle(&self, t: f64) -> f64 {
        self.first + self.turn(t)
    }

    /// u − u₀, without the cancellation.
    fn turn(&self, t: f64) -> f64 {
        t * self.rate()
    }

    fn rate(&self) -> f64 {
        FRAC_PI_2 / (1.0 + self.offset)
    }
}

impl Default for Cosine {
    /// s = 0.008.
    fn default() -> Self {
        Cosine { offset: 0.008, first: 0.008 / 1.008 * FRAC_PI_2 }
    }
}

impl Process for Cosine {
    fn name(&self) -> &'static str {
        "cosine"
    }
    fn alpha(&self, t: f64) -> f64 {
        // The sine of the rest of the quarter turn keeps its digits at the end, where the cosine does not.
        libm::sin((1.0 - t) * self.rate()) / libm::cos(self.first)
    }
    fn sigma(&self, t: f64) -> f64 {
        let turn = self.turn(t);
        (libm::sin(turn) * libm::sin(turn + 2.0 * self.first)).sqrt() / libm::cos(self.first)
    }
    fn alpha_derivative(&self, t: f64) -> f64 {
        -self.rate() * libm::sin(self.angle(t)) / libm::cos(self.first)
    }
    fn sigma_derivative(&self, t: f64) -> f64 {
        -self.alpha(t) * self.alpha_derivative(t) / self.sigma(t)
    }
    /// For the level ℓ, α = 1/√(1 + ℓ²), or tan² u = tan² u₀ (1 + ℓ²) + ℓ²: whichever keeps the digits.
    fn time(&self, level: f64) -> f64 {
        let whole = level.hypot(1.0);
        let (cos, sigma) = (libm::cos(self.first), level / whole);
        if level > 1.0 {
            return 1.0 - libm::asin(cos / whole) / self.rate();
        }
        let angle = libm::atan(level.hypot(libm::tan(self.first) * whole));
        let sum = libm::sin(angle + self.first);
        libm::asin(if sum > 0.0 { cos * cos * sigma * sigma / sum } else { 0.0 }) / self.rate()
    }
    fn end(&self) -> f64 {
        1.0
    }
    fn customary_times(&self) -> Range<f64> {
        TIMES
    }
}
