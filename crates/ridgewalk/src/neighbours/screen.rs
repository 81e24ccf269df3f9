//! Which points can be among the nearest of a query: products in packed f32, and what may be trusted of them.
//!
//! ```text
//! p = (x − c)/R,  q = (query − c)/R      c the mean, R the largest distance of a point from it
//! s = q·p − ½‖p‖²                        ‖q − p‖² = ‖q‖² − 2s: the nearest point has the largest s
//! ```
//!
//! Let b bound the error of an f32 score and ε the relative one of a squared distance in f64. The k largest
//! f32 scores are at least t, so k points have measured squares of at most (1 + ε)(‖q‖² − 2t + 2b), and a
//! point that measures no more has an f32 score of at least t − 2b − 2ε(‖q‖ + 1)². All that reach this are
//! measured again, so the result is that of measuring all.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use ndarray::{Array1, Axis};
use rayon::prelude::*;
use ridgewalk_kernels::{GROUP, Groups, LANES, Panels};

use super::scan::{Best, Pair, QUERY_TILE};

/// Fewer queries than this are measured sooner than the points are packed.
const FEWEST_QUERIES: usize = 24;
/// Points packed at a time, for all queries.
const CHUNK: usize = 2048;
/// Products summed in one f32 chain: its part of a panel stays in the first-level cache, and several short
/// chains lose less to rounding than one long one.
const CHAIN: usize = 112;
/// Candidates of a query that are held until they are measured.
const PENDING: usize = 4096;
/// Unit roundoff of f32.
const ROUNDOFF: f64 = 1.0 / (1u64 << 24) as f64;
/// Within this many radii products and squares keep to the range of f32.
const FAR: f64 = 1e6;
/// Squares of radii within these limits, and of what is 1e-20 of them, keep to the range of f64.
const RADII: std::ops::Range<f64> = 1e-100..1e100;

/// Center and scale of the points.
struct Frame {
    center: Array1<f64>,
    /// One over the radius.
    unit: f64,
    d: usize,
}

/// One query and what is known of its neighbours.
struct Query {
    row: usize,
    /// By how much a score may fall short of the k-th largest.
    slack: f64,
    /// The k largest scores so far, the least of them on top.
    top: BinaryHeap<Reverse<i32>>,
    /// Scores below this cannot matter.
    threshold: f32,
    /// Points that reached the threshold when they were met.
    pending: Vec<(f32, usize)>,
    best: Best,
}

/// Queries that pass over the points together.
struct Tile {
    packed: Groups,
    queries: Vec<Query>,
}

impl Pair<'_> {
    /// The best of every query by way of the screen; `None` where it would not pay or f32 cannot hold the
    /// points.
    pub(super) fn screened(&self) -> Option<Vec<Best>> {
        let (m, n) = (self.queries.nrows(), self.points.nrows());
        if m < FEWEST_QUERIES || 2 * self.k > n {
            return None;
        }
        let frame = Frame::of(self)?;
        let place = |row: usize| -> Vec<f64> {
            let row = self.queries.row(row);
            row.iter().zip(&frame.center).map(|(x, c)| (x - c) * frame.unit).collect()
        };
        let norms: Vec<f64> = (0..m).into_par_iter().map(|row| norm(&place(row))).collect();
        // A comparison that NaN and ∞ fail.
        let (near, far): (Vec<usize>, Vec<usize>) = (0..m).partition(|&row| norms[row] < FAR);
        let mut tiles: Vec<Tile> = near
            .par_chunks(QUERY_TILE)
            .map(|rows| {
                let mut packed = Groups::zeros(rows.len(), frame.d);
                for (slot, &row) in rows.iter().enumerate() {
                    let values: Vec<f32> = place(row).into_iter().map(|v| v as f32).collect();
                    packed.set(slot, &values);
                }
                let queries =
                    rows.iter().map(|&row| Query::new(row, frame.slack(norms[row]), self.k)).collect();
                Tile { packed, queries }
            })
            .collect();
        for first in (0..n).step_by(CHUNK) {
            let count = CHUNK.min(n - first);
            let value = |i: usize, k: usize| (self.points[(first + i, k)] - frame.center[k]) * frame.unit;
            let panels = Panels::pack(count, frame.d, |i, k| value(i, k) as f32);
            let half_squares: Vec<f32> = (0..count)
                .into_par_iter()
                .map(|i| ((0..frame.d).map(|k| value(i, k) * value(i, k)).sum::<f64>() / 2.0) as f32)
                .collect();
            tiles.par_iter_mut().for_each(|tile| tile.pass(self, &panels, &half_squares, first));
        }
        let mut found = vec![Best::new(self.k); m];
        let near: Vec<Query> = tiles.into_iter().flat_map(|tile| tile.queries).collect();
        let near: Vec<(usize, Best)> = near.into_par_iter().map(|query| query.finish(self)).collect();
        for (row, best) in near {
            found[row] = best;
        }
        for (&row, best) in far.iter().zip(self.scanned(&far)) {
            found[row] = best;
        }
        Some(found)
    }
}

