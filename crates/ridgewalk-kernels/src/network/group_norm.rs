//! Group normalisation (arXiv 1803.08494), modulated per image and followed by a nonlinearity, in two passes:
//! y = act((gain·(x − mean)/√(variance + ε) + bias)·(1 + scale) + shift).

use rayon::prelude::*;

use super::activation::{GELU, NONE, SILU, chosen};
use super::elementwise::sum_of_rows;
use super::{Nonlinearity, vectorised};

/// Rows whose values are summed in f32 before they go to f64.
const BLOCK: usize = 32;

/// The shape of a group normalisation of x `[images·pixels, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct GroupNorm {
    /// Images.
    pub images: usize,
    /// Pixels of each.
    pub pixels: usize,
    /// Channels.
    pub channels: usize,
    /// Groups of channels side by side; must divide them.
    pub groups: usize,
    /// ε under the root.
    pub epsilon: f32,
    /// What is applied at the end.
    pub activation: Nonlinearity,
}

/// The result of a group normalisation, with the mean and 1/√(variance + ε) of every image and group.
#[derive(Debug, Clone, PartialEq)]
pub struct Normalised {
    /// y, of the shape of x.
    pub y: Vec<f32>,
    /// (mean, 1/√(variance + ε)), `[images·groups, 2]`.
    pub statistics: Vec<f32>,
}

/// Gradients of a group normalisation.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupNormGradient {
    /// Of x.
    pub x: Vec<f32>,
    /// Of the gain, `[channels]`.
    pub gain: Vec<f32>,
    /// Of the bias, `[channels]`.
    pub bias: Vec<f32>,
    /// Of scale and shift, `[images, channels]` each, where they were given.
    pub modulation: Option<(Vec<f32>, Vec<f32>)>,
}

/// y = (x − mean)·factor + offset, by channel.
struct Affine {
    mean: Vec<f32>,
    root: Vec<f32>,
    factor: Vec<f32>,
    offset: Vec<f32>,
}

impl GroupNorm {
    /// The result and its statistics; `modulation` is (scale, shift), `[images, channels]` each.
    ///
    /// # Panics
    /// If a slice is not as long as the shape says, or the groups do not divide the channels.
    pub fn forward(
        &self,
        x: &[f32],
        gain: &[f32],
        bias: &[f32],
        modulation: Option<(&[f32], &[f32])>,
    ) -> Normalised {
        self.check(x, gain, bias, modulation);
        let mut y = vec![0.0f32; x.len()];
        let mut statistics = vec![0.0f32; self.images * self.groups * 2];
        if x.is_empty() {
            return Normalised { y, statistics };
        }
        let size = self.pixels * self.channels;
        let outs = y.par_chunks_mut(size).zip(statistics.par_chunks_mut(self.groups * 2));
        outs.zip(x.par_chunks(size)).enumerate().for_each(|(image, ((y, statistics), x))| {
            self.statistics(x, statistics);
            let a = self.affine(image, statistics, (gain, bias), modulation);
            vectorised(
                #[inline(always)]
                || {
                    let c = self.channels;
                    let (mean, factor, offset) = (&a.mean[..c], &a.factor[..c], &a.offset[..c]);
                    for (x, y) in x.chunks_exact(c).zip(y.chunks_exact_mut(c)) {
                        match self.activation {
                            Nonlinearity::None => apply::<NONE, false>(x, y, mean, factor, offset),
                            Nonlinearity::Silu => apply::<SILU, false>(x, y, mean, factor, offset),
                            Nonlinearity::Gelu => apply::<GELU, false>(x, y, mean, factor, offset),
                        }
                    }
                },
            );
        });
        Normalised { y, statistics }
    }

