//! The tube that a run's samples stay in: a bound on their distance to the ridge.
//!
//! ```text
//! ‖z(s)‖ ≤ Φ(s, s₀) ‖z(s₀)‖ + ∫ Φ(s, u) (k ‖Nδ(u)‖ + v(u)) du      Φ(s, u) = exp(−∫ k (1 − g) dr over [u, s])
//! ```
//!
//! s = −log σ; g is the gain of the flattest normal direction, Nδ the normal part of the model's error and v
//! the ridge's own normal speed, all as measured along the run, from a noise level at which samples are in the
//! tube (arXiv 2602.06021 bounds the distance in this way by a least curvature). Over each step the least
//! 1 − g and the largest ‖Nδ‖ of its ends count.
//!
//! Exact for paths without noise where D is affine across the ridge and does not depend on the place along
//! it: data in an affine subspace, Gaussians. Elsewhere of first order: what it leaves out is of the size of
//! ‖z‖²·curvature, and the mixing of z with motion along the ridge, ‖z‖ times the turn of the frame.
//!
//! The reverse SDE adds noise to every normal coordinate, of the variance (with c = 1 − g, exact for constant c)
//!
//! ```text
//! V′ = −2 k c V + 2σ²        c = 1:  V = σ² + (V₀ − σ₀²)(σ/σ₀)⁴
//! ```
//!
//! The root mean square of distances is then at most that of the bounds plus √((d − d*)·V) (Minkowski).

use ndarray::{Array1, Array2};

use super::error_split::{ErrorSplit, Motion};
use crate::error::{Error, Result};

/// A bound on the distance to the ridge along a run, in its parts. Arrays are `[levels, samples]`.
#[derive(Debug, Clone)]
pub struct TubeBound {
    /// Noise levels from the one at which the bound begins.
    pub sigmas: Vec<f64>,
    /// The samples that it is for: those at which the ridge is defined at all of these levels.
    pub samples: Vec<usize>,
    /// Samples at which it is not.
    pub undefined: usize,
    /// Φ ‖z₀‖: what is left of the distance at the beginning.
    pub transient: Array2<f64>,
    /// ∫ Φ k ‖Nδ‖: what the normal error adds.
    pub error: Array2<f64>,
    /// ∫ Φ v: what the ridge's own motion adds.
    pub motion: Array2<f64>,
    /// √V of one normal coordinate, from V = 0 at the beginning; 0 for the probability flow.
    pub noise: Array2<f64>,
    /// Newton distances, measured.
    pub measured: Array2<f64>,
    codimension: usize,
}

impl TubeBound {
    /// From noise level `from` on: that of [`PhaseTimes::reach`](super::PhaseTimes::reach), or any other.
    ///
    /// # Errors
    /// If the run has no two levels from there on.
    pub fn from(split: &ErrorSplit, from: f64) -> Result<Self> {
        let begin = split.sigmas.iter().position(|sigma| *sigma <= from).unwrap_or(split.sigmas.len());
        let sigmas = split.sigmas.get(begin..).unwrap_or_default().to_vec();
        if sigmas.len() < 2 {
            let problem = format!("is {from}, from which on the run has {} level(s)", sigmas.len());
            return Err(Error::argument("from", problem, "begin the bound above the run's last level"));
        }
        let defined = |row: &usize| split.defined.column(*row).iter().skip(begin).all(|d| *d);
        let samples: Vec<usize> = (0..split.len()).filter(defined).collect();
        let table = || Array2::zeros((sigmas.len(), samples.len()));
        let (mut transient, mut error, mut motion) = (table(), table(), table());
        let (mut noise, mut measured) = (table(), table());
        let k = split.motion.factor();
        for (column, &row) in samples.iter().enumerate() {
            let mut variance = 0.0;
            transient[(0, column)] = split.distances[(begin, row)];
            measured[(0, column)] = split.distances[(begin, row)];
            for (at, pair) in (1..).zip(sigmas.windows(2)) {
                let (before, now) = (begin + at - 1, begin + at);
                let span = libm::log(pair[0] / pair[1]);
                let least = |table: &Array2<f64>| table[(before, row)].min(table[(now, row)]);
                let largest = |table: &Array2<f64>| table[(before, row)].max(table[(now, row)]);
                let rate = k * least(&split.concavity);
                let left = libm::exp(-rate * span);
                let gathered = span * mean_of_exponential(-rate * span);
                transient[(at, column)] = left * transient[(at - 1, column)];
                error[(at, column)] = left * error[(at - 1, column)] + gathered * k * largest(&split.normal);
                motion[(at, column)] =
                    left * motion[(at - 1, column)] + gathered * split.ridge_speed[(before, row)];
                if split.motion == Motion::ReverseSde {
                    let added =
                        2.0 * pair[0] * pair[0] * span * mean_of_exponential((2.0 * rate - 2.0) * span);
                    variance = left * left * (variance + added);
                    noise[(at, column)] = variance.sqrt();
                }
                measured[(at, column)] = split.distances[(now, row)];
            }
        }
        let undefined = split.len() - samples.len();
        let codimension = split.codimension;
        Ok(TubeBound { sigmas, samples, undefined, transient, error, motion, noise, measured, codimension })
    }

    /// The bound without noise, `[levels, samples]`: of the probability flow, or of the mean of the SDE.
    pub fn bound(&self) -> Array2<f64> {
        &self.transient + &self.error + &self.motion
    }

    /// Root mean square over the samples at every level, `[levels]`: bound, and measured. The bound contains the
    /// noise; 0 if there are no samples.
    pub fn rms(&self) -> (Array1<f64>, Array1<f64>) {
        let rms = |table: &Array2<f64>| -> Array1<f64> {
            let n = table.ncols().max(1) as f64;
            table.outer_iter().map(|row| (row.dot(&row) / n).sqrt()).collect()
        };
        (rms(&self.bound()) + rms(&self.noise) * (self.codimension as f64).sqrt(), rms(&self.measured))
    }
}

/// (eᵇ − 1)/b, the mean of exp over [0, b].
fn mean_of_exponential(b: f64) -> f64 {
    if b.abs() < 1e-12 { 1.0 } else { libm::expm1(b) / b }
}
