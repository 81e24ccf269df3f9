//! From the flags of smoothing to a smoothed denoiser.

use ridgewalk::closed_form::Empirical;
use ridgewalk::transform::smoothing::span;
use ridgewalk::transform::{
    Dimension, Estimator, Kernel, KernelCandidate, LevelScale, LocalPca, ScaleChoice, Smoothed,
    choose_kernel, choose_scale, choose_scale_along,
};
use ridgewalk::{Denoiser, PointSet, neighbours};
use ridgewalk_data::Model;
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::arguments::{EstimatorName, Smooth, SmoothKernel, Smoothing};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::source::Source;

/// Neighbours that tell a tangent plane, unless told otherwise: at least this many, and twice its dimension.
const NEIGHBOURS: usize = 20;

/// Fewer points than this give no comparison of kernels: an isotropic one is chosen by loss alone.
const FEWEST_TO_WEIGH: usize = 40;

/// A kernel and what a record says of it and of its choice.
struct Chosen {
    kernel: Kernel,
    described: Value,
    choice: Value,
}

/// The smoothed denoiser, and what a record says of it.
pub fn smooth<'a>(
    source: &'a Source,
    denoiser: Box<dyn Denoiser + 'a>,
    smoothing: &Smoothing,
    smooth: Smooth,
    seed: u64,
) -> Result<(Box<dyn Denoiser + 'a>, Value)> {
    let Chosen { kernel, described, choice } = match (smooth, smoothing.smooth_kernel) {
        (Smooth::Scale(scale), None | Some(SmoothKernel::Isotropic)) => isotropic(source, scale)?,
        (Smooth::Scale(scale), Some(along)) => {
            let (planes, described) = planes(source, along)?;
            Chosen { kernel: Kernel::manifold(scale, planes), described, choice: Value::Null }
        }
        (Smooth::Auto, None) => weighed(source, seed)?,
        (Smooth::Auto, Some(SmoothKernel::Isotropic)) => by_loss(source, seed)?,
        (Smooth::Auto, Some(along)) => {
            let (planes, described) = planes(source, along)?;
            let data = training(source)?;
            let found = choose_scale_along(&data, &planes, seed)?;
            say_candidate(&found, "chosen");
            let kernel = Kernel::manifold(found.scale, planes);
            Chosen { kernel, described, choice: candidate(&found) }
        }
    };
    let scale = kernel.scale();
    let mut kernel =
        kernel.estimator(estimator(smoothing.smooth_estimator)).draws(smoothing.smooth_draws).seed(seed);
    if let Some(tolerance) = smoothing.smooth_tolerance {
        kernel = kernel.tolerance_of_denoised(tolerance);
    }
    if let Some(sigma) = smoothing.smooth_below {
        kernel = kernel.below(sigma);
    }
    let settings = json!({
        "scale": scale, "kernel": described, "estimator": name(smoothing.smooth_estimator),
        "draws": smoothing.smooth_draws, "tolerance": smoothing.smooth_tolerance,
        "below": kernel.acts_below(), "choice": choice,
    });
    Ok((Box::new(Smoothed::new(denoiser, kernel)?), settings))
}

fn training(source: &Source) -> Result<std::borrow::Cow<'_, PointSet>> {
    if !matches!(source.file.model, Model::Empirical(_)) {
        return Err(Failure::new(
            "--smooth auto",
            format!("is for the empirical model, and this is a {}", source.file.model.kind()),
            "give a scale, or DATA without --model",
        ));
    }
    source.points("--smooth auto", "give DATA instead of MODEL, or a scale")
}

/// Kernel and scale, weighed against each other.
fn weighed(source: &Source, seed: u64) -> Result<Chosen> {
    let data = training(source)?;
    if neighbours::distinct_rows(data.values()).len() < FEWEST_TO_WEIGH {
        say(&format!(
            "fewer than {FEWEST_TO_WEIGH} different points: an isotropic kernel, by held-out loss alone"
        ));
        return by_loss(source, seed);
    }
    let found = choose_kernel(&data, seed)?;
    for (i, weighed) in found.candidates.iter().enumerate() {
        say_candidate(weighed, if i == found.chosen { "chosen" } else { "not chosen" });
    }
    let described = json!({
        "kind": found.candidates.get(found.chosen).map(|c| c.name), "spread": found.planes.is_some(),
        "dimension": found.planes.map(|p| p.0), "neighbours": found.planes.map(|p| p.1),
    });
    let candidates: Vec<Value> = found.candidates.iter().map(candidate).collect();
    let choice = json!({ "spacing": found.spacing, "chosen": found.chosen, "candidates": candidates });
    Ok(Chosen { kernel: found.kernel, described, choice })
}

