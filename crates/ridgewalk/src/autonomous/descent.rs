//! Sampling without any clock: gradient descent along a field that vanishes at the data, in the manner of equilibrium
//! matching (arXiv 2510.02300).
//!
//! ```text
//! plain        u_{k+1} = u_k − η f(u_k)
//! Nesterov     y_k = u_k + μ(u_k − u_{k−1})      u_{k+1} = y_k − η f(y_k)
//! look-ahead   y_k = u_k + μ(u_k − u_{k−1})      u_{k+1} = u_k − η f(y_k)
//! ```
//!
//! Nesterov's step is the textbook's. Look-ahead is what equilibrium matching samples with under its name: the momentum says where the
//! field is asked, and does not carry the state. So it is no faster than plain descent: on f = a u Nesterov's error shrinks by
//! max |r| of r² − (1 + μ)(1 − ηa) r + μ(1 − ηa) = 0 a step, look-ahead's by that of r² − (1 − (1 + μ)ηa) r − μηa = 0.
//!
//! What can be descended, by what the field predicts:
//!
//! | target | direction | at the data |
//! |---|---|---|
//! | equilibrium | f(u) = E\[u − x₀ \| u\] | vanishes: samples come to rest |
//! | data | u − f(u), which is the same field | vanishes |
//! | velocity | f(u), of a straight path (u − x₀)/t in the mean | a constant length: samples come within about η\|f\|/2 of the data and chatter there |
//!
//! Predictions of the noise or of v point to the shrunk data αx₀ of an unknown α, and are refused.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, Axis};

use super::{Autonomous, Target};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::points::{require_finite, rows};
use crate::process::Process;
use crate::random::{Purpose, Stream};
use crate::sampler::{Sampler, Start};
use crate::schedule::Levels;
use crate::solver::Euler;

/// States that are carried at a time, unless [`Descent::batch`] says otherwise.
const BATCH: usize = 256;

/// What a step takes over from the one before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Momentum {
    /// Nothing: gradient descent.
    #[default]
    None,
    /// Nesterov's accelerated gradient with this μ.
    Nesterov(f64),
    /// The field is asked ahead of the state, by this part μ of the last step (arXiv 2510.02300).
    LookAhead(f64),
}

/// Descent along a blind field.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::autonomous::{Blind, Descent, Target, TimePrior};
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::sampler::Start;
/// use ridgewalk::{FlowMatching, PointSet};
///
/// let data = PointSet::vectors(array![[-1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])?;
/// let model = Empirical::new(&data)?;
/// let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0)?)?;
/// let states = Descent::starts(&model, &FlowMatching, 0.9, Start::Gaussian, 4, 7)?;
/// let descent = Descent::new(0.1, 500).stop(1e-3);
/// let end = descent.run(&blind.field(Target::Equilibrium), states.view())?;
/// // All at rest, before the last step.
/// assert!(end.steps.iter().all(|&steps| steps < 500));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Descent {
    step: f64,
    steps: usize,
    momentum: Momentum,
    stop: Option<f64>,
    batch: usize,
}

/// What is told after every step of a descent.
#[derive(Debug, Clone, Copy)]
pub struct DescentStep<'a> {
    /// Steps done of this batch, from 1.
    pub step: usize,
    /// Steps of a batch, at the most.
    pub steps: usize,
    /// Samples finished before this batch.
    pub finished: usize,
    /// Samples in all.
    pub total: usize,
    /// Samples of this batch that still move.
    pub moving: usize,
    /// The states of this batch, `[batch, d]`.
    pub state: ArrayView2<'a, f64>,
}

/// What a descent gives.
#[derive(Debug, Clone, PartialEq)]
pub struct Descended {
    /// The samples, `[n, d]`.
    pub points: Array2<f64>,
    /// Steps that every sample took, `[n]`.
    pub steps: Vec<usize>,
    /// Mean over samples of the length of the field where a step began, a number a step; of a sample at rest, its last.
    pub norms: Vec<f64>,
    /// Samples that came to rest: the field fell below the threshold.
    pub rested: usize,
    /// Evaluations of the field that a sample took: the mean over samples.
    pub mean_evaluations: f64,
}

impl Descent {
    /// `steps` steps of η = `step`, without momentum.
    pub fn new(step: f64, steps: usize) -> Self {
        Descent { step, steps, momentum: Momentum::None, stop: None, batch: BATCH }
    }

    /// With momentum.
    pub fn momentum(mut self, momentum: Momentum) -> Self {
        self.momentum = momentum;
        self
    }

