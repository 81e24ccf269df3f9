//! The error of a learned denoiser by direction, at draws from p_σ; of random features over training (arXiv 2602.06021).
//!
//! With N the normal projector of the ridge of p_σ at x = x₀ + σε, and D the exact posterior mean,
//!
//! ```text
//! E|N (D_θ − x₀)|² = E|N (D_θ − D)|² + E Σ_normal κ_i        κ_i = σ² g_i, the variances of x₀ given x
//! ```
//!
//! and the same of the tangent space, since N depends on x alone: what a denoising loss says in a direction is
//! the model's error there and what nobody can know. Of a random feature model D_θ − D = bias + optimisation error.

use ndarray::{Array1, Array2, ArrayView2, Axis};
use rayon::prelude::*;

use crate::closed_form::{Stopping, TrainedFeatures};
use crate::denoiser::{Denoiser, Differentiable, check_sigma};
use crate::error::{Error, Result};
use crate::frames::Frames;
use crate::random::{Purpose, Stream};

/// A mean over independent draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The mean.
    pub mean: f64,
    /// Its standard error.
    pub standard_error: f64,
}

/// Mean squares of vectors' parts, in squared units of the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Directional {
    /// Of the normal parts.
    pub normal: Measured,
    /// Of the tangential parts.
    pub tangential: Measured,
}

/// The errors of a random feature model at one noise level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelErrors {
    /// Noise level.
    pub sigma: f64,
    /// D_τ − D.
    pub whole: Directional,
    /// D_∞ − D: what the architecture cannot do.
    pub bias: Directional,
    /// D_τ − D_∞: what training has not done.
    pub optimisation: Directional,
    /// D_alone − D: the bias that weights for this level alone would have.
    pub alone: Directional,
}

/// The errors of one random feature model, a point of a curve over training time or number of features.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureErrorRow {
    /// Number of features.
    pub features: usize,
    /// When training stopped.
    pub stopping: Stopping,
    /// At every noise level of the draws.
    pub levels: Vec<LevelErrors>,
}

/// Draws of (x₀, x) at noise levels with the frames of p_σ there: where errors are measured.
pub struct DirectionalDraws<'a> {
    reference: &'a dyn Differentiable,
    levels: Vec<Level>,
}

struct Level {
    sigma: f64,
    clean: Array2<f64>,
    noisy: Array2<f64>,
    frames: Frames,
}

impl<'a> DirectionalDraws<'a> {
    /// `draws` of x₀ from the reference's law (an [`Empirical`](crate::closed_form::Empirical): one of its points)
    /// and of x = x₀ + σε at each of `levels`, with frames of a ridge of `dimension` d*.
    ///
    /// # Errors
    /// If the reference's law cannot be drawn from, there are no levels or fewer than 2 draws, a level is not a
    /// positive number, or as [`Frames::at`].
    pub fn new(
        reference: &'a dyn Differentiable,
        levels: &[f64],
        dimension: usize,
        draws: usize,
        seed: u64,
    ) -> Result<Self> {
        if levels.is_empty() {
            return Err(Error::argument("levels", "holds no noise levels", "give one at least"));
        }
        if draws < 2 {
            return Err(Error::argument("draws", format!("is {draws}"), "a standard error takes 2 at least"));
        }
        let level = |(k, &sigma): (usize, &f64)| {
            check_sigma(sigma)?;
            let (clean, noisy) = draw(reference, sigma, draws, (seed, k as u64))?;
            let frames = reference.frames(noisy.view(), sigma, dimension)?;
            Ok(Level { sigma, clean, noisy, frames })
        };
        let levels = levels.iter().enumerate().map(level).collect::<Result<_>>()?;
        Ok(DirectionalDraws { reference, levels })
    }

    /// How many draws of every level have no [defined](Frames::DEFINED) frame: the directions that their posterior
    /// lacks count as normal.
    pub fn undefined(&self) -> Vec<usize> {
        let count = |level: &Level| level.frames.gaps().iter().filter(|gap| **gap < Frames::DEFINED).count();
        self.levels.iter().map(count).collect()
    }

    /// E|N (D_θ − D)|² and its tangential twin at every level.
    ///
    /// # Errors
    /// As [`Denoiser::denoise`], and if the model is of another dimension than the reference.
    pub fn error(&self, model: &dyn Denoiser) -> Result<Vec<Directional>> {
        self.each(|level| level.split(&(self.ask(model, level)? - level.frames.denoised())))
    }

    /// E|N (D_θ − x₀)|² and its tangential twin: the denoising loss by direction.
    ///
    /// # Errors
    /// As [`DirectionalDraws::error`].
    pub fn loss(&self, model: &dyn Denoiser) -> Result<Vec<Directional>> {
        self.each(|level| level.split(&(self.ask(model, level)? - &level.clean)))
    }

