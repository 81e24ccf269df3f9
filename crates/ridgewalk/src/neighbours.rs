//! Exact nearest neighbours in Euclidean distance.
//!
//! Distances are sums of squared direct differences in f64, so duplicates are at exactly 0 and
//! close pairs keep their digits (the expanded square ‖q‖² + ‖x‖² − 2q·x loses them). A pair is
//! abandoned once its partial sum exceeds the k-th best found so far; rounding is monotone, so
//! this changes nothing. Ties go to the lower index, which makes the order total: the result does
//! not depend on tiles or threads.
//!
//! Cost: O(m n d) at worst; memory O(m k) besides the points.
//!
//! ```
//! use ndarray::array;
//! let points = array![[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]];
//! let found = ridgewalk::neighbours::nearest(array![[0.0, 0.0]].view(), points.view(), 2)?;
//! assert_eq!(found.indices, array![[0, 2]]);
//! assert_eq!(found.distances, array![[0.0, 1.0]]);
//! # Ok::<(), ridgewalk::Error>(())
//! ```

use std::collections::HashMap;
use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView2};
use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::points::require_finite;

/// Queries that share one pass over the points: 32 rows of 784 coordinates fit a core's cache.
const QUERY_TILE: usize = 32;
/// Points of one parallel task, so that few queries among many points still use all cores.
const POINT_CHUNK: usize = 4096;
/// Points that stay in the first-level cache while the queries of a tile pass over them.
const POINT_BLOCK: usize = 8;
/// Coordinates between two looks at the bound.
const STRIDE: usize = 64;
/// Independent partial sums, so that the loop vectorises.
const LANES: usize = 8;

/// The k nearest points of every query, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    /// Rows of the points, `[m, k]`.
    pub indices: Array2<usize>,
    /// Distances to them in the data's units, `[m, k]`, ascending along a row.
    pub distances: Array2<f64>,
}

impl Neighbours {
    /// Row of the nearest point, for every query.
    pub fn nearest_indices(&self) -> Array1<usize> {
        self.indices.column(0).to_owned()
    }

    /// Distance to the nearest point, for every query.
    pub fn nearest_distances(&self) -> Array1<f64> {
        self.distances.column(0).to_owned()
    }
}

/// The `k` nearest of `points` (`[n, d]`) for every row of `queries` (`[m, d]`).
///
/// # Errors
/// If `k` is 0 or more than n, the dimensions differ, a value is not finite, or a distance
/// overflows.
pub fn nearest(queries: ArrayView2<f64>, points: ArrayView2<f64>, k: usize) -> Result<Neighbours> {
    search(queries, points, k, None)
}

/// The `k` nearest *other* points of every row of `points` (`[n, d]`): a row is not its own
/// neighbour, but an exact duplicate of it is, at distance 0.
///
/// # Errors
/// As [`nearest`]; `k` is at most n − 1.
pub fn nearest_others(points: ArrayView2<f64>, k: usize) -> Result<Neighbours> {
    let itself: Vec<usize> = (0..points.nrows()).collect();
    search(points, points, k, Some(&itself))
}

/// The `k` nearest of `points` for every query, where query i may not choose point `excluded[i]`:
/// for queries that are themselves some of the points.
///
/// # Errors
/// As [`nearest`]; `k` is at most n − 1, and `excluded` has one entry a query.
pub fn nearest_excluding(
    queries: ArrayView2<f64>,
    points: ArrayView2<f64>,
    k: usize,
    excluded: &[usize],
) -> Result<Neighbours> {
    search(queries, points, k, Some(excluded))
}

/// Rows of `points` (`[n, d]`) without those that repeat an earlier row exactly, ascending.
pub fn distinct_rows(points: ArrayView2<f64>) -> Vec<usize> {
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::with_capacity(points.nrows());
    (0..points.nrows())
        .filter(|&i| {
            let row = points.row(i);
            // FNV-1a over the bits; −0 equals 0, so both must hash alike.
            let hash = row.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &v| {
                let bits = if v == 0.0 { 0 } else { v.to_bits() };
                (hash ^ bits ^ (bits >> 32)).wrapping_mul(0x0100_0000_01b3)
            });
            let rows = seen.entry(hash).or_default();
            let new = rows.iter().all(|&j| points.row(j) != row);
            if new {
                rows.push(i);
            }
            new
        })
        .collect()
}

