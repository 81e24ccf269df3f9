//! Autoencoders in files: their own, those of models in their latent space, and checkpoints of networks trained there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ridgewalk::{Latent, Pca};
use ridgewalk_data::{LatentNetwork, LatentParts, LatentSpace, ModelFile};
use serde::{Deserialize, Serialize};

use super::{Autoencoder, AutoencoderModel};
use crate::error::{Error, Result};
use crate::train::{About, File, MODEL, Numbers, TrainConfig, checkpoints};

/// Names of c̄ and t.
const MEAN: &str = "codes.mean";
const DEVIATION: &str = "codes.deviation";
/// How names of a latent space's arrays begin in the file of a network that was trained in it.
const LATENT: &str = "latent.";

/// An autoencoder that was trained, frozen.
#[derive(Clone)]
pub struct TrainedAutoencoder {
    /// The autoencoder, with c̄ and t of its training points.
    pub autoencoder: Autoencoder,
    /// Whence the data came.
    pub about: About,
    /// Settings of the run.
    pub config: TrainConfig,
    /// Steps of its training.
    pub step: u64,
    /// Length of the average of its weights; none for those of the last step.
    pub average: Option<f64>,
}

impl TrainedAutoencoder {
    /// The autoencoder of a run: a folder, or its network's file.
    ///
    /// # Errors
    /// If there is none, or the run has not ended, or the file is damaged or of another network.
    pub fn load(path: &Path) -> Result<Self> {
        let own = path.join(MODEL);
        if path.is_dir() && !own.is_file() {
            let (problem, help) = match checkpoints(path).is_empty() {
                true => ("holds no autoencoder", "give a folder that `ridgewalk train --autoencoder` wrote"),
                false => ("holds a run that has not ended", "go on with `ridgewalk train --resume`"),
            };
            return Err(Error::file(path, problem, help));
        }
        let path = if path.is_dir() { own.as_path() } else { path };
        crate::train::read_autoencoder(path)
    }

    /// As the latent space of a model, with all that a file of it needs.
    pub fn latent(&self) -> LatentSpace {
        LatentSpace::Network(self.autoencoder.to_latent())
    }
}

impl Autoencoder {
    /// As a latent space with its parts.
    pub fn to_latent(&self) -> LatentNetwork {
        let header = serde_json::to_string(self.model()).unwrap_or_default();
        let mut arrays: BTreeMap<_, _> = self
            .to_torch()
            .into_iter()
            .map(|(name, shape, values)| (name, (shape, values.into_iter().map(f64::from).collect())))
            .collect();
        arrays.insert(MEAN.into(), (vec![self.mean().len()], self.mean().to_vec()));
        arrays.insert(DEVIATION.into(), (vec![1], vec![self.deviation()]));
        LatentNetwork::new(Arc::new(self.clone()), LatentParts { header, arrays })
    }
}

/// The latent space of an autoencoder, of its parts.
///
/// # Errors
/// What is wrong with them.
pub fn read_latent(parts: LatentParts) -> std::result::Result<LatentNetwork, String> {
    let model: AutoencoderModel =
        serde_json::from_str(&parts.header).map_err(|e| format!("has a header that makes no sense ({e})"))?;
    of_arrays(&model, parts.arrays).map(|autoencoder| autoencoder.to_latent())
}

/// An autoencoder of its arrays; one that it does not have is an error.
pub(crate) fn of_arrays(
    model: &AutoencoderModel,
    mut arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
) -> std::result::Result<Autoencoder, String> {
    // What is absurd must not be added up.
    if model.shape.dim() == 0 {
        return Err("is for points without coordinates".into());
    }
    let mut take = |name: &str| arrays.remove(name).map(|(_, values)| values);
    let (Some(mean), Some(deviation)) = (take(MEAN), take(DEVIATION)) else {
        return Err(format!("has no `{MEAN}` or no `{DEVIATION}`"));
    };
    let singles: BTreeMap<_, _> = arrays
        .into_iter()
        .map(|(name, (shape, values))| (name, (shape, values.into_iter().map(|v| v as f32).collect())))
        .collect();
    let autoencoder = Autoencoder::from_torch(model, &singles).map_err(|e| e.to_string())?;
    let known: std::collections::BTreeSet<String> =
        autoencoder.to_torch().into_iter().map(|(name, ..)| name).collect();
    if let Some(name) = singles.keys().find(|name| !known.contains(*name)) {
        return Err(format!("has a tensor `{name}` that is no part of it"));
    }
    let deviation = deviation.first().copied().unwrap_or(0.0);
    if mean.len() != autoencoder.dim() {
        return Err(format!(
            "has a `{MEAN}` of {} numbers for {} coordinates",
            mean.len(),
            autoencoder.dim()
        ));
    }
    autoencoder.with_moments(mean, deviation).map_err(|e| e.to_string())
}

