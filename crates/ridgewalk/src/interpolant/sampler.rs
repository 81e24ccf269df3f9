//! Moving samples along an interpolant: the ODE dx = b dt, and the SDEs of any ε(t), either way.
//!
//! Steps are even in u over the bridge's range, t = sin²(πu/2): they shorten towards the ends, where γ grows as a
//! root. What the range leaves out at an end is crossed by one Euler step of the ODE with b at the range's edge.
//! With noise the drift is b + εs forward and b − εs backward, and
//!
//! ```text
//! Euler    x′ = x + h f(x, t) + √(2ε(t)|h|) z                                   law of first order
//! Heun     x′ = x + ½h [f(x, t) + f(x̃, t + h)] + √(2ε(t + ½h)|h|) z             law of second order
//!          x̃ = x + h f(x, t) + √(2ε(t + ½h)|h|) z
//! ```
//!
//! the latter because the noise is additive. All noise is keyed by (seed, sample, step).
//!
//! εs pulls with the rate ε/λ, λ the least variance of ρ_t in any direction, and a step that is long beside
//! λ/ε would throw states out. Any ε ≥ 0 has the same laws; so where the bridge knows λ
//! ([`Bridge::least_variance`]) a step takes at most ε = λ/2h.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use ndarray::{Array2, ArrayView2};

use super::Bridge;
use crate::error::{Error, Result};
use crate::points::rows;
use crate::random::{Purpose, Stream};
use crate::solver::{NoiseSource, Seeded, first_not_finite};

/// How a step is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Euler, or Euler–Maruyama: first order, one evaluation of the fields a step.
    Euler,
    /// Heun: second order, two evaluations a step; with noise its law is of second order.
    Heun,
    /// The classical Runge–Kutta method: fourth order, four evaluations a step; for the ODE only.
    RungeKutta4,
}

/// Which end the samples are taken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From t = 0 to t = 1.
    Forward,
    /// From t = 1 to t = 0.
    Backward,
}

/// What a sampler tells after every step.
#[derive(Debug, Clone, Copy)]
pub struct InterpolantProgress<'a> {
    /// Steps done of this batch, from 1, those across the ends included.
    pub step: usize,
    /// Steps of a batch.
    pub steps: usize,
    /// Samples in all.
    pub total: usize,
    /// The time that the state now has.
    pub t: f64,
    /// Sample index of every row.
    pub samples: &'a [u64],
    /// The state, `[batch, d]`.
    pub state: ArrayView2<'a, f64>,
}

/// What a run gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Transported {
    /// The samples at the other end, `[n, d]`, in the data's units.
    pub points: Array2<f64>,
    /// Evaluations of the fields that a sample took.
    pub evaluations: usize,
}

type Strength = Arc<dyn Fn(f64) -> f64 + Send + Sync>;

/// Scheme, steps, seed, and how much noise.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::interpolant::{self, Direction, InterpolantSampler, MixtureBridge, Scheme};
///
/// let first = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0)?)?;
/// let last = Gaussian::new(array![2.0], Covariance::isotropic(1, 0.25)?)?;
/// let bridge = MixtureBridge::gaussians(interpolant::named("linear")?, &first, &last)?;
/// let sampler = InterpolantSampler::new(Scheme::Heun, 100).diffusion(|t| 1.0 - t).seed(7);
/// let samples = sampler.run(&bridge, first.sample(2000, 1).view(), Direction::Forward)?;
/// assert_eq!(samples.evaluations, 200);
/// assert!((samples.points.mean().unwrap_or(0.0) - 2.0).abs() < 0.05);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Clone)]
pub struct InterpolantSampler {
    pub(super) scheme: Scheme,
    steps: usize,
    seed: u64,
    batch: usize,
    diffusion: Option<Strength>,
}

impl fmt::Debug for InterpolantSampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InterpolantSampler { scheme, steps, seed, batch, diffusion } = self;
        let mut out = f.debug_struct("InterpolantSampler");
        out.field("scheme", scheme).field("steps", steps).field("seed", seed).field("batch", batch);
        out.field("diffusion", &diffusion.is_some()).finish()
    }
}

impl InterpolantSampler {
    /// The ODE in this many steps, with seed 0, in batches of 256.
    pub fn new(scheme: Scheme, steps: usize) -> Self {
        InterpolantSampler { scheme, steps, seed: 0, batch: 256, diffusion: None }
    }

