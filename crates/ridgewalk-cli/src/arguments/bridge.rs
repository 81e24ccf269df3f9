//! Flags of `ridgewalk bridge`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ridgewalk::interpolant;

use super::groups::Table;
use super::values::{Rank, count, not_negative, positive};

#[derive(Debug, Args)]
pub struct Bridge {
    /// Where the points come from: data, a Gaussian or mixture as a model file, or `noise` for N(0, I)
    #[arg(value_name = "FROM")]
    pub from: String,
    /// Where they go: data, or a Gaussian or mixture as a model file
    #[arg(value_name = "TO")]
    pub to: String,
    /// Folder for samples.npy, samples.png (images) and run.json
    #[arg(short, long, value_name = "FOLDER", default_value = "bridge")]
    pub output: PathBuf,
    /// Points to carry, of the law of FROM [default: the points of FROM, or draws from it]
    #[arg(long, value_name = "FILE")]
    pub at: Option<PathBuf>,
    /// At most so many points [default: all, or 64 draws]
    #[arg(short, value_parser = positive, allow_negative_numbers = true)]
    pub n: Option<usize>,
    /// From TO to FROM instead; --at then has points of TO
    #[arg(long)]
    pub backward: bool,
    /// Path between the two, with its settings as in linear:gamma=sqrt,scale=2; `ridgewalk list paths` shows
    /// all. From `noise` it is one-sided-linear unless another one-sided path is given
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]")]
    pub path: Option<PathName>,
    /// Noise on the way, the same law at the end: eps(t) = E, or E times 1 - t (falling) or t (rising), in units of
    /// the ends' mean variance; less where a step could not follow it. 0 is the ODE
    #[arg(long, value_name = "E", default_value_t = 0.0, value_parser = not_negative, allow_negative_numbers = true)]
    pub epsilon: f64,
    /// How eps depends on t
    #[arg(long, value_enum, default_value_t = EpsilonShape::Constant)]
    pub epsilon_shape: EpsilonShape,
    /// How a step is taken
    #[arg(long, value_enum, default_value_t = SchemeName::Heun)]
    pub scheme: SchemeName,
    /// Steps from one end to the other
    #[arg(long, default_value_t = 100, value_parser = count, allow_negative_numbers = true)]
    pub steps: usize,
    /// Components of the mixtures fitted to data; 1 is a Gaussian
    #[arg(long, default_value_t = 10, value_parser = count, allow_negative_numbers = true)]
    pub components: usize,
    /// Their covariances: full, diagonal, or of rank R plus isotropic
    #[arg(long, value_name = "full|diagonal|R", default_value = "full", allow_negative_numbers = true)]
    pub rank: Rank,
    /// Seed of fits, of draws and of noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Print the run record as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub table: Table,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum EpsilonShape {
    Constant,
    Falling,
    Rising,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum SchemeName {
    Euler,
    Heun,
    /// Runge-Kutta of fourth order, for --epsilon 0
    Rk4,
}

/// A path of the library's catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct PathName(pub String);

impl FromStr for PathName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        interpolant::named(text).map(|_| PathName(text.into())).map_err(|e| e.to_string())
    }
}

impl fmt::Display for PathName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}
