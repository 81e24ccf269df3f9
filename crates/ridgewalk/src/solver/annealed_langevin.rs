//! Annealed Langevin dynamics (Song, Ermon, arXiv 1907.05600, algorithm 1): Langevin moves at every level and
//! nothing between them. As many evaluations a step as moves.
//!
//! ```text
//! for every level σ:  x ← x + δ ∇log p_σ(x) + √(2δ)·ε,  moves times,  δ = cσ²
//! ```
//!
//! The paper's α_i = ε·σ_i²/σ_L² is 2δ, so c = ε/(2σ_L²): its ε = 2e-5, σ_L = 0.01 and T = 100 are the defaults
//! c = 0.1 and 100 moves. A step makes the moves at the level where it ends: the start is drawn from the
//! marginal of the highest level already. From the lowest level the sampler returns D, which takes
//! the noise of the last moves away (the paper returns the noisy state).
//!
//! States follow their level's law only if levels are so near that it changes little between
//! them (σ/σ′ near 1 + O(1/√d)) and moves so many that they mix; each level's variance ends too large by
//! about cσ²/2.

use ndarray::Array2;

use super::langevin::{LangevinStep, langevin_move};
use super::{Order, Solver, Step};
use crate::error::{Error, Result};

/// Annealed Langevin dynamics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AnnealedLangevin {
    moves: usize,
    size: LangevinStep,
}

impl AnnealedLangevin {
    /// `moves` moves of δ = `step`·σ² at every level.
    ///
    /// # Errors
    /// If there are no moves, or the step is not above 0 and below 2.
    pub fn new(moves: usize, step: f64) -> Result<Self> {
        if moves == 0 {
            return Err(Error::argument("moves", "are 0", "make at least one at every level; 100 is usual"));
        }
        Ok(AnnealedLangevin { moves, size: LangevinStep::Fixed(step).checked()? })
    }
}

impl Solver for AnnealedLangevin {
    fn name(&self) -> String {
        let (LangevinStep::Fixed(step) | LangevinStep::SignalToNoise(step)) = self.size;
        format!("annealed-langevin:moves={},step={step}", self.moves)
    }

    fn order(&self) -> Order {
        Order::Langevin
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        for _ in 0..self.moves {
            langevin_move(&mut x, step, step.next, self.size)?;
        }
        Ok(x)
    }
}
