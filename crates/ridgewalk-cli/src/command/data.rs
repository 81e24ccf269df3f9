//! `ridgewalk data`: info, make, convert.

use std::path::Path;

use ridgewalk::PointSet;
use ridgewalk_data::{describe, nearest_neighbour_spacing, write_points};

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
            write(output, &read_with(name, reading, *seed, *dim)?, preparation, *seed)
        }
        Data::Convert { data, output, reading, preparation, seed } => {
            write(output, &read(data, reading, *seed)?, preparation, *seed)
        }
    }
}

fn info(name: &str, points: &PointSet, json: bool) -> Result<()> {
    let info = describe(points);
    let spacing = nearest_neighbour_spacing(points, SPACING_SAMPLE);
    if json {
        let mut value = serde_json::to_value(&info).unwrap_or_default();
        value["spacing"] = spacing.into();
        return result(&serde_json::to_string_pretty(&value).unwrap_or_default());
    }
    result(&format!("{name}\n{info}"))?;
    if let Some(spacing) = spacing {
        result(&format!("median distance to the nearest other point: {spacing:.6}"))?;
    }
    Ok(())
}

fn write(output: &Path, points: &PointSet, preparation: &Preparation, seed: u64) -> Result<()> {
    let (points, _) = split(points, preparation.hold_out.unwrap_or(0.0), seed)?;
    let points = if preparation.standardize {
        ridgewalk_data::Normalization::fit(&points)?.apply(&points)?
    } else {
        points
    };
    write_points(output, &points)?;
    say(&format!("{} points ({}): {}", points.len(), points.shape(), output.display()));
    Ok(())
}
