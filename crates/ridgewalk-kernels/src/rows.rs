//! Rows of f32 scores: biases, maxima and sums, vectorised.
//!
//! Maxima and sums run in [`CHAINS`] interleaved chains that are joined in a fixed order, so the
//! vector width does not change the result.

use pulp::Arch;

use crate::panels::LANES;

const CHAINS: usize = 32;

/// The largest value; −∞ of none. NaN is passed over.
pub fn max_f32(values: &[f32]) -> f32 {
    Arch::new().dispatch(
        #[inline(always)]
        || max_of(values),
    )
}

#[inline(always)]
fn max_of(values: &[f32]) -> f32 {
    let mut best = [f32::NEG_INFINITY; CHAINS];
    let (chunks, rest) = values.as_chunks::<CHAINS>();
    for chunk in chunks {
        for i in 0..CHAINS {
            best[i] = if chunk[i] > best[i] { chunk[i] } else { best[i] };
        }
    }
    for (best, value) in best.iter_mut().zip(rest) {
        *best = if value > best { *value } else { *best };
    }
    let mut width = CHAINS / 2;
    while width > 0 {
        for i in 0..width {
            best[i] = if best[i + width] > best[i] { best[i + width] } else { best[i] };
        }
        width /= 2;
    }
    best[0]
}

/// Takes the products of one panel (`[query][LANES]`) with `bias` added to a row of scores a query:
/// query q's go to `rows[q * stride + first..]`.
pub fn add_bias(products: &[f32], bias: &[f32; LANES], rows: &mut [f32], stride: usize, first: usize) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (products, row) in products.as_chunks::<LANES>().0.iter().zip(rows.chunks_exact_mut(stride)) {
                let row = &mut row[first..first + LANES];
                for i in 0..LANES {
                    row[i] = products[i] + bias[i];
                }
            }
        },
    );
}

/// Σ aᵢ and Σ aᵢbᵢ in f64, over the shorter length.
pub fn sum_and_dot_f32(a: &[f32], b: &[f32]) -> (f64, f64) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let (mut sums, mut dots) = ([0.0f64; CHAINS], [0.0f64; CHAINS]);
            for (a, b) in a.chunks(CHAINS).zip(b.chunks(CHAINS)) {
                for ((a, b), (sum, dot)) in a.iter().zip(b).zip(sums.iter_mut().zip(&mut dots)) {
                    *sum += f64::from(*a);
                    *dot += f64::from(*a) * f64::from(*b);
                }
            }
            (sums.iter().sum(), dots.iter().sum())
        },
    )
}

/// `out += x`, element by element over the shorter length.
pub fn add_f32(out: &mut [f64], x: &[f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            out.iter_mut().zip(x).for_each(
                #[inline(always)]
                |(out, x)| *out += f64::from(*x),
            )
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxima_wherever_they_stand() {
        for place in 0..101 {
            let mut values: Vec<f32> = (0..101).map(|i| -(i as f32)).collect();
            values[place] = 7.0;
            assert_eq!(max_f32(&values), 7.0);
        }
        assert_eq!(max_f32(&[]), f32::NEG_INFINITY);
        assert_eq!(max_f32(&[f32::NAN, -3.0]), -3.0);
    }

    #[test]
    fn biased_products_land_in_their_rows() {
        let products: Vec<f32> = (0..2 * LANES).map(|i| i as f32).collect();
        let mut rows = vec![0.0; 2 * 40];
        add_bias(&products, &[0.5; LANES], &mut rows, 40, 8);
        assert_eq!((rows[7], rows[8], rows[39]), (0.0, 0.5, 31.5));
        assert_eq!((rows[47], rows[48], rows[79]), (0.0, 32.5, 63.5));
    }

    #[test]
    fn sums_by_hand() {
        let a: Vec<f32> = (1..=70).map(|i| i as f32).collect();
        assert_eq!(sum_and_dot_f32(&a, &[2.0; 70]), (2485.0, 4970.0));
        assert_eq!(sum_and_dot_f32(&a, &[2.0; 3]).1, 12.0);
        let mut out = vec![1.0; 70];
        add_f32(&mut out, &a);
        assert_eq!(out[69], 71.0);
    }
}
