//! k-means with k-means++ seeds: the start of an expectation-maximisation fit.
//!
//! Seeds: the first point is uniform, each next one has probability ∝ its squared distance to the
//! nearest seed so far (Arthur & Vassilvitskii 2007). Then Lloyd's iterations. O(n·d·k) each.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;

use super::mixture::draw_index;
use super::rows::squared_distance;
use crate::random::Stream;

/// Lloyd's iterations before expectation-maximisation takes over: it only needs a start.
const ITERATIONS: usize = 10;

/// The cluster of every row of `values` (`[n, d]`, standard layout), below k. A cluster may be
/// empty, if there are fewer distinct points than clusters.
pub(super) fn cluster(values: ArrayView2<f64>, k: usize, stream: &mut Stream) -> Vec<usize> {
    let mut centres = seeds(values, k, stream);
    let mut nearest = assign(values, centres.view());
    for _ in 0..ITERATIONS {
        update(values, &nearest, &mut centres);
        let next = assign(values, centres.view());
        if next == nearest {
            break;
        }
        nearest = next;
    }
    nearest
}

fn seeds(values: ArrayView2<f64>, k: usize, stream: &mut Stream) -> Array2<f64> {
    let n = values.nrows();
    let mut centres = Array2::zeros((k, values.ncols()));
    let mut gaps = vec![f64::INFINITY; n];
    for c in 0..k {
        // With every point on a seed already, any will do: its cluster stays empty.
        let positive = c > 0 && gaps.iter().any(|&g| g > 0.0);
        let chosen = if positive { draw_index(&gaps, stream) } else { stream.below(n) };
        let centre = values.row(chosen);
        centres.row_mut(c).assign(&centre);
        gaps.par_iter_mut().enumerate().for_each(|(i, gap)| *gap = gap.min(distance(values, i, centre)));
    }
    centres
}

fn distance(values: ArrayView2<f64>, i: usize, centre: ndarray::ArrayView1<f64>) -> f64 {
    squared_distance(values.row(i).to_slice().unwrap_or_default(), centre.to_slice().unwrap_or_default())
}

fn assign(values: ArrayView2<f64>, centres: ArrayView2<f64>) -> Vec<usize> {
    let nearest = |i: usize| {
        let mut best = (f64::INFINITY, 0);
        for (c, centre) in centres.axis_iter(Axis(0)).enumerate() {
            let gap = distance(values, i, centre);
            if gap < best.0 {
                best = (gap, c);
            }
        }
        best.1
    };
    (0..values.nrows()).into_par_iter().map(nearest).collect()
}

/// Centres become the means of their clusters; an empty one stays where it was.
fn update(values: ArrayView2<f64>, nearest: &[usize], centres: &mut Array2<f64>) {
    let mut sums = Array2::<f64>::zeros(centres.raw_dim());
    let mut counts = vec![0.0; centres.nrows()];
    for (row, &c) in values.outer_iter().zip(nearest) {
        sums.row_mut(c).scaled_add(1.0, &row);
        counts[c] += 1.0;
    }
    for (c, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0.0) {
        centres.row_mut(c).assign(&(&sums.row(c) / count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;
    use ndarray::array;

    #[test]
    fn three_far_groups_are_found() {
        let values = array![[0.0], [10.0], [0.1], [10.1], [-10.0], [10.2]];
        for seed in 0..5 {
            let c = cluster(values.view(), 3, &mut Stream::new(seed, Purpose::Fit, 0, 0));
            assert!(c[0] == c[2] && c[1] == c[3] && c[3] == c[5]);
            assert!(c[0] != c[1] && c[1] != c[4] && c[0] != c[4]);
        }
    }

    #[test]
    fn more_clusters_than_distinct_points_leave_some_empty() {
        let values = Array2::from_elem((5, 2), 3.0);
        let c = cluster(values.view(), 3, &mut Stream::new(1, Purpose::Fit, 0, 0));
        assert!(c.iter().all(|&k| k == c[0]));
    }
}
