//! Sampling by a blind denoiser that measures its own noise (arXiv 2007.13640, algorithm 1), and that measurement.
//!
//! ```text
//! σ_t  = |D(u) − u|/√d                                                   what the residual says of the noise
//! h_t  = h₀ t/(1 + h₀(t − 1))                                            from h₀ towards 1
//! γ_t² = [(1 − βh_t)² − (1 − h_t)²] σ_t²
//! u   ← u + h_t (D(u) − u) + γ_t z,   z ~ N(0, I)                        until σ_t ≤ σ_end
//! ```
//!
//! A part h_t of the residual is taken, and as much noise put back as makes σ_t fall by 1 − βh_t a step: β = 1 adds none and
//! goes straight uphill, a small β wanders long. The law holds as far as residual and noise fill the same d directions:
//! on a linear subspace of k dimensions, D = Pu, the squared fall is (1 − h)² + [(1 − βh)² − (1 − h)²](1 − k/d).
//!
//! # What the residual says, and what it leaves out
//!
//! For D(u) = E[x₀|u] at the level σ, Tweedie's u − D = −σ² ∇log p_σ and an integration by parts give, for every law of data,
//!
//! ```text
//! E|u − D|² = σ⁴ E|∇log p_σ|² = −σ⁴ E[Δ log p_σ] = σ² (d − E tr J),      J = ∂D/∂u = I + σ²∇²log p_σ
//! ```
//!
//! On a Gaussian of k dimensions far wider than σ, D is the projection and tr J = k: the residual is the noise across the
//! subspace alone, (d − k)σ². So |u − D|/√d is too small by √(1 − tr J/d), and tr J is the dimension that the data seem to
//! have at this level; [`corrected_noise`] undoes it where the trace is known. A blind denoiser that does not hit the level
//! adds its own error.

use std::ops::{ControlFlow, Range};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip};

use super::{Autonomous, Target};
use crate::error::{Error, Result};
use crate::points::require_finite;
use crate::random::{Purpose, Stream};
use crate::sampler::{Observer, Progress};

/// A sample stalls when, while its noise should have fallen to this part, …
const FORESEEN: f64 = 0.25;
/// … in at least so many steps (one bad draw is none), …
const PATIENCE: usize = 12;
/// … it has not fallen to this part: less than a sixth of the rate.
const FALLEN: f64 = 0.8;

/// u − D(u) of every row, `[batch, d]`, of a field that predicts the data, or the residual itself.
///
/// # Errors
/// As [`Autonomous::field`]; if f predicts something else, from which D follows only where the level is known; or if it
/// gives a value that is not finite.
pub fn residual(field: &dyn Autonomous, u: ArrayView2<f64>) -> Result<Array2<f64>> {
    check_target(field)?;
    let mut out = field.field(u)?;
    if out.dim() != u.dim() {
        return Err(Error::shape("the field", format!("{:?}", out.dim()), format!("{:?} (as u)", u.dim())));
    }
    require_finite("the field", out.view())?;
    if field.target() == Target::Data {
        Zip::from(&mut out).and(&u).for_each(|f, &u| *f = u - *f);
    }
    Ok(out)
}

/// |u − D(u)|/√d of every row: the noise that the denoiser finds. In the mean it is √(1 − tr J/d) of the truth:
/// [`corrected_noise`]. Errors as [`residual`].
///
/// ```
/// use ndarray::{Array2, ArrayView2, array};
/// use ridgewalk::autonomous::{Autonomous, Target, corrected_noise, implied_noise};
///
/// /// Data on the first of four axes.
/// struct Line;
/// impl Autonomous for Line {
///     fn dim(&self) -> usize {
///         4
///     }
///     fn field(&self, u: ArrayView2<f64>) -> ridgewalk::Result<Array2<f64>> {
///         Ok(&u * &array![1.0, 0.0, 0.0, 0.0])
///     }
///     fn target(&self) -> Target {
///         Target::Data
///     }
/// }
///
/// let u = array![[7.0, 1.0, -1.0, 1.0]];
/// let implied = implied_noise(&Line, u.view())?;
/// assert_eq!(implied[0], 3f64.sqrt() / 2.0);
/// assert!((corrected_noise(implied[0], 4, 1.0)? - 1.0).abs() < 1e-15);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub fn implied_noise(field: &dyn Autonomous, u: ArrayView2<f64>) -> Result<Array1<f64>> {
    Ok(residual(field, u)?.outer_iter().map(root_mean_square).collect())
}

