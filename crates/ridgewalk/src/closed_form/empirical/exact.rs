//! Sums over the points that carry weight, in f64 and by direct difference.

use ndarray::ArrayView1;
use ridgewalk_kernels::{add_scaled, dot, squared_distance, squared_distances_by_column};

use super::{Empirical, Row, Want};

/// Points whose weight is below e⁻⁴⁰ ≈ 4e-18 of the largest are left out: with n points they hold
/// at most n·4e-18 of the mass, below f64 rounding of D.
pub(super) const CUTOFF: f64 = 40.0;
/// Below this noise level squares of distances that matter come near the smallest f64 (2e-308).
pub(super) const TINY: f64 = 1e-140;

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
        self.keep_active(candidates, r2, x, sigma)
    }

    /// Measures the candidates again by direct difference.
    pub(super) fn active_among(&self, candidates: Vec<u32>, x: ArrayView1<f64>, sigma: f64) -> Active {
        let x = x.to_slice().unwrap_or(&[]);
        let r2 = candidates.iter().map(|&i| squared_distance(x, self.row(i))).collect();
        self.keep_active(candidates, r2, x, sigma)
    }

    pub(super) fn row(&self, i: u32) -> &[f64] {
        let d = self.points.ncols();
        let values = self.points.as_slice().unwrap_or(&[]);
        &values[i as usize * d..][..d]
    }

    fn keep_active(&self, mut index: Vec<u32>, r2: Vec<f64>, x: &[f64], sigma: f64) -> Active {
        // Divided twice: σ² may underflow where r/σ does not overflow.
        let mut log_likelihood: Vec<f64> = r2.iter().map(|r2| -0.5 * (r2 / sigma) / sigma).collect();
        let uniform = self.log_weight(0);
        let log_weight = |i: u32| self.log_weights.as_ref().map_or(uniform, |logs| logs[i as usize]);
        let largest = |log_likelihood: &[f64]| {
            let logs = index.iter().zip(log_likelihood).map(|(&i, l)| l + log_weight(i));
            logs.fold(f64::NEG_INFINITY, f64::max)
        };
        let mut shift = largest(&log_likelihood);
        let mut base = 0.0;
        if !index.is_empty() && (sigma < TINY || !shift.is_finite()) {
            (log_likelihood, base) = self.relative_to_nearest(&index, x, sigma);
            shift = largest(&log_likelihood);
        }
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
        Active { index, log_likelihood, mass, shift: shift + base }
    }

    /// log-likelihoods above that of the nearest point, and that one, where squared distances leave
    /// the range of f64: the differences may be in range where the values are not.
    fn relative_to_nearest(&self, index: &[u32], x: &[f64], sigma: f64) -> (Vec<f64>, f64) {
        let mut nearest = self.row(index[0]);
        for &i in index {
            if excess(x, self.row(i), nearest, sigma) < 0.0 {
                nearest = self.row(i);
            }
        }
        // Rounding may still find one nearer by a trifle, which σ would make infinite.
        let above = |&i: &u32| -0.5 * excess(x, self.row(i), nearest, sigma).max(0.0);
        let size = nearest.iter().zip(x).fold(0.0, |size: f64, (p, x)| size.max((0.5 * x - 0.5 * p).abs()));
        let square: f64 = if size > 0.0 {
            nearest.iter().zip(x).map(|(p, x)| ((0.5 * x - 0.5 * p) / size).powi(2)).sum()
        } else {
            0.0
        };
        (index.iter().map(above).collect(), -2.0 * (size / sigma) * (size / sigma) * square)
    }

    /// Turns the active points of query `q` into what was wanted.
    pub(super) fn finish(&self, active: &Active, sigma: f64, want: &Want, q: usize, row: &mut Row) {
        let total: f64 = active.mass.iter().sum();
        let d = self.points.ncols();
        if active.mass.is_empty() {
            // No likelihood was a number: never the zero vector, which looks like an answer.
            row.mean.fill(f64::NAN);
            return;
        }
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
        let (coefficients, divisors): (Vec<f64>, [f64; 2]) = if let Some(v) = want.tangent {
            let v = v.row(q).to_vec();
            let at_mean = dot(mean, &v);
            (active.index.iter().map(|&i| dot(self.row(i), &v) - at_mean).collect(), [sigma, sigma])
        } else {
            (active.log_likelihood.clone(), [-0.5 * sigma, 1.0])
        };
        let average: f64 =
            coefficients.iter().zip(&active.mass).map(|(c, mass)| c * mass).sum::<f64>() / total;
        let mut left_over = 0.0;
        for ((&i, mass), c) in active.index.iter().zip(&active.mass).zip(&coefficients) {
            // Divided one by one: 1/σ² may overflow where the coefficient is 0.
            let factor = mass / total * (c - average) / divisors[0] / divisors[1];
            left_over += factor;
            add_scaled(derivative, factor, self.row(i));
        }
        add_scaled(derivative, -left_over, mean);
    }
}

/// (‖x − a‖² − ‖x − b‖²)/σ² = (b − a)·(2x − a − b)/σ²: no difference of squares, and all halved and the
/// second factor divided by its largest part, so that nothing overflows before the end.
pub(super) fn excess(x: &[f64], a: &[f64], b: &[f64], sigma: f64) -> f64 {
    let parts = || x.iter().zip(a.iter().zip(b)).map(|(x, (a, b))| (0.5 * x - 0.5 * a, 0.5 * x - 0.5 * b));
    let size = parts().fold(0.0, |size: f64, (a, b)| size.max(a.abs()).max(b.abs()));
    if size == 0.0 {
        return 0.0;
    }
    let product: f64 = a
        .iter()
        .zip(b)
        .zip(parts())
        .map(|((a, b), (to_a, to_b))| (0.5 * b - 0.5 * a) * (to_a / size + to_b / size))
        .sum();
    // 0·∞ would be NaN where two points are equally far.
    if product == 0.0 { 0.0 } else { 4.0 * (product / sigma) * (size / sigma) }
}

/// (d/2) log 2πσ².
pub(super) fn log_normalizer(d: usize, sigma: f64) -> f64 {
    d as f64 * (0.5 * libm::log(2.0 * std::f64::consts::PI) + libm::log(sigma))
}
