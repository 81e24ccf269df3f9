//! Group normalisation (arXiv 1803.08494) with modulation and activation in one.
//!
//! ```text
//! y = act((g·(x − mean)/√(variance + ε) + b)·(1 + scale) + shift)     per image and group of channels
//! ```

use burn::tensor::Tensor;

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
    activate(y, activation)
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
