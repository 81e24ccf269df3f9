//! The sampler: schedule, solver and seed. It runs any denoiser and tells its observers of every step.
//!
//! States start from the process's marginal at the highest level, mean + √(σ_max² + σ_data²)·ε
//! where the model knows its moments and σ_max·ε where it does not. The last step, to σ = 0,
//! returns D(x; σ_min) whatever the solver. All noise is keyed by (seed, sample index, step), so a
//! sample is the same bytes in any batch and on any number of threads.
//!
//! [`Sampler::teleport`] replaces the first steps by a Gaussian's exact flow; [`Sampler::moments`]
//! gives the law of the samples of a Gaussian without drawing any.

mod moments;
mod teleport;

pub mod likelihood;

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::{Purpose, Stream};
use crate::schedule::Schedule;
use crate::solver::{NoiseSource, Seeded, Solver, Step};
use teleport::Teleport;

pub use moments::{SamplerMoments, StepMoments};

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
    /// The noise levels at which the solver was, without the final 0.
    pub sigmas: Vec<f64>,
}

/// Schedule + solver + seed.
#[derive(Debug, Clone)]
pub struct Sampler<V, S> {
    solver: V,
    schedule: S,
    seed: u64,
    batch: usize,
    teleport: Option<Teleport>,
}

impl<V: Solver, S: Schedule> Sampler<V, S> {
    /// With seed 0, in batches of 256.
    pub fn new(solver: V, schedule: S) -> Self {
        Sampler { solver, schedule, seed: 0, batch: 256, teleport: None }
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
        let grid = self.grid(model.dim())?;
        self.run_batches(model, n, &grid, observer, &|samples| self.start(model, grid.highest, samples))
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
        let grid = self.grid(model.dim())?;
        crate::denoiser::check_query(model.dim(), states, grid.highest)?;
        self.run_batches(model, states.nrows(), &grid, observer, &|samples| {
            let first = samples.first().map_or(0, |&s| s as usize);
            crate::points::rows(&states, first..first + samples.len()).to_owned()
        })
    }

    fn run_batches<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        n: usize,
        grid: &Grid,
        observer: &mut dyn Observer,
        start: &dyn Fn(&[u64]) -> Array2<f64>,
    ) -> Result<Samples> {
        if n == 0 || self.batch == 0 {
            return Err(Error::argument("n", "or the batch size is 0", "draw at least one sample"));
        }
        let mut points = Array2::zeros((n, model.dim()));
        let mut evaluations = 0;
        for first in (0..n).step_by(self.batch) {
            let samples: Vec<u64> = (first as u64..(first + self.batch).min(n) as u64).collect();
            let state = self.land(grid, start(&samples))?;
            let run = Run { grid, samples: &samples, total: n, noise: &Seeded(self.seed) };
            let end = self.run_batch(&model, &run, state, observer)?;
            evaluations = end.evaluations;
            for (row, state) in end.state.outer_iter().enumerate() {
                points.row_mut(first + row).assign(&state);
            }
        }
        Ok(Samples { points, evaluations, sigmas: grid.sigmas.clone() })
    }

    /// The levels at which the solver is, and those that come before them.
    fn grid(&self, dim: usize) -> Result<Grid> {
        let mut sigmas = self.schedule.levels()?;
        let highest = sigmas.first().copied().unwrap_or_default();
        let skipped = self.skipped(sigmas.len(), dim)?;
        sigmas.drain(..skipped);
        Ok(Grid { highest, skipped, sigmas })
    }

    fn start<D: Denoiser + ?Sized>(&self, model: &D, sigma: f64, samples: &[u64]) -> Array2<f64> {
        let moments = model.moments();
        let scale = start_deviation(moments.as_ref(), sigma);
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
        run: &Run,
        mut x: Array2<f64>,
        observer: &mut dyn Observer,
    ) -> Result<End> {
        let (sigmas, samples) = (&run.grid.sigmas, run.samples);
        let (mut evaluations, mut draws) = (0, Vec::with_capacity(sigmas.len()));
        for (done, &sigma) in sigmas.iter().enumerate() {
            let index = run.grid.skipped + done;
            let next = sigmas.get(done + 1).copied().unwrap_or(0.0);
            if next > 0.0 {
                let noise = run.noise;
                let mut step = Step {
                    index,
                    sigma,
                    next,
                    start: sigma,
                    model,
                    samples,
                    noise,
                    evaluations: 0,
                    draws: 0,
                };
                x = self.solver.step(x, &mut step)?;
                evaluations += step.evaluations;
                draws.push(step.draws);
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
                step: done + 1,
                steps: sigmas.len(),
                finished: samples.first().map_or(0, |&s| s as usize),
                total: run.total,
                sigma: next,
                samples,
                state: x.view(),
            };
            if observer.observe(&progress).is_break() {
                return Err(Error::Stopped { step: index });
            }
        }
        Ok(End { state: x, evaluations, draws })
    }
}

/// The levels of a run.
struct Grid {
    /// Where the start is drawn.
    highest: f64,
    /// Levels of the schedule before the first of `sigmas`: those that teleporting leaves out.
    skipped: usize,
    sigmas: Vec<f64>,
}

/// What a batch is carried down with.
struct Run<'a> {
    grid: &'a Grid,
    samples: &'a [u64],
    total: usize,
    noise: &'a dyn NoiseSource,
}

/// What comes of a batch.
struct End {
    state: Array2<f64>,
    evaluations: usize,
    /// Draws of noise in every step of the solver.
    draws: Vec<usize>,
}

/// Standard deviation of the start in every coordinate.
fn start_deviation(moments: Option<&Moments>, sigma: f64) -> f64 {
    moments.map_or(sigma, |m| sigma.hypot(m.std))
}

#[cfg(test)]
mod tests;
