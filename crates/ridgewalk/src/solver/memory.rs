//! What a run remembers from step to step: values at earlier levels, a denoised state for the level ahead,
//! and arrays to write into.
//!
//! A multistep solver is a value without state; one of these belongs to every batch of a run.

use std::collections::VecDeque;

use ndarray::{Array1, Array2};

use crate::denoiser::Denoiser;

/// A value `[batch, d]` that a solver left at an earlier noise level: a denoised state, or a slope.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    /// The noise level.
    pub sigma: f64,
    /// What was remembered there.
    pub value: Array2<f64>,
}

/// Memory of one batch.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Latest first.
    past: VecDeque<Past>,
    /// D for the state at the level at which the next step begins.
    carried: Option<Past>,
    /// The mean of the model's data, once it was asked for.
    mean: Option<Option<Array1<f64>>>,
    /// Arrays of the state's shape whose values nobody needs.
    spare: Vec<Array2<f64>>,
}

/// Arrays kept to be written into: more than any solver has in hand at once.
const SPARE: usize = 6;

impl Memory {
    pub(crate) fn past(&self, back: usize) -> Option<&Past> {
        self.past.get(back)
    }

    /// Adds the latest value; of all, the latest `keep` stay.
    pub(crate) fn remember(&mut self, sigma: f64, value: Array2<f64>, keep: usize) {
        self.past.push_front(Past { sigma, value });
        while self.past.len() > keep {
            if let Some(old) = self.past.pop_back() {
                self.recycle(old.value);
            }
        }
    }

    /// Forgets all of the past, and what is carried.
    pub(crate) fn forget(&mut self) {
        self.past.clear();
        self.carried = None;
    }

    pub(crate) fn carry(&mut self, sigma: f64, denoised: Array2<f64>) {
        self.carried = Some(Past { sigma, value: denoised });
    }

    /// What was carried to this level. What was carried to another, and not taken there because the solver of
    /// that step asks in its own way, is of no use.
    pub(crate) fn take_carried(&mut self, sigma: f64) -> Option<Array2<f64>> {
        self.carried.take().filter(|carried| carried.sigma == sigma).map(|carried| carried.value)
    }

    /// The mean of the data of this model, if it knows it.
    pub(crate) fn mean(&mut self, model: &dyn Denoiser) -> Option<&Array1<f64>> {
        self.mean.get_or_insert_with(|| model.moments().map(|moments| moments.mean)).as_ref()
    }

    /// An array of this shape; its values are of no meaning.
    pub(crate) fn spare(&mut self, shape: (usize, usize)) -> Array2<f64> {
        match self.spare.pop() {
            Some(array) if array.dim() == shape => array,
            _ => Array2::zeros(shape),
        }
    }

    pub(crate) fn recycle(&mut self, array: Array2<f64>) {
        if self.spare.len() < SPARE {
            self.spare.push(array);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_values_stay() {
        let mut memory = Memory::default();
        for sigma in [4.0, 3.0, 2.0] {
            memory.remember(sigma, Array2::from_elem((1, 1), sigma), 2);
        }
        assert_eq!(memory.past(0).map(|p| p.sigma), Some(2.0));
        assert_eq!(memory.past(1).map(|p| p.sigma), Some(3.0));
        assert_eq!(memory.past(2), None);
        // The array that held 4 is there to be written into.
        assert_eq!(memory.spare((1, 1))[(0, 0)], 4.0);
        assert_eq!(memory.spare((1, 1))[(0, 0)], 0.0);
        memory.carry(1.0, Array2::zeros((1, 1)));
        memory.forget();
        assert!(memory.past(0).is_none() && memory.take_carried(1.0).is_none());
        memory.carry(1.0, Array2::zeros((1, 1)));
        assert!(memory.take_carried(0.5).is_none() && memory.take_carried(1.0).is_none());
    }
}