/// The noise level behind an implied one, σ√(d/(d − tr J)), with the trace of the denoiser's Jacobian there.
///
/// # Errors
/// If the trace is not below d (such a denoiser takes no noise away), or a value is not finite.
pub fn corrected_noise(implied: f64, dim: usize, trace: f64) -> Result<f64> {
    let d = dim as f64;
    if trace < d && trace.is_finite() && implied >= 0.0 && implied.is_finite() {
        return Ok(implied * (d / (d - trace)).sqrt());
    }
    Err(Error::argument(
        "trace",
        format!("is {trace}, of a denoiser in {dim} dimensions that finds the noise {implied}"),
        "the correction is for a trace below the dimension",
    ))
}

fn root_mean_square(row: ArrayView1<f64>) -> f64 {
    (row.iter().map(|v| v * v).sum::<f64>() / row.len().max(1) as f64).sqrt()
}

fn check_target(field: &dyn Autonomous) -> Result<()> {
    match field.target() {
        Target::Data | Target::Equilibrium => Ok(()),
        other => Err(Error::argument(
            "field",
            format!("predicts the {other}, from which the data follow only where the noise level is known"),
            "give one that predicts the data or the equilibrium residual",
        )),
    }
}

/// How a sample's run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// At or below the last noise level.
    Reached,
    /// The noise that the denoiser finds no longer falls: it leaves no image alone, or knows no lower level.
    Stalled,
    /// After as many steps as were allowed.
    StepLimit,
}

/// What [`CoarseToFine`] gives.
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseToFineRun {
    /// The samples, `[n, d]`.
    pub points: Array2<f64>,
    /// Steps that each took.
    pub steps: Vec<usize>,
    /// How each ended.
    pub endings: Vec<Ending>,
    /// Noise that the denoiser found in each: before every step, and last in the sample itself.
    pub noise: Vec<Vec<f64>>,
}

/// The coarse-to-fine sampler of a blind denoiser's implicit prior (arXiv 2007.13640, algorithm 1): see the module's head.
///
/// It is told no schedule: every sample goes on until its own residual says that it is clean. All noise is keyed by (seed,
/// sample, step), so that samples depend neither on their batch nor on threads.
#[derive(Debug, Clone, PartialEq)]
pub struct CoarseToFine {
    levels: Range<f64>,
    first: f64,
    beta: f64,
    limit: usize,
    seed: u64,
    batch: usize,
}

impl CoarseToFine {
    /// From the noise level `levels.end` down to `levels.start`, with h₀ = 0.01, β = 1 (no noise put back), at
    /// most 10 000 steps, seed 0, and batches of 64.
    ///
    /// # Errors
    /// If the levels are not positive, finite and rising.
    pub fn new(levels: Range<f64>) -> Result<Self> {
        if levels.start > 0.0 && levels.end > levels.start && levels.end.is_finite() {
            return Ok(CoarseToFine { levels, first: 0.01, beta: 1.0, limit: 10_000, seed: 0, batch: 64 });
        }
        Err(Error::argument(
            "levels",
            format!("go from {} down to {}", levels.end, levels.start),
            "choose two positive noise levels, the lower first",
        ))
    }

    /// With another first part h₀ of the residual, in (0, 1].
    ///
    /// # Errors
    /// If it is out of that range.
    pub fn first_step(self, first: f64) -> Result<Self> {
        Ok(CoarseToFine { first: within("h0", first)?, ..self })
    }

