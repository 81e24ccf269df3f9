//! One step after another: a batch, its gradient, the optimiser, the averages.

use burn::tensor::Device as Opened;
use ndarray::ArrayView1;
use rayon::prelude::*;
use ridgewalk::{Error, Moments, Result};
use ridgewalk_kernels::network::{Average, add};

use super::averages;
use super::gradient::{Objective, Task};
use super::interval::Interval;
use super::noise_scale::NoiseScale;
use super::optimizer::{self, Moved};
use super::{TrainConfig, TrainingData};
use crate::autoencoder::{Autoencoder, AutoencoderModel, Coder};
use crate::device::Device;
use crate::label::NoiseLabel;
use crate::network::NetworkConfig;
use crate::neural::{Model, ModelConfig, NeuralDenoiser};
use crate::objective::{Draws, NoiseLevels, Sample};
use crate::preconditioning::Preconditioning;

/// What changes from step to step, and is all of a checkpoint.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct State {
    pub step: u64,
    pub moved: Moved,
    pub averages: Vec<Vec<f32>>,
    pub interval: Interval,
    pub noise_scale: NoiseScale,
}

/// What a step did.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct StepReport {
    /// Steps taken so far, this one included.
    pub step: u64,
    /// Loss of the batch, before the step.
    pub loss: f64,
    /// Length of the gradient, before it was clipped.
    pub gradient_norm: f64,
}

/// A training in memory: a network, an optimiser, data.
///
/// All that it does is a function of its settings and data: the same steps give the same numbers on the same machine,
/// whatever the number of threads.
///
/// ```
/// use ridgewalk_nn::train::{TrainConfig, Trainer, TrainingData};
///
/// let data = TrainingData::new(ridgewalk_data::load("circle:n=500,seed=1")?);
/// let config = TrainConfig { steps: Some(20), ..TrainConfig::default() };
/// let mut trainer = Trainer::new(&config, data)?;
/// let first = trainer.step()?.loss;
/// for _ in 1..20 {
///     trainer.step()?;
/// }
/// let denoiser = trainer.denoiser(None)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer {
    pub(super) config: TrainConfig,
    pub(super) data: TrainingData,
    pub(super) classes: Vec<Option<usize>>,
    pub(super) labels: Vec<u32>,
    pub(super) moments: Moments,
    pub(super) task: Task,
    pub(super) draws: Draws,
    pub(super) edges: Vec<f64>,
    pub(super) gammas: Vec<f64>,
    pub(super) order: Option<(u64, Vec<usize>)>,
    pub(super) state: State,
}

impl Trainer {
    /// A training at its beginning. What `config` leaves open is chosen for the data.
    ///
    /// # Errors
    /// If a setting has no meaning for the data.
    pub fn new(config: &TrainConfig, data: TrainingData) -> Result<Self> {
        let points = data.points();
        let total = points.len() + data.rest().map_or(0, |rest| rest.len());
        let config = config.resolved(total, points.shape())?;
        let (center, scale) = data.center_and_scale();
        let labels = if config.classes { data.labels() } else { Vec::new() };
        if config.classes && labels.is_empty() {
            return Err(Error::argument(
                "classes",
                "are to be told, and the points have no labels",
                "give labels",
            ));
        }
        if points.shape().dim() > 0 && scale == 0.0 && config.scale.is_none() {
            let help = "give points that vary, or a scale";
            return Err(Error::argument("data", "has no deviation: all values are equal", help));
        }
        let levels = NoiseLevels::named(&config.noise_levels)?;
        let (center, scale) = (config.center.unwrap_or(center), config.scale.unwrap_or(scale));
        if let Some(autoencoder) = &config.autoencoder {
            let (shape, own) = (points.shape(), autoencoder.clone());
            let coder = Coder::new(&AutoencoderModel { config: own, shape, center, scale })?;
            return Self::assemble(
                config,
                data,
                labels,
                Objective::Reconstruction(Box::new(coder)),
                (levels, scale),
            );
        }
        let architecture = config.architecture.clone();
        let architecture =
            architecture.unwrap_or_else(|| crate::network::Architecture::for_shape(points.shape()));
        let model = Model::new(&ModelConfig {
            network: NetworkConfig {
                architecture,
                shape: points.shape(),
                classes: labels.len(),
                blind: config.blind,
            },
            preconditioning: Preconditioning { prediction: config.prediction, center, scale },
            label: NoiseLabel::default(),
        })?;
        let objective = Objective::Denoising {
            model: Box::new(model),
            weighting: config.weighting,
            levels: levels.clone(),
            fokker_planck: config.fokker_planck,
        };
        Self::assemble(config, data, labels, objective, (levels, scale))
    }

    /// The same on another device. Checkpoints do not say where they were made: a run may go on elsewhere, where its
    /// numbers agree up to rounding.
    ///
    /// # Errors
    /// If the device cannot be opened.
    pub fn on(mut self, device: Device) -> Result<Self> {
        self.task.opened = device.open()?;
        self.task.device = device;
        Ok(self)
    }

