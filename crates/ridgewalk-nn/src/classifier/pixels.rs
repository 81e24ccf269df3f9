//! What the numbers of an image mean: the values of black and white.

use std::fmt;

use ridgewalk::{Error, PointSet, Result};

/// Ranges of stored images.
const CUSTOMARY: [Pixels; 4] =
    [Pixels::UNIT, Pixels::BYTES, Pixels { black: 0.0, white: 65_535.0 }, Pixels::SIGNED];
/// How far values may leave the range, in widths of it: samples overshoot, other units do so by far more.
const OVERSHOOT: f64 = 1.0;
/// Values that spread by less, in widths of the range, are in other units.
const SPREAD: f64 = 0.02;

/// Values of black and white in the images of a caller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    /// What black is stored as.
    pub black: f64,
    /// What white is stored as.
    pub white: f64,
}

impl Pixels {
    /// 0 to 255.
    pub const BYTES: Pixels = Pixels { black: 0.0, white: 255.0 };
    /// 0 to 1.
    pub const UNIT: Pixels = Pixels { black: 0.0, white: 1.0 };
    /// −1 to 1.
    pub const SIGNED: Pixels = Pixels { black: -1.0, white: 1.0 };

    /// From the values of black and white.
    ///
    /// # Errors
    /// If one is not finite, or white is not above black.
    pub fn new(black: f64, white: f64) -> Result<Self> {
        let width = white - black;
        if width > 0.0 && width.is_finite() {
            return Ok(Pixels { black, white });
        }
        Err(Error::argument(
            "pixels",
            format!("has black at {black} and white at {white}"),
            "give the value of black first, then that of white, which is larger",
        ))
    }

    /// The customary range (0 to 1, 0 to 255, 0 to 65535 or −1 to 1) that the values of a set fit: its largest value lies
    /// between half and twice the value of white, and a range from −1 has values below −1/2. None if no range fits.
    pub fn of(images: &PointSet) -> Option<Self> {
        let (low, high) = images.range();
        let signed = (-2.0..-0.5).contains(&low);
        CUSTOMARY.into_iter().find(|range| {
            let fits = (0.5 * range.white..2.0 * range.white).contains(&high);
            fits && (range.white > 1.0 || (range.black < 0.0) == signed)
        })
    }

    /// White less black.
    pub fn width(self) -> f64 {
        self.white - self.black
    }

    /// That the values of a set are in this range, give or take what generated images overshoot.
    pub(super) fn check(self, images: &PointSet) -> Result<()> {
        let Pixels { black, white } = Pixels::new(self.black, self.white)?;
        let (low, high) = images.range();
        let margin = OVERSHOOT * self.width();
        let problem = if low < black - margin || high > white + margin {
            format!("go from {low} to {high}, far beyond black and white at {self}")
        } else if high - low < SPREAD * self.width() {
            format!("go from {low} to {high}, next to nothing of black and white at {self}")
        } else {
            return Ok(());
        };
        Err(Error::argument("images", problem, "give their own values of black and white, or clip them"))
    }

    /// A value with black at 0 and white at 1.
    pub(super) fn unit(self, value: f64) -> f64 {
        (value - self.black) / self.width()
    }
}

impl fmt::Display for Pixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {}", self.black, self.white)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use ridgewalk::Shape;

    use super::*;

    fn images(values: &[f64]) -> PointSet {
        let values = Array2::from_shape_vec((1, values.len()), values.to_vec()).unwrap();
        let shape = Shape::Image { height: 1, width: values.ncols(), channels: 1 };
        PointSet::new(values, shape).unwrap()
    }

    #[test]
    fn customary_ranges_are_told_by_their_ends() {
        for (values, expected) in [
            (&[0.0, 0.2, 1.1][..], Some(Pixels::UNIT)),
            (&[-0.1, 0.2, 0.9], Some(Pixels::UNIT)),
            (&[-1.0, 0.2, 0.9], Some(Pixels::SIGNED)),
            (&[0.0, 9.0, 255.0], Some(Pixels::BYTES)),
            (&[-1.5, 9.0, 240.0], Some(Pixels::BYTES)),
            (&[0.0, 9.0, 60_000.0], Some(Pixels { black: 0.0, white: 65_535.0 })),
            (&[0.0, 16.0], None),
            (&[-5.0, -4.0], None),
        ] {
            assert_eq!(Pixels::of(&images(values)), expected, "{values:?}");
        }
    }

    #[test]
    fn other_units_are_refused_and_overshoot_is_not() {
        assert!(Pixels::BYTES.check(&images(&[-20.0, 300.0])).is_ok());
        for (range, values, told) in [
            (Pixels::BYTES, [0.0, 1.0], "next to nothing"),
            (Pixels::UNIT, [0.0, 255.0], "far beyond"),
            (Pixels::UNIT, [-1.1, 0.5], "far beyond"),
            (Pixels { black: 1.0, white: 0.0 }, [0.0, 1.0], "black at 1"),
        ] {
            let error = range.check(&images(&values)).unwrap_err().to_string();
            assert!(error.contains(told), "{error}");
        }
        assert!(Pixels::new(0.0, f64::NAN).is_err());
        assert!((Pixels::SIGNED.unit(0.5) - 0.75).abs() < 1e-15);
    }
}
