//! The inverse of the standard normal distribution function, for quasi-random points.
//!
//! Acklam's rational approximation (relative error 1.2e-9), then one step of Halley's method on
//! Φ(z) − u, which leaves the rounding of Φ.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

const A: [f64; 6] = [
    -3.969_683_028_665_376e1,
    2.209_460_984_245_205e2,
    -2.759_285_104_469_687e2,
    1.383_577_518_672_69e2,
    -3.066_479_806_614_716e1,
    2.506_628_277_459_239,
];
const B: [f64; 6] = [
    -5.447_609_879_822_406e1,
    1.615_858_368_580_409e2,
    -1.556_989_798_598_866e2,
    6.680_131_188_771_972e1,
    -1.328_068_155_288_572e1,
    1.0,
];
const C: [f64; 6] = [
    -7.784_894_002_430_293e-3,
    -3.223_964_580_411_365e-1,
    -2.400_758_277_161_838,
    -2.549_732_539_343_734,
    4.374_664_141_464_968,
    2.938_163_982_698_783,
];
const D: [f64; 5] =
    [7.784_695_709_041_462e-3, 3.224_671_290_700_398e-1, 2.445_134_137_142_996, 3.754_408_661_907_416, 1.0];
/// Where the middle approximation ends.
const TAIL: f64 = 0.02425;

/// z with Φ(z) = u, for u in (0, 1).
pub(super) fn normal_quantile(u: f64) -> f64 {
    // The lower tail keeps the digits of small u; 1 − u is exact above one half.
    if u > 0.5 { -lower(1.0 - u) } else { lower(u) }
}

fn lower(u: f64) -> f64 {
    let z = if u < TAIL {
        let q = (-2.0 * libm::log(u)).sqrt();
        polynomial(&C, q) / polynomial(&D, q)
    } else {
        let q = u - 0.5;
        q * polynomial(&A, q * q) / polynomial(&B, q * q)
    };
    let error = (0.5 * libm::erfc(-z * FRAC_1_SQRT_2) - u) * TAU.sqrt() * libm::exp(0.5 * z * z);
    z - error / (1.0 + 0.5 * z * error)
}

fn polynomial(coefficients: &[f64], q: f64) -> f64 {
    coefficients.iter().fold(0.0, |sum, c| sum * q + c)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: [(f64, f64); 12] = [
        (1e-20, -9.262340089798409),
        (2.9802322387695312e-08, -5.419983174916869),
        (0.001, -3.090232306167813),
        (0.02, -2.053748910631823),
        (0.0243, -1.9720841590292884),
        (0.1, -1.2815515655446004),
        (0.25, -0.6744897501960817),
        (0.4, -0.2533471031357997),
        (0.5, 0.0),
        (0.75, 0.6744897501960817),
        (0.975, 1.959963984540054),
        (0.999, 3.090232306167813),
    ];

    /// Reference values to 16 digits (scipy 1.17, ndtri).
    #[test]
    fn quantiles_are_those_of_the_normal() {
        for (u, z) in REFERENCE {
            assert!(
                (normal_quantile(u) - z).abs() < 4e-15 * (1.0 + z.abs()),
                "{u}: {} {z}",
                normal_quantile(u)
            );
        }
        for u in [1e-9, 0.01, 0.02425, 0.3] {
            assert_eq!(normal_quantile(1.0 - u), -normal_quantile(1.0 - (1.0 - u)));
        }
    }
}
