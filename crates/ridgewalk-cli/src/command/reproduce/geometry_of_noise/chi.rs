//! What the chi law says of a blind run beside an isolated point of the data, in k coordinates, with σ = t and a flat law of t.
//!
//! ```text
//! C_k = √2 Γ(k/2)/Γ((k−1)/2)            length of the blind noise and velocity, whatever the distance
//! G_k = (k−1) Γ(k/2−1)/(√2 Γ((k−1)/2))  length of the natural part of the velocity
//! r   = t₀ (χ − C_k)₊                   where the blind velocity ends from t₀; noise: t₀/(1−t₀) in the place of t₀
//! ```

use libm::{exp, lgamma, log};

/// C_k.
pub fn blind_length(k: f64) -> f64 {
    2f64.sqrt() * exp(lgamma(0.5 * k) - lgamma(0.5 * (k - 1.0)))
}

/// G_k, for k > 2.
pub fn natural_length(k: f64) -> f64 {
    (k - 1.0) / 2f64.sqrt() * exp(lgamma(0.5 * k - 1.0) - lgamma(0.5 * (k - 1.0)))
}

/// Root mean square of Jensen's gap, √(C_k²/(k−2) − 1).
pub fn jensen_gap(k: f64) -> f64 {
    (blind_length(k).powi(2) / (k - 2.0) - 1.0).max(0.0).sqrt()
}

/// ∫ g(χ) p(χ) dχ over χ > from, by Simpson's rule; the law has a width of 1/√2.
fn above(k: f64, from: f64, g: impl Fn(f64) -> f64) -> f64 {
    const PIECES: usize = 4000;
    let step = 12.0 / PIECES as f64;
    let density = |x: f64| {
        if x <= 0.0 {
            return 0.0;
        }
        exp((k - 1.0) * log(x) - 0.5 * x * x - (0.5 * k - 1.0) * std::f64::consts::LN_2 - lgamma(0.5 * k))
    };
    let weight = |i: usize| match i {
        0 | PIECES => 1.0,
        _ => [2.0, 4.0][i % 2],
    };
    let value = |i: usize| {
        let x = from + i as f64 * step;
        weight(i) * g(x) * density(x)
    };
    (0..=PIECES).map(value).sum::<f64>() * step / 3.0
}

/// E[(χ − C_k)₊].
pub fn excess(k: f64) -> f64 {
    let c = blind_length(k);
    above(k, c, |x| x - c)
}

/// P(χ − C_k > x).
pub fn exceeds(k: f64, x: f64) -> f64 {
    above(k, blind_length(k) + x, |_| 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To the digits of an independent computation.
    #[test]
    fn constants_of_the_law() {
        for (k, c, g, gap, e) in [
            (3.0, 1.2533, 2.5066, 0.7555, 0.4643),
            (8.0, 2.5532, 2.9788, 0.2941, 0.3790),
            (32.0, 5.5231, 5.7072, 0.1296, 0.3276),
            (128.0, 11.2473, 11.3365, 0.06306, 0.3044),
            (512.0, 22.5943, 22.6386, 0.03132, 0.2932),
        ] {
            let found = [blind_length(k), natural_length(k), jensen_gap(k), excess(k)];
            for (f, e) in found.into_iter().zip([c, g, gap, e]) {
                assert!((f - e).abs() < 1e-4, "{k}: {f} {e}");
            }
        }
        // A half-normal law: P(|z| > 1.96) = 0.05.
        assert!((above(1.0, 1.959_963_984_540_054, |_| 1.0) - 0.05).abs() < 1e-8);
    }
}
