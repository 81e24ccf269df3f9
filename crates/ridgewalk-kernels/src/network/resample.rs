//! Images at half and double size, and channels side by side.

use rayon::prelude::*;

use super::{BLOCK, Images, vectorised};

/// Means over blocks of 2×2 times `factor`: `[n·h·w, channels]` to `[n·h/2·w/2, channels]`; odd last lines and columns
/// are left out.
///
/// # Panics
/// If the slice is not as long as the shape says.
pub fn downsample(x: &[f32], images: Images, channels: usize, factor: f32) -> Vec<f32> {
    assert!(x.len() == images.rows() * channels);
    let (height, width) = (images.height / 2, images.width / 2);
    let mut out = vec![0.0f32; images.images * height * width * channels];
    let (line, half) = (images.width * channels, width * channels);
    if out.is_empty() {
        return out;
    }
    out.par_chunks_mut(height * half).enumerate().for_each(|(image, out)| {
        let x = &x[image * images.pixels() * channels..];
        for (y, out) in out.chunks_exact_mut(half).enumerate() {
            let (above, below) = (&x[2 * y * line..][..line], &x[(2 * y + 1) * line..][..line]);
            vectorised(
                #[inline(always)]
                || {
                    let pairs = above.chunks_exact(2 * channels).zip(below.chunks_exact(2 * channels));
                    for (out, (above, below)) in out.chunks_exact_mut(channels).zip(pairs) {
                        let ((a, b), (c, d)) = (above.split_at(channels), below.split_at(channels));
                        for ((((out, a), b), c), d) in out.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                            *out = ((a + b) + (c + d)) * (0.25 * factor);
                        }
                    }
                },
            );
        }
    });
    out
}

/// Every pixel four times, times `factor`: `[n·h·w, channels]` to `[n·2h·2w, channels]`. Its derivative is
/// [`downsample`] of the doubled images with the factor 4, and the other way round with ¼.
///
/// # Panics
/// If the slice is not as long as the shape says.
pub fn upsample(x: &[f32], images: Images, channels: usize, factor: f32) -> Vec<f32> {
    assert!(x.len() == images.rows() * channels);
    let mut out = vec![0.0f32; 4 * x.len()];
    let line = images.width * channels;
    if out.is_empty() {
        return out;
    }
    out.par_chunks_mut(4 * images.height * line).zip(x.par_chunks(images.height * line)).for_each(
        |(out, x)| {
            for (out, x) in out.chunks_exact_mut(4 * line).zip(x.chunks_exact(line)) {
                let (above, below) = out.split_at_mut(2 * line);
                for (out, x) in above.chunks_exact_mut(2 * channels).zip(x.chunks_exact(channels)) {
                    let (left, right) = out.split_at_mut(channels);
                    for ((left, right), x) in left.iter_mut().zip(right).zip(x) {
                        *left = x * factor;
                        *right = x * factor;
                    }
                }
                below.copy_from_slice(above);
            }
        },
    );
    out
}

/// `[a, scale·b]`, the columns side by side; a and b have as many columns as told.
///
/// # Panics
/// If the slices do not have as many rows each.
pub fn join(a: &[f32], b: &[f32], (left, right): (usize, usize), scale: f32) -> Vec<f32> {
    let mut out = vec![0.0f32; a.len() + b.len()];
    let both = left + right;
    if out.is_empty() {
        return out;
    }
    let rows = out.len() / both;
    assert!(rows * left == a.len() && rows * right == b.len());
    let task = BLOCK.div_ceil(both);
    out.par_chunks_mut(task * both).enumerate().for_each(|(index, out)| {
        for (row, out) in out.chunks_exact_mut(both).enumerate() {
            let row = index * task + row;
            let (to_left, to_right) = out.split_at_mut(left);
            to_left.copy_from_slice(&a[row * left..][..left]);
            for (out, b) in to_right.iter_mut().zip(&b[row * right..][..right]) {
                *out = b * scale;
            }
        }
    });
    out
}

/// Gradients of [`join`] from that of its result: of a and of b.
///
/// # Panics
/// If the slice is not whole rows.
pub fn split(gradient: &[f32], (left, right): (usize, usize), scale: f32) -> (Vec<f32>, Vec<f32>) {
    let both = left + right;
    let rows = gradient.len() / both.max(1);
    assert!(rows * both == gradient.len());
    let (mut a, mut b) = (vec![0.0f32; rows * left], vec![0.0f32; rows * right]);
    let task = BLOCK.div_ceil(both.max(1));
    let take = |out: &mut Vec<f32>, first: usize, width: usize, scale: f32| {
        if width > 0 {
            out.par_chunks_mut(task * width).enumerate().for_each(|(index, out)| {
                for (row, out) in out.chunks_exact_mut(width).enumerate() {
                    let from = &gradient[(index * task + row) * both + first..][..width];
                    for (out, x) in out.iter_mut().zip(from) {
                        *out = x * scale;
                    }
                }
            });
        }
    };
    take(&mut a, 0, left, 1.0);
    take(&mut b, left, right, scale);
    (a, b)
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;

    #[test]
    fn sizes_by_hand() {
        let images = Images { images: 1, height: 2, width: 2 };
        let x = [1.0, 10.0, 2.0, 20.0, 3.0, 30.0, 6.0, 60.0];
        assert_eq!(downsample(&x, images, 2, 1.0), [3.0, 30.0]);
        let one = Images { images: 1, height: 1, width: 2 };
        assert_eq!(upsample(&[1.0, 2.0], one, 1, 0.5), [0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 1.0, 1.0]);
        let odd = Images { images: 2, height: 3, width: 2 };
        assert_eq!(downsample(&[1.0; 12], odd, 1, 2.0), [2.0, 2.0]);
    }

    /// ⟨up x, y⟩ = ⟨x, 4·down y⟩.
    #[test]
    fn sizes_are_adjoint() {
        let (small, large) =
            (Images { images: 3, height: 2, width: 5 }, Images { images: 3, height: 4, width: 10 });
        let (x, y) = (noise(small.rows() * 7, 1), noise(large.rows() * 7, 2));
        let inner = |a: &[f32], b: &[f32]| crate::sum_and_dot_f32(a, b).1;
        let up = inner(&upsample(&x, small, 7, 1.0), &y);
        assert!((up - inner(&x, &downsample(&y, large, 7, 4.0))).abs() < 1e-5);
    }

    #[test]
    fn joining_by_hand() {
        let joined = join(&[1.0, 2.0], &[3.0, 4.0, 5.0, 6.0], (1, 2), 2.0);
        assert_eq!(joined, [1.0, 6.0, 8.0, 2.0, 10.0, 12.0]);
        assert_eq!(split(&joined, (1, 2), 0.5), (vec![1.0, 2.0], vec![3.0, 4.0, 5.0, 6.0]));
    }
}
