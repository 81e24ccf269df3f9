//! The definition of all commands and flags: parser, help, completions and man pages come from it.

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use ridgewalk::transform::MadConfig;

/// Where do the samples of a diffusion model go, relative to the data?
///
/// DATA is a file (NPY, NPZ, IDX, IDX.gz, CSV, Parquet), a folder of PNG or JPEG images, or a name:
/// digits, circle, wavy-circle, swiss-roll, sphere, torus, two-moons, shapes (with settings, as in
/// circle:n=500,noise=0.1). MODEL is a file that `ridgewalk fit` wrote. Everything is in the data's
/// own units; nothing is rescaled unless --standardize asks for it.
#[derive(Debug, Parser)]
#[command(name = "ridgewalk", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
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
    /// Draw samples from a model, or from data directly
    #[command(after_help = "Examples:\n  ridgewalk sample digits --smooth auto -n 64 -o new/\n  \
        ridgewalk sample noisy.npy --model mixture --mad -n 64 -o clean/\n  \
        ridgewalk sample digits.safetensors --solver heun --steps 18 --seed 7 -o out/")]
    Sample(Sample),
    /// Evaluate a model at given points and one noise level
    #[command(after_help = "Example:\n  ridgewalk eval digits --at x.npy --sigma 0.5 --what score -o y.npy")]
    Eval(Eval),
    /// Say where samples went, relative to the data: report.html and survey.json
    #[command(after_help = "Examples:\n  ridgewalk survey out/ --data digits\n  \
        ridgewalk survey plain/ clean/ --data train.npy --held-out test.npy -o compared/")]
    Survey(Survey),
    /// Look at data, make synthetic data, convert formats
    #[command(subcommand, after_help = "Example:\n  ridgewalk data info digits")]
    Data(Data),
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
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub model: Model,
    /// Seed of the fit and of added noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Sample {
    /// A model file, or data
    #[arg(value_name = "MODEL|DATA")]
    pub source: String,
    /// Folder for samples.npy, samples.png (images) and run.json
    #[arg(short, long, value_name = "FOLDER", default_value = "out")]
    pub output: PathBuf,
    /// Number of samples
    #[arg(short, default_value_t = 64, value_parser = positive, allow_negative_numbers = true)]
    pub n: usize,
    /// Solver; "auto" is heun, with euler where attraction acts
    #[arg(long, value_enum, default_value_t = SolverName::Auto)]
    pub solver: SolverName,
    /// Spacing of the noise levels
    #[arg(long, value_enum, default_value_t = ScheduleName::Karras)]
    pub schedule: ScheduleName,
    /// Process in whose time --schedule linear is linear
    #[arg(long, value_enum, default_value_t = ProcessName::Flow)]
    pub process: ProcessName,
    /// Noise levels visited [default: 18, or 40 with --mad]
    #[arg(long, value_parser = count, allow_negative_numbers = true)]
    pub steps: Option<usize>,
    /// Lowest noise level [default: 0.004 of the data's standard deviation]
    #[arg(long, value_name = "S", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma_min: Option<f64>,
    /// Highest noise level [default: 160 of the data's standard deviation]
    #[arg(long, value_name = "S", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma_max: Option<f64>,
    /// Exponent of the Karras schedule
    #[arg(long, default_value_t = 7.0, value_parser = positive_number, allow_negative_numbers = true)]
    pub rho: f64,
    /// Noise added during sampling: S_churn of arXiv 2206.00364 (heun only)
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = not_negative, allow_negative_numbers = true)]
    pub churn: f64,
    /// Seed: the same seed gives the same bytes
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Samples at a time: memory and speed change, samples do not
    #[arg(long, default_value_t = 256, value_parser = positive, allow_negative_numbers = true)]
    pub batch: usize,
    /// Draw from the kernel density estimate of this bandwidth instead (the baseline; DATA only)
    #[arg(long, value_name = "H", value_parser = not_negative, allow_negative_numbers = true, conflicts_with_all = ["smooth", "mad"])]
    pub kde: Option<f64>,
    #[command(flatten)]
    pub transform: Transform,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub model: Model,
    /// Format of the samples
    #[arg(long, value_enum, default_value_t = FormatName::Npy)]
    pub format: FormatName,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Args)]
