//! The exact law of a scheme's states where the fields are affine, as between Gaussians: no Monte Carlo.
//!
//! Every step is then x′ = A x + c + B z. A, c and B are read off the real scheme, whose step is taken on a
//! batch of probes (the origin, the unit vectors, unit draws of noise), and mean and covariance follow:
//! A m + c and A C Aᵀ + B Bᵀ.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::Bridge;
use super::sampler::{Direction, InterpolantSampler, Walk};
use crate::error::{Error, Result};
use crate::points::rows;
use crate::solver::NoiseSource;

/// The law of the states at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct LawAt {
    /// The time.
    pub t: f64,
    /// Mean, `[d]`.
    pub mean: Array1<f64>,
    /// Covariance, `[d, d]`.
    pub covariance: Array2<f64>,
}

/// What rounding may leave of an affine scheme's combined probe, relative to the size of its parts.
const AFFINE: f64 = 1e-9;

impl InterpolantSampler {
    /// Mean and covariance after every step of what [`InterpolantSampler::run`] makes of a law of this mean
    /// (`[d]`) and covariance (`[d, d]`): exactly, by 2d + 2 probes, if the bridge's fields are affine.
    ///
    /// # Errors
    /// As [`InterpolantSampler::run`], if the shapes disagree, or if the fields are not affine.
    pub fn moments<B: Bridge + ?Sized>(
        &self,
        bridge: &B,
        mean: ArrayView1<f64>,
        covariance: ArrayView2<f64>,
        direction: Direction,
    ) -> Result<Vec<LawAt>> {
        let d = bridge.dim();
        if mean.len() != d || covariance.dim() != (d, d) {
            let found = format!("{} and {:?}", mean.len(), covariance.dim());
            return Err(Error::shape("the law", found, format!("{d} and ({d}, {d})")));
        }
        let (origin, together, draws) = (0, d + 1, d + 2);
        let mut probes = Array2::zeros((2 * d + 2, d));
        for k in 0..d {
            probes[(1 + k, k)] = 1.0;
            probes[(together, k)] = 1.0 + k as f64 / d as f64;
        }
        let combined = probes.row(together).to_owned();
        let samples: Vec<u64> = (0..probes.nrows() as u64).collect();
        let noise = UnitDraws { first: draws };
        let (samples, total) = (&samples[..], samples.len());
        let mut walk = Walk { bridge, direction, samples, total, noise: &noise, evaluations: 0 };
        let (mut mean, mut covariance) = (mean.to_owned(), covariance.to_owned());
        let mut laws = Vec::new();
        for (index, leg) in self.legs(bridge, direction)?.iter().enumerate() {
            let state = self.step(&mut walk, probes.clone(), index, leg)?;
            let shift = state.row(origin).to_owned();
            let part = |from: usize| rows(&state.view(), from..from + d).to_owned() - &shift;
            let (gains, kicks) = (part(1), part(draws));
            let size =
                gains.iter().map(|v| v.abs()).sum::<f64>() + shift.iter().map(|v| v.abs()).sum::<f64>();
            let off = combined.dot(&gains) + &shift - state.row(together);
            if off.iter().any(|e| e.is_nan() || e.abs() > AFFINE * (1.0 + size)) {
                let help = "estimate its moments from samples";
                return Err(Error::argument(
                    "bridge",
                    "is not affine in the state, as between Gaussians",
                    help,
                ));
            }
            mean = mean.dot(&gains) + &shift;
            covariance = gains.t().dot(&covariance).dot(&gains) + kicks.t().dot(&kicks);
            laws.push(LawAt { t: leg.to, mean: mean.clone(), covariance: covariance.clone() });
        }
        Ok(laws)
    }
}

/// A unit draw of coordinate k in the k-th of the last rows.
struct UnitDraws {
    first: usize,
}

impl NoiseSource for UnitDraws {
    fn draw(&self, _step: usize, _draw: usize, samples: &[u64], noise: &mut Array2<f64>) {
        noise.fill(0.0);
        for (mut row, &sample) in noise.outer_iter_mut().zip(samples) {
            let coordinate = (sample as usize).checked_sub(self.first);
            if let Some(value) = coordinate.and_then(|k| row.get_mut(k)) {
                *value = 1.0;
            }
        }
    }
}
