//! The trace of the denoiser's Jacobian along a path: exactly, or by Hutchinson's random probes.
//!
//! For z with E[zzᵀ] = I, ⟨z, J z⟩ has the mean tr J (arXiv 2011.13456, eq. 40). A probe is drawn once for a
//! whole path, so that the integral over the path is one quadratic form in z: probes are independent
//! estimates of the log-likelihood, and their spread is its standard error.

use ndarray::{Array1, Array2, ArrayView2, Axis, Zip};

use crate::denoiser::Differentiable;
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};

/// How tr J is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Divergence {
    /// From the model's own divergence: exact, and d Jacobian products where nothing better is known.
    #[default]
    Exact,
    /// By this many random probes: one Jacobian product each.
    Hutchinson {
        /// How many, at least 1.
        probes: usize,
        /// Their law.
        law: ProbeLaw,
        /// Their seed: probe j of row i depends on (seed, i, j) alone.
        seed: u64,
    },
}

/// The law of a probe's coordinates, which are independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ProbeLaw {
    /// ±1. The variance of ⟨z, A z⟩ is 2Σ_{i≠j} A_ij² for symmetric A: the least of any law.
    #[default]
    Rademacher,
    /// Standard normal: 2‖A‖².
    Gaussian,
}

/// The probes of a batch; none if the divergence is exact.
pub(crate) struct Probes(Vec<Array2<f64>>);

impl Probes {
    pub(crate) fn new(divergence: Divergence, (n, d): (usize, usize)) -> Result<Self> {
        let Divergence::Hutchinson { probes, law, seed } = divergence else { return Ok(Probes(Vec::new())) };
        if probes == 0 {
            return Err(Error::argument("probes", "are 0", "take at least one"));
        }
        let probe = |number: usize| {
            let mut out = Array2::zeros((n, d));
            for (i, mut row) in out.outer_iter_mut().enumerate() {
                let mut stream = Stream::new(seed, Purpose::Projection, i as u64, number as u64);
                row.iter_mut().for_each(|v| {
                    *v = match law {
                        ProbeLaw::Rademacher => 1.0 - 2.0 * (stream.bits() >> 63) as f64,
                        ProbeLaw::Gaussian => stream.normal(),
                    }
                });
            }
            out
        };
        Ok(Probes((0..probes).map(probe).collect()))
    }

    /// The same probes for every row: those of row 0.
    pub(crate) fn shared(divergence: Divergence, (n, d): (usize, usize)) -> Result<Self> {
        let Probes(one) = Self::new(divergence, (1, d))?;
        let all = one.into_iter().map(|probe| Array2::from_shape_fn((n, d), |(_, k)| probe[(0, k)]));
        Ok(Probes(all.collect()))
    }

    /// Estimates of tr J of a row.
    pub(super) fn estimates(&self) -> usize {
        self.0.len().max(1)
    }

    /// Jacobian products that an evaluation takes in d dimensions, if the model has no divergence of its own.
    pub(super) fn products(&self, d: usize) -> usize {
        if self.0.is_empty() { d } else { self.0.len() }
    }

    /// tr J, one column an estimate, `[batch, estimates]`.
    pub(crate) fn traces(
        &self,
        model: &dyn Differentiable,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<Array2<f64>> {
        if self.0.is_empty() {
            return Ok(model.divergence(x, sigma)?.insert_axis(Axis(1)));
        }
        let mut out = Array2::zeros((x.nrows(), self.0.len()));
        for (probe, mut column) in self.0.iter().zip(out.columns_mut()) {
            let product = model.jvp(x, sigma, probe.view())?;
            Zip::from(&mut column).and(probe.rows()).and(product.rows()).for_each(|o, z, j| *o = z.dot(&j));
        }
        Ok(out)
    }
}

/// Mean of every row's estimates, and the standard error of that mean if there are at least two.
pub(super) fn mean_and_error(estimates: &Array2<f64>) -> (Array1<f64>, Option<Array1<f64>>) {
    let n = estimates.ncols();
    let mean = estimates.sum_axis(Axis(1)) / n as f64;
    if n < 2 {
        return (mean, None);
    }
    let mut error = Array1::zeros(mean.len());
    Zip::from(&mut error).and(estimates.rows()).and(&mean).for_each(|e, row, m| {
        let square: f64 = row.iter().map(|v| (v - m) * (v - m)).sum();
        *e = (square / (n as f64 - 1.0) / n as f64).sqrt();
    });
    (mean, Some(error))
}
