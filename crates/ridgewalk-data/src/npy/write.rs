//! Writing NPY files.

use std::io::{self, Write};
use std::path::Path;

use ndarray::ArrayView2;
use ridgewalk::{PointSet, Shape};

use crate::atomic::write_atomically;
use crate::error::Result;

/// How wide the numbers of a binary file are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FloatWidth {
    /// 4 bytes (`<f4`): half the space, 7 digits. Values beyond ±3.4·10³⁸ become infinite.
    F32,
    /// 8 bytes (`<f8`): nothing is lost.
    #[default]
    F64,
}

impl FloatWidth {
    fn code(self) -> &'static str {
        match self {
            FloatWidth::F32 => "<f4",
            FloatWidth::F64 => "<f8",
        }
    }
}

/// The axes of the array that holds `points`: `[n, d]`, `[n, h, w]` (grey) or `[n, h, w, c]`.
pub(crate) fn axes(points: &PointSet) -> Vec<usize> {
    match points.shape() {
        Shape::Vector(d) => vec![points.len(), d],
        Shape::Image { height, width, channels: 1 } => vec![points.len(), height, width],
        Shape::Image { height, width, channels } => vec![points.len(), height, width, channels],
    }
}

/// Magic, version and header, padded so that the data begin at a multiple of 64 bytes.
pub(crate) fn preamble(code: &str, shape: &[usize]) -> Vec<u8> {
    let axes: String = shape.iter().map(|m| format!("{m}, ")).collect();
    let axes = if shape.len() == 1 { axes.trim_end() } else { axes.trim_end_matches(", ") };
    let header = format!("{{'descr': '{code}', 'fortran_order': False, 'shape': ({axes}), }}");
    let padding = (64 - (10 + header.len() + 1) % 64) % 64;
    let length = (header.len() + padding + 1) as u16;
    let mut out = b"\x93NUMPY\x01\x00".to_vec();
    out.extend(length.to_le_bytes());
    out.extend(header.as_bytes());
    out.extend(std::iter::repeat_n(b' ', padding));
    out.push(b'\n');
    out
}

/// Writes an array with its header.
pub(crate) fn write_array(
    writer: &mut dyn Write,
    values: ArrayView2<f64>,
    shape: &[usize],
    width: FloatWidth,
) -> io::Result<()> {
    writer.write_all(&preamble(width.code(), shape))?;
    for value in values {
        match width {
            FloatWidth::F32 => writer.write_all(&(*value as f32).to_le_bytes())?,
            FloatWidth::F64 => writer.write_all(&value.to_le_bytes())?,
        }
    }
    writer.flush()
}

/// Writes labels as one array of `<u4`.
pub(crate) fn write_labels(writer: &mut dyn Write, labels: &[u32]) -> io::Result<()> {
    writer.write_all(&preamble("<u4", &[labels.len()]))?;
    for label in labels {
        writer.write_all(&label.to_le_bytes())?;
    }
    writer.flush()
}

/// Writes the values of `points` as one array: `[n, d]`, `[n, h, w]` (grey images) or
/// `[n, h, w, c]`. Labels and column names have no place in NPY; [`crate::write_npz`] keeps labels.
///
/// # Errors
/// What the operating system reports, with the path.
pub fn write_npy(path: &Path, points: &PointSet, width: FloatWidth) -> Result<()> {
    write_atomically(path, |writer| write_array(writer, points.values(), &axes(points), width))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preamble_is_what_numpy_writes() {
        let bytes = preamble("<f8", &[3]);
        assert_eq!(bytes.len() % 64, 0);
        assert!(bytes.starts_with(
            b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f8', 'fortran_order': False, 'shape': (3,), }"
        ));
        assert!(String::from_utf8_lossy(&preamble("<f4", &[3, 4])).contains("'shape': (3, 4), }"));
    }
}
