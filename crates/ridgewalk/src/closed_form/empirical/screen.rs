//! Products of queries with all points in packed f32, and what may be trusted of them.
//!
//! With c the centred points and q the centred query, both in units of the data's radius,
//! s = q·c − ½‖c‖² orders the points by distance and −r²/2σ² = (s − ½‖q‖²)/σ². An f32 chain of d
//! fused multiply-adds errs by a few 2⁻²⁴·‖q‖·‖c‖, so in nats by that over σ²: negligible at high
//! noise, huge at low noise. Therefore:
//!
//! - Where few points lie within reach of the best (cut-off plus that error), only those are
//!   measured again in f64, and the answer is exact (`exact.rs`).
//! - Where many do, the points whose own error could show in D are measured again, and the rest
//!   enter as an f32 product whose errors average out.
//!
//! All decisions of a query depend on that query alone, so a batch cannot change a result.

use std::sync::{Mutex, PoisonError};

use ndarray::{Array1, ArrayView2};
use rayon::prelude::*;
use ridgewalk_kernels::{GROUP, Panels, dot, exp_scaled_f32};

use super::crowd::Crowd;
use super::exact::CUTOFF;
use super::scores::{CHAIN, Scores, TILE};
use super::{Empirical, Row, Want};
use crate::points::Moments;

/// Most queries handled at a time.
const BLOCK: usize = 64;
/// Bytes of scores of a block, unless `GROUP` queries take more.
const SCORE_BYTES: usize = 64 << 20;
/// Aim for the error of D that f32 products may leave, relative to the data's radius.
pub(super) const TOLERANCE: f64 = 1e-7;
/// Above this error (in nats) f32 is not trusted with any sum: where near-duplicates crowd together
/// at low noise, their covariance over σ² would be lost.
pub(super) const WORST: f64 = 2.5e-5;
/// Unit roundoff of f32.
pub(super) const ROUNDOFF: f64 = 1.0 / (1u64 << 24) as f64;
/// A query farther from the data than this many radii is not entrusted to f32.
const FAR: f64 = 1e6;

#[derive(Debug, Clone)]
pub(super) struct Screen {
    pub center: Array1<f64>,
    /// Largest distance of a point from the center.
    pub radius: f64,
    /// Centred points over radius: rows are points.
    pub points: Panels,
    /// The same transposed, tile by tile: rows are coordinates.
    pub coordinates: Vec<Panels>,
    /// ½‖c‖² of every point.
    pub half_squares: Vec<f32>,
    spare: Spare,
}

/// Memory of scores, kept between calls: fresh pages from the system cost as much as a tenth of a product.
#[derive(Debug, Default)]
struct Spare(Mutex<Vec<Vec<f32>>>);

impl Clone for Spare {
    fn clone(&self) -> Self {
        Spare::default()
    }
}

impl Spare {
    fn take(&self) -> Vec<f32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, buffer: Vec<f32>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(buffer);
    }
}

impl Screen {
    pub(super) fn new(points: ArrayView2<f64>, moments: &Moments) -> Self {
        let (n, d) = points.dim();
        let center = moments.mean.clone();
        let radius = points
            .outer_iter()
            .map(|row| row.iter().zip(&center).map(|(x, m)| (x - m) * (x - m)).sum::<f64>())
            .fold(0.0, f64::max)
            .sqrt();
        let unit = if radius > 0.0 { 1.0 / radius } else { 1.0 };
        let value = |i: usize, k: usize| ((points[(i, k)] - center[k]) * unit) as f32;
        let half_squares = (0..n)
            .into_par_iter()
            .map(|i| (0..d).map(|k| f64::from(value(i, k)).powi(2)).sum::<f64>() as f32 / 2.0)
            .collect();
        Screen {
            radius: if radius > 0.0 { radius } else { 1.0 },
            points: Panels::pack(n, d, value),
            coordinates: (0..n)
                .step_by(TILE)
                .map(|first| Panels::pack(d, TILE.min(n - first), |k, i| value(first + i, k)))
                .collect(),
            half_squares,
            center,
            spare: Spare::default(),
        }
    }

