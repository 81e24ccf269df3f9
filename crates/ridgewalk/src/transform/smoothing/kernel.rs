//! Smoothing kernels: the law of the displacement ξ, and how its mean is estimated.
//!
//! ```text
//! isotropic     ξ ~ N(0, h²I)
//! anisotropic   ξ ~ N(0, Σ), drawn as Σ^{1/2} z
//! manifold      ξ = h T(x)ᵀ z, z ~ N(0, I) in R^{d*}, T(x) the tangent plane of the data at x
//! tangent       ξ = m′ − m,  m = Π(x),  m′ = Π(m + h z), Π the projection onto a given surface
//! custom        ξ = f(x, h, z)
//! ```
//!
//! (arXiv 2510.02305: isotropic in sections 3 and 5, tangent as the adapted kernel of its experiments.)
//! The first two do not depend on where they stand, so that smoothing the score is smoothing log p_σ
//! (eq. 6); the others do so only as far as they vary slowly.

use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2};

use super::estimator::Estimator;
use super::frames::{LocalPca, Surface};
use crate::closed_form::Covariance;
use crate::error::Result;

/// Draws of a kernel that was not told how many.
pub const DEFAULT_DRAWS: usize = 64;
/// Draws to which a tolerance doubles at the most, unless told otherwise.
pub const DEFAULT_MOST_DRAWS: usize = 1 << 16;

/// A user's displacements. A function of (x, scale, nodes) is one that is not centred.
pub trait DrawDisplacements: Send + Sync {
    /// Displacements `[batch, draws, d]` in the data's units: of every row of `x` (`[batch, d]`) one for
    /// every row of `nodes` (`[draws, r]`, standard normal coordinates, the same for all rows of x). A
    /// row's displacements must depend on that row alone.
    ///
    /// # Errors
    /// The implementation's own; they end the evaluation.
    fn draw(&self, x: ArrayView2<f64>, scale: f64, nodes: ArrayView2<f64>) -> Result<Array3<f64>>;

    /// Number r of standard normal coordinates of a draw in dimension `dim`: by default d.
    fn coordinates(&self, dim: usize) -> usize {
        dim
    }

    /// Whether E ξ = 0 at every x. If not (the default), E ξ is estimated from the draws and subtracted.
    fn centred(&self) -> bool {
        false
    }
}

impl<F> DrawDisplacements for F
where
    F: Fn(ArrayView2<f64>, f64, ArrayView2<f64>) -> Result<Array3<f64>> + Send + Sync,
{
    fn draw(&self, x: ArrayView2<f64>, scale: f64, nodes: ArrayView2<f64>) -> Result<Array3<f64>> {
        self(x, scale, nodes)
    }
}

/// A kernel scale h as a function of the noise level σ.
pub type ScaleOfSigma = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// What ξ is.
#[derive(Clone)]
pub(super) enum Law {
    Isotropic,
    Anisotropic(Covariance),
    Manifold(LocalPca),
    Tangent(Arc<dyn Surface>),
    Custom(Arc<dyn DrawDisplacements>),
}

impl Law {
    fn name(&self) -> &'static str {
        match self {
            Law::Isotropic => "isotropic",
            Law::Anisotropic(_) => "anisotropic",
            Law::Manifold(_) => "manifold",
            Law::Tangent(_) => "tangent",
            Law::Custom(_) => "custom",
        }
    }
}

/// What the standard error of a [`Kernel::tolerance`] is of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tolerance {
    Score(f64),
    Denoised(f64),
}

/// A smoothing kernel and the estimator of its means: what [`Smoothed`](super::Smoothed) averages over.
///
/// By default 64 antithetic draws, seed 0, acting at all noise levels. Settings are checked by
/// [`Smoothed::new`](super::Smoothed::new).
///
/// ```
/// use std::sync::Arc;
/// use ridgewalk::transform::{Estimator, Kernel};
///
/// let kernel = Kernel::isotropic(0.3).estimator(Estimator::QuasiMonteCarlo).draws(256).seed(7).below(2.0);
/// let growing = Kernel::isotropic(0.3).scale_by(Arc::new(|sigma: f64| 0.3_f64.max(sigma)));
/// # let _ = (kernel, growing);
/// ```
#[derive(Clone)]
pub struct Kernel {
    pub(super) law: Law,
    pub(super) scale: f64,
    pub(super) scale_by: Option<ScaleOfSigma>,
    pub(super) within: Option<Array2<f64>>,
    pub(super) estimator: Estimator,
    pub(super) draws: usize,
    pub(super) tolerance: Option<Tolerance>,
    pub(super) most_draws: usize,
    pub(super) seed: u64,
    pub(super) below: f64,
}

impl Kernel {
    fn of(law: Law, scale: f64) -> Self {
        Kernel {
            law,
            scale,
            scale_by: None,
            within: None,
            estimator: Estimator::default(),
            draws: DEFAULT_DRAWS,
            tolerance: None,
            most_draws: DEFAULT_MOST_DRAWS,
            seed: 0,
            below: f64::INFINITY,
        }
    }

