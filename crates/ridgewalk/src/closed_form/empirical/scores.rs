//! Scores of a block of queries: products with all points, with the points' biases added.

use std::borrow::Cow;

use ndarray::ArrayView2;
use rayon::prelude::*;
use ridgewalk_kernels::{GROUP, Groups, LANES, Panels, add_bias, max_f32};

/// Points handled at a time: their products with a block of queries stay in the second-level cache.
pub(super) const TILE: usize = 512;
/// Products summed in one f32 chain: its part of a panel stays in the first-level cache, and
/// several short chains lose less to rounding than one long one.
pub(super) const CHAIN: usize = 112;

/// Scores tile by tile: `[tile][query][point of the tile]`.
pub(super) struct Scores {
    values: Vec<f32>,
    /// The largest score of every tile: `[tile][query]`.
    maxima: Vec<f32>,
    queries: usize,
    n: usize,
}

impl Scores {
    /// Products of `queries` with all rows of `points`, plus the row's bias (0 where there is none),
    /// written into `buffer`, whose memory is used again and whose content does not matter.
    pub(super) fn new(points: &Panels, queries: &[Vec<f64>], bias: &[f32], buffer: Vec<f32>) -> Self {
        let n = points.rows();
        let groups = Groups::pack(queries.len(), points.depth(), |q, k| queries[q][k] as f32);
        let of_tile = |tile: usize| (Cow::Borrowed(points), tile * TILE / LANES);
        Scores::fill(n, &groups, buffer, bias, of_tile)
    }

    /// Scores of n points, tile by tile: `of_tile` gives the panels of a tile and the first of them.
    fn fill<'p>(
        n: usize,
        groups: &Groups,
        buffer: Vec<f32>,
        bias: &[f32],
        of_tile: impl Fn(usize) -> (Cow<'p, Panels>, usize) + Sync,
    ) -> Self {
        let padded = groups.count() * GROUP;
        let mut values = buffer;
        values.resize(n.div_ceil(LANES) * LANES * padded, 0.0);
        let mut maxima = vec![f32::NEG_INFINITY; n.div_ceil(TILE) * padded];
        values.par_chunks_mut(TILE * padded).zip(maxima.par_chunks_mut(padded)).enumerate().for_each_init(
            || vec![0.0f32; padded * LANES],
            |products, (tile, (rows, maxima))| {
                let stride = rows.len() / padded;
                let (panels, first) = of_tile(tile);
                for panel in 0..stride / LANES {
                    let mut biases = [0.0; LANES];
                    let from = bias.get(tile * TILE + panel * LANES..).unwrap_or(&[]);
                    biases.iter_mut().zip(from).for_each(|(b, v)| *b = *v);
                    panels.multiply(first + panel, groups, CHAIN, products);
                    add_bias(products, &biases, rows, stride, panel * LANES);
                }
                let length = TILE.min(n - tile * TILE);
                for (row, best) in rows.chunks_exact(stride).zip(maxima) {
                    *best = max_f32(&row[..length]);
                }
            },
        );
        Scores { values, maxima, queries: padded, n }
    }

    /// Takes a point out of a query's scores.
    pub(super) fn exclude(&mut self, q: usize, i: usize) {
        let (first, stride) = self.place(i);
        self.values[first + q * stride] = f32::NEG_INFINITY;
        let tile = i / TILE;
        let best = max_f32(self.of_query(q, tile));
        self.maxima[tile * self.queries + q] = best;
    }

    /// Products of points with combinations of r of these queries, those from `first` on: `nodes` is
    /// `[combinations, r]`.
    pub(super) fn combined(&self, first: usize, nodes: ArrayView2<f64>, buffer: Vec<f32>) -> Scores {
        let (count, r) = nodes.dim();
        let groups = Groups::pack(count, r, |j, k| nodes[(j, k)] as f32);
        Scores::fill(self.n, &groups, buffer, &[], |tile| {
            let columns = (first..first + r).map(|q| self.of_query(q, tile));
            (Cow::Owned(Panels::from_columns(TILE.min(self.n - tile * TILE), columns)), 0)
        })
    }

    /// The memory, for the next block.
    pub(super) fn into_buffer(self) -> Vec<f32> {
        self.values
    }

    /// Scores of one query with the points of a tile.
    pub(super) fn of_query(&self, q: usize, tile: usize) -> &[f32] {
        let first = tile * TILE;
        // The last panel is filled up.
        let stride = TILE.min(self.n.div_ceil(LANES) * LANES - first);
        &self.values[first * self.queries + q * stride..][..TILE.min(self.n - first)]
    }

    /// All values of a tile: those of query q are `[q · stride..]`, and the stride.
    pub(super) fn of_tile(&self, tile: usize) -> (&[f32], usize) {
        let first = tile * TILE;
        let stride = TILE.min(self.n.div_ceil(LANES) * LANES - first);
        (&self.values[first * self.queries..][..stride * self.queries], stride)
    }

    /// All values, and where those of a point stand: query q's is at `first + q · stride`.
    pub(super) fn place(&self, i: usize) -> (usize, usize) {
        let first = i / TILE * TILE;
        let stride = TILE.min(self.n.div_ceil(LANES) * LANES - first);
        (first * self.queries + i % TILE, stride)
    }

    /// All values: see [`Scores::place`].
    pub(super) fn values(&self) -> &[f32] {
        &self.values
    }

    pub(super) fn tiles(&self) -> usize {
        self.n.div_ceil(TILE)
    }

    /// The largest score of one query.
    pub(super) fn best(&self, q: usize) -> f32 {
        self.maxima.iter().skip(q).step_by(self.queries).fold(f32::NEG_INFINITY, |m, &s| m.max(s))
    }

    /// Points whose score with query `q` reaches `threshold`, ascending; `None` if more than `limit`.
    pub(super) fn reaching(&self, q: usize, threshold: f32, limit: usize) -> Option<Vec<u32>> {
        /// Most blocks hold nothing: one vectorised look decides.
        const LOOK: usize = 64;
        let mut found = Vec::new();
        for tile in (0..self.tiles()).filter(|tile| self.maxima[tile * self.queries + q] >= threshold) {
            for (block, values) in self.of_query(q, tile).chunks(LOOK).enumerate() {
                if max_f32(values) >= threshold {
                    let first = (tile * TILE + block * LOOK) as u32;
                    found.extend((first..).zip(values).filter(|(_, s)| **s >= threshold).map(|(i, _)| i));
                }
            }
            if found.len() > limit {
                return None;
            }
        }
        Some(found)
    }
}
