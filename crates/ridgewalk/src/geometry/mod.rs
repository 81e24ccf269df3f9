//! Geometry of the smoothed density p_σ: its ridges, and where samples go relative to them.
//!
//! | what | where |
//! |---|---|
//! | tangent and normal directions at a point | [`Frames`] |
//! | the ridge: projection, distance, membership | [`Ridge`], [`Projection`] |
//! | its dimension, from the spectral gap | [`RidgeSpectrum`] |
//! | ridge curves and clouds, traced for pictures | [`RidgeTracer`], [`ridge_cloud`] |
//! | films of a run: ridge, data, samples over the noise level | [`RidgeFilm`] |
//! | a run beside the ridge of its own noise level, and its phases | [`FollowRidge`], [`RidgeRun`], [`Phases`] |
//! | a model's error along a run, and what it does to samples | [`ErrorSplit`], [`Comparison`], [`Agreement`] |
//! | how far from the ridge samples can be | [`TubeBound`] |

mod agreement;
mod anderson;
mod curves;
mod error_split;
mod film;
mod follow;
mod phases;
mod ridge;
mod seeds;
mod spectrum;
mod tube;

pub use crate::frames::Frames;
pub use agreement::Agreement;
pub use curves::{RidgeCurve, RidgeCurves, RidgeTracer};
pub use error_split::{Comparison, ErrorSplit, Motion};
pub use film::RidgeFilm;
pub use follow::{FollowRidge, RidgeLevel, RidgeRun, Summary};
pub use phases::{Phase, PhaseTimes, Phases};
pub use ridge::{Ended, Projection, Ridge, Steps};
pub use seeds::ridge_cloud;
pub use spectrum::RidgeSpectrum;
pub use tube::TubeBound;
