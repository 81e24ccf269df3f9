//! Attraction to the manifold by the extended score of MAD (Elbrächter, Alberti, Santacesaria, arXiv 2509.24710).
//!
//! The extended score suppresses small variations and keeps large ones, so that clean samples come
//! out of a model fitted to noisy data, with no retraining:
//!
//! ```text
//! H_γ p = (1 + γ) S(p∗g_γ) + γ ∂_γ S(p∗g_γ),   S = ∇log,  g_γ = density of N(0, γI)     (the paper)
//!       = (D_γ(x) − x) + ∂_γ D_γ(x),            D_γ(x) = D(x; √γ)                       (because γS_γ = D_γ − x)
//! ```
//!
//! How it is used along a trajectory is **derived here and is not the paper's algorithm**, of which
//! the exact γ(t) and correction factor are not public to us; the letters a, b, p play the same
//! parts. At noise level σ the denoiser becomes
//!
//! ```text
//! D_mad(x; σ) = D + κ(σ) A,    A = σ² ∂D/∂(σ²) = (σ/2) ∂D/∂σ,    κ(σ) = b / (1 + (a σ/σ_data)^p)
//! ```
//!
//! which is the extended score at γ = σ² with the variance unit λ = κσ². For a Gaussian direction of
//! variance v, A = −q(1−q)x with q = σ²/(v+σ²), so a fine grid ends with the standard deviation
//! √v·exp(−(b/2)·σ_on²/(v+σ_on²)), σ_on = σ_data/a: a soft threshold at σ_on. For a point mass A = 0.
//!
//! Attraction takes something from the wanted variations too: a factor 1 − bσ_on²/2v, where noise of variance
//! η² that is taken out exactly would leave √(1 − η²/v). *Compensation* returns it: with c > 0, κ = −c between
//! the onset and its `reach` r, so that the factor becomes
//!
//! ```text
//! exp(−(b/2)·σ_on²/(v+σ_on²) + (c/2)·[r²σ_on²/(v+r²σ_on²) − σ_on²/(v+σ_on²)])
//! ```
//!
//! which at several times the onset exceeds 1 by a few hundredths where b is small (b = 4: 1.04, b = 8: nowhere). κ ≥ −1
//! slows the contraction of a direction and never turns it.
//!
//! No step may overshoot: with h = 1 − σ′/σ the largest factor that keeps h(q + κq(1−q)) ≤ 1 for every
//! v is κ_cap(h) = (2/h − 1) + 2√((1/h)(1/h − 1)); the step is read from the [`Visit`]. Use Euler where
//! κ acts (`Switched::new(DpmSolver2M, Euler, mad.onset_level())`), over levels that are focused there
//! (`Focused::over(&mad.window(), sigma_max, 24)`): Heun's multiplier is never below ½, and a solver that draws noise
//! puts some back.
//!
//! When not to use it: on a model that memorises (the bare [`Empirical`](crate::closed_form::Empirical)
//! of noisy data: every noisy point is a point mass, A = 0 near it, and it is given back); where signal
//! and noise have the same variance (no gap); with curvature radius τ near σ_on (samples move inwards
//! by about σ_on²/2τ).
//!
//! Cost: with exact derivatives one pass; otherwise one more evaluation while κ acts, which the solver
//! [`Attracted`](crate::solver::Attracted) takes on the way, so that it is a step of the path, too.

mod attraction;
mod strength;

use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit, check_sigma};
use crate::error::Result;
use crate::points::Moments;
pub use attraction::{Attraction, extended_score};
use attraction::{denoise_and_attract, evaluations};
pub(crate) use strength::Strength;
pub use strength::{MadConfig, no_overshoot_cap};

/// A denoiser attracted to the manifold.
#[derive(Debug, Clone)]
pub struct Mad<D> {
    inner: D,
    strength: Strength,
    attraction: Attraction,
}

impl<D: Denoiser> Mad<D> {
    /// Attraction on top of `inner`.
    ///
    /// # Errors
    /// If a setting is out of range, or σ_data is neither given nor known to the model.
    pub fn new(inner: D, config: MadConfig) -> Result<Self> {
        let attraction = config.attraction;
        let strength = Strength::new(config, inner.moments().map(|moments| moments.std))?;
        Ok(Mad { inner, strength, attraction })
    }

    /// κ(σ) = (b + c) w(σ/σ_on) − c w(σ/(reach·σ_on)), w(r) = 1/(1 + r^p), without the cap of a step.
    pub fn strength(&self, sigma: f64) -> f64 {
        self.strength.at(sigma)
    }

    /// The level below which attraction, or its compensation, is computed at all: where |κ| = 0.01.
    pub fn onset_level(&self) -> f64 {
        self.strength.onset_level()
    }

    /// The levels among which steps are to be short: from a tenth of the onset σ_on to [`Mad::onset_level`].
    pub fn window(&self) -> Range<f64> {
        self.strength.window()
    }

    fn strength_at(&self, sigma: f64, visit: &Visit) -> f64 {
        let (start, cap) = match visit.step {
            Some((start, end)) => {
                // A solver of another's making may ask above the level that it gave.
                let start = start.max(sigma);
                (start, no_overshoot_cap(1.0 - end / start))
            }
            None => (sigma, f64::INFINITY),
        };
        // A step that begins outside of the window is plain as a whole.
        if start > self.onset_level() { 0.0 } else { self.strength(sigma).min(cap) }
    }
}

impl<D: Denoiser> Denoiser for Mad<D> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }

    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        check_sigma(sigma)?;
        let strength = self.strength_at(sigma, visit);
        if strength == 0.0 {
            return self.inner.denoise_at(x, sigma, visit);
        }
        let (mut denoised, attraction) = denoise_and_attract(&self.inner, x, sigma, self.attraction, visit)?;
        denoised.scaled_add(strength, &attraction);
        Ok(denoised)
    }

    fn moments(&self) -> Option<Moments> {
        self.inner.moments()
    }

    fn smoothings(&self) -> u64 {
        self.inner.smoothings()
    }

    fn evaluations_per_call(&self, sigma: f64) -> usize {
        self.evaluations_at(sigma, &Visit::default())
    }

    /// Those of D, and where attraction acts those of A.
    fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
        match self.strength_at(sigma, visit) {
            0.0 => self.inner.evaluations_at(sigma, visit),
            _ => evaluations(&self.inner, sigma, self.attraction, visit),
        }
    }
}

#[cfg(test)]
mod tests;
