//! The exact law of a sampler's output on a Gaussian: mean and covariance, no Monte Carlo.
//!
//! The denoiser of N(μ, Σ) acts on each eigen-coordinate apart, D = m + λ/(λ + σ²)(x − m), so any solver
//! that is affine in states and denoised states carries the coordinate to
//!
//! ```text
//! x = A s + B m + Σ_j C_j z_j      mean  A m + B m      variance  A² Var[s] + Σ_j C_j²
//! ```
//!
//! with s its start (of mean m), and z_j the draws of noise. A, B and C_j are functions of λ. They are
//! read off the real solver, run once in the eigenbasis on a batch of probes: one with a unit start, one
//! with a unit mean, one for every draw with a unit impulse there, and one with all of these at once,
//! which shows whether the solver is affine. Each is a row, each distinct λ a column: the cost is that of
//! (draws + 4) samples in as many dimensions as Σ has distinct variances.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::start::gaussian_deviation;
use super::{Grid, Progress, Run, Sampler};
use crate::closed_form::{Covariance, Gaussian, Mode};
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};
use crate::schedule::Schedule;
use crate::solver::{NoiseSource, Solver};

/// The law of a sampler's output on a Gaussian.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplerMoments {
    /// Mean of the samples, `[d]`.
    pub mean: Array1<f64>,
    /// Covariance of the samples; its eigenvectors are the model's.
    pub covariance: Covariance,
    /// The model's distinct variances, rising: what the lists in `per_step` are of.
    pub modes: Vec<Mode>,
    /// The state from which the solver starts, then that after every step; the last is the samples'.
    pub per_step: Vec<StepMoments>,
    /// Evaluations of the denoiser a sample takes.
    pub evaluations: usize,
}

/// The law of the state at one noise level.
#[derive(Debug, Clone, PartialEq)]
pub struct StepMoments {
    /// The noise level; 0 for the samples.
    pub sigma: f64,
    /// Mean, `[d]`.
    pub mean: Array1<f64>,
    /// Variance along each mode. Exact states would have λ + σ².
    pub variances: Vec<f64>,
    /// ∂x/∂x_start along each mode, with x_start the state at the first of `per_step`.
    pub gains: Vec<f64>,
}

/// Rows of the probe batch; the impulses follow.
const ZERO: usize = 0;
const START: usize = 1;
const MEAN: usize = 2;
const TOGETHER: usize = 3;
const IMPULSES: usize = 4;

/// What rounding may leave between a combination of probes and the combined probe, relative to the
/// sum of its terms' sizes.
const AFFINE: f64 = 1e-9;

impl<V: Solver, S: Schedule> Sampler<V, S> {
    /// Mean and covariance of what [`Sampler::run`] draws from `model`, exactly: of the start that it
    /// uses ([`Sampler::start`]: N(μ, (σ_max² + tr Σ/d) I), or N(μ, σ_max² I + Σ) where that is exact), or
    /// where that is teleported to; after every step; and at the end.
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::closed_form::{Covariance, Gaussian};
    /// use ridgewalk::{Heun, Karras, Sampler};
    ///
    /// let model = Gaussian::new(array![1.0], Covariance::isotropic(1, 4.0)?)?;
    /// let moments = Sampler::new(Heun::new(), Karras::new(0.01..300.0, 18)).moments(&model)?;
    /// assert!((moments.mean[0] - 1.0).abs() < 1e-12);
    /// // So few steps leave the variance of 4 too large by a tenth.
    /// assert!((moments.covariance.trace() - 4.4339).abs() < 1e-4);
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the schedule makes no grid, a state stops being finite, the solver is not affine in the
    /// eigen-coordinates (a step size or a clipping that depends on the state), or the sampler teleports
    /// by another Gaussian, whose eigenvectors may be others.
    pub fn moments(&self, model: &Gaussian) -> Result<SamplerMoments> {
        let grid = self.grid(model.dim())?;
        if grid.skipped > 0 && self.teleport.as_ref().is_some_and(|t| t.gaussian != *model) {
            return Err(Error::argument(
                "model",
                "is not the Gaussian by which the sampler teleports",
                "teleport by the model itself, or estimate the moments from samples",
            ));
        }
        let modes = model.modes();
        let variances: Vec<f64> = modes.iter().map(|mode| mode.variance).collect();
        let first = grid.sigmas.first().copied().unwrap_or_default();
        let exact = self.starts_exactly(model, grid.highest)?;
        let gaussian = gaussian_deviation(model.moments().as_ref(), grid.highest);
        let deviation = |mode: &Mode| if exact { mode.variance.sqrt().hypot(grid.highest) } else { gaussian };
        let starts = modes
            .iter()
            .map(|mode| Ok(deviation(mode) * mode.sensitivity(grid.highest, first)?))
            .collect::<Result<Vec<f64>>>()?;
        let probes = self.probes(&grid, &variances, &starts)?;
        let ones = vec![1.0; modes.len()];
        let squares = starts.iter().map(|s| s * s).collect();
        let mut per_step = vec![StepMoments {
            sigma: first,
            mean: model.mean().to_owned(),
            variances: squares,
            gains: ones,
        }];
        let (evaluations, steps) = self.respond(&grid, &variances, &probes)?;
        for (sigma, response) in steps {
            let mean = response.mean_gains();
            let mean =
                model.covariance().apply(model.mean().insert_axis(Axis(0)), |v| at(&variances, &mean, v));
            per_step.push(StepMoments {
                sigma,
                mean: mean.index_axis_move(Axis(0), 0),
                variances: response.variances(&starts),
                gains: response.start,
            });
        }
        let (mean, end) = per_step.last().map(|s| (s.mean.clone(), s.variances.clone())).unwrap_or_default();
        let covariance = model.covariance().map(|v| at(&variances, &end, v))?;
        Ok(SamplerMoments { mean, covariance, modes, per_step, evaluations })
    }

