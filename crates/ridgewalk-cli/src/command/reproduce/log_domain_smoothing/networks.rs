//! What explains a network, by noise level, as it is trained: the mean of its data, their Gaussian, a mixture, the
//! training points, or their smoothed score.
//!
//! The paper takes a trained network to be the smoothed score of its training points: if it is, that explains the
//! network best. Memorising is what its own training points explain beyond as many images that it never saw: at high
//! noise both are near the law of all images, and tell it alike. (arXiv 2412.09726 has tables for published networks.)

use ndarray::Array2;
use ridgewalk::closed_form::{Covariance, CovarianceKind, Empirical, Gaussian, Mixture, MixtureFit};
use ridgewalk::metrics::Explained;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Axis, Cell, Expectation, Figure, Finding, Plot, Series, Table};
use ridgewalk::transform::{Kernel, choose_scale};
use ridgewalk::{Denoiser, PointSet, Smoothed};
use ridgewalk_data::digits;
use ridgewalk_nn::network::{Architecture, MlpConfig, UNetConfig};
use ridgewalk_nn::train::{Every, TrainConfig, TrainingData};

use super::super::part::Part;
use super::super::training::{noised, train};
use super::percent;
use super::settings::Settings;
use crate::failure::Result;

/// Noise levels, in deviations of the data.
const LEVELS: [f64; 8] = [0.05, 0.1, 0.2, 0.4, 0.7, 1.0, 2.0, 5.0];
/// Levels at which memorising shows: below, all that is near the data agrees; above, all is near the mean.
const TELLING: std::ops::RangeInclusive<f64> = 0.1..=2.0;
/// Shares in figures are cut off below: a constant is as good.
const LEAST: f64 = -0.5;
const NAMES: [&str; 6] =
    ["mean", "Gaussian", "mixture", "training points", "smoothed score", "as many other images"];
/// Places in [`NAMES`].
const GAUSSIAN: usize = 1;
const POINTS: usize = 3;
const SMOOTHED: usize = 4;
const OTHERS: usize = 5;
/// Memorising shows where training points explain this much more than as many other images do.
const MEMORISED: f64 = 0.05;

/// A network on some images.
struct Case {
    slug: &'static str,
    name: String,
    train: PointSet,
    /// As many images that it never sees.
    others: PointSet,
    architecture: Architecture,
    batch: usize,
}

/// Shares of the denoiser's variance, and of the score's, at one level after some steps.
struct Shares {
    step: u64,
    /// σ/s.
    level: f64,
    denoiser: Vec<f64>,
    score: Vec<f64>,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let (all, source) = match &settings.mnist {
        Some(points) => (points.clone(), "MNIST, 28×28 pixels"),
        None => (digits(), "the embedded digits, 8×8 pixels, since no --mnist FILE was given"),
    };
    let stops: &[u64] = settings.size(&[300, 1000, 3000, 10_000], &[200, 600, 1800, 5000]);
    let mut part = Part::new(
        "What explains a network as it is trained",
        &format!(
            "Data: {source}. A network is asked for the denoised version of images that it was not trained on, under noise. Share of \
             the variance of its answer that is explained by others: of its training images the mean, a \
             Gaussian, a mixture of low-rank Gaussians, the exact denoiser of the training images, and that denoiser with its score smoothed by an isotropic kernel whose scale \
             held-out loss chose; and the exact denoiser of as many other images. 1 is all of it; below 0 a constant would do better. Networks, with the usual average of their weights, are asked after {} steps.",
            stops.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
        ),
    );
    let mut table = Table {
        columns: ["network", "steps", "σ/s"]
            .into_iter()
            .chain(NAMES)
            .map(Into::into)
            .chain(["Gaussian, of the score".into(), "training points, of the score".into()])
            .collect(),
        rows: Vec::new(),
    };
    let (cases, asked) = cases(settings, &all)?;
    for case in cases {
        one(settings, &mut part, &mut table, &case, (&asked, stops))?;
    }
    part.table("explained", "Share of the denoiser's variance that is explained", table);
    Ok(part)
}

