//! Convolution by 3×3 kernels, stride 1, zeros beyond the border.
//!
//! ```text
//! y = (x ∗ w + b + residual) · scale
//! ```

use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::{Grid, Matrix};

/// `x` `[n·h·w, c_in]`, `w` `[9·c_in, c_out]` with rows in the order (ky, kx, c_in), `b` `[1, c_out]`, `residual`
/// `[n·h·w, c_out]`.
pub(crate) fn conv3x3(
    x: Matrix,
    w: Matrix,
    b: Option<Matrix>,
    residual: Option<Matrix>,
    scale: f32,
    grid: Grid,
) -> Matrix {
    let [rows, inputs] = x.dims();
    let [_, outputs] = w.dims();
    let image: Tensor<4> = x.reshape([grid.images, grid.height, grid.width, inputs]).permute([0, 3, 1, 2]);
    let kernel: Tensor<4> = w.reshape([3, 3, inputs, outputs]).permute([3, 2, 0, 1]);
    let bias = b.map(|b| b.reshape([outputs]));
    let y = conv2d(image, kernel, bias, ConvOptions::new([1; 2], [1; 2], [1; 2], 1));
    let y = y.permute([0, 2, 3, 1]).reshape([rows, outputs]);
    let y = match residual {
        Some(residual) => y + residual,
        None => y,
    };
    if scale == 1.0 { y } else { y.mul_scalar(scale) }
}