    /// The SDE with this ε(t) ≥ 0, in the data's units squared per unit of t. Where the score is unbounded,
    /// at an end that has no density, let ε fall as γ² there.
    pub fn diffusion(mut self, epsilon: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Self {
        self.diffusion = Some(Arc::new(epsilon));
        self
    }

    /// With another seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// With another batch size: memory and speed change, samples do not.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// n states of N(0, I), `[n, dim]`, in which a one-sided path begins: state i depends on the seed and i.
    pub fn noise(&self, n: usize, dim: usize) -> Array2<f64> {
        let mut out = Array2::zeros((n, dim));
        for (i, mut row) in out.outer_iter_mut().enumerate() {
            let mut stream = Stream::new(self.seed, Purpose::Start, i as u64, 0);
            row.iter_mut().for_each(|v| *v = stream.normal());
        }
        out
    }

    /// Carries states `[n, d]` of one end to the other.
    ///
    /// # Errors
    /// If there are no states, no steps or a batch of 0; the states do not have the bridge's dimension or
    /// are not finite; ε is negative or not finite at a time; the scheme is for the ODE only and there is an
    /// ε; the bridge fails; or a state stops being finite (the error names step, t and sample).
    pub fn run<B: Bridge + ?Sized>(
        &self,
        bridge: &B,
        states: ArrayView2<f64>,
        direction: Direction,
    ) -> Result<Transported> {
        self.run_observed(bridge, states, direction, &mut |_| ControlFlow::Continue(()))
    }

    /// As [`InterpolantSampler::run`], telling `watch` of every step. Errors as there, and
    /// [`Error::Stopped`] if it asks for it.
    pub fn run_observed<B: Bridge + ?Sized>(
        &self,
        bridge: &B,
        states: ArrayView2<f64>,
        direction: Direction,
        watch: &mut dyn FnMut(&InterpolantProgress) -> ControlFlow<()>,
    ) -> Result<Transported> {
        let n = states.nrows();
        if n == 0 || self.batch == 0 {
            return Err(Error::argument("states", "or the batch size are none", "carry at least one state"));
        }
        crate::denoiser::check_query(bridge.dim(), states, 1.0)?;
        let mut points = Array2::zeros(states.raw_dim());
        let mut evaluations = 0;
        for first in (0..n).step_by(self.batch) {
            let last = (first + self.batch).min(n);
            let samples: Vec<u64> = (first as u64..last as u64).collect();
            let start = rows(&states, first..last).to_owned();
            let noise = Seeded(self.seed);
            let mut walk =
                Walk { bridge, direction, samples: &samples, total: n, noise: &noise, evaluations: 0 };
            let end = self.carry(&mut walk, start, watch)?;
            evaluations = walk.evaluations;
            points.slice_axis_mut(ndarray::Axis(0), (first..last).into()).assign(&end);
        }
        Ok(Transported { points, evaluations })
    }

    pub(super) fn without_noise(&self) -> Self {
        InterpolantSampler { diffusion: None, ..self.clone() }
    }

    /// One run of a batch.
    fn carry<B: Bridge + ?Sized>(
        &self,
        walk: &mut Walk<B>,
        mut x: Array2<f64>,
        watch: &mut dyn FnMut(&InterpolantProgress) -> ControlFlow<()>,
    ) -> Result<Array2<f64>> {
        let legs = self.legs(walk.bridge, walk.direction)?;
        for (index, leg) in legs.iter().enumerate() {
            x = self.step(walk, x, index, leg)?;
            finite(&x, index, leg.to, walk.samples)?;
            let (step, steps, total, t) = (index + 1, legs.len(), walk.total, leg.to);
            let progress =
                InterpolantProgress { step, steps, total, t, samples: walk.samples, state: x.view() };
            if watch(&progress).is_break() {
                return Err(Error::Stopped { step: index });
            }
        }
        Ok(x)
    }

    pub(super) fn step<B: Bridge + ?Sized>(
        &self,
        walk: &mut Walk<B>,
        mut x: Array2<f64>,
        index: usize,
        leg: &Leg,
    ) -> Result<Array2<f64>> {
        let (from, to) = (leg.from, leg.to);
        let (h, middle) = (to - from, 0.5 * (from + to));
        if let Some(edge) = leg.across {
            let velocity = walk.drift(&x, edge, 0.0)?;
            x.scaled_add(h, &velocity);
            return Ok(x);
        }
        // The same for the whole step: its stages must belong to one equation.
        let times = [from, middle, to];
        let least = times.iter().filter_map(|&t| walk.bridge.least_variance(t));
        let most = least.fold(f64::INFINITY, |most, variance| most.min(0.5 * variance / h.abs()));
        let strength = |t: f64| self.strength(t).map(|epsilon| epsilon.min(most));
        let first = walk.drift(&x, from, strength(from)?)?;
        match self.scheme {
            Scheme::Euler => {
                x.scaled_add(h, &first);
                walk.kick(&mut x, index, 2.0 * strength(from)? * h.abs());
            }
            Scheme::Heun => {
                let mut kicked = x;
                walk.kick(&mut kicked, index, 2.0 * strength(middle)? * h.abs());
                let mut ahead = kicked.clone();
                ahead.scaled_add(h, &first);
                finite(&ahead, index, to, walk.samples)?;
                let second = walk.drift(&ahead, to, strength(to)?)?;
                x = kicked;
                x.scaled_add(0.5 * h, &first);
                x.scaled_add(0.5 * h, &second);
            }
            Scheme::RungeKutta4 => {
                let mut slope = first;
                let mut out = x.clone();
                for (far, weight, t) in [(0.5, 6.0, middle), (0.5, 3.0, middle), (1.0, 3.0, to)] {
                    out.scaled_add(h / weight, &slope);
                    let mut ahead = x.clone();
                    ahead.scaled_add(far * h, &slope);
                    finite(&ahead, index, t, walk.samples)?;
                    slope = walk.drift(&ahead, t, 0.0)?;
                }
                out.scaled_add(h / 6.0, &slope);
                x = out;
            }
        }
        Ok(x)
    }

    /// ε(t).
    fn strength(&self, t: f64) -> Result<f64> {
        let Some(epsilon) = &self.diffusion else { return Ok(0.0) };
        let value = epsilon(t);
        if value >= 0.0 && value.is_finite() {
            return Ok(value);
        }
        let problem = format!("gives {value} at t = {t}");
        Err(Error::argument("diffusion", problem, "epsilon is finite and not negative on [0, 1]"))
    }

    /// The steps of a run: across the end that it begins at, if need be, over the range, and across the
    /// other.
    pub(super) fn legs<B: Bridge + ?Sized>(&self, bridge: &B, direction: Direction) -> Result<Vec<Leg>> {
        if self.steps == 0 {
            return Err(Error::argument("steps", "is 0", "take at least one step"));
        }
        if self.diffusion.is_some() && self.scheme == Scheme::RungeKutta4 {
            let help = "choose Euler or Heun, or leave the diffusion out";
            return Err(Error::argument("scheme", "is of Runge and Kutta, for the ODE only", help));
        }
        let (first, last) = bridge.range();
        let time = |i: usize| match i {
            0 => first,
            i if i == self.steps => last,
            i => {
                let half = libm::sin(0.5 * std::f64::consts::PI * (i as f64 / self.steps as f64));
                first + (last - first) * half * half
            }
        };
        let mut legs: Vec<Leg> =
            (0..self.steps).map(|i| Leg { from: time(i), to: time(i + 1), across: None }).collect();
        if first > 0.0 {
            legs.insert(0, Leg { from: 0.0, to: first, across: Some(first) });
        }
        if last < 1.0 {
            legs.push(Leg { from: last, to: 1.0, across: Some(last) });
        }
        if direction == Direction::Backward {
            legs.reverse();
            legs.iter_mut().for_each(|leg| std::mem::swap(&mut leg.from, &mut leg.to));
        }
        Ok(legs)
    }
}

/// A step in t; one across an end is taken with the field at the range's edge.
pub(super) struct Leg {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) across: Option<f64>,
}

