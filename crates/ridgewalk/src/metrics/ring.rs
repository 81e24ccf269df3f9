//! Smoothing on a circle without sampling: the theorem of arXiv 2510.02305 (3.6), by quadrature.
//!
//! N points stand evenly on a circle M of radius τ (its reach). With log p̂_ε the log-density of the points
//! under noise of variance ε, and k_x = N(x, σ²I) in the plane,
//!
//! ```text
//! log p̂^k(x)   = E_{Y~k_x} log p̂_ε(Y) + const                    the generic kernel
//! log p̂^{kM}(x) = E_{Y~k_x} log p̂_ε(Π(Y) ± r(x)·ν(Y)) + const     the kernel adapted to M (eq. 10):
//! ```
//!
//! Y is moved along its normal ν, to the side on which it stands, onto the level set of distance
//! r(x) = √E dist(Y, M)². The theorem bounds the Rényi divergence of the two by a multiple of σ/τ.
//!
//! Everything is 2π/N-periodic in the angle: the expectations are circular convolutions over one period and
//! sums over radii, both by the trapezoidal rule, which for these smooth integrands errs by about 1e-6 in D_q.

use std::f64::consts::PI;

use libm::{cos, exp, log};
use rayon::prelude::*;

use super::renyi::{log_sum, renyi_divergence};
use crate::error::{Error, Result};

/// Radii of the density's grid.
const RADII: usize = 97;
/// The density's grid extends over this many of its standard deviations on both sides.
const EXTENT: f64 = 8.0;
/// Steps of the kernel's radial grid within one σ, and how many σ it extends.
const FINENESS: f64 = 6.0;
const KERNEL_EXTENT: f64 = 8.0;
/// Angles within a period: a step resolves a quarter of σ and a third of the width over which one data
/// point takes over from the next.
const ANGLES: std::ops::RangeInclusive<usize> = 32..=384;
/// Terms below exp(−this) are nothing in f64 beside the largest.
const NEGLIGIBLE: f64 = 45.0;

/// N even points on a circle, and how their empirical log-density is smoothed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ring {
    /// Number of points N.
    pub points: usize,
    /// Radius τ of the circle, in any unit of length.
    pub radius: f64,
    /// Variance ε of the noise, in that unit squared.
    pub variance: f64,
    /// Standard deviation σ of the kernel, in that unit.
    pub scale: f64,
}

/// What smoothing with either kernel did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RingComparison {
    /// D_q(p̂^k ‖ p̂^{kM}) in nats.
    pub divergence: f64,
    /// Root mean square distance to the circle under p̂, p̂^k and p̂^{kM}.
    pub distances: [f64; 3],
    /// Log-density on the circle at a data point minus that midway between two, under p̂, p̂^k and p̂^{kM}.
    pub contrasts: [f64; 3],
}

/// Log-densities at the radii and angles of one grid.
struct Grid {
    radii: Vec<f64>,
    angles: usize,
    plain: Vec<f64>,
    smoothed: Vec<f64>,
    adapted: Vec<f64>,
}

impl Ring {
    /// Compares the two kernels by the divergence of order q.
    ///
    /// # Errors
    /// If there are fewer than 2 points or more than 4096, a length is not positive and finite, or the
    /// kernel or the noise is so wide that the circle's centre comes into play (σ > τ/3 or √ε > τ/4).
    pub fn compare(&self, order: f64) -> Result<RingComparison> {
        self.check()?;
        let grid = self.grid();
        let log_weights: Vec<f64> =
            grid.radii.iter().flat_map(|r| std::iter::repeat_n(log(*r), grid.angles)).collect();
        let divergence = renyi_divergence(&grid.smoothed, &grid.adapted, &log_weights, order)?;
        let distance = |density: &[f64]| {
            let masses: Vec<f64> = density.iter().zip(&log_weights).map(|(l, w)| l + w).collect();
            let total = log_sum(&masses);
            let square = |i: usize| {
                let off = grid.radii[i / grid.angles] - self.radius;
                off * off
            };
            masses.iter().enumerate().map(|(i, m)| exp(m - total) * square(i)).sum::<f64>().sqrt()
        };
        let on_circle = RADII / 2 * grid.angles;
        let contrast = |density: &[f64]| density[on_circle] - density[on_circle + grid.angles / 2];
        let all = [&grid.plain, &grid.smoothed, &grid.adapted];
        Ok(RingComparison {
            divergence,
            distances: all.map(|density| distance(density)),
            contrasts: all.map(|density| contrast(density)),
        })
    }

    fn check(&self) -> Result<()> {
        if !(2..=4096).contains(&self.points) {
            let problem = format!("are {}", self.points);
            return Err(Error::argument("points", problem, "put 2 to 4096 points on the circle"));
        }
        let lengths = [("radius", self.radius), ("variance", self.variance), ("scale", self.scale)];
        for (name, value) in lengths {
            if !(value > 0.0 && value.is_finite()) {
                return Err(Error::argument(name, format!("is {value}"), "choose a positive finite number"));
            }
        }
        if self.scale > self.radius / 3.0 || self.variance.sqrt() > self.radius / 4.0 {
            return Err(Error::argument(
                "scale",
                format!("{} with variance {} reaches the circle's centre", self.scale, self.variance),
                "keep the scale below a third and the noise below a quarter of the radius",
            ));
        }
        Ok(())
    }

