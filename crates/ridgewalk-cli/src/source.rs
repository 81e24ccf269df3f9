//! From MODEL|DATA and flags to a denoiser, with what is needed to go back to the data's units.

use std::path::Path;

use ndarray::Array2;
use ridgewalk::closed_form::{CovarianceKind, Empirical, Gaussian, MixtureFit};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::transform::{Kernel, Mad, Smoothed, choose_scale};
use ridgewalk::{Denoiser, PointSet};
use ridgewalk_data::{LabelColumn, LoadOptions, Model, ModelFile, Normalization, add_noise, load_with};
use serde_json::{Value, json};

use crate::arguments::{self, ModelName, Rank, Reading, Smooth, Transform};
use crate::failure::{Failure, Result};
use crate::progress::say;

/// Reads data and adds the noise that was asked for.
pub fn read(spec: &str, reading: &Reading, seed: u64) -> Result<PointSet> {
    read_with(spec, reading, seed, None)
}

/// As [`read`], with an ambient dimension for synthetic sets.
pub fn read_with(spec: &str, reading: &Reading, seed: u64, dim: Option<usize>) -> Result<PointSet> {
    let options = LoadOptions {
        labels: reading.labels.clone(),
        label_column: match reading.label_column.as_deref() {
            None => LabelColumn::Auto,
            Some("none") => LabelColumn::None,
            Some(name) => LabelColumn::Named(name.into()),
        },
        columns: reading.columns.clone(),
        key: reading.key.clone(),
        n: reading.points,
        seed: Some(seed),
        dim,
        ..LoadOptions::default()
    };
    let mut points = load_with(spec, &options)?;
    if let Some(class) = reading.class {
        points = points.class(class)?;
    }
    if reading.noise > 0.0 {
        points = add_noise(&points, reading.noise, seed)?;
    }
    Ok(points)
}

/// Splits off the held-out fraction: (kept, held out). Which points go depends on their number and the seed only.
pub fn split(points: &PointSet, fraction: f64, seed: u64) -> Result<(PointSet, Option<PointSet>)> {
    let held_out = (points.len() as f64 * fraction).round() as usize;
    if held_out == 0 {
        return Ok((points.clone(), None));
    }
    if held_out >= points.len() {
        return Err(Failure::new(
            "--hold-out",
            "leaves no points for the model",
            "hold out a smaller fraction",
        ));
    }
    let mut order = Stream::new(seed, Purpose::Split, 0, 0).permutation(points.len());
    let kept = order.split_off(held_out);
    let in_order = |mut rows: Vec<usize>| {
        rows.sort_unstable();
        points.select(&rows)
    };
    Ok((in_order(kept)?, Some(in_order(order)?)))
}

/// A model with, where it was fitted to DATA just now, the data.
pub struct Source {
    pub file: ModelFile,
    /// The training points in the model's units.
    pub data: Option<PointSet>,
}

/// Opens a model file or fits a model to data.
pub fn open(spec: &str, reading: &Reading, model: &arguments::Model, seed: u64) -> Result<Source> {
    let path = Path::new(spec);
    if path.is_file() && path.extension().is_some_and(|e| e == "safetensors") {
        let file = ModelFile::load(path)?;
        if reading.is_set() {
            say(&format!("note: {spec} is a model, which knows its data: flags under \"Data\" are not used"));
        }
        return Ok(Source { file, data: None });
    }
    fit(spec, reading, model, seed)
}

