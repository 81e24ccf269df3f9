//! A conditional model seen from one point u: what it says of u at every time, at the cost of one look at the data.
//!
//! All times ask about the same point, α(t) and σ(t) alone differ. For data the distances of u to αxₖ at any α follow
//! from three numbers a point,
//!
//! ```text
//! ‖u − αxₖ‖² = ‖u − xₖ‖² + 2(1 − α)⟨u − xₖ, xₖ⟩ + (1 − α)² ‖xₖ‖²
//! ```
//!
//! so that the posterior over hundreds of times costs as much as one evaluation and some exponentials. The form keeps
//! all digits near the data, where 1 − α and σ are small.

use std::f64::consts::PI;

use ndarray::{Array1, Array2, ArrayView1, Axis};
use ridgewalk_kernels::{add_scaled, dot, exp_shifted_f64};

use crate::denoiser::Density;
use crate::error::Result;

/// Where nothing of the data is left in u, models are asked with this much of it.
pub(super) const LEAST_SIGNAL: f64 = 1e-9;
/// Weights below this, relative to the largest, count for nothing in a mean.
pub(super) const NEGLIGIBLE: f64 = 1e-18;

/// What a conditional model says of one point u at noise α, σ.
pub trait Ray: Send + Sync {
    /// log p(u|t) = log ∫ N(u; αx₀, σ²I) p(x₀) dx₀ for every pair (α, σ), α ≥ 0 and σ > 0.
    ///
    /// # Errors
    /// If the model cannot be asked there.
    fn log_densities(&self, levels: &[(f64, f64)]) -> Result<Vec<f64>>;

    /// Σⱼ cᵢⱼ D_j(u) for every row of `coefficients` (`[combinations, levels]`): `[combinations, d]`. Those of
    /// D_j that have no coefficient need not be evaluated.
    ///
    /// # Errors
    /// If the model cannot be asked there.
    fn combinations(&self, levels: &[(f64, f64)], coefficients: &Array2<f64>) -> Result<Array2<f64>>;
}

/// The ray of any density: one query a level.
pub(crate) struct Queries<'a, M: ?Sized> {
    model: &'a M,
    u: Array1<f64>,
    center: Option<Array1<f64>>,
}

impl<'a, M: Density + ?Sized> Queries<'a, M> {
    pub(crate) fn new(model: &'a M, u: ArrayView1<f64>, center: Option<ArrayView1<f64>>) -> Self {
        Queries { model, u: u.to_owned(), center: center.map(|c| c.to_owned()) }
    }

    /// The question in the coordinates of the variance-exploding process, and α.
    fn query(&self, (alpha, sigma): (f64, f64)) -> (Array2<f64>, f64, f64) {
        let alpha = alpha.max(LEAST_SIGNAL * sigma);
        let mut x = &self.u / alpha;
        if let Some(center) = &self.center {
            x += center;
        }
        (x.insert_axis(Axis(0)), sigma / alpha, alpha)
    }
}

impl<M: Density + ?Sized> Ray for Queries<'_, M> {
    fn log_densities(&self, levels: &[(f64, f64)]) -> Result<Vec<f64>> {
        let d = self.u.len() as f64;
        levels
            .iter()
            .map(|&level| {
                let (x, sigma, alpha) = self.query(level);
                Ok(self.model.log_density(x.view(), sigma)?.sum() - d * libm::log(alpha))
            })
            .collect()
    }

    fn combinations(&self, levels: &[(f64, f64)], coefficients: &Array2<f64>) -> Result<Array2<f64>> {
        let mut out = Array2::zeros((coefficients.nrows(), self.u.len()));
        for (&level, column) in levels.iter().zip(coefficients.columns()) {
            if column.iter().all(|c| *c == 0.0) {
                continue;
            }
            let (x, sigma, _) = self.query(level);
            let mut denoised = self.model.denoise(x.view(), sigma)?;
            if let Some(center) = &self.center {
                denoised -= center;
            }
            for (mut row, &c) in out.outer_iter_mut().zip(column) {
                row.scaled_add(c, &denoised.row(0));
            }
        }
        Ok(out)
    }
}

/// The ray of a field on a subspace through the origin: the field's own, and the distance to the subspace.
pub(crate) struct Beside<'a> {
    pub(crate) inner: Box<dyn Ray + 'a>,
    /// Orthonormal rows, `[m, d]`.
    pub(crate) frame: &'a Array2<f64>,
    /// Squared distance of u to the subspace.
    pub(crate) square: f64,
}

impl Ray for Beside<'_> {
    fn log_densities(&self, levels: &[(f64, f64)]) -> Result<Vec<f64>> {
        let codimension = (self.frame.ncols() - self.frame.nrows()) as f64;
        let mut logs = self.inner.log_densities(levels)?;
        for (log, (_, sigma)) in logs.iter_mut().zip(levels) {
            *log -= 0.5 * self.square / (sigma * sigma)
                + codimension * (libm::log(*sigma) + 0.5 * libm::log(2.0 * PI));
        }
        Ok(logs)
    }

    fn combinations(&self, levels: &[(f64, f64)], coefficients: &Array2<f64>) -> Result<Array2<f64>> {
        Ok(self.inner.combinations(levels, coefficients)?.dot(self.frame))
    }
}

