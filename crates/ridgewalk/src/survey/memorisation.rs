//! Which samples are copies of training points, judged by held-out data and not by a threshold of
//! our choosing.
//!
//! For a point x, with distances d_T to the training set T and d_H to the held-out set H (without
//! x itself), the *relative distance* is
//!
//! ```text
//! s(x) = d_T(x) / (d_T(x) + d_H(x))       0: on a training point;  1: on a held-out point
//! ```
//!
//! A sample is *memorised* if s is below the m-th smallest s of the held-out points, where
//! m = ⌊q(n_H + 1)⌋, q = 1 %: a new point falls there with probability m/(n_H + 1) by
//! exchangeability, whatever the distribution, dimension and sizes of the sets (conformal
//! p-values, Vovk et al. 2005; the null leaves one point out, an O(1/n_H) difference on the safe
//! side). Relative, because a distance alone calls every clean sample of noisy data a copy: noise
//! adds to both distances alike. With few held-out points q is raised to 1/(n_H + 1).
//!
//! Below [`Memorisation::MIN_HELD_OUT`] held-out points there is no calibration. The rule is then
//! d₁/d₂ < 1/3, nearest against second nearest distinct training point (arXiv 2310.02664), and the
//! finding says that it is uncalibrated.
//!
//! Euclidean distance sees copies in the data's own coordinates: a shifted or recoloured image is
//! new to it. Survey features for that.

use ndarray::ArrayView1;

use super::finding::{Axis, Cell, Expectation, Figure, Finding, Group, Plot, Table};
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::binomial::{binomial_quantile, fraction_interval, order_statistic_range};
use crate::metrics::bootstrap::Bootstrap;
use crate::neighbours::Neighbours;

/// The fraction of samples that are memorised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Memorisation {
    /// Fraction q of new data that may be called memorised.
    pub level: f64,
}

impl Default for Memorisation {
    fn default() -> Self {
        Memorisation { level: 0.01 }
    }
}

/// The verdict on every sample, and how it was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdicts {
    /// s(x) of every sample; d₁/d₂ where there is no null.
    pub scores: Vec<f64>,
    /// The same of every held-out point; empty where there is no null.
    pub null: Vec<f64>,
    /// Samples with a score below it are memorised.
    pub threshold: f64,
    /// Rank m of the threshold among the null; 0 where there is no null.
    pub rank: usize,
    /// The verdicts.
    pub memorised: Vec<bool>,
}

impl Memorisation {
    /// With fewer held-out points than this there is no threshold at 5 % or less.
    pub const MIN_HELD_OUT: usize = 19;
    /// The uncalibrated rule's bound of d₁/d₂ (arXiv 2310.02664, after arXiv 2301.13188).
    pub const RATIO: f64 = 1.0 / 3.0;

    /// Judges every sample.
    ///
    /// # Errors
    /// If the level is not in (0, 1), or the dimensions differ, or there are neither
    /// enough held-out points nor two distinct training points.
    pub fn verdicts(&self, subject: &Subject) -> Result<Verdicts> {
        if !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::argument("level", format!("is {}", self.level), "choose 0.01, or in (0, 1)"));
        }
        if let Some(reason) = self.inapplicable(subject) {
            return Err(Error::argument("reference", reason, "give more training or held-out points"));
        }
        let reference = subject.reference();
        let train = subject.to_train()?;
        let null = (reference.held_out_to_train()?, reference.held_out_to_others()?, subject.to_held_out()?);
        let (scores, null, rank) = match null {
            (Some(null_train), Some(null_others), Some(held_out)) if calibrated(subject) => {
                let null =
                    relative(null_train.nearest_distances().iter(), null_others.nearest_distances().iter());
                let rank = (self.level * (null.len() as f64 + 1.0)).floor() as usize;
                let scores = relative(train.nearest_distances().iter(), held_out.nearest_distances().iter());
                let rank = rank.clamp(1, null.len());
                (scores, null, rank)
            }
            _ => (train.distances.outer_iter().map(second_ratio).collect(), Vec::new(), 0),
        };
        let threshold = if rank == 0 { Self::RATIO } else { smallest(&null, rank) };
        let memorised = scores.iter().map(|&score| score < threshold).collect();
        Ok(Verdicts { scores, null, threshold, rank, memorised })
    }
}

