//! The ridge of a circle: its radius against the closed form, with and without noise on the data.

use ndarray::Array2;
use ridgewalk::geometry::Ridge;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Axis, Finding, Table};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::settings::{
    Settings, at_least, at_most, empirical, length, lines, mean, ring, ring_radius, series,
};
use crate::failure::Result;

/// (σ, radius, concavity 1 − g) of the ridge of a uniform unit circle, from an independent computation.
const TABLE: [(f64, f64, f64); 9] = [
    (0.05, 0.9987476474, 0.998745),
    (0.1, 0.9949619262, 0.994923),
    (0.2, 0.9793608886, 0.978694),
    (0.3, 0.9514602290, 0.947517),
    (0.4, 0.9068697346, 0.890079),
    (0.5, 0.8314620248, 0.765316),
    (0.6, 0.6773030721, 0.496498),
    (0.65, 0.5276830892, 0.292188),
    (0.7, 0.1986644720, 0.0397297),
];
const NOISE: f64 = 0.1;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "The ridge of a circle",
        "The smoothed density of a unit circle has a ridge of radius r = I₁(r/σ²)/I₀(r/σ²), which shrinks as the noise level σ \
         grows and is gone at 1/√2. Two hundred points of the circle have the same.",
    );
    let model = empirical(ring(200))?;
    let ridge = Ridge::new(&model, 1)?.concavity(0.01)?.tolerance(1e-12)?;
    let start =
        Array2::from_shape_fn((1, 2), |(_, k)| 1.05 * if k == 0 { libm::cos(0.3) } else { libm::sin(0.3) });
    let columns = ["σ", "radius", "closed form", "1 − g", "closed form", "steps"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut worst, mut worst_gain, mut found_radii) = (0.0f64, 0.0f64, Vec::new());
    for (sigma, radius, concavity) in TABLE {
        let found = ridge.project(start.view(), sigma)?;
        let (r, c) = (length(found.points().row(0)), found.frames().concavity()[0]);
        worst = worst.max((r - radius).abs());
        worst_gain = worst_gain.max((c - concavity).abs());
        found_radii.push((sigma, r));
        let steps = found.steps().first().copied().unwrap_or_default() as f64;
        table.rows.push([sigma, r, radius, c, concavity, steps].map(Into::into).to_vec());
    }
    part.table(
        "ridge-circle",
        "Radius of the ridge of 200 points of a circle, and the concavity of log p across it",
        table,
    );
    part.finding(
        Finding::new(
            "ridge-circle-radius",
            format!("Projection finds the radius of the circle's ridge to {}.", format_number(worst)),
            worst,
            TABLE.len(),
        )
        .setting("concavity_error", worst_gain)
        .expect(at_most(1e-8, "at most 1e-8 from r = I₁/I₀")),
    );
    let above = ridge.project(start.view(), 0.72)?;
    part.finding(
        Finding::new(
            "ridge-circle-vanishes",
            "Above σ = 1/√2 there is none: projection ends at the centre.",
            length(above.points().row(0)),
            1,
        )
        .expect(at_most(0.1, "at σ = 0.72 a radius of 0")),
    );
    let closed: Vec<(f64, f64)> =
        (1..=140).map(|i| 0.005 * f64::from(i)).map(|s| (s, ring_radius(s))).collect();
    let noisy = noisy(settings, &mut part)?;
    part.figure(lines(
        "ridge-circle",
        "Radius of the ridge of a circle",
        "The ridge of the smoothed circle lies inside of it, ever more so as the noise level grows, and vanishes at 1/√2. That of a \
         circle under noise is the same at a larger σ.",
        (Axis::linear("noise level σ"), Axis::linear("radius")),
        vec![series("closed form", closed), series("200 points, projected", found_radii), series("noisy circle (0.1), projected", noisy)],
    ));
    Ok(part)
}

/// A circle under noise of 0.1 is one at √(σ² + 0.1²), up to the chance of its points.
fn noisy(settings: &Settings, part: &mut Part) -> Result<Vec<(f64, f64)>> {
    let n = settings.size(4000, 2000);
    let mut stream = Stream::new(settings.seed() ^ 5, Purpose::Synthetic, 0, 0);
    let mut points = ring(n);
    points.mapv_inplace(|v| v + NOISE * stream.normal());
    let model = empirical(points)?;
    let ridge = Ridge::new(&model, 1)?;
    let starts = ring(16);
    let columns = ["σ", "mean radius", "expected", "spread over 16 starts", "on a ridge"];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut worst, mut shares, mut curve) = (0.0f64, 1.0f64, Vec::new());
    for sigma in [0.15, 0.2, 0.25, 0.3, 0.4, 0.5] {
        let found = ridge.project(starts.view(), sigma)?;
        let radii: Vec<f64> =
            (0..16).filter(|&row| found.on_ridge(row)).map(|row| length(found.points().row(row))).collect();
        let expected = ring_radius(sigma.hypot(NOISE));
        let centre = mean(&radii);
        let spread = mean(&radii.iter().map(|r| (r - centre) * (r - centre)).collect::<Vec<_>>()).sqrt();
        worst = worst.max((centre - expected).abs());
        shares = shares.min(radii.len() as f64 / 16.0);
        curve.push((sigma, centre));
        table.rows.push([sigma, centre, expected, spread, radii.len() as f64].map(Into::into).to_vec());
    }
    part.table(
        "ridge-noisy-circle",
        "Mean radius of the ridge of a noisy circle, beside the closed form at √(σ² + 0.01)",
        table,
    );
    part.finding(
        Finding::new(
            "ridge-noisy-circle-radius",
            format!(
                "The ridge of {n} points of a circle under noise 0.1 has the radius of the closed form within {}.",
                format_number(worst)
            ),
            worst,
            n,
        )
        // The mean of the radii of n points has a standard error of 0.1/√n; the ridge bends by as much.
        .expect(at_most(0.01, "at most 0.01: four standard errors of the points' mean radius")),
    );
    part.finding(
        Finding::new("ridge-noisy-circle-found", "Every start is brought onto the ridge.", shares, 16)
            .expect(at_least(1.0, "all of 16")),
    );
    Ok(curve)
}
