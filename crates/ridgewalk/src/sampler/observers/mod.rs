//! What a run's paths look like: how flat they are, how they bend, and in which order they decide.
//!
//! Sampling paths lie near the plane of their two ends, and modes are decided in the order of their variance
//! (arXiv 2303.02490). [`Trajectories`] records a run; [`curvature`] and [`torsion`] are those of any curve.

mod curve;
mod flatness;
mod trajectories;

pub use curve::{Bending, bending, curvature, torsion};
pub use flatness::Flatness;
pub(super) use trajectories::median;
pub use trajectories::{Commitment, Trajectories};
