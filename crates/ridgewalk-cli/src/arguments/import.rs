//! Flags of `ridgewalk import`.

use std::path::PathBuf;

use clap::Args;
use ridgewalk_nn::NoiseLabel;

use super::groups::Table;
use super::network::Sides;

#[derive(Debug, Args)]
pub struct Import {
    /// Weights in the safetensors format, by PyTorch's names: of EDM's SongUNet, of DiT's code, or of a perceptron as
    /// `ridgewalk train` writes it
    #[arg(value_name = "WEIGHTS")]
    pub weights: PathBuf,
    /// The model file; sample, survey, eval and the rest take it as MODEL
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    pub output: PathBuf,
    /// What the network answers of noisy points that are scaled by its preconditioning: edm, sample (the data), noise,
    /// velocity (v-prediction) or flow, with scale=S [default: 1, of edm 0.5] and center=C [default: 0] of the data
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]")]
    pub predicts: String,
    /// What it is told of the noise level: label (ln(sigma)/4, as EDM), sigma, relative (ln(sigma/scale)/4, as networks of
    /// `ridgewalk train`), or the time of a process: time:NAME, or step:NAME of one of DDPM, counted from 0; *FACTOR
    /// multiplies it, as in time:flow-matching*1000 [default: label, of edm]
    #[arg(long, value_name = "LABEL")]
    pub told: Option<NoiseLabel>,
    /// Rows and columns of an image [default: those that the tensors tell, of a square]
    #[arg(long, value_name = "HxW")]
    pub shape: Option<Sides>,
    /// Sizes that tensors do not tell, in the table [architecture.unet] or so of a file as `ridgewalk train` takes it
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Data like those it was trained on, in its units: samplers start from their mean and deviation [default: those of
    /// --predicts]
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    #[command(flatten)]
    pub table: Table,
}
