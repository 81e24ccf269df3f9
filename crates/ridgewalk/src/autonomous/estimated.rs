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
use super::ray::LEAST_SIGNAL;
use crate::denoiser::{Denoiser, Differentiable, FiniteDifference};
use crate::error::Result;
use crate::points::rows;
use crate::process::Process;
use crate::sampler::likelihood::{Divergence, Probes};

/// Steps of the grid are at most this part of the posterior's width.
const STEP: f64 = 0.7;
/// Times at the least and at the most.
const FEWEST: usize = 65;
const MOST: usize = 4097;
/// Values of D that are kept at a time: 64 MiB.
const BLOCK: usize = 1 << 23;

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
    /// How far every second time alone gives another posterior.
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

    /// Falling times with the logarithm of the quadrature weight of each. A law of some times has no weight between
    /// them, but the rate is integrated there.
    fn times(&self) -> Vec<(f64, f64)> {
        let range = self.prior.range();
        let (from, to) = (libm::log(range.start), libm::log(range.end));
        let width = STEP / (2.0 * self.model.dim() as f64).sqrt();
        let half = ((0.5 * (to - from) / width).ceil() as usize).clamp(FEWEST / 2, MOST / 2);
        let (count, step) = (2 * half + 1, (to - from) / (2 * half) as f64);
        let at = |i: usize| match i {
            0 => range.end,
            i if i == count - 1 => range.start,
            i => libm::exp(to - i as f64 * step),
        };
        if let Some((times, logs)) = self.prior.points() {
            let mut nodes: Vec<(f64, f64)> = times.iter().copied().zip(logs.iter().copied()).collect();
            nodes.sort_by(|a, b| b.0.total_cmp(&a.0));
            // Points of the grid that are no closer to a time of the law than half a step.
            let near = |t: f64| {
                let after = nodes.partition_point(|node| node.0 > t);
                let beside =
                    nodes.get(after).into_iter().chain(after.checked_sub(1).and_then(|i| nodes.get(i)));
                beside.map(|node| libm::log(node.0 / t).abs()).fold(f64::INFINITY, f64::min)
            };
            let between: Vec<(f64, f64)> = (0..count)
                .map(at)
                .filter(|&t| near(t) >= 0.5 * step)
                .map(|t| (t, f64::NEG_INFINITY))
                .collect();
            nodes.extend(between);
            nodes.sort_by(|a, b| b.0.total_cmp(&a.0));
            return nodes;
        }
        let weighted = |i: usize| {
            let end = if i == 0 || i == count - 1 { 0.5 } else { 1.0 };
            let t = at(i);
            (t, self.prior.log_weight(self.process, t) + libm::log(end * step * t))
        };
        (0..count).map(weighted).collect()
    }

    /// The posterior of every row of `u`.
    pub(super) fn grids(&self, u: ArrayView2<f64>) -> Result<Vec<Grid>> {
        let times = self.times();
        // All D of a block are kept.
        let block = (BLOCK / (times.len() * u.ncols()).max(1)).max(1);
        let mut out = Vec::with_capacity(u.nrows());
        for first in (0..u.nrows()).step_by(block) {
            let some = rows(&u, first..(first + block).min(u.nrows()));
            out.extend(self.block(some, &times)?);
        }
        Ok(out)
    }

    fn block(&self, u: ArrayView2<f64>, times: &[(f64, f64)]) -> Result<Vec<Grid>> {
        let (n, d) = u.dim();
        let differences;
        let model: &dyn Differentiable = match self.model.differentiable() {
            Some(model) => model,
            None => {
                differences = FiniteDifference::new(self.model);
                &differences
            }
        };
        // The same for every point, so that none depends on its batch.
        let probes = Probes::shared(self.divergence, (n, d))?;
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
                integrated(times, &rates.row(i).to_vec(), self.anchor(u.row(i).to_owned(), times[0].0));
            let nodes: Vec<(f64, f64)> = times.iter().zip(&logs).map(|((t, w), log)| (*t, w + log)).collect();
            let top = nodes.iter().map(|n| n.1).fold(f64::NEG_INFINITY, f64::max);
            let whole: f64 = nodes.iter().map(|n| libm::exp(n.1 - top)).sum();
            let error = coarser(times, &rates.row(i).to_vec(), &logs, &nodes, top);
            Grid {
                nodes,
                log_evidence: top + libm::log(whole),
                error,
                denoised: denoised.index_axis(Axis(0), i).to_owned(),
            }
        };
        Ok((0..n).map(grid).collect())
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

/// ln p(u|t) at all times, from its rates in ln t and its value at the first.
fn integrated(times: &[(f64, f64)], rates: &[f64], anchor: f64) -> Vec<f64> {
    let logs: Vec<f64> = times.iter().map(|(t, _)| libm::log(*t)).collect();
    let mut out = vec![anchor; times.len()];
    for j in 1..times.len() {
        let step = logs[j] - logs[j - 1];
        // The cubic through four neighbouring rates, integrated over its middle or end interval.
        let first = j.saturating_sub(2).min(times.len().saturating_sub(4));
        let count = times.len().min(4);
        let (at, values) = (&logs[first..first + count], &rates[first..first + count]);
        out[j] = out[j - 1] + step * mean_between(at, values, logs[j - 1], logs[j]);
    }
    out
}

/// How far ln p(u|t) is, in the mean over the posterior, from what every second rate gives: a bound on the relative error.
fn coarser(times: &[(f64, f64)], rates: &[f64], logs: &[f64], nodes: &[(f64, f64)], top: f64) -> f64 {
    let every_second = |values: &[f64]| values.iter().step_by(2).copied().collect::<Vec<f64>>();
    let some: Vec<(f64, f64)> = times.iter().step_by(2).copied().collect();
    let coarse = integrated(&some, &every_second(rates), logs[0]);
    let likely = |node: &(f64, f64)| libm::exp(node.1 - top);
    let (mut sum, mut total, mut mean) = (0.0, 0.0, 0.0);
    let shared: Vec<(f64, f64)> = nodes
        .iter()
        .step_by(2)
        .zip(coarse.iter().zip(logs.iter().step_by(2)))
        .map(|(node, (a, b))| (likely(node), a - b))
        .collect();
    for (weight, off) in &shared {
        (total, mean) = (total + weight, mean + weight * off);
    }
    // The constant is that of the anchor; what counts is how the difference varies.
    let mean = if total > 0.0 { mean / total } else { 0.0 };
    for (weight, off) in &shared {
        sum += weight * (off - mean).abs();
    }
    if total > 0.0 { sum / total } else { f64::INFINITY }
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
