//! The definition of all commands and flags: parser, help, completions and man pages come from it.

mod blind;
mod blind_sampling;
mod bridge;
mod groups;
mod guidance;
mod import;
mod list;
mod network;
mod papers;
mod sampling;
mod smoothing;
mod train;
mod values;

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};

pub use blind::Blind;
pub use blind_sampling::{BlindSampling, DescentFlag};
pub use bridge::{Bridge, EpsilonShape, SchemeName};
pub use groups::{Model, Preparation, Reading, Table, Transform};
pub use guidance::{Guidance, Interval};
pub use import::Import;
pub use list::{Kind, List};
pub use network::{Denoise, Implicit, Sides, Span};
pub use papers::{
    Experiment, LogDomainSmoothing, MadExperiment, MadPaper, NoiseExperiment, NoisePaper, Paper, Reproduce,
    RidgeExperiment, RidgePaper,
};
pub use sampling::{Sampling, ScheduleName, SolverName, StartName, Teleport};
pub use smoothing::{Bandwidth, EstimatorName, Smooth, SmoothKernel, Smoothing};
pub use train::{ArchitectureName, Train};
pub use values::{ComponentCount, FormatName, LatentName, Mad, ModelName, Noise, Quantity, Rank};
use values::{count, fraction, positive, positive_number};

/// Where do the samples of a diffusion model go, relative to the data?
///
/// DATA is a file (NPY, NPZ, IDX, IDX.gz, CSV, Parquet, MRC, MRCS), a folder of PNG or JPEG images, or a name:
/// digits, circle, wavy-circle, swiss-roll, sphere, torus, two-moons, shapes, projections (with settings,
/// as in circle:n=500,noise=0.1). MODEL is a file that `ridgewalk fit` wrote, or the folder of a network that `ridgewalk train` trained; a pretrained network is given with
/// --network. Everything is in the data's
/// own units; nothing is rescaled unless --standardize asks for it.
#[derive(Debug, Parser)]
#[command(name = "ridgewalk", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

