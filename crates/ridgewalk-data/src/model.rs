//! Closed-form models as files: safetensors whose metadata say what the model is and whence it came.
//!
//! | metadata key | value |
//! |---|---|
//! | `format` | `ridgewalk-model` |
//! | `version` | `4` in the latent space of a network, `3` for random features, `2` if a covariance is diagonal, else `1` |
//! | `header` | JSON: kind, shape, normalization, range, data, seed, command, … |
//!
//! | kind | tensors (f64, little endian) |
//! |---|---|
//! | `gaussian` | as a mixture of one component, without `weights` |
//! | `mixture` | `weights` `[K]`, `means` `[K, d]`; of every component k its covariance: `component.k.vectors` `[r, d]`, `component.k.values` `[r]`, `component.k.isotropic` `[1]`, or, if it is diagonal, only `component.k.diagonal` `[d]` |
//! | `empirical` | `points` `[n, d]` (u8 or f32 where that loses nothing), and, unless all are equal, `log_weights` `[n]` |
//! | `random-features` | `features.directions` `[p, d]`, `features.embedding` `[p, 2K + 1]` or `[p, 0]`, `features.biases` `[p]`, `features.period` `[1]`, `weights` `[d, p]`, `center` `[d]`, `scale` `[1]`, `times` `[2]`, `mean` `[d]`, `std` `[1]`; the header's `activation` is `cosine` or `relu` |
//! | any, if standardized | `normalization.mean` `[d]`, `normalization.std` `[d]` |
//! | any, in a latent space | `latent.mean` `[d]`, `latent.components` `[k, d]`, `latent.scales` `[k]`, `latent.spectrum` `[rank]`; the model is then one of k dimensions |
//! | any, in the latent space of a network | `latent.*`, as the header's `latent_network` says; read by [`ModelFile::load_with_networks`] |
//!
//! A model that is read back is the same bit for bit, and the same model gives the same bytes.
//! Reading trusts nothing: lengths, types, shapes and values are checked, and nothing can run code.

mod container;
mod features;
mod header;
mod parts;
mod space;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::{Empirical, Gaussian, Mixture, RandomFeatures};
use ridgewalk::{Denoiser, Latent, Shape};

use crate::error::{Error, Result};
use crate::load::DEFAULT_LIMIT;
use crate::normalization::Normalization;
use container::Container;
use header::Header;
pub use space::{LatentNetwork, LatentParts, LatentSpace};

/// A network, which is no closed form: it is read from its own file and used as the others are.
#[derive(Clone)]
pub struct Network(pub Arc<dyn Denoiser>);

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Network").field(&self.0.dim()).finish()
    }
}

/// Makes the latent space of a network, of its parts.
pub type ReadNetwork<'a> = &'a dyn Fn(LatentParts) -> std::result::Result<LatentNetwork, String>;

/// A model of any kind.
#[derive(Debug, Clone)]
pub enum Model {
    /// N(μ, Σ).
    Gaussian(Gaussian),
    /// A mixture of Gaussians.
    Mixture(Mixture),
    /// The data themselves.
    Empirical(Empirical),
    /// Random features, trained.
    RandomFeatures(RandomFeatures),
    /// A network, trained; [`ModelFile::save`] refuses it, for it has a file of its own.
    Network(Network),
}

impl Model {
    /// The model as what samplers and probes take.
    pub fn as_denoiser(&self) -> &dyn Denoiser {
        match self {
            Model::Gaussian(model) => model,
            Model::Mixture(model) => model,
            Model::Empirical(model) => model,
            Model::RandomFeatures(model) => model,
            Model::Network(model) => &model.0,
        }
    }

    /// `gaussian`, `mixture`, `empirical`, `random-features` or `network`.
    pub fn kind(&self) -> &'static str {
        match self {
            Model::Gaussian(_) => "gaussian",
            Model::Mixture(_) => "mixture",
            Model::Empirical(_) => "empirical",
            Model::RandomFeatures(_) => "random-features",
            Model::Network(_) => "network",
        }
    }

    /// Ambient dimension d.
    pub fn dim(&self) -> usize {
        self.as_denoiser().dim()
    }
}

