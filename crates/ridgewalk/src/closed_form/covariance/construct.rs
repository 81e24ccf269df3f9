//! Ways to build a [`Covariance`]: every one checks what it is given.

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, Par};
use ndarray::{Array1, Array2, ArrayView2};

use super::{Covariance, CovarianceKind};
use crate::closed_form::rows::{dots, slice};
use crate::closed_form::scatter::{weighted_moments, weighted_variances};
use crate::error::{Error, Result};
use crate::points::require_finite;

/// Asymmetry and negative eigenvalues of a covariance up to this part of its largest entry are
/// rounding: a sum over 10⁶ points leaves about 10⁻¹³.
const ROUNDING: f64 = 1e-10;

/// How far eigenvectors that were read from a file may be from orthonormal: what f32 keeps.
const ORTHONORMALITY: f64 = 1e-5;

impl Covariance {
    /// Σ = `variance`·I in `dim` dimensions.
    ///
    /// # Errors
    /// If `dim` is 0, or the variance is negative or not finite.
    pub fn isotropic(dim: usize, variance: f64) -> Result<Self> {
        Self::from_parts(Array2::zeros((0, dim)), Vec::new(), variance)
    }

    /// One variance a coordinate: Σ = diag(`variances`), O(d) in memory and a point.
    ///
    /// # Errors
    /// If there are none, or one is negative or not finite.
    pub fn diagonal(variances: Vec<f64>) -> Result<Self> {
        let d = variances.len();
        if d == 0 {
            return Err(Error::shape("the covariance", "0 variances", "one a coordinate, at least one"));
        }
        require_variances(variances.iter())?;
        Ok(Covariance { vectors: Array2::zeros((0, d)), values: variances, isotropic: 0.0, diagonal: true })
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
        Ok(Covariance { vectors, values, isotropic: 0.0, diagonal: false })
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
        require_variances(values.iter().chain([&isotropic]))?;
        let vectors = vectors.as_standard_layout().into_owned();
        require_orthonormal("eigenvectors", &vectors, ORTHONORMALITY)?;
        Ok(Covariance { vectors, values, isotropic, diagonal: false })
    }

    /// Mean and covariance of this kind of the rows (index, weight > 0, not none) of `values` (`[n, d]`)
    /// by maximum likelihood among covariances whose variances are at least `floor`.
    pub(in crate::closed_form) fn fit(
        values: ArrayView2<f64>,
        rows: &[(usize, f64)],
        kind: CovarianceKind,
        floor: f64,
    ) -> Result<(Array1<f64>, Self)> {
        if kind == CovarianceKind::Diagonal {
            let (mean, mut variances) = weighted_variances(values, rows);
            variances.iter_mut().for_each(|v| *v = v.max(floor));
            return Ok((mean, Self::diagonal(variances)?));
        }
        let (mean, scatter) = weighted_moments(values, rows);
        Ok((mean, Self::from_scatter(&scatter, kind.rank(values.ncols()), floor)?))
    }

    /// From an exactly symmetric positive semidefinite scatter: the `rank` leading eigenvectors, and
    /// the mean of the other eigenvalues as s², which maximises the likelihood (Tipping & Bishop
    /// 1999, eq. 8); every variance at least `floor`.
    fn from_scatter(scatter: &Mat<f64>, rank: usize, floor: f64) -> Result<Self> {
        let d = scatter.nrows();
        let (mut values, vectors) = eigen(scatter)?;
        let rest: f64 = values[rank..].iter().map(|v| v.max(0.0)).sum();
        let isotropic = if rank < d { (rest / (d - rank) as f64).max(floor) } else { 0.0 };
        values.truncate(rank);
        values.iter_mut().for_each(|v| *v = v.max(floor));
        let vectors = Array2::from_shape_fn((rank, d), |(j, i)| vectors[[j, i]]);
        Ok(Covariance { vectors, values, isotropic, diagonal: false })
    }
}

/// The rows of a matrix `[r, d]` must be orthonormal to `tolerance`.
pub(in crate::closed_form) fn require_orthonormal(
    what: &'static str,
    vectors: &Array2<f64>,
    tolerance: f64,
) -> Result<()> {
    let (r, d) = vectors.dim();
    let rows = slice(vectors);
    let mut gram = vec![0.0; r];
    for (i, row) in rows.chunks(d.max(1)).enumerate() {
        dots(rows, row, &mut gram);
        let wrong = |(j, g): (usize, &f64)| (g - f64::from(u8::from(i == j))).abs() > tolerance;
        if let Some(j) = gram.iter().enumerate().position(wrong) {
            return Err(Error::argument(
                what,
                format!("{i} and {j} have the scalar product {}", gram[j]),
                "give orthonormal rows",
            ));
        }
    }
    Ok(())
}

/// Variances must be finite and not negative.
fn require_variances<'a>(mut variances: impl Iterator<Item = &'a f64>) -> Result<()> {
    match variances.find(|v| !(v.is_finite() && **v >= 0.0)) {
        None => Ok(()),
        Some(bad) => Err(Error::argument(
            "covariance",
            format!("has the variance {bad}"),
            "variances are finite and not negative",
        )),
    }
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
