//! The posterior over the time, p(t|u) ∝ p(t) p(u|t): what a point tells of its own noise level.
//!
//! In d dimensions the distance of u to the data says what σ is, to a relative accuracy of about 1/√(2k) with k the
//! codimension of the data (arXiv 2602.18428, section 4.1).

use crate::process::Process;

/// p(t|u) of one point, as points of a quadrature.
#[derive(Debug, Clone, PartialEq)]
pub struct TimePosterior {
    times: Vec<f64>,
    weights: Vec<f64>,
    log_evidence: f64,
    error: f64,
}

impl TimePosterior {
    /// From points and the logarithms of their parts of the evidence.
    pub(super) fn new(nodes: impl Iterator<Item = (f64, f64)>, log_evidence: f64, error: f64) -> Self {
        let (times, logs): (Vec<f64>, Vec<f64>) = nodes.unzip();
        let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut weights: Vec<f64> = logs.iter().map(|log| libm::exp(log - top)).collect();
        let sum: f64 = weights.iter().sum();
        weights.iter_mut().for_each(|w| *w /= sum);
        TimePosterior { times, weights, log_evidence, error }
    }

    /// The times of the quadrature.
    pub fn times(&self) -> &[f64] {
        &self.times
    }

    /// The part of the posterior that each time stands for; they sum to one.
    pub fn weights(&self) -> &[f64] {
        &self.weights
    }

    /// ln p(u) = ln ∫ p(u|t) p(t) dt, in nats.
    pub fn log_evidence(&self) -> f64 {
        self.log_evidence
    }

    /// Bound on the relative error of the evidence, as the quadrature estimates it; 0 for a law of some times.
    pub fn error(&self) -> f64 {
        self.error
    }

    /// E[g(t) | u].
    pub fn expect(&self, g: impl Fn(f64) -> f64) -> f64 {
        let parts = self.times.iter().zip(&self.weights).filter(|(_, w)| **w > 0.0);
        parts.map(|(&t, w)| w * g(t)).sum()
    }

    /// E[t | u].
    pub fn mean(&self) -> f64 {
        self.expect(|t| t)
    }

    /// Standard deviation of t given u.
    pub fn deviation(&self) -> f64 {
        let mean = self.mean();
        self.expect(|t| (t - mean) * (t - mean)).max(0.0).sqrt()
    }

    /// The time that stands for the largest part: for a law of equally likely times the one of maximum likelihood.
    pub fn mode(&self) -> f64 {
        let likeliest = self.times.iter().zip(&self.weights).max_by(|a, b| a.1.total_cmp(b.1));
        likeliest.map_or(f64::NAN, |(t, _)| *t)
    }

    /// Median and standard deviation of the noise level: exp of the mean of ln(σ/α), and the deviation of ln(σ/α). Levels
    /// above `most` count as `most`, so that times at which nothing of the data is left do not make it infinite.
    pub fn level(&self, process: &dyn Process, most: f64) -> (f64, f64) {
        let log = |t: f64| libm::log(process.noise_level(t).min(most));
        let mean = self.expect(log);
        (libm::exp(mean), self.expect(|t| (log(t) - mean) * (log(t) - mean)).max(0.0).sqrt())
    }

    /// Jensen's gap σ·E[1/σ(t)|u] − 1 against the true σ: what a blind prediction of the noise is wrong by,
    /// in parts (arXiv 2602.18428, eq. 65). Its mean over noisy data is about 0: it is the error of reading σ from u.
    pub fn jensen_gap(&self, process: &dyn Process, sigma: f64) -> f64 {
        sigma * self.expect(|t| 1.0 / process.sigma(t)) - 1.0
    }

    /// E[σ|u] E[1/σ|u] − 1 ≥ 0: the gap between the arithmetic and the harmonic mean of σ.
    pub fn convexity_gap(&self, process: &dyn Process) -> f64 {
        self.expect(|t| process.sigma(t)) * self.expect(|t| 1.0 / process.sigma(t)) - 1.0
    }
}
