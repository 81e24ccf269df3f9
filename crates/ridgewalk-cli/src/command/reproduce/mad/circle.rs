//! Noisy circles and spheres in many dimensions, where distances to the manifold are exact: a fitted mixture and a
//! smoothed score, and the bare empirical score as the negative control.

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::{CovarianceKind, Empirical, MixtureFit};
use ridgewalk::metrics::bootstrap::mean;
use ridgewalk::metrics::principal_directions;
use ridgewalk::survey::{Axis, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk::transform::Kernel;
use ridgewalk::{Denoiser, PointSet, Smoothed};
use ridgewalk_data::{Manifold, Synthetic, add_noise};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::sampling::{Draw, Way, draw, draw_any};
use super::settings::{Settings, attraction};
use crate::failure::Result;
use crate::progress::say;

const NOISE: f64 = 0.1;
/// Angles that the entropy counts.
const BINS: usize = 32;
/// Components of the mixture: chords of them are off the manifold by less than the noise.
const CIRCLE: usize = 8;
const SPHERE: usize = 20;
/// Scale of the smoothing kernel in units of η, and its draws: wide enough that noisy points do not stand out.
const SCALE: f64 = 2.0;
const DRAWS: usize = 32;
/// Dimension up to which the score is smoothed, which is dear, and from which on noisy points lie alone.
const SMOOTHED: usize = 16;
const ALONE: usize = 16;

/// Samples of one model in one way, against the manifold.
struct Row {
    manifold: Manifold,
    dim: usize,
    model: &'static str,
    way: &'static str,
    distance: f64,
    /// Mean radius in the plane (or the 3-space) of the manifold, less 1.
    bias: f64,
    entropy: f64,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Noisy circles and spheres",
        "Points of the unit circle and the unit sphere in R^d, each with Gaussian noise of 0.1 in every coordinate. A mixture \
         is fitted to the noisy points, or their empirical score is smoothed by a kernel of twice the noise, which removes noise by \
         itself and moves samples inwards; the bare empirical score gives its own noisy \
         points back, whatever is done to it. The distance to the manifold is exact.",
    );
    let mut rows = Vec::new();
    for manifold in [Manifold::Circle, Manifold::Sphere] {
        for dim in settings.size(&[2, 3, 16, 64, 256][..], &[3, 64][..]) {
            if manifold == Manifold::Sphere && *dim < 3 {
                continue;
            }
            one(settings, manifold, *dim, &mut rows)?;
        }
    }
    let columns =
        ["manifold", "d", "model", "way", "mean distance", "mean radius − 1", "entropy of the angle"];
    let cells = rows.iter().map(|r| {
        vec![
            r.manifold.name().into(),
            (r.dim as f64).into(),
            r.model.into(),
            r.way.into(),
            r.distance.into(),
            r.bias.into(),
            r.entropy.into(),
        ]
    });
    let table = Table { columns: columns.map(Into::into).to_vec(), rows: cells.collect() };
    part.table("circle", "Samples against the manifold", table);
    figures(&mut part, &rows);
    findings(&mut part, &rows, settings.size(1000, 300));
    Ok(part)
}

