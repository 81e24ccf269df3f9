//! How samples are drawn from a model of noisy data: plain, attracted, and by the baselines.

use ndarray::Array2;
use ridgewalk::closed_form::Mixture;
use ridgewalk::schedule::{Piecewise, range_for};
use ridgewalk::transform::tweedie_step;
use ridgewalk::{Denoiser, Error, Euler, Heun, LogLinear, Mad, MadConfig, Moments, Sampler, Switched};

use super::settings::onset_of;
use crate::failure::Result;
use crate::progress::Meter;

/// Steps above the window of attraction, and within it.
const ABOVE: usize = 8;
const WITHIN: usize = 24;
/// The window: from this many onsets down to this part of one.
const TOP: f64 = 6.0;
const BOTTOM: f64 = 0.1;
/// Strength up to which the steps within the window are short enough: the cap on a step's strength is 23 there.
const STRONG: f64 = 20.0;
/// Level at which the model is asked for a Tweedie step, as a part of η.
const TWEEDIE: f64 = 0.1;

/// What is done about the noise.
#[derive(Debug, Clone)]
pub enum Way {
    Plain,
    Attracted(MadConfig),
    /// Plain sampling down to a level, and D there.
    Truncated(f64),
    /// Plain sampling, then one Tweedie step with this η.
    Tweedie(f64),
    /// Plain sampling of the mixture with this η taken out of its covariances.
    Deconvolved(f64),
}

/// How many samples, from which seed, around which noise level the levels crowd.
#[derive(Debug, Clone, Copy)]
pub struct Draw {
    pub n: usize,
    pub seed: u64,
    pub noise: f64,
}

/// Samples `[n, d]` of a mixture, in one of the ways. The same seed gives the same starts in all of them.
pub fn draw(model: &Mixture, way: &Way, draw: Draw, name: &str) -> Result<Array2<f64>> {
    // All ways start at one level, so that their samples are pairs.
    let moments = model.moments();
    match way {
        Way::Tweedie(noise) => {
            let plain = run(model, &Way::Plain, draw, moments, name)?;
            Ok(tweedie_step(model, plain.view(), *noise, TWEEDIE * noise)?)
        }
        Way::Deconvolved(noise) => run(&model.deconvolved(*noise)?, &Way::Plain, draw, moments, name),
        _ => run(model, way, draw, moments, name),
    }
}

/// [`draw`] of any model: plain, attracted or truncated.
pub fn draw_any(model: &dyn Denoiser, way: &Way, draw: Draw, name: &str) -> Result<Array2<f64>> {
    run(model, way, draw, model.moments(), name)
}

fn run(
    model: &dyn Denoiser,
    way: &Way,
    draw: Draw,
    moments: Option<Moments>,
    name: &str,
) -> Result<Array2<f64>> {
    let moments = moments
        .ok_or_else(|| Error::argument("model", "does not know its own variance", "give a model of data"))?;
    let highest = range_for(&moments).end;
    let mut meter = Meter::new(name);
    let samples = match way {
        Way::Attracted(config) => {
            let mad = Mad::new(model, config.clone())?;
            let solver = Switched::new(Heun::new(), Euler, mad.onset_level());
            let onset = onset_of(config);
            let levels = levels(highest, onset, BOTTOM * onset, config.b);
            Sampler::new(solver, levels).seed(draw.seed).run_observed(&mad, draw.n, &mut meter)
        }
        Way::Truncated(level) => {
            let levels = levels(highest, draw.noise, *level, 0.0);
            Sampler::new(Heun::new(), levels).seed(draw.seed).run_observed(model, draw.n, &mut meter)
        }
        Way::Plain | Way::Tweedie(_) | Way::Deconvolved(_) => {
            let levels = levels(highest, draw.noise, BOTTOM * draw.noise, 0.0);
            Sampler::new(Heun::new(), levels).seed(draw.seed).run_observed(model, draw.n, &mut meter)
        }
    };
    Ok(samples?.points)
}

/// Eight even log steps to six onsets, and from there even log steps as long as 24 make the window: short ones
/// where attraction acts, so that no step is capped.
pub fn levels(highest: f64, onset: f64, lowest: f64, b: f64) -> Piecewise {
    let middle = (TOP * onset).min(0.5 * highest).max(2.0 * lowest);
    let full = libm::log(TOP / BOTTOM);
    let count = WITHIN as f64 * (b / STRONG).max(1.0) * libm::log(middle / lowest) / full;
    let count = (count.ceil() as usize).max(4);
    Piecewise::new(vec![
        Box::new(LogLinear::new(middle..highest, ABOVE + 1)),
        Box::new(LogLinear::new(lowest..middle, count + 1)),
    ])
}
