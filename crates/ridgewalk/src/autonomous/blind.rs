//! The exact blind counterpart of a conditional model.
//!
//! ```text
//! p(t|u)   ∝ p(t) p(u|t)
//! f*(u)    = E_{t|u}[(d/σ) u + (c − dα/σ) D_t(u)]                                  (arXiv 2602.18428, eq. 7)
//! E(u)     = −ln ∫ p(u|t) p(t) dt          ∇E = E_{t|u}[(u − αD_t)/σ²]              (eqs. 9–11)
//! ∇²E      = E_{t|u}[(I − J_t)/σ²] − Cov_{t|u}(∇E_t)          ∇E_t = (u − αD_t)/σ²
//! f*       = λ̄ ∇E + E_{t|u}[(λ − λ̄)(∇E_t − ∇E)] + c̄ u                              (eqs. 14, 15)
//! ```
//!
//! with λ̄ = E_{t|u}[λ] and c̄ = E_{t|u}[c/α]. Everything is a combination Σⱼ cⱼ D_{tⱼ}(u) over the points of one adaptive
//! quadrature of the posterior, so the identities above hold to rounding.
//!
//! A model that is no [`Density`](crate::Density) gets p(u|t) from its own denoiser: see [`Blind::from`].

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use super::estimated::{Estimated, Grid};
use super::posterior::TimePosterior;
use super::quadrature::{self, MOMENTS};
use super::ray::{LEAST_SIGNAL, NEGLIGIBLE, Ray};
use super::{Autonomous, Coefficients, Target, TimePrior};
use crate::denoiser::{Denoiser, Differentiable, check_tangent};
use crate::error::{Error, Result};
use crate::points::{Moments, require_finite};
use crate::process::Process;
use crate::sampler::likelihood::Divergence;

/// Relative error of the evidence, unless [`Blind::tolerance`] says otherwise.
const TOLERANCE: f64 = 1e-10;

/// A conditional model, a process and a law of times: together the exact blind model.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::autonomous::{Autonomous, Blind, Target, TimePrior};
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::{FlowMatching, PointSet, Shape};
///
/// let data = PointSet::new(array![[-0.5, 0.25], [0.5, 0.5], [0.25, -0.5]], Shape::Vector(2))?;
/// let model = Empirical::new(&data)?;
/// let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0)?)?;
/// // Close to a point of the data the energy is low, and the field points away from it.
/// let energy = blind.energy(array![[0.0, 0.0], [0.5, 0.499]].view())?;
/// assert!(energy[1] < energy[0]);
/// let velocity = blind.field(Target::Velocity).field(array![[0.5, 0.52]].view())?;
/// assert!(velocity[[0, 1]] > 0.0);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct Blind<'a> {
    model: &'a dyn Denoiser,
    process: Box<dyn Process + 'a>,
    prior: TimePrior,
    /// (α, σ) at the times of a law of some times.
    levels: Vec<(f64, f64)>,
    /// ln of the integral of the prior's weight.
    log_normalization: f64,
    tolerance: f64,
    estimate: Divergence,
}

/// The parts of a blind field, in the manner of arXiv 2602.18428, eqs. 14 and 15; arrays are `[batch, d]` or `[batch]`.
#[derive(Debug, Clone, PartialEq)]
pub struct EnergyParts {
    /// f*(u) = natural + transport + drift.
    pub field: Array2<f64>,
    /// λ̄(u) ∇E(u).
    pub natural: Array2<f64>,
    /// The covariance of gain and gradient over the times that u may have.
    pub transport: Array2<f64>,
    /// c̄(u) u.
    pub drift: Array2<f64>,
    /// ∇E(u).
    pub gradient: Array2<f64>,
    /// λ̄(u), the conformal factor: the natural part is the gradient of E in the metric I/λ̄.
    pub conformal: Array1<f64>,
}

/// One point with its posterior, and what gives D at the posterior's times.
pub(super) struct Posed<'q> {
    pub(super) posterior: TimePosterior,
    means: Means<'q>,
}

