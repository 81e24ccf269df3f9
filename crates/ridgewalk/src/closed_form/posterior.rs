//! The posterior of a Gaussian mixture given a noisy point: what all of its denoiser follows from.
//!
//! With p = Σ_k w_k N(μ_k, Σ_k), e_k = x − μ_k and A_k = (Σ_k + σ²I)⁻¹:
//!
//! ```text
//! responsibilities  γ_k ∝ w_k N(x; μ_k, Σ_k + σ²I)
//! denoiser          D_k = μ_k + Σ_k A_k e_k                D = Σ γ_k D_k
//! score             s_k = −A_k e_k                         s = Σ γ_k s_k
//! Jacobian          J = Σ γ_k Σ_k A_k + Σ γ_k (D_k − D)(D_k − D)ᵀ/σ²
//! Hessian           ∇²log p_σ = −Σ γ_k A_k + Σ γ_k (s_k − s)(s_k − s)ᵀ
//! noise derivative  ∂_σ D = Σ γ_k ∂_σ D_k + Σ γ_k (D_k − D) ∂_σ log N_k
//!                   ∂_σ D_k = −2σ Σ_k A_k² e_k,   ∂_σ log N_k = σ (‖s_k‖² − tr A_k)
//! ```
//!
//! The second moments use D_k − D = σ²(s_k − s). Each is formed from the quantities that keep its
//! digits: D from μ_k and a shrinkage (large σ), the score and the Hessian from A_k (small σ).
//! Memory: O(ROWS·d·K) a thread.

mod matrices;

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};

use super::covariance::Gains;
use super::gaussian::Gaussian;
use super::pointwise::{checked_variance, finite};
use super::rows::{ROWS, axpy, dot, map_rows};
use crate::denoiser::check_tangent;
use crate::error::Result;

pub(super) use matrices::{add_outer, shape_error};

/// Components with a smaller responsibility are skipped: even 10³ standard deviations away they
/// move no sum by a rounding error.
const NEGLIGIBLE: f64 = 1e-30;

/// A mixture at one noise variance σ² (0 is allowed if every covariance is regular).
pub(super) struct Level<'a> {
    components: &'a [Gaussian],
    variance: f64,
    /// log w_k − ½ (d log 2π + log det(Σ_k + σ²I)).
    log_scales: Vec<f64>,
    precisions: Vec<Gains>,
}

impl<'a> Level<'a> {
    pub(super) fn new(components: &'a [Gaussian], log_weights: &[f64], variance: f64) -> Self {
        let log_two_pi = libm::log(2.0 * std::f64::consts::PI);
        let log_scale = |(g, log_weight): (&Gaussian, &f64)| {
            let log_det = g.covariance().trace_of(|v| libm::log(v + variance));
            log_weight - 0.5 * (g.covariance().dim() as f64 * log_two_pi + log_det)
        };
        Level {
            components,
            variance,
            log_scales: components.iter().zip(log_weights).map(log_scale).collect(),
            precisions: components.iter().map(|g| g.covariance().gains(|v| 1.0 / (v + variance))).collect(),
        }
    }

