//! Displacements along a given curve or surface: the adapted kernel of arXiv 2510.02305's experiments.
//!
//! With the projection Π onto the surface: m = Π(x), m′ = Π(m + h z), ξ = m′ − m.

use ndarray::{Array2, Array3, ArrayView2, Axis};

use crate::error::{Error, Result};
use crate::neighbours;
use crate::points::PointSet;

/// A curve or surface, by the projection onto it. A function `[n, d] -> [n, d]` is one.
pub trait Surface: Send + Sync {
    /// Π(x) of every row of `x` (`[n, d]`): its point nearest to the row, `[n, d]`. A row's projection must
    /// depend on that row alone.
    ///
    /// # Errors
    /// The implementation's own; they end the evaluation.
    fn project(&self, x: ArrayView2<f64>) -> Result<Array2<f64>>;
}

impl<F: Fn(ArrayView2<f64>) -> Result<Array2<f64>> + Send + Sync> Surface for F {
    fn project(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        self(x)
    }
}

/// A surface given by many of its points: Π(x) is the nearest of them. Their spacing should be well below
/// the kernel's scale. The paper's experiments take about 1000 points of a curve.
#[derive(Debug, Clone, PartialEq)]
pub struct NearestPoints(pub PointSet);

impl Surface for NearestPoints {
    fn project(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let found = neighbours::nearest(x, self.0.values(), 1)?;
        Ok(self.0.values().select(Axis(0), &found.nearest_indices().to_vec()))
    }
}

/// ξ of every row and draw, `[batch, draws, d]`.
pub(super) fn along(
    surface: &dyn Surface,
    x: ArrayView2<f64>,
    z: ArrayView2<f64>,
    scale: f64,
) -> Result<Array3<f64>> {
    let (batch, draws, dim) = (x.nrows(), z.nrows(), x.ncols());
    let middle = checked(surface.project(x)?, batch, dim)?;
    let mut from = Array2::zeros((batch * draws, dim));
    for (m, mut block) in middle.outer_iter().zip(from.axis_chunks_iter_mut(Axis(0), draws)) {
        block.assign(&z);
        block *= scale;
        block += &m;
    }
    let mut to = checked(surface.project(from.view())?, batch * draws, dim)?;
    for (m, mut block) in middle.outer_iter().zip(to.axis_chunks_iter_mut(Axis(0), draws)) {
        block -= &m;
    }
    let found = to.dim();
    to.into_shape_with_order((batch, draws, dim))
        .map_err(|_| Error::shape("the projection onto the surface", format!("{found:?}"), "row-major order"))
}

fn checked(projected: Array2<f64>, rows: usize, dim: usize) -> Result<Array2<f64>> {
    if projected.dim() != (rows, dim) {
        return Err(Error::shape(
            "the projection onto the surface",
            format!("{:?}", projected.dim()),
            format!("({rows}, {dim}), one point a row"),
        ));
    }
    Ok(projected.as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn moves_end_on_the_nearest_points() {
        let corners = PointSet::vectors(array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).unwrap();
        let surface = NearestPoints(corners);
        let (x, z) = (array![[0.1, -0.2], [0.3, 0.9]], array![[0.6, 0.0], [0.0, -0.9], [0.1, 0.1]]);
        let moves = along(&surface, x.view(), z.view(), 1.0).unwrap();
        // From (0,0): to (.6,0), (0,−.9), (.1,.1). From (0,1): to (.6,1), (0,.1), (.1,1.1).
        let expected = array![[[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, -1.0], [0.0, 0.0]]];
        assert_eq!(moves, expected);
    }

    #[test]
    fn a_projection_of_another_shape_is_refused() {
        let wrong = |_: ArrayView2<f64>| Ok(Array2::zeros((1, 3)));
        assert!(matches!(
            along(&wrong, array![[0.0, 0.0]].view(), array![[0.0, 0.0]].view(), 1.0),
            Err(Error::Shape { .. })
        ));
    }
}
