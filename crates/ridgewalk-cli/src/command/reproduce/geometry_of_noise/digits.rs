//! Images of digits: the exact blind fields of a set of images, told and blind samplers side by side. The paper shows networks'
//! samples as pictures; here are the numbers beside the pictures.

use ndarray::Array2;
use ridgewalk::autonomous::{Blind, Target, TimePrior};
use ridgewalk::closed_form::Empirical;
use ridgewalk::process::Ddpm;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Axis, Cell, Figure, Finding, ImageRow, Plot, Table};
use ridgewalk::{FlowMatching, PointSet, Process, Shape};
use ridgewalk_data::digits;
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::chi::{exceeds, excess};
use super::claims::{Claim, Verdict};
use super::common::{at_most, lines, mean, percent, series};
use super::sampling::{End, descent, evenly, told, transfer, turned};
use super::settings::{Settings, even_in_log, spread};
use crate::failure::{Failure, Result};
use crate::progress::say;

/// Images of the user that are taken.
const FIRST: usize = 1000;
/// Images a row of a sheet.
const SHOWN: usize = 12;
/// From here on the straight path: at t = 1 nothing of the data is left.
const FROM: f64 = 0.9;

/// Images in [−1, 1], and their form.
struct Images {
    values: Array2<f64>,
    form: (usize, usize, usize),
    name: String,
}

fn images(settings: &Settings) -> Result<Images> {
    let (points, name) = match &settings.images {
        Some(points) => {
            let count = points.len().min(settings.size(FIRST, 100));
            (
                points.select(&(0..count).collect::<Vec<_>>())?,
                format!(
                    "the first {count} images of \
             --mnist"
                ),
            )
        }
        None => {
            let all = digits();
            let count = settings.size(all.len(), 300);
            let name = format!("{count} embedded digits, since no --mnist FILE was given");
            (all.select(&(0..count).collect::<Vec<_>>())?, name)
        }
    };
    let Shape::Image { height, width, channels } = points.shape() else {
        return Err(Failure::new("--mnist", "holds no images", "give an IDX file of images"));
    };
    let (low, high) = points.range();
    let values = points.values().mapv(|v| 2.0 * (v - low) / (high - low).max(f64::MIN_POSITIVE) - 1.0);
    let name = format!("{name}, {height}×{width} pixels in [−1, 1]");
    Ok(Images { values, form: (height, width, channels), name })
}

/// The samplers of one process and where they ended.
struct Runs {
    id: &'static str,
    title: &'static str,
    limit: f64,
    ends: Vec<(&'static str, End)>,
}

pub fn run(settings: &Settings) -> Result<(Part, Vec<Claim>)> {
    let images = images(settings)?;
    let d = images.values.ncols();
    let mut part = Part::new(
        "Images of digits",
        &format!(
            "Data: {}. Fields are the exact ones of these images, so that every sample of the told \
             sampler is one of them; the \
             distance to the nearest shows what blindness leaves. States begin as noisy images. A \
             sample has failed if it ends farther \
             from every image than a tenth of the images' root mean square distance from their mean \
             and than twice the told sampler's 90th \
             percentile.",
            images.name
        ),
    );
    let model = Empirical::new(&PointSet::vectors(images.values.clone())?)?;
    posteriors(settings, &mut part, &model, &images)?;
    let (n, steps) = (settings.size(64, 12), settings.size(100, 50));
    let flow = {
        say("the straight path");
        // The posterior's width in ln t is 1/√(2d): 0.7 of it is enough.
        let grid = (libm::log(1e3) * (2.0 * d as f64).sqrt() / 0.6).ceil().max(100.0) as usize;
        let blind = Blind::from(&model, FlowMatching, even_in_log(1e-3, 1.0, grid)?)?;
        let start = noisy(settings, &images, n, (1.0 - FROM, FROM));
        let times = evenly(FROM, 1e-3, steps);
        let mut ends = vec![("told", told(&model, &FlowMatching, &times, start.clone())?)];
        for (name, target) in
            [("noise", Target::Noise), ("velocity", Target::Velocity), ("data", Target::Data)]
        {
            say(name);
            ends.push((name, transfer(&blind.field(target), &FlowMatching, &times, start.clone())?));
        }
        say("equilibrium");
        ends.push((
            "equilibrium",
            descent(&blind.field(Target::Equilibrium), 0.05, settings.size(150, 80), start)?,
        ));
        finish("flow", "Flow matching's straight path", &images, ends)?
    };
    let ddpm = {
        say("the table of DDPM");
        let process = Ddpm::linear();
        let every = settings.size(2, 5);
        let prior = TimePrior::steps((0..1000 / every).map(|i| f64::from(1 + every * i)))?;
        let blind = Blind::from(&model, &process, prior)?;
        let start = noisy(settings, &images, n, (process.alpha(1000.0), process.sigma(1000.0)));
        let times = evenly(1000.0, 1.0, steps);
        let mut ends = vec![("told", told(&model, &process, &times, start.clone())?)];
        for (name, target) in [("noise", Target::Noise), ("data", Target::Data)] {
            say(name);
            ends.push((name, transfer(&blind.field(target), &process, &times, start.clone())?));
        }
        say("v-prediction");
        ends.push(("v-prediction", turned(&blind.field(Target::VPrediction), &process, &times, start)?));
        finish("ddpm", "DDPM's schedule", &images, ends)?
    };
    for runs in [&flow, &ddpm] {
        report(&mut part, runs, &images);
    }
    Ok((part, judge(&flow, &ddpm)))
}

/// Noisy images in turn.
fn noisy(settings: &Settings, images: &Images, n: usize, (alpha, sigma): (f64, f64)) -> Array2<f64> {
    let mut out = Array2::zeros((n, images.values.ncols()));
    for (i, mut u) in out.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(settings.paper.seed, Purpose::DataNoise, i as u64, 0);
        let x = images.values.row(i % images.values.nrows());
        u.zip_mut_with(&x, |u, x| *u = alpha * x + sigma * stream.normal());
    }
    out
}

