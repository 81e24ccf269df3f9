//! A source's model after the transforms that were asked for.

use std::ops::Range;

use ridgewalk::Denoiser;
use ridgewalk_data::Model;
use serde_json::{Value, json};

use crate::arguments::{Guidance, Noise, Transform};
use crate::failure::{Failure, Result};
use crate::source::Source;
use crate::{attraction, guidance, noise_level, smoothing};

/// A denoiser after transforms, and what a record says of them.
pub struct Prepared<'a> {
    pub denoiser: Box<dyn Denoiser + 'a>,
    /// Noise levels among which attraction wants short steps; it acts below the upper end.
    pub window: Option<Range<f64>>,
    /// Whether attraction was asked for.
    pub attracted: bool,
    pub settings: Value,
}

/// Applies --deconvolve, --smooth, --guidance and --mad, in this order: each of two models is smoothed as it would be alone.
pub fn prepare<'a>(
    source: &'a Source,
    guide: Option<(&'a Source, &Guidance)>,
    transform: &Transform,
    seed: u64,
) -> Result<Prepared<'a>> {
    let (mut denoiser, smoothed) = smoothed_model(source, transform, seed)?;
    let mut settings = json!({});
    if let Some(noise) = transform.deconvolve {
        if transform.mad.as_ref().is_some_and(|mad| mad.noise.is_some()) {
            let help = "drop one of them, or give --mad its settings (onset=S,b=4)";
            return Err(Failure::new(
                "--deconvolve",
                "has taken the noise out that --mad is to choose for",
                help,
            ));
        }
        if smoothed.is_some() || guide.is_some() {
            let help = "drop one of them";
            return Err(Failure::new("--deconvolve", "acts on one model, neither smoothed nor guided", help));
        }
        (denoiser, settings["deconvolve"]) = deconvolved(source, noise, seed)?;
    }
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
    let mut window = None;
    if let Some(mad) = &transform.mad {
        let smoothed = transform.smoothing.smooth.is_some();
        let kind = (smoothed, guide.is_some());
        let attracted = attraction::attract(source, denoiser, mad, kind, seed)?;
        settings["mad"] = attracted.settings;
        window = Some(attracted.window).filter(|_| attracted.acts);
        denoiser = attracted.denoiser;
    }
    Ok(Prepared { denoiser, window, attracted: transform.mad.is_some(), settings })
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

/// The model of this source without noise.
fn deconvolved(source: &Source, noise: Noise, seed: u64) -> Result<(Box<dyn Denoiser>, Value)> {
    let flag = "--deconvolve";
    let draws = || noise_level::draws(source.file.model.as_denoiser(), seed);
    let (noise, settings) = noise_level::level(flag, noise, source, draws, seed)?;
    let denoiser: Box<dyn Denoiser> = match &source.file.model {
        Model::Gaussian(model) => Box::new(model.deconvolved(noise)?),
        Model::Mixture(model) => Box::new(model.deconvolved(noise)?),
        _ => {
            return Err(Failure::new(
                flag,
                format!(
                    "takes noise out of covariances, which a model of kind {} has not",
                    source.file.model.kind()
                ),
                "use --model mixture or gaussian, or --mad auto",
            ));
        }
    };
    Ok((denoiser, settings))
}