    /// Memory for scores, of which the content does not matter.
    pub(super) fn take_buffer(&self) -> Vec<f32> {
        self.spare.take()
    }

    pub(super) fn give_buffer(&self, buffer: Vec<f32>) {
        self.spare.give(buffer);
    }

    pub(super) fn len(&self) -> usize {
        self.points.rows()
    }

    pub(super) fn queries_per_block(&self) -> usize {
        (SCORE_BYTES / (4 * self.len()) / GROUP * GROUP).clamp(GROUP, BLOCK)
    }

    /// Results of the queries `x[first..first + rows.len()]`.
    pub(super) fn evaluate(
        &self,
        model: &Empirical,
        x: ArrayView2<f64>,
        first: usize,
        sigma: f64,
        want: &Want,
        rows: &mut [Row],
    ) {
        let x = crate::points::rows(&x, first..first + rows.len());
        let sigma_unit = sigma / self.radius;
        let queries: Vec<Vec<f64>> = x
            .outer_iter()
            .map(|row| row.iter().zip(&self.center).map(|(x, m)| (x - m) / self.radius).collect())
            .collect();
        let (biases, bias_size) = self.biases(model, sigma_unit);
        let scores = Scores::new(&self.points, &queries, &biases, self.spare.take());

        let crowds: Vec<Option<Crowd>> = rows
            .par_iter_mut()
            .enumerate()
            .map(|(q, row)| {
                let error = Error::of(
                    dot(&queries[q], &queries[q]).sqrt(),
                    self.points.depth(),
                    sigma_unit,
                    bias_size,
                );
                match self.select(&scores, q, &error, sigma_unit) {
                    Selection::Few(candidates) => {
                        let active = model.active_among(candidates, x.row(q), sigma);
                        model.finish(&active, sigma, want, first + q, row);
                        None
                    }
                    Selection::Many { best, heavy } => {
                        let exact = model.active_among(heavy, x.row(q), sigma);
                        let half_square = 0.5 * dot(&queries[q], &queries[q]);
                        let reference = (f64::from(best) - half_square) / sigma_unit / sigma_unit;
                        Some(Crowd { q, best, exact, reference })
                    }
                }
            })
            .collect();
        let crowds: Vec<Crowd> = crowds.into_iter().flatten().collect();
        if !crowds.is_empty() {
            self.finish_crowds(model, &scores, &crowds, first, sigma, want, rows);
        }
        self.spare.give(scores.into_buffer());
    }

    /// −½‖c‖² + σ² log(n wᵢ), and the largest |log(n wᵢ)|.
    pub(super) fn biases(&self, model: &Empirical, sigma: f64) -> (Vec<f32>, f64) {
        let mut size: f64 = 0.0;
        let mut bias: Vec<f32> = self.half_squares.iter().map(|h| -h).collect();
        if let Some(logs) = &model.log_weights {
            let even = libm::log(self.len() as f64);
            for (bias, log) in bias.iter_mut().zip(logs) {
                *bias += (sigma * sigma * (log + even)) as f32;
                size = size.max((log + even).abs());
            }
        }
        (bias, size)
    }

    /// Which points query `q` has to measure exactly.
    fn select(&self, scores: &Scores, q: usize, error: &Error, sigma: f64) -> Selection {
        let n = self.len();
        if !error.usable {
            return Selection::Few((0..n as u32).collect());
        }
        let best = scores.best(q);
        let reach = (sigma * sigma * (CUTOFF + 2.0 * error.bound)) as f32;
        let limit = if error.typical > WORST { n } else { few(n) };
        if let Some(candidates) = scores.reaching(q, best - reach, limit) {
            return Selection::Few(candidates);
        }
        // A point of normalised weight γ adds about γ·error to D: measure it if that shows, with
        // the errors of the lighter ones averaging like √(Σγ²) ≤ √(largest γ).
        let light = (TOLERANCE / error.typical).powi(2);
        if light >= 1.0 {
            return Selection::Many { best, heavy: Vec::new() };
        }
        let mass = self.mass(scores, q, best, sigma);
        let threshold = f64::from(best) + sigma * sigma * libm::log(light * mass);
        match scores.reaching(q, threshold as f32, n / 2) {
            Some(heavy) => Selection::Many { best, heavy },
            None => Selection::Few(scores.reaching(q, best - reach, n).unwrap_or_default()),
        }
    }

