//! Which points can matter to which query: one look at the sums of all draws with all points.

use rayon::prelude::*;
use ridgewalk_kernels::{mark_reaching_f32, max_of_sums_f32};

use super::super::exact::CUTOFF;
use super::super::scores::{Scores, TILE};
use super::super::screen::{Error as Uncertainty, Screen};
use super::{Base, Block};

/// What a look at all sums of base and products tells.
pub(super) struct Seen {
    draws: usize,
    /// What a sum must reach to matter, `[query][draw]`.
    thresholds: Vec<f32>,
    /// Points that matter under any draw, ascending, of every query.
    pub within_reach: Vec<Vec<u32>>,
}

impl Seen {
    pub(super) fn thresholds(&self, q: usize) -> &[f32] {
        &self.thresholds[q * self.draws..][..self.draws]
    }
}

/// The f32 sums of one query, and what they must reach.
pub(super) struct Scored<'a> {
    pub base: &'a Scores,
    pub query: usize,
    pub thresholds: &'a [f32],
}

impl Screen {
    /// Which points can matter to a query under any of the draws.
    pub(super) fn look(
        &self,
        base: &Base,
        first: usize,
        block: &Block,
        scale: f32,
        unit: f64,
        errors: &[Uncertainty],
    ) -> Seen {
        let (draws, count) = (block.largest.len(), errors.len());
        let tiles = block.products.tiles();
        let mut maxima = vec![f32::NEG_INFINITY; tiles * count * draws];
        maxima.par_chunks_mut(count * draws).enumerate().for_each(|(tile, maxima)| {
            let (products, stride) = block.products.of_tile(tile);
            for (q, maxima) in maxima.chunks_exact_mut(draws).enumerate() {
                max_of_sums_f32(base.scores.of_query(first + q, tile), products, stride, scale, maxima);
            }
        });
        let mut thresholds = vec![f32::NEG_INFINITY; count * draws];
        for of_tile in maxima.chunks_exact(count * draws) {
            thresholds.iter_mut().zip(of_tile).for_each(|(best, m)| *best = best.max(*m));
        }
        for (thresholds, error) in thresholds.chunks_exact_mut(draws).zip(errors) {
            let reach = (unit * unit * (CUTOFF + 2.0 * error.bound)) as f32;
            thresholds.iter_mut().for_each(|t| *t -= reach);
        }
        let lists: Vec<Vec<Vec<u32>>> = maxima
            .par_chunks(count * draws)
            .enumerate()
            .map(|(tile, maxima)| {
                let (products, stride) = block.products.of_tile(tile);
                let mut marks = [0u32; TILE];
                let of_query = |q: usize| {
                    if !errors[q].usable {
                        return Vec::new();
                    }
                    let base = base.scores.of_query(first + q, tile);
                    let marks = &mut marks[..base.len()];
                    marks.fill(0);
                    let here = &maxima[q * draws..][..draws];
                    let mut any = false;
                    for (j, (max, threshold)) in here.iter().zip(&thresholds[q * draws..]).enumerate() {
                        if max >= threshold {
                            mark_reaching_f32(base, &products[j * stride..], scale, *threshold, marks);
                            any = true;
                        }
                    }
                    let first = (tile * TILE) as u32;
                    let marked = (first..).zip(&*marks).filter(|(_, m)| any && **m > 0);
                    marked.map(|(i, _)| i).collect()
                };
                (0..count).map(of_query).collect()
            })
            .collect();
        let within_reach = (0..count)
            .map(|q| lists.iter().flat_map(|of_tile| of_tile[q].iter().copied()).collect())
            .collect();
        Seen { draws, thresholds, within_reach }
    }
}
