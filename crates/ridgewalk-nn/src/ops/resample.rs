//! Half and double size of images, and channels side by side.

use burn::tensor::Tensor;

use ridgewalk_kernels::network as kernels;

use super::fused::{self, Gradient, Input, Operation, Outcome};
use super::{Grid, Matrix};

/// Means over blocks of 2×2: `[n·h·w, c]` to `[n·h·w/4, c]`. `grid` is that of `x`, of even sides.
pub(crate) fn downsample(x: Matrix, grid: Grid) -> Matrix {
    fused::apply(Resample { grid, up: false }, vec![x.clone()])
        .unwrap_or_else(|| downsample_composed(x, grid))
}

/// The same in ordinary operations.
pub(crate) fn downsample_composed(x: Matrix, grid: Grid) -> Matrix {
    let [rows, channels] = x.dims();
    let (height, width) = (grid.height / 2, grid.width / 2);
    let blocks: Tensor<5> = x.reshape([grid.images * height, 2, width, 2, channels]);
    blocks.mean_dim(1).mean_dim(3).reshape([rows / 4, channels])
}

/// Every pixel four times: `[n·h·w, c]` to `[n·4·h·w, c]`. `grid` is that of `x`.
pub(crate) fn upsample(x: Matrix, grid: Grid) -> Matrix {
    fused::apply(Resample { grid, up: true }, vec![x.clone()]).unwrap_or_else(|| upsample_composed(x, grid))
}

/// The same in ordinary operations.
pub(crate) fn upsample_composed(x: Matrix, grid: Grid) -> Matrix {
    let [rows, channels] = x.dims();
    let lines = grid.images * grid.height;
    let pixels: Tensor<5> = x.reshape([lines, 1, grid.width, 1, channels]);
    pixels.repeat(&[1, 2, 1, 2, 1]).reshape([rows * 4, channels])
}

/// `[a, scale·b]`, channels side by side.
pub(crate) fn join(a: Matrix, b: Matrix, scale: f32) -> Matrix {
    fused::apply(Join { scale }, vec![a.clone(), b.clone()]).unwrap_or_else(|| join_composed(a, b, scale))
}

/// The same in ordinary operations.
pub(crate) fn join_composed(a: Matrix, b: Matrix, scale: f32) -> Matrix {
    let b = if scale == 1.0 { b } else { b.mul_scalar(scale) };
    Matrix::cat(vec![a, b], 1)
}

#[derive(Debug)]
struct Resample {
    grid: Grid,
    up: bool,
}

impl Operation for Resample {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, ..] = inputs else { return Outcome::none() };
        let ([_, channels], grid) = (x.dims, self.grid);
        let (values, grid) = if self.up {
            (kernels::upsample(x.values, grid.into(), channels, 1.0), grid.doubled())
        } else {
            (kernels::downsample(x.values, grid.into(), channels, 1.0), grid.halved())
        };
        Outcome { dims: [grid.images * grid.pixels(), channels], values, saved: Vec::new() }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        _: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [x, ..] = inputs else { return Vec::new() };
        let channels = x.dims[1];
        let values = if self.up {
            kernels::downsample(gradient, self.grid.doubled().into(), channels, 4.0)
        } else {
            kernels::upsample(gradient, self.grid.halved().into(), channels, 0.25)
        };
        vec![Some(Gradient::Values(values))]
    }

    fn keeps(&self, _: usize) -> bool {
        false
    }
}

#[derive(Debug)]
struct Join {
    scale: f32,
}

impl Operation for Join {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [a, b, ..] = inputs else { return Outcome::none() };
        let widths = (a.dims[1], b.dims[1]);
        let values = kernels::join(a.values, b.values, widths, self.scale);
        Outcome { dims: [a.dims[0], widths.0 + widths.1], values, saved: Vec::new() }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        _: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [a, b, ..] = inputs else { return Vec::new() };
        let (a, b) = kernels::split(gradient, (a.dims[1], b.dims[1]), self.scale);
        vec![Some(Gradient::Values(a)), Some(Gradient::Values(b))]
    }

    fn keeps(&self, _: usize) -> bool {
        false
    }
}
