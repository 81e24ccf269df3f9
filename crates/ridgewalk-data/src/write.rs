//! [`write_points`]: a file of points in the format that its name asks for; and CSV.

use std::io::Write;
use std::path::Path;

use ridgewalk::PointSet;

use crate::atomic::write_atomically;
use crate::error::{Error, Result};
use crate::mrc::write_mrc;
use crate::npy::{FloatWidth, write_npy};
use crate::npz::write_npz;
use crate::sheet::{SheetOptions, write_sheet};

/// Writes `points` by the extension of `path`: `.npy`, `.npz`, `.parquet`, `.csv`, `.mrc` or `.mrcs` (grey images,
/// with pixels of 1 Å; [`write_mrc`] takes another size), or `.png` (a sheet of images, for looking at). Numbers are
/// f64, in MRC f32. NPZ, Parquet and CSV keep labels; NPY, NPZ and MRC keep the shape of images; CSV and Parquet write
/// them as vectors.
///
/// # Errors
/// If the extension is another one, a PNG sheet or MRC is asked of vectors, or writing fails.
pub fn write_points(path: &Path, points: &PointSet) -> Result<()> {
    let extension = path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("npy") => write_npy(path, points, FloatWidth::F64),
        Some("npz") => write_npz(path, points, FloatWidth::F64),
        Some("csv") => write_csv(path, points),
        Some("parquet") => crate::parquet::write_parquet(path, points, FloatWidth::F64),
        Some("mrc" | "mrcs") => write_mrc(path, points, 1.0),
        Some("png") => write_sheet(path, points, &SheetOptions::default()),
        _ => {
            let help = "name it .npy, .npz, .parquet, .csv, .mrc, .mrcs or .png";
            Err(Error::argument("the name does not tell the format", help).at_path(path))
        }
    }
}

/// Writes a table: a header with the column names (`x0`, `x1`, … where there are none, then
/// `label`), one point a line, each number in the fewest digits that give it back exactly.
///
/// # Errors
/// What the operating system reports, with the path.
pub fn write_csv(path: &Path, points: &PointSet) -> Result<()> {
    write_atomically(path, |output| {
        let mut header = column_names(points);
        header.extend(points.labels().map(|_| "label".to_string()));
        let mut lines = ::csv::Writer::from_writer(vec![]);
        lines.write_record(&header)?;
        output.write_all(&lines.into_inner().map_err(|e| e.into_error())?)?;
        for (i, row) in points.values().outer_iter().enumerate() {
            for (j, value) in row.iter().enumerate() {
                let comma = if j == 0 { "" } else { "," };
                // `{:?}` writes 1e300 as such, where `{}` would write 301 digits.
                write!(output, "{comma}{value:?}")?;
            }
            match points.labels() {
                Some(labels) => writeln!(output, ",{}", labels[i])?,
                None => writeln!(output)?,
            }
        }
        Ok(())
    })
}

/// Names of the coordinates: their own, else x0, x1, ….
pub(crate) fn column_names(points: &PointSet) -> Vec<String> {
    match points.columns() {
        Some(names) => names.to_vec(),
        None => (0..points.dim()).map(|i| format!("x{i}")).collect(),
    }
}
