//! Guidance: the second model, and what the two make together.

use ridgewalk::Denoiser;
use ridgewalk::transform::Guided;
use serde_json::{Value, json};

use crate::arguments::{self, Guidance, Preparation, Reading, Sample};
use crate::failure::{Failure, Result};
use crate::source::{self, Source};

/// The model to be guided away from, if --guidance was given.
pub fn second(sample: &Sample, first: &Source) -> Result<Option<Source>> {
    let slip = |problem: &str, help: &str| Err(Failure::new("--guidance", problem, help));
    if sample.guidance.guidance.is_none() {
        return Ok(None);
    }
    let second = match &sample.guidance.guide {
        Some(guide) if source::is_model(guide) => {
            let none = (&Reading::default(), &Preparation::default());
            source::open(guide, none.0, none.1, &arguments::Model::default(), sample.seed)?
        }
        Some(guide) => {
            let help = "fit one: `ridgewalk fit DATA -o weak.safetensors`";
            return Err(Failure::new(format!("--guide {guide}"), "is not a model file", help));
        }
        None if source::is_network(&sample.source) && sample.reading.class.is_none() => {
            return slip(
                "needs a class to guide to, or a second model",
                "add --class LABEL, or --guide MODEL",
            );
        }
        // The same network, not told the class.
        None if source::is_network(&sample.source) => {
            let all = Reading { class: None, ..sample.reading.clone() };
            source::open(&sample.source, &all, &sample.preparation, &sample.model, sample.seed)?
        }
        None if source::is_model(&sample.source) => {
            return slip("needs a second model beside a model file", "add --guide MODEL");
        }
        None if sample.reading.class.is_none() => {
            return slip(
                "needs a class to guide to, or a second model",
                "add --class LABEL, or --guide MODEL",
            );
        }
        None if sample.preparation.standardize || sample.model.latent.is_some() => {
            return slip(
                "by class cannot be standardized or in a latent space: each model would have units of its own",
                "drop --standardize and --latent",
            );
        }
        None => {
            let all = Reading { class: None, ..sample.reading.clone() };
            source::open(&sample.source, &all, &sample.preparation, &sample.model, sample.seed)?
        }
    };
    let same = |a: &Source, b: &Source| {
        let scale = a.file.normalization == b.file.normalization;
        a.file.shape == b.file.shape && scale && a.file.latent == b.file.latent
    };
    if !same(first, &second) {
        return slip(
            "is between two models of the same coordinates, and these differ in shape or units",
            "fit both to the same kind of data, without --standardize and --latent",
        );
    }
    Ok(Some(second))
}

/// The guided denoiser, and what a record says of it.
pub fn guide<'a>(
    first: Box<dyn Denoiser + 'a>,
    second: Box<dyn Denoiser + 'a>,
    flags: &Guidance,
) -> Result<(Box<dyn Denoiser + 'a>, Value)> {
    let weight = flags.guidance.unwrap_or(1.0);
    let mut guided = Guided::classifier_free(first, second, weight)?;
    let mut settings = json!({ "weight": weight, "guide": flags.guide });
    if let Some(interval) = &flags.guidance_interval {
        settings["interval"] = json!([interval.0.start, interval.0.end]);
        guided = guided.interval(interval.0.clone())?;
    }
    if let Some(rescale) = flags.guidance_rescale {
        settings["rescale"] = json!(rescale);
        guided = guided.rescale(rescale)?;
    }
    Ok((Box::new(guided), settings))
}
