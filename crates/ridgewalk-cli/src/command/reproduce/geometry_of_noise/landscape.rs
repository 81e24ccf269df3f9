//! The marginal energy of three points of the plane, E(u) = −ln ∫ p(u|t) p(t) dt (figure 1 of the paper).

use ndarray::{Array1, Array2, ArrayView1, Axis as Direction};
use ridgewalk::FlowMatching;
use ridgewalk::autonomous::{Autonomous, Blind, Target, TimePrior};
use ridgewalk::survey::{Axis, Figure, Finding, ImageRow, Plot, Series};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::claims::Claim;
use super::common::{at_most, empirical, length, scatter, series};
use super::line;
use super::settings::{Settings, three};
use crate::failure::Result;

/// Points of the grid on a side, over [−1, 1].
const GRID: usize = 100;
/// What the paper's figure shows, from an independent computation: minimum, maximum, E(0, 0), and the corners (−1, −1), (−1, 1),
/// (1, −1), (1, 1).
const KNOWN: [f64; 7] = [-2.653, 3.848, 1.102, 3.848, 3.720, 3.720, 3.586];

pub fn run(settings: &Settings) -> Result<(Part, Vec<Claim>)> {
    let mut part = Part::new(
        "The energy landscape",
        "Three points of the plane, (−0.5, 0.25), (0.5, 0.5) and (0.25, −0.5), on the straight path \
         with t uniform on [0.001, 1]: \
         the data that give the range of the paper's first figure.",
    );
    let mut claims = Vec::new();
    let model = empirical(three())?;
    let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0)?)?.tolerance(1e-6);
    let points = Array2::from_shape_fn((GRID * GRID, 2), |(i, k)| {
        let at = if k == 0 { i % GRID } else { i / GRID };
        -1.0 + 2.0 * at as f64 / (GRID - 1) as f64
    });
    let energy = blind.energy(points.view())?;
    let origin = blind.energy(Array2::zeros((1, 2)).view())?;
    let smallest = energy.iter().copied().fold(f64::INFINITY, f64::min);
    let largest = energy.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let corner = |row: usize, column: usize| energy[row * (GRID - 1) * GRID + column * (GRID - 1)];
    let found = [smallest, largest, origin[0], corner(0, 0), corner(1, 0), corner(0, 1), corner(1, 1)];
    let worst = found.iter().zip(KNOWN).map(|(f, e)| (f - e).abs()).fold(0.0, f64::max);
    part.finding(
        Finding::new(
            "noise-energy-grid",
            format!(
                "On the figure's grid the energy goes from {} to {} and is {} at the origin.",
                format_number(smallest),
                format_number(largest),
                format_number(origin[0])
            ),
            worst,
            GRID * GRID,
        )
        .expect(at_most(1e-3, "seven values with three decimals, from an independent computation")),
    );
    let every = settings.size(1, 2);
    let shown: Vec<usize> = (0..GRID * GRID)
        .filter(|i| (i % GRID).is_multiple_of(every) && (i / GRID).is_multiple_of(every))
        .collect();
    let pixels = points.select(Direction(0), &shown);
    let gradient = blind.energy_gradient(pixels.view())?;
    let velocity = blind.field(Target::Velocity).field(pixels.view())?;
    part.figure(heat(
        GRID.div_ceil(every),
        &[
            ("energy E", energy.select(Direction(0), &shown)),
            ("ln |∇E|", lengths(&gradient).mapv(libm::log)),
            ("|blind velocity|", lengths(&velocity)),
        ],
    ));
    part.figure(contours(&blind, &energy)?);
    line::run(settings, &mut part, &mut claims)?;
    Ok((part, claims))
}

fn lengths(rows: &Array2<f64>) -> Array1<f64> {
    rows.outer_iter().map(|row: ArrayView1<f64>| length(row)).collect()
}

/// From little to much: dark blue over green to yellow.
const COLOURS: [[f64; 3]; 5] = [
    [0.267, 0.005, 0.329],
    [0.230, 0.322, 0.546],
    [0.128, 0.567, 0.551],
    [0.369, 0.789, 0.383],
    [0.993, 0.906, 0.144],
];

