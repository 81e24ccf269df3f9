//! Mixtures of any fields, p = Σ_k w_k p_k.
//!
//! With γ_k ∝ w_k p_{k,σ}(x) and s_k, D_k, J_k, H_k those of the parts, from ∇γ_k = γ_k (s_k − s):
//!
//! ```text
//! D = Σ γ_k D_k        J = Σ γ_k J_k + Σ γ_k (D_k − D)(D_k − D)ᵀ/σ²
//! s = Σ γ_k s_k        H = Σ γ_k H_k + Σ γ_k (s_k − s)(s_k − s)ᵀ
//! ∂_σ D = Σ γ_k ∂_σ D_k + Σ γ_k (D_k − D) ∂_σ log p_k,   ∂_σ log p_k = σ (tr H_k + ‖s_k‖²)
//! ```
//!
//! the last by the heat equation, with tr H_k = (tr J_k − d)/σ². The γ_k are formed in the log domain.
//! Cost: that of all parts.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::mixture::{draw_index, normalised_weights};
use super::pointwise::{checked_variance, finite};
use super::posterior::{add_outer, normalise};
use crate::denoiser::{Denoiser, Density, Differentiable, check_tangent};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::Stream;

/// Σ_k w_k p_k, where every p_k is any [`Density`] on the same space.
///
/// ```
/// use std::sync::Arc;
///
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::{FieldMixture, Sphere};
///
/// // Two rings: near the outer one D is its own.
/// let rings = FieldMixture::new(vec![1.0, 2.0], vec![Arc::new(Sphere::new(2, 1.0)?), Arc::new(Sphere::new(2, 2.0)?)])?;
/// let x = array![[2.1, 0.0]];
/// let outer = Sphere::new(2, 2.0)?.denoise(x.view(), 0.1)?;
/// assert!((&rings.denoise(x.view(), 0.1)? - &outer).iter().all(|e| e.abs() < 1e-15));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Clone)]
pub struct FieldMixture {
    weights: Vec<f64>,
    log_weights: Vec<f64>,
    fields: Vec<Arc<dyn Density>>,
    dim: usize,
}

impl fmt::Debug for FieldMixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldMixture").field("dim", &self.dim).field("weights", &self.weights).finish()
    }
}

impl FieldMixture {
    /// From weights, which are normalised to sum to one, and fields.
    ///
    /// # Errors
    /// If there are no fields, the lengths or dimensions disagree, or the weights are negative, not
    /// finite or all zero.
    pub fn new(weights: Vec<f64>, fields: Vec<Arc<dyn Density>>) -> Result<Self> {
        let Some(dim) = fields.first().map(|f| f.dim()).filter(|&d| d > 0) else {
            return Err(Error::argument("fields", "have no coordinates", "give at least one field"));
        };
        if let Some((k, field)) = fields.iter().enumerate().find(|(_, f)| f.dim() != dim) {
            return Err(Error::shape(format!("field {k}"), field.dim(), format!("{dim} dimensions")));
        }
        let weights = normalised_weights(weights, fields.len())?;
        let log_weights = weights.iter().map(|&w| libm::log(w)).collect();
        Ok(FieldMixture { weights, log_weights, fields, dim })
    }

    /// The weights w_k, which sum to one.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The fields p_k.
    pub fn fields(&self) -> impl Iterator<Item = &dyn Density> {
        self.fields.iter().map(|f| &**f)
    }

    /// Number of fields K.
    #[allow(clippy::len_without_is_empty)] // never empty, by construction
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// γ_k(x; σ) = P(field k | x), `[batch, K]`; rows sum to one.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`].
    pub fn responsibilities(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(self.posterior(x, sigma)?.0)
    }

    /// γ, `[batch, K]`, and log p_σ, `[batch]`.
    fn posterior(&self, x: ArrayView2<f64>, sigma: f64) -> Result<(Array2<f64>, Array1<f64>)> {
        checked_variance(self.dim, x, sigma)?;
        let mut gamma = Array2::zeros((x.nrows(), self.len()));
        for (k, (field, log_weight)) in self.fields.iter().zip(&self.log_weights).enumerate() {
            gamma.column_mut(k).assign(&(field.log_density(x, sigma)? + *log_weight));
        }
        let mut log_density = Array1::zeros(x.nrows());
        for (mut row, log_density) in gamma.outer_iter_mut().zip(&mut log_density) {
            *log_density = normalise(row.as_slice_mut().unwrap_or_default());
        }
        Ok((finite(gamma)?, log_density))
    }

    /// One answer a field.
    fn each<T>(&self, answer: impl Fn(&dyn Density) -> Result<T>) -> Result<Vec<T>> {
        self.fields.iter().map(|field| answer(&**field)).collect()
    }

    /// Σ γ_k B_k v + scale · Σ γ_k (y_k − y)⟨y_k − y, v⟩.
    fn product(
        gamma: &Array2<f64>,
        within: &[Array2<f64>],
        vectors: &[Array2<f64>],
        scale: f64,
        v: ArrayView2<f64>,
    ) -> Result<Array2<f64>> {
        let mut out = mean(gamma, within);
        let centre = mean(gamma, vectors);
        for (k, y) in vectors.iter().enumerate() {
            for (row, mut out) in out.outer_iter_mut().enumerate() {
                let deviation = &y.row(row) - &centre.row(row);
                out.scaled_add(scale * gamma[(row, k)] * deviation.dot(&v.row(row)), &deviation);
            }
        }
        finite(out)
    }

