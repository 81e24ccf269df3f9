//! Gauss–Legendre quadrature: exact for polynomials of degree 2n − 1.

use std::f64::consts::PI;
use std::sync::OnceLock;

/// Nodes: what a decay by e⁻⁴⁵ over the interval, and half of a Gaussian, need for rounding.
const NODES: usize = 48;

/// (node, weight) on [−1, 1].
pub(super) fn gauss_legendre() -> &'static [(f64, f64)] {
    static RULE: OnceLock<Vec<(f64, f64)>> = OnceLock::new();
    RULE.get_or_init(|| (0..NODES).map(rule).collect())
}

/// The i-th root of the Legendre polynomial by Newton's iteration from its asymptotic place.
fn rule(i: usize) -> (f64, f64) {
    let n = NODES as f64;
    let mut x = libm::cos(PI * (i as f64 + 0.75) / (n + 0.5));
    let mut slope = 1.0;
    // Quadratic from an error of n⁻²: five steps are enough for all n.
    for _ in 0..8 {
        let (mut last, mut value) = (1.0, x);
        for k in 2..=NODES {
            let k = k as f64;
            (last, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * last) / k);
        }
        slope = n * (x * value - last) / (x * x - 1.0);
        x -= value / slope;
    }
    (x, 2.0 / ((1.0 - x * x) * slope * slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polynomials_are_integrated_exactly() {
        for degree in [0, 1, 2, 10, 50, 94, 95] {
            let sum: f64 = gauss_legendre().iter().map(|(x, w)| w * x.powi(degree)).sum();
            let exact = if degree % 2 == 0 { 2.0 / f64::from(degree + 1) } else { 0.0 };
            assert!((sum - exact).abs() < 2e-15, "{degree}: {sum} {exact}");
        }
    }
}
