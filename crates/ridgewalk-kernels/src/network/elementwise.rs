//! Sums and multiples, threaded: (a + b)·scale and x + gate ⊙ y.

use rayon::prelude::*;

use super::{BLOCK, PIECES, sum_of_pieces, vectorised};

/// `x += y`, element by element.
pub(super) fn add_in_place(x: &mut [f32], y: &[f32]) {
    vectorised(
        #[inline(always)]
        || {
            for (x, y) in x.iter_mut().zip(y) {
                *x += y;
            }
        },
    );
}

/// `x *= factor`.
pub(super) fn scale_in_place(x: &mut [f32], factor: f32) {
    vectorised(
        #[inline(always)]
        || {
            for x in x.iter_mut() {
                *x *= factor;
            }
        },
    );
}

/// x·factor.
pub fn scale(x: &[f32], factor: f32) -> Vec<f32> {
    let mut out = vec![0.0f32; x.len()];
    out.par_chunks_mut(BLOCK).zip(x.par_chunks(BLOCK)).for_each(|(out, x)| {
        out.copy_from_slice(x);
        scale_in_place(out, factor);
    });
    out
}

/// `a += b`, threaded.
///
/// # Panics
/// If the lengths differ.
pub fn add(a: &mut [f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    a.par_chunks_mut(BLOCK).zip(b.par_chunks(BLOCK)).for_each(|(a, b)| add_in_place(a, b));
}

/// (a + b)·factor.
///
/// # Panics
/// If the lengths differ.
pub fn scaled_sum(a: &[f32], b: &[f32], factor: f32) -> Vec<f32> {
    assert_eq!(a.len(), b.len());
    let mut out = vec![0.0f32; a.len()];
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| {
        vectorised(
            #[inline(always)]
            || {
                let first = block * BLOCK;
                for ((out, a), b) in out.iter_mut().zip(&a[first..]).zip(&b[first..]) {
                    *out = (a + b) * factor;
                }
            },
        )
    });
    out
}

/// Gradients of [`gated_add`]; that of x is that of the result.
#[derive(Debug, Clone, PartialEq)]
pub struct Gated {
    /// Of the gate, `[samples, channels]`.
    pub gate: Vec<f32>,
    /// Of y, `[samples·rows, channels]`.
    pub y: Vec<f32>,
}

/// x + gate ⊙ y, `[samples·rows, channels]`, the gate `[samples, channels]`.
///
/// # Panics
/// If the slices do not fit each other.
pub fn gated_add(x: &[f32], gate: &[f32], y: &[f32], channels: usize) -> Vec<f32> {
    let per_sample = per_sample(x, gate, y, channels);
    let mut out = vec![0.0f32; x.len()];
    out.par_chunks_mut(per_sample.max(1)).enumerate().for_each(|(sample, out)| {
        let gate = &gate[sample * channels..][..channels];
        let range = sample * per_sample..(sample + 1) * per_sample;
        let (x, y) = (&x[range.clone()], &y[range]);
        vectorised(
            #[inline(always)]
            || {
                let lines = x.chunks_exact(channels).zip(y.chunks_exact(channels));
                for (out, (x, y)) in out.chunks_exact_mut(channels).zip(lines) {
                    for (((out, x), y), gate) in out.iter_mut().zip(x).zip(y).zip(gate) {
                        *out = gate.mul_add(*y, *x);
                    }
                }
            },
        );
    });
    out
}

/// Gradients of [`gated_add`] from that of its result.
///
/// # Panics
/// If the slices do not fit each other.
pub fn gated_add_backward(gradient: &[f32], gate: &[f32], y: &[f32], channels: usize) -> Gated {
    let per_sample = per_sample(gradient, gate, y, channels);
    let mut dy = vec![0.0f32; y.len()];
    let mut dgate = vec![0.0f32; gate.len()];
    let outs = dy.par_chunks_mut(per_sample.max(1)).zip(dgate.par_chunks_mut(channels.max(1)));
    outs.enumerate().for_each(|(sample, (dy, dgate))| {
        let gate = &gate[sample * channels..][..channels];
        let range = sample * per_sample..(sample + 1) * per_sample;
        let (g, y) = (&gradient[range.clone()], &y[range]);
        vectorised(
            #[inline(always)]
            || {
                let lines = g.chunks_exact(channels).zip(y.chunks_exact(channels));
                for (dy, (g, y)) in dy.chunks_exact_mut(channels).zip(lines) {
                    for i in 0..channels {
                        dy[i] = gate[i] * g[i];
                        dgate[i] = g[i].mul_add(y[i], dgate[i]);
                    }
                }
            },
        );
    });
    Gated { gate: dgate, y: dy }
}

fn per_sample(x: &[f32], gate: &[f32], y: &[f32], channels: usize) -> usize {
    let samples = gate.len() / channels.max(1);
    let per_sample = x.len() / samples.max(1);
    assert!(x.len() == y.len() && samples * channels == gate.len() && per_sample * samples == x.len());
    assert!(per_sample.is_multiple_of(channels.max(1)));
    per_sample
}

/// The sum over all rows of what a sample each gave.
pub(super) fn sum_of_rows(rows: &[f32], columns: usize) -> Vec<f32> {
    let piece = (rows.len() / columns.max(1)).div_ceil(PIECES).max(1) * columns;
    let pieces: Vec<Vec<f32>> = rows
        .chunks(piece.max(1))
        .map(|rows| {
            let mut sum = vec![0.0f32; columns];
            rows.chunks_exact(columns).for_each(|row| add_in_place(&mut sum, row));
            sum
        })
        .collect();
    if pieces.is_empty() { vec![0.0; columns] } else { sum_of_pieces(&pieces, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, differences, noise, wide};
    use super::*;

    #[test]
    fn sums_by_hand() {
        assert_eq!(scaled_sum(&[1.0, 2.0], &[3.0, -4.0], 0.5), [2.0, -1.0]);
        assert_eq!(scale(&[1.0, 2.0], 3.0), [3.0, 6.0]);
        let mut a = vec![1.0; BLOCK + 3];
        add(&mut a, &vec![2.0; BLOCK + 3]);
        assert_eq!(a, vec![3.0; BLOCK + 3]);
        assert_eq!(sum_of_rows(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2), [9.0, 12.0]);
    }

    #[test]
    fn gates_agree_with_f64_loops() {
        let (samples, rows, channels) = (3, 4, 5);
        let (x, y) = (noise(60, 1), noise(60, 2));
        let (gate, g) = (noise(samples * channels, 3), noise(60, 4));
        let naive = |x: &[f64], gate: &[f64], y: &[f64]| -> Vec<f64> {
            (0..60).map(|i| x[i] + gate[i / (rows * channels) * channels + i % channels] * y[i]).collect()
        };
        let (wx, wg, wy) = (wide(&x), wide(&gate), wide(&y));
        close(&gated_add(&x, &gate, &y, channels), &naive(&wx, &wg, &wy), 1e-6);
        let got = gated_add_backward(&g, &gate, &y, channels);
        close(&got.gate, &differences(&gate, &g, |gate| naive(&wx, gate, &wy)), 1e-5);
        close(&got.y, &differences(&y, &g, |y| naive(&wx, &wg, y)), 1e-5);
    }
}
