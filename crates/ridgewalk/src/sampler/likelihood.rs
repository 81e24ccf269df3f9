//! Log-likelihoods by the probability-flow ODE with the exact divergence.
//!
//! With t = σ² the flow is dx/dt = −½ s(x, t), s = (D − x)/t, and along it
//!
//! ```text
//! log p(x₀) = log p_T(x_T) − ½ ∫ div s dt,    div s = (tr J − d)/t         (arXiv 2011.13456, eq. 39)
//! ```
//!
//! from the lowest level of a schedule to its highest, where p_T is the Gaussian from which a sampler
//! starts. p is the density of what the sampler's exact flow makes of that Gaussian at the lowest level.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::denoiser::{Denoiser, Differentiable, check_query};
use crate::error::{Error, Result};
use crate::schedule::Schedule;

/// The Gaussian p_T at the highest noise level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Start {
    /// N(mean, σ_max² + σ_data²), as a sampler starts, where the model knows its moments; otherwise as
    /// [`Start::Noise`].
    #[default]
    Marginal,
    /// N(0, σ_max²), as the experiments of arXiv 2510.02305 have it.
    Noise,
}

/// A step of the ODE in t = σ².
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Integrator {
    /// The explicit Euler method: first order, one evaluation of D and of tr J a step.
    Euler,
    /// Heun's method: second order, two of them.
    #[default]
    Heun,
}

/// Schedule, start and integrator of a log-likelihood.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::sampler::likelihood::LogLikelihood;
/// use ridgewalk::{Density, LogLinear};
///
/// let model = Gaussian::new(array![1.0, 0.0], Covariance::isotropic(2, 0.25)?)?;
/// let x = array![[1.3, -0.4]];
/// let found = LogLikelihood::new(LogLinear::new(0.01..50.0, 1600)).run(&model, x.view())?;
/// assert!((found[0] - model.log_density(x.view(), 0.01)?[0]).abs() < 1e-3);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogLikelihood<S> {
    schedule: S,
    start: Start,
    integrator: Integrator,
}

impl<S: Schedule> LogLikelihood<S> {
    /// Over the levels of this schedule, by Heun's method, against the marginal at the highest level.
    pub fn new(schedule: S) -> Self {
        LogLikelihood { schedule, start: Start::default(), integrator: Integrator::default() }
    }

    /// With another Gaussian at the highest level.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// With another integrator.
    pub fn integrator(mut self, integrator: Integrator) -> Self {
        self.integrator = integrator;
        self
    }

    /// log p(x) of every row of `x` (`[batch, d]`, at the lowest level), `[batch]`, in nats.
    ///
    /// # Errors
    /// If x does not have d columns or is not finite, the schedule makes no grid, the model has no exact
    /// derivatives (wrap it in [`FiniteDifference`](crate::FiniteDifference)), or a state stops being finite.
    pub fn run<D: Denoiser + ?Sized>(&self, model: &D, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        let mut levels = self.schedule.levels()?;
        levels.reverse();
        check_query(model.dim(), x, levels.first().copied().unwrap_or(1.0))?;
        let model_derivatives = model.differentiable().ok_or_else(|| {
            let help = "wrap it in FiniteDifference";
            Error::argument("model", "has no exact derivatives, which a likelihood needs", help)
        })?;
        let mut state = x.to_owned();
        let mut integral = Array1::<f64>::zeros(x.nrows());
        for (step, pair) in levels.windows(2).enumerate() {
            let &[from, to] = pair else { continue };
            let h = to * to - from * from;
            let (drift, change) = flow(model_derivatives, state.view(), from)?;
            match self.integrator {
                Integrator::Euler => {
                    state.scaled_add(h, &drift);
                    integral.scaled_add(h, &change);
                }
                Integrator::Heun => {
                    let mut ahead = state.clone();
                    ahead.scaled_add(h, &drift);
                    require_finite(&ahead, step, from)?;
                    let (drift_ahead, change_ahead) = flow(model_derivatives, ahead.view(), to)?;
                    state.scaled_add(0.5 * h, &drift);
                    state.scaled_add(0.5 * h, &drift_ahead);
                    integral.scaled_add(0.5 * h, &change);
                    integral.scaled_add(0.5 * h, &change_ahead);
                }
            }
            require_finite(&state, step, from)?;
        }
        Ok(self.log_start(model, &state, levels.last().copied().unwrap_or(1.0)) + integral)
    }