fn search(
    queries: ArrayView2<f64>,
    points: ArrayView2<f64>,
    k: usize,
    excluded: Option<&[usize]>,
) -> Result<Neighbours> {
    let (m, n, d) = (queries.nrows(), points.nrows(), points.ncols());
    if queries.ncols() != d {
        return Err(Error::shape("the queries", format!("{} columns", queries.ncols()), d));
    }
    if let Some(excluded) = excluded
        && excluded.len() != m
    {
        return Err(Error::shape("the list of excluded points", excluded.len(), m));
    }
    let available = n - usize::from(excluded.is_some() && n > 0);
    if k == 0 || k > available {
        let help = format!("choose 1 to {available}, or give more points");
        return Err(Error::argument("k", format!("is {k} and there are {available} points"), help));
    }
    require_finite("the queries", queries)?;
    require_finite("the points", points)?;
    let (queries, points) = (queries.as_standard_layout(), points.as_standard_layout());
    let pair = Pair { queries: queries.view(), points: points.view(), k, excluded };

    let tiles: Vec<usize> = (0..m).step_by(QUERY_TILE).collect();
    let found: Vec<Vec<Best>> = tiles
        .into_par_iter()
        .map(|start| {
            let rows = start..m.min(start + QUERY_TILE);
            (0..n.div_ceil(POINT_CHUNK))
                .into_par_iter()
                .map(|chunk| pair.scan(rows.clone(), chunk * POINT_CHUNK..n.min((chunk + 1) * POINT_CHUNK)))
                .reduce(|| vec![Best::new(k); rows.len()], merge)
        })
        .collect();

    let mut out = Neighbours { indices: Array2::zeros((m, k)), distances: Array2::zeros((m, k)) };
    for (query, best) in found.into_iter().flatten().enumerate() {
        for (rank, (squared, index)) in best.found.into_iter().enumerate() {
            if squared.is_infinite() {
                return Err(Error::Numerical {
                    what: "nearest neighbours",
                    problem: format!("the squared distance of query {query} to point {index} overflows"),
                    help: "rescale the data".into(),
                });
            }
            out.indices[[query, rank]] = index;
            out.distances[[query, rank]] = squared.sqrt();
        }
    }
    Ok(out)
}

/// The at most k best (squared distance, index) so far, ascending.
#[derive(Clone)]
struct Best {
    k: usize,
    found: Vec<(f64, usize)>,
}

impl Best {
    fn new(k: usize) -> Self {
        Best { k, found: Vec::with_capacity(k + 1) }
    }

    /// Squared distance above which a pair cannot enter.
    fn bound(&self) -> f64 {
        if self.found.len() < self.k { f64::INFINITY } else { self.found[self.k - 1].0 }
    }

    fn offer(&mut self, squared: f64, index: usize) {
        let rank = self.found.partition_point(|&(s, i)| s < squared || (s == squared && i < index));
        if rank < self.k {
            self.found.insert(rank, (squared, index));
            self.found.truncate(self.k);
        }
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

/// Queries against points, both row-major.
struct Pair<'a> {
    queries: ArrayView2<'a, f64>,
    points: ArrayView2<'a, f64>,
    k: usize,
    excluded: Option<&'a [usize]>,
}

impl Pair<'_> {
    /// The best of some points for a tile of queries. All the time is spent here: a faster screen
    /// (lower bounds from a packed product) would skip pairs in the inner loop before they are
    /// measured, and need change nothing else.
    fn scan(&self, queries: Range<usize>, points: Range<usize>) -> Vec<Best> {
        let mut best = vec![Best::new(self.k); queries.len()];
        for block in points.clone().step_by(POINT_BLOCK) {
            for (best, query) in best.iter_mut().zip(queries.clone()) {
                let excluded = self.excluded.map(|rows| rows[query]);
                let from = self.queries.row(query);
                let Some(from) = from.as_slice() else { continue };
                for index in block..points.end.min(block + POINT_BLOCK) {
                    if Some(index) == excluded {
                        continue;
                    }
                    let to = self.points.row(index);
                    let Some(to) = to.as_slice() else { continue };
                    if let Some(squared) = squared_distance_within(from, to, best.bound()) {
                        best.offer(squared, index);
                    }
                }
            }
        }
        best
    }
}

/// ‖a − b‖², or nothing if it exceeds the bound.
fn squared_distance_within(a: &[f64], b: &[f64], bound: f64) -> Option<f64> {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks(STRIDE).zip(b.chunks(STRIDE)) {
        let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
        let rest = a.remainder().iter().zip(b.remainder());
        for (a, b) in a.zip(b) {
            for lane in 0..LANES {
                let difference = a[lane] - b[lane];
                sums[lane] += difference * difference;
            }
        }
        for (sum, (a, b)) in sums.iter_mut().zip(rest) {
            *sum += (a - b) * (a - b);
        }
        if total(&sums) > bound {
            return None;
        }
    }
    Some(total(&sums))
}

