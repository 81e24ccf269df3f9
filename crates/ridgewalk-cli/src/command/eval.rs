//! `ridgewalk eval`: a model's values at given points.

use ndarray::{Array2, ArrayView2, Axis, Zip};
use ridgewalk::{Denoiser, PointSet};
use ridgewalk_data::{ModelFile, Normalization, write_points};

use crate::arguments::{Eval, Quantity};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::source::{self, Source};

pub fn run(eval: &Eval) -> Result<()> {
    let source = source::open(&eval.source, &eval.reading, &eval.preparation, &eval.model, eval.seed)?;
    let prepared = source::prepare(&source, &eval.transform, eval.seed)?;
    let at = source::read_other(&eval.at.to_string_lossy(), &eval.reading.table)?;
    let source_units = source.units();
    let dim = source.file.shape.dim();
    if at.dim() != dim {
        return Err(Failure::new(
            eval.at.display(),
            format!("has points of {} coordinates, the model has {}", at.dim(), dim),
            "give points of the model's dimension",
        ));
    }
    let x = source.file.to_model(at.values())?;
    let values = evaluate(prepared.denoiser.as_ref(), x.view(), eval.sigma, eval.what, &source.file)?;
    let points = match eval.what {
        Quantity::Denoised => named(PointSet::new(values, source.file.shape)?, &source)?,
        // In a latent space a score has the coordinates of that space, which have no names.
        Quantity::Score if source.file.latent.is_none() => {
            named(PointSet::new(values, source.file.shape)?, &source)?
        }
        Quantity::Score | Quantity::LogDensity | Quantity::Divergence => PointSet::vectors(values)?,
    };
    write_points(&eval.output, &points)?;
    let sigma = format!("{} ({} units)", eval.sigma, source_units);
    let what = words(eval.what);
    let of = match (&source.file.latent, eval.what) {
        (None, _) | (_, Quantity::Denoised) => "",
        (Some(_), _) => " in latent coordinates",
    };
    say(&format!("{what}{of} of {} points, sigma {sigma}: {}", points.len(), eval.output.display()));
    Ok(())
}

fn named(points: PointSet, source: &Source) -> Result<PointSet> {
    match &source.file.columns {
        Some(columns) => Ok(points.with_columns(columns.clone())?),
        None => Ok(points),
    }
}

fn words(what: Quantity) -> &'static str {
    match what {
        Quantity::Denoised => "denoised values",
        Quantity::Score => "scores",
        Quantity::LogDensity => "log-densities (nats)",
        Quantity::Divergence => "divergences of D",
    }
}

/// The quantity in the data's units, one row a point; of a model in a latent space all but D in its coordinates.
fn evaluate(
    denoiser: &dyn Denoiser,
    x: ArrayView2<f64>,
    sigma: f64,
    what: Quantity,
    file: &ModelFile,
) -> Result<Array2<f64>> {
    let units = if file.latent.is_some() { &Normalization::None } else { &file.normalization };
    let missing = |what: &str, help: &str| Failure::new("the model", format!("has no {what}"), help);
    match what {
        Quantity::Denoised => Ok(file.to_data(denoiser.denoise(x, sigma)?)?),
        Quantity::Score => {
            let mut score = denoiser.score(x, sigma)?;
            if let Normalization::Standardized { std, .. } = units {
                for mut row in score.outer_iter_mut() {
                    Zip::from(&mut row).and(std.as_slice()).for_each(|s, std| *s /= std);
                }
            }
            Ok(score)
        }
        Quantity::LogDensity => {
            let density = denoiser.density().ok_or_else(|| {
                missing("log-density", "drop --smooth and --mad, which have none in closed form")
            })?;
            let scale: f64 = match units {
                Normalization::None => 0.0,
                Normalization::Standardized { std, .. } => std.iter().map(|s| s.ln()).sum(),
            };
            Ok((density.log_density(x, sigma)? - scale).insert_axis(Axis(1)))
        }
        Quantity::Divergence => {
            let model = denoiser.differentiable().ok_or_else(|| {
                missing("derivatives", "drop --mad, or smooth with --smooth-kernel isotropic")
            })?;
            Ok(model.divergence(x, sigma)?.insert_axis(Axis(1)))
        }
    }
}
