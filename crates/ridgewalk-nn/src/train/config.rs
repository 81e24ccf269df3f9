//! All settings of a training run; what `run.toml` holds.

use ridgewalk::{Error, Result, Shape};
use serde::{Deserialize, Serialize};

use super::OptimizerConfig;
use crate::autoencoder::AutoencoderConfig;
use crate::network;
use crate::objective::{MOST, NoiseLevels, Weighting};
use crate::preconditioning::Prediction;

/// Part of the points that is held out unless told, and how many at the most.
const HELD_OUT: f64 = 0.05;
const MOST_HELD_OUT: f64 = 1000.0;
/// Steps of a run that is told neither steps nor minutes.
const STEPS: u64 = 10_000;
/// The longest run in minutes, nineteen years; and the most points a step.
const LONGEST: f64 = 1e7;
const LARGEST_BATCH: usize = 1 << 20;

/// How often a run does what; in steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Every {
    /// A line of the log.
    pub log: u64,
    /// The loss of the held-out points; a multiple of `log` says it in every line that it falls on.
    pub evaluate: u64,
    /// A checkpoint.
    pub checkpoint: u64,
    /// A sheet of samples, of images; 0 for none before the end.
    pub sample: u64,
}

impl Default for Every {
    fn default() -> Self {
        Every { log: 50, evaluate: 500, checkpoint: 500, sample: 1000 }
    }
}

/// Settings of a run. What is none is chosen for the data; [`TrainConfig::resolved`] says how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainConfig {
    /// Seed of the first weights, of batches, noise and samples.
    pub seed: u64,
    /// Steps of the optimiser.
    pub steps: Option<u64>,
    /// End after this time; with `steps`, whichever comes first.
    pub minutes: Option<f64>,
    /// Points a step.
    pub batch: usize,
    /// Points that are in memory at a time; changes results by rounding alone.
    pub micro_batch: Option<usize>,
    /// Whether the network is told no noise level.
    pub blind: bool,
    /// Whether it is told the class of a point.
    pub classes: bool,
    /// Part of the points of which it is not told the class, for guidance (arXiv 2207.12598).
    pub label_dropout: f64,
    /// Whether images are mirrored, half of the time.
    pub flip: bool,
    /// What the network predicts.
    pub prediction: Prediction,
    /// How much the error counts at every noise level.
    pub weighting: Weighting,
    /// Weight of the squared Fokker–Planck residual R²/d of a potential's log-density (arXiv 2311.15996).
    pub fokker_planck: f64,
    /// Law of the noise levels; see [`NoiseLevels::named`].
    pub noise_levels: String,
    /// Whether every batch has one noise level of each of equal parts of the law.
    pub stratified: bool,
    /// m of the preconditioning.
    pub center: Option<f64>,
    /// s of the preconditioning.
    pub scale: Option<f64>,
    /// Part of the points that are not trained on.
    pub hold_out: Option<f64>,
    /// Lengths of the averages of the weights that are kept, as deviations relative to the time of training (σ_rel of
    /// arXiv 2312.02696).
    pub averages: Vec<f64>,
    /// The network.
    pub architecture: Option<network::Architecture>,
    /// An autoencoder, to be trained instead of a denoiser.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoencoder: Option<AutoencoderConfig>,
    /// The optimiser.
    pub optimizer: OptimizerConfig,
    /// How often what is done.
    pub every: Every,
}

impl Default for TrainConfig {
    fn default() -> Self {
        TrainConfig {
            seed: 0,
            steps: None,
            minutes: None,
            batch: 64,
            micro_batch: None,
            blind: false,
            classes: false,
            label_dropout: 0.1,
            flip: false,
            prediction: Prediction::Edm,
            weighting: Weighting::Edm,
            fokker_planck: 0.0,
            noise_levels: "log-normal:mean=-0.5,deviation=1.2".into(),
            stratified: true,
            center: None,
            scale: None,
            hold_out: None,
            averages: vec![0.05, 0.1, 0.2],
            architecture: None,
            autoencoder: None,
            optimizer: OptimizerConfig::default(),
            every: Every::default(),
        }
    }
}

