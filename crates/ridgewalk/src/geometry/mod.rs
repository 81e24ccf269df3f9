//! Geometry of the smoothed density p_σ: its ridges, and where samples go relative to them.
//!
//! | what | where |
//! |---|---|
//! | tangent and normal directions at a point | [`Frames`] |
//! | the ridge: projection, distance, membership | [`Ridge`], [`Projection`] |
//! | its dimension, from the spectral gap | [`RidgeSpectrum`] |

mod ridge;
mod spectrum;

pub use crate::frames::Frames;
pub use ridge::{Ended, Projection, Ridge, Steps};
pub use spectrum::RidgeSpectrum;
