//! How much of one denoiser another explains (arXiv 2412.09726).
//!
//! ```text
//! share = 1 − Σ ‖f(xᵢ) − g(xᵢ)‖² / Σ ‖f(xᵢ) − f̄‖²          f̄ = mean of f(xᵢ),  xᵢ at one noise level σ
//! ```
//!
//! for f, g two denoisers D(x; σ), or their scores (D − x)/σ². It is 1 where they are the same, and below 0 where a
//! constant, the mean of f, would predict f better than g does. The two shares have the same numerator up to σ⁴, but not
//! the same variance: at high noise all scores are nearly −x/σ², so that of scores is near 1 for any g, and only that of
//! denoisers tells models apart.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::Bootstrap;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::points::require_finite;

/// A denoiser at some points of one noise level, of which others explain a part.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{CovarianceKind, Gaussian};
/// use ridgewalk::metrics::Explained;
/// use ridgewalk::PointSet;
///
/// let data = PointSet::vectors(array![[-2.0, 0.5], [0.0, -0.5], [2.0, 0.5], [0.0, -0.5]])?;
/// let (full, round) = (Gaussian::fit(&data, CovarianceKind::Full)?, Gaussian::fit(&data, CovarianceKind::LowRank(0))?);
/// let explained = Explained::of(&full, data.values(), 0.5)?;
/// assert_eq!(explained.by(&full)?.denoiser(), 1.0);
/// assert!(explained.by(&round)?.denoiser() < 1.0);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Explained {
    x: Array2<f64>,
    sigma: f64,
    denoised: Array2<f64>,
    /// ‖D(xᵢ) − D̄‖² and ‖σ²(s(xᵢ) − s̄)‖² of every point.
    denoiser_deviations: Vec<f64>,
    score_deviations: Vec<f64>,
}

/// What another denoiser explains: squares of every point, behind both shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// ‖D(xᵢ) − D′(xᵢ)‖²; for scores it is the same over σ⁴.
    residuals: Vec<f64>,
    denoiser_deviations: Vec<f64>,
    score_deviations: Vec<f64>,
}

impl Explained {
    /// Of a model at the points `x`, `[n, d]`, which have noise of the deviation σ, in the data's units.
    ///
    /// # Errors
    /// With fewer than two points, or what the model reports.
    pub fn of<D: Denoiser + ?Sized>(model: &D, x: ArrayView2<f64>, sigma: f64) -> Result<Self> {
        if x.nrows() < 2 {
            return Err(Error::shape(
                "the list of points",
                x.nrows(),
                "two or more, among which a model may vary",
            ));
        }
        require_finite("the list of points", x)?;
        let denoised = model.denoise(x, sigma)?;
        let displaced = &denoised - &x;
        Ok(Explained {
            denoiser_deviations: deviations(&denoised),
            score_deviations: deviations(&displaced),
            x: x.to_owned(),
            sigma,
            denoised,
        })
    }

    /// By another denoiser, at the same points and noise level.
    ///
    /// # Errors
    /// What it reports, or if its dimension differs.
    pub fn by<D: Denoiser + ?Sized>(&self, other: &D) -> Result<Explanation> {
        self.by_values(other.denoise(self.x.view(), self.sigma)?.view())
    }

    /// By the values of another denoiser, `[n, d]`, at the same points and noise level.
    ///
    /// # Errors
    /// If they are not as many, or one is not finite.
    pub fn by_values(&self, denoised: ArrayView2<f64>) -> Result<Explanation> {
        if denoised.dim() != self.denoised.dim() {
            return Err(Error::shape(
                "the list of denoised points",
                format!("{:?}", denoised.dim()),
                format!("{:?}", self.denoised.dim()),
            ));
        }
        require_finite("the list of denoised points", denoised)?;
        Ok(Explanation {
            residuals: squares(&(&self.denoised - &denoised)),
            denoiser_deviations: self.denoiser_deviations.clone(),
            score_deviations: self.score_deviations.clone(),
        })
    }

    /// D of the model that is explained, `[n, d]`.
    pub fn denoised(&self) -> ArrayView2<'_, f64> {
        self.denoised.view()
    }

    /// Mean square deviation of D from its mean, per coordinate: what there is to explain.
    pub fn variance(&self) -> f64 {
        self.denoiser_deviations.iter().sum::<f64>() / self.denoised.len().max(1) as f64
    }
}

impl Explanation {
    /// Share of the denoiser's variance; NaN or −∞ if it does not vary.
    pub fn denoiser(&self) -> f64 {
        share(&self.residuals, &self.denoiser_deviations)
    }

