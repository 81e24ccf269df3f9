//! Distances from the ridge of one class at one noise level, in noise levels, and how well they were predicted.

use ridgewalk::Differentiable;
use ridgewalk::geometry::{Agreement, Comparison, ErrorSplit, Motion, Ridge, RidgeSpectrum};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::survey::{Axis, Cell, Figure, Finding, Group, Plot, Series, Table};
use ridgewalk_report::format_number;

use super::super::super::part::Part;
use super::super::settings::{Settings, at_least, percent, scatter, series, time};
use super::{Class, Found};
use crate::failure::Result;

/// Points at which spectra are taken.
const POINTS: usize = 300;

/// Runs that end at one noise level.
pub struct Setting<'a> {
    pub class: &'a Class,
    pub exact: &'a Trajectories,
    pub model: &'a Trajectories,
    pub sigma: f64,
    /// d* of the widest gap at this level, and whether it is the widest of all levels.
    pub own: usize,
    pub widest: bool,
    /// Whether distances are predicted, which takes frames along the whole run.
    pub predict: bool,
}

/// The random feature model's samples against one ridge. Lengths are in σ√(d − d*).
pub struct Measured {
    pub sigma: f64,
    /// At the level and of the dimension of the widest gap.
    pub widest: bool,
    pub dimension: usize,
    /// d* as published, not that of the widest gap.
    pub published: bool,
    /// Of every sample.
    pub residuals: Vec<f64>,
    /// Root mean squares: residual and Newton distance, and the mean distance of projected samples.
    pub residual: f64,
    pub newton: f64,
    pub projected: f64,
    /// The residual of the exact model's samples.
    pub exact: f64,
    pub concave: f64,
    pub defined: f64,
    pub on_ridge: f64,
    pub distance: Option<Agreement>,
    pub normal: Option<Agreement>,
    pub without: Option<Agreement>,
    pairs: Vec<(f64, f64)>,
}

/// Against the ridge of the published dimension and of that of the widest gap.
pub fn at(setting: &Setting) -> Result<Vec<Measured>> {
    let published = setting.class.dimension;
    let mut rows = vec![measure(setting, published)?];
    if setting.own != published {
        rows.push(measure(setting, setting.own)?);
    }
    Ok(rows)
}

/// d* of the widest gap among the gains at draws of p_σ, and that gap. A ridge of dimension 0 would be the data
/// themselves.
pub fn widest_gap(settings: &Settings, class: &Class, sigma: f64) -> Result<(usize, f64)> {
    let exact = &class.exact;
    let every = exact.points().nrows().div_ceil(POINTS).max(1);
    let chosen: Vec<usize> = (0..exact.points().nrows()).step_by(every).collect();
    let mut noisy = exact.points().select(ndarray::Axis(0), &chosen);
    let mut stream = Stream::new(settings.seed(), Purpose::DataNoise, 19, 0);
    noisy.mapv_inplace(|x| x + sigma * stream.normal());
    let spectrum = RidgeSpectrum::at(exact, noisy.view(), sigma, noisy.ncols())?;
    Ok(spectrum.widest().unwrap_or((1, 0.0)))
}

fn measure(setting: &Setting, dimension: usize) -> Result<Measured> {
    let Setting { class, exact, model, sigma, own, widest, predict } = *setting;
    let reference: &dyn Differentiable = &class.exact;
    let ridge = Ridge::new(reference, dimension)?;
    let spread = ridge.spread(sigma);
    let (ends, pure) = (end(model), end(exact));
    let frames = ridge.frames(ends.view(), sigma)?;
    let lengths = |v: ndarray::ArrayView2<f64>| -> Vec<f64> {
        v.outer_iter().map(|v| v.dot(&v).sqrt() / spread).collect()
    };
    let residuals = lengths(frames.mean_shift());
    let n = residuals.len().max(1) as f64;
    let part = |count: usize| count as f64 / n;
    let projected = ridge.project(ends.view(), sigma)?;
    let reached: Vec<f64> = (0..ends.nrows())
        .filter(|row| projected.on_ridge(*row))
        .map(|row| projected.distances()[row] / spread)
        .collect();
    let found = match predict {
        true => {
            let split = ErrorSplit::along(&ridge, &class.model, exact, Motion::ProbabilityFlow)?;
            Some(split.compare(&ridge, exact, model)?)
        }
        false => None,
    };
    let pairs = |found: &Comparison| -> Vec<(f64, f64)> {
        found.distance.0.iter().zip(&found.distance.1).map(|(p, m)| (p / spread, m / spread)).collect()
    };
    Ok(Measured {
        sigma,
        widest: widest && dimension == own,
        dimension,
        published: dimension == class.dimension,
        residual: rms(&residuals),
        newton: rms(&lengths(frames.newton())),
        projected: rms(&reached),
        exact: rms(&lengths(ridge.frames(pure.view(), sigma)?.mean_shift())),
        concave: part(frames.concavity().iter().filter(|c| **c > 0.0).count()),
        defined: part(frames.gaps().iter().filter(|g| **g >= ridgewalk::geometry::Frames::DEFINED).count()),
        on_ridge: part(reached.len()),
        distance: found.as_ref().and_then(Comparison::distance_agreement),
        normal: found.as_ref().and_then(Comparison::normal_agreement),
        without: found.as_ref().and_then(|found| Agreement::of(&found.without_error, &found.distance.1)),
        pairs: found.as_ref().map(pairs).unwrap_or_default(),
        residuals,
    })
}

