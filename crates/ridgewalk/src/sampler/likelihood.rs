//! Log-likelihoods by the probability-flow ODE.
//!
//! With t = σ² the flow is dx/dt = −½ s(x, t), s = (D − x)/t; in log σ it is dx/d log σ = x − D. Along it
//!
//! ```text
//! log p(x₀) = log p_T(x_T) − ½ ∫ div s dt,    div s = (tr J − d)/t         (arXiv 2011.13456, eq. 39)
//!           = log p_T(x_T) + ∫ (d − tr J) d log σ
//! ```
//!
//! from the lowest level of a schedule to its highest, where p_T is the Gaussian from which a sampler
//! starts. p is the density of what the sampler's exact flow makes of that Gaussian at the lowest level.

mod divergence;

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::denoiser::{Denoiser, Differentiable, check_query};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::schedule::Schedule;
pub(crate) use divergence::Probes;
use divergence::mean_and_error;

pub use divergence::{Divergence, ProbeLaw};

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

/// A step of the ODE.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Integrator {
    /// The explicit Euler method: first order, one evaluation of D and of tr J a step.
    Euler,
    /// Heun's method: second order, two of them.
    #[default]
    Heun,
    /// The classical Runge–Kutta method: fourth order, four of them.
    RungeKutta4,
}

/// The variable in which the ODE is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Variable {
    /// t = σ², as the experiments of arXiv 2510.02305 have it.
    #[default]
    Variance,
    /// log σ, in which the flow is smooth at every scale: for levels even in log σ. Where the model knows its
    /// moments, the part of the flow that an isotropic Gaussian of these would have is taken exactly.
    LogSigma,
}

impl Variable {
    /// Its change from one level to another.
    fn between(self, from: f64, to: f64) -> f64 {
        match self {
            Variable::Variance => (to - from) * (to + from),
            Variable::LogSigma => libm::log(to / from),
        }
    }

    /// The level half of the way.
    fn middle(self, from: f64, to: f64) -> f64 {
        match self {
            Variable::Variance => (0.5 * (from * from + to * to)).sqrt(),
            Variable::LogSigma => from * (to / from).sqrt(),
        }
    }

    /// dx = rate·(x − D) of a unit of it.
    fn rate(self, sigma: f64) -> f64 {
        match self {
            Variable::Variance => 0.5 / (sigma * sigma),
            Variable::LogSigma => 1.0,
        }
    }
}

/// A log-likelihood with what it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimate {
    /// log p of every row, `[batch]`, in nats.
    pub log_density: Array1<f64>,
    /// Its standard error over the probes, `[batch]`: none if the divergence is exact, or of one probe. It
    /// does not hold the error of the steps.
    pub standard_error: Option<Array1<f64>>,
    /// Evaluations of D that a row took.
    pub evaluations: usize,
    /// Jacobian products beside them; of the exact divergence d an evaluation, unless the model has its own.
    pub products: usize,
}

/// Bits per dimension of data in `dim` dimensions whose log-density is `log_density`, in nats: −log₂ p/d.
///
/// `bin_width` is the grid on which the data lie, in the units of the density: 1/255 of the range for 8-bit
/// images (2/255 if they were scaled to [−1, 1]), to which −log₂ of it is added, the bits of one bin; 1 for
/// data without a grid.
///
/// ```
/// use ridgewalk::sampler::likelihood::bits_per_dimension;
///
/// // A density of 1 on the unit cube of 8-bit values: nothing is known of the 256 bins.
/// assert!((bits_per_dimension(0.0, 3, 1.0 / 256.0)? - 8.0).abs() < 1e-12);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the dimension is 0 or the width is not a positive number.
pub fn bits_per_dimension(log_density: f64, dim: usize, bin_width: f64) -> Result<f64> {
    if dim == 0 {
        return Err(Error::argument("dim", "is 0", "give the number of coordinates of a point"));
    }
    if !(bin_width > 0.0 && bin_width.is_finite()) {
        let help = "give the distance of neighbouring values, or 1 for data without a grid";
        return Err(Error::argument("bin_width", format!("is {bin_width}"), help));
    }
    Ok(-(log_density / dim as f64 + libm::log(bin_width)) / std::f64::consts::LN_2)
}

/// Schedule, start and integrator of a log-likelihood.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::sampler::likelihood::{Integrator, LogLikelihood, Variable};
/// use ridgewalk::{Density, LogLinear};
///
/// let model = Gaussian::new(array![1.0, 0.0], Covariance::isotropic(2, 0.25)?)?;
/// let x = array![[1.3, -0.4]];
/// let likelihood = LogLikelihood::new(LogLinear::new(0.01..50.0, 41));
/// let likelihood = likelihood.variable(Variable::LogSigma).integrator(Integrator::RungeKutta4);
/// let found = likelihood.run(&model, x.view())?;
/// assert!((found[0] - model.log_density(x.view(), 0.01)?[0]).abs() < 1e-3);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct LogLikelihood<S> {
    schedule: S,
    start: Start,
    integrator: Integrator,
    variable: Variable,
    divergence: Divergence,
}