fn colour(share: f64) -> [f64; 3] {
    let at = share.clamp(0.0, 1.0) * (COLOURS.len() - 1) as f64;
    let below = (at.floor() as usize).min(COLOURS.len() - 2);
    let part = at - below as f64;
    std::array::from_fn(|c| COLOURS[below][c] * (1.0 - part) + COLOURS[below + 1][c] * part)
}

/// Maps of this many points on a side.
fn heat(side: usize, maps: &[(&str, Array1<f64>)]) -> Figure {
    let rows = maps
        .iter()
        .map(|(name, values)| {
            let low = values.iter().copied().fold(f64::INFINITY, f64::min);
            let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let image = (0..side).rev().flat_map(|row| (0..side).map(move |column| row * side + column));
            let image = image.flat_map(|i| colour((values[i] - low) / (high - low))).collect();
            ImageRow {
                label: (*name).into(),
                images: vec![image],
                notes: vec![format!("{} to {}", format_number(low), format_number(high))],
            }
        })
        .collect();
    Figure {
        id: "noise-energy".into(),
        title: "The energy of three points".into(),
        caption: "On [−1, 1]², y upwards; dark is little, yellow is much, each map over its own \
         range. The energy has a well at every \
                  point of the data and its gradient a peak there; the blind velocity, which is a \
                  multiple of the gradient and more, has \
                  none."
            .into(),
        plot: Plot::Images { height: side, width: side, channels: 3, range: (0.0, 1.0), rows },
    }
}

/// Where the energy crosses some levels on the lines of the grid, and the ways that descend along the blind velocity.
fn contours(blind: &Blind, energy: &Array1<f64>) -> Result<Figure> {
    let at = |i: usize| -1.0 + 2.0 * i as f64 / (GRID - 1) as f64;
    let value = |column: usize, row: usize| energy[row * GRID + column];
    let mut all: Vec<Series> = Vec::new();
    for level in [-1.0, 0.0, 1.0, 2.0, 3.0] {
        let crossing = |a: f64, b: f64| ((a < level) != (b < level)).then(|| (level - a) / (b - a));
        let mut points = Vec::new();
        for i in 0..GRID {
            for j in 0..GRID - 1 {
                let step = at(1) - at(0);
                let along = crossing(value(j, i), value(j + 1, i)).map(|s| (at(j) + s * step, at(i)));
                let up = crossing(value(i, j), value(i, j + 1)).map(|s| (at(i), at(j) + s * step));
                points.extend(along.into_iter().chain(up));
            }
        }
        all.push(series(format!("E = {level}"), points));
    }
    let starts: Vec<(f64, f64)> = (0..28)
        .map(|i| {
            let along = -1.0 + 2.0 * f64::from(i % 7) / 7.0;
            match i / 7 {
                0 => (along, -1.0),
                1 => (1.0, along),
                2 => (-along, 1.0),
                _ => (-1.0, -along),
            }
        })
        .collect();
    let mut u =
        Array2::from_shape_fn((starts.len(), 2), |(i, k)| if k == 0 { starts[i].0 } else { starts[i].1 });
    let (field, step) = (blind.field(Target::Velocity), 0.02);
    let mut ways = Vec::new();
    for _ in 0..70 {
        ways.extend(u.outer_iter().map(|u| (u[0], u[1])));
        let f = field.field(u.view())?;
        for (mut u, f) in u.outer_iter_mut().zip(f.outer_iter()) {
            u.scaled_add(-step / length(f).max(1e-9), &f);
        }
    }
    all.push(series("ways down the blind velocity", ways));
    all.push(series("data", three().outer_iter().map(|x| (x[0], x[1])).collect()));
    Ok(scatter(
        "noise-energy-levels",
        "Levels of the energy, and ways down the blind velocity",
        "Levels as points where the energy crosses them on the grid. Ways begin on the border, in \
         steps of 0.02 against the blind \
         velocity, and end chattering about the data: the field has one length there, and points \
         away from them.",
        (Axis::linear("x"), Axis::linear("y")),
        all,
    ))
}
