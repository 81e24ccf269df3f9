//! Latent spaces: coordinates z of fewer dimensions in which a model is fitted, and the way back.
//!
//! ```text
//! z = encode(x)          x̂ = decode(z) ≈ x          z ∈ Rᵏ,  x ∈ Rᵈ
//! ```
//!
//! Pixels of an image are neither independent nor on one scale: most of the directions of their space
//! hold noise, where an isotropic kernel is wasted and nearest neighbours mislead. A model is fitted to
//! encoded data, samples are drawn there, and decoded; the experiments of arXiv 2510.02305 on images go
//! that way. Noise levels, kernel scales, scores and densities are then those of z.

mod pca;

use ndarray::{Array2, ArrayView2};

pub use pca::{Components, Pca};

use crate::error::{Error, Result};
use crate::points::PointSet;

/// Coordinates of fewer dimensions, and the way back.
pub trait Latent: Send + Sync {
    /// Name for messages and run records.
    fn name(&self) -> &'static str;
    /// Dimension k of the latent space.
    fn dim(&self) -> usize;
    /// Dimension d of the data.
    fn data_dim(&self) -> usize;

    /// z for every row of `x` (`[n, d]`), `[n, k]`.
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite, or a result is not.
    fn encode(&self, x: ArrayView2<f64>) -> Result<Array2<f64>>;

    /// The point of the data's space for every row of `z` (`[n, k]`), `[n, d]`.
    ///
    /// # Errors
    /// If `z` does not have k columns or is not finite, or a result is not.
    fn decode(&self, z: ArrayView2<f64>) -> Result<Array2<f64>>;

    /// Encoded points as vectors of the latent space; labels stay.
    ///
    /// # Errors
    /// As [`Latent::encode`].
    fn encode_points(&self, points: &PointSet) -> Result<PointSet> {
        let encoded = PointSet::vectors(self.encode(points.values())?)?;
        match points.labels() {
            Some(labels) => encoded.with_labels(labels.to_vec()),
            None => Ok(encoded),
        }
    }

    /// x̂ = decode(encode(x)) for every row of `x`: what of it the latent space can hold.
    ///
    /// # Errors
    /// As [`Latent::encode`] and [`Latent::decode`].
    fn reconstruct(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.decode(self.encode(x)?.view())
    }
}

/// Checks the columns of what is encoded or decoded.
fn check_rows(what: &'static str, x: ArrayView2<f64>, columns: usize) -> Result<()> {
    if x.ncols() != columns {
        return Err(Error::shape(what, format!("{} columns", x.ncols()), columns));
    }
    crate::points::require_finite(what, x)
}
