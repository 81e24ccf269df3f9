//! A source's model after the transforms that were asked for.

use ridgewalk::Denoiser;
use ridgewalk::transform::Mad;
use ridgewalk_data::Model;
use serde_json::{Value, json};

use crate::arguments::{self, Guidance, Transform};
use crate::failure::Result;
use crate::progress::say;
use crate::source::Source;
use crate::{guidance, smoothing};

/// A denoiser after transforms, and what a record says of them.
pub struct Prepared<'a> {
    pub denoiser: Box<dyn Denoiser + 'a>,
    /// Noise level below which attraction acts.
    pub onset: Option<f64>,
    pub settings: Value,
}

/// Applies --smooth, --guidance and --mad, in this order: each of two models is smoothed as it would be alone.
pub fn prepare<'a>(
    source: &'a Source,
    guide: Option<(&'a Source, &Guidance)>,
    transform: &Transform,
    seed: u64,
) -> Result<Prepared<'a>> {
    let (mut denoiser, smoothed) = smoothed_model(source, transform, seed)?;
    let mut settings = json!({});
    if let Some(smoothed) = smoothed {
        settings["smooth"] = smoothed;
    }
    if let Some((second, flags)) = guide {
        let (second, smoothed) = smoothed_model(second, transform, seed)?;
        (denoiser, settings["guidance"]) = guidance::guide(denoiser, second, flags)?;
        if let Some(smoothed) = smoothed {
            settings["guidance"]["smooth"] = smoothed;
        }
    }
    let mut onset = None;
    if let Some(arguments::Mad { config, onset: level }) = transform.mad.clone() {
        let mut config = config;
        let sigma_data = denoiser.moments().map(|m| m.std).unwrap_or(1.0);
        if let Some(level) = level {
            config.a = sigma_data / level;
        }
        if matches!(source.file.model, Model::Empirical(_)) && transform.smoothing.smooth.is_none() {
            say("note: the bare empirical model gives its own points back, noise included; \
                 attraction needs a model that generalises: --model mixture, or --smooth");
        }
        settings["mad"] = json!({
            "a": config.a, "b": config.b, "p": config.p, "c": config.c, "reach": config.reach, "sigma_data": sigma_data, "onset": sigma_data / config.a,
        });
        let mad = Mad::new(denoiser, config)?;
        onset = Some(mad.onset_level());
        denoiser = Box::new(mad);
    }
    Ok(Prepared { denoiser, onset, settings })
}

fn smoothed_model<'a>(
    source: &'a Source,
    transform: &Transform,
    seed: u64,
) -> Result<(Box<dyn Denoiser + 'a>, Option<Value>)> {
    let denoiser: Box<dyn Denoiser + 'a> = Box::new(source.file.model.as_denoiser());
    match transform.smoothing.smooth {
        None => Ok((denoiser, None)),
        Some(smooth) => {
            let (denoiser, settings) =
                smoothing::smooth(source, denoiser, &transform.smoothing, smooth, seed)?;
            Ok((denoiser, Some(settings)))
        }
    }
}
