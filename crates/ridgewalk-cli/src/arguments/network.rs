//! Flags of pretrained networks.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::Reading;
use super::groups::first_given;
use super::values::{count, number, positive, positive_number};

/// Sampling of what a pretrained blind denoiser holds for an image.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Pretrained network")]
pub struct Implicit {
    /// Instead of MODEL or DATA: a network. Of a safetensors file (a DnCNN or the bias-free U-Net, blind denoisers of grey
    /// images of 0 to 1) the prior that is implicit in it is sampled, by coarse-to-fine ascent that reads its noise level
    /// from the denoiser's own residual (arXiv 2007.13640); of the other flags, -n, --seed, --sigma-min [default: 0.01],
    /// --sigma-max [default: 1], --batch, --clip, --format, --json and -o act on it. An ONNX file (.onnx) that is told the
    /// noise level is sampled as any model is, with --solver, --schedule and --steps, too, from the levels it knows
    #[arg(long, value_name = "FILE", conflicts_with_all = [
        "source", "start", "teleport", "trajectories", "from", "kde", "tweedie", "guidance", "mad", "deconvolve", "smooth",
    ])]
    pub network: Option<PathBuf>,
    /// What an ONNX network answers: denoised (the data, of the noisy points as they are), score, or the prediction of a
    /// network whose input is scaled by its preconditioning: edm, noise, velocity (v-prediction) or flow, with scale=S
    /// [default: 1, of edm 0.5] and center=C [default: 0] of the data
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]")]
    pub predicts: Option<String>,
    /// What an ONNX network is told of the noise level: sigma, label (ln(sigma)/4, as EDM), or the time of a process:
    /// time:NAME, or step:NAME of one of DDPM, counted from 0; *FACTOR multiplies it, as in time:flow-matching*1000
    #[arg(long, value_name = "sigma|label|step:NAME|time:NAME")]
    pub told: Option<String>,
    /// Rows and columns of an image
    #[arg(long, value_name = "HxW")]
    pub shape: Option<Sides>,
    /// First part of the residual that is taken [default: 0.01]
    #[arg(long, value_name = "H", value_parser = part, allow_negative_numbers = true)]
    pub h0: Option<f64>,
    /// How fast the noise falls, as a part of how fast it could: the rest is put back. 1 puts none back [default: 0.5]
    #[arg(long, value_name = "B", value_parser = part, allow_negative_numbers = true)]
    pub beta: Option<f64>,
    /// Steps after which a sample is left as it is [default: 10000]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub step_limit: Option<usize>,
}

impl Implicit {
    /// The first of the flags that was given and acts on --network alone.
    pub fn given(&self) -> Option<&'static str> {
        first_given([
            (self.shape.is_some(), "--shape"),
            (self.h0.is_some(), "--h0"),
            (self.beta.is_some(), "--beta"),
            (self.step_limit.is_some(), "--step-limit"),
            (self.predicts.is_some(), "--predicts"),
            (self.told.is_some(), "--told"),
        ])
    }
}

#[derive(Debug, Args)]
pub struct Denoise {
    /// Images: data of any kind, or a single image
    #[arg(value_name = "IMAGES")]
    pub images: String,
    /// The network: a safetensors file of a DnCNN or of the bias-free U-Net, or an ONNX file of a network that is not told
    /// the noise either, for grey images; colours are taken one by one
    #[arg(long, value_name = "FILE")]
    pub network: PathBuf,
    /// Folder for denoised.npy (in the units of the images), denoised.png (noisy, denoised, clean) and run.json
    #[arg(short, long, value_name = "FOLDER", default_value = "denoised")]
    pub output: PathBuf,
    /// The same images without noise: tells the PSNR before and after
    #[arg(long, value_name = "IMAGES")]
    pub clean: Option<PathBuf>,
    /// Values of black and white. The network sees them as 0 and 1 [default: 0,1, 0,255 or 0,65535, whichever the largest
    /// value is near, else the smallest and the largest]
    #[arg(long, value_name = "LOW,HIGH", allow_negative_numbers = true)]
    pub range: Option<Span>,
    /// Rows and columns, of images that are stored as vectors
    #[arg(long, value_name = "HxW")]
    pub shape: Option<Sides>,
    /// Random directions by which the trace of the denoiser's Jacobian is found. With it the noise that the residual shows is
    /// corrected for what the denoiser cannot tell from the image; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub probes: usize,
    /// Seed of the directions and of added noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
}

impl Denoise {
    /// Arguments that may be files read.
    pub fn inputs(&self) -> Vec<&Path> {
        let mut inputs = self.reading.inputs(&self.images);
        inputs.push(&self.network);
        inputs.extend(self.clean.as_deref());
        inputs
    }
}

fn part(text: &str) -> Result<f64, String> {
    positive_number(text)
        .and_then(|v| if v <= 1.0 { Ok(v) } else { Err("give a number of at most 1".into()) })
}

/// Rows and columns of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sides {
    pub height: usize,
    pub width: usize,
}

impl FromStr for Sides {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (height, width) =
            text.split_once(['x', '×']).ok_or("give rows and columns, as in 64x64".to_string())?;
        Ok(Sides { height: positive(height)?, width: positive(width)? })
    }
}

/// Values of black and white.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    pub low: f64,
    pub high: f64,
}

impl FromStr for Span {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (low, high) = text.split_once(',').ok_or("give two numbers, as in 0,255".to_string())?;
        let (low, high) = (number(low)?, number(high)?);
        if low < high && (high - low).is_finite() {
            return Ok(Span { low, high });
        }
        Err("give the lower one first".into())
    }
}
