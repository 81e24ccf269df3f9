//! The theorem: how far the generic kernel's distribution is from the adapted kernel's, on circles, by
//! quadrature, against kernel scale, reach and number of points.

use std::f64::consts::PI;

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::metrics::{Ring, RingComparison};
use ridgewalk::survey::{Axis, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk::transform::{Estimator, Kernel};
use ridgewalk::{PointSet, Smoothed};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::groups::{Group, Ruler, published};
use super::plane::angle;
use super::reference::{ATTRACTOR, RING};
use super::settings::Settings;
use crate::failure::Result;
use crate::progress::say;

/// The circle from which every sweep starts.
const BASE: Ring = Ring { points: 24, radius: 1.0, variance: 0.002, scale: 0.1 };
const ORDER: f64 = 2.0;
const SCALES: [f64; 7] = [0.014, 0.02, 0.028, 0.04, 0.056, 0.08, 0.113];
const RADII: [f64; 6] = [0.5, 0.71, 1.0, 1.41, 2.0, 2.83];
const POINTS: [usize; 6] = [6, 8, 12, 16, 24, 32];

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "The theorem, measured",
        "Theorem 3.6 bounds the Rényi divergence between what an isotropic kernel gives and what a kernel adapted to the \
         manifold gives: for few points by a multiple of K/(τε), for many by one of K/τ, where K is the kernel's scale \
         normal to the manifold and τ the reach. On a circle both densities can be integrated: no sampling, no network.",
    );
    table(settings, &mut part)?;
    sweeps(settings, &mut part)?;
    Ok(part)
}

fn compare(ring: Ring) -> Result<RingComparison> {
    Ok(ring.compare(ORDER)?)
}

fn table(settings: &Settings, part: &mut Part) -> Result<()> {
    let mut table = Table {
        columns: [
            "ε",
            "scale",
            "D₂",
            "reference",
            "bound K/τ",
            "rms distance",
            "reference",
            "smoothed",
            "reference",
            "adapted",
            "reference",
            "contrast",
            "contrast smoothed",
        ]
        .map(Into::into)
        .to_vec(),
        rows: Vec::new(),
    };
    let (mut largest, mut farthest) = (0.0f64, 0.0f64);
    for expected in settings.size(&RING[..], &RING[4..6]) {
        let ring = Ring { variance: expected.variance, scale: expected.scale, ..BASE };
        let found = compare(ring)?;
        largest = largest.max(found.divergence);
        let mut row = vec![
            ring.variance.into(),
            ring.scale.into(),
            found.divergence.into(),
            expected.divergence.into(),
            (ring.scale / ring.radius).into(),
        ];
        for (own, reference) in found.distances.iter().zip(expected.distances) {
            farthest = farthest.max((own - reference).abs());
            row.extend([(*own).into(), reference.into()]);
        }
        row.extend([found.contrasts[0].into(), found.contrasts[1].into()]);
        table.rows.push(row);
    }
    part.table(
        "theorem",
        "24 points on the unit circle: divergence of the two kernels, distance to the circle, contrast of the log-density \
         between a point and the middle of a gap",
        table,
    );
    part.finding(
        Finding::new(
            "divergence-small",
            format!(
                "For kernel scales up to a fifth of the reach, D₂ is at most {}: the generic kernel does what the adapted \
                 one does.",
                format_number(largest)
            ),
            largest,
            settings.size(RING.len(), 2),
        )
        .expect(Expectation {
            text: "below 1e-3 (an independent computation; arXiv 2510.02305, theorem 3.6, bounds it by a multiple of K/τ = 0.2)"
                .into(),
            at_least: None,
            at_most: Some(1e-3),
        }),
    );
    part.finding(
        Finding::new(
            "ring-reference",
            format!(
                "Root mean square distances to the circle differ from an independent quadrature by at most {}.",
                format_number(farthest)
            ),
            farthest,
            3 * settings.size(RING.len(), 2),
        )
        .expect(Expectation {
            text: "at most 1.5e-4: the reference has four decimals and a coarser rule".into(),
            at_least: None,
            at_most: Some(1.5e-4),
        }),
    );
    Ok(())
}

