//! What a set of points looks like at a glance: [`describe`].

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::Hasher;

use ndarray::Axis;
use ridgewalk::neighbours::nearest_excluding;
use ridgewalk::{PointSet, Shape};
use serde::Serialize;

/// A summary of a [`PointSet`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Info {
    /// Number of points.
    pub n: usize,
    /// Coordinates of a point, d.
    pub dim: usize,
    /// What a point is.
    pub shape: Shape,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Mean of all values.
    pub mean: f64,
    /// σ_data: root mean square over coordinates of the standard deviation around the mean point.
    pub sigma_data: f64,
    /// Every label with the number of its points, in order; none if there are no labels.
    pub labels: Option<BTreeMap<u32, usize>>,
    /// Points that equal an earlier one in every coordinate.
    pub duplicates: usize,
    /// Coordinates that have the same value in all points.
    pub constant_coordinates: usize,
}

/// Summarises `points` in O(n·d) time and O(n + d) memory.
pub fn describe(points: &PointSet) -> Info {
    let (min, max) = points.range();
    let moments = points.moments();
    let labels = points.labels().map(|labels| {
        let mut counts = BTreeMap::new();
        labels.iter().for_each(|&l| *counts.entry(l).or_insert(0) += 1);
        counts
    });
    let first = points.point(0);
    let mut constant = vec![true; points.dim()];
    for row in points.values().outer_iter() {
        constant.iter_mut().zip(row.iter().zip(first)).for_each(|(c, (a, b))| *c &= a == b);
    }
    Info {
        n: points.len(),
        dim: points.dim(),
        shape: points.shape(),
        min,
        max,
        mean: moments.mean.mean().unwrap_or(0.0),
        sigma_data: moments.std,
        labels,
        duplicates: duplicates(points),
        constant_coordinates: constant.iter().filter(|c| **c).count(),
    }
}

/// Rows with equal hashes are compared, so that a collision cannot count as a duplicate.
fn duplicates(points: &PointSet) -> usize {
    let mut seen: HashMap<u64, Vec<usize>> = HashMap::with_capacity(points.len());
    let mut count = 0;
    for (i, row) in points.values().outer_iter().enumerate() {
        let mut hasher = DefaultHasher::new();
        // Adding zero turns −0 into 0, which equals it.
        row.iter().for_each(|v| hasher.write_u64((v + 0.0).to_bits()));
        let same = seen.entry(hasher.finish()).or_default();
        if same.iter().any(|&j| points.point(j) == row) { count += 1 } else { same.push(i) }
    }
    count
}

/// Median distance to the nearest other point, over `sample` points spread evenly over the set
/// (all if there are fewer). Exact distances, O(sample·n·d). None for a single point, and where a distance
/// overflows.
pub fn nearest_neighbour_spacing(points: &PointSet, sample: usize) -> Option<f64> {
    let n = points.len();
    let m = sample.min(n);
    if n < 2 || m == 0 {
        return None;
    }
    let rows: Vec<usize> = (0..m).map(|k| (k as u128 * n as u128 / m as u128) as usize).collect();
    let queries = points.values().select(Axis(0), &rows);
    let found = nearest_excluding(queries.view(), points.values(), 1, &rows).ok()?;
    let mut distances = found.nearest_distances().to_vec();
    distances.sort_by(f64::total_cmp);
    Some((distances[(m - 1) / 2] + distances[m / 2]) / 2.0)
}

/// Six significant digits, whatever the scale of the data.
fn significant(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) { format!("{value:.5e}") } else { format!("{value:.6}") }
}

impl fmt::Display for Info {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "points       {}", self.n)?;
        writeln!(f, "each         {} (d = {})", self.shape, self.dim)?;
        writeln!(f, "range        {} to {}", self.min, self.max)?;
        writeln!(f, "mean         {}", significant(self.mean))?;
        writeln!(f, "sigma_data   {}", significant(self.sigma_data))?;
        match &self.labels {
            Some(labels) => {
                const SHOWN: usize = 20;
                let more = if labels.len() > SHOWN { ", …" } else { "" };
                let counts: Vec<String> =
                    labels.iter().take(SHOWN).map(|(label, n)| format!("{label}: {n}")).collect();
                writeln!(f, "labels       {} ({}{more})", labels.len(), counts.join(", "))?;
            }
            None => writeln!(f, "labels       none")?,
        }
        writeln!(f, "duplicates   {}", self.duplicates)?;
        write!(f, "constant     {} of {} coordinates", self.constant_coordinates, self.dim)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_summary_by_hand() {
        let points = PointSet::vectors(array![[0.0, 5.0], [4.0, 5.0], [-0.0, 5.0], [1.0, 5.0]]).unwrap();
        let info = describe(&points.clone().with_labels(vec![3, 1, 3, 3]).unwrap());
        assert_eq!((info.n, info.dim, info.min, info.max), (4, 2, 0.0, 5.0));
        assert_eq!(info.mean, 3.125);
        assert!((info.sigma_data - (10.75f64 / 8.0).sqrt()).abs() < 1e-15);
        assert_eq!(info.labels, Some(BTreeMap::from([(1, 1), (3, 3)])));
        assert_eq!((info.duplicates, info.constant_coordinates), (1, 1));
        // Nearest distances: 0, 3, 0, 1.
        assert_eq!(nearest_neighbour_spacing(&points, 100), Some(0.5));
        assert_eq!(nearest_neighbour_spacing(&points.select(&[0]).unwrap(), 100), None);
    }

    /// Five facts about the digits that anyone can count in the published file.
    #[test]
    fn digits() {
        let info = describe(&crate::digits());
        assert_eq!((info.min, info.max, info.duplicates, info.constant_coordinates), (0.0, 16.0, 0, 3));
        assert_eq!(info.labels.unwrap()[&0], 178);
    }
}