    fn log_start<D: Denoiser + ?Sized>(&self, model: &D, x: &Array2<f64>, sigma: f64) -> Array1<f64> {
        let moments = model.moments().filter(|_| self.start == Start::Marginal);
        let (variance, centred) = match moments {
            None => (sigma * sigma, x.clone()),
            Some(moments) => (sigma * sigma + moments.std * moments.std, x - &moments.mean),
        };
        let constant = x.ncols() as f64 * libm::log(std::f64::consts::TAU * variance);
        centred.map_axis(Axis(1), |row| -0.5 * (constant + row.dot(&row) / variance))
    }
}

/// dx/dt and its divergence, `[batch, d]` and `[batch]`.
fn flow(model: &dyn Differentiable, x: ArrayView2<f64>, sigma: f64) -> Result<(Array2<f64>, Array1<f64>)> {
    let variance = sigma * sigma;
    let mut drift = model.denoise(x, sigma)?;
    Zip::from(&mut drift).and(&x).for_each(|d, x| *d = -0.5 * (*d - x) / variance);
    let dim = x.ncols() as f64;
    let change = model.divergence(x, sigma)?.mapv_into(|trace| -0.5 * (trace - dim) / variance);
    Ok((drift, change))
}

fn require_finite(state: &Array2<f64>, step: usize, sigma: f64) -> Result<()> {
    match state.outer_iter().position(|row| row.iter().any(|v| !v.is_finite())) {
        None => Ok(()),
        Some(row) => Err(Error::Diverged { step, sigma, sample: row as u64 }),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::closed_form::{Covariance, Gaussian};
    use crate::denoiser::Density;
    use crate::schedule::{Levels, LogLinear};

    fn gaussian() -> Gaussian {
        let covariance = Covariance::from_dense(array![[2.0, 0.6], [0.6, 0.5]].view()).unwrap();
        Gaussian::new(array![1.0, -2.0], covariance).unwrap()
    }

    /// The flow of a Gaussian is linear, so that its likelihood is a Gaussian's at any level; the start is
    /// not quite its marginal (4e-4 here). The errors fall as the first and the second power of the steps.
    #[test]
    fn a_gaussian_has_its_density() {
        let (model, x) = (gaussian(), array![[1.5, -2.0], [0.0, -1.0], [4.0, -2.5]]);
        let exact = model.log_density(x.view(), 0.05).unwrap();
        let error = |integrator, steps: usize| {
            let run = LogLikelihood::new(LogLinear::new(0.05..200.0, steps + 1)).integrator(integrator);
            let found = run.run(&model, x.view()).unwrap();
            (&found - &exact).iter().fold(0.0f64, |m, e| m.max(e.abs()))
        };
        assert!(error(Integrator::Heun, 1600) < 1e-3);
        let euler = (error(Integrator::Euler, 400), error(Integrator::Euler, 800));
        assert!((euler.0 / euler.1 - 2.0).abs() < 0.2, "{euler:?}");
        let heun = (error(Integrator::Heun, 100), error(Integrator::Heun, 200));
        assert!((heun.0 / heun.1 - 4.0).abs() < 0.8, "{heun:?}");
    }

    /// One Euler step by hand in one dimension: N(0, 1) from t = 1 to 4 at x = 2. D = x/2, s = −1, so
    /// x_T = 2 + 3·½ = 3.5; div s = −½, so the integral is ¾; p_T = N(0, 4).
    #[test]
    fn one_step_by_hand() {
        let model = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0).unwrap()).unwrap();
        let run =
            LogLikelihood::new(Levels(vec![2.0, 1.0])).start(Start::Noise).integrator(Integrator::Euler);
        let found = run.run(&model, array![[2.0]].view()).unwrap()[0];
        let expected = -0.5 * (libm::log(8.0 * std::f64::consts::PI) + 3.5 * 3.5 / 4.0) + 0.75;
        assert!((found - expected).abs() < 1e-14, "{found} {expected}");
    }

    #[test]
    fn a_model_without_derivatives_is_told() {
        let run = LogLikelihood::new(Levels(vec![2.0, 1.0]));
        struct Plain;
        impl Denoiser for Plain {
            fn dim(&self) -> usize {
                1
            }
            fn denoise(&self, x: ArrayView2<f64>, _: f64) -> Result<Array2<f64>> {
                Ok(x.to_owned())
            }
        }
        let message = run.run(&Plain, array![[2.0]].view()).unwrap_err().to_string();
        assert!(message.contains("FiniteDifference"), "{message}");
        assert!(run.run(&gaussian(), array![[2.0]].view()).is_err());
    }
}
