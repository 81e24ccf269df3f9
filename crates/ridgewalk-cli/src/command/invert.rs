//! `ridgewalk invert`: from data to noise, the run backwards.

use ridgewalk::{PointSet, Schedule};
use ridgewalk_data::write_points;
use serde_json::{Value, json};

use crate::arguments::Invert;
use crate::failure::{Failure, Result};
use crate::prepared;
use crate::progress::{Meter, result, say};
use crate::record::{NAME, Record, make_folder, probe_folder, remove_old};
use crate::sampling;
use crate::source;

/// What a state of the highest level is called.
const OUTPUT: &str = "noise.npy";

pub fn run(invert: &Invert, arguments: &[String]) -> Result<()> {
    let Invert { source, reading, preparation, model, seed, .. } = invert;
    let source = source::open(source, reading, preparation, model, *seed)?;
    probe_folder(&invert.output)?;
    let at = source::read_other(&invert.at.to_string_lossy(), &reading.table)?;
    let dim = source.file.shape.dim();
    if at.dim() != dim {
        return Err(Failure::new(
            invert.at.display(),
            format!("has points of {} coordinates, the model has {dim}", at.dim()),
            "give points of the model's dimension",
        ));
    }
    let prepared = prepared::prepare(&source, None, &invert.transform, *seed)?;
    let denoiser = prepared.denoiser.as_ref();
    let (run, chosen) = sampling::sampler(&invert.sampling, &prepared, *seed)?;
    if run.schedule().levels()?.len() < 2 {
        return Err(Failure::new("--steps 1", "is no way from data to noise", "visit at least two levels"));
    }
    let x = source.file.to_model(at.values())?;
    let states = run.invert_observed(denoiser, x.view(), &mut Meter::new("inverting"))?;
    let mut settings = prepared.settings;
    settings["solver"] = json!(run.solver().name());
    settings["schedule"] = json!(run.schedule().describe()?);
    settings["levels"] = json!(run.schedule().levels()?);
    settings["sigmas"] = json!(states.sigmas);
    if !chosen.is_null() {
        settings["pilot"] = chosen;
    }
    settings["evaluations"] = json!(states.evaluations);
    settings["model"] = source.settings(None);
    let highest = states.sigmas.last().copied().unwrap_or_default();
    write(invert, &PointSet::vectors(states.points)?, settings, arguments)?;
    say(&format!(
        "states of {} points at sigma {highest:.4} ({} units), {} evaluations each: {}",
        at.len(),
        source.units(),
        states.evaluations,
        invert.output.join(OUTPUT).display()
    ));
    Ok(())
}

fn write(invert: &Invert, states: &PointSet, settings: Value, arguments: &[String]) -> Result<()> {
    let mut inputs = invert.reading.inputs(&invert.source);
    inputs.push(&invert.at);
    inputs.extend(invert.sampling.schedule.file());
    let record = Record::new(arguments, settings, &inputs)?;
    make_folder(&invert.output)?;
    remove_old(&invert.output, NAME);
    write_points(&invert.output.join(OUTPUT), states)?;
    let record = record.finish(&invert.output, &[OUTPUT])?;
    if invert.json {
        result(&record.to_json())?;
    }
    Ok(())
}
