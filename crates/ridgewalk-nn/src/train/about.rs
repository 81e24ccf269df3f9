//! Whence the data of a network came, and the way from their units to those of the network.

use std::path::Path;

use ndarray::Array2;
use ridgewalk::{Latent, PointSet, Shape};
use ridgewalk_data::{LatentSpace, Normalization};
use serde::{Deserialize, Serialize};

use super::checkpoint::parse;
use super::file::File;
use crate::autoencoder::{LatentHeader, latent_from_file};
use crate::error::{Error, Result};

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

    pub(super) fn with_latent(
        mut self,
        path: &Path,
        file: &File,
        header: Option<LatentHeader>,
    ) -> Result<Self> {
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
