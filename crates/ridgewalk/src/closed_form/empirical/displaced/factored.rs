//! Means over displacements where many points matter: exponentials taken apart, sums as matrix products.
//!
//! ```text
//! Bᵢ = exp(bᵢ/σ² − max)   of every query        Fᵢⱼ = exp(⟨ξⱼ, xᵢ⟩/σ² − max)   of every draw
//! Zⱼ = Σᵢ Bᵢ Fᵢⱼ          Γᵢ = Bᵢ Σⱼ (wⱼ/Zⱼ) Fᵢⱼ
//! ```
//!
//! What leaves the range of f32 is lost: below e⁻¹²⁷ of the largest factor. A query for which that could
//! show, which Zⱼ tells, is left to `gathered.rs`.

use rayon::prelude::*;
use ridgewalk_kernels::{GROUP, Groups, LANES, LIFT, Panels, add_f32, exp_lifted_f32, squared_distance};

use super::super::Empirical;
use super::super::scores::{CHAIN, TILE};
use super::super::screen::{Error as Uncertainty, Screen, TOLERANCE};
use super::{Ask, Base, Block};

/// Fewer draws than this share too little.
const FEWEST: usize = 16;
/// Both factors are raised by 2⁵⁸ ≈ e⁴⁰. Below this log Zⱼ, n points at the end of the range (e⁻⁸⁷ times e⁴⁰)
/// would hold more than e⁻²⁸ ≈ 1e-12 of Zⱼ.
const FLOOR: f64 = -47.0 + 28.0;
/// Keeps wⱼ/Zⱼ between the ends of f32.
const COEFFICIENT: f64 = 30.0;
/// The points are summed in at most this many independent parts, added in order.
const PARTS: usize = 16;
/// Points heavy enough for their error to show are found from a first result; the second then has none.
const ROUNDS: usize = 2;

pub(super) struct Factored<'g, 'a, 'd, 'b, 's> {
    pub screen: &'g Screen,
    pub model: &'g Empirical,
    pub ask: &'g Ask<'a, 'd>,
    pub base: &'g Base,
    pub block: &'g Block<'b, 's>,
    pub scale: f64,
    /// Query of `base` that is the first of these.
    pub first: usize,
    /// Row of x that is the first of these.
    pub row: usize,
}

/// One query of many.
struct Query {
    /// Its place among those asked for.
    q: usize,
    best: f32,
    /// (point, B) where B was measured again in f64, ascending.
    measured: Vec<(u32, f32)>,
    /// Weight above which the error of a point shows.
    light: f32,
}

/// Σᵢ Γᵢ cᵢ of every query and group, and the points that are heavy.
struct Means {
    vectors: Vec<f64>,
    heavy: Vec<Vec<u32>>,
}

