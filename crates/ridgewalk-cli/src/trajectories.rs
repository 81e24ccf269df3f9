//! What the paths of a run look like: trajectories.json, and for images trajectories.png.

use std::path::Path;

use ndarray::{Array1, Array2, Axis};
use ridgewalk::latent::{Components, Latent};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::sampler::{Observer, Progress};
use ridgewalk::{Denoiser, Pca, Shape};
use ridgewalk_data::{SheetOptions, write_sheet};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::progress::{Meter, say};
use crate::record::write_json;
use crate::source::Source;

/// Names of the files.
pub const NUMBERS: &str = "trajectories.json";
pub const PICTURE: &str = "trajectories.png";

/// Paths drawn on the sheet, and principal components whose decision is told.
const DRAWN: usize = 8;
const MODES: usize = 8;
/// Paths are written in up to this many coordinates, and of at most this many samples.
const FILMED: usize = 3;
const PATHS: usize = 200;

/// Watches a run for the terminal and, if asked for, records it.
pub struct Watch {
    pub meter: Meter,
    pub record: Option<Trajectories>,
}

impl Observer for Watch {
    fn observe(&mut self, progress: &Progress) -> std::ops::ControlFlow<()> {
        if let Some(record) = &mut self.record
            && record.observe(progress).is_break()
        {
            return std::ops::ControlFlow::Break(());
        }
        self.meter.observe(progress)
    }
}

/// Writes what was recorded into `folder`; the names of the files.
pub fn write(
    record: &Trajectories,
    denoiser: &dyn Denoiser,
    source: &Source,
    folder: &Path,
) -> Result<Vec<&'static str>> {
    let scale = denoiser.moments().map_or(1.0, |m| m.std).max(f64::MIN_POSITIVE);
    let denoised = record.denoised(denoiser)?;
    let kept = record.variance_preserving(scale)?;
    let (plane, three) = kept.flatness()?.means();
    let sigmas: Vec<f64> = record.states().map(|(sigma, _)| sigma).collect();
    let each = |paths: &Trajectories| -> Result<Value> {
        let bending = paths.bending()?;
        let mean = |of: fn(&ridgewalk::sampler::observers::Bending) -> f64| {
            bending.iter().map(of).sum::<f64>() / bending.len().max(1) as f64
        };
        Ok(
            json!({ "length": mean(|b| b.length), "turning": mean(|b| b.turning), "twisting": mean(|b| b.twisting) }),
        )
    };
    let numbers = json!({
        "sigmas": sigmas,
        "states": { "in_plane_of_ends": plane, "in_three_components": three, "bending": each(&kept)? },
        "denoised": { "bending": each(&denoised)? },
        "modes": modes(&denoised)?,
        "paths": paths(record),
        "units": source.units(),
        "about": "means over samples; states are scaled to keep their variance; angles in radians; commitment is the noise \
                 level at which a principal coordinate of the denoised state reached half of its final value, expected at \
                 1.732 standard deviations for Gaussian data (arXiv 2303.02490)",
    });
    write_json(&folder.join(NUMBERS), &numbers)?;
    let mut written = vec![NUMBERS];
    if source.file.shape.is_image() {
        picture(&denoised, source, &folder.join(PICTURE))?;
        written.push(PICTURE);
    }
    Ok(written)
}

/// The states themselves, of few coordinates: what a film is made of. By level, by sample, by coordinate.
fn paths(record: &Trajectories) -> Value {
    let few = record.states().all(|(_, x)| x.ncols() <= FILMED);
    if !few {
        return Value::Null;
    }
    let state = |x: ndarray::ArrayView2<f64>| -> Vec<Vec<f64>> {
        x.outer_iter().take(PATHS).map(|row| row.to_vec()).collect()
    };
    record.states().map(|(_, x)| json!(state(x))).collect()
}

