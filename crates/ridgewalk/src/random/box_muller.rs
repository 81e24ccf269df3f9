//! Box–Muller on many pairs at once: the arithmetic of `libm::log` and `libm::sincos`, step for step, without
//! their branches, so that wide instructions serve it and the numbers are those of [`Stream::normal`] to the bit.
//!
//! Uniforms in (0, 1] and angles in (0, 2π] need only part of those functions: a logarithm of normal numbers, and
//! reduction of the angle by up to four right angles in one round. Where libm takes more rounds (next to a
//! multiple of π/2, once in some hundred thousand) its own functions are called for the block.
//!
//! [`Stream::normal`]: super::Stream::normal

use pulp::{Arch, Simd, WithSimd};

/// Pairs of a block.
pub(super) const PAIRS: usize = 16;

/// Uniforms (u, v) that become the pairs √(−2 log u)·(cos 2πv, sin 2πv).
#[derive(Default)]
pub(super) struct Pairs {
    pub(super) u: [f64; PAIRS],
    pub(super) v: [f64; PAIRS],
}

impl Pairs {
    /// The normals: first cosines, then sines.
    pub(super) fn normals(&self) -> Normals {
        let mut out = Normals::default();
        if Arch::new().dispatch(Transform { pairs: self, out: &mut out }) {
            return out;
        }
        for (k, (&u, &v)) in self.u.iter().zip(&self.v).enumerate() {
            let (cos, sin) = pair(u, v);
            if let (Some(c), Some(s)) = (out.cos.get_mut(k), out.sin.get_mut(k)) {
                (*c, *s) = (cos, sin);
            }
        }
        out
    }
}

/// One pair by libm: cosine, then sine.
pub(super) fn pair(u: f64, v: f64) -> (f64, f64) {
    let radius = (-2.0 * libm::log(u)).sqrt();
    let (sin, cos) = libm::sincos(2.0 * std::f64::consts::PI * v);
    (radius * cos, radius * sin)
}

#[derive(Default)]
pub(super) struct Normals {
    pub(super) cos: [f64; PAIRS],
    pub(super) sin: [f64; PAIRS],
}

// A named operation, not a closure: only this is sure to be inlined where the wide instructions are on.
struct Transform<'a> {
    pairs: &'a Pairs,
    out: &'a mut Normals,
}

impl WithSimd for Transform<'_> {
    /// Whether every pair is served.
    type Output = bool;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _simd: S) -> bool {
        let mut beside = false;
        let uniforms = self.pairs.u.iter().zip(&self.pairs.v);
        for ((&u, &v), (c, s)) in uniforms.zip(self.out.cos.iter_mut().zip(&mut self.out.sin)) {
            let radius = (-2.0 * log(u)).sqrt();
            let angle = 2.0 * std::f64::consts::PI * v;
            let (sin, cos) = sincos(angle);
            beside |= not_served(angle);
            (*c, *s) = (radius * cos, radius * sin);
        }
        !beside
    }
}

/// A number below 2⁵² as the low bits of a float: its conversion without a conversion instruction.
const INTEGER: u64 = 0x4330_0000_0000_0000;
const TWO_52: f64 = 4_503_599_627_370_496.0;

const LN2_HI: f64 = 6.931_471_803_691_238e-1;
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
const LG: [f64; 7] = [
    6.666_666_666_666_735e-1,
    3.999_999_999_940_942e-1,
    2.857_142_874_366_239e-1,
    2.222_219_843_214_978_4e-1,
    1.818_357_216_161_805e-1,
    1.531_383_769_920_937_3e-1,
    1.479_819_860_511_658_6e-1,
];

/// `libm::log` of a normal number in (0, 1].
#[inline(always)]
fn log(u: f64) -> f64 {
    let bits = u.to_bits();
    let high = (bits >> 32) + (0x3ff0_0000 - 0x3fe6_a09e);
    let k = f64::from_bits(INTEGER | (high >> 20)) - (TWO_52 + 1023.0);
    let high = (high & 0x000f_ffff) + 0x3fe6_a09e;
    let x = f64::from_bits((high << 32) | (bits & 0xffff_ffff));
    let f = x - 1.0;
    let hfsq = 0.5 * f * f;
    let s = f / (2.0 + f);
    let z = s * s;
    let w = z * z;
    let t1 = w * (LG[1] + w * (LG[3] + w * LG[5]));
    let t2 = z * (LG[0] + w * (LG[2] + w * (LG[4] + w * LG[6])));
    let r = t2 + t1;
    s * (hfsq + r) + k * LN2_LO - hfsq + f + k * LN2_HI
}

