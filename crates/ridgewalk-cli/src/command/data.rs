//! `ridgewalk data`: info, make, convert.

use std::path::Path;

use ridgewalk::PointSet;
use ridgewalk_data::{describe, mrc_header, nearest_neighbour_spacing, write_mrc, write_points};

use crate::arguments::{Data, Preparation};
use crate::failure::{Failure, Result};
use crate::progress::{result, say};
use crate::source::{read, read_with, split};

/// Points between which the spacing is measured.
const SPACING_SAMPLE: usize = 500;

pub fn run(data: &Data) -> Result<()> {
    match data {
        Data::Info { data, reading, seed, json } => info(data, &read(data, reading, *seed)?, *json),
        Data::Make { name, dim, output, reading, preparation, seed } => {
            if Path::new(name).exists() {
                return Err(Failure::new(
                    name,
                    "is a file",
                    "data make takes the name of a set; to change a file's format use `ridgewalk data convert`",
                ));
            }
            let points = prepare(&read_with(name, reading, *seed, *dim)?, preparation, *seed)?;
            write_points(output, &points)?;
            written(output, &points);
            Ok(())
        }
        Data::Convert { data, output, reading, preparation, seed } => {
            let points = prepare(&read(data, reading, *seed)?, preparation, *seed)?;
            match (mrc_header(data)?.and_then(|header| header.voxel_size), is_mrc(output)) {
                // A pixel keeps its size; where rows and columns differ in it, there is no one size to keep.
                (Some([x, y, _]), true) if (x / y - 1.0).abs() < 1e-3 => write_mrc(output, &points, x)?,
                _ => write_points(output, &points)?,
            }
            written(output, &points);
            Ok(())
        }
    }
}

fn info(name: &str, points: &PointSet, json: bool) -> Result<()> {
    let info = describe(points);
    let spacing = nearest_neighbour_spacing(points, SPACING_SAMPLE);
    let header = mrc_header(name)?;
    if json {
        let mut value = serde_json::to_value(&info).unwrap_or_default();
        value["spacing"] = spacing.into();
        if let Some(header) = header {
            value["mrc"] = serde_json::to_value(header).unwrap_or_default();
        }
        return result(&serde_json::to_string_pretty(&value).unwrap_or_default());
    }
    result(&format!("{name}\n{info}"))?;
    if let Some(header) = header {
        result(&header.to_string())?;
    }
    if let Some(spacing) = spacing {
        result(&format!("median distance to the nearest other point: {spacing:.6}"))?;
    }
    Ok(())
}

fn prepare(points: &PointSet, preparation: &Preparation, seed: u64) -> Result<PointSet> {
    let (points, _) = split(points, preparation.hold_out.unwrap_or(0.0), seed)?;
    if preparation.standardize {
        return Ok(ridgewalk_data::Normalization::fit(&points)?.apply(&points)?);
    }
    Ok(points)
}

fn is_mrc(output: &Path) -> bool {
    output.extension().is_some_and(|e| e.eq_ignore_ascii_case("mrc") || e.eq_ignore_ascii_case("mrcs"))
}

fn written(output: &Path, points: &PointSet) {
    say(&format!("{} points ({}): {}", points.len(), points.shape(), output.display()));
}
