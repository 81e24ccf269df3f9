//! From MODEL|DATA and flags to a denoiser, with what is needed to go back to the data's units.

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use ndarray::Array2;
use ridgewalk::closed_form::{CovarianceKind, Empirical, Fitted, Gaussian, MixtureFit};
use ridgewalk::latent::{Latent, Pca};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::spectrum::NoiseFloor;
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{
    DEFAULT_LIMIT, LabelColumn, LatentSpace, LoadOptions, Model, ModelFile, Network, Normalization, Tiled,
    add_noise, add_salt_and_pepper, load_with, tile,
};
use ridgewalk_nn::{TrainedAutoencoder, TrainedModel};
use serde_json::{Value, json};

use crate::arguments::{
    self, Cli, Command, ComponentCount, LatentName, ModelName, Preparation, Rank, Reading, Table,
};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::random_features;
use crate::record::digest_points;

/// Components of a mixture, unless --components says otherwise.
const COMPONENTS: usize = 20;
/// Numbers of components that --components auto tries, in order.
const CANDIDATES: [usize; 15] = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192];
/// The search ends when this many in a row were no better than the best.
const PATIENCE: usize = 3;

/// A covariance of more coordinates takes gigabytes while it is fitted.
const WIDEST: usize = 16_384;
/// Reads data and adds the noise that was asked for.
pub fn read(spec: &str, reading: &Reading, seed: u64) -> Result<PointSet> {
    read_with(spec, reading, seed, None)
}

/// As [`read`], with an ambient dimension for synthetic sets.
pub fn read_with(spec: &str, reading: &Reading, seed: u64, dim: Option<usize>) -> Result<PointSet> {
    // Of a file that is cut into tiles, --points counts the tiles; of a name it counts what is made.
    let n = reading.points.filter(|_| reading.table.tile.is_none() || !Path::new(spec).exists());
    let options = LoadOptions {
        labels: reading.labels.clone(),
        n,
        seed: Some(seed),
        dim,
        ..table_options(&reading.table)
    };
    let mut points = load_with(spec, &options)?;
    if let Some(side) = reading.table.tile {
        points = cut(spec, &points, side)?;
        if let Some(n) = reading.points.filter(|&n| n < points.len()) {
            points = points.select(&(0..n).collect::<Vec<_>>())?;
        }
    }
    if let Some(class) = reading.class {
        points = points.class(class)?;
    }
    if let Some(fraction) = reading.salt_and_pepper.filter(|&fraction| fraction > 0.0) {
        points = add_salt_and_pepper(&points, fraction, seed)?;
    }
    match reading.noise {
        Some(noise) if noise > 0.0 => Ok(add_noise(&points, noise, seed)?),
        _ => Ok(points),
    }
}

/// The tiles of images, and a note of what no tile covers.
fn cut(spec: &str, points: &PointSet, side: usize) -> Result<PointSet> {
    let Tiled { points: tiles, dropped: [rows, columns] } = tile(points, side).map_err(|error| {
        Failure::new(format!("--tile {side}"), format!("does not cut {spec}: {}", error.problem), &error.help)
    })?;
    let mut note = format!("{} tiles of {side}×{side} from {} images of {spec}", tiles.len(), points.len());
    if rows + columns > 0 {
        note += &format!("; the last {rows} rows and {columns} columns of each are in no tile");
    }
    say(&note);
    Ok(tiles)
}

fn table_options(table: &Table) -> LoadOptions {
    LoadOptions {
        label_column: match table.label_column.as_deref() {
            None => LabelColumn::Auto,
            Some("none") => LabelColumn::None,
            Some(name) => LabelColumn::Named(name.into()),
        },
        columns: table.columns.clone(),
        key: table.key.clone(),
        ..LoadOptions::default()
    }
}

/// Reads points that are compared with the data, as the data are read: the same columns and array.
pub fn read_other(spec: &str, table: &Table) -> Result<PointSet> {
    let options = table_options(table);
    let points = load_with(spec, &options).or_else(|error| {
        // Such points need no labels: a table without the column of labels is as good.
        let unlabelled = LoadOptions { label_column: LabelColumn::Auto, ..options };
        match &table.label_column {
            Some(name) if name != "none" => load_with(spec, &unlabelled).map_err(|_| error.into()),
            _ => Err(Failure::from(error)),
        }
    })?;
    match table.tile {
        // Vectors can be tiles already, from a table that does not say so.
        Some(side) if points.shape().is_image() => cut(spec, &points, side),
        _ => Ok(points),
    }
}

