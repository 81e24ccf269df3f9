//! Weighted mean and covariance of points, by blocked products of centred rows.
//!
//! Two passes (mean first), so that nothing cancels for data far from the origin. Blocks and strips
//! have fixed sizes: the result does not depend on the number of threads. Peak memory: the d × d
//! result, and one block of [`BLOCK`] rows a thread.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::{Array1, ArrayView2};
use rayon::prelude::*;

/// Rows gathered, centred and multiplied at a time.
const BLOCK: usize = 512;
/// Columns of the covariance that one task computes.
const STRIP: usize = 128;

/// Mean of the rows (index, weight > 0) of `values` (`[n, d]`), and the weights' sum. `rows` must not
/// be empty.
fn weighted_mean(values: ArrayView2<f64>, rows: &[(usize, f64)]) -> (Array1<f64>, f64) {
    let total: f64 = rows.iter().map(|(_, w)| w).sum();
    // Relative to the first point: exact for constant coordinates.
    let origin = values.row(rows[0].0);
    let mut shift = Array1::<f64>::zeros(values.ncols());
    for &(i, w) in rows {
        for ((s, v), o) in shift.iter_mut().zip(values.row(i)).zip(origin) {
            *s += w * (v - o);
        }
    }
    (&origin + &(shift / total), total)
}

/// Mean and variances (divided by the weights' sum) of the coordinates of such rows; O(n·d).
pub(super) fn weighted_variances(values: ArrayView2<f64>, rows: &[(usize, f64)]) -> (Array1<f64>, Vec<f64>) {
    let (mean, total) = weighted_mean(values, rows);
    let mut variances = vec![0.0; values.ncols()];
    for &(i, w) in rows {
        for ((s, v), m) in variances.iter_mut().zip(values.row(i)).zip(&mean) {
            *s += w * (v - m) * (v - m);
        }
    }
    variances.iter_mut().for_each(|v| *v /= total);
    (mean, variances)
}

/// Mean and covariance (divided by the weights' sum) of such rows; the matrix is exactly symmetric.
pub(crate) fn weighted_moments(values: ArrayView2<f64>, rows: &[(usize, f64)]) -> (Array1<f64>, Mat<f64>) {
    let d = values.ncols();
    let (mean, total) = weighted_mean(values, rows);
    let mut scatter = Mat::<f64>::zeros(d, d);
    let mut block = vec![0.0; BLOCK * d];
    for chunk in rows.chunks(BLOCK) {
        block.par_chunks_mut(d).zip(chunk).for_each(|(z, &(i, w))| {
            let root = (w / total).sqrt();
            for ((z, v), m) in z.iter_mut().zip(values.row(i)).zip(&mean) {
                *z = root * (v - m);
            }
        });
        let z = MatRef::from_row_major_slice(&block[..chunk.len() * d], chunk.len(), d);
        scatter.as_mut().par_col_chunks_mut(STRIP).enumerate().for_each(|(strip, columns)| {
            // The lower part is enough: rows from the strip's first column on.
            let first = strip * STRIP;
            let width = columns.ncols();
            let below = columns.subrows_mut(first, d - first);
            let left = z.subcols(first, d - first).transpose();
            matmul(below, Accum::Add, left, z.subcols(first, width), 1.0, Par::Seq);
        });
    }
    for j in 0..d {
        for i in 0..j {
            scatter[(i, j)] = scatter[(j, i)];
        }
    }
    (mean, scatter)
}