    /// With another β in (0, 1]: how fast the noise falls, as a part of how fast it could.
    ///
    /// # Errors
    /// If it is out of that range.
    pub fn beta(self, beta: f64) -> Result<Self> {
        Ok(CoarseToFine { beta: within("beta", beta)?, ..self })
    }

    /// With another limit on steps.
    pub fn step_limit(self, limit: usize) -> Self {
        CoarseToFine { limit, ..self }
    }

    /// With another seed.
    pub fn seed(self, seed: u64) -> Self {
        CoarseToFine { seed, ..self }
    }

    /// With another batch size (0 counts as 1): memory and speed change, samples do not.
    pub fn batch(self, batch: usize) -> Self {
        CoarseToFine { batch: batch.max(1), ..self }
    }

    /// The noise levels, lowest first.
    pub fn levels(&self) -> Range<f64> {
        self.levels.clone()
    }

    /// h_t of step t, from 1.
    pub fn part(&self, t: usize) -> f64 {
        let t = t as f64;
        self.first * t / (1.0 + self.first * (t - 1.0))
    }

    /// γ_t/σ_t of step t, from 1: the noise that is put back.
    pub fn churn(&self, t: usize) -> f64 {
        let h = self.part(t);
        let (wanted, left) = (1.0 - self.beta * h, 1.0 - h);
        (wanted * wanted - left * left).max(0.0).sqrt()
    }

    /// n samples from the field's mean (0 where it knows none) with noise of the highest level.
    ///
    /// # Errors
    /// If the field predicts neither the data nor the equilibrium residual, n is 0, or a value stops being finite.
    pub fn run(&self, field: &dyn Autonomous, n: usize) -> Result<CoarseToFineRun> {
        self.run_observed(field, n, &mut |_: &Progress| ControlFlow::Continue(()))
    }

    /// [`CoarseToFine::run`], telling `observer` of every step: of the samples that still go on, with the largest noise
    /// that is found in any of them. Errors as there, and [`Error::Stopped`].
    pub fn run_observed(
        &self,
        field: &dyn Autonomous,
        n: usize,
        observer: &mut dyn Observer,
    ) -> Result<CoarseToFineRun> {
        if n == 0 {
            return Err(Error::argument("n", "is 0", "draw at least one sample"));
        }
        let mean = field.moments().map_or_else(|| Array1::zeros(field.dim()), |moments| moments.mean);
        if mean.len() != field.dim() {
            return Err(Error::shape("the field's mean", mean.len(), field.dim()));
        }
        let start = |sample: u64| {
            let mut stream = Stream::new(self.seed, Purpose::Start, sample, 0);
            let mut state = mean.clone();
            state.iter_mut().for_each(|value| *value += self.levels.end * stream.normal());
            state
        };
        self.run_batches(field, n, &start, observer)
    }

    /// From states of one's own, `[n, d]`, such as images of unknown noise. Errors as [`CoarseToFine::run_observed`], and if
    /// the states do not fit the field or are not finite.
    pub fn run_from(
        &self,
        field: &dyn Autonomous,
        states: ArrayView2<f64>,
        observer: &mut dyn Observer,
    ) -> Result<CoarseToFineRun> {
        if states.ncols() != field.dim() {
            return Err(Error::shape("states", format!("{} columns", states.ncols()), field.dim()));
        }
        if states.nrows() == 0 {
            return Err(Error::empty("the set of states", "give at least one"));
        }
        require_finite("states", states)?;
        let start = |sample: u64| states.row(sample as usize).to_owned();
        self.run_batches(field, states.nrows(), &start, observer)
    }

