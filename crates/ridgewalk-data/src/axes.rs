//! From the axes of a stored array to points: which axis counts points, and what a point is.
//!
//! | array | points |
//! |---|---|
//! | `[n]` | n numbers (vectors of 1) |
//! | `[n, d]` | n vectors |
//! | `[n, h, w]` | n grey images |
//! | `[n, h, w, 1]`, `[n, h, w, 3]` | n images, channels last |
//! | `[n, 1, h, w]`, `[n, 3, h, w]` with h, w > 4 | n images, channels first: moved to the end |
//! | `[a, b, h, w]`, all others with h, w > 4 | a·b grey images, b running fastest |
//!
//! Channels last wins where both readings fit. Everything else is refused rather than guessed.

use ndarray::{Array2, ArrayD, Ix2, IxDyn, ShapeBuilder};
use ridgewalk::{PointSet, Shape};

use crate::error::{Error, ErrorKind, Result};

/// Below this an axis is more likely a list of channels than a side of an image.
const SMALLEST_SIDE: usize = 5;

/// An array as a file stores it.
#[derive(Debug)]
pub(crate) struct RawArray {
    pub shape: Vec<usize>,
    /// Column-major: the first axis runs fastest.
    pub fortran: bool,
    pub values: Vec<f64>,
}

impl RawArray {
    /// Points by the table above.
    ///
    /// # Errors
    /// Other numbers of axes, empty axes, values that are not finite.
    pub fn into_points(self) -> Result<PointSet> {
        let refused = |shape: &[usize]| {
            Error::unsupported(
                format!("an array of shape {shape:?} cannot be read as points"),
                "store [n, d], [n, height, width] or [n, height, width, 1 or 3]",
            )
        };
        if self.values.is_empty() {
            let problem = format!("an array of shape {:?} holds no points", self.shape);
            return Err(Error::new(ErrorKind::Malformed, problem, "give at least one point"));
        }
        let (n, shape, channels_first) = match *self.shape {
            [n] => (n, Shape::Vector(1), false),
            [n, d] => (n, Shape::Vector(d), false),
            [n, height, width] => (n, Shape::Image { height, width, channels: 1 }, false),
            [n, height, width, channels @ (1 | 3)] => (n, Shape::Image { height, width, channels }, false),
            [n, channels @ (1 | 3), height, width] if height.min(width) >= SMALLEST_SIDE => {
                (n, Shape::Image { height, width, channels }, true)
            }
            [a, b, height, width] if height.min(width) >= SMALLEST_SIDE => {
                (a * b, Shape::Image { height, width, channels: 1 }, false)
            }
            _ => return Err(refused(&self.shape)),
        };
        if !self.fortran && !channels_first {
            let values = Array2::from_shape_vec((n, shape.dim()), self.values);
            return Ok(PointSet::new(values.map_err(|_| refused(&self.shape))?, shape)?);
        }
        let axes = IxDyn(&self.shape);
        let mut array = ArrayD::from_shape_vec(axes.set_f(self.fortran), self.values)
            .map_err(|_| refused(&self.shape))?;
        if channels_first {
            array = array.permuted_axes(IxDyn(&[0, 2, 3, 1]));
        }
        let values = array.as_standard_layout().into_owned();
        let values = values.into_shape_with_order(IxDyn(&[n, shape.dim()]));
        let values = values.and_then(|a| a.into_dimensionality::<Ix2>()).map_err(|_| refused(&self.shape))?;
        Ok(PointSet::new(values, shape)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn points(shape: &[usize], fortran: bool) -> Result<PointSet> {
        let n = shape.iter().product::<usize>();
        RawArray { shape: shape.to_vec(), fortran, values: (0..n).map(|i| i as f64).collect() }.into_points()
    }

    #[test]
    fn shapes_follow_the_table() {
        let grey = |height, width| Shape::Image { height, width, channels: 1 };
        for (axes, n, shape) in [
            (&[7][..], 7, Shape::Vector(1)),
            (&[7, 3], 7, Shape::Vector(3)),
            (&[2, 5, 6], 2, grey(5, 6)),
            (&[2, 5, 6, 1], 2, grey(5, 6)),
            (&[2, 5, 6, 3], 2, Shape::Image { height: 5, width: 6, channels: 3 }),
            (&[2, 3, 5, 6], 2, Shape::Image { height: 5, width: 6, channels: 3 }),
            (&[2, 1, 5, 6], 2, grey(5, 6)),
            (&[2, 4, 5, 6], 8, grey(5, 6)),
        ] {
            let points = points(axes, false).unwrap();
            assert_eq!((points.len(), points.shape()), (n, shape), "{axes:?}");
        }
        for axes in [&[][..], &[0, 3], &[3, 0], &[2, 5, 6, 4], &[2, 3, 4, 4], &[1, 1, 1, 1, 1]] {
            assert!(points(axes, false).is_err(), "{axes:?}");
        }
    }

    #[test]
    fn channels_move_to_the_end() {
        let set = points(&[2, 3, 5, 5], false).unwrap();
        // Pixel (0, 1) of image 1: planes of 25 begin at 75, 100 and 125.
        assert_eq!(set.point(1).to_vec()[3..6], [76.0, 101.0, 126.0]);
    }

    #[test]
    fn fortran_order_is_undone() {
        let set = points(&[2, 3], true).unwrap();
        assert_eq!(set.values(), ndarray::array![[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
    }
}
