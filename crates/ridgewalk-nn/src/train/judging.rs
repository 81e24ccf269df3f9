//! How good the weights are: losses of held-out points, residuals, and a line of the log.

use ndarray::ArrayView1;
use rayon::prelude::*;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Result};

use super::Trainer;
use super::gradient::Objective;
use super::interval::BINS;
use super::log::LogLine;
use super::trainer::contiguous;
use crate::objective::Sample;

/// Noise levels at which held-out points are judged.
const JUDGED: usize = 8;
/// Points that are judged where none are held out.
const MOST_JUDGED: usize = 1000;

impl Trainer {
    /// The loss of the held-out points with these weights: at levels that stand for all, each point at one of them with
    /// noise of its own, always the same; points with weights count by them. None if no points are held out.
    pub fn held_out_loss(&self, values: &[f32]) -> Option<(f64, Vec<(f64, f64)>)> {
        let rest = self.data.rest()?;
        if let Some(coder) = self.autoencoder_model() {
            let (squares, divergence) = self.held_out_reconstruction(values)?;
            return Some((squares + coder.config.kl * divergence.unwrap_or(0.0), Vec::new()));
        }
        let levels = self.judged_levels();
        let samples = self.judged(rest, rest.len(), |row| self.data.weight_of_rest(row));
        let losses = self.task.losses(values, &samples);
        let at = |level: usize| {
            let own = losses.iter().zip(&samples).skip(level).step_by(JUDGED);
            let (sum, weight) =
                own.fold((0.0, 0.0), |(sum, weight), (loss, s)| (sum + f64::from(*loss), weight + s.weight));
            (weight > 0.0).then(|| (levels[level], sum / weight))
        };
        let by_level: Vec<(f64, f64)> = (0..JUDGED).filter_map(at).collect();
        let mean = by_level.iter().map(|(_, loss)| loss).sum::<f64>() / by_level.len().max(1) as f64;
        Some((mean, by_level))
    }

    /// Mean of R²/d of the Fokker–Planck residual R (arXiv 2311.15996) with these weights, at the noisy points of
    /// [`Trainer::held_out_loss`], or, if none are held out, at as many of those that are trained on as could have been.
    /// None if the network is no potential, or one of more than 64 coordinates or with a learned k.
    pub fn fokker_planck_residual(&self, values: &[f32]) -> Option<f64> {
        let points = self.data.points();
        let samples = match self.data.rest() {
            Some(rest) => self.judged(rest, rest.len(), |row| self.data.weight_of_rest(row)),
            None => self.judged(points, points.len().min(MOST_JUDGED), |row| self.data.weight(row)),
        };
        let weight: f64 = samples.iter().map(|sample| sample.weight).sum();
        let sum: f64 = self.task.residuals(values, &samples)?.iter().sum();
        (weight > 0.0).then(|| sum / weight)
    }

    /// Noise levels at which points are judged, in the data's units.
    fn judged_levels(&self) -> Vec<f64> {
        let levels = self.draws.levels.representatives(JUDGED).into_iter();
        levels.map(|level| level * self.draws.scale).collect()
    }

    /// Points, each at one of the levels with noise of its own, always the same.
    fn judged(&self, points: &PointSet, count: usize, weight: impl Fn(usize) -> f64 + Sync) -> Vec<Sample> {
        let levels = self.judged_levels();
        let rows = points.values();
        (0..count)
            .into_par_iter()
            .map(|row| {
                let mut noise = vec![0.0; points.dim()];
                Stream::new(self.config.seed, Purpose::Evaluation, row as u64, 0).fill_normal(&mut noise);
                let label =
                    points.labels().filter(|_| !self.labels.is_empty()).and_then(|labels| labels.get(row));
                Sample {
                    clean: contiguous(rows.row(row)),
                    noise,
                    sigma: levels[row % JUDGED],
                    class: label.and_then(|label| self.labels.binary_search(label).ok()),
                    weight: weight(row),
                }
            })
            .collect()
    }

    /// Of an autoencoder, for the held-out points encoded by their means: mean square of the errors in units of the
    /// data's variance, and divergence from the standard normal in nats a coordinate. None if no points are held out.
    pub fn held_out_reconstruction(&self, values: &[f32]) -> Option<(f64, Option<f64>)> {
        let rest = self.data.rest()?;
        let still = |point: ArrayView1<f64>| Sample {
            clean: contiguous(point),
            noise: vec![0.0; rest.dim()],
            sigma: self.draws.scale,
            class: None,
            weight: 1.0,
        };
        let samples: Vec<Sample> = rest.values().outer_iter().map(still).collect();
        self.task.reconstruction(values, &samples)
    }

    /// The line of the log for the steps since the last one, which then begin anew.
    pub(super) fn line(&mut self, images_per_second: f64) -> Result<LogLine> {
        let interval = std::mem::take(&mut self.state.interval);
        let step = self.state.step;
        let judged = step.is_multiple_of(self.config.every.evaluate) || self.config.steps == Some(step);
        let own = self.average(self.usual_average())?;
        let (held_out, by_level) = judged.then(|| self.held_out_loss(own)).flatten().unzip();
        let held_out_by_level = by_level.filter(|levels: &Vec<_>| !levels.is_empty());
        let fokker_planck = judged.then(|| self.fokker_planck_residual(own)).flatten();
        let told = judged.then(|| self.held_out_reconstruction(own)).flatten();
        let (levels, mixed) = match &self.task.objective {
            Objective::Denoising { model, .. } => (BINS, model.mix().is_some()),
            Objective::Reconstruction(_) => (0, false),
        };
        let medians = self.draws.levels.representatives(BINS).into_iter().take(levels);
        let by_level = medians.zip(&interval.bins).filter(|(_, (_, count))| *count > 0.0);
        let steps = interval.steps.max(1.0);
        Ok(LogLine {
            step,
            images: step * self.config.batch as u64,
            loss: interval.loss / interval.samples.max(1.0),
            held_out,
            held_out_by_level,
            fokker_planck,
            by_level: by_level.map(|(level, (sum, count))| (level * self.draws.scale, sum / count)).collect(),
            learning_rate: self.config.optimizer.rate(step, self.config.steps),
            gradient_norm: interval.norm / steps,
            noise_scale: self.state.noise_scale.value(),
            effective_samples: self
                .data
                .is_weighted()
                .then(|| interval.weight * interval.weight / interval.square / steps),
            k: if mixed { self.denoiser(None)?.mix() } else { None },
            reconstruction: told.map(|(squares, _)| squares),
            divergence: told.and_then(|(_, divergence)| divergence),
            images_per_second,
        })
    }
}
