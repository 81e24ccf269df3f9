//! Denoisers: the one idea that carries the system.
//!
//! For x = x₀ + σε with ε ~ N(0, I) the denoiser is D(x; σ) = E[x₀ | x]. All that a diffusion
//! model predicts follows from it:
//!
//! ```text
//! score     ∇log p_σ(x) = (D(x; σ) − x) / σ²                      (Tweedie)
//! noise     ε̂(x; σ)     = (x − D(x; σ)) / σ
//! velocity  of x_t = α(t) x₀ + σ(t) ε:  v = α′ D + σ′ ε̂   with  D = D(x_t/α; σ/α)
//! ```
//!
//! Closed forms, networks, and transforms of either are all denoisers. Batches are rows:
//! `x` is `[batch, d]`. σ is in the data's own units and positive.

use ndarray::{Array1, Array2, Array3, ArrayView1, ArrayView2, Axis, Zip};

use crate::autonomous::{Queries, Ray};
pub use crate::displacements::Displacements;
pub(crate) use crate::displacements::displaced_one_by_one;
use crate::error::{Error, Result};
pub use crate::finite_difference::FiniteDifference;
use crate::frames::{Frames, by_products};
use crate::points::Moments;
use crate::process::Process;
use crate::random::Stream;

/// From where a sampler asks: which samples the rows are, and which step is being taken.
///
/// Denoisers that draw random numbers key them by the sample index, so that a sample does not
/// depend on its batch; denoisers whose strength is limited by the step read it here. A denoiser
/// asked outside of a sampler sees [`Visit::default`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Visit<'a> {
    /// Sample index of every row; rows beyond its end (or all, if empty) count as sample 0.
    pub samples: &'a [u64],
    /// (σ from which the step carries the state, σ at its end), if a solver is asking. With churn the
    /// former lies above the schedule's level.
    pub step: Option<(f64, f64)>,
}

impl Visit<'_> {
    /// Sample index of a row.
    pub fn sample(&self, row: usize) -> u64 {
        self.samples.get(row).copied().unwrap_or(0)
    }
}

/// D(x; σ) = E[x₀ | x₀ + σε = x].
pub trait Denoiser: Send + Sync {
    /// Ambient dimension d.
    fn dim(&self) -> usize;

    /// D(x; σ) for every row of `x` (`[batch, d]`), σ > 0 in the data's units.
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite, or σ is not a positive number.
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>>;

    /// [`Denoiser::denoise`] as a sampler asks for it. Transforms hand the [`Visit`] on; models
    /// that need nothing of it do not implement this.
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        let _ = visit;
        self.denoise(x, sigma)
    }

    /// Means over displacements, Σⱼ wⱼ D(x + ξⱼ; σ) of every group of draws, `[groups, batch, d]`: what
    /// smoothing a score asks for. One query a draw, unless a model can share work among the draws.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if the displacements do not fit x.
    fn denoise_displaced(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        displacements: &Displacements,
        visit: &Visit,
    ) -> Result<Array3<f64>> {
        displaced_one_by_one(self, x, sigma, displacements, visit)
    }

    /// Mean and scale of the distribution, where known: the sampler starts from them.
    fn moments(&self) -> Option<Moments> {
        None
    }

    /// One draw of x₀, `[d]`, from the law that this denoiser is of, where that can be drawn from: a sampler
    /// may start from it. A model draws from every stream or from none; a transform that changes the law
    /// does not hand it on.
    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let _ = stream;
        None
    }

    /// How many smoothings there are within this denoiser. Each keys its draws by it, so that nested
    /// ones of the same seed are independent; transforms hand it on.
    fn smoothings(&self) -> u64 {
        0
    }

    /// Evaluations of the underlying model that one call at this noise level takes: two where guidance asks
    /// two models. Transforms hand it on, so that a sampler's count is that of the model.
    fn evaluations_per_call(&self, sigma: f64) -> usize {
        let _ = sigma;
        1
    }

    /// [`Denoiser::evaluations_per_call`] as a sampler asks: for denoisers of which a call takes more where the
    /// step is one of some kind. Transforms hand the [`Visit`] on.
    fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
        let _ = visit;
        self.evaluations_per_call(sigma)
    }

    /// This denoiser's exact derivatives, if it has them.
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        None
    }

    /// This denoiser's exact log-density, if it has one.
    fn density(&self) -> Option<&dyn Density> {
        None
    }

    /// Score ∇log p_σ(x) = (D − x)/σ², `[batch, d]` (Tweedie's formula).
    fn score(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let mut out = self.denoise(x, sigma)?;
        let variance = sigma * sigma;
        Zip::from(&mut out).and(&x).for_each(|d, &x| *d = (*d - x) / variance);
        Ok(out)
    }

    /// Predicted noise (x − D)/σ, `[batch, d]`.
    fn noise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let mut out = self.denoise(x, sigma)?;
        Zip::from(&mut out).and(&x).for_each(|d, &x| *d = (x - *d) / sigma);
        Ok(out)
    }

    /// E[α′x₀ + σ′ε | x_t] at time `t` of an affine `process`; `x_t` in the process's coordinates.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if `t` is outside of the process or α(t) = 0.
    fn velocity(&self, process: &dyn Process, x_t: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        let (alpha, sigma) = process.checked_levels(t)?;
        let scaled = &x_t / alpha;
        let mut out = self.denoise(scaled.view(), sigma / alpha)?;
        let (da, ds) = (process.alpha_derivative(t), process.sigma_derivative(t));
        Zip::from(&mut out).and(&x_t).for_each(|d, &x| *d = da * *d + ds * (x - alpha * *d) / sigma);
        Ok(out)
    }
}

