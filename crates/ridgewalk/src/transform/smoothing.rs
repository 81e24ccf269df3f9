//! Log-domain smoothing: the score averaged under a kernel (Farghly et al., arXiv 2510.02305).
//!
//! ```text
//! s_k(x) = E_ξ[∇log p_σ(x + ξ)] = ∇(k ∗ log p_σ)(x)          (eq. 6, location-independent kernel)
//! D_k(x) = E_ξ[D(x + ξ; σ)]                                   for a centred kernel
//! ```
//!
//! Smoothing the log-density spreads mass along the data's manifold; smoothing the density (a kernel
//! density estimate) spreads it off the manifold. Kernel scales between 0.35 and 0.5 of the spacing of
//! neighbouring points fill gaps; beyond √(2τ·tolerance/d*) curvature of reach τ pulls samples inwards.
//!
//! The expectation is a mean over antithetic pairs ±ξ. Averaging the score itself would add
//! −mean(ξ)/σ², whose effect on a sample is scale·√(d/draws): in high dimension more than the
//! smoothing (with pairs mean(ξ) = 0 and all that is linear in D cancels exactly). The draws of a
//! sample are fixed along its trajectory and keyed by its index, so D_k is a deterministic function.
//! A smoothing of a smoothing keys them by its depth too: ξ and ξ′ are independent for one seed, and
//! together a kernel of scale √(h² + h′²).
//!
//! Cost: one evaluation of D for every draw.

use ndarray::{Array2, ArrayView2, Axis};

use crate::denoiser::{Denoiser, Differentiable, Visit, check_query};
use crate::error::{Error, Result};
use crate::points::{Moments, rows};
use crate::random::{Purpose, Stream};

/// Rows of x + ξ evaluated at a time.
const CHUNK: usize = 4096;
/// Pairs are numbered below 2⁴⁸; the depth of nesting stands above.
const DEPTH_BITS: u32 = 48;

/// A smoothing kernel: an isotropic Gaussian with a number of draws.
#[derive(Debug, Clone, PartialEq)]
pub struct Kernel {
    scale: f64,
    pairs: usize,
    seed: u64,
    below: f64,
}

impl Kernel {
    /// ξ ~ N(0, scale²·I) in the data's units, 64 draws. Scale 0 smooths nothing.
    pub fn isotropic(scale: f64) -> Self {
        Kernel { scale, pairs: 32, seed: 0, below: f64::INFINITY }
    }

    /// With another number of draws (rounded up to pairs).
    pub fn draws(mut self, draws: usize) -> Self {
        self.pairs = draws.div_ceil(2);
        self
    }

    /// With another seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Acting only at noise levels up to this one. At levels far above the scale the smoothed and the
    /// plain denoiser differ by a term that falls like scale²/σ².
    pub fn below(mut self, sigma: f64) -> Self {
        self.below = sigma;
        self
    }

    /// Its standard deviation, in the data's units.
    pub fn scale(&self) -> f64 {
        self.scale
    }
}

/// A denoiser whose score is smoothed.
#[derive(Debug, Clone)]
pub struct Smoothed<D> {
    inner: D,
    kernel: Kernel,
    /// Smoothings within `inner`.
    depth: u64,
}

impl<D: Denoiser> Smoothed<D> {
    /// `inner` smoothed with `kernel`.
    ///
    /// # Errors
    /// If the kernel's scale is negative or not finite, or it has no draws.
    pub fn new(inner: D, kernel: Kernel) -> Result<Self> {
        if !(kernel.scale >= 0.0 && kernel.scale.is_finite()) || kernel.pairs == 0 {
            return Err(Error::argument(
                "kernel",
                format!("has scale {} and {} draws", kernel.scale, 2 * kernel.pairs),
                "the scale is a finite number that is not negative, and there is at least one draw",
            ));
        }
        let depth = inner.smoothings();
        Ok(Smoothed { inner, kernel, depth })
    }

    fn acts(&self, sigma: f64) -> bool {
        self.kernel.scale > 0.0 && sigma <= self.kernel.below
    }

    /// Means over the draws of what `evaluate` gives for x + ξ; the row of x is given with each row.
    fn average<const OUT: usize>(
        &self,
        x: ArrayView2<f64>,
        visit: &Visit,
        evaluate: impl Fn(ArrayView2<f64>, &[usize], &Visit) -> Result<[Array2<f64>; OUT]>,
    ) -> Result<[Array2<f64>; OUT]> {
        let draws = 2 * self.kernel.pairs;
        let mut sums: [Array2<f64>; OUT] = std::array::from_fn(|_| Array2::zeros(x.raw_dim()));
        for first in (0..x.nrows()).step_by((CHUNK / draws).max(1)) {
            let block = rows(&x, first..(first + (CHUNK / draws).max(1)).min(x.nrows()));
            for pair in (0..self.kernel.pairs).step_by(CHUNK / 2) {
                let pairs = pair..(pair + CHUNK / 2).min(self.kernel.pairs);
                let (shifted, origin, samples) = self.shifted(block, first, pairs, visit);
                let visit = Visit { samples: &samples, step: visit.step };
                let values = evaluate(shifted.view(), &origin, &visit)?;
                for (sum, values) in sums.iter_mut().zip(values) {
                    for (value, &row) in values.outer_iter().zip(&origin) {
                        sum.row_mut(row).scaled_add(1.0 / draws as f64, &value);
                    }
                }
            }
        }
        Ok(sums)
    }

