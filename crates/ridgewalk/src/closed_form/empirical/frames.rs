//! Frames of the empirical model, from the covariance of the points that carry weight.
//!
//! With x₁ the heaviest point, y_i = x_i − x₁, and all weights relative to that of the second heaviest,
//! r_i = γ_i/γ₂, R = Σ_{i>1} r_i y_i:
//!
//! ```text
//! D = x₁ + γ₂ R
//! Cov/γ₂ = Σ_{i>1} r_i (y_i − γ₂R)(y_i − γ₂R)ᵀ + γ₁γ₂ R Rᵀ = SᵀS
//! ```
//!
//! Nothing cancels and nothing underflows: as σ → 0 the weights of all points but one vanish, but not those
//! relative to the second, and the tangent directions are those from the nearest point to the next nearest.
//! S has a row a point of weight. Few rows: the eigenvectors come from S Sᵀ; few coordinates: from SᵀS;
//! otherwise from products with S.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatMut, MatRef, Par};
use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

use super::exact::{Active, CUTOFF, excess};
use super::scores::Scores;
use super::screen::{Error as ScoreError, Screen};
use super::{Empirical, Layout, SMALL};
use crate::closed_form::covariance::eigen;
use crate::closed_form::rows::{axpys, dot};
use crate::error::Result;
use crate::frames::{DENSE, Frame, Frames, Krylov, check};

/// Up to this many rows of S its products with itself are decomposed.
const FEW: usize = 96;
/// Nats by which the heaviest point may outweigh the second while points that matter beside the second still
/// lie within the reach of the heaviest.
const CLOSE: f64 = 4.0;
/// Beyond this many nats a squared distance over 2σ² has lost digits that its difference to another keeps.
const LOSSY: f64 = 1e4;

/// The posterior at one query: rows of S, and D.
struct Posterior {
    /// S, `[m, d]`.
    rows: Vec<f64>,
    /// γ₂/σ², which makes eigenvalues of SᵀS gains.
    scale: f64,
    denoised: Vec<f64>,
    shift: Vec<f64>,
}

impl Empirical {
    pub(super) fn posterior_frames(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        dimension: usize,
    ) -> Result<Frames> {
        let d = self.points.ncols();
        check(d, x, sigma, dimension)?;
        let x = x.as_standard_layout();
        let one =
            |candidates: Active, q: usize| self.posterior(&candidates, x.row(q), sigma).frame(d, dimension);
        let frames: Vec<Frame> = match &self.layout {
            Layout::Columns(columns) => (0..x.nrows())
                .into_par_iter()
                .map(|q| {
                    let row = x.row(q);
                    let heavy = self.active_by_columns(columns, row.to_slice().unwrap_or(&[]), sigma);
                    match self.dominant(&heavy) {
                        None => one(heavy, q),
                        Some(top) => {
                            let all = (0..self.len() as u32).collect();
                            one(self.beside(top, all, row, sigma), q)
                        }
                    }
                })
                .collect::<Result<_>>()?,
            Layout::Packed(screen) => {
                let block = screen.queries_per_block();
                let firsts: Vec<usize> = (0..x.nrows()).step_by(block).collect();
                let run = |first: &usize| -> Result<Vec<Frame>> {
                    let last = (first + block).min(x.nrows());
                    let active = screen.active(self, x.view(), *first..last, sigma);
                    active.into_par_iter().enumerate().map(|(q, active)| one(active, first + q)).collect()
                };
                let blocks: Vec<Vec<Frame>> = if self.len() <= SMALL {
                    firsts.par_iter().map(run).collect::<Result<_>>()?
                } else {
                    firsts.iter().map(run).collect::<Result<_>>()?
                };
                blocks.into_iter().flatten().collect()
            }
        };
        Frames::of(frames, d, sigma, dimension)
    }

    /// The heaviest point, if it outweighs all others so far that what matters beside the second was left out.
    fn dominant(&self, heavy: &Active) -> Option<u32> {
        let top = heaviest(&heavy.mass);
        let second =
            heavy.mass.iter().enumerate().filter(|(i, _)| *i != top).fold(0.0, |m: f64, (_, v)| m.max(*v));
        let far = second <= 0.0 || libm::log(second) < -CLOSE;
        heavy.index.get(top).copied().filter(|_| far && self.len() > 1)
    }

