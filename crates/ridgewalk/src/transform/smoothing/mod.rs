//! Log-domain smoothing: the score averaged under a kernel (Farghly et al., arXiv 2510.02305).
//!
//! ```text
//! s_k(x) = E_ξ[∇log p_σ(x + ξ)] = ∇(k ∗ log p_σ)(x)          (eq. 6, location-independent kernel)
//! D_k(x) = x + σ² s_k(x) = E_ξ[D(x + ξ; σ) − ξ]              = E_ξ[D(x + ξ; σ)] for a centred kernel
//! ```
//!
//! Smoothing the log-density spreads mass along the data's manifold; smoothing the density (a kernel
//! density estimate) spreads it off the manifold. Kernel scales between 0.35 and 0.5 of the spacing of
//! neighbouring points fill gaps; beyond √(2τ·tolerance/d*) curvature of reach τ pulls samples inwards.
//!
//! [`Kernel`] says what ξ is, [`Estimator`] how the mean over it is taken. The draws are part of the
//! model: the same for every row, sample, batch and step, so D_k is one deterministic function of x,
//! fit for ODE solvers, and a model can share its work among them
//! ([`Denoiser::denoise_displaced`]). A smoothing of a smoothing keys them by its depth too: ξ and ξ′ are
//! independent for one seed, and together a kernel of scale √(h² + h′²).
//!
//! Gaussian kernels need drawing only in the span of the centred data ([`Kernel::within`], [`span`]): for
//! [`Empirical`](crate::closed_form::Empirical) that is exact, and takes Monte-Carlo error out of all other
//! directions.
//!
//! Cost: one evaluation of D for every draw, unless the model shares work among draws.

mod derivatives;
mod estimator;
mod frames;
mod hermite;
mod kernel;
mod means;
mod quantile;

use ndarray::{Array1, Array2, ArrayView2};

pub use estimator::Estimator;
pub use frames::{Dimension, LocalPca, NearestPoints, Surface, span};
pub use kernel::{DEFAULT_DRAWS, DEFAULT_MOST_DRAWS, DrawDisplacements, Kernel, ScaleOfSigma};

use crate::denoiser::{Denoiser, Differentiable, Visit, check_query};
use crate::error::{Error, Result};
use crate::points::Moments;
use estimator::{Nodes, Plan};
use frames::Frames;
use kernel::Tolerance;

/// D_k with its error: what [`Smoothed::denoise_with_error`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// D_k(x; σ), `[batch, d]`.
    pub denoised: Array2<f64>,
    /// Standard error of the smoothed score (D_k − x)/σ² of every row, `[batch]`: the root mean square
    /// length of the error vector. Times σ², that of D_k. Zero where the smoothing does not act. Of a
    /// Gauss–Hermite rule: the length of the difference to the rule with half the nodes along a
    /// coordinate, which is the error of the latter and mostly far above its own.
    pub standard_error: Array1<f64>,
    /// Draws (or nodes of a rule) averaged for every row, `[batch]`: 1 where the smoothing does not act.
    pub draws: Array1<usize>,
}

/// A denoiser whose score is smoothed.
#[derive(Clone)]
pub struct Smoothed<D> {
    inner: D,
    kernel: Kernel,
    frames: Frames,
    plan: Plan,
    nodes: Nodes,
    /// Smoothings within `inner`.
    depth: u64,
}

