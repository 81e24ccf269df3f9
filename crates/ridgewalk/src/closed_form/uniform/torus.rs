//! The uniform laws on tori: of revolution, by area, in R³; flat, a product of circles, in R^{2k}.
//!
//! The torus of revolution is u(φ, θ) = (a cos θ, a sin θ, r sin φ), a = R + r cos φ, with area element
//! ∝ a dφ dθ. Seen from x = (ρ, 0, z) in cylindrical coordinates, the integral over θ is that of a
//! circle, with κ = aρ/σ² and A, A′, I₀ of `bessel.rs`; with (ρ − R, z) = ℓ (cos φ*, sin φ*) and δ = φ − φ*
//!
//! ```text
//! p_σ(x) = (2πσ²)^{−3/2} e^{−(r − ℓ)²/2σ²} ∫ dφ/2π (a/R) e^{−(rℓ/σ²)(1 − cos δ)} e^{−κ}I₀(κ)
//! ```
//!
//! Its integrand is analytic and periodic in φ, so the trapezoidal rule converges geometrically: N
//! nodes leave e^{−Nη}, where η is at least min(N σ²/rℓ, arcosh R/r)/2. N is chosen from that, and
//! nodes whose weight is nothing are skipped, so that about fifty are left at any low σ. All
//! moments are of differences from the nearest point of the tube: nothing of order R cancels.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::bessel::Concentration;
use super::sphere::{Sphere, require_radius};
use crate::closed_form::embedded::Embedded;
use crate::closed_form::pointwise::{
    At, checked_variance, each_matrix, each_pair, each_row, each_value, impl_pointwise,
};
use crate::closed_form::posterior::normalise;
use crate::closed_form::product::Product;
use crate::denoiser::{Denoiser, Density, Differentiable};
use crate::error::{Error, Result};
use crate::points::Moments;
use crate::random::Stream;

/// Nodes whose weight has fallen by this many nats are skipped; the slowly varying factors may give
/// back a few.
const CUTOFF: f64 = 60.0;
/// Least R/r: towards 1 the inner circle closes and the number of nodes grows without bound.
const LEAST_RATIO: f64 = 1.001;

/// Uniform by area on the torus of revolution about the third axis of R³.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::Denoiser;
/// use ridgewalk::closed_form::Torus;
///
/// // At low noise D is the nearest point of the torus.
/// let torus = Torus::of_revolution(2.0, 0.5)?;
/// let denoised = torus.denoise(array![[0.0, 3.0, 0.0]].view(), 1e-4)?;
/// assert!((&denoised - &array![[0.0, 2.5, 0.0]]).iter().all(|e| e.abs() < 1e-7));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Torus {
    major: f64,
    minor: f64,
}

impl Torus {
    /// With the radius R = `major` of the tube's centre line and r = `minor` of the tube.
    ///
    /// # Errors
    /// If a radius is not a positive number, or R is less than 1.001 r.
    pub fn of_revolution(major: f64, minor: f64) -> Result<Self> {
        require_radius("major", major)?;
        require_radius("minor", minor)?;
        if major < LEAST_RATIO * minor {
            return Err(Error::argument(
                "major",
                format!("is {major}, with the minor radius {minor}"),
                format!("it must be at least {LEAST_RATIO} times the minor radius"),
            ));
        }
        Ok(Torus { major, minor })
    }

    /// The flat torus: a circle of each of these radii, in consecutive pairs of the 2k coordinates.
    ///
    /// # Errors
    /// If there are no radii, or one is not a positive number.
    pub fn flat(radii: &[f64]) -> Result<Product> {
        let circles = radii.iter().map(|&r| Ok(std::sync::Arc::new(Sphere::new(2, r)?) as _));
        Product::new(circles.collect::<Result<Vec<_>>>()?)
    }

    /// R.
    pub fn major(&self) -> f64 {
        self.major
    }

    /// r.
    pub fn minor(&self) -> f64 {
        self.minor
    }

