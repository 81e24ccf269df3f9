//! LeNet for grey 28×28 digits, as the ONNX model zoo has it.
//!
//! ```text
//! h = P₂ ρC₁ (255 u)      C₁ of 5×5, 28×28 → 14×14,   u in 0…1, ρ the rectifier
//! f = P₃ ρC₂ h            C₂ of 5×5, 14×14 → 4×4      P_k the largest of k×k, the rest of a side dropped
//! ```

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::max_pool2d;
use burn::tensor::ops::MaxPoolOptions;

use super::model::Body;
use crate::pretrained::network::{Convolution, Weights};

/// Rows and columns of its images.
pub(super) const SIDE: usize = 28;
/// Kernels, and what they see beyond an image's border.
pub(super) const KERNEL: usize = 5;
/// Pools after the convolutions.
const POOLS: [usize; 2] = [2, 3];
/// Side of what the last pool leaves.
pub(super) const LAST: usize = SIDE / POOLS[0] / POOLS[1];
/// White of the images that it was trained on; black is 0.
const WHITE: f32 = 255.0;

/// Two convolutions.
pub(super) struct LeNet([Convolution; 2]);

impl LeNet {
    /// From the weights of both.
    pub fn new(weights: [Weights; 2]) -> Self {
        LeNet(weights.map(|weights| Convolution::new(weights, 1, KERNEL / 2, 1)))
    }
}

impl Body for LeNet {
    fn scaled(&self, value: f32, _channel: usize) -> f32 {
        WHITE * value
    }

    fn features(&self, mut x: Tensor<4>) -> Tensor<2> {
        for (layer, pool) in self.0.iter().zip(POOLS) {
            x = max_pool2d(relu(layer.forward(x)), MaxPoolOptions::new([pool; 2]));
        }
        x.flatten(1, 3)
    }
}
