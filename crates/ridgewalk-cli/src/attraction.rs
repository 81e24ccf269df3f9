//! From --mad to an attracted denoiser.

use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::schedule::range_for;
use ridgewalk::spectrum::NoiseFloor;
use ridgewalk::transform::{MadConfig, choose_attraction};
use ridgewalk::{Denoiser, Heun, Karras, Mad, PointSet, Sampler};
use ridgewalk_data::Model;
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::arguments;
use crate::failure::{Failure, Result};
use crate::progress::{Meter, say};
use crate::sampling;
use crate::source::Source;

/// Draws of the model from which noise is read if there are no data, and at which its residuals are taken.
const DRAWS: usize = 512;
/// Steps of a pilot that draws them from a model that cannot.
const STEPS: usize = 18;

/// An attracted denoiser, the level below which it is that, and what a record says of it.
pub struct Attracted<'a> {
    pub denoiser: Box<dyn Denoiser + 'a>,
    pub onset: f64,
    pub settings: Value,
}

/// Attraction on top of a denoiser of this source, which may be smoothed or guided already.
pub fn attract<'a>(
    source: &Source,
    denoiser: Box<dyn Denoiser + 'a>,
    mad: &arguments::Mad,
    smoothed: bool,
    seed: u64,
) -> Result<Attracted<'a>> {
    if matches!(source.file.model, Model::Empirical(_)) && !smoothed {
        say("note: the bare empirical model gives its own points back, noise included; \
             attraction needs a model that generalises: --model mixture, or --smooth");
    }
    let sigma_data = sampling::moments(&denoiser).std;
    let (mut config, chosen) = match mad.noise {
        None => (MadConfig::default(), Value::Null),
        Some(noise) => choose(source, &denoiser, noise, seed)?,
    };
    mad.apply(&mut config, sigma_data);
    let onset = sigma_data / config.a;
    let settings = json!({
        "a": config.a, "b": config.b, "p": config.p, "c": config.c, "reach": config.reach,
        "sigma_data": sigma_data, "onset": onset, "chosen": chosen,
    });
    let mad = Mad::new(denoiser, config)?;
    Ok(Attracted { onset: mad.onset_level(), denoiser: Box::new(mad), settings })
}

/// Settings for the noise of the data, which is read from them unless it was given.
fn choose(
    source: &Source,
    denoiser: &dyn Denoiser,
    noise: arguments::Noise,
    seed: u64,
) -> Result<(MadConfig, Value)> {
    let draws = draws(denoiser, seed)?;
    let (noise, floor) = match noise {
        arguments::Noise::Given(noise) => (noise, Value::Null),
        arguments::Noise::Auto => {
            let found = match source.points("--mad auto", "give DATA") {
                Ok(points) => NoiseFloor::of_points(&points, seed),
                // A model of noisy data makes noisy data.
                Err(_) => NoiseFloor::of_points(&PointSet::vectors(draws.clone())?, seed),
            };
            let floor = found.map_err(|e| advise("--mad auto", &e))?;
            say(&format!(
                "noise {} read from {}: {:.0} of {} directions hold nothing else; what comes next varies {} times as much",
                format_number(floor.noise),
                match floor.neighbours {
                    None => "the flat end of the variances".to_string(),
                    Some(k) => format!("neighbourhoods of {k} points"),
                },
                floor.directions,
                denoiser.dim(),
                format_number(floor.gap),
            ));
            let settings = json!({
                "directions": floor.directions, "gap": floor.gap, "neighbours": floor.neighbours,
            });
            (floor.noise, settings)
        }
    };
    let choice = choose_attraction(denoiser, draws.view(), noise, seed).map_err(|e| advise("--mad", &e))?;
    say(&format!(
        "attraction: onset {}, b={}, c={}: {:.0} % of the noise should remain, {:.0} % of the variance that is not noise",
        format_number(choice.onset),
        choice.config.b,
        choice.config.c,
        100.0 * choice.remaining,
        100.0 * choice.kept
    ));
    let settings =
        json!({ "noise": noise, "floor": floor, "remaining": choice.remaining, "kept": choice.kept });
    Ok((choice.config, settings))
}

fn advise(flag: &str, error: &ridgewalk::Error) -> Failure {
    Failure::new(
        flag,
        format!("chose no settings: {error}"),
        "give the noise level (--mad noise=S) or the settings (--mad onset=S,b=4)",
    )
}

/// Draws of a denoiser's law, `[n, d]`: exact ones, or those of a plain pilot run.
fn draws(denoiser: &dyn Denoiser, seed: u64) -> Result<Array2<f64>> {
    let mut rows = Array2::zeros((DRAWS, denoiser.dim()));
    for (i, mut row) in rows.outer_iter_mut().enumerate() {
        match denoiser.draw(&mut Stream::new(seed, Purpose::Evaluation, i as u64, u64::MAX)) {
            Some(draw) => row.assign(&draw),
            None => return pilot(denoiser, seed),
        }
    }
    Ok(rows)
}

fn pilot(denoiser: &dyn Denoiser, seed: u64) -> Result<Array2<f64>> {
    let schedule = Karras::new(range_for(&sampling::moments(denoiser)), STEPS);
    let sampler = Sampler::new(Heun::new(), schedule).seed(seed);
    Ok(sampler
        .run_observed(denoiser, DRAWS / 4, &mut Meter::new("plain samples, to see their noise"))?
        .points)
}
