//! The denoiser of trained random features (arXiv 2602.06021).
//!
//! m_θ(t, x) = W σ_t(x) is the posterior mean of a x₀ in the coordinates of the Ornstein–Uhlenbeck process, for data
//! that were centred and scaled, y = (x₀ − c)/s. In those of x = x₀ + σε, with ς = σ/s, a = 1/√(1 + ς²) and
//! t = log(1 + ς²)/2,
//!
//! ```text
//! D(x; σ)  = c + (s/a) W σ_t(q)                q = W_x a (x − c)/s + W_t φ(t) + b
//! J        = W diag(act′(q)) W_x               not symmetric: no density has this score
//! tr J     = Σ_j act′(q_j) (W_x W)_jj
//! ∂D/∂σ    = ς a W act(q) + (1/a) W [act′(q) ∂q/∂ς]      ∂q/∂ς = −ς a³ W_x (x − c)/s + ς a² W_t φ′(t)
//! ```
//!
//! Outside of the times that it was trained at, the features are told the nearest of these, while a goes on
//! with σ.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::features::Features;
use super::times::Instant;
use crate::closed_form::pointwise::{each_pair, each_row, each_value};
use crate::closed_form::rows::{axpys, dot, dots, slice};
use crate::denoiser::{Denoiser, Differentiable, check_query, check_tangent};
use crate::error::{Error, Result};
use crate::points::{Moments, require_finite};

/// D of a random feature model.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::RandomFeatureFit;
/// use ridgewalk::{Denoiser, PointSet};
///
/// let modes = PointSet::vectors(array![[-3.0, 0.0], [3.0, 0.0]])?;
/// let model = RandomFeatureFit::new(200).fit(&modes)?.at(f64::INFINITY)?;
/// let denoised = model.denoise(array![[2.5, 0.3]].view(), 0.5)?;
/// assert!((denoised[[0, 0]] - 3.0).abs() < 0.3 && denoised[[0, 1]].abs() < 0.1);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct RandomFeatures {
    features: Arc<Features>,
    /// W, `[d, p]`, and its transpose.
    weights: Array2<f64>,
    columns: Array2<f64>,
    /// (W_x W)_jj, `[p]`.
    diagonal: Vec<f64>,
    center: Array1<f64>,
    scale: f64,
    times: (f64, f64),
    moments: Moments,
}

impl RandomFeatures {
    /// From its parts: W (`[d, p]`), the center c (`[d]`) and scale s of the data, the earliest and latest
    /// time that it was trained at, and the moments of the data, from which samplers start.
    ///
    /// # Errors
    /// If the shapes disagree, a number is not finite, or the scale or a time is not positive.
    pub fn from_parts(
        features: impl Into<Arc<Features>>,
        weights: Array2<f64>,
        (center, scale): (Array1<f64>, f64),
        times: (f64, f64),
        moments: Moments,
    ) -> Result<Self> {
        let features = features.into();
        let (p, d) = (features.len(), features.dim());
        if weights.dim() != (d, p) || center.len() != d || moments.mean.len() != d {
            return Err(Error::shape(
                "the random feature model",
                format!(
                    "weights {:?}, a center of {} and a mean of {}",
                    weights.dim(),
                    center.len(),
                    moments.mean.len()
                ),
                format!("weights [{d}, {p}], a center of {d} and a mean of {d}"),
            ));
        }
        require_finite("the weights", weights.view())?;
        for (what, row) in [("the center", &center), ("the mean", &moments.mean)] {
            require_finite(what, row.view().insert_axis(Axis(0)))?;
        }
        check_scale(scale)?;
        let (earliest, latest) = times;
        if !(earliest >= 0.0 && earliest <= latest && latest.is_finite()) {
            let problem = format!("are from {earliest} to {latest}");
            return Err(Error::argument("times", problem, "give the earliest and the latest, from 0 on"));
        }
        if !(moments.std >= 0.0 && moments.std.is_finite()) {
            let help = "give the standard deviation of the data";
            return Err(Error::argument("moments", format!("have the std {}", moments.std), help));
        }
        let weights = weights.as_standard_layout().into_owned();
        let columns = weights.t().as_standard_layout().into_owned();
        let directions = features.directions();
        let both = slice(&columns).chunks(d).zip(directions.as_slice().unwrap_or_default().chunks(d));
        let diagonal = both.map(|(column, direction)| dot(column, direction)).collect();
        Ok(RandomFeatures { features, weights, columns, diagonal, center, scale, times, moments })
    }