/// A denoiser with Jacobian products and the noise derivative.
///
/// Closed forms give them exactly; [`FiniteDifference`] gives them to any denoiser.
pub trait Differentiable: Denoiser {
    /// J v for every row, J = ∂D/∂x; `v` is `[batch, d]`.
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>>;

    /// Jᵀ v for every row. For a true posterior mean J = Cov[x₀|x]/σ² is symmetric, so this is
    /// [`Differentiable::jvp`] unless a denoiser says otherwise.
    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.jvp(x, sigma, v)
    }

    /// D and ∂D/∂σ together, each `[batch, d]`.
    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)>;

    /// [`Differentiable::denoise_with_sigma_derivative`] as a sampler asks for it: for denoisers that
    /// draw random numbers, which must be the same in D and in its derivative.
    fn denoise_with_sigma_derivative_at(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        visit: &Visit,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let _ = visit;
        self.denoise_with_sigma_derivative(x, sigma)
    }

    /// Evaluations of the underlying model that D and ∂D/∂σ together take, as [`Denoiser::evaluations_at`]: where
    /// both come of one pass, as many as D alone, which is the default.
    fn evaluations_with_sigma_derivative(&self, sigma: f64, visit: &Visit) -> usize {
        self.evaluations_at(sigma, visit)
    }

    /// tr J, `[batch]`: the divergence of D. By default d Jacobian products.
    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        let mut trace = Array1::zeros(x.nrows());
        let mut unit = Array2::zeros(x.raw_dim());
        for k in 0..self.dim() {
            unit.column_mut(k).fill(1.0);
            trace += &self.jvp(x, sigma, unit.view())?.column(k);
            unit.column_mut(k).fill(0.0);
        }
        Ok(trace)
    }

    /// J = ∂D/∂x of every row, `[batch, d, d]` (row index: output). By default d Jacobian products.
    fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        let d = self.dim();
        let mut jacobian = Array3::zeros((x.nrows(), x.ncols(), x.ncols()));
        let mut unit = Array2::zeros(x.raw_dim());
        for k in 0..d {
            unit.column_mut(k).fill(1.0);
            let column = self.jvp(x, sigma, unit.view())?;
            jacobian.index_axis_mut(Axis(2), k).assign(&column);
            unit.column_mut(k).fill(0.0);
        }
        Ok(jacobian)
    }

    /// Tangent frames of p_σ at every row, for a ridge of `dimension`: see [`Frames::at`]. By default from
    /// Jacobian products; models that know their posterior do better.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if `dimension` is not below d.
    fn frames(&self, x: ArrayView2<f64>, sigma: f64, dimension: usize) -> Result<Frames> {
        by_products(self, x, sigma, dimension)
    }

    /// (∇² log p_σ) v = (J v − v)/σ² for every row.
    fn hessian_product(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut out = self.jvp(x, sigma, v)?;
        let variance = sigma * sigma;
        Zip::from(&mut out).and(&v).for_each(|j, &v| *j = (*j - v) / variance);
        Ok(out)
    }
}

