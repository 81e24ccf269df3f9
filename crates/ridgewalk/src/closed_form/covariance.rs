//! Covariances by their eigenvectors: Σ = U diag(λ) Uᵀ + s²(I − UUᵀ).
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
//! where s² + σ² is small beside λ.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, Par};
use ndarray::{Array2, ArrayView2};

use super::rows::{ROWS, axpy, axpys, dot, dots, map_rows, slice};
use crate::denoiser::{check_query, check_sigma};
use crate::error::{Error, Result};
use crate::points::require_finite;

/// Asymmetry and negative eigenvalues of a covariance up to this part of its largest entry are
/// rounding: a sum over 10⁶ points leaves about 10⁻¹³.
const ROUNDING: f64 = 1e-10;

/// How far eigenvectors that were read from a file may be from orthonormal: what f32 keeps.
const ORTHONORMALITY: f64 = 1e-5;

/// What form a fitted covariance takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CovarianceKind {
    /// Any covariance: d(d + 1)/2 parameters.
    Full,
    /// This many eigenvectors plus one variance for all other directions (probabilistic PCA,
    /// Tipping & Bishop 1999). 0 is isotropic, d and more is [`CovarianceKind::Full`].
    LowRank(usize),
}

impl CovarianceKind {
    /// Number of eigenvectors kept in d dimensions.
    pub fn rank(self, dim: usize) -> usize {
        match self {
            CovarianceKind::Full => dim,
            CovarianceKind::LowRank(rank) => rank.min(dim),
        }
    }

    /// Number of free parameters in d dimensions.
    pub fn parameters(self, dim: usize) -> usize {
        let r = self.rank(dim);
        if r == dim { dim * (dim + 1) / 2 } else { dim * r - r * r.saturating_sub(1) / 2 + 1 }
    }
}

/// A covariance Σ = U diag(λ) Uᵀ + s²(I − UUᵀ), possibly singular.
#[derive(Debug, Clone, PartialEq)]
pub struct Covariance {
    /// Uᵀ: one eigenvector a row, `[r, d]`, standard layout.
    vectors: Array2<f64>,
    values: Vec<f64>,
    isotropic: f64,
}

impl Covariance {
    /// Σ = `variance`·I in `dim` dimensions.
    ///
    /// # Errors
    /// If `dim` is 0, or the variance is negative or not finite.
    pub fn isotropic(dim: usize, variance: f64) -> Result<Self> {
        Self::from_parts(Array2::zeros((0, dim)), Vec::new(), variance)
    }

    /// From a dense symmetric matrix `[d, d]`, by its eigenvectors; O(d³).
    ///
    /// # Errors
    /// If the matrix is not square, not finite, not symmetric, or has a negative eigenvalue, the
    /// last two beyond rounding.
    pub fn from_dense(matrix: ArrayView2<f64>) -> Result<Self> {
        let d = matrix.nrows();
        if d == 0 || matrix.ncols() != d {
            return Err(Error::shape(
                "the covariance",
                format!("{:?}", matrix.dim()),
                "[d, d] with d above 0",
            ));
        }
        require_finite("the covariance", matrix)?;
        let largest = matrix.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        for i in 0..d {
            for j in 0..i {
                if (matrix[[i, j]] - matrix[[j, i]]).abs() > ROUNDING * largest {
                    return Err(Error::argument(
                        "covariance",
                        format!("is not symmetric at row {i}, column {j}"),
                        "give (A + Aᵀ)/2",
                    ));
                }
            }
        }
        let sym = Mat::from_fn(d, d, |i, j| 0.5 * (matrix[[i, j]] + matrix[[j, i]]));
        let (values, vectors) = eigen(&sym)?;
        if let Some(&least) = values.last()
            && least < -ROUNDING * largest * d as f64
        {
            return Err(Error::argument(
                "covariance",
                format!("has the negative eigenvalue {least:e}"),
                "a covariance is positive semidefinite",
            ));
        }
        let values = values.into_iter().map(|v| v.max(0.0)).collect();
        Ok(Covariance { vectors, values, isotropic: 0.0 })
    }

