//! May a model of these data drop its noise input? The verdict of [`crate::autonomous::blindness`], for the processes
//! and targets that people train with.
//!
//! It is a question about the data, the process and the target, not about the samples: the closed-form model of the
//! data is run told and blind. The data are centred and divided by their standard deviation (one number, the root mean
//! square over coordinates), as the processes expect; noise levels are given back in the data's own units.

use ndarray::Axis as Dimension;

use super::finding::{Axis, Bar, Cell, Figure, Finding, Plot, Series, Table};
use super::{Probe, Subject, words};
use crate::autonomous::{BlindTrial, Blindness, Stability, Target, TimePrior, blindness};
use crate::closed_form::Empirical;
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::points::PointSet;
use crate::process::{self, Process};
use crate::random::{Purpose, Stream};

/// Of the data at most this many values are used...
const VALUES: usize = 400_000;
/// ...of at most this many points...
const POINTS: usize = 500;
/// ...and at least this many.
const FEWEST: usize = 32;
/// Coordinates beyond which it takes too long.
const WIDEST: usize = 50_000;
/// Whether models of the data may drop their noise input.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseInput {
    /// The processes, as they are named, with what is predicted.
    pub questions: Vec<(String, Target)>,
    /// Samples of each run.
    pub samples: usize,
    /// Steps of each run.
    pub steps: usize,
    /// The law of times in training, as it is named ([`TimePrior::named`]); by default [`TimePrior::of_training`].
    pub prior: Option<String>,
    /// Highest and lowest noise level of the runs, in the data's units; by default 160 and 0.004 of their standard
    /// deviation, or where the process ends.
    pub levels: Option<(f64, f64)>,
}

impl Default for NoiseInput {
    fn default() -> Self {
        let questions = [
            ("flow-matching", Target::Velocity),
            ("flow-matching", Target::Noise),
            ("flow-matching", Target::Data),
            ("flow-matching", Target::Equilibrium),
            ("variance-preserving", Target::Noise),
            ("variance-preserving", Target::VPrediction),
            ("variance-preserving", Target::Data),
            ("variance-exploding", Target::Data),
            ("variance-exploding", Target::Noise),
        ];
        NoiseInput {
            questions: questions.map(|(process, target)| (process.into(), target)).to_vec(),
            samples: 24,
            steps: 32,
            prior: None,
            levels: None,
        }
    }
}

/// BlindVerdicts on the data, in their own units.
#[derive(Debug, Clone, PartialEq)]
pub struct BlindVerdicts {
    /// One a question, in the data's units.
    pub verdicts: Vec<Blindness>,
    /// The data's standard deviation: root mean square over coordinates.
    pub scale: f64,
    /// Points of the data that were used.
    pub points: usize,
}

impl NoiseInput {
    /// Asks all questions about `data`.
    ///
    /// # Errors
    /// If all points are equal, there are too many coordinates, or a question has no meaning.
    pub fn ask(&self, data: &PointSet, seed: u64) -> Result<BlindVerdicts> {
        if let Some(reason) = unfit(data) {
            return Err(Error::argument("data", reason, "give other data"));
        }
        let (some, scale) = unit(data, seed)?;
        let model = Empirical::new(&some)?;
        let verdicts = self
            .questions
            .iter()
            .map(|(name, target)| {
                let process = process::named(name)?;
                let verdict = blindness(&model, &*process, *target, &self.trial(&*process, scale, seed)?)?;
                Ok(verdict.in_units(scale))
            })
            .collect::<Result<_>>()?;
        Ok(BlindVerdicts { verdicts, scale, points: some.len() })
    }

