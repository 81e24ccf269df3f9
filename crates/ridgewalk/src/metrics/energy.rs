//! The energy distance (Székely and Rizzo, Journal of Statistical Planning and Inference 143, 2013).
//!
//! ```text
//! E = 2 E‖X − Y‖ − E‖X − X′‖ − E‖Y − Y′‖
//! ```
//!
//! in units of the data, 0 if and only if the laws agree. Pairs of one point with itself are left out (a
//! U-statistic), so the estimate is unbiased: 0 on average for two samples of one law, and below 0 half of the time.
//! No parameter, no feature space. Cost O((n + m)² d).

use ndarray::ArrayView2;
use rayon::prelude::*;
use ridgewalk_kernels::squared_distance;

use crate::error::{Error, Result};
use crate::points::require_finite;

/// The energy distance between the rows of `a` (`[n, d]`) and of `b` (`[m, d]`), unbiased.
///
/// ```
/// use ndarray::array;
/// // 2·mean(3, 5, 2, 4) − 1 − 2.
/// let (a, b) = (array![[0.0], [1.0]], array![[3.0], [5.0]]);
/// assert_eq!(ridgewalk::metrics::energy_distance(a.view(), b.view())?, 4.0);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If a set has fewer than two points, the dimensions differ, or a value is not finite.
pub fn energy_distance(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Result<f64> {
    for (what, set) in [("the first set", a), ("the second set", b)] {
        if set.nrows() < 2 || set.ncols() == 0 {
            return Err(Error::shape(
                what,
                format!("{} points of {} coordinates", set.nrows(), set.ncols()),
                "two points or more, whose distances are taken",
            ));
        }
        require_finite(what, set)?;
    }
    if a.ncols() != b.ncols() {
        return Err(Error::shape("the second set", format!("{} columns", b.ncols()), a.ncols()));
    }
    let (n, m) = (a.nrows() as f64, b.nrows() as f64);
    // A point is at distance 0 from itself: only the number of pairs leaves it out.
    let within = |set: ArrayView2<f64>, n: f64| distances(set, set) / (n * (n - 1.0));
    Ok(2.0 * distances(a, b) / (n * m) - within(a, n) - within(b, m))
}

/// The sum of all distances; the sums of rows are added in their order.
fn distances(a: ArrayView2<f64>, b: ArrayView2<f64>) -> f64 {
    let (a, b) = (a.as_standard_layout(), b.as_standard_layout());
    let d = a.ncols().max(1);
    let (a, b) = (a.as_slice().unwrap_or_default(), b.as_slice().unwrap_or_default());
    let row = |x: &[f64]| b.chunks(d).map(|y| squared_distance(x, y).sqrt()).sum::<f64>();
    let rows: Vec<f64> = a.par_chunks(d).map(row).collect();
    rows.iter().sum()
}
