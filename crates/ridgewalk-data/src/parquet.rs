//! Parquet tables: numeric columns are coordinates, one column may be the label.
//!
//! Read with the low-level column readers, without Arrow, which would triple the build. Snappy,
//! zstd, gzip and uncompressed pages. Columns of lists, dates, decimals and words (but for the
//! label) are refused by name. A gzipped page is unpacked whole: a crafted one can take up to 1032
//! times its own size before the limit is felt. pandas' stored index (`__index_level_0__`) is left out.

mod column;
mod write;

pub use write::write_parquet;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use ::parquet::basic::Compression;
use ::parquet::errors::ParquetError;
use ::parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};
use ndarray::Array2;
use ridgewalk::PointSet;

use crate::error::{Error, Location, Result};
use crate::input::{check_limit, open_regular};
use crate::labels;
use crate::load::LoadOptions;
use crate::table::{self, LabelColumn};
use column::Column;

/// Reads points and, if there is a label column, their labels.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Result<PointSet> {
    // The decoder asserts what a damaged page can violate; a reader of files must not fall over.
    let caught = catch_unwind(AssertUnwindSafe(|| read_table(path, options)));
    let result = caught.unwrap_or_else(|_| Err(Error::malformed("the decoder gave up on a damaged page")));
    result.map_err(|e| e.at_path(path))
}

fn read_table(path: &Path, options: &LoadOptions) -> Result<PointSet> {
    let (file, _) = open_regular(path)?;
    let reader = SerializedFileReader::new(file).map_err(failed)?;
    let metadata = reader.metadata().file_metadata();
    let schema = metadata.schema_descr();
    let all: Vec<String> = schema.columns().iter().map(|c| c.path().string()).collect();
    let kept: Vec<usize> = (0..all.len()).filter(|&i| !is_index(&all[i])).collect();
    let names: Vec<String> = kept.iter().map(|&i| all[i].clone()).collect();
    let parts = table::split(&names, &options.label_column, options.columns.as_deref())?;
    let d = parts.coordinates.len();
    let rows =
        u64::try_from(metadata.num_rows()).map_err(|_| Error::malformed("a negative number of rows"))?;
    check_limit(rows.saturating_mul(d as u64).saturating_mul(8), options.limit)?;
    let mut coordinates = Vec::with_capacity(d);
    for &i in &parts.coordinates {
        coordinates.push(column::Reader::new(schema.column(kept[i]), kept[i], false)?);
    }
    let label =
        parts.label.map(|i| column::Reader::new(schema.column(kept[i]), kept[i], true)).transpose()?;

    let mut values = Vec::new();
    let mut label_values = Column::default();
    for g in 0..reader.num_row_groups() {
        let group = reader.get_row_group(g).map_err(failed)?;
        check_group(group.as_ref(), options.limit)?;
        let first_row = values.len() / d;
        let mut columns = Vec::with_capacity(d);
        for reader in &coordinates {
            columns.push(reader.numbers(group.as_ref(), first_row)?);
        }
        let height = columns[0].len();
        check_limit(((values.len() + height * d) as u64).saturating_mul(8), options.limit)?;
        values.extend((0..height).flat_map(|row| columns.iter().map(move |c| c[row])));
        if let Some(reader) = &label {
            reader.append(group.as_ref(), first_row, &mut label_values)?;
        }
    }
    if values.len() as u64 != rows * d as u64 {
        let problem = format!("the footer declares {rows} rows, there are {}", values.len() / d);
        return Err(Error::malformed(problem));
    }
    let values = Array2::from_shape_vec((values.len() / d, d), values);
    let points = PointSet::vectors(values.map_err(|e| Error::malformed(e.to_string()))?)?;
    let points = points.with_columns(parts.coordinates.iter().map(|&i| names[i].clone()).collect())?;
    let Some(i) = parts.label else { return Ok(points) };
    let here = |e: Error| e.at(Location::Part(names[i].clone()));
    let labels = match label_values {
        Column::Words(words) => labels::from_words(&words),
        Column::Numbers(numbers) => {
            if options.label_column == LabelColumn::Auto && numbers.iter().any(|v| v.fract() != 0.0) {
                return Err(table::fractions(names[i].clone()));
            }
            labels::from_numbers(&numbers)
        }
    };
    Ok(points.with_labels(labels.map_err(here)?)?)
}

/// Refuses what is too large by its own claim, and compressions that are not built in.
fn check_group(group: &dyn RowGroupReader, limit: u64) -> Result<()> {
    let metadata = group.metadata();
    for column in metadata.columns() {
        let size = u64::try_from(column.uncompressed_size()).unwrap_or(u64::MAX);
        check_limit(size, limit)?;
        if !matches!(
            column.compression(),
            Compression::UNCOMPRESSED | Compression::SNAPPY | Compression::GZIP(_) | Compression::ZSTD(_)
        ) {
            let help = "write it with zstd, snappy, gzip or no compression";
            return Err(Error::unsupported(format!("{} is not read", column.compression()), help));
        }
    }
    Ok(())
}

fn is_index(name: &str) -> bool {
    name.starts_with("__index_level_") && name.ends_with("__")
}

fn failed(error: ParquetError) -> Error {
    match error {
        ParquetError::NYI(what) => {
            Error::unsupported(format!("Parquet: {what}"), "write it again with common settings")
        }
        other => Error::malformed(other.to_string()),
    }
}
