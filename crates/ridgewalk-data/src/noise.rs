//! Known Gaussian noise on data: x₀ + std·ε, ε ~ N(0, I).

use ndarray::Array2;
use ridgewalk::PointSet;
use ridgewalk::random::{Purpose, Stream};

use crate::error::{Error, Result};

/// The same points with independent Gaussian noise of standard deviation `std` (in the data's
/// units) on every coordinate. The noise of point i depends on `seed` and i alone, so that a
/// prefix of the data gets the same noise.
///
/// # Errors
/// If `std` is negative or not finite, or so large that a value overflows.
pub fn add_noise(points: &PointSet, std: f64, seed: u64) -> Result<PointSet> {
    if !std.is_finite() || std < 0.0 {
        let problem = format!("the standard deviation of the noise cannot be {std}");
        return Err(Error::argument(problem, "give a number ≥ 0, in the data's units"));
    }
    let mut values: Array2<f64> = points.values().to_owned();
    for (i, mut row) in values.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::DataNoise, i as u64, 0);
        row.iter_mut().for_each(|v| *v += std * stream.normal());
    }
    Ok(points.with_values(values)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1000×64 normals: the standard error of the variance is √(2/64000) = 0.0056; five of them.
    #[test]
    fn noise_has_the_stated_variance_and_is_keyed_by_point() {
        let zeros = PointSet::vectors(Array2::zeros((1000, 64))).unwrap();
        let noisy = add_noise(&zeros, 3.0, 9).unwrap();
        assert!((noisy.moments().std.powi(2) / 9.0 - 1.0).abs() < 0.028);
        let few = add_noise(&zeros.select(&[0, 1]).unwrap(), 3.0, 9).unwrap();
        assert_eq!(few.point(1), noisy.point(1));
        assert_eq!(add_noise(&zeros, 0.0, 9).unwrap(), zeros);
        for bad in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(add_noise(&zeros, bad, 0).is_err());
        }
    }
}
