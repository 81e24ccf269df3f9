//! Flags of `ridgewalk train`.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ridgewalk::spec::Spec;
use ridgewalk_nn::objective::{NoiseLevels, Weighting};
use ridgewalk_nn::train::{OptimizerKind, RateSchedule};
use ridgewalk_nn::{Device, Prediction};

use super::groups::{Preparation, Reading};
use super::values::{LatentName, fraction_or_one, not_negative, positive, positive_number};

#[derive(Debug, Args)]
pub struct Train {
    /// The data
    #[arg(value_name = "DATA")]
    pub data: String,
    /// Folder for model.safetensors, the last two checkpoints, log.jsonl, run.toml, run.json, events for TensorBoard
    /// and, of images, samples.png
    #[arg(short, long, value_name = "FOLDER", default_value = "run")]
    pub output: PathBuf,
    /// Go on from the last checkpoint in the folder; the result is that of a run that was never stopped. The settings
    /// are those of its run.toml; flags must not say otherwise, but steps and minutes may be more
    #[arg(long)]
    pub resume: bool,
    /// Where the network computes: cpu, or what the program was built with of cuda, rocm, metal, vulkan and webgpu, as in
    /// cuda:1
    #[arg(long, value_name = "DEVICE", default_value_t)]
    pub device: Device,
    /// Settings, as the run.toml of a run has them; flags come before
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Seed of weights, batches and noise [default: 0]
    #[arg(long, allow_negative_numbers = true)]
    pub seed: Option<u64>,
    /// Steps of the optimiser [default: 10000, without --minutes]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub steps: Option<usize>,
    /// End after this time
    #[arg(long, value_name = "M", value_parser = positive_number, allow_negative_numbers = true)]
    pub minutes: Option<f64>,
    /// Points a step [default: 64]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub batch: Option<usize>,
    /// Points in memory at a time: less memory, the same steps up to rounding [default: the batch]
    #[arg(long, value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub micro_batch: Option<usize>,
    /// Weight of every point: a file with one number a row, or a column of DATA that is then no coordinate
    #[arg(long, value_name = "FILE|COLUMN")]
    pub weights: Option<String>,
    /// Mirror images, half of the time
    #[arg(long)]
    pub flip: bool,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub network: NetworkFlags,
    #[command(flatten)]
    pub space: LatentFlags,
    #[command(flatten)]
    pub objective: ObjectiveFlags,
    #[command(flatten)]
    pub optimizer: OptimizerFlags,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub preparation: Preparation,
}

impl Train {
    /// Arguments that may be files read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let mut inputs = self.reading.inputs(&self.data);
        inputs.extend(self.weights.as_deref().map(Path::new).filter(|path| path.is_file()));
        inputs.extend(self.config.as_deref());
        let mut inputs: Vec<PathBuf> = inputs.into_iter().map(Path::to_path_buf).collect();
        inputs.extend(self.space.latent.as_ref().and_then(LatentName::file));
        inputs
    }
}

/// What the network is.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkFlags {
    /// Architecture; its size is set in --config [default: a UNet for images of at least 8×8, a perceptron for the rest]
    #[arg(long, value_enum)]
    pub arch: Option<ArchitectureName>,
    /// Tell the network no noise level (arXiv 2602.18428)
    #[arg(long)]
    pub blind: bool,
    /// Tell the network the class of a point; `ridgewalk sample --class LABEL --guidance W` then asks for one
    #[arg(long)]
    pub classes: bool,
    /// Part of the points of which it is not told the class [default: 0.1]
    #[arg(long, value_name = "P", value_parser = fraction_or_one, allow_negative_numbers = true)]
    pub label_dropout: Option<f64>,
    /// Make a perceptron the gradient of a potential, which knows its log-density: its Jacobian is symmetric (arXiv 2311.15996)
    #[arg(long)]
    pub potential: bool,
    /// What it predicts: edm, denoised, noise, velocity, flow, or k-mix:k=0.5,learned=1 (arXiv 2601.21419) [default: edm]
    #[arg(long, value_name = "NAME", value_parser = prediction)]
    pub prediction: Option<Prediction>,
}

