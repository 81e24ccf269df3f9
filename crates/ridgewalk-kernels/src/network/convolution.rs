//! Convolution by 3×3 kernels, stride 1, zeros beyond the border: y = (x ∗ w + b + residual)·scale.
//!
//! An image `[h·w, c]` is copied into one with a border of zeros; there, the three pixels under a row of the kernel lie
//! side by side, so each row of the kernel is a product with the image itself as left factor: nothing is gathered. The
//! gradient of x is the same convolution of that of y, with the kernel turned round and its channels exchanged.

use rayon::prelude::*;

use super::linear::add_rows;
use super::product::{Lines, Packed, multiply, multiply_transposed};
use super::{PIECES, sum_of_pieces, vectorised};

/// Pixels of a task: small images are taken together.
const PIXELS: usize = 128;

/// Images of the same size, row = (image · height + y) · width + x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Images {
    /// How many.
    pub images: usize,
    /// Lines of each.
    pub height: usize,
    /// Pixels of a line.
    pub width: usize,
}

impl Images {
    /// Pixels of one.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Pixels of all.
    pub fn rows(&self) -> usize {
        self.images * self.pixels()
    }

    fn padded(&self) -> usize {
        (self.height + 2) * (self.width + 2)
    }
}

/// The shape of a convolution; weights are `[9·inputs, outputs]` with rows in the order (ky, kx, input).
#[derive(Debug, Clone, Copy)]
pub struct Convolution {
    /// The images.
    pub images: Images,
    /// Channels of x.
    pub inputs: usize,
    /// Channels of y.
    pub outputs: usize,
    /// Factor of the result.
    pub scale: f32,
}

/// Gradients of a convolution; that of the residual is scale times that of y.
#[derive(Debug, Clone, PartialEq)]
pub struct ConvolutionGradient {
    /// Of x, `[n·h·w, inputs]`, if asked for.
    pub x: Option<Vec<f32>>,
    /// Of w, `[9·inputs, outputs]`, if asked for.
    pub w: Option<Vec<f32>>,
    /// Of b, `[outputs]`; zeros if that of w was not asked for.
    pub b: Vec<f32>,
}

impl Convolution {
    /// (x ∗ w + b + residual)·scale, `[n·h·w, outputs]`.
    ///
    /// # Panics
    /// If a slice is not as long as the shape says.
    pub fn forward(&self, x: &[f32], w: &[f32], b: Option<&[f32]>, residual: Option<&[f32]>) -> Vec<f32> {
        let outputs = self.outputs;
        let rows = self.images.rows();
        assert!(x.len() == rows * self.inputs && w.len() == 9 * self.inputs * outputs);
        assert!(b.is_none_or(|b| b.len() == outputs) && residual.is_none_or(|r| r.len() == rows * outputs));
        let packed = Packed::rows(w, outputs, 9 * self.inputs, outputs);
        let scale = self.scale;
        convolve(self.images, (x, self.inputs), &packed, outputs, |first, out, after| {
            match (after, residual) {
                (false, Some(residual)) => {
                    out.copy_from_slice(&residual[first..first + out.len()]);
                    if let Some(b) = b {
                        out.chunks_exact_mut(outputs)
                            .for_each(|out| super::elementwise::add_in_place(out, b));
                    }
                }
                (false, None) => {
                    if let Some(b) = b {
                        out.chunks_exact_mut(outputs).for_each(|out| out.copy_from_slice(b));
                    }
                }
                (true, _) if scale != 1.0 => super::elementwise::scale_in_place(out, scale),
                (true, _) => (),
            }
        })
    }

    /// Gradients from that of y.
    ///
    /// # Panics
    /// If a slice is not as long as the shape says.
    pub fn backward(
        &self,
        x: &[f32],
        w: &[f32],
        gradient: &[f32],
        (need_x, need_w): (bool, bool),
    ) -> ConvolutionGradient {
        let rows = self.images.rows();
        assert!(x.len() == rows * self.inputs && w.len() == 9 * self.inputs * self.outputs);
        assert!(gradient.len() == rows * self.outputs);
        let (dw, b) = if need_w {
            let (w, b) = self.backward_w(x, gradient);
            (Some(w), b)
        } else {
            (None, vec![0.0; self.outputs])
        };
        ConvolutionGradient { x: need_x.then(|| self.backward_x(w, gradient)), w: dw, b }
    }

