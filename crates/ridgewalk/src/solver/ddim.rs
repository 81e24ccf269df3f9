//! DDIM with η (Song, Meng, Ermon, arXiv 2010.02502, eq. 12 and 16): first order, one evaluation a step.
//!
//! In variance-exploding coordinates, of the noise at the next level the share η²(1 − σ′²/σ²) is drawn
//! afresh and the rest is kept from the state:
//!
//! ```text
//! σ_up² = η² σ′² (1 − σ′²/σ²),    x ← D + √(σ′² − σ_up²)·(x − D)/σ + σ_up·ε
//! ```
//!
//! It is, under other names:
//! - η = 0: [`Euler`] on the probability-flow ODE, to the bit;
//! - η = 1: ancestral sampling with the small variance, [`Ddpm`](super::Ddpm), and
//!   [`DpmSolverSde`](super::DpmSolverSde) of first order, to rounding;
//! - any η: "Euler ancestral", which steps by Euler to σ_down = √(σ′² − σ_up²) and adds σ_up·ε: the same
//!   update, since (σ_down/σ)x + (1 − σ_down/σ)D is D + σ_down(x − D)/σ.
//!
//! Fine steps follow the reverse SDE whose noise is η² times that of [`ReverseSde`](super::ReverseSde);
//! all of these have the marginals p_σ.

use ndarray::Array2;

use super::fused::update2;
use super::{Euler, Order, Solver, Step};
use crate::error::{Error, Result};

/// DDIM with η between 0 (no noise) and 1 (ancestral sampling).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ddim {
    eta: f64,
}

impl Ddim {
    /// With this η.
    ///
    /// # Errors
    /// If η is not between 0 and 1.
    pub fn new(eta: f64) -> Result<Self> {
        Ok(Ddim { eta: share(eta)? })
    }
}

/// η as a share: above 1 a step could have to draw more noise than its level has.
pub(super) fn share(eta: f64) -> Result<f64> {
    if (0.0..=1.0).contains(&eta) {
        return Ok(eta);
    }
    Err(Error::argument(
        "eta",
        format!("is {eta}"),
        "choose it between 0 (no noise) and 1 (that of the reverse SDE); sde-dpm++1 takes more",
    ))
}

/// σ_down/σ and σ_up: what is kept of x − D, and the deviation of fresh noise.
pub(super) fn ancestral(sigma: f64, next: f64, eta: f64) -> (f64, f64) {
    let ratio = next / sigma;
    let fresh = (eta * eta * (1.0 - ratio * ratio)).max(0.0);
    (ratio * (1.0 - fresh).sqrt(), next * fresh.sqrt())
}

impl Solver for Ddim {
    fn name(&self) -> String {
        format!("ddim:eta={}", self.eta)
    }

    fn order(&self) -> Order {
        if self.eta == 0.0 { Order::Path(1) } else { Order::Law(1) }
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        if self.eta == 0.0 {
            return Euler.step(x, step);
        }
        let (keep, spread) = ancestral(step.sigma, step.next, self.eta);
        let denoised = step.denoised(x.view())?;
        let noise = step.noise();
        update2(&mut x, [&denoised, &noise], |x, d, e| d + keep * (x - d) + spread * e);
        step.recycle(denoised);
        step.recycle(noise);
        Ok(x)
    }
}
