//! Means over displacements that share one distance pass.
//!
//! ```text
//! ‖x + ξ − xᵢ‖² = ‖x − xᵢ‖² + 2⟨ξ, x − xᵢ⟩ + ‖ξ‖²
//! γᵢⱼ ∝ wᵢ exp((bᵢ + ⟨ξⱼ, xᵢ⟩)/σ²),  bᵢ = −½‖x − xᵢ‖²        (what depends on j alone cancels)
//! Σⱼ wⱼ D(x + ξⱼ; σ) = Σᵢ Γᵢ xᵢ,      Γᵢ = Σⱼ wⱼ γᵢⱼ
//! ```
//!
//! One product of the queries with all points gives b, one of the draws with all points the second term
//! (r products a row where every row has a frame of its own), and a group of draws takes one weighted sum.
//! What is left for every query and draw is to look at n sums, and exponentials where they matter:
//!
//! - Points beyond the cut-off of every draw are dropped; on the others b is measured again in f64
//!   (`gathered.rs`). Where the f32 product of a draw could show in the result, the few points within its
//!   own reach are measured by direct difference, as without sharing.
//! - Where many points matter, exp(b/σ²) and exp(⟨ξⱼ, xᵢ⟩/σ²) are taken apart: the former is the same for
//!   all draws and the latter for all queries, so sums over points or draws are matrix products
//!   (`factored.rs`).
//!
//! Frames of its own leave a row little to share. One mean a row is then faster with a query for every draw,
//! which is what [`Denoiser::denoise_displaced`](crate::Denoiser::denoise_displaced) does of more than a few
//! coordinates; several scales of the same draws still share their products here.
//!
//! Memory beyond that of a plain call: 4·n bytes a draw for at most 128 MiB of draws at a time (and never
//! fewer than 16 of them), and as much again as the result. Few coordinates need none of this (`columns.rs`).

mod columns;
mod factored;
mod gathered;
mod look;

use ndarray::{Array2, Array3, ArrayView2, Axis};
use rayon::prelude::*;
use ridgewalk_kernels::{GROUP, dot};

use super::scores::Scores;
use super::screen::{Error as Uncertainty, Screen, WORST, few};
use super::{Empirical, Layout, SMALL, all_finite, require_computed};
use crate::denoiser::{Displacements, check_query};
use crate::error::{Error, Result};
use gathered::Gathered;
use look::Scored;

/// Bytes of products of draws with points that are held at a time.
const PRODUCT_BYTES: usize = 128 << 20;
/// Draws held at a time, however many points there are.
const FEWEST_DRAWS: usize = 16;
/// Bytes of products of the rows' frames with points.
const FRAME_BYTES: usize = 64 << 20;
/// Error in nats of the product of one draw with a point that does not show: those of different draws
/// and points are independent.
const DRAW_TOLERANCE: f64 = 5e-6;

/// What is asked: means over displacements, for several scales of them at once.
pub(crate) struct Ask<'a, 'd> {
    pub x: ArrayView2<'a, f64>,
    pub sigma: f64,
    /// The displacements are multiplied by these, one result each: [1.0] for one as it stands.
    pub scales: &'a [f64],
    pub displacements: &'a Displacements<'d>,
    /// For every row a point (by its place in [`Empirical::points`]) that is left out.
    pub excluded: Option<&'a [u32]>,
}

impl Ask<'_, '_> {
    fn per_group(&self) -> usize {
        self.displacements.draws() / self.displacements.groups
    }

    fn excluded(&self, row: usize) -> Option<u32> {
        self.excluded.and_then(|rows| rows.get(row)).copied()
    }

    /// Where the mean of a scale's group begins within a row of results.
    fn place(&self, scale: usize, group: usize) -> usize {
        (scale * self.displacements.groups + group) * self.x.ncols()
    }
}

/// Some of the draws, with their products.
struct Block<'a, 's> {
    first: usize,
    /// Products of the draws with all points.
    products: &'a Scores,
    /// The largest product of every draw.
    largest: Vec<f32>,
    /// The displacements of these draws, `[draws, d]`, before scaling.
    shifts: ArrayView2<'s, f64>,
    /// Not exceeded by the norm of any of them as far as rounding of its products goes, in radii.
    norm: f64,
    /// Roundings behind a product.
    depth: usize,
}

/// Checks that the frames are finite, to name the row that is not.
pub(super) fn check_frames(displacements: &Displacements) -> Result<()> {
    let Some(frames) = displacements.frames else { return Ok(()) };
    match frames.outer_iter().position(|f| f.iter().any(|v| !v.is_finite())) {
        None => Ok(()),
        Some(row) => {
            let help = "the frames of displacements are finite numbers";
            Err(Error::argument("displacements", format!("have a frame that is not, at row {row}"), help))
        }
    }
}

