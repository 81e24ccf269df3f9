//! The soft threshold: what is left of a Gaussian direction, against its width.

use std::ops::ControlFlow;

use ndarray::{Array1, Array2};
use ridgewalk::closed_form::{Covariance, Gaussian};
use ridgewalk::survey::{Axis, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk::transform::tweedie_step;
use ridgewalk::{Denoiser, Euler, Heun, LogLinear, Mad, MadConfig, Progress, Sampler, Schedule, Switched};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::sampling::levels;
use super::settings::Settings;
use crate::failure::Result;

/// σ_on, the onset of attraction, which is η in the comparison.
const ONSET: f64 = 0.2;
const SIGMA_MAX: f64 = 80.0;
/// Standard deviations of the directions, even in their logarithm.
const NARROWEST: f64 = 0.005;
const WIDEST: f64 = 5.0;
const DIRECTIONS: usize = 61;
/// Sharpness at which the onset is a switch, and a grid that is fine enough to forget it is one.
const SWITCH: f64 = 64.0;
const FINE: usize = 4000;
const FINE_SMALL: usize = 1500;
/// How near a run on the fine grid must come to the formula.
const NEAR: f64 = 0.01;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "The soft threshold",
        "A Gaussian direction of standard deviation √v is left with a factor of it. The formula is derived for the way in \
         which this program uses the extended score, and is not the paper's: exp(−(b/2)·σ_on²/(v+σ_on²)) for strength b and \
         onset σ_on, times exp((c/2)·[r²σ_on²/(v+r²σ_on²) − σ_on²/(v+σ_on²)]) with compensation c to the reach r. The paper \
         states the idea: small variations go to zero, large ones stay.",
    );
    let widths: Vec<f64> = (0..DIRECTIONS)
        .map(|i| NARROWEST * libm::pow(WIDEST / NARROWEST, i as f64 / (DIRECTIONS - 1) as f64))
        .collect();
    let variances: Vec<f64> = widths.iter().map(|w| w * w).collect();
    let model = Gaussian::new(Array1::zeros(DIRECTIONS), Covariance::diagonal(variances)?)?;
    let fine = settings.size(FINE, FINE_SMALL);
    for c in [0.0, 1.0] {
        laws(&mut part, &model, &widths, c, fine)?;
    }
    baselines(&mut part, &model, &widths)?;
    Ok(part)
}

/// The formula.
pub fn theory(v: f64, b: f64, c: f64, reach: f64) -> f64 {
    MadConfig { b, c, reach, ..MadConfig::default() }.remaining(v, ONSET)
}

fn config(b: f64, c: f64, p: f64) -> MadConfig {
    MadConfig { a: 1.0, b, p, c, sigma_data: Some(ONSET), ..MadConfig::default() }
}

/// Measured factors of all directions: the sampler's own steps on one state that is a standard deviation off in each.
fn factors<D: Denoiser>(model: &D, widths: &[f64], schedule: impl Schedule, switch: f64) -> Result<Vec<f64>> {
    let start = Array2::from_shape_fn((1, widths.len()), |(_, j)| f64::hypot(SIGMA_MAX, at(widths, j)));
    let sampler = Sampler::new(Switched::new(Heun::new(), Euler, switch), schedule);
    let end = sampler.run_from(model, start.view(), &mut |_: &Progress| ControlFlow::Continue(()))?;
    Ok(end.points.iter().zip(widths).map(|(x, w)| x / w).collect())
}

fn at(widths: &[f64], j: usize) -> f64 {
    widths.get(j).copied().unwrap_or(1.0)
}

fn curve(name: impl Into<String>, widths: &[f64], factors: &[f64]) -> Series {
    Series { name: name.into(), points: widths.iter().copied().zip(factors.iter().copied()).collect() }
}

fn lines(id: &str, title: &str, caption: &str, series: Vec<Series>) -> Figure {
    Figure {
        id: id.into(),
        title: title.into(),
        caption: caption.into(),
        plot: Plot::Lines {
            x: Axis::log("standard deviation √v of the direction (onset at 0.2)"),
            y: Axis::linear("factor of its standard deviation that is left"),
            series,
        },
    }
}

