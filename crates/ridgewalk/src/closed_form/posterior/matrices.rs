//! Whole Jacobians and Hessians of a mixture at every point: each component's matrix is formed once,
//! not once a column and row. Cost O(d²·Σ_k rank_k + batch·d²·K), memory d² beyond the result.

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rayon::prelude::*;

use super::{Chunk, Level, finite, v_over};
use crate::closed_form::covariance::Covariance;
use crate::closed_form::rows::ROWS;
use crate::error::Result;

impl Level<'_> {
    /// J of every row, `[batch, d, d]`, symmetric to the bit.
    pub(in crate::closed_form) fn jacobian(&self, x: ArrayView2<f64>) -> Result<Array3<f64>> {
        let scale = 1.0 / self.variance.sqrt();
        self.matrices(x, |v| v_over(v, self.variance), scale, |c| c.denoised())
    }

    /// ∇² log p_σ of every row, `[batch, d, d]`, symmetric to the bit.
    pub(in crate::closed_form) fn hessian(&self, x: ArrayView2<f64>) -> Result<Array3<f64>> {
        self.matrices(x, |v| -1.0 / (v + self.variance), 1.0, |c| c.scores())
    }

    /// Σ γ_k f(Σ_k) + Cov_γ(scale · y), with y_k one vector a component.
    fn matrices(
        &self,
        x: ArrayView2<f64>,
        within: impl Fn(f64) -> f64 + Sync,
        scale: f64,
        vectors: impl Fn(&Chunk) -> Vec<Vec<f64>> + Sync,
    ) -> Result<Array3<f64>> {
        let (batch, d) = x.dim();
        let weights = self.responsibilities(x)?;
        let mut out = vec![0.0; batch * d * d];
        for (g, weights) in self.components.iter().zip(weights.columns()) {
            let weights = weights.to_vec();
            let matrix = SymmetricFunction::of(g.covariance(), &within);
            out.par_chunks_mut(d * d).zip(&weights).for_each(|(out, &weight)| matrix.add(weight, out));
        }
        if self.components.len() > 1 {
            let x = x.as_standard_layout();
            let x = x.as_slice().unwrap_or_default();
            out.par_chunks_mut(ROWS * d * d).zip(x.par_chunks(ROWS * d)).for_each(|(out, x)| {
                let chunk = Chunk::new(self, x);
                let y = vectors(&chunk);
                let mean = chunk.mean(&y);
                for (k, y) in y.iter().enumerate() {
                    for (row, out) in out.chunks_mut(d * d).enumerate() {
                        let Some(weight) = chunk.weight(row, k) else { continue };
                        let at = row * d..(row + 1) * d;
                        let factor = scale * weight.sqrt();
                        let deviation: Vec<f64> =
                            y[at.clone()].iter().zip(&mean[at]).map(|(y, m)| factor * (y - m)).collect();
                        add_outer(&deviation, out);
                    }
                }
            });
        }
        let flat = Array2::from_shape_vec((batch, d * d), out).map_err(shape_error)?;
        finite(flat)?.into_shape_with_order((batch, d, d)).map_err(shape_error)
    }
}

/// out += v vᵀ, which is symmetric to the bit.
pub(in crate::closed_form) fn add_outer(v: &[f64], out: &mut [f64]) {
    for (a, out) in v.iter().zip(out.chunks_mut(v.len())) {
        for (o, b) in out.iter_mut().zip(v) {
            *o += a * b;
        }
    }
}

pub(in crate::closed_form) fn shape_error(error: ndarray::ShapeError) -> crate::error::Error {
    crate::error::Error::shape("a batch of matrices", error.to_string(), "[batch, d, d]")
}

/// f(Σ), symmetric to the bit.
enum SymmetricFunction {
    Diagonal(Vec<f64>),
    Dense(Array2<f64>),
}

impl SymmetricFunction {
    fn of(covariance: &Covariance, f: impl Fn(f64) -> f64) -> Self {
        if let Some(variances) = covariance.diagonal_variances() {
            return SymmetricFunction::Diagonal(variances.iter().map(|&v| f(v)).collect());
        }
        if covariance.rank() == 0 {
            let value = f(covariance.isotropic_variance());
            return SymmetricFunction::Diagonal(vec![value; covariance.dim()]);
        }
        let half = covariance.apply(Array2::eye(covariance.dim()).view(), |v| 0.5 * f(v));
        SymmetricFunction::Dense(&half + &half.t())
    }

    /// out += weight · f(Σ).
    fn add(&self, weight: f64, out: &mut [f64]) {
        match self {
            SymmetricFunction::Diagonal(values) => {
                let d = values.len();
                out.iter_mut().step_by(d + 1).zip(values).for_each(|(o, v)| *o += weight * v);
            }
            SymmetricFunction::Dense(matrix) => {
                for (out, row) in out.chunks_mut(matrix.ncols()).zip(matrix.axis_iter(Axis(0))) {
                    out.iter_mut().zip(row).for_each(|(o, v)| *o += weight * v);
                }
            }
        }
    }
}
