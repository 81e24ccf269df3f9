//! The state from which a sampler starts, at its highest noise level.
//!
//! ```text
//! Gaussian   x = m + √(σ_max² + σ_data²) ε        (σ_max ε where the model does not know its moments)
//! exact      x = x₀ + σ_max ε                     x₀ drawn from the model
//! ```
//!
//! The Gaussian has the mean and the total variance of the exact law N(0, σ_max² I) * p, not its shape. With
//! λ_i the eigenvalues of the data's covariance, the divergence between the two Gaussians of these moments is
//! close to
//!
//! ```text
//! KL ≈ ¼ Σ_i (λ_i − σ_data²)²/σ_max⁴ ≤ ¼ (d σ_data²/σ_max²)²
//! ```
//!
//! which data on a line come close to. At σ_max = 2√d σ_data it is 1/64 nats at the most, and for data whose
//! variance is spread over k directions about k times less: the start is no source of error from there on.

use ndarray::Array2;

use super::Sampler;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::{Purpose, Stream};
use crate::schedule::{Schedule, checked};
use crate::solver::Solver;

/// The Gaussian start counts as accurate from this many √d σ_data on …
const IN_NORMS: f64 = 2.0;
/// … and from this many σ_data on in any dimension: EDM's range, which reaches 160 σ_data, starts as it does.
const IN_DEVIATIONS: f64 = 100.0;
/// A stream's step, which tells the draw of x₀ from that of ε.
const NOISE: u64 = 0;
const DATA: u64 = 1;

/// From which law a sampler's states start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// [`Start::Exact`] where the model can be drawn from and the highest level is below
    /// min(2√d, 100)·σ_data, otherwise [`Start::Gaussian`].
    #[default]
    Auto,
    /// m + √(σ_max² + σ_data²)·ε; σ_max·ε where the model does not know its moments.
    Gaussian,
    /// x₀ + σ_max·ε with x₀ drawn from the model ([`Denoiser::draw`]).
    Exact,
}

impl<V: Solver, S: Schedule> Sampler<V, S> {
    /// With another law of the start. Noise ε and data x₀ are keyed by (seed, sample): the noise is the same
    /// for either law.
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::closed_form::Empirical;
    /// use ridgewalk::sampler::Start;
    /// use ridgewalk::{Euler, Levels, PointSet, Sampler};
    ///
    /// // At σ = 0.1 a state is next to one of the two points, not on the way between them.
    /// let model = Empirical::new(&PointSet::vectors(array![[-5.0], [5.0]])?)?;
    /// let sampler = Sampler::new(Euler, Levels(vec![0.1])).start(Start::Exact);
    /// let ends = sampler.run(&model, 100)?.points;
    /// assert!(ends.iter().all(|x| x.abs() == 5.0));
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// The states from which [`Sampler::run`] carries n samples, `[n, d]`, at the highest level of the schedule:
    /// before the part of the way that a teleport takes.
    ///
    /// # Errors
    /// If the schedule makes no grid, or the start is to be exact and the model cannot be drawn from.
    pub fn starts<D: Denoiser + ?Sized>(&self, model: &D, n: usize) -> Result<Array2<f64>> {
        let levels = checked(self.schedule.levels()?)?;
        let samples: Vec<u64> = (0..n as u64).collect();
        self.start_states(model, levels.first().copied().unwrap_or_default(), &samples)
    }

    /// Whether states of this model start from their exact law at this level.
    pub(super) fn starts_exactly<D: Denoiser + ?Sized>(&self, model: &D, sigma: f64) -> Result<bool> {
        let can_draw = || model.draw(&mut Stream::new(self.seed, Purpose::Start, 0, DATA)).is_some();
        match self.start {
            Start::Gaussian => Ok(false),
            Start::Auto => {
                let norm = IN_NORMS * (model.dim() as f64).sqrt();
                let low = |m: Moments| sigma < norm.min(IN_DEVIATIONS) * m.std;
                Ok(model.moments().is_some_and(low) && can_draw())
            }
            Start::Exact if can_draw() => Ok(true),
            Start::Exact => Err(Error::argument(
                "start",
                "is to be exact, and the model cannot be drawn from",
                "choose the Gaussian start, with a highest noise level far above the data's scale",
            )),
        }
    }

    /// The states of these samples at the highest level, `[samples, d]`.
    pub(super) fn start_states<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        sigma: f64,
        samples: &[u64],
    ) -> Result<Array2<f64>> {
        let exact = self.starts_exactly(model, sigma)?;
        let moments = model.moments().filter(|_| !exact);
        let scale = gaussian_deviation(moments.as_ref(), sigma);
        let mut x = Array2::zeros((samples.len(), model.dim()));
        for (mut row, &sample) in x.outer_iter_mut().zip(samples) {
            let mut stream = Stream::new(self.seed, Purpose::Start, sample, NOISE);
            row.iter_mut().for_each(|v| *v = scale * stream.normal());
            if let Some(moments) = &moments {
                row += &moments.mean;
            }
            let mut stream = Stream::new(self.seed, Purpose::Start, sample, DATA);
            if let Some(data) = exact.then(|| model.draw(&mut stream)).flatten() {
                if data.len() != row.len() {
                    return Err(Error::shape("a draw from the model", data.len(), row.len()));
                }
                row += &data;
            }
        }
        Ok(x)
    }
}

/// Standard deviation of the Gaussian start in every coordinate.
pub(super) fn gaussian_deviation(moments: Option<&Moments>, sigma: f64) -> f64 {
    moments.map_or(sigma, |m| sigma.hypot(m.std))
}
