//! γ(t) without tuning: strength, onset and compensation from the noise level and from what the model sees.
//!
//! Of a Gaussian direction of variance v attraction leaves the part f(v) of its standard deviation
//! ([`MadConfig::remaining`]). Noise of variance η² that is taken out exactly leaves √(1 − η²/v), and nothing
//! of a direction with v ≤ η². Over the local variances v_k that the model sees
//! ([`VarianceSpectrum::of_model`]) the settings are those of least
//!
//! ```text
//! Σ_k (f(v_k)√v_k − √max(v_k − η², 0))²        among those with f(η²) ≤ 0.1,
//! ```
//!
//! (with v_k − η² = 0 below the middle of a gap, where the data have one),
//!
//! which is the Fréchet distance to the clean law, were the model Gaussian about each point; or with f(η²) ≤ 0.15,
//! if 0.1 would take more than 3 % of the wanted variance. Bounds: b from 4 to 16
//! (more needs steps shorter than anybody takes), the onset from 0.75 η to 2 η, c from 0 to 1; p = 8 and a reach
//! of 3 stay. All of this is ridgewalk's own; the paper (arXiv 2509.24710) tunes by hand and asks for it.

use ndarray::ArrayView2;

use super::MadConfig;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::spectrum::VarianceSpectrum;

const STRENGTHS: [f64; 6] = [4.0, 6.0, 8.0, 10.0, 12.0, 16.0];
/// In units of η.
const ONSETS: [f64; 5] = [0.75, 1.0, 1.25, 1.5, 2.0];
const COMPENSATIONS: [f64; 3] = [0.0, 0.5, 1.0];
/// Of a direction that is nothing but noise this part may remain: where there is a gap, and where there is none.
const REMAINING: [f64; 2] = [0.1, 0.15];
/// There is a gap if at least this part of the wanted variance is kept.
const FREE: f64 = 0.97;
/// Of the wanted variance at least this part must be kept.
const KEPT: f64 = 0.7;
/// A direction of less than this part of η² is one in which the model has no noise.
const POINTLIKE: f64 = 0.1;

/// Settings of an attraction chosen for a model, and what they should do.
#[derive(Debug, Clone, PartialEq)]
pub struct AttractionChoice {
    /// The settings; σ_data is set.
    pub config: MadConfig,
    /// The noise η they were chosen for, in the data's units.
    pub noise: f64,
    /// Level below which attraction acts, in the data's units.
    pub onset: f64,
    /// The part that should remain of noise, in standard deviation.
    pub remaining: f64,
    /// The part that should be kept of the wanted local variance Σ max(v − η², 0); 1 if there is none.
    pub kept: f64,
    /// The local variances that the model sees.
    pub spectrum: VarianceSpectrum,
}

impl MadConfig {
    /// The part f that remains of the standard deviation of a Gaussian direction of this `variance` under the
    /// onset level `onset`, for fine steps and a sharp onset:
    /// exp(−(b/2)·u/(v+u) + (c/2)·[r²u/(v+r²u) − u/(v+u)]), u the square of the onset.
    pub fn remaining(&self, variance: f64, onset: f64) -> f64 {
        let part = |level: f64| level * level / (variance + level * level);
        let (on, off) = (part(onset), part(onset * self.reach));
        libm::exp(-0.5 * self.b * on + 0.5 * self.c * (off - on))
    }
}

/// Settings for noise of standard deviation `noise` in a model of noisy data, at `points` that are draws of its law
/// (`[n, d]`, the first 256 are used). `gap` is the least variance above the floor of the data in units of η²
/// ([`NoiseFloor::gap`](crate::spectrum::NoiseFloor::gap)); 1 if it is not known. A variance that the model sees
/// below the middle of the gap, √gap·η², is noise that it took for signal.
///
/// # Errors
/// If the noise is not positive; if the model has no noise of that level because it gives single points back; if
/// attraction that takes the noise out would take more than 30 % of the wanted variance too, because there is no gap
/// between them. As [`VarianceSpectrum::of_model`].
pub fn choose_attraction<D: Denoiser + ?Sized>(
    model: &D,
    points: ArrayView2<f64>,
    noise: f64,
    gap: f64,
    seed: u64,
) -> Result<AttractionChoice> {
    if !(noise > 0.0 && noise.is_finite()) {
        let help = "it is a standard deviation: give a positive number in the data's units";
        return Err(Error::argument("noise", format!("is {noise}"), help));
    }
    if !(gap >= 1.0) {
        return Err(Error::argument(
            "gap",
            format!("is {gap}"),
            "give 1 or more, in units of the noise's variance",
        ));
    }
    let spectrum = VarianceSpectrum::of_model(model, points, seed)?;
    let floor = noise * noise;
    let pointlike = spectrum.directions_within(0.0..POINTLIKE * floor);
    if pointlike > 0.5 * spectrum.directions() {
        return Err(Error::argument(
            "model",
            format!(
                "sees no noise of {noise:.4} in {pointlike:.0} of {:.0} directions: it gives single points back, \
                 noise included, and attraction cannot change that",
                spectrum.directions()
            ),
            "use a model that generalises: a mixture of Gaussians, a smoothed score, a trained network",
        ));
    }
    let sigma_data = model.moments().map_or_else(|| Moments::of(points).std, |m| m.std);
    let under = |limit: f64| {
        let all = candidates().filter_map(|(b, onset, c)| {
            let onset = onset * noise;
            let config = MadConfig {
                a: sigma_data / onset,
                b,
                c,
                sigma_data: Some(sigma_data),
                ..MadConfig::default()
            };
            let remaining = config.remaining(floor, onset);
            let (distance, kept) = predicted(&config, onset, (floor, gap), &spectrum);
            let spectrum = VarianceSpectrum::clone(&spectrum);
            let choice = AttractionChoice { config, noise, onset, remaining, kept, spectrum };
            (remaining <= limit).then_some((distance, choice))
        });
        all.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, choice)| choice)
    };
    let [clear, otherwise] = REMAINING;
    let choice = under(clear).filter(|choice| choice.kept >= FREE).or_else(|| under(otherwise));
    let choice =
        choice.ok_or_else(|| Error::argument("noise", "admits no settings", "choose them by hand"))?;
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

fn candidates() -> impl Iterator<Item = (f64, f64, f64)> {
    STRENGTHS.into_iter().flat_map(|b| {
        ONSETS.into_iter().flat_map(move |onset| COMPENSATIONS.into_iter().map(move |c| (b, onset, c)))
    })
}

/// (squared distance to the clean law, part kept of the wanted variance).
fn predicted(
    config: &MadConfig,
    onset: f64,
    (floor, gap): (f64, f64),
    spectrum: &VarianceSpectrum,
) -> (f64, f64) {
    let (mut distance, mut wanted, mut kept) = (0.0, 0.0, 0.0);
    for line in spectrum.lines() {
        let wanted_here = line.variance > gap.sqrt() * floor;
        let clean = if wanted_here { line.variance - floor } else { 0.0 };
        let left = config.remaining(line.variance, onset) * line.variance.sqrt();
        distance += line.directions * (left - clean.sqrt()).powi(2);
        if clean > 0.0 {
            wanted += line.directions * clean;
            kept += line.directions * left * left;
        }
    }
    (distance, if wanted > 0.0 { kept / wanted } else { 1.0 })
}
