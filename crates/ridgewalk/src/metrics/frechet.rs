//! The Fréchet distance between two distributions by their means and covariances (arXiv 1706.08500, eq. 6).
//!
//! ```text
//! F = ‖μ − μ′‖² + tr(Σ + Σ′ − 2(ΣΣ′)^{1/2})
//! ```
//!
//! This is the *squared* 2-Wasserstein distance between the Gaussians of these moments, in squared units of the
//! data. It is taken in the coordinates that are given: raw pixels, or a stated feature space that the caller makes,
//! such as [`Pca`](crate::latent::Pca). Values in different spaces have nothing to do with each other.
//!
//! tr (ΣΣ′)^{1/2} is the nuclear norm (the sum of the singular values) of Σ^{1/2} Σ′^{1/2}, whose squares are the
//! eigenvalues of Σ^{1/2} Σ′ Σ^{1/2}. Singular values are real and not negative, so no complex root of rounding
//! errors is ever taken, and those of a singular product are right to the last digits, where square roots of
//! eigenvalues keep half of them. With fewer points than coordinates it is the nuclear norm of XYᵀ, X and Y being
//! the centred data over √(n − 1): no d × d matrix is made.
//!
//! It sees two moments and nothing else, and is biased upwards by order d/n: compare sets of equal size, beside
//! the distance between two halves of the data. Cost O(min(n, d)³ + n·d·min(n, d)).

use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::svd::{ComputeSvdVectors, svd, svd_scratch};
use faer::{Mat, Par};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::bootstrap::{Bootstrap, median, percentiles};
use crate::closed_form::Covariance;
use crate::error::{Error, Result};
use crate::points::require_finite;

/// The Fréchet distance between the rows of `a` (`[n, d]`) and of `b` (`[m, d]`), in squared units of the data;
/// covariances are divided by n − 1.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::metrics::frechet_distance;
///
/// // Means 0 and 3, standard deviations √2 and 2√2: 3² + (√2)².
/// let (a, b) = (array![[-1.0], [1.0]], array![[1.0], [5.0]]);
/// assert!((frechet_distance(a.view(), b.view())? - 11.0).abs() < 1e-12);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If a set has fewer than two points, the dimensions differ, or a value is not finite.
pub fn frechet_distance(a: ArrayView2<f64>, b: ArrayView2<f64>) -> Result<f64> {
    check_points("the first set", a)?;
    check_points("the second set", b)?;
    if a.ncols() != b.ncols() {
        return Err(Error::shape("the second set", format!("{} columns", b.ncols()), a.ncols()));
    }
    let ((mean_a, x), (mean_b, y)) = (centred(a), centred(b));
    if a.nrows().min(b.nrows()) >= a.ncols() {
        return frechet_between(mean_a.view(), gram(&x).view(), mean_b.view(), gram(&y).view());
    }
    let overlap = nuclear_norm(&x.dot(&y.t()))?;
    Ok(combine(mean_a.view(), squares(&x), mean_b.view(), squares(&y), overlap))
}

/// The Fréchet distance between two laws of these means (`[d]`) and covariances (`[d, d]`), in squared units.
///
/// # Errors
/// If the dimensions disagree, a value is not finite, or a covariance is not symmetric positive semidefinite.
pub fn frechet_between(
    mean: ArrayView1<f64>,
    covariance: ArrayView2<f64>,
    other_mean: ArrayView1<f64>,
    other_covariance: ArrayView2<f64>,
) -> Result<f64> {
    let d = mean.len();
    for (what, found) in
        [("the covariance", covariance.ncols()), ("the other covariance", other_covariance.ncols())]
    {
        if found != d {
            return Err(Error::shape(what, format!("{found} columns"), d));
        }
    }
    if other_mean.len() != d {
        return Err(Error::shape("the other mean", other_mean.len(), d));
    }
    require_finite("the mean", mean.insert_axis(Axis(0)))?;
    require_finite("the other mean", other_mean.insert_axis(Axis(0)))?;
    let (a, b) = (square_root(covariance)?, square_root(other_covariance)?);
    let overlap = nuclear_norm(&a.dot(&b))?;
    let (trace, other_trace) = (covariance.diag().sum(), other_covariance.diag().sum());
    Ok(combine(mean, trace, other_mean, other_trace, overlap))
}