    fn period(&self) -> f64 {
        2.0 * PI / self.points as f64
    }

    /// An even number, so that there is an angle midway between two points.
    fn angles(&self) -> usize {
        let arc = self.period() * self.radius;
        let wanted = arc / (self.scale / 4.0).min(self.variance / arc / 3.0);
        2 * (wanted.clamp(*ANGLES.start() as f64, *ANGLES.end() as f64) as usize).div_ceil(2)
    }

    fn grid(&self) -> Grid {
        let angles = self.angles();
        // The kernel's own curvature pulls inwards by about σ²/2τ.
        let half = EXTENT * self.variance.sqrt() + self.scale * self.scale / self.radius;
        let half = half.min(0.95 * self.radius);
        let step = 2.0 * half / (RADII - 1) as f64;
        let radii: Vec<f64> =
            (0..RADII).map(|i| self.radius + step * (i as f64 - (RADII / 2) as f64)).collect();

        // Nodes of the kernel's integral, one of them on the circle, where Y changes sides.
        let fine = self.scale / FINENESS;
        let reach = ((half + KERNEL_EXTENT * self.scale) / fine).ceil() as i64;
        let nodes: Vec<f64> =
            (-reach..=reach).map(|j| self.radius + fine * j as f64).filter(|r| *r > 0.0).collect();
        let values: Vec<Vec<f64>> = nodes.par_iter().map(|r| self.log_density(*r, angles)).collect();
        let rows: Vec<(Vec<f64>, Vec<f64>)> =
            radii.par_iter().map(|rho| self.smooth(*rho, &nodes, &values, angles)).collect();
        let plain = radii.par_iter().map(|r| self.log_density(*r, angles)).collect::<Vec<_>>().concat();
        let (smoothed, adapted): (Vec<_>, Vec<_>) = rows.into_iter().unzip();
        Grid { radii, angles, plain, smoothed: smoothed.concat(), adapted: adapted.concat() }
    }

    /// log p̂_ε at one radius and the angles of a period, up to a constant.
    fn log_density(&self, r: f64, angles: usize) -> Vec<f64> {
        let at = |k: usize| {
            let angle = k as f64 / angles as f64 * self.period();
            let terms: Vec<f64> = (0..self.points)
                .map(|i| r * self.radius * cos(angle - i as f64 * self.period()) / self.variance)
                .collect();
            log_sum(&terms) - (r * r + self.radius * self.radius) / (2.0 * self.variance)
        };
        (0..angles).map(at).collect()
    }

    /// Both smoothed log-densities at one radius.
    fn smooth(&self, rho: f64, nodes: &[f64], values: &[Vec<f64>], angles: usize) -> (Vec<f64>, Vec<f64>) {
        let kernels: Vec<Vec<f64>> = nodes.iter().map(|r| self.kernel(rho, *r, angles)).collect();
        let total: f64 = kernels.iter().flatten().sum();
        let mut smoothed = vec![0.0; angles];
        let (mut inside, mut outside) = (vec![0.0; angles], vec![0.0; angles]);
        let mut square = 0.0;
        for ((r, kernel), value) in nodes.iter().zip(&kernels).zip(values) {
            let mass: f64 = kernel.iter().sum();
            if mass == 0.0 {
                continue;
            }
            square += mass / total * (r - self.radius) * (r - self.radius);
            convolve(kernel, value, 1.0 / total, &mut smoothed);
            // The node on the circle belongs to both sides by half.
            let side = (r - self.radius) / self.scale;
            let share = if side.abs() < 1e-9 { 0.5 } else { f64::from(u8::from(side > 0.0)) };
            for (k, weight) in kernel.iter().enumerate() {
                inside[k] += (1.0 - share) * weight;
                outside[k] += share * weight;
            }
        }
        let r = square.sqrt();
        let mut adapted = vec![0.0; angles];
        for (kernel, radius) in [(inside, (self.radius - r).abs()), (outside, self.radius + r)] {
            convolve(&kernel, &self.log_density(radius, angles), 1.0 / total, &mut adapted);
        }
        (smoothed, adapted)
    }

