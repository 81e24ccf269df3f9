//! `ridgewalk eval`: a model's values at given points.

use ndarray::{Array2, ArrayView2, Axis, Zip};
use ridgewalk::sampler::likelihood::{
    Divergence, Integrator, LogLikelihood, ProbeLaw, Variable, bits_per_dimension,
};
use ridgewalk::schedule::range_for;
use ridgewalk::{Denoiser, FiniteDifference, LogLinear, PointSet};
use ridgewalk_data::{ModelFile, Normalization, write_points};

use crate::arguments::{Eval, Quantity};
use crate::failure::{Failure, Result};
use crate::prepared;
use crate::progress::say;
use crate::sampling;
use crate::source::{self, Source};

/// Steps of the flow in log σ, of fourth order: on the digits 1e-4 nats from the exact log-density.
const STEPS: usize = 200;
/// Probes for a model without exact derivatives.
const PROBES: usize = 16;

pub fn run(eval: &Eval) -> Result<()> {
    let flow = matches!(eval.what, Quantity::FlowLogDensity | Quantity::BitsPerDimension);
    if let (Some(_), false) = (eval.probes, flow) {
        let help = "add --what flow-log-density or bits-per-dimension, or drop the flag";
        return Err(Failure::new("--probes", "are of the flow's divergence", help));
    }
    if let (Some(_), true) = (eval.bin_width, eval.what != Quantity::BitsPerDimension) {
        return Err(Failure::new("--bin-width", "acts on bits-per-dimension only", "drop the flag"));
    }
    if let Some(parent) = eval.output.parent()
        && !parent.as_os_str().is_empty()
        && !parent.is_dir()
    {
        let help = "make the folder first, or give another name with --output";
        return Err(Failure::new(eval.output.display(), "is in a folder that does not exist", help));
    }
    let source = source::open(&eval.source, &eval.reading, &eval.preparation, &eval.model, eval.seed)?;
    let prepared = prepared::prepare(&source, None, &eval.transform, eval.seed)?;
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
    let values = match eval.what {
        Quantity::FlowLogDensity | Quantity::BitsPerDimension => {
            likelihood(prepared.denoiser.as_ref(), x.view(), eval, &source.file)?
        }
        _ => evaluate(prepared.denoiser.as_ref(), x.view(), eval.sigma, eval.what, &source.file)?,
    };
    let points = match eval.what {
        Quantity::Denoised => named(PointSet::new(values, source.file.shape)?, &source)?,
        // In a latent space a score has the coordinates of that space, which have no names.
        Quantity::Score if source.file.latent.is_none() => {
            named(PointSet::new(values, source.file.shape)?, &source)?
        }
        _ => PointSet::vectors(values)?,
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
        Quantity::FlowLogDensity => "log-densities by the flow (nats)",
        Quantity::BitsPerDimension => "bits per dimension",
        Quantity::Divergence => "divergences of D",
    }
}

/// log p by the flow from the level to one where the data are lost in noise; nats, or bits a dimension.
fn likelihood(
    denoiser: &dyn Denoiser,
    x: ArrayView2<f64>,
    eval: &Eval,
    file: &ModelFile,
) -> Result<Array2<f64>> {
    if file.latent.is_some() && eval.what == Quantity::BitsPerDimension {
        let help =
            "fit without --latent, or ask for flow-log-density, which is that of the latent coordinates";
        return Err(Failure::new("bits-per-dimension", "has no meaning in a latent space", help));
    }
    let range = range_for(&sampling::moments(denoiser));
    if eval.sigma >= range.end {
        let problem = format!("is not below {}, where the flow begins", range.end);
        return Err(Failure::new("--sigma", &problem, "give a lower level"));
    }
    let flow = LogLikelihood::new(LogLinear::new(eval.sigma..range.end, STEPS + 1))
        .variable(Variable::LogSigma)
        .integrator(Integrator::RungeKutta4);
    let probed = |probes| Divergence::Hutchinson { probes, law: ProbeLaw::default(), seed: eval.seed };
    let estimate = match (denoiser.differentiable(), eval.probes) {
        (Some(_), None) => flow.estimate(denoiser, x)?,
        (Some(_), Some(probes)) => flow.divergence(probed(probes)).estimate(denoiser, x)?,
        (None, probes) => {
            let flow = flow.divergence(probed(probes.unwrap_or(PROBES)));
            flow.estimate(&FiniteDifference::new(denoiser), x)?
        }
    };
    if let Some(error) = estimate.standard_error.as_ref().and_then(|e| e.mean()) {
        say(&format!("standard error over the probes: {error:.3} nats in the mean"));
    }
    let scale: f64 = match (&file.latent, &file.normalization) {
        (None, Normalization::Standardized { std, .. }) => std.iter().map(|s| s.ln()).sum(),
        _ => 0.0,
    };
    let mut values = estimate.log_density - scale;
    if eval.what == Quantity::BitsPerDimension {
        let width = eval.bin_width.unwrap_or(1.0);
        for value in &mut values {
            *value = bits_per_dimension(*value, x.ncols(), width)?;
        }
    }
    Ok(values.insert_axis(Axis(1)))
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
        Quantity::FlowLogDensity | Quantity::BitsPerDimension => {
            Err(missing("log-density at one level", "ask for it along the flow"))
        }
        Quantity::LogDensity => {
            let density = denoiser.density().ok_or_else(|| {
                missing("log-density in closed form", "ask for flow-log-density, or drop --smooth and --mad")
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
