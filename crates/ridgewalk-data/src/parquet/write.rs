//! Writing Parquet tables.

use std::io;
use std::path::Path;
use std::sync::Arc;

use ::parquet::basic::{Compression, Repetition, Type as Physical, ZstdLevel};
use ::parquet::data_type::{DoubleType, FloatType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use ::parquet::schema::types::Type;
use ridgewalk::PointSet;

use crate::atomic::{Output, write_atomically};
use crate::error::Result;
use crate::npy::FloatWidth;
use crate::write::column_names;

/// Rows of a group: a reader holds one group at a time.
const GROUP: usize = 1 << 16;

/// Writes a table of one column for each coordinate (its name, else `x0`, `x1`, …) and, if there
/// are labels, a column `label` of integers; zstd. Images become vectors, row by row.
///
/// # Errors
/// What the operating system reports, with the path.
pub fn write_parquet(path: &Path, points: &PointSet, width: FloatWidth) -> Result<()> {
    write_atomically(path, |output| {
        write(output, points, width).map_err(|error| match error {
            // The operating system's own error is kept, so that a full disk is told as such.
            ParquetError::External(e) => match e.downcast::<io::Error>() {
                Ok(e) => *e,
                Err(e) => io::Error::other(e),
            },
            other => io::Error::other(other),
        })
    })
}

fn write(output: &mut Output, points: &PointSet, width: FloatWidth) -> Result<(), ParquetError> {
    let physical = if width == FloatWidth::F32 { Physical::FLOAT } else { Physical::DOUBLE };
    let field = |name: &str, physical: Physical| {
        Type::primitive_type_builder(name, physical)
            .with_repetition(Repetition::REQUIRED)
            .build()
            .map(Arc::new)
    };
    let mut fields = Vec::new();
    for name in column_names(points) {
        fields.push(field(&name, physical)?);
    }
    if points.labels().is_some() {
        fields.push(field("label", Physical::INT64)?);
    }
    let schema = Arc::new(Type::group_type_builder("points").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        // Real numbers hardly ever repeat: a dictionary would only cost time.
        .set_dictionary_enabled(false)
        .set_created_by("ridgewalk".to_string())
        .build();
    let mut file = SerializedFileWriter::new(output, schema, Arc::new(properties))?;
    for start in (0..points.len()).step_by(GROUP) {
        let end = points.len().min(start + GROUP);
        let mut group = file.next_row_group()?;
        write_group(&mut group, points, start, end, width)?;
        group.close()?;
    }
    file.close()?;
    Ok(())
}

fn write_group(
    group: &mut SerializedRowGroupWriter<'_, &mut Output>,
    points: &PointSet,
    start: usize,
    end: usize,
    width: FloatWidth,
) -> Result<(), ParquetError> {
    let values = points.values();
    for j in 0..points.dim() {
        let Some(mut column) = group.next_column()? else { break };
        let numbers = (start..end).map(|i| values[[i, j]]);
        match width {
            FloatWidth::F32 => {
                let numbers: Vec<f32> = numbers.map(|v| v as f32).collect();
                column.typed::<FloatType>().write_batch(&numbers, None, None)?;
            }
            FloatWidth::F64 => {
                let numbers: Vec<f64> = numbers.collect();
                column.typed::<DoubleType>().write_batch(&numbers, None, None)?;
            }
        }
        column.close()?;
    }
    if let (Some(labels), Some(mut column)) = (points.labels(), group.next_column()?) {
        let labels: Vec<i64> = labels[start..end].iter().map(|&l| i64::from(l)).collect();
        column.typed::<Int64Type>().write_batch(&labels, None, None)?;
        column.close()?;
    }
    Ok(())
}
