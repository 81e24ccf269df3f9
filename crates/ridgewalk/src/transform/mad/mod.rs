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
//! which exceeds 1 nowhere where it matters: κ ≥ −1 slows the contraction of a direction and never turns it.
//!
//! No step may overshoot: with h = 1 − σ′/σ the largest factor that keeps h(q + κq(1−q)) ≤ 1 for every
//! v is κ_cap(h) = (2/h − 1) + 2√((1/h)(1/h − 1)); the step is read from the [`Visit`]. Use Euler where
//! κ acts (`Switched::new(Heun::new(), Euler, mad.onset_level())`): Heun's multiplier is never below ½.
//!
//! When not to use it: on a model that memorises (the bare [`Empirical`](crate::closed_form::Empirical)
//! of noisy data: every noisy point is a point mass, A = 0 near it, and it is given back); where signal
//! and noise have the same variance (no gap); with curvature radius τ near σ_on (samples move inwards
//! by about σ_on²/2τ).
//!
//! Cost: with exact derivatives one pass; otherwise one more evaluation while κ acts.

mod attraction;
mod choice;

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit, check_sigma};
use crate::error::{Error, Result};
use crate::points::Moments;
use attraction::denoise_and_attract;
pub use attraction::{Attraction, extended_score};
pub use choice::{AttractionChoice, choose_attraction};

/// Below this strength attraction is not computed: it would change a step by less than 1 % of q(1−q).
const NEGLIGIBLE: f64 = 0.01;

/// Settings of [`Mad`].
#[derive(Debug, Clone, PartialEq)]
pub struct MadConfig {
    /// Onset: attraction acts below σ_on = σ_data/a. Larger is weaker. Default 2.5.
    pub a: f64,
    /// Strength: directions with variance far below σ_on² end with standard deviation × e^{−b/2}. Default 8.
    pub b: f64,
    /// Sharpness of the onset. Default 8.
    pub p: f64,
    /// Compensation c, 0 to 1: above the onset variations are held back from shrinking (κ = −c between the onset
    /// and `reach` times it), which returns to the wanted ones what attraction takes. Default 0.
    pub c: f64,
    /// Where compensation ends, as a multiple of the onset. Default 3.
    pub reach: f64,
    /// σ_data, in the data's units; by default the model's own.
    pub sigma_data: Option<f64>,
    /// How A is computed.
    pub attraction: Attraction,
}

impl Default for MadConfig {
    fn default() -> Self {
        MadConfig {
            a: 2.5,
            b: 8.0,
            p: 8.0,
            c: 0.0,
            reach: 3.0,
            sigma_data: None,
            attraction: Attraction::Automatic,
        }
    }
}

impl MadConfig {
    fn check(&self) -> Result<()> {
        for (name, value, positive) in [("a", self.a, true), ("b", self.b, false), ("p", self.p, true)] {
            if !value.is_finite() || value < 0.0 || (positive && value == 0.0) {
                return Err(Error::argument(
                    name,
                    format!("of the attraction is {value}"),
                    "a and p are positive, b is not negative; the defaults are a=2.5, b=8, p=8",
                ));
            }
        }
        if !(0.0..=1.0).contains(&self.c) {
            return Err(Error::argument(
                "c",
                format!("of the attraction is {}", self.c),
                "compensation is from 0 to 1: more would let variations grow",
            ));
        }
        if !(self.reach >= 1.0 && self.reach.is_finite()) {
            return Err(Error::argument(
                "reach",
                format!("of the attraction is {}", self.reach),
                "compensation ends at or above the onset: give 1 or more, such as 3",
            ));
        }
        let step = match self.attraction {
            Attraction::Automatic => 1.0,
            Attraction::VarianceDifference(step) | Attraction::Directional(step) => step,
        };
        if !(step > 0.0 && step.is_finite()) {
            return Err(Error::argument(
                "attraction",
                format!("has the relative step {step}"),
                "choose a positive number such as 0.05",
            ));
        }
        Ok(())
    }
}

/// A denoiser attracted to the manifold.
#[derive(Debug, Clone)]
pub struct Mad<D> {
    inner: D,
    config: MadConfig,
    sigma_data: f64,
}

impl<D: Denoiser> Mad<D> {
    /// Attraction on top of `inner`.
    ///
    /// # Errors
    /// If a setting is out of range, or σ_data is neither given nor known to the model.
    pub fn new(inner: D, config: MadConfig) -> Result<Self> {
        config.check()?;
        let sigma_data = config.sigma_data.or_else(|| inner.moments().map(|m| m.std)).ok_or_else(|| {
            Error::argument("sigma_data", "is not known to this model", "set MadConfig::sigma_data")
        })?;
        if !(sigma_data > 0.0 && sigma_data.is_finite()) {
            return Err(Error::argument(
                "sigma_data",
                format!("is {sigma_data}"),
                "it is the standard deviation of the data, a positive number in their units",
            ));
        }
        Ok(Mad { inner, config, sigma_data })
    }

    /// κ(σ) = (b + c) w(σ/σ_on) − c w(σ/(reach·σ_on)), w(r) = 1/(1 + r^p), without the cap of a step.
    pub fn strength(&self, sigma: f64) -> f64 {
        let MadConfig { a, b, p, c, reach, .. } = self.config;
        let ratio = a * sigma / self.sigma_data;
        let gate = |ratio: f64| 1.0 / (1.0 + libm::pow(ratio, p));
        let attracted = b * gate(ratio);
        if c == 0.0 { attracted } else { attracted - c * (gate(ratio / reach) - gate(ratio)) }
    }

    /// The level below which attraction, or its compensation, is computed at all: where |κ| = 0.01.
    pub fn onset_level(&self) -> f64 {
        let MadConfig { a, b, p, c, reach, .. } = self.config;
        let last = |strength: f64| libm::pow((strength / NEGLIGIBLE - 1.0).max(0.0), 1.0 / p);
        last(b).max(if c > 0.0 { reach * last(c) } else { 0.0 }) * self.sigma_data / a
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

/// κ_cap(h) = (2/h − 1) + 2√((1/h)(1/h − 1)): the largest κ for which a step of relative length h
/// overshoots in no Gaussian direction; the root of h·(κ+1)²/(4κ) = 1.
pub fn no_overshoot_cap(h: f64) -> f64 {
    let r = 1.0 / h;
    (2.0 * r - 1.0) + 2.0 * (r * (r - 1.0)).max(0.0).sqrt()
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
        let (mut denoised, attraction) =
            denoise_and_attract(&self.inner, x, sigma, self.config.attraction, visit)?;
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
        self.inner.evaluations_per_call(sigma)
    }
}

#[cfg(test)]
mod tests;