/// As [`ModelFile::load`], of models in the latent space of an autoencoder too.
///
/// # Errors
/// As [`ModelFile::load`].
pub fn load_model_file(path: &Path) -> ridgewalk_data::Result<ModelFile> {
    ModelFile::load_with_networks(path, &read_latent)
}

/// What a network's header says of the latent space that it was trained in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LatentHeader {
    Pca,
    /// With its configuration.
    Autoencoder(String),
}

/// Puts a latent space into a network's file; what its header says of it.
pub(crate) fn latent_into_file(file: &mut File, latent: &LatentSpace) -> LatentHeader {
    let mut add = |name: &str, shape: Vec<usize>, values: Vec<f64>| {
        let single = values.iter().all(|v| f64::from(*v as f32).to_bits() == v.to_bits());
        let numbers = match single {
            true => Numbers::Single(values.iter().map(|v| *v as f32).collect()),
            false => Numbers::Double(values),
        };
        file.add(&format!("{LATENT}{name}"), shape, numbers);
    };
    match latent {
        LatentSpace::Network(network) => {
            for (name, (shape, values)) in &network.parts().arrays {
                add(name, shape.clone(), values.clone());
            }
            LatentHeader::Autoencoder(network.parts().header.clone())
        }
        LatentSpace::Pca(pca) => {
            let (mean, components) = (pca.mean(), pca.components());
            add("mean", vec![mean.len()], mean.to_vec());
            add("components", components.shape().to_vec(), components.iter().copied().collect());
            add("scales", vec![pca.scales().len()], pca.scales().to_vec());
            add("spectrum", vec![pca.spectrum().len()], pca.spectrum().to_vec());
            LatentHeader::Pca
        }
        // There are no others; a new one is not to be lost in silence.
        _ => LatentHeader::Autoencoder(String::new()),
    }
}

/// The latent space of a network's file, of which its header says this.
pub(crate) fn latent_from_file(path: &Path, file: &File, header: LatentHeader) -> Result<LatentSpace> {
    let wrong = |problem: String| {
        Error::file(path, format!("its latent space {problem}"), "the file is damaged; train again")
    };
    let own = file.tensors.iter().filter_map(|(name, (shape, numbers))| {
        let values = match numbers {
            Numbers::Single(values) => values.iter().map(|v| f64::from(*v)).collect(),
            Numbers::Double(values) => values.clone(),
        };
        Some((name.strip_prefix(LATENT)?.to_string(), (shape.clone(), values)))
    });
    let mut arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)> = own.collect();
    match header {
        LatentHeader::Autoencoder(header) => {
            read_latent(LatentParts { header, arrays }).map(LatentSpace::Network).map_err(wrong)
        }
        LatentHeader::Pca => {
            let mut take = |name: &str| arrays.remove(name).ok_or_else(|| wrong(format!("has no `{name}`")));
            let (shape, components) = take("components")?;
            let [k, d] = *shape.as_slice() else { return Err(wrong("has no sound `components`".into())) };
            let components = ndarray::Array2::from_shape_vec((k, d), components)
                .map_err(|_| wrong("has no sound `components`".into()))?;
            let (mean, scales, spectrum) = (take("mean")?.1, take("scales")?.1, take("spectrum")?.1);
            let pca = Pca::from_parts(mean.into(), components, scales, spectrum);
            pca.map(LatentSpace::Pca).map_err(|e| wrong(e.to_string()))
        }
    }
}
