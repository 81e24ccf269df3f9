//! Convolution by 3×3 kernels, stride 1, zeros beyond the border.
//!
//! ```text
//! y = (x ∗ w + b + residual) · scale
//! ```

use burn::tensor::Tensor;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;
use ridgewalk_kernels::network::{Convolution, scale as scaled};

use super::fused::{self, Gradient, Input, Operation, Outcome};
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
    let operation = Fused { scale, grid, biased: b.is_some() };
    let inputs = [x.clone(), w.clone()].into_iter().chain(b.clone()).chain(residual.clone()).collect();
    fused::apply(operation, inputs).unwrap_or_else(|| composed(x, w, b, residual, scale, grid))
}

/// The same in ordinary operations.
pub(crate) fn composed(
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

#[derive(Debug)]
struct Fused {
    scale: f32,
    grid: Grid,
    biased: bool,
}

impl Fused {
    fn kernel(&self, x: &Input<'_>, w: &Input<'_>) -> Convolution {
        Convolution { images: self.grid.into(), inputs: x.dims[1], outputs: w.dims[1], scale: self.scale }
    }
}

impl Operation for Fused {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, w, rest @ ..] = inputs else { return Outcome::none() };
        let (b, residual) = rest.split_at(usize::from(self.biased).min(rest.len()));
        let (b, residual) = (b.first().map(|b| b.values), residual.first().map(|r| r.values));
        let values = self.kernel(x, w).forward(x.values, w.values, b, residual);
        Outcome { dims: [x.dims[0], w.dims[1]], values, saved: Vec::new() }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        _: &[f32],
        gradient: &[f32],
        needed: &[bool],
    ) -> Vec<Option<Gradient>> {
        let ([x, w, ..], [need_x, need_w, rest @ ..]) = (inputs, needed) else { return Vec::new() };
        // The kernel finds the gradient of b on the way to that of w.
        let need_w = *need_w || (self.biased && rest.first() == Some(&true));
        let found = self.kernel(x, w).backward(x.values, w.values, gradient, (*need_x, need_w));
        let mut gradients = vec![found.x.map(Gradient::Values), found.w.map(Gradient::Values)];
        if self.biased {
            gradients.push(Some(Gradient::Values(found.b)));
        }
        let of_residual = needed.get(gradients.len()) == Some(&true);
        gradients.push(of_residual.then(|| {
            if self.scale == 1.0 { Gradient::Same } else { Gradient::Values(scaled(gradient, self.scale)) }
        }));
        gradients
    }

    fn keeps(&self, input: usize) -> bool {
        input < 2
    }
}
