//! One step as a solver sees it: its levels, the denoiser, fresh noise, and the run's memory.

use ndarray::{Array2, ArrayView2};

use super::memory::{Memory, Past};
use super::noise::NoiseSource;
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};

/// One step as a solver sees it.
pub struct Step<'a> {
    /// Which step (counted from 0, those that teleporting left out included).
    pub index: usize,
    /// Noise level at its start.
    pub sigma: f64,
    /// Noise level at its end, positive: lower when sampling, higher when inverting.
    pub next: f64,
    /// All levels of the run in the order in which they are visited.
    pub levels: &'a [f64],
    /// Noise level from which the state is carried: `sigma`, or above it once churn has added noise.
    pub(crate) start: f64,
    pub(crate) model: &'a dyn Denoiser,
    pub(crate) samples: &'a [u64],
    pub(crate) noise: &'a dyn NoiseSource,
    pub(crate) memory: &'a mut Memory,
    pub(crate) tally: &'a mut Tally,
    pub(crate) draws: usize,
}

/// Evaluations of the model that every row of a batch took.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Those of the whole batch.
    pub(crate) all: usize,
    /// Those of single rows beside; empty while there are none.
    pub(crate) rows: Vec<usize>,
}

impl Tally {
    /// The most of any row, and the sum over all.
    pub(crate) fn most_and_sum(&self, rows: usize) -> (usize, usize) {
        let most = self.rows.iter().copied().max().unwrap_or(0);
        (self.all + most, self.all * rows + self.rows.iter().sum::<usize>())
    }
}

impl Step<'_> {
    /// Says that the step runs from this level, above its nominal one, because noise was added.
    pub fn start_from(&mut self, sigma: f64) {
        self.start = self.start.max(sigma);
    }

    /// D(x; σ), counted.
    ///
    /// # Errors
    /// Those of the model; [`Error::Diverged`] if x is not finite, [`Error::Answer`] if D is not or has
    /// another shape.
    pub fn denoise(&mut self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.tally.all += self.model.evaluations_at(sigma, &self.visit(self.samples));
        self.ask(x, sigma, self.samples)
    }

    /// D(x; σ) for the state at the step's start: what [`Step::carry`] left for it, or asked now.
    ///
    /// # Errors
    /// As [`Step::denoise`].
    pub fn denoised(&mut self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        match self.memory.take_carried(self.sigma) {
            Some(carried) => Ok(carried),
            None => self.denoise(x, self.sigma),
        }
    }

    /// D(x; σ) for some rows of the batch, by their indices: row i of `x` is row `rows[i]` of the state.
    ///
    /// # Errors
    /// As [`Step::denoise`].
    pub fn denoise_rows(&mut self, x: ArrayView2<f64>, sigma: f64, rows: &[usize]) -> Result<Array2<f64>> {
        let each = self.model.evaluations_at(sigma, &self.visit(self.samples));
        self.tally.rows.resize(self.samples.len(), 0);
        for &row in rows {
            if let Some(count) = self.tally.rows.get_mut(row) {
                *count += each;
            }
        }
        let samples: Vec<u64> = rows.iter().filter_map(|&row| self.samples.get(row).copied()).collect();
        self.ask(x, sigma, &samples)
    }

    fn visit<'a>(&self, samples: &'a [u64]) -> Visit<'a> {
        Visit { samples, step: Some((self.start, self.next)) }
    }

    fn ask(&self, x: ArrayView2<f64>, sigma: f64, samples: &[u64]) -> Result<Array2<f64>> {
        if let Some(sample) = first_not_finite(x, samples) {
            return Err(Error::Diverged { step: self.index, sigma, sample });
        }
        let denoised = self.model.denoise_at(x, sigma, &self.visit(samples))?;
        check_answer(x, &denoised, self.index, sigma, samples)?;
        Ok(denoised)
    }

    /// Adds `factor` times the mean of the data to every row, where the model knows it: for methods that depend on
    /// where the origin lies.
    pub fn shift(&mut self, x: &mut Array2<f64>, factor: f64) {
        if let Some(mean) = self.memory.mean(self.model) {
            x.outer_iter_mut().for_each(|mut row| row.scaled_add(factor, mean));
        }
    }

    /// Leaves D for the state at the step's end to the next step, which then need not ask for it; the last
    /// step, to σ = 0, returns it.
    pub fn carry(&mut self, denoised: Array2<f64>) {
        self.memory.carry(self.next, denoised);
    }

    /// What was remembered `back` levels ago: 0 is the latest.
    pub fn past(&self, back: usize) -> Option<&Past> {
        self.memory.past(back)
    }

    /// Remembers a value of the level at which the step starts; of all, the latest `keep` stay.
    pub fn remember(&mut self, value: Array2<f64>, keep: usize) {
        self.memory.remember(self.sigma, value, keep);
    }

    /// Forgets what was remembered and carried: before the first step of another method.
    pub fn forget(&mut self) {
        self.memory.forget();
    }

    /// An array of the state's shape to write into; its values are of no meaning.
    pub fn spare(&mut self) -> Array2<f64> {
        self.memory.spare((self.samples.len(), self.model.dim()))
    }

    /// Gives an array back whose values nobody needs, for [`Step::spare`].
    pub fn recycle(&mut self, array: Array2<f64>) {
        self.memory.recycle(array);
    }

    /// Fresh standard normal noise `[batch, d]`, keyed by (seed, sample, step) and how often the solver
    /// has drawn in this step. Give it back with [`Step::recycle`].
    pub fn noise(&mut self) -> Array2<f64> {
        let draw = self.draws;
        self.draws += 1;
        let mut noise = self.spare();
        self.noise.draw(self.index, draw, self.samples, &mut noise);
        noise
    }
}

/// Sample index of the first row that is not finite.
pub(crate) fn first_not_finite(x: ArrayView2<f64>, samples: &[u64]) -> Option<u64> {
    // A sum of finite numbers can overflow; then rows are looked at one by one.
    if x.sum().is_finite() {
        return None;
    }
    let row = x.outer_iter().position(|row| row.iter().any(|v| !v.is_finite()))?;
    Some(samples.get(row).copied().unwrap_or(row as u64))
}

/// Refuses what a model should not have answered.
pub(crate) fn check_answer(
    x: ArrayView2<f64>,
    denoised: &Array2<f64>,
    step: usize,
    sigma: f64,
    samples: &[u64],
) -> Result<()> {
    if denoised.dim() != x.dim() {
        let (found, expected) = (format!("{:?}", denoised.dim()), format!("{:?} (as x)", x.dim()));
        return Err(Error::shape("what the model answered", found, expected));
    }
    match first_not_finite(denoised.view(), samples) {
        None => Ok(()),
        Some(sample) => Err(Error::Answer { step, sigma, sample }),
    }
}
