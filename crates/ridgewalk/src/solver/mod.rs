//! Solvers: one step of the probability-flow ODE dx/dσ = (x − D(x; σ))/σ, or of the reverse SDE, from a
//! noise level to the next.
//!
//! States are those of the variance-exploding process; any affine process is this one after the
//! change of variables (`process.rs`), so that a solver gives the same samples for all of them. In these
//! coordinates λ = log(α/σ) is −log σ. A solver is handed the denoiser, not a prediction, so it may
//! ask as often as it needs; the step counts what it asks. What it remembers of earlier steps lives in
//! the run's memory (`memory.rs`), not in the solver.

mod adams;
mod adaptive;
mod annealed_langevin;
mod attracted;
mod catalogue;
mod ddim;
mod ddpm;
mod deis;
mod dpm_solver;
mod dpm_solver_sde;
mod euler;
mod evodiff;
mod exponential_adams;
mod fused;
mod heun;
mod ipndm;
mod langevin;
mod linear_multistep;
mod memory;
mod multistep;
mod noise;
mod phi;
mod predictor_corrector;
mod reverse_sde;
mod runge_kutta;
mod step;
mod switched;
mod unipc;

use ndarray::Array2;

pub use adams::InterpolationTime;
pub use adaptive::{Adaptive, Pair};
pub use annealed_langevin::AnnealedLangevin;
pub use attracted::Attracted;
pub use catalogue::{Entry, SOLVERS, named, named_for};
pub use ddim::Ddim;
pub use ddpm::Ddpm;
pub use deis::Deis;
pub use dpm_solver::{DpmSolver2M, DpmSolver2S, DpmSolver3M};
pub use dpm_solver_sde::{DpmSolverSde, DpmSolverSde2S, Extrapolation};
pub use euler::Euler;
pub use evodiff::EvoDiff;
pub use exponential_adams::ExponentialAdams;
pub use heun::Heun;
pub use ipndm::Ipndm;
pub use langevin::LangevinStep;
pub use linear_multistep::LinearMultistep;
pub(crate) use memory::Memory;
pub use memory::Past;
pub use multistep::Start;
pub(crate) use noise::{NoiseSource, Seeded};
pub use predictor_corrector::PredictorCorrector;
pub use reverse_sde::ReverseSde;
pub use runge_kutta::RungeKutta4;
pub use step::Step;
pub(crate) use step::{Tally, check_answer, first_not_finite};
pub use switched::Switched;
pub use unipc::{UniPc, UniPcVariant};

use crate::error::Result;

/// How a solver's error falls with the size h of its steps (in λ = −log σ, on a grid that is refined evenly).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Deterministic: the error of every path of the probability-flow ODE falls as hᵖ.
    Path(u8),
    /// Draws noise: the error of the law of the states (mean and covariance) falls as hᵖ.
    Law(u8),
    /// Draws noise and has no order in h: the law is right only in the limit of many moves at every level.
    Langevin,
}

impl Order {
    /// Whether the solver draws no noise, so that it can be run from data to noise too.
    pub fn is_deterministic(self) -> bool {
        matches!(self, Order::Path(_))
    }
}

/// Takes a state from one noise level to the next: a lower one when sampling, a higher one when inverting.
pub trait Solver: Send + Sync {
    /// Name for records and tables: the specification by which [`named`] gives the solver, where there is one.
    fn name(&self) -> String;

    /// The order that its tests prove.
    fn order(&self) -> Order;

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
            fn order(&self) -> Order {
                (**self).order()
            }
            fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
                (**self).step(x, step)
            }
        }
    )*};
}
forward_solver!(&S, Box<S>);
