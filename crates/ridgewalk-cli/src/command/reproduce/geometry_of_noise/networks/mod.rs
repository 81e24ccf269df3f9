//! Trained networks: noise prediction on DDPM's steps against flow matching, each told the noise level and not.
//!
//! All four have the same architecture, data, batches and number of steps. A blind network is sampled on the sampler's
//! clock: it is the solver that knows the time, never the network.

mod data;
mod judge;
mod levels;
mod report;
mod verdict;

use ndarray::Array2;
use ridgewalk::process::Ddpm;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Euler, Levels, PointSet, Process, Sampler, Shape};
use ridgewalk_nn::network::{Architecture, UNetConfig};
use ridgewalk_nn::objective::Weighting;
use ridgewalk_nn::train::{Every, OptimizerConfig, RateSchedule, TrainConfig, TrainingData};
use ridgewalk_nn::{NeuralDenoiser, Prediction};

use super::super::part::Part;
use super::super::training::train;
use super::claims::Claim;
use super::settings::Settings;
use crate::failure::{Failure, Result};
use crate::progress::{Meter, say};
use data::Images;
use judge::{Distance, Judge};
use levels::LevelError;

/// Steps of the solver.
const STEPS: usize = 100;
/// Levels σ/s from which samples start at noised images, beside the whole way.
const STARTS: [f64; 3] = [30.0, 10.0, 3.0];

/// One network: what it predicts and whether it is told.
struct Kind {
    id: &'static str,
    label: &'static str,
    flow: bool,
    blind: bool,
    /// FID without the noise level on CIFAR-10, as quoted in arXiv 2602.18428.
    quoted: Option<f64>,
}

const KINDS: [Kind; 4] = [
    Kind { id: "ddpm-told", label: "noise, told", flow: false, blind: false, quoted: None },
    Kind { id: "ddpm-blind", label: "noise, blind", flow: false, blind: true, quoted: Some(40.90) },
    Kind { id: "flow-told", label: "flow, told", flow: true, blind: false, quoted: None },
    Kind { id: "flow-blind", label: "flow, blind", flow: true, blind: true, quoted: Some(2.61) },
];

/// What came of a network.
struct Outcome {
    kind: &'static Kind,
    samples: Array2<f64>,
    whole: Distance,
    /// Median distance to the nearest image of the training set, over that of the held-out images.
    nearness: f64,
    /// Fréchet distance of samples that start at noised images, for every one of [`STARTS`].
    starts: Vec<f64>,
    levels: Vec<LevelError>,
    /// (steps of training, mean loss).
    curve: Vec<(f64, f64)>,
}

/// How long networks are trained and how many samples are drawn.
struct Size {
    steps: u64,
    batch: usize,
    count: usize,
    starts: usize,
}

pub fn run(settings: &Settings) -> Result<(Vec<Part>, Vec<Claim>)> {
    let (mut parts, mut claims) = (Vec::new(), Vec::new());
    for images in data::all(settings)? {
        let (part, found) = one(settings, images)?;
        parts.push(part);
        claims.extend(found);
    }
    Ok((parts, claims))
}

fn one(settings: &Settings, images: Images) -> Result<(Part, Vec<Claim>)> {
    // Images of files are larger: a quick run sees fewer of them.
    let (steps, batch) = settings.size((8000, 64), if images.from_file { (1200, 32) } else { (2000, 64) });
    let size = Size { steps, batch, count: settings.size(1000, 200), starts: settings.size(500, 100) };
    let shape = images.points.shape();
    let data =
        TrainingData::new(images.points.clone()).held_out(images.part_held_out(), settings.paper.seed)?;
    let rest = data.rest().cloned();
    let rest = rest.ok_or_else(|| Failure::new("the images", "are too few", "give some hundreds"))?;
    let judge = Judge::new(settings, data.points(), rest)?;
    let mut part = Part::new(
        &format!("Trained networks: {}", images.title),
        &format!(
            "Data: {}, {} to train on and {} held out. Four networks of one architecture (EDM's UNet, {}), trained on the same \
             batches of {} for {} steps: noise prediction on the times of DDPM and velocity prediction of flow matching, each with \
             the noise level as an input and without. Each is sampled {} times in {STEPS} Euler steps along the times of its own \
             process; the solver knows the time, a blind network does not. The Fréchet distance is that of Gaussians \
             fitted in {}, to the images held out.",
            images.name,
            data.points().len(),
            judge.held_out(),
            sizes(settings, shape),
            size.batch,
            size.steps,
            size.count,
            judge.features()
        ),
    );
    let mut outcomes = Vec::new();
    for kind in &KINDS {
        outcomes.push(outcome(settings, kind, &data, &judge, &size)?);
    }
    report::write(&mut part, &images, &judge, &outcomes)?;
    let claims = verdict::claims(&images, &outcomes);
    Ok((part, claims))
}