enum Means<'q> {
    Ray(Box<dyn Ray + 'q>),
    /// D at every time, `[times, d]`.
    Grid(Array2<f64>),
}

impl<'a> Blind<'a> {
    /// The blind counterpart of `model` under a process and a law of times.
    ///
    /// p(u|t) is the model's own where it is a [`Density`](crate::Density). Otherwise it comes from the continuity
    /// equation that any denoiser of the process obeys,
    /// ∂ₜ ln p(u|t) = −∇·v_t − ⟨v_t, ∇ln p(u|t)⟩ with v_t the probability-flow velocity, integrated in ln t over a
    /// grid that resolves the posterior and anchored at the highest time by the Gaussian of the model's moments. It takes the trace of
    /// the Jacobian: the model's own if it is [`Differentiable`], else by finite differences; as [`Blind::divergence`] says.
    /// The constant of the anchor cancels in the posterior and in all fields, and is in the energy alone.
    ///
    /// # Errors
    /// If the law of times is not one of times at which the process has noise.
    pub fn from(model: &'a dyn Denoiser, process: impl Process + 'a, prior: TimePrior) -> Result<Self> {
        let process: Box<dyn Process + 'a> = Box::new(process);
        let range = prior.range();
        for t in [range.start, range.end] {
            let (alpha, sigma) = (process.alpha(t), process.sigma(t));
            if !(t <= process.end() && sigma > 0.0 && sigma.is_finite() && alpha >= 0.0) {
                return Err(Error::argument(
                    "prior",
                    format!(
                        "has the time {t}, where the process {} has alpha {alpha} and sigma {sigma}",
                        process.name()
                    ),
                    format!("choose times above 0 and at most {}", process.end()),
                ));
            }
        }
        let times = prior.points().map_or(&[][..], |(times, _)| times);
        let levels = times.iter().map(|&t| (process.alpha(t), process.sigma(t))).collect();
        let mut blind = Blind {
            model,
            levels,
            process,
            prior,
            log_normalization: 0.0,
            tolerance: TOLERANCE,
            estimate: Divergence::Exact,
        };
        if blind.prior.points().is_none() {
            let weight = |times: &[f64]| {
                Ok(times
                    .iter()
                    .map(|&t| (blind.prior.log_weight(&*blind.process, t), [1.0; MOMENTS]))
                    .collect())
            };
            let total = quadrature::integrate((range.start, range.end), 1, TOLERANCE, &weight)?;
            blind.log_normalization = total.log_total;
        }
        if !blind.log_normalization.is_finite() {
            return Err(Error::argument(
                "prior",
                "has no mass in its range",
                "choose another range of times",
            ));
        }
        Ok(blind)
    }

