//! ridgewalk: the geometry of diffusion models.
//!
//! A diffusion model is a denoiser; its samples land somewhere relative to the data. This crate
//! generates (from a data set alone, or from any [`Denoiser`]), steers samples onto the data's
//! manifold, and surveys where they went.
//!
//! ```
//! use ridgewalk::closed_form::Empirical;
//! use ridgewalk::survey::{Reference, Subject, Survey};
//! use ridgewalk::{Heun, Karras, Kernel, Mad, MadConfig, Sampler, Smoothed};
//!
//! let data = ridgewalk_data::digits();
//! let model = Smoothed::new(Empirical::new(&data)?, Kernel::isotropic(5.0))?;
//! let clean = Mad::new(&model, MadConfig::default())?;
//! let samples = Sampler::new(Heun::new(), Karras::new(0.02..700.0, 18)).seed(7).run(&clean, 8)?;
//! let samples = data.with_values(samples.points)?;
//! let reference = Reference::new(&data);
//! let survey = Survey::standard().run(&Subject::new("clean", &samples, &reference))?;
//! assert!(survey.finding("nearest-training-distance").is_some_and(|f| f.value > 1.0));
//! # Ok::<(), ridgewalk::Error>(())
//! ```
//!
//! | concept | where |
//! |---|---|
//! | points and their shape | [`PointSet`], [`Shape`] |
//! | D(x; σ), its derivatives, its density | [`Denoiser`], [`Differentiable`], [`Density`] |
//! | models known in closed form | [`closed_form`] |
//! | coordinates of fewer dimensions | [`Latent`], [`Pca`] |
//! | what turns one denoiser into another | [`transform`] |
//! | noising processes, and a denoiser in their coordinates | [`Process`], [`Marginal`] |
//! | grids of noise levels | [`Schedule`] |
//! | paths between any two laws | [`interpolant`] |
//! | fields that are never told the noise level | [`Autonomous`], [`autonomous`] |
//! | one step, and a whole run | [`Solver`], [`Sampler`] |
//! | tangents and normals of p_σ, its ridges | [`Frames`], [`geometry`] |
//! | measurements | [`survey`], [`metrics`], [`neighbours`] |
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod autonomous;
pub mod closed_form;
pub mod denoiser;
mod displacements;
pub mod error;
mod finite_difference;
pub(crate) mod frames;
pub mod geometry;
pub mod interpolant;
pub mod latent;
pub mod metrics;
pub mod neighbours;
pub mod points;
pub mod process;
pub mod random;
pub mod sampler;
pub mod schedule;
pub mod solver;
pub mod spec;
pub mod spectrum;
pub mod survey;
pub mod transform;

pub use autonomous::{Autonomous, Target};
pub use denoiser::{Denoiser, Density, Differentiable, Displacements, FiniteDifference, Visit};
pub use error::{Error, Result};
pub use frames::Frames;
pub use latent::{Latent, Pca};
pub use points::{Moments, PointSet, Shape};
pub use process::{
    FlowMatching, Marginal, OrnsteinUhlenbeck, Process, VarianceExploding, VariancePreserving,
};
pub use sampler::{Observer, Progress, Sampler, SamplerMoments, Samples, StepMoments, Trace};
pub use schedule::{Karras, Levels, LinearTime, LogLinear, Schedule};
pub use solver::{Euler, Heun, ReverseSde, Solver, Switched};
pub use transform::{Guided, Kernel, Mad, MadConfig, Smoothed};

/// The README's example, compiled and run with the documentation's own.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
pub struct Readme;

/// The code of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/ridges.md")]
pub struct RidgesGuide;

/// The code of the guide.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/blind.md")]
pub struct BlindGuide;
