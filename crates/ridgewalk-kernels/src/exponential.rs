//! Exponentials of whole slices, vectorised: the C library's are called one value at a time.
//!
//! Cody–Waite reduction x = k ln 2 + r with |r| ≤ ½ ln 2, a Taylor polynomial for e^r, and the
//! power of two put into the exponent bits. Arguments are at most a few units above zero (softmax
//! subtracts the maximum); below the smallest normal number the result is exactly zero.

use pulp::Arch;

const LOG2_E: f64 = std::f64::consts::LOG2_E;
// ln 2 in two parts: the high part has trailing zeros, so k · high is exact.
const LN2_HIGH_F32: f32 = 0.693_359_4;
const LN2_LOW_F32: f32 = -2.121_944_4e-4;
const LN2_HIGH_F64: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW_F64: f64 = 1.908_214_929_270_587_7e-10;
// Adding and subtracting 1.5·2^(mantissa bits) rounds to the nearest integer and leaves it in the low bits.
const ROUND_F32: f32 = 12_582_912.0;
const ROUND_F64: f64 = 6_755_399_441_055_744.0;

/// `out[i] = exp((x[i] − shift)·scale)` in f32, relative error below 3e-7 + 6e-8·|argument|.
/// Arguments below −87 give 0; NaN gives 0.
pub fn exp_scaled_f32(x: &[f32], shift: f32, scale: f32, out: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (out, &x) in out.iter_mut().zip(x) {
                let x = (x - shift) * scale;
                *out = exp_f32(x);
            }
        },
    );
}

/// Powers of two by which [`exp_lifted_f32`] raises its results.
pub const LIFT: u32 = 58;

/// `out[i] = 2⁵⁸ exp((x[i] − shift)·scale)` in f32 for arguments up to 0: as [`exp_scaled_f32`], but down to
/// −127 (the lift is put into the exponent bits, so it costs no digit). For factors of products, whose range
/// is that of both together.
pub fn exp_lifted_f32(x: &[f32], shift: f32, scale: f32, out: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (out, &x) in out.iter_mut().zip(x) {
                *out = exp_above_f32::<LIFT>((x - shift) * scale, -127.0, 30.0);
            }
        },
    );
}

#[inline(always)]
pub(crate) fn exp_f32(x: f32) -> f32 {
    exp_above_f32::<0>(x, -87.0, 88.0)
}

/// 2^LIFT eˣ between `low`, below which it is 0, and `high`.
#[inline(always)]
fn exp_above_f32<const LIFT: u32>(x: f32, low: f32, high: f32) -> f32 {
    let clamped = x.clamp(low, high);
    let shifted = clamped.mul_add(LOG2_E as f32, ROUND_F32);
    let k = shifted - ROUND_F32;
    let r = k.mul_add(-LN2_LOW_F32, k.mul_add(-LN2_HIGH_F32, clamped));
    let mut p = 1.0 / 5040.0f32;
    for c in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5, 1.0, 1.0] {
        p = p.mul_add(r, c);
    }
    let bits = (shifted.to_bits().wrapping_sub(ROUND_F32.to_bits()).wrapping_add(127 + LIFT)) << 23;
    if x >= low { p * f32::from_bits(bits) } else { 0.0 }
}

/// `x[i] ← exp(x[i] − shift)` in f64, relative error below 1e-15 + 1e-16·|argument|.
/// Arguments below −700 give 0; NaN gives 0.
pub fn exp_shifted_f64(x: &mut [f64], shift: f64) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for x in x.iter_mut() {
                *x = exp_f64(*x - shift);
            }
        },
    );
}

#[inline(always)]
fn exp_f64(x: f64) -> f64 {
    let clamped = x.clamp(-700.0, 700.0);
    let shifted = clamped.mul_add(LOG2_E, ROUND_F64);
    let k = shifted - ROUND_F64;
    let r = k.mul_add(-LN2_LOW_F64, k.mul_add(-LN2_HIGH_F64, clamped));
    let mut p: f64 = 1.0 / 6_227_020_800.0; // 1/13!
    for c in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = p.mul_add(r, c);
    }
    let bits = (shifted.to_bits().wrapping_sub(ROUND_F64.to_bits()).wrapping_add(1023)) << 52;
    if x >= -700.0 { p * f64::from_bits(bits) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f64_agrees_with_the_standard_library() {
        let mut x: Vec<f64> = (0..70_000).map(|i| 5.0 - f64::from(i) * 0.01).collect();
        let expected: Vec<f64> = x.iter().map(|x| (x - 3.0).exp()).collect();
        exp_shifted_f64(&mut x, 3.0);
        for (got, expected) in x.iter().zip(&expected) {
            assert!((got / expected - 1.0).abs() < 1e-15, "{got} {expected}");
        }
    }

    #[test]
    fn f32_agrees_with_the_standard_library() {
        let x: Vec<f32> = (0..8_700).map(|i| -(i as f32) * 0.02).collect();
        let mut out = vec![0.0; x.len()];
        exp_scaled_f32(&x, 0.0, 0.5, &mut out);
        for (x, got) in x.iter().zip(&out) {
            let expected = (f64::from(*x) * 0.5).exp();
            assert!((f64::from(*got) / expected - 1.0).abs() < 3e-7, "{x} {got} {expected}");
        }
    }

    #[test]
    fn lifted_f32_agrees_down_to_its_end() {
        let x: Vec<f32> = (0..12_600).map(|i| -(i as f32) * 0.02).collect();
        let mut out = vec![0.0; x.len()];
        exp_lifted_f32(&x, 0.0, 0.5, &mut out);
        for (x, got) in x.iter().zip(&out) {
            let expected = (f64::from(*x) * 0.5).exp() * 2f64.powi(LIFT as i32);
            assert!((f64::from(*got) / expected - 1.0).abs() < 3e-7, "{x} {got} {expected}");
        }
        exp_lifted_f32(&[-127.1, f32::NEG_INFINITY, f32::NAN], 0.0, 1.0, &mut out);
        assert_eq!(out[..3], [0.0; 3]);
    }

    #[test]
    fn far_below_zero_is_zero_and_never_nan() {
        let x = [-1e30f32, f32::NEG_INFINITY, -88.0, f32::NAN, 0.0];
        let mut out = [9.0f32; 5];
        exp_scaled_f32(&x, 0.0, 1.0, &mut out);
        assert_eq!(out, [0.0, 0.0, 0.0, 0.0, 1.0]);
        let mut x = [-1e300, f64::NEG_INFINITY, -701.0, f64::NAN, 0.0];
        exp_shifted_f64(&mut x, 0.0);
        assert_eq!(x, [0.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