/// A model with all that is needed to use it and to make it again.
///
/// ```
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk_data::{Model, ModelFile};
///
/// let data = ridgewalk_data::load("circle:n=50,seed=7")?;
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("circle.safetensors");
/// ModelFile { seed: 7, ..ModelFile::new(Model::Empirical(Empirical::new(&data)?), &data, "circle") }.save(&path)?;
/// let read = ModelFile::load(&path)?;
/// assert_eq!((read.model.kind(), read.points, read.seed), ("empirical", 50, 7));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// The model, in the coordinates of `latent`, else in the units of `normalization`.
    pub model: Model,
    /// What one point is.
    pub shape: Shape,
    /// From the data's units to the model's, or to those that `latent` encodes.
    pub normalization: Normalization,
    /// The latent space in which the model was fitted, if it was in one: data → normalization → latent →
    /// model.
    pub latent: Option<LatentSpace>,
    /// Smallest and largest value of the training data, in their own units: the scale of pictures.
    pub range: (f64, f64),
    /// Names of the coordinates, if they have any.
    pub columns: Option<Vec<String>>,
    /// The data that it was fitted to: a path or a name, as [`crate::load`] takes it.
    pub data: String,
    /// Number of points that it was fitted to.
    pub points: usize,
    /// Seed of the fit.
    pub seed: u64,
    /// The command that made it, with its arguments; empty if no command did.
    pub command: Vec<String>,
    /// Standard deviation of known noise that was added to the data before the fit, in their own
    /// units; 0 if none was.
    pub noise: f64,
    /// Fraction of the values that salt and pepper replaced before that; 0 if none was.
    pub salt_and_pepper: f64,
    /// Standard deviation of the noise that the data were found to have, in their own units; none if there was
    /// none to be read, or nobody looked.
    pub noise_level: Option<f64>,
    /// Typical distance between neighbouring points of the data, in the model's units (latent ones, if it
    /// is in a latent space): the scale of
    /// smoothing; none if it was not measured.
    pub smoothing_spacing: Option<f64>,
    /// SHA-256 (hexadecimal) of the values that it was fitted to, in the data's own units; none if unknown.
    pub training_sha256: Option<String>,
}

impl ModelFile {
    /// A model of `data` in their own units, with their shape, range and column names; seed 0, no
    /// command, no noise. `spec` is the path or name of the data.
    pub fn new(model: Model, data: &ridgewalk::PointSet, spec: impl Into<String>) -> Self {
        ModelFile {
            model,
            shape: data.shape(),
            normalization: Normalization::None,
            latent: None,
            range: data.range(),
            columns: data.columns().map(<[String]>::to_vec),
            data: spec.into(),
            points: data.len(),
            seed: 0,
            command: Vec::new(),
            noise: 0.0,
            salt_and_pepper: 0.0,
            noise_level: None,
            smoothing_spacing: None,
            training_sha256: None,
        }
    }

    /// Writes the file, atomically. The same contents always give the same bytes.
    ///
    /// # Errors
    /// If the parts disagree (shape, normalization or column names with the model's dimension) or a
    /// number has no meaning (a negative noise), or what the operating system reports.
    pub fn save(&self, path: &Path) -> Result<()> {
        self.check().map_err(|e| e.at_path(path))?;
        let header = Header::of(self).map_err(|e| e.at_path(path))?;
        let metadata = header.to_metadata(header::version(self)).map_err(|e| e.at_path(path))?;
        container::write(path, &metadata, parts::tensors(self))
    }

    /// Reads a file that [`ModelFile::save`] wrote, up to 16 GiB of numbers.
    ///
    /// # Errors
    /// If it is no such file, or a newer ridgewalk wrote it, or it is damaged in any way: the message
    /// names the file and the part of it, and what to do.
    pub fn load(path: &Path) -> Result<Self> {
        Self::load_with(path, DEFAULT_LIMIT)
    }

    /// As [`ModelFile::load`], with another limit on the memory for the numbers, in bytes (8 a number,
    /// however they are stored).
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn load_with(path: &Path, limit: u64) -> Result<Self> {
        Self::read(path, limit, None).map_err(|e| e.at_path(path))
    }

    /// As [`ModelFile::load`], with who makes a network's latent space of its parts, or says what is wrong with them.
    ///
    /// # Errors
    /// As [`ModelFile::load`].
    pub fn load_with_networks(path: &Path, networks: ReadNetwork) -> Result<Self> {
        Self::read(path, DEFAULT_LIMIT, Some(networks)).map_err(|e| e.at_path(path))
    }