impl Factored<'_, '_, '_, '_, '_> {
    /// Adds the means of these queries to `out`, and tells for every query whether that was done.
    pub(super) fn means(
        &self,
        queries: &[usize],
        errors: &[Uncertainty],
        slot: usize,
        out: &mut [f64],
        width: usize,
    ) -> Vec<bool> {
        let mut done = vec![false; errors.len()];
        let draws = self.block.largest.len();
        if draws < FEWEST || queries.is_empty() {
            return done;
        }
        let query = |&q: &usize| Query {
            q,
            best: self.base.scores.best(self.first + q),
            measured: Vec::new(),
            light: (TOLERANCE / errors[q].typical).powi(2).min(2.0) as f32,
        };
        let mut queries: Vec<Query> = queries.iter().map(query).collect();
        let groups = self.groups();
        let d = self.screen.points.depth();
        let center = self.screen.center.as_slice().unwrap_or(&[]);
        for round in 0..ROUNDS {
            let masses = self.masses(&queries);
            let floor = FLOOR + libm::log(self.screen.len() as f64);
            let in_range: Vec<bool> = masses
                .chunks_exact(draws)
                .map(|z| z.iter().all(|z| *z > 0.0 && libm::log(*z) >= floor))
                .collect();
            let masses: Vec<f64> = masses
                .chunks_exact(draws)
                .zip(&in_range)
                .filter(|(_, keep)| **keep)
                .flat_map(|(z, _)| z.iter().copied())
                .collect();
            let mut keep = in_range.into_iter();
            queries.retain(|_| keep.next().unwrap_or(false));
            if queries.is_empty() {
                break;
            }
            let means = self.sums(&queries, &masses, &groups);
            let mut later = Vec::new();
            for (place, (mut query, heavy)) in queries.into_iter().zip(&means.heavy).enumerate() {
                if round + 1 < ROUNDS && !heavy.is_empty() {
                    query.measured = self.measure(&query, heavy);
                    later.push(query);
                    continue;
                }
                for (local, (group, range)) in groups.iter().enumerate() {
                    let weight: f64 = self.weights(range.clone()).iter().sum();
                    let mean = &means.vectors[(place * groups.len() + local) * d..][..d];
                    let out = &mut out[query.q * width + self.ask.place(slot, *group)..][..d];
                    for ((out, center), m) in out.iter_mut().zip(center).zip(mean) {
                        *out += weight * center + self.screen.radius * m;
                    }
                }
                done[query.q] = true;
            }
            queries = later;
        }
        done
    }

    /// Groups of which this block has draws, and which of its draws.
    fn groups(&self) -> Vec<(usize, std::ops::Range<usize>)> {
        let (per_group, first, draws) = (self.ask.per_group(), self.block.first, self.block.largest.len());
        (first / per_group..=(first + draws - 1) / per_group)
            .map(|g| {
                (g, (g * per_group).max(first) - first..((g + 1) * per_group).min(first + draws) - first)
            })
            .collect()
    }

    fn weights(&self, draws: std::ops::Range<usize>) -> &[f64] {
        &self.ask.displacements.weights[self.block.first + draws.start..self.block.first + draws.end]
    }

    /// e⁴⁰ B of the points measured again.
    fn measure(&self, query: &Query, heavy: &[u32]) -> Vec<(u32, f32)> {
        let (unit, radius) = (self.ask.sigma / self.screen.radius, self.screen.radius);
        let x = self.ask.x.row(self.row + query.q);
        let x = x.to_slice().unwrap_or(&[]);
        let norm = self.base.norms[self.first + query.q];
        let even = libm::log(self.screen.len() as f64);
        let lift = (1u64 << LIFT) as f64;
        let reference = (f64::from(query.best) - 0.5 * norm * norm) / unit / unit;
        heavy
            .iter()
            .map(|&i| {
                let square = squared_distance(x, self.model.row(i)) / radius / radius;
                let nats = self.model.log_weight(i as usize) + even - 0.5 * square / unit / unit - reference;
                (i, (libm::exp(nats) * lift) as f32)
            })
            .collect()
    }

    /// e⁴⁰ B of one query, tile by tile.
    fn base_factors(&self, query: &Query, tile: usize, out: &mut [f32]) {
        let unit = self.ask.sigma / self.screen.radius;
        let scale = (1.0 / (unit * unit)) as f32;
        let values = self.base.scores.of_query(self.first + query.q, tile);
        exp_lifted_f32(values, query.best, scale, out);
        let range = (tile * TILE) as u32..(tile * TILE + values.len()) as u32;
        let start = query.measured.partition_point(|(i, _)| *i < range.start);
        for (i, factor) in query.measured[start..].iter().take_while(|(i, _)| *i < range.end) {
            out[(i - range.start) as usize] = *factor;
        }
    }

    /// e⁴⁰ F of a tile, `[draw][point]`.
    fn draw_factors(&self, tile: usize, out: &mut Vec<f32>) -> usize {
        let unit = self.ask.sigma / self.screen.radius;
        let scale = (self.scale / (unit * unit)) as f32;
        let (products, stride) = self.block.products.of_tile(tile);
        let length = TILE.min(self.screen.len() - tile * TILE);
        out.resize(self.block.largest.len() * length, 0.0);
        for (j, out) in out.chunks_exact_mut(length).enumerate() {
            exp_lifted_f32(&products[j * stride..][..length], self.block.largest[j], scale, out);
        }
        length
    }

    /// Runs over the tiles in parts of fixed extent.
    fn parts<T: Send>(&self, part: impl Fn(std::ops::Range<usize>) -> T + Sync) -> Vec<T> {
        let tiles = self.block.products.tiles();
        let per_part = tiles.div_ceil(PARTS);
        (0..tiles.div_ceil(per_part))
            .into_par_iter()
            .map(|p| part(p * per_part..((p + 1) * per_part).min(tiles)))
            .collect()
    }

    /// e⁸⁰ Zⱼ, `[query][draw]`.
    fn masses(&self, queries: &[Query]) -> Vec<f64> {
        let draws = self.block.largest.len();
        let parts = self.parts(|tiles| {
            let mut sums = vec![0.0; queries.len() * draws];
            let mut factors = Vec::new();
            let mut row = vec![0.0f32; TILE];
            let mut products = vec![0.0f32; queries.len().div_ceil(GROUP) * GROUP * LANES];
            for tile in tiles {
                let length = self.draw_factors(tile, &mut factors);
                let panels = Panels::pack(draws, length, |j, i| factors[j * length + i]);
                let mut packed = Groups::zeros(queries.len(), length);
                for (place, query) in queries.iter().enumerate() {
                    self.base_factors(query, tile, &mut row[..length]);
                    packed.set(place, &row[..length]);
                }
                for panel in 0..panels.count() {
                    panels.multiply(panel, &packed, CHAIN, &mut products);
                    let columns = panel * LANES..(panel * LANES + LANES).min(draws);
                    for (sums, products) in sums.chunks_exact_mut(draws).zip(products.chunks_exact(LANES)) {
                        add_f32(&mut sums[columns.clone()], products);
                    }
                }
            }
            sums
        });
        let mut sums = vec![0.0; queries.len() * draws];
        for part in parts {
            sums.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        sums
    }

    fn sums(&self, queries: &[Query], masses: &[f64], groups: &[(usize, std::ops::Range<usize>)]) -> Means {
        let (d, draws, count) = (self.screen.points.depth(), self.block.largest.len(), queries.len());
        let coefficients: Vec<Groups> = groups
            .iter()
            .map(|(_, range)| {
                let weights = self.weights(range.clone());
                Groups::pack(count, range.len(), |q, j| {
                    (weights[j] * libm::exp(COEFFICIENT) / masses[q * draws + range.start + j]) as f32
                })
            })
            .collect();
        let back = libm::exp(-COEFFICIENT) as f32;
        let parts = self.parts(|tiles| {
            let mut means =
                Means { vectors: vec![0.0; count * groups.len() * d], heavy: vec![Vec::new(); count] };
            let mut factors = Vec::new();
            let mut row = vec![0.0f32; TILE];
            let mut products = vec![0.0f32; count.div_ceil(GROUP) * GROUP * LANES];
            let mut wide = vec![0.0f32; (count * groups.len()).div_ceil(GROUP) * GROUP * LANES];
            for tile in tiles {
                let length = self.draw_factors(tile, &mut factors);
                // Γ of every group, `[query][group][point]`.
                let mut gamma = vec![0.0f32; count * groups.len() * length];
                for (local, (_, range)) in groups.iter().enumerate() {
                    let of_group = &factors[range.start * length..];
                    let panels = Panels::pack(length, range.len(), |i, j| of_group[j * length + i]);
                    for panel in 0..panels.count() {
                        panels.multiply(panel, &coefficients[local], CHAIN, &mut products);
                        let points = panel * LANES..(panel * LANES + LANES).min(length);
                        for (q, products) in products.chunks_exact(LANES).take(count).enumerate() {
                            let gamma = &mut gamma[(q * groups.len() + local) * length..][points.clone()];
                            gamma.iter_mut().zip(products).for_each(|(g, p)| *g = *p);
                        }
                    }
                }
                let mut packed = Groups::zeros(count * groups.len(), length);
                for (q, query) in queries.iter().enumerate() {
                    self.base_factors(query, tile, &mut row[..length]);
                    let mut heaviest = vec![false; length];
                    for local in 0..groups.len() {
                        let gamma = &mut gamma[(q * groups.len() + local) * length..][..length];
                        for ((gamma, base), heavy) in gamma.iter_mut().zip(&row).zip(&mut heaviest) {
                            *gamma = *gamma * base * back;
                            *heavy |= *gamma > query.light;
                        }
                        packed.set(q * groups.len() + local, gamma);
                    }
                    let first = (tile * TILE) as u32;
                    means.heavy[q].extend((first..).zip(&heaviest).filter(|(_, h)| **h).map(|(i, _)| i));
                }
                let coordinates = &self.screen.coordinates[tile];
                for panel in 0..coordinates.count() {
                    coordinates.multiply(panel, &packed, CHAIN, &mut wide);
                    let columns = panel * LANES..(panel * LANES + LANES).min(d);
                    for (sums, products) in means.vectors.chunks_exact_mut(d).zip(wide.chunks_exact(LANES)) {
                        add_f32(&mut sums[columns.clone()], products);
                    }
                }
            }
            means
        });
        let mut means =
            Means { vectors: vec![0.0; count * groups.len() * d], heavy: vec![Vec::new(); count] };
        for part in parts {
            means.vectors.iter_mut().zip(&part.vectors).for_each(|(sum, part)| *sum += part);
            means.heavy.iter_mut().zip(part.heavy).for_each(|(all, part)| all.extend(part));
        }
        means
    }
}