fn one(settings: &Settings, manifold: Manifold, dim: usize, rows: &mut Vec<Row>) -> Result<()> {
    say(&format!("{} in {dim} dimensions", manifold.name()));
    let set = Synthetic {
        n: settings.size(2000, 1000),
        dim: Some(dim),
        seed: settings.seed(),
        ..Synthetic::new(manifold)
    };
    let clean = set.points()?;
    let noisy = add_noise(&clean, NOISE, settings.seed())?;
    // The manifold's own coordinates; on the unit circle and sphere they are centred.
    let own = if manifold == Manifold::Circle { 2 } else { 3 };
    let frame = principal_directions(&clean, own)?;
    let mut measure = |model: &'static str, way: &'static str, x: ArrayView2<f64>| -> Result<()> {
        let inner = x.dot(&frame.t());
        let radius: Vec<f64> = inner.outer_iter().map(|r| r.dot(&r).sqrt()).collect();
        let (distance, bias) = (mean(&set.distances(x)?), mean(&radius) - 1.0);
        rows.push(Row { manifold, dim, model, way, distance, bias, entropy: entropy(&inner) });
        Ok(())
    };
    let draws = Draw { n: settings.size(1000, 300), seed: settings.seed(), noise: NOISE };
    measure("data", "noisy", noisy.values())?;
    let components = if manifold == Manifold::Circle { CIRCLE } else { SPHERE };
    let kind = if dim <= own { CovarianceKind::Full } else { CovarianceKind::LowRank(own) };
    let mixture = MixtureFit { seed: settings.seed(), ..MixtureFit::new(components, kind) }.fit(&noisy)?;
    let config = attraction(NOISE);
    let ways = [
        ("plain", Way::Plain),
        ("attracted", Way::Attracted(config.clone())),
        ("truncated at η", Way::Truncated(NOISE)),
        ("Tweedie step", Way::Tweedie(NOISE)),
        ("deconvolved", Way::Deconvolved(NOISE)),
    ];
    for (name, way) in &ways {
        measure("mixture", name, draw(&mixture, way, draws, name)?.view())?;
    }
    // The smoothed score is dear: fewer points and samples.
    let few = PointSet::vectors(
        noisy.select(&(0..settings.size(1000, 200)).collect::<Vec<_>>())?.values().to_owned(),
    )?;
    let bare = Empirical::new(&few)?;
    let small = Draw { n: settings.size(200, 30), ..draws };
    if dim <= SMOOTHED {
        let kernel = Kernel::isotropic(SCALE * NOISE).draws(DRAWS).seed(settings.seed());
        let smoothed: Box<dyn Denoiser> = Box::new(Smoothed::new(bare.clone(), kernel)?);
        for (name, way) in ways.iter().take(2) {
            measure("smoothed score", name, draw_any(smoothed.as_ref(), way, small, name)?.view())?;
        }
    }
    for (name, way) in ways.iter().take(2) {
        measure("bare empirical score", name, draw_any(&bare, way, draws, name)?.view())?;
    }
    Ok(())
}

/// Entropy of the angle of the first two coordinates over its largest value.
fn entropy(inner: &Array2<f64>) -> f64 {
    let mut counts = [0usize; BINS];
    for row in inner.outer_iter() {
        if let (Some(x), Some(y)) = (row.first(), row.get(1)) {
            let turn = libm::atan2(*y, *x) / std::f64::consts::TAU + 0.5;
            if let Some(count) = counts.get_mut(((turn * BINS as f64) as usize).min(BINS - 1)) {
                *count += 1;
            }
        }
    }
    let n = inner.nrows() as f64;
    let terms = counts.iter().filter(|c| **c > 0).map(|c| *c as f64 / n).map(|p| -p * libm::log(p));
    terms.sum::<f64>() / libm::log(BINS as f64)
}

fn figures(part: &mut Part, rows: &[Row]) {
    for manifold in [Manifold::Circle, Manifold::Sphere] {
        let mut names: Vec<(&str, &str)> = Vec::new();
        for row in rows {
            if !names.contains(&(row.model, row.way)) {
                names.push((row.model, row.way));
            }
        }
        let series = names.into_iter().map(|(model, way)| {
            let of = rows.iter().filter(|r| r.manifold == manifold && (r.model, r.way) == (model, way));
            Series {
                name: format!("{model}, {way}"),
                points: of.map(|r| (r.dim as f64, r.distance)).collect(),
            }
        });
        part.figure(Figure {
            id: format!("{}-distance", manifold.name()),
            title: format!("Distance of samples to the {}", manifold.name()),
            caption: "Noise of 0.1 in each of d coordinates is 0.1·√d off the manifold; attraction leaves little of it in any \
                      dimension, if the model generalises."
                .into(),
            plot: Plot::Lines {
                x: Axis::log("dimension d"),
                y: Axis::log("mean distance to the manifold"),
                series: series.collect(),
            },
        });
    }
}

