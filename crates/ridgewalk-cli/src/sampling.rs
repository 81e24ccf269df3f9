//! From flags to a sampler.

use std::path::Path;

use ridgewalk::schedule::{self, Focused, Levels, range_for};
use ridgewalk::solver::DpmSolver2M;
use ridgewalk::{Denoiser, Euler, Heun, Moments, Sampler, Schedule, Solver, Switched, solver};
use serde_json::{Value, json};

use crate::arguments::{Sampling, ScheduleName, SolverName};
use crate::failure::{Failure, Result};
use crate::prepared::Prepared;
use crate::progress::say;
use crate::record::Record;

/// Levels where attraction acts are wanted closer together: a coarse step caps its strength. Levels that are
/// not focused there must be more.
const STEPS: usize = 18;
const STEPS_FOCUSED: usize = 24;
const STEPS_WITH_ATTRACTION: usize = 40;
/// Below the window, a tenth of the onset, little attraction is left to be had; half of it does no harm.
const DEPTH: f64 = 0.5;

/// Fewer levels in the window leave attraction capped, or let it take too much at once.
const FEW: usize = 8;

/// A run that can be started.
pub type Run = Sampler<Box<dyn Solver>, Box<dyn Schedule>>;

/// Mean and scale of what a model is of; its levels are multiples of the scale.
pub fn moments(denoiser: &dyn Denoiser) -> Moments {
    denoiser.moments().unwrap_or(Moments { mean: ndarray::Array1::zeros(denoiser.dim()), std: 1.0 })
}

/// The sampler of these flags for a model that may be attracted; and what a record
/// says of a schedule that was chosen for it.
pub fn sampler(sampling: &Sampling, prepared: &Prepared, seed: u64) -> Result<(Run, Value)> {
    let denoiser = prepared.denoiser.as_ref();
    let window = prepared.window.as_ref();
    // Where attraction was asked for without strength, it acts below 0.
    let onset = prepared.attracted.then(|| window.map_or(0.0, |window| window.end));
    let moments = moments(denoiser);
    let range = range_for(&moments);
    let range = sampling.sigma_min.unwrap_or(range.start)..sampling.sigma_max.unwrap_or(range.end);
    let steps = sampling.steps.unwrap_or(match (window, &sampling.schedule) {
        (None, _) => STEPS,
        (Some(_), ScheduleName::Auto) => STEPS_FOCUSED,
        (Some(_), ScheduleName::Named(name)) if name == "focused" => STEPS_FOCUSED,
        (Some(_), _) => STEPS_WITH_ATTRACTION,
    });
    let data = if moments.std > 0.0 { moments.std } else { 1.0 };
    let mut chosen = Value::Null;
    // Focused without more said is focused on the window.
    let named = |name: &str| matches!(&sampling.schedule, ScheduleName::Named(n) if n == name);
    let automatic = ScheduleName::Auto;
    let wanted = if window.is_some() && named("focused") { &automatic } else { &sampling.schedule };
    let (solver, schedule): (_, Box<dyn Schedule>) = match wanted {
        ScheduleName::Own(levels) => {
            refuse_grid_flags(sampling)?;
            let schedule = own_levels(levels)?;
            (solver_for(&sampling.solver, onset, schedule.levels()?.len(), data)?, schedule)
        }
        ScheduleName::Auto => {
            let schedule: Box<dyn Schedule> = match window {
                None => schedule::named_for("karras", range, steps, data)?,
                Some(window) => {
                    let lowest = sampling.sigma_min.unwrap_or(DEPTH * window.start);
                    Box::new(Focused::new(lowest..range.end, steps, window.end))
                }
            };
            (solver_for(&sampling.solver, onset, steps, data)?, schedule)
        }
        ScheduleName::Named(name) => {
            let schedule = schedule::named_for(name, range, steps, data)?;
            (solver_for(&sampling.solver, onset, steps, data)?, schedule)
        }
        ScheduleName::Equalized(pilot) => {
            let solver = solver_for(&sampling.solver, onset, steps, data)?;
            let grid = pilot.run(denoiser, &solver, range, steps)?;
            say(&format!(
                "levels chosen for {} by a pilot of {} evaluations: its paths err by {:.2e}, on Karras's levels by {:.2e}",
                solver.name(),
                grid.evaluations(),
                grid.error(),
                grid.karras_error()
            ));
            say("another run may take them from this one: --schedule FOLDER/run.json");
            chosen = json!({
                "evaluations": grid.evaluations(), "error": grid.error(), "karras_error": grid.karras_error(),
            });
            (solver, Box::new(grid))
        }
    };
    if let Some(window) = window {
        let within = schedule.levels()?.into_iter().filter(|level| window.contains(level)).count();
        if within < FEW {
            say(&format!(
                "note: {within} levels lie where attraction acts, from {:.4} to {:.4}: too few to do what it should",
                window.start, window.end
            ));
        }
    }
    Ok((Sampler::new(solver, schedule).seed(seed).batch(sampling.batch), chosen))
}