    /// Runs the probes; what a state is made of after every step, with its noise level.
    fn respond(
        &self,
        grid: &Grid,
        variances: &[f64],
        probes: &Probes,
    ) -> Result<(usize, Vec<(f64, Response)>)> {
        let (mut steps, mut failure) = (Vec::with_capacity(grid.sigmas.len()), None);
        let mut observer = |progress: &Progress| match probes.response(progress.state) {
            Ok(response) => {
                steps.push((progress.sigma, response));
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        };
        let samples: Vec<u64> = (0..probes.rows() as u64).collect();
        let run = Run { grid, samples: &samples, total: samples.len(), noise: probes };
        let model = Modes { variances, means: probes.means.view() };
        let end = self.run_batch(&model, &run, probes.starts.clone(), &mut observer);
        if let Some(failure) = failure {
            return Err(failure);
        }
        let end = end?;
        if end.draws != probes.draws {
            return Err(not_affine("draws noise as often as its state tells it to"));
        }
        Ok((end.tally.most_and_sum(0).0, steps))
    }

    /// The probes, of as many draws as a run at rest takes.
    fn probes(&self, grid: &Grid, variances: &[f64], starts: &[f64]) -> Result<Probes> {
        let means = Array2::zeros((1, variances.len()));
        let run = Run { grid, samples: &[0], total: 1, noise: &Silence };
        let model = Modes { variances, means: means.view() };
        let mut ignore = |_: &Progress| ControlFlow::Continue(());
        let draws = self.run_batch(&model, &run, means.clone(), &mut ignore)?.draws;
        Ok(Probes::new(draws, grid.skipped, starts))
    }
}

/// f at the eigenvalue λ = `variance`, where f is listed beside the eigenvalues.
fn at(variances: &[f64], values: &[f64], variance: f64) -> f64 {
    let found = variances.binary_search_by(|v| v.total_cmp(&variance)).ok();
    found.and_then(|k| values.get(k)).copied().unwrap_or(f64::NAN)
}

fn not_affine(how: &str) -> Error {
    Error::argument("solver", format!("is not affine: it {how}"), "estimate its moments from samples")
}

/// The denoiser of a Gaussian in its eigenbasis; the mean is the probe's own.
struct Modes<'a> {
    variances: &'a [f64],
    means: ArrayView2<'a, f64>,
}

impl Denoiser for Modes<'_> {
    fn dim(&self) -> usize {
        self.variances.len()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        crate::denoiser::check_query(self.dim(), x, sigma)?;
        let mut out = x.to_owned();
        for (row, mut out) in out.outer_iter_mut().enumerate() {
            let probe = (visit.sample(row) as usize).min(self.means.nrows().saturating_sub(1));
            for ((x, m), v) in out.iter_mut().zip(self.means.row(probe)).zip(self.variances) {
                *x = m + v / (v + sigma * sigma) * (*x - m);
            }
        }
        Ok(out)
    }
}

struct Silence;

