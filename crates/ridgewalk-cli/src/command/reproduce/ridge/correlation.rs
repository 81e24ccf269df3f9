//! Predicted and measured distances on five kinds of data, under three kinds of error.

use ndarray::Array2;
use ridgewalk::geometry::{Agreement, Comparison, ErrorSplit, Motion, Ridge};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Axis, Cell, Finding, Table};
use ridgewalk::{Denoiser, Heun, LogLinear, ReverseSde, Schedule};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::kinds::{Kind, all};
use super::settings::{Settings, at_least, path, scatter, series};
use crate::failure::Result;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Predicted and measured distances",
        "An exact model and one that errs run from the same starts with the same noise. Along the exact run the error gives, to first \
         order, the displacement of every sample; its normal part, added to the exact sample's offset from the ridge, predicts how far from the \
         ridge the sample of the other ends. That offset alone predicts much of it, since both runs share it; the normal displacement by \
         itself, in ranks because a few samples near a divide are moved far beyond the first order, is the stricter test. The errors: a smoothed score, half of the data, a smooth random field.",
    );
    let n = settings.size(100, 60);
    let columns = [
        "data",
        "error",
        "run",
        "compared",
        "distance: correlation",
        "of ranks",
        "slope",
        "without the error",
        "normal part: correlation",
        "of ranks",
        "tangential part: correlation",
        "of ranks",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut clouds, mut findings, mut ranks) = (Vec::new(), Vec::new(), Vec::new());
    let (mut agreed, mut total) = (0, 0);
    for kind in all(settings)? {
        for (name, model) in kind.models(settings.seed())? {
            for motion in [Motion::ProbabilityFlow, Motion::ReverseSde] {
                if motion == Motion::ReverseSde && settings.paper.small {
                    continue;
                }
                let found = compare(settings, &kind, model.as_ref(), motion, n)?;
                let distance = found.distance_agreement();
                let run = if motion == Motion::ProbabilityFlow { "flow" } else { "SDE" };
                table.rows.push(row(kind.name, name, run, &found, distance));
                total += 1;
                ranks.extend(found.normal_agreement().map(|a| a.spearman));
                agreed += usize::from(distance.is_some_and(|a| a.pearson >= 0.9));
                if motion == Motion::ProbabilityFlow {
                    add(&mut findings, &kind, name, &found);
                    let scale = found.distance.1.iter().sum::<f64>() / found.distance.1.len().max(1) as f64;
                    let pairs = found.distance.0.iter().zip(&found.distance.1);
                    let pairs =
                        pairs.map(|(p, m)| (p / scale, m / scale)).filter(|(p, m)| *p < 5.0 && *m < 5.0);
                    clouds.push(series(format!("{}, {name}", kind.name), pairs.collect()));
                }
            }
        }
    }
    part.table(
        "ridge-correlation",
        "Agreement of predicted with measured displacements and distances",
        table,
    );
    part.figure(scatter(
        "ridge-correlation",
        "Predicted and measured distance from the ridge",
        "One point a sample, in units of the mean distance of its kind; up to five of them.",
        (Axis::linear("predicted distance"), Axis::linear("measured distance")),
        clouds,
    ));
    findings.into_iter().for_each(|finding| part.finding(finding));
    let least = ranks.iter().copied().fold(f64::INFINITY, f64::min);
    let statement = format!(
        "The ranks of predicted and measured normal displacements correlate by {} at least, over {} settings.",
        format_number(least),
        ranks.len()
    );
    part.finding(
        Finding::new("ridge-correlation-normal", statement, least, n)
            .expect(at_least(0.9, "at least 0.9 in every setting")),
    );
    part.finding(Finding::new(
        "ridge-correlation",
        format!("Of {total} settings {agreed} have a correlation of at least 0.9 between predicted and measured distance."),
        agreed as f64 / total as f64,
        total,
    ));
    Ok(part)
}

fn compare(
    settings: &Settings,
    kind: &Kind,
    model: &dyn Denoiser,
    motion: Motion,
    n: usize,
) -> Result<Comparison> {
    let ridge = Ridge::new(kind.reference.as_ref(), kind.dimension)?;
    let flow = motion == Motion::ProbabilityFlow;
    let steps = if flow { settings.size(40, 30) } else { 60 };
    let grid = LogLinear::new(kind.range.clone(), steps).levels()?;
    let centre = kind.points.moments().mean;
    let mut stream = Stream::new(settings.seed() ^ 8, Purpose::Start, 0, 0);
    let start =
        Array2::from_shape_fn((n, kind.points.dim()), |(_, k)| centre[k] + kind.range.end * stream.normal());
    let run = |model: &dyn Denoiser| match motion {
        Motion::ProbabilityFlow => path(Heun::new(), &grid, model, start.view(), settings.seed()),
        Motion::ReverseSde => path(ReverseSde, &grid, model, start.view(), settings.seed()),
    };
    let (exact, other) = (run(&kind.reference)?, run(model)?);
    let split = ErrorSplit::along(&ridge, model, &exact, motion)?;
    Ok(split.compare(&ridge, &exact, &other)?)
}

fn row(kind: &str, error: &str, run: &str, found: &Comparison, distance: Option<Agreement>) -> Vec<Cell> {
    let of = |agreement: Option<Agreement>, value: fn(&Agreement) -> f64| -> Cell {
        agreement.as_ref().map_or_else(|| "–".into(), |a| value(a).into())
    };
    let with_interval = |agreement: Option<Agreement>| -> Cell {
        agreement
            .map_or_else(|| "–".into(), |a| Cell::Interval { value: a.pearson, interval: a.pearson_interval })
    };
    let (normal, tangential) = (found.normal_agreement(), found.tangential_agreement());
    vec![
        kind.into(),
        error.into(),
        run.into(),
        (found.samples.len() as f64).into(),
        with_interval(distance),
        of(distance, |a| a.spearman),
        of(distance, |a| a.slope),
        of(Agreement::of(&found.without_error, &found.distance.1), |a| a.pearson),
        with_interval(normal),
        of(normal, |a| a.spearman),
        with_interval(tangential),
        of(tangential, |a| a.spearman),
    ]
}

fn add(findings: &mut Vec<Finding>, kind: &Kind, error: &str, found: &Comparison) {
    let slug = |text: &str| -> String {
        let words = text.replace("R²⁰", "r20").to_lowercase();
        words.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    };
    let id = format!("ridge-correlation-{}-{}", slug(kind.name), slug(error));
    let Some(distance) = found.distance_agreement() else {
        return;
    };
    let without = Agreement::of(&found.without_error, &found.distance.1).map_or(0.0, |a| a.pearson);
    let statement = format!(
        "{}, {error}: predicted and measured distances correlate by {}; without the error it would be {}.",
        kind.name,
        format_number(distance.pearson),
        format_number(without)
    );
    findings.push(
        Finding::new(id, statement, distance.pearson, distance.count)
            .interval(distance.pearson_interval)
            .setting("ranks", distance.spearman)
            .setting("slope", distance.slope)
            .setting("without_error", without)
            .expect(at_least(0.9, "at least 0.9")),
    );
}
