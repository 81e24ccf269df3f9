//! Covariances by their spectrum: Σ = U diag(λ) Uᵀ + s²(I − UUᵀ), or Σ = diag(λ).
//!
//! U is `[d, r]` with orthonormal columns, λ ≥ 0 and s² ≥ 0. With r = d it is any covariance, with
//! r < d low-rank plus isotropic (probabilistic PCA), with r = 0 isotropic. Every function of Σ
//! that a denoiser needs then costs O(d·r) a point:
//!
//! ```text
//! f(Σ) e = Σ_j f(λ_j) c_j u_j + f(s²) (e − Σ_j c_j u_j),    c_j = ⟨u_j, e⟩
//! ```
//!
//! The residual e − Σ c_j u_j is formed explicitly: its square as ‖e‖² − ‖c‖² would lose all digits
//! where s² + σ² is small beside λ. A diagonal Σ keeps no vectors: all of e is residual, and f(λ)
//! multiplies it coordinate by coordinate, O(d) a point.

mod construct;
mod kind;

use ndarray::{Array2, ArrayView2};

use super::rows::{ROWS, axpy, axpys, dot, dots, map_rows, slice};
use crate::denoiser::{check_query, check_sigma};
use crate::error::{Error, Result};

pub(crate) use construct::eigen;
pub(super) use construct::require_orthonormal;
pub use kind::CovarianceKind;

/// A covariance Σ = U diag(λ) Uᵀ + s²(I − UUᵀ) or Σ = diag(λ), possibly singular.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    /// Uᵀ: one eigenvector a row, `[r, d]`, standard layout; none if diagonal.
    vectors: Array2<f64>,
    /// Along the eigenvectors, or of every coordinate if diagonal.
    values: Vec<f64>,
    isotropic: f64,
    diagonal: bool,
}

impl Covariance {
    /// Ambient dimension d.
    pub fn dim(&self) -> usize {
        self.vectors.ncols()
    }

    /// Number of eigenvectors r that are kept; 0 if diagonal.
    pub fn rank(&self) -> usize {
        self.vectors.nrows()
    }

