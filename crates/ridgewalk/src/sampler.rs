//! The sampler: schedule, solver and seed. It runs any denoiser and tells its observers of every step.
//!
//! States start from the process's marginal at the highest level, mean + √(σ_max² + σ_data²)·ε
//! where the model knows its moments and σ_max·ε where it does not. The last step, to σ = 0,
//! returns D(x; σ_min) whatever the solver. All noise is keyed by (seed, sample index, step), so a
//! sample is the same bytes in any batch and on any number of threads.

pub mod likelihood;

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};
use crate::schedule::Schedule;
use crate::solver::{Solver, Step};

/// What a sampler tells its observers after every step.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Steps done of this batch, from 1.
    pub step: usize,
    /// Steps of a batch, the last one to σ = 0 included.
    pub steps: usize,
    /// Samples finished before this batch.
    pub finished: usize,
    /// Samples in all.
    pub total: usize,
    /// Noise level that the state now has.
    pub sigma: f64,
    /// Sample index of every row.
    pub samples: &'a [u64],
    /// The state, `[batch, d]`.
    pub state: ArrayView2<'a, f64>,
}

/// Looks at a run as it goes, and may stop it.
pub trait Observer {
    /// After every step. `ControlFlow::Break` ends the run with [`Error::Stopped`].
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()>;
}

impl<F: FnMut(&Progress) -> ControlFlow<()>> Observer for F {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self(progress)
    }
}

/// An observer that keeps every state of the run.
#[derive(Debug, Clone, Default)]
pub struct Trace {
    /// Noise level after each step, of the first batch.
    pub sigmas: Vec<f64>,
    /// One array `[n, d]` for every step, batches joined.
    pub states: Vec<Array2<f64>>,
}

impl Observer for Trace {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        if progress.step > self.states.len() {
            self.sigmas.push(progress.sigma);
            self.states.push(progress.state.to_owned());
        } else {
            let state = &mut self.states[progress.step - 1];
            if state.append(ndarray::Axis(0), progress.state).is_err() {
                return ControlFlow::Break(()); // a batch of another dimension cannot come from one run
            }
        }
        ControlFlow::Continue(())
    }
}

/// What a run gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Samples {
    /// The samples, `[n, d]`, in the data's units.
    pub points: Array2<f64>,
    /// Evaluations of the denoiser a sample took.
    pub evaluations: usize,
    /// The noise levels visited, without the final 0.
    pub sigmas: Vec<f64>,
}

/// Schedule + solver + seed.
#[derive(Debug, Clone)]
pub struct Sampler<V, S> {
    solver: V,
    schedule: S,
    seed: u64,
    batch: usize,
}

impl<V: Solver, S: Schedule> Sampler<V, S> {
    /// With seed 0, in batches of 256.
    pub fn new(solver: V, schedule: S) -> Self {
        Sampler { solver, schedule, seed: 0, batch: 256 }
    }

    /// With another seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With another batch size: memory and speed change, samples do not.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// Draws `n` samples.
    ///
    /// # Errors
    /// If `n` or the batch size is 0, the schedule makes no grid, the denoiser fails, or a state
    /// stops being finite (the error names step, σ and sample).
    pub fn run<D: Denoiser + ?Sized>(&self, model: &D, n: usize) -> Result<Samples> {
        self.run_observed(model, n, &mut |_: &Progress| ControlFlow::Continue(()))
    }

    /// Draws `n` samples and tells `observer` of every step. Errors as [`Sampler::run`], and
    /// [`Error::Stopped`] if the observer asks for it.
    pub fn run_observed<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        n: usize,
        observer: &mut dyn Observer,
    ) -> Result<Samples> {
        if n == 0 {
            return Err(Error::argument("n", "is 0", "draw at least one sample"));
        }
        let first_level = self.schedule.levels()?[0];
        self.run_batches(model, n, observer, &|samples| self.start(model, first_level, samples))
    }

    /// Carries given states `[n, d]` at the highest noise level down to samples.
    ///
    /// # Errors
    /// As [`Sampler::run_observed`], and if the states do not have the model's dimension or are not finite.
    pub fn run_from<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        states: ArrayView2<f64>,
        observer: &mut dyn Observer,
    ) -> Result<Samples> {
        crate::denoiser::check_query(model.dim(), states, self.schedule.levels()?[0])?;
        self.run_batches(model, states.nrows(), observer, &|samples| {
            let first = samples.first().map_or(0, |&s| s as usize);
            crate::points::rows(&states, first..first + samples.len()).to_owned()
        })
    }

    fn run_batches<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        n: usize,
        observer: &mut dyn Observer,
        start: &dyn Fn(&[u64]) -> Array2<f64>,
    ) -> Result<Samples> {
        if n == 0 || self.batch == 0 {
            return Err(Error::argument("n", "or the batch size is 0", "draw at least one sample"));
        }
        let sigmas = self.schedule.levels()?;
        let mut points = Array2::zeros((n, model.dim()));
        let mut evaluations = 0;
        for first in (0..n).step_by(self.batch) {
            let samples: Vec<u64> = (first as u64..(first + self.batch).min(n) as u64).collect();
            let (state, count) = self.run_batch(&model, &sigmas, start(&samples), &samples, n, observer)?;
            evaluations = count;
            for (row, state) in state.outer_iter().enumerate() {
                points.row_mut(first + row).assign(&state);
            }
        }
        Ok(Samples { points, evaluations, sigmas })
    }

    fn start<D: Denoiser + ?Sized>(&self, model: &D, sigma: f64, samples: &[u64]) -> Array2<f64> {
        let moments = model.moments();
        let scale = moments.as_ref().map_or(sigma, |m| sigma.hypot(m.std));
        let mut x = Array2::zeros((samples.len(), model.dim()));
        for (mut row, &sample) in x.outer_iter_mut().zip(samples) {
            let mut stream = Stream::new(self.seed, Purpose::Start, sample, 0);
            row.iter_mut().for_each(|v| *v = scale * stream.normal());
            if let Some(moments) = &moments {
                row += &moments.mean;
            }
        }
        x
    }

    fn run_batch(
        &self,
        model: &dyn Denoiser,
        sigmas: &[f64],
        mut x: Array2<f64>,
        samples: &[u64],
        total: usize,
        observer: &mut dyn Observer,
    ) -> Result<(Array2<f64>, usize)> {
        let mut evaluations = 0;
        for (index, &sigma) in sigmas.iter().enumerate() {
            let next = sigmas.get(index + 1).copied().unwrap_or(0.0);
            if next > 0.0 {
                let seed = self.seed;
                let mut step =
                    Step { index, sigma, next, start: sigma, model, samples, seed, evaluations: 0 };
                x = self.solver.step(x, &mut step)?;
                evaluations += step.evaluations;
            } else {
                x = model.denoise_at(x.view(), sigma, &Visit { samples, step: Some((sigma, 0.0)) })?;
                evaluations += 1;
            }
            for (row, &sample) in x.outer_iter().zip(samples) {
                if row.iter().any(|v| !v.is_finite()) {
                    return Err(Error::Diverged { step: index, sigma, sample });
                }
            }
            let progress = Progress {
                step: index + 1,
                steps: sigmas.len(),
                finished: samples.first().map_or(0, |&s| s as usize),
                total,
                sigma: next,
                samples,
                state: x.view(),
            };
            if observer.observe(&progress).is_break() {
                return Err(Error::Stopped { step: index });
            }
        }
        Ok((x, evaluations))
    }
}

#[cfg(test)]
mod tests;