impl NoiseSource for Silence {
    fn draw(&self, _step: usize, _draw: usize, _samples: &[u64], noise: &mut Array2<f64>) {
        noise.fill(0.0);
    }
}

/// The probes: what each row starts from, its mean, and the noise that it is given.
struct Probes {
    /// `[rows, modes]`.
    starts: Array2<f64>,
    means: Array2<f64>,
    /// Noise of the combined probe, one draw a row, `[draws, modes]`.
    noise: Array2<f64>,
    /// Draws in every step.
    draws: Vec<usize>,
    skipped: usize,
}

impl Probes {
    fn new(draws: Vec<usize>, skipped: usize, deviations: &[f64]) -> Self {
        let total: usize = draws.iter().sum();
        let modes = deviations.len();
        let mut stream = Stream::new(0, Purpose::Evaluation, 0, 0);
        let mut starts = Array2::zeros((IMPULSES + total, modes));
        let mut means = Array2::zeros(starts.raw_dim());
        starts.row_mut(START).fill(1.0);
        means.row_mut(MEAN).fill(1.0);
        // Of the size of real ones, and other in every mode, so that neither clipping nor coupling hides.
        starts.row_mut(TOGETHER).iter_mut().zip(deviations).for_each(|(s, d)| *s = d * stream.normal());
        means.row_mut(TOGETHER).iter_mut().zip(deviations).for_each(|(m, d)| *m = d * stream.normal());
        let noise = Array2::from_shape_simple_fn((total, modes), || stream.normal());
        Probes { starts, means, noise, draws, skipped }
    }

    fn rows(&self) -> usize {
        self.starts.nrows()
    }

    /// What the state after a step is made of, if the combined probe agrees that this is all.
    fn response(&self, state: ArrayView2<f64>) -> Result<Response> {
        let modes = state.ncols();
        let mut noise = Array2::zeros((self.noise.nrows(), modes));
        let (mut start, mut mean) = (Vec::with_capacity(modes), Vec::with_capacity(modes));
        for (k, column) in state.axis_iter(Axis(1)).enumerate() {
            let rest = column[ZERO];
            let (a, b) = (column[START] - rest, column[MEAN] - rest);
            let parts = [a * self.starts[(TOGETHER, k)], b * self.means[(TOGETHER, k)]];
            let (mut sum, mut size) = (parts[0] + parts[1], parts[0].abs() + parts[1].abs());
            for (j, z) in self.noise.column(k).iter().enumerate() {
                let c = column[IMPULSES + j] - rest;
                noise[(j, k)] = c;
                sum += c * z;
                size += (c * z).abs();
            }
            if rest.abs() > AFFINE * size {
                return Err(not_affine("moves a state that is at rest at the mean"));
            }
            if (column[TOGETHER] - rest - sum).abs() > AFFINE * size {
                return Err(not_affine("does not take a sum of starts and draws to the sum of its results"));
            }
            start.push(a);
            mean.push(b);
        }
        Ok(Response { start, mean, noise })
    }
}

impl NoiseSource for Probes {
    fn draw(&self, step: usize, draw: usize, samples: &[u64], noise: &mut Array2<f64>) {
        noise.fill(0.0);
        let step = step.saturating_sub(self.skipped);
        if self.draws.get(step).is_none_or(|&count| draw >= count) {
            return; // the caller finds that the counts differ
        }
        let index = self.draws.iter().take(step).sum::<usize>() + draw;
        for (mut row, &sample) in noise.outer_iter_mut().zip(samples) {
            match sample as usize {
                TOGETHER => row.assign(&self.noise.row(index)),
                probe if probe == IMPULSES + index => row.fill(1.0),
                _ => {}
            }
        }
    }
}

/// A state as A s + B m + Σ_j C_j z_j, by mode.
struct Response {
    start: Vec<f64>,
    mean: Vec<f64>,
    /// C, `[draws, modes]`.
    noise: Array2<f64>,
}

impl Response {
    fn mean_gains(&self) -> Vec<f64> {
        self.start.iter().zip(&self.mean).map(|(a, b)| a + b).collect()
    }

    fn variances(&self, starts: &[f64]) -> Vec<f64> {
        let along = |(k, (a, s)): (usize, (&f64, &f64))| {
            a * s * a * s + self.noise.column(k).iter().map(|c| c * c).sum::<f64>()
        };
        self.start.iter().zip(starts).enumerate().map(along).collect()
    }
}
