//! The error of a random feature model, taken apart (arXiv 2602.06021).
//!
//! ```text
//! D_τ − D_exact = (D_∞ − D_exact) + (D_τ − D_∞)                  bias of the architecture + optimisation
//! D_∞ − D_exact = (D_alone − D_exact) + (D_∞ − D_alone)          limit of the features + price of sharing
//! ```
//!
//! D_∞ is that of V U⁺, so that what W(0) leaves in the null space of U counts as optimisation. D_alone has the
//! weights V_t U_t⁺ of one noise level, and shares nothing.

use ndarray::{Array2, ArrayView2};

use super::denoiser::RandomFeatures;
use super::training::{Stopping, TrainedFeatures};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};

/// Differences of denoisers at given points, each `[batch, d]`, in the data's units; over σ² they are of scores.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureErrors {
    /// D_∞ − D_exact: what the architecture cannot do.
    pub bias: Array2<f64>,
    /// D_τ − D_∞: what training has not done yet, and never will where U has no eigenvalue.
    pub optimisation: Array2<f64>,
}

impl TrainedFeatures {
    /// Bias and optimisation error against the exact posterior mean of the same data (an
    /// [`Empirical`](crate::closed_form::Empirical)) at the rows of `x` (`[batch, d]`).
    ///
    /// # Errors
    /// As [`TrainedFeatures::at`] and [`Denoiser::denoise`], and if the two are of different dimensions.
    pub fn errors<D: Denoiser + ?Sized>(
        &self,
        exact: &D,
        x: ArrayView2<f64>,
        sigma: f64,
        stopping: impl Into<Stopping>,
    ) -> Result<FeatureErrors> {
        let limit = self.at(Stopping::LeastSquares)?;
        let bias = difference(&limit, exact, x, sigma)?;
        let optimisation = difference(&self.at(stopping)?, &limit, x, sigma)?;
        Ok(FeatureErrors { bias, optimisation })
    }

    /// D_alone − D_exact: the bias that would be left, were the weights of this noise level its own.
    ///
    /// # Errors
    /// As [`TrainedFeatures::at_level_alone`] and [`Denoiser::denoise`].
    pub fn bias_alone<D: Denoiser + ?Sized>(
        &self,
        exact: &D,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<Array2<f64>> {
        difference(&self.at_level_alone(sigma)?, exact, x, sigma)
    }
}

fn difference<D: Denoiser + ?Sized>(
    model: &RandomFeatures,
    other: &D,
    x: ArrayView2<f64>,
    sigma: f64,
) -> Result<Array2<f64>> {
    if other.dim() != model.dim() {
        let expected = format!("{} (the features' dimension)", model.dim());
        return Err(Error::shape("the exact model", format!("dimension {}", other.dim()), expected));
    }
    Ok(model.denoise(x, sigma)? - other.denoise(x, sigma)?)
}