/// [`frechet_distance`] with a 95 % interval for its sampling error, rows of both sets being resampled.
///
/// A resample repeats rows, which alone moves it away from its origin; as in
/// [`SlicedWasserstein::distance_with_interval`](super::SlicedWasserstein::distance_with_interval) the percentiles
/// are shifted by (estimate − median of the resamples). The interval tells how far the estimate would scatter in
/// new samples of the same sizes, not how far it is above its value for infinitely many.
///
/// # Errors
/// As [`frechet_distance`].
pub fn frechet_with_interval(
    a: ArrayView2<f64>,
    b: ArrayView2<f64>,
    bootstrap: &Bootstrap,
) -> Result<(f64, Option<(f64, f64)>)> {
    let value = frechet_distance(a, b)?;
    let replicates = bootstrap.replicates_of_two(a.nrows(), b.nrows(), |rows, others| {
        frechet_distance(a.select(Axis(0), rows).view(), b.select(Axis(0), others).view()).unwrap_or(f64::NAN)
    });
    let interval = replicates.and_then(|values| {
        let shift = value - median(&values);
        percentiles(values).map(|(low, high)| ((low + shift).max(0.0), high + shift))
    });
    Ok((value, interval))
}

fn check_points(what: &'static str, points: ArrayView2<f64>) -> Result<()> {
    if points.nrows() < 2 || points.ncols() == 0 {
        let found = format!("{} points of {} coordinates", points.nrows(), points.ncols());
        return Err(Error::shape(what, found, "two points or more, since a covariance is taken"));
    }
    require_finite(what, points)
}

/// ‖μ − μ′‖² + tr Σ + tr Σ′ − 2 tr (ΣΣ′)^{1/2}, which rounding may leave below zero.
fn combine(mean: ArrayView1<f64>, trace: f64, other: ArrayView1<f64>, other_trace: f64, overlap: f64) -> f64 {
    let shift: f64 = mean.iter().zip(other).map(|(a, b)| (a - b) * (a - b)).sum();
    (shift + (trace + other_trace - 2.0 * overlap)).max(0.0)
}

/// The mean, and the deviations from it over √(n − 1).
fn centred(points: ArrayView2<f64>) -> (Array1<f64>, Array2<f64>) {
    let mean = points.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(points.ncols()));
    let off = (&points - &mean) / ((points.nrows() - 1) as f64).sqrt();
    (mean, off)
}

/// XᵀX, symmetric to the bit.
fn gram(x: &Array2<f64>) -> Array2<f64> {
    let product = x.t().dot(x);
    (&product + &product.t()) / 2.0
}

fn squares(x: &Array2<f64>) -> f64 {
    x.iter().map(|v| v * v).sum()
}

/// Σ^{1/2}; directions whose variance is rounding have none.
fn square_root(covariance: ArrayView2<f64>) -> Result<Array2<f64>> {
    let d = covariance.nrows();
    let spectrum = Covariance::from_dense(covariance)?;
    let largest = spectrum.values().first().copied().unwrap_or(0.0);
    let rounding = d as f64 * f64::EPSILON * largest;
    let root = spectrum.map(|v| if v > rounding { v.sqrt() } else { 0.0 })?;
    Ok(root.to_dense())
}

/// The sum of the singular values. Sequential, so that the last bits do not depend on the number of threads.
fn nuclear_norm(matrix: &Array2<f64>) -> Result<f64> {
    let (n, m) = matrix.dim();
    let matrix = Mat::from_fn(n, m, |i, j| matrix.get((i, j)).copied().unwrap_or_default());
    let mut values = faer::diag::Diag::<f64>::zeros(n.min(m));
    let need =
        svd_scratch::<f64>(n, m, ComputeSvdVectors::No, ComputeSvdVectors::No, Par::Seq, Default::default());
    svd(
        matrix.as_ref(),
        values.as_mut(),
        None,
        None,
        Par::Seq,
        MemStack::new(&mut MemBuffer::new(need)),
        Default::default(),
    )
    .map_err(|e| Error::Numerical {
        what: "the singular values of a product of covariances",
        problem: format!("{e:?}"),
        help: "rescale the data to about unit size".into(),
    })?;
    Ok((0..n.min(m)).map(|i| values.column_vector()[i]).sum())
}
