//! A sheet of images: all points of a set in rows, as one PNG file to look at.

use std::io::Write;
use std::path::Path;

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use ridgewalk::{PointSet, Shape};

use crate::atomic::write_atomically;
use crate::error::{Error, Result};
use crate::input::check_limit;

/// How a sheet looks.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SheetOptions {
    /// Images in a row; about a square sheet if not given.
    pub columns: Option<usize>,
    /// Pixels of the sheet per pixel of an image; if not given, so many that an image is about
    /// 64 pixels high.
    pub scale: Option<usize>,
    /// The values that become black and white; the smallest and the largest of all if not given.
    /// Values beyond are clipped.
    pub range: Option<(f64, f64)>,
}

/// Height of an image on the sheet where the scale is not given.
const COMFORTABLE: usize = 64;
/// Pixels between images.
const GAP: usize = 2;
/// Their grey: neither black nor white, so that it is seen beside both.
const GAP_VALUE: u8 = 128;
/// Bytes that a sheet may take.
const LARGEST_SHEET: u64 = 1 << 30;

/// Writes all images of `points` in rows, in their order.
///
/// # Errors
/// If the points are no images, an option is 0, the range is empty or not finite, the sheet would
/// take more than 1 GiB, or writing fails.
pub fn write_sheet(path: &Path, points: &PointSet, options: &SheetOptions) -> Result<()> {
    let sheet = Sheet::lay_out(points, options).map_err(|e| e.at_path(path))?;
    let color = if sheet.channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    // Encoded in memory, so that only the operating system's own errors come from the writing.
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&sheet.pixels, sheet.width as u32, sheet.height as u32, color)
        .map_err(|e| Error::argument(e.to_string(), "give fewer images").at_path(path))?;
    write_atomically(path, |output| output.write_all(&png))
}

struct Sheet {
    width: usize,
    height: usize,
    channels: usize,
    pixels: Vec<u8>,
}

impl Sheet {
    fn lay_out(points: &PointSet, options: &SheetOptions) -> Result<Self> {
        let Shape::Image { height: h, width: w, channels } = points.shape() else {
            let problem = format!("a sheet needs images, each point is a {}", points.shape());
            return Err(Error::argument(problem, "write .npy, .csv or .parquet instead"));
        };
        let n = points.len();
        let columns = options.columns.unwrap_or((n as f64).sqrt().ceil() as usize).min(n);
        let scale = options.scale.unwrap_or((COMFORTABLE / h.max(w)).max(1));
        let (low, high) = options.range.unwrap_or(points.range());
        if columns == 0 || scale == 0 {
            return Err(Error::argument("columns or scale is 0", "give at least 1"));
        }
        if !(low.is_finite() && high.is_finite() && (options.range.is_none() || low < high)) {
            return Err(Error::argument(format!("the range {low} to {high} is empty"), "give low < high"));
        }
        let side = |count: usize, size: usize| {
            let tile = (size as u64).saturating_mul(scale as u64).saturating_add(GAP as u64);
            tile.saturating_mul(count as u64).saturating_add(GAP as u64)
        };
        let (width, height) = (side(columns, w), side(n.div_ceil(columns), h));
        check_limit(width.saturating_mul(height).saturating_mul(channels as u64), LARGEST_SHEET)?;
        let (width, height) = (width as usize, height as usize);
        let mut pixels = vec![GAP_VALUE; width * height * channels];
        for i in 0..n {
            let top = GAP + i / columns * (h * scale + GAP);
            let left = GAP + i % columns * (w * scale + GAP);
            let point = points.point(i);
            for y in 0..h * scale {
                for x in 0..w * scale {
                    for c in 0..channels {
                        let value = point[((y / scale) * w + x / scale) * channels + c];
                        pixels[((top + y) * width + left + x) * channels + c] = grey(value, low, high);
                    }
                }
            }
        }
        Ok(Sheet { width, height, channels, pixels })
    }
}

/// 0 at `low` and below, 255 at `high` and above; a middle grey where all values are one.
fn grey(value: f64, low: f64, high: f64) -> u8 {
    // Halved first, because high − low may overflow.
    let span = high / 2.0 - low / 2.0;
    if span > 0.0 { (255.0 * ((value / 2.0 - low / 2.0) / span)).round() as u8 } else { GAP_VALUE }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_sheet_by_hand() {
        let shape = Shape::Image { height: 1, width: 2, channels: 1 };
        let points = PointSet::new(array![[0.0, 1.0], [2.0, 3.0], [-9.0, 9.0]], shape).unwrap();
        let options = SheetOptions { columns: Some(2), scale: Some(1), range: Some((0.0, 3.0)) };
        let sheet = Sheet::lay_out(&points, &options).unwrap();
        assert_eq!((sheet.width, sheet.height), (10, 8));
        assert_eq!(sheet.pixels[20..30], [128, 128, 0, 85, 128, 128, 170, 255, 128, 128]);
        assert_eq!(sheet.pixels[50..60], [128, 128, 0, 255, 128, 128, 128, 128, 128, 128]);
        let doubled = SheetOptions { scale: Some(2), ..options };
        let sheet = Sheet::lay_out(&points, &doubled).unwrap();
        assert_eq!((sheet.width, sheet.height), (14, 10));
        assert_eq!(sheet.pixels[2 * 14 + 2..2 * 14 + 6], [0, 0, 85, 85]);
    }

    #[test]
    fn what_cannot_be_drawn_is_refused() {
        let vectors = PointSet::vectors(array![[0.0]]).unwrap();
        assert!(write_sheet(Path::new("x.png"), &vectors, &SheetOptions::default()).is_err());
        let shape = Shape::Image { height: 1, width: 1, channels: 1 };
        let image = PointSet::new(array![[0.0]], shape).unwrap();
        for options in [
            SheetOptions { columns: Some(0), ..Default::default() },
            SheetOptions { scale: Some(0), ..Default::default() },
            SheetOptions { scale: Some(usize::MAX), ..Default::default() },
            SheetOptions { range: Some((1.0, 1.0)), ..Default::default() },
            SheetOptions { range: Some((0.0, f64::NAN)), ..Default::default() },
        ] {
            assert!(write_sheet(Path::new("x.png"), &image, &options).is_err(), "{options:?}");
        }
    }
}
