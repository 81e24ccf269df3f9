//! `ridgewalk bridge`: points of one law carried to another, along a stochastic interpolant.

use std::ops::ControlFlow;
use std::path::Path;

use ndarray::Array2;
use ridgewalk::closed_form::{Gaussian, Mixture};
use ridgewalk::interpolant::{
    self, Bridge as _, Direction, InterpolantProgress, InterpolantSampler, MixtureBridge, Scheme,
};
use ridgewalk::{Denoiser, PointSet};
use ridgewalk_data::Model;
use serde_json::json;

use super::sample::{SampleFiles, write};
use crate::arguments::{
    self, Bridge, ComponentCount, EpsilonShape, ModelName, Preparation, Reading, SchemeName,
};
use crate::failure::{Failure, Result};
use crate::progress::{Meter, say};
use crate::record::probe_folder;
use crate::source::{self, Source};

/// FROM for a one-sided path.
const NOISE: &str = "noise";
/// Draws from a law of which there are no points.
const DRAWS: usize = 64;

/// An end of the bridge: its law, and what reading it told.
struct End {
    law: Mixture,
    source: Source,
}

pub fn run(bridge: &Bridge, arguments: &[String]) -> Result<()> {
    probe_folder(&bridge.output)?;
    let path = path(bridge)?;
    let interpolant = interpolant::named(path)?;
    if interpolant.is_one_sided() != (bridge.from == NOISE) {
        let help = "give `noise` as FROM with a one-sided path, and data or a model with any other";
        return Err(Failure::new(format!("--path {path}"), "does not begin in FROM", help));
    }
    let last = open(bridge, &bridge.to)?;
    let first = if bridge.from == NOISE { None } else { Some(open(bridge, &bridge.from)?) };
    // Gamma and eps are numbers for data of unit variance.
    let scale = scale(first.as_ref(), &last);
    let law = |end: &End| scaled(&end.law, 1.0 / scale);
    let field = match &first {
        None => MixtureBridge::one_sided(interpolant, &law(&last)?)?,
        Some(first) => MixtureBridge::new(interpolant, &law(first)?, &law(&last)?)?,
    };
    let (start, end, direction) = match bridge.backward {
        false => (first.as_ref(), Some(&last), Direction::Forward),
        true => (Some(&last), first.as_ref(), Direction::Backward),
    };
    let mut states = states(bridge, start, field.dim())?;
    if start.is_some() || bridge.at.is_some() {
        states /= scale;
    }
    let mut meter = Meter::new("carrying");
    let run =
        sampler(bridge).run_observed(&field, states.view(), direction, &mut |p: &InterpolantProgress| {
            let finished = p.samples.first().map_or(0, |&s| s as usize);
            meter.tell(finished * p.steps + p.step * p.samples.len(), p.total * p.steps);
            ControlFlow::Continue(())
        })?;
    let (low, high) = field.range();
    let settings = json!({
        "path": path, "epsilon": bridge.epsilon, "epsilon_shape": format!("{:?}", bridge.epsilon_shape).to_lowercase(),
        "scheme": format!("{:?}", bridge.scheme).to_lowercase(), "components": bridge.components, "scale": scale,
        "steps": bridge.steps, "evaluations": run.evaluations,
        "times": [low, high], "seed": bridge.seed, "backward": bridge.backward,
        "from": first.as_ref().map(|end| end.source.settings(None)), "to": last.source.settings(None),
    });
    say(&format!("{path}: {} evaluations a point", run.evaluations));
    let (points, range) = match end {
        Some(end) => (end.source.to_points(run.points * scale)?, end.source.file.range),
        None => (PointSet::vectors(run.points)?, (0.0, 0.0)),
    };
    let inputs = [Some(Path::new(&bridge.from)), Some(Path::new(&bridge.to)), bridge.at.as_deref()];
    let inputs: Vec<&Path> = inputs.into_iter().flatten().filter(|p| p.exists()).collect();
    let files =
        SampleFiles { folder: &bridge.output, extension: "npy", range, json: bridge.json, beside: &[] };
    write(&files, &points, settings, &inputs, arguments)
}

