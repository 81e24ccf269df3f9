//! The noise level of data: given, or read from the data or, where there are none, from draws of their model.

use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::schedule::range_for;
use ridgewalk::spectrum::NoiseFloor;
use ridgewalk::{Denoiser, Heun, Karras, PointSet, Sampler};
use ridgewalk_data::Normalization;
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::arguments::Noise;
use crate::failure::{Failure, Result};
use crate::progress::{Meter, say};
use crate::sampling;
use crate::source::Source;

/// Draws of a model: those in which noise is read, and at which its residuals are taken.
const DRAWS: usize = 512;
/// Of a pilot that makes them where the model cannot be drawn from: samples, and steps of each.
const PILOT: usize = 128;
const STEPS: usize = 18;

/// The noise for this flag in the model's units, and what a record says of it.
pub fn level(
    flag: &str,
    noise: Noise,
    source: &Source,
    draws: impl FnOnce() -> Result<Array2<f64>>,
    seed: u64,
) -> Result<(f64, Value)> {
    if let Noise::Given(noise) = noise {
        return Ok((noise, json!({ "noise": noise })));
    }
    let whitened = source.file.latent.as_ref().is_some_and(|latent| latent.is_scaled());
    if whitened || !matches!(source.file.normalization, Normalization::None) {
        return Err(Failure::new(
            flag,
            "cannot read the noise where every column has a unit of its own: it is not the same in all directions there",
            "drop --standardize or whiten, or give the noise level in the model's units",
        ));
    }
    if let Some(noise) = source.file.noise_level {
        say(&format!("noise {} read from the data of the model", format_number(noise)));
        return Ok((noise, json!({ "noise": noise, "read": "by the fit" })));
    }
    let found = match source.points(flag, "give DATA") {
        Ok(_) if source.file.latent.is_some() => {
            let problem = "no noise is to be seen in the data of the model";
            return Err(Failure::new(flag, problem, "give the noise level, if it is known"));
        }
        Ok(points) => NoiseFloor::of_points(&points, seed),
        Err(_) => {
            say(
                "note: the model file says nothing of the noise of its data: it is read from draws, and is that of the model, \
                 which is more where the model fits less than there is",
            );
            NoiseFloor::of_points(&PointSet::vectors(draws()?)?, seed)
        }
    };
    let floor = found.map_err(|error| advise(flag, &error))?;
    let all = floor.spectrum.directions();
    say(&format!(
        "noise {} read from {}: {:.0} of {all:.0} directions hold nothing else; what comes next varies {} times as much",
        format_number(floor.noise),
        match floor.neighbours {
            None => "the flat end of the variances".to_string(),
            Some(k) => format!("neighbourhoods of {k} points"),
        },
        floor.directions,
        format_number(floor.gap),
    ));
    let settings = json!({
        "noise": floor.noise, "directions": floor.directions, "gap": floor.gap, "neighbours": floor.neighbours,
    });
    Ok((floor.noise, settings))
}

/// A refusal of the library, with what to do instead.
pub fn advise(flag: &str, error: &ridgewalk::Error) -> Failure {
    let help = match flag {
        "--mad" => "give the noise level (--mad noise=S) or the settings (--mad onset=S,b=4)".to_string(),
        flag => format!("give the noise level, if it is known: {flag} S"),
    };
    let problem = match error {
        ridgewalk::Error::Argument { name, problem, .. } => format!("chooses nothing: {name} {problem}"),
        other => other.to_string(),
    };
    Failure::new(flag, problem, &help)
}

/// Draws of a denoiser's law, `[n, d]`: exact ones, or those of a plain pilot run.
pub fn draws(denoiser: &dyn Denoiser, seed: u64) -> Result<Array2<f64>> {
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
    Ok(sampler.run_observed(denoiser, PILOT, &mut Meter::new("plain samples, to see their noise"))?.points)
}