    /// Σ γ_k B_k + Σ γ_k (scale (y_k − y))(scale (y_k − y))ᵀ.
    fn matrices(
        gamma: &Array2<f64>,
        within: Vec<Array3<f64>>,
        vectors: &[Array2<f64>],
        scale: f64,
    ) -> Array3<f64> {
        let centre = mean(gamma, vectors);
        let (batch, d) = centre.dim();
        let mut out = Array3::zeros((batch, d, d));
        for (k, (matrices, y)) in within.iter().zip(vectors).enumerate() {
            for (row, mut out) in out.outer_iter_mut().enumerate() {
                out.scaled_add(gamma[(row, k)], &matrices.index_axis(Axis(0), row));
                let factor = scale * gamma[(row, k)].sqrt();
                let deviation: Vec<f64> =
                    y.row(row).iter().zip(centre.row(row)).map(|(y, m)| factor * (y - m)).collect();
                if let Some(out) = out.as_slice_mut() {
                    add_outer(&deviation, out);
                }
            }
        }
        out
    }
}

/// Σ_k γ_k y_k of every row, `[batch, d]`.
fn mean(gamma: &Array2<f64>, vectors: &[Array2<f64>]) -> Array2<f64> {
    let d = vectors.first().map_or(0, |y| y.ncols());
    let mut out = Array2::zeros((gamma.nrows(), d));
    for (gamma, y) in gamma.columns().into_iter().zip(vectors) {
        out += &(y * &gamma.insert_axis(Axis(1)));
    }
    out
}

impl Denoiser for FieldMixture {
    fn dim(&self) -> usize {
        self.dim
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        finite(mean(&gamma, &self.each(|f| f.denoise(x, sigma))?))
    }
    /// Law of total variance; none where a field has none.
    fn moments(&self) -> Option<Moments> {
        let parts: Vec<Moments> = self.fields.iter().map(|f| f.moments()).collect::<Option<_>>()?;
        let mut mean = Array1::zeros(self.dim);
        for (w, part) in self.weights.iter().zip(&parts) {
            mean.scaled_add(*w, &part.mean);
        }
        let variance = |(w, part): (&f64, &Moments)| {
            let shift = &part.mean - &mean;
            w * (part.std * part.std + shift.dot(&shift) / self.dim as f64)
        };
        let total: f64 = self.weights.iter().zip(&parts).map(variance).sum();
        Some(Moments { mean, std: total.sqrt() })
    }
    /// None where any field has none, whichever is drawn.
    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let chosen = draw_index(&self.weights, stream);
        let mut draws = self.fields.iter().map(|field| field.draw(stream)).collect::<Option<Vec<_>>>()?;
        (chosen < draws.len()).then(|| draws.swap_remove(chosen))
    }
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
    fn score(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        finite(mean(&gamma, &self.each(|f| f.score(x, sigma))?))
    }
    fn noise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(self.score(x, sigma)? * -sigma)
    }
}

impl Differentiable for FieldMixture {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        check_tangent(x, v)?;
        let within = self.each(|f| f.jvp(x, sigma, v))?;
        let denoised = self.each(|f| f.denoise(x, sigma))?;
        Self::product(&gamma, &within, &denoised, 1.0 / (sigma * sigma), v)
    }
    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let (gamma, _) = self.posterior(x, sigma)?;
        let both = self.each(|f| f.denoise_with_sigma_derivative(x, sigma))?;
        let (denoised, slopes): (Vec<_>, Vec<_>) = both.into_iter().unzip();
        let centre = mean(&gamma, &denoised);
        let mut out = mean(&gamma, &slopes);
        // Their mean over γ is free to choose, since Σ γ_k (D_k − D) = 0, and far away it is what cancels.
        let rates = self.each(|f| {
            let score = f.score(x, sigma)?;
            let trace = (f.divergence(x, sigma)? - self.dim as f64) / (sigma * sigma);
            Ok((((&score * &score).sum_axis(Axis(1)) + trace) * sigma).insert_axis(Axis(1)))
        })?;
        let common = mean(&gamma, &rates);
        for ((gamma, y), rate) in gamma.columns().into_iter().zip(&denoised).zip(&rates) {
            let weight = (rate - &common) * gamma.insert_axis(Axis(1));
            out += &((y - &centre) * weight);
        }
        Ok((finite(centre)?, finite(out)?))
    }
    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        let denoised = self.each(|f| f.denoise(x, sigma))?;
        let traces = self.each(|f| f.divergence(x, sigma))?;
        let centre = mean(&gamma, &denoised);
        let mut out = Array1::zeros(x.nrows());
        for ((gamma, y), trace) in gamma.columns().into_iter().zip(&denoised).zip(&traces) {
            let deviation = (y - &centre) / sigma;
            out += &(&gamma * &(trace + &(&deviation * &deviation).sum_axis(Axis(1))));
        }
        Ok(out)
    }
    fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        let within = self.each(|f| f.jacobian(x, sigma))?;
        Ok(Self::matrices(&gamma, within, &self.each(|f| f.denoise(x, sigma))?, 1.0 / sigma))
    }
    fn hessian_product(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        check_tangent(x, v)?;
        let within = self.each(|f| f.hessian_product(x, sigma, v))?;
        Self::product(&gamma, &within, &self.each(|f| f.score(x, sigma))?, 1.0, v)
    }
}

impl Density for FieldMixture {
    fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        Ok(self.posterior(x, sigma)?.1)
    }
    fn hessian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        let (gamma, _) = self.posterior(x, sigma)?;
        let within = self.each(|f| f.hessian(x, sigma))?;
        Ok(Self::matrices(&gamma, within, &self.each(|f| f.score(x, sigma))?, 1.0))
    }
}
