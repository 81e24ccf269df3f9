//! Strength, onset and sharpness of attraction, and every baseline on the same axes: noise removed against the worst
//! departure from clean data (`trade_off.rs` says what came of it).

use ridgewalk::closed_form::CovarianceKind;
use ridgewalk::survey::{Cell, Table};

use super::super::part::Part;
use super::case::Case;
use super::digits;
use super::measure::changed;
use super::sampling::{Draw, Way};
use super::settings::{Settings, attraction, with};
use super::shapes;
use super::trade_off::{Point, TradeOff};
use crate::failure::Result;
use crate::progress::say;

/// Strengths, on a grid that is about even in the logarithm.
const STRENGTHS: [f64; 10] = [0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0];
/// Onsets, in units of η.
const ONSETS: [f64; 4] = [0.5, 0.75, 1.0, 1.5];
/// Sharpness of the onset.
const SHARPNESS: [f64; 6] = [1.0, 2.0, 3.0, 5.0, 8.0, 10.0];
/// Levels of truncated sampling, in units of η.
const LEVELS: [f64; 6] = [0.5, 1.0, 1.5, 2.0, 3.0, 4.0];

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Strength, onset and sharpness, and the baselines",
        "Attraction is set from η, the noise of the data: onset η, b = 8, p = 8, compensation c = 1 (b/8 below b = 8) to a reach of 3 onsets. Here \
         each is varied, and whatever else can be done about the noise is measured beside it. Noise removed is read from \
         coordinates that hardly vary in clean images. The worst departure is the farthest of three ratios from 1: distance to \
         the nearest clean image, distance to the plane through 16 clean neighbours, total variance, each over that of \
         held-out clean images (for shapes: of samples of the same mixture fitted to clean images, which is the best that this \
         kind of model can do); below 1 samples are too smooth. Deconvolution needs a model that knows its own covariances, \
         and it and a Tweedie step need η; a network has only truncation, the Tweedie step and attraction.",
    );
    let low_rank = digits::case(settings, CovarianceKind::LowRank(16), digits::NOISE)?;
    one(
        &mut part,
        settings,
        &low_rank,
        "digits",
        "Digits, mixture of rank 16",
        settings.size(&ONSETS[..], &[0.75, 1.0]),
    )?;
    sharpness(&mut part, settings, &low_rank)?;
    if !settings.paper.small {
        let full = digits::case(settings, CovarianceKind::Full, digits::NOISE)?;
        one(&mut part, settings, &full, "digits-full", "Digits, mixture of full covariances", &[0.75, 1.0])?;
        let noise = 0.1;
        let set = shapes::Set::new(settings, 16, noise)?;
        let case = shapes::against_clean(settings, &set, noise)?.0;
        one(&mut part, settings, &case, "shapes", "Shapes of 16×16", &[0.75, 1.0])?;
    }
    Ok(part)
}

fn draws(settings: &Settings, noise: f64) -> Draw {
    Draw { n: settings.size(400, 200), seed: settings.seed(), noise }
}

fn one(
    part: &mut Part,
    settings: &Settings,
    case: &Case,
    id: &'static str,
    title: &'static str,
    onsets: &[f64],
) -> Result<()> {
    say(&format!("{title}: sweep"));
    let draws = draws(settings, case.noise);
    let mut points = Vec::new();
    for &onset in onsets {
        for &b in settings.size(&STRENGTHS[..], &[1.0, 8.0, 16.0, 32.0]) {
            let name = format!("b = {b}, onset {onset} η");
            let measured = case.measured(&Way::Attracted(with(case.noise, onset, b)), draws, &name)?;
            points.push(Point { b, onset, measured });
        }
    }
    let mut truncated = Vec::new();
    for level in settings.size(&LEVELS[..], &[1.0, 3.0]) {
        let name = format!("truncated at {level} η");
        truncated.push(case.measured(&Way::Truncated(level * case.noise), draws, &name)?);
    }
    let outcome = TradeOff {
        id,
        title,
        null: case.yardstick.null(),
        plain: case.measured(&Way::Plain, draws, "plain")?,
        rule: case.measured(&Way::Attracted(case.chosen(settings.seed())?), draws, "attraction, chosen")?,
        points,
        truncated,
        step: case.measured(&Way::Tweedie(case.noise), draws, "Tweedie step")?,
        deconvolved: case.measured(&Way::Deconvolved(case.noise), draws, "deconvolved")?,
    };
    outcome.show(part);
    Ok(())
}

fn sharpness(part: &mut Part, settings: &Settings, case: &Case) -> Result<()> {
    let draws = draws(settings, case.noise);
    let plain = case.measured(&Way::Plain, draws, "plain")?;
    let columns =
        ["p", "noise removed", "to nearest clean", "off local plane", "variance", "recall", "changed class"];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    for &p in settings.size(&SHARPNESS[..], &[2.0, 8.0]) {
        let config = ridgewalk::MadConfig { p, ..attraction(case.noise) };
        let m = case.measured(&Way::Attracted(config), draws, &format!("p = {p}"))?;
        let numbers = [
            p,
            m.removed(&plain),
            m.to_clean,
            m.off_plane,
            m.variance,
            m.recall,
            changed(&m.classes, &plain.classes),
        ];
        rows.push(numbers.into_iter().map(Cell::Number).collect());
    }
    let table = Table { columns: columns.map(Into::into).to_vec(), rows };
    part.table(
        "sweep-sharpness",
        "Digits, b = 8, onset η: sharpness p of the onset (the paper's is 8)",
        table,
    );
    Ok(())
}
