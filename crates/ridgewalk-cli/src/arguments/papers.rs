//! The papers that `ridgewalk reproduce` knows, and their flags.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
pub struct Reproduce {
    #[command(subcommand)]
    pub paper: Paper,
}

#[derive(Debug, Subcommand)]
pub enum Paper {
    /// Log-domain smoothing is geometry adaptive (arXiv 2510.02305)
    #[command(after_help = "Examples:\n  ridgewalk reproduce log-domain-smoothing --small -o quick/\n  \
        ridgewalk reproduce log-domain-smoothing --mnist train-images-idx3-ubyte.gz --coil20 coil20.npy")]
    LogDomainSmoothing(LogDomainSmoothing),
    /// Manifold attracted diffusion: clean samples from models of noisy data (arXiv 2509.24710)
    #[command(after_help = "Examples:\n  ridgewalk reproduce mad --small -o quick/\n  \
        ridgewalk reproduce mad --only shapes,sweep\n  \
        ridgewalk reproduce mad --only particles --particles clean-projections.npy")]
    Mad(MadPaper),
    /// Ridges of the smoothed density: samples reach them, align with them, slide along them (arXiv 2602.06021)
    #[command(after_help = "Examples:\n  ridgewalk reproduce ridge --small -o quick/\n  \
        ridgewalk reproduce ridge --only phases,injected\n  \
        ridgewalk reproduce ridge --only latent --mnist train-images-idx3-ubyte.gz")]
    Ridge(RidgePaper),
    /// The geometry of noise: models that are not told the noise level (arXiv 2602.18428)
    #[command(after_help = "Examples:\n  ridgewalk reproduce geometry-of-noise --small -o quick/\n  \
        ridgewalk reproduce geometry-of-noise --only circles,gains\n  \
        ridgewalk reproduce geometry-of-noise --only digits --mnist train-images-idx3-ubyte.gz\n  \
        ridgewalk reproduce geometry-of-noise --small --only networks")]
    GeometryOfNoise(NoisePaper),
}

