//! The uniform law on a sphere of radius r about the origin of R^m.
//!
//! Given x the law on the sphere is von Mises–Fisher with concentration κ = r‖x‖/σ² about e = x/‖x‖.
//! With A, A′ and G of `bessel.rs`:
//!
//! ```text
//! D          = r A(κ) e                            ∂D/∂σ = −2 (κ/σ) r A′(κ) e
//! J          = (r/σ)² [A′ e eᵀ + (A/κ)(I − e eᵀ)]
//! log p_σ(x) = −(m/2) log 2πσ² − (‖x‖ − r)²/2σ² + log G(κ)
//! ```
//!
//! Accurate to rounding at every κ: the score is formed from 1 − A where D and x nearly agree. Cost
//! O(m) and one Bessel ratio a point.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::bessel::Concentration;
use crate::closed_form::embedded::Embedded;
use crate::closed_form::pointwise::{
    At, checked_variance, each_matrix, each_pair, each_row, each_value, impl_pointwise,
};
use crate::closed_form::rows::{axpy, dot};
use crate::denoiser::{Denoiser, Density, Differentiable};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::Stream;

/// Uniform on the sphere ‖x‖ = r of R^m: a circle for m = 2, the pair ±r for m = 1.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::Sphere;
///
/// // In R³ A(κ) = coth κ − 1/κ (Langevin).
/// let sphere = Sphere::new(3, 2.0)?;
/// let denoised = sphere.denoise(array![[0.0, 0.0, 3.0]].view(), 1.0)?;
/// assert!((denoised[[0, 2]] - 2.0 * (1.0 / 6f64.tanh() - 1.0 / 6.0)).abs() < 1e-14);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Sphere {
    dim: usize,
    radius: f64,
}

impl Sphere {
    /// The (m − 1)-dimensional sphere of radius `radius` in R^m, m = `dim` ≥ 1.
    ///
    /// # Errors
    /// If `dim` is 0 or the radius is not a positive number.
    pub fn new(dim: usize, radius: f64) -> Result<Self> {
        if dim == 0 {
            return Err(Error::argument("dim", "is 0", "a circle spans 2 dimensions, a sphere 3"));
        }
        require_radius("radius", radius)?;
        Ok(Sphere { dim, radius })
    }

    /// r.
    pub fn radius(&self) -> f64 {
        self.radius
    }

    /// This sphere about `centre` (`[d]`) in the span of the orthonormal rows of `frame` (`[m, d]`).
    ///
    /// # Errors
    /// As [`Embedded::new`].
    pub fn embed(self, frame: Array2<f64>, centre: Array1<f64>) -> Result<Embedded<Self>> {
        Embedded::new(self, frame, centre)
    }

    fn dimension(&self) -> usize {
        self.dim
    }

    fn law_moments(&self) -> Option<Moments> {
        Some(Moments { mean: Array1::zeros(self.dim), std: self.radius / (self.dim as f64).sqrt() })
    }

    /// A normal vector, put on the sphere.
    fn law_draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let mut point: Array1<f64> = (0..self.dim).map(|_| stream.normal()).collect();
        point *= self.radius / point.dot(&point).sqrt();
        Some(point)
    }

    fn at(&self, x: &[f64], sigma: f64) -> OnSphere {
        let (r, variance) = (self.radius, sigma * sigma);
        let norm = dot(x, x).sqrt();
        let kappa = r * norm / variance;
        let law = Concentration::new(self.dim, kappa);
        let scale = (r / sigma) * (r / sigma);
        let (along, across) = (scale * law.along, scale * law.across);
        // Two forms of r A − ‖x‖: either keeps the digits that the other loses.
        let near = law.mean >= 0.5;
        let outward = if near { (r - norm) - r * law.shortfall } else { r * law.mean - norm };
        let score = outward / variance;
        let half_dim = 0.5 * self.dim as f64;
        OnSphere {
            direction: x.iter().map(|x| if norm > 0.0 { x / norm } else { 0.0 }).collect(),
            mean: r * law.mean,
            score,
            slope: -2.0 * kappa / sigma * r * law.along,
            jacobian: (along, across),
            // Across, the Hessian of a function of ‖x‖ is its slope over ‖x‖.
            hessian: ((along - 1.0) / variance, if near { score / norm } else { (across - 1.0) / variance }),
            log_density: law.log_normalizer
                - half_dim * libm::log(2.0 * std::f64::consts::PI * variance)
                - 0.5 * ((norm - r) / sigma) * ((norm - r) / sigma),
        }
    }
}

/// Checks a length that must be positive.
pub(super) fn require_radius(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, format!("is {value}"), "give a positive finite number in the data's units"))
}

/// The posterior at one point: vectors along e, matrices (along e, across e).
struct OnSphere {
    direction: Vec<f64>,
    mean: f64,
    score: f64,
    slope: f64,
    jacobian: (f64, f64),
    hessian: (f64, f64),
    log_density: f64,
}

impl OnSphere {
    fn apply(&self, (along, across): (f64, f64), v: &[f64], out: &mut [f64]) {
        axpy(across, v, out);
        axpy((along - across) * dot(&self.direction, v), &self.direction, out);
    }
}

impl At for OnSphere {
    fn log_density(&self) -> f64 {
        self.log_density
    }
    fn denoised(&self, out: &mut [f64]) {
        axpy(self.mean, &self.direction, out);
    }
    fn score(&self, out: &mut [f64]) {
        axpy(self.score, &self.direction, out);
    }
    fn sigma_derivative(&self, out: &mut [f64]) {
        axpy(self.slope, &self.direction, out);
    }
    fn jacobian_product(&self, v: &[f64], out: &mut [f64]) {
        self.apply(self.jacobian, v, out);
    }
    fn hessian_product(&self, v: &[f64], out: &mut [f64]) {
        self.apply(self.hessian, v, out);
    }
    fn divergence(&self) -> f64 {
        self.jacobian.0 + (self.direction.len() - 1) as f64 * self.jacobian.1
    }
}

impl_pointwise!(Sphere);
