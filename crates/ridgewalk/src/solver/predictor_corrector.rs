//! Predictor–corrector sampling (Song et al., arXiv 2011.13456, algorithms 1 and 2): any solver's step, then
//! Langevin moves at the level where it arrives. One evaluation more for every move.
//!
//! The moves pull the law of the states towards p_σ, whatever error the steps have made. They leave
//! an error of their own that does not fall as steps get finer ([`LangevinStep`]), so the whole has no order in
//! h. They also leave the path that a multistep predictor remembers: it forgets, and each step is a first one,
//! so that a single-step predictor serves better.

use ndarray::Array2;

use super::langevin::{LangevinStep, langevin_move};
use super::{Order, Solver, Step};
use crate::error::Result;

/// A solver whose every step is followed by Langevin moves.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictorCorrector<S> {
    predictor: S,
    moves: usize,
    size: LangevinStep,
}

impl<S: Solver> PredictorCorrector<S> {
    /// `predictor`, then `moves` Langevin moves of this size; with none it is the predictor itself.
    ///
    /// # Errors
    /// If the size is out of range (see [`LangevinStep`]).
    pub fn new(predictor: S, moves: usize, size: LangevinStep) -> Result<Self> {
        Ok(PredictorCorrector { predictor, moves, size: size.checked()? })
    }
}

impl<S: Solver> Solver for PredictorCorrector<S> {
    fn name(&self) -> String {
        let (rule, size) = match self.size {
            LangevinStep::Fixed(size) => ("fixed", size),
            LangevinStep::SignalToNoise(size) => ("snr", size),
        };
        let predictor = self.predictor.name();
        format!("pc:predictor={predictor},moves={},rule={rule},size={size}", self.moves)
    }

    fn order(&self) -> Order {
        if self.moves == 0 { self.predictor.order() } else { Order::Langevin }
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let mut x = self.predictor.step(x, step)?;
        if self.moves > 0 {
            step.forget();
        }
        for _ in 0..self.moves {
            langevin_move(&mut x, step, step.next, self.size)?;
        }
        Ok(x)
    }
}
