//! Moments of features over data, noise and time: all that training needs to know (arXiv 2602.06021).
//!
//! ```text
//! U = Σ_k w_k (1/(n p)) Σ_i E[σ σᵀ]      V = Σ_k w_k (1/(n p)) Σ_i E[a x_i σᵀ]      C = Σ_k w_k (1/n) Σ_i a² x_i²
//! ```
//!
//! Of cosine features all are exact. With q_ij = w_j·a x_i + phase_j,
//!
//! ```text
//! E[σ_j σ_k] = e^{−h|w_j − w_k|²/2} cos(q_j − q_k) + e^{−h|w_j + w_k|²/2} cos(q_j + q_k)
//! Σ_i cos(q_ij ∓ q_ik) = Σ_i cos q_ij cos q_ik ± Σ_i sin q_ij sin q_ik
//! ```
//!
//! so that a time costs two products of n × p matrices and p² exponentials. Strips of columns have fixed widths
//! and each is computed by one thread: the number of threads changes nothing.

use std::f64::consts::SQRT_2;

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::Array2;
use rayon::prelude::*;

use super::features::Features;
use super::times::Instant;
use crate::closed_form::rows::{dot, slice};

/// Columns that one task computes.
pub(super) const STRIP: usize = 128;

/// How far estimated moments are from the exact ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SamplingError {
    /// Draws of the noise for every point and time.
    pub draws: usize,
    /// Standard error of U by independent replicates, as a part of |U|_F.
    pub second: f64,
    /// |V − V_exact|_F/|V_exact|_F, not an estimate: the exact V is known. 0 if that is 0.
    pub first: f64,
}

/// U, V, C.
pub(super) struct FeatureMoments {
    /// U, `[p, p]`, exactly symmetric.
    pub second: Mat<f64>,
    /// V, `[d, p]`.
    pub first: Mat<f64>,
    /// C of every coordinate, `[d]`.
    pub target: Vec<f64>,
    /// Σ_k w_k a².
    pub power: f64,
    /// Of estimated moments.
    pub sampling: Option<SamplingError>,
}

/// Standardized points and what does not depend on the time.
pub(super) struct Design<'a> {
    pub features: &'a Features,
    /// `[n, d]`, standard layout.
    pub points: &'a Array2<f64>,
    /// W_x x_i, `[n, p]`.
    projections: Vec<f64>,
    squared_norms: Vec<f64>,
}

impl<'a> Design<'a> {
    pub fn new(features: &'a Features, points: &'a Array2<f64>) -> Self {
        let (n, d) = points.dim();
        let mut projections = vec![0.0; n * features.len()];
        projections
            .par_chunks_mut(features.len())
            .zip(slice(points).par_chunks(d))
            .for_each(|(out, x)| features.project(x, out));
        Design { features, points, projections, squared_norms: features.squared_norms() }
    }

    /// W_x x_i, `[p]`.
    pub fn projection(&self, i: usize) -> &[f64] {
        let p = self.features.len();
        &self.projections[i * p..(i + 1) * p]
    }

    /// C and Σ_k w_k a².
    pub fn target(&self, times: &[(Instant, f64)]) -> (Vec<f64>, f64) {
        let power: f64 = times.iter().map(|(at, weight)| weight * at.a * at.a).sum();
        let (n, d) = self.points.dim();
        let mut squares = vec![0.0; d];
        for x in slice(self.points).chunks(d) {
            squares.iter_mut().zip(x).for_each(|(s, x)| *s += x * x);
        }
        (squares.into_iter().map(|s| power * s / n as f64).collect(), power)
    }

    /// `out_ij = of(q_ij, j)`, `[n, p]`.
    pub fn fill(&self, at: Instant, out: &mut [f64], of: impl Fn(f64, usize) -> f64 + Sync) {
        let phase = self.features.phase(at.embedded);
        out.par_chunks_mut(phase.len()).zip(self.projections.par_chunks(phase.len())).for_each(|(out, z)| {
            for (j, ((out, z), phase)) in out.iter_mut().zip(z).zip(&phase).enumerate() {
                *out = of(at.a * z + phase, j);
            }
        });
    }

    /// cos q_ij and sin q_ij, each `[n, p]`.
    fn turn(&self, at: Instant, cosines: &mut [f64], sines: &mut [f64]) {
        let phase = self.features.phase(at.embedded);
        let p = phase.len();
        let both = cosines.par_chunks_mut(p).zip(sines.par_chunks_mut(p));
        both.zip(self.projections.par_chunks(p)).for_each(|((cosines, sines), z)| {
            for (((c, s), z), phase) in cosines.iter_mut().zip(sines).zip(z).zip(&phase) {
                (*s, *c) = libm::sincos(at.a * z + phase);
            }
        });
    }

