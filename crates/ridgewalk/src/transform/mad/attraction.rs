//! A(x; σ) = σ² ∂D/∂(σ²), the part that attraction adds to D, and the extended score that it makes.

use ndarray::{Array2, ArrayView2};

use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};

/// How A is computed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Attraction {
    /// (σ/2) ∂D/∂σ where the model has it, otherwise a difference quotient with δ = 0.05.
    #[default]
    Automatic,
    /// [D(x; σ√(1+δ)) − D(x; σ)]/δ: the paper's way, one more evaluation. δ = 0.05 suits exact models,
    /// 0.1 to 0.3 learned ones.
    VarianceDifference(f64),
    /// [D(x + ε(D−x); σ) − D(x; σ)]/ε: no derivative in σ, so it serves models that are not told σ. It
    /// equals A for Gaussians and lacks the curvature term ½σ⁴∇(div s) elsewhere. Not the extended score.
    Directional(f64),
}

/// δ where the model has no derivative and none is given.
const DELTA: f64 = 0.05;

/// The noise level of 1 + δ times the variance.
fn raised(sigma: f64, delta: f64) -> f64 {
    sigma * (1.0 + delta).sqrt()
}

/// D and A at (x, σ).
pub(super) fn denoise_and_attract(
    model: &dyn Denoiser,
    x: ArrayView2<f64>,
    sigma: f64,
    attraction: Attraction,
    visit: &Visit,
) -> Result<(Array2<f64>, Array2<f64>)> {
    let delta = match attraction {
        Attraction::Automatic => {
            if let Some(model) = model.differentiable() {
                let (denoised, mut by_sigma) = model.denoise_with_sigma_derivative_at(x, sigma, visit)?;
                by_sigma *= 0.5 * sigma;
                return Ok((denoised, by_sigma));
            }
            DELTA
        }
        Attraction::VarianceDifference(delta) => delta,
        Attraction::Directional(epsilon) => {
            let denoised = model.denoise_at(x, sigma, visit)?;
            let mut ahead = &denoised - &x;
            ahead *= epsilon;
            ahead += &x;
            let mut attraction = model.denoise_at(ahead.view(), sigma, visit)?;
            attraction -= &denoised;
            attraction /= epsilon;
            return Ok((denoised, attraction));
        }
    };
    let denoised = model.denoise_at(x, sigma, visit)?;
    let mut attraction = model.denoise_at(x, raised(sigma, delta), visit)?;
    attraction -= &denoised;
    attraction /= delta;
    Ok((denoised, attraction))
}

/// Evaluations of the model that [`denoise_and_attract`] takes.
pub(super) fn evaluations(model: &dyn Denoiser, sigma: f64, attraction: Attraction, visit: &Visit) -> usize {
    let at = |sigma: f64| model.evaluations_at(sigma, visit);
    match (attraction, model.differentiable()) {
        (Attraction::Automatic, Some(model)) => model.evaluations_with_sigma_derivative(sigma, visit),
        (Attraction::Automatic, None) => at(sigma) + at(raised(sigma, DELTA)),
        (Attraction::VarianceDifference(delta), _) => at(sigma) + at(raised(sigma, delta)),
        (Attraction::Directional(_), _) => 2 * at(sigma),
    }
}

/// The extended score with variance unit λ: H^λ_γ p(x) = [(D_γ(x) − x) + λ ∂_γ D_γ(x)]/λ, `[batch, d]`.
/// λ = 1 is the paper's definition.
///
/// # Errors
/// If γ or λ is not positive, and those of the model.
pub fn extended_score<D: Denoiser + ?Sized>(
    model: &D,
    x: ArrayView2<f64>,
    gamma: f64,
    lambda: f64,
    attraction: Attraction,
) -> Result<Array2<f64>> {
    for (name, value) in [("gamma", gamma), ("lambda", lambda)] {
        if !(value > 0.0 && value.is_finite()) {
            return Err(Error::argument(
                name,
                format!("is {value}"),
                "it is a variance: choose a positive number",
            ));
        }
    }
    // λ ∂_γ D = (λ/γ)·γ ∂_γ D = (λ/γ)·A.
    let (mut out, attracted) = denoise_and_attract(&model, x, gamma.sqrt(), attraction, &Visit::default())?;
    out -= &x;
    out.scaled_add(lambda / gamma, &attracted);
    out /= lambda;
    Ok(out)
}
