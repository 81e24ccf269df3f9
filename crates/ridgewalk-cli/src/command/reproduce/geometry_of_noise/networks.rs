//! Trained networks: noise prediction on DDPM's steps against flow matching, each told the noise level and not.
//!
//! All four have the same architecture, data, batches and number of steps. A blind network is sampled on the sampler's
//! clock: it is the solver that knows the time, never the network.

use ndarray::{Array2, ArrayView2};
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::metrics::{Bootstrap, frechet_with_interval};
use ridgewalk::neighbours::nearest;
use ridgewalk::process::Ddpm;
use ridgewalk::schedule::Levels;
use ridgewalk::survey::{Axis, Cell, Figure, Finding, ImageRow, Plot, Table};
use ridgewalk::{Euler, Process, Sampler, Shape};
use ridgewalk_data::digits;
use ridgewalk_nn::network::{Architecture, UNetConfig};
use ridgewalk_nn::objective::Weighting;
use ridgewalk_nn::train::{Every, TrainConfig, Trainer, TrainingData};
use ridgewalk_nn::{NeuralDenoiser, Prediction};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::claims::{Claim, Verdict};
use super::common::{lines, series};
use super::settings::Settings;
use crate::failure::{Failure, Result};
use crate::progress::say;

/// Images that are set apart from the training: what a distance of new images of the data is.
const HELD_OUT: f64 = 0.2;
/// Principal components in which the Fréchet distance is taken.
const FEATURES: usize = 40;
/// Images a row of a sheet.
const SHOWN: usize = 12;
/// Steps of the solver.
const STEPS: usize = 100;

/// One network: what it predicts and whether it is told.
struct Kind {
    id: &'static str,
    label: &'static str,
    flow: bool,
    blind: bool,
}

const KINDS: [Kind; 4] = [
    Kind { id: "ddpm-told", label: "noise, told", flow: false, blind: false },
    Kind { id: "ddpm-blind", label: "noise, blind", flow: false, blind: true },
    Kind { id: "flow-told", label: "flow, told", flow: true, blind: false },
    Kind { id: "flow-blind", label: "flow, blind", flow: true, blind: true },
];

/// What came of a network.
struct Outcome {
    kind: &'static Kind,
    samples: Array2<f64>,
    frechet: f64,
    interval: Option<(f64, f64)>,
    /// Median distance to the nearest image of the training set, over that of the held-out images.
    nearness: f64,
    /// (steps of training, mean loss).
    curve: Vec<(f64, f64)>,
}

pub fn run(settings: &Settings) -> Result<(Part, Vec<Claim>)> {
    let (points, name) = match &settings.images {
        Some(points) => {
            let count = points.len().min(settings.size(usize::MAX, 2000));
            (points.select(&(0..count).collect::<Vec<_>>())?, format!("{count} images of --mnist"))
        }
        None => (digits(), "the embedded digits, since no --mnist FILE was given".to_string()),
    };
    let Shape::Image { height, width, channels } = points.shape() else {
        return Err(Failure::new("--mnist", "holds no images", "give an IDX file of images"));
    };
    let range = points.range();
    let steps = settings.size(8000, 600);
    let count = settings.size(1000, 250);
    let mut part = Part::new(
        "Trained networks",
        &format!(
            "Data: {name}. Four networks of one architecture, trained on the same batches for {steps} steps: noise \
             prediction on the times of DDPM and velocity prediction of flow matching, each with the noise level as an \
             input and without. Each is sampled {count} times in {STEPS} Euler steps along the times of its own process; the \
             solver knows the time, a blind network does not. The Fréchet distance is between Gaussians \
             fitted in the first {FEATURES} principal components of the data, to images that were held out."
        ),
    );
    let data = TrainingData::new(points).held_out(HELD_OUT, settings.paper.seed)?;
    let rest =
        data.rest().cloned().ok_or_else(|| Failure::new("--mnist", "holds too few images", "give more"))?;
    let features = Pca::fit(data.points(), Components::Count(FEATURES.min(data.points().shape().dim())))?;
    let judge =
        Judge { features, data: data.points().values().to_owned(), rest: rest.values().to_owned(), settings };
    let mut outcomes = Vec::new();
    for kind in &KINDS {
        say(&format!("training: {}", kind.label));
        outcomes.push(judge.outcome(kind, &data, steps, count)?);
    }
    report(&mut part, &outcomes, (height, width, channels), range);
    let claims = claims(&outcomes);
    Ok((part, claims))
}

/// With what samples are compared.
struct Judge<'a> {
    features: Pca,
    data: Array2<f64>,
    rest: Array2<f64>,
    settings: &'a Settings<'a>,
}