    /// The heaviest point and all that weigh something beside the second heaviest, of these candidates.
    /// Masses are relative to the second's; that of the heaviest is infinite where it overflows.
    fn beside(&self, top: u32, candidates: Vec<u32>, x: ArrayView1<f64>, sigma: f64) -> Active {
        let others: Vec<u32> = candidates.into_iter().filter(|&i| i != top).collect();
        let mut active = self.active_among(others, x, sigma);
        active.index.push(top);
        active.mass.push(f64::INFINITY);
        active
    }

    /// S and D from points of which all that matter beside the second heaviest are among the active.
    fn posterior(&self, active: &Active, x: ArrayView1<f64>, sigma: f64) -> Posterior {
        let d = self.points.ncols();
        let x = x.to_slice().unwrap_or(&[]);
        let top = heaviest(&active.mass);
        let Some(&first) = active.index.get(top) else {
            let nothing = vec![f64::NAN; d];
            return Posterior { rows: Vec::new(), scale: 0.0, denoised: nothing.clone(), shift: nothing };
        };
        let heaviest = self.row(first);
        let lossy = active.shift.abs() > LOSSY;
        // Nats of every other point relative to the heaviest.
        let levels: Vec<(u32, f64)> = active
            .index
            .iter()
            .zip(&active.mass)
            .filter(|(i, _)| **i != first)
            .map(|(&i, &mass)| {
                let exact = lossy || !active.mass[top].is_finite();
                let level = if exact {
                    self.log_weight(i as usize)
                        - self.log_weight(first as usize)
                        - 0.5 * excess(x, self.row(i), heaviest, sigma)
                } else {
                    libm::log(mass / active.mass[top])
                };
                (i, level)
            })
            .collect();
        let second = levels.iter().fold(f64::NEG_INFINITY, |m, (_, l)| m.max(*l));
        let relative: Vec<(u32, f64)> = levels
            .iter()
            .filter(|(_, level)| *level >= second - CUTOFF)
            .map(|&(i, level)| (i, libm::exp(level - second)))
            .collect();
        let mut sum = vec![0.0; d];
        let mut rows = vec![0.0; (relative.len() + 1) * d];
        for ((i, r), row) in relative.iter().zip(rows.chunks_exact_mut(d)) {
            for ((row, sum), (p, h)) in row.iter_mut().zip(&mut sum).zip(self.row(*i).iter().zip(heaviest)) {
                *row = p - h;
                *sum += r * *row;
            }
        }
        let over = if relative.is_empty() { 0.0 } else { libm::exp(second) };
        let total = 1.0 + over * relative.iter().map(|(_, r)| r).sum::<f64>();
        let (gamma_1, gamma_2) = (1.0 / total, over / total);
        for ((_, r), row) in relative.iter().zip(rows.chunks_exact_mut(d)) {
            let root = r.sqrt();
            row.iter_mut().zip(&sum).for_each(|(row, s)| *row = root * (*row - gamma_2 * s));
        }
        let root = (gamma_1 * gamma_2).sqrt();
        if let Some(row) = rows.chunks_exact_mut(d).last() {
            row.iter_mut().zip(&sum).for_each(|(row, s)| *row = -root * s);
        }
        let moved = |k: usize| gamma_2 * sum[k];
        Posterior {
            rows,
            scale: gamma_2 / sigma / sigma,
            denoised: (0..d).map(|k| heaviest[k] + moved(k)).collect(),
            shift: (0..d).map(|k| (heaviest[k] - x[k]) + moved(k)).collect(),
        }
    }
}

impl Posterior {
    fn frame(self, d: usize, dimension: usize) -> Result<Frame> {
        let m = self.rows.len() / d.max(1);
        let (values, vectors) = if m <= FEW && m < d {
            self.by_gram(d, m)?
        } else if d <= DENSE {
            self.by_scatter(d)?
        } else {
            let mut space = Krylov::new(&self.shift, dimension);
            while !space.pending().is_empty() {
                let images = self.products(d, space.pending());
                space.grow(images, self.scale)?;
            }
            let (values, vectors) = space.pairs();
            (values.to_vec(), vectors.to_vec())
        };
        Ok(Frame::assemble(self.denoised, self.shift, &values, self.scale, &vectors, dimension))
    }