impl Probe for Memorisation {
    fn id(&self) -> &'static str {
        "memorised-fraction"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let distinct = subject.reference().train().len() - subject.reference().duplicates().ok()?;
        (!calibrated(subject) && distinct < 2)
            .then(|| format!("needs {} held-out points or two distinct training points", Self::MIN_HELD_OUT))
    }

    fn measure(&self, subject: &Subject, _bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let verdicts = self.verdicts(subject)?;
        let finding = if verdicts.rank == 0 {
            uncalibrated(subject, &verdicts)
        } else {
            self.calibrated(subject, &verdicts)?
        };
        let mut finding = finding.setting("intervals", "exact binomial (Clopper-Pearson)");
        finding.statement += &subject.reference().duplicates_note()?;
        Ok(vec![finding])
    }
}

impl Memorisation {
    fn calibrated(&self, subject: &Subject, verdicts: &Verdicts) -> Result<Finding> {
        let (own, null) = (Count::of(&verdicts.memorised), verdicts.null.len());
        let rank = verdicts.rank;
        let nominal = rank as f64 / (null as f64 + 1.0);
        let range = order_statistic_range(rank, null).unwrap_or((0.0, 1.0));
        let most = binomial_quantile(own.of, range.1, 0.975) as f64 / own.of as f64;
        let mut statement = format!(
            "{} of the samples are memorised{}: closer to a training point, relative to held-out data, than {} of \
             new data are; new data score {}{} by the same rule.",
            words::percent(own.fraction()),
            words::interval(own.interval(), words::percent),
            words::percent(1.0 - nominal),
            words::percent(nominal),
            words::interval(Some(range), words::percent),
        );
        if nominal > self.level {
            statement +=
                &format!(" With {null} held-out points the rule cannot be as strict as {}.", self.level);
        }
        let leaked = verdicts.null.iter().filter(|&&s| s == 0.0).count();
        if leaked > 0 {
            statement += &format!(
                " {} are exact copies of training points, which {}.",
                words::count(leaked, "held-out point"),
                if verdicts.threshold > 0.0 {
                    "weakens the rule"
                } else {
                    "leaves the rule blind: remove them"
                }
            );
        }
        let expectation = Expectation {
            text: format!(
                "new data from the same source would score at most {} (97.5 % of the time, at the upper end of the null's interval)",
                words::percent(most)
            ),
            at_least: None,
            at_most: Some(most),
        };
        let finding = Finding::new(self.id(), statement, own.fraction(), own.of)
            .setting("rule", "d_train / (d_train + d_held-out) below the held-out quantile")
            .setting("calibrated", true)
            .setting("level", nominal)
            .setting("threshold", verdicts.threshold)
            .table(self.rules(subject, verdicts)?)
            .figure(Figure {
                id: "relative-distance-to-training".into(),
                title: "Copies against new data".into(),
                caption: format!(
                    "0 is a training point, 1 a held-out point. Below {} (the held-out group's {} quantile) a sample counts as memorised.",
                    words::number(verdicts.threshold),
                    words::percent(nominal)
                ),
                plot: Plot::Distributions {
                    x: Axis::linear("distance to training / (distance to training + distance to held-out)"),
                    groups: vec![
                        Group { name: subject.name().into(), values: verdicts.scores.clone() },
                        Group { name: "held-out".into(), values: verdicts.null.clone() },
                    ],
                },
            });
        // A blind rule passes nobody.
        let finding = if verdicts.threshold > 0.0 { finding.expect(expectation) } else { finding };
        Ok(own.attach(finding))
    }