impl<S: Schedule> LogLikelihood<S> {
    /// Over the levels of this schedule, by Heun's method in t = σ² with the exact divergence, against the
    /// marginal at the highest level.
    pub fn new(schedule: S) -> Self {
        let (start, integrator) = (Start::default(), Integrator::default());
        let (variable, divergence) = (Variable::default(), Divergence::default());
        LogLikelihood { schedule, start, integrator, variable, divergence }
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

    /// In another variable.
    pub fn variable(mut self, variable: Variable) -> Self {
        self.variable = variable;
        self
    }

    /// With another divergence. By Hutchinson's probes it is unbiased, at the cost of one Jacobian product a
    /// probe: what makes it possible for a network, in [`FiniteDifference`](crate::FiniteDifference).
    pub fn divergence(mut self, divergence: Divergence) -> Self {
        self.divergence = divergence;
        self
    }

    /// log p(x) of every row of `x` (`[batch, d]`, at the lowest level), `[batch]`, in nats.
    ///
    /// # Errors
    /// If x does not have d columns or is not finite, the schedule makes no grid, there are no probes, the
    /// model has no derivatives (wrap it in [`FiniteDifference`](crate::FiniteDifference)), or a state stops
    /// being finite.
    pub fn run<D: Denoiser + ?Sized>(&self, model: &D, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        Ok(self.estimate(model, x)?.log_density)
    }

    /// As [`LogLikelihood::run`], with the standard error and what it took. Errors as there.
    pub fn estimate<D: Denoiser + ?Sized>(&self, model: &D, x: ArrayView2<f64>) -> Result<Estimate> {
        let mut levels = self.schedule.levels()?;
        levels.reverse();
        check_query(model.dim(), x, levels.first().copied().unwrap_or(1.0))?;
        let derivatives = model.differentiable().ok_or_else(|| {
            let help = "wrap it in FiniteDifference";
            Error::argument("model", "has no exact derivatives, which a likelihood needs", help)
        })?;
        let probes = Probes::new(self.divergence, x.dim())?;
        let moments = model.moments().filter(|_| self.variable == Variable::LogSigma);
        let (variable, model_probes) = (self.variable, &probes);
        let mut flow = Flow { model: derivatives, probes: model_probes, variable, moments, evaluations: 0 };
        let (lowest, highest) = (levels.first().copied(), levels.last().copied());
        let (lowest, highest) = (lowest.unwrap_or(1.0), highest.unwrap_or(1.0));
        let mut state = flow.inward(x.to_owned(), lowest);
        let mut integral = Array2::<f64>::zeros((x.nrows(), probes.estimates()));
        for (step, pair) in levels.windows(2).enumerate() {
            let &[from, to] = pair else { continue };
            let h = self.variable.between(from, to);
            let middle = self.variable.middle(from, to);
            // Level, part of the step at which it is asked, and weight of every slope.
            let stages: &[(f64, f64, f64)] = match self.integrator {
                Integrator::Euler => &[(from, 0.0, 1.0)],
                Integrator::Heun => &[(from, 0.0, 0.5), (to, 1.0, 0.5)],
                Integrator::RungeKutta4 => &[
                    (from, 0.0, 1.0 / 6.0),
                    (middle, 0.5, 1.0 / 3.0),
                    (middle, 0.5, 1.0 / 3.0),
                    (to, 1.0, 1.0 / 6.0),
                ],
            };
            let mut next = state.clone();
            let mut slope: Option<Array2<f64>> = None;
            for &(sigma, far, weight) in stages {
                let mut at = state.clone();
                if let Some(slope) = &slope {
                    at.scaled_add(far * h, slope);
                    require_finite(&at, step, from)?;
                }
                let (drift, change) = flow.at(at, sigma)?;
                next.scaled_add(weight * h, &drift);
                integral.scaled_add(weight * h, &change);
                slope = Some(drift);
            }
            state = next;
            require_finite(&state, step, from)?;
        }
        let evaluations = flow.evaluations;
        let (mean, standard_error) = mean_and_error(&integral);
        let volume = x.ncols() as f64 * libm::log(flow.scale(highest) / flow.scale(lowest));
        let log_density = self.log_start(model, &flow.outward(state, highest), highest) + mean + volume;
        let products = evaluations * probes.products(x.ncols());
        Ok(Estimate { log_density, standard_error, evaluations, products })
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

/// The flow with its divergence.
struct Flow<'a> {
    model: &'a dyn Differentiable,
    probes: &'a Probes,
    variable: Variable,
    /// Mean μ and deviation s, if the state is y = (x − μ)/c with c² = s² + σ², rather than x.
    moments: Option<Moments>,
    evaluations: usize,
}

impl Flow<'_> {
    /// c.
    fn scale(&self, sigma: f64) -> f64 {
        self.moments.as_ref().map_or(1.0, |m| m.std.hypot(sigma))
    }

    /// d log c/d log σ.
    fn growth(&self, sigma: f64) -> f64 {
        self.moments.as_ref().map_or(0.0, |m| sigma * sigma / (m.std * m.std + sigma * sigma))
    }

    /// y of x.
    fn inward(&self, mut x: Array2<f64>, sigma: f64) -> Array2<f64> {
        if let Some(moments) = &self.moments {
            x -= &moments.mean;
            x /= self.scale(sigma);
        }
        x
    }

    /// x of y.
    fn outward(&self, mut y: Array2<f64>, sigma: f64) -> Array2<f64> {
        if let Some(moments) = &self.moments {
            y *= self.scale(sigma);
            y += &moments.mean;
        }
        y
    }

    /// The derivative of y and the estimates of its divergence, `[batch, d]` and `[batch, estimates]`.
    fn at(&mut self, y: Array2<f64>, sigma: f64) -> Result<(Array2<f64>, Array2<f64>)> {
        self.evaluations += 1;
        let (rate, growth, scale) = (self.variable.rate(sigma), self.growth(sigma), self.scale(sigma));
        let x = self.outward(y.clone(), sigma);
        let mut drift = self.model.denoise(x.view(), sigma)?;
        Zip::from(&mut drift).and(&x).and(&y).for_each(|d, x, y| *d = rate * (x - *d) / scale - growth * y);
        let dim = x.ncols() as f64;
        let traces = self.probes.traces(self.model, x.view(), sigma)?;
        Ok((drift, traces.mapv_into(|trace| rate * (dim - trace) - growth * dim)))
    }
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
