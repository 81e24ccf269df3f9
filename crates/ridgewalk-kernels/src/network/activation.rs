//! The nonlinearities and their slopes.

use crate::exponential::exp_f32;

/// √(2/π) and the cubic coefficient of GELU's form by a hyperbolic tangent (arXiv 1606.08415).
const ROOT: f32 = 0.797_884_6;
const CUBIC: f32 = 0.044_715;

/// A nonlinearity, applied to every value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonlinearity {
    /// The value itself.
    None,
    /// x·sigmoid(x) (arXiv 1702.03118).
    Silu,
    /// The Gaussian error linear unit in its form by a hyperbolic tangent (arXiv 1606.08415).
    Gelu,
}

// 1/(1 + e^-x), also where e^-x overflows.
#[inline(always)]
pub(super) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp_f32(-x))
}

impl Nonlinearity {
    /// The value.
    #[inline(always)]
    pub(super) fn value(self, x: f32) -> f32 {
        match self {
            Nonlinearity::None => x,
            Nonlinearity::Silu => x * sigmoid(x),
            Nonlinearity::Gelu => x * sigmoid(2.0 * ROOT * x * (x * x).mul_add(CUBIC, 1.0)),
        }
    }

    /// The derivative.
    #[inline(always)]
    pub(super) fn slope(self, x: f32) -> f32 {
        match self {
            Nonlinearity::None => 1.0,
            Nonlinearity::Silu => {
                let s = sigmoid(x);
                s * x.mul_add(1.0 - s, 1.0)
            }
            Nonlinearity::Gelu => {
                let square = x * x;
                let s = sigmoid(2.0 * ROOT * x * square.mul_add(CUBIC, 1.0));
                let inner = 2.0 * ROOT * square.mul_add(3.0 * CUBIC, 1.0);
                s * (x * inner).mul_add(1.0 - s, 1.0)
            }
        }
    }

    /// `out[i] = act(x[i])`.
    #[inline(always)]
    pub(super) fn write(self, x: &[f32], out: &mut [f32]) {
        match self {
            Nonlinearity::None => out.copy_from_slice(x),
            Nonlinearity::Silu => each::<SILU>(x, out),
            Nonlinearity::Gelu => each::<GELU>(x, out),
        }
    }

    /// `out[i] = act'(x[i])·g[i]`.
    #[inline(always)]
    pub(super) fn write_slope(self, x: &[f32], g: &[f32], out: &mut [f32]) {
        match self {
            Nonlinearity::None => out.copy_from_slice(g),
            Nonlinearity::Silu => each_slope::<SILU>(x, g, out),
            Nonlinearity::Gelu => each_slope::<GELU>(x, g, out),
        }
    }
}

// The choice is a constant and no closure, which would be called, not inlined, and the loop not vectorised.
pub(super) const NONE: u8 = 0;
pub(super) const SILU: u8 = 1;
pub(super) const GELU: u8 = 2;

#[inline(always)]
pub(super) fn chosen<const KIND: u8>() -> Nonlinearity {
    match KIND {
        SILU => Nonlinearity::Silu,
        GELU => Nonlinearity::Gelu,
        _ => Nonlinearity::None,
    }
}

#[inline(always)]
fn each<const KIND: u8>(x: &[f32], out: &mut [f32]) {
    for (out, &x) in out.iter_mut().zip(x) {
        *out = chosen::<KIND>().value(x);
    }
}

#[inline(always)]
fn each_slope<const KIND: u8>(x: &[f32], g: &[f32], out: &mut [f32]) {
    for ((out, &x), &g) in out.iter_mut().zip(x).zip(g) {
        *out = g * chosen::<KIND>().slope(x);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The value in f64, by the standard library.
    pub fn exact(activation: Nonlinearity, x: f64) -> f64 {
        match activation {
            Nonlinearity::None => x,
            Nonlinearity::Silu => x / (1.0 + (-x).exp()),
            Nonlinearity::Gelu => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
        }
    }

    #[test]
    fn values_and_slopes_agree_with_the_standard_library() {
        for activation in [Nonlinearity::None, Nonlinearity::Silu, Nonlinearity::Gelu] {
            for i in -4000..=4000 {
                let x = i as f32 * 0.03;
                let wide = f64::from(x);
                let value = exact(activation, wide);
                assert!((f64::from(activation.value(x)) - value).abs() < 1e-6 * (1.0 + value.abs()), "{x}");
                let slope = (exact(activation, wide + 1e-5) - exact(activation, wide - 1e-5)) / 2e-5;
                assert!((f64::from(activation.slope(x)) - slope).abs() < 2e-6, "{activation:?} {x} {slope}");
            }
            assert!(activation.value(f32::NAN).is_nan());
        }
    }
}
