//! Class labels: from numbers or words to `u32`.
//!
//! Whole numbers in 0…2³²−1 are kept as they are. Anything else (−1 and 1, words) is numbered
//! 0, 1, 2, … in sorted order of the distinct values: numerically for numbers, else as text.

use std::collections::BTreeMap;
use std::path::Path;

use crate::error::{Error, Location, Result};
use crate::input::Input;
use crate::{csv, idx, npy};

/// Whether a number can stand as a label unchanged.
fn is_label(value: f64) -> bool {
    value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value)
}

/// Labels from numbers.
///
/// # Errors
/// If one is not finite (its position is named).
pub(crate) fn from_numbers(values: &[f64]) -> Result<Vec<u32>> {
    if let Some(row) = values.iter().position(|v| !v.is_finite()) {
        let error = Error::malformed(format!("the label {} is not a number", values[row]));
        return Err(error.at(Location::Row { row, column: 0 }));
    }
    if values.iter().all(|&v| is_label(v)) {
        return Ok(values.iter().map(|&v| v as u32).collect());
    }
    let mut distinct = values.to_vec();
    distinct.sort_by(f64::total_cmp);
    distinct.dedup();
    Ok(values.iter().map(|v| distinct.partition_point(|d| d < v) as u32).collect())
}

/// Labels from words, or from numbers if every word is one.
pub(crate) fn from_words(words: &[String]) -> Result<Vec<u32>> {
    let numbers: Option<Vec<f64>> = words.iter().map(|w| w.parse().ok()).collect();
    if let Some(numbers) = numbers {
        return from_numbers(&numbers);
    }
    let mut number: BTreeMap<&str, u32> = words.iter().map(|w| (w.as_str(), 0)).collect();
    for (i, value) in number.values_mut().enumerate() {
        *value = i as u32;
    }
    Ok(words.iter().map(|w| number[w.as_str()]).collect())
}

/// Whether every word is a number and one of them has a fraction: measurements, not classes.
pub(crate) fn are_fractions(words: &[String]) -> bool {
    let numbers: Option<Vec<f64>> = words.iter().map(|w| w.parse().ok()).collect();
    numbers.is_some_and(|n| n.iter().any(|v| v.fract() != 0.0))
}

/// Reads a file of labels: NPY or IDX with one axis (or a second one of length 1), or text with one
/// label a line (a first line that is a word above numbers is a heading). Each may be gzipped.
///
/// # Errors
/// As for any file of the format, and if there is more than one value per point.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u32>> {
    let input = Input::open(path, limit)?;
    let array = if input.head.starts_with(npy::MAGIC) {
        npy::read_array(input)?
    } else if idx::recognise(&input.head) {
        idx::read_array(input)?
    } else {
        let words = csv::read_words(input)?;
        return from_words(&words).map_err(|e| e.at_path(path));
    };
    one_per_point(&array.shape).map_err(|e| e.at_path(path))?;
    from_numbers(&array.values).map_err(|e| e.at_path(path))
}

/// Fails unless an array of this shape holds one value per point.
pub(crate) fn one_per_point(shape: &[usize]) -> Result<()> {
    match shape {
        [_] | [_, 1] => Ok(()),
        _ => Err(Error::unsupported(
            format!("labels have the shape {shape:?}"),
            "give one label per point, shape [n]",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_stay_and_others_are_numbered_in_order() {
        assert_eq!(from_numbers(&[7.0, 0.0, 7.0]).unwrap(), [7, 0, 7]);
        assert_eq!(from_numbers(&[1.0, -1.0, 1.0]).unwrap(), [1, 0, 1]);
        assert_eq!(from_numbers(&[1e10, 0.5]).unwrap(), [1, 0]);
        assert!(from_numbers(&[1.0, f64::NAN]).is_err());
        let words = |w: &[&str]| from_words(&w.iter().map(|s| s.to_string()).collect::<Vec<_>>()).unwrap();
        assert_eq!(words(&["dog", "cat", "dog"]), [1, 0, 1]);
        assert_eq!(words(&["10", "9", "10"]), [10, 9, 10]);
        assert_eq!(words(&["10", "9", "a"]), [0, 1, 2]);
    }
}
