//! The sampler: schedule, solver and seed. It runs any denoiser and tells its observers of every step.
//!
//! States start from the law of noisy data at the highest level, or where that is high from a Gaussian that is
//! close to it (`start.rs`). The last step, to σ = 0,
//! returns D(x; σ_min) whatever the solver. All noise is keyed by (seed, sample index, step), so a
//! sample is the same bytes in any batch and on any number of threads.
//!
//! [`Sampler::teleport`] replaces the first steps by a Gaussian's exact flow; [`Sampler::moments`]
//! gives the law of the samples of a Gaussian without drawing any; a [`Pilot`] chooses the levels for a model.

mod attraction;
mod equalized;
mod moments;
mod start;
mod teleport;

pub mod likelihood;
pub mod observers;

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::schedule::{Schedule, checked};
use crate::solver::{Memory, NoiseSource, Seeded, Solver, Step, Tally, check_answer, first_not_finite};
use teleport::Teleport;

pub use attraction::{AttractionChoice, choose_attraction};
pub use equalized::{Equalized, Pilot, StepError};
pub use moments::{SamplerMoments, StepMoments};
pub use start::Start;
pub use teleport::{TeleportChoice, TeleportFloor, TeleportPilot};

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
    /// Evaluations of the model that a sample took: the most of any. All take as many, unless the solver
    /// chooses its own steps.
    pub evaluations: usize,
    /// Their mean over samples.
    pub mean_evaluations: f64,
    /// The noise levels at which the solver was, without the final 0; rising if it was inverting.
    pub sigmas: Vec<f64>,
}

/// Schedule + solver + seed.
#[derive(Debug, Clone)]
pub struct Sampler<V, S> {
    solver: V,
    schedule: S,
    seed: u64,
    batch: usize,
    start: Start,
    teleport: Option<Teleport>,
}

impl<V: Solver, S: Schedule> Sampler<V, S> {
    /// With seed 0, in batches of 256.
    pub fn new(solver: V, schedule: S) -> Self {
        Sampler { solver, schedule, seed: 0, batch: 256, start: Start::Auto, teleport: None }
    }

    /// The solver.
    pub fn solver(&self) -> &V {
        &self.solver
    }

