//! What flows through a network: the operations that every architecture is made of.

use crate::ops::{self, Activation, Grid, Matrix};

/// A matrix, or a matrix with a tangent.
pub(crate) trait Value: Clone {
    /// Without a tangent: what does not depend on where the network is asked.
    fn constant(matrix: Matrix) -> Self;

    /// Rows and columns.
    fn dims(&self) -> [usize; 2];

    /// act(x w + b); see [`ops::linear`].
    fn linear(self, w: Matrix, b: Option<Matrix>, activation: Activation) -> Self;

    /// (x ∗ w + b + residual)·scale; see [`ops::conv3x3`].
    fn conv3x3(self, w: Matrix, b: Option<Matrix>, residual: Option<Self>, scale: f32, grid: Grid) -> Self;

    /// See [`ops::group_norm`].
    fn group_norm(self, affine: (Matrix, Matrix), modulation: Option<(Self, Self)>, norm: Norm) -> Self;

    /// See [`ops::layer_norm`].
    fn layer_norm(self, modulation: Option<(Self, Self)>) -> Self;

    /// Self-attention of queries, keys and values side by side; see [`ops::attention`].
    fn attention(self, heads: usize, samples: usize) -> Self;

    /// Means over blocks of 2×2.
    fn downsample(self, grid: Grid) -> Self;

    /// Every pixel four times.
    fn upsample(self, grid: Grid) -> Self;

    /// `[self, scale·other]`, channels side by side.
    fn join(self, other: Self, scale: f32) -> Self;

    /// (self + other)·scale.
    fn sum(self, other: Self, scale: f32) -> Self;

    /// self + gate ⊙ y, with a gate per sample.
    fn gated_add(self, gate: Self, y: Self) -> Self;

    /// self + b, with b per sample.
    fn shift(self, b: Self) -> Self;

    /// The nonlinearity alone.
    fn activate(self, activation: Activation) -> Self;

    /// The derivative of the nonlinearity at every value.
    fn slope(self, activation: Activation) -> Self;

    /// Products value by value.
    fn times(self, other: Self) -> Self;

    /// `[cos(x·f), sin(x·f)]` of a column x with a row f of frequencies.
    fn waves(self, frequencies: Matrix) -> Self;

    /// Columns from `first` on, `count` of them.
    fn columns(self, first: usize, count: usize) -> Self;

    /// The same values, rows and columns counted anew.
    fn reshape(self, dims: [usize; 2]) -> Self;

    /// Rows in another order: images cut into patches, or patches put together; see [`Patches`].
    fn patches(self, patches: Patches) -> Self;
}

/// What a group normalisation is told besides its numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Norm {
    pub groups: usize,
    pub activation: Activation,
    pub grid: Grid,
}

/// Images cut into square patches, one row each: `[n·h·w, c]` to `[n·(h/p)·(w/p), p·p·c]` with the order (y, x, c) within.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patches {
    pub grid: Grid,
    pub side: usize,
    pub channels: usize,
    /// From images to patches, or back.
    pub cut: bool,
}

impl Patches {
    fn apply(self, x: Matrix) -> Matrix {
        let Patches { grid, side, channels, cut } = self;
        let (lines, columns) = (grid.images * (grid.height / side), grid.width / side);
        if cut {
            let blocks: burn::tensor::Tensor<5> = x.reshape([lines, side, columns, side, channels]);
            blocks.permute([0, 2, 1, 3, 4]).reshape([lines * columns, side * side * channels])
        } else {
            let blocks: burn::tensor::Tensor<5> = x.reshape([lines, columns, side, side, channels]);
            blocks.permute([0, 2, 1, 3, 4]).reshape([grid.images * grid.pixels(), channels])
        }
    }
}

impl Value for Matrix {
    fn constant(matrix: Matrix) -> Self {
        matrix
    }

    fn dims(&self) -> [usize; 2] {
        Matrix::dims(self)
    }

    fn linear(self, w: Matrix, b: Option<Matrix>, activation: Activation) -> Self {
        ops::linear(self, w, b, activation)
    }

    fn conv3x3(self, w: Matrix, b: Option<Matrix>, residual: Option<Self>, scale: f32, grid: Grid) -> Self {
        ops::conv3x3(self, w, b, residual, scale, grid)
    }

    fn group_norm(self, affine: (Matrix, Matrix), modulation: Option<(Self, Self)>, norm: Norm) -> Self {
        ops::group_norm(self, affine, modulation, norm.groups, norm.activation, norm.grid)
    }

    fn layer_norm(self, modulation: Option<(Self, Self)>) -> Self {
        ops::layer_norm(self, modulation)
    }

    fn attention(self, heads: usize, samples: usize) -> Self {
        ops::attention(self, heads, samples)
    }

    fn downsample(self, grid: Grid) -> Self {
        ops::downsample(self, grid)
    }

    fn upsample(self, grid: Grid) -> Self {
        ops::upsample(self, grid)
    }

    fn join(self, other: Self, scale: f32) -> Self {
        ops::join(self, other, scale)
    }

    fn sum(self, other: Self, scale: f32) -> Self {
        ops::scaled_sum(self, other, scale)
    }

    fn gated_add(self, gate: Self, y: Self) -> Self {
        ops::gated_add(self, gate, y)
    }

    fn shift(self, b: Self) -> Self {
        ops::shift(self, b)
    }

    fn activate(self, activation: Activation) -> Self {
        ops::activate(self, activation)
    }

    fn slope(self, activation: Activation) -> Self {
        ops::slope(self, activation)
    }

    fn times(self, other: Self) -> Self {
        self * other
    }

    fn waves(self, frequencies: Matrix) -> Self {
        let phase = self.matmul(frequencies);
        Matrix::cat(vec![phase.clone().cos(), phase.sin()], 1)
    }

    fn columns(self, first: usize, count: usize) -> Self {
        self.narrow(1, first, count)
    }

    fn reshape(self, dims: [usize; 2]) -> Self {
        Matrix::reshape(self, dims)
    }

    fn patches(self, patches: Patches) -> Self {
        patches.apply(self)
    }
}
