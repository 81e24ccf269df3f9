//! From few large images to many small ones: [`tile`].

use ndarray::Array2;
use ridgewalk::{PointSet, Shape};

use crate::error::{Error, Result};

/// What [`tile`] made.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiled {
    /// The tiles: image by image, and of each image row by row.
    pub points: PointSet,
    /// Rows and columns at the lower and the right border of every image that no tile covers.
    pub dropped: [usize; 2],
}

/// Cuts every image into tiles of `side`×`side` that do not overlap, from its first pixel on. A tile has the channels
/// and the label of its image.
///
/// # Errors
/// If the points are no images, or `side` is 0 or larger than an image.
///
/// # Examples
/// ```
/// let tiled = ridgewalk_data::tile(&ridgewalk_data::digits(), 3)?;
/// assert_eq!((tiled.points.len(), tiled.points.dim()), (4 * 1797, 9));
/// assert_eq!(tiled.dropped, [2, 2]);
/// # Ok::<(), ridgewalk_data::Error>(())
/// ```
pub fn tile(points: &PointSet, side: usize) -> Result<Tiled> {
    let Shape::Image { height, width, channels } = points.shape() else {
        let problem = format!("tiles are cut from images, and each point is a {}", points.shape());
        return Err(Error::argument(problem, "give images, or no side of tiles"));
    };
    if side == 0 || side > height.min(width) {
        let problem = format!("no tile of {side}×{side} fits into a {}", points.shape());
        return Err(Error::argument(problem, format!("give a side from 1 to {}", height.min(width))));
    }
    let (down, across) = (height / side, width / side);
    let shape = Shape::Image { height: side, width: side, channels };
    let mut values = Vec::with_capacity(points.len() * down * across * shape.dim());
    for image in points.values().outer_iter() {
        let image = image.to_vec();
        for place in 0..down * across {
            let (top, left) = (place / across * side, place % across * side);
            for row in top..top + side {
                let start = (row * width + left) * channels;
                values.extend(image.iter().skip(start).take(side * channels));
            }
        }
    }
    let values = Array2::from_shape_vec((points.len() * down * across, shape.dim()), values)
        .map_err(|e| Error::argument(e.to_string(), ""))?;
    let tiles = PointSet::new(values, shape)?;
    let tiles = match points.labels() {
        None => tiles,
        Some(labels) => {
            let of_each = labels.iter().flat_map(|&label| std::iter::repeat_n(label, down * across));
            tiles.with_labels(of_each.collect())?
        }
    };
    Ok(Tiled { points: tiles, dropped: [height % side, width % side] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    /// Two images of 2×5 with pixels numbered in order, the second from 100 on.
    fn images(channels: usize) -> PointSet {
        let shape = Shape::Image { height: 2, width: 5, channels };
        let values = Array2::from_shape_fn((2, shape.dim()), |(i, k)| (100 * i + k) as f64);
        PointSet::new(values, shape).unwrap().with_labels(vec![4, 9]).unwrap()
    }

    #[test]
    fn tiles_by_hand() {
        let tiled = tile(&images(1), 2).unwrap();
        assert_eq!(
            tiled.points.values(),
            array![
                [0.0, 1.0, 5.0, 6.0],
                [2.0, 3.0, 7.0, 8.0],
                [100.0, 101.0, 105.0, 106.0],
                [102.0, 103.0, 107.0, 108.0]
            ]
        );
        assert_eq!(tiled.points.labels(), Some(&[4, 4, 9, 9][..]));
        assert_eq!(tiled.dropped, [0, 1]);
    }

    #[test]
    fn channels_stay_together() {
        let tiled = tile(&images(3), 2).unwrap();
        let second: Vec<f64> = (6..12).chain(21..27).map(f64::from).collect();
        assert_eq!(tiled.points.point(1).to_vec(), second);
        assert_eq!(tiled.points.shape(), Shape::Image { height: 2, width: 2, channels: 3 });
    }

    #[test]
    fn a_square_is_its_own_tile() {
        let digits = crate::digits();
        assert_eq!(tile(&digits, 8).unwrap(), Tiled { points: digits, dropped: [0, 0] });
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let error = tile(&images(1), 3).unwrap_err().to_string();
        assert!(error.contains("3×3") && error.contains("2×5") && error.contains("from 1 to 2"), "{error}");
        assert!(tile(&images(1), 0).is_err());
        assert!(tile(&PointSet::vectors(array![[1.0, 2.0]]).unwrap(), 1).is_err());
    }
}