/// The networks, and the held-out images that they are asked about.
fn cases(settings: &Settings, all: &PointSet) -> Result<(Vec<Case>, PointSet)> {
    let order = Stream::new(settings.seed(), Purpose::Split, 2, 0).permutation(all.len());
    let pick = |from: usize, count: usize| {
        let rows: Vec<usize> = order.iter().skip(from).take(count).copied().collect();
        all.select(&rows)
    };
    let asked = settings.size(400, 200).min(all.len() / 5);
    let (held_out, rest) = (pick(0, asked)?, all.len() - asked);
    let few = 100.min(rest / 2);
    let many = (rest / 2).min(settings.size(usize::MAX, 1500));
    let mut cases = Vec::new();
    for (slug, count) in [("many", many), ("few", few)] {
        let (train, others) = (pick(asked, count)?, pick(asked + count, count)?);
        if let Architecture::UNet(unet) = Architecture::for_shape(all.shape())
            && !settings.paper.small
        {
            let unet = UNetConfig { blocks: 1, ..unet };
            cases.push(Case {
                slug: if slug == "many" { "unet-many" } else { "unet-few" },
                name: format!("UNet, {count} images"),
                train: train.clone(),
                others: others.clone(),
                architecture: Architecture::UNet(unet),
                batch: 64,
            });
        }
        let width = settings.size(512, 256);
        cases.push(Case {
            slug,
            name: format!("perceptron, {count} images"),
            train,
            others,
            architecture: Architecture::Mlp(MlpConfig { width, depth: 3, ..MlpConfig::default() }),
            batch: 128,
        });
    }
    Ok((cases, held_out))
}

/// All that explain.
struct Explainers {
    mean: Gaussian,
    gaussian: Gaussian,
    mixture: Mixture,
    points: Empirical,
    smoothed: Smoothed<Empirical>,
    others: Empirical,
}

impl Explainers {
    fn new(settings: &Settings, train: &PointSet, others: &PointSet) -> Result<Self> {
        let gaussian = Gaussian::fit(train, CovarianceKind::Full)?;
        let nothing = Covariance::from_parts(Array2::zeros((0, train.dim())), Vec::new(), 0.0)?;
        let components = (train.len() / 30).clamp(2, 20);
        let fit = MixtureFit {
            seed: settings.seed(),
            restarts: 1,
            ..MixtureFit::new(components, CovarianceKind::LowRank(10))
        };
        let scale = choose_scale(train, settings.seed())?.scale;
        let kernel = Kernel::isotropic(scale.max(f64::MIN_POSITIVE)).draws(settings.size(256, 64));
        Ok(Explainers {
            mean: Gaussian::new(gaussian.mean().to_owned(), nothing)?,
            gaussian,
            mixture: fit.fit(train)?,
            points: Empirical::new(train)?,
            smoothed: Smoothed::new(Empirical::new(train)?, kernel)?,
            others: Empirical::new(others)?,
        })
    }

    fn each(&self) -> [&dyn Denoiser; 6] {
        [&self.mean, &self.gaussian, &self.mixture, &self.points, &self.smoothed, &self.others]
    }
}

fn one(
    settings: &Settings,
    part: &mut Part,
    table: &mut Table,
    case: &Case,
    (asked, stops): (&PointSet, &[u64]),
) -> Result<()> {
    let explainers = Explainers::new(settings, &case.train, &case.others)?;
    let scale = case.train.moments().std;
    // All that does not depend on the network, once.
    let mut levels = Vec::new();
    for (index, level) in LEVELS.into_iter().enumerate() {
        let noisy = noised(asked, level * scale, settings.seed(), index);
        let answers = explainers.each().map(|model| model.denoise(noisy.view(), level * scale));
        let answers = answers.into_iter().collect::<ridgewalk::Result<Vec<_>>>()?;
        levels.push((level, noisy, answers));
    }
    let steps = stops.last().copied().unwrap_or(1);
    let config = TrainConfig {
        seed: settings.seed(),
        steps: Some(steps),
        batch: case.batch,
        hold_out: Some(0.0),
        architecture: Some(case.architecture.clone()),
        every: Every { log: (steps / 40).max(1), ..Every::default() },
        ..TrainConfig::default()
    };
    let mut found: Vec<Shares> = Vec::new();
    train(&case.name, &config, TrainingData::new(case.train.clone()), stops, |step, network| {
        for (level, noisy, answers) in &levels {
            let explained = Explained::of(network, noisy.view(), level * scale)?;
            let each = answers.iter().map(|answer| explained.by_values(answer.view()));
            let each = each.collect::<ridgewalk::Result<Vec<_>>>()?;
            found.push(Shares {
                step,
                level: *level,
                denoiser: each.iter().map(|e| e.denoiser()).collect(),
                score: each.iter().map(|e| e.score()).collect(),
            });
        }
        Ok(())
    })?;
    for row in &found {
        let mut cells: Vec<Cell> =
            vec![case.name.as_str().into(), (row.step as f64).into(), row.level.into()];
        cells.extend(row.denoiser.iter().copied().map(Cell::Number));
        cells.extend([GAUSSIAN, POINTS].map(|k| Cell::Number(row.score.get(k).copied().unwrap_or(f64::NAN))));
        table.rows.push(cells);
    }
    figures(part, case, &found, stops);
    finding(part, case, &found, (stops, asked.len()));
    Ok(())
}

