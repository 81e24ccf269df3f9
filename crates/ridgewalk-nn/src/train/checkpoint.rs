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

use ndarray::Array2;
use ridgewalk::{Latent, Moments, PointSet, Shape};
use ridgewalk_data::{LatentSpace, Normalization};
use serde::{Deserialize, Serialize};

use super::file::{File, Numbers};
use super::interval::Interval;
use super::noise_scale::NoiseScale;
use super::optimizer::Moved;
use super::trainer::{State, Trainer};
use super::{TrainConfig, TrainingData};
use crate::autoencoder::{
    AutoencoderModel, LatentHeader, TrainedAutoencoder, latent_from_file, latent_into_file, of_arrays,
};
use crate::error::{Error, Result};
use crate::neural::{Model, ModelConfig, NeuralDenoiser};

/// Name of the network's file in a run's folder.
pub const MODEL: &str = "model.safetensors";
/// How names of checkpoints begin.
const CHECKPOINT: &str = "checkpoint-";
/// Checkpoints that are kept.
const KEPT: usize = 2;

/// Whence the data came, for those who use the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Path or name of the data.
    pub data: String,
    /// Number of points that were trained on.
    pub points: usize,
    /// SHA-256 of their values, in the data's own units.
    pub sha256: Option<String>,
    /// Smallest and largest value, in the data's own units.
    pub range: (f64, f64),
    /// Names of the coordinates.
    pub columns: Option<Vec<String>>,
    /// The command that made it.
    pub command: Vec<String>,
    /// Deviation of noise that was added to the data.
    pub noise: f64,
    /// Part of the values that salt and pepper replaced.
    pub salt_and_pepper: f64,
    /// From the data's units to those of the network.
    #[serde(skip)]
    pub normalization: Normalization,
    /// Shape of a point of the data, if the network is trained in a latent space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Shape>,
    /// That latent space: data → normalization → latent → network.
    #[serde(skip)]
    pub latent: Option<LatentSpace>,
}

impl About {
    /// Of data that are not at hand, in this range; by the path of what was made of them.
    pub fn elsewhere(data: impl Into<String>, range: (f64, f64)) -> Self {
        About {
            data: data.into(),
            points: 0,
            sha256: None,
            range,
            columns: None,
            command: Vec::new(),
            noise: 0.0,
            salt_and_pepper: 0.0,
            normalization: Normalization::None,
            shape: None,
            latent: None,
        }
    }

    /// Of points in their own units, by a path or name.
    pub fn of(points: &PointSet, data: impl Into<String>) -> Self {
        About {
            data: data.into(),
            points: points.len(),
            sha256: None,
            range: points.range(),
            columns: points.columns().map(<[String]>::to_vec),
            command: Vec::new(),
            noise: 0.0,
            salt_and_pepper: 0.0,
            normalization: Normalization::None,
            shape: None,
            latent: None,
        }
    }

    /// What a checkpoint or a network's file says, of denoisers and autoencoders.
    ///
    /// # Errors
    /// If the file is damaged or no such file.
    pub fn read(path: &Path) -> Result<Self> {
        let file = File::read(path)?;
        let header = parse(path, &file)?;
        header.about.with_latent(path, &file, header.latent)
    }

    fn with_latent(mut self, path: &Path, file: &File, header: Option<LatentHeader>) -> Result<Self> {
        self.latent = header.map(|header| latent_from_file(path, file, header)).transpose()?;
        Ok(self)
    }

    /// Shape of a point of the data, of a network that is trained on `points`.
    pub fn shape_of(&self, points: &PointSet) -> Shape {
        self.shape.unwrap_or_else(|| points.shape())
    }

    /// Rows that the network made, in the data's own units.
    ///
    /// # Errors
    /// If they have other columns, or a result is not finite.
    pub fn to_data(&self, rows: Array2<f64>) -> Result<Array2<f64>> {
        let rows = match &self.latent {
            Some(latent) => latent.decode(rows.view())?,
            None => rows,
        };
        self.normalization.undo(rows).map_err(Error::data)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    /// Of a denoiser.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<ModelConfig>,
    /// Of an autoencoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    autoencoder: Option<AutoencoderModel>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latent: Option<LatentHeader>,
    config: TrainConfig,
    about: About,
    labels: Vec<u32>,
    step: u64,
    /// Digest of the data.
    digest: String,
    /// Length of the average that the network's own file holds.
    average: Option<f64>,
}

/// Which weights of a checkpoint are used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Average {
    /// The average of this length; see [`TrainConfig::averages`].
    Length(f64),
    /// Those of the last step.
    Last,
}