/// Root of the mean variance of the ends' coordinates; to `noise` the data's own.
fn scale(first: Option<&End>, last: &End) -> f64 {
    let variance = |end: &End| end.law.moments().map_or(1.0, |m| m.std * m.std);
    let mean = first.map_or(variance(last), |first| 0.5 * (variance(first) + variance(last)));
    if mean > 0.0 && mean.is_finite() { mean.sqrt() } else { 1.0 }
}

/// The law of a multiple.
fn scaled(law: &Mixture, factor: f64) -> Result<Mixture> {
    let one = |g: &Gaussian| Gaussian::new(&g.mean() * factor, g.covariance().map(|v| factor * factor * v)?);
    let components = law.components().iter().map(one).collect::<ridgewalk::Result<Vec<_>>>()?;
    Ok(Mixture::new(law.weights().to_vec(), components)?)
}

fn path(bridge: &Bridge) -> Result<&str> {
    Ok(match &bridge.path {
        Some(path) => &path.0,
        None if bridge.from == NOISE => "one-sided-linear",
        None => "linear",
    })
}

fn open(bridge: &Bridge, spec: &str) -> Result<End> {
    let reading = Reading { table: bridge.table.clone(), ..Reading::default() };
    let model = arguments::Model {
        model: Some(ModelName::Mixture),
        components: Some(ComponentCount::Count(bridge.components)),
        rank: Some(bridge.rank),
        ..arguments::Model::default()
    };
    let none = Preparation::default();
    let source = match source::is_model(spec) {
        true => source::open(spec, &Reading::default(), &none, &arguments::Model::default(), bridge.seed)?,
        false => source::open(spec, &reading, &none, &model, bridge.seed)?,
    };
    if source.units() != "data" {
        let help = "fit it without --standardize and --latent";
        return Err(Failure::new(spec, "is not in the data's own units", help));
    }
    let law = match &source.file.model {
        Model::Mixture(mixture) => mixture.clone(),
        Model::Gaussian(gaussian) => Mixture::new(vec![1.0], vec![gaussian.clone()])?,
        Model::RandomFeatures(_) | Model::Network(_) => {
            let help = "give the data, or fit it with --model mixture";
            return Err(Failure::new(spec, "has no law that a bridge could start from or end at", help));
        }
        Model::Empirical(_) => {
            let help = "give the data, or fit it with --model mixture";
            return Err(Failure::new(spec, "holds the bare points, between which there is no bridge", help));
        }
    };
    Ok(End { law, source })
}

/// The states to carry: those of --at, the points of the end from which they go, draws from its law, or noise.
fn states(bridge: &Bridge, start: Option<&End>, dim: usize) -> Result<Array2<f64>> {
    let limit = bridge.n.unwrap_or(usize::MAX);
    source::check_memory(bridge.n.unwrap_or(1), dim)?;
    let points = match (&bridge.at, start) {
        (Some(at), _) => source::read_other(&at.to_string_lossy(), &bridge.table)?.values().to_owned(),
        (None, None) => sampler(bridge).noise(bridge.n.unwrap_or(DRAWS), dim),
        (None, Some(end)) => match &end.source.data {
            Some(data) => data.values().to_owned(),
            None => end.law.sample(bridge.n.unwrap_or(DRAWS), bridge.seed),
        },
    };
    if let (Some(at), true) = (&bridge.at, points.ncols() != dim) {
        let problem = format!("has points of {} coordinates, the bridge has {dim}", points.ncols());
        return Err(Failure::new(at.display(), &problem, "give points of the law of FROM"));
    }
    let kept: Vec<usize> = (0..points.nrows().min(limit)).collect();
    Ok(points.select(ndarray::Axis(0), &kept))
}

fn sampler(bridge: &Bridge) -> InterpolantSampler {
    let scheme = match bridge.scheme {
        SchemeName::Euler => Scheme::Euler,
        SchemeName::Heun => Scheme::Heun,
        SchemeName::Rk4 => Scheme::RungeKutta4,
    };
    let sampler = InterpolantSampler::new(scheme, bridge.steps).seed(bridge.seed);
    let (epsilon, shape) = (bridge.epsilon, bridge.epsilon_shape);
    match shape {
        _ if epsilon == 0.0 => sampler,
        EpsilonShape::Constant => sampler.diffusion(move |_| epsilon),
        EpsilonShape::Falling => sampler.diffusion(move |t| epsilon * (1.0 - t)),
        EpsilonShape::Rising => sampler.diffusion(move |t| epsilon * t),
    }
}