    fn trial(&self, process: &dyn Process, scale: f64, seed: u64) -> Result<BlindTrial> {
        let mut trial =
            BlindTrial { samples: self.samples, steps: self.steps, seed, ..BlindTrial::default() };
        if let Some((high, low)) = self.levels {
            let last = scale * process.noise_level(process.end().min(process.customary_times().end));
            if !(high > low && low > 0.0 && high <= last * (1.0 + 1e-9)) {
                return Err(Error::argument(
                    "sigma-max and sigma-min",
                    format!("are {high} and {low}"),
                    format!(
                        "give two noise levels, the higher first, up to {} for {}",
                        words::number(last),
                        process.name()
                    ),
                ));
            }
            trial.times = Some((process.time(high / scale).min(process.end()), process.time(low / scale)));
        }
        if let Some(text) = &self.prior {
            let (from, to) = trial.range(process, 1.0);
            trial.prior =
                Some(TimePrior::named(text, to..from.max(process.customary_times().end.min(process.end())))?);
        }
        Ok(trial)
    }

    /// What the verdicts on `data` say, as a finding.
    pub fn finding(&self, found: &BlindVerdicts, data: &PointSet) -> Finding {
        let first = found.verdicts.first();
        let value = first.map_or(f64::NAN, |v| v.noise_left().0);
        let listed = |begin: &str, wanted: fn(&Stability) -> bool| -> Option<String> {
            let name = |v: &Blindness| match v.stability {
                Stability::OnlyAbove(level) => format!("{} ({})", short_name(v), words::number(level)),
                _ => short_name(v),
            };
            let names: Vec<String> =
                found.verdicts.iter().filter(|v| wanted(&v.stability)).map(name).collect();
            (!names.is_empty()).then(|| format!("{begin} {}", names.join(", ")))
        };
        let parts = [
            listed("works when it predicts", |s| *s == Stability::Yes),
            listed("leaves noise (of the level given) for", |s| matches!(s, Stability::OnlyAbove(_))),
            listed("fails for", |s| *s == Stability::No),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        let statement = format!("Without its noise input a model of these data {}.", parts.join("; it "));
        let mut finding = Finding::new("noise-input", statement, value, self.samples)
            .setting("points", found.points)
            .setting("data_points", data.len())
            .setting("steps", self.steps)
            .setting("standard_deviation", found.scale)
            .setting(
                "judged_by",
                "90th percentile of the noise level of maximum likelihood of the end points",
            )
            .setting("model", "closed form of the data, centred and divided by their standard deviation")
            .setting("resamples", 0)
            .table(table(found));
        for verdict in &found.verdicts {
            finding = finding
                .setting(&format!("{} under {}", verdict.target, verdict.process), verdict.to_string());
        }
        for figure in figures(found) {
            finding = finding.figure(figure);
        }
        finding
    }
}

fn short_name(verdict: &Blindness) -> String {
    format!("{} under {}", verdict.target, verdict.process)
}

fn unfit(data: &PointSet) -> Option<String> {
    let moments = data.moments();
    if data.dim() > WIDEST {
        return Some(format!("has {} coordinates, and takes too long beyond {WIDEST}", data.dim()));
    }
    if data.len() < 2 || moments.std <= 0.0 {
        return Some("needs two points that differ".into());
    }
    None
}

/// Some of the data, centred and of unit deviation, and the deviation that they had.
fn unit(data: &PointSet, seed: u64) -> Result<(PointSet, f64)> {
    let most = (VALUES / data.dim().max(1)).clamp(FEWEST, POINTS);
    let some = if data.len() > most {
        let mut rows = Stream::new(seed, Purpose::Split, 0, 0).permutation(data.len());
        rows.truncate(most);
        rows.sort_unstable();
        data.select(&rows)?
    } else {
        data.clone()
    };
    let moments = some.moments();
    if moments.std <= 0.0 {
        return Err(Error::argument("data", "are equal in the points that were drawn", "give other data"));
    }
    let values = (&some.values() - &moments.mean.view().insert_axis(Dimension(0))) / moments.std;
    Ok((some.with_values(values)?, moments.std))
}

fn table(found: &BlindVerdicts) -> Table {
    let rows = found
        .verdicts
        .iter()
        .map(|v| {
            let (blind, told) = v.noise_left();
            let gap = v.levels.iter().map(|at| at.gap_rms).fold(0.0, f64::max);
            let answer = match v.stability {
                Stability::Yes => "yes".to_string(),
                Stability::No => "no".into(),
                Stability::OnlyAbove(level) => format!("only above {}", words::number(level)),
            };
            vec![
                Cell::from(v.process.clone()),
                v.target.name().into(),
                answer.into(),
                (blind).into(),
                (told).into(),
                (100.0 * v.failed()).into(),
                (100.0 * v.width()).into(),
                gap.into(),
                if v.bounded_gain() {
                    "bounded".into()
                } else {
                    format!("σ^-{:.1}", v.gain_exponent).into()
                },
                v.levels.first().map_or(f64::NAN, |at| at.kept).into(),
                (v.blind.spread / v.told.spread).into(),
            ]
        })
        .collect();
    let columns = [
        "process",
        "predicts",
        "without the noise level?",
        "noise left, blind",
        "noise left, told",
        "failed (%)",
        "level read to (%)",
        "Jensen gap",
        "gain at the data",
        "start's noise, kept",
        "spread (of told)",
    ];
    Table { columns: columns.map(String::from).to_vec(), rows }
}

fn figures(found: &BlindVerdicts) -> Vec<Figure> {
    let mut processes: Vec<&str> = Vec::new();
    found.verdicts.iter().for_each(|v| {
        if !processes.contains(&v.process.as_str()) {
            processes.push(&v.process);
        }
    });
    let width = processes.iter().filter_map(|name| {
        let verdict = found.verdicts.iter().find(|v| v.process == *name)?;
        let points = verdict.levels.iter().map(|at| (at.level, at.width.max(1e-6))).collect();
        Some(Series { name: (*name).into(), points })
    });
    let of_all = |y: &dyn Fn(&crate::autonomous::AtLevel) -> f64| -> Vec<Series> {
        let one = |v: &Blindness| Series {
            name: short_name(v),
            points: v.levels.iter().map(|at| (at.level, y(at))).filter(|p| p.1 > 0.0).collect(),
        };
        found.verdicts.iter().map(one).filter(|series| !series.points.is_empty()).collect()
    };
    let bars =
        found.verdicts.iter().map(|v| Bar { name: short_name(v), value: v.noise_left().0, interval: None });
    let level = || Axis::log("noise level (data units)");
    vec![
        Figure {
            id: "noise-input-left".into(),
            title: "Noise left in samples of a model without its noise input".into(),
            caption: "What nine in ten blind samples stay below; the data's standard deviation, for comparison, is "
                .to_string()
                + &words::number(found.scale)
                + ".",
            plot: Plot::Bars { y: Axis::linear("noise level (data units)"), bars: bars.collect() },
        },
        Figure {
            id: "noise-input-width".into(),
            title: "How well a noisy point tells its own noise level".into(),
            caption: "Standard deviation of ln σ given the point, by noise level. Below 0.1 the level is read to a tenth; \
                      high up all levels look alike where the process keeps the variance."
                .into(),
            plot: Plot::Lines { x: level(), y: Axis::log("deviation of ln σ"), series: width.collect() },
        },
        Figure {
            id: "noise-input-kept".into(),
            title: "What becomes of noise that is misread".into(),
            caption: "The noise level left at the end if all noise of a level is kept: the level times the growth of an error \
                      until the data. A curve that falls to the right is forgiving; one that rises carries early errors on."
                .into(),
            plot: Plot::Lines {
                x: level(),
                y: Axis::log("noise level kept (data units)"),
                series: of_all(&|at| at.kept),
            },
        },
        Figure {
            id: "noise-input-drift".into(),
            title: "Error of the blind drift".into(),
            caption: "Root mean square of ν‖f* − f_t‖ at noisy data, per unit of the process's time: what the blind model's step \
                      is off by."
                .into(),
            plot: Plot::Lines {
                x: level(),
                y: Axis::log("drift error"),
                series: of_all(&|at| at.drift_error),
            },
        },
    ]
}

impl Probe for NoiseInput {
    fn id(&self) -> &'static str {
        "noise-input"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        unfit(subject.reference().train())
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let train = subject.reference().train();
        let found = subject.reference().noise_input(self, bootstrap.seed)?;
        Ok(vec![self.finding(&found, train)])
    }
}