/// A latent space: one to train, or one to train in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Latent space")]
pub struct LatentFlags {
    /// Train an autoencoder: convolutional for images of at least 8×8, perceptrons for the rest. Its folder is for the
    /// --latent of other commands; samples.png shows originals above what it gives back
    #[arg(long, conflicts_with_all = ["latent", "standardize", "arch", "blind", "classes", "label_dropout", "prediction", "weighting", "noise_levels"])]
    pub autoencoder: bool,
    /// Coordinates of the autoencoder's latent space [default: 32; 16 of images below 16×16 pixels; at most half of the
    /// data's]
    #[arg(long, value_name = "K", requires = "autoencoder", value_parser = positive, allow_negative_numbers = true)]
    pub latent_dim: Option<usize>,
    /// Weight of the divergence of the autoencoder's latents from a normal law (arXiv 1312.6114), beside the mean
    /// square error in units of the data's variance; 0 for an autoencoder without noise [default: 0.001]
    #[arg(long, value_name = "W", requires = "autoencoder", value_parser = not_negative, allow_negative_numbers = true)]
    pub kl: Option<f64>,
    /// Train the network in a latent space: principal components of the data, or that of the autoencoder in this folder.
    /// The run holds the space whole
    #[arg(long, value_name = "pca[:K|SHARE][,whiten]|FOLDER")]
    pub latent: Option<LatentName>,
}

/// What is made small.
#[derive(Debug, Args)]
#[command(next_help_heading = "Objective")]
pub struct ObjectiveFlags {
    /// How much the error counts at every noise level: edm, simple, min-snr:gamma=5, elbo, flow [default: edm]
    #[arg(long, value_name = "NAME", value_parser = weighting)]
    pub weighting: Option<Weighting>,
    /// Weight of the squared Fokker–Planck residual of a potential's log-density, beside the loss (arXiv 2311.15996)
    /// [default: 0]
    #[arg(long, value_name = "W", value_parser = not_negative, allow_negative_numbers = true)]
    pub fokker_planck: Option<f64>,
    /// Law of the noise levels, in units of the data's deviation: log-normal:mean=-0.5,deviation=1.2,
    /// logit-normal:mean=0,deviation=1, uniform, log-uniform:from=0.002,to=160, or the name of a process as its authors
    /// train it (`ridgewalk list processes`) [default: log-normal]
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]", value_parser = levels)]
    pub noise_levels: Option<String>,
}

/// How it is made small.
#[derive(Debug, Args)]
#[command(next_help_heading = "Optimiser")]
pub struct OptimizerFlags {
    /// adam, adam-w or dual-adam (arXiv 2603.07122) [default: adam]
    #[arg(long, value_name = "NAME", value_parser = optimizer)]
    pub optimizer: Option<OptimizerKind>,
    /// Learning rate [default: 0.001 for perceptrons, 0.0005 for UNets, 0.0003 for transformers]
    #[arg(long, value_name = "R", value_parser = positive_number, allow_negative_numbers = true)]
    pub learning_rate: Option<f64>,
    /// Course of the learning rate: constant, or cosine to 0 at the last step [default: constant]
    #[arg(long, value_name = "NAME", value_parser = course)]
    pub rate_schedule: Option<RateSchedule>,
    /// Steps over which the learning rate rises [default: 100]
    #[arg(long, value_name = "N")]
    pub warm_up: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArchitectureName {
    /// A multilayer perceptron
    Mlp,
    /// EDM's UNet (arXiv 2206.00364), for images
    Unet,
    /// A diffusion transformer (arXiv 2212.09748), for images
    Dit,
}

fn prediction(text: &str) -> Result<Prediction, String> {
    let read = || -> ridgewalk::Result<Prediction> {
        let spec = Spec::parse("prediction", text)?;
        let prediction = match spec.name() {
            "edm" => Prediction::Edm,
            "denoised" => Prediction::Denoised,
            "noise" => Prediction::Noise,
            "velocity" => Prediction::Velocity,
            "flow" => Prediction::Flow,
            "k-mix" => {
                Prediction::KMix { k: spec.number("k", 0.5)?, learned: spec.number("learned", 0.0)? != 0.0 }
            }
            _ => {
                return Err(
                    spec.unknown(["edm", "denoised", "noise", "velocity", "flow", "k-mix"].into_iter())
                );
            }
        };
        spec.done()?;
        Ok(prediction)
    };
    read().map_err(|e| e.to_string())
}

fn weighting(text: &str) -> Result<Weighting, String> {
    text.parse().map_err(|e: ridgewalk::Error| e.to_string())
}

fn levels(text: &str) -> Result<String, String> {
    NoiseLevels::named(text).map(|_| text.to_string()).map_err(|e| e.to_string())
}

fn optimizer(text: &str) -> Result<OptimizerKind, String> {
    match text {
        "adam" => Ok(OptimizerKind::Adam),
        "adam-w" | "adamw" => Ok(OptimizerKind::AdamW),
        "dual-adam" => Ok(OptimizerKind::DualAdam),
        _ => Err("choose among adam, adam-w, dual-adam".into()),
    }
}

fn course(text: &str) -> Result<RateSchedule, String> {
    match text {
        "constant" => Ok(RateSchedule::Constant),
        "cosine" => Ok(RateSchedule::Cosine),
        _ => Err("choose constant or cosine".into()),
    }
}
