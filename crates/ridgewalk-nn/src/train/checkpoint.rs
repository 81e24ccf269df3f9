//! Checkpoints, from which a run goes on as if it had never stopped; and the network alone, for use.
//!
//! | tensor | what |
//! |---|---|
//! | `values`, `optimizer.first`, `optimizer.second`, `average.0`, … | flat vectors of all numbers of the network |
//! | `interval`, `noise_scale` | sums of the log |
//! | `mean`, `deviation`, `center_scale_range` | moments of the data, the preconditioning, the range of pictures |
//! | `normalization.mean`, `normalization.std` | where the data were standardized |
//! | `latent.*` | the latent space in which a denoiser was trained, whole |
//! | `network.codes.mean`, `network.codes.deviation` | of an autoencoder that was trained: moments of its latents |
//!
//! A network's own file, `model.safetensors`, has its arrays by PyTorch's names instead of the vectors.

use std::path::{Path, PathBuf};

use ridgewalk::Moments;
use ridgewalk_data::Normalization;
use serde::{Deserialize, Serialize};

use super::file::{File, Numbers};
use super::interval::Interval;
use super::noise_scale::NoiseScale;
use super::optimizer::Moved;
use super::trainer::{State, Trainer};
use super::{About, TrainConfig, TrainingData};
use crate::autoencoder::{AutoencoderModel, LatentHeader, latent_into_file};
use crate::error::{Error, Result};
use crate::neural::ModelConfig;

/// Name of the network's file in a run's folder.
pub const MODEL: &str = "model.safetensors";
/// How names of checkpoints begin.
const CHECKPOINT: &str = "checkpoint-";
/// Checkpoints that are kept.
const KEPT: usize = 2;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    /// Of a denoiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelConfig>,
    /// Of an autoencoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoencoder: Option<AutoencoderModel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<LatentHeader>,
    pub config: TrainConfig,
    pub about: About,
    pub labels: Vec<u32>,
    pub step: u64,
    /// Digest of the data.
    pub digest: String,
    /// Length of the average that the network's own file holds.
    pub average: Option<f64>,
}

/// A file with what is known of the data, but no network yet, and what its header says of the latent space.
pub(super) fn file_of(about: &About, moments: &Moments) -> (File, Option<LatentHeader>) {
    let mut file = File::default();
    let latent = about.latent.as_ref().map(|latent| latent_into_file(&mut file, latent));
    let Moments { mean, std } = moments;
    file.add("mean", vec![mean.len()], Numbers::Double(mean.to_vec()));
    file.add("deviation", vec![1], Numbers::Double(vec![*std]));
    if let Normalization::Standardized { mean, std } = &about.normalization {
        file.add("normalization.mean", vec![mean.len()], Numbers::Double(mean.clone()));
        file.add("normalization.std", vec![std.len()], Numbers::Double(std.clone()));
    }
    (file, latent)
}

impl Trainer {
    fn header(&self, about: &About, average: Option<f64>, latent: Option<LatentHeader>) -> String {
        let mut config = self.config().clone();
        if average.is_some() {
            // A time is not the same twice, its steps are.
            (config.steps, config.minutes) = (Some(self.steps_done()), None);
        }
        let header = Header {
            model: self.model(),
            autoencoder: self.autoencoder_model(),
            latent,
            config,
            about: about.clone(),
            labels: self.labels().to_vec(),
            step: self.steps_done(),
            digest: self.data().digest(),
            average,
        };
        serde_json::to_string(&header).unwrap_or_default()
    }

    fn common(&self, about: &About, average: Option<f64>) -> File {
        let (mut file, latent) = file_of(about, self.moments());
        file.header = self.header(about, average, latent);
        file
    }

    /// Writes a checkpoint into the folder, atomically; the last two are kept. Its path.
    ///
    /// # Errors
    /// What the operating system reports. Earlier checkpoints are whole then.
    pub fn save(&self, folder: &Path, about: &About) -> Result<PathBuf> {
        let mut file = self.common(about, None);
        let State { step, moved, averages, interval, noise_scale } = &self.state;
        let mut vector = |name: &str, values: &[f32]| {
            file.add(name, vec![values.len()], Numbers::Single(values.to_vec()));
        };
        vector("values", &moved.values);
        vector("optimizer.first", &moved.first);
        vector("optimizer.second", &moved.second);
        for (index, average) in averages.iter().enumerate() {
            vector(&format!("average.{index}"), average);
        }
        let numbers = interval.to_numbers();
        file.add("interval", vec![numbers.len()], Numbers::Double(numbers));
        let NoiseScale { spread, square, weight } = *noise_scale;
        file.add("noise_scale", vec![3], Numbers::Double(vec![spread, square, weight]));
        // What is not finite could not be read back, and would stand before the checkpoints that can.
        if !file.is_finite() {
            let problem = format!("the weights or their moments are not finite after step {step}");
            return Err(Error::Model(ridgewalk::Error::argument(
                "training",
                problem,
                "go on from the last checkpoint with a lower learning rate",
            )));
        }
        let path = folder.join(format!("{CHECKPOINT}{step:08}.safetensors"));
        file.write(&path)?;
        let mut all = checkpoints(folder);
        all.truncate(all.len().saturating_sub(KEPT));
        for old in all.into_iter().filter(|old| *old != path) {
            std::fs::remove_file(old).ok();
        }
        Ok(path)
    }

