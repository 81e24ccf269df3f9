//! From --blind to samples of a model that is never told the noise level.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use ndarray::{Array1, Array2, ArrayView2};
use ridgewalk::autonomous::{Blind, Clocked, Descent, DescentStep, Scaled, TimePrior};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::Start;
use ridgewalk::schedule::range_for;
use ridgewalk::{Denoiser, Process, Schedule, Target, process};
use ridgewalk_report::format_number;
use serde_json::{Value, json};

use crate::arguments::{DescentFlag, Sample, Sampling, ScheduleName, SolverName, StartName};
use crate::command::sample::{Drawn, draw as run};
use crate::failure::{Failure, Result};
use crate::prepared::Prepared;
use crate::progress::{Meter, say};
use crate::sampling;
use crate::source::Source;

/// Levels, unless --steps says otherwise.
const STEPS: usize = 50;
/// Relative error of the posterior over the time. What is sampled errs by far more.
const TOLERANCE: f64 = 1e-6;
/// A sample that keeps noise of this part of the data's standard deviation has failed.
const FAILED: f64 = 0.1;
/// Points of the model of which the noise is read as well, for comparison.
const COMPARED: usize = 64;

/// Draws from the blind counterpart of a prepared model.
pub fn draw(sample: &Sample, target: Target, source: &Source, prepared: &Prepared) -> Result<Drawn> {
    let model = prepared.denoiser.as_ref();
    if model.density().is_none() {
        return Err(Failure::new(
            "--blind",
            format!("needs the model's own density, and one of kind {} has none", source.file.model.kind()),
            "use --model empirical, gaussian or mixture",
        ));
    }
    if matches!(sample.sampling.schedule, ScheduleName::Equalized(_)) {
        return Err(Failure::new(
            "--schedule equalized",
            "is chosen by a pilot of a model that is told the noise level, not for one under --blind",
            "choose another, or give the record of a run that chose one",
        ));
    }
    let begun = Instant::now();
    let scale = match model.moments().map(|m| m.std) {
        Some(std) if std > 0.0 => std,
        Some(_) => {
            return Err(Failure::new(
                "--blind",
                "needs two points that differ: the noise level is read against the data's standard deviation",
                "give other data",
            ));
        }
        None => 1.0,
    };
    let center = model.moments().map_or_else(|| Array1::zeros(model.dim()), |m| m.mean);
    let unit = Scaled::new(model, scale)?.about(center.clone())?;
    let name = sample.blind.process.as_deref().unwrap_or(customary(target));
    let process = process::named(name)?;
    let levels = levels(&*process, scale, &sample.sampling)?;
    let filled = filled(&sample.sampling, name, &levels);
    let descent = descent(sample, target)?;
    let (highest, lowest) = match descent {
        Some(_) => (levels.end, levels.start),
        None => {
            let visited = sampling::sampler(&filled, prepared, sample.seed)?.0.schedule().levels()?;
            let first = visited.first().copied().unwrap_or(levels.end);
            (first, visited.last().copied().unwrap_or(levels.start))
        }
    };
    let prior = prior(sample.blind.prior.as_deref(), &*process, lowest / scale)?;
    let from = process.time(highest / scale);
    say(&format!(
        "blind {target}, never told the noise level: {}, {prior}; begins at t = {}{}",
        process.name(),
        format_number(from),
        before_the_end(&*process, from)
    ));
    say(&format!(
        "the blind model is of the data about their mean, divided by {}, their standard deviation; levels and samples are the data's own",
        format_number(scale)
    ));
    let blind = Blind::from(&unit, &process, prior.clone())?.tolerance(TOLERANCE);
    let field = blind.field(target);
    let mut drawn = match descent {
        Some(flag) => {
            let start = match sample.start {
                None | Some(StartName::Auto) => Start::Auto,
                Some(StartName::Gaussian) => Start::Gaussian,
                Some(StartName::Exact) => Start::Exact,
            };
            let states = Descent::starts(&unit, &*process, from, start, sample.n, sample.seed)?;
            descended(flag, &field, states.view(), sample, (scale, &center), prepared.settings.clone())?
        }
        None => {
            let clocked = Scaled::new(Clocked::new(field, &process), 1.0 / scale)?.about(&center / -scale)?;
            let blinded = Prepared {
                denoiser: Box::new(clocked),
                window: None,
                attracted: false,
                settings: prepared.settings.clone(),
            };
            run(sample, &filled, source, &blinded, Some(model))?
        }
    };
    let left = noise_left(&blind, ((&drawn.points - &center) / scale).view(), highest / scale)?;
    drawn.settings["blind"] = json!({
        "target": target.name(), "process": process.describe(), "prior": prior.to_string(), "scale": scale,
        "from": from, "noise_left": said(&left, &unit, &blind, (highest / scale, sample.seed))?,
    });
    say(&format!("{:.1} s", begun.elapsed().as_secs_f64()));
    Ok(drawn)
}

