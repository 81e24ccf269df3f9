//! A network trained on noisy shapes, sampled plain and attracted, beside the closed form of the same noisy images.
//!
//! The paper's experiment on synthetic shapes is this one, with a larger network of the same kind.

use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::survey::{Axis, Cell, Expectation, Figure, Finding, ImageRow, Plot, Series, Table};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{Manifold, Synthetic, add_noise};
use ridgewalk_nn::NeuralDenoiser;
use ridgewalk_nn::network::{Architecture, UNetConfig};
use ridgewalk_nn::train::{Every, OptimizerConfig, RateSchedule, TrainConfig, TrainingData};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::super::training::train;
use super::case::{Case, few};
use super::measure::{COLUMNS, Measured, table};
use super::sampling::{Draw, Way, draw_any};
use super::settings::{Settings, attraction};
use super::shapes::{Set, fit};
use crate::failure::{Failure, Result};

/// Noise, as a part of the range of clean images, which is 1.
const NOISE: f64 = 0.1;
/// Images of a row of the sheet.
const SHOWN: usize = 12;
/// Clean images that samples are compared with.
const REFERENCES: usize = 3000;
/// What attraction takes out of the noise, as of the closed form's.
const REMOVED: f64 = 0.8;

/// Samples of one model in one way.
struct Group {
    samples: PointSet,
    measured: Measured,
    /// Mean distance to the manifold of clean shapes, of the first samples.
    distance: f64,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let side = settings.size(32, 16);
    let n = settings.size(20_000, 6000);
    let (steps, batch) = settings.size((10_000, 64), (2000, 32));
    let usual = UNetConfig::for_image(side, side);
    let unet = settings.size(usual.clone(), UNetConfig { channels: 16, blocks: 1, ..usual });
    let mut part = Part::new(
        "A network trained on noisy shapes",
        &format!(
            "Data: {n} discs, squares and triangles of {side}×{side} pixels under Gaussian noise of a tenth of the range; no clean \
             image is seen. EDM's UNet in its DDPM++ form ({} channels, {} levels, {} blocks a level), {steps} steps of {batch} images. \
             Its samples, plain and attracted, stand beside those of a mixture of low-rank Gaussians that was fitted to the same \
             noisy images, attracted by the same settings (the rule from η).",
            unet.channels,
            unet.multipliers.len(),
            unet.blocks
        ),
    );
    let set = set(settings, side, n)?;
    let case =
        Case::new(&set.clean, set.noisy.clone(), set.held_out.clone(), NOISE, fit(settings), REFERENCES)?;
    let config = TrainConfig {
        seed: settings.seed(),
        steps: Some(steps),
        batch,
        hold_out: Some(0.0),
        architecture: Some(Architecture::UNet(unet)),
        optimizer: OptimizerConfig { schedule: RateSchedule::Cosine, ..OptimizerConfig::default() },
        every: Every { log: (steps / 40).max(1), ..Every::default() },
        ..TrainConfig::default()
    };
    let mut network: Option<NeuralDenoiser> = None;
    let data = TrainingData::new(set.noisy.clone());
    let curve = train("training", &config, data, &[steps], |_, trained| {
        network = Some(trained.clone());
        Ok(())
    })?;
    let Some(network) = network else {
        return Err(Failure::new("training", "ended before its last step", "give more steps"));
    };
    let draws = Draw { n: settings.size(400, 120), seed: settings.seed(), noise: NOISE };
    let most = settings.size(200, 40);
    let attracted = || Way::Attracted(attraction(NOISE));
    let mut groups = Vec::new();
    for (name, way, of_network) in [
        ("network, plain", Way::Plain, true),
        ("network, attracted", attracted(), true),
        ("mixture, plain", Way::Plain, false),
        ("mixture, attracted", attracted(), false),
    ] {
        let values = match of_network {
            true => draw_any(&network, &way, draws, name)?,
            false => draw_any(&case.mixture, &way, draws, name)?,
        };
        let samples = PointSet::new(values, set.noisy.shape())?;
        let measured = case.yardstick.measure(name, &samples)?;
        let distance = to_manifold(&set, &samples, most)?;
        groups.push(Group { samples, measured, distance });
    }
    report(&mut part, &set, &case, &groups, most, curve)?;
    Ok(part)
}

/// Shapes are without end: more of them than the closed form needs.
fn set(settings: &Settings, side: usize, n: usize) -> Result<Set> {
    let truth =
        Synthetic { n, dim: Some(side * side), seed: settings.seed(), ..Synthetic::new(Manifold::Shapes) };
    let clean = truth.points()?;
    let held_out = Synthetic { n: 1000, seed: settings.seed().wrapping_add(1), ..truth.clone() }.points()?;
    let noisy = add_noise(&clean, NOISE, settings.seed())?;
    Ok(Set { truth, clean, noisy, held_out })
}

