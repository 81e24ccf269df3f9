//! May this model drop its noise input?
//!
//! A conditional model, a process and a target have an exact blind counterpart. Whether sampling with it is stable is
//! found out by sampling with it: the same starts are run told and blind (`trial.rs`), and the noise that is left
//! in the samples is compared. Beside the outcome stand the quantities that explain it, at some levels on the way
//! (arXiv 2602.18428, section 5):
//!
//! * how well the noise level can be read from a noisy point: the deviation of ln σ given u;
//! * Jensen's gap σE[1/σ|u] − 1;
//! * the gain ν(t) that multiplies an error of the field in the drift, and whether it stays bounded near the data;
//! * the error of the drift, ν‖f* − f_t‖;
//! * what becomes of an error made there: the part of the flow that is linear in u multiplies it by
//!   exp(−∫μ dt) until the data are reached.
//!
//! The last one is what separates the targets: times the level it is the noise that is left if all noise of that level
//! is kept. On the straight path from t that is t/(1 − t) for a prediction of the noise, t for the velocity and the last level
//! for the data; but it is a property of the schedule as much as of the target.

use std::fmt;

use ndarray::{Array2, Axis};

use super::along::{AtLevel, FARTHEST, gain_exponent, measure};
use super::trial::{Landing, Trial, quantile};
use super::{Blind, Target, TimePrior};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::process::{Process, short};
use crate::schedule::{Karras, Schedule, checked};

/// Quantile of the noise left by which a run is judged.
const JUDGED: f64 = 0.9;
/// Blind samples are as good as told ones if they keep at most this many times the noise...
const AS_GOOD: f64 = 2.0;
/// ...or less than this part of the data's widest deviation, which is hardly seen.
const UNSEEN: f64 = 0.02;
/// Noise beyond this part of the data's widest deviation hides what the data are.
const HIDDEN: f64 = 0.5;
/// If noise that is kept from the start would be this many times the data's widest deviation, what is left grows with
/// the level at which one starts, and how much it is in some samples says little about others.
const AMPLIFIED: f64 = 3.0;
/// A told run that keeps more than this part of the data's widest deviation is no measure of anything.
const UNRESOLVED: f64 = 0.2;
/// Samples that spread less than this part of told ones have collapsed.
const COLLAPSED: f64 = 0.6;
/// A level that is known to less than this factor (in ln σ) cannot be read.
const UNREADABLE: f64 = 0.5;
/// The slope of ln ν against −ln σ above which the gain counts as unbounded.
const BOUNDED: f64 = 0.1;
/// Levels at which the explaining quantities are measured.
const LEVELS: usize = 7;
/// Highest and lowest level unless told otherwise, in the data's standard deviation.
const RANGE: (f64, f64) = (160.0, 0.004);
/// How the question is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct BlindTrial {
    /// Samples of each run.
    pub samples: usize,
    /// Steps of each run.
    pub steps: usize,
    /// Seed of starts and noisy points.
    pub seed: u64,
    /// First and last time of the run, the noise first; by default from where the level is 160 times the data's
    /// deviation (or where the process ends) to where it is 0.004 of it (or where the process begins).
    pub times: Option<(f64, f64)>,
    /// The law of times in training; by default [`TimePrior::of_training`] from the run's last time to the process's customary end.
    pub prior: Option<TimePrior>,
    /// Bound on the relative error of posteriors, as [`Blind::tolerance`]: 1e-3 by default, which overstates the error by orders.
    pub tolerance: f64,
}

