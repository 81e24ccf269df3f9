//! Manifolds whose distance is a formula: circle, sphere, torus, two half circles.

use std::f64::consts::PI;

use libm::{atan2, cos, sin};
use ridgewalk::random::Stream;

use super::Model;

/// The unit circle.
pub(super) struct Circle;

impl Model for Circle {
    fn dim(&self) -> usize {
        2
    }

    fn sample(&self, _: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        let angle = 2.0 * PI * stream.uniform();
        out.copy_from_slice(&[cos(angle), sin(angle)]);
        None
    }

    fn even(&self, fraction: f64) -> Option<[f64; 2]> {
        let angle = 2.0 * PI * fraction;
        Some([cos(angle), sin(angle)])
    }

    fn distance(&self, x: &[f64]) -> f64 {
        (x[0].hypot(x[1]) - 1.0).abs()
    }
}

/// The unit sphere.
pub(super) struct Sphere;

impl Model for Sphere {
    fn dim(&self) -> usize {
        3
    }

    fn sample(&self, _: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        // Archimedes: the height of a uniform point is uniform.
        let height = 2.0 * stream.uniform() - 1.0;
        let radius = (1.0 - height * height).sqrt();
        let angle = 2.0 * PI * stream.uniform();
        out.copy_from_slice(&[radius * cos(angle), radius * sin(angle), height]);
        None
    }

    fn distance(&self, x: &[f64]) -> f64 {
        (x[0].hypot(x[1]).hypot(x[2]) - 1.0).abs()
    }
}

/// The torus around the third axis.
pub(super) struct Torus;

/// Radius of the core circle.
const MAJOR: f64 = 2.0;
/// Radius of the tube.
const MINOR: f64 = 0.7;

impl Model for Torus {
    fn dim(&self) -> usize {
        3
    }

    fn sample(&self, _: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        // The element of area is proportional to the distance from the axis: accept accordingly.
        let tube = loop {
            let tube = 2.0 * PI * stream.uniform();
            if stream.uniform() * (MAJOR + MINOR) < MAJOR + MINOR * cos(tube) {
                break tube;
            }
        };
        let around = 2.0 * PI * stream.uniform();
        let radius = MAJOR + MINOR * cos(tube);
        out.copy_from_slice(&[radius * cos(around), radius * sin(around), MINOR * sin(tube)]);
        None
    }

    fn distance(&self, x: &[f64]) -> f64 {
        ((x[0].hypot(x[1]) - MAJOR).hypot(x[2]) - MINOR).abs()
    }
}

/// (cos t, sin t) and (1 − cos t, ½ − sin t) for t ∈ [0, π], as scikit-learn's `make_moons`.
/// Even points are of class 0, odd ones of class 1.
pub(super) struct TwoMoons;

impl Model for TwoMoons {
    fn dim(&self) -> usize {
        2
    }

    fn sample(&self, i: usize, stream: &mut Stream, out: &mut [f64]) -> Option<u32> {
        let t = PI * stream.uniform();
        let label = (i % 2) as u32;
        let upper = [cos(t), sin(t)];
        out.copy_from_slice(&if label == 0 { upper } else { [1.0 - upper[0], 0.5 - upper[1]] });
        Some(label)
    }

    fn distance(&self, x: &[f64]) -> f64 {
        upper_half_circle(x[0], x[1]).min(upper_half_circle(1.0 - x[0], 0.5 - x[1]))
    }
}

fn upper_half_circle(x: f64, y: f64) -> f64 {
    if atan2(y, x) >= 0.0 { (x.hypot(y) - 1.0).abs() } else { (x.abs() - 1.0).hypot(y) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_by_hand() {
        assert_eq!(Circle.distance(&[3.0, 4.0]), 4.0);
        assert_eq!(Circle.distance(&[0.0, 0.0]), 1.0);
        assert_eq!(Sphere.distance(&[0.0, 0.0, -3.0]), 2.0);
        assert!((Torus.distance(&[0.0, 0.0, 0.0]) - 1.3).abs() < 1e-15);
        assert!((Torus.distance(&[0.0, 2.0, 0.0]) - 0.7).abs() < 1e-15);
        assert!((TwoMoons.distance(&[0.0, 3.0]) - 2.0).abs() < 1e-15);
        // Below the end (−1, 0) of the upper moon, far from the lower one.
        assert!((TwoMoons.distance(&[-1.0, -2.0]) - 2.0).abs() < 1e-15);
        // Below the lowest point (1, −½) of the lower moon.
        assert!((TwoMoons.distance(&[1.0, -1.5]) - 1.0).abs() < 1e-15);
    }

    /// Uniform area: the mean of cos(tube) under density (R + r cos φ)/2πR is r/2R = 0.175, with
    /// a standard error of 0.0049 for 20,000 points; five of them.
    #[test]
    fn torus_is_uniform_in_area() {
        let n = 20_000;
        let mut sum = 0.0;
        let mut x = [0.0; 3];
        for i in 0..n {
            let mut stream = Stream::new(5, ridgewalk::random::Purpose::Synthetic, i, 0);
            Torus.sample(0, &mut stream, &mut x);
            sum += (x[0].hypot(x[1]) - MAJOR) / MINOR;
        }
        assert!((sum / n as f64 - MINOR / (2.0 * MAJOR)).abs() < 0.025);
    }
}
