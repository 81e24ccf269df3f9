//! Attraction without tuning: strength, onset and compensation from the noise level, from what the model sees, and
//! from what comes out.
//!
//! Of a Gaussian direction of variance v attraction leaves the part f(v) of its standard deviation
//! ([`MadConfig::remaining`]). Noise of variance η² that is taken out exactly leaves √(1 − η²/v), and nothing
//! of a direction with v ≤ η². Over the local variances v_k that the model sees
//! ([`VarianceSpectrum::of_model`]) settings are the better the less
//!
//! ```text
//! Σ_k (f(v_k)√v_k − √max(v_k − η², 0))²
//! ```
//!
//! which is the Fréchet distance to the clean law, were the model Gaussian about each point. Of all with f(η²) ≤ 0.15
//! the best of every onset is then tried on a few samples. The clean law is not known, but the variances of its
//! principal components are: those of the noisy data, λ_j, less η². The settings are those of which the samples'
//! variances s_j come nearest to them, in
//!
//! ```text
//! Σ_j (√s_j − √max(λ_j − η², 0))²
//! ```
//!
//! Noise that is left, variety that is lost and steps that go wrong all count. In few dimensions, where no principal
//! component is noise alone, the prediction decides.
//!
//! Bounds: b from 4 to 16 (more needs steps shorter than anybody takes), the onset from 0.75 η to 2 η, c from 0 to
//! 1; p = 8 and a reach of 3 stay. All of this is ridgewalk's own; the paper (arXiv 2509.24710) tunes by hand.

use ndarray::ArrayView2;

use super::Sampler;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::latent::Pca;
use crate::points::{Moments, PointSet};
use crate::schedule::{Focused, range_for};
use crate::solver::{DpmSolver2M, Euler, Switched};
use crate::spectrum::{FEWEST, POINTS, SEEN, VarianceSpectrum, components};
use crate::transform::{Mad, MadConfig};

const STRENGTHS: [f64; 6] = [4.0, 6.0, 8.0, 10.0, 12.0, 16.0];
/// In units of η.
const ONSETS: [f64; 5] = [0.75, 1.0, 1.25, 1.5, 2.0];
const COMPENSATIONS: [f64; 3] = [0.0, 0.5, 1.0];
/// Of a direction that is nothing but noise this part may remain.
const REMAINING: f64 = 0.15;
/// Of the wanted variance at least this part must be kept.
const KEPT: f64 = 0.7;
/// A direction of less than this part of η² is one in which the model has no noise.
const POINTLIKE: f64 = 0.1;
/// Samples with which settings are tried, and noise levels.
const SAMPLES: usize = 96;
const LEVELS: usize = 24;
/// A principal component of up to this variance in units of η² is noise; a trial needs this many.
const NOISE: f64 = 1.5;
const DIRECTIONS: usize = 3;

/// Settings of an attraction chosen for a model, and what they do.
#[derive(Debug, Clone, PartialEq)]
pub struct AttractionChoice {
    /// The settings; σ_data is set.
    pub config: MadConfig,
    /// The noise η they were chosen for, in the data's units.
    pub noise: f64,
    /// Level below which attraction acts, in the data's units.
    pub onset: f64,
    /// The part that remains of noise, in standard deviation: of a few samples, or as predicted if they were not
    /// tried.
    pub remaining: f64,
    /// The part that is kept of the variance that is not noise, likewise; 1 if there is none.
    pub kept: f64,
    /// Whether the settings were tried on samples.
    pub tried: bool,
    /// Evaluations of a point that the choice took in all.
    pub evaluations: usize,
    /// The local variances that the model sees.
    pub spectrum: VarianceSpectrum,
}

/// Settings for noise of standard deviation `noise` in a model of noisy data. `draws` are of the model's law
/// (`[n, d]`, the first 256 are used), `data` the noisy points themselves, or draws where there are none.
///
/// Cost: 24 evaluations of 256 points, and 24 of 96 samples for each of up to five settings.
///
/// # Errors
/// If the noise is not positive; if the model has no noise of that level because it gives single points back; if
/// attraction that takes the noise out would take more than 30 % of the wanted variance too, because there is no gap
/// between them. As [`VarianceSpectrum::of_model`] and [`Sampler::run`].
pub fn choose_attraction<D: Denoiser + ?Sized>(
    model: &D,
    draws: ArrayView2<f64>,
    data: &PointSet,
    noise: f64,
    seed: u64,
) -> Result<AttractionChoice> {
    if !(noise > 0.0 && noise.is_finite()) {
        let help = "it is a standard deviation: give a positive number in the data's units";
        return Err(Error::argument("noise", format!("is {noise}"), help));
    }
    let moments = model.moments().unwrap_or_else(|| Moments::of(draws));
    if noise >= moments.std {
        return Err(Error::argument(
            "noise",
            format!("of {noise:.4e} is as much as all variation of the data, {:.4e}", moments.std),
            "give its standard deviation in their units",
        ));
    }
    let spectrum = VarianceSpectrum::of_model(model, draws, seed)?;
    check_generalises(&spectrum, noise)?;
    let mut spent = 0;
    let mut choices = predicted_best(&spectrum, noise, moments.std);
    let trial = if data.len() < FEWEST { None } else { Some(Trial::new(data, noise, seed)?) };
    if let Some(trial) = trial.filter(|trial| trial.noise_directions() >= DIRECTIONS) {
        let highest = range_for(&moments).end;
        let mut tried = Vec::with_capacity(choices.len());
        for (_, choice) in choices {
            let (result, evaluations) = trial.run(model, choice, highest)?;
            tried.push(result);
            spent += evaluations;
        }
        choices = tried;
    }
    let best = choices.into_iter().min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, choice)| choice);
    let choice = best.ok_or_else(|| Error::argument("noise", "admits no settings", "choose them by hand"))?;
    let choice = AttractionChoice { evaluations: spent + draws.nrows().min(POINTS) * SEEN, ..choice };
    if choice.kept < KEPT {
        return Err(Error::argument(
            "noise",
            format!(
                "of {noise:.4} is not small against the variations of the data, there is no gap: attraction that takes \
                 it out would take {:.0} % of the wanted variance too",
                100.0 * (1.0 - choice.kept)
            ),
            "choose a weaker attraction by hand (b = 2 to 4), or give a smaller noise level",
        ));
    }
    Ok(choice)
}

