//! Noise-blind models: fields f(u) that are never told the noise level (arXiv 2602.18428).
//!
//! A network that predicts r = c(t) x₀ + d(t) ε from u = α(t) x₀ + σ(t) ε without being told t learns, under the
//! squared loss and a law p(t) of times, the mean of what its conditional twin says over the times that u may have:
//!
//! ```text
//! f*(u) = E_{t|u}[f*_t(u)] = E_{t|u}[(d/σ) u + (c − d α/σ) D_t(u)]        p(t|u) ∝ p(t) p(u|t)      (eq. 7)
//! ```
//!
//! [`Blind`] gives it exactly for any density, any affine process and any law of times, with the
//! posterior p(t|u), the marginal energy −log ∫ p(u|t) p(t) dt and the energy-aligned parts of the field. Trained
//! blind networks implement [`Autonomous`] themselves. [`Clocked`] hands a blind field the sampler's clock, which
//! makes it a denoiser for every solver; [`Descent`] and [`CoarseToFine`] do without a clock. [`blindness`] says
//! whether a model may drop its noise input.

mod along;
mod blind;
mod clocked;
mod descent;
mod estimated;
mod posterior;
mod quadrature;
mod ray;
mod residual;
mod scaled;
mod target;
mod time_prior;
mod trial;
mod verdict;

pub use along::{AtLevel, along};
pub use blind::{Blind, BlindField, EnergyParts};
pub use clocked::Clocked;
pub use descent::{Descended, Descent, DescentStep, Momentum};
pub use posterior::TimePosterior;
pub use ray::Ray;
pub(crate) use ray::{Beside, DataRay, Queries};
pub use residual::{CoarseToFine, CoarseToFineRun, Ending, corrected_noise, implied_noise, residual};
pub use scaled::Scaled;
pub use target::{Coefficients, Target};
pub use time_prior::TimePrior;
pub use trial::Landing;
pub use verdict::{BlindTrial, Blindness, Cause, Stability, blindness};

use ndarray::{Array2, ArrayView2};

use crate::error::Result;
use crate::points::Moments;

/// A noise-blind field f(u), which is never told σ.
pub trait Autonomous: Send + Sync {
    /// Ambient dimension d.
    fn dim(&self) -> usize;

    /// f(u) for every row of `u`, `[batch, d]`; u in the coordinates of the process that f was made for.
    ///
    /// # Errors
    /// If `u` does not have d columns or is not finite.
    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>>;

    /// What f predicts.
    fn target(&self) -> Target;

    /// Mean and scale of the data, where known: samplers start from them.
    fn moments(&self) -> Option<Moments> {
        None
    }
}

macro_rules! forward_autonomous {
    ($($pointer:ty),*) => {$(
        impl<A: Autonomous + ?Sized> Autonomous for $pointer {
            fn dim(&self) -> usize {
                (**self).dim()
            }
            fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
                (**self).field(u)
            }
            fn target(&self) -> Target {
                (**self).target()
            }
            fn moments(&self) -> Option<Moments> {
                (**self).moments()
            }
        }
    )*};
}
forward_autonomous!(&A, Box<A>, std::sync::Arc<A>);
