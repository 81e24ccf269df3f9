//! Flags of models that are not told the noise level.

use std::fmt;
use std::str::FromStr;

use clap::Args;
use ridgewalk::Target;
use ridgewalk::autonomous::{Descent, Momentum};
use ridgewalk::process;
use ridgewalk::spec::Spec;

/// A model without its noise input, and how it is sampled.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Without the noise level")]
pub struct BlindSampling {
    /// Sample the best model that is never told the noise level and predicts this (arXiv 2602.18428): noise, data,
    /// velocity, v-prediction or equilibrium; `ridgewalk list targets` shows them. The solver alone has a clock, and
    /// equilibrium does without one (see --descent). The data count divided by their standard deviation. Defaults
    /// are then euler over 50 levels even in the process's time (variance-exploding: karras), up to 160 of the data's
    /// standard deviation
    #[arg(long, value_name = "TARGET", conflicts_with_all = ["mad", "smooth", "guidance", "teleport", "kde", "tweedie", "network"])]
    pub blind: Option<Target>,
    /// How noise was mixed in when the blind model was trained; `ridgewalk list processes` shows them [default:
    /// flow-matching for velocity and equilibrium, ddpm for noise and v-prediction, variance-exploding for data]
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]", requires = "blind", conflicts_with = "network", value_parser = process_name)]
    pub process: Option<String>,
    /// The law of times at which the blind model was trained: uniform, log-uniform, log-normal:mean=M,deviation=S
    /// (of the log noise level) or logit-normal:mean=M,deviation=S, each with from=T and to=T [default: uniform over the
    /// process's customary times, from that of the lowest noise level; of ddpm its steps; for variance-exploding EDM's
    /// log-normal law]
    #[arg(long, value_name = "NAME[:KEY=VALUE,..]", requires = "blind", conflicts_with = "network")]
    pub prior: Option<String>,
    /// Descend the field instead, without any clock (arXiv 2510.02300): equilibrium, data or velocity. step: length of
    /// a step; steps: how many at the most; momentum: Nesterov's; look-ahead: that of the paper; stop: a sample rests
    /// where the field is this short, in units of the data's standard deviation [default for equilibrium:
    /// step=0.05,steps=250]
    #[arg(long, value_name = "step=..,steps=..,..", requires = "blind", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["solver", "schedule", "steps", "from", "trajectories", "network"])]
    pub descent: Option<DescentFlag>,
}

pub(super) fn process_name(text: &str) -> Result<String, String> {
    process::named(text).map(|_| text.to_string()).map_err(|e| e.to_string())
}

/// Settings of a descent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DescentFlag {
    pub step: f64,
    pub steps: usize,
    pub momentum: Momentum,
    pub stop: Option<f64>,
}

impl Default for DescentFlag {
    fn default() -> Self {
        DescentFlag { step: 0.05, steps: 250, momentum: Momentum::None, stop: None }
    }
}

impl DescentFlag {
    pub fn descent(self) -> Descent {
        let descent = Descent::new(self.step, self.steps).momentum(self.momentum);
        match self.stop {
            None => descent,
            Some(length) => descent.stop(length),
        }
    }

    fn read(text: &str) -> ridgewalk::Result<Self> {
        let default = DescentFlag::default();
        let text = format!("descent:{text}");
        let spec = Spec::parse("descent", &text)?;
        let step = spec.number("step", default.step)?;
        let steps = spec.count("steps", default.steps)?;
        let given = |key| spec.text(key).map(|_| spec.number(key, 0.0)).transpose();
        let momentum = match (given("momentum")?, given("look-ahead")?) {
            (Some(_), Some(_)) => {
                let help = "give one of the two";
                return Err(ridgewalk::Error::argument("descent", "has momentum and look-ahead", help));
            }
            (Some(mu), None) => Momentum::Nesterov(mu),
            (None, Some(mu)) => Momentum::LookAhead(mu),
            (None, None) => Momentum::None,
        };
        let stop = given("stop")?;
        spec.done()?;
        let flag = DescentFlag { step, steps, momentum, stop };
        flag.descent().check()?;
        Ok(flag)
    }
}

impl FromStr for DescentFlag {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        DescentFlag::read(text).map_err(|e| e.to_string())
    }
}

impl fmt::Display for DescentFlag {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "step={},steps={}", self.step, self.steps)?;
        match self.momentum {
            Momentum::None => {}
            Momentum::Nesterov(mu) => write!(f, ",momentum={mu}")?,
            Momentum::LookAhead(mu) => write!(f, ",look-ahead={mu}")?,
        }
        self.stop.map_or(Ok(()), |stop| write!(f, ",stop={stop}"))
    }
}
