//! A network trained in a latent space: the normal part of its error against the distance of its samples from the ridge,
//! over the length of training (arXiv 2602.06021's experiment on MNIST, with principal components in the place of an
//! autoencoder).
//!
//! In the phase of alignment a sample rests where the normal part of its model's error holds it off the ridge: z_t → Nδ,
//! δ = D_θ − D at the sample. The error along the exact run predicts more, to first order: where it displaces every
//! sample to (`ErrorSplit`).

use ndarray::{Array2, ArrayView2, Axis};
use ridgewalk::closed_form::{Empirical, KernelDensity};
use ridgewalk::geometry::{Agreement, ErrorSplit, Motion, Ridge, RidgeSpectrum};
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::survey::{Axis as PlotAxis, Cell, Finding, Series, Table};
use ridgewalk::{Denoiser, Heun, PointSet};
use ridgewalk_data::digits;
use ridgewalk_nn::NeuralDenoiser;
use ridgewalk_nn::network::{Architecture, MlpConfig};
use ridgewalk_nn::train::{Every, TrainConfig, TrainingData};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::super::training::train;
use super::settings::{Settings, at_least, level, lines, path, scatter, series};
use crate::failure::Result;
use crate::progress::say;

/// The digit, as published.
const CLASS: u32 = 8;
/// Components and d* of MNIST, as published; of the embedded digits, about the same share.
const MNIST: (usize, usize) = (32, 25);
const DIGITS: (usize, usize) = (12, 9);
/// Where runs start.
const FROM: f64 = 4.0;
/// Levels at which distances are measured, in bandwidths of the data's kernel density.
const LEVELS: [f64; 2] = [2.0, 1.0];
/// Points at which the spectrum is taken.
const POINTS: usize = 300;

/// The data in their latent space.
struct Space {
    codes: PointSet,
    exact: Empirical,
    /// Noise levels, falling.
    levels: Vec<f64>,
    /// The ridge's dimensions: the published share, and at every level that of the widest gap.
    published: usize,
    widest: Vec<usize>,
}

/// The samples of one network at one level, beside one ridge. Lengths are in σ√(d − d*).
struct Measured {
    step: u64,
    sigma: f64,
    dimension: usize,
    /// (‖Nδ‖, Newton distance) of every sample.
    pairs: Vec<(f64, f64)>,
    /// Of those.
    local: Option<Agreement>,
    /// Of predicted with measured normal displacement.
    predicted: Option<Agreement>,
    /// Root mean squares: of the model's distance, of that of the exact run's.
    distance: f64,
    exact: f64,
    error: f64,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let (all, source, shape) = match &settings.mnist {
        Some(points) => (points.clone(), "MNIST, 28×28 pixels", MNIST),
        None => (digits(), "the embedded digits, 8×8 pixels, since no --mnist FILE was given", DIGITS),
    };
    let space = space(settings, &all, shape)?;
    let stops: &[u64] = settings.size(&[100, 300, 1000, 3000, 10_000, 30_000], &[100, 400, 1600, 5000]);
    let width = settings.size(512, 128);
    let steps = stops.last().copied().unwrap_or(1);
    let mut part = Part::new(
        "A network in a latent space",
        &format!(
            "Data: {source}; digit {CLASS}, {} images in {} principal components, divided by one number so that their standard deviation is 1. \
             A perceptron of two hidden layers of {width}, trained for {steps} steps of 128 points at noise levels even in their logarithm, is \
             sampled at {} of them. Each time its samples are \
             held against the ridge of the data smoothed by the noise: the normal part of the network's error at the sample against the \
             sample's (Newton) distance. Lengths are in noise levels, σ√(d − d*). Distances are measured at once and twice the bandwidth \
             of the data's kernel density: below that the nearest datum outweighs all others and no frame is defined. The published experiment has the latents of an autoencoder: \
             its values are no targets here.",
            space.codes.len(),
            shape.0,
            stops.len()
        ),
    );
    let config = TrainConfig {
        seed: settings.seed(),
        steps: Some(steps),
        batch: 128,
        noise_levels: format!("log-uniform:from={},to={}", 0.3 * space.bottom(), level(FROM)),
        hold_out: Some(0.0),
        scale: Some(1.0),
        architecture: Some(Architecture::Mlp(MlpConfig { width, depth: 2, ..MlpConfig::default() })),
        every: Every { log: (steps / 40).max(1), ..Every::default() },
        ..TrainConfig::default()
    };
    let start = start(settings, &space);
    let mut measured = Vec::new();
    let data = TrainingData::new(space.codes.clone());
    train("training", &config, data, stops, |step, network| {
        say(&format!("distances after {step} steps"));
        measured.extend(measure(settings, &space, network, start.view(), step)?);
        Ok(())
    })?;
    report(&mut part, &space, &measured);
    Ok(part)
}

