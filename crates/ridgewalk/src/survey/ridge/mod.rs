//! Where samples are relative to the ridge of the data: on it, off it, or between the data along it.
//!
//! The ridge is that of the training data smoothed by noise of level σ ([`crate::geometry`], arXiv 2602.06021). Its
//! dimension and the level at which it is told are those at which the spectrum of gains has its widest gap. What
//! counts as near is what data that the ridge was not made of show: held-out data, or a tenth of the training data
//! that is kept back.

mod error_parts;
mod run;
pub(super) mod setting;

use ndarray::{Array2, ArrayView2};

use super::finding::{Axis, Cell, Figure, Finding, Plot, Series, Table};
use super::{Probe, Subject, words};
use crate::error::Result;
use crate::geometry::Ridge;
use crate::metrics::Bootstrap;
use crate::metrics::binomial::fraction_interval;
use crate::metrics::bootstrap::{median, quantile_of_sorted};
use crate::neighbours::nearest;
use setting::Setting;

/// Fewer training points have no ridge to speak of.
const FEWEST: usize = 32;
/// A ridge whose widest gap is below this is called unclear.
const CLEAR_GAP: f64 = 0.5;
/// Of data like the training data this share counts as near the ridge, or as near a point.
const NEAR: f64 = 0.95;

/// Distance of samples to the ridge of the smoothed data over σ, the share on the ridge, the share between the
/// data, and with a model the normal and tangential parts of its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RidgeDistance;

/// Points against one ridge.
pub(super) struct Measured {
    /// Distances to the ridge; infinite where the projection did not end on one.
    distances: Vec<f64>,
}

/// One level: σ, samples, and the data that the ridge was not made of.
struct Level<'a> {
    sigma: f64,
    samples: Measured,
    null: &'a Measured,
}

impl Probe for RidgeDistance {
    fn id(&self) -> &'static str {
        "ridge-distance"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let train = subject.reference().train();
        if train.dim() < 2 {
            return Some("needs two dimensions: a ridge has fewer than the data".into());
        }
        match subject.reference().distinct_train() {
            Ok(distinct) if distinct.len() < FEWEST => {
                Some(format!("needs {FEWEST} different training points, to see a ridge"))
            }
            _ => None,
        }
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let setting = subject.reference().ridge()?;
        let samples = setting.some(subject.samples().values());
        let mut levels = Vec::new();
        for (&sigma, null) in setting.levels.iter().zip(&setting.null) {
            levels.push(Level { sigma, samples: setting.measure(samples.view(), sigma)?, null });
        }
        let train = subject.reference().distinct_train()?;
        let near = nearest(samples.view(), train.values(), 1)?.nearest_distances().to_vec();
        let between = Between::of(setting, &levels, &near);
        let mut findings = findings(subject, setting, &levels, &between, bootstrap);
        if let Some(model) = subject.denoiser() {
            findings.extend(error_parts::findings(subject, model, setting, bootstrap)?);
        }
        findings.extend(run::findings(subject, setting, bootstrap.seed)?);
        Ok(findings.into_iter().map(|finding| setting.record(finding)).collect())
    }
}

impl Setting {
    fn measure(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Measured> {
        let found = Ridge::new(&self.model, self.dimension)?.project(x, sigma)?;
        let lengths = found.distances();
        let distance = |row: usize| if found.on_ridge(row) { lengths[row] } else { f64::INFINITY };
        let distances = (0..x.nrows()).map(distance).collect();
        Ok(Measured { distances })
    }
}

impl Measured {
    /// Those that reached a ridge.
    fn reached(&self) -> Vec<f64> {
        self.distances.iter().copied().filter(|d| d.is_finite()).collect()
    }

    /// Points no farther from the ridge than `radius`.
    fn on(&self, radius: f64) -> usize {
        self.distances.iter().filter(|d| **d <= radius).count()
    }
}

impl Level<'_> {
    /// The distance to the ridge that most data like the training data stay within.
    fn radius(&self, floor: f64) -> f64 {
        most(self.null.reached()).max(floor)
    }
}

/// What `NEAR` of the values stay within.
fn most(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    quantile_of_sorted(&values, NEAR).unwrap_or(f64::INFINITY)
}

/// Points that are far from all training points, but on the ridge at some level: at low ones the ridge does not
/// reach across a gap between data that have a width, since near their end they spread more across than along.
struct Between {
    /// Farther from the nearest training point than most of the null.
    far: f64,
    samples: usize,
    null: usize,
}

