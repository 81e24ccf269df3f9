//! The law p(t) of the times at which a blind model was trained: it is part of the model, since p(t|u) ∝ p(t) p(u|t).

use std::f64::consts::PI;
use std::fmt;
use std::ops::Range;

use crate::error::{Error, Result};
use crate::process::Process;
use crate::spec::Spec;

/// Mean and deviation of ln σ in EDM's training, of data of unit deviation.
const EDM: (f64, f64) = (-1.2 + std::f64::consts::LN_2, 1.2);

/// The law of the times of a process at which a model was trained, over a range of positive times.
///
/// ```
/// use ridgewalk::FlowMatching;
/// use ridgewalk::autonomous::TimePrior;
///
/// let prior = TimePrior::uniform(1e-3..1.0)?;
/// assert_eq!(prior.log_weight(&FlowMatching, 0.5), 0.0);
/// assert!(TimePrior::uniform(0.0..1.0).is_err());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TimePrior(Law);

#[derive(Debug, Clone, PartialEq)]
enum Law {
    Continuous { range: Range<f64>, shape: Shape },
    Discrete { times: Vec<f64>, log_weights: Vec<f64> },
}

/// A density up to a factor, that is 1 for the uniform law.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    Uniform,
    /// Of t.
    LogUniform,
    /// Of the noise level σ/α.
    LogNormal {
        mean: f64,
        deviation: f64,
    },
    /// Of t in (0, 1).
    LogitNormal {
        mean: f64,
        deviation: f64,
    },
}

impl TimePrior {
    /// Uniform over a range of times: what most papers train with. Its first time must be positive: at t = 0
    /// the energy of the data themselves is infinite.
    ///
    /// # Errors
    /// If the range is empty, or does not begin above 0; so all that follow.
    pub fn uniform(range: Range<f64>) -> Result<Self> {
        Self::continuous(range, Shape::Uniform)
    }

    /// Uniform in ln t.
    pub fn log_uniform(range: Range<f64>) -> Result<Self> {
        Self::continuous(range, Shape::LogUniform)
    }

    /// ln(σ/α) normal, cut to a range of times: EDM trains with mean −1.2 and deviation 1.2 (arXiv 2206.00364).
    pub fn log_normal(mean: f64, deviation: f64, range: Range<f64>) -> Result<Self> {
        check_normal(mean, deviation)?;
        Self::continuous(range, Shape::LogNormal { mean, deviation })
    }

    /// ln(t/(1 − t)) normal, cut to a range of times within (0, 1): rectified flows (arXiv 2403.03206, section 3.1).
    pub fn logit_normal(mean: f64, deviation: f64, range: Range<f64>) -> Result<Self> {
        check_normal(mean, deviation)?;
        if range.end > 1.0 {
            return Err(Error::argument(
                "prior",
                format!("ends at time {}", range.end),
                "a logit-normal law is one of times below 1",
            ));
        }
        Self::continuous(range, Shape::LogitNormal { mean, deviation })
    }

