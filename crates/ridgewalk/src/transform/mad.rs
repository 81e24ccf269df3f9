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

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit, check_sigma};
use crate::error::{Error, Result};
use crate::points::Moments;

/// Below this strength attraction is not computed: it would change a step by less than 1 % of q(1−q).
const NEGLIGIBLE: f64 = 0.01;

/// How A is computed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Attraction {
    /// (σ/2) ∂D/∂σ where the model has it, otherwise a difference quotient with δ = 0.05.
    #[default]
    Automatic,
    /// [D(x; σ√(1+δ)) − D(x; σ)]/δ: the paper's way, one more evaluation. δ = 0.05 suits exact models,
    /// 0.1 to 0.3 learned ones.
    VarianceDifference(f64),
    /// [D(x + ε(D−x); σ) − D(x; σ)]/ε: no derivative in σ, so it serves models that are not told σ. It
    /// equals A for Gaussians and lacks the curvature term ½σ⁴∇(div s) elsewhere. Not the extended score.
    Directional(f64),
}

/// Settings of [`Mad`].
#[derive(Debug, Clone, PartialEq)]
pub struct MadConfig {
    /// Onset: attraction acts below σ_on = σ_data/a. Larger is weaker. Default 2.5.
    pub a: f64,
    /// Strength: directions with variance far below σ_on² end with standard deviation × e^{−b/2}. Default 8.
    pub b: f64,
    /// Sharpness of the onset. Default 8.
    pub p: f64,
    /// σ_data, in the data's units; by default the model's own.
    pub sigma_data: Option<f64>,
    /// How A is computed.
    pub attraction: Attraction,
}

impl Default for MadConfig {
    fn default() -> Self {
        MadConfig { a: 2.5, b: 8.0, p: 8.0, sigma_data: None, attraction: Attraction::Automatic }
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

    /// κ(σ) = b/(1 + (aσ/σ_data)^p), without the cap of a step.
    pub fn strength(&self, sigma: f64) -> f64 {
        self.config.b / (1.0 + libm::pow(self.config.a * sigma / self.sigma_data, self.config.p))
    }

    /// The level below which attraction is computed at all: where κ = 0.01.
    pub fn onset_level(&self) -> f64 {
        let ratio = (self.config.b / NEGLIGIBLE - 1.0).max(0.0);
        libm::pow(ratio, 1.0 / self.config.p) * self.sigma_data / self.config.a
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
        if self.strength(start) < NEGLIGIBLE { 0.0 } else { self.strength(sigma).min(cap) }
    }
}

/// κ_cap(h) = (2/h − 1) + 2√((1/h)(1/h − 1)): the largest κ for which a step of relative length h
/// overshoots in no Gaussian direction; the root of h·(κ+1)²/(4κ) = 1.
pub fn no_overshoot_cap(h: f64) -> f64 {
    let r = 1.0 / h;
    (2.0 * r - 1.0) + 2.0 * (r * (r - 1.0)).max(0.0).sqrt()
}

/// D and A at (x, σ).
fn denoise_and_attract(
    model: &dyn Denoiser,
    x: ArrayView2<f64>,
    sigma: f64,
    attraction: Attraction,
    visit: &Visit,
) -> Result<(Array2<f64>, Array2<f64>)> {
    let delta = match attraction {
        Attraction::Automatic => {
            if let Some(model) = model.differentiable() {
                let (denoised, mut by_sigma) = model.denoise_with_sigma_derivative_at(x, sigma, visit)?;
                by_sigma *= 0.5 * sigma;
                return Ok((denoised, by_sigma));
            }
            0.05
        }
        Attraction::VarianceDifference(delta) => delta,
        Attraction::Directional(epsilon) => {
            let denoised = model.denoise_at(x, sigma, visit)?;
            let mut ahead = &denoised - &x;
            ahead *= epsilon;
            ahead += &x;
            let mut attraction = model.denoise_at(ahead.view(), sigma, visit)?;
            attraction -= &denoised;
            attraction /= epsilon;
            return Ok((denoised, attraction));
        }
    };
    let denoised = model.denoise_at(x, sigma, visit)?;
    let mut attraction = model.denoise_at(x, sigma * (1.0 + delta).sqrt(), visit)?;
    attraction -= &denoised;
    attraction /= delta;
    Ok((denoised, attraction))
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

/// The extended score with variance unit λ: H^λ_γ p(x) = [(D_γ(x) − x) + λ ∂_γ D_γ(x)]/λ, `[batch, d]`.
/// λ = 1 is the paper's definition.
///
/// # Errors
/// If γ or λ is not positive, and those of the model.
pub fn extended_score<D: Denoiser + ?Sized>(
    model: &D,
    x: ArrayView2<f64>,
    gamma: f64,
    lambda: f64,
    attraction: Attraction,
) -> Result<Array2<f64>> {
    for (name, value) in [("gamma", gamma), ("lambda", lambda)] {
        if !(value > 0.0 && value.is_finite()) {
            return Err(Error::argument(
                name,
                format!("is {value}"),
                "it is a variance: choose a positive number",
            ));
        }
    }
    // λ ∂_γ D = (λ/γ)·γ ∂_γ D = (λ/γ)·A.
    let (mut out, attracted) = denoise_and_attract(&model, x, gamma.sqrt(), attraction, &Visit::default())?;
    out -= &x;
    out.scaled_add(lambda / gamma, &attracted);
    out /= lambda;
    Ok(out)
}

#[cfg(test)]
mod tests;
