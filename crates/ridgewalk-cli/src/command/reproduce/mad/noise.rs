//! Whether settings in units of η hold at other noise levels, what a wrong η does, and noise of another kind.

use ridgewalk::closed_form::CovarianceKind;
use ridgewalk::survey::{Axis, Cell, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk_data::add_salt_and_pepper;
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::case::Case;
use super::digits;
use super::measure::Measured;
use super::sampling::{Draw, Way};
use super::settings::{Settings, attraction};
use crate::failure::Result;
use crate::progress::say;

/// Noise levels over a factor of eight, in pixel values of 0 to 16.
const NOISES: [f64; 7] = [0.57, 0.8, 1.13, 1.6, 2.26, 3.2, 4.53];
/// η as it is taken, over what it is.
const WRONG: [f64; 5] = [0.7, 0.85, 1.0, 1.15, 1.3];
/// Shares of pixels that are set to 0 or 16.
const FRACTIONS: [f64; 4] = [0.01, 0.02, 0.05, 0.1];
/// The range of the digits.
const RANGE: f64 = 16.0;
const KIND: CovarianceKind = CovarianceKind::LowRank(16);

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Noise levels, a wrong level, and other noise",
        "Digits, mixture of 20 with rank 16, attraction by the rule, which knows nothing but η. At the lowest levels the model's \
         one variance for all other directions is more than η²: what is left there is what the model cannot fit, and plain \
         samples are noisier than the data.",
    );
    levels(&mut part, settings)?;
    wrong(&mut part, settings)?;
    impulses(&mut part, settings)?;
    Ok(part)
}

fn row(first: f64, plain: &Measured, m: &Measured) -> Vec<Cell> {
    let numbers = [
        first,
        plain.noise,
        m.noise,
        m.removed(plain),
        m.to_clean,
        m.off_plane,
        m.variance,
        m.recall,
        m.coverage,
    ];
    numbers.into_iter().map(Cell::Number).collect()
}

fn columns(first: &str) -> Vec<String> {
    let rest = [
        "plain noise",
        "noise left",
        "noise removed",
        "to nearest clean",
        "off local plane",
        "variance",
        "recall",
        "coverage",
    ];
    std::iter::once(first).chain(rest).map(Into::into).collect()
}

fn draws(settings: &Settings, noise: f64) -> Draw {
    Draw { n: settings.size(600, 300), seed: settings.seed(), noise }
}

fn levels(part: &mut Part, settings: &Settings) -> Result<()> {
    let mut table = Table { columns: columns("η"), rows: Vec::new() };
    let mut found: Vec<(f64, Measured, Measured)> = Vec::new();
    for &noise in settings.size(&NOISES[..], &[0.8, 3.2]) {
        say(&format!("digits with noise {noise}"));
        let case = digits::case(settings, KIND, noise)?;
        let draws = draws(settings, noise);
        let plain = case.measured(&Way::Plain, draws, "plain")?;
        let m = case.measured(&Way::Attracted(attraction(noise)), draws, "attracted")?;
        table.rows.push(row(noise, &plain, &m));
        found.push((noise, plain, m));
    }
    part.table("noise-levels", "Attraction by the rule at other noise levels (pixels from 0 to 16)", table);
    let line = |name: &str, f: &dyn Fn(&Measured, &Measured) -> f64| Series {
        name: name.into(),
        points: found.iter().map(|(noise, p, m)| (*noise, f(p, m))).collect(),
    };
    part.figure(Figure {
        id: "noise-levels".into(),
        title: "The rule at other noise levels".into(),
        caption: "All settings are in units of η, so that one rule serves every level, as long as signal is wider than noise."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("noise η of the data"),
            y: Axis::linear("share, or ratio to held-out clean data"),
            series: vec![
                line("noise removed", &|p, m| m.removed(p)),
                line("distance to nearest clean", &|_, m| m.to_clean),
                line("the same, plain sampling", &|p, _| p.to_clean),
                line("distance off local plane", &|_, m| m.off_plane),
                line("total variance", &|_, m| m.variance),
            ],
        },
    });
    let least = found.iter().map(|(_, p, m)| m.removed(p)).fold(f64::INFINITY, f64::min);
    let worst = found.iter().map(|(_, _, m)| m.departure()).fold(0.0, f64::max);
    let statement = format!(
        "Over noise levels from {} to {} the rule removes at least {} of the noise; its worst departure from held-out clean data \
         is {}.",
        found.first().map_or(f64::NAN, |f| f.0),
        found.last().map_or(f64::NAN, |f| f.0),
        super::percent(least),
        super::percent(worst)
    );
    part.finding(
        Finding::new("noise-levels", statement, least, settings.size(600, 300))
            .setting("worst_departure", worst)
            .expect(Expectation {
                text: "at least 50 % at every level, the lowest included, where plain samples are noisier than the data".into(),
                at_least: Some(0.5),
                at_most: None,
            }),
    );
    Ok(())
}