impl Default for BlindTrial {
    fn default() -> Self {
        BlindTrial { samples: 64, steps: 50, seed: 0, times: None, prior: None, tolerance: 1e-3 }
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stability {
    /// Blind samples are as good as told ones.
    Yes,
    /// Blind samples are those of noisy data: nine in ten keep at most this noise level.
    OnlyAbove(f64),
    /// Blind samples keep so much noise that the data are hidden, or as much as the start makes them keep, or have collapsed.
    No,
}

/// Why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The noise level is read well enough, and errors do not matter.
    Readable,
    /// Errors shrink on the way.
    Contracted,
    /// The noise level cannot be read, and that does not show in the samples.
    Harmless,
    /// The noise level cannot be read from a point: too few dimensions.
    Unreadable,
    /// An early error is carried to the end.
    Carried,
    /// An early error grows on the way.
    Amplified,
    /// Samples end between the data or at few of them.
    Collapsed,
}

/// The verdict on a model, a process and a target.
#[derive(Debug, Clone, PartialEq)]
pub struct Blindness {
    /// The process.
    pub process: String,
    /// What the blind model predicts.
    pub target: Target,
    /// First and last time of the runs.
    pub times: (f64, f64),
    /// Along the way, from the noise to the data.
    pub levels: Vec<AtLevel>,
    /// p in ν ∝ σ^(−p) as σ → 0.
    pub gain_exponent: f64,
    /// Standard deviation of the data along their widest direction, as told samples have it.
    pub deviation: f64,
    /// The run that was told the noise level.
    pub told: Landing,
    /// The blind run.
    pub blind: Landing,
    /// The answer.
    pub stability: Stability,
    /// Why.
    pub cause: Cause,
}

/// Whether a blind model of `target` under `process` samples as well as `model` does when it is told the noise level.
///
/// ```
/// use ridgewalk::autonomous::{BlindTrial, Stability, Target, blindness};
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::FlowMatching;
///
/// let model = Empirical::new(&ridgewalk_data::digits().select(&(0..40).collect::<Vec<_>>())?)?;
/// let trial = BlindTrial { samples: 8, steps: 20, ..BlindTrial::default() };
/// let data = blindness(&model, &FlowMatching, Target::Data, &trial)?;
/// assert_eq!(data.stability, Stability::Yes);
/// let noise = blindness(&model, &FlowMatching, Target::Noise, &trial)?;
/// assert_eq!(noise.stability, Stability::No);
/// println!("{noise}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the trial has no samples or steps, its times are not ones of the process, or the model cannot be asked.
pub fn blindness(
    model: &dyn Denoiser,
    process: &dyn Process,
    target: Target,
    trial: &BlindTrial,
) -> Result<Blindness> {
    if trial.samples < 2 || trial.steps < 2 {
        let problem = format!("has {} samples and {} steps", trial.samples, trial.steps);
        return Err(Error::argument("trial", problem, "take at least two of both"));
    }
    let scale = model.moments().map_or(1.0, |m| m.std);
    let scale = if scale > 0.0 { scale } else { 1.0 };
    let (from, to) = trial.range(process, scale);
    let prior = match &trial.prior {
        Some(prior) => prior.clone(),
        None => {
            let last = from.max(process.customary_times().end.min(process.end()));
            TimePrior::of_training(process, to..last)?
        }
    };
    let blind = Blind::from(model, process, prior)?.tolerance(trial.tolerance);
    let field = blind.field(target);
    let (levels, told, start) = resolved(model, process, (from, to), trial)?;
    let run = Trial { model, levels: &levels, samples: trial.samples, seed: trial.seed };
    let landed = run.blind(field, process, &start)?;
    let deviation = widest(&told);
    let reports = (0..LEVELS)
        .map(|i| {
            // Even in the logarithm of the level.
            let part = i as f64 / (LEVELS - 1) as f64;
            let level = levels[0] * libm::pow(levels[levels.len() - 1] / levels[0], part);
            at_level(&run, &blind, target, process.time(level), to, i as u64 + 1, FARTHEST * scale)
        })
        .collect::<Result<Vec<AtLevel>>>()?;
    let (stability, cause) = judge(&told, &landed, deviation, &reports, target);
    Ok(Blindness {
        process: process.name().into(),
        target,
        times: (from, to),
        gain_exponent: gain_exponent(process, target, to),
        levels: reports,
        deviation,
        told,
        blind: landed,
        stability,
        cause,
    })
}

impl BlindTrial {
    /// First and last time of the runs, of data of this standard deviation.
    pub fn range(&self, process: &dyn Process, deviation: f64) -> (f64, f64) {
        self.times.unwrap_or_else(|| {
            let times = process.customary_times();
            let last = times.end.min(process.end());
            let highest = process.time(RANGE.0 * deviation).min(last);
            (highest, process.time(RANGE.1 * deviation).max(times.start))
        })
    }
}

/// Levels of the runs with the told run over them: even in the process's time, as they are usual; or Karras's, and more of them,
/// where the told run is not good over those and nobody asked for these times. Of a run that fails when it is told nothing
/// can be learned.
fn resolved(
    model: &dyn Denoiser,
    process: &dyn Process,
    (from, to): (f64, f64),
    trial: &BlindTrial,
) -> Result<(Vec<f64>, Landing, Array2<f64>)> {
    let steps = trial.steps;
    let even = |i: usize| process.noise_level(from + (to - from) * i as f64 / steps as f64);
    let even = checked((0..=steps).map(even).collect())?;
    let range = process.noise_level(to)..process.noise_level(from);
    let mut grids = vec![even];
    if trial.times.is_none() {
        for factor in [1, 4] {
            grids.push(Karras::new(range.clone(), factor * steps + 1).levels()?);
        }
    }
    let mut best: Option<(Vec<f64>, Landing, Array2<f64>)> = None;
    for levels in grids {
        let run = Trial { model, levels: &levels, samples: trial.samples, seed: trial.seed };
        let start = run.start();
        let told = run.told(&start)?;
        let (left, deviation) = (told.quantile(JUDGED), widest(&told));
        if best.as_ref().is_none_or(|(_, best, _)| left < best.quantile(JUDGED)) {
            best = Some((levels, told, start));
        }
        if left <= UNSEEN * deviation {
            break;
        }
    }
    match best {
        Some((levels, told, start)) if told.quantile(JUDGED) <= UNRESOLVED * widest(&told) => {
            Ok((levels, told, start))
        }
        best => Err(Error::Numerical {
            what: "the run that is told its noise level",
            problem: format!(
                "keeps noise of {} (in units in which the data's widest deviation is {}) in {} steps",
                short(best.as_ref().map_or(f64::NAN, |(_, told, _)| told.quantile(JUDGED))),
                short(best.as_ref().map_or(f64::NAN, |(_, told, _)| widest(told))),
                steps
            ),
            help: "take more steps, or end at a lower noise level".into(),
        }),
    }
}

fn at_level(
    run: &Trial,
    blind: &Blind,
    target: Target,
    time: f64,
    end: f64,
    number: u64,
    most: f64,
) -> Result<AtLevel> {
    let level = blind.process().noise_level(time);
    measure(blind, target, run.noisy(level, number).view(), (time, end), most)
}

/// Standard deviation along the widest direction, by power iteration.
fn widest(landing: &Landing) -> f64 {
    let points = &landing.points;
    let Some(mean) = points.mean_axis(Axis(0)) else { return 0.0 };
    let centered = points - &mean;
    let mut direction = centered.sum_axis(Axis(0));
    // A start that no row is orthogonal to.
    if let Some(row) = centered.outer_iter().max_by(|a, b| a.dot(a).total_cmp(&b.dot(b))) {
        direction.assign(&row);
    }
    let mut value = 0.0;
    for _ in 0..100 {
        let length = direction.dot(&direction).sqrt();
        if length == 0.0 {
            return 0.0;
        }
        direction /= length;
        direction = centered.t().dot(&centered.dot(&direction));
        value = direction.dot(&direction).sqrt();
    }
    (value / points.nrows().max(1) as f64).sqrt()
}

fn judge(
    told: &Landing,
    blind: &Landing,
    deviation: f64,
    levels: &[AtLevel],
    target: Target,
) -> (Stability, Cause) {
    let (left, reference) = (blind.quantile(JUDGED), told.quantile(JUDGED));
    let collapsed = blind.spread < COLLAPSED * told.spread;
    let readable = typical_width(levels, deviation) < UNREADABLE;
    let kept = levels.first().map_or(0.0, |at| at.kept);
    let good = (AS_GOOD * reference).max(UNSEEN * deviation);
    let failed = blind.share_above(good);
    let amplified = kept > AMPLIFIED * deviation;
    // Of errors that grow, one is enough: another start makes more of it.
    if left <= good && (failed == 0.0 || !amplified) {
        let contracted =
            kept <= (AS_GOOD * reference).max(UNSEEN * deviation) || target == Target::Equilibrium;
        return match collapsed {
            true => (Stability::No, Cause::Collapsed),
            false if contracted => (Stability::Yes, Cause::Contracted),
            false if readable => (Stability::Yes, Cause::Readable),
            false => (Stability::Yes, Cause::Harmless),
        };
    }
    let cause = match () {
        _ if collapsed => Cause::Collapsed,
        _ if !readable => Cause::Unreadable,
        _ if amplified => Cause::Amplified,
        _ => Cause::Carried,
    };
    if collapsed || cause == Cause::Amplified || left > HIDDEN * deviation {
        return (Stability::No, cause);
    }
    (Stability::OnlyAbove(left), cause)
}

/// Median over levels at which there is something of the data to be seen.
fn typical_width(levels: &[AtLevel], deviation: f64) -> f64 {
    let mut widths: Vec<f64> =
        levels.iter().filter(|at| at.level <= 2.0 * deviation).map(|at| at.width).collect();
    widths.sort_by(f64::total_cmp);
    quantile(&widths, 0.5)
}

impl Blindness {
    /// How well the noise level can be read from a point, in parts of it: the median of [`AtLevel::width`] over levels
    /// at which the data can be seen.
    pub fn width(&self) -> f64 {
        typical_width(&self.levels, self.deviation)
    }