impl Space {
    /// The lowest level.
    fn bottom(&self) -> f64 {
        self.levels.last().copied().unwrap_or(1.0)
    }
}

fn space(settings: &Settings, all: &PointSet, (components, published): (usize, usize)) -> Result<Space> {
    let images = all.class(CLASS)?;
    let rows: Vec<usize> = (0..settings.size(images.len(), 1000).min(images.len())).collect();
    let images = images.select(&rows)?;
    let codes = Pca::fit(&images, Components::Count(components))?.encode(images.values())?;
    let scale = PointSet::vectors(codes.clone())?.moments().std;
    let codes = PointSet::vectors(codes / scale)?;
    let exact = Empirical::new(&codes)?;
    let bandwidth = KernelDensity::choose_bandwidth(&codes, settings.seed())?.bandwidth;
    let levels: Vec<f64> = LEVELS.iter().map(|times| times * bandwidth).collect();
    let every = codes.len().div_ceil(POINTS).max(1);
    let chosen: Vec<usize> = (0..codes.len()).step_by(every).collect();
    let mut widest = Vec::new();
    for sigma in &levels {
        let mut noisy = codes.values().select(Axis(0), &chosen);
        let mut stream = Stream::new(settings.seed(), Purpose::DataNoise, 23, 0);
        noisy.mapv_inplace(|x| x + sigma * stream.normal());
        let spectrum = RidgeSpectrum::at(&exact, noisy.view(), *sigma, noisy.ncols())?;
        widest.push(spectrum.widest().unwrap_or((1, 0.0)).0);
    }
    Ok(Space { codes, exact, levels, published, widest })
}

fn start(settings: &Settings, space: &Space) -> Array2<f64> {
    let d = space.codes.dim();
    // A frame among a thousand images costs milliseconds.
    let n = if settings.mnist.is_some() { settings.size(200, 60) } else { settings.size(300, 150) };
    let mut stream = Stream::new(settings.seed(), Purpose::Start, 23, 0);
    let noise = Array2::from_shape_simple_fn((n, d), || level(FROM) * stream.normal());
    noise + &space.codes.moments().mean
}

fn measure(
    settings: &Settings,
    space: &Space,
    network: &NeuralDenoiser,
    start: ArrayView2<f64>,
    step: u64,
) -> Result<Vec<Measured>> {
    let steps = settings.size(10.0, 6.0);
    let mut grid = vec![level(FROM)];
    for &sigma in &space.levels {
        let above = grid.last().copied().unwrap_or(sigma);
        let count = (steps * libm::log(above / sigma)).ceil().max(1.0) as usize;
        let ratio = libm::log(sigma / above) / count as f64;
        grid.extend((1..count).map(|i| above * libm::exp(ratio * i as f64)));
        grid.push(sigma);
    }
    let exact = path(Heun::new(), &grid, &space.exact, start, 0)?;
    let model = path(Heun::new(), &grid, network, start, 0)?;
    let mut found = Vec::new();
    for (&sigma, &widest) in space.levels.iter().zip(&space.widest) {
        let (exact, model) = (exact.within(sigma..=f64::INFINITY)?, model.within(sigma..=f64::INFINITY)?);
        let end = |run: &ridgewalk::sampler::observers::Trajectories| {
            run.states().last().map_or_else(|| Array2::zeros((0, 1)), |(_, x)| x.to_owned())
        };
        let (pure, ends) = (end(&exact), end(&model));
        let mut dimensions = vec![space.published];
        if widest != space.published {
            dimensions.push(widest);
        }
        for dimension in dimensions {
            let ridge = Ridge::new(&space.exact, dimension)?;
            let spread = ridge.spread(sigma);
            let frames = ridge.frames(ends.view(), sigma)?;
            let error = network.denoise(ends.view(), sigma)? - frames.denoised();
            let error = lengths(frames.normal(error.view())?.view(), spread);
            let distance = lengths(frames.newton(), spread);
            let split = ErrorSplit::along(&ridge, network, &exact, Motion::ProbabilityFlow)?;
            let predicted = split.compare(&ridge, &exact, &model)?.normal_agreement();
            let of_exact = lengths(ridge.frames(pure.view(), sigma)?.newton(), spread);
            found.push(Measured {
                step,
                sigma,
                dimension,
                local: Agreement::of(&error, &distance),
                predicted,
                distance: rms(&distance),
                exact: rms(&of_exact),
                error: rms(&error),
                pairs: error.into_iter().zip(distance).collect(),
            });
        }
    }
    Ok(found)
}

