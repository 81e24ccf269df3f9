//! Derivatives of a guided denoiser: J_ref + w(J − J_ref), and the same of ∂D/∂σ.
//!
//! Each model's Jacobian is symmetric if it is a true posterior mean, and so is their combination; products with
//! Jᵀ are asked of the models all the same. Errors where [`Denoiser::differentiable`] is `None`.

use ndarray::{Array1, Array2, Array3, ArrayView2};

use super::{Asks, Guided};
use crate::denoiser::{Denoiser, Differentiable, Visit, check_query};
use crate::error::{Error, Result};

impl<D: Denoiser, R: Denoiser> Guided<D, R> {
    /// `of` one model or of both, combined.
    fn derivative<N: ndarray::Dimension>(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        of: impl Fn(&dyn Differentiable) -> Result<ndarray::Array<f64, N>>,
    ) -> Result<ndarray::Array<f64, N>> {
        check_query(self.dim(), x, sigma)?;
        let (model, reference) = self.both()?;
        match self.asks(sigma) {
            Asks::Model => of(model),
            Asks::Reference => of(reference),
            Asks::Both => self.extrapolate(&of(model)?, of(reference)?),
        }
    }

    fn both(&self) -> Result<(&dyn Differentiable, &dyn Differentiable)> {
        let both = self.model.differentiable().zip(self.reference.differentiable());
        both.filter(|_| self.rescale == 0.0).ok_or_else(|| {
            Error::argument(
                "the guided model",
                "has no exact derivatives (one of its two models has none, or it is rescaled)",
                "wrap the guided denoiser in FiniteDifference",
            )
        })
    }
}

impl<D: Denoiser, R: Denoiser> Differentiable for Guided<D, R> {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.derivative(x, sigma, |model| model.jvp(x, sigma, v))
    }

    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.derivative(x, sigma, |model| model.vjp(x, sigma, v))
    }

    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        self.denoise_with_sigma_derivative_at(x, sigma, &Visit::default())
    }

    fn evaluations_with_sigma_derivative(&self, sigma: f64, visit: &Visit) -> usize {
        let of = |model: Option<&dyn Differentiable>| {
            model.map_or(1, |model| model.evaluations_with_sigma_derivative(sigma, visit))
        };
        match self.asks(sigma) {
            Asks::Model => of(self.model.differentiable()),
            Asks::Reference => of(self.reference.differentiable()),
            Asks::Both => of(self.model.differentiable()) + of(self.reference.differentiable()),
        }
    }

    fn denoise_with_sigma_derivative_at(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        visit: &Visit,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        check_query(self.dim(), x, sigma)?;
        let (model, reference) = self.both()?;
        let of = |model: &dyn Differentiable| model.denoise_with_sigma_derivative_at(x, sigma, visit);
        match self.asks(sigma) {
            Asks::Model => of(model),
            Asks::Reference => of(reference),
            Asks::Both => {
                let ((d, by_sigma), (d_ref, by_sigma_ref)) = (of(model)?, of(reference)?);
                Ok((self.extrapolate(&d, d_ref)?, self.extrapolate(&by_sigma, by_sigma_ref)?))
            }
        }
    }

    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        self.derivative(x, sigma, |model| model.divergence(x, sigma))
    }

    fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        self.derivative(x, sigma, |model| model.jacobian(x, sigma))
    }
}