/// The process with which a target was first used.
fn customary(target: Target) -> &'static str {
    match target {
        Target::Velocity | Target::Equilibrium => "flow-matching",
        Target::Noise | Target::VPrediction => "ddpm",
        Target::Data => "variance-exploding",
    }
}

/// The descent that is asked for, or that a field without a clock takes by itself.
fn descent(sample: &Sample, target: Target) -> Result<Option<DescentFlag>> {
    let Sampling { solver, schedule, steps, .. } = &sample.sampling;
    let clocked = *solver != SolverName::Auto || *schedule != ScheduleName::Auto || steps.is_some();
    let clocked = clocked || sample.from.is_some() || sample.trajectories;
    match (sample.blind.descent, target) {
        (None, Target::Equilibrium) if !clocked => Ok(Some(DescentFlag::default())),
        (Some(_), Target::Noise | Target::VPrediction) => Err(Failure::new(
            "--descent",
            format!(
                "cannot act on a field that predicts the {target}: it does not lead to the data without a clock"
            ),
            "drop the flag, or give --blind equilibrium, data or velocity",
        )),
        (flag, _) => Ok(flag),
    }
}

/// Noise levels in the model's units: the process's customary ones, as far as they are those of other runs.
fn levels(process: &dyn Process, scale: f64, sampling: &Sampling) -> Result<Range<f64>> {
    let unit = range_for(&ridgewalk::Moments { mean: Array1::zeros(0), std: 1.0 });
    let [noise, data] = process.end_points();
    let range = unit.start.max(data.level)..unit.end.min(noise.level);
    let range =
        sampling.sigma_min.unwrap_or(scale * range.start)..sampling.sigma_max.unwrap_or(scale * range.end);
    if range.start < range.end {
        return Ok(range);
    }
    Err(Failure::new(
        "--sigma-max",
        format!("{} is not above the lowest level, {}", range.end, range.start),
        "choose a higher one",
    ))
}

/// The flags of a run with what --blind chooses in place of auto.
fn filled(sampling: &Sampling, process: &str, levels: &Range<f64>) -> Sampling {
    let mut filled = sampling.clone();
    if filled.solver == SolverName::Auto {
        filled.solver = SolverName::Named("euler".into());
    }
    if filled.schedule == ScheduleName::Auto {
        let named = match process::named(process).is_ok_and(|p| p.name() == "variance-exploding") {
            true => "karras".into(),
            false => format!("linear-time:process={}", process.replacen(':', ",", 1)),
        };
        filled.schedule = ScheduleName::Named(named);
    }
    // A list has its own ends and number.
    if matches!(filled.schedule, ScheduleName::Named(_)) {
        filled.steps = Some(sampling.steps.unwrap_or(STEPS));
        (filled.sigma_min, filled.sigma_max) = (Some(levels.start), Some(levels.end));
    }
    filled
}

/// The law of times, down to that of the lowest noise level.
fn prior(text: Option<&str>, process: &dyn Process, lowest: f64) -> Result<TimePrior> {
    let Range { start, end } = process.customary_times();
    let range = start.max(process.time(lowest))..end;
    match text {
        Some(text) => Ok(TimePrior::named(text, range)?),
        None => Ok(TimePrior::of_training(process, range)?),
    }
}

