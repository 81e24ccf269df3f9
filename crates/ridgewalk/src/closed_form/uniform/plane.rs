//! The uniform law on R^m, or on a box in it: each coordinate on its own.
//!
//! On [−a, a] the posterior of a coordinate is a normal law truncated to the interval. With
//! l = (|x| − a)/σ, h = (|x| + a)/σ and Z = Φ(h) − Φ(l):
//!
//! ```text
//! p_σ = Z/2a    D = x + σg₁    J = 1 + g₂    ∂D/∂σ = g₃ + 2g₁J    g_n = (σ∂_x)ⁿ log Z
//! ```
//!
//! That cancels outside of the box and for σ above a. There the posterior is one smooth arch,
//! e^{−lv − v²/2} for v = (a − u)/σ from 0, and its moments are Gauss–Legendre sums: J keeps its
//! relative accuracy where it falls as 1/l², at any distance. An infinite a is the flat Lebesgue
//! measure: D = x, and log p_σ = 0 counts per unit length.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::quadrature::gauss_legendre;
use crate::closed_form::embedded::Embedded;
use crate::closed_form::pointwise::{
    At, checked_variance, each_matrix, each_pair, each_row, each_value, impl_pointwise,
};
use crate::denoiser::{Denoiser, Density, Differentiable};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::Stream;

/// The posterior is cut where it has fallen by e⁻⁴⁵ ≈ 3e-20.
const CUTOFF: f64 = 45.0;
/// Boxes wider than this many σ are treated by the formulas with Φ inside.
const WIDE: f64 = 2.0;

/// Uniform on Π [−a_i, a_i]; infinite half-widths make it the flat measure of a plane.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::Plane;
/// use ridgewalk::{Denoiser, Density};
///
/// // A plane in R³: D is the orthogonal projection.
/// let plane = Plane::infinite(2)?.embed(array![[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]], array![0.0, 0.0, 0.0])?;
/// let denoised = plane.denoise(array![[7.0, 1.0, 0.0]].view(), 0.1)?;
/// assert!((&denoised - &array![[7.0, 0.36, 0.48]]).iter().all(|e| e.abs() < 1e-15));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Plane {
    half_widths: Vec<f64>,
}

impl Plane {
    /// The box with these half-widths a_i > 0, which may be infinite.
    ///
    /// # Errors
    /// If there are none, or one is not positive.
    pub fn new(half_widths: Vec<f64>) -> Result<Self> {
        if half_widths.is_empty() {
            return Err(Error::argument("half_widths", "is empty", "give one a dimension"));
        }
        if let Some(bad) = half_widths.iter().find(|a| a.is_nan() || **a <= 0.0) {
            return Err(Error::argument(
                "half_widths",
                format!("hold {bad}"),
                "give positive numbers, or infinity for no end",
            ));
        }
        Ok(Plane { half_widths })
    }

    /// All of R^m: Lebesgue measure, a density per unit of area.
    ///
    /// # Errors
    /// If `dim` is 0.
    pub fn infinite(dim: usize) -> Result<Self> {
        Self::new(vec![f64::INFINITY; dim])
    }

    /// The half-widths a_i, `[m]`.
    pub fn half_widths(&self) -> &[f64] {
        &self.half_widths
    }

    /// This plane or box about `origin` (`[d]`), along the orthonormal rows of `frame` (`[m, d]`).
    ///
    /// # Errors
    /// As [`Embedded::new`].
    pub fn embed(self, frame: Array2<f64>, origin: Array1<f64>) -> Result<Embedded<Self>> {
        Embedded::new(self, frame, origin)
    }

    fn dimension(&self) -> usize {
        self.half_widths.len()
    }

    fn law_moments(&self) -> Option<Moments> {
        let m = self.dimension();
        let variance = self.half_widths.iter().map(|a| a * a / 3.0).sum::<f64>() / m as f64;
        variance.is_finite().then(|| Moments { mean: Array1::zeros(m), std: variance.sqrt() })
    }

    /// None for a plane without ends, which is no probability law.
    fn law_draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let point: Array1<f64> =
            self.half_widths.iter().map(|a| a * (2.0 * stream.uniform() - 1.0)).collect();
        point.iter().all(|v| v.is_finite()).then_some(point)
    }

    fn at(&self, x: &[f64], sigma: f64) -> Vec<OnInterval> {
        self.half_widths.iter().zip(x).map(|(&a, &x)| OnInterval::new(a, x, sigma)).collect()
    }
}

/// The posterior of one coordinate.
struct OnInterval {
    mean: f64,
    score: f64,
    slope: f64,
    jacobian: f64,
    hessian: f64,
    log_density: f64,
}