pub struct Eval {
    /// A model file, or data
    #[arg(value_name = "MODEL|DATA")]
    pub source: String,
    /// Points at which to evaluate, in the data's units
    #[arg(long, value_name = "FILE")]
    pub at: PathBuf,
    /// Noise level, in the data's units (in standardized units with --standardize)
    #[arg(long, value_name = "S", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma: f64,
    /// What to compute. divergence is the trace of dD/dx
    #[arg(long, value_enum, default_value_t = Quantity::Denoised)]
    pub what: Quantity,
    /// File for the result (.npy, .npz, .csv or .parquet)
    #[arg(short, long, value_name = "FILE", default_value = "y.npy")]
    pub output: PathBuf,
    #[command(flatten)]
    pub transform: Transform,
    #[command(flatten)]
    pub reading: Reading,
    #[command(flatten)]
    pub model: Model,
    /// Seed of fits, of added noise and of smoothing draws
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

#[derive(Debug, Args)]
pub struct Survey {
    /// Folders that `ridgewalk sample` wrote, or files of samples; several are compared
    #[arg(value_name = "SAMPLES", required = true)]
    pub samples: Vec<PathBuf>,
    /// The training data
    #[arg(long)]
    pub data: String,
    /// Data that the model has not seen: the null against which copies are judged
    #[arg(long, value_name = "DATA")]
    pub held_out: Option<String>,
    /// Clean data, if the training data are noisy
    #[arg(long, value_name = "DATA")]
    pub clean: Option<String>,
    /// Folder for report.html, survey.json, run.json and figures/ [default: the first SAMPLES folder]
    #[arg(short, long, value_name = "FOLDER")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub reading: Reading,
    /// Seed of bootstrap resamples and random directions
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Bootstrap resamples
    #[arg(long, default_value_t = 1000, value_parser = count, allow_negative_numbers = true)]
    pub resamples: usize,
    /// Print the findings as JSON to stdout
    #[arg(long)]
    pub json: bool,
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
        #[command(flatten)]
        reading: Reading,
        /// Seed of added noise
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        seed: u64,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a synthetic or embedded data set
    #[command(
        after_help = "Example:\n  ridgewalk data make torus --points 2000 --dim 32 --noise 0.05 -o torus.npy"
    )]
    Make {
        /// Its name: digits, circle, wavy-circle, swiss-roll, sphere, torus, two-moons, shapes
        name: String,
        /// Ambient dimension (the manifold is embedded by a fixed rotation)
        #[arg(long, value_parser = positive, allow_negative_numbers = true)]
        dim: Option<usize>,
        /// File for the points (.npy, .npz, .csv, .parquet, .png)
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        reading: Reading,
        /// Seed of points and noise
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        seed: u64,
    },
    /// Read in one format, write in another (by the name's ending)
    #[command(after_help = "Example:\n  ridgewalk data convert train-images-idx3-ubyte.gz mnist.npz")]
    Convert {
        /// The data
        #[arg(value_name = "DATA")]
        data: String,
        /// File to write (.npy, .npz, .csv, .parquet, .png)
        #[arg(value_name = "FILE")]
        output: PathBuf,
        #[command(flatten)]
        reading: Reading,
        /// Seed of added noise
        #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
        seed: u64,
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

/// How data are read, and what is done to them before anything else.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data")]
pub struct Reading {
    /// Add Gaussian noise of this standard deviation to the data
    #[arg(long, value_name = "S", default_value_t = 0.0, value_parser = not_negative, allow_negative_numbers = true)]
    pub noise: f64,
    /// Use at most this many points (a synthetic set: exactly this many)
    #[arg(long = "points", value_name = "N", value_parser = positive, allow_negative_numbers = true)]
    pub points: Option<usize>,
    /// Use the points of one class only
    #[arg(long, value_name = "LABEL", allow_negative_numbers = true)]
    pub class: Option<u32>,
    /// File of labels
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// CSV and Parquet: the column with the labels (a name or a number), or "none"
    #[arg(long, value_name = "COLUMN")]
    pub label_column: Option<String>,
    /// CSV and Parquet: the columns to use
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    pub columns: Option<Vec<String>>,
    /// NPZ: the array to use
    #[arg(long, value_name = "NAME")]
    pub key: Option<String>,
    /// Shift and scale every column to mean 0 and standard deviation 1; undone on output
    #[arg(long)]
    pub standardize: bool,
    /// Keep this fraction of the points out of the model, as the null of a survey
    #[arg(long, value_name = "FRACTION", default_value_t = 0.0, value_parser = fraction, allow_negative_numbers = true)]
    pub hold_out: f64,
}

impl Reading {
    /// Whether any of these flags was given.
    pub fn is_set(&self) -> bool {
        self.noise > 0.0
            || self.hold_out > 0.0
            || self.standardize
            || self.points.is_some()
            || self.class.is_some()
            || self.labels.is_some()
            || self.label_column.is_some()
            || self.columns.is_some()
            || self.key.is_some()
    }

    /// Arguments that may be files read: the data and what belongs to it.
    pub fn inputs<'a>(&'a self, data: &'a str) -> Vec<&'a Path> {
        std::iter::once(Path::new(data)).chain(self.labels.as_deref()).collect()
    }
}

/// Which closed-form model is fitted to data.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Model (for DATA)")]
pub struct Model {
    /// The model
    #[arg(long, value_enum, default_value_t = ModelName::Empirical)]
    pub model: ModelName,
    /// Mixture: number of components
    #[arg(long, value_name = "K", default_value_t = 20, value_parser = count, allow_negative_numbers = true)]
    pub components: usize,
    /// Gaussian and mixture: covariance of full rank, or of rank R plus isotropic
    #[arg(long, value_name = "full|R", default_value = "full", allow_negative_numbers = true)]
    pub rank: Rank,
}

/// What is done to the denoiser.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Transforms")]
pub struct Transform {
    /// Smooth the score with a Gaussian kernel of this scale, or one chosen by held-out loss (DATA only)
    #[arg(long, value_name = "auto|H", allow_negative_numbers = true)]
    pub smooth: Option<Smooth>,
    /// Draws of the smoothing kernel
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = count, allow_negative_numbers = true)]
    pub smooth_draws: usize,
    /// Attract to the manifold (arXiv 2509.24710): clean samples from a model of noisy data. a: onset at
    /// sigma_data/a; b: strength; p: sharpness; onset=S instead of a, in the data's units
    #[arg(long, value_name = "a=..,b=..,p=..", num_args = 0..=1, default_missing_value = "")]
    pub mad: Option<Mad>,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum ModelName {
    /// The data themselves: it gives them back unless smoothed
    Empirical,
    /// One Gaussian
    Gaussian,
    /// A mixture of Gaussians, fitted by EM
    Mixture,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum SolverName {
    Auto,
    Euler,
    Heun,
    /// Heun above the onset of attraction, Euler below
    HeunEuler,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum ScheduleName {
    /// arXiv 2206.00364
    Karras,
    /// Even in the logarithm
    LogLinear,
    /// Even in the time of --process
    Linear,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum ProcessName {
    /// Variance exploding
    Ve,
    /// Variance preserving (Ornstein–Uhlenbeck of rate 1)
    Vp,
    /// Flow matching
    Flow,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum FormatName {
    Npy,
    Npz,
    Csv,
    Parquet,
}

impl FormatName {
    pub fn extension(self) -> &'static str {
        match self {
            FormatName::Npy => "npy",
            FormatName::Npz => "npz",
            FormatName::Csv => "csv",
            FormatName::Parquet => "parquet",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum Quantity {
    Denoised,
    Score,
    LogDensity,
    Divergence,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rank {
    Full,
    Low(usize),
}

impl std::str::FromStr for Rank {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Rank::Full),
            _ => text.parse().map(Rank::Low).map_err(|_| "give full or a whole number".into()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Smooth {
    Auto,
    Scale(f64),
}

impl std::str::FromStr for Smooth {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Smooth::Auto),
            _ => not_negative(text).map(Smooth::Scale).map_err(|e| format!("{e}, or auto")),
        }
    }
}

/// `a=2.5,b=8,p=8` or `onset=1.2,b=4`; what is not named keeps its default.
#[derive(Debug, Clone, PartialEq)]
pub struct Mad {
    pub config: MadConfig,
    pub onset: Option<f64>,
}

impl std::str::FromStr for Mad {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut mad = Mad { config: MadConfig::default(), onset: None };
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let (name, value) =
                part.split_once('=').ok_or_else(|| format!("'{part}' is not of the form name=number"))?;
            match name.trim() {
                "a" => mad.config.a = positive_number(value)?,
                "b" => mad.config.b = not_negative(value)?,
                "p" => mad.config.p = positive_number(value)?,
                "onset" => mad.onset = Some(positive_number(value)?),
                other => return Err(format!("'{other}' is not a setting; there are a, b, p and onset")),
            }
        }
        Ok(mad)
    }
}

fn number(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("'{text}' is not a finite number")),
    }
}

fn positive_number(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| if v > 0.0 { Ok(v) } else { Err("give a number above 0".into()) })
}

fn not_negative(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| if v >= 0.0 { Ok(v) } else { Err("give a number that is not negative".into()) })
}

fn fraction(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| {
        if (0.0..1.0).contains(&v) { Ok(v) } else { Err("give a fraction, 0 to below 1".into()) }
    })
}

/// The largest number of steps, draws, resamples, components: a slip of the keyboard, not a wish, is beyond.
const MOST: usize = 1_000_000;

fn count(text: &str) -> Result<usize, String> {
    positive(text).and_then(|v| if v <= MOST { Ok(v) } else { Err(format!("give at most {MOST}")) })
}

fn positive(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("give at least 1".into()),
        Ok(value) => Ok(value),
        Err(_) => Err(format!("'{text}' is not a whole number")),
    }
}
