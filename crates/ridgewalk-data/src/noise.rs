//! Known noise on data: Gaussian, x₀ + std·ε with ε ~ N(0, I), and salt and pepper, values lost to either end of the
//! range.

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

/// Stream of impulses, beside that of Gaussian noise.
const IMPULSES: u64 = 1;

/// The same points with salt-and-pepper noise: every value is, with probability `fraction`, replaced by the smallest or
/// by the largest value of all of `points`, each as likely. Which values of point i are, and by which of the two,
/// depends on `seed` and i alone, and those of a smaller fraction are among those of a larger one.
///
/// # Errors
/// If `fraction` is not within 0 to 1.
///
/// # Examples
/// ```
/// let noisy = ridgewalk_data::add_salt_and_pepper(&ridgewalk_data::digits(), 0.1, 7)?;
/// assert_eq!(noisy.range(), (0.0, 16.0));
/// # Ok::<(), ridgewalk_data::Error>(())
/// ```
pub fn add_salt_and_pepper(points: &PointSet, fraction: f64, seed: u64) -> Result<PointSet> {
    if !(0.0..=1.0).contains(&fraction) {
        let problem = format!("the fraction of values under salt and pepper cannot be {fraction}");
        return Err(Error::argument(problem, "give a number from 0 to 1"));
    }
    let (pepper, salt) = points.range();
    let mut values: Array2<f64> = points.values().to_owned();
    for (i, mut row) in values.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::DataNoise, i as u64, IMPULSES);
        for value in &mut row {
            // From both ends of one draw: a larger fraction adds impulses and moves none.
            let draw = stream.uniform();
            if draw < fraction / 2.0 {
                *value = pepper;
            } else if draw > 1.0 - fraction / 2.0 {
                *value = salt;
            }
        }
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

    /// A ramp from 0 to 3 in every point, of which 1 and 2 can tell what was replaced: 32,000 such values. Counts of
    /// a fraction p have the standard error √(p(1 − p)/32000), at most 0.0028; five of them.
    #[test]
    fn salt_and_pepper_replace_the_stated_fraction() {
        let ramp = PointSet::vectors(Array2::from_shape_fn((1000, 64), |(_, j)| (j % 4) as f64)).unwrap();
        for fraction in [0.0, 0.2, 1.0] {
            let noisy = add_salt_and_pepper(&ramp, fraction, 9).unwrap();
            let (mut salt, mut pepper) = (0, 0);
            for (before, after) in ramp.values().iter().zip(noisy.values()) {
                match *after {
                    0.0 if *before == 1.0 || *before == 2.0 => pepper += 1,
                    3.0 if *before == 1.0 || *before == 2.0 => salt += 1,
                    0.0 | 3.0 => {}
                    value => assert_eq!(value, *before),
                }
            }
            for count in [salt, pepper] {
                assert!((f64::from(count) / 32_000.0 - fraction / 2.0).abs() < 0.014, "{fraction}: {count}");
            }
        }
    }

    /// The first points of a set get the same impulses as in the whole, and a smaller fraction only some of them.
    #[test]
    fn impulses_are_keyed_by_point_and_nested() {
        let digits = crate::digits();
        let noisy = add_salt_and_pepper(&digits, 0.3, 9).unwrap();
        let few = add_salt_and_pepper(&digits.select(&[0, 1, 2]).unwrap(), 0.3, 9).unwrap();
        assert_eq!(few.values(), noisy.select(&[0, 1, 2]).unwrap().values());
        assert_ne!(noisy, add_salt_and_pepper(&digits, 0.3, 8).unwrap());
        let less = add_salt_and_pepper(&digits, 0.1, 9).unwrap();
        for ((less, more), clean) in less.values().iter().zip(noisy.values()).zip(digits.values()) {
            assert!(less == clean || less == more);
        }
        assert_eq!(noisy.labels(), digits.labels());
        assert_eq!(add_salt_and_pepper(&digits, 0.0, 9).unwrap(), digits);
        for bad in [-0.1, 1.1, f64::NAN] {
            assert!(add_salt_and_pepper(&digits, bad, 0).is_err());
        }
    }
}
