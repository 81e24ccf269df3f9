//! Networks as maps of images, with both Jacobian products.
//!
//! Tensors are `[images, channels, height, width]` in f32. The product Jᵀv comes of reverse-mode automatic
//! differentiation; J v of a second map per layer, the tangent: a convolution without its bias, and the rectifier's
//! mask. Both are exact, up to rounding.

mod convolution;
mod dncnn;
mod unet;

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

pub(crate) use convolution::{Convolution, Weights};
pub(crate) use dncnn::DnCnn;
pub(crate) use unet::UNet;

/// A fully convolutional network from images to images of the same size.
pub(crate) trait Network: Send + Sync {
    /// Sides of images are multiples of this.
    fn multiple(&self) -> usize;

    /// Pixels, on every side, beyond which nothing acts on an output.
    fn radius(&self) -> usize;

    /// The output.
    fn forward(&self, x: Tensor<4>) -> Tensor<4>;

    /// J v at x.
    fn tangent(&self, x: Tensor<4>, v: Tensor<4>) -> Tensor<4>;
}

/// Jᵀ v at x, by one backward pass through Σ v·y.
pub(crate) fn cotangent(network: &dyn Network, x: Tensor<4>, v: Tensor<4>) -> Option<Tensor<4>> {
    let x = x.autodiff().require_grad();
    let sum = (network.forward(x.clone()) * v.autodiff()).sum();
    x.grad_remove(&mut sum.backward())
}

/// One grey image as a tensor.
pub(crate) fn image(values: Vec<f32>, height: usize, width: usize) -> Tensor<4> {
    Tensor::from_data(TensorData::new(values, [1, 1, height, width]), &Device::flex())
}

/// The rectifier and its tangent.
fn rectified(x: Tensor<4>, v: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let v = v.mask_fill(x.clone().lower_equal_scalar(0.0), 0.0);
    (relu(x), v)
}