    /// With another bound on the relative error of the evidence (1e-10 by default). Sampling is well served by 1e-6.
    /// What is no positive number counts as the default.
    pub fn tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = if tolerance > 0.0 { tolerance } else { TOLERANCE };
        self
    }

    /// How the trace of the Jacobian is found where p(u|t) has to be estimated.
    pub fn divergence(mut self, divergence: Divergence) -> Self {
        self.estimate = divergence;
        self
    }

    /// Ambient dimension d.
    pub fn dim(&self) -> usize {
        self.model.dim()
    }

    /// The conditional model.
    pub fn model(&self) -> &dyn Denoiser {
        self.model
    }

    /// The process.
    pub fn process(&self) -> &dyn Process {
        &*self.process
    }

    /// The law of times.
    pub fn prior(&self) -> &TimePrior {
        &self.prior
    }

    /// Moments of the data, where the model knows them.
    pub(super) fn moments(&self) -> Option<Moments> {
        self.model.moments()
    }

    /// p(t|u) of every row of `u`, `[batch, d]`.
    ///
    /// # Errors
    /// If `u` does not have d columns or is not finite, or the model cannot be asked; so all that follow.
    pub fn posterior(&self, u: ArrayView2<f64>) -> Result<Vec<TimePosterior>> {
        self.each(u, |posed, _| Ok(posed.posterior))
    }

    /// The blind field that predicts `target`.
    pub fn field(&self, target: Target) -> BlindField<'_> {
        BlindField { blind: self, target }
    }

    /// E(u) = −ln ∫ p(u|t) p(t) dt with p(t) normalised, `[batch]`, in nats.
    pub fn energy(&self, u: ArrayView2<f64>) -> Result<Array1<f64>> {
        Ok(self.each(u, |posed, _| Ok(-posed.posterior.log_evidence()))?.into())
    }

    /// ∇E(u), `[batch, d]`.
    pub fn energy_gradient(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        let rows = self.each(u, |posed, u| Ok(posed.combine(self, u, &[&gradient_of_level])?.remove(0)))?;
        Ok(stacked(rows, self.dim()))
    }

    /// (∇²E) v for every row of `v`, `[batch, d]`.
    ///
    /// # Errors
    /// As [`Blind::posterior`], and if `v` does not have the shape of `u`, or the model has no derivatives.
    pub fn energy_hessian_product(&self, u: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_tangent(u, v)?;
        let model = self
            .model
            .differentiable()
            .ok_or_else(|| Error::argument("model", "has no derivatives", "wrap it in FiniteDifference"))?;
        let posed = self.each(u, |posed, _| Ok(posed.posterior))?;
        let rows: Vec<Array1<f64>> = posed
            .into_par_iter()
            .enumerate()
            .map(|(i, posterior)| self.hessian_product(model, &posterior, u.row(i), v.row(i)))
            .collect::<Result<_>>()?;
        Ok(stacked(rows, self.dim()))
    }

    fn hessian_product(
        &self,
        model: &dyn Differentiable,
        posterior: &TimePosterior,
        u: ArrayView1<f64>,
        v: ArrayView1<f64>,
    ) -> Result<Array1<f64>> {
        let mut product = Array1::<f64>::zeros(u.len());
        let mut gradient = Array1::<f64>::zeros(u.len());
        let mut along = 0.0;
        let direction = v.insert_axis(Axis(0));
        for (&t, &weight) in posterior.times().iter().zip(posterior.weights()) {
            if weight < NEGLIGIBLE {
                continue;
            }
            let (sigma, variance) = (self.process.sigma(t), self.process.sigma(t) * self.process.sigma(t));
            let alpha = self.process.alpha(t).max(LEAST_SIGNAL * sigma);
            let x = (&u / alpha).insert_axis(Axis(0));
            let denoised = model.denoise(x.view(), sigma / alpha)?;
            let jacobian = model.jvp(x.view(), sigma / alpha, direction)?;
            let mut level = u.to_owned();
            level.scaled_add(-alpha, &denoised.row(0));
            level /= variance;
            let slope = level.dot(&v);
            product.scaled_add(weight / variance, &v);
            product.scaled_add(-weight / variance, &jacobian.row(0));
            product.scaled_add(-weight * slope, &level);
            gradient.scaled_add(weight, &level);
            along += weight * slope;
        }
        product.scaled_add(along, &gradient);
        Ok(product)
    }

    /// The parts of the blind field that predicts `target`.
    ///
    /// # Errors
    /// As [`Blind::posterior`], and if the law of times reaches a time at which α = 0, where the gain is infinite.
    pub fn parts(&self, u: ArrayView2<f64>, target: Target) -> Result<EnergyParts> {
        let range = self.prior.range();
        let last = target.coefficients(&*self.process, range.end)?;
        if !(last.conformal().is_finite() && last.linear_drift().is_finite()) {
            return Err(Error::argument(
                "prior",
                format!(
                    "reaches the time {}, where nothing of the data is left and the gain is infinite",
                    range.end
                ),
                "cut it off below, at 0.999 of that",
            ));
        }
        let rows = self.each(u, |posed, u| {
            let gain = |t: f64| target.coefficients(&*self.process, t).map(|c| c.conformal());
            let conformal = posed.posterior.expect(|t| gain(t).unwrap_or(f64::NAN));
            let linear = posed
                .posterior
                .expect(|t| target.coefficients(&*self.process, t).map_or(f64::NAN, |c| c.linear_drift()));
            let field = |c: &Coefficients| c.of_state_and_denoised();
            let deviation = |c: &Coefficients| {
                let (of_u, of_d) = gradient_of_level(c);
                (of_u * (c.conformal() - conformal), of_d * (c.conformal() - conformal))
            };
            let mut sums = posed.combine_for(self, u, target, &[&field, &gradient_of_level, &deviation])?;
            let (deviation, gradient, field) = (sums.remove(2), sums.remove(1), sums.remove(0));
            Ok((field, gradient, deviation, conformal, linear))
        })?;
        let (n, d) = (rows.len(), self.dim());
        let mut out = EnergyParts {
            field: Array2::zeros((n, d)),
            natural: Array2::zeros((n, d)),
            transport: Array2::zeros((n, d)),
            drift: Array2::zeros((n, d)),
            gradient: Array2::zeros((n, d)),
            conformal: Array1::zeros(n),
        };
        for (i, (field, gradient, transport, conformal, linear)) in rows.into_iter().enumerate() {
            out.natural.row_mut(i).assign(&(&gradient * conformal));
            out.drift.row_mut(i).assign(&(&u.row(i) * linear));
            out.gradient.row_mut(i).assign(&gradient);
            out.transport.row_mut(i).assign(&transport);
            out.field.row_mut(i).assign(&field);
            out.conformal[i] = conformal;
        }
        Ok(out)
    }

    /// Asks every row, in parallel, its posterior found.
    pub(super) fn each<T: Send>(
        &self,
        u: ArrayView2<f64>,
        ask: impl Fn(Posed, ArrayView1<f64>) -> Result<T> + Sync,
    ) -> Result<Vec<T>> {
        if u.ncols() != self.dim() {
            let expected = format!("{} (the model's dimension)", self.dim());
            return Err(Error::shape("u", format!("{} columns", u.ncols()), expected));
        }
        require_finite("u", u)?;
        if let Some(density) = self.model.density() {
            let one = |i: usize| {
                let ray = density.ray(u.row(i));
                let posterior = number(self.posterior_of(&*ray)?)?;
                ask(Posed { posterior, means: Means::Ray(ray) }, u.row(i))
            };
            return (0..u.nrows()).into_par_iter().map(one).collect();
        }
        let grids = Estimated::new(self.model, &*self.process, &self.prior, self.estimate).grids(u)?;
        grids
            .into_par_iter()
            .enumerate()
            .map(|(i, grid)| {
                let Grid { nodes, log_evidence, error, denoised } = grid;
                let posterior =
                    TimePosterior::new(nodes.into_iter(), log_evidence - self.log_normalization, error);
                let posterior = number(posterior)?;
                ask(Posed { posterior, means: Means::Grid(denoised) }, u.row(i))
            })
            .collect()
    }

    fn levels(&self, times: &[f64]) -> Vec<(f64, f64)> {
        if self.prior.points().is_some() {
            return self.levels.clone();
        }
        times.iter().map(|&t| (self.process.alpha(t), self.process.sigma(t))).collect()
    }

    fn posterior_of(&self, ray: &dyn Ray) -> Result<TimePosterior> {
        if let Some((times, logs)) = self.prior.points() {
            let densities = ray.log_densities(&self.levels(times))?;
            let nodes: Vec<(f64, f64)> =
                times.iter().zip(logs.iter().zip(densities)).map(|(&t, (w, p))| (t, w + p)).collect();
            let top = nodes.iter().map(|n| n.1).fold(f64::NEG_INFINITY, f64::max);
            let evidence = top + libm::log(nodes.iter().map(|n| libm::exp(n.1 - top)).sum());
            return Ok(TimePosterior::new(nodes.into_iter(), evidence, 0.0));
        }
        let last = self.process.alpha(self.prior.range().end);
        let integrand = |times: &[f64]| {
            let levels = self.levels(times);
            let densities = ray.log_densities(&levels)?;
            let value = |((&t, p), (alpha, sigma)): ((&f64, f64), &(f64, f64))| {
                // The last is for the conformal factor, which is infinite where the law reaches α = 0.
                let level = if last > 0.0 { (sigma / alpha).max(1.0) } else { 1.0 };
                let moments = [1.0 / (sigma * sigma), 1.0 / sigma, level];
                (self.prior.log_weight(&*self.process, t) + p, moments)
            };
            Ok(times.iter().zip(densities).zip(&levels).map(value).collect())
        };
        let range = self.prior.range();
        let found = quadrature::integrate((range.start, range.end), self.dim(), self.tolerance, &integrand)?;
        let nodes = found.nodes.into_iter().map(|node| (node.time, node.log_weight));
        Ok(TimePosterior::new(nodes, found.log_total - self.log_normalization, found.error))
    }
}