    /// E Σ κ_i over normal and over tangential directions: the loss of the exact posterior mean.
    ///
    /// # Errors
    /// As [`Differentiable::divergence`].
    pub fn least_loss(&self) -> Result<Vec<Directional>> {
        self.each(|level| {
            let trace = self.reference.divergence(level.noisy.view(), level.sigma)?;
            let gains = level.frames.gains();
            let dimension = level.frames.dimension();
            let variance = level.sigma * level.sigma;
            let tangential: Array1<f64> =
                gains.outer_iter().map(|g| variance * g.iter().take(dimension).sum::<f64>()).collect();
            let normal = trace * variance - &tangential;
            Ok(Directional { normal: measured(&normal), tangential: measured(&tangential) })
        })
    }

    /// The errors of every fit at every training time: rows by fit, then by time. The costly part is
    /// one eigendecomposition for every fit and level.
    ///
    /// # Errors
    /// As [`DirectionalDraws::error`] and [`TrainedFeatures::at`].
    pub fn feature_errors(
        &self,
        fits: &[TrainedFeatures],
        times: &[Stopping],
    ) -> Result<Vec<FeatureErrorRow>> {
        let mut rows = Vec::new();
        for fit in fits {
            let limit = fit.at(Stopping::LeastSquares)?;
            let limits: Vec<Array2<f64>> =
                self.levels.iter().map(|level| self.ask(&limit, level)).collect::<Result<_>>()?;
            let alone = self.each(|level| {
                let model = fit.at_level_alone(level.sigma)?;
                level.split(&(self.ask(&model, level)? - level.frames.denoised()))
            })?;
            for &stopping in times {
                let model = fit.at(stopping)?;
                let mut levels = Vec::new();
                for ((level, limit), &alone) in self.levels.iter().zip(&limits).zip(&alone) {
                    let denoised = self.ask(&model, level)?;
                    let exact = level.frames.denoised();
                    levels.push(LevelErrors {
                        sigma: level.sigma,
                        whole: level.split(&(&denoised - &exact))?,
                        bias: level.split(&(limit - &exact))?,
                        optimisation: level.split(&(&denoised - limit))?,
                        alone,
                    });
                }
                rows.push(FeatureErrorRow { features: fit.features().len(), stopping, levels });
            }
        }
        Ok(rows)
    }

    fn each(&self, of: impl Fn(&Level) -> Result<Directional>) -> Result<Vec<Directional>> {
        self.levels.iter().map(of).collect()
    }

    fn ask(&self, model: &dyn Denoiser, level: &Level) -> Result<Array2<f64>> {
        if model.dim() == self.reference.dim() {
            return model.denoise(level.noisy.view(), level.sigma);
        }
        let expected = format!("{} (the reference's dimension)", self.reference.dim());
        Err(Error::shape("the model", format!("dimension {}", model.dim()), expected))
    }
}

impl Level {
    fn split(&self, error: &Array2<f64>) -> Result<Directional> {
        let tangential = self.frames.tangential(error.view())?;
        let normal = error - &tangential;
        Ok(Directional {
            normal: measured(&squares(normal.view())),
            tangential: measured(&squares(tangential.view())),
        })
    }
}

fn draw(
    reference: &dyn Differentiable,
    sigma: f64,
    draws: usize,
    (seed, level): (u64, u64),
) -> Result<(Array2<f64>, Array2<f64>)> {
    let d = reference.dim();
    let one = |i: usize| {
        let mut stream = Stream::new(seed, Purpose::Evaluation, i as u64, level);
        let clean = reference.draw(&mut stream)?;
        let mut noise = vec![0.0; d];
        stream.fill_normal(&mut noise);
        Some((clean, noise))
    };
    let all: Option<Vec<_>> = (0..draws).into_par_iter().map(one).collect();
    let all = all.ok_or_else(|| {
        let help = "give a closed-form model of the data, such as Empirical";
        Error::argument("reference", "has no law that can be drawn from", help)
    })?;
    let (mut clean, mut noisy) = (Array2::zeros((draws, d)), Array2::zeros((draws, d)));
    for (i, (x, noise)) in all.into_iter().enumerate() {
        clean.row_mut(i).assign(&x);
        noisy.row_mut(i).assign(&(x + Array1::from(noise) * sigma));
    }
    Ok((clean, noisy))
}

fn squares(vectors: ArrayView2<f64>) -> Array1<f64> {
    vectors.map_axis(Axis(1), |v| v.dot(&v))
}

/// Of two values at least.
fn measured(values: &Array1<f64>) -> Measured {
    let n = values.len() as f64;
    let mean = values.sum() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0);
    Measured { mean, standard_error: (variance / n).sqrt() }
}