/// A denoiser whose density p_σ = p * N(0, σ²I) is known.
pub trait Density: Differentiable {
    /// log p_σ(x), `[batch]`, in nats.
    fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>>;

    /// What the model says of one point `u` (`[d]`) at all noise levels: for those who ask many.
    fn ray<'a>(&'a self, u: ArrayView1<f64>) -> Box<dyn Ray + 'a> {
        self.ray_about(u, None)
    }

    /// [`Density::ray`] of the model moved to a center (`[d]`): of u = α(x₀ − center) + σε. One query a level, unless a model can share work
    /// among them.
    fn ray_about<'a>(&'a self, u: ArrayView1<f64>, center: Option<ArrayView1<f64>>) -> Box<dyn Ray + 'a> {
        Box::new(Queries::new(self, u, center))
    }

    /// ∇² log p_σ = (J − I)/σ² of every row, `[batch, d, d]`, symmetric to the bit.
    fn hessian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        let mut hessian = self.jacobian(x, sigma)?;
        let variance = sigma * sigma;
        for mut h in hessian.outer_iter_mut() {
            for i in 0..h.nrows() {
                h[(i, i)] = (h[(i, i)] - 1.0) / variance;
                for j in 0..i {
                    let both = 0.5 * (h[(i, j)] + h[(j, i)]) / variance;
                    (h[(i, j)], h[(j, i)]) = (both, both);
                }
            }
        }
        Ok(hessian)
    }
}

macro_rules! forward_denoiser {
    ($($pointer:ty),*) => {$(
        impl<D: Denoiser + ?Sized> Denoiser for $pointer {
            fn dim(&self) -> usize {
                (**self).dim()
            }
            fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                (**self).denoise(x, sigma)
            }
            fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
                (**self).denoise_at(x, sigma, visit)
            }
            fn denoise_displaced(
                &self,
                x: ArrayView2<f64>,
                sigma: f64,
                displacements: &Displacements,
                visit: &Visit,
            ) -> Result<Array3<f64>> {
                (**self).denoise_displaced(x, sigma, displacements, visit)
            }
            fn moments(&self) -> Option<Moments> {
                (**self).moments()
            }
            fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
                (**self).draw(stream)
            }
            fn smoothings(&self) -> u64 {
                (**self).smoothings()
            }
            fn evaluations_per_call(&self, sigma: f64) -> usize {
                (**self).evaluations_per_call(sigma)
            }
            fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
                (**self).evaluations_at(sigma, visit)
            }
            fn differentiable(&self) -> Option<&dyn Differentiable> {
                (**self).differentiable()
            }
            fn density(&self) -> Option<&dyn Density> {
                (**self).density()
            }
        }
    )*};
}
forward_denoiser!(&D, Box<D>, std::sync::Arc<D>);

/// Checks the arguments of [`Denoiser::denoise`] at the boundary.
pub fn check_query(dim: usize, x: ArrayView2<f64>, sigma: f64) -> Result<()> {
    if x.ncols() != dim {
        return Err(Error::shape(
            "x",
            format!("{} columns", x.ncols()),
            format!("{dim} (the model's dimension)"),
        ));
    }
    check_sigma(sigma)?;
    crate::points::require_finite("x", x)
}

/// Checks a noise level.
pub fn check_sigma(sigma: f64) -> Result<()> {
    if sigma > 0.0 && sigma.is_finite() {
        return Ok(());
    }
    Err(Error::argument(
        "sigma",
        format!("is {sigma}"),
        "a noise level is a positive finite number in the data's units",
    ))
}

/// Checks the direction of a Jacobian product against x.
pub fn check_tangent(x: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<()> {
    if x.dim() != v.dim() {
        return Err(Error::shape("v", format!("{:?}", v.dim()), format!("{:?} (as x)", x.dim())));
    }
    crate::points::require_finite("v", v)
}
