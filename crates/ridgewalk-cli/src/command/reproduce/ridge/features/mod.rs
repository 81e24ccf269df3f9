//! Random feature models: what part of their error is the architecture's and what part training has not done, across
//! and along the ridge, and where their samples go.

mod errors;
mod published;
mod samples;
mod theory;

use ndarray::{Array2, array};
use ridgewalk::PointSet;
use ridgewalk::closed_form::{Activation, FeatureDraw, TimeGrid, TrainedFeatures, Training, Weighting};

use super::super::part::Part;
use super::settings::Settings;
use crate::failure::Result;

/// Weightings by the name of the score's loss.
const WEIGHTINGS: [(Weighting, &str); 3] =
    [(Weighting::One, "1"), (Weighting::H, "h"), (Weighting::HSquared, "h²")];
/// Times that models are trained at.
const EARLIEST: f64 = 1e-3;
const LATEST: f64 = 5.0;
/// Frequencies of the time embedding, its period, and nodes of the quadrature over time.
const FREQUENCIES: usize = 4;
const PERIOD: f64 = 10.0;
const NODES: usize = 56;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "Random feature models",
        "The smallest model that learns a denoiser by gradient descent: frozen features, trained weights. Its training is a linear \
         flow with a formula, so that its error at any training time τ parts into a bias, which the features cannot overcome, and \
         what training has not done yet; and each into a normal and a tangential part. Main case: two modes (±3, 0), whose ridge is \
         the line through them. Cosine features, whose moments are exact, unless relu is said.",
    );
    theory::run(settings, &mut part)?;
    errors::run(settings, &mut part)?;
    samples::run(settings, &mut part)?;
    published::run(settings, &mut part)?;
    Ok(part)
}

fn modes() -> Array2<f64> {
    array![[-3.0, 0.0], [3.0, 0.0]]
}

fn points(values: Array2<f64>) -> Result<PointSet> {
    Ok(PointSet::vectors(values)?)
}

/// Cosine features are drawn once for a seed: those of a smaller number are the first of a larger one.
fn fit(
    data: &PointSet,
    features: usize,
    activation: Activation,
    weighting: Weighting,
    seed: u64,
) -> Result<TrainedFeatures> {
    let draw = FeatureDraw {
        activation,
        frequencies: FREQUENCIES,
        period: PERIOD,
        seed,
        ..FeatureDraw::new(features, data.dim())
    };
    let times = TimeGrid::logarithmic(EARLIEST..LATEST, NODES)?;
    let training = Training { weighting, draws: DRAWS, ..Training::new(draw.draw()?, times, seed) };
    Ok(training.train(data)?)
}

/// Draws of the noise for every point and time, for relu.
const DRAWS: usize = 512;