/// A network that was trained, for use.
#[derive(Clone)]
pub struct TrainedModel {
    /// The network; it knows the mean and scale of its data.
    pub denoiser: NeuralDenoiser,
    /// Whence the data came.
    pub about: About,
    /// Settings of the run.
    pub config: TrainConfig,
    /// Label of every class that it is told.
    pub labels: Vec<u32>,
    /// Steps of its training.
    pub step: u64,
    /// Length of the average of its weights; none for those of the last step.
    pub average: Option<f64>,
}

/// A file with what is known of the data, but no network yet, and what its header says of the latent space.
fn file_of(about: &About, moments: &Moments) -> (File, Option<LatentHeader>) {
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

impl TrainedModel {
    /// Whether a path is a network's file, a checkpoint, or the folder of a run.
    pub fn is_one(path: &Path) -> bool {
        if path.is_dir() {
            return path.join(MODEL).is_file() || !checkpoints(path).is_empty();
        }
        path.extension().is_some_and(|extension| extension == "safetensors") && File::is_one(path)
    }

    /// The network of a run: a folder, its network's file, or one of its checkpoints; with the average that the file
    /// holds or, of checkpoints, the middle one of those that are kept, unless another is asked for.
    ///
    /// # Errors
    /// If there is none, or it is damaged, or has no such average.
    pub fn load(path: &Path, average: Option<Average>) -> Result<Self> {
        if !path.is_dir() {
            return Self::read(path, average);
        }
        let steps = |path: &Path| -> Result<u64> { Ok(parse(path, &File::read(path)?)?.step) };
        let all = checkpoints(path);
        let sound = all.iter().rev().find_map(|path| Some((path, steps(path).ok()?)));
        let model = path.join(MODEL);
        match (sound, steps(&model)) {
            // A folder whose run went on after it ended once has a newer checkpoint than its network's file.
            (Some((newest, taken)), own)
                if average.is_some() || own.as_ref().map_or(true, |own| *own < taken) =>
            {
                Self::read(newest, average)
            }
            (None, Err(error)) if !model.is_file() => match all.last() {
                Some(damaged) => Self::read(damaged, average),
                None => Err(error),
            },
            _ => Self::read(&model, average),
        }
    }

    fn read(path: &Path, average: Option<Average>) -> Result<Self> {
        let file = File::read(path)?;
        let mut header = parse(path, &file)?;
        let Some(own) = header.model.take() else {
            let help = "give it to --latent, or give a network that was trained without --autoencoder";
            return Err(Error::file(path, "is an autoencoder, which draws no samples", help));
        };
        let dim = own.network.shape.dim();
        let model = Model::new(&own)?;
        let length = model.layout().len();
        let (values, average) = if file.tensors.contains_key("values") {
            let kept = &header.config.averages;
            let usual = kept.get(kept.len() / 2).map_or(Average::Last, |length| Average::Length(*length));
            match average.unwrap_or(usual) {
                Average::Last => (file.single(path, "values", length)?, None),
                Average::Length(wanted) => {
                    let index = kept.iter().position(|length| *length == wanted).ok_or_else(|| {
                        let problem = format!("keeps no average of the length {wanted}");
                        Error::file(path, problem, format!("choose one of {kept:?}, or `last`"))
                    })?;
                    (file.single(path, &format!("average.{index}"), length)?, Some(wanted))
                }
            }
        } else {
            let own = header.average.map_or(Average::Last, Average::Length);
            if average.is_some_and(|average| average != own) {
                let problem = format!("holds the average {own:?} alone");
                return Err(Error::file(
                    path,
                    problem,
                    "give the folder of the run, whose checkpoint has all",
                ));
            }
            let arrays = file.tensors.iter().filter_map(|(name, (shape, numbers))| match numbers {
                Numbers::Single(values) => {
                    Some((name.strip_prefix("network.")?.to_string(), (shape.clone(), values.clone())))
                }
                Numbers::Double(_) => None,
            });
            let values = model.layout().read_torch(&arrays.collect()).map_err(|problem| {
                Error::file(path, problem, "the file is damaged; take a checkpoint of the run")
            })?;
            (values, header.average)
        };
        let wrong =
            |what: &str| Error::file(path, format!("has a `{what}` of another dimension"), "train again");
        let vector = |name: &str| {
            file.double(path, name).and_then(|v| if v.len() == dim { Ok(v) } else { Err(wrong(name)) })
        };
        let moments = Moments {
            mean: vector("mean")?.into(),
            std: file.double(path, "deviation")?.first().copied().unwrap_or(1.0),
        };
        if file.tensors.contains_key("normalization.mean") {
            let (mean, std) =
                (file.double(path, "normalization.mean")?, file.double(path, "normalization.std")?);
            let wide = header.about.shape.map_or(dim, |shape| shape.dim());
            if mean.len() != wide || std.len() != wide {
                return Err(wrong("normalization"));
            }
            header.about.normalization = Normalization::Standardized { mean, std };
        }
        let denoiser = NeuralDenoiser::new(&own, values)?.with_moments(moments);
        let Header { about, config, labels, step, latent, .. } = header;
        let about = about.with_latent(path, &file, latent)?;
        if about.latent.as_ref().is_some_and(|latent| {
            latent.dim() != dim || about.shape.map(|shape| shape.dim()) != Some(latent.data_dim())
        }) {
            return Err(wrong("latent"));
        }
        Ok(TrainedModel { denoiser, about, config, labels, step, average })
    }

    /// Writes the network alone, by PyTorch's names.
    ///
    /// # Errors
    /// What the operating system reports.
    pub fn save(&self, path: &Path) -> Result<()> {
        let dim = ridgewalk::Denoiser::dim(&self.denoiser);
        let moments = ridgewalk::Denoiser::moments(&self.denoiser);
        let moments = moments.unwrap_or_else(|| Moments { mean: vec![0.0; dim].into(), std: 1.0 });
        let (mut file, latent) = file_of(&self.about, &moments);
        let header = Header {
            model: Some(self.denoiser.config()),
            autoencoder: None,
            latent,
            config: self.config.clone(),
            about: self.about.clone(),
            labels: self.labels.clone(),
            step: self.step,
            digest: String::new(),
            average: self.average,
        };
        file.header = serde_json::to_string(&header).unwrap_or_default();
        for (name, shape, values) in self.denoiser.to_torch() {
            file.add(&format!("network.{name}"), shape, Numbers::Single(values));
        }
        file.write(path)
    }

    /// The same network, told that all points have this label, or nothing of classes.
    ///
    /// # Errors
    /// If it was trained without classes, or this label did not occur.
    pub fn of_label(&self, label: Option<u32>) -> ridgewalk::Result<NeuralDenoiser> {
        let Some(label) = label else { return self.denoiser.of_class(None) };
        let class = self.labels.binary_search(&label).map_err(|_| {
            let help = match self.labels.as_slice() {
                [] => "the network was trained without classes: train with --classes".to_string(),
                labels => format!("its labels are {labels:?}"),
            };
            ridgewalk::Error::argument("class", format!("{label} is unknown to the network"), help)
        })?;
        self.denoiser.of_class(Some(class))
    }
}

/// The autoencoder of a network's file.
pub(crate) fn read_autoencoder(path: &Path) -> Result<TrainedAutoencoder> {
    let file = File::read(path)?;
    let Header { autoencoder, about, config, step, average, .. } = parse(path, &file)?;
    let Some(model) = autoencoder else {
        let help = "give a folder that `ridgewalk train --autoencoder` wrote";
        return Err(Error::file(path, "is a network that takes out noise, no autoencoder", help));
    };
    let own = file.tensors.iter().filter_map(|(name, (shape, numbers))| {
        let values = match numbers {
            Numbers::Single(values) => values.iter().map(|v| f64::from(*v)).collect(),
            Numbers::Double(values) => values.clone(),
        };
        Some((name.strip_prefix("network.")?.to_string(), (shape.clone(), values)))
    });
    let autoencoder = of_arrays(&model, own.collect()).map_err(|problem| {
        Error::file(path, problem, "give the folder of a run that has ended, or train again")
    })?;
    Ok(TrainedAutoencoder { autoencoder, about, config, step, average })
}

fn parse(path: &Path, file: &File) -> Result<Header> {
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