    /// As [`Level::new`] at the noise level `sigma`, with the query's arguments checked.
    pub(super) fn checked(
        components: &'a [Gaussian],
        log_weights: &[f64],
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<Self> {
        let variance = checked_variance(components[0].covariance().dim(), x, sigma)?;
        Ok(Self::new(components, log_weights, variance))
    }

    fn dim(&self) -> usize {
        self.components[0].covariance().dim()
    }

    pub(super) fn responsibilities(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        let k = self.components.len();
        finite(map_rows(x, k, |x, out| out.copy_from_slice(&Chunk::new(self, x).weights)))
    }

    /// γ (`[n, K]`) and log p_σ (`[n]`) in one pass.
    pub(super) fn posterior(&self, x: ArrayView2<f64>) -> Result<(Array2<f64>, Vec<f64>)> {
        let k = self.components.len();
        let both = finite(map_rows(x, k + 1, |x, out| {
            let chunk = Chunk::new(self, x);
            for (row, out) in out.chunks_mut(k + 1).enumerate() {
                out[..k].copy_from_slice(&chunk.weights[row * k..(row + 1) * k]);
                out[k] = chunk.log_density[row];
            }
        }))?;
        Ok((both.slice_axis(Axis(1), Slice::from(..k)).to_owned(), both.column(k).to_vec()))
    }

    pub(super) fn log_density(&self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        let out = map_rows(x, 1, |x, out| out.copy_from_slice(&Chunk::new(self, x).log_density));
        Ok(finite(out)?.column(0).to_owned())
    }

    pub(super) fn denoise(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        finite(map_rows(x, self.dim(), |x, out| {
            let chunk = Chunk::new(self, x);
            out.copy_from_slice(&chunk.mean(&chunk.denoised()));
        }))
    }

    pub(super) fn score(&self, x: ArrayView2<f64>) -> Result<Array2<f64>> {
        finite(map_rows(x, self.dim(), |x, out| {
            let chunk = Chunk::new(self, x);
            out.copy_from_slice(&chunk.mean(&chunk.scores()));
        }))
    }

    pub(super) fn jvp(&self, x: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        let inverse = 1.0 / self.variance;
        self.second_order(x, v, |c| v_over(c, self.variance), inverse, |c| c.denoised())
    }

    pub(super) fn hessian_product(&self, x: ArrayView2<f64>, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.second_order(x, v, |c| -1.0 / (c + self.variance), 1.0, |c| c.scores())
    }

    /// Σ γ_k f(Σ_k) v + scale · Cov_γ(y) v, with y_k one vector a component.
    fn second_order(
        &self,
        x: ArrayView2<f64>,
        v: ArrayView2<f64>,
        within: impl Fn(f64) -> f64 + Sync,
        scale: f64,
        vectors: impl Fn(&Chunk) -> Vec<Vec<f64>> + Sync,
    ) -> Result<Array2<f64>> {
        check_tangent(x, v)?;
        let d = self.dim();
        let mut both = Array2::zeros((x.nrows(), 2 * d));
        both.slice_axis_mut(Axis(1), Slice::from(..d)).assign(&x);
        both.slice_axis_mut(Axis(1), Slice::from(d..)).assign(&v);
        finite(map_rows(both.view(), d, |both, out| {
            let x: Vec<f64> = both.chunks(2 * d).flat_map(|row| &row[..d]).copied().collect();
            let v: Vec<f64> = both.chunks(2 * d).flat_map(|row| &row[d..]).copied().collect();
            let chunk = Chunk::new(self, &x);
            let y = vectors(&chunk);
            let mean = chunk.mean(&y);
            for (k, (g, y)) in self.components.iter().zip(&y).enumerate() {
                let r = g.covariance().rank();
                let gains = g.covariance().gains(&within);
                let mut residual = v.clone();
                let mut c = vec![0.0; ROWS * r];
                g.covariance().project(&mut residual, &mut c);
                for (row, out) in out.chunks_mut(d).enumerate() {
                    let Some(weight) = chunk.weight(row, k) else { continue };
                    let at = row * d..(row + 1) * d;
                    g.covariance().filter(
                        &c[row * r..(row + 1) * r],
                        &residual[at.clone()],
                        &gains,
                        weight,
                        out,
                    );
                    let deviation: Vec<f64> =
                        y[at.clone()].iter().zip(&mean[at.clone()]).map(|(y, m)| y - m).collect();
                    axpy(scale * weight * dot(&deviation, &v[at]), &deviation, out);
                }
            }
        }))
    }

    /// D and ∂D/∂σ.
    pub(super) fn noise_derivative(&self, x: ArrayView2<f64>) -> Result<(Array2<f64>, Array2<f64>)> {
        let d = self.dim();
        let sigma = self.variance.sqrt();
        let both = finite(map_rows(x, 2 * d, |x, out| {
            let chunk = Chunk::new(self, x);
            let denoised = chunk.denoised();
            let mean = chunk.mean(&denoised);
            let slopes =
                chunk.filtered(|v| -2.0 * sigma * (v / (v + self.variance)) / (v + self.variance), false);
            let rates = chunk.log_density_rates(sigma);
            for (row, out) in out.chunks_mut(2 * d).enumerate() {
                let at = row * d..(row + 1) * d;
                let (value, derivative) = out.split_at_mut(d);
                value.copy_from_slice(&mean[at.clone()]);
                for k in 0..self.components.len() {
                    let Some(weight) = chunk.weight(row, k) else { continue };
                    axpy(weight, &slopes[k][at.clone()], derivative);
                    let rate = weight * rates[row * self.components.len() + k];
                    for ((o, y), m) in derivative.iter_mut().zip(&denoised[k][at.clone()]).zip(&*value) {
                        *o += rate * (y - m);
                    }
                }
            }
        }))?;
        let (value, derivative) = both.view().split_at(Axis(1), d);
        Ok((value.to_owned(), derivative.to_owned()))
    }

    /// tr J = Σ γ_k tr Σ_k A_k + Σ γ_k ‖D_k − D‖²/σ².
    pub(super) fn divergence(&self, x: ArrayView2<f64>) -> Result<Array1<f64>> {
        let d = self.dim();
        let traces: Vec<f64> =
            self.components.iter().map(|g| g.covariance().trace_of(|v| v_over(v, self.variance))).collect();
        let out = map_rows(x, 1, |x, out| {
            let chunk = Chunk::new(self, x);
            let denoised = chunk.denoised();
            let mean = chunk.mean(&denoised);
            for (row, out) in out.iter_mut().enumerate() {
                let at = row * d..(row + 1) * d;
                for (k, y) in denoised.iter().enumerate() {
                    let Some(weight) = chunk.weight(row, k) else { continue };
                    let spread = super::rows::squared_distance(&y[at.clone()], &mean[at.clone()]);
                    *out += weight * (traces[k] + spread / self.variance);
                }
            }
        });
        Ok(finite(out)?.column(0).to_owned())
    }
}

fn v_over(v: f64, variance: f64) -> f64 {
    v / (v + variance)
}

/// Up to [`ROWS`] points seen from every component.
pub(super) struct Chunk<'a> {
    level: &'a Level<'a>,
    rows: usize,
    /// Coordinates in the eigenvectors, per component `[rows, r]`.
    coordinates: Vec<Vec<f64>>,
    /// What the eigenvectors leave, per component `[rows, d]`.
    residuals: Vec<Vec<f64>>,
    /// γ, `[rows, K]`.
    pub(super) weights: Vec<f64>,
    /// log p_σ, `[rows]`.
    pub(super) log_density: Vec<f64>,
}