fn laws(part: &mut Part, model: &Gaussian, widths: &[f64], c: f64, fine: usize) -> Result<()> {
    let named = if c == 0.0 { "plain" } else { "compensated" };
    let columns = ["b", "√v", "formula", "fine grid, p = 64", "33 levels, p = 8"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut series, mut worst, mut worst_short) = (Vec::new(), 0.0f64, 0.0f64);
    for b in [2.0, 4.0, 8.0, 16.0] {
        let known: Vec<f64> = widths.iter().map(|w| theory(w * w, b, c, 3.0)).collect();
        let long = Mad::new(model, config(b, c, SWITCH))?;
        let levels_fine = LogLinear::new(0.001 * ONSET..SIGMA_MAX, fine);
        let exact = factors(&long, widths, levels_fine, long.onset_level())?;
        let short = Mad::new(model, config(b, c, 8.0))?;
        let usual = factors(&short, widths, levels(SIGMA_MAX, ONSET, 0.1 * ONSET, b), short.onset_level())?;
        for ((w, k), (e, u)) in widths.iter().zip(&known).zip(exact.iter().zip(&usual)) {
            // Below the lowest level both end in D, which takes what is left: the formula knows no end.
            if *w >= 0.1 * ONSET {
                worst = worst.max((e - k).abs());
                worst_short = worst_short.max((u - k).abs());
            }
            table.rows.push(vec![b.into(), (*w).into(), (*k).into(), (*e).into(), (*u).into()]);
        }
        series.push(curve(format!("b = {b}, formula"), widths, &known));
        series.push(curve(format!("b = {b}, 33 levels"), widths, &usual));
    }
    part.figure(lines(
        &format!("threshold-{named}"),
        &format!("Soft threshold, {}", if c == 0.0 { "without compensation" } else { "with compensation (c = 1, reach 3)" }),
        "The formula and the sampler's own steps: 8 above the window of attraction, 24 in it. Narrow directions go, wide \
         ones stay; below a tenth of the onset the last step takes what is left.",
        series,
    ));
    let statement = format!(
        "Attraction {} leaves a Gaussian direction what the formula says: on a fine grid within {}; with 33 levels and \
         p = 8 within {}.",
        if c == 0.0 { "without compensation" } else { "with compensation" },
        format_number(worst),
        format_number(worst_short)
    );
    part.finding(
        Finding::new(format!("threshold-law-{named}"), statement, worst, 4 * widths.len())
            .setting("levels", fine)
            .setting("with_33_levels", worst_short)
            .expect(Expectation {
                text: format!(
                    "at most {NEAR} from the closed form, derived for the limit of small steps and p → ∞"
                ),
                at_least: None,
                at_most: Some(NEAR),
            }),
    );
    part.tables.push((format!("threshold-{named}"), table));
    Ok(())
}

/// Attraction, truncation, a Tweedie step and deconvolution of one noise level, as factors of the noisy width.
fn baselines(part: &mut Part, model: &Gaussian, widths: &[f64]) -> Result<()> {
    let noise = ONSET;
    let exact: Vec<f64> = widths.iter().map(|w| (1.0 - noise * noise / (w * w)).max(0.0).sqrt()).collect();
    let attracted = |b: f64, c: f64| -> Result<Vec<f64>> {
        let mad = Mad::new(model, config(b, c, 8.0))?;
        factors(&mad, widths, levels(SIGMA_MAX, ONSET, 0.1 * ONSET, b), mad.onset_level())
    };
    let truncated = factors(model, widths, levels(SIGMA_MAX, ONSET, noise, 0.0), 0.0)?;
    let one = Array2::from_shape_fn((1, widths.len()), |(_, j)| at(widths, j));
    let step = tweedie_step(model, one.view(), noise, 1e-4 * noise)?;
    let step: Vec<f64> = step.iter().zip(widths).map(|(x, w)| x / w).collect();
    // Where the factor is negative it is far below; the figure shows what is left in size.
    let shown: Vec<f64> = step.iter().map(|f| f.abs().min(1.5)).collect();
    let (bare, compensated) = (attracted(8.0, 0.0)?, attracted(8.0, 1.0)?);
    let series = vec![
        curve("exact: √(1 − η²/v)", widths, &exact),
        curve("attraction, b = 8, c = 1", widths, &compensated),
        curve("attraction, b = 8, c = 0", widths, &bare),
        curve("truncated at η", widths, &truncated),
        curve("one Tweedie step, |1 − η²/v|", widths, &shown),
    ];
    part.figure(lines(
        "threshold-baselines",
        "What each way leaves of a direction, η = 0.2",
        "A model of noisy data that is exact has no direction below η; a fitted one has. Truncation leaves 0.71 of the noise; \
         a Tweedie step takes too much of what is wanted, and turns narrow directions around and makes them larger \
         (cut at 1.5).",
        series,
    ));
    let columns =
        ["√v / η", "exact", "attraction c = 1", "attraction c = 0", "truncated at η", "Tweedie step"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut worst, mut three) = (0.0f64, f64::NAN);
    for target in [0.5, 0.7, 1.0, 1.4, 2.0, 3.0, 5.0, 10.0] {
        let near = |a: &f64| libm::log(a / (target * noise)).abs();
        let j = (0..widths.len())
            .min_by(|a, b| near(&at(widths, *a)).total_cmp(&near(&at(widths, *b))))
            .unwrap_or(0);
        let row =
            [&exact, &compensated, &bare, &truncated, &step].map(|f| f.get(j).copied().unwrap_or(f64::NAN));
        if target >= 5.0 {
            worst = worst.max((row[1] - row[0]).abs());
        }
        if target == 3.0 {
            three = row[0] - row[1];
        }
        table.rows.push(std::iter::once(at(widths, j) / noise).chain(row).map(Into::into).collect());
    }
    part.table("threshold-baselines", "Factor of the standard deviation that is left", table);
    let statement = format!(
        "Directions five and more times as wide as the noise keep the factor that exact deconvolution gives them, within {}; one \
         three times as wide loses more, {} of 0.95.",
        format_number(worst),
        format_number(three)
    );
    part.finding(Finding::new("threshold-compensation", statement, worst, 2).expect(Expectation {
        text: "at most 0.05: compensation returns what the onset takes".into(),
        at_least: None,
        at_most: Some(0.05),
    }));
    Ok(())
}
