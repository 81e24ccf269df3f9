//! ResNet for 32×32 colour images (arXiv 1512.03385, section 4.2): three stages of n blocks, 6n + 2 layers.
//!
//! ```text
//! h₀ = ρC x,    h ← ρ(C″ρC′ h + S h),    f = mean over pixels of the last h
//! ```
//!
//! Convolutions C are of 3×3 with batch normalisation folded in. The first C′ of the second and third stage takes every other pixel;
//! there S does so too, and fills up with channels of zeros, as many before as after (option A). Elsewhere S is nothing.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::model::Body;
use crate::pretrained::network::{Convolution, Weights};

/// Rows and columns of its images.
pub(super) const SIDE: usize = 32;
/// Kernels.
pub(super) const KERNEL: usize = 3;
/// Stages, of which all but the first halve their images.
pub(super) const STAGES: usize = 3;
/// Means and deviations of the colours by which images are normalised.
const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Two convolutions and a way around them.
struct Block {
    layers: [Convolution; 2],
    stride: usize,
}

/// The weights of one block, and whether it halves its images.
pub(super) struct BlockWeights {
    pub layers: [Weights; 2],
    pub halves: bool,
}

/// A convolution and blocks.
pub(super) struct ResNet {
    first: Convolution,
    blocks: Vec<Block>,
}

impl ResNet {
    /// From the weights, with normalisation folded in.
    pub fn new(first: Weights, blocks: Vec<BlockWeights>) -> Self {
        let plain = |weights, stride| Convolution::new(weights, stride, KERNEL / 2, 1);
        let blocks = blocks.into_iter().map(|BlockWeights { layers: [a, b], halves }| {
            let stride = if halves { 2 } else { 1 };
            Block { layers: [plain(a, stride), plain(b, 1)], stride }
        });
        ResNet { first: plain(first, 1), blocks: blocks.collect() }
    }
}

impl Block {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [first, second] = &self.layers;
        let y = second.forward(relu(first.forward(x.clone())));
        let around = self.around(x, y.dims()[1]);
        relu(y + around)
    }

    /// S h, of this many channels.
    fn around(&self, x: Tensor<4>, channels: usize) -> Tensor<4> {
        if self.stride == 1 {
            return x;
        }
        let [images, own, height, width] = x.dims();
        let step = self.stride as isize;
        let kept = x.slice([
            (0..images as isize).into(),
            (0..own as isize).into(),
            burn::tensor::Slice::new(0, Some(height as isize), step),
            burn::tensor::Slice::new(0, Some(width as isize), step),
        ]);
        let [_, _, height, width] = kept.dims();
        let zeros = |channels| Tensor::zeros([images, channels, height, width], &kept.device());
        let before = channels.saturating_sub(own) / 2;
        let after = channels.saturating_sub(own + before);
        let parts = [(before, zeros(before)), (own, kept.clone()), (after, zeros(after))];
        Tensor::cat(parts.into_iter().filter(|(channels, _)| *channels > 0).map(|(_, t)| t).collect(), 1)
    }
}

impl Body for ResNet {
    fn scaled(&self, value: f32, channel: usize) -> f32 {
        let channel = channel % MEAN.len();
        (value - MEAN[channel]) / DEVIATION[channel]
    }

    fn features(&self, x: Tensor<4>) -> Tensor<2> {
        let first = relu(self.first.forward(x));
        let last = self.blocks.iter().fold(first, |x, block| block.forward(x));
        let [images, channels, height, width] = last.dims();
        last.reshape([images, channels, height * width]).mean_dim(2).reshape([images, channels])
    }
}
