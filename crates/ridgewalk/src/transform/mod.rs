//! Transforms: each takes a denoiser and is one, so they compose with each other and with every solver.

pub mod guidance;
mod held_out;
pub mod kernel_choice;
pub mod mad;
pub mod perturbed;
pub mod smoothing;
pub mod smoothing_scale;
pub mod tweedie;

pub use guidance::Guided;
pub use kernel_choice::{KernelCandidate, KernelChoice, choose_kernel, choose_scale_along};
pub use mad::{Attraction, Mad, MadConfig, extended_score};
pub use perturbed::{Field, InjectedError, Perturbed};
pub use smoothing::{
    Dimension, DrawDisplacements, Estimate, Estimator, Kernel, LocalPca, NearestPoints, ScaleOfSigma,
    Smoothed, Surface,
};
pub use smoothing_scale::{LevelScale, ScaleChoice, choose_scale};
pub use tweedie::tweedie_step;
