//! Sums of one row with many scaled rows, looked at as they are made: maxima, and which elements reach a
//! threshold.
//!
//! Both functions form the same sum, one fused multiply-add an element, so that a maximum found by the
//! one is reached in the other.

use pulp::Arch;

const CHAINS: usize = 32;

/// `out[j] = maxᵢ (a[i] + scale · rows[j · stride + i])` over the length of `a`; −∞ of none.
///
/// # Panics
/// If a row is shorter than `a`.
pub fn max_of_sums_f32(a: &[f32], rows: &[f32], stride: usize, scale: f32, out: &mut [f32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (j, out) in out.iter_mut().enumerate() {
                *out = max_of_sum(a, &rows[j * stride..][..a.len()], scale);
            }
        },
    );
}

#[inline(always)]
fn max_of_sum(a: &[f32], b: &[f32], scale: f32) -> f32 {
    let mut best = [f32::NEG_INFINITY; CHAINS];
    let (a_chunks, a_rest) = a.as_chunks::<CHAINS>();
    let (b_chunks, b_rest) = b.as_chunks::<CHAINS>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for i in 0..CHAINS {
            let sum = scale.mul_add(b[i], a[i]);
            best[i] = if sum > best[i] { sum } else { best[i] };
        }
    }
    for (best, (a, b)) in best.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        let sum = scale.mul_add(*b, *a);
        *best = if sum > *best { sum } else { *best };
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

/// Sets `marks[i]` where `a[i] + scale · b[i] ≥ threshold`, over the shortest length; others stay.
pub fn mark_reaching_f32(a: &[f32], b: &[f32], scale: f32, threshold: f32, marks: &mut [u32]) {
    Arch::new().dispatch(
        #[inline(always)]
        || {
            for (mark, (a, b)) in marks.iter_mut().zip(a.iter().zip(b)) {
                *mark |= u32::from(scale.mul_add(*b, *a) >= threshold);
            }
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maxima_and_marks_by_hand() {
        let n = 70;
        let a: Vec<f32> = (0..n).map(|i| -((i as f32) - 20.0).powi(2)).collect();
        // Row 0 changes nothing, row 1 lifts element 65 above all.
        let mut rows = vec![0.0f32; 2 * 80];
        rows[80 + 65] = 2000.0;
        let mut out = [0.0; 2];
        max_of_sums_f32(&a, &rows, 80, 2.0, &mut out);
        assert_eq!(out, [0.0, 4000.0 - 45.0 * 45.0]);
        let mut marks = vec![0; n];
        mark_reaching_f32(&a, &rows, 2.0, -1.0, &mut marks);
        assert_eq!((0..n).filter(|&i| marks[i] > 0).collect::<Vec<_>>(), [19, 20, 21]);
        mark_reaching_f32(&a, &rows[80..], 2.0, out[1], &mut marks);
        assert_eq!((0..n).filter(|&i| marks[i] > 0).collect::<Vec<_>>(), [19, 20, 21, 65]);
        max_of_sums_f32(&[], &rows, 80, 1.0, &mut out);
        assert_eq!(out, [f32::NEG_INFINITY; 2]);
    }
}