    /// Gradients from that of y; `statistics` are those of [`GroupNorm::forward`].
    ///
    /// # Panics
    /// If a slice is not as long as the shape says, or the groups do not divide the channels.
    pub fn backward(
        &self,
        x: &[f32],
        (gain, bias): (&[f32], &[f32]),
        modulation: Option<(&[f32], &[f32])>,
        statistics: &[f32],
        gradient: &[f32],
    ) -> GroupNormGradient {
        self.check(x, gain, bias, modulation);
        assert!(gradient.len() == x.len() && statistics.len() == self.images * self.groups * 2);
        let c = self.channels;
        let mut dx = vec![0.0f32; x.len()];
        let mut sums = vec![0.0f32; self.images * 2 * c];
        if !x.is_empty() {
            let size = self.pixels * c;
            let outs = dx.par_chunks_mut(size).zip(sums.par_chunks_mut(2 * c));
            outs.enumerate().for_each(|(image, (dx, sums))| {
                let range = image * size..(image + 1) * size;
                let statistics = &statistics[image * self.groups * 2..][..self.groups * 2];
                let a = self.affine(image, statistics, (gain, bias), modulation);
                self.image_backward(&x[range.clone()], &gradient[range], &a, dx, sums);
            });
        }
        let parts = |image: usize| sums[image * 2 * c..][..2 * c].split_at(c);
        let mut dgain = vec![0.0f32; self.images * c];
        let mut dbias = vec![0.0f32; self.images * c];
        let mut dmodulation = modulation.map(|_| (dgain.clone(), dgain.clone()));
        for image in 0..self.images {
            let (s1, s2) = parts(image);
            for k in 0..c {
                let at = image * c + k;
                let factor = modulation.map_or(1.0, |(scale, _)| 1.0 + scale[at]);
                dgain[at] = factor * s2[k];
                dbias[at] = factor * s1[k];
                if let Some((dscale, dshift)) = &mut dmodulation {
                    dscale[at] = gain[k] * s2[k] + bias[k] * s1[k];
                    dshift[at] = s1[k];
                }
            }
        }
        GroupNormGradient {
            x: dx,
            gain: sum_of_rows(&dgain, c),
            bias: sum_of_rows(&dbias, c),
            modulation: dmodulation,
        }
    }

    fn check(&self, x: &[f32], gain: &[f32], bias: &[f32], modulation: Option<(&[f32], &[f32])>) {
        let c = self.channels;
        assert!(self.groups > 0 && c.is_multiple_of(self.groups));
        assert!(x.len() == self.images * self.pixels * c && gain.len() == c && bias.len() == c);
        assert!(modulation.is_none_or(|(a, b)| a.len() == self.images * c && b.len() == self.images * c));
    }

    /// Mean and 1/√(variance + ε) of every group of an image, the variance about the mean.
    fn statistics(&self, x: &[f32], statistics: &mut [f32]) {
        let (c, width) = (self.channels, self.channels / self.groups);
        let size = (self.pixels * width) as f64;
        let mean: Vec<f64> = self.group_sums(x, &vec![0.0; c], false).iter().map(|s| s / size).collect();
        let by_channel: Vec<f32> = (0..c).map(|k| mean[k / width] as f32).collect();
        let squares = self.group_sums(x, &by_channel, true);
        for (g, statistics) in statistics.chunks_exact_mut(2).enumerate() {
            let rounding = mean[g] - f64::from(mean[g] as f32);
            let variance = (squares[g] / size - rounding * rounding).max(0.0);
            statistics[0] = mean[g] as f32;
            statistics[1] = (1.0 / (variance + f64::from(self.epsilon)).sqrt()) as f32;
        }
    }

    /// Σ (x − centre) or Σ (x − centre)² of every group.
    fn group_sums(&self, x: &[f32], centre: &[f32], square: bool) -> Vec<f64> {
        let (c, width) = (self.channels, self.channels / self.groups);
        let mut total = vec![0.0f64; c];
        let mut sum = vec![0.0f32; c];
        for block in x.chunks(BLOCK * c) {
            sum.fill(0.0);
            vectorised(
                #[inline(always)]
                || {
                    let (sum, centre) = (&mut sum[..c], &centre[..c]);
                    for x in block.chunks_exact(c) {
                        if square {
                            for k in 0..c {
                                let d = x[k] - centre[k];
                                sum[k] = d.mul_add(d, sum[k]);
                            }
                        } else {
                            for k in 0..c {
                                sum[k] += x[k];
                            }
                        }
                    }
                },
            );
            for (total, sum) in total.iter_mut().zip(&sum) {
                *total += f64::from(*sum);
            }
        }
        total.chunks_exact(width).map(|group| group.iter().sum()).collect()
    }