    fn backward_x(&self, w: &[f32], gradient: &[f32]) -> Vec<f32> {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let mut turned = vec![0.0f32; 9 * outputs * inputs];
        for (place, block) in turned.chunks_exact_mut((outputs * inputs).max(1)).enumerate() {
            let from = &w[(8 - place) * inputs * outputs..][..inputs * outputs];
            for (input, row) in from.chunks_exact(outputs).enumerate() {
                for (output, value) in row.iter().enumerate() {
                    block[output * inputs + input] = value * self.scale;
                }
            }
        }
        let packed = Packed::rows(&turned, inputs, 9 * outputs, inputs);
        convolve(self.images, (gradient, outputs), &packed, inputs, |_, _, _| ())
    }

    fn backward_w(&self, x: &[f32], gradient: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let (inputs, outputs) = (self.inputs, self.outputs);
        let pixels = self.images.pixels();
        let piece = self.images.images.div_ceil(PIECES).max(1);
        let starts = starts(Images { images: 1, ..self.images }, inputs);
        let sums: Vec<(Vec<f32>, Vec<f32>)> = (0..self.images.images.div_ceil(piece))
            .into_par_iter()
            .map(|index| {
                let mut w = vec![0.0f32; 9 * inputs * outputs];
                let mut b = vec![0.0f32; outputs];
                let mut padded = vec![0.0f32; self.images.padded() * inputs];
                for image in index * piece..((index + 1) * piece).min(self.images.images) {
                    pad(self.images, &x[image * pixels * inputs..], inputs, &mut padded);
                    let g = &gradient[image * pixels * outputs..][..pixels * outputs];
                    for (ky, w) in w.chunks_exact_mut((3 * inputs * outputs).max(1)).enumerate() {
                        let down = ky * (self.images.width + 2) * inputs;
                        let lines =
                            Lines { data: &padded, start: |k: usize| starts[k] + down, width: 3 * inputs };
                        multiply_transposed(lines, pixels, (g, outputs, outputs), w, outputs);
                    }
                    if outputs > 0 {
                        vectorised(
                            #[inline(always)]
                            || add_rows(g, &mut b),
                        );
                    }
                }
                (w, b)
            })
            .collect();
        if sums.is_empty() {
            return (vec![0.0; 9 * inputs * outputs], vec![0.0; outputs]);
        }
        let (w, b): (Vec<_>, Vec<_>) = sums.into_iter().unzip();
        (sum_of_pieces(&w, self.scale), sum_of_pieces(&b, self.scale))
    }
}

/// Where the upper left pixel under the kernel stands in the padded images, in values, of every pixel.
fn starts(images: Images, channels: usize) -> Vec<usize> {
    let mut starts = Vec::with_capacity(images.rows());
    for image in 0..images.images {
        for y in 0..images.height {
            let line = image * images.padded() + y * (images.width + 2);
            starts.extend((0..images.width).map(|x| (line + x) * channels));
        }
    }
    starts
}

/// Copies an image into one with a border, which is left as it is.
fn pad(images: Images, x: &[f32], channels: usize, padded: &mut [f32]) {
    let line = images.width * channels;
    if line > 0 {
        for (y, x) in x.chunks_exact(line).enumerate().take(images.height) {
            padded[((y + 1) * (images.width + 2) + 1) * channels..][..line].copy_from_slice(x);
        }
    }
}

/// x ∗ w for packed w. `finish(first, out, after)` is called on the values from `first` of every task's result before
/// the products are added and after.
fn convolve(
    images: Images,
    (x, channels): (&[f32], usize),
    w: &Packed,
    outputs: usize,
    finish: impl Fn(usize, &mut [f32], bool) + Sync,
) -> Vec<f32> {
    let mut y = vec![0.0f32; images.rows() * outputs];
    if y.is_empty() {
        return y;
    }
    let pixels = images.pixels();
    let together = PIXELS.div_ceil(pixels).min(images.images.div_ceil(PIECES)).max(1);
    let starts = starts(Images { images: together, ..images }, channels);
    let line = (images.width + 2) * channels;
    y.par_chunks_mut(together * pixels * outputs).enumerate().for_each_init(
        || vec![0.0f32; together * images.padded() * channels],
        |padded, (task, out)| {
            let rows = out.len() / outputs;
            let first = task * together * pixels;
            for (image, padded) in padded.chunks_exact_mut((images.padded() * channels).max(1)).enumerate() {
                if image * pixels < rows {
                    pad(images, &x[(first + image * pixels) * channels..], channels, padded);
                }
            }
            finish(first * outputs, out, false);
            let row = |i: usize, ky: usize| &padded[starts[i] + ky * line..][..3 * channels];
            multiply(rows, 3 * channels, row, w, out, outputs);
            finish(first * outputs, out, true);
        },
    );
    y
}

