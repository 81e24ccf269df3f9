//! Images of shapes under noise: plain sampling, attraction and the baselines, side by side.

use ridgewalk::closed_form::CovarianceKind;
use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::survey::{Cell, Expectation, Figure, Finding, ImageRow, Plot, Table};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{Manifold, Synthetic, add_noise};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::case::{Case, Fit, few};
use super::measure::{COLUMNS, Measured, changed, class_difference, table};
use super::sampling::{Draw, Way, draw};
use super::settings::Settings;
use crate::failure::Result;
use crate::progress::say;

/// Noise, as a part of the range of clean images, which is 1.
const NOISE: f64 = 0.1;
/// Images of a row of the sheet.
const SHOWN: usize = 12;
/// Clean images that samples are compared with.
const REFERENCES: usize = 3000;
/// Samples whose distance to the manifold is found by descent.
const MEASURED: usize = 200;
const MEASURED_SMALL: usize = 40;
/// What the same mixture draws that was fitted to clean images.
const IDEAL: &str = "samples of a model of clean images";

/// The set at a side of the images: clean, noisy, held out.
pub struct Set {
    pub truth: Synthetic,
    pub clean: PointSet,
    pub noisy: PointSet,
    pub held_out: PointSet,
}

impl Set {
    pub fn new(settings: &Settings, side: usize, noise: f64) -> Result<Self> {
        let truth = Synthetic {
            n: settings.size(9000, 2500),
            dim: Some(side * side),
            seed: settings.seed(),
            ..Synthetic::new(Manifold::Shapes)
        };
        let clean = truth.points()?;
        let held_out =
            Synthetic { n: 1000, seed: settings.seed().wrapping_add(1), ..truth.clone() }.points()?;
        let noisy = add_noise(&clean, noise, settings.seed())?;
        Ok(Set { truth, clean, noisy, held_out })
    }
}

/// How images of shapes are fitted.
pub fn fit(settings: &Settings) -> Fit {
    Fit {
        components: settings.size(60, 20),
        kind: CovarianceKind::LowRank(settings.size(8, 6)),
        principal: Some(settings.size(80, 30)),
        seed: settings.seed(),
    }
}

/// The case of a set, measured against samples of the same mixture fitted to clean images; with those samples.
pub fn against_clean(settings: &Settings, set: &Set, noise: f64) -> Result<(Case, PointSet)> {
    let case =
        Case::new(&set.clean, set.noisy.clone(), set.held_out.clone(), noise, fit(settings), REFERENCES)?;
    let mixture = fit(settings).mixture(&set.clean)?;
    let values = draw(&mixture, &Way::Plain, draws(settings, noise), IDEAL)?;
    let ideal = PointSet::new(values, case.noisy.shape())?;
    let yardstick = case.yardstick.relative_to(IDEAL, &ideal)?;
    Ok((Case { yardstick, ..case }, ideal))
}

fn draws(settings: &Settings, noise: f64) -> Draw {
    Draw { n: settings.size(400, 200), seed: settings.seed(), noise }
}

pub fn run(settings: &Settings) -> Result<Part> {
    let side = settings.size(32, 16);
    let mut part = Part::new(
        "Images of shapes",
        &format!(
            "Discs, squares and triangles of {side}×{side} pixels, positions and sizes at random, under Gaussian noise of a tenth \
             of the range. A mixture of low-rank Gaussians sees the noisy images alone; the same mixture fitted to the clean \
             ones stands beside it. The paper's experiment on synthetic shapes is of this kind, with a network."
        ),
    );
    say(&format!("shapes of {side}×{side}: fitting"));
    let set = Set::new(settings, side, NOISE)?;
    let (case, ideal) = against_clean(settings, &set, NOISE)?;
    let draws = draws(settings, NOISE);
    let ways = [
        ("plain", Way::Plain),
        ("attracted", Way::Attracted(case.chosen(settings.seed())?)),
        ("truncated at η", Way::Truncated(NOISE)),
        ("truncated at 2η", Way::Truncated(2.0 * NOISE)),
        ("Tweedie step", Way::Tweedie(NOISE)),
        ("deconvolved", Way::Deconvolved(NOISE)),
    ];
    let mut groups: Vec<(PointSet, Measured)> = Vec::new();
    for (name, way) in &ways {
        let samples = case.samples(way, draws, name)?;
        let measured = case.yardstick.measure(name, &samples)?;
        groups.push((samples, measured));
    }
    let measured = case.yardstick.measure(IDEAL, &ideal)?;
    groups.push((ideal, measured));
    let (Some((_, plain)), Some((_, attracted))) = (groups.first(), groups.get(1)) else { return Ok(part) };
    part.figure(sheet(&set, &groups));
    let all: Vec<&Measured> = groups.iter().map(|g| &g.1).collect();
    let null = case.yardstick.null();
    part.table(
        "shapes",
        &format!("Samples of shapes beside those of the same mixture fitted to clean images. {COLUMNS}"),
        table(plain, &null, &all),
    );
    distances(&mut part, &set, &groups, settings.size(MEASURED, MEASURED_SMALL))?;
    findings(&mut part, settings, plain, attracted, case.yardstick.background());
    Ok(part)
}

