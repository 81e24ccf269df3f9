//! `--predicts`: how the denoiser is made of what a network answers.

use ridgewalk::spec::Spec;
use ridgewalk_nn::{Preconditioning, Prediction};

use crate::failure::Result;

/// Scale of the data that EDM takes, and that of processes which preserve the variance.
const EDM_SCALE: f64 = 0.5;
const UNIT_SCALE: f64 = 1.0;

/// The name in the text, and the preconditioning if it is one of a network's own predictions.
pub fn named(text: &str) -> Result<(String, Option<Preconditioning>)> {
    let spec = Spec::parse("--predicts", text)?;
    let prediction = match spec.name() {
        "denoised" | "score" => {
            spec.done()?;
            return Ok((spec.name().to_string(), None));
        }
        "edm" => Prediction::Edm,
        "sample" => Prediction::Denoised,
        "noise" => Prediction::Noise,
        "velocity" => Prediction::Velocity,
        "flow" => Prediction::Flow,
        _ => {
            let known = ["denoised", "score", "edm", "sample", "noise", "velocity", "flow"];
            return Err(spec.unknown(known.into_iter()).into());
        }
    };
    let scale = if prediction == Prediction::Edm { EDM_SCALE } else { UNIT_SCALE };
    let (scale, center) = (spec.number("scale", scale)?, spec.number("center", 0.0)?);
    spec.done()?;
    Ok((spec.name().to_string(), Some(Preconditioning { prediction, center, scale })))
}
