//! From --mad to an attracted denoiser.

use std::borrow::Cow;
use std::ops::Range;

use ridgewalk::sampler::choose_attraction;
use ridgewalk::transform::MadConfig;
use ridgewalk::{Denoiser, Mad, PointSet};
use ridgewalk_data::Model;
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::arguments;
use crate::failure::Result;
use crate::noise_level;
use crate::progress::say;
use crate::sampling;
use crate::source::Source;

/// An attracted denoiser, where it is that, and what a record says of it.
pub struct Attracted<'a> {
    pub denoiser: Box<dyn Denoiser + 'a>,
    /// Levels among which steps are to be short.
    pub window: Range<f64>,
    /// Whether it has any strength.
    pub acts: bool,
    pub settings: Value,
}

/// Attraction on top of a denoiser of this source, which may be smoothed or guided already.
pub fn attract<'a>(
    source: &Source,
    denoiser: Box<dyn Denoiser + 'a>,
    mad: &arguments::Mad,
    (smoothed, guided): (bool, bool),
    seed: u64,
) -> Result<Attracted<'a>> {
    if matches!(source.file.model, Model::Empirical(_)) && !smoothed {
        say("note: the bare empirical model gives its own points back, noise included; \
             attraction needs a model that generalises, such as --model mixture");
    }
    let sigma_data = sampling::moments(&denoiser).std;
    let (mut config, chosen) = match mad.noise {
        None => (MadConfig::default(), Value::Null),
        Some(noise) => choose(source, &denoiser, noise, guided, seed)?,
    };
    let before = config.clone();
    mad.apply(&mut config, sigma_data);
    let onset = sigma_data / config.a;
    let overruled = mad.noise.is_some() && before != config;
    if overruled {
        say(&format!(
            "overruled: onset {}, b={}, p={}, c={}, reach={}; what was said of the noise left holds for the settings above",
            format_number(onset),
            config.b,
            config.p,
            config.c,
            config.reach
        ));
    }
    let settings = json!({
        "a": config.a, "b": config.b, "p": config.p, "c": config.c, "reach": config.reach,
        "sigma_data": sigma_data, "onset": onset, "chosen": chosen,
        "overruled": overruled,
    });
    let mad = Mad::new(denoiser, config)?;
    Ok(Attracted { window: mad.window(), acts: mad.onset_level() > 0.0, denoiser: Box::new(mad), settings })
}

/// Settings for the noise of the data, which is read from them unless it was given.
fn choose(
    source: &Source,
    denoiser: &dyn Denoiser,
    noise: arguments::Noise,
    guided: bool,
    seed: u64,
) -> Result<(MadConfig, Value)> {
    let draws = noise_level::draws(denoiser, seed)?;
    let (noise, mut settings) = noise_level::level("--mad", noise, source, || Ok(draws.clone()), seed)?;
    // Of a guided model the data are not the law.
    let data = match source.points("--mad auto", "give DATA") {
        Ok(points) if !guided => points,
        _ => Cow::Owned(PointSet::vectors(draws.clone())?),
    };
    let choice = choose_attraction(denoiser, draws.view(), &data, noise, seed)
        .map_err(|error| noise_level::advise("--mad", &error))?;
    say(&format!(
        "attraction: onset {}, b={}, c={}: {} leaves {:.0} % of the noise and {:.0} % of the variance that is not noise",
        format_number(choice.onset),
        choice.config.b,
        choice.config.c,
        if choice.tried { "of the settings tried this comes nearest, it" } else { "by prediction it" },
        100.0 * choice.remaining,
        100.0 * choice.kept
    ));
    settings["remaining"] = json!(choice.remaining);
    settings["kept"] = json!(choice.kept);
    settings["tried"] = json!(choice.tried);
    settings["evaluations"] = json!(choice.evaluations);
    Ok((choice.config, settings))
}
