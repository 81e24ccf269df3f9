//! A closed curve of images: a Gaussian bump whose centre goes round a circle, as in the experiments of
//! arXiv 2510.02305.
//!
//! ```text
//! image(φ)[row, column] = exp(−‖p − c(φ)‖²/(2·width²)) / max,   c(φ) = orbit·(cos φ, sin φ)
//! ```
//!
//! p runs over an even grid on [−1, 1]², first coordinate along a row; every image is divided by its
//! largest pixel. With 64×64 pixels the curve turns through some 40 dimensions of the 4,096.

use std::f64::consts::PI;

use libm::{cos, exp, sin};
use ndarray::Array2;
use ridgewalk::{PointSet, Shape};

use crate::error::{Error, Result};
use crate::input::check_limit;
use crate::load::DEFAULT_LIMIT;

/// The curve of images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bumps {
    /// Pixels along a side of an image.
    pub side: usize,
    /// Standard deviation of the bump; an image is 2 wide.
    pub width: f64,
    /// Radius of the circle on which its centre goes.
    pub orbit: f64,
}

impl Default for Bumps {
    /// 64×64 pixels, width 0.2, orbit 0.5.
    fn default() -> Self {
        Bumps { side: 64, width: 0.2, orbit: 0.5 }
    }
}

impl Bumps {
    /// `n` images at even angles φ = 2πi/n, values from 0 to 1.
    ///
    /// ```
    /// let images = ridgewalk_data::Bumps::default().points(16)?;
    /// assert_eq!((images.len(), images.dim()), (16, 4096));
    /// assert_eq!(images.range().1, 1.0);
    /// # Ok::<(), ridgewalk_data::Error>(())
    /// ```
    ///
    /// # Errors
    /// If n is 0, there are fewer than 2 pixels along a side, a length is not positive and finite, or the
    /// images exceed 4 GiB.
    pub fn points(&self, n: usize) -> Result<PointSet> {
        if n == 0 || self.side < 2 {
            return Err(Error::argument(
                format!("{n} images of side {} were asked for", self.side),
                "ask for at least one image of at least 2 pixels a side",
            ));
        }
        if !(self.width > 0.0 && self.width.is_finite() && self.orbit > 0.0 && self.orbit.is_finite()) {
            return Err(Error::argument(
                format!("width is {} and orbit {}", self.width, self.orbit),
                "give positive finite lengths; an image is 2 wide",
            ));
        }
        let side = self.side as u64;
        check_limit((n as u64).saturating_mul(side.saturating_mul(side)).saturating_mul(8), DEFAULT_LIMIT)?;
        let mut values = Array2::zeros((n, self.side * self.side));
        for (i, mut row) in values.outer_iter_mut().enumerate() {
            let angle = 2.0 * PI * i as f64 / n as f64;
            let (x, y) = (self.orbit * cos(angle), self.orbit * sin(angle));
            let coordinate = |k: usize| 2.0 * k as f64 / (self.side - 1) as f64 - 1.0;
            let mut largest = 0.0f64;
            for (k, pixel) in row.iter_mut().enumerate() {
                let (u, v) = (coordinate(k % self.side) - x, coordinate(k / self.side) - y);
                *pixel = exp(-(u * u + v * v) / (2.0 * self.width * self.width));
                largest = largest.max(*pixel);
            }
            // A bump so narrow that it falls between pixels leaves a black image.
            if largest > 0.0 {
                row /= largest;
            }
        }
        let shape = Shape::Image { height: self.side, width: self.side, channels: 1 };
        Ok(PointSet::new(values, shape)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Distances of the set with which arXiv 2510.02305 was examined: neighbours 7.2902, opposite images
    /// 15.8377, and 3.8229 from the farthest image of the curve to the nearest of 16.
    #[test]
    fn geometry_of_sixteen_images() {
        let data = Bumps::default().points(16).unwrap();
        let distance = |i: usize, j: usize| {
            let off = &data.point(i) - &data.point(j);
            off.dot(&off).sqrt()
        };
        assert!((distance(0, 1) - 7.2902).abs() < 1e-4);
        assert!((distance(0, 8) - 15.8377).abs() < 1e-4);
        let curve = Bumps::default().points(1024).unwrap();
        let found = ridgewalk::neighbours::nearest(curve.values(), data.values(), 1).unwrap();
        let farthest = found.nearest_distances().iter().copied().fold(0.0, f64::max);
        assert!((farthest - 3.8229).abs() < 1e-4, "{farthest}");
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(Bumps::default().points(0).is_err());
        assert!(Bumps { side: 1, ..Bumps::default() }.points(3).is_err());
        assert!(Bumps { side: usize::MAX, ..Bumps::default() }.points(3).is_err());
        assert!(Bumps { width: f64::NAN, ..Bumps::default() }.points(3).is_err());
        assert!(Bumps { orbit: 0.0, ..Bumps::default() }.points(3).is_err());
    }
}