impl Cli {
    /// The arguments of a record: those after the program's name.
    pub fn parse_words(words: &[String]) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(std::iter::once("ridgewalk").chain(words.iter().map(String::as_str)))
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// The tour on the embedded digits: generate, clean, survey, report
    #[command(after_help = "Example:\n  ridgewalk walk\n  then open walk/report.html")]
    Walk(Walk),
    /// Fit a closed-form model to data and save it
    #[command(after_help = "Examples:\n  ridgewalk fit digits -o digits.safetensors\n  \
        ridgewalk fit scans.npy --model mixture --components 20 -o scans.safetensors")]
    Fit(Fit),
    /// Train a network on data, in a folder from which it can go on
    #[command(after_help = "Examples:\n  ridgewalk train digits --minutes 5 -o run/\n  \
        ridgewalk train faces.npy --classes --flip --steps 20000 -o run/\n  \
        ridgewalk train faces.npy --steps 20000 -o run/ --resume\n  \
        ridgewalk train faces.npy --autoencoder -o ae/\n  \
        ridgewalk train faces.npy --latent ae/ -o run/\n  \
        ridgewalk sample run/ -n 64 -o out/")]
    Train(Box<Train>),
    /// Make a model of a network that was trained elsewhere, from its weights by PyTorch's names
    #[command(
        after_help = "Examples:\n  ridgewalk import unet.safetensors --predicts edm:scale=0.5 -o edm.safetensors\n  \
        ridgewalk import dit.safetensors --predicts noise --told step:ddpm-linear -o dit.safetensors"
    )]
    Import(Import),
    /// Draw samples from a model, or from data directly
    #[command(after_help = "Examples:\n  ridgewalk sample digits --smooth auto -n 64 -o new/\n  \
        ridgewalk sample noisy.npy --model mixture --mad -n 64 -o clean/\n  \
        ridgewalk sample digits.safetensors --solver heun --steps 18 --seed 7 -o out/\n  \
        ridgewalk sample --network dncnn.safetensors --shape 64x64 -n 16 -o patches/\n  \
        ridgewalk sample digits --blind velocity -n 64 -o blind/")]
    Sample(Box<Sample>),
    /// Take the noise out of images with a pretrained network that is never told how much there is
    #[command(
        after_help = "Examples:\n  ridgewalk denoise photo.png --network dncnn.safetensors -o clean/\n  \
        ridgewalk denoise scans.npy --network unet.safetensors --clean truth.npy --noise 0.1 -o compared/"
    )]
    Denoise(Denoise),
    /// Carry points back to noise: a deterministic run backwards
    #[command(after_help = "Examples:\n  ridgewalk invert digits.safetensors --at faces.npy -o noise/\n  \
        ridgewalk sample digits.safetensors --from noise/noise.npy -o back/")]
    Invert(Invert),
    /// Carry points of one law to another, along a stochastic interpolant
    #[command(after_help = "Examples:\n  ridgewalk bridge two-moons circle -o out/\n  \
        ridgewalk bridge day.npy night.npy --epsilon 0.5 --steps 200 -o out/")]
    Bridge(Bridge),
    /// Evaluate a model at given points and one noise level
    #[command(after_help = "Example:\n  ridgewalk eval digits --at x.npy --sigma 0.5 --what score -o y.npy")]
    Eval(Eval),
    /// Say where samples went, relative to the data: report.html and survey.json
    #[command(after_help = "Examples:\n  ridgewalk survey out/ --data digits\n  \
        ridgewalk survey plain/ clean/ --data train.npy --held-out test.npy -o compared/\n  \
        ridgewalk survey out/ --data train-images-idx3-ubyte.gz --features lenet.safetensors")]
    Survey(Survey),
    /// Say whether a model of the data may drop its noise input: report.html and survey.json
    #[command(after_help = "Examples:\n  ridgewalk blind digits\n  \
        ridgewalk blind faces.npy --process flow-matching --target velocity")]
    Blind(Blind),
    /// Do a paper's experiments again: its findings beside ours, in report.html
    #[command(
        after_help = "Example:\n  ridgewalk reproduce log-domain-smoothing\n  then open log-domain-smoothing/report.html"
    )]
    Reproduce(Reproduce),
    /// Look at data, make synthetic data, convert formats
    #[command(subcommand, after_help = "Example:\n  ridgewalk data info digits")]
    Data(Data),
    /// List solvers, schedules, processes and targets: names, settings, orders, sources
    #[command(after_help = "Example:\n  ridgewalk list solvers")]
    List(List),
    /// Do again what a run.json says, and check that the bytes are the same
    #[command(after_help = "Example:\n  ridgewalk rerun out/run.json -o again/")]
    Rerun(Rerun),
    /// Print a completion script for a shell
    #[command(after_help = "Example:\n  ridgewalk completions bash > /etc/bash_completion.d/ridgewalk")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the man page, or write one page a command into a folder
    #[command(after_help = "Examples:\n  ridgewalk man | man -l -\n  ridgewalk man -o man1/")]
    Man {
        /// Folder for ridgewalk.1, ridgewalk-sample.1, …
        #[arg(short, long, value_name = "FOLDER")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct Walk {
    /// Folder for report.html, samples.png, survey.json and run.json
    #[arg(short, long, value_name = "FOLDER", default_value = "walk")]
    pub output: PathBuf,
    /// Samples a method
    #[arg(short, default_value_t = 300, value_parser = positive, allow_negative_numbers = true)]
    pub n: usize,
    /// Noise added to the digits that are to be cleaned (standard deviation; pixels are 0 to 16)
    #[arg(long, value_name = "S", default_value_t = 1.6, value_parser = positive_number, allow_negative_numbers = true)]
    pub noise: f64,
    /// Seed of all random choices
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Fit {
    /// The data
    #[arg(value_name = "DATA")]
    pub data: String,
    /// File for the model
    #[arg(short, long, value_name = "FILE", default_value = "model.safetensors")]
    pub output: PathBuf,
    /// Seed of the fit and of added noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub preparation: Preparation,
    #[command(flatten)]
    pub model: Model,
}

#[derive(Debug, Args)]
pub struct Sample {
    /// A model file, or data
    #[arg(
        value_name = "MODEL|DATA",
        required_unless_present = "network",
        default_value = "",
        hide_default_value = true
    )]
    pub source: String,
    /// Folder for samples.npy, samples.png (images) and run.json
    #[arg(short, long, value_name = "FOLDER", default_value = "out")]
    pub output: PathBuf,
    /// Number of samples
    #[arg(short, default_value_t = 64, value_parser = positive, allow_negative_numbers = true)]
    pub n: usize,
    /// Seed: the same seed gives the same bytes
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Law of the states at the highest level
    #[arg(long, value_enum, conflicts_with = "from")]
    pub start: Option<StartName>,
    /// Leave out the first steps: their part of the way is the exact flow of the Gaussian of the data's mean and
    /// covariance (arXiv 2412.09726), down to the level S, or to the lowest one at which the ends of a pilot's 32 paths
    /// change by at most a part T of the data's scale in the median, and at most one of them by ten times that; auto
    /// is within=0.001. The pilot costs more than a few samples do: it pays for many
    #[arg(long, value_name = "auto|within=T|S", allow_negative_numbers = true, conflicts_with_all = ["from", "guidance"])]
    pub teleport: Option<Teleport>,
    /// Write what the paths look like: trajectories.json (how flat and bent they are, when each principal component
    /// was decided) and, for images, trajectories.png (what the model saw at every level)
    #[arg(long)]
    pub trajectories: bool,
    /// Carry these states of the highest noise level down, instead of noise: the noise.npy of `ridgewalk invert`
    #[arg(long, value_name = "FILE", conflicts_with = "n")]
    pub from: Option<PathBuf>,
    /// Draw from the kernel density estimate of this bandwidth instead (data's units; with --standardize or
    /// --latent: the model's), or one chosen by held-out likelihood: the baseline, for DATA or an empirical model
    #[arg(long, value_name = "auto|H", allow_negative_numbers = true, conflicts_with_all = ["smooth", "mad", "deconvolve", "guidance", "teleport", "trajectories", "from", "solver", "schedule", "steps", "sigma_min", "sigma_max", "start", "batch", "model", "components", "rank"])]
    pub kde: Option<Bandwidth>,
    /// One step of Tweedie's formula on plain samples: each becomes the mean of the clean points that could be behind
    /// it, for noise of standard deviation S or as much as the data are found to have (units as for --mad)
    #[arg(long, value_name = "auto|S", allow_negative_numbers = true, conflicts_with_all = ["mad", "deconvolve", "kde"])]
    pub tweedie: Option<Noise>,
    /// Clip samples to the range of the data, from their smallest to their largest value: decoded images
    /// leave it a little
    #[arg(long)]
    pub clip: bool,
    /// Format of the samples
    #[arg(long, value_enum, default_value_t = FormatName::Npy)]
    pub format: FormatName,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub implicit: Implicit,
    #[command(flatten)]
    pub sampling: Sampling,
    #[command(flatten)]
    pub blind: BlindSampling,
    #[command(flatten)]
    pub guidance: Guidance,
    #[command(flatten)]
    pub transform: Transform,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub preparation: Preparation,
    #[command(flatten)]
    pub model: Model,
}