    /// Share of the score's variance.
    pub fn score(&self) -> f64 {
        share(&self.residuals, &self.score_deviations)
    }

    /// 95 % bootstrap interval over the points of [`Explanation::denoiser`].
    pub fn denoiser_interval(&self, bootstrap: &Bootstrap) -> Option<(f64, f64)> {
        let (low, high) = bootstrap.ratio(&self.residuals, &self.denoiser_deviations)?;
        Some((1.0 - high, 1.0 - low))
    }

    /// 95 % bootstrap interval over the points of [`Explanation::score`].
    pub fn score_interval(&self, bootstrap: &Bootstrap) -> Option<(f64, f64)> {
        let (low, high) = bootstrap.ratio(&self.residuals, &self.score_deviations)?;
        Some((1.0 - high, 1.0 - low))
    }
}

fn share(residuals: &[f64], deviations: &[f64]) -> f64 {
    1.0 - residuals.iter().sum::<f64>() / deviations.iter().sum::<f64>()
}

fn deviations(values: &Array2<f64>) -> Vec<f64> {
    let mean = values.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(values.ncols()));
    squares(&(values - &mean))
}

fn squares(values: &Array2<f64>) -> Vec<f64> {
    values.outer_iter().map(|row| row.dot(&row)).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::closed_form::{Covariance, CovarianceKind, Gaussian};
    use crate::points::PointSet;

    fn round(variance: f64) -> Gaussian {
        let covariance = Covariance::from_parts(Array2::zeros((0, 2)), Vec::new(), variance).unwrap();
        Gaussian::new(array![1.0, -1.0], covariance).unwrap()
    }

    /// About (1, −1), so that the mean of every linear denoiser is that point.
    fn balanced() -> Array2<f64> {
        array![[1.7, -0.4], [0.3, -1.6], [3.0, 0.0], [-1.0, -2.0], [1.5, -3.0], [0.5, 1.0]]
    }

    #[test]
    fn a_denoiser_explains_itself() {
        let data = PointSet::vectors(balanced()).unwrap();
        let model = Gaussian::fit(&data, CovarianceKind::Full).unwrap();
        let own = Explained::of(&model, data.values(), 0.3).unwrap().by(&model).unwrap();
        assert_eq!((own.denoiser(), own.score()), (1.0, 1.0));
        assert_eq!(own.score_interval(&Bootstrap::default()), Some((1.0, 1.0)));
    }

    /// D − m = v/(v + σ²) (x − m), s = −(x − m)/(v + σ²): of a round Gaussian of variance v another one of variance w
    /// explains 1 − (1 − k′/k)², k = v/(v + σ²), of the denoiser, and the mean alone (w = 0) nothing of the denoiser and
    /// 1 − (v/σ²)² of the score.
    #[test]
    fn a_gaussian_is_explained_by_another_as_in_closed_form() {
        for (v, w, sigma) in [(2.0, 1.0, 0.7), (0.5, 3.0, 0.2), (1.0, 0.0, 2.0), (1.0, 0.0, 0.5)] {
            let explained = Explained::of(&round(v), balanced().view(), sigma).unwrap();
            let found = explained.by(&round(w)).unwrap();
            let (s2, k) = (sigma * sigma, v / (v + sigma * sigma));
            let other = w / (w + s2);
            let denoiser = 1.0 - (1.0 - other / k) * (1.0 - other / k);
            // 1 − k of the state is left to the score.
            let score = 1.0 - ((k - other) / (1.0 - k)) * ((k - other) / (1.0 - k));
            assert!((found.denoiser() - denoiser).abs() < 1e-12, "{} {denoiser}", found.denoiser());
            assert!((found.score() - score).abs() < 1e-12 * (1.0 + score.abs()), "{} {score}", found.score());
            if w == 0.0 {
                assert!(found.denoiser().abs() < 1e-12);
                assert!((score - (1.0 - (v / s2) * (v / s2))).abs() < 1e-9);
            }
            let spread = k
                * k
                * balanced().outer_iter().map(|x| (x[0] - 1.0).powi(2) + (x[1] + 1.0).powi(2)).sum::<f64>();
            assert!((explained.variance() - spread / 12.0).abs() < 1e-12);
        }
    }

    #[test]
    fn points_and_values_that_do_not_fit_are_refused() {
        let one = array![[0.0, 0.0]];
        assert!(Explained::of(&round(1.0), one.view(), 1.0).is_err());
        let explained = Explained::of(&round(1.0), balanced().view(), 1.0).unwrap();
        assert!(explained.by_values(one.view()).is_err());
        assert!(explained.by_values((balanced() * f64::NAN).view()).is_err());
    }
}
