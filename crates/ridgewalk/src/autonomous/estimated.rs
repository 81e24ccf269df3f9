//! p(u|t) of a model that knows no density, from its denoiser alone.
//!
//! The laws of u = αx₀ + σε at a fixed point obey the continuity equation of the probability flow,
//!
//! ```text
//! ∂ₜ ln p(u|t) = −∇·v_t − ⟨v_t, ∇ln p(u|t)⟩        v_t = α′D_t + (σ′/σ)(u − αD_t)      ∇ln p = (αD_t − u)/σ²
//! ∇·v_t        = (α′/α) tr J + (σ′/σ)(d − tr J)
//! ```
//!
//! and every term is one of D and of the trace of its Jacobian J. The rate is integrated in ln t by the cubic that
//! Hermite's formula puts through the rates (fourth order), over a grid that resolves a posterior of relative width 1/√(2d),
//! and the constant is that of the Gaussian of the model's moments at the highest time. All points share the grid, so
//! a network is asked in batches.

use std::f64::consts::PI;

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::TimePrior;
use crate::denoiser::{Denoiser, Differentiable, FiniteDifference};
use crate::error::Result;
use crate::process::Process;
use crate::sampler::likelihood::{Divergence, Probes};

/// Steps of the grid are at most this part of the posterior's width.
const STEP: f64 = 0.7;
/// Times at the least and at the most.
const FEWEST: usize = 65;
const MOST: usize = 1025;
/// Where nothing of the data is left in u, models are asked with this much of it.
const LEAST_SIGNAL: f64 = 1e-9;

pub(super) struct Estimated<'a> {
    model: &'a dyn Denoiser,
    process: &'a dyn Process,
    prior: &'a TimePrior,
    divergence: Divergence,
}

/// A posterior on a grid of times, not normalised, with D there.
pub(super) struct Grid {
    /// Times, and ln of each one's part of the evidence.
    pub(super) nodes: Vec<(f64, f64)>,
    pub(super) log_evidence: f64,
    /// Relative difference to the evidence of every second time.
    pub(super) error: f64,
    /// `[times, d]`
    pub(super) denoised: Array2<f64>,
}

impl<'a> Estimated<'a> {
    pub(super) fn new(
        model: &'a dyn Denoiser,
        process: &'a dyn Process,
        prior: &'a TimePrior,
        divergence: Divergence,
    ) -> Self {
        Estimated { model, process, prior, divergence }
    }

    /// Falling times with the logarithm of the quadrature weight of each.
    fn times(&self) -> Vec<(f64, f64)> {
        if let Some((times, logs)) = self.prior.points() {
            let mut nodes: Vec<(f64, f64)> = times.iter().copied().zip(logs.iter().copied()).collect();
            nodes.sort_by(|a, b| b.0.total_cmp(&a.0));
            return nodes;
        }
        let range = self.prior.range();
        let (from, to) = (libm::log(range.start), libm::log(range.end));
        let width = STEP / (2.0 * self.model.dim() as f64).sqrt();
        let half = ((0.5 * (to - from) / width).ceil() as usize).clamp(FEWEST / 2, MOST / 2);
        let (count, step) = (2 * half + 1, (to - from) / (2 * half) as f64);
        (0..count)
            .map(|i| {
                let t = if i == 0 { range.end } else { libm::exp(to - i as f64 * step) };
                let t = if i == count - 1 { range.start } else { t };
                let end = if i == 0 || i == count - 1 { 0.5 } else { 1.0 };
                (t, self.prior.log_weight(self.process, t) + libm::log(end * step * t))
            })
            .collect()
    }