    /// Some times with weights (not negative, any finite sum).
    ///
    /// # Errors
    /// If there are none, or not as many weights, or a value has no meaning.
    pub fn discrete(times: Vec<f64>, weights: &[f64]) -> Result<Self> {
        if times.len() != weights.len() {
            return Err(Error::shape("the list of weights of times", weights.len(), times.len()));
        }
        if times.is_empty() || times.iter().any(|t| !(*t > 0.0 && t.is_finite())) {
            return Err(Error::argument(
                "prior",
                "has no times, or one that is not positive",
                "give positive times",
            ));
        }
        let mut sorted = times.clone();
        sorted.sort_by(f64::total_cmp);
        if let Some(pair) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            let problem = format!("has the time {} twice", pair[0]);
            return Err(Error::argument("prior", problem, "give every time once, with its weight"));
        }
        let total: f64 = weights.iter().sum();
        if weights.iter().any(|w| *w < 0.0 || !w.is_finite()) || total <= 0.0 || !total.is_finite() {
            return Err(Error::argument(
                "prior",
                "has weights that are negative, not finite or all zero",
                "give weights that are not negative",
            ));
        }
        let log_weights = weights.iter().map(|w| libm::log(w / total)).collect();
        Ok(TimePrior(Law::Discrete { times, log_weights }))
    }

    /// Some times with equal weight, as the steps of DDPM.
    pub fn steps(times: impl IntoIterator<Item = f64>) -> Result<Self> {
        let times: Vec<f64> = times.into_iter().collect();
        let weights = vec![1.0; times.len()];
        Self::discrete(times, &weights)
    }

    /// Uniform over the times at which a process is customarily used, from the first that has a noise level of at
    /// least `level`.
    ///
    /// # Errors
    /// If no times are left.
    pub fn customary(process: &dyn Process, level: f64) -> Result<Self> {
        let Range { start, end } = process.customary_times();
        let start = start.max(process.time(level));
        Self::uniform(start..end)
    }

    /// The law with which models of a process are usually trained, over a range of times, for data of unit deviation: the
    /// steps themselves where the process counts them (DDPM), EDM's log-normal law of the level where the time is the
    /// level (mean −1.2 of data of deviation ½, arXiv 2206.00364), else uniform.
    ///
    /// # Errors
    /// If no times are left.
    pub fn of_training(process: &dyn Process, range: Range<f64>) -> Result<Self> {
        match process.name() {
            name if name.starts_with("ddpm") => {
                let (first, last) = (range.start.ceil().max(1.0), range.end.floor());
                Self::steps((first as usize..=last as usize).map(|step| step as f64))
            }
            "variance-exploding" => Self::log_normal(EDM.0, EDM.1, range),
            _ => Self::uniform(range),
        }
    }

    /// The law of a specification: `uniform`, `log-uniform`, `log-normal:mean=-1.2,deviation=1.2`,
    /// `logit-normal:mean=0,deviation=1`, each with `from=` and `to=`, times; those of `range` if they are not given.
    ///
    /// # Errors
    /// If the name or a setting is not known, or has a value of no meaning.
    pub fn named(text: &str, range: Range<f64>) -> Result<Self> {
        let spec = Spec::parse("prior", text)?;
        let range = spec.number("from", range.start)?..spec.number("to", range.end)?;
        let prior = match spec.name() {
            "uniform" => Self::uniform(range),
            "log-uniform" => Self::log_uniform(range),
            "log-normal" => {
                Self::log_normal(spec.number("mean", -1.2)?, spec.number("deviation", 1.2)?, range)
            }
            "logit-normal" => {
                Self::logit_normal(spec.number("mean", 0.0)?, spec.number("deviation", 1.0)?, range)
            }
            _ => Err(spec.unknown(["uniform", "log-uniform", "log-normal", "logit-normal"].into_iter())),
        }?;
        spec.done()?;
        Ok(prior)
    }

    fn continuous(range: Range<f64>, shape: Shape) -> Result<Self> {
        if range.start > 0.0 && range.end > range.start && range.end.is_finite() {
            return Ok(TimePrior(Law::Continuous { range, shape }));
        }
        Err(Error::argument(
            "prior",
            format!("is over the times {} to {}", range.start, range.end),
            "choose a range of positive times, the lower first: at time 0 the data have no density",
        ))
    }

    /// First and last time.
    pub fn range(&self) -> Range<f64> {
        match &self.0 {
            Law::Continuous { range, .. } => range.clone(),
            Law::Discrete { times, .. } => {
                let fold = |f: fn(f64, f64) -> f64, from| times.iter().copied().fold(from, f);
                fold(f64::min, f64::INFINITY)..fold(f64::max, 0.0)
            }
        }
    }

    /// Times and normalised log-weights, if it is discrete.
    pub fn points(&self) -> Option<(&[f64], &[f64])> {
        match &self.0 {
            Law::Continuous { .. } => None,
            Law::Discrete { times, log_weights } => Some((times, log_weights)),
        }
    }

    /// ln p(t) up to a constant; of the uniform law 0. For a continuous law, at times of its range.
    pub fn log_weight(&self, process: &dyn Process, t: f64) -> f64 {
        match &self.0 {
            Law::Continuous { shape, .. } => shape.log_weight(process, t),
            Law::Discrete { times, log_weights } => {
                times.iter().position(|s| *s == t).map_or(f64::NEG_INFINITY, |i| log_weights[i])
            }
        }
    }
}

impl Shape {
    fn log_weight(self, process: &dyn Process, t: f64) -> f64 {
        match self {
            Shape::Uniform => 0.0,
            Shape::LogUniform => -libm::log(t),
            Shape::LogNormal { mean, deviation } => {
                let (alpha, sigma) = (process.alpha(t), process.sigma(t));
                // d ln(σ/α)/dt
                let rate = process.sigma_derivative(t) / sigma - process.alpha_derivative(t) / alpha;
                normal(libm::log(sigma / alpha), mean, deviation) + libm::log(rate)
            }
            Shape::LogitNormal { mean, deviation } => {
                let logit = libm::log(t) - libm::log1p(-t);
                normal(logit, mean, deviation) - libm::log(t) - libm::log1p(-t)
            }
        }
    }
}

fn normal(x: f64, mean: f64, deviation: f64) -> f64 {
    let z = (x - mean) / deviation;
    -0.5 * z * z - libm::log(deviation) - 0.5 * libm::log(2.0 * PI)
}

fn check_normal(mean: f64, deviation: f64) -> Result<()> {
    if mean.is_finite() && deviation > 0.0 && deviation.is_finite() {
        return Ok(());
    }
    Err(Error::argument(
        "prior",
        format!("has mean {mean} and deviation {deviation}"),
        "choose a finite mean and a positive deviation",
    ))
}

impl fmt::Display for TimePrior {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Range { start, end } = self.range();
        match &self.0 {
            Law::Discrete { times, .. } => write!(f, "{} times from {start} to {end}", times.len()),
            Law::Continuous { shape, .. } => match shape {
                Shape::Uniform => write!(f, "uniform over times {start} to {end}"),
                Shape::LogUniform => write!(f, "log-uniform over times {start} to {end}"),
                Shape::LogNormal { mean, deviation } => {
                    write!(f, "log-normal ({mean}, {deviation}) over times {start} to {end}")
                }
                Shape::LogitNormal { mean, deviation } => {
                    write!(f, "logit-normal ({mean}, {deviation}) over times {start} to {end}")
                }
            },
        }
    }
}
