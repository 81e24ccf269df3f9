//! The law of the noise levels at which a network is trained, in units of the data's deviation s.
//!
//! | law | what it is |
//! |---|---|
//! | `log-normal:mean=-0.5,deviation=1.2` | ln(σ/s) normal; these are EDM's −1.2 and 1.2 for data of deviation ½ (arXiv 2206.00364, table 1) |
//! | `logit-normal:mean=0,deviation=1` | logit t normal for t = σ/(σ+s) (arXiv 2403.03206); that is ln(σ/s) normal |
//! | `uniform:from=0.0001,to=0.9999` | t = σ/(σ+s) uniform: flow matching (arXiv 2210.02747) |
//! | `log-uniform:from=0.002,to=160` | ln(σ/s) uniform |
//! | the name of a process | its customary times, as its authors train: the steps of `ddpm`, … |
//!
//! A continuous law is kept as a table of ln(σ/s) that is linear between its entries, so that quantiles and density are
//! of one law, exactly, and batches can be stratified.

use ridgewalk::Process;
use ridgewalk::autonomous::TimePrior;
use ridgewalk::process;
use ridgewalk::spec::Spec;
use ridgewalk::{Error, Result};

/// Entries of the table of a continuous law: cells of about 0.004 in ln σ.
const CELLS: usize = 4096;
/// Deviations of a normal law that are kept on either side.
const DEVIATIONS: f64 = 5.0;

/// A law of noise levels.
///
/// ```
/// use ridgewalk_nn::objective::NoiseLevels;
///
/// let levels = NoiseLevels::named("uniform")?;
/// // The median of t is ½, where σ = s.
/// assert!((levels.quantile(0.5) - 1.0).abs() < 1e-3);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseLevels {
    law: Law,
}

#[derive(Debug, Clone, PartialEq)]
enum Law {
    /// Edges of cells in ln(σ/s), rising, and the probability below each.
    Continuous { edges: Vec<f64>, below: Vec<f64> },
    /// Levels σ/s, and the probability up to and with each.
    Discrete { levels: Vec<f64>, below: Vec<f64> },
}

impl NoiseLevels {
    /// The law of a specification; see the module.
    ///
    /// # Errors
    /// If the name or a setting is not known, or has a value of no meaning.
    pub fn named(text: &str) -> Result<Self> {
        let spec = Spec::parse("noise levels", text)?;
        let levels = match spec.name() {
            "log-normal" => Self::log_normal(spec.number("mean", -0.5)?, spec.number("deviation", 1.2)?)?,
            "logit-normal" => Self::log_normal(spec.number("mean", 0.0)?, spec.number("deviation", 1.0)?)?,
            "uniform" => {
                let (from, to) = (spec.number("from", 1e-4)?, spec.number("to", 1.0 - 1e-4)?);
                if !(0.0 < from && from < to && to < 1.0) {
                    return Err(range(from, to, "choose times 0 < from < to < 1"));
                }
                let logit = |t: f64| libm::log(t / (1.0 - t));
                // dt/d ln σ = t(1 − t).
                Self::tabulated(logit(from), logit(to), |u| {
                    -u.abs() - 2.0 * libm::log1p(libm::exp(-u.abs()))
                })?
            }
            "log-uniform" => {
                let (from, to) = (spec.number("from", 0.002)?, spec.number("to", 160.0)?);
                if !(0.0 < from && from < to) {
                    return Err(range(from, to, "choose levels 0 < from < to"));
                }
                Self::tabulated(libm::log(from), libm::log(to), |_| 0.0)?
            }
            name if process::PROCESSES.iter().any(|p| p.name == name || p.aliases.contains(&name)) => {
                let process = process::named(text)?;
                let times = process.customary_times();
                return Self::of_prior(&process, &TimePrior::of_training(&process, times)?);
            }
            _ => {
                let own = ["log-normal", "logit-normal", "uniform", "log-uniform"].into_iter();
                return Err(spec.unknown(own.chain(process::PROCESSES.iter().map(|process| process.name))));
            }
        };
        spec.done()?;
        Ok(levels)
    }