/// What a batch is carried with.
pub(super) struct Walk<'a, B: ?Sized> {
    pub(super) bridge: &'a B,
    pub(super) direction: Direction,
    pub(super) samples: &'a [u64],
    pub(super) total: usize,
    pub(super) noise: &'a dyn NoiseSource,
    pub(super) evaluations: usize,
}

impl<B: Bridge + ?Sized> Walk<'_, B> {
    /// b + εs, or backward b − εs.
    fn drift(&mut self, x: &Array2<f64>, t: f64, strength: f64) -> Result<Array2<f64>> {
        self.evaluations += 1;
        let fields = self.bridge.fields(x.view(), t).map_err(|error| match error {
            Error::NonFinite { row, .. } => Error::Numerical {
                what: "the interpolant's bridge",
                problem: format!("its fields are not finite for sample {} at t = {t}", self.sample(row)),
                help: HELP.into(),
            },
            other => other,
        })?;
        if fields.score.dim() != x.dim() {
            let (found, expected) = (format!("{:?}", fields.score.dim()), format!("{:?} (as x)", x.dim()));
            return Err(Error::shape("what the bridge answered", found, expected));
        }
        Ok(fields.drift(if self.direction == Direction::Forward { strength } else { -strength }))
    }

    fn sample(&self, row: usize) -> u64 {
        self.samples.get(row).copied().unwrap_or(row as u64)
    }

    /// Adds noise of this variance.
    fn kick(&self, x: &mut Array2<f64>, index: usize, variance: f64) {
        if variance > 0.0 {
            let mut noise = Array2::zeros(x.raw_dim());
            self.noise.draw(index, 0, self.samples, &mut noise);
            x.scaled_add(variance.sqrt(), &noise);
        }
    }
}

const HELP: &str = "use more steps, a smaller epsilon near the ends, or a wider clip";

pub(super) fn finite(x: &Array2<f64>, step: usize, t: f64, samples: &[u64]) -> Result<()> {
    let Some(sample) = first_not_finite(x.view(), samples) else { return Ok(()) };
    Err(Error::Numerical {
        what: "the interpolant's sampler",
        problem: format!("the state of sample {sample} is not finite in step {step} (to t = {t})"),
        help: HELP.into(),
    })
}
