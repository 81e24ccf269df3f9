//! Geometry of the smoothed density p_σ: its ridges, and where samples go relative to them.
//!
//! | what | where |
//! |---|---|
//! | tangent and normal directions at a point | [`Frames`] |
//! | the ridge: projection, distance, membership | [`Ridge`], [`Projection`] |
//! | its dimension, from the spectral gap | [`RidgeSpectrum`] |
//! | ridge curves and clouds, traced for pictures | [`RidgeTracer`], [`ridge_cloud`] |
//! | films of a run: ridge, data, samples over the noise level | [`RidgeFilm`] |

mod anderson;
mod curves;
mod film;
mod ridge;
mod seeds;
mod spectrum;

pub use crate::frames::Frames;
pub use curves::{RidgeCurve, RidgeCurves, RidgeTracer};
pub use film::RidgeFilm;
pub use ridge::{Ended, Projection, Ridge, Steps};
pub use seeds::ridge_cloud;
pub use spectrum::RidgeSpectrum;
