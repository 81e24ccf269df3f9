//! Bias and optimisation error, normal and tangential, over training time and number of features.

use ndarray::{Array2, array};
use ridgewalk::PointSet;
use ridgewalk::closed_form::{Activation, Empirical, Stopping, TrainedFeatures, Weighting};
use ridgewalk::geometry::{DirectionalDraws, FeatureErrorRow, LevelErrors, Measured};
use ridgewalk::survey::{Axis, Cell, Finding, Table};
use ridgewalk_report::format_number;

use super::super::super::part::Part;
use super::super::points::wave;
use super::super::settings::{Settings, at_most, level, lines, scale, series, time};
use super::{WEIGHTINGS, fit, modes, points};
use crate::failure::Result;

/// Times of the process at which errors are measured; figures show the middle one.
const TIMES: [f64; 3] = [0.02, 0.1, 0.5];
const SHOWN: usize = 1;
const TAUS: [f64; 8] = [0.0, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5, f64::INFINITY];
/// The one of the tables that compare numbers of features and data.
const ENOUGH: f64 = 1e3;

pub fn run(settings: &Settings, part: &mut Part) -> Result<()> {
    let data = points(modes())?;
    let exact = Empirical::new(&data)?;
    let draws = measured_at(settings, &exact)?;
    let count = settings.size(500, 100);
    let by_weighting = |activation: Activation| -> Result<Vec<TrainedFeatures>> {
        WEIGHTINGS.iter().map(|(w, _)| fit(&data, count, activation, *w, settings.seed())).collect()
    };
    let taus = TAUS.map(Stopping::GradientFlow);
    let cosine = draws.feature_errors(&by_weighting(Activation::Cosine)?, &taus)?;
    let relu = draws.feature_errors(&by_weighting(Activation::Relu)?, &taus)?;
    over_time(part, count, &cosine, &relu);
    let mut bias = normal_bias(&cosine).max(normal_bias(&relu));
    let counts = settings.size(&[30, 60, 125, 250, 500, 1000][..], &[25, 50, 100]);
    let fits = counts
        .iter()
        .map(|p| fit(&data, *p, Activation::Cosine, Weighting::H, settings.seed()))
        .collect::<Result<Vec<_>>>()?;
    let rows = draws.feature_errors(&fits, &[Stopping::GradientFlow(ENOUGH)])?;
    over_features(part, &rows);
    bias = bias.max(normal_bias(&rows));
    findings(part, bias, &cosine, &relu);
    other_data(settings, part, count)
}

fn measured_at<'a>(settings: &Settings, exact: &'a Empirical) -> Result<DirectionalDraws<'a>> {
    let draws = settings.size(2000, 400);
    Ok(DirectionalDraws::new(exact, &TIMES.map(level), 1, draws, settings.seed() ^ 21)?)
}

/// Root of a mean square, as a length of the process.
fn length(of: Measured, sigma: f64) -> f64 {
    scale(sigma) * of.mean.max(0.0).sqrt()
}

fn normal_bias(rows: &[FeatureErrorRow]) -> f64 {
    let levels = rows.iter().flat_map(|row| &row.levels);
    levels.map(|e| length(e.bias.normal, e.sigma)).fold(0.0, f64::max)
}

fn tau_of(row: &FeatureErrorRow) -> f64 {
    match row.stopping {
        Stopping::GradientFlow(tau) => tau,
        _ => f64::INFINITY,
    }
}

fn tau_cell(tau: f64) -> Cell {
    if tau.is_finite() { tau.into() } else { "∞".into() }
}

/// The rows of a fit for each weighting.
fn groups(rows: &[FeatureErrorRow]) -> impl Iterator<Item = (&'static str, &[FeatureErrorRow])> {
    WEIGHTINGS.iter().map(|w| w.1).zip(rows.chunks(TAUS.len()))
}

