//! Sheets of images: pixels in the data's units become PNG files, one a tile or one a sheet.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ridgewalk::survey::{ImageRow, Plot};
use ridgewalk::{Error, Result};

/// Side in px up to which small images are enlarged on a sheet, by a whole factor.
const TILE: usize = 64;
/// Pixels between images of a sheet.
const GUTTER: usize = 4;
/// Most pixels of a sheet: what common viewers still open.
const MOST_PIXELS: usize = 100_000_000;

/// The form that all images of a plot share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) height: usize,
    pub(crate) width: usize,
    pub(crate) channels: usize,
    pub(crate) range: (f64, f64),
}

impl Form {
    /// The form, if it is one that can be shown.
    pub(crate) fn checked(height: usize, width: usize, channels: usize, range: (f64, f64)) -> Result<Self> {
        let argument = |name, problem: String, help: &str| Err(Error::argument(name, problem, help));
        if height == 0 || width == 0 || height > 4096 || width > 4096 {
            return argument(
                "images",
                format!("are {height}×{width}"),
                "each side must be from 1 to 4096 pixels",
            );
        }
        if channels != 1 && channels != 3 {
            return argument("channels", format!("is {channels}"), "give 1 (grey) or 3 (RGB)");
        }
        if !range.0.is_finite() || !range.1.is_finite() {
            return argument(
                "range",
                format!("is {range:?}"),
                "give two finite values, shown as black and as white",
            );
        }
        Ok(Form { height, width, channels, range })
    }

    fn len(&self) -> usize {
        self.height * self.width * self.channels
    }

    /// 8-bit values of an image; `None` if it does not have the form.
    fn bytes(&self, image: &[f64]) -> Option<Vec<u8>> {
        let (black, white) = self.range;
        (image.len() == self.len()).then(|| {
            let shade = |v: f64| if white == black { 0.5 } else { (v - black) / (white - black) };
            // A NaN casts to 0; values out of range saturate.
            image.iter().map(|&v| (255.0 * shade(v)).round() as u8).collect()
        })
    }

    /// An image as a PNG in a data URL; `None` if it does not have the form.
    pub(crate) fn data_url(&self, image: &[f64]) -> Option<String> {
        let png = encode(self.width, self.height, self.channels, &self.bytes(image)?).ok()?;
        Some(format!("data:image/png;base64,{}", STANDARD.encode(png)))
    }
}

/// The images of a [`Plot::Images`] as one PNG, row by row on white, enlarged by a whole factor to about
/// 64 px. Labels and notes are not on it. NaN pixels are black; an image with a wrong number of values
/// leaves its place empty.
///
/// # Errors
/// If the plot has no images, is another kind of plot, has sides, channels or a range that cannot be
/// shown, or needs more than 10⁸ pixels.
pub fn sheet_png(plot: &Plot) -> Result<Vec<u8>> {
    let Plot::Images { height, width, channels, range, rows } = plot else {
        return Err(Error::argument("plot", "does not hold images", "give a Plot::Images"));
    };
    let form = Form::checked(*height, *width, *channels, *range)?;
    let columns = rows.iter().map(|r| r.images.len()).max().unwrap_or(0);
    if columns == 0 {
        return Err(Error::empty("the sheet", "give at least one image"));
    }
    let zoom = (TILE / form.height.max(form.width)).max(1);
    let (step_x, step_y) = (form.width * zoom + GUTTER, form.height * zoom + GUTTER);
    let (full_width, full_height) = (step_x * columns + GUTTER, step_y * rows.len() + GUTTER);
    if full_width.saturating_mul(full_height) > MOST_PIXELS {
        return Err(Error::argument(
            "images",
            format!("need a sheet of {full_width}×{full_height} pixels"),
            "show fewer or smaller images",
        ));
    }
    let mut sheet = vec![255u8; full_width * full_height * form.channels];
    for (r, row) in rows.iter().enumerate() {
        for (k, image) in row.images.iter().enumerate() {
            let Some(bytes) = form.bytes(image) else { continue };
            for y in 0..form.height * zoom {
                for x in 0..form.width * zoom {
                    let from = (y / zoom * form.width + x / zoom) * form.channels;
                    let to =
                        ((GUTTER + r * step_y + y) * full_width + GUTTER + k * step_x + x) * form.channels;
                    sheet[to..to + form.channels].copy_from_slice(&bytes[from..from + form.channels]);
                }
            }
        }
    }
    encode(full_width, full_height, form.channels, &sheet)
}