    /// Uᵀ, one eigenvector a row, `[r, d]`; none if diagonal.
    pub fn vectors(&self) -> ArrayView2<'_, f64> {
        self.vectors.view()
    }

    /// The variances λ along the eigenvectors, `[r]`; of the coordinates, `[d]`, if diagonal.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// The variance of every coordinate, `[d]`, if this covariance is held as a diagonal.
    pub fn diagonal_variances(&self) -> Option<&[f64]> {
        self.diagonal.then_some(&self.values)
    }

    /// s², the variance of every direction outside of the eigenvectors; 0 if diagonal.
    pub fn isotropic_variance(&self) -> f64 {
        self.isotropic
    }

    /// tr Σ.
    pub fn trace(&self) -> f64 {
        self.trace_of(|v| v)
    }

    /// Σ as a dense matrix, `[d, d]`.
    pub fn to_dense(&self) -> Array2<f64> {
        self.apply(Array2::eye(self.dim()).view(), |v| v)
    }

    /// (Σ + σ²I)⁻¹ x for every row of `x` (`[batch, d]`).
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite, or σ is not a positive number.
    pub fn solve(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        Ok(self.apply(x, |v| 1.0 / (v + sigma * sigma)))
    }

    /// Σ(Σ + σ²I)⁻¹ x for every row of `x` (`[batch, d]`): the shrinkage towards the mean.
    ///
    /// # Errors
    /// As [`Covariance::solve`].
    pub fn shrink(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        Ok(self.apply(x, |v| v / (v + sigma * sigma)))
    }

    /// Σ^{1/2} x for every row of `x` (`[batch, d]`): turns white noise into draws.
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite.
    pub fn square_root(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_query(self.dim(), x, 1.0)?;
        Ok(self.apply(x, f64::sqrt))
    }

    /// log det(Σ + σ²I), in nats.
    ///
    /// # Errors
    /// If σ is not a positive number.
    pub fn log_determinant(&self, sigma: f64) -> Result<f64> {
        check_sigma(sigma)?;
        Ok(self.trace_of(|v| libm::log(v + sigma * sigma)))
    }

    /// f(Σ): the covariance with the same eigenvectors and the variances f(λ).
    ///
    /// # Errors
    /// If f gives a variance that is negative or not finite.
    pub fn map(&self, f: impl Fn(f64) -> f64) -> Result<Self> {
        let gains = self.gains(f);
        if let Some(bad) = gains.along.iter().chain([&gains.rest]).find(|v| !(v.is_finite() && **v >= 0.0)) {
            return Err(Error::argument(
                "f",
                format!("gives the variance {bad}"),
                "variances are finite and not negative",
            ));
        }
        Ok(Covariance { values: gains.along, isotropic: gains.rest, ..self.clone() })
    }

    /// f(Σ) x for every row of `x`, whose shape the caller has checked.
    pub(crate) fn apply(&self, x: ArrayView2<f64>, gain: impl Fn(f64) -> f64) -> Array2<f64> {
        let d = self.dim();
        let gains = self.gains(gain);
        map_rows(x, d, |x, out| {
            let mut e = x.to_vec();
            let mut c = vec![0.0; ROWS * self.rank()];
            self.project(&mut e, &mut c);
            for (row, out) in out.chunks_mut(d).enumerate() {
                self.filter(&c[row * self.rank()..], &e[row * d..(row + 1) * d], &gains, 1.0, out);
            }
        })
    }

    /// Whether some directions share the variance s².
    fn has_rest(&self) -> bool {
        !self.diagonal && self.rank() < self.dim()
    }

    /// f on the spectrum: (f(λ_j))_j and f(s²).
    pub(super) fn gains(&self, f: impl Fn(f64) -> f64) -> Gains {
        let rest = if self.has_rest() { f(self.isotropic) } else { 0.0 };
        Gains { along: self.values.iter().map(|&v| f(v)).collect(), rest }
    }

    /// tr f(Σ).
    pub(super) fn trace_of(&self, f: impl Fn(f64) -> f64) -> f64 {
        let gains = self.gains(f);
        gains.along.iter().sum::<f64>() + (self.dim() - self.rank()) as f64 * gains.rest
    }

    /// For every row of `e` (`[rows, d]`): c_j = ⟨u_j, e⟩ in `c` (`[rows, r]`), and what is left of it
    /// in its place. With r = d nothing is left, and `e` stays as it was: nobody reads it.
    pub(super) fn project(&self, e: &mut [f64], c: &mut [f64]) {
        let (r, d) = self.vectors.dim();
        if r == 0 {
            return;
        }
        let vectors = slice(&self.vectors);
        for (e, c) in e.chunks_mut(d).zip(c.chunks_mut(r)) {
            dots(vectors, e, c);
            if r < d {
                c.iter_mut().for_each(|c| *c = -*c);
                axpys(c, vectors, e);
                c.iter_mut().for_each(|c| *c = -*c);
            }
        }
    }

    /// out += scale · f(Σ)e, of one projected row.
    pub(super) fn filter(&self, c: &[f64], residual: &[f64], gains: &Gains, scale: f64, out: &mut [f64]) {
        if self.diagonal {
            for ((o, e), g) in out.iter_mut().zip(residual).zip(&gains.along) {
                *o += scale * g * e;
            }
            return;
        }
        let weighted: Vec<f64> = c.iter().zip(&gains.along).map(|(c, g)| scale * g * c).collect();
        axpys(&weighted, slice(&self.vectors), out);
        if self.has_rest() {
            axpy(scale * gains.rest, residual, out);
        }
    }

    /// ⟨e, f(Σ)e⟩ of one projected row.
    pub(super) fn quadratic(&self, c: &[f64], residual: &[f64], gains: &Gains) -> f64 {
        let along = |c: &[f64]| c.iter().zip(&gains.along).map(|(c, g)| g * c * c).sum::<f64>();
        if self.diagonal {
            return along(residual);
        }
        let along = along(c);
        if self.has_rest() { along + gains.rest * dot(residual, residual) } else { along }
    }
}

/// A function of a covariance, on its spectrum.
pub(super) struct Gains {
    along: Vec<f64>,
    rest: f64,
}