    /// A sample stays where it is once the field has at most this length there (adaptive compute, arXiv 2510.02300).
    pub fn stop(mut self, length: f64) -> Self {
        self.stop = Some(length);
        self
    }

    /// With another number of states at a time: memory and speed change, samples do not.
    pub fn batch(mut self, batch: usize) -> Self {
        self.batch = batch;
        self
    }

    /// States from which to descend, `[n, d]` in the coordinates of `process`: its law αx₀ + σε at time `t`, with x₀ drawn from
    /// the model, or as the Gaussian of α times the model's mean and variance α²s² + σ², as `start` says. Noise is
    /// that of a [`Sampler`] of the same seed. A blind network that is no denoiser is one in [`Clocked`](super::Clocked).
    ///
    /// # Errors
    /// If the process has no noise at `t`, or the start is to be exact and the model cannot be drawn from.
    pub fn starts(
        model: &dyn Denoiser,
        process: &dyn Process,
        t: f64,
        start: Start,
        n: usize,
        seed: u64,
    ) -> Result<Array2<f64>> {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t));
        if !(t > 0.0 && t <= process.end() && sigma > 0.0 && sigma.is_finite() && alpha >= 0.0) {
            return Err(Error::argument(
                "t",
                format!("is {t}, where the process {} has alpha {alpha} and sigma {sigma}", process.name()),
                format!("choose a time above 0 and at most {}", process.end()),
            ));
        }
        if alpha > 0.0 {
            let sampler = Sampler::new(Euler, Levels(vec![sigma / alpha])).seed(seed).start(start);
            return Ok(sampler.starts(model, n)? * alpha);
        }
        let mut states = Array2::zeros((n, model.dim()));
        for (sample, mut row) in (0..).zip(states.outer_iter_mut()) {
            let mut stream = Stream::new(seed, Purpose::Start, sample, 0);
            row.iter_mut().for_each(|v| *v = sigma * stream.normal());
        }
        Ok(states)
    }

    /// Carries `states`, `[n, d]`, down `field`.
    ///
    /// # Errors
    /// If a setting has no meaning, what the field predicts cannot be descended, the states do not fit the field, the field fails
    /// or a state stops being finite.
    pub fn run(&self, field: &dyn Autonomous, states: ArrayView2<f64>) -> Result<Descended> {
        self.run_observed(field, states, &mut |_: &DescentStep| ControlFlow::Continue(()))
    }

    /// [`Descent::run`], telling `observer` of every step. Errors as there, and [`Error::Stopped`].
    pub fn run_observed(
        &self,
        field: &dyn Autonomous,
        states: ArrayView2<f64>,
        observer: &mut dyn FnMut(&DescentStep) -> ControlFlow<()>,
    ) -> Result<Descended> {
        self.check()?;
        let residual = Residual::of(field)?;
        let (n, d) = states.dim();
        if d != field.dim() {
            let expected = format!("{} (the field's dimension)", field.dim());
            return Err(Error::shape("states", format!("{d} columns"), expected));
        }
        require_finite("states", states)?;
        let mut points = states.to_owned();
        let mut steps = Vec::with_capacity(n);
        let mut norms = vec![0.0; self.steps];
        let mut rested = 0;
        for first in (0..n).step_by(self.batch) {
            let range = first..(first + self.batch).min(n);
            let mut batch = Batch::new(rows(&states, range.clone()).to_owned(), first);
            for k in 0..self.steps {
                self.advance(&residual, &mut batch, k)?;
                // One sample after the other, so that the sum is that of any batch.
                if let Some(sum) = norms.get_mut(k) {
                    batch.norms.iter().for_each(|norm| *sum += norm);
                }
                let told = DescentStep {
                    step: k + 1,
                    steps: self.steps,
                    finished: first,
                    total: n,
                    moving: batch.moving.len(),
                    state: batch.state.view(),
                };
                if observer(&told).is_break() {
                    return Err(Error::Stopped { step: k });
                }
            }
            for (row, state) in batch.state.outer_iter().enumerate() {
                points.row_mut(first + row).assign(&state);
            }
            rested += batch.steps.len() - batch.moving.len();
            steps.append(&mut batch.steps);
        }
        norms.iter_mut().for_each(|sum| *sum /= n.max(1) as f64);
        // The look that finds a sample at rest is an evaluation, too.
        let evaluations = steps.iter().sum::<usize>() + rested;
        let mean_evaluations = evaluations as f64 / n.max(1) as f64;
        Ok(Descended { points, steps, norms, rested, mean_evaluations })
    }

    /// Step `k` of the samples of a batch that still move.
    fn advance(&self, residual: &Residual, batch: &mut Batch, k: usize) -> Result<()> {
        if batch.moving.is_empty() {
            return Ok(());
        }
        let now = batch.state.select(Axis(0), &batch.moving);
        let mu = match self.momentum {
            Momentum::None => 0.0,
            Momentum::Nesterov(mu) | Momentum::LookAhead(mu) => mu,
        };
        let asked = match mu {
            0.0 => now.clone(),
            _ => &now + &((&now - &batch.before.select(Axis(0), &batch.moving)) * mu),
        };
        let field = residual.at(asked.view())?;
        let carried = matches!(self.momentum, Momentum::Nesterov(_));
        let mut moving = Vec::with_capacity(batch.moving.len());
        for (i, &row) in batch.moving.iter().enumerate() {
            let length = field.row(i).iter().map(|f| f * f).sum::<f64>().sqrt();
            if let Some(norm) = batch.norms.get_mut(row) {
                *norm = length;
            }
            if self.stop.is_some_and(|stop| length <= stop) {
                // Where the field was found to vanish.
                batch.state.row_mut(row).assign(&asked.row(i));
                continue;
            }
            let from = if carried { asked.row(i) } else { now.row(i) };
            let mut state = from.to_owned();
            state.scaled_add(-self.step, &field.row(i));
            if !state.iter().all(|v| v.is_finite()) {
                return Err(Error::Numerical {
                    what: "descent",
                    problem: format!("sample {} is not finite after step {k}", batch.first + row),
                    help: "take shorter steps: below 2 over the largest slope of the field".into(),
                });
            }
            batch.before.row_mut(row).assign(&now.row(i));
            batch.state.row_mut(row).assign(&state);
            if let Some(steps) = batch.steps.get_mut(row) {
                *steps += 1;
            }
            moving.push(row);
        }
        batch.moving = moving;
        Ok(())
    }

    /// Whether the settings have a meaning.
    ///
    /// # Errors
    /// If the step is not positive, there are no steps, the momentum is not in \[0, 1) or the threshold is negative.
    pub fn check(&self) -> Result<()> {
        if !(self.step > 0.0 && self.step.is_finite()) {
            return Err(Error::argument("step", format!("is {}", self.step), "give a positive step"));
        }
        if self.steps == 0 || self.batch == 0 {
            return Err(Error::argument("steps", "or the batch size is 0", "take at least one"));
        }
        if let Momentum::Nesterov(mu) | Momentum::LookAhead(mu) = self.momentum
            && !(0.0..1.0).contains(&mu)
        {
            let help = "choose it from 0 to below 1, as 0.9";
            return Err(Error::argument("momentum", format!("is {mu}"), help));
        }
        match self.stop {
            Some(stop) if !(stop >= 0.0 && stop.is_finite()) => {
                Err(Error::argument("stop", format!("is {stop}"), "give a length of the field, not negative"))
            }
            _ => Ok(()),
        }
    }
}