/// π/2 in two parts.
const PIO2_1: f64 = 1.570_796_326_734_125_6;
const PIO2_1T: f64 = 6.077_100_506_506_192e-11;
const S: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];
const C: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];

/// High words of π/4, 3π/4, 5π/4 and 7π/4.
const QUADRANTS: [u64; 4] = [0x3fe9_21fb, 0x4002_d97c, 0x400f_6a7a, 0x4015_fdbc];

/// Where libm reduces in more rounds, or returns the angle itself.
#[inline(always)]
fn not_served(angle: f64) -> bool {
    let high = angle.to_bits() >> 32;
    // High words of π/2, π and 2π; of 3π/2.
    (high & 0x000f_ffff == 0x0009_21fb) | (high == 0x4012_d97c) | (high < 0x3e46_a09e)
}

/// `libm::sincos` of an angle in (0, 2π] that is served.
#[inline(always)]
fn sincos(angle: f64) -> (f64, f64) {
    let high = angle.to_bits() >> 32;
    let [g1, g2, g3, g4] = QUADRANTS.map(|bound| high > bound);
    let turns =
        f64::from_bits(INTEGER | (u64::from(g1) + u64::from(g2) + u64::from(g3) + u64::from(g4))) - TWO_52;
    let reduced = angle - turns * PIO2_1;
    let tail = turns * PIO2_1T;
    let x = reduced - tail;
    let y = (reduced - x) - tail;
    let z = x * x;
    let w = z * z;
    let r = S[1] + z * (S[2] + z * S[3]) + z * w * (S[4] + z * S[5]);
    let v = z * x;
    let plain = x + v * (S[0] + z * r);
    let with_tail = x - ((z * (0.5 * y - v * r) - y) - v * S[0]);
    let sin = if g1 { with_tail } else { plain };
    let r = z * (C[0] + z * (C[1] + z * C[2])) + w * w * (C[3] + z * (C[4] + z * C[5]));
    let hz = 0.5 * z;
    let one = 1.0 - hz;
    let cos = one + (((1.0 - one) - hz) + (z * r - x * y));
    let swapped = g1 ^ g2 ^ g3 ^ g4;
    let (a, b) = if swapped { (cos, sin) } else { (sin, cos) };
    (if g2 & !g4 { -a } else { a }, if g1 & !g3 { -b } else { b })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, Stream};

    fn check(u: [f64; PAIRS], v: [f64; PAIRS]) {
        let found = Pairs { u, v }.normals();
        for k in 0..PAIRS {
            let (cos, sin) = pair(u[k], v[k]);
            assert_eq!((found.cos[k].to_bits(), found.sin[k].to_bits()), (cos.to_bits(), sin.to_bits()));
        }
    }

    /// Random pairs, the ends of (0, 1], and angles all around the multiples of π/4.
    #[test]
    fn pairs_are_those_of_libm_to_the_bit() {
        let mut stream = Stream::new(2, Purpose::Evaluation, 0, 0);
        for _ in 0..20_000 {
            check(std::array::from_fn(|_| stream.uniform()), std::array::from_fn(|_| stream.uniform()));
        }
        let smallest = 0.5 / (1u64 << 53) as f64;
        for eighth in 0..=8 {
            for power in 1..53 {
                let by = 0.5f64.powi(power);
                let around = |k: usize| f64::from(eighth) / 8.0 + (k as f64 - 8.0) * by;
                let v = std::array::from_fn(|k| around(k).clamp(smallest, 1.0));
                check(std::array::from_fn(|k| v[PAIRS - 1 - k]), v);
            }
        }
    }

    /// However a stream is drawn from, its numbers are the same.
    #[test]
    fn filling_is_drawing_one_by_one() {
        for start in [0, 1, 2] {
            for n in [0, 1, 2, 31, 32, 33, 100, 257] {
                let (mut one, mut many) =
                    (Stream::new(7, Purpose::Churn, 1, n), Stream::new(7, Purpose::Churn, 1, n));
                for _ in 0..start {
                    assert_eq!(one.normal(), many.normal());
                }
                let mut out = vec![0.0; n as usize];
                many.fill_normal(&mut out);
                assert!(out.iter().all(|v| *v == one.normal()));
                assert_eq!(one.normal(), many.normal());
            }
        }
    }
}
