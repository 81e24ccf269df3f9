//! Scores of a block of queries: products with all points, with the points' biases added.

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
        let padded = groups.count() * GROUP;
        let mut values = buffer;
        values.resize(points.count() * LANES * padded, 0.0);
        let mut maxima = vec![f32::NEG_INFINITY; n.div_ceil(TILE) * padded];
        values.par_chunks_mut(TILE * padded).zip(maxima.par_chunks_mut(padded)).enumerate().for_each_init(
            || vec![0.0f32; padded * LANES],
            |products, (tile, (rows, maxima))| {
                let stride = rows.len() / padded;
                for panel in 0..stride / LANES {
                    let first = tile * TILE + panel * LANES;
                    let mut biases = [0.0; LANES];
                    biases.iter_mut().zip(bias.get(first..).unwrap_or(&[])).for_each(|(b, v)| *b = *v);
                    points.multiply(first / LANES, &groups, CHAIN, products);
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
