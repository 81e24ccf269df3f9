//! Groups of flags that several commands share.

use std::path::{Path, PathBuf};

use clap::Args;

use ridgewalk_nn::Device;

use super::smoothing::Smoothing;
use super::values::{
    ComponentCount, Ema, LatentName, Mad, ModelName, Noise, Rank, fraction, fraction_or_one, not_negative,
    positive,
};

/// How tables and archives are read: the data, and what is compared with them.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Reading")]
pub struct Table {
    /// CSV and Parquet: the column with the labels (a name or a number), or "none"
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// CSV and Parquet: the columns to use
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// NPZ: the array to use
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// Cut every image into tiles of S×S that do not overlap: points from a micrograph. What is left at the right and
    /// the lower border is dropped
    #[arg(long, value_name = "S", value_parser = positive, allow_negative_numbers = true)]
    pub tile: Option<usize>,
}

impl Table {
    /// The first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        first_given([
            (self.label_column.is_some(), "--label-column"),
            (self.columns.is_some(), "--columns"),
            (self.key.is_some(), "--key"),
            (self.tile.is_some(), "--tile"),
        ])
    }

    /// These flags, and those of `other` where one was not given.
    pub fn or(&self, other: &Table) -> Table {
        Table {
            label_column: self.label_column.clone().or_else(|| other.label_column.clone()),
            columns: self.columns.clone().or_else(|| other.columns.clone()),
            key: self.key.clone().or_else(|| other.key.clone()),
            tile: self.tile.or(other.tile),
        }
    }
}

/// Which points are read, and the noise added to them.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Data")]
pub struct Reading {
    /// Add Gaussian noise of this standard deviation to the data, in their own units [default: 0]
    #[arg(long, value_name = "S", value_parser = not_negative, allow_negative_numbers = true)]
    pub noise: Option<f64>,
    /// Replace this fraction of all values by the smallest or the largest value of the data, each as likely; with
    /// --noise, before it [default: 0]
    #[arg(long, value_name = "P", value_parser = fraction_or_one, allow_negative_numbers = true)]
    pub salt_and_pepper: Option<f64>,
    /// Use at most this many points (a synthetic set: exactly this many)
    #[arg(long = "points", value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub points: Option<usize>,
    /// Use the points of one class only
    #[arg(long, value_name = "LABEL", allow_negative_numbers = true)]
    pub class: Option<u32>,
    /// File of labels
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    #[command(flatten)]
    pub table: Table,
}

impl Reading {
    /// The first of these flags that was given and acts on data alone.
    pub fn given(&self) -> Option<&'static str> {
        first_given([
            (self.noise.is_some(), "--noise"),
            (self.salt_and_pepper.is_some(), "--salt-and-pepper"),
            (self.points.is_some(), "--points"),
            (self.class.is_some(), "--class"),
            (self.labels.is_some(), "--labels"),
        ])
    }

    /// These flags, and those of `other` where one was not given.
    pub fn or(&self, other: &Reading) -> Reading {
        Reading {
            noise: self.noise.or(other.noise),
            salt_and_pepper: self.salt_and_pepper.or(other.salt_and_pepper),
            points: self.points.or(other.points),
            class: self.class.or(other.class),
            labels: self.labels.clone().or_else(|| other.labels.clone()),
            table: self.table.or(&other.table),
        }
    }

    /// Arguments that may be files read: the data and what belongs to it.
    pub fn inputs<'a>(&'a self, data: &'a str) -> Vec<&'a Path> {
        std::iter::once(Path::new(data)).chain(self.labels.as_deref()).collect()
    }
}

/// What is done to the points before a model is fitted.
#[derive(Debug, Clone, Default, PartialEq, Args)]
#[command(next_help_heading = "Data")]
pub struct Preparation {
    /// Shift and scale every column to mean 0 and standard deviation 1; samples and evaluated values come back
    /// in the data's own units. Noise levels, scales and bandwidths of a model are then in standardized units
    #[arg(long)]
    pub standardize: bool,
    /// Keep this fraction of the points out of the model, as the null of a survey [default: 0]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true)]
    pub hold_out: Option<f64>,
}

impl Preparation {
    /// The first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        first_given([(self.standardize, "--standardize"), (self.hold_out.is_some(), "--hold-out")])
    }
}

