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

use ndarray::{Array1, ArrayView2};
use rayon::prelude::*;
use ridgewalk_kernels::{GROUP, Groups, LANES, Panels, dot, exp_scaled_f32};

use super::exact::{Active, CUTOFF, log_normalizer};
use super::{Empirical, Row, Want};
use crate::points::Moments;

/// Points handled at a time: their products with a block of queries stay in the second-level cache.
const TILE: usize = 512;
/// Points summed in f32 before the sum joins in f64: a longer chain loses more to rounding.
const CHAIN: usize = 128;
/// Most queries handled at a time.
const BLOCK: usize = 64;
/// Bytes of scores held at a time.
const SCORE_BYTES: usize = 64 << 20;
/// Aim for the error of D that f32 products may leave, relative to the data's radius.
const TOLERANCE: f64 = 1e-7;
/// Above this error (in nats) f32 is not trusted with any sum: where near-duplicates crowd together
/// at low noise, their covariance over σ² would be lost.
const WORST: f64 = 1e-4;
/// Unit roundoff of f32.
const ROUNDOFF: f64 = 1.0 / (1u64 << 24) as f64;
/// A query farther from the data than this many radii is not entrusted to f32.
const FAR: f64 = 1e6;
/// The points are summed in at most this many independent parts, added in order.
const PARTS: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Screen {
    center: Array1<f64>,
    /// Largest distance of a point from the center.
    radius: f64,
    /// Centred points over radius: rows are points.
    points: Panels,
    /// The same transposed: rows are coordinates.
    coordinates: Panels,
    /// ½‖c‖² of every point.
    half_squares: Vec<f32>,
}

/// Scores of a block of queries, tile by tile: `[tile][query][point of the tile]`.
struct Scores {
    values: Vec<f32>,
    queries: usize,
    n: usize,
}

impl Scores {
    fn tile(&self, tile: usize) -> (&[f32], usize) {
        let length = TILE.min(self.n - tile * TILE);
        (&self.values[tile * TILE * self.queries..][..self.queries * TILE.min(self.padded(tile))], length)
    }

    /// Points of a tile, with the last panel filled up.
    fn padded(&self, tile: usize) -> usize {
        TILE.min(self.n.div_ceil(LANES) * LANES - tile * TILE)
    }

    fn of_query(&self, q: usize, tile: usize) -> &[f32] {
        let (values, length) = self.tile(tile);
        let stride = self.padded(tile);
        &values[q * stride..][..length]
    }

    fn tiles(&self) -> usize {
        self.n.div_ceil(TILE)
    }
}

/// A query that many points share.
struct Crowd {
    /// Its row in the block.
    q: usize,
    /// Score of the best point.
    best: f32,
    /// Points measured exactly, ascending.
    exact: Active,
    /// log-likelihood (nats) that corresponds to the best score.
    reference: f64,
}