fn check_generalises(spectrum: &VarianceSpectrum, noise: f64) -> Result<()> {
    let pointlike = spectrum.directions_within(0.0..POINTLIKE * noise * noise);
    if pointlike <= 0.5 * spectrum.directions() {
        return Ok(());
    }
    Err(Error::argument(
        "model",
        format!(
            "sees no noise of {noise:.4} in {pointlike:.0} of {:.0} directions: it gives single points back, noise \
             included, and attraction cannot change that",
            spectrum.directions()
        ),
        "use a model that generalises: a mixture of Gaussians of few components or low rank, a trained network",
    ))
}

/// Of every onset the settings of the least predicted distance, with it.
fn predicted_best(spectrum: &VarianceSpectrum, noise: f64, sigma_data: f64) -> Vec<(f64, AttractionChoice)> {
    let of_onset = |onset: f64| {
        let onset = onset * noise;
        let settings = STRENGTHS.into_iter().flat_map(|b| COMPENSATIONS.into_iter().map(move |c| (b, c)));
        let all = settings.filter_map(|(b, c)| {
            let config = MadConfig {
                a: sigma_data / onset,
                b,
                c,
                sigma_data: Some(sigma_data),
                ..MadConfig::default()
            };
            let remaining = config.remaining(noise * noise, onset);
            let (distance, kept) = predicted(&config, onset, noise * noise, spectrum);
            let spectrum = spectrum.clone();
            let choice = AttractionChoice {
                config,
                noise,
                onset,
                remaining,
                kept,
                tried: false,
                evaluations: 0,
                spectrum,
            };
            (remaining <= REMAINING).then_some((distance, choice))
        });
        all.min_by(|a, b| a.0.total_cmp(&b.0))
    };
    ONSETS.into_iter().filter_map(of_onset).collect()
}

/// (squared distance to the clean law, part kept of the wanted variance).
fn predicted(config: &MadConfig, onset: f64, floor: f64, spectrum: &VarianceSpectrum) -> (f64, f64) {
    let (mut distance, mut wanted, mut kept) = (0.0, 0.0, 0.0);
    for line in spectrum.lines() {
        let clean = (line.variance - floor).max(0.0);
        let left = config.remaining(line.variance, onset) * line.variance.sqrt();
        distance += line.directions * (left - clean.sqrt()).powi(2);
        if clean > 0.0 {
            wanted += line.directions * clean;
            kept += line.directions * left * left;
        }
    }
    (distance, if wanted > 0.0 { kept / wanted } else { 1.0 })
}

/// What samples are held against.
struct Trial {
    components: Pca,
    /// λ_j.
    noisy: Vec<f64>,
    noise: f64,
    seed: u64,
}

impl Trial {
    fn new(data: &PointSet, noise: f64, seed: u64) -> Result<Self> {
        let noisy = VarianceSpectrum::principal(data, seed)?.by_direction();
        Ok(Trial { components: components(data, seed)?, noisy, noise, seed })
    }

    fn is_noise(&self, variance: f64) -> bool {
        variance <= NOISE * self.noise * self.noise
    }

    fn noise_directions(&self) -> usize {
        self.noisy.iter().filter(|v| self.is_noise(**v)).count()
    }

    /// The choice with what remained and was kept, the squared distance of its samples, and evaluations.
    fn run<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        choice: AttractionChoice,
        highest: f64,
    ) -> Result<((f64, AttractionChoice), usize)> {
        let mad = Mad::new(model, choice.config.clone())?;
        let solver = Switched::new(DpmSolver2M, Euler, mad.onset_level());
        let schedule = Focused::over(&mad.window(), highest, LEVELS);
        let samples = Sampler::new(solver, schedule).seed(self.seed).run(&mad, SAMPLES)?;
        let evaluations = samples.evaluations * SAMPLES;
        let samples = PointSet::vectors(samples.points)?;
        let found = VarianceSpectrum::along(&self.components, &samples)?.by_direction();
        let floor = self.noise * self.noise;
        let (mut distance, mut wanted, mut kept) = (0.0, 0.0, 0.0);
        let (mut left, mut directions) = (0.0, 0.0);
        for (&noisy, &found) in self.noisy.iter().zip(&found) {
            let clean = (noisy - floor).max(0.0);
            distance += (found.sqrt() - clean.sqrt()).powi(2);
            if self.is_noise(noisy) {
                (left, directions) = (left + found, directions + 1.0);
            } else {
                (wanted, kept) = (wanted + clean, kept + found);
            }
        }
        let remaining = (left / f64::max(directions, 1.0) / floor).sqrt();
        let kept = if wanted > 0.0 { kept / wanted } else { 1.0 };
        Ok(((distance, AttractionChoice { remaining, kept, tried: true, ..choice }), evaluations))
    }
}
