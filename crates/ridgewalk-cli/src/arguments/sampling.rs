//! Flags of how a model is run: solver, noise levels, batch.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use ridgewalk::sampler::Pilot;
use ridgewalk::spec::Spec;
use ridgewalk::{schedule, solver};

use super::values::{count, positive, positive_number};

/// How a model is run.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sampling")]
pub struct Sampling {
    /// Solver, with its settings as in unipc:order=3 or heun:churn=40; `ridgewalk list solvers` shows all. "auto"
    /// is heun, or with --mad dpm++2m, and euler where attraction acts; heun-euler is heun and euler there
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]", default_value_t = SolverName::Auto)]
    pub solver: SolverName,
    /// Spacing of the noise levels, with its settings as in karras:rho=5 (`ridgewalk list schedules` shows all);
    /// "auto" is karras, or with --mad focused where attraction acts; equalized, chosen for this model and solver by a pilot run; or the levels themselves: falling numbers, as
    /// in 80,40,10,1, a file of them, or the run.json of an earlier run
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]|S,S,..|FILE", default_value_t = ScheduleName::Auto)]
    pub schedule: ScheduleName,
    /// Noise levels visited [default: 18, or with --mad 24, and 40 of another schedule]
    #[arg(long, value_parser = count, allow_negative_numbers = true)]
    pub steps: Option<usize>,
    /// Lowest noise level, in the data's units (with --standardize or --latent: the model's) [default: 0.004 of
    /// the data's standard deviation; with --mad 0.05 of its onset]
    #[arg(long, value_name = "S", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma_min: Option<f64>,
    /// Highest noise level, in the same units [default: 160 of the data's standard deviation]
    #[arg(long, value_name = "S", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma_max: Option<f64>,
    /// Samples at a time: memory and speed change, samples do not
    #[arg(long, default_value_t = 256, value_parser = positive, allow_negative_numbers = true)]
    pub batch: usize,
}

/// A solver of the library's catalogue, or a choice that depends on whether attraction acts.
#[derive(Debug, Clone, PartialEq)]
pub enum SolverName {
    Auto,
    /// Heun above the onset of attraction, Euler below.
    HeunEuler,
    Named(String),
}

impl FromStr for SolverName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(SolverName::Auto),
            "heun-euler" => Ok(SolverName::HeunEuler),
            // What cannot be built is told while the flag is at hand; the number of steps has no part in it.
            _ => match solver::named(text, 1) {
                Ok(_) => Ok(SolverName::Named(text.into())),
                Err(e) if e.to_string().contains("is not known") => Err(format!("{e}, auto, heun-euler")),
                Err(e) => Err(e.to_string()),
            },
        }
    }
}

impl fmt::Display for SolverName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            SolverName::Auto => "auto",
            SolverName::HeunEuler => "heun-euler",
            SolverName::Named(name) => name,
        })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum StartName {
    /// exact where the highest level is low and the model can be drawn from, else gaussian
    Auto,
    /// The Gaussian of the data's mean and scale, with the noise added
    Gaussian,
    /// Points drawn from the model, with the noise added
    Exact,
}

/// A schedule of the library's catalogue, one chosen for the model, or levels of one's own.
#[derive(Debug, Clone, PartialEq)]
pub enum ScheduleName {
    /// Karras's, or what suits attraction.
    Auto,
    Named(String),
    /// Chosen by a pilot run.
    Equalized(Pilot),
    /// A list, or a file that holds one.
    Own(String),
}

impl ScheduleName {
    /// The file that lists the levels, if one does.
    pub fn file(&self) -> Option<&Path> {
        match self {
            ScheduleName::Own(text) => Some(Path::new(text)).filter(|path| path.is_file()),
            _ => None,
        }
    }
}

impl FromStr for ScheduleName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "auto" {
            return Ok(ScheduleName::Auto);
        }
        if text.starts_with(|c: char| c.is_ascii_digit() || c == '.') || Path::new(text).is_file() {
            return Ok(ScheduleName::Own(text.into()));
        }
        if text.split(':').next() == Some("equalized") {
            return pilot(text).map(ScheduleName::Equalized).map_err(|e| e.to_string());
        }
        match schedule::named(text, 0.01..10.0, 3) {
            Ok(_) => Ok(ScheduleName::Named(text.into())),
            Err(e) if e.to_string().contains("is not known") => {
                Err(format!("{e}, auto, equalized, or a file of them"))
            }
            Err(e) => Err(e.to_string()),
        }
    }
}

fn pilot(text: &str) -> ridgewalk::Result<Pilot> {
    let spec = Spec::parse("schedule", text)?;
    let pilot = Pilot::new().paths(spec.count("paths", 32)?).passes(spec.count("passes", 3)?);
    spec.done()?;
    Ok(pilot)
}

impl fmt::Display for ScheduleName {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            ScheduleName::Auto => f.write_str("auto"),
            ScheduleName::Named(text) | ScheduleName::Own(text) => f.write_str(text),
            ScheduleName::Equalized(_) => f.write_str("equalized"),
        }
    }
}

/// Where a run is teleported to.
#[derive(Debug, Clone, PartialEq)]
pub enum Teleport {
    /// The lowest level of the schedule that is not below this.
    To(f64),
    /// The lowest level at which the end points change by at most this part of the data's scale.
    Within(f64),
}

/// Tolerance of --teleport auto.
const TOLERANCE: f64 = 1e-3;

impl FromStr for Teleport {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("within=")) {
            ("auto", _) => Ok(Teleport::Within(TOLERANCE)),
            (_, Some(tolerance)) => positive_number(tolerance).map(Teleport::Within),
            (level, None) => {
                let level = positive_number(level).map_err(|e| format!("{e}, auto, or within=TOLERANCE"))?;
                Ok(Teleport::To(level))
            }
        }
    }
}
