//! Half and double size of images, and channels side by side.

use burn::tensor::Tensor;

use super::{Grid, Matrix};

/// Means over blocks of 2×2: `[n·h·w, c]` to `[n·h·w/4, c]`. `grid` is that of `x`.
pub(crate) fn downsample(x: Matrix, grid: Grid) -> Matrix {
    let [rows, channels] = x.dims();
    let (height, width) = (grid.height / 2, grid.width / 2);
    let blocks: Tensor<5> = x.reshape([grid.images * height, 2, width, 2, channels]);
    blocks.mean_dim(1).mean_dim(3).reshape([rows / 4, channels])
}

/// Every pixel four times: `[n·h·w, c]` to `[n·4·h·w, c]`. `grid` is that of `x`.
pub(crate) fn upsample(x: Matrix, grid: Grid) -> Matrix {
    let [rows, channels] = x.dims();
    let lines = grid.images * grid.height;
    let pixels: Tensor<5> = x.reshape([lines, 1, grid.width, 1, channels]);
    pixels.repeat(&[1, 2, 1, 2, 1]).reshape([rows * 4, channels])
}

/// `[a, scale·b]`, channels side by side.
pub(crate) fn join(a: Matrix, b: Matrix, scale: f32) -> Matrix {
    let b = if scale == 1.0 { b } else { b.mul_scalar(scale) };
    Matrix::cat(vec![a, b], 1)
}