    fn run_batches(
        &self,
        field: &dyn Autonomous,
        n: usize,
        start: &dyn Fn(u64) -> Array1<f64>,
        observer: &mut dyn Observer,
    ) -> Result<CoarseToFineRun> {
        check_target(field)?;
        let mut run = CoarseToFineRun {
            points: Array2::zeros((n, field.dim())),
            steps: vec![0; n],
            endings: vec![Ending::StepLimit; n],
            noise: vec![Vec::new(); n],
        };
        for first in (0..n).step_by(self.batch) {
            let mut samples: Vec<u64> = (first as u64..(first + self.batch).min(n) as u64).collect();
            let mut states = Array2::zeros((samples.len(), field.dim()));
            for (mut row, &sample) in states.outer_iter_mut().zip(&samples) {
                row.assign(&start(sample));
            }
            let mut watches = vec![Watch::default(); samples.len()];
            for t in 1.. {
                let residual = residual(field, states.view())?;
                let noise: Vec<f64> = residual.outer_iter().map(root_mean_square).collect();
                let (mut going, mut largest) = (Vec::new(), 0f64);
                for (row, (&sample, watch)) in samples.iter().zip(&mut watches).enumerate() {
                    let (at, noise) = (sample as usize, noise[row]);
                    run.noise[at].push(noise);
                    match self.ending(noise, t, watch) {
                        None => {
                            going.push(row);
                            largest = largest.max(noise);
                        }
                        Some(ending) => {
                            run.points.row_mut(at).assign(&states.row(row));
                            (run.steps[at], run.endings[at]) = (t - 1, ending);
                        }
                    }
                }
                if going.is_empty() {
                    break;
                }
                samples = going.iter().map(|&row| samples[row]).collect();
                watches = going.iter().map(|&row| watches[row].clone()).collect();
                states = states.select(Axis(0), &going);
                self.step(&mut states, &residual.select(Axis(0), &going), &samples, t)?;
                let progress = Progress {
                    step: t,
                    steps: self.limit,
                    finished: first,
                    total: n,
                    sigma: largest,
                    samples: &samples,
                    state: states.view(),
                };
                if observer.observe(&progress).is_break() {
                    return Err(Error::Stopped { step: t - 1 });
                }
            }
        }
        Ok(run)
    }

    /// Whether a sample of this noise takes no step t.
    fn ending(&self, noise: f64, t: usize, watch: &mut Watch) -> Option<Ending> {
        if noise <= self.levels.start {
            return Some(Ending::Reached);
        }
        if t > self.limit {
            return Some(Ending::StepLimit);
        }
        if watch.steps >= PATIENCE && watch.foreseen <= FORESEEN {
            if noise > FALLEN * watch.noise {
                return Some(Ending::Stalled);
            }
            watch.steps = 0;
        }
        if watch.steps == 0 {
            *watch = Watch { noise, steps: 0, foreseen: 1.0 };
        }
        watch.steps += 1;
        watch.foreseen *= 1.0 - self.beta * self.part(t);
        None
    }

    fn step(
        &self,
        states: &mut Array2<f64>,
        residual: &Array2<f64>,
        samples: &[u64],
        t: usize,
    ) -> Result<()> {
        let (part, churn) = (self.part(t), self.churn(t));
        for ((mut state, residual), &sample) in
            states.outer_iter_mut().zip(residual.outer_iter()).zip(samples)
        {
            let sigma = root_mean_square(residual);
            state.scaled_add(-part, &residual);
            if churn > 0.0 {
                let mut stream = Stream::new(self.seed, Purpose::Churn, sample, t as u64);
                state.iter_mut().for_each(|value| *value += churn * sigma * stream.normal());
            }
            if state.iter().any(|value| !value.is_finite()) {
                return Err(Error::Diverged { step: t - 1, sigma, sample });
            }
        }
        Ok(())
    }
}

/// Whether a sample still gets on.
#[derive(Debug, Clone, Default)]
struct Watch {
    /// Noise when the watch began.
    noise: f64,
    /// Steps since then.
    steps: usize,
    /// What part of it they should have left.
    foreseen: f64,
}

fn within(name: &'static str, value: f64) -> Result<f64> {
    if value > 0.0 && value <= 1.0 {
        return Ok(value);
    }
    Err(Error::argument(name, format!("is {value}"), "choose a number above 0 and at most 1"))
}