    /// This torus about `centre` (`[d]`), its axis the third of the orthonormal rows of `frame` (`[3, d]`).
    ///
    /// # Errors
    /// As [`Embedded::new`].
    pub fn embed(self, frame: Array2<f64>, centre: Array1<f64>) -> Result<Embedded<Self>> {
        Embedded::new(self, frame, centre)
    }

    fn dimension(&self) -> usize {
        3
    }

    /// E‖u‖² = R² + r² + 2Rr E cos φ, where E cos φ = r/2R.
    fn law_moments(&self) -> Option<Moments> {
        let (major, minor) = (self.major, self.minor);
        let square = major * major + 2.0 * minor * minor;
        Some(Moments { mean: Array1::zeros(3), std: (square / 3.0).sqrt() })
    }

    /// By area: an angle of the tube is kept with probability a/(R + r), at least (R − r)/(R + r).
    fn law_draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let turn = 2.0 * std::f64::consts::PI;
        let (sin, cos) = libm::sincos(turn * stream.uniform());
        loop {
            let phi = turn * stream.uniform();
            let out = self.major + self.minor * libm::cos(phi);
            if stream.uniform() * (self.major + self.minor) <= out {
                let up = self.minor * libm::sin(phi);
                return Some(Array1::from(vec![out * cos, out * sin, up]));
            }
        }
    }

    /// Offsets δ of the nodes, for the concentration τ = rℓ/σ² of the tube's angle, and how many there
    /// are with those that are skipped.
    fn offsets(&self, tau: f64) -> (Vec<f64>, f64) {
        let strip = libm::acosh(self.major / self.minor);
        let n = (12.0 * tau.sqrt() + 100.0 / strip + 24.0).ceil();
        let step = 2.0 * std::f64::consts::PI / n;
        let reach = (0.5 * CUTOFF / tau).sqrt();
        if reach >= 1.0 {
            return ((0..n as usize).map(|j| j as f64 * step).collect(), n);
        }
        let last = (2.0 * libm::asin(reach) / step).min(0.5 * (n - 1.0)).floor() as i64;
        ((-last..=last).map(|j| j as f64 * step).collect(), n)
    }

    fn at(&self, x: &[f64], sigma: f64) -> OnTorus {
        let &[x, y, z] = x else { return OnTorus::default() };
        let (big, small, variance) = (self.major, self.minor, sigma * sigma);
        let rho = x.hypot(y);
        let reach = (rho - big).hypot(z);
        let (cos, sin) = if reach > 0.0 { ((rho - big) / reach, z / reach) } else { (1.0, 0.0) };
        let tau = small * reach / variance;
        let (offsets, whole) = self.offsets(tau);
        let mut weights = Vec::with_capacity(offsets.len());
        let nodes: Vec<Node> = offsets
            .iter()
            .map(|&delta| {
                let half = libm::sin(0.5 * delta);
                let (fall, turn) = (2.0 * half * half, libm::sin(delta));
                let radius = big + small * (cos * (1.0 - fall) - sin * turn);
                let law = Concentration::new(2, radius * rho / variance);
                weights.push(libm::log(radius / big) - tau * fall + law.log_normalizer);
                Node {
                    fall,
                    turn,
                    inset: radius * law.shortfall,
                    along: radius * radius * law.along,
                    across: radius * radius * law.across,
                }
            })
            .collect();
        let log_sum = normalise(&mut weights);
        let mean =
            |of: &dyn Fn(&Node) -> f64| -> f64 { nodes.iter().zip(&weights).map(|(n, w)| w * of(n)).sum() };
        let (fall, turn, inset) = (mean(&|n| n.fall), mean(&|n| n.turn), mean(&|n| n.inset));
        let (along, across) = (mean(&|n| n.along), mean(&|n| n.across));
        // Differences from the mean in the half-plane of x, and of the squared distance.
        let out_of = |n: &Node| small * (-(n.fall - fall) * cos - (n.turn - turn) * sin) - (n.inset - inset);
        let up_of = |n: &Node| small * (-(n.fall - fall) * sin + (n.turn - turn) * cos);
        let square_of = |n: &Node| 2.0 * small * reach * (n.fall - fall) + 2.0 * rho * (n.inset - inset);
        let covariance = [
            along + mean(&|n| out_of(n) * out_of(n)),
            mean(&|n| out_of(n) * up_of(n)),
            mean(&|n| up_of(n) * up_of(n)),
        ];
        let jacobian = covariance.map(|c| c / variance);
        let (shift_n, shift_t) = ((small - reach) - small * fall, small * turn);
        let score =
            [(shift_n * cos - shift_t * sin - inset) / variance, (shift_n * sin + shift_t * cos) / variance];
        let around = across / variance;
        let cube = variance * sigma;
        let gap = (small - reach) / sigma;
        // A vector in the plane of the centre line has this direction; at ρ = 0 all are alike.
        let direction = if rho > 0.0 { [x / rho, y / rho] } else { [1.0, 0.0] };
        OnTorus {
            direction,
            mean: [
                big + small * ((1.0 - fall) * cos - turn * sin) - inset,
                small * ((1.0 - fall) * sin + turn * cos),
            ],
            score,
            slope: [
                (mean(&|n| out_of(n) * square_of(n)) - 2.0 * rho * along) / cube,
                mean(&|n| up_of(n) * square_of(n)) / cube,
            ],
            jacobian: [jacobian[0], jacobian[1], jacobian[2], around],
            hessian: [
                (jacobian[0] - 1.0) / variance,
                jacobian[1] / variance,
                (jacobian[2] - 1.0) / variance,
                // By symmetry the slope over ρ, which keeps its digits where J is near 1.
                if big * rho > variance { score[0] / rho } else { (around - 1.0) / variance },
            ],
            log_density: log_sum
                - libm::log(whole)
                - 0.5 * gap * gap
                - 1.5 * libm::log(2.0 * std::f64::consts::PI * variance),
        }
    }
}