    /// Whether the gain ν(t) stays bounded near the data (arXiv 2602.18428, section 5). It is necessary for nothing and sufficient for nothing: see
    /// [`AtLevel::kept`].
    pub fn bounded_gain(&self) -> bool {
        self.gain_exponent <= BOUNDED
    }

    /// Yes, no, or only above a noise level, in short.
    pub fn answer(&self) -> String {
        match self.stability {
            Stability::Yes => "yes".into(),
            Stability::No => "no".into(),
            Stability::OnlyAbove(level) => format!("only above noise level {}", short(level)),
        }
    }

    /// Share of blind samples that keep more noise than told ones do (more than twice their 90th percentile, and more than a
    /// fiftieth of the data's widest deviation).
    pub fn failed(&self) -> f64 {
        self.blind.share_above((AS_GOOD * self.told.quantile(JUDGED)).max(UNSEEN * self.deviation))
    }

    /// The noise that nine in ten blind samples stay below, and that of told ones.
    pub fn noise_left(&self) -> (f64, f64) {
        (self.blind.quantile(JUDGED), self.told.quantile(JUDGED))
    }

    fn reason(&self) -> String {
        let (blind, told) = self.noise_left();
        let left = format!(
            "one blind sample in ten keeps noise of {} or more (told the level: {})",
            short(blind),
            short(told)
        );
        let left = match self.failed() {
            failed if failed > 0.0 => {
                format!("{left}, {} % keep more than they should", short((100.0 * failed).round()))
            }
            _ => left,
        };
        let kept = self.levels.first().map_or(0.0, |at| at.kept);
        let read =
            format!("a point tells its noise level to within {} %", short((100.0 * self.width()).max(0.1)));
        let misread = format!(
            "a hundredth of the start's noise misread is a noise level of {} in the samples",
            short(0.01 * kept)
        );
        match self.cause {
            Cause::Readable => format!("{read}, and that is enough: {left}"),
            Cause::Contracted => format!(
                "what is misread early is undone later, down to a noise level of {}: {left}",
                short(kept)
            ),
            Cause::Harmless => format!("{read}, and yet little of that shows: {left}"),
            Cause::Unreadable => {
                format!("the noise level cannot be read from so few dimensions ({read}): {left}")
            }
            Cause::Carried => {
                format!("{read}, and what is misread early is carried to the end, {misread}: {left}")
            }
            Cause::Amplified => format!("{read}, but what is misread early grows, {misread}: {left}"),
            Cause::Collapsed => format!(
                "blind samples collapse: they spread over {} of what told ones do; {left}",
                short(self.blind.spread / self.told.spread)
            ),
        }
    }
}

impl fmt::Display for Blindness {
    /// One sentence: the answer and the reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answer = match self.stability {
            Stability::Yes => "yes, it may drop its noise input",
            Stability::No => "no, it may not drop its noise input",
            Stability::OnlyAbove(level) => {
                let answer = format!(
                    "without its noise input, samples have noise of level {} (the data's widest standard deviation is {})",
                    short(level),
                    short(self.deviation)
                );
                return self.write(f, &answer);
            }
        };
        self.write(f, answer)
    }
}

impl Blindness {
    fn write(&self, f: &mut fmt::Formatter<'_>, answer: &str) -> fmt::Result {
        write!(f, "Predicting the {} under {}: {answer}; {}.", self.target, self.process, self.reason())
    }

    /// In other units: all noise levels times `unit`.
    pub fn in_units(mut self, unit: f64) -> Self {
        for at in &mut self.levels {
            (at.level, at.read, at.kept) = (at.level * unit, at.read * unit, at.kept * unit);
        }
        self.deviation *= unit;
        for landing in [&mut self.told, &mut self.blind] {
            landing.points *= unit;
            landing.noise.iter_mut().for_each(|noise| *noise *= unit);
            landing.spread *= unit;
        }
        if let Stability::OnlyAbove(level) = &mut self.stability {
            *level *= unit;
        }
        self
    }
}
