//! Thirteen points on a wave: the ridge as the noise level falls.

use ndarray::{Array2, Axis as Direction};
use ridgewalk::geometry::{Ridge, Steps};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Axis, Finding, Table};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::film;
use super::settings::{Settings, at_most, empirical, level, scale, scatter, series};
use crate::failure::Result;

/// (t, chord, limit of subspace-constrained mean shift, 1 − g), in the process's coordinates.
const TABLE: [(f64, usize, (f64, f64), f64); 8] = [
    (0.02, 0, (-2.71193949, -0.27438734), 0.999999),
    (0.02, 3, (-1.19272019, -1.08673433), 0.998495),
    (0.02, 6, (0.27783653, 0.33340367), 0.999996),
    (0.1, 0, (-2.50095803, -0.25062019), 0.996509),
    (0.1, 3, (-1.11546711, -0.94561569), 0.914428),
    (0.1, 9, (1.57723413, 0.95179534), 0.913328),
    (0.2, 3, (-1.02407924, -0.77114120), 0.865203),
    (0.2, 9, (1.41535861, 0.77697615), 0.866576),
];

pub fn wave() -> Array2<f64> {
    Array2::from_shape_fn((13, 2), |(i, k)| {
        let x = -3.0 + 0.5 * i as f64;
        if k == 0 { x } else { 1.2 * libm::sin(std::f64::consts::PI * x / 3.0) }
    })
}

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Thirteen points",
        "The paper's first figure follows the ridge of thirteen points of the plane over diffusion time; their coordinates are not \
         published, so that these thirteen lie on a wave. Noisy points are projected onto the ridge of their own noise level.",
    );
    let model = empirical(wave())?;
    let ridge = Ridge::new(&model, 1)?.steps(Steps::MeanShift).most_steps(5000);
    let columns = ["t", "chord", "x", "y", "x, table", "y, table", "1 − g", "1 − g, table"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let mut worst = 0.0f64;
    for (t, chord, (x, y), concavity) in TABLE {
        let sigma = level(t);
        let a = scale(sigma);
        let data = wave();
        let shift = ndarray::array![0.02, 0.05] / a;
        let start = ((&data.row(chord) + &data.row(chord + 1)) * 0.5 + shift).insert_axis(Direction(0));
        let found = ridge.project(start.view(), sigma)?;
        let point = found.points().row(0).to_owned() * a;
        worst = worst.max((point[0] - x).abs()).max((point[1] - y).abs());
        let own = found.frames().concavity()[0];
        table.rows.push([t, chord as f64, point[0], point[1], x, y, own, concavity].map(Into::into).to_vec());
    }
    part.table("ridge-points", "Where mean shift across the ridge ends from beside a chord", table);
    part.finding(
        Finding::new(
            "ridge-points-limits",
            format!("Projections end where the table's do, to {}.", format_number(worst)),
            worst,
            TABLE.len(),
        )
        .expect(at_most(1e-7, "at most 1e-7 from an independent computation")),
    );
    let newton = Ridge::new(&model, 1)?;
    let n = settings.size(600, 200);
    let mut clouds = Vec::new();
    for t in [0.5, 0.2, 0.1, 0.02] {
        let sigma = level(t);
        let mut stream = Stream::new(settings.seed(), Purpose::DataNoise, 0, 0);
        let data = wave();
        let noisy = Array2::from_shape_fn((n, 2), |(i, k)| data[(i % 13, k)] + sigma * stream.normal());
        let found = newton.project(noisy.view(), sigma)?;
        let on: Vec<(f64, f64)> = (0..n)
            .filter(|&row| found.on_ridge(row))
            .map(|row| (found.points()[(row, 0)], found.points()[(row, 1)]))
            .collect();
        clouds.push(series(format!("ridge at t = {t} (σ = {})", format_number(sigma)), on));
    }
    clouds.push(series("data", wave().outer_iter().map(|x| (x[0], x[1])).collect()));
    part.figure(scatter(
        "ridge-points",
        "The ridge of thirteen points",
        "Noisy points, projected onto the ridge of the data smoothed by their noise: from a flat wave at much noise to the \
         chords between neighbours. In the data's coordinates.",
        (Axis::linear("x"), Axis::linear("y")),
        clouds,
    ));
    film::run(settings, &mut part, &model, wave().view())?;
    Ok(part)
}