impl<D: Denoiser> Smoothed<D> {
    /// `inner` smoothed with `kernel`.
    ///
    /// # Errors
    /// If the kernel's scale or tolerance is out of range, its parts do not have the model's dimension, it
    /// has no draws, or its estimator cannot serve it (see [`Estimator`]).
    pub fn new(inner: D, kernel: Kernel) -> Result<Self> {
        check_scale(kernel.scale)?;
        let depth = inner.smoothings();
        let frames = Frames::new(&kernel, inner.dim())?;
        let plan = Plan::new(kernel.estimator, kernel.draws, frames.coordinates(), kernel.seed, depth)?;
        if kernel.estimator == Estimator::ControlVariate && !frames.centred() {
            return Err(Error::argument(
                "estimator",
                "is a control variate for a kernel with E ξ not 0",
                "choose antithetic draws or quasi-Monte Carlo",
            ));
        }
        if let Some(Tolerance::Score(bound) | Tolerance::Denoised(bound)) = kernel.tolerance {
            if !(bound > 0.0 && bound.is_finite()) {
                return Err(Error::argument(
                    "tolerance",
                    format!("of the kernel is {bound}"),
                    "it is a standard error: choose a positive number",
                ));
            }
            require_error_known(&plan)?;
            if plan.draws() > kernel.most_draws {
                return Err(Error::argument(
                    "most_draws",
                    format!("of the kernel are {}, below its {} draws", kernel.most_draws, plan.draws()),
                    "draws double from the number of draws up to most_draws",
                ));
            }
        }
        let nodes = plan.nodes();
        Ok(Smoothed { inner, kernel, frames, plan, nodes, depth })
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The denoiser within.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    /// D_k(x; σ) with the standard error of its score and the number of draws, for every row. D_k equals
    /// [`Denoiser::denoise`] to rounding.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if there are too few draws to know an error from: one, one pair, or a
    /// rule of one node.
    pub fn denoise_with_error(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Estimate> {
        check_query(self.dim(), x, sigma)?;
        let Some(scale) = self.acts(sigma)? else {
            return Ok(Estimate {
                denoised: self.inner.denoise(x, sigma)?,
                standard_error: Array1::zeros(x.nrows()),
                draws: Array1::ones(x.nrows()),
            });
        };
        require_error_known(&self.plan)?;
        self.estimate(x, sigma, scale, &Visit::default())
    }

    /// (k ∗ log p_σ)(x) = E_ξ[log p_σ(x + ξ)] of every row, `[batch]`, in nats, over the same draws as D_k:
    /// the logarithm of the smoothed density but for its normalisation. Its gradient is the smoothed score
    /// if the kernel is location-independent and the estimator antithetic, quasi-Monte Carlo or a rule.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if the model within has no density.
    pub fn smoothed_log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        check_query(self.dim(), x, sigma)?;
        let density = self.inner.density().ok_or_else(|| {
            Error::argument("the smoothed model", "has no density", "use a closed-form model")
        })?;
        let Some(scale) = self.acts(sigma)? else {
            return density.log_density(x, sigma);
        };
        let mean = self.over_draws(x, scale, 1, |x, _| {
            Ok([density.log_density(x, sigma)?.insert_axis(ndarray::Axis(1))])
        })?;
        let [mean] = mean;
        Ok(mean.column(0).to_owned())
    }

    /// The scale at σ, or nothing where the smoothing does not act.
    fn acts(&self, sigma: f64) -> Result<Option<f64>> {
        let scale = match &self.kernel.scale_by {
            None => self.kernel.scale,
            Some(by) => by(sigma),
        };
        check_scale(scale).map_err(|_| {
            Error::argument(
                "scale_by",
                format!("gives the kernel the scale {scale} at sigma {sigma}"),
                "a scale is a finite number that is not negative",
            )
        })?;
        Ok((scale > 0.0 && sigma <= self.kernel.below).then_some(scale))
    }
}

fn check_scale(scale: f64) -> Result<()> {
    if scale >= 0.0 && scale.is_finite() {
        return Ok(());
    }
    Err(Error::argument("kernel", format!("has scale {scale}"), "it is a finite number that is not negative"))
}

fn require_error_known(plan: &Plan) -> Result<()> {
    if plan.groups > 1 || plan.smaller().is_some() {
        return Ok(());
    }
    Err(Error::argument(
        "draws",
        format!("of the kernel are {}, too few to know their error", plan.draws()),
        "take more, 16 at the least for a sound estimate",
    ))
}

impl<D: Denoiser> Denoiser for Smoothed<D> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }

    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        match self.acts(sigma)? {
            None => self.inner.denoise_at(x, sigma, visit),
            Some(scale) if self.kernel.tolerance.is_some() => {
                Ok(self.estimate(x, sigma, scale, visit)?.denoised)
            }
            Some(scale) => self.mean(x, sigma, scale, visit),
        }
    }

    fn moments(&self) -> Option<Moments> {
        self.inner.moments()
    }

    fn smoothings(&self) -> u64 {
        self.depth + 1
    }

    fn evaluations_per_call(&self, sigma: f64) -> usize {
        self.inner.evaluations_per_call(sigma)
    }

    fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
        self.inner.evaluations_at(sigma, visit)
    }

    fn differentiable(&self) -> Option<&dyn Differentiable> {
        self.exactly_differentiable().then_some(self as &dyn Differentiable)
    }
}

impl<D: std::fmt::Debug> std::fmt::Debug for Smoothed<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smoothed").field("inner", &self.inner).field("kernel", &self.kernel).finish()
    }
}

#[cfg(test)]
mod tests;