fn over_time(part: &mut Part, count: usize, cosine: &[FeatureErrorRow], relu: &[FeatureErrorRow]) {
    let columns = [
        "features",
        "weight",
        "τ",
        "normal error",
        "tangential error",
        "tangential bias",
        "tangential optimisation",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    for (kind, rows) in [("cosine", cosine), ("relu", relu)] {
        for (weight, group) in groups(rows) {
            for row in group {
                let Some(e) = row.levels.get(SHOWN) else { continue };
                let parts =
                    [e.whole.normal, e.whole.tangential, e.bias.tangential, e.optimisation.tangential];
                let names = [kind.into(), weight.into(), tau_cell(tau_of(row))];
                let numbers = parts.map(|part| length(part, e.sigma).into());
                table.rows.push(names.into_iter().chain(numbers).collect());
            }
        }
    }
    part.table(
        "ridge-features-errors",
        &format!(
            "Root mean square error of {count} features on two modes, at t = {}: the normal one is all optimisation error",
            TIMES[SHOWN]
        ),
        table,
    );
    let curve = |rows: &[FeatureErrorRow], of: fn(&LevelErrors) -> Measured| -> Vec<(f64, f64)> {
        let shown = |row: &FeatureErrorRow| {
            Some((tau_of(row), row.levels.get(SHOWN)?.sigma, of(row.levels.get(SHOWN)?)))
        };
        let points = rows.iter().filter_map(shown).filter(|(tau, ..)| *tau > 0.0 && tau.is_finite());
        points.map(|(tau, sigma, value)| (tau, length(value, sigma))).filter(|(_, y)| *y > 0.0).collect()
    };
    let axes = || (Axis::log("training time τ"), Axis::log("root mean square error"));
    for (kind, rows) in [("cosine", cosine), ("relu", relu)] {
        let drawn = groups(rows).flat_map(|(weight, group)| {
            [
                series(format!("weight {weight}: normal"), curve(group, |e| e.whole.normal)),
                series(format!("weight {weight}: tangential"), curve(group, |e| e.whole.tangential)),
            ]
        });
        let title = format!("Error across and along the ridge over training, {kind} features");
        let caption =
            format!("{count} features on two modes, at t = {}, as lengths of the process.", TIMES[SHOWN]);
        part.figure(lines(&format!("ridge-features-{kind}"), &title, &caption, axes(), drawn.collect()));
    }
    if let Some((_, group)) = groups(cosine).nth(1) {
        let drawn = vec![
            series("normal: optimisation", curve(group, |e| e.optimisation.normal)),
            series("tangential: optimisation", curve(group, |e| e.optimisation.tangential)),
            series("tangential: bias", curve(group, |e| e.bias.tangential)),
            series("tangential: bias of weights for this time alone", curve(group, |e| e.alone.tangential)),
        ];
        part.figure(lines(
            "ridge-features-parts",
            "What training has not done, and what the features cannot do",
            "Cosine features, weight h. The data are 0 along y, so that no bias is normal. Of the tangential bias a part is the price of \
             sharing one set of weights among all times.",
            axes(),
            drawn,
        ));
    }
}

fn over_features(part: &mut Part, rows: &[FeatureErrorRow]) {
    let columns =
        ["features", "t", "normal error", "tangential error", "tangential bias", "for this t alone"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let mut curves = vec![Vec::new(); 4];
    for row in rows {
        for (k, e) in row.levels.iter().enumerate() {
            let parts = [e.whole.normal, e.whole.tangential, e.bias.tangential, e.alone.tangential];
            let numbers = parts.map(|part| length(part, e.sigma));
            if k == SHOWN {
                for (curve, y) in curves.iter_mut().zip(numbers) {
                    curve.push((row.features as f64, y));
                }
            }
            let names = [row.features as f64, time(e.sigma)];
            table.rows.push(names.into_iter().chain(numbers).map(Into::into).collect());
        }
    }
    let caption =
        format!("Root mean square error over the number of cosine features: weight h, τ = {ENOUGH}");
    part.table("ridge-features-count", &caption, table);
    let names = [
        "normal error",
        "tangential error",
        "tangential bias",
        "tangential bias of weights for this time alone",
    ];
    part.figure(lines(
        "ridge-features-count",
        "Error across and along the ridge over the number of features",
        &format!("Cosine features on two modes, weight h, τ = {ENOUGH}, at t = {}.", TIMES[SHOWN]),
        (Axis::log("features p"), Axis::log("root mean square error")),
        names.into_iter().zip(curves).map(|(name, curve)| series(name, curve)).collect(),
    ));
}

fn findings(part: &mut Part, bias: f64, cosine: &[FeatureErrorRow], relu: &[FeatureErrorRow]) {
    part.finding(
        Finding::new(
            "features-normal-bias",
            format!("On two modes the bias across the ridge is {} at most.", format_number(bias)),
            bias,
            cosine.len() + relu.len(),
        )
        .expect(at_most(1e-10, "0, to rounding: the data are 0 across the ridge")),
    );
    for (kind, rows) in [("cosine", cosine), ("relu", relu)] {
        let ratio = |e: &LevelErrors| (e.whole.normal.mean / e.whole.tangential.mean).sqrt();
        let worst = |tau: f64| {
            let levels = rows.iter().filter(|row| tau_of(row) == tau).flat_map(|row| &row.levels);
            levels.map(ratio).fold(0.0, f64::max)
        };
        let last = worst(f64::INFINITY);
        let (early, late) = (worst(1.0), worst(1e5));
        part.finding(
            Finding::new(
                format!("features-normal-{kind}"),
                format!(
                    "{kind} features: the error across the ridge is at most {} of that along it at τ = 1, {} at τ = 10⁵, {} \
                     at τ = ∞, over three weightings and times.",
                    format_number(early),
                    format_number(late),
                    format_number(last)
                ),
                late,
                3 * TIMES.len(),
            )
            .setting("at_1", early)
            .setting("at_infinity", last)
            .expect(at_most(1.0, "below the error along the ridge at τ = 10⁵: at most 1")),
        );
        let kept = rows
            .chunks(TAUS.len())
            .flat_map(|group| group.windows(2))
            .filter(|pair| tau_of(&pair[1]).is_finite())
            .flat_map(|pair| {
                let normal = |row: &FeatureErrorRow| -> Vec<f64> {
                    row.levels.iter().map(|e| e.whole.normal.mean).collect()
                };
                normal(&pair[0])
                    .into_iter()
                    .zip(normal(&pair[1]))
                    .map(|(before, after)| (after / before).sqrt())
            });
        let kept = kept.filter(|v| v.is_finite()).fold(0.0, f64::max);
        part.finding(
            Finding::new(
                format!("features-decay-{kind}"),
                format!(
                    "{kind} features: from one τ to the next, ten times as long, the error across the ridge is multiplied by \
                     {} at most. (τ = ∞ is left out: the formula then keeps W(0) where eigenvalues are cut.)",
                    format_number(kept)
                ),
                kept,
                3 * TIMES.len() * (TAUS.len() - 2),
            )
            .expect(at_most(1.0, "it decays: at most 1")),
        );
    }
}

/// Two and three modes and a curve: where the data vary across the ridge there is a bias.
fn other_data(settings: &Settings, part: &mut Part, count: usize) -> Result<()> {
    let three: Array2<f64> = array![[0.0, 0.0], [5.0, 0.0], [0.0, 5.0]];
    let columns = [
        "data",
        "t",
        "normal bias",
        "tangential bias",
        "normal optimisation",
        "tangential optimisation",
        "normal bias for this t alone",
        "tangential bias for this t alone",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    for (name, values) in [("two modes", modes()), ("three modes", three), ("thirteen points", wave())] {
        let data: PointSet = points(values)?;
        let exact = Empirical::new(&data)?;
        let draws = measured_at(settings, &exact)?;
        let trained = fit(&data, count, Activation::Cosine, Weighting::H, settings.seed())?;
        for row in draws.feature_errors(&[trained], &[Stopping::GradientFlow(ENOUGH)])? {
            for (t, e) in TIMES.into_iter().zip(&row.levels) {
                let directional = [e.bias, e.optimisation, e.alone];
                let parts = directional.iter().flat_map(|d| [d.normal, d.tangential]);
                let numbers = parts.map(|part| Cell::from(length(part, e.sigma)));
                table.rows.push([name.into(), t.into()].into_iter().chain(numbers).collect());
            }
        }
    }
    let caption =
        format!("Bias and optimisation error on three sets: {count} cosine features, weight h, τ = {ENOUGH}");
    part.table("ridge-features-data", &caption, table);
    Ok(())
}