impl Empirical {
    /// Means over displacements, `[groups, batch, d]` for every scale.
    pub(crate) fn means_displaced(&self, ask: &Ask) -> Result<Vec<Array3<f64>>> {
        check_query(self.points.ncols(), ask.x, ask.sigma)?;
        ask.displacements.check(ask.x.nrows(), ask.x.ncols())?;
        let (batch, d) = ask.x.dim();
        let groups = ask.displacements.groups;
        check_frames(ask.displacements)?;
        if let Some(excluded) = ask.excluded
            && (excluded.len() != batch || excluded.iter().any(|&i| i as usize >= self.len()))
        {
            return Err(Error::shape(
                "the points left out",
                excluded.len(),
                format!("{batch} of the points"),
            ));
        }
        let x = ask.x.as_standard_layout();
        let ask = Ask {
            x: x.view(),
            sigma: ask.sigma,
            scales: ask.scales,
            displacements: ask.displacements,
            excluded: ask.excluded,
        };
        let mut flat = Array2::zeros((batch, ask.scales.len() * groups * d));
        match &self.layout {
            Layout::Columns(columns) => {
                let width = flat.ncols().max(1);
                let rows = flat.as_slice_mut().unwrap_or(&mut []).par_chunks_mut(width);
                rows.enumerate().for_each(|(row, out)| self.by_columns(columns, &ask, row, out));
            }
            Layout::Packed(screen) => screen.means_displaced(self, &ask, &mut flat),
        }
        require_computed("the smoothed batch", flat.outer_iter().map(|r| all_finite(&r)), ask.sigma)?;
        let mut means = Vec::with_capacity(ask.scales.len());
        for scale in 0..ask.scales.len() {
            let mut mean = Array3::zeros((groups, batch, d));
            for (row, flat) in flat.outer_iter().enumerate() {
                let flat = flat.to_slice().unwrap_or(&[]);
                for group in 0..groups {
                    let mut to = mean.index_axis_mut(Axis(0), group);
                    let from = flat.get(ask.place(scale, group)..).unwrap_or(&[]);
                    to.row_mut(row).iter_mut().zip(from).for_each(|(to, from)| *to = *from);
                }
            }
            means.push(mean);
        }
        Ok(means)
    }
}

impl Screen {
    /// Adds the means of all rows to `out`, `[batch, scales · groups · d]`.
    fn means_displaced(&self, model: &Empirical, ask: &Ask, out: &mut Array2<f64>) {
        let (draws, width) = (ask.displacements.draws(), out.ncols());
        let at_a_time = (PRODUCT_BYTES / (4 * self.len())).max(FEWEST_DRAWS);
        for first in (0..draws).step_by(at_a_time) {
            let range = first..draws.min(first + at_a_time);
            let nodes = crate::points::rows(&ask.displacements.nodes, range.clone());
            let common = ask.displacements.frames.is_none().then(|| {
                let unit: Vec<Vec<f64>> =
                    nodes.outer_iter().map(|e| e.iter().map(|v| v / self.radius).collect()).collect();
                (Scores::new(&self.points, &unit, &[], self.take_buffer()), largest_norm(nodes) / self.radius)
            });
            let r = ask.displacements.frames.map_or(0, |f| f.dim().1).max(1);
            let rows = match common {
                Some(_) => self.queries_per_block(),
                None => (FRAME_BYTES / (4 * self.len() * r)).clamp(1, GROUP),
            };
            let run = |(b, out): (usize, &mut [f64])| {
                let queries = b * rows..b * rows + out.len() / width;
                let base = self.base(model, ask, queries.clone());
                if let Some((products, norm)) = &common {
                    let block = Block {
                        first,
                        products,
                        largest: (0..range.len()).map(|j| products.best(j)).collect(),
                        shifts: nodes,
                        norm: *norm,
                        depth: self.points.depth(),
                    };
                    self.share(model, ask, &base, 0, &block, queries.start, out, width);
                } else if let Some(frames) = ask.displacements.frames {
                    let coordinates = self.frame_products(frames, queries.clone());
                    let mut buffer = self.take_buffer();
                    for (q, out) in out.chunks_mut(width).enumerate() {
                        let frame = frames.index_axis(Axis(0), queries.start + q);
                        let products = coordinates.combined(q * r, nodes, buffer);
                        let shifts = nodes.dot(&frame);
                        let block = Block {
                            first,
                            products: &products,
                            largest: (0..range.len()).map(|j| products.best(j)).collect(),
                            shifts: shifts.view(),
                            norm: largest_norm(nodes) * norm(frame.iter()) / self.radius,
                            depth: self.points.depth() + r,
                        };
                        self.share(model, ask, &base, q, &block, queries.start + q, out, width);
                        buffer = products.into_buffer();
                    }
                    self.give_buffer(buffer);
                    self.give_buffer(coordinates.into_buffer());
                }
                self.give_buffer(base.scores.into_buffer());
            };
            let flat = out.as_slice_mut().unwrap_or(&mut []);
            if flat.is_empty() {
                return;
            }
            // One block at a time where its own tiles keep the threads busy.
            if self.len() <= SMALL {
                flat.par_chunks_mut(rows * width).enumerate().for_each(run);
            } else {
                flat.chunks_mut(rows * width).enumerate().for_each(run);
            }
            if let Some((products, _)) = common {
                self.give_buffer(products.into_buffer());
            }
        }
    }