    /// V of `times` alone, `[d, p]`, exact.
    pub fn first(&self, times: &[(Instant, f64)]) -> Mat<f64> {
        let (n, d) = self.points.dim();
        let p = self.features.len();
        let activation = self.features.activation();
        let mut means = vec![0.0; n * p];
        let mut first = Mat::zeros(d, p);
        for &(at, weight) in times {
            let spread: Vec<f64> = self.squared_norms.iter().map(|s| (at.h * s).sqrt()).collect();
            self.fill(at, &mut means, |q, j| activation.expectation(q, spread[j]));
            let means = MatRef::from_row_major_slice(&means, n, p);
            add_product(&mut first, self.points, means, weight * at.a / (n * p) as f64);
        }
        first
    }

    /// All moments of cosine features.
    pub fn cosine(&self, times: &[(Instant, f64)]) -> FeatureMoments {
        let n = self.points.nrows();
        let p = self.features.len();
        let gram = self.gram();
        let mut second = Mat::<f64>::zeros(p, p);
        let mut first = Mat::<f64>::zeros(self.points.ncols(), p);
        let (mut cosines, mut sines) = (vec![0.0; n * p], vec![0.0; n * p]);
        for &(at, weight) in times {
            self.turn(at, &mut cosines, &mut sines);
            let c = MatRef::from_row_major_slice(&cosines, n, p);
            let s = MatRef::from_row_major_slice(&sines, n, p);
            let scale = weight / (n * p) as f64;
            let mut product = Mat::zeros(first.nrows(), p);
            add_product(&mut product, self.points, c, scale * at.a * SQRT_2);
            for (j, norm) in self.squared_norms.iter().enumerate() {
                let fade = libm::exp(-0.5 * at.h * norm);
                (0..first.nrows()).for_each(|i| first[(i, j)] += fade * product[(i, j)]);
            }
            second.as_mut().par_col_chunks_mut(STRIP).enumerate().for_each(|(strip, mut out)| {
                // The lower part is enough.
                let (from, width) = (strip * STRIP, out.ncols());
                let products = |m: MatRef<f64>| {
                    let mut out = Mat::<f64>::zeros(p - from, width);
                    let left = m.subcols(from, p - from).transpose();
                    matmul(&mut out, Accum::Replace, left, m.subcols(from, width), 1.0, Par::Seq);
                    out
                };
                let (cc, ss) = (products(c), products(s));
                for k in 0..width {
                    for j in k..p - from {
                        let both = self.squared_norms[from + j] + self.squared_norms[from + k];
                        let cross = 2.0 * gram[(from + j, from + k)];
                        let fade = |norm: f64| libm::exp(-0.5 * at.h * norm.max(0.0));
                        let (cc, ss) = (cc[(j, k)], ss[(j, k)]);
                        out[(from + j, k)] +=
                            scale * (fade(both - cross) * (cc + ss) + fade(both + cross) * (cc - ss));
                    }
                }
            });
        }
        symmetrise(&mut second);
        let (target, power) = self.target(times);
        FeatureMoments { second, first, target, power, sampling: None }
    }

    /// W_x W_xᵀ.
    fn gram(&self) -> Mat<f64> {
        let (p, d) = self.features.directions().dim();
        let directions = self.features.directions();
        let rows = directions.as_slice().unwrap_or_default();
        let mut gram = Mat::<f64>::zeros(p, p);
        gram.as_mut().par_col_chunks_mut(1).enumerate().for_each(|(k, mut column)| {
            let w = &rows[k * d..(k + 1) * d];
            for (j, v) in rows.chunks(d).enumerate() {
                column[(j, 0)] = dot(v, w);
            }
        });
        gram
    }
}

/// out += scale·xᵀ values, for x `[n, d]` and values `[n, p]`.
pub(super) fn add_product(out: &mut Mat<f64>, x: &Array2<f64>, values: MatRef<f64>, scale: f64) {
    let (n, d) = x.dim();
    let x = MatRef::from_row_major_slice(slice(x), n, d);
    out.as_mut().par_col_chunks_mut(STRIP).enumerate().for_each(|(strip, out)| {
        let width = out.ncols();
        matmul(out, Accum::Add, x.transpose(), values.subcols(strip * STRIP, width), scale, Par::Seq);
    });
}

/// Copies the lower part to the upper.
pub(super) fn symmetrise(matrix: &mut Mat<f64>) {
    for j in 0..matrix.ncols() {
        for i in 0..j {
            matrix[(i, j)] = matrix[(j, i)];
        }
    }
}
