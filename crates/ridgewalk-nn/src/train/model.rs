//! The network of a run, for use.

use std::path::Path;

use ridgewalk::{Latent, Moments};
use ridgewalk_data::Normalization;

use super::checkpoint::{Header, MODEL, checkpoints, file_of, parse};
use super::file::{File, Numbers};
use super::{About, TrainConfig};
use crate::autoencoder::{TrainedAutoencoder, of_arrays};
use crate::error::{Error, Result};
use crate::neural::{Model, NeuralDenoiser};

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