fn posteriors(settings: &Settings, part: &mut Part, model: &Empirical, images: &Images) -> Result<()> {
    let d = images.values.ncols() as f64;
    let blind = Blind::from(model, FlowMatching, TimePrior::uniform(1e-4..1.0)?)?.tolerance(1e-6);
    let n = settings.size(64, 16);
    // The length of the noise tells t, and so does how far (1 − t) x has come along x: Fisher information 2(D − 1) + |x|², over t².
    let information = |i: usize| {
        let x = images.values.row(i % images.values.nrows());
        2.0 * (d - 1.0) + x.dot(&x)
    };
    let law = mean(&(0..n).map(|i| 1.0 / information(i).sqrt()).collect::<Vec<_>>());
    let columns = [
        "t",
        "mean of t given u",
        "deviation / mean",
        "beside one image",
        "Jensen gap, mean",
        "Jensen gap, rms",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let mut curve = Vec::new();
    for t in [0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95] {
        let u = noisy(settings, images, n, (1.0 - t, t));
        let found = blind.posterior(u.view())?;
        let over = |g: &dyn Fn(&ridgewalk::autonomous::TimePosterior) -> f64| {
            mean(&found.iter().map(g).collect::<Vec<_>>())
        };
        let width = over(&|p| p.deviation() / p.mean());
        let square = over(&|p| p.jensen_gap(&FlowMatching, t).powi(2));
        let gap = over(&|p| p.jensen_gap(&FlowMatching, t));
        table.rows.push([t, over(&|p| p.mean()), width, law, gap, square.sqrt()].map(Into::into).to_vec());
        curve.push((t, width));
    }
    let worst =
        curve.iter().filter(|(t, _)| *t <= 0.1).map(|(_, w)| (w / law - 1.0).abs()).fold(0.0, f64::max);
    part.table(
        "noise-digits-posterior",
        "What noisy images tell of their time on the straight \
     path",
        table,
    );
    part.figure(lines(
        "noise-digits-posterior",
        "How well a noisy image tells its own time",
        "Deviation of t given the image, in parts of its mean, and what it is beside a single image \
         x, 1/√(2(D − 1) + |x|²): \
         the length of the noise and the way along x both tell it.",
        (Axis::log("time t"), Axis::linear("deviation of t given u / its mean")),
        vec![series("images", curve), series("beside one image", vec![(0.02, law), (0.95, law)])],
    ));
    part.finding(
        Finding::new(
            "noise-digits-width",
            format!(
                "At t ≤ 0.1 the time of a noisy image is known to {} of itself, as beside a single \
                 image, to {}.",
                percent(law),
                percent(worst)
            ),
            worst,
            n,
        )
        .expect(at_most(0.05, "1/√(2(D − 1) + |x|²) to 5 %: exact but for a few parts of 1/D")),
    );
    Ok(())
}

fn finish(
    id: &'static str,
    title: &'static str,
    images: &Images,
    states: Vec<(&'static str, Array2<f64>)>,
) -> Result<Runs> {
    let ends = states
        .into_iter()
        .map(|(name, u)| Ok((name, End::of(u, images.values.view())?)))
        .collect::<Result<Vec<_>>>()?;
    let limit = ends.first().map_or(f64::NAN, |(_, end)| end.limit(spread(images.values.view())));
    Ok(Runs { id, title, limit, ends })
}

fn report(part: &mut Part, runs: &Runs, images: &Images) {
    let columns = [
        "sampler",
        "mean",
        "median",
        "90th percentile",
        "failed",
        "images reached",
        "mean by the law of one datum at 0",
        "failed by it",
    ];
    let d = images.values.ncols() as f64;
    let rows = runs.ends.iter().map(|(name, end)| {
        let mut row: Vec<Cell> = vec![(*name).into()];
        row.extend(end.summary().map(Cell::from));
        row.push(percent(end.failed(runs.limit)).into());
        row.push(format!("{} of {}", end.reached(runs.limit), end.distances.len()).into());
        let length = match (runs.id, *name) {
            ("flow", "noise") => Some(FROM / (1.0 - FROM)),
            ("flow", "velocity") => Some(FROM),
            _ => None,
        };
        row.push(length.map_or("–".into(), |l| (l * excess(d)).into()));
        row.push(length.map_or("–".into(), |l| percent(exceeds(d, runs.limit / l)).into()));
        row
    });
    let table = Table { columns: columns.map(Into::into).to_vec(), rows: rows.collect() };
    part.table(
        &format!("noise-digits-{}", runs.id),
        &format!(
            "{}: distance to the nearest image (failed beyond {})",
            runs.title,
            format_number(runs.limit)
        ),
        table,
    );
    for (name, end) in runs.ends.iter().skip(1) {
        part.finding(Finding::new(
            format!("noise-digits-{}-{name}", runs.id),
            format!(
                "{}: {} of the samples of blind {name} failed; they reach {} images where the told \
                 sampler reaches {}.",
                runs.title,
                percent(end.failed(runs.limit)),
                end.reached(runs.limit),
                runs.ends.first().map_or(0, |(_, told)| told.reached(runs.limit))
            ),
            end.failed(runs.limit),
            end.distances.len(),
        ));
    }
    let rows = runs
        .ends
        .iter()
        .map(|(name, end)| ImageRow {
            label: if *name == "told" { "told the time".into() } else { format!("blind {name}") },
            images: end.states.outer_iter().take(SHOWN).map(|u| u.to_vec()).collect(),
            notes: end.distances.iter().take(SHOWN).map(|d| format_number(*d)).collect(),
        })
        .collect();
    let (height, width, channels) = images.form;
    part.figure(Figure {
        id: format!("noise-digits-{}", runs.id),
        title: format!("Samples: {}", runs.title),
        caption: "The same starts in every row; under each image its distance to the nearest image of the \
             data."
            .into(),
        plot: Plot::Images { height, width, channels, range: (-1.0, 1.0), rows },
    });
}

fn judge(flow: &Runs, ddpm: &Runs) -> Vec<Claim> {
    let of = |runs: &Runs, name: &str| {
        runs.ends
            .iter()
            .find(|(n, _)| *n == name)
            .map_or((f64::NAN, f64::NAN), |(_, end)| (end.failed(runs.limit), end.summary()[0]))
    };
    let (noise, velocity) = (of(ddpm, "noise"), of(flow, "velocity"));
    vec![
        Claim {
            place: "samples of images",
            claim: "Samples of blind DDPM show noise and artefacts",
            verdict: Verdict::of(noise.0 > 0.05),
            found: format!(
                "{} of the digits failed, {} from the data on the mean",
                percent(noise.0),
                format_number(noise.1)
            ),
        },
        Claim {
            place: "samples of images",
            claim: "Samples of blind flow matching look as those of its told twin",
            verdict: if velocity.0 <= 0.05 { Verdict::Held } else { Verdict::InPart },
            found: format!(
                "they end {} from the data on the mean, against {} for the told one, with {} failed: \
                 a remainder that is faint to the eye",
                format_number(velocity.1),
                format_number(of(flow, "told").1),
                percent(velocity.0)
            ),
        },
    ]
}
