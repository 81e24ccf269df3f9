//! One pair of Gaussian ends at one time: x_t ~ N(m, C), C = a²Σ₀ + b²Σ₁ + γ²I, and its velocity
//! b(x) = m′ + ½C′C⁻¹(x − m).
//!
//! The three matrices of a pair have no common eigenvectors, so C is factored anew at every time, by
//! Cholesky: O(d³), or O(d) where both ends are diagonal. Every row of a batch is solved on its own, so that
//! results do not depend on the batch.

use ndarray::Array2;

use super::Coefficients;
use crate::closed_form::{Covariance, Gaussian};
use crate::error::{Error, Result};

/// A Gaussian end as its pairs need it.
#[derive(Debug, Clone)]
pub(super) struct End {
    pub(super) mean: Vec<f64>,
    covariance: Form,
}

#[derive(Debug, Clone)]
enum Form {
    Diagonal(Vec<f64>),
    Dense(Array2<f64>),
}

impl Form {
    fn of(covariance: &Covariance) -> Self {
        match covariance.diagonal_variances() {
            Some(variances) => Form::Diagonal(variances.to_vec()),
            None if covariance.rank() == 0 => {
                Form::Diagonal(vec![covariance.isotropic_variance(); covariance.dim()])
            }
            None => Form::Dense(covariance.to_dense()),
        }
    }

    /// out += w Σ, `[d, d]`.
    fn add_to(&self, w: f64, out: &mut Array2<f64>) {
        match self {
            Form::Diagonal(variances) => {
                out.diag_mut().iter_mut().zip(variances).for_each(|(o, v)| *o += w * v)
            }
            Form::Dense(matrix) => out.scaled_add(w, matrix),
        }
    }
}

impl End {
    pub(super) fn of(gaussian: &Gaussian) -> Self {
        End { mean: gaussian.mean().to_vec(), covariance: Form::of(gaussian.covariance()) }
    }
}

/// C and what the fields take of it.
enum Factor {
    /// 1/C and ½C′ − γγ′, by coordinate.
    Diagonal { inverse: Vec<f64>, rate: Vec<f64> },
    /// L with C = LLᵀ, and ½C′ − γγ′I.
    Dense { lower: Array2<f64>, rate: Array2<f64> },
}

/// A pair at one time.
pub(super) struct Pair {
    mean: Vec<f64>,
    mean_rate: Vec<f64>,
    factor: Factor,
    /// log weight − ½(d log 2π + log det C).
    log_scale: f64,
    /// tr(½C′C⁻¹), if it was asked for.
    trace: f64,
}

impl Pair {
    /// `first` is missing where x₀ has no part in x_t.
    pub(super) fn new(
        first: Option<&End>,
        second: &End,
        log_weight: f64,
        at: &Coefficients,
        trace: bool,
    ) -> Result<Self> {
        let d = second.mean.len();
        let (ab, da_db) = ((at.a, at.b), (at.a_derivative, at.b_derivative));
        let parts = [(first, ab.0, da_db.0), (Some(second), ab.1, da_db.1)];
        let parts: Vec<(&End, f64, f64)> =
            parts.into_iter().filter_map(|(end, c, dc)| Some((end?, c, dc))).collect();
        let (mut mean, mut mean_rate) = (vec![0.0; d], vec![0.0; d]);
        for (end, c, dc) in &parts {
            for ((m, dm), e) in mean.iter_mut().zip(&mut mean_rate).zip(&end.mean) {
                *m += c * e;
                *dm += dc * e;
            }
        }
        let noise = at.gamma * at.gamma;
        let diagonal = parts.iter().all(|(end, ..)| matches!(end.covariance, Form::Diagonal(_)));
        let (factor, log_det) = if diagonal {
            let (mut variance, mut rate) = (vec![noise; d], vec![0.0; d]);
            for (end, c, dc) in &parts {
                let Form::Diagonal(variances) = &end.covariance else { continue };
                for ((v, r), s) in variance.iter_mut().zip(&mut rate).zip(variances) {
                    *v += c * c * s;
                    *r += c * dc * s;
                }
            }
            if variance.iter().any(|v| !v.is_normal()) {
                return Err(singular());
            }
            let log_det: f64 = variance.iter().map(|v| libm::log(*v)).sum();
            let inverse = variance.iter().map(|v| 1.0 / v).collect();
            (Factor::Diagonal { inverse, rate }, log_det)
        } else {
            let (mut covariance, mut rate) = (Array2::zeros((d, d)), Array2::zeros((d, d)));
            covariance.diag_mut().fill(noise);
            for (end, c, dc) in &parts {
                end.covariance.add_to(c * c, &mut covariance);
                end.covariance.add_to(c * dc, &mut rate);
            }
            let lower = cholesky(covariance)?;
            let log_det = 2.0 * lower.diag().iter().map(|v| libm::log(*v)).sum::<f64>();
            (Factor::Dense { lower, rate }, log_det)
        };
        let log_two_pi = libm::log(std::f64::consts::TAU);
        let log_scale = log_weight - 0.5 * (d as f64 * log_two_pi + log_det);
        let mut pair = Pair { mean, mean_rate, factor, log_scale, trace: 0.0 };
        if trace {
            pair.trace = pair.rate_trace(at.gamma_product);
        }
        Ok(pair)
    }