impl Between {
    fn of(setting: &Setting, levels: &[Level<'_>], near: &[f64]) -> Self {
        let far = most(setting.null_nearest.clone());
        let count = |near: &[f64], of: &dyn Fn(&Level<'_>, usize) -> f64| {
            let on = |row: usize| levels.iter().any(|level| of(level, row) <= level.radius(setting.floor));
            near.iter().enumerate().filter(|(row, near)| **near > far && on(*row)).count()
        };
        Between {
            far,
            samples: count(near, &|level, row| level.samples.distances[row]),
            null: count(&setting.null_nearest, &|level, row| level.null.distances[row]),
        }
    }
}

fn findings(
    subject: &Subject,
    setting: &Setting,
    levels: &[Level<'_>],
    between: &Between,
    bootstrap: &Bootstrap,
) -> Vec<Finding> {
    let at = &levels[setting.chosen];
    let (own, null) = (at.samples.reached(), at.null.reached());
    let radius = at.radius(setting.floor);
    let n = at.samples.distances.len();
    let ridge = format!(
        "the ridge of the data (of dimension {}, at noise level {})",
        setting.dimension,
        words::number(at.sigma)
    );
    let (value, interval) = (median(&own), bootstrap.median(&own));
    let mut statement = match own.is_empty() {
        true => format!("None of the samples has a place on {ridge}."),
        false => format!(
            "Samples are {} from {ridge}, in the median{}; {} are {} from it.",
            words::number(value),
            words::interval(interval, words::number),
            setting.null_name,
            words::number(median(&null)),
        ),
    };
    if setting.gap < CLEAR_GAP {
        statement += &format!(
            " But at no noise level do the data show a ridge clearly (the widest gap of the spectrum is {:.2}, where 1 parts \
             along from across): they are few for their dimension, and this is the distance to training points and the \
             curves between them.",
            setting.gap
        );
    }
    let lost = n - own.len();
    if lost > 0 && !own.is_empty() {
        statement += &format!(
            " {} of {n} samples found no ridge where they are ({} of {} of those data).",
            lost,
            at.null.distances.len() - null.len(),
            at.null.distances.len()
        );
    }
    // Of none there is no distance: the share that found a ridge is told alone.
    let mut distance = Finding::new("ridge-distance", statement.clone(), value, n)
        .table(table(subject, setting, levels))
        .figure(figure(subject, setting, levels));
    if let Some(interval) = interval {
        distance = distance.interval(interval);
    }
    let share = |id: &str, count: usize, of_null: usize, words: &str| {
        let (fraction, interval) = (count as f64 / n as f64, fraction_interval(count, n));
        let statement = format!(
            "{}{} of the samples {words}; of {} it is {}.",
            words::percent(fraction),
            words::interval(interval, words::percent),
            setting.null_name,
            words::percent(of_null as f64 / at.null.distances.len() as f64),
        );
        let finding = Finding::new(id, statement, fraction, n)
            .setting("within", radius)
            .setting("far_from_data", between.far);
        match interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        }
    };
    let on = format!("are on the ridge: within {} of it", words::number(radius));
    let far = format!(
        "are farther than {} from every training point, but on the ridge at one of the noise levels: between the data",
        words::number(between.far)
    );
    let mut on_ridge = share("share-on-ridge", at.samples.on(radius), at.null.on(radius), &on);
    if own.is_empty() {
        on_ridge.statement = format!("{statement} {}", on_ridge.statement);
        on_ridge = on_ridge.table(table(subject, setting, levels)).figure(figure(subject, setting, levels));
    }
    let between = share("between-data", between.samples, between.null, &far);
    let first = (!own.is_empty()).then_some(distance);
    first.into_iter().chain([on_ridge, between]).collect()
}

fn table(subject: &Subject, setting: &Setting, levels: &[Level<'_>]) -> Table {
    let columns = ["noise level", "points", "median distance", "on the ridge", "no ridge there"];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for level in levels {
        let radius = level.radius(setting.floor);
        for (name, measured) in [(subject.name(), &level.samples), (setting.null_name, level.null)] {
            let n = measured.distances.len() as f64;
            let reached = measured.reached();
            let middle = match reached.is_empty() {
                true => "–".into(),
                false => Cell::Number(median(&reached)),
            };
            rows.push(vec![
                level.sigma.into(),
                name.into(),
                middle,
                words::percent(measured.on(radius) as f64 / n).into(),
                words::percent(1.0 - reached.len() as f64 / n).into(),
            ]);
        }
    }
    Table { columns: columns.map(String::from).to_vec(), rows }
}

fn figure(subject: &Subject, setting: &Setting, levels: &[Level<'_>]) -> Figure {
    let series = |name: &str, measured: Vec<&Measured>| {
        let point = |(level, measured): (&Level, &Measured)| {
            let reached = measured.reached();
            // A curve needs more than a few points to have a middle.
            (2 * reached.len() >= measured.distances.len()).then(|| (level.sigma, median(&reached)))
        };
        let points = levels.iter().zip(measured).filter_map(point).filter(|(_, y)| *y > 0.0).collect();
        Series { name: name.into(), points }
    };
    let spread = ((setting.model.points().ncols() - setting.dimension) as f64).sqrt();
    let noise = levels.iter().map(|level| (level.sigma, level.sigma * spread)).collect();
    let mut drawn = vec![
        series(subject.name(), levels.iter().map(|level| &level.samples).collect()),
        series(setting.null_name, levels.iter().map(|level| level.null).collect()),
    ];
    drawn.retain(|series| !series.points.is_empty());
    drawn.push(Series { name: "noise of that level".into(), points: noise });
    Figure {
        id: "ridge-distance".into(),
        title: "How far from the ridge?".into(),
        caption: "Median distance to the ridge of the smoothed data over the noise level that smooths them. Samples below \
                  the held-out data are cleaner than these; above them they are off the data's ridge. The last line is \
                  the distance that noise of that level alone would have."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("noise level σ of the ridge (data units)"),
            y: Axis::log("distance to the ridge (data units)"),
            series: drawn,
        },
    }
}

/// Rows of x in a fixed random order, at most `most`.
fn drawn(x: ArrayView2<f64>, most: usize, purpose: u64) -> Array2<f64> {
    use crate::random::{Purpose, Stream};
    if x.nrows() <= most {
        return x.to_owned();
    }
    let mut order = Stream::new(0, Purpose::Split, purpose, 0).permutation(x.nrows());
    order.truncate(most);
    order.sort_unstable();
    x.select(ndarray::Axis(0), &order)
}
