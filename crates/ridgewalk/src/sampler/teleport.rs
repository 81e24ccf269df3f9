//! Teleportation: the first steps of a run replaced by a Gaussian's exact probability flow.
//!
//! At high noise the score of any law is nearly that of the Gaussian with its mean and covariance,
//! whose flow is known ([`Gaussian::flow`]). A run may so begin at the k-th level of its grid, with the
//! start that it would have had carried there, and save the evaluations of k steps (arXiv 2412.09726).
//! The grid is not spaced anew. Exact on Gaussian data; elsewhere the error grows as the level at which
//! it lands falls below the scale of what is not Gaussian: [`TeleportPilot`] measures it, and chooses k by
//! tolerance.

mod choice;

use ndarray::Array2;

use super::{Grid, Sampler};
use crate::closed_form::Gaussian;
use crate::error::{Error, Result};
use crate::schedule::Schedule;
use crate::solver::Solver;

pub use choice::{TeleportChoice, TeleportFloor, TeleportPilot};

/// Whose flow, and over how many steps.
#[derive(Debug, Clone)]
pub(super) struct Teleport {
    pub(super) gaussian: Gaussian,
    steps: usize,
}

impl<V: Solver, S: Schedule> Sampler<V, S> {
    /// Without the first `steps` steps: their part of the way is the exact flow of `gaussian`, the mean
    /// and covariance of the data ([`Gaussian::fit`]) or of the model. Start and noise of every sample
    /// stay what they are without, so that the two can be held against each other.
    ///
    /// A run fails if `gaussian` does not have the model's dimension, or the schedule does not have
    /// more than `steps` levels.
    ///
    /// ```
    /// use ridgewalk::closed_form::{CovarianceKind, Empirical, Gaussian};
    /// use ridgewalk::{Heun, Karras, Sampler};
    ///
    /// let data = ridgewalk_data::digits();
    /// let sampler = Sampler::new(Heun::new(), Karras::new(0.02..700.0, 18));
    /// let shorter = sampler.teleport(&Gaussian::fit(&data, CovarianceKind::LowRank(8))?, 4);
    /// let samples = shorter.run(&Empirical::new(&data)?, 2)?;
    /// assert_eq!(samples.evaluations, 2 * (18 - 4) - 1);
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    pub fn teleport(mut self, gaussian: &Gaussian, steps: usize) -> Self {
        self.teleport = Some(Teleport { gaussian: gaussian.clone(), steps });
        self
    }

    /// Number of levels left out, of `levels`.
    pub(super) fn skipped(&self, levels: usize, dim: usize) -> Result<usize> {
        let Some(teleport) = &self.teleport else { return Ok(0) };
        let found = teleport.gaussian.covariance().dim();
        if found != dim {
            return Err(Error::shape(
                "the Gaussian to teleport by",
                format!("{found} dimensions"),
                format!("{dim} (the model's dimension)"),
            ));
        }
        if teleport.steps >= levels {
            return Err(Error::argument(
                "steps",
                format!("to teleport are {}, of a schedule with {levels} levels", teleport.steps),
                "leave at least one level for the solver",
            ));
        }
        Ok(teleport.steps)
    }

    /// The states at the first level of the solver, from those at the highest.
    pub(super) fn land(&self, grid: &Grid, states: Array2<f64>) -> Result<Array2<f64>> {
        match (&self.teleport, grid.sigmas.first()) {
            (Some(teleport), Some(&to)) if grid.skipped > 0 => {
                teleport.gaussian.flow_levels(states.view(), grid.highest, to)
            }
            _ => Ok(states),
        }
    }
}