    /// The posterior of every row of `u`.
    pub(super) fn grids(&self, u: ArrayView2<f64>) -> Result<Vec<Grid>> {
        let (n, d) = u.dim();
        let times = self.times();
        let differences;
        let model: &dyn Differentiable = match self.model.differentiable() {
            Some(model) => model,
            None => {
                differences = FiniteDifference::new(self.model);
                &differences
            }
        };
        let probes = Probes::new(self.divergence, (n, d))?;
        let mut denoised = Array3::<f64>::zeros((n, times.len(), d));
        let mut rates = Array2::<f64>::zeros((n, times.len()));
        for (j, &(t, _)) in times.iter().enumerate() {
            let sigma = self.process.sigma(t);
            let alpha = self.process.alpha(t).max(LEAST_SIGNAL * sigma);
            let x = &u / alpha;
            let means = model.denoise(x.view(), sigma / alpha)?;
            let traces = probes.traces(model, x.view(), sigma / alpha)?;
            let (da, ds) = (self.process.alpha_derivative(t), self.process.sigma_derivative(t));
            for i in 0..n {
                let trace = traces.row(i).mean().unwrap_or(0.0);
                let (mut power, mut square) = (0.0, 0.0);
                for (u, mean) in u.row(i).iter().zip(means.row(i)) {
                    let rest = u - alpha * mean;
                    power += mean * rest;
                    square += rest * rest;
                }
                let spread = da / alpha * trace + ds / sigma * (d as f64 - trace);
                // −∇·v + ⟨v, u − αD⟩/σ²
                let rate = (da * power + ds / sigma * square) / (sigma * sigma) - spread;
                rates[(i, j)] = t * rate;
            }
            denoised.index_axis_mut(Axis(1), j).assign(&means);
        }
        let grid = |i: usize| {
            let logs =
                self.integrated(&times, &rates.row(i).to_vec(), self.anchor(u.row(i).to_owned(), times[0].0));
            let nodes: Vec<(f64, f64)> = times.iter().zip(&logs).map(|((t, w), log)| (*t, w + log)).collect();
            let top = nodes.iter().map(|n| n.1).fold(f64::NEG_INFINITY, f64::max);
            let whole: f64 = nodes.iter().map(|n| libm::exp(n.1 - top)).sum();
            let error = match self.prior.points() {
                Some(_) => 0.0,
                None => {
                    // The ends, which both spacings have, count half at either.
                    let second: f64 =
                        nodes.iter().step_by(2).map(|n| 2.0 * libm::exp(n.1 - top)).sum::<f64>();
                    (second / whole - 1.0).abs()
                }
            };
            Grid {
                nodes,
                log_evidence: top + libm::log(whole),
                error,
                denoised: denoised.index_axis(Axis(0), i).to_owned(),
            }
        };
        Ok((0..n).map(grid).collect())
    }

    /// ln p(u|t) at all times, from its rates in ln t and its value at the first.
    fn integrated(&self, times: &[(f64, f64)], rates: &[f64], anchor: f64) -> Vec<f64> {
        let logs: Vec<f64> = times.iter().map(|(t, _)| libm::log(*t)).collect();
        let mut out = vec![anchor; times.len()];
        for j in 1..times.len() {
            let step = logs[j] - logs[j - 1];
            // The cubic through four neighbouring rates, integrated over its middle or end interval.
            let first = j.saturating_sub(2).min(times.len().saturating_sub(4));
            let count = times.len().min(4);
            out[j] = out[j - 1]
                + step
                    * mean_between(
                        &logs[first..first + count],
                        &rates[first..first + count],
                        logs[j - 1],
                        logs[j],
                    );
        }
        out
    }

    /// ln of the density at u, at time t, of the Gaussian of the model's moments.
    fn anchor(&self, u: Array1<f64>, t: f64) -> f64 {
        let (alpha, sigma) = (self.process.alpha(t), self.process.sigma(t));
        let d = u.len() as f64;
        let (square, variance) = match self.model.moments() {
            Some(m) => {
                let rest = &u - &(&m.mean * alpha);
                (rest.dot(&rest), alpha * alpha * m.std * m.std + sigma * sigma)
            }
            None => (u.dot(&u), sigma * sigma),
        };
        -0.5 * square / variance - 0.5 * d * libm::log(2.0 * PI * variance)
    }
}

/// Mean over `from..to` of the polynomial through the points, by two Gauss points (exact for cubics).
fn mean_between(at: &[f64], values: &[f64], from: f64, to: f64) -> f64 {
    let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
    let offset = half / 3f64.sqrt();
    let polynomial = |x: f64| -> f64 {
        at.iter()
            .zip(values)
            .enumerate()
            .map(|(i, (a, v))| {
                let others = at.iter().enumerate().filter(|(k, _)| *k != i);
                v * others.map(|(_, b)| (x - b) / (a - b)).product::<f64>()
            })
            .sum()
    };
    0.5 * (polynomial(middle - offset) + polynomial(middle + offset))
}