fn curve(found: &[Shares], step: u64, k: usize) -> Vec<(f64, f64)> {
    let rows = found.iter().filter(|row| row.step == step);
    rows.filter_map(|row| Some((row.level, row.denoiser.get(k)?.max(LEAST)))).collect()
}

fn figures(part: &mut Part, case: &Case, found: &[Shares], stops: &[u64]) {
    let axes = || (Axis::log("σ/s"), Axis::linear("share of the denoiser's variance"));
    let mut draw = |id: String, title: String, caption: String, series: Vec<Series>| {
        let (x, y) = axes();
        part.figure(Figure { id, title, caption, plot: Plot::Lines { x, y, series } });
    };
    let over = [POINTS, OTHERS].into_iter().flat_map(|k| stops.iter().map(move |step| (k, *step)));
    let name = |k: usize| NAMES.get(k).copied().unwrap_or_default();
    draw(
        format!("explained-{}-training", case.slug),
        format!("{}: explained by its training points, over training", case.name),
        "Beside what as many other images explain. Training points above those are a sign of memorising."
            .into(),
        over.map(|(k, step)| Series {
            name: format!("{}, {step} steps", name(k)),
            points: curve(found, step, k),
        })
        .collect(),
    );
    let last = stops.last().copied().unwrap_or_default();
    draw(
        format!("explained-{}", case.slug),
        format!("{}: what explains it after {last} steps", case.name),
        format!("Shares below {LEAST} are drawn there."),
        (0..NAMES.len()).map(|k| Series { name: name(k).into(), points: curve(found, last, k) }).collect(),
    );
}

/// When training points first explain more than as many other images do.
fn finding(part: &mut Part, case: &Case, found: &[Shares], (stops, n): (&[u64], usize)) {
    let lead = |row: &Shares| Some(row.denoiser.get(POINTS)? - row.denoiser.get(OTHERS)?);
    let telling = |row: &&Shares| TELLING.contains(&row.level);
    let first = found.iter().filter(telling).find(|row| lead(row).is_some_and(|lead| lead > MEMORISED));
    let last = stops.last().copied().unwrap_or_default();
    let leads = found.iter().filter(telling).filter(|row| row.step == last);
    let most = leads.filter_map(|row| Some((lead(row)?, row))).max_by(|a, b| a.0.total_cmp(&b.0));
    let Some((most, at)) = most else { return };
    let when = match first {
        Some(row) => format!(
            "memorising shows after {} steps, first at σ = {} s, where its training points explain {} of its variance and as many \
             other images {}",
            row.step,
            row.level,
            of(row, POINTS),
            of(row, OTHERS)
        ),
        None => format!(
            "memorising does not show in {last} steps: at no level from {} to {} s do its training points explain {} more of its \
             variance than as many other images do",
            TELLING.start(),
            TELLING.end(),
            percent(MEMORISED)
        ),
    };
    let share = |k: usize| at.denoiser.get(k).copied().unwrap_or(f64::NAN);
    let best = (0..NAMES.len()).max_by(|a, b| share(*a).total_cmp(&share(*b))).unwrap_or(0);
    let statement = format!(
        "{}: {when}. In the end, at σ = {} s, the training points explain {}, as many others {}, the Gaussian {}, the smoothed score {}; \
         most is explained by the {}.",
        case.name,
        at.level,
        of(at, POINTS),
        of(at, OTHERS),
        of(at, GAUSSIAN),
        of(at, SMOOTHED),
        NAMES.get(best).copied().unwrap_or_default()
    );
    part.finding(Finding::new(format!("explained-{}", case.slug), statement, most, n));
    let rivals = (0..NAMES.len()).filter(|k| *k != SMOOTHED).map(share);
    let ahead = share(SMOOTHED) - rivals.fold(f64::NEG_INFINITY, f64::max);
    let statement = format!(
        "{}: at σ = {} s the smoothed score explains {} of its variance, the best of the others {}.",
        case.name,
        at.level,
        of(at, SMOOTHED),
        percent(share(SMOOTHED) - ahead)
    );
    let finding = Finding::new(format!("explained-{}-smoothed", case.slug), statement, ahead, n);
    part.finding(finding.expect(Expectation {
        text: "more than any other: the paper takes a network to be the smoothed score".into(),
        at_least: Some(0.0),
        at_most: None,
    }));
}

fn of(row: &Shares, k: usize) -> String {
    percent(row.denoiser.get(k).copied().unwrap_or(f64::NAN))
}
