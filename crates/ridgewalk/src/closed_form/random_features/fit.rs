//! A random feature model for any data set: settings with defaults, and their text form.

use std::ops::Range;

use super::features::{Activation, FeatureDraw};
use super::sampled::whole;
use super::times::{TimeGrid, Weighting};
use super::training::{Stopping, TrainedFeatures, Training};
use crate::error::{Error, Result};
use crate::points::PointSet;
use crate::spec::Spec;

/// Earliest and latest time: noise of 0.014 and of 150 standard deviations of the data.
const TIMES: Range<f64> = 1e-4..5.0;
/// Nodes of the quadrature over time, and more of them for every frequency of the time embedding.
const NODES: usize = 40;
const NODES_BY_FREQUENCY: usize = 4;
/// Samples (points × draws) a time that estimated moments take at least, for every feature.
const SAMPLES_BY_FEATURE: usize = 8;

/// How to fit a random feature model: [`RandomFeatureFit::new`], then what should differ from its defaults.
///
/// The data are centred and divided by their σ_data. The time embedding has twice the latest time for its period,
/// since with a period of the latest time itself (as in arXiv 2602.06021's experiments) features could not tell
/// the first from the last.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RandomFeatureFit {
    /// Number of features p.
    pub features: usize,
    /// The function.
    pub activation: Activation,
    /// K, the frequencies of the time embedding; 0 for features that do not see the time.
    pub frequencies: usize,
    /// Length ℓ on which cosine features vary, in units of σ_data √d.
    pub length: f64,
    /// Weight of the times.
    pub weighting: Weighting,
    /// When training stops.
    pub stopping: Stopping,
    /// Seed of the features and of W(0).
    pub seed: u64,
}

impl RandomFeatureFit {
    /// p cosine features, trained for ever.
    pub fn new(features: usize) -> Self {
        RandomFeatureFit {
            features,
            activation: Activation::Cosine,
            frequencies: 4,
            length: 1.0,
            weighting: Weighting::H,
            stopping: Stopping::GradientFlow(f64::INFINITY),
            seed: 0,
        }
    }

    /// Reads `random-features:features=500,kind=relu,time=1000,weight=h2,frequencies=8,length=0.5,seed=3`, of which any
    /// setting may be left out, and `ridge=λ` in the place of `time`. The seed is `seed` unless it is given.
    ///
    /// # Errors
    /// If the text is not of that form, or a value is out of range.
    pub fn named(text: &str, seed: u64) -> Result<Self> {
        let spec = Spec::parse("model", text)?;
        if spec.name() != NAME {
            return Err(spec.unknown([NAME].into_iter()));
        }
        let usual = RandomFeatureFit::new(FEATURES);
        let activation = [Activation::Cosine, Activation::Relu][spec.word("kind", &["cosine", "relu"])?];
        let fit = RandomFeatureFit {
            features: spec.count("features", usual.features)?,
            activation,
            frequencies: spec.count("frequencies", usual.frequencies)?,
            length: spec.number("length", usual.length)?,
            weighting: [Weighting::H, Weighting::One, Weighting::HSquared]
                [spec.word("weight", &["h", "1", "h2"])?],
            stopping: stopping(&spec)?,
            seed: match spec.text("seed") {
                None => seed,
                Some(text) => text.parse().map_err(|_| {
                    Error::argument("model", format!("has seed={text}"), "give a whole number")
                })?,
            },
        };
        spec.done()?;
        fit.draw(1).draw()?; // the settings, before any data are read
        Ok(fit)
    }

    /// Draws the features, and computes their moments under the data and the eigendecomposition.
    ///
    /// # Errors
    /// As [`Training::train`], and if a setting is out of range.
    pub fn fit(&self, points: &PointSet) -> Result<TrainedFeatures> {
        let features = self.draw(points.dim()).draw()?;
        let times = TimeGrid::logarithmic(TIMES, NODES + NODES_BY_FREQUENCY * self.frequencies)?;
        let moments = points.moments();
        Training {
            weighting: self.weighting,
            center: moments.mean,
            scale: if moments.std > 0.0 { moments.std } else { 1.0 },
            draws: whole((SAMPLES_BY_FEATURE * self.features).div_ceil(points.len())),
            ..Training::new(features, times, self.seed)
        }
        .train(points)
    }

    fn draw(&self, dim: usize) -> FeatureDraw {
        FeatureDraw {
            features: self.features,
            dim,
            activation: self.activation,
            frequencies: self.frequencies,
            period: 2.0 * TIMES.end,
            length: self.length,
            seed: self.seed,
        }
    }
}

/// The name of the model.
const NAME: &str = "random-features";
/// Number of features, unless a specification says otherwise.
const FEATURES: usize = 1000;

fn stopping(spec: &Spec) -> Result<Stopping> {
    let (time, ridge) = (spec.text("time"), spec.text("ridge"));
    match (time, ridge) {
        (Some(_), Some(_)) => {
            Err(Error::argument("model", "has both time and ridge", "training stops in one way: give one"))
        }
        (_, Some(_)) => {
            let ridge = spec.number("ridge", 1.0)?;
            if ridge > 0.0 {
                return Ok(Stopping::Ridge(ridge));
            }
            Err(Error::argument("model", format!("has ridge={ridge}"), "give a number above 0"))
        }
        (None | Some("inf"), None) => Ok(Stopping::GradientFlow(f64::INFINITY)),
        (Some(_), None) => {
            let time = spec.number("time", 0.0)?;
            if time >= 0.0 {
                return Ok(Stopping::GradientFlow(time));
            }
            Err(Error::argument("model", format!("has time={time}"), "give a number from 0 on, or inf"))
        }
    }
}
