//! Group normalisation (arXiv 1803.08494) with modulation and activation in one.
//!
//! ```text
//! y = act((g·(x − mean)/√(variance + ε) + b)·(1 + scale) + shift)     per image and group of channels
//! ```

use burn::tensor::Tensor;

use ridgewalk_kernels::network::{GroupNorm, Nonlinearity};

use super::fused::{self, Gradient, Input, Operation, Outcome};
use super::{Activation, Grid, Matrix, activate, by_sample, flat, one_row};

/// ε of all normalisations.
pub(crate) const EPSILON: f64 = 1e-6;

/// `x` `[n·h·w, c]`, `gain` and `bias` `[1, c]`, modulation (scale, shift) `[n, c]` each.
pub(crate) fn group_norm(
    x: Matrix,
    (gain, bias): (Matrix, Matrix),
    modulation: Option<(Matrix, Matrix)>,
    groups: usize,
    activation: Activation,
    grid: Grid,
) -> Matrix {
    let Some(nonlinearity) = activation.in_kernels() else {
        return activate(group_norm(x, (gain, bias), modulation, groups, Activation::None, grid), activation);
    };
    let operation = Fused { groups, activation: nonlinearity, grid };
    let extra = modulation.iter().flat_map(|(scale, shift)| [scale.clone(), shift.clone()]);
    let inputs = [x.clone(), gain.clone(), bias.clone()].into_iter().chain(extra).collect();
    if let Some(y) = fused::apply(operation, inputs) {
        return y;
    }
    composed(x, (gain, bias), modulation, groups, activation, grid)
}

/// The same in ordinary operations.
pub(crate) fn composed(
    x: Matrix,
    (gain, bias): (Matrix, Matrix),
    modulation: Option<(Matrix, Matrix)>,
    groups: usize,
    activation: Activation,
    grid: Grid,
) -> Matrix {
    let channels = x.dims()[1];
    let normalised = normalised(x, groups, grid);
    let y = normalised * gain + bias;
    let y = match modulation {
        Some((scale, shift)) => {
            flat(by_sample(y, grid.images) * one_row(scale).add_scalar(1.0) + one_row(shift))
        }
        None => y,
    };
    debug_assert_eq!(y.dims()[1], channels);
    super::activation::composed(y, activation)
}

/// (x − mean)/√(variance + ε) of every image and group.
pub(crate) fn normalised(x: Matrix, groups: usize, grid: Grid) -> Matrix {
    let [rows, channels] = x.dims();
    let x = grouped(x, groups, grid);
    let centered = x.clone() - mean(x);
    let variance = mean(centered.clone() * centered.clone());
    ungrouped(centered / variance.add_scalar(EPSILON).sqrt(), rows, channels)
}

/// `[n·p, c]` as `[n, p, groups, c/groups]`.
pub(crate) fn grouped(x: Matrix, groups: usize, grid: Grid) -> Tensor<4> {
    let [_, channels] = x.dims();
    x.reshape([grid.images, grid.pixels(), groups, channels / groups.max(1)])
}

/// Back from [`grouped`].
pub(crate) fn ungrouped(x: Tensor<4>, rows: usize, channels: usize) -> Matrix {
    x.reshape([rows, channels])
}

/// Mean over the pixels and channels of a group, broadcastable.
pub(crate) fn mean(x: Tensor<4>) -> Tensor<4> {
    x.mean_dim(3).mean_dim(1)
}

#[derive(Debug)]
struct Fused {
    groups: usize,
    activation: Nonlinearity,
    grid: Grid,
}

impl Fused {
    fn kernel(&self, x: &Input<'_>) -> GroupNorm {
        GroupNorm {
            images: self.grid.images,
            pixels: self.grid.pixels(),
            channels: x.dims[1],
            groups: self.groups,
            epsilon: EPSILON as f32,
            activation: self.activation,
        }
    }
}

/// (scale, shift), if there are two more inputs.
fn modulation<'a>(rest: &[Input<'a>]) -> Option<(&'a [f32], &'a [f32])> {
    if let [scale, shift, ..] = rest { Some((scale.values, shift.values)) } else { None }
}

impl Operation for Fused {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, gain, bias, rest @ ..] = inputs else { return Outcome::none() };
        let found = self.kernel(x).forward(x.values, gain.values, bias.values, modulation(rest));
        Outcome { dims: x.dims, values: found.y, saved: found.statistics }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        saved: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [x, gain, bias, rest @ ..] = inputs else { return Vec::new() };
        let affine = (gain.values, bias.values);
        let found = self.kernel(x).backward(x.values, affine, modulation(rest), saved, gradient);
        let (scale, shift) = found.modulation.unzip();
        let all = [Some(found.x), Some(found.gain), Some(found.bias), scale, shift];
        all.into_iter().map(|found| found.map(Gradient::Values)).collect()
    }
}
