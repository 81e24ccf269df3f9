//! From Gaussian noise to the data of any denoiser.
//!
//! A one-sided x_t = b x₁ + γ z, with x₀ counted as noise, is an affine process: at the noise level γ/b
//!
//! ```text
//! E[x₁ | x] = D(x/b; γ/b)     v = b′D     s = (bD − x)/γ²     ∇·b = (b′/b) tr J − γγ′(tr J − d)/γ²
//! ```
//!
//! so b is the velocity of the probability flow (`process.rs`, with α = b and σ = γ).

use ndarray::{Array1, Array2, ArrayView2, Zip};

use super::bridge::{Bridge, Fields, check};
use super::mixture::CLIP;
use super::{Coefficients, Interpolant};
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};

/// A one-sided interpolant from N(0, I) to a denoiser's data.
///
/// At t = 0 the state says nothing of x₁, and D is the mean, which only a model that knows its moments has:
/// others are asked from t = 10⁻³ on. At t = 1 there is no noise, and the model is asked up to 1 − 10⁻³. A
/// sampler crosses what is left at an end by one step of the ODE, which on the linear path lands on D.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::Sphere;
/// use ridgewalk::interpolant::{self, Direction, InterpolantSampler, OneSided, Scheme};
///
/// let circle = OneSided::new(Sphere::new(2, 1.0)?, interpolant::named("one-sided-linear")?)?;
/// let sampler = InterpolantSampler::new(Scheme::Heun, 50);
/// let samples = sampler.run(&circle, sampler.noise(4, 2).view(), Direction::Forward)?;
/// for row in samples.points.rows() {
///     assert!((row.dot(&row) - 1.0).abs() < 1e-2);
/// }
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct OneSided<D> {
    model: D,
    interpolant: Interpolant,
    range: (f64, f64),
}

impl<D: Denoiser> OneSided<D> {
    /// To the data of this model.
    ///
    /// # Errors
    /// If the interpolant's path is not one-sided.
    pub fn new(model: D, interpolant: Interpolant) -> Result<Self> {
        if !interpolant.is_one_sided() {
            let help = "choose one-sided-linear or one-sided-trigonometric";
            return Err(Error::argument("interpolant", "is not one-sided", help));
        }
        let first = if model.moments().is_some() { 0.0 } else { CLIP };
        Ok(OneSided { model, interpolant, range: (first, 1.0 - CLIP) })
    }

    /// Asking the model from the time `first` to the time `last` only: for a network, the times at which
    /// γ/b is a noise level that it knows.
    ///
    /// # Errors
    /// Unless 0 ≤ first < last < 1, and if first is 0 and the model does not know its mean.
    pub fn clip(mut self, first: f64, last: f64) -> Result<Self> {
        let sound = first >= 0.0 && first < last && last < 1.0;
        if !sound || (first == 0.0 && self.model.moments().is_none()) {
            let help = "choose 0 <= first < last < 1, with first above 0 if the model knows no mean";
            return Err(Error::argument("clip", format!("has the times {first} and {last}"), help));
        }
        self.range = (first, last);
        Ok(self)
    }

    /// The model of the data.
    pub fn model(&self) -> &D {
        &self.model
    }

    /// E[x₁] in every row.
    fn mean(&self, rows: usize) -> Result<Array2<f64>> {
        let moments = self.model.moments().ok_or_else(|| {
            Error::argument(
                "t",
                "is 0, where only the model's mean is known, and it tells none",
                "begin above 0",
            )
        })?;
        let mut out = Array2::zeros((rows, self.model.dim()));
        out.rows_mut().into_iter().for_each(|mut row| row.assign(&moments.mean));
        Ok(out)
    }

    /// D and s, from whichever of the two keeps the digits.
    fn denoised_and_score(
        &self,
        x: ArrayView2<f64>,
        at: &Coefficients,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let variance = at.gamma * at.gamma;
        let scaled = &x / at.b;
        let level = at.gamma / at.b;
        if level >= 1.0 {
            let denoised = self.model.denoise(scaled.view(), level)?;
            let mut score = denoised.clone();
            Zip::from(&mut score).and(&x).for_each(|s, x| *s = (at.b * *s - x) / variance);
            return Ok((denoised, score));
        }
        let score = self.model.score(scaled.view(), level)?;
        let mut denoised = scaled;
        denoised.scaled_add(level * level, &score);
        Ok((denoised, score / at.b))
    }
}

impl<D: Denoiser> Bridge for OneSided<D> {
    fn dim(&self) -> usize {
        self.model.dim()
    }
    fn interpolant(&self) -> Interpolant {
        self.interpolant
    }
    fn range(&self) -> (f64, f64) {
        self.range
    }
    fn least_variance(&self, t: f64) -> Option<f64> {
        let at = self.interpolant.coefficients(t).ok()?;
        Some(at.gamma * at.gamma)
    }
    fn fields(&self, x: ArrayView2<f64>, t: f64) -> Result<Fields> {
        let at = check(self, x, t)?;
        let (denoised, score) = if at.b > 0.0 {
            self.denoised_and_score(x, &at)?
        } else {
            (self.mean(x.nrows())?, &x / -(at.gamma * at.gamma))
        };
        Fields::new(denoised * at.b_derivative, score, &at)
    }
    fn divergence(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let at = check(self, x, t)?;
        let model = self.model.differentiable().ok_or_else(|| {
            let help = "wrap it in FiniteDifference";
            Error::argument("model", "has no exact derivatives, which a divergence needs", help)
        })?;
        let spread = at.gamma_product / (at.gamma * at.gamma);
        let d = x.ncols() as f64;
        if at.b == 0.0 {
            return Ok(Array1::from_elem(x.nrows(), spread * d));
        }
        let traces = model.divergence((&x / at.b).view(), at.gamma / at.b)?;
        Ok(traces.mapv(|trace| at.b_derivative / at.b * trace - spread * (trace - d)))
    }
}
