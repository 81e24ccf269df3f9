//! The local variances that a denoiser sees, from its residuals alone.
//!
//! Where the data vary like a Gaussian of variances v_k about a point, D leaves at noise level σ
//!
//! ```text
//! E‖x − D(x; σ)‖²/σ² = Σ_k σ²/(v_k + σ²)        E‖D(x; σ) − x₀‖²/σ² = Σ_k v_k/(v_k + σ²) = E tr ∂D/∂x
//! ```
//!
//! The curves over σ are transforms of the law of v, and that law is found again as the mixture of v on a
//! logarithmic grid, weights not negative, that fits both best in least squares relative to their sampling
//! error (multiplicative updates of Daube-Witherspoon & Muehllehner 1986). Two variances within a factor of
//! about four give one line between them: the curves do not tell them apart, and neither does anything that
//! acts through them, attraction included.

use ndarray::{Array2, ArrayView2};

use super::{Line, VarianceSpectrum};
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::points::{Moments, require_finite};
use crate::random::{Purpose, Stream};

/// Points at which residuals are taken.
pub(crate) const POINTS: usize = 256;
/// Noise levels, and their range in units of σ_data.
pub(crate) const LEVELS: usize = 24;
const RANGE: (f64, f64) = (0.01, 4.0);
/// Standard deviations of the mixture, and their range in units of σ_data.
const GRID: usize = 48;
const GRID_RANGE: (f64, f64) = (0.003, 8.0);
/// Relative errors below this are not believed: the picture of a Gaussian about each point is not that exact.
const BELIEVED: f64 = 0.01;
/// Errors below this part of a direction are rounding.
const ROUNDING: f64 = 1e-6;
const ITERATIONS: usize = 3000;
/// Lines with fewer directions than this part of one are left out.
const NEGLIGIBLE: f64 = 1e-6;

impl VarianceSpectrum {
    /// The local variances that `model` sees around `points` (`[n, d]`, draws of its law; the first 256 are
    /// used). 24 evaluations of all of them, noise by `seed`.
    ///
    /// # Errors
    /// If there are no points, they do not vary, or do not fit the model, and those of the model.
    pub fn of_model<D: Denoiser + ?Sized>(model: &D, points: ArrayView2<f64>, seed: u64) -> Result<Self> {
        require_finite("points", points)?;
        let points = crate::points::rows(&points, 0..points.nrows().min(POINTS));
        let scale = model.moments().map_or_else(|| Moments::of(points).std, |m| m.std);
        if points.nrows() < 2 || scale.is_nan() || scale <= 0.0 {
            return Err(Error::argument(
                "points",
                "do not vary, or are fewer than two",
                "give draws of the model",
            ));
        }
        // Of a point mass there is no variance at all.
        let deviations = std::iter::once(0.0).chain(geometric(GRID_RANGE, GRID));
        let variances: Vec<f64> = deviations.map(|s| (s * scale) * (s * scale)).collect();
        let d = points.ncols() as f64;
        let mut rows = Vec::with_capacity(2 * LEVELS + 1);
        let samples: Vec<u64> = (0..points.nrows() as u64).collect();
        for (level, sigma) in geometric(RANGE, LEVELS).map(|s| s * scale).enumerate() {
            let mut x = points.to_owned();
            for (i, mut row) in x.outer_iter_mut().enumerate() {
                let mut stream = Stream::new(seed, Purpose::Evaluation, i as u64, level as u64);
                row.iter_mut().for_each(|v| *v += sigma * stream.normal());
            }
            let denoised = model.denoise_at(x.view(), sigma, &Visit { samples: &samples, step: None })?;
            let u = sigma * sigma;
            rows.push(Row::new(mean_square(x.view(), &denoised, u), d, |v| u / (v + u), &variances));
            rows.push(Row::new(mean_square(points, &denoised, u), d, |v| v / (v + u), &variances));
        }
        // Every direction has one variance: the weights add up to d.
        rows.push(Row::new((d, 0.0), d, |_| 1.0, &variances));
        let weights = fit(&rows, &variances, d);
        let mut lines: Vec<Line> = variances
            .into_iter()
            .zip(weights)
            .filter(|(_, w)| *w > NEGLIGIBLE)
            .map(|(variance, directions)| Line { variance, directions })
            .collect();
        lines.reverse();
        Ok(VarianceSpectrum::new(lines))
    }
}

/// One equation Σ_j kernel_j w_j = value, divided by the error of its value.
struct Row {
    kernel: Vec<f64>,
    value: f64,
}

impl Row {
    fn new((value, error): (f64, f64), d: f64, kernel: impl Fn(f64) -> f64, variances: &[f64]) -> Self {
        let error = error.max(BELIEVED * value.abs()).max(ROUNDING * d);
        Row { kernel: variances.iter().map(|v| kernel(*v) / error).collect(), value: value / error }
    }
}

/// Mean over rows of ‖a − b‖²/u, and its standard error.
fn mean_square(a: ArrayView2<f64>, b: &Array2<f64>, u: f64) -> (f64, f64) {
    let squares: Vec<f64> = a
        .outer_iter()
        .zip(b.outer_iter())
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>() / u)
        .collect();
    let n = squares.len() as f64;
    let mean = squares.iter().sum::<f64>() / n;
    let variance = squares.iter().map(|s| (s - mean) * (s - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    (mean, (variance / n).sqrt())
}

/// w ≥ 0 that fits the rows: w_j ← w_j (Kᵀy)_j/(KᵀKw)_j, from equal weights.
fn fit(rows: &[Row], variances: &[f64], directions: f64) -> Vec<f64> {
    let m = variances.len();
    let mut weights = vec![directions / m as f64; m];
    let project = |values: &dyn Fn(&Row) -> f64| -> Vec<f64> {
        let mut out = vec![0.0; m];
        for row in rows {
            let value = values(row);
            out.iter_mut().zip(&row.kernel).for_each(|(o, k)| *o += k * value);
        }
        out
    };
    let target = project(&|row| row.value);
    for _ in 0..ITERATIONS {
        let now = project(&|row| row.kernel.iter().zip(&weights).map(|(k, w)| k * w).sum());
        for ((w, t), n) in weights.iter_mut().zip(&target).zip(&now) {
            if *n > 0.0 {
                *w *= t / n;
            }
        }
    }
    weights
}

fn geometric((low, high): (f64, f64), n: usize) -> impl Iterator<Item = f64> {
    let ratio = libm::log(high / low);
    (0..n).map(move |i| low * libm::exp(ratio * i as f64 / (n - 1) as f64))
}
