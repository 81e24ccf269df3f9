//! Samples on their way: the phases of a run beside the ridge, and in two or three dimensions a film of it.
//!
//! The run is the subject's own, where its paths were recorded. Where they were not, a film of data in two or
//! three dimensions shows the exact model of the points that the ridge is made of; it says so. Phases are
//! those from the data's own deviation down to where the ridge is still clear, below which it is a web among their noise.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2};

use super::super::finding::{Axis, Figure, Finding, Plot, Series};
use super::super::{Subject, words};
use super::setting::Setting;
use crate::error::Result;
use crate::geometry::{FollowRidge, Phases, Ridge, RidgeFilm, RidgeRun, Summary};
use crate::points::Moments;
use crate::sampler::observers::Trajectories;
use crate::sampler::{Observer, Progress};
use crate::{Heun, LogLinear, Sampler};

/// Samples of a run that is made for the film, and its noise levels.
const SAMPLES: usize = 64;
const LEVELS: usize = 64;
/// Frames of a film, and the part of the level of the widest gap at which it ends: the ridge below is a web of
/// curves among the data's noise.
const FRAMES: usize = 16;
const CLEAR: f64 = 0.35;
/// It begins at this many standard deviations of the data.
const HIGHEST: f64 = 10.0;

/// Whether there is a run to speak of.
pub(super) fn findings(subject: &Subject, setting: &Setting, seed: u64) -> Result<Vec<Finding>> {
    let d = setting.model.points().ncols();
    let recorded = subject.paths();
    let clear = setting.levels[setting.chosen] * CLEAR;
    // Above the data's own deviation all is within the tube of a line through their mean.
    let highest = Moments::of(setting.model.points()).std.max(2.0 * clear);
    let seen = |paths: &Trajectories| paths.states().any(|(sigma, _)| (clear..highest).contains(&sigma));
    let own;
    let paths = match recorded {
        Some(paths) if seen(paths) => paths,
        None if d <= 3 => {
            own = exact_run(setting, clear, seed)?;
            &own
        }
        _ => return Ok(Vec::new()),
    };
    let ridge = Ridge::new(&setting.model, setting.dimension)?;
    let run = follow(&ridge, &filled(paths, clear, highest)?)?;
    let phases = run.phases();
    let n = run.levels.first().map_or(0, |level| level.in_tube.len());
    let first = run.levels.first().map_or(0.0, |level| level.sigma);
    let whose = match recorded {
        Some(_) => "The samples",
        None => {
            "Samples of the exact model of the training data (no paths of the surveyed ones were recorded)"
        }
    };
    let at_end = run.levels.last().map_or(0.0, |level| level.fraction_in_tube());
    let mut finding = Finding::new("reach", statement(whose, &phases, (first, at_end)), at_end, n)
        .setting("in_tube_at", run.levels.last().map_or(0.0, |level| level.sigma))
        .setting("reached_at", phases.run.reach)
        .setting("slide_from", phases.run.aligned)
        .setting("paths", if recorded.is_some() { "recorded" } else { "of the exact model" })
        .figure(speeds(&run));
    if d <= 3 && setting.dimension < d {
        let named = |sigma: f64| phases.run.phase(sigma).name().to_string();
        let film = RidgeFilm::new(&setting.model, setting.dimension)?.phase(named).frames(FRAMES);
        let shown = filled(paths, clear, longest(setting.model.points()))?;
        let mut figure = film.draw("ridge-film", setting.model.points(), &shown)?;
        if shown.states().count() > recorded_between(paths, &shown) {
            figure.caption += " Between the recorded noise levels positions are interpolated.";
        }
        if recorded.is_none() {
            figure.caption += " The samples are those of the exact model of the training data, which end on them: no paths \
                               of the surveyed samples were recorded.";
        }
        finding = finding.figure(figure);
    }
    Ok(vec![finding])
}

/// States from `highest` down to `lowest`, at as many levels as a film has frames: where fewer were recorded, between
/// two of them by the logarithm of σ.
fn filled(paths: &Trajectories, lowest: f64, highest: f64) -> Result<Trajectories> {
    let states: Vec<(f64, ArrayView2<f64>)> = paths.states().filter(|(sigma, _)| *sigma > 0.0).collect();
    let within = |sigma: f64| sigma >= lowest && sigma <= highest;
    if states.iter().filter(|(sigma, _)| within(*sigma)).count() >= FRAMES {
        return paths.within(lowest..=highest);
    }
    let (Some(first), Some(last)) = (states.first(), states.last()) else {
        return paths.within(lowest..=highest);
    };
    let (top, bottom) = (libm::log(first.0.min(highest)), libm::log(last.0.max(lowest)));
    let mut out: Vec<(f64, Array2<f64>)> = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let level = top + (bottom - top) * frame as f64 / (FRAMES - 1) as f64;
        let sigma = libm::exp(level);
        let Some(after) = states.iter().position(|(s, _)| *s <= sigma) else { break };
        let (s, x) = &states[after];
        let state = match after.checked_sub(1).and_then(|before| states.get(before)) {
            Some((above, earlier)) if *s < sigma => {
                let part = (libm::log(*above) - level) / (libm::log(*above) - libm::log(*s));
                earlier + &((x - earlier) * part)
            }
            _ => x.to_owned(),
        };
        if out.last().is_none_or(|(before, _)| sigma < *before) {
            out.push((sigma, state));
        }
    }
    if out.is_empty() {
        return paths.within(lowest..=highest);
    }
    Trajectories::of_states(out)
}