    fn affine(
        &self,
        image: usize,
        statistics: &[f32],
        (gain, bias): (&[f32], &[f32]),
        modulation: Option<(&[f32], &[f32])>,
    ) -> Affine {
        let (c, width) = (self.channels, self.channels / self.groups);
        let spread = |part: usize| (0..c).map(|k| statistics[k / width * 2 + part]).collect::<Vec<f32>>();
        let (mean, root) = (spread(0), spread(1));
        let (scale, shift): (Vec<f32>, Vec<f32>) = match modulation {
            Some((scale, shift)) => {
                let range = image * c..(image + 1) * c;
                (scale[range.clone()].iter().map(|s| 1.0 + s).collect(), shift[range].to_vec())
            }
            None => (vec![1.0; c], vec![0.0; c]),
        };
        let factor = (0..c).map(|k| root[k] * gain[k] * scale[k]).collect();
        let offset = (0..c).map(|k| bias[k].mul_add(scale[k], shift[k])).collect();
        Affine { mean, root, factor, offset }
    }

    /// dx, and by channel Σ dz and Σ dz·x̂ with dz the gradient before the nonlinearity.
    fn image_backward(&self, x: &[f32], g: &[f32], a: &Affine, dx: &mut [f32], sums: &mut [f32]) {
        let (c, width) = (self.channels, self.channels / self.groups);
        let (s1, s2) = sums.split_at_mut(c);
        vectorised(
            #[inline(always)]
            || {
                let (mean, factor, offset) = (&a.mean[..c], &a.factor[..c], &a.offset[..c]);
                let lines = x.chunks_exact(c).zip(g.chunks_exact(c)).zip(dx.chunks_exact_mut(c));
                for ((x, g), dx) in lines {
                    match self.activation {
                        Nonlinearity::None => dx.fill(1.0),
                        Nonlinearity::Silu => apply::<SILU, true>(x, dx, mean, factor, offset),
                        Nonlinearity::Gelu => apply::<GELU, true>(x, dx, mean, factor, offset),
                    }
                    for k in 0..c {
                        dx[k] *= g[k];
                        s1[k] += dx[k];
                        s2[k] = (x[k] - mean[k]).mul_add(dx[k], s2[k]);
                    }
                }
            },
        );
        for (s2, root) in s2.iter_mut().zip(&a.root) {
            *s2 *= root;
        }
        // factor = root·gain·(1 + scale): the mean over the group of factor·dz and of factor·dz·x̂.
        let size = (self.pixels * width) as f32;
        let group_mean = |sums: &[f32]| -> Vec<f32> {
            let of_group = |k: usize| k / width * width..(k / width + 1) * width;
            (0..c).map(|k| of_group(k).map(|j| a.factor[j] * sums[j]).sum::<f32>() / size).collect()
        };
        let (m1, m2) = (group_mean(s1), group_mean(s2));
        let slope: Vec<f32> = m2.iter().zip(&a.root).map(|(m, root)| m * root).collect();
        vectorised(
            #[inline(always)]
            || {
                let (mean, factor, m1, slope) = (&a.mean[..c], &a.factor[..c], &m1[..c], &slope[..c]);
                for (x, dx) in x.chunks_exact(c).zip(dx.chunks_exact_mut(c)) {
                    for k in 0..c {
                        dx[k] = factor[k].mul_add(dx[k], -(x[k] - mean[k]).mul_add(slope[k], m1[k]));
                    }
                }
            },
        );
    }
}

/// `y = f((x − mean)·factor + offset)` of a row, f the nonlinearity or its slope.
#[inline(always)]
fn apply<const KIND: u8, const SLOPE: bool>(
    x: &[f32],
    y: &mut [f32],
    mean: &[f32],
    factor: &[f32],
    offset: &[f32],
) {
    let c = y.len();
    let (x, mean, factor, offset) = (&x[..c], &mean[..c], &factor[..c], &offset[..c]);
    for k in 0..c {
        let z = (x[k] - mean[k]).mul_add(factor[k], offset[k]);
        y[k] = if SLOPE { chosen::<KIND>().slope(z) } else { chosen::<KIND>().value(z) };
    }
}

#[cfg(test)]
mod tests {
    use super::super::activation::tests::exact;
    use super::super::tests::{close, differences, noise, same_on_all_threads, wide};
    use super::*;

