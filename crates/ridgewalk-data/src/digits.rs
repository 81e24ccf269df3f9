//! The embedded data set: handwritten digits, 1,797 grey images of 8×8 with values 0…16.
//!
//! Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine
//! Learning Repository, 1998, doi 10.24432/C50P49, CC BY 4.0 (see `assets/LICENSE-digits.md`).

use std::path::Path;

use flate2::bufread::GzDecoder;
use ridgewalk::PointSet;

use crate::error::Result;
use crate::idx;
use crate::input::Input;
use crate::labels;

const IMAGES: &[u8] = include_bytes!("../assets/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../assets/digits-labels-idx1-ubyte.gz");

/// All 1,797 digits with their labels 0…9, in the original order.
///
/// # Examples
/// ```
/// let digits = ridgewalk_data::digits();
/// assert_eq!((digits.len(), digits.dim()), (1797, 64));
/// assert_eq!(digits.range(), (0.0, 16.0));
/// assert_eq!(digits.labels().unwrap()[..3], [0, 1, 2]);
/// ```
pub fn digits() -> PointSet {
    // The bytes are part of the program and a test reads them: no input can make this fail.
    read().unwrap_or_else(|error| unreachable!("the embedded digits: {error}"))
}

fn read() -> Result<PointSet> {
    let open = |bytes: &'static [u8]| {
        let reader = std::io::BufReader::new(GzDecoder::new(bytes));
        Input::new(Path::new("digits"), Box::new(reader), None, 1 << 24)
    };
    let points = idx::read(open(IMAGES)?)?;
    let labels = labels::from_numbers(&idx::read_array(open(LABELS)?)?.values)?;
    Ok(points.with_labels(labels)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and class counts as scikit-learn documents and computes them for `load_digits`.
    #[test]
    fn the_asset_is_the_published_set() {
        let set = digits();
        assert_eq!(set.len(), 1797);
        assert!((set.values().mean().unwrap() - 4.884164579855314).abs() < 1e-14);
        let counts: Vec<usize> =
            (0..10).map(|k| set.labels().unwrap().iter().filter(|&&l| l == k).count()).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
        assert_eq!(set.point(0).to_vec()[..8], [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0]);
    }
}