/// The paths that [`write()`] put into a folder, if it did.
pub fn read(folder: &Path) -> Result<Option<Trajectories>> {
    let path = folder.join(NUMBERS);
    if !path.exists() {
        return Ok(None);
    }
    let wrong = |problem: String| {
        Failure::new(path.display(), problem, "remove it, or sample again with --trajectories")
    };
    let text = std::fs::read_to_string(&path).map_err(|e| wrong(format!("cannot be read: {e}")))?;
    let record: Recorded =
        serde_json::from_str(&text).map_err(|e| wrong(format!("is not as written: {e}")))?;
    let Some(paths) = record.paths else { return Ok(None) };
    if record.units != "data" {
        // Of principal components or standardized data: other coordinates, whose noise is another.
        let units = record.units;
        say(&format!("the paths in {} are in {units} units and are not followed", path.display()));
        return Ok(None);
    }
    if paths.len() != record.sigmas.len() {
        return Err(wrong(format!("has {} states at {} noise levels", paths.len(), record.sigmas.len())));
    }
    let state = |rows: Vec<Vec<f64>>| -> Result<Array2<f64>> {
        let (n, d) = (rows.len(), rows.first().map_or(0, Vec::len));
        let flat: Vec<f64> = rows.into_iter().flatten().collect();
        Array2::from_shape_vec((n, d), flat).map_err(|e| wrong(format!("has states of unequal rows: {e}")))
    };
    let states = record.sigmas.into_iter().zip(paths).map(|(sigma, rows)| Ok((sigma, state(rows)?)));
    let states = states.collect::<Result<Vec<_>>>()?;
    Ok(Some(Trajectories::of_states(states).map_err(|e| wrong(e.to_string()))?))
}

/// What of the file is read again.
#[derive(serde::Deserialize)]
struct Recorded {
    sigmas: Vec<f64>,
    #[serde(default)]
    units: String,
    #[serde(default)]
    paths: Option<Vec<Vec<Vec<f64>>>>,
}

/// When the principal components of the samples were decided.
fn modes(denoised: &Trajectories) -> Result<Value> {
    let Some((_, samples)) = denoised.states().last() else { return Ok(Value::Null) };
    let few = MODES.min(samples.ncols()).min(samples.nrows().saturating_sub(1));
    if few == 0 {
        return Ok(Value::Null);
    }
    let points = ridgewalk::PointSet::new(samples.to_owned(), Shape::Vector(samples.ncols()))?;
    let Ok(pca) = Pca::fit(&points, Components::Count(few)) else { return Ok(Value::Null) };
    let mean = pca.decode(Array2::zeros((1, pca.dim())).view())?.index_axis_move(Axis(0), 0);
    let mut vectors = Array2::zeros((pca.dim(), samples.ncols()));
    for (k, mut row) in vectors.outer_iter_mut().enumerate() {
        let mut unit = Array2::zeros((1, pca.dim()));
        unit[(0, k)] = 1.0;
        row.assign(&(pca.decode(unit.view())?.index_axis_move(Axis(0), 0) - &mean));
    }
    let coordinates = pca.encode(samples)?;
    let variances: Array1<f64> = coordinates.var_axis(Axis(0), 0.0);
    let found = denoised.commitment(mean.view(), vectors.view(), &variances.to_vec())?;
    Ok(found
        .iter()
        .map(|mode| json!({ "deviation": mode.deviation, "expected": mode.expected, "median": mode.median }))
        .collect())
}

/// A row a sample: what the model saw in it at every level.
fn picture(denoised: &Trajectories, source: &Source, path: &Path) -> Result<()> {
    let states: Vec<_> = denoised.states().map(|(_, x)| x).collect();
    let drawn = states.first().map_or(0, |x| x.nrows()).min(DRAWN);
    let mut rows =
        Array2::zeros((drawn * states.len(), denoised.states().next().map_or(0, |(_, x)| x.ncols())));
    for sample in 0..drawn {
        for (k, x) in states.iter().enumerate() {
            rows.row_mut(sample * states.len() + k).assign(&x.row(sample));
        }
    }
    let range = source.file.range;
    let options = SheetOptions {
        columns: Some(states.len()),
        range: (range.0 < range.1).then_some(range),
        ..SheetOptions::default()
    };
    Ok(write_sheet(path, &source.to_points(rows)?, &options)?)
}