/// The states of a batch.
struct Batch {
    /// Index of the first sample.
    first: usize,
    state: Array2<f64>,
    before: Array2<f64>,
    /// Length of the field at every sample's last look.
    norms: Vec<f64>,
    steps: Vec<usize>,
    /// Rows that are not at rest, rising.
    moving: Vec<usize>,
}

impl Batch {
    fn new(state: Array2<f64>, first: usize) -> Self {
        let n = state.nrows();
        let before = state.clone();
        Batch { first, before, state, norms: vec![0.0; n], steps: vec![0; n], moving: (0..n).collect() }
    }
}

/// The direction that leads away from the data.
struct Residual<'a> {
    field: &'a dyn Autonomous,
    /// Whether it is u − f(u).
    from_data: bool,
}

impl<'a> Residual<'a> {
    fn of(field: &'a dyn Autonomous) -> Result<Self> {
        match field.target() {
            Target::Equilibrium | Target::Velocity => Ok(Residual { field, from_data: false }),
            Target::Data => Ok(Residual { field, from_data: true }),
            target @ (Target::Noise | Target::VPrediction) => Err(Error::argument(
                "field",
                format!("predicts the {target}, which does not lead to the data without a noise level"),
                "give it the clock (Clocked), or descend a field that predicts equilibrium, data or velocity",
            )),
        }
    }

    fn at(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut field = self.field.field(u)?;
        if field.dim() != u.dim() {
            return Err(Error::shape(
                "the answer of the field",
                format!("{:?}", field.dim()),
                format!("{:?}", u.dim()),
            ));
        }
        if self.from_data {
            field.zip_mut_with(&u, |f, u| *f = u - *f);
        }
        Ok(field)
    }
}