    fn naive(
        norm: &GroupNorm,
        x: &[f64],
        affine: (&[f64], &[f64]),
        modulation: (&[f64], &[f64]),
    ) -> Vec<f64> {
        let (c, width) = (norm.channels, norm.channels / norm.groups);
        let mut y = vec![0.0; x.len()];
        for n in 0..norm.images {
            for g in 0..norm.groups {
                let places: Vec<usize> = (0..norm.pixels)
                    .flat_map(|p| (0..width).map(move |k| (n * norm.pixels + p) * c + g * width + k))
                    .collect();
                let size = places.len() as f64;
                let mean = places.iter().map(|i| x[*i]).sum::<f64>() / size;
                let variance = places.iter().map(|i| (x[*i] - mean).powi(2)).sum::<f64>() / size;
                for i in places {
                    let k = i % c;
                    let z = (x[i] - mean) / (variance + f64::from(norm.epsilon)).sqrt();
                    let z = (z * affine.0[k] + affine.1[k]) * (1.0 + modulation.0[n * c + k]);
                    y[i] = exact(norm.activation, z + modulation.1[n * c + k]);
                }
            }
        }
        y
    }

    #[test]
    fn forward_and_backward_agree_with_f64_loops() {
        for (images, pixels, channels, groups) in [(2, 5, 6, 3), (3, 1, 4, 1), (1, 40, 2, 2)] {
            for activation in [Nonlinearity::None, Nonlinearity::Silu, Nonlinearity::Gelu] {
                let norm = GroupNorm { images, pixels, channels, groups, epsilon: 1e-2, activation };
                let x = noise(images * pixels * channels, 1);
                let (gain, bias) = (noise(channels, 2), noise(channels, 3));
                let (scale, shift) = (noise(images * channels, 4), noise(images * channels, 5));
                let g = noise(x.len(), 6);
                let (wx, wg, wb) = (wide(&x), wide(&gain), wide(&bias));
                let (ws, wt) = (wide(&scale), wide(&shift));
                let zero = vec![0.0; ws.len()];
                let plain = norm.forward(&x, &gain, &bias, None);
                close(&plain.y, &naive(&norm, &wx, (&wg, &wb), (&zero, &zero)), 1e-5);
                let got = norm.backward(&x, (&gain, &bias), None, &plain.statistics, &g);
                let expected = differences(&x, &g, |x| naive(&norm, x, (&wg, &wb), (&zero, &zero)));
                close(&got.x, &expected, 2e-5);
                let m = Some((&scale[..], &shift[..]));
                let moved = norm.forward(&x, &gain, &bias, m);
                close(&moved.y, &naive(&norm, &wx, (&wg, &wb), (&ws, &wt)), 1e-5);
                let got = norm.backward(&x, (&gain, &bias), m, &moved.statistics, &g);
                let (dscale, dshift) = got.modulation.unwrap();
                let f =
                    |x: &[f64], g: &[f64], b: &[f64], s: &[f64], t: &[f64]| naive(&norm, x, (g, b), (s, t));
                close(&got.x, &differences(&x, &g, |x| f(x, &wg, &wb, &ws, &wt)), 2e-5);
                close(&got.gain, &differences(&gain, &g, |v| f(&wx, v, &wb, &ws, &wt)), 2e-5);
                close(&got.bias, &differences(&bias, &g, |v| f(&wx, &wg, v, &ws, &wt)), 2e-5);
                close(&dscale, &differences(&scale, &g, |v| f(&wx, &wg, &wb, v, &wt)), 2e-5);
                close(&dshift, &differences(&shift, &g, |v| f(&wx, &wg, &wb, &ws, v)), 2e-5);
                assert!(same_on_all_threads(|| norm.backward(&x, (&gain, &bias), m, &moved.statistics, &g)));
            }
        }
    }

    /// A mean a thousand times the deviation: sums of squares alone would lose the variance.
    #[test]
    fn a_large_mean_costs_no_digits() {
        let x: Vec<f32> = noise(2048, 1).iter().map(|x| x + 1000.0).collect();
        let norm = GroupNorm {
            images: 1,
            pixels: 256,
            channels: 8,
            groups: 2,
            epsilon: 1e-6,
            activation: Nonlinearity::None,
        };
        let got = norm.forward(&x, &[1.0; 8], &[0.0; 8], None);
        let zero = [0.0; 8];
        close(&got.y, &naive(&norm, &wide(&x), (&[1.0; 8], &zero), (&zero, &zero)), 1e-4);
    }
}