    /// The same count by other rules in use, each with what held-out points score by it.
    fn rules(&self, subject: &Subject, verdicts: &Verdicts) -> Result<Table> {
        // Below the threshold as samples are judged: ties make it fewer than its rank less one.
        let below = verdicts.null.iter().filter(|&&score| score < verdicts.threshold).count();
        let null = Count { hits: below, of: verdicts.null.len() };
        let mut rows = vec![row("relative distance (primary)", Count::of(&verdicts.memorised), null)];
        let own = subject.to_train()?;
        if let Some(held_out) = subject.reference().held_out_to_train()? {
            let threshold = smallest(&held_out.nearest_distances().to_vec(), verdicts.rank);
            let count =
                Count::of(&own.distances.column(0).iter().map(|&d| d < threshold).collect::<Vec<_>>());
            let hits = held_out.distances.column(0).iter().filter(|&&d| d < threshold).count();
            rows.push(row("distance to training alone", count, Count { hits, of: null.of }));
            if own.distances.ncols() > 1 {
                let count = |found: &Neighbours| {
                    let copied = found.distances.outer_iter().map(|d| second_ratio(d) < Self::RATIO);
                    Count::of(&copied.collect::<Vec<_>>())
                };
                rows.push(row("nearest / second nearest < 1/3", count(own), count(held_out)));
            }
        }
        let columns = vec!["rule".into(), subject.name().into(), "held-out".into()];
        Ok(Table { columns, rows })
    }
}

fn uncalibrated(subject: &Subject, verdicts: &Verdicts) -> Finding {
    let own = Count::of(&verdicts.memorised);
    let statement = format!(
        "{} of the samples are less than a third as far from their nearest training point as from the second \
         nearest{}. This rule is NOT calibrated: without at least {} held-out points nobody knows what new data \
         would score.",
        words::percent(own.fraction()),
        words::interval(own.interval(), words::percent),
        Memorisation::MIN_HELD_OUT,
    );
    let finding = Finding::new("memorised-fraction", statement, own.fraction(), own.of)
        .setting("rule", "nearest / second nearest distinct training point < 1/3")
        .setting("calibrated", false)
        .figure(Figure {
            id: "nearest-to-second-nearest".into(),
            title: "Nearest against second nearest training point".into(),
            caption: "Below 1/3 a sample counts as memorised; there is no held-out set to check that rule."
                .into(),
            plot: Plot::Distributions {
                x: Axis::linear("nearest / second nearest distance"),
                groups: vec![Group { name: subject.name().into(), values: verdicts.scores.clone() }],
            },
        });
    own.attach(finding)
}

fn calibrated(subject: &Subject) -> bool {
    subject.reference().held_out_set().is_some_and(|set| set.len() >= Memorisation::MIN_HELD_OUT)
}

/// s = d_T/(d_T + d_H); a point on both sets tells nothing, ½.
fn relative<'a>(train: impl Iterator<Item = &'a f64>, held_out: impl Iterator<Item = &'a f64>) -> Vec<f64> {
    let share = |(&t, &h): (&f64, &f64)| if t + h > 0.0 { t / (t + h) } else { 0.5 };
    train.zip(held_out).map(share).collect()
}

/// d₁/d₂; 1 where both underflow to 0 although the points are distinct.
fn second_ratio(distances: ArrayView1<f64>) -> f64 {
    if distances[1] > 0.0 { distances[0] / distances[1] } else { 1.0 }
}

/// The `rank`-th smallest value, 1 ≤ `rank` ≤ n.
fn smallest(values: &[f64], rank: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted[rank - 1]
}

fn row(rule: &str, own: Count, null: Count) -> Vec<Cell> {
    vec![
        rule.into(),
        words::cell(own.fraction(), own.interval()),
        words::cell(null.fraction(), null.interval()),
    ]
}

/// So many of so many.
#[derive(Clone, Copy)]
pub(super) struct Count {
    pub(super) hits: usize,
    pub(super) of: usize,
}

impl Count {
    pub(super) fn of(flags: &[bool]) -> Self {
        Count { hits: flags.iter().filter(|&&flag| flag).count(), of: flags.len() }
    }

    pub(super) fn fraction(self) -> f64 {
        self.hits as f64 / self.of as f64
    }

    pub(super) fn interval(self) -> Option<(f64, f64)> {
        fraction_interval(self.hits, self.of)
    }

    pub(super) fn attach(self, finding: Finding) -> Finding {
        match self.interval() {
            Some(interval) => finding.interval(interval),
            None => finding,
        }
    }
}