/// Coefficients of the sum over the crowd's points besides their mass.
#[derive(Clone, Copy)]
enum Factor<'a> {
    One,
    /// −r²/2σ² above the reference, in nats; the weights of the points are not part of it.
    Level(Option<&'a [f64]>),
    /// Products with a tangent vector.
    Tangent(&'a Scores),
}

/// Σ mass·factor·c (`[crowd][d]`) and Σ mass·factor, Σ mass·factor·‖c‖²/2 a query.
struct Sums {
    vectors: Vec<f64>,
    totals: Vec<f64>,
    half_squares: Vec<f64>,
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
            coordinates: Panels::pack(d, n, |k, i| value(i, k)),
            half_squares,
            center,
        }
    }

    fn len(&self) -> usize {
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
        let mut scores = self.products(&queries);
        self.add_biases(&mut scores, model, sigma_unit);

        let crowds: Vec<Option<Crowd>> = rows
            .par_iter_mut()
            .enumerate()
            .map(|(q, row)| {
                let error = Error::of(dot(&queries[q], &queries[q]).sqrt(), self.points.depth(), sigma_unit);
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
    }

    /// q·c for all points.
    fn products(&self, queries: &[Vec<f64>]) -> Scores {
        let groups = Groups::pack(queries.len(), self.points.depth(), |q, k| queries[q][k] as f32);
        let padded_queries = groups.count() * GROUP;
        let mut values = vec![0.0f32; self.points.count() * LANES * padded_queries];
        values.par_chunks_mut(TILE * padded_queries).enumerate().for_each(|(tile, out)| {
            let stride = out.len() / padded_queries;
            for panel in 0..stride / LANES {
                for g in 0..groups.count() {
                    let out = &mut out[g * GROUP * stride + panel * LANES..];
                    self.points.multiply(tile * TILE / LANES + panel, 0, groups.group(g), out, stride);
                }
            }
        });
        Scores { values, queries: padded_queries, n: self.len() }
    }

    /// q·c → q·c − ½‖c‖² + σ² log(n wᵢ).
    fn add_biases(&self, scores: &mut Scores, model: &Empirical, sigma: f64) {
        let mut bias: Vec<f32> = self.half_squares.iter().map(|h| -h).collect();
        if let Some(logs) = &model.log_weights {
            let even = libm::log(self.len() as f64);
            for (bias, log) in bias.iter_mut().zip(logs) {
                *bias += (sigma * sigma * (log + even)) as f32;
            }
        }
        let queries = scores.queries;
        scores.values.par_chunks_mut(TILE * queries).enumerate().for_each(|(tile, out)| {
            let stride = out.len() / queries;
            let bias = &bias[tile * TILE..(tile * TILE + TILE).min(bias.len())];
            for row in out.chunks_exact_mut(stride) {
                for (value, bias) in row.iter_mut().zip(bias) {
                    *value += bias;
                }
            }
        });
    }

    /// Which points query `q` has to measure exactly.
    fn select(&self, scores: &Scores, q: usize, error: &Error, sigma: f64) -> Selection {
        let n = self.len();
        if !error.usable {
            return Selection::Few((0..n as u32).collect());
        }
        let best = (0..scores.tiles())
            .map(|tile| scores.of_query(q, tile).iter().fold(f32::NEG_INFINITY, |m, &s| m.max(s)))
            .fold(f32::NEG_INFINITY, f32::max);
        let above = |threshold: f32, limit: usize| -> Option<Vec<u32>> {
            let mut found = Vec::new();
            for tile in 0..scores.tiles() {
                let values = scores.of_query(q, tile);
                for (block, values) in values.chunks(64).enumerate() {
                    // Most blocks hold nothing: one vectorised look decides.
                    if values.iter().fold(f32::NEG_INFINITY, |m, &s| m.max(s)) < threshold {
                        continue;
                    }
                    let start = (tile * TILE + block * 64) as u32;
                    found
                        .extend(values.iter().zip(start..).filter(|(s, _)| **s >= threshold).map(|(_, i)| i));
                }
                if found.len() > limit {
                    return None;
                }
            }
            Some(found)
        };
        let reach = (sigma * sigma * (CUTOFF + 2.0 * error.bound)) as f32;
        let limit = if error.typical > WORST { n } else { few(n) };
        if let Some(candidates) = above(best - reach, limit) {
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
        match above(threshold as f32, n / 2) {
            Some(heavy) => Selection::Many { best, heavy },
            None => Selection::Few(above(best - reach, n).unwrap_or_default()),
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

    #[allow(clippy::too_many_arguments)] // one call, from `evaluate`, of which it is the second half
    fn finish_crowds(
        &self,
        model: &Empirical,
        scores: &Scores,
        crowds: &[Crowd],
        first: usize,
        sigma: f64,
        want: &Want,
        rows: &mut [Row],
    ) {
        let d = self.points.depth();
        let unit = sigma / self.radius;
        let plain = self.sums(scores, crowds, unit, Factor::One);
        let tangents = want.tangent.map(|v| {
            let v: Vec<Vec<f64>> = (0..rows.len()).map(|q| v.row(first + q).to_vec()).collect();
            self.products(&v)
        });
        let factor = match &tangents {
            Some(products) => Some(Factor::Tangent(products)),
            None if want.sigma_derivative => Some(Factor::Level(model.log_weights.as_deref())),
            None => None,
        };
        let weighted = factor.map(|factor| self.sums(scores, crowds, unit, factor));
        for (slot, crowd) in crowds.iter().enumerate() {
            let row = &mut rows[crowd.q];
            let active = &crowd.exact;
            // Exact points join in the crowd's normalisation: mass relative to the reference.
            let uniform =
                if model.log_weights.is_some() { -libm::log(self.len() as f64) } else { model.log_weight(0) };
            let scale = libm::exp(active.shift - uniform - crowd.reference);
            let masses: Vec<f64> = active.mass.iter().map(|m| m * scale).collect();
            let total = plain.totals[slot] + masses.iter().sum::<f64>();
            let centred = |i: u32, k: usize| (model.points[(i as usize, k)] - self.center[k]) / self.radius;

            let mut mean = plain.vectors[slot * d..][..d].to_vec();
            for (&i, mass) in active.index.iter().zip(&masses) {
                for (k, mean) in mean.iter_mut().enumerate() {
                    *mean += mass * centred(i, k);
                }
            }
            mean.iter_mut().for_each(|m| *m /= total);
            for (k, out) in row.mean.iter_mut().enumerate() {
                *out = self.center[k] + self.radius * mean[k];
            }
            if want.log_density {
                *row.log_density = crowd.reference + uniform + libm::log(total) - log_normalizer(d, sigma);
            }
            if want.divergence {
                let exact: f64 = active
                    .index
                    .iter()
                    .zip(&masses)
                    .map(|(&i, m)| m * (0..d).map(|k| centred(i, k).powi(2)).sum::<f64>())
                    .sum();
                let square = (2.0 * plain.half_squares[slot] + exact) / total;
                *row.divergence = (square - dot(&mean, &mean)).max(0.0) / unit / unit;
            }
            let Some(weighted) = &weighted else { continue };
            let mut vector = weighted.vectors[slot * d..][..d].to_vec();
            let mut factor_total = weighted.totals[slot];
            for ((&i, mass), l) in active.index.iter().zip(&masses).zip(&active.log_likelihood) {
                let factor = match want.tangent {
                    Some(v) => (0..d).map(|k| centred(i, k) * v[(first + crowd.q, k)]).sum::<f64>(),
                    None => l - crowd.reference,
                };
                factor_total += mass * factor;
                for (k, vector) in vector.iter_mut().enumerate() {
                    *vector += mass * factor * centred(i, k);
                }
            }
            // J = Cov/σ² is the same in units of the radius; ∂D/∂σ has a vector's unit over σ's.
            let scale = if want.tangent.is_some() { 1.0 / unit / unit } else { -2.0 / sigma * self.radius };
            for (k, out) in row.derivative.iter_mut().enumerate() {
                *out = scale * (vector[k] - factor_total * mean[k]) / total;
            }
        }
    }

    /// Sums over all points that are not measured exactly.
    fn sums(&self, scores: &Scores, crowds: &[Crowd], sigma: f64, factor: Factor) -> Sums {
        let (d, count) = (self.points.depth(), crowds.len());
        let scale = (1.0 / (sigma * sigma)) as f32;
        let even = libm::log(self.len() as f64);
        let tiles = scores.tiles();
        let per_part = tiles.div_ceil(PARTS);
        let parts: Vec<Sums> = (0..tiles.div_ceil(per_part))
            .into_par_iter()
            .map(|part| {
                let mut sums = Sums::zeros(count, d);
                let mut coefficients = vec![0.0f32; GROUP * TILE];
                let mut levels = vec![0.0f32; TILE];
                let mut product = vec![0.0f32; GROUP * LANES];
                for tile in part * per_part..((part + 1) * per_part).min(tiles) {
                    for (g, group) in crowds.chunks(GROUP).enumerate() {
                        let length = scores.tile(tile).1;
                        for (lane, crowd) in group.iter().enumerate() {
                            let out = &mut coefficients[lane * TILE..][..length];
                            let values = scores.of_query(crowd.q, tile);
                            exp_scaled_f32(values, crowd.best, scale, out);
                            crowd.leave_out_exact(tile, out);
                            match factor {
                                Factor::One => {}
                                Factor::Level(log_weights) => {
                                    for (level, s) in levels.iter_mut().zip(values) {
                                        *level = (s - crowd.best) * scale;
                                    }
                                    if let Some(logs) = log_weights {
                                        for (level, log) in levels.iter_mut().zip(&logs[tile * TILE..]) {
                                            *level -= (log + even) as f32;
                                        }
                                    }
                                    out.iter_mut().zip(&levels).for_each(|(o, l)| *o *= l);
                                }
                                Factor::Tangent(products) => {
                                    let products = products.of_query(crowd.q, tile);
                                    out.iter_mut().zip(products).for_each(|(o, u)| *o *= u);
                                }
                            }
                            sums.add_totals(g * GROUP + lane, out, &self.half_squares[tile * TILE..]);
                        }
                        let packed =
                            Groups::pack(group.len(), length, |lane, i| coefficients[lane * TILE + i]);
                        for (c, chain) in packed.group(0).chunks(CHAIN * GROUP).enumerate() {
                            let start = tile * TILE + c * CHAIN;
                            for panel in 0..self.coordinates.count() {
                                self.coordinates.multiply(panel, start, chain, &mut product, LANES);
                                sums.add_product(g * GROUP, group.len(), d, panel, &product);
                            }
                        }
                    }
                }
                sums
            })
            .collect();
        parts.into_iter().reduce(Sums::plus).unwrap_or_else(|| Sums::zeros(count, d))
    }
}

impl Crowd {
    fn leave_out_exact(&self, tile: usize, coefficients: &mut [f32]) {
        let range = (tile * TILE) as u32..(tile * TILE + coefficients.len()) as u32;
        let start = self.exact.index.partition_point(|&i| i < range.start);
        for &i in self.exact.index[start..].iter().take_while(|&&i| i < range.end) {
            coefficients[(i - range.start) as usize] = 0.0;
        }
    }
}

impl Sums {
    fn zeros(count: usize, d: usize) -> Self {
        Sums { vectors: vec![0.0; count * d], totals: vec![0.0; count], half_squares: vec![0.0; count] }
    }

    fn add_totals(&mut self, slot: usize, coefficients: &[f32], half_squares: &[f32]) {
        let mut total = 0.0;
        let mut square = 0.0;
        for (c, h) in coefficients.iter().zip(half_squares) {
            total += f64::from(*c);
            square += f64::from(*c) * f64::from(*h);
        }
        self.totals[slot] += total;
        self.half_squares[slot] += square;
    }

    fn add_product(&mut self, slot: usize, queries: usize, d: usize, panel: usize, product: &[f32]) {
        let columns = panel * LANES..(panel * LANES + LANES).min(d);
        for lane in 0..queries {
            let out = &mut self.vectors[(slot + lane) * d..][columns.clone()];
            out.iter_mut().zip(&product[lane * LANES..]).for_each(|(o, p)| *o += f64::from(*p));
        }
    }

    fn plus(mut self, other: Sums) -> Sums {
        let pairs = [
            (&mut self.vectors, &other.vectors),
            (&mut self.totals, &other.totals),
            (&mut self.half_squares, &other.half_squares),
        ];
        for (a, b) in pairs {
            a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
        }
        self
    }
}

enum Selection {
    /// Only these points can carry weight.
    Few(Vec<u32>),
    /// Many can; these are heavy enough to be measured.
    Many { best: f32, heavy: Vec<u32> },
}

/// Error of a score over σ², in nats.
struct Error {
    /// Not exceeded.
    bound: f64,
    /// Typical size.
    typical: f64,
    usable: bool,
}

impl Error {
    /// For a query of this norm (in radii) and noise level (in radii).
    fn of(norm: f64, d: usize, sigma: f64) -> Self {
        let size = ROUNDOFF * (norm + 1.0) / sigma / sigma;
        // A chain of d roundings: at worst d of them add up, in practice about √d.
        let bound = size * (d as f64).sqrt().mul_add(4.0, 8.0);
        Error { bound, typical: size, usable: norm < FAR && sigma > 1e-15 && sigma < 1e15 }
    }
}

/// Up to how many points are measured one by one rather than by a product: about where their
/// memory traffic costs as much as the product over all.
fn few(n: usize) -> usize {
    (n / 64).max(128)
}