fn total(s: &[f64; LANES]) -> f64 {
    ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};
    use ndarray::array;

    fn normals(n: usize, d: usize, key: u64) -> Array2<f64> {
        let mut values = vec![0.0; n * d];
        Stream::new(3, Purpose::Synthetic, key, 0).fill_normal(&mut values);
        Array2::from_shape_vec((n, d), values).unwrap()
    }

    #[test]
    fn five_points_by_hand() {
        let points = array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [3.0, 4.0], [1.0, 0.0]];
        let found = nearest(array![[0.0, 0.0], [3.0, 3.0]].view(), points.view(), 3).unwrap();
        // points 1 and 4 tie: the lower index comes first
        assert_eq!(found.indices, array![[0, 1, 4], [3, 2, 1]]);
        assert_eq!(found.distances, array![[0.0, 1.0, 1.0], [1.0, 10f64.sqrt(), 13f64.sqrt()]]);
        let others = nearest_others(points.view(), 1).unwrap();
        assert_eq!(others.indices.column(0).to_vec(), [1, 4, 0, 2, 1]);
        assert_eq!(others.distances.column(0).to_vec(), [1.0, 0.0, 2.0, 13f64.sqrt(), 0.0]);
    }

    #[test]
    fn agrees_with_sorting_all_distances() {
        // 75 coordinates leave a remainder in both strides; 5000 points make two chunks
        for (m, n, d) in [(40, 300, 75), (3, 5000, 2), (33, 9, 1)] {
            let (queries, points) = (normals(m, d, 1), normals(n, d, 2));
            let found = nearest(queries.view(), points.view(), 5).unwrap();
            for (i, query) in queries.outer_iter().enumerate() {
                let squared = |j: usize| -> f64 {
                    query.iter().zip(points.row(j)).map(|(a, b)| (a - b) * (a - b)).sum()
                };
                let mut order: Vec<usize> = (0..n).collect();
                order.sort_by(|&a, &b| squared(a).total_cmp(&squared(b)));
                assert_eq!(found.indices.row(i).to_vec(), order[..5]);
                for (rank, &j) in order[..5].iter().enumerate() {
                    assert!((found.distances[[i, rank]] / squared(j).sqrt() - 1.0).abs() < 1e-14);
                }
            }
        }
    }

    #[test]
    fn duplicates_far_from_the_origin_are_at_exactly_zero() {
        let points = normals(50, 100, 4) + 1e8;
        let found = nearest(points.view(), points.view(), 1).unwrap();
        assert_eq!(found.nearest_indices().to_vec(), (0..50).collect::<Vec<_>>());
        assert!(found.distances.iter().all(|&d| d == 0.0));
    }

    #[test]
    fn bytes_do_not_depend_on_threads_or_batches() {
        let (queries, points) = (normals(70, 20, 5), normals(9000, 20, 6));
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| nearest(queries.view(), points.view(), 4).unwrap())
        };
        let one = run(1);
        assert_eq!(one, run(2));
        assert_eq!(one, run(7));
        for i in [0, 41, 69] {
            let alone = nearest(queries.select(ndarray::Axis(0), &[i]).view(), points.view(), 4).unwrap();
            assert_eq!(alone.distances.row(0), one.distances.row(i));
            assert_eq!(alone.indices.row(0), one.indices.row(i));
        }
    }

    #[test]
    fn what_has_no_answer_is_refused() {
        let points = array![[0.0], [1.0]];
        assert!(nearest(points.view(), points.view(), 3).unwrap_err().to_string().contains("k is 3"));
        assert!(nearest(points.view(), points.view(), 0).is_err());
        assert!(nearest_others(points.view(), 2).is_err());
        assert!(nearest_others(array![[0.0]].view(), 1).is_err());
        assert!(nearest(array![[0.0, 1.0]].view(), points.view(), 1).is_err());
        assert!(nearest(array![[f64::NAN]].view(), points.view(), 1).is_err());
        let far = nearest(array![[1e200]].view(), points.view(), 1);
        assert!(matches!(far, Err(Error::Numerical { .. })));
        assert!(nearest(Array2::zeros((0, 1)).view(), points.view(), 1).unwrap().indices.is_empty());
    }

    #[test]
    fn distinct_rows_keep_the_first_of_each() {
        let points = array![[0.0, 1.0], [1.0, 0.0], [-0.0, 1.0], [1.0, 0.0], [2.0, 2.0]];
        assert_eq!(distinct_rows(points.view()), [0, 1, 4]);
    }
}
