//! Solvers: one step of the probability-flow ODE dx/dσ = (x − D(x; σ))/σ, or of the reverse SDE, from a
//! noise level to the next.
//!
//! States are those of the variance-exploding process; any affine process is this one after the
//! change of variables (`process.rs`). A solver is handed the denoiser, not a prediction, so it may
//! ask as often as it needs; the step counts what it asks.

mod euler;
mod heun;
mod noise;
mod reverse_sde;
mod switched;

use ndarray::{Array2, ArrayView2};

pub use euler::Euler;
pub use heun::Heun;
pub(crate) use noise::{NoiseSource, Seeded};
pub use reverse_sde::ReverseSde;
pub use switched::Switched;

use crate::denoiser::{Denoiser, Visit};
use crate::error::Result;

/// Takes a state from one noise level to the next lower one.
pub trait Solver: Send + Sync {
    /// Name for records and tables.
    fn name(&self) -> String;

    /// The state `[batch, d]` at `step.next`, from the state at `step.sigma`.
    ///
    /// # Errors
    /// Those of the denoiser.
    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>>;
}

macro_rules! forward_solver {
    ($($pointer:ty),*) => {$(
        impl<S: Solver + ?Sized> Solver for $pointer {
            fn name(&self) -> String {
                (**self).name()
            }
            fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
                (**self).step(x, step)
            }
        }
    )*};
}
forward_solver!(&S, Box<S>);

/// One step as a solver sees it.
pub struct Step<'a> {
    /// Which step (counted from 0).
    pub index: usize,
    /// Noise level at its start.
    pub sigma: f64,
    /// Noise level at its end, positive and lower.
    pub next: f64,
    /// Noise level from which the state is carried: `sigma`, or above it once churn has added noise.
    pub(crate) start: f64,
    pub(crate) model: &'a dyn Denoiser,
    pub(crate) samples: &'a [u64],
    pub(crate) noise: &'a dyn NoiseSource,
    pub(crate) evaluations: usize,
    pub(crate) draws: usize,
}

impl Step<'_> {
    /// Says that the step runs from this level, above its nominal one, because noise was added.
    pub fn start_from(&mut self, sigma: f64) {
        self.start = self.start.max(sigma);
    }

    /// D(x; σ), counted.
    pub fn denoise(&mut self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.evaluations += 1;
        let visit = Visit { samples: self.samples, step: Some((self.start, self.next)) };
        self.model.denoise_at(x, sigma, &visit)
    }

    /// Fresh standard normal noise `[batch, d]`, keyed by (seed, sample, step) and how often the solver
    /// has drawn in this step.
    pub fn noise(&mut self) -> Array2<f64> {
        let draw = self.draws;
        self.draws += 1;
        self.noise.draw(self.index, draw, self.samples, self.model.dim())
    }
}
