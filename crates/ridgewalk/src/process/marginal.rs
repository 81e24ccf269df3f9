//! A denoiser in a process's own coordinates: the law p_t of x_t = α(t) x₀ + σ(t) ε, and its fields.
//!
//! With x̄ = x/α and σ̄ = σ/α, the density is p_t(x) = α^{−d} p_σ̄(x̄), and so
//!
//! ```text
//! denoised   D_t(x) = D(x̄; σ̄)
//! score      ∇log p_t(x) = s(x̄; σ̄)/α = (α D_t − x)/σ²
//! noise      ε̂_t(x) = (x − α D_t)/σ
//! velocity   v_t(x) = α′ D_t + σ′ ε̂_t,     ∇·v_t = (α′/α) tr J + σ′ (d − tr J)/σ
//! Hessian    ∇² log p_t(x) = H(x̄; σ̄)/α²
//! time       ∂_t log p_t(x) = −(α′/α)(d + ⟨x̄, s⟩) + σ̄′σ̄ (tr H + ‖s‖²),   σ̄′ = (σ′α − σα′)/α²
//! ```
//!
//! where J = ∂D/∂x̄, s and H are those at (x̄; σ̄). The last line is the heat equation
//! ∂_σ log p_σ = σ(Δ log p_σ + ‖∇log p_σ‖²) carried over. v transports p_t: ∂_t log p_t + ∇·v + ⟨v, ∇log p_t⟩ = 0.

use ndarray::{Array1, Array2, Array3, ArrayView2, Zip};

use super::Process;
use crate::denoiser::{Denoiser, Density, Differentiable};
use crate::error::Result;

/// A model's marginal laws p_t along an affine process. States `x` are `[batch, d]`, in the process's
/// coordinates; times lie where α and σ are positive.
///
/// What is asked of the model decides what is there: any [`Denoiser`] has the fields, a
/// [`Differentiable`] one the derivatives, a [`Density`] the log-density.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::{FlowMatching, Marginal};
///
/// let model = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0)?)?;
/// // At t = ½ the law is N(0, ¼ + ¼).
/// let score = Marginal::new(&model, &FlowMatching).score(array![[1.0]].view(), 0.5)?;
/// assert!((score[[0, 0]] + 2.0).abs() < 1e-14);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug)]
pub struct Marginal<'a, D: ?Sized, P: ?Sized> {
    model: &'a D,
    process: &'a P,
}

impl<D: ?Sized, P: ?Sized> Clone for Marginal<'_, D, P> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<D: ?Sized, P: ?Sized> Copy for Marginal<'_, D, P> {}

/// A query in the coordinates of the variance-exploding process, and the process's coefficients.
struct Query {
    x: Array2<f64>,
    level: f64,
    alpha: f64,
    sigma: f64,
    alpha_derivative: f64,
    sigma_derivative: f64,
}

impl Query {
    /// σ′ − σα′/α = α σ̄′.
    fn level_rate(&self) -> f64 {
        self.sigma_derivative - self.level * self.alpha_derivative
    }
}

impl<'a, D: Denoiser + ?Sized, P: Process + ?Sized> Marginal<'a, D, P> {
    /// Of this model, along this process.
    pub fn new(model: &'a D, process: &'a P) -> Self {
        Marginal { model, process }
    }

    /// D_t(x) = E[x₀ | x_t = x], `[batch, d]`.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if `t` is outside of the process or α(t) = 0; so all that follow.
    pub fn denoised(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        let q = self.query(x, t)?;
        self.model.denoise(q.x.view(), q.level)
    }

    /// ∇log p_t(x), `[batch, d]`.
    pub fn score(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        let q = self.query(x, t)?;
        Ok(self.model.score(q.x.view(), q.level)? / q.alpha)
    }

    /// ε̂_t(x) = E[ε | x_t = x], `[batch, d]`.
    pub fn noise(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        let q = self.query(x, t)?;
        self.model.noise(q.x.view(), q.level)
    }

