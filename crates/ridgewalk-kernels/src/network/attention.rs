//! Self-attention (arXiv 1706.03762) of the tokens of every sample: y = softmax(q kᵀ/√d) v per head.
//!
//! The weights are kept for the derivative: with them it is four products a head.

use rayon::prelude::*;

use super::product::{DEPTH, Lines, Packed, multiply, multiply_transposed};
use super::vectorised;
use crate::exponential::exp_f32;

/// The shape of an attention over qkv `[samples·tokens, 3·channels]`: queries, keys and values side by side, heads side
/// by side within each.
#[derive(Debug, Clone, Copy)]
pub struct Attention {
    /// Samples.
    pub samples: usize,
    /// Tokens of each.
    pub tokens: usize,
    /// Channels of the result.
    pub channels: usize,
    /// Heads; must divide the channels.
    pub heads: usize,
}

impl Attention {
    fn width(&self) -> usize {
        self.channels / self.heads
    }

    fn factor(&self) -> f32 {
        1.0 / (self.width() as f32).sqrt()
    }

    fn check(&self, qkv: &[f32]) {
        assert!(self.heads > 0 && self.channels.is_multiple_of(self.heads));
        assert!(qkv.len() == self.samples * self.tokens * 3 * self.channels);
    }

    /// The result `[samples·tokens, channels]`, and the weights `[samples·heads·tokens, tokens]`.
    ///
    /// # Panics
    /// If the slice is not as long as the shape says, or the heads do not divide the channels.
    pub fn forward(&self, qkv: &[f32]) -> (Vec<f32>, Vec<f32>) {
        self.check(qkv);
        let (t, c, d) = (self.tokens, self.channels, self.width());
        let mut y = vec![0.0f32; self.samples * t * c];
        let mut weights = vec![0.0f32; self.samples * self.heads * t * t];
        if y.is_empty() {
            return (y, weights);
        }
        let work = y.par_chunks_mut(t * c).zip(weights.par_chunks_mut(self.heads * t * t));
        work.zip(qkv.par_chunks(t * 3 * c)).for_each(|((y, weights), qkv)| {
            for (head, weights) in weights.chunks_exact_mut(t * t).enumerate() {
                let [q, k, v] = [0, 1, 2].map(|part| &qkv[part * c + head * d..]);
                let keys = Packed::columns(d, t, |j| &k[j * 3 * c..]);
                multiply(t, DEPTH, |i, s| &q[i * 3 * c + s * DEPTH..], &keys, weights, t);
                softmax(weights, t, self.factor());
                let values = Packed::rows(v, 3 * c, t, d);
                multiply(t, DEPTH, |i, s| &weights[i * t + s * DEPTH..], &values, &mut y[head * d..], c);
            }
        });
        (y, weights)
    }

    /// The gradient of qkv from that of the result; `weights` are those of [`Attention::forward`].
    ///
    /// # Panics
    /// If a slice is not as long as the shape says, or the heads do not divide the channels.
    pub fn backward(&self, qkv: &[f32], weights: &[f32], gradient: &[f32]) -> Vec<f32> {
        self.check(qkv);
        let (t, c, d) = (self.tokens, self.channels, self.width());
        assert!(weights.len() == self.samples * self.heads * t * t);
        assert!(gradient.len() == self.samples * t * c);
        let mut out = vec![0.0f32; qkv.len()];
        if out.is_empty() {
            return out;
        }
        let work = out.par_chunks_mut(t * 3 * c).zip(weights.par_chunks(self.heads * t * t));
        let work = work.zip(qkv.par_chunks(t * 3 * c)).zip(gradient.par_chunks(t * c));
        work.for_each_init(
            || vec![0.0f32; t * t],
            |scores, (((out, weights), qkv), gradient)| {
                for (head, weights) in weights.chunks_exact(t * t).enumerate() {
                    let [q, k, v] = [0, 1, 2].map(|part| &qkv[part * c + head * d..]);
                    let g = &gradient[head * d..];
                    let of_values = &mut out[2 * c + head * d..];
                    let lines = Lines { data: weights, start: |i| i * t, width: t };
                    multiply_transposed(lines, t, (g, c, d), of_values, 3 * c);
                    scores.fill(0.0);
                    let values = Packed::columns(d, t, |j| &v[j * 3 * c..]);
                    multiply(t, DEPTH, |i, s| &g[i * c + s * DEPTH..], &values, scores, t);
                    softmax_backward(weights, scores, t, self.factor());
                    let keys = Packed::rows(k, 3 * c, t, d);
                    let of_queries = &mut out[head * d..];
                    multiply(t, DEPTH, |i, s| &scores[i * t + s * DEPTH..], &keys, of_queries, 3 * c);
                    let lines = Lines { data: scores, start: |i| i * t, width: t };
                    multiply_transposed(lines, t, (q, 3 * c, d), &mut out[c + head * d..], 3 * c);
                }
            },
        );
        out
    }
}