    /// The schedule.
    pub fn schedule(&self) -> &S {
        &self.schedule
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

    /// Solver and levels, as `heun over karras: 18 levels from 80 to 0.002`.
    ///
    /// # Errors
    /// If the schedule makes no grid.
    pub fn describe(&self) -> Result<String> {
        Ok(format!("{} over {}", self.solver.name(), self.schedule.describe()?))
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
        let start = |samples: &[u64]| self.land(&grid, self.start_states(model, grid.highest, samples)?);
        self.run_batches(model, n, &grid, observer, &start)
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
        let start = |samples: &[u64]| self.land(&grid, taken(states, samples));
        self.run_batches(model, states.nrows(), &grid, observer, &start)
    }

    /// Carries points `[n, d]` from the lowest noise level up to the highest: the run backwards, from data to
    /// noise. The points count as states at the lowest level, above whose noise they should differ;
    /// [`Sampler::run_from`] takes the result back to them, up to the steps' error. Without teleporting.
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::closed_form::{Covariance, Gaussian};
    /// use ridgewalk::{Heun, Karras, Sampler};
    ///
    /// let model = Gaussian::new(array![1.0], Covariance::isotropic(1, 4.0)?)?;
    /// let sampler = Sampler::new(Heun::new(), Karras::new(0.01..50.0, 200));
    /// let noise = sampler.invert(&model, array![[5.0]].view())?;
    /// // Two standard deviations above the mean, at σ = 0.01 as at σ = 50.
    /// assert!((noise.points[[0, 0]] - (1.0 + 2.0 * f64::hypot(2.0, 50.0))).abs() < 0.1);
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Sampler::run_from`], and if the solver draws noise: what it does has no inverse.
    pub fn invert<D: Denoiser + ?Sized>(&self, model: &D, points: ArrayView2<f64>) -> Result<Samples> {
        self.invert_observed(model, points, &mut |_: &Progress| ControlFlow::Continue(()))
    }

    /// [`Sampler::invert`], telling `observer` of every step. Errors as there, and [`Error::Stopped`].
    pub fn invert_observed<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        points: ArrayView2<f64>,
        observer: &mut dyn Observer,
    ) -> Result<Samples> {
        if !self.solver.order().is_deterministic() {
            let problem = format!("{} draws noise, so that it cannot be run backwards", self.solver.name());
            return Err(Error::argument("solver", problem, "choose a deterministic one"));
        }
        let mut sigmas = checked(self.schedule.levels()?)?;
        let highest = sigmas.first().copied().unwrap_or_default();
        sigmas.reverse();
        let lowest = sigmas.first().copied().unwrap_or_default();
        crate::denoiser::check_query(model.dim(), points, lowest)?;
        let grid = Grid { highest, skipped: 0, sigmas, lands: false };
        self.run_batches(model, points.nrows(), &grid, observer, &|samples| Ok(taken(points, samples)))
    }

    fn run_batches<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        n: usize,
        grid: &Grid,
        observer: &mut dyn Observer,
        start: &dyn Fn(&[u64]) -> Result<Array2<f64>>,
    ) -> Result<Samples> {
        if n == 0 || self.batch == 0 {
            return Err(Error::argument("n", "or the batch size is 0", "draw at least one sample"));
        }
        let mut points = Array2::zeros((n, model.dim()));
        let (mut evaluations, mut sum) = (0, 0);
        for first in (0..n).step_by(self.batch) {
            let samples: Vec<u64> = (first as u64..(first + self.batch).min(n) as u64).collect();
            let run = Run { grid, samples: &samples, total: n, noise: &Seeded(self.seed) };
            let end = self.run_batch(&model, &run, start(&samples)?, observer)?;
            let (most, of_batch) = end.tally.most_and_sum(samples.len());
            (evaluations, sum) = (evaluations.max(most), sum + of_batch);
            for (row, state) in end.state.outer_iter().enumerate() {
                points.row_mut(first + row).assign(&state);
            }
        }
        let mean_evaluations = sum as f64 / n as f64;
        Ok(Samples { points, evaluations, mean_evaluations, sigmas: grid.sigmas.clone() })
    }

    /// The levels at which the solver is, and those that come before them.
    fn grid(&self, dim: usize) -> Result<Grid> {
        let mut sigmas = checked(self.schedule.levels()?)?;
        let highest = sigmas.first().copied().unwrap_or_default();
        let skipped = self.skipped(sigmas.len(), dim)?;
        sigmas.drain(..skipped);
        Ok(Grid { highest, skipped, sigmas, lands: true })
    }

    fn run_batch(
        &self,
        model: &dyn Denoiser,
        run: &Run,
        mut x: Array2<f64>,
        observer: &mut dyn Observer,
    ) -> Result<End> {
        let (grid, samples) = (run.grid, run.samples);
        let (levels, last) = (&grid.sigmas, grid.sigmas.len() - 1);
        let steps = levels.len() - usize::from(!grid.lands);
        let (mut memory, mut tally) = (Memory::default(), Tally::default());
        let mut draws = Vec::with_capacity(levels.len());
        for (done, &sigma) in levels.iter().enumerate().take(steps) {
            let index = grid.skipped + done;
            let next = levels.get(done + 1).copied().unwrap_or(0.0);
            if done < last {
                let (memory, tally, noise) = (&mut memory, &mut tally, run.noise);
                let mut step = Step {
                    index,
                    sigma,
                    next,
                    levels,
                    start: sigma,
                    model,
                    samples,
                    noise,
                    memory,
                    tally,
                    draws: 0,
                };
                x = self.solver.step(x, &mut step)?;
                draws.push(step.draws);
            } else {
                x = land(model, x, sigma, index, samples, memory.take_carried(sigma), &mut tally)?;
            }
            if let Some(sample) = first_not_finite(x.view(), samples) {
                return Err(Error::Diverged { step: index, sigma, sample });
            }
            let progress = Progress {
                step: done + 1,
                steps,
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
        Ok(End { state: x, tally, draws })
    }
}

/// The one rule for the last step, to σ = 0: D at the lowest level, whatever the solver.
fn land(
    model: &dyn Denoiser,
    x: Array2<f64>,
    sigma: f64,
    index: usize,
    samples: &[u64],
    carried: Option<Array2<f64>>,
    tally: &mut Tally,
) -> Result<Array2<f64>> {
    if let Some(denoised) = carried {
        return Ok(denoised);
    }
    let visit = Visit { samples, step: Some((sigma, 0.0)) };
    tally.all += model.evaluations_at(sigma, &visit);
    let denoised = model.denoise_at(x.view(), sigma, &visit)?;
    check_answer(x.view(), &denoised, index, sigma, samples)?;
    Ok(denoised)
}

/// The rows of these samples.
fn taken(states: ArrayView2<f64>, samples: &[u64]) -> Array2<f64> {
    let first = samples.first().map_or(0, |&s| s as usize);
    crate::points::rows(&states, first..first + samples.len()).to_owned()
}

/// The levels of a run.
struct Grid {
    /// Where the start is drawn.
    highest: f64,
    /// Levels of the schedule before the first of `sigmas`: those that teleporting leaves out.
    skipped: usize,
    sigmas: Vec<f64>,
    /// Whether a last step goes from the last level to σ = 0.
    lands: bool,
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
    tally: Tally,
    /// Draws of noise in every step of the solver.
    draws: Vec<usize>,
}

#[cfg(test)]
mod tests;