impl Judge<'_> {
    fn outcome(&self, kind: &'static Kind, data: &TrainingData, steps: u64, count: usize) -> Result<Outcome> {
        let config = TrainConfig {
            seed: self.settings.paper.seed,
            steps: Some(steps),
            blind: kind.blind,
            prediction: if kind.flow { Prediction::Flow } else { Prediction::Noise },
            weighting: if kind.flow { Weighting::Flow } else { Weighting::Simple },
            noise_levels: if kind.flow { "uniform" } else { "ddpm" }.into(),
            hold_out: Some(0.0),
            architecture: self.architecture(data.points().shape()),
            every: Every { log: (steps / 40).max(1), ..Every::default() },
            ..TrainConfig::default()
        };
        let mut trainer = Trainer::new(&config, data.clone())?;
        let (mut curve, mut sum, every) = (Vec::new(), 0.0, (steps / 20).max(1));
        for step in 1..=steps {
            sum += trainer.step()?.loss;
            if step % every == 0 {
                curve.push((step as f64, sum / every as f64));
                sum = 0.0;
            }
        }
        let denoiser = trainer.denoiser(trainer.usual_average())?;
        let samples = sample(&denoiser, kind, count, self.settings.paper.seed)?;
        let encode = |points: ArrayView2<f64>| self.features.encode(points);
        let bootstrap = Bootstrap::new(200, 0);
        let (frechet, interval) = frechet_with_interval(
            encode(samples.view())?.view(),
            encode(self.rest.view())?.view(),
            &bootstrap,
        )?;
        let distance = |points: ArrayView2<f64>| -> Result<f64> {
            let mut distances = nearest(points, self.data.view(), 1)?.nearest_distances().to_vec();
            distances.sort_by(f64::total_cmp);
            Ok(distances.get(distances.len() / 2).copied().unwrap_or(f64::NAN))
        };
        let nearness = distance(samples.view())? / distance(self.rest.view())?;
        Ok(Outcome { kind, samples, frechet, interval, nearness, curve })
    }

    /// A small UNet for the quick run, the usual one otherwise.
    fn architecture(&self, shape: Shape) -> Option<Architecture> {
        let Shape::Image { height, width, .. } = shape else { return None };
        let usual = UNetConfig::for_image(height, width);
        let small = UNetConfig { channels: 16, blocks: 1, ..usual.clone() };
        Some(Architecture::UNet(if self.settings.paper.small { small } else { usual }))
    }
}

/// Samples along the times of the process that the network was trained on.
fn sample(denoiser: &NeuralDenoiser, kind: &Kind, count: usize, seed: u64) -> Result<Array2<f64>> {
    let scale = denoiser.config().preconditioning.scale;
    let part = |i: usize| (STEPS - i) as f64 / STEPS as f64;
    let levels: Vec<f64> = if kind.flow {
        let times = (0..STEPS).map(|i| part(i) * (1.0 - 1e-3));
        times.map(|t| scale * t / (1.0 - t)).collect()
    } else {
        let process = Ddpm::linear();
        (0..STEPS).map(|i| scale * process.noise_level(1000.0 * part(i))).collect()
    };
    let sampler = Sampler::new(Euler, Levels(levels)).seed(seed);
    Ok(sampler.run(denoiser, count)?.points)
}

fn report(
    part: &mut Part,
    outcomes: &[Outcome],
    (height, width, channels): (usize, usize, usize),
    range: (f64, f64),
) {
    let columns = ["network", "Fréchet distance", "nearest training image / that of new"];
    let rows = outcomes.iter().map(|outcome| {
        let frechet = match outcome.interval {
            Some(interval) => Cell::Interval { value: outcome.frechet, interval },
            None => outcome.frechet.into(),
        };
        vec![outcome.kind.label.into(), frechet, outcome.nearness.into()]
    });
    let table = Table { columns: columns.map(Into::into).to_vec(), rows: rows.collect() };
    part.table("noise-networks", "Samples of four networks", table);
    for outcome in outcomes {
        let finding = Finding::new(
            format!("noise-networks-{}", outcome.kind.id),
            format!(
                "{}: Fréchet distance {} in {FEATURES} principal components.",
                outcome.kind.label,
                format_number(outcome.frechet)
            ),
            outcome.frechet,
            outcome.samples.nrows(),
        );
        part.finding(match outcome.interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        });
    }
    part.figure(lines(
        "noise-networks-loss",
        "The loss while training",
        "Each network's own loss: those of different predictions are not of one scale.",
        (Axis::linear("steps"), Axis::log("mean loss")),
        outcomes.iter().map(|outcome| series(outcome.kind.label, outcome.curve.clone())).collect(),
    ));
    let rows = outcomes.iter().map(|outcome| ImageRow {
        label: outcome.kind.label.into(),
        images: outcome.samples.outer_iter().take(SHOWN).map(|x| x.to_vec()).collect(),
        notes: Vec::new(),
    });
    part.figure(Figure {
        id: "noise-networks".into(),
        title: "Samples of four networks".into(),
        caption: "The first samples of each, from the same starts; none chosen.".into(),
        plot: Plot::Images { height, width, channels, range, rows: rows.collect() },
    });
}

fn claims(outcomes: &[Outcome]) -> Vec<Claim> {
    let of = |id: &str| outcomes.iter().find(|o| o.kind.id == id).map_or(f64::NAN, |o| o.frechet);
    let (noise, flow) = (of("ddpm-blind") / of("ddpm-told"), of("flow-blind") / of("flow-told"));
    let found = format!(
        "without the noise level the Fréchet distance of noise prediction is {} times that with it, of flow matching \
         {} times",
        format_number(noise),
        format_number(flow)
    );
    vec![
        Claim {
            place: "networks",
            claim: "A network of noise prediction loses much by being blind",
            verdict: Verdict::of(noise > 1.5),
            found: found.clone(),
        },
        Claim {
            place: "networks",
            claim: "A network of flow matching loses little by being blind, and less",
            verdict: match (flow < 1.5, flow < noise) {
                (true, true) => Verdict::Held,
                (false, false) => Verdict::Not,
                _ => Verdict::InPart,
            },
            found,
        },
    ]
}
