//! Point masses: attraction converges to them at a geometric rate, keeps their frequencies, and puts no sample
//! between them; truncated sampling does.

use ndarray::{Array2, Axis as Rows, array};
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
use ridgewalk::metrics::bootstrap::{mean, quantile_of_sorted};
use ridgewalk::neighbours::nearest;
use ridgewalk::sampler::Trace;
use ridgewalk::survey::{Axis, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk::transform::Attraction;
use ridgewalk::{Denoiser, Euler, Heun, Karras, Mad, MadConfig, Sampler, Switched};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::settings::Settings;
use crate::failure::Result;

const NOISE: f64 = 0.05;
const WEIGHTS: [f64; 5] = [0.35, 0.25, 0.2, 0.12, 0.08];
/// Mean distance to the nearest mode of an independent computation with the same settings: (b, mean).
const KNOWN: [(f64, f64); 4] = [(0.0, 0.06326), (2.0, 0.0215), (4.0, 0.00671), (8.0, 0.0002)];
const LEVELS: usize = 40;
/// Level of truncated sampling: the onset.
const TRUNCATED: f64 = 0.2;

fn modes() -> Array2<f64> {
    array![[0.0, 0.0], [1.5, 0.3], [-1.0, 1.2], [0.4, -1.6], [-1.3, -1.0]]
}

/// The modes, each as wide as the noise.
fn model(noise: f64) -> Result<Mixture> {
    let of = |mode: ndarray::ArrayView1<f64>| {
        Gaussian::new(mode.to_owned(), Covariance::isotropic(2, noise * noise)?)
    };
    let components = modes().axis_iter(Rows(0)).map(of).collect::<ridgewalk::Result<Vec<_>>>()?;
    Ok(Mixture::new(WEIGHTS.to_vec(), components)?)
}

fn config(b: f64) -> MadConfig {
    MadConfig {
        b,
        sigma_data: Some(0.5),
        attraction: Attraction::VarianceDifference(0.05),
        ..MadConfig::default()
    }
}

struct Group {
    name: String,
    samples: Array2<f64>,
    distances: Vec<f64>,
    counts: [usize; 5],
}

fn group(name: String, samples: Array2<f64>) -> Result<Group> {
    let found = nearest(samples.view(), modes().view(), 1)?;
    let mut counts = [0; 5];
    for index in found.nearest_indices() {
        if let Some(count) = counts.get_mut(index) {
            *count += 1;
        }
    }
    let mut distances = found.nearest_distances().to_vec();
    distances.sort_unstable_by(f64::total_cmp);
    Ok(Group { name, samples, distances, counts })
}

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Point masses",
        "Five points in the plane with weights 0.35, 0.25, 0.2, 0.12 and 0.08, and noise of 0.05 on them. The paper proves \
         that its flow converges to a point mass at a geometric rate, and says that samples move to where the density is \
         high; how far that shifts the frequencies is measured here.",
    );
    let n = settings.size(4000, 1000);
    let noisy = model(NOISE)?;
    let mut groups = Vec::new();
    for b in [0.0, 2.0, 4.0, 8.0, 16.0] {
        let mad = Mad::new(&noisy, config(b))?;
        let solver = Switched::new(Heun::new(), Euler, mad.onset_level());
        let sampler = Sampler::new(solver, Karras::new(0.002..80.0, LEVELS)).seed(settings.seed());
        let samples = sampler.run(&mad, n)?.points;
        groups.push((Some(b), group(if b == 0.0 { "plain".into() } else { format!("b = {b}") }, samples)?));
    }
    let sampler = Sampler::new(Heun::new(), Karras::new(TRUNCATED..80.0, LEVELS)).seed(settings.seed());
    groups.push((None, group("truncated at 0.2".into(), sampler.run(&noisy, n)?.points)?));
    show(&mut part, &groups);
    known(&mut part, &groups, n);
    between(&mut part, &groups);
    frequencies(&mut part, &groups, n);
    rate(&mut part, settings)?;
    Ok(part)
}

fn show(part: &mut Part, groups: &[(Option<f64>, Group)]) {
    let columns = [
        "way",
        "mean distance",
        "99 %",
        "largest",
        "at (0, 0)",
        "(1.5, .3)",
        "(−1, 1.2)",
        "(.4, −1.6)",
        "(−1.3, −1)",
    ];
    let rows = groups.iter().map(|(_, g)| {
        let numbers = [
            mean(&g.distances),
            quantile_of_sorted(&g.distances, 0.99).unwrap_or(f64::NAN),
            g.distances.last().copied().unwrap_or(f64::NAN),
        ];
        let shares = g.counts.iter().map(|c| *c as f64 / g.distances.len() as f64);
        std::iter::once(g.name.as_str().into())
            .chain(numbers.into_iter().chain(shares).map(Into::into))
            .collect()
    });
    let table = Table { columns: columns.map(Into::into).to_vec(), rows: rows.collect() };
    part.table("diracs", "Distance to the nearest mode, and how often each is hit", table);
    let chosen = groups.iter().filter(|(b, _)| b.is_none_or(|b| b == 0.0 || b == 8.0));
    let series = chosen.map(|(_, g)| Series {
        name: g.name.clone(),
        points: g.samples.outer_iter().filter_map(|r| Some((*r.first()?, *r.get(1)?))).collect(),
    });
    part.figure(Figure {
        id: "diracs".into(),
        title: "Samples of five noisy points".into(),
        caption: "Attraction ends on the points. Truncated sampling ends on averages of them: near, and sometimes between.".into(),
        plot: Plot::Scatter { x: Axis::linear("x"), y: Axis::linear("y"), series: series.collect() },
    });
}