    /// x ± ξ for a range of pairs, the row each comes from, and its sample.
    fn shifted(
        &self,
        block: ArrayView2<f64>,
        first: usize,
        pairs: std::ops::Range<usize>,
        visit: &Visit,
    ) -> (Array2<f64>, Vec<usize>, Vec<u64>) {
        let count = block.nrows() * pairs.len() * 2;
        let mut out = Array2::zeros((count, block.ncols()));
        let (mut origin, mut samples) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (slot, mut two) in out.axis_chunks_iter_mut(Axis(0), 2).enumerate() {
            let (row, pair) = (slot / pairs.len(), pairs.start + slot % pairs.len());
            let sample = visit.sample(first + row);
            let key = (self.depth << DEPTH_BITS) | pair as u64;
            let mut stream = Stream::new(self.kernel.seed, Purpose::Kernel, sample, key);
            for (k, &x) in block.row(row).iter().enumerate() {
                let shift = self.kernel.scale * stream.normal();
                two[(0, k)] = x + shift;
                two[(1, k)] = x - shift;
            }
            origin.extend([first + row; 2]);
            samples.extend([sample; 2]);
        }
        (out, origin, samples)
    }

    fn inner_derivatives(&self) -> Result<&dyn Differentiable> {
        self.inner.differentiable().ok_or_else(|| {
            Error::argument(
                "the smoothed model",
                "has no derivatives of its own",
                "wrap the smoothed denoiser in FiniteDifference",
            )
        })
    }
}

fn gather(v: ArrayView2<f64>, origin: &[usize]) -> Array2<f64> {
    v.select(Axis(0), origin)
}

impl<D: Denoiser> Denoiser for Smoothed<D> {
    fn dim(&self) -> usize {
        self.inner.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }

    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        if !self.acts(sigma) {
            return self.inner.denoise_at(x, sigma, visit);
        }
        let [mean] = self.average(x, visit, |x, _, visit| Ok([self.inner.denoise_at(x, sigma, visit)?]))?;
        Ok(mean)
    }

    fn moments(&self) -> Option<Moments> {
        self.inner.moments()
    }

    fn smoothings(&self) -> u64 {
        self.depth + 1
    }

    fn differentiable(&self) -> Option<&dyn Differentiable> {
        self.inner.differentiable().map(|_| self as &dyn Differentiable)
    }
}

/// Means over the draws of the inner model's derivatives; an error if it has none.
impl<D: Denoiser> Differentiable for Smoothed<D> {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        crate::denoiser::check_tangent(x, v)?;
        let inner = self.inner_derivatives()?;
        if !self.acts(sigma) {
            return inner.jvp(x, sigma, v);
        }
        let [mean] = self.average(x, &Visit::default(), |x, origin, _| {
            Ok([inner.jvp(x, sigma, gather(v, origin).view())?])
        })?;
        Ok(mean)
    }

    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        crate::denoiser::check_tangent(x, v)?;
        let inner = self.inner_derivatives()?;
        if !self.acts(sigma) {
            return inner.vjp(x, sigma, v);
        }
        let [mean] = self.average(x, &Visit::default(), |x, origin, _| {
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

    fn denoise_with_sigma_derivative_at(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        visit: &Visit,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        check_query(self.dim(), x, sigma)?;
        let inner = self.inner_derivatives()?;
        if !self.acts(sigma) {
            return inner.denoise_with_sigma_derivative_at(x, sigma, visit);
        }
        let [mean, by_sigma] = self.average(x, visit, |x, _, visit| {
            inner.denoise_with_sigma_derivative_at(x, sigma, visit).map(|(d, s)| [d, s])
        })?;
        Ok((mean, by_sigma))
    }

    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<ndarray::Array1<f64>> {
        check_query(self.dim(), x, sigma)?;
        let inner = self.inner_derivatives()?;
        if !self.acts(sigma) {
            return inner.divergence(x, sigma);
        }
        // One column instead of d: the mean of traces.
        let [mean] = self.average(x, &Visit::default(), |x, _, _| {
            Ok([inner.divergence(x, sigma)?.insert_axis(Axis(1))])
        })?;
        Ok(mean.column(0).to_owned())
    }
}

#[cfg(test)]
mod tests;
