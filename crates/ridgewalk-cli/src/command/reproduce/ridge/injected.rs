//! Known errors: what crosses the ridge is distance, what runs along it is motion; and the threshold of sliding.

use ndarray::Array2;
use ridgewalk::geometry::{ErrorSplit, Motion, Ridge};
use ridgewalk::solver::RungeKutta4;
use ridgewalk::survey::{Axis, Finding, Table};
use ridgewalk::transform::{Field, InjectedError, Perturbed};
use ridgewalk::{LogLinear, Schedule};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::settings::{
    Settings, around, at, at_most, empirical, level, levels, lines, mean, path, ring, ring_radius, series,
    time,
};
use crate::failure::Result;

const SIZES: [f64; 4] = [0.005, 0.01, 0.02, 0.05];
const GAP: f64 = 2.0 * std::f64::consts::PI / 24.0;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Known errors across and along the ridge",
        "The flow onto 200 points of a circle, from its ridge at σ = 0.5 down to σ = 0.05, with an error of a given size that is all \
         normal (inwards: the run lags behind the ridge, which grows) or all tangential. The prediction is the flow's first-order equation along the run.",
    );
    slopes(&mut part)?;
    threshold(settings, &mut part)?;
    Ok(part)
}

fn slopes(part: &mut Part) -> Result<()> {
    let exact = empirical(ring(200))?;
    let ridge = Ridge::new(&exact, 1)?;
    let grid = LogLinear::new(0.05..0.5, 100).levels()?;
    let around_it = Array2::from_shape_fn((40, 2), |(j, k)| {
        let angle = 0.157 * j as f64 + 0.01;
        0.9 * if k == 0 { libm::cos(angle) } else { libm::sin(angle) }
    });
    let start = ridge.project(around_it.view(), 0.5)?.points().to_owned();
    let pure = path(RungeKutta4, &grid, &exact, start.view(), 0)?;
    let columns = ["part", "size e", "predicted", "measured", "ratio", "change of distance"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut worst, mut kept, mut grown, mut curves) =
        ([0.0f64; 2], 0.0f64, 0.0f64, [Vec::new(), Vec::new()]);
    let zero =
        ErrorSplit::along(&ridge, &exact, &pure, Motion::ProbabilityFlow)?.compare(&ridge, &pure, &pure)?;
    let own = mean(&zero.distance.1);
    for size in SIZES {
        for (which, name) in ["normal", "tangential"].into_iter().enumerate() {
            let error = if which == 0 {
                InjectedError::new(Field::away_from(ndarray::array![0.0, 0.0])).normal(&exact, 1)?
            } else {
                InjectedError::new(Field::around(ndarray::array![0.0, 0.0], (0, 1))).tangential(&exact, 1)?
            };
            let model = Perturbed::new(&exact, error.of_size(if which == 0 { -size } else { size })?)?;
            let run = path(RungeKutta4, &grid, &model, start.view(), 0)?;
            let split = ErrorSplit::along(&ridge, &model, &run, Motion::ProbabilityFlow)?;
            let found = split.compare(&ridge, &pure, &run)?;
            let (predicted, measured) = if which == 0 { &found.normal } else { &found.tangential };
            let (predicted, measured) = (mean(predicted), mean(measured));
            let change = mean(&found.distance.1) - own;
            if which == 1 {
                kept = kept.max(change.abs());
            } else {
                grown = grown.max((change / predicted - 1.0).abs());
            }
            worst[which] = worst[which].max((measured / predicted - 1.0).abs());
            curves[which].push((size, measured));
            let numbers = [size, predicted, measured, measured / predicted, change];
            table.rows.push(std::iter::once(name.into()).chain(numbers.map(Into::into)).collect());
        }
    }
    part.table("ridge-injected", "Displacement that an error of a given size causes", table);
    let [normal, tangential] = curves;
    part.figure(lines(
        "ridge-injected",
        "Displacement against the size of the error",
        "Linear in the error, as predicted: across the ridge nearly the error itself, along it the error times the span of log σ, and a \
         little more as the ridge grows.",
        (Axis::linear("size e of the error"), Axis::linear("mean displacement")),
        vec![series("normal error: off the ridge", normal), series("tangential error: along the ridge", tangential)],
    ));
    for (which, name, words) in [(0, "normal", "off the ridge"), (1, "tangential", "along the ridge")] {
        part.finding(
            Finding::new(
                format!("ridge-injected-{name}"),
                format!(
                    "A {name} error moves samples {words} as predicted, within {}.",
                    format_number(worst[which])
                ),
                worst[which],
                SIZES.len() * 40,
            )
            .expect(at_most(0.05, "at most 5 % from the prediction for every size")),
        );
    }
    part.finding(
        Finding::new(
            "ridge-injected-normal-distance",
            format!(
                "A normal error adds to the distance from the ridge what is predicted, within {}.",
                format_number(grown)
            ),
            grown,
            SIZES.len() * 40,
        )
        .expect(at_most(0.05, "at most 5 % from the prediction for every size")),
    );
    part.finding(
        Finding::new(
            "ridge-injected-tangential-distance",
            format!("A tangential error changes the distance from the ridge by {}.", format_number(kept)),
            kept,
            SIZES.len() * 40,
        )
        .expect(at_most(4e-4, "at most 4e-4 for every size")),
    );
    Ok(())
}