fn to_manifold(set: &Set, points: &PointSet, most: usize) -> Result<f64> {
    let rows: Vec<usize> = (0..points.len().min(most)).collect();
    Ok(mean(&set.truth.distances(points.select(&rows)?.values())?))
}

fn report(
    part: &mut Part,
    set: &Set,
    case: &Case,
    groups: &[Group],
    most: usize,
    curve: Vec<(f64, f64)>,
) -> Result<()> {
    sheet(part, set, groups);
    let (Some(plain), Some(attracted), Some(closed_plain), Some(closed)) =
        (groups.first(), groups.get(1), groups.get(2), groups.get(3))
    else {
        return Ok(());
    };
    let all: Vec<&Measured> = groups.iter().map(|group| &group.measured).collect();
    part.table(
        "shapes-networks",
        &format!("Samples of a network and of a mixture of the same noisy shapes; what is removed is of the network's plain samples. {COLUMNS}"),
        table(&plain.measured, &case.yardstick.null(), &all),
    );
    let noisy = to_manifold(set, &set.noisy, most)?;
    let first: Vec<Cell> = vec!["noisy images".into(), noisy.into(), 1.0.into()];
    let rows = groups.iter().map(|group| {
        vec![group.measured.name.as_str().into(), group.distance.into(), (group.distance / noisy).into()]
    });
    let columns = ["samples", "mean distance to the manifold", "over that of noisy images"];
    let rows = std::iter::once(first).chain(rows).collect();
    part.table(
        "shapes-networks-distances",
        "Distance to the manifold of clean shapes (Euclidean, all pixels)",
        Table { columns: columns.map(Into::into).to_vec(), rows },
    );
    part.figure(Figure {
        id: "shapes-networks-loss".into(),
        title: "The loss while training".into(),
        caption: "Of EDM's network: 1 is that of an answer of nothing.".into(),
        plot: Plot::Lines {
            x: Axis::linear("steps"),
            y: Axis::log("mean loss"),
            series: vec![Series { name: "network".into(), points: curve }],
        },
    });
    let removed = attracted.measured.removed(&plain.measured);
    let closed_removed = closed.measured.removed(&closed_plain.measured);
    let statement = format!(
        "Attraction takes {} of the noise out of a network's shapes, {} out of the closed form's: where no clean image has anything the \
         standard deviation goes from {} to {}.",
        super::percent(removed),
        super::percent(closed_removed),
        format_number(plain.measured.noise),
        format_number(attracted.measured.noise)
    );
    part.finding(
        Finding::new("shapes-networks-noise", statement, removed, attracted.samples.len())
            .setting("closed_form", closed_removed)
            .expect(Expectation {
                text: "at least 80 % below plain sampling, the goal of the closed form".into(),
                at_least: Some(REMOVED),
                at_most: None,
            }),
    );
    let statement = format!(
        "Plain samples of the network have noise of {} where the images it was trained on have {}.",
        format_number(plain.measured.noise),
        format_number(NOISE)
    );
    part.finding(
        Finding::new("shapes-networks-plain", statement, plain.measured.noise, plain.samples.len()).expect(
            Expectation {
                text: "within a tenth of the noise that was added: the network learned it".into(),
                at_least: Some(0.9 * NOISE),
                at_most: Some(1.1 * NOISE),
            },
        ),
    );
    let nearer = attracted.distance / plain.distance;
    let statement = format!(
        "Attracted samples of the network are {} from the manifold of clean shapes, plain ones {}; those of the closed form {} and {}.",
        format_number(attracted.distance),
        format_number(plain.distance),
        format_number(closed.distance),
        format_number(closed_plain.distance)
    );
    part.finding(Finding::new("shapes-networks-distance", statement, nearer, most).expect(Expectation {
        text: "at most half of plain sampling's".into(),
        at_least: None,
        at_most: Some(0.5),
    }));
    Ok(())
}

fn sheet(part: &mut Part, set: &Set, groups: &[Group]) {
    let Shape::Image { height, width, channels } = set.clean.shape() else { return };
    let row = |label: &str, points: &PointSet| ImageRow {
        label: label.into(),
        images: few(points, SHOWN),
        notes: Vec::new(),
    };
    let mut rows = vec![
        row("clean images, which no model has seen", &set.clean),
        row("noisy images, which all have", &set.noisy),
    ];
    rows.extend(groups.iter().map(|group| row(&group.measured.name, &group.samples)));
    part.figure(Figure {
        id: "shapes-networks".into(),
        title: "Shapes from a network that saw noisy shapes alone".into(),
        caption: "Samples in one column begin at the same noise. The grey scale has room for noise on both sides of black \
                  and white."
            .into(),
        plot: Plot::Images { height, width, channels, range: (-0.3, 1.3), rows },
    });
}