impl Frame {
    fn of(pair: &Pair) -> Option<Self> {
        let center = pair.points.mean_axis(Axis(0))?;
        let radius = (0..pair.points.nrows())
            .into_par_iter()
            .map(|i| {
                let row = pair.points.row(i);
                row.iter().zip(&center).map(|(x, c)| (x - c) * (x - c)).sum::<f64>()
            })
            .reduce(|| 0.0, f64::max)
            .sqrt();
        let fits = RADII.contains(&radius) && center.iter().all(|c| c.is_finite());
        fits.then(|| Frame { center, unit: 1.0 / radius, d: pair.points.ncols() })
    }

    /// For a query of this norm, in radii.
    fn slack(&self, norm: f64) -> f64 {
        // Two roundings of the factors, those of the chain and of the sum of chains, and of ½‖p‖² and its
        // addition; the rest is for terms of second order.
        let roundings = CHAIN.min(self.d) + self.d.div_ceil(CHAIN) + 6;
        let score = 1.01 * ROUNDOFF * roundings as f64 * (norm + 1.0);
        // Difference and square, every eighth term in a chain, three levels of sums: 4 to spare.
        let square = 0.5 * f64::EPSILON * (self.d / 8 + 12) as f64;
        2.0 * score + 2.0 * square * (norm + 1.0) * (norm + 1.0)
    }
}

impl Query {
    fn new(row: usize, slack: f64, k: usize) -> Self {
        Query {
            row,
            slack,
            top: BinaryHeap::new(),
            threshold: f32::NEG_INFINITY,
            pending: Vec::new(),
            best: Best::new(k),
        }
    }

    fn take(&mut self, pair: &Pair, score: f32, index: usize) {
        self.pending.push((score, index));
        if self.top.len() < pair.k {
            self.top.push(Reverse(ordered(score)));
        } else if let Some(mut least) = self.top.peek_mut()
            && ordered(score) > least.0
        {
            least.0 = ordered(score);
        }
        if self.top.len() == pair.k
            && let Some(Reverse(least)) = self.top.peek()
        {
            self.threshold = (f64::from(from_ordered(*least)) - self.slack).next_down() as f32;
            // The cast may have rounded up.
            self.threshold = self.threshold.next_down();
        }
        if self.pending.len() > PENDING.max(2 * pair.k) {
            self.measure(pair);
        }
    }

    fn measure(&mut self, pair: &Pair) {
        self.pending.retain(|(score, _)| *score >= self.threshold);
        // The best first: the rest is then abandoned early.
        self.pending.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        pair.measure(self.row, self.pending.drain(..).map(|(_, index)| index), &mut self.best);
    }

    fn finish(mut self, pair: &Pair) -> (usize, Best) {
        self.measure(pair);
        (self.row, self.best)
    }
}

impl Tile {
    /// Notes which of the packed points, of which the first is `first`, can matter.
    fn pass(&mut self, pair: &Pair, panels: &Panels, half_squares: &[f32], first: usize) {
        let mut products = vec![0.0f32; self.packed.count() * GROUP * LANES];
        for (panel, half_squares) in half_squares.chunks(LANES).enumerate() {
            panels.multiply(panel, &self.packed, CHAIN, &mut products);
            let mut bias = [f32::INFINITY; LANES];
            bias.iter_mut().zip(half_squares).for_each(|(bias, h)| *bias = *h);
            for (query, products) in self.queries.iter_mut().zip(products.as_chunks::<LANES>().0) {
                let mut scores = [0.0f32; LANES];
                let mut reached = 0;
                for lane in 0..LANES {
                    scores[lane] = products[lane] - bias[lane];
                    reached |= u32::from(scores[lane] >= query.threshold);
                }
                if reached == 0 {
                    continue;
                }
                let excluded = pair.excluded(query.row);
                let index = first + panel * LANES;
                for (index, score) in (index..index + half_squares.len()).zip(scores) {
                    if score >= query.threshold && Some(index) != excluded {
                        query.take(pair, score, index);
                    }
                }
            }
        }
    }
}

fn norm(values: &[f64]) -> f64 {
    values.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// An integer that orders as the number does.
fn ordered(value: f32) -> i32 {
    let bits = value.to_bits().cast_signed();
    bits ^ ((bits >> 31).cast_unsigned() >> 1).cast_signed()
}

fn from_ordered(value: i32) -> f32 {
    f32::from_bits((value ^ ((value >> 31).cast_unsigned() >> 1).cast_signed()).cast_unsigned())
}