fn outcome(
    settings: &Settings,
    kind: &'static Kind,
    data: &TrainingData,
    judge: &Judge,
    size: &Size,
) -> Result<Outcome> {
    let (seed, shape) = (settings.paper.seed, data.points().shape());
    let config = TrainConfig {
        seed,
        steps: Some(size.steps),
        batch: size.batch,
        blind: kind.blind,
        prediction: if kind.flow { Prediction::Flow } else { Prediction::Noise },
        weighting: if kind.flow { Weighting::Flow } else { Weighting::Simple },
        noise_levels: if kind.flow { "uniform" } else { "ddpm" }.into(),
        hold_out: Some(0.0),
        architecture: architecture(settings, shape),
        optimizer: OptimizerConfig { schedule: RateSchedule::Cosine, ..OptimizerConfig::default() },
        every: Every { log: (size.steps / 40).max(1), ..Every::default() },
        ..TrainConfig::default()
    };
    let mut trained = None;
    let curve = train(kind.label, &config, data.clone(), &[size.steps], |_, network| {
        trained = Some(network.clone());
        Ok(())
    })?;
    let Some(denoiser) = trained else {
        return Err(Failure::new("training", "ended before its last step", "give more steps"));
    };
    let samples = sample(&denoiser, kind, Start::Noise(size.count), seed)?;
    let whole = judge.distance(&samples)?;
    let nearness = judge.nearness(&samples)?;
    let mut starts = Vec::new();
    for level in STARTS {
        let start = Start::Images { points: data.points(), count: size.starts, level };
        starts.push(judge.distance(&sample(&denoiser, kind, start, seed)?)?.value);
    }
    say(&format!("{}: judged at every noise level", kind.label));
    let levels = levels::errors(&denoiser, judge.rest(), settings.size(500, 100), seed)?;
    Ok(Outcome { kind, samples, whole, nearness, starts, levels, curve })
}

/// A small UNet for the quick run, the usual one otherwise.
fn unet(settings: &Settings, shape: Shape) -> Option<UNetConfig> {
    let Shape::Image { height, width, .. } = shape else { return None };
    let usual = UNetConfig::for_image(height, width);
    let small = UNetConfig { channels: 16, blocks: 1, ..usual.clone() };
    Some(if settings.paper.small { small } else { usual })
}

fn architecture(settings: &Settings, shape: Shape) -> Option<Architecture> {
    unet(settings, shape).map(Architecture::UNet)
}

fn sizes(settings: &Settings, shape: Shape) -> String {
    match unet(settings, shape) {
        Some(unet) => format!(
            "{} channels, {} levels, {} blocks a level",
            unet.channels,
            unet.multipliers.len(),
            unet.blocks
        ),
        None => "no images".into(),
    }
}

/// Where samples start.
enum Start<'a> {
    /// At noise of the highest level: the whole way.
    Noise(usize),
    /// At images of the data with noise of the level σ/s: as the exact sampler would have them there.
    Images { points: &'a PointSet, count: usize, level: f64 },
}

/// Samples along the times of the process that the network was trained on.
fn sample(denoiser: &NeuralDenoiser, kind: &Kind, start: Start, seed: u64) -> Result<Array2<f64>> {
    let scale = denoiser.config().preconditioning.scale;
    let part = |i: usize| (STEPS - i) as f64 / STEPS as f64;
    let mut levels: Vec<f64> = if kind.flow {
        let times = (0..STEPS).map(|i| part(i) * (1.0 - 1e-3));
        times.map(|t| scale * t / (1.0 - t)).collect()
    } else {
        let process = Ddpm::linear();
        (0..STEPS).map(|i| scale * process.noise_level(1000.0 * part(i))).collect()
    };
    let mut meter = Meter::new(format!("{}: samples", kind.label));
    let sampler = |levels: Vec<f64>| Sampler::new(Euler, Levels(levels)).seed(seed);
    match start {
        Start::Noise(count) => Ok(sampler(levels).run_observed(denoiser, count, &mut meter)?.points),
        Start::Images { points, count, level } => {
            let sigma = level * scale;
            levels.retain(|l| *l < sigma);
            levels.insert(0, sigma);
            let rows: Vec<usize> = (0..count).map(|i| i % points.len()).collect();
            let mut states = points.select(&rows)?.values().to_owned();
            for (i, mut row) in states.outer_iter_mut().enumerate() {
                let mut stream = Stream::new(seed, Purpose::Start, i as u64, 0);
                row.mapv_inplace(|x| x + sigma * stream.normal());
            }
            Ok(sampler(levels).run_from(denoiser, states.view(), &mut meter)?.points)
        }
    }
}