    /// ξ ~ N(0, scale²·I), in the data's units. Scale 0 smooths nothing.
    pub fn isotropic(scale: f64) -> Self {
        Self::of(Law::Isotropic, scale)
    }

    /// ξ ~ N(0, Σ), in the data's units squared. Directions of variance 0 are not drawn in.
    pub fn anisotropic(covariance: Covariance) -> Self {
        Self::of(Law::Anisotropic(covariance), 1.0)
    }

    /// ξ = scale · T(x)ᵀ z: N(0, scale²) in every direction of the tangent plane at x that local principal
    /// components tell. z has as many coordinates as the plane, so few draws go far.
    pub fn manifold(scale: f64, tangents: LocalPca) -> Self {
        Self::of(Law::Manifold(tangents), scale)
    }

    /// ξ = Π(m + scale·z) − m with m = Π(x): moves along a given curve or surface. E ξ is not 0 where the
    /// surface is curved; it is taken from the same draws and subtracted, so that points of the surface
    /// stay where they are if the data are dense on it.
    pub fn tangent(scale: f64, surface: Arc<dyn Surface>) -> Self {
        Self::of(Law::Tangent(surface), scale)
    }

    /// The caller's own displacements.
    pub fn custom(scale: f64, draw: Arc<dyn DrawDisplacements>) -> Self {
        Self::of(Law::Custom(draw), scale)
    }

    /// With ξ projected onto the span of the rows of `frame` (`[r, d]`, orthonormal): exact for every
    /// model whose D(x + ξ) depends on ξ only through that span, as the empirical denoiser's does on the
    /// span of the centred data (see [`span`](super::span)). Sixteen images of 4096 pixels are fifteen
    /// dimensions to draw in instead of 4096. For isotropic and anisotropic kernels.
    pub fn within(mut self, frame: Array2<f64>) -> Self {
        self.within = Some(frame);
        self
    }

    /// With another estimator of the mean (default [`Estimator::Antithetic`]).
    pub fn estimator(mut self, estimator: Estimator) -> Self {
        self.estimator = estimator;
        self
    }

    /// With this number of draws at least (default [`DEFAULT_DRAWS`]), rounded up to the equal groups, and
    /// for Gauss–Hermite down to the tensor grid, that the estimator makes of them.
    pub fn draws(mut self, draws: usize) -> Self {
        self.draws = draws;
        self
    }

    /// Doubling the draws of a row until the standard error of its score s_k, the root mean square length
    /// of the error of (D_k − x)/σ², is at most this. The error of a sample after the last step is that of
    /// D_k, σ² times as large: see [`Kernel::tolerance_of_denoised`]. A row that misses it at
    /// [`Kernel::most_draws`] is an error.
    pub fn tolerance(mut self, standard_error: f64) -> Self {
        self.tolerance = Some(Tolerance::Score(standard_error));
        self
    }

    /// As [`Kernel::tolerance`], of the standard error of D_k, in the data's units: the same demand on a
    /// sample at every noise level.
    pub fn tolerance_of_denoised(mut self, standard_error: f64) -> Self {
        self.tolerance = Some(Tolerance::Denoised(standard_error));
        self
    }

    /// Draws to which a tolerance doubles at the most (default [`DEFAULT_MOST_DRAWS`]).
    pub fn most_draws(mut self, draws: usize) -> Self {
        self.most_draws = draws;
        self
    }

    /// With another seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Acting only at noise levels up to this one. At levels far above the scale the smoothed and the
    /// plain denoiser differ by a term that falls like scale²/σ².
    pub fn below(mut self, sigma: f64) -> Self {
        self.below = sigma;
        self
    }

    /// With a scale that depends on the noise level: at σ the scale is `scale(σ)` instead of the one
    /// given. An anisotropic kernel is multiplied by it.
    pub fn scale_by(mut self, scale: ScaleOfSigma) -> Self {
        self.scale_by = Some(scale);
        self
    }

    /// Its scale h, in the data's units; 1 for an anisotropic kernel, whose covariance has the units.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// The noise level up to which it acts, if not at all.
    pub fn acts_below(&self) -> Option<f64> {
        self.below.is_finite().then_some(self.below)
    }

    /// Whether the law of ξ is the same at every x, so that smoothing the score smooths log p_σ.
    pub fn location_independent(&self) -> bool {
        matches!(self.law, Law::Isotropic | Law::Anisotropic(_))
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kernel")
            .field("law", &self.law.name())
            .field("scale", &self.scale)
            .field("scale_by", &self.scale_by.is_some())
            .field("within", &self.within.as_ref().map(|f| f.nrows()))
            .field("estimator", &self.estimator)
            .field("draws", &self.draws)
            .field("tolerance", &self.tolerance)
            .field("most_draws", &self.most_draws)
            .field("seed", &self.seed)
            .field("below", &self.below)
            .finish()
    }
}