fn end(run: &Trajectories) -> ndarray::Array2<f64> {
    let last = run.states().filter(|(sigma, _)| *sigma > 0.0).last();
    last.map_or_else(|| ndarray::Array2::zeros((0, 1)), |(_, x)| x.to_owned())
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

pub fn tables(part: &mut Part, found: &[Found]) {
    let columns = [
        "class",
        "t",
        "d*",
        "chosen",
        "residual",
        "of the exact model",
        "Newton distance",
        "distance",
        "curvature test",
        "frame defined",
        "reach the ridge",
    ];
    let mut distances = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let columns = ["class", "t", "d*", "compared", "distance", "slope", "without the error", "normal part"];
    let mut predictions = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut clouds, mut groups) = (Vec::<Series>::new(), Vec::new());
    for class in found {
        for row in &class.rows {
            let names =
                || [class.name.as_str().into(), time(row.sigma).into(), (row.dimension as f64).into()];
            let chosen: Cell = match (row.published, row.widest) {
                (true, false) => "published share",
                (false, true) => "widest gap of all",
                (true, true) => "published share, widest gap of all",
                (false, false) => "widest gap",
            }
            .into();
            let numbers =
                [row.residual, row.exact, row.newton, row.projected, row.concave, row.defined, row.on_ridge];
            let cells = std::iter::once(chosen).chain(numbers.map(Into::into));
            distances.rows.push(names().into_iter().chain(cells).collect());
            let with_interval = |a: Option<Agreement>| -> Cell {
                a.map_or_else(
                    || "–".into(),
                    |a| Cell::Interval { value: a.pearson, interval: a.pearson_interval },
                )
            };
            let of = |a: Option<Agreement>, value: fn(&Agreement) -> f64| -> Cell {
                a.as_ref().map_or_else(|| "–".into(), |a| value(a).into())
            };
            let cells = [
                (row.pairs.len() as f64).into(),
                with_interval(row.distance),
                of(row.distance, |a| a.slope),
                of(row.without, |a| a.pearson),
                with_interval(row.normal),
            ];
            if !row.pairs.is_empty() {
                predictions.rows.push(names().into_iter().chain(cells).collect());
            }
            if row.widest {
                let name = format!("{}, d* = {}", class.name, row.dimension);
                clouds.push(series(name, row.pairs.clone()));
            }
        }
        groups.push(Group { name: class.name.clone(), values: class.residuals.clone() });
    }
    part.table(
        "ridge-latent",
        "Samples of random features: distance from the ridge in noise levels, root mean square",
        distances,
    );
    part.table(
        "ridge-latent-predicted",
        "Predicted and measured distance from the ridge: correlation over samples",
        predictions,
    );
    part.figure(scatter(
        "ridge-latent-predicted",
        "Predicted and measured distance from the ridge in the latent space",
        "In noise levels σ√(d − d*), at the level and for the dimension of the widest gap in the spectrum. Predicted from the exact \
         model's run and the error along it.",
        (Axis::linear("predicted distance"), Axis::linear("measured distance")),
        clouds,
    ));
    part.figure(Figure {
        id: "ridge-latent-residuals".into(),
        title: "How far off the ridge samples end".into(),
        caption: format!(
            "The normal part of the exact score at samples of random features, t = {}, d* of the published share. A noise level is σ√(d − d*): \
             draws of p_σ itself have a root mean square of 1 near a flat ridge. Where no frame is defined all directions but a few count as \
             normal.",
            super::TO
        ),
        plot: Plot::Distributions { x: Axis::linear("residual, in noise levels σ√(d − d*)"), groups },
    });
}

pub fn findings(part: &mut Part, found: &[Found], mnist: bool) {
    for class in found {
        let slug = class.name.replace(' ', "-");
        for row in class.rows.iter().rev().filter(|row| row.published).take(1) {
            let finding = Finding::new(
                format!("latent-{slug}-residual"),
                format!(
                    "{}: at t = {} samples are {} noise levels off the ridge of dimension {}, those of the exact model {}; {} of \
                     them satisfy the curvature test.",
                    class.name,
                    format_number(time(row.sigma)),
                    format_number(row.residual),
                    row.dimension,
                    format_number(row.exact),
                    percent(row.concave)
                ),
                row.residual,
                row.residuals.len(),
            );
            part.finding(finding.setting("exact", row.exact));
            let curvature = Finding::new(
                format!("latent-{slug}-curvature"),
                format!(
                    "{}: {} of the samples satisfy the curvature test.",
                    class.name,
                    percent(row.concave)
                ),
                row.concave,
                row.residuals.len(),
            );
            part.finding(match mnist {
                true => {
                    curvature.expect(at_least(1.0, "all, as published for another latent space and model"))
                }
                false => curvature,
            });
        }
        for row in class.rows.iter().filter(|row| row.widest) {
            let Some(agreement) = row.distance else { continue };
            let finding = Finding::new(
                format!("latent-{slug}-predicted"),
                format!(
                    "{}, d* = {}: predicted and measured distances at t = {} correlate by {}, {} without the error.",
                    class.name,
                    row.dimension,
                    format_number(time(row.sigma)),
                    format_number(agreement.pearson),
                    row.without.map_or_else(|| "–".into(), |a| format_number(a.pearson))
                ),
                agreement.pearson,
                agreement.count,
            );
            part.finding(finding.interval(agreement.pearson_interval).expect(at_least(0.9, "at least 0.9")));
        }
    }
}