    /// From S Sᵀ: if u is an eigenvector, Sᵀu/‖Sᵀu‖ is one of SᵀS.
    fn by_gram(&self, d: usize, m: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut gram = Mat::zeros(m, m);
        let row = |i: usize| &self.rows[i * d..(i + 1) * d];
        for i in 0..m {
            for j in 0..=i {
                let product = dot(row(i), row(j));
                (gram[(i, j)], gram[(j, i)]) = (product, product);
            }
        }
        let (found, combinations) = eigen(&gram)?;
        let (mut values, mut vectors) = (Vec::new(), Vec::new());
        for (value, u) in found.iter().zip(combinations.outer_iter()) {
            // Less than the square root of rounding is left of shorter ones.
            if *value <= 1e-13 * found[0] || vectors.len() >= d * d {
                break;
            }
            let mut v = vec![0.0; d];
            axpys(&u.to_vec(), &self.rows, &mut v);
            let v = crate::frames::less_parts(&vectors, &v);
            let length = crate::frames::norm(&v);
            vectors.extend(v.iter().map(|v| v / length));
            values.push(*value);
        }
        Ok((values, vectors))
    }

    fn by_scatter(&self, d: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut scatter = vec![0.0; d * d];
        for row in self.rows.chunks_exact(d) {
            for (i, out) in scatter.chunks_exact_mut(d).enumerate() {
                out[..=i].iter_mut().zip(row).for_each(|(o, v)| *o += row[i] * v);
            }
        }
        let full = Mat::from_fn(d, d, |i, j| scatter[i.max(j) * d + i.min(j)]);
        let (values, vectors) = eigen(&full)?;
        Ok((values, vectors.iter().copied().collect()))
    }

    /// SᵀS times the rows of `directions`. Sequential, so that no bit depends on the number of threads.
    fn products(&self, d: usize, directions: &[f64]) -> Vec<f64> {
        let (m, count) = (self.rows.len() / d, directions.len() / d);
        let rows = MatRef::from_row_major_slice(&self.rows, m, d);
        let directions = MatRef::from_row_major_slice(directions, count, d);
        let mut along = Mat::<f64>::zeros(m, count);
        matmul(along.as_mut(), Accum::Replace, rows, directions.transpose(), 1.0, Par::Seq);
        let mut out = vec![0.0; count * d];
        let images = MatMut::from_row_major_slice_mut(&mut out, count, d);
        matmul(images, Accum::Replace, along.transpose(), rows, 1.0, Par::Seq);
        out
    }
}

fn heaviest(mass: &[f64]) -> usize {
    let mut top = 0;
    for (i, m) in mass.iter().enumerate() {
        if *m > mass[top] {
            top = i;
        }
    }
    top
}

impl Screen {
    /// The points that matter for the queries of this range, all that weigh something beside the second heaviest.
    fn active(
        &self,
        model: &Empirical,
        x: ArrayView2<f64>,
        range: std::ops::Range<usize>,
        sigma: f64,
    ) -> Vec<Active> {
        let x = crate::points::rows(&x, range);
        let unit = sigma / self.radius;
        let queries: Vec<Vec<f64>> = x
            .outer_iter()
            .map(|row| row.iter().zip(&self.center).map(|(x, m)| (x - m) / self.radius).collect())
            .collect();
        let (biases, bias_size) = self.biases(model, unit);
        let mut scores = Scores::new(&self.points, &queries, &biases, self.take_buffer());
        let n = self.len();
        let reached = |scores: &Scores, q: usize| {
            let size = dot(&queries[q], &queries[q]).sqrt();
            let error = ScoreError::of(size, self.points.depth(), unit, bias_size);
            if !error.usable {
                return (0..n as u32).collect();
            }
            // Rounded down: the margin of the error is far larger than an f32's own.
            let reach = unit * unit * (CUTOFF + 2.0 * error.bound);
            let threshold = (f64::from(scores.best(q)) - reach) as f32;
            scores.reaching(q, threshold, n).unwrap_or_default()
        };
        let heavy: Vec<Active> = (0..x.nrows())
            .into_par_iter()
            .map(|q| model.active_among(reached(&scores, q), x.row(q), sigma))
            .collect();
        let tops: Vec<Option<u32>> = heavy.iter().map(|active| model.dominant(active)).collect();
        for (q, top) in tops.iter().enumerate() {
            if let Some(top) = top {
                scores.exclude(q, *top as usize);
            }
        }
        let pairs: Vec<(Active, Option<u32>)> = heavy.into_iter().zip(tops).collect();
        let out = pairs
            .into_par_iter()
            .enumerate()
            .map(|(q, (active, top))| match top {
                Some(top) => model.beside(top, reached(&scores, q), x.row(q), sigma),
                None => active,
            })
            .collect();
        self.give_buffer(scores.into_buffer());
        out
    }
}