/// Every row of `columns` scores to exp(factor·score), their sum one.
fn softmax(scores: &mut [f32], columns: usize, factor: f32) {
    for row in scores.chunks_exact_mut(columns) {
        let shift = crate::max_f32(row);
        vectorised(
            #[inline(always)]
            || {
                for x in row.iter_mut() {
                    *x = exp_f32((*x - shift) * factor);
                }
                let share = 1.0 / sum(row);
                for x in row.iter_mut() {
                    *x *= share;
                }
            },
        );
    }
}

/// The gradient of the scores from that of the weights, in place.
fn softmax_backward(weights: &[f32], gradient: &mut [f32], columns: usize, factor: f32) {
    for (w, g) in weights.chunks_exact(columns).zip(gradient.chunks_exact_mut(columns)) {
        vectorised(
            #[inline(always)]
            || {
                for (g, w) in g.iter_mut().zip(w) {
                    *g *= w;
                }
                let mean = sum(g);
                for (g, w) in g.iter_mut().zip(w) {
                    *g = (*g - w * mean) * factor;
                }
            },
        );
    }
}

#[inline(always)]
fn sum(x: &[f32]) -> f32 {
    let mut sums = [0.0f32; 16];
    let (chunks, rest) = x.as_chunks::<16>();
    for chunk in chunks {
        for i in 0..16 {
            sums[i] += chunk[i];
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += x;
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, differences, noise, same_on_all_threads, wide};
    use super::*;

    fn naive(a: &Attention, qkv: &[f64]) -> Vec<f64> {
        let (t, c, d) = (a.tokens, a.channels, a.channels / a.heads);
        let mut y = vec![0.0; a.samples * t * c];
        for (n, head, i) in
            (0..a.samples).flat_map(|n| (0..a.heads).flat_map(move |head| (0..t).map(move |i| (n, head, i))))
        {
            let at =
                |part: usize, token: usize, k: usize| qkv[(n * t + token) * 3 * c + part * c + head * d + k];
            let score = |j: usize| (0..d).map(|k| at(0, i, k) * at(1, j, k)).sum::<f64>() / (d as f64).sqrt();
            let weights: Vec<f64> = (0..t).map(|j| score(j).exp()).collect();
            let total: f64 = weights.iter().sum();
            for k in 0..d {
                y[(n * t + i) * c + head * d + k] =
                    (0..t).map(|j| weights[j] * at(2, j, k)).sum::<f64>() / total;
            }
        }
        y
    }

    #[test]
    fn forward_and_backward_agree_with_f64_loops() {
        for (samples, tokens, channels, heads) in [(1, 1, 1, 1), (2, 5, 6, 2), (1, 17, 20, 1)] {
            let a = Attention { samples, tokens, channels, heads };
            let qkv = noise(samples * tokens * 3 * channels, 1);
            let (y, weights) = a.forward(&qkv);
            close(&y, &naive(&a, &wide(&qkv)), 2e-6);
            let g = noise(y.len(), 2);
            close(&a.backward(&qkv, &weights, &g), &differences(&qkv, &g, |qkv| naive(&a, qkv)), 1e-5);
        }
    }

    #[test]
    fn many_tokens_and_wide_heads_agree_on_any_number_of_threads() {
        let a = Attention { samples: 3, tokens: 150, channels: 140, heads: 1 };
        let qkv = noise(3 * 150 * 420, 1);
        let (y, weights) = a.forward(&qkv);
        close(&y, &naive(&a, &wide(&qkv)), 5e-6);
        let g = noise(y.len(), 2);
        assert!(same_on_all_threads(|| a.forward(&qkv)));
        assert!(same_on_all_threads(|| a.backward(&qkv, &weights, &g)));
    }
}