fn solver_for(name: &SolverName, onset: Option<f64>, steps: usize, data: f64) -> Result<Box<dyn Solver>> {
    Ok(match (name, onset) {
        (SolverName::Named(name), Some(onset)) if onset > 0.0 => {
            attracted(solver::named_for(name, steps, data)?, onset)
        }
        (SolverName::Named(name), _) => solver::named_for(name, steps, data)?,
        (SolverName::Auto, Some(onset)) if onset > 0.0 => Box::new(Switched::new(DpmSolver2M, Euler, onset)),
        (SolverName::Auto, _) => Box::new(Heun::new()),
        (SolverName::HeunEuler, Some(onset)) => Box::new(Switched::new(Heun::new(), Euler, onset)),
        (SolverName::HeunEuler, None) => {
            return Err(Failure::new("--solver heun-euler", "switches where attraction begins", "add --mad"));
        }
    })
}

/// Below the onset what draws noise would put back what attraction takes out, and what draws on differences of
/// denoised states to correct itself would work against it.
fn attracted(solver: Box<dyn Solver>, onset: f64) -> Box<dyn Solver> {
    let name = solver.name();
    let why = if !solver.order().is_deterministic() {
        "it draws noise, which would undo the attraction"
    } else if name == "evodiff" {
        "its corrections do not hold where attraction acts"
    } else {
        return solver;
    };
    say(&format!("note: {name} is followed by euler below {onset:.3}, where attraction acts: {why}"));
    Box::new(Switched::new(solver, Euler, onset))
}

/// A list of levels has its own ends and number.
fn refuse_grid_flags(sampling: &Sampling) -> Result<()> {
    let given = [
        (sampling.steps.is_some(), "--steps"),
        (sampling.sigma_min.is_some(), "--sigma-min"),
        (sampling.sigma_max.is_some(), "--sigma-max"),
    ];
    match given.into_iter().find(|(given, _)| *given) {
        None => Ok(()),
        Some((_, flag)) => {
            Err(Failure::new(flag, "has no part in a schedule that lists its levels", "drop one of the two"))
        }
    }
}

/// Levels as the flag spells them, as a file of that name does, or as an earlier run visited them.
fn own_levels(text: &str) -> Result<Box<dyn Schedule>> {
    let path = Path::new(text);
    if !path.is_file() {
        return Ok(Box::new(Levels::parse(text)?));
    }
    if path.extension().is_some_and(|e| e == "json") {
        let settings = Record::read(path)?.settings;
        let levels: Option<Vec<f64>> = serde_json::from_value(settings["levels"].clone()).ok();
        let levels = levels.ok_or_else(|| {
            Failure::new(
                text,
                "is the record of a run that visited no noise levels",
                "give that of a `sample`",
            )
        })?;
        return Ok(Box::new(Levels(levels)));
    }
    let read = std::fs::read_to_string(path)
        .map_err(|e| Failure::new(text, format!("cannot be read ({e})"), "give a text file of numbers"))?;
    let levels = Levels::parse(&read)
        .map_err(|e| Failure::new(text, format!("makes no schedule: {e}"), "list falling noise levels"))?;
    Ok(Box::new(levels))
}