fn findings(part: &mut Part, rows: &[Row], n: usize) {
    let find = |like: &Row, way: &str| {
        rows.iter().find(|r| {
            r.manifold == like.manifold && r.dim == like.dim && r.model == like.model && r.way == way
        })
    };
    let ratios = |model: &str| -> Vec<(&Row, f64)> {
        let attracted = rows.iter().filter(|r| r.model == model && r.way == "attracted");
        attracted.filter_map(|r| find(r, "plain").map(|p| (r, r.distance / p.distance))).collect()
    };
    let worst = |high: bool| {
        let chosen = ratios("mixture").into_iter().filter(|r| (r.0.dim >= ALONE) == high);
        chosen.map(|r| r.1).fold(0.0, f64::max)
    };
    let best = |model: &str| {
        let alone = ratios(model).into_iter().filter(|r| r.0.dim >= ALONE);
        alone.map(|r| r.1).fold(f64::INFINITY, f64::min)
    };
    let (left, low) = (worst(true), worst(false));
    let statement = format!(
        "Samples of the fitted mixture keep at most {} of their distance to the manifold under attraction from {ALONE} dimensions on; \
         in 3, where one or two directions are normal and curvature's bias weighs more, {}.",
        super::percent(left),
        super::percent(low)
    );
    part.finding(Finding::new("circle-distance", statement, left, n).expect(Expectation {
        text: "at most 25 %: the closed form leaves 14 % of a direction that is noise alone, and curvature adds to it".into(),
        at_least: None,
        at_most: Some(0.25),
    }));
    let control = best("bare empirical score");
    let statement = format!(
        "From {ALONE} dimensions on the bare empirical score gives its noisy points back: attraction leaves {} of the distance.",
        super::percent(control)
    );
    part.finding(Finding::new("circle-control", statement, control, n).expect(Expectation {
        text: "at least 0.9: a negative control, attraction needs a model that generalises".into(),
        at_least: Some(0.9),
        at_most: None,
    }));
    let bias = rows
        .iter()
        .filter(|r| r.model == "mixture" && r.way == "attracted")
        .fold(0.0f64, |m, r| if r.bias.abs() > m.abs() { r.bias } else { m });
    let statement = format!(
        "Curvature moves attracted samples: the mean radius is off 1 by {} at the most.",
        format_number(bias)
    );
    part.finding(Finding::new("circle-bias", statement, bias, n).setting("noise", NOISE).expect(
        Expectation {
            text: "within 0.03: of the order of d*·σ_on²/2τ = 0.01, d* the manifold's dimension".into(),
            at_least: Some(-0.03),
            at_most: Some(0.03),
        },
    ));
    let lost = rows
        .iter()
        .filter(|r| r.model == "mixture" && r.way == "attracted")
        .filter_map(|r| find(r, "plain").map(|p| p.entropy - r.entropy))
        .fold(f64::NEG_INFINITY, f64::max);
    // (bins − 1)/2n nats (Miller 1955), over the largest entropy.
    let chance = (BINS - 1) as f64 / (2.0 * n as f64 * libm::log(BINS as f64));
    let statement = format!(
        "The entropy of the angle falls by at most {} of its largest value under attraction: no part of the manifold is lost.",
        format_number(lost)
    );
    part.finding(Finding::new("circle-entropy", statement, lost, n).expect(Expectation {
        text: format!(
            "at most {}: thrice what chance takes from so many samples, {}",
            format_number(3.0 * chance),
            format_number(chance)
        ),
        at_least: None,
        at_most: Some(3.0 * chance),
    }));
}
