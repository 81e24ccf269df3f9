//! Derivatives of any denoiser by central differences.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis, Zip};

use crate::denoiser::{Denoiser, Density, Differentiable, Displacements, Visit, check_tangent};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::Stream;

/// Central differences as the derivatives of a denoiser that has none of its own.
///
/// Step ε·σ/‖v‖ along v (so x moves by ε·σ) and ε·σ in σ, error O(ε²); twice the evaluations.
#[derive(Debug, Clone)]
pub struct FiniteDifference<D> {
    inner: D,
    step: f64,
}

impl<D: Denoiser> FiniteDifference<D> {
    /// With the relative step 1e-5, sound for f64 denoisers of order-one curvature.
    pub fn new(inner: D) -> Self {
        FiniteDifference { inner, step: 1e-5 }
    }

    /// With another relative step; networks in f32 want about 1e-3.
    ///
    /// # Errors
    /// If the step is not in (0, 1).
    pub fn with_step(inner: D, step: f64) -> Result<Self> {
        if !(step > 0.0 && step < 1.0) {
            return Err(Error::argument("step", format!("is {step}"), "it is relative: choose it in (0, 1)"));
        }
        Ok(FiniteDifference { inner, step })
    }
}

impl<D: Denoiser> Denoiser for FiniteDifference<D> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.inner.denoise(x, sigma)
    }
    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        self.inner.denoise_at(x, sigma, visit)
    }
    fn denoise_displaced(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        displacements: &Displacements,
        visit: &Visit,
    ) -> Result<Array3<f64>> {
        self.inner.denoise_displaced(x, sigma, displacements, visit)
    }
    fn moments(&self) -> Option<Moments> {
        self.inner.moments()
    }
    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        self.inner.draw(stream)
    }
    fn smoothings(&self) -> u64 {
        self.inner.smoothings()
    }
    fn evaluations_per_call(&self, sigma: f64) -> usize {
        self.inner.evaluations_per_call(sigma)
    }
    fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
        self.inner.evaluations_at(sigma, visit)
    }
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
    fn density(&self) -> Option<&dyn Density> {
        self.inner.density()
    }
}

impl<D: Denoiser> Differentiable for FiniteDifference<D> {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_tangent(x, v)?;
        // The step is measured in the noise level: D varies on the scale of σ and above.
        let mut h = Array1::zeros(x.nrows());
        Zip::from(&mut h).and(v.rows()).for_each(|h, v| {
            let norm = v.dot(&v).sqrt();
            *h = if norm > 0.0 { self.step * sigma / norm } else { 1.0 };
        });
        let shift = &v * &h.view().insert_axis(Axis(1));
        let ahead = self.inner.denoise((&x + &shift).view(), sigma)?;
        let behind = self.inner.denoise((&x - &shift).view(), sigma)?;
        Ok((ahead - behind) / (h * 2.0).insert_axis(Axis(1)))
    }

    /// By d central differences a row: exact in form, dear in high dimension.
    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_tangent(x, v)?;
        let mut out = Array2::zeros(x.raw_dim());
        let mut unit = Array2::zeros(x.raw_dim());
        for k in 0..self.dim() {
            unit.column_mut(k).fill(1.0);
            let column = self.jvp(x, sigma, unit.view())?;
            Zip::from(out.column_mut(k)).and(column.rows()).and(v.rows()).for_each(|o, j, v| *o = j.dot(&v));
            unit.column_mut(k).fill(0.0);
        }
        Ok(out)
    }

    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        self.denoise_with_sigma_derivative_at(x, sigma, &Visit::default())
    }

    /// Through [`Denoiser::denoise_at`], so that a denoiser that draws uses one sample's draws throughout.
    fn denoise_with_sigma_derivative_at(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        visit: &Visit,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let h = self.step * sigma;
        let ahead = self.inner.denoise_at(x, sigma + h, visit)?;
        let behind = self.inner.denoise_at(x, sigma - h, visit)?;
        Ok((self.inner.denoise_at(x, sigma, visit)?, (ahead - behind) / (2.0 * h)))
    }

    /// Those of D and of both sides of σ.
    fn evaluations_with_sigma_derivative(&self, sigma: f64, visit: &Visit) -> usize {
        let h = self.step * sigma;
        [sigma, sigma + h, sigma - h].iter().map(|&level| self.inner.evaluations_at(level, visit)).sum()
    }
}