    /// ln(σ/s) normal.
    ///
    /// # Errors
    /// If the mean is not finite or the deviation not positive.
    pub fn log_normal(mean: f64, deviation: f64) -> Result<Self> {
        if !(mean.abs() < 50.0 && deviation > 0.0 && deviation < 50.0) {
            let help = "choose a mean of ln(σ/s) within ±50 and a deviation between 0 and 50";
            return Err(Error::argument(
                "noise levels",
                format!("have mean {mean}, deviation {deviation}"),
                help,
            ));
        }
        let half = DEVIATIONS * deviation;
        Self::tabulated(mean - half, mean + half, |u| {
            -0.5 * ((u - mean) / deviation) * ((u - mean) / deviation)
        })
    }

    /// Some levels, in units of s, with weights.
    ///
    /// # Errors
    /// If there are none, or not as many weights, or a number has no meaning.
    pub fn discrete(levels: Vec<f64>, weights: &[f64]) -> Result<Self> {
        let sound = |values: &[f64]| values.iter().all(|v| *v > 0.0 && v.is_finite());
        if levels.is_empty() || levels.len() != weights.len() || !sound(&levels) || !sound(weights) {
            let problem = format!("are {} levels with {} weights", levels.len(), weights.len());
            return Err(Error::argument(
                "noise levels",
                problem,
                "give as many weights as levels, all positive",
            ));
        }
        Ok(NoiseLevels { law: Law::Discrete { levels, below: cumulated(weights.iter().copied()) } })
    }

    /// The levels of times of a process (of data of unit deviation) that follow this law.
    ///
    /// # Errors
    /// If no noise level is positive and finite.
    pub fn of_prior(process: &dyn Process, prior: &TimePrior) -> Result<Self> {
        if let Some((times, weights)) = prior.points() {
            let levels = times.iter().map(|t| process.noise_level(*t)).collect();
            let weights: Vec<f64> = weights.iter().map(|w| libm::exp(*w)).collect();
            return Self::discrete(levels, &weights);
        }
        let times = prior.range();
        let ends = [times.start, times.end].map(|t| libm::log(process.noise_level(t)));
        let inside = |t: f64| t.clamp(times.start, times.end);
        Self::tabulated(ends[0], ends[1], |u| {
            let t = inside(process.time(libm::exp(u)));
            let rate = process.sigma_derivative(t) / process.sigma(t)
                - process.alpha_derivative(t) / process.alpha(t);
            prior.log_weight(process, t) - libm::log(rate)
        })
    }

    /// The law of a density of ln(σ/s) on an interval, known up to a factor by its logarithm.
    fn tabulated(from: f64, to: f64, log_density: impl Fn(f64) -> f64) -> Result<Self> {
        let width = (to - from) / CELLS as f64;
        let middle = |i: usize| log_density(from + (i as f64 + 0.5) * width);
        let most = (0..CELLS).map(middle).fold(f64::NEG_INFINITY, f64::max);
        if !(from.is_finite() && to.is_finite() && width > 0.0 && most.is_finite()) {
            return Err(range(from, to, "choose levels that are positive and finite, the lower first"));
        }
        let mut below = vec![0.0];
        below.extend(cumulated((0..CELLS).map(|i| libm::exp(middle(i) - most))));
        let edges = (0..=CELLS).map(|i| from + i as f64 * width).collect();
        Ok(NoiseLevels { law: Law::Continuous { edges, below } })
    }