impl<'a> Chunk<'a> {
    pub(super) fn new(level: &'a Level<'a>, x: &[f64]) -> Self {
        let d = level.dim();
        let rows = x.len() / d;
        let mut chunk = Chunk {
            level,
            rows,
            coordinates: Vec::with_capacity(level.components.len()),
            residuals: Vec::with_capacity(level.components.len()),
            weights: vec![0.0; rows * level.components.len()],
            log_density: vec![0.0; rows],
        };
        let count = level.components.len();
        for (k, g) in level.components.iter().enumerate() {
            let r = g.covariance().rank();
            let mean = g.mean_slice();
            let mut e: Vec<f64> = x.chunks(d).flat_map(|x| x.iter().zip(mean).map(|(x, m)| x - m)).collect();
            let mut c = vec![0.0; rows * r];
            g.covariance().project(&mut e, &mut c);
            for row in 0..rows {
                let (c, e) = (&c[row * r..(row + 1) * r], &e[row * d..(row + 1) * d]);
                let quadratic = g.covariance().quadratic(c, e, &level.precisions[k]);
                chunk.weights[row * count + k] = level.log_scales[k] - 0.5 * quadratic;
            }
            chunk.coordinates.push(c);
            chunk.residuals.push(e);
        }
        for (weights, log_density) in chunk.weights.chunks_mut(count).zip(&mut chunk.log_density) {
            *log_density = normalise(weights);
        }
        chunk
    }