impl Sample {
    /// Arguments that may be files read.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let mut inputs = self.reading.inputs(&self.source);
        inputs.extend(self.from.as_deref());
        inputs.extend(self.guidance.guide.as_deref().map(Path::new));
        inputs.extend(self.sampling.schedule.file());
        let mut inputs: Vec<PathBuf> = inputs.into_iter().map(Path::to_path_buf).collect();
        inputs.extend(self.model.latent.as_ref().and_then(LatentName::file));
        inputs
    }

    /// How the points were read that the model saw: all classes, if the model of all guided that of one.
    pub fn saw(&self) -> Reading {
        let by_class = self.guidance.guidance.is_some() && self.guidance.guide.is_none();
        Reading { class: self.reading.class.filter(|_| !by_class), ..self.reading.clone() }
    }
}

#[derive(Debug, Args)]
pub struct Invert {
    /// A model file, or data
    #[arg(value_name = "MODEL|DATA")]
    pub source: String,
    /// Points to invert, in the data's units
    #[arg(long, value_name = "FILE")]
    pub at: PathBuf,
    /// Folder for noise.npy and run.json
    #[arg(short, long, value_name = "FOLDER", default_value = "noise")]
    pub output: PathBuf,
    /// Seed of fits, of added noise and of smoothing draws
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub sampling: Sampling,
    #[command(flatten)]
    pub transform: Transform,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub preparation: Preparation,
    #[command(flatten)]
    pub model: Model,
}

#[derive(Debug, Args)]
pub struct Eval {
    /// A model file, or data
    #[arg(value_name = "MODEL|DATA")]
    pub source: String,
    /// Points at which to evaluate, in the data's units
    #[arg(long, value_name = "FILE")]
    pub at: PathBuf,
    /// Noise level, in the data's units (with --standardize or --latent: the model's)
    #[arg(long, value_name = "S", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma: f64,
    /// What to compute. divergence is the trace of dD/dx. With --latent the points are encoded: denoised values
    /// are decoded again; scores, log-densities and divergences are those of the latent coordinates
    #[arg(long, value_enum, default_value_t = Quantity::Denoised)]
    pub what: Quantity,
    /// Random probes of the flow's divergence instead of the exact one; a model without exact derivatives needs
    /// some [default: exact, or 16]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub probes: Option<usize>,
    /// Distance of neighbouring values of the data, for bits-per-dimension: 1 for pixels of 0 to 255 [default: 1]
    #[arg(long, value_name = "W", value_parser = positive_number, allow_negative_numbers = true)]
    pub bin_width: Option<f64>,
    /// File for the result (.npy, .npz, .csv or .parquet)
    #[arg(short, long, value_name = "FILE", default_value = "y.npy")]
    pub output: PathBuf,
    /// Seed of fits, of added noise and of smoothing draws
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    #[command(flatten)]
    pub transform: Transform,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub preparation: Preparation,
    #[command(flatten)]
    pub model: Model,
}