    /// Σ exp((s − best)/σ²).
    fn mass(&self, scores: &Scores, q: usize, best: f32, sigma: f64) -> f64 {
        let scale = (1.0 / (sigma * sigma)) as f32;
        let mut buffer = [0.0f32; TILE];
        (0..scores.tiles())
            .map(|tile| {
                let values = scores.of_query(q, tile);
                let buffer = &mut buffer[..values.len()];
                exp_scaled_f32(values, best, scale, buffer);
                buffer.iter().map(|&w| f64::from(w)).sum::<f64>()
            })
            .sum()
    }
}

enum Selection {
    /// Only these points can carry weight.
    Few(Vec<u32>),
    /// Many can; these are heavy enough to be measured.
    Many { best: f32, heavy: Vec<u32> },
}

/// Error of a score over σ², in nats.
pub(super) struct Error {
    /// Not exceeded.
    pub bound: f64,
    /// Typical size.
    pub typical: f64,
    pub usable: bool,
}

impl Error {
    /// For a query of this norm (in radii) and noise level (in radii), with |log(n wᵢ)| up to `bias`.
    pub(super) fn of(norm: f64, d: usize, sigma: f64, bias: f64) -> Self {
        let size = ROUNDOFF * (norm + 1.0) / sigma / sigma;
        // A term passes through the roundings of its chain and of the sum of the chains.
        let bound = size * (CHAIN.min(d) + d.div_ceil(CHAIN) + 4) as f64;
        // The weight's bias over σ² is its log at any level: rounded once itself, once in the sum with
        // ½‖c‖², once in the score. It does not fall with σ as the rest does.
        let (bound, bias) = (bound + 3.0 * ROUNDOFF * bias, ROUNDOFF * bias);
        // Rounding errors of either sign, of partial sums that grow to at most the product of the norms.
        let typical = 0.25 * (size + bias);
        Error { bound, typical, usable: norm < FAR && sigma > 1e-15 && sigma < 1e15 }
    }
}

/// Up to how many points are measured one by one rather than by a product: about where their
/// memory traffic costs as much as the product over all.
pub(super) fn few(n: usize) -> usize {
    (n / 64).max(128)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;

    use super::*;
    use crate::points::PointSet;
    use crate::random::{Purpose, Stream};

    /// The weights' part of a score in f32 against f64: in nats it errs as much at any level, where
    /// products err less and less.
    #[test]
    fn the_bound_holds_for_the_bias_of_weights_at_high_levels() {
        let (n, d) = (500, 40);
        let mut stream = Stream::new(1, Purpose::Evaluation, 0, 0);
        let data = PointSet::vectors(Array2::from_shape_simple_fn((n, d), || stream.normal())).unwrap();
        let weights: Vec<f64> = (0..n).map(|i| libm::exp(-0.1 * i as f64)).collect();
        let model = Empirical::weighted(&data, &weights).unwrap();
        let screen = Screen::new(model.points(), &model.moments);
        for sigma in [1.0, 1e3, 1e4] {
            let (biases, size) = screen.biases(&model, sigma);
            let error = Error::of(sigma * (d as f64).sqrt(), d, sigma, size);
            for (i, &bias) in biases.iter().enumerate() {
                let exact = sigma * sigma * (model.log_weight(i) + libm::log(n as f64));
                let got = f64::from(bias) + f64::from(screen.half_squares[i]);
                let nats = (got - exact).abs() / (sigma * sigma);
                assert!(nats <= error.bound, "sigma {sigma} point {i}: {nats:e} {:e}", error.bound);
            }
        }
    }
}