/// Slope of log y against log x by least squares.
fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let (x, y): (Vec<f64>, Vec<f64>) = logs.into_iter().unzip();
    let (mx, my) = (mean(&x), mean(&y));
    let covariance: f64 = x.iter().zip(&y).map(|(x, y)| (x - mx) * (y - my)).sum();
    covariance / x.iter().map(|x| (x - mx) * (x - mx)).sum::<f64>()
}

/// One curve: what varies, the values, and D₂ at each.
struct Sweep {
    id: &'static str,
    what: &'static str,
    label: &'static str,
    curve: Vec<(f64, f64)>,
    expectation: Expectation,
}

fn sweeps(settings: &Settings, part: &mut Part) -> Result<()> {
    let curve = |rings: Vec<(f64, Ring)>| -> Result<Vec<(f64, f64)>> {
        rings.into_iter().map(|(x, ring)| Ok((x, compare(ring)?.divergence))).collect()
    };
    // Half of each sweep at its upper end is enough to see a slope.
    let few = |n: usize| settings.size(0, n / 2)..n;
    let text = |bound: &str| Expectation { text: bound.into(), at_least: None, at_most: None };
    let spacing = 2.0 * PI / 24.0;
    let sweeps = [
        Sweep {
            id: "scale",
            what: "the kernel scale",
            label: "kernel scale K (τ = 1, N = 24, ε = 0.002)",
            curve: curve(SCALES[few(7)].iter().map(|&s| (s, Ring { scale: s, ..BASE })).collect())?,
            expectation: Expectation {
                at_least: Some(1.0),
                ..text("at least 1: the bound is linear in K (arXiv 2510.02305, theorem 3.6)")
            },
        },
        Sweep {
            id: "reach",
            what: "the reach, at constant spacing of the points",
            label: "reach τ (K = 0.1, ε = 0.002, spacing 0.26)",
            curve: curve(
                RADII[few(6)]
                    .iter()
                    .map(|&r| {
                        let points = (2.0 * PI * r / spacing).round() as usize;
                        (r, Ring { radius: r, points, ..BASE })
                    })
                    .collect(),
            )?,
            expectation: Expectation {
                at_most: Some(-1.0),
                ..text("at most −1: the bound falls like 1/τ (arXiv 2510.02305, theorem 3.6)")
            },
        },
        Sweep {
            id: "points",
            what: "the number of points",
            label: "points N (K = 0.1, τ = 1, ε = 0.002)",
            curve: curve(POINTS[few(6)].iter().map(|&n| (n as f64, Ring { points: n, ..BASE })).collect())?,
            expectation: Expectation {
                at_most: Some(0.0),
                ..text(
                    "at most 0: a sparse set has the weaker bound K/(τε), a dense one K/τ (arXiv 2510.02305, theorem 3.6)",
                )
            },
        },
    ];
    let mut table = Table { columns: ["varied", "value", "D₂"].map(Into::into).to_vec(), rows: Vec::new() };
    for sweep in &sweeps {
        for (x, y) in &sweep.curve {
            table.rows.push(vec![sweep.id.into(), (*x).into(), (*y).into()]);
        }
        let slope = exponent(&sweep.curve);
        let bound = match sweep.id {
            "scale" => Some(("bound K/τ", sweep.curve.iter().map(|(x, _)| (*x, *x)).collect())),
            "reach" => Some(("bound K/τ", sweep.curve.iter().map(|(x, _)| (*x, 0.1 / x)).collect())),
            _ => None,
        };
        let mut series = vec![Series { name: "D₂ measured".into(), points: sweep.curve.clone() }];
        series.extend(bound.map(|(name, points)| Series { name: name.into(), points }));
        let figure = Figure {
            id: format!("divergence-{}", sweep.id),
            title: format!("Divergence against {}", sweep.what),
            caption: format!(
                "Slope of the measured line: {} (least squares of the logarithms).",
                format_number(slope)
            ),
            plot: Plot::Lines { x: Axis::log(sweep.label), y: Axis::log("D₂ in nats"), series },
        };
        part.finding(
            Finding::new(
                format!("exponent-{}", sweep.id),
                format!("Against {}, D₂ goes with the power {}.", sweep.what, format_number(slope)),
                slope,
                sweep.curve.len(),
            )
            .expect(sweep.expectation.clone())
            .figure(figure),
        );
    }
    part.table("theorem-sweeps", "Divergence against kernel scale, reach and number of points", table);
    Ok(())
}

