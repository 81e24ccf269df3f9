//! The latent space of a model: principal components, which this crate stores itself, or a network's, of which it keeps
//! the parts for whoever knows networks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use ridgewalk::{Latent, Pca};

/// What a network's latent space is made of: a text that says how, and named arrays (shape, values).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LatentParts {
    /// Configuration, as the crate of networks writes it.
    pub header: String,
    /// The arrays; in a file `latent.` comes before their names.
    pub arrays: BTreeMap<String, (Vec<usize>, Vec<f64>)>,
}

/// A latent space that a network makes, with its parts.
#[derive(Clone)]
pub struct LatentNetwork {
    latent: Arc<dyn Latent>,
    parts: Arc<LatentParts>,
}

impl LatentNetwork {
    /// A network with the parts of which it can be made again.
    pub fn new(latent: Arc<dyn Latent>, parts: LatentParts) -> Self {
        LatentNetwork { latent, parts: Arc::new(parts) }
    }

    /// What it is made of.
    pub fn parts(&self) -> &LatentParts {
        &self.parts
    }
}

impl fmt::Debug for LatentNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LatentNetwork").field(&self.latent.data_dim()).field(&self.latent.dim()).finish()
    }
}

impl PartialEq for LatentNetwork {
    fn eq(&self, other: &Self) -> bool {
        self.parts == other.parts
    }
}

/// The latent space of a model.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum LatentSpace {
    /// Principal components.
    Pca(Pca),
    /// That of an autoencoder.
    Network(LatentNetwork),
}

impl LatentSpace {
    /// The one or the other.
    pub fn as_latent(&self) -> &dyn Latent {
        match self {
            LatentSpace::Pca(pca) => pca,
            LatentSpace::Network(network) => network.latent.as_ref(),
        }
    }

    /// Share of the variance that principal components hold; none of a network.
    pub fn explained(&self) -> Option<f64> {
        match self {
            LatentSpace::Pca(pca) => Some(pca.explained()),
            LatentSpace::Network(_) => None,
        }
    }

    /// Whether a unit of the latent space is something else than one of the data, so that noise of the data has no one
    /// level in it: whitened components, and all of networks.
    pub fn is_scaled(&self) -> bool {
        match self {
            LatentSpace::Pca(pca) => pca.is_scaled(),
            LatentSpace::Network(_) => true,
        }
    }

    /// As a note on a page has it: `12 principal components`.
    pub fn description(&self) -> String {
        match self {
            LatentSpace::Pca(pca) => format!("{} principal components", pca.dim()),
            LatentSpace::Network(network) => {
                format!("{} coordinates of an autoencoder", network.latent.dim())
            }
        }
    }
}

impl From<Pca> for LatentSpace {
    fn from(pca: Pca) -> Self {
        LatentSpace::Pca(pca)
    }
}

impl Latent for LatentSpace {
    fn name(&self) -> &'static str {
        self.as_latent().name()
    }

    fn dim(&self) -> usize {
        self.as_latent().dim()
    }

    fn data_dim(&self) -> usize {
        self.as_latent().data_dim()
    }

    fn encode(&self, x: ArrayView2<f64>) -> ridgewalk::Result<Array2<f64>> {
        self.as_latent().encode(x)
    }

    fn decode(&self, z: ArrayView2<f64>) -> ridgewalk::Result<Array2<f64>> {
        self.as_latent().decode(z)
    }
}