    /// The same with another law of the noise levels: one that no text says.
    ///
    /// # Errors
    /// If the weighting needs a density that the law does not have, or the network is an autoencoder.
    pub fn with_levels(mut self, law: NoiseLevels) -> Result<Self> {
        self.config.weighting.check(&law)?;
        let Objective::Denoising { levels, .. } = &mut self.task.objective else {
            return Err(Error::argument("noise levels", "are not of an autoencoder", "leave them out"));
        };
        self.edges = Interval::edges(&law);
        self.draws.levels = law.clone();
        *levels = law;
        Ok(self)
    }

    fn assemble(
        config: TrainConfig,
        data: TrainingData,
        labels: Vec<u32>,
        objective: Objective,
        (levels, scale): (NoiseLevels, f64),
    ) -> Result<Self> {
        let points = data.points();
        let own = points.labels().filter(|_| !labels.is_empty());
        let classes = match own {
            Some(own) => own.iter().map(|label| labels.binary_search(label).ok()).collect(),
            None => vec![None; points.len()],
        };
        let part = config.micro_batch.unwrap_or(config.batch).min(config.batch);
        let task = Task { objective, device: Device::default(), opened: Opened::flex(), part };
        let values = task.layout().initial(config.seed);
        let draws = Draws {
            seed: config.seed,
            batch: config.batch,
            stratified: config.stratified,
            flip: config.flip,
            label_dropout: config.label_dropout,
            shape: points.shape(),
            levels: levels.clone(),
            scale,
        };
        let gammas: Vec<f64> = config.averages.iter().map(|length| averages::exponent(*length)).collect();
        let state = State {
            step: 0,
            averages: vec![values.clone(); gammas.len()],
            moved: Moved::new(values),
            interval: Interval::default(),
            noise_scale: NoiseScale::default(),
        };
        let edges = Interval::edges(&levels);
        let moments = data.moments();
        Ok(Trainer { config, data, classes, labels, moments, task, draws, edges, gammas, order: None, state })
    }

    /// All settings, as they were resolved.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// What is trained on.
    pub fn data(&self) -> &TrainingData {
        &self.data
    }

    /// The label of every class that the network is told, in its order.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Steps taken.
    pub fn steps_done(&self) -> u64 {
        self.state.step
    }

    /// Numbers of the network.
    pub fn parameters(&self) -> usize {
        self.task.layout().len()
    }

    /// Network and preconditioning; none of an autoencoder.
    pub fn model(&self) -> Option<ModelConfig> {
        match &self.task.objective {
            Objective::Denoising { model, .. } => Some(model.config()),
            Objective::Reconstruction(_) => None,
        }
    }

    /// What an autoencoder is; none of a denoiser.
    pub fn autoencoder_model(&self) -> Option<AutoencoderModel> {
        match &self.task.objective {
            Objective::Denoising { .. } => None,
            Objective::Reconstruction(coder) => Some(coder.model().clone()),
        }
    }

    /// The network as an autoencoder, not yet standardised: with an average of its weights by its length, or those of
    /// the last step.
    ///
    /// # Errors
    /// As [`Trainer::average`], and if it is a denoiser.
    pub fn autoencoder(&self, average: Option<f64>) -> Result<Autoencoder> {
        let Some(model) = self.autoencoder_model() else {
            return Err(Error::argument("the network", "is no autoencoder", "ask for its denoiser"));
        };
        Autoencoder::new(&model, self.average(average)?.to_vec())
    }

    /// The weights now, in the order of the network's arrays.
    pub fn values(&self) -> &[f32] {
        &self.state.moved.values
    }

    /// Length of the average that samples use unless told: the middle one of those that are kept.
    pub fn usual_average(&self) -> Option<f64> {
        self.config.averages.get(self.config.averages.len() / 2).copied()
    }

    /// An average of the weights by its length; the weights of the last step if it is none.
    ///
    /// # Errors
    /// If none of this length is kept.
    pub fn average(&self, length: Option<f64>) -> Result<&[f32]> {
        let Some(length) = length else { return Ok(self.values()) };
        let index = self.config.averages.iter().position(|kept| *kept == length);
        index.and_then(|index| self.state.averages.get(index)).map(Vec::as_slice).ok_or_else(|| {
            let problem = format!("of the length {length} is not kept");
            Error::argument("average", problem, format!("choose one of {:?}", self.config.averages))
        })
    }

    /// The network as a denoiser: with an average of its weights by its length, or those of the last step.
    ///
    /// # Errors
    /// As [`Trainer::average`], and if it is an autoencoder.
    pub fn denoiser(&self, average: Option<f64>) -> Result<NeuralDenoiser> {
        let Some(model) = self.model() else {
            return Err(Error::argument("the network", "is an autoencoder", "ask for that"));
        };
        let values = self.average(average)?.to_vec();
        Ok(NeuralDenoiser::new(&model, values)?.on(self.task.device)?.with_moments(self.moments.clone()))
    }