/// Which closed-form model is fitted to data.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Model (for DATA)")]
pub struct Model {
    /// The model. empirical: the data themselves, which it gives back unless smoothed; gaussian: one Gaussian;
    /// mixture: a mixture of Gaussians, fitted by EM; random-features: a denoiser trained in closed form
    /// (arXiv 2602.06021), with settings as in random-features:features=500,time=500. They are features
    /// (1000 unless given), kind (cosine or relu), time (of training, or inf) or ridge, weight (of the times: h, 1 or
    /// h2), frequencies (of the time embedding), length (on which features vary) and seed [default: empirical]
    #[arg(long, value_name = "empirical|gaussian|mixture|random-features[:KEY=VALUE,..]")]
    pub model: Option<ModelName>,
    /// Fit the model in a latent space: the K principal components of the data, as many as explain a SHARE
    /// of the variance [default: 0.9], or those in units of their standard deviations (whiten); or that of an
    /// autoencoder, by the folder of `ridgewalk train --autoencoder`.
    /// Samples come back as points of the data. Noise levels, scales and bandwidths are then in latent units:
    /// the data's own along each component, its standard deviations, or those of the autoencoder's coordinates
    #[arg(long, value_name = "pca[:K|SHARE][,whiten]|FOLDER")]
    pub latent: Option<LatentName>,
    /// Mixture: number of components, or the one of the smallest BIC [default: 20]
    #[arg(long, value_name = "auto|K", allow_negative_numbers = true)]
    pub components: Option<ComponentCount>,
    /// Gaussian and mixture: covariance of full rank, diagonal, or of rank R plus isotropic [default: full]
    #[arg(long, value_name = "full|diagonal|R", allow_negative_numbers = true)]
    pub rank: Option<Rank>,
    /// Of a run of `ridgewalk train`: the average of the weights that is used, by its length, or the last weights
    /// [default: the middle one of those that the run kept]
    #[arg(long, value_name = "last|LENGTH", help_heading = "Model (for a trained network)")]
    pub ema: Option<Ema>,
    /// Where the network computes: cpu, or what the program was built with of cuda, rocm, metal, vulkan and webgpu, as in
    /// cuda:1 [default: cpu]
    #[arg(long, value_name = "DEVICE", help_heading = "Model (for a trained network)")]
    pub device: Option<Device>,
    /// Mebibytes that a call of the network takes besides it: as many points are asked together as fit [default: 512]
    #[arg(long, value_name = "MIB", value_parser = positive, help_heading = "Model (for a trained network)")]
    pub memory: Option<usize>,
}

impl Model {
    /// The first of these flags that was given.
    pub fn given(&self) -> Option<&'static str> {
        first_given([
            (self.model.is_some(), "--model"),
            (self.latent.is_some(), "--latent"),
            (self.components.is_some(), "--components"),
            (self.rank.is_some(), "--rank"),
            (self.ema.is_some(), "--ema"),
            (self.device.is_some(), "--device"),
            (self.memory.is_some(), "--memory"),
        ])
    }
}

pub(super) fn first_given<const N: usize>(flags: [(bool, &'static str); N]) -> Option<&'static str> {
    flags.into_iter().find(|(given, _)| *given).map(|(_, name)| name)
}

/// What is done to the denoiser.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transforms")]
pub struct Transform {
    /// Attract to the manifold (arXiv 2509.24710): clean samples from a model of noisy data. auto: settings chosen
    /// for the noise that the data are found to have; noise=S: for this noise. Else, or to overrule: onset=S, the
    /// level below which it acts (1 to 2 times the noise), or a for onset sigma_data/a; b: strength; p: sharpness of
    /// the onset; c: compensation, 0 to 1, up to reach times the onset. Levels in the data's units (with
    /// --standardize or --latent: the model's) [default: a=2.5,b=8,p=8,c=0]
    #[arg(long, value_name = "auto|noise=S|onset=..,b=..,c=..", num_args = 0..=1, default_missing_value = "")]
    pub mad: Option<Mad>,
    /// Take noise of standard deviation S, or as much as the data are found to have, out of the covariances of a
    /// mixture or Gaussian: what else can be done where the noise is known (units as for --mad)
    #[arg(long, value_name = "auto|S", allow_negative_numbers = true)]
    pub deconvolve: Option<Noise>,
    #[command(flatten)]
    pub smoothing: Smoothing,
}
