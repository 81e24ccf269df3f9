//! What four networks on one set of images are like: tables, figures, findings.

use ridgewalk::Shape;
use ridgewalk::survey::{Axis, Cell, Expectation, Figure, Finding, ImageRow, Plot, Table};
use ridgewalk_report::format_number;

use super::super::super::part::Part;
use super::super::common::{lines, series};
use super::data::Images;
use super::judge::Judge;
use super::verdict::{ratios, why};
use super::{Outcome, STARTS};
use crate::failure::Result;

/// Images a row of a sheet.
const SHOWN: usize = 12;

pub fn write(part: &mut Part, images: &Images, judge: &Judge, outcomes: &[Outcome]) -> Result<()> {
    let id = |name: &str| format!("noise-networks-{}{name}", images.slug);
    sheet(part, images, judge, outcomes, id(""));
    samples(part, judge, outcomes, id(""))?;
    starts(part, outcomes, &id("-starts"));
    let levels = |outcome: &Outcome| outcome.levels.iter().map(|l| (l.level, l.error())).collect::<Vec<_>>();
    part.figure(lines(
        &id("-levels"),
        "The error of the denoiser, by noise level",
        "On images held out, per coordinate. Above 1 a network is farther from the image than the mean of all images is.",
        (Axis::log("σ/s"), Axis::log("root mean square of D − x₀, over s")),
        outcomes.iter().map(|outcome| series(outcome.kind.label, levels(outcome))).collect(),
    ));
    part.figure(lines(
        &id("-loss"),
        "The loss while training",
        "Each network's own loss: those of different predictions are not of one scale.",
        (Axis::linear("steps"), Axis::log("mean loss")),
        outcomes.iter().map(|outcome| series(outcome.kind.label, outcome.curve.clone())).collect(),
    ));
    findings(part, judge, outcomes, images);
    Ok(())
}

fn samples(part: &mut Part, judge: &Judge, outcomes: &[Outcome], id: String) -> Result<()> {
    let columns = [
        "network",
        "Fréchet distance",
        "over that of the told twin",
        "nearest training image / that of new",
        "FID without the noise level, CIFAR-10 (quoted in arXiv 2602.18428)",
    ];
    let told = |outcome: &Outcome| {
        outcomes.iter().find(|o| o.kind.flow == outcome.kind.flow && !o.kind.blind).map(|o| o.whole.value)
    };
    let mut rows: Vec<Vec<Cell>> = outcomes
        .iter()
        .map(|outcome| {
            let frechet = match outcome.whole.interval {
                Some(interval) => Cell::Interval { value: outcome.whole.value, interval },
                None => outcome.whole.value.into(),
            };
            let ratio = told(outcome).map_or_else(|| "–".into(), |told| (outcome.whole.value / told).into());
            let quoted = outcome.kind.quoted.map_or_else(|| "–".into(), Cell::Number);
            vec![outcome.kind.label.into(), frechet, ratio, outcome.nearness.into(), quoted]
        })
        .collect();
    let count = outcomes.first().map_or(0, |outcome| outcome.samples.nrows());
    let floor = judge.floor(count)?;
    rows.push(vec!["as many new images".into(), floor.into(), "–".into(), 1.0.into(), "–".into()]);
    let table = Table { columns: columns.map(Into::into).to_vec(), rows };
    part.table(&id, "Samples of four networks", table);
    Ok(())
}

fn starts(part: &mut Part, outcomes: &[Outcome], id: &str) {
    let mut columns = vec!["network".to_string(), "the whole way".into()];
    columns.extend(STARTS.map(|level| format!("from σ = {level} s")));
    let rows = outcomes.iter().map(|outcome| {
        let values = std::iter::once(outcome.whole.value).chain(outcome.starts.iter().copied());
        std::iter::once(outcome.kind.label.into()).chain(values.map(Cell::Number)).collect()
    });
    let table = Table { columns, rows: rows.collect() };
    part.table(
        id,
        "Fréchet distance of samples that start at images with noise of a lower level: errors made above it are left out",
        table,
    );
}

fn findings(part: &mut Part, judge: &Judge, outcomes: &[Outcome], images: &Images) {
    let id = |name: &str| format!("noise-networks-{}-{name}", images.slug);
    for outcome in outcomes {
        let statement = format!(
            "{}, {}: Fréchet distance {} in {}.",
            images.title,
            outcome.kind.label,
            format_number(outcome.whole.value),
            judge.features()
        );
        let finding =
            Finding::new(id(outcome.kind.id), statement, outcome.whole.value, outcome.samples.nrows());
        part.finding(match outcome.whole.interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        });
    }
    let Some([(noise, _), (flow, _)]) = ratios(outcomes) else { return };
    let count = outcomes.first().map_or(0, |outcome| outcome.samples.nrows());
    let blind = |flow: bool| outcomes.iter().find(|o| o.kind.blind && o.kind.flow == flow);
    if let (Some(noise), Some(flow)) = (blind(false), blind(true)) {
        let ratio = noise.whole.value / flow.whole.value;
        let statement = format!(
            "{}: without the noise level the Fréchet distance of noise prediction is {} times that of flow matching.",
            images.title,
            format_number(ratio)
        );
        part.finding(Finding::new(id("blind"), statement, ratio, count).expect(Expectation {
            text: "above 1; 15.7 for CIFAR-10's FID, as quoted in arXiv 2602.18428".into(),
            at_least: Some(1.0),
            at_most: None,
        }));
    }
    let statement = format!(
        "{}: being blind multiplies the Fréchet distance of flow matching by {}, of noise prediction by {}.",
        images.title,
        format_number(flow),
        format_number(noise)
    );
    part.finding(Finding::new(id("flow-blindness"), statement, flow, count).expect(Expectation {
        text: "at most 1.5: blind flow matching is like its twin".into(),
        at_least: None,
        at_most: Some(1.5),
    }));
    if let Some(why) = why(outcomes) {
        part.finding(Finding::new(id("why"), why, noise, count));
    }
}

fn sheet(part: &mut Part, images: &Images, judge: &Judge, outcomes: &[Outcome], id: String) {
    let Shape::Image { height, width, channels } = images.points.shape() else { return };
    let row = |label: &str, values: ndarray::ArrayView2<f64>| ImageRow {
        label: label.into(),
        images: values.outer_iter().take(SHOWN).map(|x| x.to_vec()).collect(),
        notes: Vec::new(),
    };
    let mut rows = vec![row("images held out", judge.rest().values())];
    rows.extend(outcomes.iter().map(|outcome| row(outcome.kind.label, outcome.samples.view())));
    part.figure(Figure {
        id,
        title: "Samples of four networks".into(),
        caption: "The first samples of each, from the same starts; none chosen.".into(),
        plot: Plot::Images { height, width, channels, range: images.points.range(), rows },
    });
}
