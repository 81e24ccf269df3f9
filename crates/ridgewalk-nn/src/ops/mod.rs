//! The fused operations of the networks, on matrices.
//!
//! All that flows through a network is a [`Matrix`]: a batch of vectors `[n, d]`, a batch of images `[n·h·w, c]` (the
//! channels of a pixel side by side) with its [`Grid`] beside it, tokens `[n·t, c]`, gains and biases `[1, c]`. Every
//! operation here has a derivative, so any composition can be trained; [`crate::network::Value`] adds what each does
//! to a tangent.

mod activation;
pub(crate) mod attention;
mod convolution;
mod fused;
pub(crate) mod group_norm;
pub(crate) mod layer_norm;
mod linear;
mod resample;
mod sums;
#[cfg(test)]
mod tests;

use burn::tensor::Tensor;

pub use activation::Activation;
pub(crate) use activation::{activate, curvature, slope};
pub(crate) use attention::attention;
pub(crate) use convolution::conv3x3;
pub(crate) use group_norm::{EPSILON, group_norm};
pub(crate) use layer_norm::layer_norm;
pub(crate) use linear::linear;
pub(crate) use resample::{downsample, join, upsample};
pub(crate) use sums::{gated_add, scaled_sum};

/// Rows of channels.
pub(crate) type Matrix = Tensor<2>;

/// How the rows of a [`Matrix`] lie in images: row = (image · height + y) · width + x.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    pub images: usize,
    pub height: usize,
    pub width: usize,
}

impl Grid {
    /// Pixels of an image.
    pub fn pixels(&self) -> usize {
        self.height * self.width
    }

    /// Half as wide and high.
    pub fn halved(&self) -> Grid {
        Grid { images: self.images, height: self.height / 2, width: self.width / 2 }
    }

    /// Twice as wide and high.
    pub fn doubled(&self) -> Grid {
        Grid { images: self.images, height: self.height * 2, width: self.width * 2 }
    }
}

impl From<Grid> for ridgewalk_kernels::network::Images {
    fn from(grid: Grid) -> Self {
        Self { images: grid.images, height: grid.height, width: grid.width }
    }
}

/// `x` of `[n·r, c]` as `[n, r, c]`, so that what is per sample can be broadcast.
pub(crate) fn by_sample(x: Matrix, samples: usize) -> Tensor<3> {
    let [rows, channels] = x.dims();
    x.reshape([samples, rows / samples.max(1), channels])
}

/// A sum over samples' rows undone: `[n, c]` as `[n, 1, c]`.
pub(crate) fn one_row(x: Matrix) -> Tensor<3> {
    let [samples, channels] = x.dims();
    x.reshape([samples, 1, channels])
}

/// `[n, r, c]` as `[n·r, c]`.
pub(crate) fn flat(x: Tensor<3>) -> Matrix {
    let [samples, rows, channels] = x.dims();
    x.reshape([samples * rows, channels])
}

/// x + b, with `[n, c]` per sample.
pub(crate) fn shift(x: Matrix, b: Matrix) -> Matrix {
    let [samples, _] = b.dims();
    flat(by_sample(x, samples) + one_row(b))
}
