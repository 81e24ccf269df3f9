//! Queries that many points share: sums over all points as an f32 product, with the points that
//! weigh much added exactly.

use rayon::prelude::*;
use ridgewalk_kernels::{
    GROUP, Groups, LANES, add_f32, add_scaled, dot, exp_scaled_f32, squared_distance, sum_and_dot_f32,
};

use super::exact::{Active, log_normalizer};
use super::scores::{CHAIN, Scores, TILE};
use super::screen::Screen;
use super::{Empirical, Row, Want};

/// The points are summed in at most this many independent parts, added in order.
const PARTS: usize = 16;

/// A query that many points share.
pub(super) struct Crowd {
    /// Its row in the block.
    pub q: usize,
    /// Score of the best point.
    pub best: f32,
    /// Points measured exactly, ascending.
    pub exact: Active,
    /// log-likelihood (nats) that corresponds to the best score.
    pub reference: f64,
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
    /// Results of the crowds among the queries `first..first + rows.len()`.
    #[allow(clippy::too_many_arguments)] // one call, from `evaluate`, of which it is the second half
    pub(super) fn finish_crowds(
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
        let center = self.center.as_slice().unwrap_or(&[]);
        // Of size one, since f32 ends at 3e38: (largest part, v over it) of every query.
        let scaled = want.tangent.map(|v| -> Vec<(f64, Vec<f64>)> {
            let of = |q: usize| {
                let v = v.row(first + q);
                let size = v.iter().fold(0.0, |size: f64, v| size.max(v.abs()));
                let size = if size > 0.0 { size } else { 1.0 };
                (size, v.iter().map(|v| v / size).collect())
            };
            (0..rows.len()).map(of).collect()
        });
        let tangents = scaled.as_ref().map(|scaled| {
            let v: Vec<Vec<f64>> = scaled.iter().map(|(_, v)| v.clone()).collect();
            Scores::new(&self.points, &v, &[], Vec::new())
        });
        let factor = match &tangents {
            Some(products) => Some(Factor::Tangent(products)),
            None if want.sigma_derivative => Some(Factor::Level(model.log_weights.as_deref())),
            None => None,
        };
        let factors: Vec<Factor> = std::iter::once(Factor::One).chain(factor).collect();
        let mut sums = self.sums(scores, crowds, unit, &factors).into_iter();
        let plain = sums.next().unwrap_or_else(|| Sums::zeros(crowds.len(), d));
        let weighted = sums.next();
        for (slot, crowd) in crowds.iter().enumerate() {
            let row = &mut rows[crowd.q];
            let active = &crowd.exact;
            // Exact points join in the crowd's normalisation: mass relative to the reference.
            let uniform =
                if model.log_weights.is_some() { -libm::log(self.len() as f64) } else { model.log_weight(0) };
            let scale = libm::exp(active.shift - uniform - crowd.reference);
            let masses: Vec<f64> = active.mass.iter().map(|m| m * scale).collect();
            let total = plain.totals[slot] + masses.iter().sum::<f64>();

            let mut mean = plain.vectors[slot * d..][..d].to_vec();
            self.add_centred(model, &active.index, &masses, &mut mean);
            mean.iter_mut().for_each(|m| *m /= total);
            for ((out, center), m) in row.mean.iter_mut().zip(center).zip(&mean) {
                *out = center + self.radius * m;
            }
            if want.log_density {
                *row.log_density = crowd.reference + uniform + libm::log(total) - log_normalizer(d, sigma);
            }
            if want.divergence {
                let exact: f64 = active
                    .index
                    .iter()
                    .zip(&masses)
                    .map(|(&i, m)| m * squared_distance(model.row(i), center))
                    .sum();
                let square = (2.0 * plain.half_squares[slot] + exact / self.radius / self.radius) / total;
                *row.divergence = (square - dot(&mean, &mean)).max(0.0) / unit / unit;
            }
            let Some(weighted) = &weighted else { continue };
            let mut vector = weighted.vectors[slot * d..][..d].to_vec();
            let tangent = scaled.as_ref().map(|scaled| &scaled[crowd.q]);
            let factors: Vec<f64> = match tangent {
                Some((_, v)) => {
                    let at_center = dot(center, v);
                    active.index.iter().map(|&i| (dot(model.row(i), v) - at_center) / self.radius).collect()
                }
                None => active.log_likelihood.iter().map(|l| l - crowd.reference).collect(),
            };
            let products: Vec<f64> = masses.iter().zip(&factors).map(|(m, f)| m * f).collect();
            let factor_total = weighted.totals[slot] + products.iter().sum::<f64>();
            self.add_centred(model, &active.index, &products, &mut vector);
            // J = Cov/σ² is the same in units of the radius; ∂D/∂σ has a vector's unit over σ's.
            let scale = match tangent {
                Some((size, _)) => size / unit / unit,
                None => -2.0 / sigma * self.radius,
            };
            for (k, out) in row.derivative.iter_mut().enumerate() {
                *out = scale * (vector[k] - factor_total * mean[k]) / total;
            }
        }
    }

