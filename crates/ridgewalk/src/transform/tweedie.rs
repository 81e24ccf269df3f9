//! One Tweedie step: noise of known size taken out of noisy samples by the score of their law.
//!
//! If x = x₀ + ηε with ε ~ N(0, I) and p is the law of the noisy x, then
//!
//! ```text
//! E[x₀ | x] = x + η² ∇log p(x)                               (Robbins 1956, who credits Tweedie)
//!           ≈ x + (η/σ)² (D(x; σ) − x),   σ ≪ η              (∇log p_σ = (D − x)/σ², p_σ → p)
//! ```
//!
//! The best guess of x₀ is not a draw of it: a direction that has the variance v in noisy data has v − η² in clean
//! ones, and v(1 − η²/v)² after the step, a factor 1 − η²/v of the standard deviation where √(1 − η²/v) is right.
//! So it takes too much, all of a direction that is noise alone, and **overshoots where the model's own variance is
//! below η²**: there the factor is negative, and at v < η²/2 the step makes noise larger than it was. A fitted
//! model has such directions, by sampling error, or where η is taken too large.
//!
//! σ is the level at which the model is asked. The factor is 1 − η²/(v + σ²): a lower level is nearer to the
//! formula and amplifies what is wrong with the model by (η/σ)²; at σ = η it is D(x; η), which never overshoots and
//! takes out half of a direction of pure noise.

use ndarray::{Array2, ArrayView2, Axis};

use crate::denoiser::{Denoiser, Visit, check_query};
use crate::error::{Error, Result};
use crate::points::rows;

/// Rows that are denoised at once.
const BATCH: usize = 256;

/// x + (η/σ)² (D(x; σ) − x) of every row of `samples` (`[n, d]`): the samples of a model of noisy data without noise
/// of standard deviation `noise` (η), the model being asked at the level `sigma` (σ ≪ η, such as η/10). Both in the
/// data's units. Row i counts as sample i. Cost: one evaluation a sample.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::transform::tweedie_step;
///
/// let noisy = Gaussian::new(array![0.0, 0.0], Covariance::diagonal(vec![25.0, 9.0])?)?;
/// let clean = tweedie_step(&noisy, array![[5.0, 3.0]].view(), 3.0, 1e-4)?;
/// // 5·(1 − 9/25), and nothing of the direction that is noise alone.
/// assert!((clean[[0, 0]] - 3.2).abs() < 1e-6 && clean[[0, 1]].abs() < 1e-6);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the noise is negative or not finite, and those of the model.
pub fn tweedie_step<D: Denoiser + ?Sized>(
    model: &D,
    samples: ArrayView2<f64>,
    noise: f64,
    sigma: f64,
) -> Result<Array2<f64>> {
    if !(noise >= 0.0 && noise.is_finite()) {
        let help = "give the standard deviation of the noise, not negative, in the data's units";
        return Err(Error::argument("noise", format!("is {noise}"), help));
    }
    check_query(model.dim(), samples, sigma)?;
    let factor = (noise / sigma) * (noise / sigma);
    let mut out = samples.to_owned();
    for (first, mut chunk) in (0..).step_by(BATCH).zip(out.axis_chunks_iter_mut(Axis(0), BATCH)) {
        let indices: Vec<u64> = (first..first + chunk.nrows()).map(|i| i as u64).collect();
        let x = rows(&samples, first..first + chunk.nrows());
        let mut off = model.denoise_at(x, sigma, &Visit { samples: &indices, step: None })?;
        off -= &x;
        chunk.scaled_add(factor, &off);
    }
    crate::points::require_finite("the samples after a Tweedie step", out.view())?;
    Ok(out)
}
