//! Layer normalisation (arXiv 1607.06450) modulated per sample (adaLN, arXiv 2212.09748), a row at a time:
//! y = (x − mean)/√(variance + ε)·(1 + scale) + shift.

use rayon::prelude::*;

use super::vectorised;

const CHAINS: usize = 32;
/// Rows of a task without modulation.
const ROWS: usize = 32;

/// The shape of a layer normalisation of x `[samples·rows, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct LayerNorm {
    /// Samples; those of a modulation have a row each.
    pub samples: usize,
    /// Rows of each.
    pub rows: usize,
    /// Channels.
    pub channels: usize,
    /// ε under the root.
    pub epsilon: f32,
}

/// Gradients of a layer normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerNormGradient {
    /// Of x.
    pub x: Vec<f32>,
    /// Of scale and shift, `[samples, channels]` each, where they were given.
    pub modulation: Option<(Vec<f32>, Vec<f32>)>,
}

/// Σ f(xᵢ, yᵢ), in chains that are added in a fixed order.
#[inline(always)]
fn sum_of(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut sums = [0.0f32; CHAINS];
    let ((xs, x_rest), (ys, y_rest)) = (x.as_chunks::<CHAINS>(), y.as_chunks::<CHAINS>());
    for (x, y) in xs.iter().zip(ys) {
        for i in 0..CHAINS {
            sums[i] += f(x[i], y[i]);
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(x_rest.iter().zip(y_rest)) {
        *sum += f(*x, *y);
    }
    sums.iter().map(|sum| f64::from(*sum)).sum::<f64>() as f32
}

impl LayerNorm {
    /// y and (mean, 1/√(variance + ε)) of every row, `[samples·rows, 2]`; `modulation` is (scale, shift),
    /// `[samples, channels]` each.
    ///
    /// # Panics
    /// If a slice is not as long as the shape says.
    pub fn forward(&self, x: &[f32], modulation: Option<(&[f32], &[f32])>) -> (Vec<f32>, Vec<f32>) {
        self.check(x, modulation);
        let c = self.channels;
        let mut y = vec![0.0f32; x.len()];
        let mut statistics = vec![0.0f32; self.samples * self.rows * 2];
        if x.is_empty() {
            return (y, statistics);
        }
        let task = self.task(modulation.is_some());
        let outs = y.par_chunks_mut(task * c).zip(statistics.par_chunks_mut(task * 2));
        outs.zip(x.par_chunks(task * c)).enumerate().for_each(|(sample, ((y, statistics), x))| {
            let modulation = modulation.map(|(a, b)| (&a[sample * c..][..c], &b[sample * c..][..c]));
            vectorised(
                #[inline(always)]
                || {
                    let lines = x.chunks_exact(c).zip(y.chunks_exact_mut(c));
                    for ((x, y), statistics) in lines.zip(statistics.chunks_exact_mut(2)) {
                        let mean = sum_of(
                            x,
                            x,
                            #[inline(always)]
                            |x, _| x,
                        ) / c as f32;
                        let variance = sum_of(
                            x,
                            x,
                            #[inline(always)]
                            |x, _| (x - mean) * (x - mean),
                        ) / c as f32;
                        let root = 1.0 / (variance + self.epsilon).sqrt();
                        statistics.copy_from_slice(&[mean, root]);
                        match modulation {
                            Some((scale, shift)) => {
                                for (((y, x), scale), shift) in y.iter_mut().zip(x).zip(scale).zip(shift) {
                                    *y = ((x - mean) * root).mul_add(1.0 + scale, *shift);
                                }
                            }
                            None => {
                                for (y, x) in y.iter_mut().zip(x) {
                                    *y = (x - mean) * root;
                                }
                            }
                        }
                    }
                },
            );
        });
        (y, statistics)
    }

    /// Gradients from that of y; `scale` is that of the modulation, `statistics` those of [`LayerNorm::forward`].
    ///
    /// # Panics
    /// If a slice is not as long as the shape says.
    pub fn backward(
        &self,
        x: &[f32],
        scale: Option<&[f32]>,
        statistics: &[f32],
        gradient: &[f32],
    ) -> LayerNormGradient {
        self.check(x, scale.map(|scale| (scale, scale)));
        let c = self.channels;
        assert!(gradient.len() == x.len() && statistics.len() == self.samples * self.rows * 2);
        let mut dx = vec![0.0f32; x.len()];
        let sums = if scale.is_some() { self.samples * c } else { 0 };
        let (mut dscale, mut dshift) = (vec![0.0f32; sums], vec![0.0f32; sums]);
        if !x.is_empty() {
            let task = self.task(scale.is_some());
            let work = dx.par_chunks_mut(task * c).zip(x.par_chunks(task * c));
            let work = work.zip(gradient.par_chunks(task * c)).zip(statistics.par_chunks(task * 2));
            match scale {
                Some(scale) => {
                    let sums = dscale.par_chunks_mut(c).zip(dshift.par_chunks_mut(c));
                    work.zip(sums).zip(scale.par_chunks(c)).for_each(
                        |(((((dx, x), g), statistics), (dscale, dshift)), scale)| {
                            // The gradient of the normalised x takes the place of dx first.
                            vectorised(
                                #[inline(always)]
                                || {
                                    let lines = x.chunks_exact(c).zip(g.chunks_exact(c));
                                    let lines = lines.zip(dx.chunks_exact_mut(c));
                                    for (((x, g), dx), s) in lines.zip(statistics.chunks_exact(2)) {
                                        let (mean, root) = (s[0], s[1]);
                                        let (scale, x, g) = (&scale[..c], &x[..c], &g[..c]);
                                        let (dscale, dshift) = (&mut dscale[..c], &mut dshift[..c]);
                                        for k in 0..c {
                                            dx[k] = g[k] * (1.0 + scale[k]);
                                            dshift[k] += g[k];
                                            dscale[k] = ((x[k] - mean) * root).mul_add(g[k], dscale[k]);
                                        }
                                        row_backward(x, dx, mean, root);
                                    }
                                },
                            );
                        },
                    );
                }
                None => work.for_each(|(((dx, x), g), statistics)| {
                    dx.copy_from_slice(g);
                    vectorised(
                        #[inline(always)]
                        || {
                            let lines = x.chunks_exact(c).zip(dx.chunks_exact_mut(c));
                            for ((x, dx), s) in lines.zip(statistics.chunks_exact(2)) {
                                row_backward(x, dx, s[0], s[1]);
                            }
                        },
                    );
                }),
            }
        }
        LayerNormGradient { x: dx, modulation: scale.map(|_| (dscale, dshift)) }
    }

    fn task(&self, modulated: bool) -> usize {
        if modulated { self.rows } else { ROWS }
    }

    fn check(&self, x: &[f32], modulation: Option<(&[f32], &[f32])>) {
        let sums = self.samples * self.channels;
        assert!(x.len() == sums * self.rows);
        assert!(modulation.is_none_or(|(a, b)| a.len() == sums && b.len() == sums));
    }
}

/// The gradient of x from that of the normalised x, in place.
#[inline(always)]
fn row_backward(x: &[f32], d: &mut [f32], mean: f32, root: f32) {
    let size = x.len() as f32;
    let first = sum_of(
        d,
        d,
        #[inline(always)]
        |d, _| d,
    ) / size;
    let second = sum_of(
        d,
        x,
        #[inline(always)]
        |d, x| d * ((x - mean) * root),
    ) / size;
    for (d, x) in d.iter_mut().zip(x) {
        *d = root * (*d - first - (x - mean) * root * second);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, differences, noise, same_on_all_threads, wide};
    use super::*;

    fn naive(norm: &LayerNorm, x: &[f64], modulation: (&[f64], &[f64])) -> Vec<f64> {
        let c = norm.channels;
        let mut y = Vec::new();
        for (row, x) in x.chunks(c).enumerate() {
            let mean = x.iter().sum::<f64>() / c as f64;
            let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / c as f64;
            let root = (variance + f64::from(norm.epsilon)).sqrt();
            let at = row / norm.rows * c;
            y.extend(
                (0..c).map(|k| (x[k] - mean) / root * (1.0 + modulation.0[at + k]) + modulation.1[at + k]),
            );
        }
        y
    }

    #[test]
    fn forward_and_backward_agree_with_f64_loops() {
        for (samples, rows, channels) in [(1, 1, 2), (3, 4, 5), (2, 3, 70)] {
            let norm = LayerNorm { samples, rows, channels, epsilon: 1e-2 };
            let x = noise(samples * rows * channels, 1);
            let (scale, shift) = (noise(samples * channels, 2), noise(samples * channels, 3));
            let g = noise(x.len(), 4);
            let (wx, ws, wt) = (wide(&x), wide(&scale), wide(&shift));
            let zero = vec![0.0; ws.len()];
            let (y, statistics) = norm.forward(&x, None);
            close(&y, &naive(&norm, &wx, (&zero, &zero)), 2e-6);
            let got = norm.backward(&x, None, &statistics, &g);
            close(&got.x, &differences(&x, &g, |x| naive(&norm, x, (&zero, &zero))), 1e-5);
            assert!(got.modulation.is_none());
            let (y, statistics) = norm.forward(&x, Some((&scale, &shift)));
            close(&y, &naive(&norm, &wx, (&ws, &wt)), 2e-6);
            let got = norm.backward(&x, Some(&scale), &statistics, &g);
            let (dscale, dshift) = got.modulation.unwrap();
            close(&got.x, &differences(&x, &g, |x| naive(&norm, x, (&ws, &wt))), 1e-5);
            close(&dscale, &differences(&scale, &g, |s| naive(&norm, &wx, (s, &wt))), 1e-5);
            close(&dshift, &differences(&shift, &g, |t| naive(&norm, &wx, (&ws, t))), 1e-5);
        }
    }

    #[test]
    fn the_same_on_any_number_of_threads() {
        let norm = LayerNorm { samples: 5, rows: 33, channels: 20, epsilon: 1e-6 };
        let (x, g, s) = (noise(5 * 33 * 20, 1), noise(5 * 33 * 20, 2), noise(100, 3));
        let (_, statistics) = norm.forward(&x, None);
        assert!(same_on_all_threads(|| norm.forward(&x, Some((&s, &s)))));
        assert!(same_on_all_threads(|| norm.backward(&x, Some(&s), &statistics, &g)));
        assert!(same_on_all_threads(|| norm.backward(&x, None, &statistics, &g)));
    }
}