/// The ray of weighted data.
pub(crate) struct DataRay<'a> {
    /// Rows in standard layout.
    points: &'a [f64],
    dim: usize,
    log_weights: Option<&'a [f64]>,
    /// ‖u − xₖ‖²
    near: Vec<f64>,
    /// 2⟨u − xₖ, xₖ⟩
    cross: Vec<f64>,
    /// ‖xₖ‖²
    size: Vec<f64>,
    /// What is subtracted from all points.
    center: Option<Vec<f64>>,
}

impl<'a> DataRay<'a> {
    /// `points` are rows of as many coordinates as `u`, and as `center`.
    pub(crate) fn new(
        points: &'a [f64],
        log_weights: Option<&'a [f64]>,
        u: &[f64],
        center: Option<Vec<f64>>,
    ) -> Self {
        let dim = u.len();
        let n = points.len() / dim.max(1);
        let (mut near, mut cross, mut size) =
            (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
        let (mut difference, mut moved) = (vec![0.0; dim], vec![0.0; dim]);
        for x in points.chunks_exact(dim.max(1)) {
            let x = match &center {
                None => x,
                Some(center) => {
                    moved.iter_mut().zip(x.iter().zip(center)).for_each(|(m, (x, c))| *m = x - c);
                    &moved
                }
            };
            difference.iter_mut().zip(u.iter().zip(x)).for_each(|(d, (u, x))| *d = u - x);
            near.push(dot(&difference, &difference));
            cross.push(2.0 * dot(&difference, x));
            size.push(dot(x, x));
        }
        DataRay { points, dim, log_weights, near, cross, size, center }
    }

    /// γₖ of one level up to a factor into `out`, the largest 1; their sum, and ln of that factor.
    fn weights(&self, (alpha, sigma): (f64, f64), out: &mut [f64]) -> (f64, f64) {
        let (rest, scale) = (1.0 - alpha, -0.5 / (sigma * sigma));
        let rest_square = rest * rest;
        let mut top = f64::NEG_INFINITY;
        for (o, ((near, cross), size)) in
            out.iter_mut().zip(self.near.iter().zip(&self.cross).zip(&self.size))
        {
            *o = scale * (near + rest * cross + rest_square * size);
        }
        if let Some(logs) = self.log_weights {
            out.iter_mut().zip(logs).for_each(|(o, log)| *o += log);
        }
        out.iter().for_each(|&o| top = if o > top { o } else { top });
        exp_shifted_f64(out, top);
        (out.iter().sum(), top)
    }
}

impl Ray for DataRay<'_> {
    fn log_densities(&self, levels: &[(f64, f64)]) -> Result<Vec<f64>> {
        let n = self.near.len();
        let count = if self.log_weights.is_none() { libm::log(n as f64) } else { 0.0 };
        let mut weights = vec![0.0; n];
        let log = |&(alpha, sigma): &(f64, f64)| {
            let (sum, top) = self.weights((alpha, sigma), &mut weights);
            let volume = self.dim as f64 * (libm::log(sigma) + 0.5 * libm::log(2.0 * PI));
            top + libm::log(sum) - count - volume
        };
        Ok(levels.iter().map(log).collect())
    }

    fn combinations(&self, levels: &[(f64, f64)], coefficients: &Array2<f64>) -> Result<Array2<f64>> {
        let n = self.near.len();
        let mut weights = vec![0.0; n];
        let mut shares = Array2::<f64>::zeros((coefficients.nrows(), n));
        for (&level, column) in levels.iter().zip(coefficients.columns()) {
            if column.iter().all(|c| *c == 0.0) {
                continue;
            }
            let (sum, _) = self.weights(level, &mut weights);
            for (mut share, &c) in shares.outer_iter_mut().zip(column) {
                let factor = c / sum;
                share.iter_mut().zip(&weights).for_each(|(s, w)| *s += factor * w);
            }
        }
        let mut out = Array2::zeros((coefficients.nrows(), self.dim));
        for (share, mut row) in shares.outer_iter().zip(out.outer_iter_mut()) {
            let least = share.iter().fold(0.0, |a: f64, s| a.max(s.abs())) * NEGLIGIBLE / n as f64;
            let Some(row) = row.as_slice_mut() else { continue };
            for (x, &s) in self.points.chunks_exact(self.dim.max(1)).zip(share) {
                if s.abs() > least {
                    add_scaled(row, s, x);
                }
            }
            if let Some(center) = &self.center {
                add_scaled(row, -share.sum(), center);
            }
        }
        Ok(out)
    }
}