/// Refuses `n` points of `dim` coordinates beyond the limit on memory, before they are asked for: an
/// allocation that fails ends the process without a word of use.
pub fn check_memory(n: usize, dim: usize) -> Result<()> {
    let bytes = (n as u64).saturating_mul(dim as u64).saturating_mul(size_of::<f64>() as u64);
    if bytes <= DEFAULT_LIMIT {
        return Ok(());
    }
    Err(Failure::new(
        format!("-n {n}"),
        format!("needs {} GiB of memory, the limit is {} GiB", bytes >> 30, DEFAULT_LIMIT >> 30),
        "draw fewer samples, or several runs with other seeds",
    ))
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
    /// (components, BIC) of the mixtures that were tried, if their number was chosen here.
    pub bic: Option<Vec<(usize, f64)>>,
    /// What is to be said of the training of random features, if they were trained here.
    pub training: Value,
}

/// Whether MODEL|DATA is a model file, or a network's run.
pub fn is_model(spec: &str) -> bool {
    let path = Path::new(spec);
    (path.is_file() && path.extension().is_some_and(|e| e == "safetensors")) || is_network(spec)
}

/// Whether MODEL|DATA is a network that `ridgewalk train` trained.
pub fn is_network(spec: &str) -> bool {
    TrainedModel::is_one(Path::new(spec))
}

/// Opens a model file or fits a model to data.
pub fn open(
    spec: &str,
    reading: &Reading,
    preparation: &Preparation,
    model: &arguments::Model,
    seed: u64,
) -> Result<Source> {
    if is_network(spec) {
        return trained(spec, reading, preparation, model);
    }
    if !is_model(spec) {
        return fit(spec, reading, preparation, model, seed);
    }
    let file = ridgewalk_nn::load_model_file(Path::new(spec))?;
    if let Some(flag) = reading.given().or(preparation.given()).or(model.given()) {
        return Err(Failure::new(
            flag,
            format!("cannot act on {spec}: it is a model, fitted to its data already"),
            "drop the flag, or give it to `ridgewalk fit`",
        ));
    }
    Ok(Source { file, data: None, bic: None, training: Value::Null })
}

/// A network that was trained: --class and --ema say which of its models is meant.
fn trained(
    spec: &str,
    reading: &Reading,
    preparation: &Preparation,
    model: &arguments::Model,
) -> Result<Source> {
    let (others, flags) = (Reading { class: None, ..reading.clone() }, model);
    let flags = arguments::Model { ema: None, device: None, memory: None, ..flags.clone() };
    if let Some(flag) = others.given().or(preparation.given()).or(flags.given()) {
        return Err(Failure::new(
            flag,
            format!("cannot act on {spec}: it is a network, trained on its data already"),
            "drop the flag, or give it to `ridgewalk train`",
        ));
    }
    let trained = TrainedModel::load(Path::new(spec), model.ema.map(|ema| ema.0))?;
    let denoiser = trained.of_label(reading.class)?.on(model.device.unwrap_or_default())?;
    let denoiser = match model.memory {
        Some(mebibytes) => denoiser.with_memory(mebibytes.saturating_mul(1 << 20)),
        None => denoiser,
    };
    let hold_out = trained.config.hold_out;
    let about = trained.about;
    let file = ModelFile {
        shape: about.shape.unwrap_or_else(|| denoiser.shape()),
        model: Model::Network(Network(Arc::new(denoiser))),
        normalization: about.normalization,
        latent: about.latent,
        range: about.range,
        columns: about.columns,
        data: about.data,
        points: about.points,
        seed: trained.config.seed,
        command: about.command,
        noise: about.noise,
        salt_and_pepper: about.salt_and_pepper,
        noise_level: None,
        smoothing_spacing: None,
        training_sha256: about.sha256,
    };
    let training = json!({ "steps": trained.step, "ema": trained.average, "hold_out": hold_out, "seed": trained.config.seed });
    Ok(Source { file, data: None, bic: None, training })
}

