//! The operations of neural networks on f32 matrices, forward and backward, fused and threaded.
//!
//! A matrix is a slice, row by row: a batch of images `[n·h·w, c]` has the channels of a pixel side by side. Work is cut
//! into pieces by the shapes alone and sums of pieces are added in their order, so results do not depend on the number
//! of threads. A function whose slices do not fit its shapes panics.

mod activation;
mod adam;
mod attention;
mod convolution;
mod elementwise;
mod group_norm;
mod layer_norm;
mod linear;
mod pointwise;
mod product;
mod resample;

pub use activation::Nonlinearity;
pub use adam::{Adam, Average, adam, sum_of_squares};
pub use attention::Attention;
pub use convolution::{Convolution, ConvolutionGradient, Images};
pub use elementwise::{Gated, add, gated_add, gated_add_backward, scale, scaled_sum};
pub use group_norm::{GroupNorm, GroupNormGradient, Normalised};
pub use layer_norm::{LayerNorm, LayerNormGradient};
pub use linear::{Linear, LinearGradient};
pub use resample::{downsample, join, split, upsample};

/// Pieces into which a long reduction is cut: more than cores of a usual machine, few enough to be summed at once.
const PIECES: usize = 8;

/// Values of an elementwise piece: it stays in the second-level cache.
const BLOCK: usize = 1 << 14;

/// Runs a loop with the widest vector instructions of the machine.
fn vectorised(task: impl FnMut()) {
    /// A closure called by `call_once` is called through a shim that large ones are not inlined into, so that their
    /// loops would be compiled without vector instructions; `call_mut` has none.
    struct Task<F>(F);

    impl<F: FnMut()> pulp::WithSimd for Task<F> {
        type Output = ();

        #[inline(always)]
        fn with_simd<S: pulp::Simd>(mut self, _: S) {
            (self.0)();
        }
    }

    pulp::Arch::new().dispatch(Task(task));
}

/// The sum of `pieces` partial results of `length` values each, in their order.
fn sum_of_pieces(pieces: &[Vec<f32>], factor: f32) -> Vec<f32> {
    use rayon::prelude::*;
    let length = pieces.first().map_or(0, Vec::len);
    let mut out = vec![0.0f32; length];
    out.par_chunks_mut(BLOCK).enumerate().for_each(|(block, out)| {
        vectorised(
            #[inline(always)]
            || {
                for piece in pieces {
                    for (out, x) in out.iter_mut().zip(&piece[block * BLOCK..]) {
                        *out += x;
                    }
                }
                for out in out.iter_mut() {
                    *out *= factor;
                }
            },
        )
    });
    out
}

#[cfg(test)]
pub(crate) mod tests {
    /// Values without pattern in [−1, 1).
    pub fn noise(length: usize, seed: u64) -> Vec<f32> {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x1234_5678_9ABC_DEF1);
        (0..length)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                ((state >> 40) as f32) / (1u64 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// All values agree to `tolerance` of the largest.
    pub fn close(got: &[f32], expected: &[f64], tolerance: f64) {
        assert_eq!(got.len(), expected.len());
        let size = expected.iter().fold(1e-3f64, |a, b| a.max(b.abs()));
        for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
            assert!((f64::from(*got) - expected).abs() <= tolerance * size, "{i}: {got} {expected}");
        }
    }

    pub fn wide(x: &[f32]) -> Vec<f64> {
        x.iter().map(|x| f64::from(*x)).collect()
    }

    /// Gradient of Σ weight·f(x) by central differences of an f64 function.
    pub fn differences(x: &[f32], weight: &[f32], f: impl Fn(&[f64]) -> Vec<f64>) -> Vec<f64> {
        let x = wide(x);
        let total = |x: &[f64]| f(x).iter().zip(weight).map(|(y, w)| y * f64::from(*w)).sum::<f64>();
        let step = 1e-5;
        (0..x.len())
            .map(|i| {
                let mut moved = x.clone();
                moved[i] = x[i] + step;
                let above = total(&moved);
                moved[i] = x[i] - step;
                (above - total(&moved)) / (2.0 * step)
            })
            .collect()
    }

    /// The same bits on one thread and on three.
    pub fn same_on_all_threads<T: PartialEq + Send>(f: impl Fn() -> T + Send + Sync) -> bool {
        let on = |threads: usize| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(&f)
        };
        on(1) == on(3)
    }
}
