//! Training: from data to a network that is a [`Denoiser`](ridgewalk::Denoiser).
//!
//! | concept | where |
//! |---|---|
//! | settings, with what is chosen for the data | [`TrainConfig`] |
//! | points, weights, what is held out | [`TrainingData`] |
//! | steps in memory | [`Trainer`] |
//! | a folder with log, checkpoints and the network | [`Trainer::run`], [`Trainer::resume`] |
//! | the network of a run | [`TrainedModel`] |

mod about;
mod averages;
mod checkpoint;
mod config;
mod data;
mod file;
mod gradient;
mod interval;
mod judging;
mod log;
mod model;
mod noise_scale;
mod optimizer;
mod run;
mod tensorboard;
mod trainer;

pub use about::About;
pub use checkpoint::{MODEL, checkpoints};
pub use config::{Every, TrainConfig};
pub use data::TrainingData;
pub use log::{LOG, LogLine, read_log};
pub use model::{Average, TrainedModel};
pub use optimizer::{OptimizerConfig, OptimizerKind, RateSchedule};
pub use run::{Ending, SHEET, TrainProgress};
pub use tensorboard::EVENTS;
pub use trainer::{StepReport, Trainer};

pub(crate) use file::{File, Numbers};
pub(crate) use model::read_autoencoder;