    /// C⁻¹(x − m) into `out`; gives log(weight · N(x; m, C)).
    pub(super) fn whiten(&self, x: &[f64], out: &mut [f64]) -> f64 {
        for ((out, x), m) in out.iter_mut().zip(x).zip(&self.mean) {
            *out = x - m;
        }
        let quadratic: f64 = match &self.factor {
            Factor::Diagonal { inverse, .. } => out
                .iter_mut()
                .zip(inverse)
                .map(|(e, inverse)| {
                    let square = *e * *e * inverse;
                    *e *= inverse;
                    square
                })
                .sum(),
            Factor::Dense { lower, .. } => {
                forward(lower, out);
                let square = out.iter().map(|v| v * v).sum();
                backward(lower, out);
                square
            }
        };
        self.log_scale - 0.5 * quadratic
    }

    /// v of this pair, m′ + (½C′ − γγ′I)w for w = C⁻¹(x − m), times `weight`, added to `out`.
    pub(super) fn add_mean_velocity(&self, weight: f64, w: &[f64], out: &mut [f64]) {
        for (k, (out, m)) in out.iter_mut().zip(&self.mean_rate).enumerate() {
            let moved: f64 = match &self.factor {
                Factor::Diagonal { rate, .. } => rate.get(k).zip(w.get(k)).map_or(0.0, |(r, w)| r * w),
                Factor::Dense { rate, .. } => rate.row(k).iter().zip(w).map(|(r, w)| r * w).sum(),
            };
            *out += weight * (m + moved);
        }
    }

    /// tr(½C′C⁻¹) = ∇·b of this pair.
    pub(super) fn trace(&self) -> f64 {
        self.trace
    }

    fn rate_trace(&self, gamma_product: f64) -> f64 {
        match &self.factor {
            Factor::Diagonal { inverse, rate } => {
                inverse.iter().zip(rate).map(|(i, r)| i * (r + gamma_product)).sum()
            }
            Factor::Dense { lower, rate } => {
                let mut column = vec![0.0; lower.nrows()];
                let one = |k: usize| {
                    column.iter_mut().zip(rate.row(k)).for_each(|(c, r)| *c = *r);
                    if let Some(c) = column.get_mut(k) {
                        *c += gamma_product;
                    }
                    forward(lower, &mut column);
                    backward(lower, &mut column);
                    column.get(k).copied().unwrap_or(0.0)
                };
                (0..lower.nrows()).map(one).sum()
            }
        }
    }
}

fn singular() -> Error {
    Error::argument(
        "t",
        "is one at which the law has no density: an end's covariance is singular and gamma is 0 or too small",
        "clip the ends further, or give the end a covariance that is positive",
    )
}

/// L with LLᵀ = C, in the lower triangle.
fn cholesky(mut c: Array2<f64>) -> Result<Array2<f64>> {
    let d = c.nrows();
    for j in 0..d {
        for i in j..d {
            let inner: f64 = (0..j).map(|k| c[(i, k)] * c[(j, k)]).sum();
            let value = c[(i, j)] - inner;
            if i > j {
                c[(i, j)] = value / c[(j, j)];
            } else if value > 0.0 && value.is_finite() {
                c[(j, j)] = value.sqrt();
            } else {
                return Err(singular());
            }
        }
    }
    Ok(c)
}

/// L⁻¹ y in place.
fn forward(lower: &Array2<f64>, y: &mut [f64]) {
    for i in 0..y.len() {
        let inner: f64 = (0..i).map(|k| lower[(i, k)] * y[k]).sum();
        y[i] = (y[i] - inner) / lower[(i, i)];
    }
}

/// L⁻ᵀ y in place.
fn backward(lower: &Array2<f64>, y: &mut [f64]) {
    for i in (0..y.len()).rev() {
        let inner: f64 = (i + 1..y.len()).map(|k| lower[(k, i)] * y[k]).sum();
        y[i] = (y[i] - inner) / lower[(i, i)];
    }
}