#[derive(Debug, Args)]
pub struct Survey {
    /// Folders that `ridgewalk sample` wrote, or files of samples; several are compared
    #[arg(value_name = "SAMPLES", required = true)]
    pub samples: Vec<PathBuf>,
    /// The training data; flags under "Data" and the seed that the samples' run was given need no repeating
    #[arg(long)]
    pub data: String,
    /// Data that the model has not seen: the null against which copies are judged
    #[arg(long, value_name = "DATA")]
    pub held_out: Option<String>,
    /// Clean data, if the training data are noisy
    #[arg(long, value_name = "DATA")]
    pub clean: Option<String>,
    /// A model file: how its error against the training data's own denoiser parts across and along their ridge
    #[arg(long, value_name = "MODEL")]
    pub model: Option<PathBuf>,
    /// A classifier of the images (a safetensors file of a LeNet of MNIST or a ResNet of CIFAR-10): adds the Fréchet
    /// distance of the samples to the training data in its features
    #[arg(long, value_name = "FILE")]
    pub features: Option<PathBuf>,
    /// Values of black and white in the images that --features sees [default: 0,1, 0,255, 0,65535 or -1,1, whichever the
    /// training data fit]
    #[arg(long, value_name = "BLACK,WHITE", allow_negative_numbers = true)]
    pub pixels: Option<Span>,
    /// Folder for report.html, survey.json, run.json and figures/ [default: the first SAMPLES folder]
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    /// Fraction of the points that the model has not seen, kept out as the null [default: that of the samples' run]
    #[arg(long, value_name = "FRACTION", value_parser = fraction, allow_negative_numbers = true, help_heading = "Data")]
    pub hold_out: Option<f64>,
    /// Seed of bootstrap resamples and random directions
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Bootstrap resamples
    #[arg(long, default_value_t = 1000, value_parser = count, allow_negative_numbers = true)]
    pub resamples: usize,
    /// Print the findings as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
}

#[derive(Debug, Subcommand)]
pub enum Data {
    /// What is in a data set
    #[command(
        after_help = "Examples:\n  ridgewalk data info digits\n  ridgewalk data info scans.npz --key images"
    )]
    Info {
        /// The data
        #[arg(value_name = "DATA")]
        data: String,
        /// Seed of added noise
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        seed: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        reading: Reading,
    },
    /// Make a synthetic or embedded data set
    #[command(
        after_help = "Examples:\n  ridgewalk data make torus --points 2000 --dim 32 --noise 0.05 -o torus.npy\n  \
        ridgewalk data make projections --dim 1024 --noise 0.5 -o particles.mrcs"
    )]
    Make {
        /// Its name: digits, circle, wavy-circle, swiss-roll, sphere, torus, two-moons, shapes, projections
        name: String,
        /// Ambient dimension (the manifold is embedded by a fixed rotation); of shapes and projections: pixels, a square
        /// such as 1024
        #[arg(long, value_parser = positive, allow_negative_numbers = true)]
        dim: Option<usize>,
        /// File for the points (.npy, .npz, .csv, .parquet, .mrc, .mrcs, .png)
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        /// Seed of points and noise
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        seed: u64,
        #[command(flatten)]
        reading: Reading,
        #[command(flatten)]
        preparation: Preparation,
    },
    /// Read in one format, write in another (by the name's ending)
    #[command(after_help = "Examples:\n  ridgewalk data convert train-images-idx3-ubyte.gz mnist.npz\n  \
        ridgewalk data convert micrograph.mrc tiles.mrcs --tile 64")]
    Convert {
        /// The data
        #[arg(value_name = "DATA")]
        data: String,
        /// File to write (.npy, .npz, .csv, .parquet, .mrc, .mrcs, .png)
        #[arg(value_name = "FILE")]
        output: PathBuf,
        /// Seed of added noise
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        seed: u64,
        #[command(flatten)]
        reading: Reading,
        #[command(flatten)]
        preparation: Preparation,
    },
}

#[derive(Debug, Args)]
pub struct Rerun {
    /// A run.json
    #[arg(value_name = "RUN.JSON")]
    pub record: PathBuf,
    /// Where to write instead [default: where the first run wrote]
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
}
