//! Unadjusted Langevin moves at one noise level, of which p_σ is nearly the stationary law.
//!
//! ```text
//! x ← x + δ ∇log p_σ(x) + √(2δ)·ε = x + (δ/σ²)(D(x; σ) − x) + √(2δ)·ε
//! ```
//!
//! With a fixed δ the stationary variance of a direction in which p_σ is Gaussian, of variance v, is
//! v/(1 − δ/(2v)): too large by about δ/2, however many the moves. Since v ≥ σ², δ = cσ² is stable for c < 2.

use ndarray::{Array2, Zip};

use super::Step;
use super::fused::update2;
use crate::error::{Error, Result};

/// How large a Langevin move is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LangevinStep {
    /// δ = cσ², the same for all samples, 0 < c < 2.
    Fixed(f64),
    /// For many dimensions: δ = 2(s·‖ε‖/‖∇log p_σ‖)², the signal-to-noise rule of arXiv 2011.13456, algorithms 4 and 5, but each
    /// sample by its own norms, not the batch's means, so that it does not depend on its batch; and never
    /// above σ², the whole way to D, since the gradient vanishes at a mode.
    ///
    /// In many dimensions norms hardly vary: δ is near 2s²v²/V in a direction of variance v, and the stationary
    /// variance V is v(1 + s²). In few, moves are longest where the gradient is small, and p_σ is not even
    /// nearly stationary: of a mixture in two dimensions the second moment came out a sixth too large.
    SignalToNoise(f64),
}

/// c of the signal-to-noise rule at its largest.
const WHOLE_WAY: f64 = 1.0;

impl LangevinStep {
    pub(super) fn checked(self) -> Result<Self> {
        let sound = match self {
            LangevinStep::Fixed(c) => c > 0.0 && c < 2.0,
            LangevinStep::SignalToNoise(ratio) => ratio > 0.0 && ratio.is_finite(),
        };
        if sound {
            return Ok(self);
        }
        Err(Error::argument(
            "the Langevin step",
            format!("is {self:?}"),
            "a fixed one is a share of σ² above 0 and below 2, a signal-to-noise ratio a positive number",
        ))
    }
}

/// One move of the state at level σ: one evaluation, one draw.
pub(super) fn langevin_move(
    x: &mut Array2<f64>,
    step: &mut Step,
    sigma: f64,
    size: LangevinStep,
) -> Result<()> {
    let denoised = step.denoise(x.view(), sigma)?;
    let noise = step.noise();
    match size {
        LangevinStep::Fixed(c) => {
            let spread = sigma * (2.0 * c).sqrt();
            update2(x, [&denoised, &noise], |x, d, e| x + (c * (d - x) + spread * e));
        }
        LangevinStep::SignalToNoise(ratio) => {
            Zip::from(x.rows_mut()).and(denoised.rows()).and(noise.rows()).for_each(|mut x, d, e| {
                // Plain loops: their order of summation is the same for every layout and batch.
                let drift: f64 = x.iter().zip(&d).map(|(x, d)| (d - x) * (d - x)).sum();
                let noise: f64 = e.iter().map(|e| e * e).sum();
                let c = 2.0 * ratio * ratio * sigma * sigma * noise / drift;
                // Not a number where both vanish.
                let c = if c < WHOLE_WAY { c } else { WHOLE_WAY };
                let spread = sigma * (2.0 * c).sqrt();
                Zip::from(&mut x).and(&d).and(&e).for_each(|x, d, e| *x += c * (d - *x) + spread * e);
            });
        }
    }
    step.recycle(denoised);
    step.recycle(noise);
    Ok(())
}
