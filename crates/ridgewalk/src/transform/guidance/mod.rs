//! Guidance: one denoiser pushed away from another (classifier-free guidance, Ho, Salimans, arXiv 2207.12598;
//! autoguidance, Karras et al., arXiv 2406.02507).
//!
//! ```text
//! D_w(x; σ) = D_ref + w (D − D_ref)
//! ```
//!
//! with D the conditional model and D_ref the unconditional one, or D a good model and D_ref a worse one of
//! the same data. **w = 1 is D itself, w = 0 is D_ref**, above 1 extrapolates. (The w of 2207.12598 is this
//! one less 1; 2406.02507 counts as here.) Where w is 1 or 0 only the model that it names is asked, so
//! that the answer is that model's to the bit and costs one evaluation.
//!
//! - [`Guided::interval`] guides only at levels σ_lo < σ ≤ σ_hi, where it helps (arXiv 2404.07724, eq. 5);
//!   elsewhere D alone is asked.
//! - [`Guided::rescale`] takes back the excess contrast of large w (arXiv 2305.08891, eq. 15 and 16): every
//!   row of D_w keeps its mean over the coordinates, and its spread about that is multiplied by
//!   φ·std(D)/std(D_w) + 1 − φ. It acts on the prediction of the data, D, whatever the model behind it predicts; the
//!   paper applies it to the output of its network, whose rows have a mean of about 0, about 0.
//!
//! D_w is the denoiser of p^w p_ref^{1−w} where that is a density at every σ of its own noising, as for
//! Gaussians of equal covariance, for which D_w is that of the mean μ_ref + w(μ − μ_ref). In general it is not:
//! the marginals of a guided sampler are nobody's noised data.
//!
//! A guided denoiser is one: it may be smoothed, attracted, and guided again.

mod derivatives;

use ndarray::{Array2, Array3, ArrayView2, Zip};

use crate::denoiser::{
    Denoiser, Differentiable, Displacements, Visit, check_query, check_sigma, displaced_one_by_one,
};
use crate::error::{Error, Result};
use crate::points::Moments;

/// A denoiser guided by a reference: D_ref + w(D − D_ref).
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::{Denoiser, Guided};
///
/// let at = |mean: f64| Gaussian::new(array![mean], Covariance::isotropic(1, 1.0)?);
/// let guided = Guided::classifier_free(at(1.0)?, at(0.0)?, 3.0)?.interval(0.1..2.0)?;
/// // Inside of the interval, the Gaussian of mean 0 + 3(1 − 0); outside, the conditional one.
/// let x = array![[0.5]];
/// assert!((guided.denoise(x.view(), 1.0)? - at(3.0)?.denoise(x.view(), 1.0)?)[[0, 0]].abs() < 1e-15);
/// assert_eq!(guided.denoise(x.view(), 2.5)?, at(1.0)?.denoise(x.view(), 2.5)?);
/// assert_eq!((guided.evaluations_per_call(1.0), guided.evaluations_per_call(2.5)), (2, 1));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Guided<D, R> {
    model: D,
    reference: R,
    weight: f64,
    interval: std::ops::Range<f64>,
    rescale: f64,
}

/// Which models a call asks.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Asks {
    Model,
    Reference,
    Both,
}

impl<D: Denoiser, R: Denoiser> Guided<D, R> {
    /// Classifier-free guidance: w = 1 is the conditional model, w = 0 the unconditional one.
    ///
    /// # Errors
    /// If the weight is not finite, or the models' dimensions differ.
    pub fn classifier_free(conditional: D, unconditional: R, weight: f64) -> Result<Self> {
        Self::new(conditional, unconditional, weight)
    }

    /// Autoguidance: a model guided by a worse version of itself (smaller, or trained for less time).
    /// w = 1 is the good model.
    ///
    /// # Errors
    /// As [`Guided::classifier_free`].
    pub fn auto(good: D, worse: R, weight: f64) -> Result<Self> {
        Self::new(good, worse, weight)
    }

    fn new(model: D, reference: R, weight: f64) -> Result<Self> {
        if model.dim() != reference.dim() {
            let expected = format!("{} (as the guided model)", model.dim());
            return Err(Error::shape("the dimension of the guiding model", reference.dim(), expected));
        }
        if !weight.is_finite() {
            return Err(Error::argument(
                "weight",
                format!("of the guidance is {weight}"),
                "choose a finite number; 1 is no guidance, 1.5 to 4 are usual",
            ));
        }
        Ok(Guided { model, reference, weight, interval: 0.0..f64::INFINITY, rescale: 0.0 })
    }

    /// Guides only at levels above `range.start` and up to `range.end`, which may be infinite.
    ///
    /// # Errors
    /// If the range is empty, or starts below 0.
    pub fn interval(mut self, range: std::ops::Range<f64>) -> Result<Self> {
        if !(range.start >= 0.0 && range.start < range.end) {
            return Err(Error::argument(
                "interval",
                format!("of the guidance is {range:?}"),
                "give two rising noise levels in the data's units, the first at least 0",
            ));
        }
        self.interval = range;
        Ok(self)
    }