#[derive(Debug, Args)]
pub struct LogDomainSmoothing {
    /// Fewer samples, scales and data sets: half a minute instead of many
    #[arg(long)]
    pub small: bool,
    /// Only these experiments
    #[arg(long, value_enum, value_name = "EXPERIMENT", value_delimiter = ',')]
    pub only: Vec<Experiment>,
    /// Folder for report.html, survey.json, run.json, figures/ and tables/
    #[arg(short, long, value_name = "FOLDER", default_value = "log-domain-smoothing")]
    pub output: PathBuf,
    /// MNIST's images (IDX), with the labels beside them [default: the embedded digits]
    #[arg(long, value_name = "FILE")]
    pub mnist: Option<PathBuf>,
    /// COIL-20 turntable photographs, an array [objects, 72, height, width] [default: left out]
    #[arg(long, value_name = "FILE")]
    pub coil20: Option<PathBuf>,
    /// Seed of all random choices
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Experiment {
    /// The wavy circle under rising kernel scales
    Plane,
    /// Handwritten digits
    Digits,
    /// Isotropic and adapted kernels
    Kernels,
    /// The divergence that the theorem bounds
    Theorem,
    /// What explains a network, by noise level, as it is trained (only when named)
    Networks,
}

#[derive(Debug, Args)]
pub struct MadPaper {
    /// Fewer samples and settings: half a minute instead of many
    #[arg(long)]
    pub small: bool,
    /// Only these experiments
    #[arg(long, value_enum, value_name = "EXPERIMENT", value_delimiter = ',')]
    pub only: Vec<MadExperiment>,
    /// Folder for report.html, survey.json, run.json, figures/ and tables/
    #[arg(short, long, value_name = "FOLDER", default_value = "mad")]
    pub output: PathBuf,
    /// MNIST's images (IDX): adds the experiment on them [default: left out]
    #[arg(long, value_name = "FILE")]
    pub mnist: Option<PathBuf>,
    /// Clean projections of particles, images of one channel: adds the experiment on them [default: left out]
    #[arg(long, value_name = "FILE")]
    pub particles: Option<PathBuf>,
    /// Clean photographs of faces, images of one channel: adds the experiment on them [default: left out]
    #[arg(long, value_name = "FILE")]
    pub faces: Option<PathBuf>,
    /// Seed of all random choices
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum MadExperiment {
    /// What is left of a Gaussian direction, against its width: a soft threshold
    Threshold,
    /// Point masses: convergence to the modes, and how often each is hit
    Diracs,
    /// Noisy circles and spheres in up to 256 dimensions
    Circle,
    /// Images of discs, squares and triangles under noise
    Shapes,
    /// Strength, onset and sharpness, against every baseline
    Sweep,
    /// Other noise levels, a wrong noise level, other noise
    Noise,
    /// Settings chosen for the noise that is read, beside the best of a sweep
    Auto,
    /// A network trained on noisy shapes, plain and attracted (only when named)
    Networks,
    /// MNIST (needs --mnist)
    Mnist,
    /// Projections of particles (needs --particles)
    Particles,
    /// Photographs of faces (needs --faces)
    Faces,
}

#[derive(Debug, Args)]
pub struct RidgePaper {
    /// Fewer samples and settings: half a minute instead of many
    #[arg(long)]
    pub small: bool,
    /// Only these experiments
    #[arg(long, value_enum, value_name = "EXPERIMENT", value_delimiter = ',')]
    pub only: Vec<RidgeExperiment>,
    /// Folder for report.html, survey.json, run.json, figures/ and tables/
    #[arg(short, long, value_name = "FOLDER", default_value = "ridge")]
    pub output: PathBuf,
    /// MNIST's images (IDX), with the labels beside them [default: the embedded digits]
    #[arg(long, value_name = "FILE")]
    pub mnist: Option<PathBuf>,
    /// Seed of all random choices
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RidgeExperiment {
    /// The ridge of a circle against its closed form, and of a noisy one
    Circle,
    /// The ridge of thirteen points over the noise level
    Points,
    /// Runs onto a ring: reach, align and slide, with bounds on the distance
    Phases,
    /// Known errors across and along a ridge, and the threshold of sliding
    Injected,
    /// Predicted and measured distances on five kinds of data with three kinds of error
    Correlation,
    /// Random feature models: bias and optimisation error across and along the ridge
    Features,
    /// Images of one digit in principal components: how far from the ridge samples end
    Latent,
    /// Networks trained on those: normal error against distance from the ridge (only when named)
    Networks,
}

#[derive(Debug, Args)]
pub struct NoisePaper {
    /// Fewer samples and settings: seconds instead of minutes
    #[arg(long)]
    pub small: bool,
    /// Only these experiments
    #[arg(long, value_enum, value_name = "EXPERIMENT", value_delimiter = ',')]
    pub only: Vec<NoiseExperiment>,
    /// Folder for report.html, survey.json, run.json, figures/ and tables/
    #[arg(short, long, value_name = "FOLDER", default_value = "geometry-of-noise")]
    pub output: PathBuf,
    /// MNIST's images (IDX): the first 1000, and for networks all [default: the embedded digits]
    #[arg(long, value_name = "FILE")]
    pub mnist: Option<PathBuf>,
    /// Fashion-MNIST's images (IDX), for networks [default: left out]
    #[arg(long, value_name = "FILE")]
    pub fashion: Option<PathBuf>,
    /// A classifier's weights (safetensors), in whose features samples of networks are judged [default: principal
    /// components of the data]
    #[arg(long, value_name = "FILE")]
    pub features: Option<PathBuf>,
    /// Seed of the noise that images start from; the other experiments start from that of their tables
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NoiseExperiment {
    /// Two circles in up to 512 dimensions: what a point tells of its noise level, and where blind samplers end
    Circles,
    /// The energy of three points of the plane, and blind fields beside a point of the data
    Landscape,
    /// Gains, and errors of the drift, of every target under every process
    Gains,
    /// Images of digits: told and blind samplers in closed form
    Digits,
    /// Trained networks, told and blind: noise prediction against flow matching (only when named)
    Networks,
}