fn known(part: &mut Part, groups: &[(Option<f64>, Group)], n: usize) {
    let mut worst = 0.0f64;
    for (b, known) in KNOWN {
        if let Some((_, g)) = groups.iter().find(|(of, _)| *of == Some(b)) {
            worst = worst.max((mean(&g.distances) / known - 1.0).abs());
        }
    }
    let statement = format!(
        "Mean distances to the nearest mode under b = 0, 2, 4 and 8 are those of an independent computation, within {}.",
        super::percent(worst)
    );
    part.finding(Finding::new("diracs-known", statement, worst, n).expect(Expectation {
        text: "within 10 %: the means of two sets of random starts".into(),
        at_least: None,
        at_most: Some(0.1),
    }));
}

fn between(part: &mut Part, groups: &[(Option<f64>, Group)]) {
    let largest = |b: Option<f64>| {
        let found = groups.iter().find(|(of, _)| *of == b);
        found.and_then(|(_, g)| g.distances.last().copied()).unwrap_or(f64::NAN)
    };
    let (attracted, truncated, plain) = (largest(Some(8.0)), largest(None), largest(Some(0.0)));
    let statement = format!(
        "The sample farthest from a mode is {} away under attraction (b = 8), {} under truncated sampling, {} under plain.",
        format_number(attracted),
        format_number(truncated),
        format_number(plain)
    );
    let n = groups.first().map_or(0, |(_, g)| g.distances.len());
    part.finding(
        Finding::new("diracs-between", statement, attracted / truncated, n)
            .setting("attracted", attracted)
            .setting("truncated", truncated)
            .expect(Expectation {
                text: "at most a tenth of truncated sampling's, which leaves samples between the modes"
                    .into(),
                at_least: None,
                at_most: Some(0.1),
            }),
    );
}

fn frequencies(part: &mut Part, groups: &[(Option<f64>, Group)], n: usize) {
    let Some((_, plain)) = groups.iter().find(|(b, _)| *b == Some(0.0)) else { return };
    let mut worst = 0.0f64;
    for (_, g) in groups.iter().filter(|(b, _)| b.is_some()) {
        for (a, b) in g.counts.iter().zip(&plain.counts) {
            worst = worst.max((*a as f64 - *b as f64).abs() / n as f64);
        }
    }
    let statement = format!(
        "No mode's frequency moves by more than {} between plain sampling and attraction up to b = 16.",
        format_number(worst)
    );
    part.finding(Finding::new("diracs-frequencies", statement, worst, n).expect(Expectation {
        text: "at most 0.01: attraction begins after modes have been decided".into(),
        at_least: None,
        at_most: Some(0.01),
    }));
}

/// Distances to the nearest mode of clean point masses, step by step.
fn rate(part: &mut Part, settings: &Settings) -> Result<()> {
    let clean = model(0.0)?;
    let mut series = Vec::new();
    let mut slope = f64::NAN;
    for b in [0.0, 8.0] {
        let mad = Mad::new(&clean, config(b))?;
        let mut trace = Trace::default();
        let solver = Switched::new(Heun::new(), Euler, mad.onset_level());
        let sampler = Sampler::new(solver, Karras::new(0.002..80.0, LEVELS)).seed(settings.seed());
        sampler.run_observed(&mad as &dyn Denoiser, settings.size(500, 200), &mut trace)?;
        let mut points = Vec::new();
        for (sigma, state) in trace.sigmas.iter().zip(&trace.states).filter(|(s, _)| **s > 0.0) {
            points.push((
                *sigma,
                mean(&nearest(state.view(), modes().view(), 1)?.nearest_distances().to_vec()),
            ));
        }
        if b > 0.0 {
            let below: Vec<&(f64, f64)> = points.iter().filter(|p| p.0 < 0.1).collect();
            if let (Some(first), Some(last)) = (below.first(), below.last()) {
                slope = libm::log(first.1 / last.1) / libm::log(first.0 / last.0);
            }
        }
        series.push(Series { name: if b == 0.0 { "plain".into() } else { format!("b = {b}") }, points });
    }
    part.figure(Figure {
        id: "diracs-rate".into(),
        title: "Convergence to clean point masses".into(),
        caption: "Attraction adds nothing for a point mass: the distance falls in proportion to σ, by the same factor in each \
                  even log step."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("noise level σ"),
            y: Axis::log("mean distance to the nearest mode"),
            series,
        },
    });
    let statement = format!(
        "Under attraction the distance to a point mass falls as σ to the power {}.",
        format_number(slope)
    );
    part.finding(Finding::new("diracs-rate", statement, slope, settings.size(500, 200)).expect(
        Expectation {
            text: "1 within 0.02: a geometric rate on a geometric grid (arXiv 2509.24710)".into(),
            at_least: Some(0.98),
            at_most: Some(1.02),
        },
    ));
    Ok(())
}