/// A posterior whose evidence is a number.
fn number(posterior: TimePosterior) -> Result<TimePosterior> {
    if posterior.log_evidence().is_finite() {
        return Ok(posterior);
    }
    Err(Error::Numerical {
        what: "the posterior over the noise level",
        problem: "the point is so far from the data that its density is no number".into(),
        help: "check the point's units".into(),
    })
}

/// ∇E_t = (u − αD_t)/σ²: the factors of u and of D_t.
fn gradient_of_level(c: &Coefficients) -> (f64, f64) {
    let variance = c.sigma * c.sigma;
    (1.0 / variance, -c.alpha / variance)
}

type Factors<'f> = &'f dyn Fn(&Coefficients) -> (f64, f64);

impl Posed<'_> {
    /// E_{t|u}[p(t) u + q(t) D_t] for every pair of factors (p, q) of the process's coefficients.
    fn combine(&self, blind: &Blind, u: ArrayView1<f64>, factors: &[Factors]) -> Result<Vec<Array1<f64>>> {
        self.combine_for(blind, u, Target::Noise, factors)
    }

    /// As [`Posed::combine`], of the coefficients of a target.
    pub(super) fn combine_for(
        &self,
        blind: &Blind,
        u: ArrayView1<f64>,
        target: Target,
        factors: &[Factors],
    ) -> Result<Vec<Array1<f64>>> {
        let (times, weights) = (self.posterior.times(), self.posterior.weights());
        let mut of_d = Array2::zeros((factors.len(), times.len()));
        let mut of_u = vec![0.0; factors.len()];
        for (j, (&t, &weight)) in times.iter().zip(weights).enumerate() {
            if weight < NEGLIGIBLE {
                continue;
            }
            let coefficients = target.unchecked(blind.process(), t);
            for (i, factor) in factors.iter().enumerate() {
                let (u, d) = factor(&coefficients);
                of_u[i] += weight * u;
                of_d[(i, j)] = weight * d;
            }
        }
        let means = match &self.means {
            Means::Ray(ray) => ray.combinations(&blind.levels(times), &of_d)?,
            Means::Grid(denoised) => of_d.dot(denoised),
        };
        Ok(means
            .outer_iter()
            .zip(of_u)
            .map(|(mean, factor)| {
                let mut out = mean.to_owned();
                out.scaled_add(factor, &u);
                out
            })
            .collect())
    }
}

fn stacked(rows: Vec<Array1<f64>>, d: usize) -> Array2<f64> {
    let mut out = Array2::zeros((rows.len(), d));
    for (mut to, from) in out.outer_iter_mut().zip(rows) {
        to.assign(&from);
    }
    out
}

/// The blind field of a [`Blind`] model for one target.
#[derive(Clone, Copy)]
pub struct BlindField<'a> {
    blind: &'a Blind<'a>,
    target: Target,
}

impl Autonomous for BlindField<'_> {
    fn dim(&self) -> usize {
        self.blind.dim()
    }

    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        let factors = |c: &Coefficients| c.of_state_and_denoised();
        let rows = self
            .blind
            .each(u, |posed, u| Ok(posed.combine_for(self.blind, u, self.target, &[&factors])?.remove(0)))?;
        Ok(stacked(rows, self.dim()))
    }

    fn target(&self) -> Target {
        self.target
    }

    fn moments(&self) -> Option<Moments> {
        self.blind.moments()
    }
}
