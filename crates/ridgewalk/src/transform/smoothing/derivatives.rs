//! Derivatives of a smoothed denoiser: means of the inner derivatives over the same draws.
//!
//! That is the Jacobian of D_k as it is computed where the draws do not depend on x or σ. A kernel that
//! depends on where it stands adds ∂ξ/∂x, a scale that depends on σ adds ∂ξ/∂σ, a control variate its
//! coefficient's derivative, and a tolerance jumps where the number of draws changes: none of these is
//! known here, so such a denoiser says that it has no derivatives of its own, and
//! [`FiniteDifference`](crate::FiniteDifference) serves it.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::Smoothed;
use super::estimator::Estimator;
use crate::denoiser::{Denoiser, Differentiable, Visit, check_query, check_tangent};
use crate::error::{Error, Result};
use crate::points::rows;

/// Rows of x + ξ evaluated at a time.
const CHUNK: usize = 4096;

impl<D: Denoiser> Smoothed<D> {
    /// Whether the means of the inner derivatives are the derivatives of D_k.
    pub(super) fn exactly_differentiable(&self) -> bool {
        self.inner.differentiable().is_some()
            && self.kernel.location_independent()
            && self.kernel.scale_by.is_none()
            && self.kernel.tolerance.is_none()
            && self.kernel.estimator != Estimator::ControlVariate
    }

    fn inner_derivatives(&self) -> Result<&dyn Differentiable> {
        let inner = self.inner.differentiable().filter(|_| self.exactly_differentiable());
        inner.ok_or_else(|| {
            Error::argument(
                "the smoothed model",
                "has no exact derivatives (its model has none, or its kernel depends on x or sigma, or it \
                 has a control variate or a tolerance)",
                "wrap the smoothed denoiser in FiniteDifference",
            )
        })
    }

    /// Means over the draws of what `evaluate` gives for x + ξ: `[rows, width]`, the row of x being given
    /// for each.
    pub(super) fn over_draws<const OUT: usize>(
        &self,
        x: ArrayView2<f64>,
        scale: f64,
        width: usize,
        evaluate: impl Fn(ArrayView2<f64>, &[usize]) -> Result<[Array2<f64>; OUT]>,
    ) -> Result<[Array2<f64>; OUT]> {
        let share = 1.0 / self.nodes.groups as f64;
        let draws = self.nodes.z.nrows();
        let chunk = (CHUNK / (width / self.dim().max(1)).max(1)).max(1);
        let (rows_at_once, draws_at_once) = ((chunk / draws.max(1)).max(1), chunk.min(draws).max(1));
        let mut sums: [Array2<f64>; OUT] = std::array::from_fn(|_| Array2::zeros((x.nrows(), width)));
        for first in (0..x.nrows()).step_by(rows_at_once) {
            let block = rows(&x, first..(first + rows_at_once).min(x.nrows()));
            let moves = self.frames.at(block, self.nodes.z.view(), scale)?;
            for start in (0..draws).step_by(draws_at_once) {
                let range = start..(start + draws_at_once).min(draws);
                let nodes = rows(&moves.nodes.view(), range.clone());
                let mut shifted = Array2::zeros((block.nrows() * range.len(), x.ncols()));
                let mut origin = Vec::with_capacity(shifted.nrows());
                for (row, mut part) in shifted.axis_chunks_iter_mut(Axis(0), range.len()).enumerate() {
                    match &moves.frames {
                        None => part.assign(&nodes),
                        Some(frames) => part.assign(&nodes.dot(&frames.index_axis(Axis(0), row))),
                    }
                    part += &block.row(row);
                    origin.extend(std::iter::repeat_n(first + row, range.len()));
                }
                for (sum, values) in sums.iter_mut().zip(evaluate(shifted.view(), &origin)?) {
                    let weights = self.nodes.weights.iter().skip(start).take(range.len()).cycle();
                    for ((value, &row), weight) in values.outer_iter().zip(&origin).zip(weights) {
                        sum.row_mut(row).scaled_add(weight * share, &value);
                    }
                }
            }
        }
        Ok(sums)
    }
}

fn gather(v: ArrayView2<f64>, origin: &[usize]) -> Array2<f64> {
    v.select(Axis(0), origin)
}

/// Means over the draws of the inner model's derivatives; an error where [`Denoiser::differentiable`] is
/// `None`.
impl<D: Denoiser> Differentiable for Smoothed<D> {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        check_tangent(x, v)?;
        let inner = self.inner_derivatives()?;
        let Some(scale) = self.acts(sigma)? else { return inner.jvp(x, sigma, v) };
        let [mean] = self.over_draws(x, scale, self.dim(), |x, origin| {
            Ok([inner.jvp(x, sigma, gather(v, origin).view())?])
        })?;
        Ok(mean)
    }

    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        check_tangent(x, v)?;
        let inner = self.inner_derivatives()?;
        let Some(scale) = self.acts(sigma)? else { return inner.vjp(x, sigma, v) };
        let [mean] = self.over_draws(x, scale, self.dim(), |x, origin| {
            Ok([inner.vjp(x, sigma, gather(v, origin).view())?])
        })?;
        Ok(mean)
    }

    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        self.denoise_with_sigma_derivative_at(x, sigma, &Visit::default())
    }

    fn evaluations_with_sigma_derivative(&self, sigma: f64, visit: &Visit) -> usize {
        let inner = self.inner.differentiable();
        inner.map_or(1, |inner| inner.evaluations_with_sigma_derivative(sigma, visit))
    }

    fn denoise_with_sigma_derivative_at(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        visit: &Visit,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        check_query(self.dim(), x, sigma)?;
        let inner = self.inner_derivatives()?;
        let Some(scale) = self.acts(sigma)? else {
            return inner.denoise_with_sigma_derivative_at(x, sigma, visit);
        };
        let [mut mean, by_sigma] = self.over_draws(x, scale, self.dim(), |x, origin| {
            let samples: Vec<u64> = origin.iter().map(|&row| visit.sample(row)).collect();
            let visit = Visit { samples: &samples, step: visit.step };
            inner.denoise_with_sigma_derivative_at(x, sigma, &visit).map(|(d, s)| [d, s])
        })?;
        self.subtract_mean_displacement(&mut mean, scale)?;
        Ok((mean, by_sigma))
    }

    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        check_query(self.dim(), x, sigma)?;
        let inner = self.inner_derivatives()?;
        let Some(scale) = self.acts(sigma)? else { return inner.divergence(x, sigma) };
        // One column instead of d: the mean of traces.
        let [mean] =
            self.over_draws(x, scale, 1, |x, _| Ok([inner.divergence(x, sigma)?.insert_axis(Axis(1))]))?;
        Ok(mean.column(0).to_owned())
    }

    fn jacobian(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array3<f64>> {
        check_query(self.dim(), x, sigma)?;
        let inner = self.inner_derivatives()?;
        let Some(scale) = self.acts(sigma)? else { return inner.jacobian(x, sigma) };
        let dim = self.dim();
        let [mean] = self.over_draws(x, scale, dim * dim, |x, _| {
            let jacobian = inner.jacobian(x, sigma)?;
            Ok([jacobian.flatten().into_owned().into_shape_with_order((x.nrows(), dim * dim)).map_err(
                |_| Error::shape("the inner Jacobian", "another shape", format!("[batch, {dim}, {dim}]")),
            )?])
        })?;
        mean.into_shape_with_order((x.nrows(), dim, dim))
            .map_err(|_| Error::shape("the Jacobian", "another shape", format!("[batch, {dim}, {dim}]")))
    }
}
