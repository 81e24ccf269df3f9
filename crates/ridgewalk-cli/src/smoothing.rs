//! From the flags of smoothing to a smoothed denoiser.

use ridgewalk::closed_form::Empirical;
use ridgewalk::transform::smoothing::span;
use ridgewalk::transform::{
    Dimension, Estimator, Kernel, LevelScale, LocalPca, ScaleChoice, Smoothed, choose_scale,
};
use ridgewalk::{Denoiser, PointSet};
use ridgewalk_data::{Model, nearest_neighbour_spacing};
use serde_json::{Value, json};

use crate::arguments::{EstimatorName, Smooth, SmoothKernel, Smoothing};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::source::Source;

/// Neighbours that tell a tangent plane, unless told otherwise: at least this many, and twice its dimension.
const NEIGHBOURS: usize = 20;

/// Scale of a kernel along tangent planes in units of the spacing of neighbours, where it is to be chosen:
/// gaps between points close at 1/√(2π), and held-out loss, which sees noise in all directions, favours less.
const FILLING: f64 = 0.4;
/// Points between which the spacing is measured.
const SPACING_SAMPLE: usize = 500;

/// The smoothed denoiser, and what a record says of it.
pub fn smooth<'a>(
    source: &'a Source,
    denoiser: Box<dyn Denoiser + 'a>,
    smoothing: &Smoothing,
    smooth: Smooth,
    seed: u64,
) -> Result<(Box<dyn Denoiser + 'a>, Value)> {
    let (scale, curve, levels) = match smooth {
        Smooth::Scale(scale) => (scale, Value::Null, Value::Null),
        Smooth::Auto if matches!(smoothing.smooth_kernel, SmoothKernel::Manifold { .. }) => {
            let data = source.points("--smooth auto", "give DATA instead of MODEL, or a scale")?;
            let spacing = nearest_neighbour_spacing(&data, SPACING_SAMPLE)
                .filter(|spacing| *spacing > 0.0)
                .ok_or_else(|| {
                Failure::new("the data", "have no spacing between points", "give a scale")
            })?;
            let scale = FILLING * spacing;
            say(&format!("kernel scale {scale:.4}, {FILLING} of the spacing of neighbours, {spacing:.4}"));
            (scale, Value::Null, Value::Null)
        }
        Smooth::Auto => {
            let data = source.points("--smooth auto", "give DATA instead of MODEL, or a scale")?;
            let chosen = choose_scale(&data, seed)?;
            say(&format!(
                "kernel scale {:.4} by held-out loss ({:.2} of the spacing of neighbours, {:.4})",
                chosen.scale,
                chosen.scale / chosen.spacing,
                chosen.spacing
            ));
            warn_of_edge(&chosen);
            let level =
                |l: &LevelScale| json!({ "sigma": l.sigma, "scale": l.scale, "improvement": l.improvement });
            (chosen.scale, json!(chosen.curve), chosen.levels.iter().map(level).collect())
        }
    };
    let (kernel, described) = kernel(source, smoothing.smooth_kernel, scale)?;
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
        "below": smoothing.smooth_below, "curve": curve, "levels": levels,
    });
    Ok((Box::new(Smoothed::new(denoiser, kernel)?), settings))
}

/// Says so where held-out loss has no minimum among the scales tried.
pub fn warn_of_edge(choice: &ScaleChoice) {
    if choice.at_edge {
        say(&format!(
            "note: {:.4} is the end of the scales tried, not a minimum: look at what comes out, or give a scale",
            choice.scale
        ));
    }
}

fn kernel(source: &Source, kernel: SmoothKernel, scale: f64) -> Result<(Kernel, Value)> {
    match kernel {
        SmoothKernel::Isotropic => {
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
            Ok((frame.into_iter().fold(kernel, Kernel::within), described))
        }
        SmoothKernel::Manifold { dimension, neighbours } => {
            let help = "give DATA instead of MODEL, or drop the flag";
            let points = source.points("--smooth-kernel manifold", help)?;
            let usual = NEIGHBOURS.max(2 * dimension.unwrap_or(0)).min(points.len());
            let neighbours = neighbours.unwrap_or(usual);
            let dimension = dimension.map_or(Dimension::Estimated, Dimension::Chosen);
            let planes = LocalPca::new(&points, neighbours, dimension)?;
            say(&format!("tangent planes of dimension {} by {neighbours} neighbours", planes.dimension()));
            let described =
                json!({ "kind": "manifold", "dimension": planes.dimension(), "neighbours": neighbours });
            Ok((Kernel::manifold(scale, planes), described))
        }
    }
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