impl TrainConfig {
    /// The same with all that was left open chosen for `points` points of this shape: 10,000 steps (or as many as the
    /// minutes allow), 5 % and at most 1,000 points held out, the architecture of
    /// [`Architecture::for_shape`](network::Architecture::for_shape), a learning rate of 10⁻³ for perceptrons,
    /// 5·10⁻⁴ for UNets and 3·10⁻⁴ for transformers; of an autoencoder [`AutoencoderConfig::resolved`] and 10⁻³.
    ///
    /// # Errors
    /// If a setting has a value without meaning.
    pub fn resolved(&self, points: usize, shape: Shape) -> Result<Self> {
        let mut config = self.clone();
        if config.steps.is_none() && config.minutes.is_none() {
            config.steps = Some(STEPS);
        }
        let hold_out = config.hold_out.unwrap_or_else(|| HELD_OUT.min(MOST_HELD_OUT / points.max(1) as f64));
        config.hold_out = Some(hold_out);
        let rate = match &config.autoencoder {
            Some(autoencoder) => {
                config.autoencoder = Some(autoencoder.resolved(shape)?);
                1e-3
            }
            None => {
                let architecture =
                    config.architecture.get_or_insert_with(|| network::Architecture::for_shape(shape));
                match architecture.name() {
                    "mlp" => 1e-3,
                    "dit" => 3e-4,
                    _ => 5e-4,
                }
            }
        };
        config.optimizer.learning_rate.get_or_insert(rate);
        config.micro_batch.get_or_insert(config.batch);
        config.check()?;
        config.check_fokker_planck(shape.dim())?;
        Ok(config)
    }

    fn check_fokker_planck(&self, dim: usize) -> Result<()> {
        let fail = |problem: String, help: &str| Err(Error::argument("fokker_planck", problem, help));
        let weight = self.fokker_planck;
        if !weight.is_finite() || weight < 0.0 {
            return fail(format!("is {weight}"), "give a weight that is not negative, such as 0.1");
        }
        if weight == 0.0 {
            return Ok(());
        }
        if !self.architecture.as_ref().is_some_and(network::Architecture::is_potential) {
            let help = "set potential = true in [architecture.mlp] (--potential)";
            return fail("needs a log-density, and the network is no potential".into(), help);
        }
        if dim > MOST {
            let problem = format!("takes a pass for each of {dim} coordinates");
            return fail(problem, "give points of at most 64 coordinates, such as principal components");
        }
        if matches!(self.prediction, Prediction::KMix { learned: true, .. }) {
            return fail("does not go with a learned k".into(), "choose another prediction, such as edm");
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let fail =
            |name: &'static str, problem: String, help: &str| Err(Error::argument(name, problem, help));
        if !(1..=LARGEST_BATCH).contains(&self.batch) || self.micro_batch == Some(0) {
            let help = "take one point a step at least, and about a million at the most";
            return fail("batch", format!("is {}", self.batch), help);
        }
        if self.steps == Some(0) || self.minutes.is_some_and(|m| !(m > 0.0 && m <= LONGEST)) {
            return fail(
                "steps",
                "or minutes have no meaning".into(),
                "give a positive number of steps, or of minutes up to ten million",
            );
        }
        if !(0.0..=1.0).contains(&self.label_dropout) {
            return fail("label_dropout", format!("is {}", self.label_dropout), "choose it from 0 to 1");
        }
        if self.hold_out.is_some_and(|part| !(0.0..1.0).contains(&part)) {
            return fail("hold_out", format!("is {:?}", self.hold_out), "choose it from 0 up to below 1");
        }
        if let Some(length) = self.averages.iter().find(|length| !(**length > 0.0 && **length <= 0.25)) {
            return fail("averages", format!("has {length}"), "choose lengths above 0 and up to 0.25");
        }
        if self.every.log == 0 || self.every.evaluate == 0 || self.every.checkpoint == 0 {
            return fail("every", "has a 0".into(), "give steps, at least 1");
        }
        if self.scale.is_some_and(|s| !(s > 0.0 && s.is_finite()))
            || self.center.is_some_and(|m| !m.is_finite())
        {
            return fail(
                "scale",
                "or center has no meaning".into(),
                "give a positive scale and a finite center",
            );
        }
        if self.autoencoder.is_some() && (self.architecture.is_some() || self.classes || self.blind) {
            let problem = "has an architecture, classes or `blind`, which are of denoisers".to_string();
            return fail("autoencoder", problem, "give [autoencoder] or those, not both");
        }
        let levels = NoiseLevels::named(&self.noise_levels)?;
        self.weighting.check(&levels)?;
        self.optimizer.check(self.steps)
    }
}