/// Below half the gap between data a tangential error ends as an offset; above it there is no end.
fn threshold(settings: &Settings, part: &mut Part) -> Result<()> {
    const TIMES: [f64; 4] = [1e-3, 1e-4, 1e-5, 1e-6];
    // Sizes and gaps moved at these times, from an independent computation.
    const KNOWN: [(f64, [f64; 4]); 6] = [
        (0.05, [0.3711, 0.4359, 0.4561, 0.4624]),
        (0.12, [0.9177, 1.1347, 1.2025, 1.2239]),
        (0.13, [0.9967, 1.2714, 1.3575, 1.3847]),
        (0.135, [1.0366, 1.3114, 1.4690, 1.7935]),
        (0.15, [1.1545, 1.5432, 2.0175, 2.4464]),
        (0.2, [1.5528, 2.3111, 3.0446, 3.7845]),
    ];
    let exact = empirical(ring(24))?;
    let grid = levels(0.05, 1e-6, settings.size(2000, 1000));
    let radius = ring_radius(level(0.05));
    let start = Array2::from_shape_fn((64, 2), |(j, k)| {
        let angle = 2.0 * std::f64::consts::PI * j as f64 / 64.0 + 0.01;
        radius * if k == 0 { libm::cos(angle) } else { libm::sin(angle) }
    });
    let columns = ["size", "t = 1e-3", "table", "1e-4", "table", "1e-5", "table", "1e-6", "table"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut worst, mut curves, mut last) = (0.0f64, Vec::new(), Vec::new());
    for (size, known) in KNOWN {
        let model = Perturbed::new(&exact, around(size))?;
        let run = path(RungeKutta4, &grid, &model, start.view(), 0)?;
        let turned = turned(&run);
        let at_time = |t: f64| {
            let sigma = at(&run, t).map_or(0.0, |(sigma, _)| sigma);
            turned.iter().find(|(s, _)| *s <= sigma).map_or(f64::NAN, |(_, angle)| angle / GAP)
        };
        let own = TIMES.map(at_time);
        worst = own.iter().zip(&known).map(|(a, b)| (a - b).abs()).fold(worst, f64::max);
        let decade = own[3] - own[2];
        last.push((size, decade));
        let pairs = own.iter().zip(&known).flat_map(|(a, b)| [(*a).into(), (*b).into()]);
        table.rows.push(std::iter::once(size.into()).chain(pairs).collect());
        curves.push(series(
            format!("{size}"),
            turned.iter().step_by(20).map(|(s, angle)| (time(*s), angle / GAP)).collect(),
        ));
    }
    part.table(
        "ridge-threshold",
        "Gaps that samples have moved along the ring of 24 points since t = 0.05",
        table,
    );
    part.figure(lines(
        "ridge-threshold",
        "Sliding, and its threshold",
        "Tangential errors of six sizes. Below sin(π/24) = 0.1305, half the gap between data, every sample ends beside a datum: a copy with an \
         offset. Above, samples slide past the data for ever.",
        (Axis::log("time t"), Axis::linear("gaps moved since t = 0.05")),
        curves,
    ));
    part.finding(
        Finding::new(
            "ridge-threshold-table",
            format!("Samples have moved as far as the table's, within {} of a gap.", format_number(worst)),
            worst,
            64 * KNOWN.len(),
        )
        .expect(at_most(5e-3, "at most 0.005 of a gap at all of 4 times and 6 sizes")),
    );
    let stuck = last.iter().filter(|(size, _)| *size < 0.1305).map(|(_, d)| *d).fold(0.0, f64::max);
    let moving =
        last.iter().filter(|(size, _)| *size > 0.1305).map(|(_, d)| *d).fold(f64::INFINITY, f64::min);
    part.finding(
        Finding::new(
            "ridge-threshold",
            format!(
                "In the last decade of time samples move at most {} of a gap below the threshold, at least {} above it.",
                format_number(stuck),
                format_number(moving)
            ),
            stuck / moving,
            64 * KNOWN.len(),
        )
        .expect(at_most(0.2, "at most a fifth: 0.13 stops, 0.135 slides on")),
    );
    Ok(())
}

/// Mean angle turned since the start, at every level.
fn turned(run: &ridgewalk::sampler::observers::Trajectories) -> Vec<(f64, f64)> {
    let whole = 2.0 * std::f64::consts::PI;
    let (mut last, mut sum, mut out): (Vec<f64>, f64, Vec<(f64, f64)>) = (Vec::new(), 0.0, Vec::new());
    for (sigma, x) in run.states().filter(|(sigma, _)| *sigma > 0.0) {
        let angles: Vec<f64> = x.outer_iter().map(|x| libm::atan2(x[1], x[0])).collect();
        let by = |(now, before): (&f64, &f64)| now - before - whole * ((now - before) / whole).round();
        sum += mean(&angles.iter().zip(&last).map(by).collect::<Vec<_>>());
        out.push((sigma, sum));
        last = angles;
    }
    out
}
