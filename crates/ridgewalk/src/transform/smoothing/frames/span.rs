//! The span of centred data: the directions in which a displacement can change an empirical denoiser.
//!
//! The weights of D(x + ξ) depend on ξ only through ⟨ξ, xᵢ − x₁⟩, so a Gaussian kernel in R^d may be drawn in
//! the r ≤ min(n − 1, d) dimensions of that span, exactly.

use ndarray::{Array1, Array2, ArrayView1, Axis};

use crate::closed_form::Covariance;
use crate::error::{Error, Result};
use crate::points::PointSet;

/// Residuals below this part of the data's extent are rounding.
const ROUNDING: f64 = 1e-12;

/// An orthonormal frame `[r, d]` of the span of the centred points, the direction of greatest variance
/// first: for [`Kernel::within`](super::super::Kernel::within). Cost: O(n·d·r). It is exact for a model of
/// these points with any weights; variations below 10⁻¹² of the data's extent are left out.
///
/// # Errors
/// If all points are equal.
pub fn span(points: &PointSet) -> Result<Array2<f64>> {
    let mean = points.moments().mean;
    let centred = &points.values() - &mean;
    let mut residual = centred.clone();
    let mut frame: Vec<Array1<f64>> = Vec::new();
    let mut extent = 0.0;
    // Gram–Schmidt with the largest residual as the next direction.
    while frame.len() < points.dim().min(points.len()) {
        let norms = residual.rows().into_iter().map(|row| row.dot(&row).sqrt()).enumerate();
        let Some((row, norm)) = norms.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))) else { break };
        if frame.is_empty() {
            extent = norm;
        }
        if norm <= ROUNDING * extent || norm == 0.0 {
            break;
        }
        let mut direction = &residual.row(row) / norm;
        // Once more against what rounding left of the earlier ones.
        for earlier in &frame {
            let along = earlier.dot(&direction);
            direction.scaled_add(-along, earlier);
        }
        direction /= direction.dot(&direction).sqrt();
        let remove = |mut row: ndarray::ArrayViewMut1<f64>, direction: ArrayView1<f64>| {
            let along = direction.dot(&row);
            row.scaled_add(-along, &direction);
        };
        residual.outer_iter_mut().for_each(|row| remove(row, direction.view()));
        frame.push(direction);
    }
    if frame.is_empty() {
        return Err(Error::argument(
            "data",
            "has points that are all equal, which span nothing",
            "smoothing does not change a single point; use the model without it",
        ));
    }
    let views: Vec<_> = frame.iter().map(|row| row.view()).collect();
    let frame = ndarray::stack(Axis(0), &views)
        .map_err(|_| Error::shape("the span", "rows of unequal length", points.dim()))?;
    let coordinates = centred.dot(&frame.t());
    let principal = Covariance::from_dense(coordinates.t().dot(&coordinates).view())?;
    Ok(principal.vectors().dot(&frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn three_corners_span_their_plane() {
        let frame = span(&PointSet::vectors(Array2::eye(3)).unwrap()).unwrap();
        assert_eq!(frame.dim(), (2, 3));
        let gram = frame.dot(&frame.t()) - Array2::<f64>::eye(2);
        assert!(gram.iter().all(|e| e.abs() < 1e-14));
        assert!(frame.dot(&array![1.0, 1.0, 1.0]).iter().all(|e| e.abs() < 1e-14));
    }

    #[test]
    fn the_greatest_variance_comes_first() {
        let points = array![[0.0, 5.0], [0.1, -5.0], [-0.2, 5.1], [0.1, -4.9]];
        let frame = span(&PointSet::vectors(points).unwrap()).unwrap();
        assert!(frame.dim() == (2, 2) && frame[(0, 1)].abs() > 0.99);
    }

    #[test]
    fn equal_points_span_nothing() {
        assert!(span(&PointSet::vectors(array![[1.0, 2.0], [1.0, 2.0]]).unwrap()).is_err());
    }
}