fn sheet(set: &Set, groups: &[(PointSet, Measured)]) -> Figure {
    let row = |label: &str, points: &PointSet| ImageRow {
        label: label.into(),
        images: few(points, SHOWN),
        notes: Vec::new(),
    };
    let mut rows = vec![
        row("clean images, which the model has not seen", &set.clean),
        row("noisy images, which it has", &set.noisy),
    ];
    rows.extend(groups.iter().map(|(samples, m)| row(&m.name, samples)));
    let Shape::Image { height, width, channels } = set.clean.shape() else {
        return Figure {
            id: "shapes".into(),
            title: String::new(),
            caption: String::new(),
            plot: Plot::Images { height: 0, width: 0, channels: 1, range: (0.0, 1.0), rows: Vec::new() },
        };
    };
    Figure {
        id: "shapes".into(),
        title: "Shapes from a model of noisy shapes".into(),
        caption: "Samples in one column begin at the same noise. The grey scale has room for noise on both sides of black and \
                  white."
            .into(),
        plot: Plot::Images { height, width, channels, range: (-0.3, 1.3), rows },
    }
}

/// Mean distances to the manifold itself.
fn distances(part: &mut Part, set: &Set, groups: &[(PointSet, Measured)], most: usize) -> Result<()> {
    let columns = ["samples", "mean distance to the manifold", "over that of noisy images"];
    let first = |points: &PointSet| -> Result<f64> {
        let rows: Vec<usize> = (0..points.len().min(most)).collect();
        Ok(mean(&set.truth.distances(points.select(&rows)?.values())?))
    };
    let base = first(&set.noisy)?;
    let mut rows: Vec<Vec<Cell>> = vec![vec!["noisy images".into(), base.into(), 1.0.into()]];
    for (samples, measured) in groups {
        let distance = first(samples)?;
        rows.push(vec![measured.name.as_str().into(), distance.into(), (distance / base).into()]);
    }
    let table = Table { columns: columns.map(Into::into).to_vec(), rows };
    part.table("shapes-distances", "Distance to the manifold of clean shapes (Euclidean, all pixels)", table);
    Ok(())
}

fn findings(part: &mut Part, settings: &Settings, plain: &Measured, attracted: &Measured, background: usize) {
    let removed = attracted.removed(plain);
    let statement = format!(
        "Attraction takes {} of the noise out of generated shapes: in the {background} pixels that no clean image uses the \
         standard deviation goes from {} to {}.",
        super::percent(removed),
        format_number(plain.noise),
        format_number(attracted.noise)
    );
    let mut finding = Finding::new("shapes-noise", statement, removed, attracted.classes.len());
    let root = |values: &[f64]| settings.bootstrap.mean(values).map(|(l, h)| (l.sqrt(), h.sqrt()));
    if let (Some(a), Some(p)) = (root(&attracted.noise_squares), root(&plain.noise_squares)) {
        finding = finding.interval((1.0 - a.1 / p.0, 1.0 - a.0 / p.1));
    }
    part.finding(finding.expect(Expectation {
        text: "at least 80 % below plain sampling".into(),
        at_least: Some(0.8),
        at_most: None,
    }));
    let recall = attracted.recall / plain.recall;
    let statement = format!(
        "Recall is {} of plain sampling's ({} against {}). Plain sampling's is inflated by its noise; coverage of clean images \
         goes from {} to {}.",
        super::percent(recall),
        format_number(attracted.recall),
        format_number(plain.recall),
        format_number(plain.coverage),
        format_number(attracted.coverage)
    );
    part.finding(
        Finding::new("shapes-recall", statement, recall, attracted.classes.len())
            .setting("coverage_plain", plain.coverage)
            .setting("coverage_attracted", attracted.coverage)
            .expect(Expectation {
                text: "at least 95 % of plain sampling's".into(),
                at_least: Some(0.95),
                at_most: None,
            }),
    );
    let moved = class_difference(&attracted.classes, &plain.classes);
    let statement = format!(
        "Shares of discs, squares and triangles move by {}; {} of the samples change class.",
        super::percent(moved),
        super::percent(changed(&attracted.classes, &plain.classes))
    );
    part.finding(
        Finding::new("shapes-classes", statement, moved, attracted.classes.len()).expect(Expectation {
            text: "at most 5 %".into(),
            at_least: None,
            at_most: Some(0.05),
        }),
    );
}