impl OnInterval {
    fn new(a: f64, x: f64, sigma: f64) -> Self {
        if a == f64::INFINITY {
            return OnInterval {
                mean: x,
                score: 0.0,
                slope: 0.0,
                jacobian: 1.0,
                hessian: 0.0,
                log_density: 0.0,
            };
        }
        let l = (x.abs() - a) / sigma;
        let mut at = if l < 0.0 && 2.0 * a / sigma >= WIDE {
            Self::inside(a, x.abs(), sigma)
        } else {
            Self::by_quadrature(a, l, sigma)
        };
        if x < 0.0 {
            (at.mean, at.score, at.slope) = (-at.mean, -at.score, -at.slope);
        }
        at
    }

    /// For x ≥ 0 in a wide interval.
    fn inside(a: f64, x: f64, sigma: f64) -> Self {
        let (l, h) = ((x - a) / sigma, (x + a) / sigma);
        let tail = |t: f64| 0.5 * libm::erfc(t * std::f64::consts::FRAC_1_SQRT_2);
        let outside = tail(-l) + tail(h);
        let mass = 1.0 - outside;
        let root = (2.0 * std::f64::consts::PI).sqrt();
        let at = |t: f64| libm::exp(-0.5 * t * t) / (root * mass);
        // 40 σ away the density is 0, and t² times it would only risk ∞·0.
        let (l, h) = (l.max(-40.0), h.min(40.0));
        let (low, high) = (at(l), at(h));
        let first = high - low;
        let ends = l * low - h * high;
        let second = ends - first * first;
        let third = (h * h - 1.0) * high - (l * l - 1.0) * low - first * ends - 2.0 * first * second;
        OnInterval {
            mean: x + sigma * first,
            score: first / sigma,
            slope: third + 2.0 * first * (1.0 + second),
            jacobian: 1.0 + second,
            hessian: second / sigma / sigma,
            log_density: libm::log1p(-outside) - libm::log(2.0 * a),
        }
    }

    /// For x ≥ 0, at l σ beyond the end of the interval.
    fn by_quadrature(a: f64, l: f64, sigma: f64) -> Self {
        let reach =
            if l > 0.0 { 2.0 * CUTOFF / (l + l.hypot((2.0 * CUTOFF).sqrt())) } else { (2.0 * CUTOFF).sqrt() };
        let half = 0.5 * reach.min(2.0 * a / sigma);
        let arch = |node: f64| {
            let v = half * (1.0 + node);
            (v, libm::exp(-v * (l + 0.5 * v)))
        };
        let sum = |f: &dyn Fn(f64) -> f64| -> f64 {
            gauss_legendre()
                .iter()
                .map(|&(node, weight)| {
                    let (v, density) = arch(node);
                    weight * density * f(v)
                })
                .sum()
        };
        let mass = sum(&|_| 1.0);
        let depth = sum(&|v| v) / mass;
        let second = sum(&|v| (v - depth) * (v - depth)) / mass;
        let third = sum(&|v| (v - depth) * (v - depth) * (v - depth)) / mass;
        let inward = -(l + depth);
        OnInterval {
            mean: a - sigma * depth,
            score: inward / sigma,
            slope: 2.0 * inward * second - third,
            jacobian: second,
            hessian: (second - 1.0) / sigma / sigma,
            log_density: -0.5 * l * l + libm::log(half * mass)
                - libm::log(2.0 * a)
                - 0.5 * libm::log(2.0 * std::f64::consts::PI),
        }
    }
}

impl At for Vec<OnInterval> {
    fn log_density(&self) -> f64 {
        self.iter().map(|c| c.log_density).sum()
    }
    fn denoised(&self, out: &mut [f64]) {
        out.iter_mut().zip(self).for_each(|(o, c)| *o = c.mean);
    }
    fn score(&self, out: &mut [f64]) {
        out.iter_mut().zip(self).for_each(|(o, c)| *o = c.score);
    }
    fn sigma_derivative(&self, out: &mut [f64]) {
        out.iter_mut().zip(self).for_each(|(o, c)| *o = c.slope);
    }
    fn jacobian_product(&self, v: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(v).zip(self).for_each(|((o, v), c)| *o = c.jacobian * v);
    }
    fn hessian_product(&self, v: &[f64], out: &mut [f64]) {
        out.iter_mut().zip(v).zip(self).for_each(|((o, v), c)| *o = c.hessian * v);
    }
    fn divergence(&self) -> f64 {
        self.iter().map(|c| c.jacobian).sum()
    }
}

impl_pointwise!(Plane);