fn encode(width: usize, height: usize, channels: usize, bytes: &[u8]) -> Result<Vec<u8>> {
    let failed = |e: png::EncodingError| Error::Numerical {
        what: "PNG",
        problem: e.to_string(),
        help: "show fewer or smaller images".into(),
    };
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width as u32, height as u32);
    encoder.set_color(if channels == 1 { png::ColorType::Grayscale } else { png::ColorType::Rgb });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::High);
    let mut writer = encoder.write_header().map_err(failed)?;
    writer.write_image_data(bytes).map_err(failed)?;
    writer.finish().map_err(failed)?;
    Ok(out)
}

/// A sheet from rows of vectors that hold one image each, with the range of all values: what most callers need.
///
/// `shape` is (height, width, channels). Values that are not finite do not count for the range.
pub fn images(shape: (usize, usize, usize), rows: Vec<ImageRow>) -> Plot {
    let finite = rows.iter().flat_map(|r| r.images.iter().flatten()).filter(|v| v.is_finite());
    let range = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let range = if range.0 <= range.1 { range } else { (0.0, 1.0) };
    Plot::Images { height: shape.0, width: shape.1, channels: shape.2, range, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (png::OutputInfo, Vec<u8>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut out = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut out).unwrap();
        (info, out)
    }

    fn row(images: Vec<Vec<f64>>) -> ImageRow {
        ImageRow { label: "r".into(), images, notes: vec![] }
    }

    #[test]
    fn pixels_read_back_by_hand() {
        // 64 / 2 = 32 times as large, between gutters of 4.
        let plot = Plot::Images {
            height: 1,
            width: 2,
            channels: 1,
            range: (-1.0, 1.0),
            rows: vec![
                row(vec![vec![-1.0, 0.0], vec![1.0, 7.0]]),
                row(vec![vec![f64::NAN, -9.0], vec![0.0]]),
            ],
        };
        let (info, pixels) = decode(&sheet_png(&plot).unwrap());
        assert_eq!((info.width, info.height), (4 + 2 * 68, 4 + 2 * 36));
        let at = |x: usize, y: usize| pixels[y * info.width as usize + x];
        assert_eq!(at(0, 0), 255);
        assert_eq!(at(4, 4), 0);
        assert_eq!(at(35, 35), 0);
        assert_eq!(at(36, 4), 128);
        assert_eq!(at(72, 4), 255);
        assert_eq!(at(4, 40), 0);
        // The last image has one value where two belong: its place is empty.
        assert_eq!(at(72, 40), 255);
    }

    #[test]
    fn rows_of_an_image_stand_below_each_other() {
        // Two rows of three pixels, each 64 / 3 = 21 px wide.
        let plot = Plot::Images {
            height: 2,
            width: 3,
            channels: 1,
            range: (0.0, 255.0),
            rows: vec![row(vec![vec![10.0, 20.0, 30.0, 40.0, 50.0, 60.0]])],
        };
        let (info, pixels) = decode(&sheet_png(&plot).unwrap());
        let at = |x: usize, y: usize| pixels[(4 + 21 * y) * info.width as usize + 4 + 21 * x];
        let seen = [at(0, 0), at(1, 0), at(2, 0), at(0, 1), at(1, 1), at(2, 1)];
        assert_eq!(seen, [10, 20, 30, 40, 50, 60]);
    }

    #[test]
    fn colour_is_kept() {
        let plot = images((1, 1, 3), vec![row(vec![vec![0.0, 0.5, 1.0]])]);
        let (info, pixels) = decode(&sheet_png(&plot).unwrap());
        assert_eq!(info.color_type, png::ColorType::Rgb);
        let start = (4 * info.width as usize + 4) * 3;
        assert_eq!(pixels[start..start + 3], [0, 128, 255]);
    }

    #[test]
    fn what_cannot_be_shown_is_an_error() {
        assert!(sheet_png(&images((8, 8, 1), vec![])).is_err());
        assert!(sheet_png(&images((0, 8, 1), vec![row(vec![vec![]])])).is_err());
        assert!(sheet_png(&images((1, 1, 2), vec![row(vec![vec![0.0, 1.0]])])).is_err());
        let x = ridgewalk::survey::Axis::linear("x");
        assert!(sheet_png(&Plot::Distributions { x, groups: vec![] }).is_err());
        let flat = Form::checked(1, 1, 1, (2.0, 2.0)).unwrap();
        assert_eq!(flat.bytes(&[2.0]), Some(vec![128]));
    }
}
