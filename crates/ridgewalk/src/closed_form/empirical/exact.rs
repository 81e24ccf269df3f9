//! Sums over the points that carry weight, in f64 and by direct difference.

use ndarray::ArrayView1;
use ridgewalk_kernels::{add_scaled, dot, squared_distance, squared_distances_by_column};

use super::{Empirical, Row, Want};

/// Points whose weight is below e⁻⁴⁰ ≈ 4e-18 of the largest are left out: with n points they hold
/// at most n·4e-18 of the mass, below f64 rounding of D.
pub(super) const CUTOFF: f64 = 40.0;

/// The points that carry weight for one query.
pub(super) struct Active {
    pub index: Vec<u32>,
    /// −rᵢ²/2σ², without the weight of the point.
    pub log_likelihood: Vec<f64>,
    /// wᵢ exp(−rᵢ²/2σ² − shift); not normalised.
    pub mass: Vec<f64>,
    /// The largest of log wᵢ − rᵢ²/2σ².
    pub shift: f64,
}

impl Empirical {
    /// Measures all points of a set with few coordinates.
    pub(super) fn active_by_columns(&self, columns: &[f64], x: &[f64], sigma: f64) -> Active {
        let mut r2 = vec![0.0; self.len()];
        squared_distances_by_column(x, columns, &mut r2);
        let candidates = (0..self.len() as u32).collect();
        self.keep_active(candidates, r2, sigma)
    }

    /// Measures the candidates again by direct difference.
    pub(super) fn active_among(&self, candidates: Vec<u32>, x: ArrayView1<f64>, sigma: f64) -> Active {
        let x = x.to_slice().unwrap_or(&[]);
        let r2 = candidates.iter().map(|&i| squared_distance(x, self.row(i))).collect();
        self.keep_active(candidates, r2, sigma)
    }

    pub(super) fn row(&self, i: u32) -> &[f64] {
        let d = self.points.ncols();
        let values = self.points.as_slice().unwrap_or(&[]);
        &values[i as usize * d..][..d]
    }

    fn keep_active(&self, mut index: Vec<u32>, r2: Vec<f64>, sigma: f64) -> Active {
        // Divided twice: σ² may underflow where r/σ does not overflow.
        let mut log_likelihood: Vec<f64> = r2.iter().map(|r2| -0.5 * (r2 / sigma) / sigma).collect();
        let uniform = self.log_weight(0);
        let log_weight = |i: u32| self.log_weights.as_ref().map_or(uniform, |logs| logs[i as usize]);
        let shift = index
            .iter()
            .zip(&log_likelihood)
            .map(|(&i, l)| l + log_weight(i))
            .fold(f64::NEG_INFINITY, f64::max);
        let mut mass = Vec::with_capacity(index.len());
        let mut kept = 0;
        for slot in 0..index.len() {
            let (i, l) = (index[slot], log_likelihood[slot]);
            let above = l + log_weight(i) - shift;
            if above >= -CUTOFF {
                index[kept] = i;
                log_likelihood[kept] = l;
                mass.push(libm::exp(above));
                kept += 1;
            }
        }
        index.truncate(kept);
        log_likelihood.truncate(kept);
        Active { index, log_likelihood, mass, shift }
    }

    /// Turns the active points of query `q` into what was wanted.
    pub(super) fn finish(&self, active: &Active, sigma: f64, want: &Want, q: usize, row: &mut Row) {
        let total: f64 = active.mass.iter().sum();
        let d = self.points.ncols();
        let mean = row.mean.as_slice_mut().unwrap_or(&mut []);
        for (&i, mass) in active.index.iter().zip(&active.mass) {
            add_scaled(mean, mass / total, self.row(i));
        }
        if want.log_density {
            *row.log_density = active.shift + libm::log(total) - log_normalizer(d, sigma);
        }
        if want.divergence {
            let spread: f64 = active
                .index
                .iter()
                .zip(&active.mass)
                .map(|(&i, mass)| mass / total * squared_distance(self.row(i), mean))
                .sum();
            *row.divergence = spread / sigma / sigma;
        }
        let Some(derivative) = row.derivative.as_slice_mut().filter(|s| !s.is_empty()) else { return };
        // Σ γᵢ cᵢ (xᵢ − D), with the average of c taken off so that nothing large cancels.
        let (coefficients, scale): (Vec<f64>, f64) = if let Some(v) = want.tangent {
            let v = v.row(q).to_vec();
            let at_mean = dot(mean, &v);
            (active.index.iter().map(|&i| dot(self.row(i), &v) - at_mean).collect(), 1.0 / sigma / sigma)
        } else {
            (active.log_likelihood.clone(), -2.0 / sigma)
        };
        let average: f64 =
            coefficients.iter().zip(&active.mass).map(|(c, mass)| c * mass).sum::<f64>() / total;
        let mut left_over = 0.0;
        for ((&i, mass), c) in active.index.iter().zip(&active.mass).zip(&coefficients) {
            let factor = mass / total * (c - average) * scale;
            left_over += factor;
            add_scaled(derivative, factor, self.row(i));
        }
        add_scaled(derivative, -left_over, mean);
    }
}

/// (d/2) log 2πσ².
pub(super) fn log_normalizer(d: usize, sigma: f64) -> f64 {
    d as f64 * (0.5 * libm::log(2.0 * std::f64::consts::PI) + libm::log(sigma))
}