    /// The frozen features.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// W, `[d, p]`.
    pub fn weights(&self) -> ArrayView2<'_, f64> {
        self.weights.view()
    }

    /// c, `[d]`.
    pub fn center(&self) -> ArrayView1<'_, f64> {
        self.center.view()
    }

    /// s.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// Earliest and latest time that it was trained at.
    pub fn times(&self) -> (f64, f64) {
        self.times
    }

    /// Mean and standard deviation of the data.
    pub fn data_moments(&self) -> &Moments {
        &self.moments
    }

    fn at(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Level<'_>> {
        check_query(self.features.dim(), x, sigma)?;
        let level = sigma / self.scale;
        let at = Instant::at_level(level, self.times);
        Ok(Level { model: self, level, at, phase: self.features.phase(at.embedded) })
    }
}

/// A scale by which data are divided.
pub(super) fn check_scale(scale: f64) -> Result<()> {
    if scale > 0.0 && scale.is_finite() {
        return Ok(());
    }
    Err(Error::argument("scale", format!("is {scale}"), "give a positive number"))
}

/// A model at one noise level.
struct Level<'a> {
    model: &'a RandomFeatures,
    /// ς.
    level: f64,
    at: Instant,
    phase: Vec<f64>,
}

impl Level<'_> {
    fn dim(&self) -> usize {
        self.model.center.len()
    }

    /// W_x (x − c)/s.
    fn project(&self, x: &[f64]) -> Vec<f64> {
        let y: Vec<f64> = x.iter().zip(&self.model.center).map(|(x, c)| (x - c) / self.model.scale).collect();
        let mut z = vec![0.0; self.phase.len()];
        self.model.features.project(&y, &mut z);
        z
    }

    /// `of(q_j, j)`, `[p]`.
    fn of_argument(&self, projected: &[f64], of: impl Fn(f64, usize) -> f64) -> Vec<f64> {
        let q = projected.iter().zip(&self.phase).map(|(z, phase)| self.at.a * z + phase);
        q.enumerate().map(|(j, q)| of(q, j)).collect()
    }

    fn values(&self, projected: &[f64]) -> Vec<f64> {
        self.of_argument(projected, |q, _| self.model.features.activation().value(q))
    }

    /// act′(q_j) by_j.
    fn slopes(&self, projected: &[f64], by: &[f64]) -> Vec<f64> {
        self.of_argument(projected, |q, j| self.model.features.activation().derivative(q) * by[j])
    }

    fn combine(&self, values: &[f64], out: &mut [f64]) {
        dots(slice(&self.model.weights), values, out);
    }

    fn denoised(&self, projected: &[f64], out: &mut [f64]) {
        self.combine(&self.values(projected), out);
        let gain = self.model.scale / self.at.a;
        out.iter_mut().zip(&self.model.center).for_each(|(out, c)| *out = c + gain * *out);
    }
}

impl Denoiser for RandomFeatures {
    fn dim(&self) -> usize {
        self.features.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let at = self.at(x, sigma)?;
        each_row(x, at.dim(), |x, out| at.denoised(&at.project(x), out))
    }

    fn moments(&self) -> Option<Moments> {
        Some(self.moments.clone())
    }

    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
}

impl Differentiable for RandomFeatures {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let at = self.at(x, sigma)?;
        each_pair(x, v, |x, v, out| {
            let mut along = vec![0.0; self.features.len()];
            self.features.project(v, &mut along);
            at.combine(&at.slopes(&at.project(x), &along), out);
        })
    }

    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let at = self.at(x, sigma)?;
        check_tangent(x, v)?;
        let directions = self.features.directions();
        each_pair(x, v, |x, v, out| {
            let mut back = vec![0.0; self.features.len()];
            dots(slice(&self.columns), v, &mut back);
            axpys(&at.slopes(&at.project(x), &back), directions.as_slice().unwrap_or_default(), out);
        })
    }

    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let at = self.at(x, sigma)?;
        let d = at.dim();
        let (level, a) = (at.level, at.at.a);
        // ς²/(1 + ς²)^{3/2} and the like, without a square that could overflow.
        let share = level * a;
        let turn = match (self.times.0..=self.times.1).contains(&at.at.time) {
            true => self.features.phase_derivative(at.at.embedded),
            false => vec![0.0; self.features.len()],
        };
        let both = each_row(x, 2 * d, |x, out| {
            let (value, derivative) = out.split_at_mut(d);
            let projected = at.project(x);
            at.denoised(&projected, value);
            let moved: Vec<f64> =
                projected.iter().zip(&turn).map(|(z, turn)| share * a * (turn - a * z)).collect();
            at.combine(&at.slopes(&projected, &moved), derivative);
            let mut mean = vec![0.0; d];
            at.combine(&at.values(&projected), &mut mean);
            derivative.iter_mut().zip(&mean).for_each(|(out, mean)| *out = share * mean + *out / a);
        })?;
        let (value, derivative) = both.view().split_at(Axis(1), d);
        Ok((value.to_owned(), derivative.to_owned()))
    }

    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        let at = self.at(x, sigma)?;
        each_value(x, |x| at.slopes(&at.project(x), &self.diagonal).iter().sum())
    }
}