fn wrong(part: &mut Part, settings: &Settings) -> Result<()> {
    let case = digits::case(settings, KIND, digits::NOISE)?;
    let draws = draws(settings, digits::NOISE);
    let plain = case.measured(&Way::Plain, draws, "plain")?;
    let mut head = columns("η taken ÷ η");
    head.insert(0, "way".into());
    let mut table = Table { columns: head, rows: Vec::new() };
    type Make = fn(f64) -> Way;
    let ways: [(&str, Make); 3] = [
        ("attraction", |noise| Way::Attracted(attraction(noise))),
        ("Tweedie step", Way::Tweedie),
        ("deconvolved", Way::Deconvolved),
    ];
    let mut spans = Vec::new();
    for (name, way) in ways {
        let mut departures: Vec<f64> = Vec::new();
        for &factor in settings.size(&WRONG[..], &[0.7, 1.0, 1.3]) {
            let m = case.measured(&way(factor * digits::NOISE), draws, name)?;
            departures.push(m.departure());
            let mut cells = row(factor, &plain, &m);
            cells.insert(0, name.into());
            table.rows.push(cells);
        }
        spans.push((name, departures.iter().copied().fold(0.0, f64::max)));
    }
    part.table("noise-wrong", "Digits, η = 1.6, taken too small or too large", table);
    let worst = spans.first().map_or(f64::NAN, |s| s.1);
    let texts: Vec<String> =
        spans.iter().map(|(name, d)| format!("{} for {name}", format_number(*d))).collect();
    let statement = format!(
        "With η wrong by up to 30 % the worst departure from held-out clean data is {}.",
        texts.join(", ")
    );
    part.finding(Finding::new("noise-wrong", statement, worst, draws.n).expect(Expectation {
        text: "attraction stays within 25 %".into(),
        at_least: None,
        at_most: Some(0.25),
    }));
    Ok(())
}

fn impulses(part: &mut Part, settings: &Settings) -> Result<()> {
    let (clean, held_out) = digits::sets(settings)?;
    let mut table = Table { columns: columns("share of pixels"), rows: Vec::new() };
    let mut least = f64::INFINITY;
    for &fraction in settings.size(&FRACTIONS[..], &[0.05]) {
        let noisy = add_salt_and_pepper(&clean, fraction, settings.seed())?;
        // Half of the impulses on a black pixel are white: their root mean square is the η of the rule.
        let noise = RANGE * (0.5 * fraction).sqrt();
        let case =
            Case::new(&clean, noisy, held_out.clone(), noise, digits::fit(settings, KIND), clean.len())?;
        let draws = draws(settings, noise);
        let plain = case.measured(&Way::Plain, draws, "plain")?;
        let m = case.measured(&Way::Attracted(attraction(noise)), draws, "attracted")?;
        least = least.min(m.removed(&plain));
        table.rows.push(row(fraction, &plain, &m));
    }
    part.table("noise-impulses", "Salt and pepper: pixels set to 0 or 16, half each", table);
    let statement = format!(
        "Under salt and pepper attraction by the same rule, with η the root mean square of the impulses on black, removes at \
         least {} of what is left of it in plain samples.",
        super::percent(least)
    );
    part.finding(Finding::new("noise-impulses", statement, least, settings.size(600, 300)).expect(
        Expectation {
            text: "at least 50 %: the noise is not Gaussian, and no η is right".into(),
            at_least: Some(0.5),
            at_most: None,
        },
    ));
    Ok(())
}
