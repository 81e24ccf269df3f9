//! Exact nearest neighbours in Euclidean distance.
//!
//! Distances are sums of squared direct differences in f64, so duplicates are at exactly 0 and
//! close pairs keep their digits (the expanded square ‖q‖² + ‖x‖² − 2q·x loses them). Ties go to the
//! lower index, which makes the order total: the result does not depend on tiles or threads.
//!
//! Which pairs have to be measured so is found by products in f32 with a bound on their error
//! (`screen.rs`); where that does not pay, all are (`scan.rs`). The result is the same to the last bit.
//!
//! Cost: m·n·d multiply-adds in f32, and few in f64 unless nearly all points are equally far. Memory besides
//! the points: f32 copies of the queries and of 2,048 points, and O(m k).
//!
//! ```
//! use ndarray::array;
//! let points = array![[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]];
//! let found = ridgewalk::neighbours::nearest(array![[0.0, 0.0]].view(), points.view(), 2)?;
//! assert_eq!(found.indices, array![[0, 2]]);
//! assert_eq!(found.distances, array![[0.0, 1.0]]);
//! # Ok::<(), ridgewalk::Error>(())
//! ```

mod scan;
mod screen;

use std::collections::HashMap;

use ndarray::{Array1, Array2, ArrayView2};

use crate::error::{Error, Result};
use crate::points::require_finite;
use scan::{Best, Pair};

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

    collect(&pair, pair.screened().unwrap_or_else(|| pair.scanned(&(0..m).collect::<Vec<_>>())))
}

/// Distances from their squares.
fn collect(pair: &Pair, found: Vec<Best>) -> Result<Neighbours> {
    let shape = (pair.queries.nrows(), pair.k);
    let mut out = Neighbours { indices: Array2::zeros(shape), distances: Array2::zeros(shape) };
    for (query, best) in found.into_iter().enumerate() {
        for (rank, (squared, index)) in best.into_found().into_iter().enumerate() {
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

#[cfg(test)]
mod tests;
