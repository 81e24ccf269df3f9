//! Fields whose answers at a point all follow from one posterior there: the traits, once for all.
//!
//! A type says what it knows [`At`] one point; the macro turns that into batches. Each point is on its
//! own, so neither the batch nor the number of threads can change a result.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

use super::posterior::shape_error;
use super::rows::map_rows;
use crate::denoiser::{check_query, check_tangent};
use crate::error::{Error, Result};
use crate::points::require_finite;

/// What a field in R^m knows at one point and noise level; every `out` has length m and is zero.
pub(super) trait At {
    /// log p_σ.
    fn log_density(&self) -> f64;
    /// D.
    fn denoised(&self, out: &mut [f64]);
    /// (D − x)/σ², without the cancellation.
    fn score(&self, out: &mut [f64]);
    /// ∂D/∂σ.
    fn sigma_derivative(&self, out: &mut [f64]);
    /// J v.
    fn jacobian_product(&self, v: &[f64], out: &mut [f64]);
    /// (∇² log p_σ) v.
    fn hessian_product(&self, v: &[f64], out: &mut [f64]);
    /// tr J.
    fn divergence(&self) -> f64;
}

/// Checks a query; gives σ².
pub(super) fn checked_variance(dim: usize, x: ArrayView2<f64>, sigma: f64) -> Result<f64> {
    check_query(dim, x, sigma)?;
    let variance = sigma * sigma;
    if variance.is_normal() {
        return Ok(variance);
    }
    Err(Error::argument("sigma", format!("is {sigma:e}"), "its square must be representable"))
}

/// Fails where an answer left the range of f64.
pub(super) fn finite(out: Array2<f64>) -> Result<Array2<f64>> {
    require_finite("the answer (x is too far away, or sigma too small, for f64)", out.view())?;
    Ok(out)
}

/// `[batch, width]`, every row filled by `work(row of x, row of out)`.
pub(super) fn each_row(
    x: ArrayView2<f64>,
    width: usize,
    work: impl Fn(&[f64], &mut [f64]) + Sync,
) -> Result<Array2<f64>> {
    let d = x.ncols();
    finite(map_rows(x, width, |x, out| {
        x.chunks(d).zip(out.chunks_mut(width)).for_each(|(x, out)| work(x, out));
    }))
}

/// As [`each_row`], one number a row.
pub(super) fn each_value(x: ArrayView2<f64>, work: impl Fn(&[f64]) -> f64 + Sync) -> Result<Array1<f64>> {
    Ok(each_row(x, 1, |x, out| out.fill(work(x)))?.column(0).to_owned())
}

/// As [`each_row`] of a point and a direction.
pub(super) fn each_pair(
    x: ArrayView2<f64>,
    v: ArrayView2<f64>,
    work: impl Fn(&[f64], &[f64], &mut [f64]) + Sync,
) -> Result<Array2<f64>> {
    check_tangent(x, v)?;
    let d = x.ncols();
    let both = concatenate(Axis(1), &[x, v]).map_err(shape_error)?;
    each_row(both.view(), d, |both, out| {
        let (x, v) = both.split_at(d);
        work(x, v, out);
    })
}

/// (M + Mᵀ)/2 in place of a d × d matrix: what rounding left of its symmetry.
pub(super) fn symmetrise(matrix: &mut [f64], d: usize) {
    for i in 0..d {
        for j in 0..i {
            let both = 0.5 * (matrix[i * d + j] + matrix[j * d + i]);
            (matrix[i * d + j], matrix[j * d + i]) = (both, both);
        }
    }
}

/// `[batch, d, d]`, symmetric to the bit, from products of each row's matrix with the unit vectors.
pub(super) fn each_matrix<A>(
    x: ArrayView2<f64>,
    at: impl Fn(&[f64]) -> A + Sync,
    product: impl Fn(&A, &[f64], &mut [f64]) + Sync,
) -> Result<Array3<f64>> {
    let (batch, d) = x.dim();
    let mut out = vec![0.0; batch * d * d];
    let x = x.as_standard_layout();
    out.par_chunks_mut(d * d).zip(x.as_slice().unwrap_or_default().par_chunks(d)).for_each(|(out, x)| {
        let at = at(x);
        let mut unit = vec![0.0; d];
        for (k, out) in out.chunks_mut(d).enumerate() {
            unit[k] = 1.0;
            product(&at, &unit, out);
            unit[k] = 0.0;
        }
        symmetrise(out, d);
    });
    let flat = Array2::from_shape_vec((batch, d * d), out).map_err(shape_error)?;
    finite(flat)?.into_shape_with_order((batch, d, d)).map_err(shape_error)
}

/// Denoiser, Differentiable and Density of a type with `dimension`, `at(x, sigma)`, `law_moments` and `law_draw`.
macro_rules! impl_pointwise {
    ($field:ty) => {
        impl Denoiser for $field {
            fn dim(&self) -> usize {
                self.dimension()
            }
            fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_row(x, self.dim(), |x, out| self.at(x, sigma).denoised(out))
            }
            fn moments(&self) -> Option<Moments> {
                self.law_moments()
            }
            fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
                self.law_draw(stream)
            }
            fn differentiable(&self) -> Option<&dyn Differentiable> {
                Some(self)
            }
            fn density(&self) -> Option<&dyn Density> {
                Some(self)
            }
            fn score(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_row(x, self.dim(), |x, out| self.at(x, sigma).score(out))
            }
            fn noise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
                Ok(self.score(x, sigma)? * -sigma)
            }
        }

        impl Differentiable for $field {
            fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_pair(x, v, |x, v, out| self.at(x, sigma).jacobian_product(v, out))
            }
            fn denoise_with_sigma_derivative(
                &self,
                x: ArrayView2<f64>,
                sigma: f64,
            ) -> Result<(Array2<f64>, Array2<f64>)> {
                checked_variance(self.dim(), x, sigma)?;
                let d = self.dim();
                let both = each_row(x, 2 * d, |x, out| {
                    let at = self.at(x, sigma);
                    let (value, derivative) = out.split_at_mut(d);
                    at.denoised(value);
                    at.sigma_derivative(derivative);
                })?;
                let (value, derivative) = both.view().split_at(Axis(1), d);
                Ok((value.to_owned(), derivative.to_owned()))
            }
            fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_value(x, |x| self.at(x, sigma).divergence())
            }
            fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_matrix(x, |x| self.at(x, sigma), |at, v, out| at.jacobian_product(v, out))
            }
            fn hessian_product(
                &self,
                x: ArrayView2<f64>,
                sigma: f64,
                v: ArrayView2<f64>,
            ) -> Result<Array2<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_pair(x, v, |x, v, out| self.at(x, sigma).hessian_product(v, out))
            }
        }

        impl Density for $field {
            fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_value(x, |x| self.at(x, sigma).log_density())
            }
            fn hessian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
                checked_variance(self.dim(), x, sigma)?;
                each_matrix(x, |x| self.at(x, sigma), |at, v, out| at.hessian_product(v, out))
            }
        }
    };
}
pub(super) use impl_pointwise;