/// Fits a model to data.
pub fn fit(spec: &str, reading: &Reading, model: &arguments::Model, seed: u64) -> Result<Source> {
    let points = read(spec, reading, seed)?;
    let (own, _) = split(&points, reading.hold_out, seed)?;
    let normalization = if reading.standardize { Normalization::fit(&own)? } else { Normalization::None };
    let data = normalization.apply(&own)?;
    let kind = match model.rank {
        Rank::Full => CovarianceKind::Full,
        Rank::Low(rank) => CovarianceKind::LowRank(rank),
    };
    let fitted = match model.model {
        ModelName::Empirical => Model::Empirical(Empirical::new(&data)?),
        ModelName::Gaussian => Model::Gaussian(Gaussian::fit(&data, kind)?),
        ModelName::Mixture => {
            let mut fit = MixtureFit::new(model.components, kind);
            fit.seed = seed;
            let fitted = fit.fit_with_report(&data)?;
            say(&format!(
                "mixture of {}: {} EM iterations, log-likelihood {:.4} a point",
                fitted.mixture.len(),
                fitted.report.iterations,
                fitted.report.log_likelihood
            ));
            Model::Mixture(fitted.mixture)
        }
    };
    let mut file = ModelFile::new(fitted, &own, spec);
    file.normalization = normalization;
    file.seed = seed;
    file.noise = reading.noise;
    Ok(Source { file, data: Some(data) })
}

/// A denoiser after transforms, and what a record says of them.
pub struct Prepared<'a> {
    pub denoiser: Box<dyn Denoiser + 'a>,
    /// Noise level below which attraction acts.
    pub onset: Option<f64>,
    pub settings: Value,
}

/// Applies --smooth and --mad, in this order.
pub fn prepare<'a>(source: &'a Source, transform: &Transform, seed: u64) -> Result<Prepared<'a>> {
    let mut denoiser: Box<dyn Denoiser + 'a> = Box::new(source.file.model.as_denoiser());
    let mut settings = json!({});
    let mut curve = Value::Null;
    if let Some(smooth) = transform.smooth {
        let scale = match smooth {
            Smooth::Scale(scale) => scale,
            Smooth::Auto => {
                let data = source.data.as_ref().ok_or_else(|| {
                    Failure::new(
                        "--smooth auto",
                        "needs the data, and a model file was given",
                        "give DATA instead of MODEL, or a scale",
                    )
                })?;
                let chosen = choose_scale(data, seed)?;
                say(&format!(
                    "kernel scale {:.4} by held-out loss ({:.2} of the spacing of neighbours, {:.4})",
                    chosen.scale,
                    chosen.scale / chosen.spacing,
                    chosen.spacing
                ));
                let scale = chosen.scale;
                curve = json!(chosen.curve);
                scale
            }
        };
        settings["smooth"] = json!({ "scale": scale, "draws": transform.smooth_draws, "curve": curve });
        let kernel = Kernel::isotropic(scale).draws(transform.smooth_draws).seed(seed);
        denoiser = Box::new(Smoothed::new(denoiser, kernel)?);
    }
    let mut onset = None;
    if let Some(arguments::Mad { config, onset: level }) = transform.mad.clone() {
        let mut config = config;
        let sigma_data = denoiser.moments().map(|m| m.std).unwrap_or(1.0);
        if let Some(level) = level {
            config.a = sigma_data / level;
        }
        if matches!(source.file.model, Model::Empirical(_)) && transform.smooth.is_none() {
            say("note: the bare empirical model gives its own points back, noise included; \
                 attraction needs a model that generalises: --model mixture, or --smooth");
        }
        settings["mad"] = json!({
            "a": config.a, "b": config.b, "p": config.p, "sigma_data": sigma_data, "onset": sigma_data / config.a,
        });
        let mad = Mad::new(denoiser, config)?;
        onset = Some(mad.onset_level());
        denoiser = Box::new(mad);
    }
    Ok(Prepared { denoiser, onset, settings })
}

impl Source {
    /// Samples in the model's units to a point set in the data's.
    pub fn to_points(&self, samples: Array2<f64>) -> Result<PointSet> {
        let points = PointSet::new(self.file.normalization.undo(samples)?, self.file.shape)?;
        match &self.file.columns {
            Some(columns) => Ok(points.with_columns(columns.clone())?),
            None => Ok(points),
        }
    }
}
