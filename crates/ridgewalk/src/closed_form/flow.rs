//! The probability-flow ODE of a Gaussian, solved: where it carries a state, and what it has decided.
//!
//! For x₀ ~ N(μ, Σ) and x_t = α x₀ + σ ε, every eigen-coordinate of x_t − αμ grows as its marginal
//! standard deviation, so the flow from t to t′ is (arXiv 2303.02490, for any affine process)
//!
//! ```text
//! x_t′ = α′μ + Σ_k ψ_k u_k ⟨u_k, x_t − αμ⟩     ψ_k = √[(α′²λ_k + σ′²)/(α²λ_k + σ²)]
//! D    = μ   + Σ_k ξ_k u_k ⟨u_k, x_t − αμ⟩     ξ_k = α′λ_k / √[(α′²λ_k + σ′²)(α²λ_k + σ²)]
//! ```
//!
//! It runs either way, and to both ends: pure noise (α = 0) and data (σ = 0), where a coordinate of
//! variance 0 arrives at its mean exactly. Cost O(batch·d·rank); no evaluation of a denoiser.

use std::cell::RefCell;

use ndarray::{Array2, ArrayView2};

use super::gaussian::Gaussian;
use super::rows::{ROWS, map_rows};
use crate::denoiser::{check_query, check_sigma};
use crate::error::{Error, Result};
use crate::process::{Process, VarianceExploding};

/// One variance of Σ, and what the flow does along its eigenvectors (arXiv 2303.02490).
///
/// Levels are those of the variance-exploding process, in the data's units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mode {
    /// λ.
    pub variance: f64,
    /// Dimension of its eigenspace.
    pub multiplicity: usize,
}

impl Mode {
    /// √(λ/(λ + σ²)): the part of the sample's coordinate that D shows when the flow is at `sigma`. It
    /// is ½ at σ = √3·√λ and 0.9 at σ ≈ 0.48·√λ, so modes are decided in the order of their variance.
    /// A mode of variance 0 has nothing to decide: 0.
    ///
    /// # Errors
    /// If `sigma` is not a positive number.
    pub fn commitment(&self, sigma: f64) -> Result<f64> {
        self.sensitivity(sigma, 0.0)
    }

    /// ∂x_to/∂x_from = √[(λ + to²)/(λ + from²)] along the mode: what becomes of a kick given at the
    /// level `from` by the time the flow is at the level `to` (0 is the sample itself).
    ///
    /// # Errors
    /// If `from` is not a positive number, or `to` is negative or not finite.
    pub fn sensitivity(&self, from: f64, to: f64) -> Result<f64> {
        check_sigma(from)?;
        let to = Instant::of(&VarianceExploding, "to", to)?;
        Ok(to.deviation(self.variance) / Instant { alpha: 1.0, sigma: from }.deviation(self.variance))
    }

    /// √λ·√(1/f² − 1): the level at which [`Mode::commitment`] is `fraction`.
    ///
    /// # Errors
    /// If the fraction is not in (0, 1].
    pub fn committed_at(&self, fraction: f64) -> Result<f64> {
        if fraction > 0.0 && fraction <= 1.0 {
            // (1 − f)(1 + f) keeps the digits that 1/f² − 1 loses near one.
            return Ok(self.variance.sqrt() * ((1.0 - fraction) * (1.0 + fraction)).sqrt() / fraction);
        }
        Err(Error::argument("fraction", format!("is {fraction}"), "choose it above 0 and at most 1"))
    }
}

/// The coefficients of a process at one time.
#[derive(Clone, Copy)]
struct Instant {
    alpha: f64,
    sigma: f64,
}

impl Instant {
    fn of(process: &dyn Process, name: &'static str, t: f64) -> Result<Self> {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t));
        let sound = |v: f64| v >= 0.0 && v.is_finite();
        if (0.0..=process.end()).contains(&t) && sound(alpha) && sound(sigma) {
            return Ok(Instant { alpha, sigma });
        }
        Err(Error::argument(
            name,
            format!("is {t}, where the process {} has alpha {alpha} and sigma {sigma}", process.name()),
            format!("choose a finite time from 0 to {}", process.end()),
        ))
    }

    /// √(α²λ + σ²), with no square that could overflow.
    fn deviation(self, variance: f64) -> f64 {
        (self.alpha * variance.sqrt()).hypot(self.sigma)
    }
}