    /// Mass that N(x, σ²I), |x| = ρ, gives to radius r and each angle of a period, wrapped; up to a constant.
    fn kernel(&self, rho: f64, r: f64, angles: usize) -> Vec<f64> {
        let mut out = vec![0.0; angles];
        let spread = 2.0 * self.scale * self.scale;
        let radial = (r - rho) * (r - rho) / spread;
        let step = self.period() / angles as f64;
        let count = angles * self.points;
        for (k, slot) in (0..=count / 2).map(|k| (k, k % angles)) {
            // ‖y − x‖² = (r − ρ)² + 2rρ(1 − cos φ), rising with the angle.
            let exponent = radial + 2.0 * r * rho * (1.0 - cos(k as f64 * step)) / spread;
            if exponent > NEGLIGIBLE {
                break;
            }
            let mass = r * exp(-exponent);
            out[slot] += mass;
            // The other half of the circle, but for the two angles that are their own mirror images.
            if k != 0 && 2 * k != count {
                out[(count - k) % angles] += mass;
            }
        }
        out
    }
}

/// Adds factor · Σ_φ kernel(φ)·value(θ + φ) to `out`.
fn convolve(kernel: &[f64], value: &[f64], factor: f64, out: &mut [f64]) {
    let n = value.len();
    for (phi, weight) in kernel.iter().enumerate().filter(|(_, w)| **w > 0.0) {
        let weight = factor * weight;
        let (wrapped, straight) = value.split_at(phi);
        let (first, rest) = out.split_at_mut(n - phi);
        first.iter_mut().zip(straight).for_each(|(o, v)| *o += weight * v);
        rest.iter_mut().zip(wrapped).for_each(|(o, v)| *o += weight * v);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(variance: f64, scale: f64) -> Ring {
        Ring { points: 24, radius: 1.0, variance, scale }
    }

    /// Quadrature of 24 points on the unit circle done apart, by another rule (its own error in D₂ is 1e-5
    /// to 4e-5, that of the contrast without smoothing 0.04): arXiv 2510.02305's setting, derived values.
    #[test]
    fn reference_table() {
        for (variance, scale, divergence, distances, contrasts) in [
            (0.002, 0.05, 1.5e-5, [0.0447, 0.0448, 0.0448], [3.57, 1.59]),
            (0.002, 0.2, 1.3e-4, [0.0447, 0.0512, 0.0509], [3.61, -0.004]),
            (0.008, 0.1, 1.1e-5, [0.0894, 0.0897, 0.0897], [0.39, 0.023]),
            (0.03, 0.2, 4.8e-5, [0.1725, 0.1772, 0.1769], [0.001, 0.0]),
        ] {
            let found = ring(variance, scale).compare(2.0).unwrap();
            assert!((found.divergence - divergence).abs() < 4e-5, "{variance} {scale} {found:?}");
            for (own, reference) in found.distances.iter().zip(distances) {
                assert!((own - reference).abs() < 1.5e-4, "{variance} {scale} {found:?}");
            }
            for (own, reference) in found.contrasts.iter().zip(contrasts) {
                assert!((own - reference).abs() < 0.045, "{variance} {scale} {found:?}");
            }
        }
    }

    /// Lengths in another unit change nothing but lengths.
    #[test]
    fn scales_with_the_circle() {
        let small = ring(0.008, 0.1).compare(2.0).unwrap();
        let large = Ring { points: 24, radius: 10.0, variance: 0.8, scale: 1.0 }.compare(2.0).unwrap();
        assert!((small.divergence / large.divergence - 1.0).abs() < 1e-6);
        assert!((10.0 * small.distances[1] / large.distances[1] - 1.0).abs() < 1e-9);
    }

    /// Against E log p̂(Y) by a plain double sum over the plane at one point.
    #[test]
    fn smoothing_is_the_expectation_in_the_plane() {
        let ring = Ring { points: 6, radius: 1.0, variance: 0.05, scale: 0.15 };
        let grid = ring.grid();
        let (row, k) = (60, grid.angles / 4);
        let angle = k as f64 / grid.angles as f64 * ring.period();
        let x = [grid.radii[row] * angle.cos(), grid.radii[row] * angle.sin()];
        let log_density = |y: [f64; 2]| {
            let terms: Vec<f64> = (0..6)
                .map(|i| {
                    let a = f64::from(i) * ring.period();
                    let (u, v) = (y[0] - a.cos(), y[1] - a.sin());
                    -(u * u + v * v) / 0.1
                })
                .collect();
            log_sum(&terms)
        };
        let (mut sum, mut mass) = (0.0, 0.0);
        for i in -80..=80 {
            for j in -80..=80 {
                let z = [0.015 * f64::from(i), 0.015 * f64::from(j)];
                let weight = (-(z[0] * z[0] + z[1] * z[1]) / 0.045).exp();
                sum += weight * log_density([x[0] + z[0], x[1] + z[1]]);
                mass += weight;
            }
        }
        let found = grid.smoothed[row * grid.angles + k];
        assert!((found - sum / mass).abs() < 1e-5, "{found} {}", sum / mass);
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(Ring { points: 1, ..ring(0.002, 0.1) }.compare(2.0).is_err());
        assert!(ring(0.002, f64::NAN).compare(2.0).is_err());
        assert!(ring(0.002, 0.5).compare(2.0).is_err());
        assert!(ring(0.2, 0.1).compare(2.0).is_err());
    }
}