#[cfg(test)]
mod tests {
    use super::super::tests::{close, differences, noise, same_on_all_threads, wide};
    use super::*;

    fn naive(c: &Convolution, x: &[f64], w: &[f64], b: &[f64], residual: &[f64]) -> Vec<f64> {
        let (h, v) = (c.images.height as isize, c.images.width as isize);
        let mut out = Vec::new();
        for n in 0..c.images.images as isize {
            for (y, x0) in (0..h).flat_map(|y| (0..v).map(move |x| (y, x))) {
                for (o, b) in b.iter().enumerate() {
                    let mut sum = b + residual[out.len()];
                    for (ky, kx) in (0..3).flat_map(|ky| (0..3).map(move |kx| (ky, kx))) {
                        let (row, column) = (y + ky - 1, x0 + kx - 1);
                        if (0..h).contains(&row) && (0..v).contains(&column) {
                            for i in 0..c.inputs {
                                let at = ((n * h + row) * v + column) as usize * c.inputs + i;
                                let weight = ((ky * 3 + kx) as usize * c.inputs + i) * c.outputs + o;
                                sum += x[at] * w[weight];
                            }
                        }
                    }
                    out.push(sum * f64::from(c.scale));
                }
            }
        }
        out
    }

    #[test]
    fn forward_and_backward_agree_with_f64_loops() {
        for (images, height, width, inputs, outputs) in
            [(1, 1, 1, 1, 1), (9, 4, 4, 3, 2), (2, 7, 5, 2, 3), (3, 2, 6, 1, 17)]
        {
            let images = Images { images, height, width };
            let c = Convolution { images, inputs, outputs, scale: 0.7 };
            let rows = images.rows();
            let (x, w, b) = (noise(rows * inputs, 1), noise(9 * inputs * outputs, 2), noise(outputs, 3));
            let (r, g) = (noise(rows * outputs, 4), noise(rows * outputs, 5));
            let (wx, ww, wb, wr) = (wide(&x), wide(&w), wide(&b), wide(&r));
            close(&c.forward(&x, &w, Some(&b), Some(&r)), &naive(&c, &wx, &ww, &wb, &wr), 2e-6);
            let got = c.backward(&x, &w, &g, (true, true));
            close(&got.x.unwrap(), &differences(&x, &g, |x| naive(&c, x, &ww, &wb, &wr)), 1e-5);
            close(&got.w.unwrap(), &differences(&w, &g, |w| naive(&c, &wx, w, &wb, &wr)), 1e-5);
            close(&got.b, &differences(&b, &g, |b| naive(&c, &wx, &ww, b, &wr)), 1e-5);
        }
    }

    #[test]
    fn wide_channels_agree_with_the_naive_loop_and_their_adjoint_on_any_number_of_threads() {
        let images = Images { images: 10, height: 14, width: 14 };
        let c = Convolution { images, inputs: 20, outputs: 70, scale: 1.0 };
        let rows = images.rows();
        let (x, w, g) = (noise(rows * 20, 1), noise(9 * 20 * 70, 2), noise(rows * 70, 3));
        let y = c.forward(&x, &w, None, None);
        close(&y, &naive(&c, &wide(&x), &wide(&w), &[0.0; 70], &vec![0.0; rows * 70]), 2e-6);
        let got = c.backward(&x, &w, &g, (true, true));
        let inner = |a: &[f32], b: &[f32]| crate::sum_and_dot_f32(a, b).1;
        let size = (inner(&y, &y) * inner(&g, &g)).sqrt();
        for other in [inner(got.x.as_ref().unwrap(), &x), inner(got.w.as_ref().unwrap(), &w)] {
            assert!((inner(&y, &g) - other).abs() < 1e-6 * size);
        }
        assert!(same_on_all_threads(|| c.backward(&x, &w, &g, (true, true))));
        assert!(same_on_all_threads(|| c.forward(&x, &w, None, None)));
    }
}