    /// v_t(x) = E[α′x₀ + σ′ε | x_t = x], the velocity of the probability flow, `[batch, d]`.
    ///
    /// As [`Denoiser::velocity`], but with all digits also at low noise, where x − αD cancels.
    pub fn velocity(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        let q = self.query(x, t)?;
        if q.level >= 1.0 {
            let mut out = self.model.denoise(q.x.view(), q.level)?;
            let (da, ds) = (q.alpha_derivative, q.sigma_derivative / q.level);
            Zip::from(&mut out).and(&q.x).for_each(|d, x| *d = da * *d + ds * (x - *d));
            return Ok(out);
        }
        let mut out = self.model.noise(q.x.view(), q.level)?;
        let (da, rate) = (q.alpha_derivative, q.level_rate());
        Zip::from(&mut out).and(&q.x).for_each(|e, x| *e = da * x + rate * *e);
        Ok(out)
    }

    fn query(&self, x: ArrayView2<f64>, t: f64) -> Result<Query> {
        let (alpha, sigma) = self.process.checked_levels(t)?;
        Ok(Query {
            x: &x / alpha,
            level: sigma / alpha,
            alpha,
            sigma,
            alpha_derivative: self.process.alpha_derivative(t),
            sigma_derivative: self.process.sigma_derivative(t),
        })
    }
}

impl<D: Differentiable + ?Sized, P: Process + ?Sized> Marginal<'_, D, P> {
    /// (∂D_t/∂x) v for every row of `v`, `[batch, d]`.
    ///
    /// # Errors
    /// As [`Marginal::denoised`], and if `v` does not have the shape of `x`; so [`Marginal::hessian_product`].
    pub fn jvp(&self, x: ArrayView2<f64>, t: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let q = self.query(x, t)?;
        Ok(self.model.jvp(q.x.view(), q.level, v)? / q.alpha)
    }

    /// (∇² log p_t) v for every row of `v`, `[batch, d]`.
    pub fn hessian_product(&self, x: ArrayView2<f64>, t: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let q = self.query(x, t)?;
        Ok(self.model.hessian_product(q.x.view(), q.level, v)? / (q.alpha * q.alpha))
    }

    /// ∇·v_t, `[batch]`. Errors as [`Marginal::denoised`].
    pub fn velocity_divergence(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let q = self.query(x, t)?;
        let (growth, spread) = (q.alpha_derivative / q.alpha, q.sigma_derivative / q.sigma);
        let d = x.ncols() as f64;
        Ok(self.model.divergence(q.x.view(), q.level)?.mapv(|trace| growth * trace + spread * (d - trace)))
    }

    /// ∂_t log p_t(x), `[batch]`: known also where log p_t itself is not. Errors as [`Marginal::denoised`].
    pub fn log_density_rate(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let q = self.query(x, t)?;
        let d = x.ncols() as f64;
        let score = self.model.score(q.x.view(), q.level)?;
        let mut rate = self.model.divergence(q.x.view(), q.level)?;
        let (growth, spread) = (q.alpha_derivative / q.alpha, q.level_rate() / q.alpha * q.level);
        Zip::from(&mut rate).and(score.rows()).and(q.x.rows()).for_each(|rate, s, x| {
            let laplacian = (*rate - d) / (q.level * q.level);
            *rate = spread * (laplacian + s.dot(&s)) - growth * (d + x.dot(&s));
        });
        Ok(rate)
    }
}

impl<D: Density + ?Sized, P: Process + ?Sized> Marginal<'_, D, P> {
    /// log p_t(x), `[batch]`, in nats. Errors as [`Marginal::denoised`].
    pub fn log_density(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let q = self.query(x, t)?;
        let volume = x.ncols() as f64 * libm::log(q.alpha);
        Ok(self.model.log_density(q.x.view(), q.level)? - volume)
    }

    /// ∇² log p_t of every row, `[batch, d, d]`. Errors as [`Marginal::denoised`].
    pub fn hessian(&self, x: ArrayView2<f64>, t: f64) -> Result<Array3<f64>> {
        let q = self.query(x, t)?;
        Ok(self.model.hessian(q.x.view(), q.level)? / (q.alpha * q.alpha))
    }
}
