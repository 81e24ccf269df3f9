//! Flags of `ridgewalk blind`.

use std::path::PathBuf;

use clap::Args;
use ridgewalk::Target;

use super::Reading;
use super::blind_sampling::process_name;
use super::values::{count, positive, positive_number};

#[derive(Debug, Args)]
pub struct Blind {
    /// The data
    #[arg(value_name = "DATA")]
    pub data: String,
    /// The process (`ridgewalk list processes`) [default: flow-matching, variance-preserving and variance-exploding]
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]", value_parser = process_name)]
    pub process: Option<String>,
    /// What the model predicts: noise, data, velocity, v-prediction or equilibrium [default: what is usual for
    /// the process]
    #[arg(long, value_name = "TARGET")]
    pub target: Option<Target>,
    /// Law of the times in training: uniform, log-uniform, log-normal:mean=-1.2,deviation=1.2 (of the noise level), or
    /// logit-normal:mean=0,deviation=1, each with from= and to= [default: uniform; the steps of ddpm; log-normal for variance-exploding]
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]")]
    pub prior: Option<String>,
    /// Highest noise level of the runs, in the data's units [default: 160 of the data's standard deviation, or where the
    /// process ends]
    #[arg(long, value_name = "S", requires = "sigma_min", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma_max: Option<f64>,
    /// Lowest noise level, in the same units [default: 0.004 of the data's standard deviation]
    #[arg(long, value_name = "S", requires = "sigma_max", value_parser = positive_number, allow_negative_numbers = true)]
    pub sigma_min: Option<f64>,
    /// Samples of each run, told and blind
    #[arg(short, default_value_t = 64, value_parser = positive, allow_negative_numbers = true)]
    pub n: usize,
    /// Steps of each run
    #[arg(long, default_value_t = 50, value_parser = count, allow_negative_numbers = true)]
    pub steps: usize,
    /// Folder for report.html, survey.json, run.json and figures/
    #[arg(short, long, value_name = "FOLDER", default_value = "blind")]
    pub output: PathBuf,
    /// Seed of starts, noisy points and added noise
    #[arg(long, default_value_t = 0, allow_negative_numbers = true)]
    pub seed: u64,
    /// Print the findings as JSON to stdout
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub reading: Reading,
}