    /// γ_k of a row, unless it is negligible. NaN is not negligible: it must reach the result.
    fn weight(&self, row: usize, k: usize) -> Option<f64> {
        let weight = self.weights[row * self.level.components.len() + k];
        (weight.is_nan() || weight > NEGLIGIBLE).then_some(weight)
    }

    /// D_k, `[rows, d]` each.
    fn denoised(&self) -> Vec<Vec<f64>> {
        self.filtered(|v| v_over(v, self.level.variance), true)
    }

    /// s_k, `[rows, d]` each.
    fn scores(&self) -> Vec<Vec<f64>> {
        self.filtered(|v| -1.0 / (v + self.level.variance), false)
    }

    /// f(Σ_k) e_k, from μ_k or from zero; `[rows, d]` each, zero where γ_k is negligible.
    fn filtered(&self, f: impl Fn(f64) -> f64, from_mean: bool) -> Vec<Vec<f64>> {
        let d = self.level.dim();
        let one = |(k, g): (usize, &Gaussian)| {
            let r = g.covariance().rank();
            let gains = g.covariance().gains(&f);
            let mut out = vec![0.0; self.rows * d];
            for (row, out) in out.chunks_mut(d).enumerate() {
                if self.weight(row, k).is_none() {
                    continue;
                }
                if from_mean {
                    out.copy_from_slice(g.mean_slice());
                }
                let c = &self.coordinates[k][row * r..(row + 1) * r];
                g.covariance().filter(c, &self.residuals[k][row * d..(row + 1) * d], &gains, 1.0, out);
            }
            out
        };
        self.level.components.iter().enumerate().map(one).collect()
    }

    /// Σ γ_k y_k, `[rows, d]`.
    fn mean(&self, vectors: &[Vec<f64>]) -> Vec<f64> {
        let d = self.level.dim();
        let mut out = vec![0.0; self.rows * d];
        for (k, y) in vectors.iter().enumerate() {
            for (row, out) in out.chunks_mut(d).enumerate() {
                if let Some(weight) = self.weight(row, k) {
                    axpy(weight, &y[row * d..(row + 1) * d], out);
                }
            }
        }
        out
    }

    /// ∂_σ log N_k less its mean over γ, `[rows, K]`: Σ γ_k (D_k − D) = 0 makes the mean free to
    /// choose, and far away it is what cancels. Of no meaning where γ is negligible.
    fn log_density_rates(&self, sigma: f64) -> Vec<f64> {
        let (d, variance) = (self.level.dim(), self.level.variance);
        let count = self.level.components.len();
        let mut rates = vec![0.0; self.rows * count];
        if count == 1 {
            return rates;
        }
        for (k, g) in self.level.components.iter().enumerate() {
            let r = g.covariance().rank();
            let squares = g.covariance().gains(|v| 1.0 / ((v + variance) * (v + variance)));
            let trace = g.covariance().trace_of(|v| 1.0 / (v + variance));
            for row in 0..self.rows {
                if self.weight(row, k).is_none() {
                    continue;
                }
                let (c, e) = (
                    &self.coordinates[k][row * r..(row + 1) * r],
                    &self.residuals[k][row * d..(row + 1) * d],
                );
                rates[row * count + k] = sigma * (g.covariance().quadratic(c, e, &squares) - trace);
            }
        }
        for (row, rates) in rates.chunks_mut(count).enumerate() {
            let mean: f64 = (0..count).filter_map(|k| Some(self.weight(row, k)? * rates[k])).sum();
            rates.iter_mut().for_each(|rate| *rate -= mean);
        }
        rates
    }
}

/// Turns logarithms into weights that sum to one; gives the logarithm of their sum.
pub(super) fn normalise(logs: &mut [f64]) -> f64 {
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in logs.iter_mut() {
        *value = libm::exp(*value - top);
        sum += *value;
    }
    logs.iter_mut().for_each(|value| *value /= sum);
    top + libm::log(sum)
}
