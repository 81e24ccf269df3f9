//! Mixtures of Gaussians p = Σ_k w_k N(μ_k, Σ_k) and their exact denoiser.
//!
//! ```text
//! D(x; σ) = Σ_k γ_k(x, σ) D_k(x; σ),   γ_k ∝ w_k N(x; μ_k, Σ_k + σ²I)
//! ```
//!
//! Derivatives, score, divergence and Hessian are exact too; `posterior.rs` has the formulas. All
//! is computed in the log domain and holds at any distance and noise level whose squares are
//! representable. Each row's arithmetic is its own: results do not depend on batch or threads.
//! Cost O(batch·d·Σ_k rank_k), where a
//! diagonal or isotropic covariance counts as rank 1.

use ndarray::{Array1, Array2, Array3, ArrayView2};

use super::covariance::Covariance;
use super::gaussian::Gaussian;
use super::posterior::Level;
use crate::denoiser::{Denoiser, Density, Differentiable};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::{Purpose, Stream};

/// Weights whose sum is this close to one are kept bit for bit, so that a mixture that was written
/// to a file is read back as the same one.
const NORMALISED: f64 = 1e-12;

/// Σ_k w_k N(μ_k, Σ_k).
///
/// ```
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
///
/// // Two points ±1 with equal weights: D(x; σ) = tanh(x/σ²).
/// let at = |m: f64| Gaussian::new(array![m], Covariance::isotropic(1, 0.0)?);
/// let pair = Mixture::new(vec![0.5, 0.5], vec![at(-1.0)?, at(1.0)?])?;
/// let denoised = pair.denoise(array![[0.3]].view(), 0.5)?;
/// assert!((denoised[[0, 0]] - (0.3f64 / 0.25).tanh()).abs() < 1e-15);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mixture {
    weights: Vec<f64>,
    log_weights: Vec<f64>,
    components: Vec<Gaussian>,
}

impl Mixture {
    /// From weights, which are normalised to sum to one, and components. This is also the validating
    /// constructor for mixtures read from files.
    ///
    /// # Errors
    /// If there are no components, the lengths or dimensions disagree, or the weights are negative,
    /// not finite or all zero.
    pub fn new(weights: Vec<f64>, components: Vec<Gaussian>) -> Result<Self> {
        let Some(first) = components.first() else {
            return Err(Error::argument("components", "is empty", "give at least one component"));
        };
        let d = first.covariance().dim();
        if let Some((k, g)) = components.iter().enumerate().find(|(_, g)| g.covariance().dim() != d) {
            return Err(Error::shape(
                format!("component {k}"),
                g.covariance().dim(),
                format!("{d} dimensions"),
            ));
        }
        let weights = normalised_weights(weights, components.len())?;
        let log_weights = weights.iter().map(|&w| libm::log(w)).collect();
        Ok(Mixture { weights, log_weights, components })
    }

    /// The weights w_k, which sum to one.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// The components.
    pub fn components(&self) -> &[Gaussian] {
        &self.components
    }

    /// Number of components K.
    #[allow(clippy::len_without_is_empty)] // never empty, by construction
    pub fn len(&self) -> usize {
        self.components.len()
    }

    /// γ_k(x; σ) = P(component k | x), `[batch, K]`; rows sum to one.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`].
    pub fn responsibilities(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.at(x, sigma)?.responsibilities(x)
    }

    /// The Gaussian of the same mean and covariance: what the mixture looks like at high noise, and by which a
    /// sampler may be teleported. O(K·d²) and an eigendecomposition.
    ///
    /// # Errors
    /// If the eigendecomposition fails.
    pub fn to_gaussian(&self) -> Result<Gaussian> {
        let d = self.dim();
        let mut mean = Array1::zeros(d);
        for (weight, component) in self.weights.iter().zip(&self.components) {
            mean.scaled_add(*weight, &component.mean());
        }
        let mut covariance = Array2::<f64>::zeros((d, d));
        for (weight, component) in self.weights.iter().zip(&self.components) {
            covariance.scaled_add(*weight, &component.covariance().to_dense());
            let off = &component.mean() - &mean;
            for (mut row, a) in covariance.outer_iter_mut().zip(&off) {
                row.scaled_add(weight * a, &off);
            }
        }
        // Symmetric to the bit, which rounding in the order of the products need not leave it.
        let covariance = 0.5 * (&covariance + &covariance.t());
        Gaussian::new(mean, Covariance::from_dense(covariance.view())?)
    }

