//! The integrals that exponential multistep methods weigh differences of D by.

/// φ₂ = 1 − (1 − e^{−g})/g and φ₃ = φ₂/g − ½; by their series where the differences would cancel.
pub(super) fn phi(g: f64) -> (f64, f64) {
    /// The first term left out is below 2⁻⁵³ of the result.
    const SERIES: f64 = 0.1;
    if g.abs() > SERIES {
        let phi2 = 1.0 + libm::expm1(-g) / g;
        return (phi2, phi2 / g - 0.5);
    }
    // φ₃ = Σ_{k≥1} (−g)^k/(k + 2)!, and φ₂ = g(½ + φ₃).
    let (mut phi3, mut term) = (0.0, 0.5);
    for k in 1..=9 {
        term *= -g / (k as f64 + 2.0);
        phi3 += term;
    }
    (g * (0.5 + phi3), phi3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the formulas and the series meet both hold; 40 digits of φ₃(1/100) and φ₂(1/100) by hand:
    /// φ₃ = −1/600 + 1/240000 − …
    #[test]
    fn phi_is_accurate_on_both_sides() {
        for g in [0.099_999_9f64, 0.100_000_1] {
            let direct = 1.0 - (1.0 - libm::exp(-g)) / g;
            let (phi2, phi3) = phi(g);
            assert!((phi2 / direct - 1.0).abs() < 1e-13);
            assert!((phi3 / (direct / g - 0.5) - 1.0).abs() < 1e-11);
        }
        let (phi2, phi3) = phi(0.01);
        let hand = -1e-2 / 6.0 + 1e-4 / 24.0 - 1e-6 / 120.0 + 1e-8 / 720.0 - 1e-10 / 5040.0;
        assert!((phi3 / hand - 1.0).abs() < 1e-13, "{phi3} {hand}");
        assert!((phi2 / (0.01 * (0.5 + hand)) - 1.0).abs() < 1e-15);
    }
}
