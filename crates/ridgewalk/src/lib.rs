//! ridgewalk: the geometry of diffusion models.
//!
//! A diffusion model is a denoiser; its samples land somewhere relative to the data. This crate
//! generates, steers samples onto the data's manifold, and surveys where they went.
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod closed_form;
pub mod denoiser;
pub mod error;
pub mod metrics;
pub mod neighbours;
pub mod points;
pub mod process;
pub mod random;
pub mod sampler;
pub mod schedule;
pub mod solver;
pub mod survey;
pub mod transform;

pub use denoiser::{Denoiser, Density, Differentiable, FiniteDifference, Visit};
pub use error::{Error, Result};
pub use points::{Moments, PointSet, Shape};
pub use process::{FlowMatching, OrnsteinUhlenbeck, Process, VarianceExploding};
pub use sampler::{Observer, Progress, Sampler, Samples, Trace};
pub use schedule::{Karras, Levels, LinearTime, LogLinear, Schedule};
pub use solver::{Euler, Heun, Solver, Switched};
pub use transform::{Kernel, Mad, MadConfig, Smoothed};
