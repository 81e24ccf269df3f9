//! A trial: the same starts, once told the noise level at every step and once blind.
//!
//! Both runs take DDIM's step x ← D + (σ′/σ)(x − D) over the same levels, one with the model's D and one with
//! what the blind field means by the clock; equilibrium fields are descended. What counts is the noise that is left in
//! a sample: the level σ of maximum likelihood of p_σ at its end point. A distance to the nearest datum alone would
//! reward early collapse, so the spread of the end points is kept beside it.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::{Autonomous, Blind, BlindField, Clocked, Descent, Target, TimePrior};
use crate::denoiser::Denoiser;
use crate::error::Result;
use crate::process::{Process, VarianceExploding};
use crate::random::{Purpose, Stream};

/// Levels among which the likeliest is looked for.
const CANDIDATES: usize = 240;
/// Step of a descent.
const DESCENT: f64 = 0.05;
/// Steps of a descent at the most.
const LONGEST: usize = 400;

/// Samples in the data's own units, and what noise is left in each.
#[derive(Debug, Clone, PartialEq)]
pub struct Landing {
    /// End points, `[n, d]`.
    pub points: Array2<f64>,
    /// Noise level of maximum likelihood of every end point, ascending.
    pub noise: Vec<f64>,
    /// Root mean square distance of the denoised end points to their mean.
    pub spread: f64,
}

impl Landing {
    /// A quantile of the noise left, linear between order statistics.
    pub fn quantile(&self, q: f64) -> f64 {
        quantile(&self.noise, q)
    }

    /// Share of samples that keep more noise than this.
    pub fn share_above(&self, level: f64) -> f64 {
        let below = self.noise.partition_point(|&noise| noise <= level);
        (self.noise.len() - below) as f64 / self.noise.len().max(1) as f64
    }
}

/// Of ascending values.
pub(super) fn quantile(ascending: &[f64], q: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else { return f64::NAN };
    let at = q.clamp(0.0, 1.0) * last as f64;
    let below = at.floor() as usize;
    ascending[below] + (at - below as f64) * (ascending[(below + 1).min(last)] - ascending[below])
}

/// Noise levels of a run, from the highest down, and how many samples.
pub(super) struct Trial<'a> {
    pub(super) model: &'a dyn Denoiser,
    pub(super) levels: &'a [f64],
    pub(super) samples: usize,
    pub(super) seed: u64,
}

impl Trial<'_> {
    /// The states from which all runs start, as x = u/α: noisy draws of the model at the highest level.
    pub(super) fn start(&self) -> Array2<f64> {
        self.noisy(self.levels[0], 0)
    }

    /// Noisy draws at a level: of the model's law where it can be drawn from, else of the Gaussian of its moments.
    pub(super) fn noisy(&self, level: f64, number: u64) -> Array2<f64> {
        let d = self.model.dim();
        let moments = self.model.moments();
        let mut out = Array2::zeros((self.samples, d));
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(self.seed, Purpose::Evaluation, i as u64, number);
            match (self.model.draw(&mut stream), &moments) {
                (Some(point), _) => row.assign(&point),
                (None, Some(moments)) => {
                    row.assign(&moments.mean);
                    row.iter_mut().for_each(|v| *v += moments.std * stream.normal());
                }
                (None, None) => {}
            }
            row.iter_mut().for_each(|v| *v += level * stream.normal());
        }
        out
    }

    /// The run that is told.
    pub(super) fn told(&self, start: &Array2<f64>) -> Result<Landing> {
        self.landed(self.transfer(self.model, start)?)
    }

    /// The blind run.
    pub(super) fn blind(
        &self,
        field: BlindField,
        process: &dyn Process,
        start: &Array2<f64>,
    ) -> Result<Landing> {
        if field.target() != Target::Equilibrium {
            return self.landed(self.transfer(&Clocked::new(field, process), start)?);
        }
        let (first, last) = (self.levels[0], self.levels[self.levels.len() - 1]);
        let alpha = process.alpha(process.time(first));
        let u = start * alpha;
        let sigma = process.sigma(process.time(first));
        // The noise falls by 1 − η a step.
        let steps =
            (libm::log(last / sigma) / libm::log1p(-DESCENT)).ceil().clamp(1.0, LONGEST as f64) as usize;
        self.landed(Descent::new(DESCENT, steps).run(&field, u.view())?.points)
    }

    fn transfer(&self, model: &dyn Denoiser, start: &Array2<f64>) -> Result<Array2<f64>> {
        let mut x = start.clone();
        for pair in self.levels.windows(2) {
            let mut denoised = model.denoise(x.view(), pair[0])?;
            let ratio = pair[1] / pair[0];
            denoised.zip_mut_with(&x, |d, x| *d += ratio * (x - *d));
            x = denoised;
        }
        Ok(x)
    }

    fn landed(&self, points: Array2<f64>) -> Result<Landing> {
        let (mut noise, denoised) = self.noise_left(points.view())?;
        noise.sort_by(f64::total_cmp);
        let mean = denoised.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(denoised.ncols()));
        let square: f64 = denoised.outer_iter().map(|row| (&row - &mean).mapv(|v| v * v).sum()).sum();
        let spread = (square / denoised.nrows().max(1) as f64).sqrt();
        Ok(Landing { points, noise, spread })
    }

    /// The level of maximum likelihood of every row, and what the model takes it for at that level.
    fn noise_left(&self, x: ArrayView2<f64>) -> Result<(Vec<f64>, Array2<f64>)> {
        let (high, low) = (self.levels[0], 0.1 * self.levels[self.levels.len() - 1]);
        let step = libm::log(high / low) / (CANDIDATES - 1) as f64;
        let candidates = (0..CANDIDATES).map(|i| low * libm::exp(i as f64 * step));
        let blind = Blind::from(self.model, VarianceExploding, TimePrior::steps(candidates)?)?;
        let likeliest = blind.posterior(x)?.iter().map(|posterior| posterior.mode()).collect::<Vec<f64>>();
        let mut denoised = Array2::zeros(x.raw_dim());
        for ((row, &level), mut out) in x.outer_iter().zip(&likeliest).zip(denoised.outer_iter_mut()) {
            out.assign(&self.model.denoise(row.insert_axis(Axis(0)), level)?.row(0));
        }
        Ok((likeliest, denoised))
    }
}