    fn base(&self, model: &Empirical, ask: &Ask, rows: std::ops::Range<usize>) -> Base {
        let x = crate::points::rows(&ask.x, rows.clone());
        let queries: Vec<Vec<f64>> = x
            .outer_iter()
            .map(|row| row.iter().zip(&self.center).map(|(x, m)| (x - m) / self.radius).collect())
            .collect();
        let (biases, bias_size) = self.biases(model, ask.sigma / self.radius);
        let mut scores = Scores::new(&self.points, &queries, &biases, self.take_buffer());
        for (q, row) in rows.enumerate() {
            if let Some(i) = ask.excluded(row) {
                scores.exclude(q, i as usize);
            }
        }
        Base { scores, norms: queries.iter().map(|q| dot(q, q).sqrt()).collect(), bias_size }
    }

    /// Products of the frames of some rows with all points: frame k of row q is query q·r + k.
    fn frame_products(&self, frames: ndarray::ArrayView3<f64>, rows: std::ops::Range<usize>) -> Scores {
        let unit: Vec<Vec<f64>> = rows
            .flat_map(|row| {
                let frame = frames.index_axis_move(Axis(0), row);
                (0..frame.nrows()).map(move |k| frame.row(k).iter().map(|v| v / self.radius).collect())
            })
            .collect();
        Scores::new(&self.points, &unit, &[], self.take_buffer())
    }

    /// Adds the means over a block of draws for the rows that start at `row`, which are the queries of
    /// `base` from `query` on.
    #[allow(clippy::too_many_arguments)] // the two callers differ in all of them
    fn share(
        &self,
        model: &Empirical,
        ask: &Ask,
        base: &Base,
        query: usize,
        block: &Block,
        row: usize,
        out: &mut [f64],
        width: usize,
    ) {
        let unit = ask.sigma / self.radius;
        let count = out.len() / width;
        for (slot, &scale) in ask.scales.iter().enumerate() {
            let errors: Vec<Uncertainty> = (query..query + count)
                .map(|q| {
                    let norm = base.norms[q] + scale.abs() * block.norm;
                    Uncertainty::of(norm, block.depth, unit, base.bias_size)
                })
                .collect();
            let seen = self.look(base, query, block, scale as f32, unit, &errors);
            let of_draw = 0.25 * super::screen::ROUNDOFF * scale.abs() * block.norm / unit / unit;
            let trusted =
                of_draw <= DRAW_TOLERANCE * (ask.per_group().min(block.largest.len()) as f64).sqrt();
            let factored: Vec<usize> = (0..count)
                .filter(|&q| {
                    let error = &errors[q];
                    trusted
                        && error.usable
                        && error.typical <= WORST
                        && seen.within_reach[q].len() > few(self.len())
                })
                .collect();
            let done = factored::Factored { screen: self, model, ask, base, block, scale, first: query, row }
                .means(&factored, &errors, slot, out, width);
            out.par_chunks_mut(width).enumerate().filter(|(q, _)| !done[*q]).for_each(|(q, out)| {
                let gathered =
                    Gathered { model, ask, block, scale, slot, row: row + q, points: &seen.within_reach[q] };
                if trusted && errors[q].usable {
                    gathered.with_products(out);
                } else if errors[q].usable {
                    let scores =
                        Scored { base: &base.scores, query: query + q, thresholds: seen.thresholds(q) };
                    gathered.by_differences(Some(&scores), out);
                } else {
                    gathered.by_differences(None, out);
                }
            });
        }
    }
}

/// b of a block of queries in f32, in units of the squared radius.
struct Base {
    scores: Scores,
    norms: Vec<f64>,
    bias_size: f64,
}

fn norm<'a>(values: impl Iterator<Item = &'a f64>) -> f64 {
    values.map(|v| v * v).sum::<f64>().sqrt()
}

fn largest_norm(rows: ArrayView2<f64>) -> f64 {
    rows.outer_iter().map(|row| norm(row.iter())).fold(0.0, f64::max)
}

#[cfg(test)]
mod tests;
