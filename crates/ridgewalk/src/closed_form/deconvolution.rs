//! The law of clean data from a closed-form model of noisy ones: the noise's variance, taken out of every
//! covariance.
//!
//! Where x = x₀ + ηε with ε ~ N(0, I), a mixture p = Σ_k w_k N(μ_k, Σ_k) of the noisy x belongs to the mixture
//! Σ_k w_k N(μ_k, Σ_k − η²I) of the clean x₀. A direction of variance v keeps the factor √(1 − η²/v) of its
//! standard deviation: exact where v ≥ η².
//!
//! A *fitted* covariance has directions with v < η² too, which no noisy law can have: sampling error, or a noise
//! level that is taken too high. They become points of width [`FLOOR`]·σ_data, σ_data being that of the noisy
//! model: the clean law is flat there. Nothing ever gets wider: what was narrower than that keeps its width.
//!
//! Only models that know their own covariances have this; of a network or an empirical score there is no closed
//! form to take noise out of, and attraction ([`Mad`](crate::Mad)) or a Tweedie step
//! ([`tweedie_step`](crate::transform::tweedie_step)) stand in for it.

use super::covariance::Covariance;
use super::gaussian::Gaussian;
use super::mixture::Mixture;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};

/// Width of a direction that noise explains whole, as a part of σ_data: what a sampler does not resolve, and the
/// floor of a [`MixtureFit`](super::MixtureFit).
pub const FLOOR: f64 = 1e-3;

impl Gaussian {
    /// The Gaussian of the clean data, if this is that of data with noise of standard deviation `noise` (in the
    /// data's units): Σ − η²I, not below the floor (see the [module](self)).
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::closed_form::{Covariance, Gaussian};
    ///
    /// let noisy = Gaussian::new(array![1.0, 2.0], Covariance::diagonal(vec![25.0, 9.0])?)?;
    /// let clean = noisy.deconvolved(3.0)?;
    /// assert_eq!(clean.covariance().values()[0], 16.0);
    /// assert!(clean.covariance().values()[1] < 1e-4);
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the noise is negative or not finite.
    pub fn deconvolved(&self, noise: f64) -> Result<Gaussian> {
        let floor = floor(self)?;
        Gaussian::new(self.mean().to_owned(), without_noise(self.covariance(), noise, floor)?)
    }
}

impl Mixture {
    /// The mixture of the clean data, if this is that of data with noise of standard deviation `noise` (in the
    /// data's units): weights and means stay, every Σ_k becomes Σ_k − η²I, not below the floor (see the
    /// [module](self)).
    ///
    /// # Errors
    /// If the noise is negative or not finite.
    pub fn deconvolved(&self, noise: f64) -> Result<Mixture> {
        let floor = floor(self)?;
        let clean =
            |g: &Gaussian| Gaussian::new(g.mean().to_owned(), without_noise(g.covariance(), noise, floor)?);
        let components = self.components().iter().map(clean).collect::<Result<Vec<_>>>()?;
        Mixture::new(self.weights().to_vec(), components)
    }
}

/// The least variance that is left, (FLOOR·σ_data)².
fn floor(model: &dyn Denoiser) -> Result<f64> {
    let moments = model.moments().ok_or_else(|| {
        Error::argument("model", "does not know its own variance", "give a Gaussian or a mixture of them")
    })?;
    Ok((FLOOR * moments.std) * (FLOOR * moments.std))
}

fn without_noise(covariance: &Covariance, noise: f64, floor: f64) -> Result<Covariance> {
    if !(noise >= 0.0 && noise.is_finite()) {
        let help = "give the standard deviation of the noise, not negative, in the data's units";
        return Err(Error::argument("noise", format!("is {noise}"), help));
    }
    covariance.map(|v| (v - noise * noise).max(floor).min(v))
}
