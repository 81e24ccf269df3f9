//! Writing MRC: 32-bit floats of little endian, as a stack of images.

use std::io::Write;
use std::path::Path;

use ridgewalk::{PointSet, Shape};

use super::header::LENGTH;
use crate::atomic::write_atomically;
use crate::error::{Error, ErrorKind, Location, Result};

/// The version that the header declares: MRC2014, with the amendment of 2016.
const VERSION: i32 = 20141;
/// The one label of the header.
const LABEL: &[u8] = b"ridgewalk";
/// Labels that a header has room for, and their width.
const LABELS: usize = 10 * 80;

/// Writes grey images as an MRC file of mode 2: one image, or a stack (ISPG 0, MZ 1). `voxel_size` is the side of a
/// pixel in Å. Values are rounded to f32; minimum, maximum, mean and deviation in the header are those of the rounded
/// values. Labels are not kept.
///
/// # Errors
/// If the points are no images of one channel, a value does not fit into f32, `voxel_size` is not positive and finite,
/// or writing fails.
///
/// # Examples
/// ```
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("digits.mrcs");
/// ridgewalk_data::write_mrc(&path, &ridgewalk_data::digits(), 1.0)?;
/// let header = ridgewalk_data::mrc_header(path.to_str().unwrap())?.unwrap();
/// assert_eq!((header.sections, header.rows, header.columns), (1797, 8, 8));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_mrc(path: &Path, points: &PointSet, voxel_size: f64) -> Result<()> {
    let header = header(points, voxel_size).map_err(|e| e.at_path(path))?;
    write_atomically(path, |output| {
        output.write_all(&header)?;
        for value in points.values() {
            output.write_all(&(*value as f32).to_le_bytes())?;
        }
        output.flush()
    })
}

fn header(points: &PointSet, voxel_size: f64) -> Result<Vec<u8>> {
    let Shape::Image { height, width, channels: 1 } = points.shape() else {
        let problem = format!("MRC holds images of one channel, each point is a {}", points.shape());
        return Err(Error::argument(problem, "write .npy or .npz instead"));
    };
    if !(voxel_size.is_finite() && voxel_size > 0.0) {
        let problem = format!("the voxel size cannot be {voxel_size}");
        return Err(Error::argument(problem, "give the side of a pixel in Å"));
    }
    let size = |count: usize| {
        i32::try_from(count).map_err(|_| {
            Error::argument(format!("MRC has no room for the size {count}"), "write .npy or .npz instead")
        })
    };
    let [columns, rows, sections] = [size(width)?, size(height)?, size(points.len())?];
    let statistics = Statistics::of(points)?;
    let cell = [width, height, 1].map(|n| (n as f64 * voxel_size) as f32);

    let mut out = Vec::with_capacity(LENGTH);
    let mut integers = |values: &[i32]| out.extend(values.iter().flat_map(|v| v.to_le_bytes()));
    let float = |value: f32| i32::from_le_bytes(value.to_le_bytes());
    integers(&[columns, rows, sections, 2]);
    integers(&[0; 3]);
    integers(&[columns, rows, 1]); // MZ of a stack of images
    integers(&cell.map(float));
    integers(&[90.0; 3].map(float));
    integers(&[1, 2, 3]);
    integers(&[statistics.min, statistics.max, statistics.mean].map(float));
    integers(&[0, 0]); // images, without extended header
    integers(&[0; 3]);
    integers(&[VERSION]);
    integers(&[0; 21 + 3]);
    out.extend(b"MAP \x44\x44\0\0");
    out.extend(statistics.deviation.to_le_bytes());
    out.extend(1i32.to_le_bytes());
    out.extend(LABEL);
    out.extend(std::iter::repeat_n(b' ', LABELS - LABEL.len()));
    Ok(out)
}

/// Of the values as they are stored.
struct Statistics {
    min: f32,
    max: f32,
    mean: f32,
    deviation: f32,
}

impl Statistics {
    fn of(points: &PointSet) -> Result<Self> {
        let (mut min, mut max, mut sum) = (f32::INFINITY, f32::NEG_INFINITY, 0.0f64);
        for ((row, column), &value) in points.values().indexed_iter() {
            let stored = value as f32;
            if !stored.is_finite() {
                let problem = format!("the value {value} does not fit into 32 bits");
                let help = "scale the data, or write .npy or .npz instead";
                return Err(Error::new(ErrorKind::NonFinite, problem, help).at(Location::Row { row, column }));
            }
            (min, max, sum) = (min.min(stored), max.max(stored), sum + f64::from(stored));
        }
        let n = points.values().len() as f64;
        let mean = sum / n;
        let off = |value: &f64| (f64::from(*value as f32) - mean) * (f64::from(*value as f32) - mean);
        let variance = points.values().iter().map(off).sum::<f64>() / n;
        Ok(Statistics { min, max, mean: mean as f32, deviation: variance.sqrt() as f32 })
    }
}
