//! Samples of the trained model at several training times: on the ridge or off it, between the modes or at them, and
//! where the error said that they would go.

use ndarray::{Array2, ArrayView2, Axis as Direction};
use ridgewalk::Heun;
use ridgewalk::closed_form::{Activation, Empirical, Weighting};
use ridgewalk::geometry::{Agreement, ErrorSplit, Motion, Ridge};
use ridgewalk::neighbours::nearest;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::survey::{Axis, Cell, Finding, Table};
use ridgewalk_report::format_number;

use super::super::super::part::Part;
use super::super::settings::{
    Settings, at, at_least, at_most, level, levels, mean, path, percent, scale, scatter, series,
};
use super::{fit, modes, points};
use crate::failure::Result;

const TAUS: [f64; 6] = [1.0, 10.0, 100.0, 1e3, 1e4, f64::INFINITY];
/// The run: from this time to that.
const FROM: f64 = 3.0;
const TO: f64 = 1e-2;
/// Radius of the tube, and farthest distance of a copy, in noise levels.
const NEAR: f64 = 3.0;

pub fn run(settings: &Settings, part: &mut Part) -> Result<()> {
    let data = points(modes())?;
    let exact = Empirical::new(&data)?;
    let ridge = Ridge::new(&exact, 1)?;
    let trained = fit(&data, settings.size(500, 100), Activation::Cosine, Weighting::H, settings.seed())?;
    let grid = levels(FROM, TO, settings.size(160, 60));
    let mut stream = Stream::new(settings.seed(), Purpose::Start, 17, 0);
    let start =
        Array2::from_shape_simple_fn((settings.size(1000, 150), 2), || stream.normal()) / scale(level(FROM));
    let pure = path(Heun::new(), &grid, &exact, start.view(), 0)?;
    let columns = [
        "τ",
        "on the ridge",
        "between the modes",
        "on the ridge and between",
        "distance: mean",
        "displacement across: correlation",
        "measured / predicted",
        "distance: correlation",
        "displacement along: correlation",
        "along: of ranks",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut clouds, mut shares, mut least) = (Vec::new(), Vec::new(), f64::INFINITY);
    let where_they_end = |run: &Trajectories| -> Result<Option<Ended>> {
        let Some((sigma, ends)) = at(run, TO) else { return Ok(None) };
        let on = ridge.in_tube(&ridge.frames(ends, sigma)?, NEAR);
        let gaps = nearest(ends, data.values(), 1)?.nearest_distances();
        let between: Vec<bool> = gaps.iter().map(|gap| *gap > NEAR * sigma).collect();
        let both: Vec<bool> = on.iter().zip(&between).map(|(on, between)| *on && *between).collect();
        let share = |flags: &[bool]| flags.iter().filter(|f| **f).count() as f64 / flags.len().max(1) as f64;
        let distances: Vec<f64> = ends.outer_iter().map(|x| scale(sigma) * x[1].abs()).collect();
        Ok(Some(Ended {
            shares: [share(&on), share(&between), share(&both), mean(&distances)],
            shown: shown(ends),
        }))
    };
    let Some(own) = where_they_end(&pure)? else { return Ok(()) };
    table.rows.push(
        std::iter::once("exact".into())
            .chain(own.shares.map(Cell::from))
            .chain(std::iter::repeat_n("–".into(), columns.len() - 5))
            .collect(),
    );
    for tau in TAUS {
        let model = trained.at(tau)?;
        let run = path(Heun::new(), &grid, &model, start.view(), 0)?;
        let Some(ended) = where_they_end(&run)? else { continue };
        let split = ErrorSplit::along(&ridge, &model, &run, Motion::ProbabilityFlow)?;
        let found = split.compare(&ridge, &pure, &run)?;
        let (normal, along) = (found.normal_agreement(), found.tangential_agreement());
        let of = |a: Option<Agreement>, value: fn(&Agreement) -> f64| -> Cell {
            a.as_ref().map_or_else(|| "–".into(), |a| value(a).into())
        };
        if let Some(agreement) = normal {
            least = least.min(agreement.pearson);
        }
        shares.push(ended.shares);
        let name: Cell = if tau.is_finite() { tau.into() } else { "∞".into() };
        table.rows.push(
            std::iter::once(name)
                .chain(ended.shares.map(Cell::from))
                .chain([
                    of(normal, |a| a.pearson),
                    of(normal, |a| a.slope),
                    of(found.distance_agreement(), |a| a.pearson),
                    of(along, |a| a.pearson),
                    of(along, |a| a.spearman),
                ])
                .collect(),
        );
        if tau >= 100.0 {
            let name = if tau.is_finite() { format!("τ = {tau}") } else { "τ = ∞".into() };
            clouds.push(series(name, ended.shown));
        }
    }
    clouds.push(series("data", shown(data.values())));
    part.table(
        "ridge-features-samples",
        &format!("Samples of the flow at t = {TO}, and their displacements from the exact flow's, predicted and measured"),
        table,
    );
    part.figure(scatter(
        "ridge-features-samples",
        "Samples of random feature models over training",
        &format!(
            "The normal error decays in training, and samples come to the line through the modes; some stay on that line between the \
             modes. On the ridge are those within {NEAR} noise levels of it, between the modes those farther than {NEAR} noise levels from \
             both. Displacements are predicted from the error along the model's own run. Cosine features, weight h; up to ±6, in the \
             data's coordinates."
        ),
        (Axis::linear("x"), Axis::linear("y")),
        clouds,
    ));
    let (Some(first), Some(last)) = (shares.first(), shares.last()) else { return Ok(()) };
    part.finding(
        Finding::new(
            "features-on-ridge",
            format!(
                "{} of the samples are on the ridge at τ = 1, {} at τ = ∞; between the modes are {} and {}.",
                percent(first[0]),
                percent(last[0]),
                percent(first[1]),
                percent(last[1])
            ),
            last[0],
            start.nrows(),
        )
        .setting("between", last[1])
        .expect(at_least(0.95, "at least 95 % of the samples of the model that was trained to the end")),
    );
    part.finding(
        Finding::new(
            "features-distance",
            format!(
                "The mean distance from the ridge, {} of the exact model's samples, is {} at τ = 1 and {} at τ = ∞.",
                format_number(own.shares[3]),
                format_number(first[3]),
                format_number(last[3])
            ),
            last[3] / own.shares[3],
            start.nrows(),
        )
        .setting("at_1", first[3] / own.shares[3])
        .expect(at_most(1.05, "at τ = ∞, without a normal error, that of the exact model within 5 %")),
    );
    part.finding(
        Finding::new(
            "features-displacement",
            format!(
                "Predicted and measured displacements across the ridge correlate by at least {} at every τ.",
                format_number(least)
            ),
            least,
            start.nrows(),
        )
        .expect(at_least(0.9, "at least 0.9 at every τ")),
    );
    Ok(())
}

/// Where samples end: parts on the ridge, between the modes and both, and the mean distance from the ridge.
struct Ended {
    shares: [f64; 4],
    shown: Vec<(f64, f64)>,
}

fn shown(x: ArrayView2<f64>) -> Vec<(f64, f64)> {
    let pairs = x.axis_iter(Direction(0)).map(|x| (x[0], x[1]));
    pairs.filter(|(x, y)| x.abs() < 6.0 && y.abs() < 6.0).take(400).collect()
}
