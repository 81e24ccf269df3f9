//! The text part of a model file: what it is, which version, and the JSON header.

use std::collections::{BTreeMap, HashMap};

use ridgewalk::Shape;
use ridgewalk::closed_form::Activation;
use serde::{Deserialize, Serialize};

use super::{LatentSpace, Model, ModelFile};
use crate::error::{Error, Location, Result};
use crate::normalization::Normalization;

/// Value of the key `format`.
const FORMAT: &str = "ridgewalk-model";
/// The newest version read.
const NEWEST: u64 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    Gaussian,
    Mixture,
    Empirical,
    RandomFeatures,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum ActivationName {
    Cosine,
    Relu,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Units {
    None,
    Standardized,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum LatentKind {
    Pca,
    Autoencoder,
}

/// All of a [`ModelFile`] that is not tensors.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    pub kind: Kind,
    /// Of random features, and of nothing else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activation: Option<ActivationName>,
    pub shape: Shape,
    pub normalization: Units,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent: Option<LatentKind>,
    /// Of a network's latent space: its configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latent_network: Option<String>,
    pub range: (f64, f64),
    pub columns: Option<Vec<String>>,
    pub data: String,
    pub points: usize,
    pub seed: u64,
    pub command: Vec<String>,
    pub noise: f64,
    #[serde(default, skip_serializing_if = "is_zero")]
    pub salt_and_pepper: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_level: Option<f64>,
    pub smoothing_spacing: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training_sha256: Option<String>,
}

impl Header {
    pub fn of(file: &ModelFile) -> Result<Self> {
        Ok(Header {
            kind: match file.model {
                Model::Gaussian(_) => Kind::Gaussian,
                Model::Mixture(_) => Kind::Mixture,
                Model::Empirical(_) => Kind::Empirical,
                Model::RandomFeatures(_) => Kind::RandomFeatures,
                Model::Network(_) => {
                    let help = "its own file, that `ridgewalk train` wrote, is what to keep";
                    return Err(Error::argument("a network is not saved as a closed form", help));
                }
            },
            activation: match &file.model {
                Model::RandomFeatures(model) => Some(match model.features().activation() {
                    Activation::Cosine => ActivationName::Cosine,
                    Activation::Relu => ActivationName::Relu,
                }),
                _ => None,
            },
            shape: file.shape,
            normalization: match file.normalization {
                Normalization::None => Units::None,
                Normalization::Standardized { .. } => Units::Standardized,
            },
            latent: file.latent.as_ref().map(|latent| match latent {
                LatentSpace::Pca(_) => LatentKind::Pca,
                LatentSpace::Network(_) => LatentKind::Autoencoder,
            }),
            latent_network: match &file.latent {
                Some(LatentSpace::Network(network)) => Some(network.parts().header.clone()),
                _ => None,
            },
            range: file.range,
            columns: file.columns.clone(),
            data: file.data.clone(),
            points: file.points,
            seed: file.seed,
            command: file.command.clone(),
            noise: file.noise,
            salt_and_pepper: file.salt_and_pepper,
            noise_level: file.noise_level,
            smoothing_spacing: file.smoothing_spacing,
            training_sha256: file.training_sha256.clone(),
        })
    }

    /// The text of the file, which says that it is of this version.
    pub fn to_metadata(&self, version: u64) -> Result<BTreeMap<&'static str, String>> {
        let json = serde_json::to_string(self)
            .map_err(|e| Error::argument(format!("the header cannot be written: {e}"), ""))?;
        Ok(BTreeMap::from([("format", FORMAT.into()), ("version", version.to_string()), ("header", json)]))
    }

    pub fn from_metadata(metadata: Option<&HashMap<String, String>>) -> Result<Self> {
        let get = |key: &str| metadata.and_then(|m| m.get(key)).map(String::as_str);
        match get("format") {
            Some(FORMAT) => {}
            other => {
                let whose = other.map(|f| format!(" (its format is `{}`)", shortened(f))).unwrap_or_default();
                return Err(Error::unsupported(
                    format!("is a safetensors file, but not a ridgewalk model{whose}"),
                    "give a model that `ridgewalk fit` wrote",
                ));
            }
        }
        let version = get("version").unwrap_or_default();
        match version.parse::<u64>() {
            Ok(1..=NEWEST) => {}
            Ok(newer) if newer > NEWEST => {
                return Err(Error::unsupported(
                    format!("is a model of format version {newer}, and this ridgewalk reads up to {NEWEST}"),
                    "update ridgewalk",
                ));
            }
            _ => return Err(malformed("version", format!("`{}` is not a version", shortened(version)))),
        }
        let json = get("header").ok_or_else(|| malformed("header", "is missing".into()))?;
        serde_json::from_str(json).map_err(|e| malformed("header", e.to_string()))
    }

    /// Number of coordinates of a point, above 0.
    pub fn dim(&self) -> Result<usize> {
        checked_dim(self.shape).ok_or_else(|| malformed("header", format!("the shape is {:?}", self.shape)))
    }
}

/// The oldest version that can say what the model is: 4 knows latent spaces of networks, 3 random features, 2 diagonal
/// covariances, 1 none of them. A ridgewalk that reads only 1 then asks to be updated, instead of missing a tensor.
pub(super) fn version(file: &ModelFile) -> u64 {
    if matches!(file.latent, Some(LatentSpace::Network(_))) {
        return 4;
    }
    let components = match &file.model {
        Model::Gaussian(model) => std::slice::from_ref(model),
        Model::Mixture(model) => model.components(),
        Model::Empirical(_) | Model::Network(_) => &[],
        Model::RandomFeatures(_) => return 3,
    };
    if components.iter().any(|g| g.covariance().diagonal_variances().is_some()) { 2 } else { 1 }
}

/// [`Shape::dim`] of a shape that may be absurd: none if it is 0 or overflows.
pub(super) fn checked_dim(shape: Shape) -> Option<usize> {
    let dim = match shape {
        Shape::Vector(d) => Some(d),
        Shape::Image { height, width, channels } => {
            height.checked_mul(width).and_then(|n| n.checked_mul(channels))
        }
    };
    dim.filter(|&d| d > 0)
}

fn is_zero(value: &f64) -> bool {
    *value == 0.0
}

fn malformed(key: &str, problem: String) -> Error {
    Error::malformed(problem).at(Location::Part(key.to_string()))
}

/// Text of a stranger's file, fit for a message.
fn shortened(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}
