//! Geometry of the smoothed density p_σ: its ridges, and where samples go relative to them.
//!
//! | what | where |
//! |---|---|
//! | tangent and normal directions at a point | [`Frames`] |
//! | the ridge: projection, distance, membership | [`Ridge`], [`Projection`] |
//! | its dimension, from the spectral gap | [`RidgeSpectrum`] |
//! | a learned denoiser's error by direction, at draws from p_σ | [`DirectionalDraws`] |

mod feature_errors;
mod ridge;
mod spectrum;

pub use crate::frames::Frames;
pub use feature_errors::{Directional, DirectionalDraws, FeatureErrorRow, LevelErrors, Measured};
pub use ridge::{Ended, Projection, Ridge, Steps};
pub use spectrum::RidgeSpectrum;