    /// n exact draws from p itself, `[n, d]`; draw i depends on the seed and i alone.
    pub fn sample(&self, n: usize, seed: u64) -> Array2<f64> {
        let mut out = Array2::zeros((n, self.dim()));
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(seed, Purpose::Synthetic, i as u64, 0);
            self.draw_into(&mut stream, row.as_slice_mut().unwrap_or_default());
        }
        out
    }

    fn draw_into(&self, stream: &mut Stream, out: &mut [f64]) {
        let component = &self.components[draw_index(&self.weights, stream)];
        component.draw_into(stream, out);
    }

    pub(super) fn log_weights(&self) -> &[f64] {
        &self.log_weights
    }

    fn dimension(&self) -> usize {
        self.components[0].covariance().dim()
    }

    fn at(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Level<'_>> {
        Level::checked(&self.components, &self.log_weights, x, sigma)
    }

    /// Law of total variance.
    fn total_moments(&self) -> Moments {
        let mut mean = Array1::zeros(self.dim());
        for (w, g) in self.weights.iter().zip(&self.components) {
            mean.scaled_add(*w, &g.mean());
        }
        let variance = |(w, g): (&f64, &Gaussian)| {
            let shift = &g.mean() - &mean;
            w * (g.covariance().trace() + shift.dot(&shift))
        };
        let total: f64 = self.weights.iter().zip(&self.components).map(variance).sum();
        Moments { std: (total / self.dim() as f64).sqrt(), mean }
    }
}

/// `count` weights, checked and divided by their sum.
pub(super) fn normalised_weights(weights: Vec<f64>, count: usize) -> Result<Vec<f64>> {
    if weights.len() != count {
        return Err(Error::shape("the list of weights", weights.len(), count));
    }
    if let Some(bad) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
        return Err(Error::argument("weights", format!("hold {bad}"), "weights are finite and not negative"));
    }
    let sum: f64 = weights.iter().sum();
    if !sum.is_normal() {
        return Err(Error::argument("weights", format!("sum to {sum}"), "give a positive finite sum"));
    }
    let keep = (sum - 1.0).abs() <= NORMALISED;
    Ok(if keep { weights } else { weights.iter().map(|w| w / sum).collect() })
}

/// An index drawn with the given weights (not all zero); never one whose weight is 0.
pub(super) fn draw_index(weights: &[f64], stream: &mut Stream) -> usize {
    let mut left = stream.uniform() * weights.iter().sum::<f64>();
    let mut last = 0;
    for (k, &w) in weights.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        last = k;
        left -= w;
        if left < 0.0 {
            break;
        }
    }
    last
}

/// Denoiser, Differentiable and Density of a type whose method `at` gives the posterior.
macro_rules! impl_density {
    ($model:ty, $moments:expr, $draw:expr) => {
        impl Denoiser for $model {
            fn dim(&self) -> usize {
                self.dimension()
            }
            fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                self.at(x, sigma)?.denoise(x)
            }
            fn moments(&self) -> Option<Moments> {
                Some(($moments)(self))
            }
            fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
                let mut out = Array1::zeros(self.dimension());
                ($draw)(self, stream, out.as_slice_mut().unwrap_or_default());
                Some(out)
            }
            fn differentiable(&self) -> Option<&dyn Differentiable> {
                Some(self)
            }
            fn density(&self) -> Option<&dyn Density> {
                Some(self)
            }
            /// From the precision matrices: exact also where D − x cancels.
            fn score(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                self.at(x, sigma)?.score(x)
            }
            fn noise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                Ok(self.at(x, sigma)?.score(x)? * -sigma)
            }
        }

        impl Differentiable for $model {
            fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
                self.at(x, sigma)?.jvp(x, v)
            }
            fn denoise_with_sigma_derivative(
                &self,
                x: ArrayView2<f64>,
                sigma: f64,
            ) -> Result<(Array2<f64>, Array2<f64>)> {
                self.at(x, sigma)?.noise_derivative(x)
            }
            fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
                self.at(x, sigma)?.divergence(x)
            }
            fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
                self.at(x, sigma)?.jacobian(x)
            }
            /// From the precision matrices: exact also where J v − v cancels.
            fn hessian_product(
                &self,
                x: ArrayView2<f64>,
                sigma: f64,
                v: ArrayView2<f64>,
            ) -> Result<Array2<f64>> {
                self.at(x, sigma)?.hessian_product(x, v)
            }
        }

        impl Density for $model {
            fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
                self.at(x, sigma)?.log_density(x)
            }
            /// From the precision matrices: exact also where J − I cancels.
            fn hessian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
                self.at(x, sigma)?.hessian(x)
            }
        }
    };
}
pub(super) use impl_density;

impl_density!(Mixture, Mixture::total_moments, Mixture::draw_into);
