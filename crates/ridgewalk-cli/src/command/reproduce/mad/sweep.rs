//! Strength, onset and sharpness of attraction, and every baseline on the same axes: noise removed against the worst
//! departure from held-out clean data.

use ridgewalk::closed_form::CovarianceKind;
use ridgewalk::survey::{Axis, Cell, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::case::Case;
use super::digits;
use super::measure::{Measured, Null, changed, class_difference, table};
use super::sampling::{Draw, Way};
use super::settings::{Settings, attraction, with};
use super::shapes;
use crate::failure::Result;
use crate::progress::say;

/// Strengths, on a grid that is about even in the logarithm.
const STRENGTHS: [f64; 10] = [0.1, 0.3, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0];
/// Onsets, in units of η.
const ONSETS: [f64; 4] = [0.5, 0.75, 1.0, 1.5];
/// Sharpness of the onset.
const SHARPNESS: [f64; 6] = [1.0, 2.0, 3.0, 5.0, 8.0, 10.0];
/// Levels of truncated sampling, in units of η.
const LEVELS: [f64; 5] = [0.5, 1.0, 1.5, 2.0, 3.0];
/// Smoother than held-out clean data by this much counts as too smooth.
const SMOOTH: f64 = 0.9;
/// Class shares that move by this much, or coverage that falls to this part of the greatest along the line, count as
/// collapse.
const MOVED: f64 = 0.05;
const COVERED: f64 = 0.9;

/// A strength and an onset with what came of them.
struct Point {
    b: f64,
    onset: f64,
    measured: Measured,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Strength, onset and sharpness, and the baselines",
        "Attraction is set from η, the noise of the data: onset η, b = 8, p = 8, compensation c = 1 to a reach of 3 onsets. Here \
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
        settings.size(&ONSETS[..], &[1.0]),
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
    Draw { n: settings.size(500, 200), seed: settings.seed(), noise }
}

fn one(
    part: &mut Part,
    settings: &Settings,
    case: &Case,
    id: &str,
    title: &str,
    onsets: &[f64],
) -> Result<()> {
    say(&format!("{title}: sweep"));
    let draws = draws(settings, case.noise);
    let plain = case.measured(&Way::Plain, draws, "plain")?;
    let strengths = settings.size(&STRENGTHS[..], &[1.0, 8.0, 32.0]);
    let mut points = Vec::new();
    for &onset in onsets {
        for &b in strengths {
            let name = format!("b = {b}, onset {onset} η");
            let measured = case.measured(&Way::Attracted(with(case.noise, onset, b)), draws, &name)?;
            points.push(Point { b, onset, measured });
        }
    }
    let rule = case.measured(&Way::Attracted(attraction(case.noise)), draws, "attraction by the rule")?;
    let mut baselines = Vec::new();
    for level in settings.size(&LEVELS[..], &[1.0, 2.0]) {
        let name = format!("truncated at {level} η");
        baselines.push(case.measured(&Way::Truncated(level * case.noise), draws, &name)?);
    }
    let step = case.measured(&Way::Tweedie(case.noise), draws, "Tweedie step")?;
    let deconvolved = case.measured(&Way::Deconvolved(case.noise), draws, "deconvolved")?;
    figures(part, id, title, &plain, &points, &baselines, [&rule, &step, &deconvolved]);
    let mut all = vec![&plain, &rule];
    all.extend(&baselines);
    all.extend([&step, &deconvolved]);
    part.table(
        &format!("sweep-{id}"),
        &format!("{title}: the rule and the baselines"),
        table(&plain, &case.yardstick.null(), &all),
    );
    let mut every = vec![&plain];
    every.extend(points.iter().map(|p| &p.measured));
    part.tables.push((format!("sweep-{id}-settings"), table(&plain, &case.yardstick.null(), &every)));
    baselines.push(step);
    verdict(part, id, title, &plain, &rule, &baselines, &deconvolved, &case.yardstick.null());
    onset_of_harm(part, id, title, &plain, &points);
    Ok(())
}

fn figures(
    part: &mut Part,
    id: &str,
    title: &str,
    plain: &Measured,
    points: &[Point],
    truncated: &[Measured],
    [rule, step, deconvolved]: [&Measured; 3],
) {
    let mut onsets: Vec<f64> = points.iter().map(|p| p.onset).collect();
    onsets.dedup();
    let place = |m: &Measured| (m.removed(plain), m.departure());
    let along = |f: &dyn Fn(&Measured) -> (f64, f64)| -> Vec<Series> {
        let lines = onsets.iter().map(|onset| {
            let of = points.iter().filter(|p| p.onset == *onset);
            Series {
                name: format!("attraction, onset {onset} η"),
                points: of.map(|p| f(&p.measured)).collect(),
            }
        });
        lines.collect()
    };
    let mut series = along(&place);
    series.push(Series { name: "truncated".into(), points: truncated.iter().map(place).collect() });
    let single = [
        ("plain", plain),
        ("attraction by the rule", rule),
        ("Tweedie step", step),
        ("deconvolved", deconvolved),
    ];
    for (name, m) in single {
        series.push(Series { name: name.into(), points: vec![place(m), place(m)] });
    }
    part.figure(Figure {
        id: format!("sweep-{id}"),
        title: format!("{title}: noise removed against the worst departure"),
        caption: "Right and low is better. Along each line of attraction b rises; along that of truncation the level does. All \
                  start near plain sampling, whose departure is its noise."
            .into(),
        plot: Plot::Lines {
            x: Axis::linear("share of the noise removed"),
            y: Axis::linear("worst departure from clean data"),
            series,
        },
    });
    let by_b = |name: &str, f: &dyn Fn(&Measured) -> f64| Series {
        name: name.into(),
        points: points.iter().filter(|p| p.onset == 1.0).map(|p| (p.b, f(&p.measured))).collect(),
    };
    part.figure(Figure {
        id: format!("sweep-{id}-strength"),
        title: format!("{title}: what rises and falls with the strength, onset η"),
        caption: "Noise goes first; then samples become smoother than clean data (ratios below 1), and then fewer of them differ."
            .into(),
        plot: Plot::Lines {
            x: Axis::log("strength b"),
            y: Axis::linear("share, or ratio to clean data"),
            series: vec![
                by_b("noise left ÷ plain's", &|m| m.noise / plain.noise),
                by_b("distance to nearest clean", &|m| m.to_clean),
                by_b("distance off local plane", &|m| m.off_plane),
                by_b("total variance", &|m| m.variance),
                by_b("recall", &|m| m.recall),
                by_b("coverage", &|m| m.coverage),
                by_b("precision", &|m| m.precision),
            ],
        },
    });
}

fn verdict(
    part: &mut Part,
    id: &str,
    title: &str,
    plain: &Measured,
    rule: &Measured,
    baselines: &[Measured],
    deconvolved: &Measured,
    null: &Null,
) {
    let n = rule.classes.len();
    let removed = rule.removed(plain);
    let statement =
        format!("{title}: set by the rule, attraction removes {} of the noise.", super::percent(removed));
    part.finding(Finding::new(format!("sweep-{id}-removed"), statement, removed, n).expect(Expectation {
        text: "at least 55 %".into(),
        at_least: Some(0.55),
        at_most: None,
    }));
    let statement = format!(
        "{title}: its samples are {} times as far from the nearest clean image as {} are, {} times as far off the local \
         plane, with {} times the variance.",
        format_number(rule.to_clean),
        null.name,
        format_number(rule.off_plane),
        format_number(rule.variance)
    );
    part.finding(Finding::new(format!("sweep-{id}-departure"), statement, rule.departure(), n).expect(
        Expectation { text: format!("all within 10 % of {}", null.name), at_least: None, at_most: Some(0.1) },
    ));
    let better = |m: &&Measured| m.removed(plain) >= removed && m.departure() <= rule.departure();
    let winners: Vec<&str> = baselines.iter().filter(better).map(|m| m.name.as_str()).collect();
    let describe = |m: &Measured| {
        format!(
            "{} removes {} at a departure of {}",
            m.name,
            super::percent(m.removed(plain)),
            format_number(m.departure())
        )
    };
    let others: Vec<String> = baselines.iter().chain([deconvolved]).map(describe).collect();
    let statement = format!(
        "{title}: {} by the rule; {}. {}",
        describe(rule),
        others.join("; "),
        if winners.is_empty() {
            "No truncation and no Tweedie step is both cleaner and nearer to clean data than attraction."
                .into()
        } else {
            format!("Both cleaner and nearer: {}.", winners.join(", "))
        }
    );
    part.finding(Finding::new(format!("sweep-{id}-baselines"), statement, winners.len() as f64, n).expect(
        Expectation {
            text: "no baseline that a network has (truncation, Tweedie step) is better in both".into(),
            at_least: None,
            at_most: Some(0.0),
        },
    ));
}

/// From which strength on samples are too smooth, and from which on they collapse.
fn onset_of_harm(part: &mut Part, id: &str, title: &str, plain: &Measured, points: &[Point]) {
    let line: Vec<&Point> = points.iter().filter(|p| p.onset == 1.0).collect();
    let strongest = line.last().map_or(f64::NAN, |p| p.b);
    let smooth = |m: &Measured| m.to_clean.min(m.off_plane).min(m.variance) < SMOOTH;
    // Coverage rises while noise goes: only what comes after its greatest value is a loss.
    let greatest = line.iter().max_by(|a, b| a.measured.coverage.total_cmp(&b.measured.coverage));
    let (at, most) = greatest.map_or((f64::NAN, f64::NAN), |p| (p.b, p.measured.coverage));
    let collapsed = |p: &Point| {
        class_difference(&p.measured.classes, &plain.classes) > MOVED
            || (p.b > at && p.measured.coverage < COVERED * most)
    };
    let first = |f: &dyn Fn(&Point) -> bool| line.iter().find(|p| f(p)).map(|p| p.b);
    let say = |b: Option<f64>| match b {
        Some(b) => format!("from b = {b} on"),
        None => format!("at no b up to {strongest}"),
    };
    let (too_smooth, collapse) = (first(&|p| smooth(&p.measured)), first(&collapsed));
    let statement = format!(
        "{title}, onset η: samples are smoother than clean data by a tenth {}; modes are lost {} (class shares moved by 5 %, or \
         coverage below 90 % of its greatest).",
        say(too_smooth),
        say(collapse)
    );
    let value = too_smooth.or(collapse).unwrap_or(strongest);
    let n = plain.classes.len();
    let mut finding = Finding::new(format!("sweep-{id}-harm"), statement, value, n);
    for (key, b) in [("too_smooth_from", too_smooth), ("collapse_from", collapse)] {
        finding = finding.setting(key, b.map_or(serde_json::Value::Null, Into::into));
    }
    part.finding(finding);
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