/// What is said of a start before a last time at which nothing of the data is left.
fn before_the_end(process: &dyn Process, from: f64) -> String {
    let end = process.customary_times().end;
    match process.alpha(end) <= 0.0 && from < end {
        true => format!(", a little below {end}, where nothing of the data is left to divide by"),
        false => String::new(),
    }
}

fn descended(
    flag: DescentFlag,
    field: &dyn ridgewalk::Autonomous,
    states: ArrayView2<f64>,
    sample: &Sample,
    (scale, center): (f64, &Array1<f64>),
    mut settings: Value,
) -> Result<Drawn> {
    let mut meter = Meter::new("descending");
    let descent = flag.descent().batch(sample.sampling.batch);
    let end = descent.run_observed(field, states, &mut |told: &DescentStep| {
        let of_batch = told.state.nrows();
        meter.tell(told.finished * told.steps + told.step * of_batch, told.total * told.steps);
        ControlFlow::Continue(())
    })?;
    let (first, last) = (end.norms.first().copied(), end.norms.last().copied());
    if last.zip(first).is_some_and(|(last, first)| last > first) {
        say("warning: the descent diverged: the field grew; take a shorter step (--descent step=..)");
    }
    say(&format!(
        "descent with {flag}: {} evaluations a sample, the field from {} to {} in the mean{}",
        format_number(end.mean_evaluations),
        format_number(first.unwrap_or_default()),
        format_number(last.unwrap_or_default()),
        match flag.stop {
            None => String::new(),
            Some(_) => format!("; {} of {} came to rest", end.rested, sample.n),
        }
    ));
    settings["descent"] = json!({ "settings": flag.to_string(), "steps": end.steps, "field": end.norms });
    settings["mean_evaluations"] = json!(end.mean_evaluations);
    settings["evaluations"] = json!(end.steps.iter().max());
    settings["seed"] = json!(sample.seed);
    Ok(Drawn { points: end.points * scale + center, settings, written: Vec::new() })
}

/// The noise level σ/α that every point seems to have, the geometric mean of its posterior: of the data divided by their
/// scale. A sample that was shrunk with what is left of its noise has a high one, too.
fn noise_left(blind: &Blind, u: ArrayView2<f64>, most: f64) -> Result<Vec<f64>> {
    let mut left: Vec<f64> =
        blind.posterior(u)?.iter().map(|posterior| posterior.level(blind.process(), most).0).collect();
    left.sort_by(f64::total_cmp);
    Ok(left)
}

/// Says, and gives for the record, how much noise samples keep, beside points of the model where it can be drawn from.
fn said(left: &[f64], model: &dyn Denoiser, blind: &Blind, (highest, seed): (f64, u64)) -> Result<Value> {
    let median = |sorted: &[f64]| sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let mut clean = Array2::zeros((COMPARED, model.dim()));
    let mut drawn = true;
    for (i, mut row) in (0..).zip(clean.outer_iter_mut()) {
        match model.draw(&mut Stream::new(seed, Purpose::Evaluation, i, u64::MAX)) {
            Some(draw) => row.assign(&draw),
            None => drawn = false,
        }
    }
    let of_data = match drawn {
        true => Some(median(&noise_left(blind, clean.view(), highest)?)),
        false => None,
    };
    let most = left.last().copied().unwrap_or_default();
    // Where points of the model themselves look noisy, no sample can be told from them by its noise.
    let known = of_data.is_some_and(|level| level < FAILED);
    let failed = known.then(|| left.iter().filter(|level| **level > FAILED).count());
    say(&format!(
        "noise left beside the signal, in parts of the data's standard deviation: {} in the median, {} at the most{}{}",
        format_number(median(left)),
        format_number(most),
        of_data.map_or(String::new(), |level| format!("; points of the model read {}", format_number(level))),
        match failed {
            Some(count) => format!("; {count} of {} samples keep more than {FAILED}", left.len()),
            None => format!(
                "; how many keep more than {FAILED} cannot be told, such levels are not told apart here"
            ),
        },
    ));
    Ok(json!({ "median": median(left), "most": most, "of_model": of_data, "failed": failed }))
}