/// An isotropic kernel of the least held-out loss.
fn by_loss(source: &Source, seed: u64) -> Result<Chosen> {
    let data = training(source)?;
    let chosen = choose_scale(&data, seed)?;
    say(&format!(
        "kernel scale {:.4} by held-out loss ({:.2} of the spacing of neighbours, {:.4})",
        chosen.scale,
        chosen.scale / chosen.spacing,
        chosen.spacing
    ));
    warn_of_edge(&chosen);
    let level = |l: &LevelScale| json!({ "sigma": l.sigma, "scale": l.scale, "improvement": l.improvement });
    let levels: Vec<Value> = chosen.levels.iter().map(level).collect();
    let curve: Vec<Value> = chosen
        .curve
        .iter()
        .zip(&chosen.standard_errors)
        .map(|((scale, loss), error)| json!({ "scale": scale, "log_loss": loss, "standard_error": error }))
        .collect();
    let choice = json!({ "spacing": chosen.spacing, "curve": curve, "levels": levels });
    Ok(Chosen { choice, ..isotropic(source, chosen.scale)? })
}

fn say_candidate(candidate: &KernelCandidate, verdict: &str) {
    say(&format!(
        "{} kernel of scale {}: held-out distance {}, novelty {:.2} ({verdict})",
        candidate.name,
        format_number(candidate.scale),
        format_number((0.5 * candidate.loss).exp()),
        candidate.novelty
    ));
    if candidate.curve.last().is_some_and(|last| candidate.scale >= last.0) {
        say("note: that is the end of the scales tried: look at what comes out, or give a scale");
    }
}

fn candidate(candidate: &KernelCandidate) -> Value {
    let curve: Vec<Value> = candidate
        .curve
        .iter()
        .map(|(scale, loss, novelty)| json!({ "scale": scale, "held_out_distance": (0.5 * loss).exp(), "novelty": novelty }))
        .collect();
    json!({
        "kind": candidate.name, "scale": candidate.scale,
        "held_out_distance": (0.5 * candidate.loss).exp(),
        "relative_standard_error": 0.5 * candidate.standard_error, "novelty": candidate.novelty, "curve": curve,
    })
}

/// Says so where held-out loss has no minimum among the scales tried.
fn warn_of_edge(choice: &ScaleChoice) {
    if choice.at_edge {
        say(&format!(
            "note: {:.4} is the end of the scales tried, not a minimum: look at what comes out, or give a scale",
            choice.scale
        ));
    }
}

fn isotropic(source: &Source, scale: f64) -> Result<Chosen> {
    let kernel = Kernel::isotropic(scale);
    let frame = match &source.file.model {
        Model::Empirical(model) if spans_little(model) => {
            let points = PointSet::vectors(model.points().to_owned())?;
            Some(span(&points)?)
        }
        _ => None,
    };
    let coordinates = frame.as_ref().map_or(source.file.model.dim(), |frame| frame.nrows());
    let described = json!({ "kind": "isotropic", "coordinates": coordinates });
    Ok(Chosen { kernel: frame.into_iter().fold(kernel, Kernel::within), described, choice: Value::Null })
}

fn planes(source: &Source, kernel: SmoothKernel) -> Result<(LocalPca, Value)> {
    let (dimension, neighbours, spread) = match kernel {
        SmoothKernel::Isotropic => (None, None, false),
        SmoothKernel::Manifold { dimension, neighbours, spread } => (dimension, neighbours, spread),
    };
    let help = "give DATA instead of MODEL, or drop the flag";
    let points = source.points("--smooth-kernel manifold", help)?;
    let usual = NEIGHBOURS.max(2 * dimension.unwrap_or(0)).min(points.len());
    let neighbours = neighbours.unwrap_or(usual);
    let dimension = dimension.map_or(Dimension::Estimated, Dimension::Chosen);
    let planes = LocalPca::new(&points, neighbours, dimension)?;
    say(&format!("tangent planes of dimension {} by {neighbours} neighbours", planes.dimension()));
    let described = json!({
        "kind": "manifold", "spread": spread, "dimension": planes.dimension(), "neighbours": neighbours,
    });
    Ok((if spread { planes.by_spread() } else { planes }, described))
}

/// Few points span few dimensions: draws in their span are exact, and go farther than draws in all.
fn spans_little(model: &Empirical) -> bool {
    model.len() > 1 && model.len() <= model.dim()
}

fn estimator(name: EstimatorName) -> Estimator {
    match name {
        EstimatorName::Antithetic => Estimator::Antithetic,
        EstimatorName::MonteCarlo => Estimator::MonteCarlo,
        EstimatorName::Qmc => Estimator::QuasiMonteCarlo,
        EstimatorName::ControlVariate => Estimator::ControlVariate,
        EstimatorName::GaussHermite => Estimator::GaussHermite,
    }
}

fn name(estimator: EstimatorName) -> &'static str {
    match estimator {
        EstimatorName::Antithetic => "antithetic",
        EstimatorName::MonteCarlo => "monte-carlo",
        EstimatorName::Qmc => "qmc",
        EstimatorName::ControlVariate => "control-variate",
        EstimatorName::GaussHermite => "gauss-hermite",
    }
}