/// Fits a model to data.
pub fn fit(
    spec: &str,
    reading: &Reading,
    preparation: &Preparation,
    model: &arguments::Model,
    seed: u64,
) -> Result<Source> {
    let of_networks = [
        (model.ema.is_some(), "--ema"),
        (model.device.is_some(), "--device"),
        (model.memory.is_some(), "--memory"),
    ];
    if let Some((_, flag)) = of_networks.into_iter().find(|(given, _)| *given) {
        let help = "give the folder of a run, or drop the flag";
        return Err(Failure::new(flag, "acts on a network that `ridgewalk train` trained", help));
    }
    let name = model.model.as_ref().unwrap_or(&ModelName::Empirical);
    let of_covariances = matches!(name, ModelName::Gaussian | ModelName::Mixture);
    let without = |flag: &str, help| Err(Failure::new(flag, "means nothing for this --model", help));
    if model.components.is_some() && *name != ModelName::Mixture {
        return without("--components", "add --model mixture, or drop the flag");
    }
    if model.rank.is_some() && !of_covariances {
        return without("--rank", "add --model gaussian or --model mixture, or drop the flag");
    }
    let points = read(spec, reading, seed)?;
    let (own, _) = split(&points, preparation.hold_out.unwrap_or(0.0), seed)?;
    drop(points); // a large set must not be held twice while the model is built
    let normalization = if preparation.standardize { Normalization::fit(&own)? } else { Normalization::None };
    let data = normalization.apply(&own)?;
    let (latent, data) = match &model.latent {
        None => (None, data),
        Some(name) => {
            let latent = latent_space(name, &data, preparation.standardize)?;
            let encoded = latent.encode_points(&data)?;
            (Some(latent), encoded)
        }
    };
    let kind = match model.rank.unwrap_or(Rank::Full) {
        Rank::Full => CovarianceKind::Full,
        Rank::Diagonal => CovarianceKind::Diagonal,
        Rank::Low(rank) => CovarianceKind::LowRank(rank),
    };
    if of_covariances && kind != CovarianceKind::Diagonal && data.dim() > WIDEST {
        return Err(Failure::new(
            spec,
            format!("has {} coordinates, too many for covariances", data.dim()),
            "use --latent pca:K, --tile S for large images, or --rank diagonal",
        ));
    }
    let (mut bic, mut training) = (None, Value::Null);
    let fitted = match name {
        ModelName::Empirical => Model::Empirical(Empirical::new(&data)?),
        ModelName::Gaussian => Model::Gaussian(Gaussian::fit(&data, kind)?),
        ModelName::RandomFeatures(text) => {
            let (fitted, said) = random_features::train(text, &data, seed)?;
            training = said;
            Model::RandomFeatures(fitted)
        }
        ModelName::Mixture => {
            let fit = MixtureFit { seed, ..MixtureFit::new(COMPONENTS, kind) };
            let fitted = match model.components {
                None => fit.fit_with_report(&data)?,
                Some(ComponentCount::Count(components)) => {
                    MixtureFit { components, ..fit }.fit_with_report(&data)?
                }
                Some(ComponentCount::Auto) => {
                    let (best, tried) = choose_components(&fit, &data)?;
                    bic = Some(tried);
                    best
                }
            };
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
    file.latent = latent;
    file.seed = seed;
    file.noise = reading.noise.unwrap_or(0.0);
    file.salt_and_pepper = reading.salt_and_pepper.unwrap_or(0.0);
    file.training_sha256 = Some(digest_points(&own));
    // A model takes what it does not fit for noise, and a latent space cuts noise off: it is read from the data.
    let plain = matches!(file.normalization, Normalization::None);
    if plain && (!matches!(file.model, Model::Empirical(_)) || file.latent.is_some()) {
        // Data of which no spectrum can be taken show none; that is no reason not to fit.
        file.noise_level = NoiseFloor::of_points(&own, seed).ok().map(|floor| floor.noise);
    }
    Ok(Source { file, data: Some(data), bic, training })
}

/// The latent space of this name, fitted to data or read.
pub fn latent_space(name: &LatentName, data: &PointSet, standardized: bool) -> Result<LatentSpace> {
    let (components, whiten) = match name {
        LatentName::Pca { components, whiten } => (*components, *whiten),
        LatentName::Autoencoder(path) => return autoencoder(path, data, standardized),
    };
    let pca = Pca::fit(data, components)?;
    let pca = if whiten { pca.whitened() } else { pca };
    say(&format!(
        "latent space: {} principal components of {} coordinates{}, {:.1} % of the variance",
        pca.dim(),
        pca.data_dim(),
        if whiten { ", whitened" } else { "" },
        100.0 * pca.explained()
    ));
    Ok(pca.into())
}

/// The latent space of an autoencoder, checked against the points that it is to hold.
fn autoencoder(path: &Path, data: &PointSet, standardized: bool) -> Result<LatentSpace> {
    let flag = format!("--latent {}", path.display());
    if !path.exists() {
        let problem = format!("'{}' is no file or folder of an autoencoder", path.display());
        let help = "there is pca, or train one with `ridgewalk train --autoencoder`";
        return Err(Failure::new(flag, problem, help));
    }
    let trained = TrainedAutoencoder::load(path)?;
    let shape = trained.autoencoder.shape();
    if shape != data.shape() {
        let problem = format!("is for points that are each a {shape}, and these are each a {}", data.shape());
        return Err(Failure::new(flag, problem, "train an autoencoder on such points"));
    }
    if standardized {
        let problem = "takes the data in their own units";
        return Err(Failure::new(flag, problem, "drop --standardize"));
    }
    let latent = trained.latent();
    say(&format!(
        "latent space: {} coordinates of an autoencoder ({} steps on {})",
        latent.dim(),
        trained.step,
        trained.about.data
    ));
    Ok(latent)
}

/// The mixture of the smallest BIC among the candidates, and the criterion of all that were tried.
fn choose_components(fit: &MixtureFit, data: &PointSet) -> Result<(Fitted, Vec<(usize, f64)>)> {
    say("components          BIC  (smaller is better)");
    let mut best: Option<Fitted> = None;
    let mut tried = Vec::new();
    let mut worse = 0;
    for components in CANDIDATES.into_iter().filter(|&k| k <= data.len()) {
        let Some(fitted) = fit.choose_components(data, [components])?.pop() else { break };
        say(&format!("{components:>10} {:>12.1}", fitted.report.bic));
        tried.push((components, fitted.report.bic));
        if best.as_ref().is_none_or(|best| fitted.report.bic < best.report.bic) {
            (best, worse) = (Some(fitted), 0);
        } else {
            worse += 1;
        }
        if worse == PATIENCE {
            break;
        }
    }
    match best {
        Some(best) => Ok((best, tried)),
        None => Err(Failure::new("--components auto", "has no points to choose from", "give a number")),
    }
}

impl Source {
    /// The training points in the model's units, for the flag `what`.
    pub fn points(&self, what: &str, help: &str) -> Result<Cow<'_, PointSet>> {
        if let Some(data) = &self.data {
            return Ok(Cow::Borrowed(data));
        }
        match &self.file.model {
            Model::Empirical(model) if model.log_weights().is_none() => {
                let shape = match &self.file.latent {
                    None => self.file.shape,
                    Some(latent) => Shape::Vector(latent.dim()),
                };
                Ok(Cow::Owned(PointSet::new(model.points().to_owned(), shape)?))
            }
            Model::Empirical(_) => {
                Err(Failure::new(what, "takes no weights, and the points have some", help))
            }
            _ => Err(Failure::new(what, "needs the data, and a model file without them was given", help)),
        }
    }

    /// Units of noise levels, scales and bandwidths.
    pub fn units(&self) -> &'static str {
        match (&self.file.latent, &self.file.normalization) {
            (Some(_), _) => "latent",
            (None, Normalization::Standardized { .. }) => "standardized",
            (None, Normalization::None) => "data",
        }
    }

    /// What a record says of the model: where it comes from, and the training set that it saw. Of a model
    /// fitted just now `hold_out` is its own; that of a file is in the command that made it.
    pub fn settings(&self, hold_out: Option<f64>) -> Value {
        let file = &self.file;
        let hold_out = hold_out.or_else(|| match Cli::parse_words(&file.command).ok()?.command {
            Command::Fit(fit) => fit.preparation.hold_out,
            _ => self.training["hold_out"].as_f64(),
        });
        json!({
            "kind": file.model.kind(), "data": file.data, "points": file.points, "command": file.command,
            "hold_out": hold_out.unwrap_or(0.0), "sha256": file.training_sha256, "units": self.units(),
            "latent": self.latent_settings(), "bic": self.bic, "training": self.training,
        })
    }

    /// What a record says of the latent space.
    pub fn latent_settings(&self) -> Value {
        self.file.latent.as_ref().map_or(Value::Null, |latent| {
            json!({
                "kind": latent.name(), "dim": latent.dim(), "explained": latent.explained(),
                "whitened": latent.is_scaled(),
            })
        })
    }

    /// Samples in the model's units to a point set in the data's.
    pub fn to_points(&self, samples: Array2<f64>) -> Result<PointSet> {
        let points = PointSet::new(self.file.to_data(samples)?, self.file.shape)?;
        match &self.file.columns {
            Some(columns) => Ok(points.with_columns(columns.clone())?),
            None => Ok(points),
        }
    }
}