    /// From its parts: `vectors` is Uᵀ (`[r, d]`, orthonormal rows), `values` are the r variances
    /// along them, and `isotropic` is s², the variance of all other directions (unused if r = d).
    ///
    /// # Errors
    /// If the lengths disagree, r exceeds d, the rows are not orthonormal to 1e-5, or a variance is
    /// negative or not finite.
    pub fn from_parts(vectors: Array2<f64>, values: Vec<f64>, isotropic: f64) -> Result<Self> {
        let (r, d) = vectors.dim();
        if d == 0 || r > d || values.len() != r {
            return Err(Error::shape(
                "the covariance",
                format!("eigenvectors {:?} and {} eigenvalues", vectors.dim(), values.len()),
                "eigenvectors [r, d] with r at most d and d above 0, and r eigenvalues",
            ));
        }
        require_finite("the eigenvectors", vectors.view())?;
        if let Some(bad) = values.iter().chain([&isotropic]).find(|v| !(v.is_finite() && **v >= 0.0)) {
            return Err(Error::argument(
                "covariance",
                format!("has the variance {bad}"),
                "variances are finite and not negative",
            ));
        }
        let vectors = vectors.as_standard_layout().into_owned();
        let rows = slice(&vectors);
        let mut gram = vec![0.0; r];
        for i in 0..r {
            dots(rows, &rows[i * d..(i + 1) * d], &mut gram);
            let wrong = |(j, g): (usize, &f64)| (g - f64::from(u8::from(i == j))).abs() > ORTHONORMALITY;
            if let Some(j) = gram.iter().enumerate().position(wrong) {
                return Err(Error::argument(
                    "eigenvectors",
                    format!("{i} and {j} have the scalar product {}", gram[j]),
                    "give orthonormal rows",
                ));
            }
        }
        Ok(Covariance { vectors, values, isotropic })
    }

    /// From an exactly symmetric positive semidefinite scatter: the `rank` leading eigenvectors, and
    /// the mean of the other eigenvalues as s², which maximises the likelihood (Tipping & Bishop
    /// 1999, eq. 8); every variance at least `floor`.
    pub(super) fn from_scatter(scatter: &Mat<f64>, rank: usize, floor: f64) -> Result<Self> {
        let d = scatter.nrows();
        let (mut values, vectors) = eigen(scatter)?;
        let rest: f64 = values[rank..].iter().map(|v| v.max(0.0)).sum();
        let isotropic = if rank < d { (rest / (d - rank) as f64).max(floor) } else { 0.0 };
        values.truncate(rank);
        values.iter_mut().for_each(|v| *v = v.max(floor));
        let vectors = Array2::from_shape_fn((rank, d), |(j, i)| vectors[[j, i]]);
        Ok(Covariance { vectors, values, isotropic })
    }

    /// Ambient dimension d.
    pub fn dim(&self) -> usize {
        self.vectors.ncols()
    }

    /// Number of eigenvectors r.
    pub fn rank(&self) -> usize {
        self.vectors.nrows()
    }

    /// Uᵀ, one eigenvector a row, `[r, d]`.
    pub fn vectors(&self) -> ArrayView2<'_, f64> {
        self.vectors.view()
    }

    /// The variances λ along the eigenvectors.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// s², the variance of every direction outside of the eigenvectors.
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

    /// f on the spectrum: (f(λ_j))_j and f(s²).
    pub(super) fn gains(&self, f: impl Fn(f64) -> f64) -> Gains {
        let rest = if self.rank() < self.dim() { f(self.isotropic) } else { 0.0 };
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
        let weighted: Vec<f64> = c.iter().zip(&gains.along).map(|(c, g)| scale * g * c).collect();
        axpys(&weighted, slice(&self.vectors), out);
        if self.rank() < self.dim() {
            axpy(scale * gains.rest, residual, out);
        }
    }

    /// ⟨e, f(Σ)e⟩ of one projected row.
    pub(super) fn quadratic(&self, c: &[f64], residual: &[f64], gains: &Gains) -> f64 {
        let along: f64 = c.iter().zip(&gains.along).map(|(c, g)| g * c * c).sum();
        if self.rank() < self.dim() { along + gains.rest * dot(residual, residual) } else { along }
    }
}

/// A function of a covariance, on its spectrum.
pub(super) struct Gains {
    along: Vec<f64>,
    rest: f64,
}

/// Eigenvalues in decreasing order and the eigenvectors as rows. Sequential, so that the last bits do
/// not depend on the number of threads.
pub(crate) fn eigen(symmetric: &Mat<f64>) -> Result<(Vec<f64>, Array2<f64>)> {
    let d = symmetric.nrows();
    let mut values = faer::diag::Diag::<f64>::zeros(d);
    let mut vectors = Mat::<f64>::zeros(d, d);
    let need = self_adjoint_evd_scratch::<f64>(d, ComputeEigenvectors::Yes, Par::Seq, Default::default());
    self_adjoint_evd(
        symmetric.as_ref(),
        values.as_mut(),
        Some(vectors.as_mut()),
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(need)),
        Default::default(),
    )
    .map_err(|e| Error::Numerical {
        what: "the eigenvectors of a covariance",
        problem: format!("{e:?}"),
        help: "rescale the data to about unit size".into(),
    })?;
    let values = (0..d).rev().map(|j| values.column_vector()[j]).collect();
    Ok((values, Array2::from_shape_fn((d, d), |(j, i)| vectors[(i, d - 1 - j)])))
}