    /// σ/s below which there is a part `u` of the law, u in (0, 1).
    pub fn quantile(&self, u: f64) -> f64 {
        match &self.law {
            Law::Discrete { levels, below } => {
                let index = below.partition_point(|b| *b < u);
                levels.get(index).or(levels.last()).copied().unwrap_or(1.0)
            }
            Law::Continuous { edges, below } => {
                let index = below.partition_point(|b| *b < u).clamp(1, below.len() - 1);
                let (low, high) = (below[index - 1], below[index]);
                let part = if high > low { ((u - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 };
                libm::exp(edges[index - 1] + part * (edges[index] - edges[index - 1]))
            }
        }
    }

    /// Density of ln(σ/s) at a level σ/s; none if only some levels occur.
    pub fn density(&self, level: f64) -> Option<f64> {
        match &self.law {
            Law::Discrete { .. } => None,
            Law::Continuous { edges, below } => {
                let u = libm::log(level);
                let index = edges.partition_point(|edge| *edge < u).clamp(1, edges.len() - 1);
                Some((below[index] - below[index - 1]) / (edges[index] - edges[index - 1]))
            }
        }
    }

    /// Levels σ/s that stand for the law: the middles of `count` parts of equal probability.
    pub fn representatives(&self, count: usize) -> Vec<f64> {
        (0..count).map(|i| self.quantile((i as f64 + 0.5) / count as f64)).collect()
    }
}

/// Sums from the first on, over the whole sum.
fn cumulated(weights: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut sum = 0.0;
    let sums: Vec<f64> = weights
        .map(|weight| {
            sum += weight;
            sum
        })
        .collect();
    sums.into_iter().map(|below| below / sum).collect()
}

fn range(from: f64, to: f64, help: &str) -> Error {
    Error::argument("noise levels", format!("go from {from} to {to}"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The median and the points one deviation off, Φ(±1), of the normal law; its density at the mean, 1/(δ√(2π)).
    #[test]
    fn the_log_normal_law_has_its_quantiles_and_density() {
        let levels = NoiseLevels::named("log-normal").unwrap();
        for (u, z) in [(0.158_655_253_931, -1.0), (0.5, 0.0), (0.841_344_746_069, 1.0)] {
            assert!((levels.quantile(u).ln() - (-0.5 + 1.2 * z)).abs() < 1e-4, "{u}");
        }
        let density = levels.density((-0.5_f64).exp()).unwrap();
        assert!((density * 1.2 * (2.0 * std::f64::consts::PI).sqrt() - 1.0).abs() < 1e-4);
    }

    /// t uniform: the level of the quantile u is t/(1 − t).
    #[test]
    fn the_uniform_law_is_uniform_in_the_time_of_the_linear_process() {
        let levels = NoiseLevels::named("uniform:from=0.1,to=0.9").unwrap();
        for u in [0.01, 0.3, 0.5, 0.99] {
            let t = 0.1 + 0.8 * u;
            assert!((levels.quantile(u) * (1.0 - t) / t - 1.0).abs() < 1e-5, "{u}");
        }
    }

    /// The steps of DDPM have equal weight: the median is the level of the 500th.
    #[test]
    fn the_levels_of_a_table_are_its_own() {
        let levels = NoiseLevels::named("ddpm").unwrap();
        let process = ridgewalk::process::Ddpm::linear();
        assert_eq!(levels.quantile(0.4996), process.noise_level(500.0));
        assert!(levels.density(1.0).is_none());
    }

    /// The same law, told as one of t of flow matching.
    #[test]
    fn a_law_of_times_is_that_of_their_levels() {
        let prior = TimePrior::uniform(0.1..0.9).unwrap();
        let told = NoiseLevels::of_prior(&ridgewalk::FlowMatching, &prior).unwrap();
        let direct = NoiseLevels::named("uniform:from=0.1,to=0.9").unwrap();
        for u in [0.1, 0.5, 0.77] {
            assert!((told.quantile(u) / direct.quantile(u) - 1.0).abs() < 1e-9);
        }
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        for text in
            ["normal", "uniform:from=0", "log-uniform:from=3,to=2", "log-normal:deviation=0", "uniform:a=1"]
        {
            assert!(NoiseLevels::named(text).is_err(), "{text}");
        }
        assert!(NoiseLevels::discrete(vec![], &[]).is_err());
        assert!(NoiseLevels::discrete(vec![1.0, f64::NAN], &[1.0, 1.0]).is_err());
    }
}