    /// `out += Σ coefficient · (point − center)/radius`.
    fn add_centred(&self, model: &Empirical, points: &[u32], coefficients: &[f64], out: &mut [f64]) {
        let Some(center) = self.center.as_slice().filter(|_| !points.is_empty()) else { return };
        for (&i, coefficient) in points.iter().zip(coefficients) {
            add_scaled(out, coefficient / self.radius, model.row(i));
        }
        add_scaled(out, -coefficients.iter().sum::<f64>() / self.radius, center);
    }

    /// Sums over all points that are not measured exactly, for each of the factors.
    fn sums(&self, scores: &Scores, crowds: &[Crowd], sigma: f64, factors: &[Factor]) -> Vec<Sums> {
        let (d, count) = (self.points.depth(), crowds.len());
        let scale = (1.0 / (sigma * sigma)) as f32;
        let even = libm::log(self.len() as f64);
        let tiles = scores.tiles();
        let per_part = tiles.div_ceil(PARTS);
        let zeros = || factors.iter().map(|_| Sums::zeros(count, d)).collect::<Vec<_>>();
        let parts: Vec<Vec<Sums>> = (0..tiles.div_ceil(per_part))
            .into_par_iter()
            .map(|part| {
                let mut sums = zeros();
                let mut masses = vec![0.0f32; TILE];
                let mut coefficients = vec![0.0f32; TILE];
                let mut products = vec![0.0f32; count.div_ceil(GROUP) * GROUP * LANES];
                for tile in part * per_part..((part + 1) * per_part).min(tiles) {
                    let coordinates = &self.coordinates[tile];
                    let mut packed: Vec<Groups> =
                        factors.iter().map(|_| Groups::zeros(count, coordinates.depth())).collect();
                    for (slot, crowd) in crowds.iter().enumerate() {
                        let values = scores.of_query(crowd.q, tile);
                        let masses = &mut masses[..values.len()];
                        exp_scaled_f32(values, crowd.best, scale, masses);
                        crowd.leave_out_exact(tile, masses);
                        for ((factor, sums), packed) in factors.iter().zip(&mut sums).zip(&mut packed) {
                            let out = &mut coefficients[..values.len()];
                            match factor {
                                Factor::One => out.copy_from_slice(masses),
                                Factor::Level(log_weights) => {
                                    for (level, s) in out.iter_mut().zip(values) {
                                        *level = (s - crowd.best) * scale;
                                    }
                                    if let Some(logs) = log_weights {
                                        for (level, log) in out.iter_mut().zip(&logs[tile * TILE..]) {
                                            *level -= (log + even) as f32;
                                        }
                                    }
                                    out.iter_mut().zip(&*masses).for_each(|(level, m)| *level *= m);
                                }
                                Factor::Tangent(products) => {
                                    let products = products.of_query(crowd.q, tile);
                                    let all = out.iter_mut().zip(&*masses).zip(products);
                                    all.for_each(|((o, m), u)| *o = m * u);
                                }
                            }
                            let (total, square) = sum_and_dot_f32(out, &self.half_squares[tile * TILE..]);
                            sums.totals[slot] += total;
                            sums.half_squares[slot] += square;
                            packed.set(slot, out);
                        }
                    }
                    for panel in 0..coordinates.count() {
                        for (sums, packed) in sums.iter_mut().zip(&packed) {
                            coordinates.multiply(panel, packed, CHAIN, &mut products);
                            sums.add_products(d, panel, &products);
                        }
                    }
                }
                sums
            })
            .collect();
        let plus = |a: Vec<Sums>, b: Vec<Sums>| a.into_iter().zip(b).map(|(a, b)| a.plus(b)).collect();
        parts.into_iter().reduce(plus).unwrap_or_else(zeros)
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

    fn add_products(&mut self, d: usize, panel: usize, products: &[f32]) {
        let columns = panel * LANES..(panel * LANES + LANES).min(d);
        for (out, products) in self.vectors.chunks_exact_mut(d).zip(products.chunks_exact(LANES)) {
            add_f32(&mut out[columns.clone()], products);
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