/// Error against scale over reach: circles of three radii, and the closed form.
pub fn reach(settings: &Settings, part: &mut Part) -> Result<()> {
    let (n, points) = settings.size((100, 200), (30, 100));
    let scales: &[f64] = settings.size(&[0.05, 0.1, 0.2, 0.3, 0.4][..], &[0.1, 0.3][..]);
    let mut series = Vec::new();
    let mut worst = 0.0f64;
    let mut table = Table {
        columns: ["reach", "scale", "scale / reach", "mean radius / reach", "closed form", "σ²/2τ² law"]
            .map(Into::into)
            .to_vec(),
        rows: Vec::new(),
    };
    say("dense circles of three radii");
    for radius in [0.5, 1.0, 2.0] {
        let circle = |(i, k): (usize, usize)| {
            let (sin, cos) = angle(i, points).sin_cos();
            radius * if k == 0 { cos } else { sin }
        };
        let data = PointSet::vectors(Array2::from_shape_fn((points, 2), circle))?;
        let off = |x: ArrayView2<f64>| -> Result<Vec<f64>> {
            Ok(x.outer_iter().map(|row| (row.dot(&row).sqrt() - radius).abs()).collect())
        };
        let ruler = Ruler { train: &data, manifold: &off };
        let mut line = Vec::new();
        for ratio in scales {
            let kernel = Kernel::isotropic(ratio * radius)
                .estimator(Estimator::QuasiMonteCarlo)
                .draws(settings.size(256, 64))
                .seed(settings.seed());
            let model = Smoothed::new(Empirical::new(&data)?, kernel)?;
            let samples = published(&model, n, 3.0, settings.size(100, 40), settings.seed(), "circle")?;
            let group: Group = ruler.group(ratio * radius, samples)?;
            let expected = ATTRACTOR.iter().find(|a| a.0 == *ratio).map_or(f64::NAN, |a| a.1);
            let found = 1.0 - group.off() / radius;
            worst = worst.max((found - expected).abs());
            line.push((*ratio, group.off() / radius));
            table.rows.push(vec![
                radius.into(),
                group.scale.into(),
                (*ratio).into(),
                found.into(),
                expected.into(),
                (1.0 - ratio * ratio / 2.0).into(),
            ]);
        }
        series.push(Series { name: format!("reach {radius}"), points: line });
    }
    let closed = ATTRACTOR.iter().filter(|a| a.0 <= 0.4).map(|(s, r)| (*s, 1.0 - r)).collect();
    series.push(Series { name: "closed form".into(), points: closed });
    let law = scales.iter().map(|s| (*s, s * s / 2.0)).collect();
    series.push(Series { name: "(σ/τ)²/2".into(), points: law });
    part.table("reach", "Dense circles: what curvature costs", table);
    part.finding(
        Finding::new(
            "scale-over-reach",
            format!(
                "On dense circles of reach 0.5, 1 and 2 the radius of the samples over the reach depends on scale over \
                 reach alone; it differs from the closed form by at most {}.",
                format_number(worst)
            ),
            worst,
            3 * scales.len() * n,
        )
        .expect(Expectation {
            text: "at most 0.01: what 256 draws of the kernel and samples within √ε of the circle leave (against a \
                   closed form; arXiv 2510.02305 requires K to be small beside τ)"
                .into(),
            at_least: None,
            at_most: Some(0.01),
        })
        .figure(Figure {
            id: "scale-over-reach".into(),
            title: "Error against scale over reach".into(),
            caption: "Three circles, one curve: the samples shrink inwards by (σ/τ)²/2 of the reach at first.".into(),
            plot: Plot::Lines {
                x: Axis::log("kernel scale σ over reach τ"),
                y: Axis::log("distance to the circle over reach"),
                series,
            },
        }),
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponent_of_a_power_law() {
        let points: Vec<(f64, f64)> =
            [1.0, 2.0, 4.0].iter().map(|x: &f64| (*x, 3.0 * x.powf(-1.5))).collect();
        assert!((exponent(&points) + 1.5).abs() < 1e-12);
    }
}
