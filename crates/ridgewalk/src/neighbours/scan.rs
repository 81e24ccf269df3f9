//! All pairs measured in f64: what the screen's candidates are measured by, and the way where it does not pay.
//!
//! A pair is abandoned once its partial sum exceeds the k-th best found so far; rounding is monotone, so
//! this changes nothing.

use std::ops::Range;

use ndarray::ArrayView2;
use pulp::Arch;
use rayon::prelude::*;

/// Queries that share one pass over the points: 32 rows of 784 coordinates fit a core's cache.
pub(super) const QUERY_TILE: usize = 32;
/// Points of one parallel task, so that few queries among many points still use all cores.
const POINT_CHUNK: usize = 4096;
/// Points that stay in the first-level cache while the queries of a tile pass over them.
const POINT_BLOCK: usize = 8;
/// Coordinates between two looks at the bound.
const STRIDE: usize = 64;
/// Independent partial sums, so that the loop vectorises.
const LANES: usize = 8;

/// Queries against points, both row-major.
pub(super) struct Pair<'a> {
    pub queries: ArrayView2<'a, f64>,
    pub points: ArrayView2<'a, f64>,
    pub k: usize,
    pub excluded: Option<&'a [usize]>,
}

impl Pair<'_> {
    /// The point that a query may not choose.
    pub(super) fn excluded(&self, query: usize) -> Option<usize> {
        self.excluded.and_then(|rows| rows.get(query)).copied()
    }

    /// The best of all points for some queries.
    pub(super) fn scanned(&self, queries: &[usize]) -> Vec<Best> {
        let n = self.points.nrows();
        let tiles: Vec<Vec<Best>> = queries
            .par_chunks(QUERY_TILE)
            .map(|rows| {
                (0..n.div_ceil(POINT_CHUNK))
                    .into_par_iter()
                    .map(|chunk| self.scan(rows, chunk * POINT_CHUNK..n.min((chunk + 1) * POINT_CHUNK)))
                    .reduce(|| vec![Best::new(self.k); rows.len()], merge)
            })
            .collect();
        tiles.into_iter().flatten().collect()
    }

    /// The best of some points for a tile of queries.
    fn scan(&self, queries: &[usize], points: Range<usize>) -> Vec<Best> {
        let mut best = vec![Best::new(self.k); queries.len()];
        for block in points.clone().step_by(POINT_BLOCK) {
            for (best, &query) in best.iter_mut().zip(queries) {
                self.measure(query, block..points.end.min(block + POINT_BLOCK), best);
            }
        }
        best
    }

    /// Offers some points to the best of a query.
    pub(super) fn measure(&self, query: usize, points: impl Iterator<Item = usize>, best: &mut Best) {
        let excluded = self.excluded(query);
        let from = self.queries.row(query);
        let Some(from) = from.as_slice() else { return };
        let arch = Arch::new();
        for index in points.filter(|index| Some(*index) != excluded) {
            let to = self.points.row(index);
            let Some(to) = to.as_slice() else { continue };
            let bound = best.bound();
            let squared = arch.dispatch(
                #[inline(always)]
                || squared_distance_within(from, to, bound),
            );
            if let Some(squared) = squared {
                best.offer(squared, index);
            }
        }
    }
}

/// The at most k best (squared distance, index) so far, ascending.
#[derive(Clone)]
pub(super) struct Best {
    k: usize,
    found: Vec<(f64, usize)>,
}

impl Best {
    pub(super) fn new(k: usize) -> Self {
        Best { k, found: Vec::new() }
    }

    /// Squared distance above which a pair cannot enter.
    fn bound(&self) -> f64 {
        self.found.get(self.k - 1).map_or(f64::INFINITY, |(squared, _)| *squared)
    }

    fn offer(&mut self, squared: f64, index: usize) {
        let rank = self.found.partition_point(|&(s, i)| s < squared || (s == squared && i < index));
        if rank < self.k {
            self.found.insert(rank, (squared, index));
            self.found.truncate(self.k);
        }
    }

    pub(super) fn into_found(self) -> Vec<(f64, usize)> {
        self.found
    }
}

fn merge(mut left: Vec<Best>, right: Vec<Best>) -> Vec<Best> {
    for (into, from) in left.iter_mut().zip(right) {
        for (squared, index) in from.found {
            into.offer(squared, index);
        }
    }
    left
}

/// ‖a − b‖², or nothing if it exceeds the bound. No fused multiply-adds, so that every machine and vector
/// width gives the same bits.
#[inline(always)]
fn squared_distance_within(a: &[f64], b: &[f64], bound: f64) -> Option<f64> {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(STRIDE).zip(b.chunks(STRIDE)) {
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
        for (a, b) in a.iter().zip(b) {
            for lane in 0..LANES {
                let difference = a[lane] - b[lane];
                sums[lane] += difference * difference;
            }
        }
        for (sum, (a, b)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
            *sum += (a - b) * (a - b);
        }
        if total(&sums) > bound {
            return None;
        }
    }
    Some(total(&sums))
}

#[inline(always)]
fn total(s: &[f64; LANES]) -> f64 {
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}