/// How many of these levels were recorded.
fn recorded_between(paths: &Trajectories, shown: &Trajectories) -> usize {
    let recorded: Vec<f64> = paths.states().map(|(sigma, _)| sigma).collect();
    shown.states().filter(|(sigma, _)| recorded.contains(sigma)).count()
}

/// The longest side of the data.
fn longest(points: ArrayView2<f64>) -> f64 {
    let side = |column: ndarray::ArrayView1<f64>| {
        let (low, high) =
            column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        high - low
    };
    points.columns().into_iter().map(side).fold(0.0, f64::max)
}

fn exact_run(setting: &Setting, lowest: f64, seed: u64) -> Result<Trajectories> {
    let deviation = Moments::of(setting.model.points()).std;
    let sampler = Sampler::new(Heun::new(), LogLinear::new(lowest..HIGHEST * deviation.max(lowest), LEVELS));
    let mut paths = Trajectories::new();
    sampler.seed(seed).run_observed(&setting.model, SAMPLES, &mut paths)?;
    Ok(paths)
}

/// Tells an observer of a record, as the run would have.
fn follow(ridge: &Ridge, paths: &Trajectories) -> Result<RidgeRun> {
    let mut observer = FollowRidge::new(ridge);
    let states: Vec<(f64, ArrayView2<f64>)> = paths.states().collect();
    for (step, (sigma, state)) in states.iter().enumerate() {
        let samples: Vec<u64> = (0..state.nrows() as u64).collect();
        let progress = Progress {
            step: step + 1,
            steps: states.len(),
            finished: 0,
            total: state.nrows(),
            sigma: *sigma,
            samples: &samples,
            state: *state,
        };
        if observer.observe(&progress) == ControlFlow::Break(()) {
            break;
        }
    }
    observer.finish()
}

fn statement(whose: &str, phases: &Phases, (highest, at_end): (f64, f64)) -> String {
    let Some(reach) = phases.run.reach else {
        return format!(
            "{whose} did not come to stay within the tube around the ridge, 95 % of them at every level: at the lowest at which \
             the ridge is clear, {} are in it.",
            words::percent(at_end)
        );
    };
    let mut text = match reach < highest {
        true => format!(
            "{whose} have reached the ridge by noise level {}: from there on 95 % of them stay within its tube",
            words::number(reach)
        ),
        false => format!(
            "{whose} are within the ridge's tube from the data's own deviation ({}) on",
            words::number(reach)
        ),
    };
    match phases.run.aligned {
        Some(aligned) => {
            text += &format!("; from {} on they mainly slide along it", words::number(aligned));
        }
        None => text += "; they do not come to slide along it",
    }
    if let Some(settled) = phases.run.settled {
        text += &format!(", until {}", words::number(settled));
    }
    text + "."
}

fn speeds(run: &RidgeRun) -> Figure {
    let series = |name: &str, of: &dyn Fn(usize) -> Option<Summary>| {
        let point = |i: usize| Some((run.levels[i].sigma, of(i)?.quantiles[2])).filter(|(_, y)| *y > 0.0);
        Series { name: name.into(), points: (0..run.levels.len()).filter_map(point).collect() }
    };
    let level = |i: usize| &run.levels[i];
    let mut drawn = vec![
        series("distance to the ridge", &|i| level(i).over_defined(&level(i).distances)),
        series("speed towards the ridge", &|i| level(i).over_moving(&level(i).approach_speeds)),
        series("speed along the ridge", &|i| level(i).over_moving(&level(i).tangential_speeds)),
    ];
    let tube = run.levels.iter().map(|l| (l.sigma, run.kappa * l.spread)).collect();
    drawn.retain(|series| !series.points.is_empty());
    drawn.push(Series { name: "radius of the tube".into(), points: tube });
    Figure {
        id: "phases".into(),
        title: "Reach, align, slide".into(),
        caption: "A run from high noise (right) to low (left): distance to the ridge of its own noise level, and the speeds \
                  towards it and along it per unit of −log σ; medians over samples. Samples reach the tube, then come \
                  nearer, and slide where the speed along is the larger."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("noise level σ (data units)"),
            y: Axis::log("data units"),
            series: drawn,
        },
    }
}
