//! Two concentric circles in many dimensions: where samplers end that are not told the noise level.

use ndarray::Array2;
use ridgewalk::autonomous::{Blind, Target, TimePrior};
use ridgewalk::closed_form::{Embedded, Empirical};
use ridgewalk::process::Ddpm;
use ridgewalk::survey::{Axis, Cell, Finding, Table};
use ridgewalk::{FlowMatching, Process};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::chi::{exceeds, excess};
use super::claims::Claim;
use super::common::{at_least, at_most, percent, scatter, series};
use super::concentration;
use super::outcome;
use super::sampling::{End, descent, evenly, told, transfer, turned};
use super::settings::{Settings, circles, embedded, even_in_log, noisy, padded, spread};
use super::tables::{DDPM, FROM, Row, STRAIGHT};
use crate::failure::Result;
use crate::progress::say;

const SAMPLES: usize = 128;
const STEPS: usize = 100;
/// Points of the inner ring, which come first.
const INNER: usize = 16;

/// One dimension's samplers and where they ended.
pub struct Runs {
    pub dim: usize,
    limit: f64,
    ends: Vec<(&'static str, End)>,
}

impl Runs {
    pub fn failed(&self, name: &str) -> f64 {
        self.end(name).map_or(f64::NAN, |end| end.failed(self.limit))
    }

    pub fn mean(&self, name: &str) -> f64 {
        self.end(name).map_or(f64::NAN, |end| end.summary()[0])
    }

