//! The discrete process of DDPM: a table of β, and what lies between its steps.
//!
//! ```text
//! ᾱ_t = Π_{i ≤ t} (1 − β_i),  t = 1 … T        α = √ᾱ,  σ = √(1 − ᾱ)         (arXiv 2006.11239, section 2)
//! ```
//!
//! Time counts the steps. Between two of them ln ᾱ is linear, from ln ᾱ = 0 at t = 0, so that σ/α is
//! monotone and known in closed form both ways; beyond the last it goes on as in the last step.

use std::f64::consts::FRAC_PI_2;
use std::ops::Range;

use super::Process;
use crate::error::{Error, Result};

/// Steps of the published tables.
const STEPS: usize = 1000;
/// Largest β of the squared-cosine table (arXiv 2102.09672, section 3.2).
const CLIPPED: f64 = 0.999;

/// The process of a table of β. Variance preserving for data of unit variance.
///
/// ```
/// use ridgewalk::Process;
/// use ridgewalk::process::Ddpm;
///
/// // The table of latent diffusion stops at σ/α = 14.6, where α is still 0.068.
/// let process = Ddpm::scaled_linear();
/// assert!((process.noise_level(1000.0) - 14.6146).abs() < 1e-4);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Ddpm {
    name: &'static str,
    /// −ln ᾱ after t steps, t = 0 … T: rising from 0.
    decay: Vec<f64>,
}

impl Ddpm {
    /// From β of every step, the first of the data first.
    ///
    /// # Errors
    /// If there are none, or one is not in (0, 1).
    pub fn new(betas: &[f64]) -> Result<Self> {
        if betas.is_empty() {
            return Err(Error::argument("betas", "is empty", "give one a step, 1000 usually"));
        }
        if let Some((i, beta)) = betas.iter().enumerate().find(|(_, b)| !(**b > 0.0 && **b < 1.0)) {
            return Err(Error::argument("betas", format!("has {beta} at {i}"), "they lie between 0 and 1"));
        }
        Ok(Self::of("ddpm", betas.iter().copied()))
    }

    /// 1000 steps, β linear from 1e-4 to 0.02 (arXiv 2006.11239, section 4).
    pub fn linear() -> Self {
        Self::of("ddpm-linear", linear(1e-4, 0.02))
    }

    /// 1000 steps, √β linear, β from 0.00085 to 0.012: latent diffusion (arXiv 2112.10752).
    pub fn scaled_linear() -> Self {
        Self::of("ddpm-scaled-linear", linear(0.00085f64.sqrt(), 0.012f64.sqrt()).map(|root| root * root))
    }

    /// 1000 steps, ᾱ ∝ cos²((t/T + 0.008)/1.008·π/2), β at most 0.999 (arXiv 2102.09672, eq. 17).
    pub fn squared_cosine() -> Self {
        let level = |i: usize| {
            let cos = libm::cos((i as f64 / STEPS as f64 + 0.008) / 1.008 * FRAC_PI_2);
            cos * cos
        };
        Self::of("ddpm-squared-cosine", (0..STEPS).map(move |i| (1.0 - level(i + 1) / level(i)).min(CLIPPED)))
    }

    fn of(name: &'static str, betas: impl Iterator<Item = f64>) -> Self {
        let steps = betas.scan(0.0, |sum, beta| {
            *sum -= libm::log1p(-beta);
            Some(*sum)
        });
        Ddpm { name, decay: std::iter::once(0.0).chain(steps).collect() }
    }

    /// Number of steps T.
    pub fn steps(&self) -> usize {
        self.decay.len() - 1
    }

    /// ᾱ after `step` steps, if there are so many: 1 after none.
    pub fn alpha_bar(&self, step: usize) -> Option<f64> {
        self.decay.get(step).map(|&decay| libm::exp(-decay))
    }

    /// −ln ᾱ(t), and its slope there.
    fn decay(&self, t: f64) -> (f64, f64) {
        let segment = (t.max(0.0).floor() as usize).min(self.steps() - 1);
        let (from, to) = (self.node(segment), self.node(segment + 1));
        (from + (t - segment as f64) * (to - from), to - from)
    }

    fn node(&self, step: usize) -> f64 {
        self.decay.get(step).copied().unwrap_or(f64::NAN)
    }
}

fn linear(first: f64, last: f64) -> impl Iterator<Item = f64> {
    (0..STEPS).map(move |i| first + i as f64 / (STEPS - 1) as f64 * (last - first))
}

impl Process for Ddpm {
    fn name(&self) -> &'static str {
        self.name
    }
    fn alpha(&self, t: f64) -> f64 {
        libm::exp(-0.5 * self.decay(t).0)
    }
    fn sigma(&self, t: f64) -> f64 {
        (-libm::expm1(-self.decay(t).0)).sqrt()
    }
    /// Of the segment that begins at t, where t is a step.
    fn alpha_derivative(&self, t: f64) -> f64 {
        -0.5 * self.decay(t).1 * self.alpha(t)
    }
    /// Of the segment that begins at t, where t is a step.
    fn sigma_derivative(&self, t: f64) -> f64 {
        let (decay, slope) = self.decay(t);
        0.5 * slope * libm::exp(-decay) / self.sigma(t)
    }
    fn time(&self, level: f64) -> f64 {
        let decay = libm::log1p(level * level);
        let segment = self.decay.partition_point(|&node| node <= decay).clamp(1, self.steps()) - 1;
        let (from, to) = (self.node(segment), self.node(segment + 1));
        segment as f64 + (decay - from) / (to - from)
    }
    fn end(&self) -> f64 {
        self.steps() as f64
    }
    fn customary_times(&self) -> Range<f64> {
        1.0..self.end()
    }
}