    /// Rescales by φ = `phi` between 0 (not at all) and 1 (each row has the standard deviation that the model's
    /// own D has); the paper uses 0.7. A row that is constant is left alone.
    ///
    /// # Errors
    /// If φ is not between 0 and 1.
    pub fn rescale(mut self, phi: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&phi) {
            return Err(Error::argument(
                "phi",
                format!("of the guidance's rescaling is {phi}"),
                "choose it between 0 and 1",
            ));
        }
        self.rescale = phi;
        Ok(self)
    }

    /// w.
    pub fn weight(&self) -> f64 {
        self.weight
    }

    fn asks(&self, sigma: f64) -> Asks {
        let inside = sigma > self.interval.start && sigma <= self.interval.end;
        match self.weight {
            _ if !inside => Asks::Model,
            1.0 => Asks::Model,
            0.0 => Asks::Reference,
            _ => Asks::Both,
        }
    }

    /// D_ref + w(D − D_ref), in the place of D_ref.
    fn extrapolate<N: ndarray::Dimension>(
        &self,
        model: &ndarray::Array<f64, N>,
        mut reference: ndarray::Array<f64, N>,
    ) -> Result<ndarray::Array<f64, N>> {
        if model.shape() != reference.shape() {
            let (found, expected) = (format!("{:?}", reference.shape()), format!("{:?}", model.shape()));
            return Err(Error::shape("what the guiding model answered", found, expected));
        }
        Zip::from(&mut reference).and(model).for_each(|r, d| *r += self.weight * (d - *r));
        Ok(reference)
    }
}

/// Mean and standard deviation over the coordinates of a row, by plain sums: the same in every layout and batch.
fn mean_and_deviation(row: ndarray::ArrayView1<f64>) -> (f64, f64) {
    let n = row.len() as f64;
    let mean = row.iter().sum::<f64>() / n;
    (mean, (row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n).sqrt())
}

impl<D: Denoiser, R: Denoiser> Denoiser for Guided<D, R> {
    fn dim(&self) -> usize {
        self.model.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.denoise_at(x, sigma, &Visit::default())
    }

    fn denoise_at(&self, x: ArrayView2<f64>, sigma: f64, visit: &Visit) -> Result<Array2<f64>> {
        check_sigma(sigma)?;
        match self.asks(sigma) {
            Asks::Model => return self.model.denoise_at(x, sigma, visit),
            Asks::Reference if self.rescale == 0.0 => return self.reference.denoise_at(x, sigma, visit),
            _ => check_query(self.dim(), x, sigma)?,
        }
        let model = self.model.denoise_at(x, sigma, visit)?;
        let mut guided = self.extrapolate(&model, self.reference.denoise_at(x, sigma, visit)?)?;
        if self.rescale > 0.0 {
            Zip::from(guided.rows_mut()).and(model.rows()).for_each(|mut guided, model| {
                let (_, wanted) = mean_and_deviation(model);
                let (mean, found) = mean_and_deviation(guided.view());
                let ratio = wanted / found;
                if ratio.is_finite() {
                    let factor = self.rescale * ratio + (1.0 - self.rescale);
                    guided.mapv_inplace(|v| mean + factor * (v - mean));
                }
            });
        }
        Ok(guided)
    }

    /// Means over displacements of both, which share their work each within itself; rescaling is not linear
    /// and takes one query a draw.
    fn denoise_displaced(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        displacements: &Displacements,
        visit: &Visit,
    ) -> Result<Array3<f64>> {
        check_sigma(sigma)?;
        match self.asks(sigma) {
            Asks::Model => self.model.denoise_displaced(x, sigma, displacements, visit),
            _ if self.rescale > 0.0 => displaced_one_by_one(self, x, sigma, displacements, visit),
            Asks::Reference => self.reference.denoise_displaced(x, sigma, displacements, visit),
            Asks::Both => {
                let model = self.model.denoise_displaced(x, sigma, displacements, visit)?;
                let reference = self.reference.denoise_displaced(x, sigma, displacements, visit)?;
                self.extrapolate(&model, reference)
            }
        }
    }

    /// Those of the guided model: of the law that the conditional one was made for.
    fn moments(&self) -> Option<Moments> {
        self.model.moments()
    }

    fn smoothings(&self) -> u64 {
        self.model.smoothings().max(self.reference.smoothings())
    }

    fn evaluations_per_call(&self, sigma: f64) -> usize {
        self.evaluations_at(sigma, &Visit::default())
    }

    fn evaluations_at(&self, sigma: f64, visit: &Visit) -> usize {
        match self.asks(sigma) {
            Asks::Model => self.model.evaluations_at(sigma, visit),
            Asks::Reference if self.rescale == 0.0 => self.reference.evaluations_at(sigma, visit),
            _ => self.model.evaluations_at(sigma, visit) + self.reference.evaluations_at(sigma, visit),
        }
    }

    /// Where both models are and nothing is rescaled. At the ends of the interval D jumps in σ: the derivative is
    /// that of the side on which σ lies.
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        let both = self.model.differentiable().is_some() && self.reference.differentiable().is_some();
        (both && self.rescale == 0.0).then_some(self as &dyn Differentiable)
    }
}