    fn end(&self, name: &str) -> Option<&End> {
        self.ends.iter().find(|(n, _)| *n == name).map(|(_, end)| end)
    }
}

pub fn run(settings: &Settings) -> Result<(Part, Vec<Claim>)> {
    let mut part = Part::new(
        "Two circles in many dimensions",
        "16 points on a circle of radius ½ and 16 on the unit circle, in the first two of D \
         coordinates; states begin as \
         noisy points of the data in turn. A sample has failed if it ends farther from every point \
         of the data than a tenth of \
         their root mean square distance from their mean (0.079) and than twice the 90th percentile \
         of the sampler that is told the \
         time. (In 512 dimensions the steps alone make blind noise and velocity chatter by C/2 of a \
         step, 0.10, about a point.)",
    );
    let mut claims = Vec::new();
    concentration::run(settings, &mut part, &mut claims)?;
    let straight = settings.dimensions().iter().map(|&d| straight(d, 0.9)).collect::<Result<Vec<_>>>()?;
    report_straight(&mut part, &straight);
    if !settings.paper.small {
        other_times(&mut part)?;
    }
    let dimensions = settings.size(settings.dimensions(), &[8]);
    let ddpm = dimensions.iter().map(|&d| ddpm(d)).collect::<Result<Vec<_>>>()?;
    report_ddpm(&mut part, &ddpm);
    claims.extend(outcome::claims(&straight, &ddpm));
    Ok((part, claims))
}

fn straight(dim: usize, from: f64) -> Result<Runs> {
    say(&format!("D = {dim}, from t = {from}"));
    let data = padded(circles().view(), dim);
    let model = embedded(circles(), dim)?;
    let blind = Blind::from(&model, FlowMatching, even_in_log(1e-3, 1.0, 300)?)?;
    let start = noisy(data.view(), SAMPLES, 1, (1.0 - from, from));
    let times = evenly(from, 1e-3, STEPS);
    let mut ends = vec![("told", told(&model, &FlowMatching, &times, start.clone())?)];
    for (name, target) in [("noise", Target::Noise), ("velocity", Target::Velocity), ("data", Target::Data)] {
        ends.push((name, transfer(&blind.field(target), &FlowMatching, &times, start.clone())?));
    }
    ends.push(("equilibrium", descent(&blind.field(Target::Equilibrium), 0.05, 150, start)?));
    finish(dim, &data, ends)
}

fn ddpm(dim: usize) -> Result<Runs> {
    say(&format!("D = {dim}, the table of DDPM"));
    let process = Ddpm::linear();
    let data = padded(circles().view(), dim);
    let model: Embedded<Empirical> = embedded(circles(), dim)?;
    let prior = TimePrior::steps((0..500).map(|i| f64::from(1 + 2 * i)))?;
    let blind = Blind::from(&model, &process, prior)?;
    let start = noisy(data.view(), SAMPLES, 1, (process.alpha(1000.0), process.sigma(1000.0)));
    let times = evenly(1000.0, 1.0, STEPS);
    let ends = vec![
        ("told", told(&model, &process, &times, start.clone())?),
        ("noise", transfer(&blind.field(Target::Noise), &process, &times, start.clone())?),
        ("v-prediction", turned(&blind.field(Target::VPrediction), &process, &times, start.clone())?),
        ("data", transfer(&blind.field(Target::Data), &process, &times, start)?),
    ];
    finish(dim, &data, ends)
}

fn finish(dim: usize, data: &Array2<f64>, states: Vec<(&'static str, Array2<f64>)>) -> Result<Runs> {
    let ends = states
        .into_iter()
        .map(|(name, u)| Ok((name, End::of(u, data.view())?)))
        .collect::<Result<Vec<_>>>()?;
    let limit = ends.first().map_or(f64::NAN, |(_, end)| end.limit(spread(data.view())));
    Ok(Runs { dim, limit, ends })
}

/// What the law says of a sampler from t₀: mean distance and share of failed samples.
fn law(name: &str, k: f64, from: f64, limit: f64) -> Option<(f64, f64)> {
    let length = match name {
        "noise" => from / (1.0 - from),
        "velocity" => from,
        _ => return None,
    };
    (k > 2.0).then(|| (length * excess(k), exceeds(k, limit / length)))
}

fn table(all: &[Runs], from: Option<f64>) -> Table {
    let mut columns = [
        "D",
        "sampler",
        "mean",
        "median",
        "90th percentile",
        "failed",
        "on the inner ring",
        "points reached",
    ]
    .map(String::from)
    .to_vec();
    if from.is_some() {
        columns.extend(["mean by the law".into(), "failed by the law".into()]);
    }
    let mut rows = Vec::new();
    for runs in all {
        for (name, end) in &runs.ends {
            let mut row: Vec<Cell> = vec![(runs.dim as f64).into(), (*name).into()];
            row.extend(end.summary().map(Cell::from));
            row.push(percent(end.failed(runs.limit)).into());
            row.push(percent(end.share_of_first(INNER)).into());
            row.push((end.reached(runs.limit) as f64).into());
            if let Some(from) = from {
                let law = law(name, runs.dim as f64, from, runs.limit);
                row.push(law.map_or("–".into(), |l| l.0.into()));
                row.push(law.map_or("–".into(), |l| percent(l.1).into()));
            }
            rows.push(row);
        }
    }
    Table { columns, rows }
}

fn worst(runs: &Runs, expected: &[Row]) -> f64 {
    let found = runs.ends.iter().flat_map(|(_, end)| end.summary());
    found.zip(expected.iter().flatten()).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max)
}

fn report_straight(part: &mut Part, all: &[Runs]) {
    part.table(
        "noise-straight",
        "The straight path from t = 0.9: distance to the nearest point of the data, 128 samples, 100 \
         steps",
        table(all, Some(0.9)),
    );
    for runs in all {
        let Some((_, expected)) = STRAIGHT.iter().find(|(dim, _)| *dim == runs.dim) else { continue };
        let worst = worst(runs, expected);
        part.finding(
            Finding::new(
                format!("noise-straight-{}", runs.dim),
                format!(
                    "In {} dimensions mean, median and 90th percentile of five samplers are the \
                     table's, to {}.",
                    runs.dim,
                    format_number(worst)
                ),
                worst,
                SAMPLES,
            )
            .expect(at_most(1e-3, "three decimals of an independent computation")),
        );
        if runs.dim >= 32 {
            let ratios = [
                runs.mean("noise") / (3.0 * runs.mean("velocity")),
                3.0 * runs.mean("velocity") / (10.0 * runs.mean("data")),
            ];
            let least = ratios[0].min(ratios[1]);
            part.finding(
                Finding::new(
                    format!("noise-order-{}", runs.dim),
                    format!(
                        "In {} dimensions blind noise ends {} on the mean from the data, velocity \
                         {}, data {}.",
                        runs.dim,
                        format_number(runs.mean("noise")),
                        format_number(runs.mean("velocity")),
                        format_number(runs.mean("data"))
                    ),
                    least,
                    SAMPLES,
                )
                .expect(at_least(
                    1.0,
                    "noise above 3 velocities, 3 velocities above 10 data: 1 where \
                 both are equal",
                )),
            );
        }
    }
    panels(
        part,
        "noise-circles",
        "Blind samplers of the straight path",
        "Where samples end, in the plane of the data, one column a sampler and one row a dimension, \
         as in the paper's figure 5. \
         What is left of the noise in the other coordinates is not seen here; samples beyond their \
         panel are left out.",
        all,
    );
}

/// Distance between panels.
const APART: f64 = 3.2;

fn panels(part: &mut Part, id: &str, title: &str, caption: &str, all: &[Runs]) {
    let Some(first) = all.first() else { return };
    let clouds = first.ends.iter().enumerate().map(|(column, (name, _))| {
        let points = all.iter().enumerate().flat_map(|(row, runs)| {
            let (right, down) = (APART * column as f64, -APART * row as f64);
            let states = runs.end(name).map(|end| end.states.view());
            let shown =
                states.into_iter().flat_map(|s| s.outer_iter().map(|u| (u[0], u[1])).collect::<Vec<_>>());
            // A sample beyond its panel would be read as one of another.
            shown.filter(|(x, y)| x.abs().max(y.abs()) < 0.5 * APART).map(move |(x, y)| (x + right, y + down))
        });
        series(*name, points.collect())
    });
    let names: Vec<&str> = first.ends.iter().map(|(name, _)| *name).collect();
    let dims: Vec<String> = all.iter().map(|runs| runs.dim.to_string()).collect();
    part.figure(scatter(
        id,
        title,
        caption,
        (
            Axis::linear(format!("first coordinate; columns {APART} apart: {}", names.join(", "))),
            Axis::linear(format!(
                "second coordinate; rows {APART} apart, from the top: D = {}",
                dims.join(", ")
            )),
        ),
        clouds.collect(),
    ));
}

fn other_times(part: &mut Part) -> Result<()> {
    let dim = 128;
    let columns = [
        "t₀",
        "target",
        "mean",
        "median",
        "90th percentile",
        "failed",
        "mean by the law",
        "failed by the law",
    ];
    let mut rows = Vec::new();
    let (mut off, mut off_law) = (0.0f64, [0.0f64; 2]);
    for (from, expected) in &FROM {
        let runs = straight(dim, *from)?;
        for (k, name) in ["noise", "velocity", "data"].into_iter().enumerate() {
            let Some(end) = runs.end(name) else { continue };
            let summary = end.summary();
            if let Some(expected) = expected.get(k) {
                off = summary.iter().zip(expected).map(|(f, e)| (f - e).abs()).fold(off, f64::max);
            }
            let law = law(name, dim as f64, *from, runs.limit);
            if let (Some((mean, _)), Some(worst)) = (law, off_law.get_mut(k)) {
                *worst = worst.max((summary[0] / mean - 1.0).abs());
            }
            let mut row: Vec<Cell> = vec![(*from).into(), name.into()];
            row.extend(summary.map(Cell::from));
            row.push(percent(end.failed(runs.limit)).into());
            row.push(law.map_or("0".into(), |l| l.0.into()));
            row.push(law.map_or("–".into(), |l| percent(l.1).into()));
            rows.push(row);
        }
    }
    let table = Table { columns: columns.map(Into::into).to_vec(), rows };
    part.table("noise-from", "The straight path in 128 dimensions, from other times", table);
    part.finding(
        Finding::new(
            "noise-from-table",
            format!("From other times the distances are the table's, to {}.", format_number(off)),
            off,
            SAMPLES,
        )
        .expect(at_most(1e-3, "three decimals of an independent computation")),
    );
    part.finding(
        Finding::new(
            "noise-from-law",
            format!(
                "Blind noise ends t₀/(1 − t₀) E[(χ − C)₊] from the data on the mean, to {}; blind \
                 velocity t₀ E[(χ − C)₊], to {}.",
                percent(off_law[0]),
                percent(off_law[1])
            ),
            off_law[0],
            SAMPLES,
        )
        .expect(at_most(0.15, "the law of the radius, to 15 % up to t₀ = 0.8")),
    );
    Ok(())
}

fn report_ddpm(part: &mut Part, all: &[Runs]) {
    part.table(
        "noise-ddpm",
        "DDPM's schedule from its last step: distance to the nearest point of the data, 128 samples, \
         100 steps",
        table(all, None),
    );
    let (mut means, mut tails, mut medians) = (0.0f64, 0.0f64, 0.0f64);
    for runs in all {
        let Some((_, expected)) = DDPM.iter().find(|(dim, _)| *dim == runs.dim) else { continue };
        for ((_, end), row) in runs.ends.iter().skip(1).zip(expected) {
            // The table has three decimals.
            let off: Vec<f64> =
                end.summary().iter().zip(row).map(|(f, e)| ((f - e).abs() - 5e-4).max(0.0) / e).collect();
            means = means.max(off[0]);
            medians = medians.max(off[1]);
            tails = tails.max(off[2]);
        }
    }
    part.finding(
        Finding::new(
            "noise-ddpm-table",
            format!(
                "Under DDPM's schedule means are the table's to {} of each, 90th percentiles to {}, \
                 medians to {}.",
                format_number(means),
                format_number(tails),
                format_number(medians)
            ),
            means,
            SAMPLES,
        )
        .expect(at_most(
            0.01,
            "1 % of an independent computation, whose whole steps are rounded in a way that it does \
             not state",
        )),
    );
    panels(
        part,
        "noise-circles-ddpm",
        "Blind samplers of DDPM's schedule",
        "As above. v-prediction, which is the velocity of the angle, keeps what it got wrong at the \
         beginning.",
        all,
    );
}
