//! `ridgewalk eval`: a model's values at given points.

use ndarray::{Array2, ArrayView2, Axis, Zip};
use ridgewalk::{Denoiser, PointSet};
use ridgewalk_data::{Normalization, write_points};

use crate::arguments::{Eval, Quantity};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::source;

pub fn run(eval: &Eval) -> Result<()> {
    let source = source::open(&eval.source, &eval.reading, &eval.preparation, &eval.model, eval.seed)?;
    let prepared = source::prepare(&source, &eval.transform, eval.seed)?;
    let at = source::read_other(&eval.at.to_string_lossy(), &eval.reading.table)?;
    let source_units = source.units();
    let units = &source.file.normalization;
    if at.dim() != source.file.model.dim() {
        return Err(Failure::new(
            eval.at.display(),
            format!("has points of {} coordinates, the model has {}", at.dim(), source.file.model.dim()),
            "give points of the model's dimension",
        ));
    }
    let x = units.apply_points(at.values())?;
    let values = evaluate(prepared.denoiser.as_ref(), x.view(), eval.sigma, eval.what, units)?;
    let points = match eval.what {
        Quantity::Denoised | Quantity::Score => {
            let points = PointSet::new(values, source.file.shape)?;
            match &source.file.columns {
                Some(columns) => points.with_columns(columns.clone())?,
                None => points,
            }
        }
        Quantity::LogDensity | Quantity::Divergence => PointSet::vectors(values)?,
    };
    write_points(&eval.output, &points)?;
    let sigma = format!("{} ({} units)", eval.sigma, source_units);
    say(&format!(
        "{} of {} points, sigma {sigma}: {}",
        words(eval.what),
        points.len(),
        eval.output.display()
    ));
    Ok(())
}

fn words(what: Quantity) -> &'static str {
    match what {
        Quantity::Denoised => "denoised values",
        Quantity::Score => "scores",
        Quantity::LogDensity => "log-densities (nats)",
        Quantity::Divergence => "divergences of D",
    }
}

/// The quantity in the data's units, one row a point.
fn evaluate(
    denoiser: &dyn Denoiser,
    x: ArrayView2<f64>,
    sigma: f64,
    what: Quantity,
    units: &Normalization,
) -> Result<Array2<f64>> {
    let missing = |what: &str, help: &str| Failure::new("the model", format!("has no {what}"), help);
    match what {
        Quantity::Denoised => Ok(units.undo(denoiser.denoise(x, sigma)?)?),
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
            let model = denoiser.differentiable().ok_or_else(|| missing("derivatives", "drop --mad"))?;
            Ok(model.divergence(x, sigma)?.insert_axis(Axis(1)))
        }
    }
}