    /// Writes the network alone, with an average of its weights, by PyTorch's names; an autoencoder with the moments of
    /// the training points' latents.
    ///
    /// # Errors
    /// What the operating system reports, or that no such average is kept.
    pub fn save_model(&self, path: &Path, about: &About, average: Option<f64>) -> Result<()> {
        let mut file = self.common(about, average);
        let arrays = match self.model() {
            Some(_) => self.denoiser(average)?.to_torch(),
            None => {
                let own = self.autoencoder(average)?.standardised(self.data().points())?;
                let codes = [("mean", own.mean().to_vec()), ("deviation", vec![own.deviation()])];
                for (name, values) in codes {
                    file.add(&format!("network.codes.{name}"), vec![values.len()], Numbers::Double(values));
                }
                own.to_torch()
            }
        };
        for (name, shape, values) in arrays {
            file.add(&format!("network.{name}"), shape, Numbers::Single(values));
        }
        file.write(path)
    }

    /// The training that a checkpoint is of, ready to go on.
    ///
    /// # Errors
    /// If the file is no checkpoint, or was made with other settings or data: the message says what differs.
    pub fn resume(config: &TrainConfig, data: TrainingData, checkpoint: &Path) -> Result<Self> {
        let mut trainer = Trainer::new(config, data)?;
        let file = File::read(checkpoint)?;
        let header = parse(checkpoint, &file)?;
        if let Some(difference) = difference(&header.config, trainer.config()) {
            let help = "give the settings of the run (its run.toml), or train into another folder";
            return Err(Error::file(checkpoint, format!("is of other settings: {difference}"), help));
        }
        if header.digest != trainer.data().digest() {
            let (then, now) = (header.about.points, trainer.data().points().len());
            let problem =
                format!("was trained on other data: {then} points of `{}`, now {now}", header.about.data);
            return Err(Error::file(
                checkpoint,
                problem,
                "give the data of the run, or train into another folder",
            ));
        }
        let length = trainer.parameters();
        let vector = |name: &str| file.single(checkpoint, name, length);
        let moved = Moved {
            values: vector("values")?,
            first: vector("optimizer.first")?,
            second: vector("optimizer.second")?,
        };
        let count = trainer.config().averages.len();
        let averages = (0..count).map(|index| vector(&format!("average.{index}"))).collect::<Result<_>>()?;
        let damaged =
            |what: &str| Error::file(checkpoint, format!("has no sound `{what}`"), "take an earlier one");
        let interval = Interval::from_numbers(&file.double(checkpoint, "interval")?);
        let interval = interval.ok_or_else(|| damaged("interval"))?;
        let [spread, square, weight] = *file.double(checkpoint, "noise_scale")?.as_slice() else {
            return Err(damaged("noise_scale"));
        };
        let noise_scale = NoiseScale { spread, square, weight };
        trainer.state = State { step: header.step, moved, averages, interval, noise_scale };
        Ok(trainer)
    }
}

/// The checkpoints of a folder, the oldest first.
pub fn checkpoints(folder: &Path) -> Vec<PathBuf> {
    let named = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        name.strip_prefix(CHECKPOINT)
            .and_then(|rest| rest.strip_suffix(".safetensors"))
            .and_then(|n| n.parse().ok())
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<(u64, PathBuf)> =
        entries.map(|entry| entry.path()).filter_map(|path| Some((named(&path)?, path))).collect();
    found.sort();
    found.into_iter().map(|(_, path)| path).collect()
}

pub(super) fn parse(path: &Path, file: &File) -> Result<Header> {
    serde_json::from_str(&file.header).map_err(|e| {
        Error::file(
            path,
            format!("has a header that makes no sense ({e})"),
            "the file is damaged; train again",
        )
    })
}

/// The first setting that makes two runs differ. A run of a constant rate may be made longer, and files be written more
/// often.
fn difference(then: &TrainConfig, now: &TrainConfig) -> Option<String> {
    let mut then = then.clone();
    if then.optimizer.schedule == super::RateSchedule::Constant {
        then.steps = now.steps;
    }
    then.minutes = now.minutes;
    then.every.checkpoint = now.every.checkpoint;
    then.every.sample = now.every.sample;
    // Both as they are read: a number in JSON may lose its last bit.
    let read = |config: &TrainConfig| {
        let text = serde_json::to_string(config).unwrap_or_default();
        serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default()
    };
    let (then, now) = (read(&then), read(now));
    compare("", &then, &now)
}

fn compare(key: &str, then: &serde_json::Value, now: &serde_json::Value) -> Option<String> {
    if let (Some(then), Some(now)) = (then.as_object(), now.as_object()) {
        let keys = then.keys().chain(now.keys());
        return keys
            .filter_map(|name| {
                let dot = if key.is_empty() { "" } else { "." };
                let null = serde_json::Value::Null;
                let key = format!("{key}{dot}{name}");
                compare(&key, then.get(name).unwrap_or(&null), now.get(name).unwrap_or(&null))
            })
            .next();
    }
    (then != now).then(|| format!("{key} was {then}, now it is {now}"))
}
