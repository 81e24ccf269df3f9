//! The Gaussian N(μ, Σ) and its exact denoiser.
//!
//! ```text
//! D(x; σ) = μ + Σ(Σ + σ²I)⁻¹(x − μ),   J = Σ(Σ + σ²I)⁻¹,   ∂_σ D = −2σ Σ(Σ + σ²I)⁻² (x − μ)
//! ```
//!
//! This is also the best affine denoiser of any law with these moments. Cost O(batch·d·rank), O(batch·d) for a
//! diagonal covariance.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis};

use super::covariance::{Covariance, CovarianceKind};
use super::posterior::Level;
use crate::denoiser::{Denoiser, Density, Differentiable};
use crate::error::{Error, Result};
use crate::points::{Moments, PointSet, require_finite};
use crate::random::{Purpose, Stream};

/// N(μ, Σ); Σ may be singular.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
///
/// let g = Gaussian::new(array![1.0], Covariance::isotropic(1, 3.0)?)?;
/// // Half of the way to the mean, where the noise is as large as the signal's standard deviation.
/// let denoised = g.denoise(array![[5.0]].view(), 3f64.sqrt())?;
/// assert!((denoised[[0, 0]] - 3.0).abs() < 1e-14);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Gaussian {
    mean: Array1<f64>,
    covariance: Covariance,
}

impl Gaussian {
    /// From its mean `[d]` and covariance.
    ///
    /// # Errors
    /// If the dimensions disagree or the mean is not finite.
    pub fn new(mean: Array1<f64>, covariance: Covariance) -> Result<Self> {
        if mean.len() != covariance.dim() {
            return Err(Error::shape("the mean", mean.len(), covariance.dim()));
        }
        require_finite("the mean", mean.view().insert_axis(Axis(0)))?;
        Ok(Gaussian { mean: mean.iter().copied().collect(), covariance })
    }

    /// By moments, which is by maximum likelihood: the mean of the points, and their covariance
    /// (divided by n, not n − 1) or its best approximation of the given kind. No floor: directions
    /// in which the data are constant, or all but n − 1 of them if n ≤ d, get variance 0, and the
    /// denoiser holds them fixed.
    ///
    /// # Errors
    /// If the eigenvalue computation fails.
    pub fn fit(points: &PointSet, kind: CovarianceKind) -> Result<Self> {
        let all: Vec<(usize, f64)> = (0..points.len()).map(|i| (i, 1.0)).collect();
        let (mean, covariance) = Covariance::fit(points.values(), &all, kind, 0.0)?;
        Ok(Gaussian { mean, covariance })
    }

    /// μ, `[d]`.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// Σ.
    pub fn covariance(&self) -> &Covariance {
        &self.covariance
    }

    /// n exact draws, `[n, d]`; draw i depends on the seed and i alone.
    pub fn sample(&self, n: usize, seed: u64) -> Array2<f64> {
        let mut out = Array2::zeros((n, self.mean.len()));
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(seed, Purpose::Synthetic, i as u64, 0);
            self.draw_into(&mut stream, row.as_slice_mut().unwrap_or_default());
        }
        out
    }

    pub(super) fn mean_slice(&self) -> &[f64] {
        self.mean.as_slice().unwrap_or_default()
    }

    /// μ + Σ^{1/2} z.
    pub(super) fn draw_into(&self, stream: &mut Stream, out: &mut [f64]) {
        let mut z = vec![0.0; self.mean.len()];
        stream.fill_normal(&mut z);
        let mut c = vec![0.0; self.covariance.rank()];
        self.covariance.project(&mut z, &mut c);
        out.copy_from_slice(self.mean_slice());
        self.covariance.filter(&c, &z, &self.covariance.gains(f64::sqrt), 1.0, out);
    }

    fn dimension(&self) -> usize {
        self.mean.len()
    }

    fn at(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Level<'_>> {
        Level::checked(std::slice::from_ref(self), &[0.0], x, sigma)
    }
}

super::mixture::impl_density!(
    Gaussian,
    |model: &Gaussian| Moments {
        mean: model.mean.clone(),
        std: (model.covariance.trace() / model.mean.len() as f64).sqrt(),
    },
    Gaussian::draw_into
);