    fn read(path: &Path, limit: u64, networks: Option<ReadNetwork>) -> Result<Self> {
        let mut container = Container::open(path, limit)?;
        let header = Header::from_metadata(container.text())?;
        let dim = header.dim()?;
        let latent = parts::latent(&header, &mut container, dim, networks)?;
        let shape = latent.as_ref().map_or(header.shape, |latent| Shape::Vector(latent.dim()));
        let model = parts::model(&header, &mut container, shape, shape.dim())?;
        let normalization = parts::normalization(header.normalization, &mut container, dim)?;
        container.finish()?;
        let file = ModelFile {
            model,
            shape: header.shape,
            normalization,
            latent,
            range: header.range,
            columns: header.columns,
            data: header.data,
            points: header.points,
            seed: header.seed,
            command: header.command,
            noise: header.noise,
            salt_and_pepper: header.salt_and_pepper,
            noise_level: header.noise_level,
            smoothing_spacing: header.smoothing_spacing,
            training_sha256: header.training_sha256,
        };
        file.check().map_err(|e| Error::malformed(e.problem))?;
        Ok(file)
    }

    /// Rows in the data's units (`[n, d]`) to rows in the model's coordinates.
    ///
    /// # Errors
    /// If `x` does not have d columns, or a result is not finite.
    pub fn to_model(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let x = self.normalization.apply_points(x)?;
        match &self.latent {
            None => Ok(x),
            Some(latent) => Ok(latent.encode(x.view())?),
        }
    }

    /// Rows in the model's coordinates to rows in the data's units (`[n, d]`).
    ///
    /// # Errors
    /// As [`ModelFile::to_model`].
    pub fn to_data(&self, rows: Array2<f64>) -> Result<Array2<f64>> {
        match &self.latent {
            None => self.normalization.undo(rows),
            Some(latent) => self.normalization.undo(latent.decode(rows.view())?),
        }
    }

    /// Whether all parts fit together: the same test before writing and after reading, so that what
    /// was written can be read.
    fn check(&self) -> Result<()> {
        let dim = match &self.latent {
            None => self.model.dim(),
            Some(latent) if latent.dim() == self.model.dim() => latent.data_dim(),
            Some(latent) => {
                let problem = format!(
                    "a model of dimension {} cannot be one of a latent space of {}",
                    self.model.dim(),
                    latent.dim()
                );
                return Err(Error::argument(problem, "fit the model to the encoded points"));
            }
        };
        if header::checked_dim(self.shape) != Some(dim) {
            let problem =
                format!("a model of dimension {dim} cannot have points that are each a {}", self.shape);
            return Err(Error::argument(problem, "give the shape of the training data"));
        }
        self.normalization.check(dim)?;
        if let Some(columns) = self.columns.as_ref().filter(|c| c.len() != dim) {
            let problem = format!("there are {} column names for {dim} coordinates", columns.len());
            return Err(Error::argument(problem, "give one a coordinate, or none"));
        }
        let (low, high) = self.range;
        if !(low.is_finite() && high.is_finite() && low <= high) {
            let problem = format!("the range of the data is from {low} to {high}");
            return Err(Error::argument(problem, "give their smallest and largest value"));
        }
        let scale = |v: f64| v.is_finite() && v >= 0.0;
        if !scale(self.noise) || !self.smoothing_spacing.is_none_or(scale) {
            let problem = format!("the noise is {} and the spacing {:?}", self.noise, self.smoothing_spacing);
            return Err(Error::argument(problem, "both are finite and not negative"));
        }
        if self.noise_level.is_some_and(|noise| !(noise > 0.0 && noise.is_finite())) {
            let problem = format!("the noise level of the data is {:?}", self.noise_level);
            return Err(Error::argument(problem, "give a positive number, or none"));
        }
        if !(0.0..=1.0).contains(&self.salt_and_pepper) {
            let problem = format!("the fraction of salt and pepper is {}", self.salt_and_pepper);
            return Err(Error::argument(problem, "it is from 0 to 1"));
        }
        if self.points == 0 {
            return Err(Error::argument("the model was fitted to no points", "give their number"));
        }
        Ok(())
    }
}
