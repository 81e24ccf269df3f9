//! A model of data moved to a center and divided by their scale: what processes that preserve the variance of unit data are made for.
//!
//! A conditional model sees through a scale, σ being in the data's units. A blind one does not: which times u may
//! have depends on how far the data's own scale lies from the noise's, and a mean that shrinks with α gives the time away. With
//! s the scale and m the center,
//!
//! ```text
//! D_s(x; σ) = (D(sx + m; sσ) − m)/s          ln p_s(x; σ) = ln p(sx + m; sσ) + d ln s
//! ```

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::Ray;
use crate::denoiser::{Denoiser, Density, Differentiable, Visit};
use crate::error::{Error, Result};
use crate::points::{Moments, require_finite};
use crate::random::Stream;

/// A model of the data divided by a scale; derivatives and density are the model's own.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::autonomous::Scaled;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
///
/// let model = Gaussian::new(array![0.0, 0.0], Covariance::isotropic(2, 9.0)?)?;
/// let unit = Scaled::new(&model, 3.0)?;
/// assert!((unit.denoise(array![[1.0, -2.0]].view(), 1.0)?[[0, 1]] + 1.0).abs() < 1e-14);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct Scaled<D> {
    model: D,
    scale: f64,
    center: Option<Array1<f64>>,
}

impl<D: Denoiser> Scaled<D> {
    /// `model` of the data divided by `scale`.
    ///
    /// # Errors
    /// If the scale is not a positive number.
    pub fn new(model: D, scale: f64) -> Result<Self> {
        if scale > 0.0 && scale.is_finite() && (1.0 / scale).is_finite() {
            return Ok(Scaled { model, scale, center: None });
        }
        let help = "give the data's standard deviation, a positive number";
        Err(Error::argument("scale", format!("is {scale}"), help))
    }

    /// Of the data moved so that `center` (`[d]`) is the origin.
    ///
    /// # Errors
    /// If it does not have d finite coordinates.
    pub fn about(mut self, center: Array1<f64>) -> Result<Self> {
        if center.len() != self.model.dim() {
            return Err(Error::shape("the center", center.len(), self.model.dim()));
        }
        require_finite("the center", center.view().insert_axis(Axis(0)))?;
        self.center = Some(center);
        Ok(self)
    }

    /// x in the model's own coordinates.
    fn own(&self, x: ArrayView2<f64>) -> Array2<f64> {
        let mut x = &x * self.scale;
        if let Some(center) = &self.center {
            x += center;
        }
        x
    }

    /// D of the model's own coordinates here.
    fn here(&self, mut denoised: Array2<f64>) -> Array2<f64> {
        if let Some(center) = &self.center {
            denoised -= center;
        }
        denoised / self.scale
    }

    /// The scale s.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    fn known<T>(&self, part: Option<T>) -> Result<T> {
        part.ok_or_else(|| Error::argument("model", "has no derivatives", "wrap it in FiniteDifference"))
    }

    fn differentiated(&self) -> Result<&dyn Differentiable> {
        self.known(self.model.differentiable())
    }
}

impl<D: Denoiser> Denoiser for Scaled<D> {
    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(self.here(self.model.denoise(self.own(x).view(), self.scale * sigma)?))
    }

    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        let (level, next) = (self.scale * sigma, |s: f64| self.scale * s);
        let visit = Visit { step: visit.step.map(|(from, to)| (next(from), next(to))), ..*visit };
        Ok(self.here(self.model.denoise_at(self.own(x).view(), level, &visit)?))
    }

    fn moments(&self) -> Option<Moments> {
        let moments = self.model.moments()?;
        let mean = self.here(moments.mean.insert_axis(Axis(0))).index_axis_move(Axis(0), 0);
        Some(Moments { mean, std: moments.std / self.scale })
    }

    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        Some(self.here(self.model.draw(stream)?.insert_axis(Axis(0))).index_axis_move(Axis(0), 0))
    }

    fn smoothings(&self) -> u64 {
        self.model.smoothings()
    }

    fn evaluations_per_call(&self, sigma: f64) -> usize {
        self.model.evaluations_per_call(self.scale * sigma)
    }

    fn differentiable(&self) -> Option<&dyn Differentiable> {
        self.model.differentiable().map(|_| self as &dyn Differentiable)
    }

    fn density(&self) -> Option<&dyn Density> {
        self.model.density().map(|_| self as &dyn Density)
    }
}

impl<D: Denoiser> Differentiable for Scaled<D> {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.differentiated()?.jvp(self.own(x).view(), self.scale * sigma, v)
    }

    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.differentiated()?.vjp(self.own(x).view(), self.scale * sigma, v)
    }

    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let model = self.differentiated()?;
        let (denoised, derivative) =
            model.denoise_with_sigma_derivative(self.own(x).view(), self.scale * sigma)?;
        Ok((self.here(denoised), derivative))
    }

    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        self.differentiated()?.divergence(self.own(x).view(), self.scale * sigma)
    }
}

impl<D: Denoiser> Density for Scaled<D> {
    fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        let density = self.known(self.model.density())?;
        let volume = self.dim() as f64 * libm::log(self.scale);
        Ok(density.log_density(self.own(x).view(), self.scale * sigma)? + volume)
    }

    fn ray_about<'a>(&'a self, u: ArrayView1<f64>, center: Option<ArrayView1<f64>>) -> Box<dyn Ray + 'a> {
        let Some(density) = self.model.density() else {
            return Box::new(super::Queries::new(self, u, center));
        };
        let scaled = &u * self.scale;
        let center = match (center, &self.center) {
            (None, None) => None,
            (None, Some(own)) => Some(own.clone()),
            (Some(center), None) => Some(&center * self.scale),
            (Some(center), Some(own)) => Some(&center * self.scale + own),
        };
        Box::new(ScaledRay {
            inner: density.ray_about(scaled.view(), center.as_ref().map(|c| c.view())),
            scale: self.scale,
            volume: self.dim() as f64 * libm::log(self.scale),
        })
    }
}

/// The ray of a model through su: αx₀ + σε of the divided data is (αsx₀ + sσε)/s.
struct ScaledRay<'a> {
    inner: Box<dyn Ray + 'a>,
    scale: f64,
    /// d ln s
    volume: f64,
}

impl ScaledRay<'_> {
    fn levels(&self, levels: &[(f64, f64)]) -> Vec<(f64, f64)> {
        levels.iter().map(|&(alpha, sigma)| (alpha, self.scale * sigma)).collect()
    }
}

impl Ray for ScaledRay<'_> {
    fn log_densities(&self, levels: &[(f64, f64)]) -> Result<Vec<f64>> {
        let mut logs = self.inner.log_densities(&self.levels(levels))?;
        logs.iter_mut().for_each(|log| *log += self.volume);
        Ok(logs)
    }

    fn combinations(&self, levels: &[(f64, f64)], coefficients: &Array2<f64>) -> Result<Array2<f64>> {
        Ok(self.inner.combinations(&self.levels(levels), coefficients)? / self.scale)
    }
}