impl Gaussian {
    /// Where the probability-flow ODE of `process` carries the states `x` (`[batch, d]`, in the
    /// process's coordinates) from the time `from_t` to the time `to_t`, exactly, `[batch, d]`.
    ///
    /// The law N(αμ, α²Σ + σ²I) of one time becomes that of the other; at σ(to_t) = 0 it is N(μ, Σ).
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::VarianceExploding;
    /// use ridgewalk::closed_form::{Covariance, Gaussian};
    ///
    /// let g = Gaussian::new(array![1.0], Covariance::isotropic(1, 9.0)?)?;
    /// // The standard deviation falls from √(9 + 16) = 5 to 3, and the state with it.
    /// let sample = g.flow(&VarianceExploding, array![[11.0]].view(), 4.0, 0.0)?;
    /// assert!((sample[[0, 0]] - 7.0).abs() < 1e-14);
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite, a time is outside of the process, or the law at
    /// `from_t` is singular (σ = 0 and a variance of 0), so that it does not determine the flow.
    pub fn flow(
        &self,
        process: &dyn Process,
        x: ArrayView2<f64>,
        from_t: f64,
        to_t: f64,
    ) -> Result<Array2<f64>> {
        let (from, to) = self.ends(process, x, from_t, to_t)?;
        Ok(self.carry(x, from.alpha, to.alpha, |v| to.deviation(v) / from.deviation(v)))
    }

    /// D along the flow: what the denoiser says at the time `to_t` of the state that [`Gaussian::flow`]
    /// arrives at, `[batch, d]`. At σ(to_t) = 0 it is that state. Errors as [`Gaussian::flow`].
    pub fn flow_denoised(
        &self,
        process: &dyn Process,
        x: ArrayView2<f64>,
        from_t: f64,
        to_t: f64,
    ) -> Result<Array2<f64>> {
        let (from, to) = self.ends(process, x, from_t, to_t)?;
        Ok(self.carry(x, from.alpha, 1.0, |v| {
            // Not α′λ first: a variance of 0 has D = μ also where both deviations are 0.
            if v == 0.0 { 0.0 } else { to.alpha * v.sqrt() / to.deviation(v) * v.sqrt() / from.deviation(v) }
        }))
    }

    /// [`Gaussian::flow`] of the variance-exploding process, from one noise level to another.
    ///
    /// # Errors
    /// As [`Gaussian::flow`].
    pub fn flow_levels(&self, x: ArrayView2<f64>, from: f64, to: f64) -> Result<Array2<f64>> {
        self.flow(&VarianceExploding, x, from, to)
    }

    /// The distinct variances of Σ, rising, with their multiplicities, which sum to d.
    pub fn modes(&self) -> Vec<Mode> {
        let seen = RefCell::new(Vec::new());
        self.covariance().gains(|v| {
            seen.borrow_mut().push(v);
            v
        });
        let mut variances = seen.into_inner();
        variances.sort_by(f64::total_cmp);
        variances.dedup();
        let multiplicity = |v: f64| self.covariance().trace_of(|u| f64::from(u8::from(u == v))) as usize;
        variances.into_iter().map(|v| Mode { variance: v, multiplicity: multiplicity(v) }).collect()
    }

    fn ends(
        &self,
        process: &dyn Process,
        x: ArrayView2<f64>,
        from_t: f64,
        to_t: f64,
    ) -> Result<(Instant, Instant)> {
        check_query(self.mean().len(), x, 1.0)?;
        let (from, to) = (Instant::of(process, "from_t", from_t)?, Instant::of(process, "to_t", to_t)?);
        let singular = self.covariance().trace_of(|v| f64::from(u8::from(from.deviation(v) == 0.0)));
        if singular == 0.0 {
            return Ok((from, to));
        }
        Err(Error::argument(
            "from_t",
            format!("is {from_t}, where {singular} directions have no variance"),
            "start the flow at a time with sigma above 0",
        ))
    }

    /// shift·μ + f(Σ)(x − alpha·μ) for every row.
    fn carry(&self, x: ArrayView2<f64>, alpha: f64, shift: f64, f: impl Fn(f64) -> f64) -> Array2<f64> {
        let covariance = self.covariance();
        let (mean, d, r) = (self.mean_slice(), covariance.dim(), covariance.rank());
        let gains = covariance.gains(f);
        map_rows(x, d, |x, out| {
            let mut e = x.to_vec();
            for row in e.chunks_mut(d) {
                row.iter_mut().zip(mean).for_each(|(e, m)| *e -= alpha * m);
            }
            let mut c = vec![0.0; ROWS * r];
            covariance.project(&mut e, &mut c);
            for (row, (e, out)) in e.chunks(d).zip(out.chunks_mut(d)).enumerate() {
                out.iter_mut().zip(mean).for_each(|(out, m)| *out = shift * m);
                covariance.filter(&c[row * r..], e, &gains, 1.0, out);
            }
        })
    }
}