    /// The rows of a step's batch (counted from 1): every epoch goes through all points in an order of its own.
    fn rows(&mut self, step: u64) -> Vec<usize> {
        let n = self.data.points().len();
        let first = step.saturating_sub(1) * self.config.batch as u64;
        (first..first + self.config.batch as u64)
            .map(|place| {
                let epoch = place / n as u64;
                if self.order.as_ref().is_none_or(|(of, _)| *of != epoch) {
                    self.order = Some((epoch, Draws::order(self.config.seed, epoch, n)));
                }
                let index = (place % n as u64) as usize;
                self.order.as_ref().and_then(|(_, order)| order.get(index)).copied().unwrap_or(0)
            })
            .collect()
    }

    /// The noisy points of a step (counted from 1), past or to come: they depend on the settings and the step alone.
    pub fn samples(&mut self, step: u64) -> Vec<Sample> {
        let rows = self.rows(step);
        let values = self.data.points().values();
        rows.par_iter()
            .enumerate()
            .map(|(position, row)| {
                let point = contiguous(values.row(*row));
                self.draws.sample(step, position, &point, self.classes[*row], self.data.weight(*row))
            })
            .collect()
    }

    /// One step.
    ///
    /// # Errors
    /// If the loss or its gradient is not finite: the message names the step and the noise level, and the weights are
    /// as before the step.
    pub fn step(&mut self) -> Result<StepReport> {
        let step = self.state.step + 1;
        let samples = self.samples(step);
        let batch = samples.len();
        let measured = step.is_multiple_of(self.config.every.log) && batch >= 2 && batch.is_multiple_of(2);
        let values = &self.state.moved.values;
        let (losses, gradient, ordered) = if measured {
            // Neighbours in a stratified batch have neighbouring levels: every other one is a batch like the whole.
            let half = |odd: usize| samples.iter().skip(odd).step_by(2).cloned().collect::<Vec<_>>();
            let halves = [half(0), half(1)];
            let [even, odd] = halves.each_ref().map(|half| self.task.gradient(values, half, batch));
            let squares = [&even, &odd].map(|half| 2.0 * optimizer::norm(&half.gradient));
            let mut sum = even.gradient;
            add(&mut sum, &odd.gradient);
            let whole = optimizer::norm(&sum);
            let of_halves = 0.5 * (squares[0] * squares[0] + squares[1] * squares[1]);
            if of_halves.is_finite() {
                self.state.noise_scale.add(batch, whole * whole, of_halves);
            }
            ([even.losses, odd.losses].concat(), sum, halves.concat())
        } else {
            let whole = self.task.gradient(values, &samples, batch);
            (whole.losses, whole.gradient, samples)
        };
        if let Some((loss, sample)) = losses.iter().zip(&ordered).find(|(loss, _)| !loss.is_finite()) {
            let level = match self.task.objective {
                Objective::Denoising { .. } => format!(", at the noise level {}", sample.sigma),
                Objective::Reconstruction(_) => String::new(),
            };
            return Err(diverged(format!("the loss is {loss} in step {step}{level}")));
        }
        let norm = optimizer::norm(&gradient);
        if !norm.is_finite() {
            let (low, high) = ordered.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), sample| {
                (low.min(sample.sigma), high.max(sample.sigma))
            });
            let problem =
                format!("the gradient is not finite in step {step}, of noise levels {low} to {high}");
            return Err(diverged(problem));
        }
        let clip = self.config.optimizer.clip.filter(|clip| norm > *clip);
        let factor = clip.map_or(1.0, |clip| clip / norm);
        let rate = self.config.optimizer.rate(step, self.config.steps);
        let State { moved, averages, interval, .. } = &mut self.state;
        let mut slow: Vec<Average<'_>> = averages
            .iter_mut()
            .zip(&self.gammas)
            .map(|(values, gamma)| Average { values, rate: averages::kept(*gamma, step) })
            .collect();
        optimizer::update(moved, (&gradient, factor), &self.config.optimizer, (step, rate), &mut slow);
        let scale = self.draws.scale;
        let told = losses.iter().zip(&ordered).map(|(l, s)| (f64::from(*l), s.sigma / scale, s.weight));
        interval.add(told, norm, &self.edges);
        self.state.step = step;
        let loss = losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / batch as f64;
        Ok(StepReport { step, loss, gradient_norm: norm })
    }

    pub(crate) fn moments(&self) -> &Moments {
        &self.moments
    }
}

pub(super) fn contiguous(row: ArrayView1<f64>) -> Vec<f64> {
    row.iter().copied().collect()
}

fn diverged(problem: String) -> Error {
    Error::Numerical {
        what: "training",
        problem,
        help:
            "go on from the last checkpoint with a smaller learning rate, a longer warm-up or a shorter clip"
                .into(),
    }
}