fn lengths(v: ArrayView2<f64>, unit: f64) -> Vec<f64> {
    v.outer_iter().map(|v| v.dot(&v).sqrt() / unit).collect()
}

fn rms(values: &[f64]) -> f64 {
    (values.iter().map(|v| v * v).sum::<f64>() / values.len().max(1) as f64).sqrt()
}

fn report(part: &mut Part, space: &Space, measured: &[Measured]) {
    let columns = [
        "steps",
        "σ",
        "d*",
        "normal error",
        "distance",
        "of the exact model",
        "correlation of the two",
        "of ranks",
        "predicted along the run: correlation",
        "of ranks",
    ];
    let pearson = |agreement: &Option<Agreement>| -> Cell {
        agreement
            .map_or_else(|| "–".into(), |a| Cell::Interval { value: a.pearson, interval: a.pearson_interval })
    };
    let ranks = |agreement: &Option<Agreement>| -> Cell {
        agreement.map_or_else(|| "–".into(), |a| a.spearman.into())
    };
    let rows = measured.iter().map(|row| {
        vec![
            (row.step as f64).into(),
            row.sigma.into(),
            (row.dimension as f64).into(),
            row.error.into(),
            row.distance.into(),
            row.exact.into(),
            pearson(&row.local),
            ranks(&row.local),
            pearson(&row.predicted),
            ranks(&row.predicted),
        ]
    });
    part.table(
        "ridge-networks",
        "Normal part of the network's error and distance of its samples from the ridge, root mean squares, and their correlation over samples",
        Table { columns: columns.map(Into::into).to_vec(), rows: rows.collect() },
    );
    let shown: Vec<&Measured> = measured
        .iter()
        .filter(|row| row.sigma == space.bottom() && row.dimension == space.published)
        .collect();
    part.figure(scatter(
        "ridge-networks",
        "Normal error and distance from the ridge",
        &format!(
            "One point a sample, in noise levels σ√(d − d*); σ = {}, d* = {}. On the diagonal a sample rests where its model's error holds it.",
            format_number(space.bottom()),
            space.published
        ),
        (PlotAxis::linear("normal part of the error at the sample"), PlotAxis::linear("distance from the ridge")),
        shown.iter().map(|row| series(format!("{} steps", row.step), row.pairs.clone())).collect(),
    ));
    let over = |name: &str, value: fn(&Measured) -> f64| -> Series {
        series(name, shown.iter().map(|row| (row.step as f64, value(row))).collect())
    };
    part.figure(lines(
        "ridge-networks-training",
        "Normal error and distance over training",
        "Root mean squares over samples, in noise levels, at the level and dimension of the figure above.",
        (PlotAxis::log("steps"), PlotAxis::linear("noise levels σ√(d − d*)")),
        vec![
            over("normal error", |row| row.error),
            over("distance from the ridge", |row| row.distance),
            over("distance of the exact model's samples", |row| row.exact),
        ],
    ));
    for row in &shown {
        let Some(local) = row.local else { continue };
        let statement = format!(
            "After {} steps the normal error of the samples is {} noise levels, their distance from the ridge {} (the exact model's {}); \
             the two correlate by {}.",
            row.step,
            format_number(row.error),
            format_number(row.distance),
            format_number(row.exact),
            format_number(local.pearson)
        );
        let finding =
            Finding::new(format!("ridge-networks-{}", row.step), statement, local.pearson, row.pairs.len());
        part.finding(finding.interval(local.pearson_interval).setting("ranks", local.spearman));
    }
    if let Some(agreement) = shown.last().and_then(|row| row.predicted) {
        let statement = format!(
            "Of the network trained longest, normal displacements predicted by the error along the exact run and measured ones correlate \
             by {} ({} in ranks).",
            format_number(agreement.pearson),
            format_number(agreement.spearman)
        );
        part.finding(
            Finding::new("ridge-networks-predicted", statement, agreement.spearman, agreement.count)
                .setting("pearson", agreement.pearson)
                .expect(at_least(0.9, "ranks: at least 0.9, as of known errors")),
        );
    }
}
