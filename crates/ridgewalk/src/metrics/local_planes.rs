//! Distance to a manifold that is known by points only: to the plane through the principal components of
//! the neighbours.
//!
//! The distance to the nearest of n points never falls below their spacing, which along the manifold is
//! not an error. The plane through the mean and the d* first principal components of the k nearest points
//! takes the part along the manifold out; what is left is the distance off it, but for the curvature within
//! a neighbourhood.

use ndarray::{Array2, ArrayView2, Axis};

use crate::closed_form::Covariance;
use crate::error::Result;
use crate::neighbours;
use crate::points::PointSet;
use crate::transform::{Dimension, LocalPca};

/// The local planes of a point set.
#[derive(Debug, Clone)]
pub struct LocalPlanes {
    points: PointSet,
    planes: LocalPca,
    neighbours: usize,
}

impl LocalPlanes {
    /// Planes of `dimension` through the `neighbours` nearest points. Errors as [`LocalPca::new`].
    pub fn new(points: &PointSet, neighbours: usize, dimension: Dimension) -> Result<Self> {
        let planes = LocalPca::new(points, neighbours, dimension)?;
        Ok(LocalPlanes { points: points.clone(), planes, neighbours })
    }

    /// Distances of the rows of `x` (`[n, d]`) to their planes, in the data's units. Errors as
    /// [`LocalPca::tangents`].
    pub fn distances(&self, x: ArrayView2<f64>) -> Result<Vec<f64>> {
        let found = neighbours::nearest(x, self.points.values(), self.neighbours)?;
        let planes = self.planes.tangents(x)?;
        let rows = x.outer_iter().zip(found.indices.outer_iter()).zip(planes.outer_iter());
        Ok(rows
            .map(|((x, indices), plane)| {
                let block = self.points.values().select(Axis(0), &indices.to_vec());
                let mut off = x.to_owned();
                for near in block.outer_iter() {
                    off.scaled_add(-1.0 / block.nrows() as f64, &near);
                }
                for direction in plane.outer_iter() {
                    let along = direction.dot(&off);
                    off.scaled_add(-along, &direction);
                }
                off.dot(&off).sqrt()
            })
            .collect())
    }
}

/// The r directions of greatest variance of the points, `[r, d]`, orthonormal, greatest first; fewer where d or
/// the number of points allow no more. Cost O(n·d²) and an eigendecomposition of d × d.
///
/// # Errors
/// If the eigendecomposition fails.
pub fn principal_directions(points: &PointSet, r: usize) -> Result<Array2<f64>> {
    let centred = &points.values() - &points.moments().mean;
    let scatter = centred.t().dot(&centred) / points.len() as f64;
    // Rounding of the product is not symmetric.
    let scatter = (&scatter + &scatter.t()) / 2.0;
    let spectrum = Covariance::from_dense(scatter.view())?;
    let chosen: Vec<usize> = (0..r.min(spectrum.vectors().nrows()).min(points.len())).collect();
    Ok(spectrum.vectors().select(Axis(0), &chosen))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points on the plane z = 1 in R³, and points above it.
    #[test]
    fn height_above_a_plane() {
        let value = |(i, k): (usize, usize)| match k {
            0 => (i % 7) as f64,
            1 => (i / 7) as f64,
            _ => 1.0,
        };
        let grid = PointSet::vectors(Array2::from_shape_fn((49, 3), value)).unwrap();
        let planes = LocalPlanes::new(&grid, 8, Dimension::Chosen(2)).unwrap();
        let x = ndarray::array![[3.3, 3.4, 1.5], [2.0, 5.1, 1.0], [4.2, 1.9, 0.25]];
        let found = planes.distances(x.view()).unwrap();
        assert!(found.iter().zip([0.5, 0.0, 0.75]).all(|(f, e)| (f - e).abs() < 1e-12), "{found:?}");
        assert!(planes.distances(ndarray::array![[0.0]].view()).is_err());
    }

    #[test]
    fn directions_by_their_variance() {
        let value = |(i, k): (usize, usize)| match k {
            0 => 0.1 * ((i % 2) as f64),
            1 => i as f64,
            _ => 4.0,
        };
        let points = PointSet::vectors(Array2::from_shape_fn((40, 3), value)).unwrap();
        let frame = principal_directions(&points, 2).unwrap();
        assert_eq!(frame.dim(), (2, 3));
        assert!((frame[(0, 1)].abs() - 1.0).abs() < 1e-3 && frame[(1, 2)].abs() < 1e-9, "{frame}");
        let gram = frame.dot(&frame.t());
        assert!((gram[(0, 0)] - 1.0).abs() < 1e-12 && gram[(0, 1)].abs() < 1e-12);
    }
}