/// What one node of the rule adds: 1 − cos δ, sin δ, a(1 − A), a²A′, a²A/κ.
struct Node {
    fall: f64,
    turn: f64,
    inset: f64,
    along: f64,
    across: f64,
}

/// The posterior at one point, in the frame (outwards from the axis, around it, along it): vectors by
/// their first and last part, matrices by (oo, oz, zz, around).
#[derive(Default)]
struct OnTorus {
    direction: [f64; 2],
    mean: [f64; 2],
    score: [f64; 2],
    slope: [f64; 2],
    jacobian: [f64; 4],
    hessian: [f64; 4],
    log_density: f64,
}

impl OnTorus {
    fn vector(&self, [outward, upward]: [f64; 2], out: &mut [f64]) {
        out.iter_mut()
            .zip([outward * self.direction[0], outward * self.direction[1], upward])
            .for_each(|(o, v)| *o = v);
    }

    fn apply(&self, [oo, oz, zz, around]: [f64; 4], v: &[f64], out: &mut [f64]) {
        let &[x, y, z] = v else { return };
        let [cos, sin] = self.direction;
        let (outward, aside) = (x * cos + y * sin, y * cos - x * sin);
        let (first, second) = (oo * outward + oz * z, around * aside);
        let product = [first * cos - second * sin, first * sin + second * cos, oz * outward + zz * z];
        out.iter_mut().zip(product).for_each(|(o, v)| *o = v);
    }
}

impl At for OnTorus {
    fn log_density(&self) -> f64 {
        self.log_density
    }
    fn denoised(&self, out: &mut [f64]) {
        self.vector(self.mean, out);
    }
    fn score(&self, out: &mut [f64]) {
        self.vector(self.score, out);
    }
    fn sigma_derivative(&self, out: &mut [f64]) {
        self.vector(self.slope, out);
    }
    fn jacobian_product(&self, v: &[f64], out: &mut [f64]) {
        self.apply(self.jacobian, v, out);
    }
    fn hessian_product(&self, v: &[f64], out: &mut [f64]) {
        self.apply(self.hessian, v, out);
    }
    fn divergence(&self) -> f64 {
        self.jacobian[0] + self.jacobian[2] + self.jacobian[3]
    }
}

impl_pointwise!(Torus);
