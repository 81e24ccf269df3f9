//! Forward mode: a matrix and its derivative along a direction, through every operation of [`Value`].
//!
//! ```text
//! f(x) + ε f′(x) dx  =  f(x + ε dx) + O(ε²)
//! ```
//!
//! All is made of operations with derivatives, so that a Jacobian product can itself be differentiated in reverse.

use crate::ops::group_norm::{grouped, mean, normalised, ungrouped};
use crate::ops::layer_norm::standardised;
use crate::ops::{self, Activation, EPSILON, Grid, Matrix, by_sample, flat, one_row};

use super::Value;
use super::value::{Norm, Patches};

/// A value and its tangent; none is zero.
#[derive(Debug, Clone)]
pub(crate) struct Dual {
    pub at: Matrix,
    pub along: Option<Matrix>,
}

impl Dual {
    /// A value with the direction in which it moves.
    pub fn new(at: Matrix, along: Matrix) -> Self {
        Dual { at, along: Some(along) }
    }

    /// The tangent, zeros if there is none.
    pub fn tangent(&self) -> Matrix {
        self.along.clone().unwrap_or_else(|| self.at.zeros_like())
    }

    /// An operation that is linear in its one argument.
    fn map(self, f: impl Fn(Matrix) -> Matrix) -> Self {
        Dual { at: f(self.at), along: self.along.map(f) }
    }
}

/// Sum of tangents.
fn plus(a: Option<Matrix>, b: Option<Matrix>) -> Option<Matrix> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a + b),
        (a, None) => a,
        (None, b) => b,
    }
}

/// x·(1 + scale) + shift with its tangent, the normalised x given with its own.
fn modulated(x: Dual, modulation: Option<(Dual, Dual)>) -> Dual {
    let Some((scale, shift)) = modulation else { return x };
    let samples = scale.at.dims()[0];
    let factor = one_row(scale.at).add_scalar(1.0);
    let mut along = x.along.map(|dx| flat(by_sample(dx, samples) * factor.clone()));
    if let Some(scale) = scale.along {
        along = plus(along, Some(flat(by_sample(x.at.clone(), samples) * one_row(scale))));
    }
    if let Some(shift) = shift.along {
        let [rows, channels] = x.at.dims();
        let spread = one_row(shift).expand([samples, rows / samples.max(1), channels]);
        along = plus(along, Some(flat(spread)));
    }
    Dual { at: flat(by_sample(x.at, samples) * factor + one_row(shift.at)), along }
}

impl Value for Dual {
    fn constant(matrix: Matrix) -> Self {
        Dual { at: matrix, along: None }
    }

    fn dims(&self) -> [usize; 2] {
        self.at.dims()
    }

    fn linear(self, w: Matrix, b: Option<Matrix>, activation: Activation) -> Self {
        let before = Dual {
            at: ops::linear(self.at, w.clone(), b, Activation::None),
            along: self.along.map(|dx| ops::linear(dx, w, None, Activation::None)),
        };
        before.activate(activation)
    }

    fn conv3x3(self, w: Matrix, b: Option<Matrix>, residual: Option<Self>, scale: f32, grid: Grid) -> Self {
        let (at, moves) = match residual {
            Some(Dual { at, along }) => (Some(at), along),
            None => (None, None),
        };
        let along = match (self.along, moves) {
            (Some(dx), moves) => Some(ops::conv3x3(dx, w.clone(), None, moves, scale, grid)),
            (None, moves) => moves.map(|moves| moves.mul_scalar(scale)),
        };
        Dual { at: ops::conv3x3(self.at, w, b, at, scale, grid), along }
    }

    fn group_norm(
        self,
        (gain, bias): (Matrix, Matrix),
        modulation: Option<(Self, Self)>,
        norm: Norm,
    ) -> Self {
        let Norm { groups, activation, grid } = norm;
        let [rows, channels] = self.at.dims();
        let along = self.along.map(|dx| {
            // d[(x − m)/s] = (dx − mean dx)/s − x̂·mean(x̂·(dx − mean dx)/s)
            let x = grouped(self.at.clone(), groups, grid);
            let centered = x.clone() - mean(x);
            let deviation = mean(centered.clone() * centered.clone()).add_scalar(EPSILON).sqrt();
            let standard = centered / deviation.clone();
            let dx = grouped(dx, groups, grid);
            let moves = (dx.clone() - mean(dx)) / deviation;
            let back = standard.clone() * mean(standard * moves.clone());
            ungrouped(moves - back, rows, channels) * gain.clone()
        });
        let at = normalised(self.at, groups, grid) * gain + bias;
        modulated(Dual { at, along }, modulation).activate(activation)
    }

    fn layer_norm(self, modulation: Option<(Self, Self)>) -> Self {
        let along = self.along.map(|dx| {
            let centered = self.at.clone() - self.at.clone().mean_dim(1);
            let variance = (centered.clone() * centered.clone()).mean_dim(1);
            let deviation = variance.add_scalar(EPSILON).sqrt();
            let standard = centered / deviation.clone();
            let moves = (dx.clone() - dx.mean_dim(1)) / deviation;
            let back = standard.clone() * (standard * moves.clone()).mean_dim(1);
            moves - back
        });
        modulated(Dual { at: standardised(self.at), along }, modulation)
    }

    fn attention(self, heads: usize, samples: usize) -> Self {
        use ops::attention::{joined, split, weights};
        let along = self.along.map(|moves| {
            let [q, k, v] = split(self.at.clone(), heads, samples);
            let [dq, dk, dv] = split(moves, heads, samples);
            let scale = 1.0 / (q.dims()[3] as f64).sqrt();
            let p = weights(q.clone(), k.clone());
            let logits = (dq.matmul(k.swap_dims(2, 3)) + q.matmul(dk.swap_dims(2, 3))).mul_scalar(scale);
            let dp = p.clone() * (logits.clone() - (p.clone() * logits).sum_dim(3));
            joined(dp.matmul(v) + p.matmul(dv))
        });
        Dual { at: ops::attention(self.at, heads, samples), along }
    }

    fn downsample(self, grid: Grid) -> Self {
        self.map(|x| ops::downsample(x, grid))
    }

    fn upsample(self, grid: Grid) -> Self {
        self.map(|x| ops::upsample(x, grid))
    }

    fn join(self, other: Self, scale: f32) -> Self {
        let along = match (&self.along, &other.along) {
            (None, None) => None,
            _ => Some(ops::join(self.tangent(), other.tangent(), scale)),
        };
        Dual { at: ops::join(self.at, other.at, scale), along }
    }

    fn sum(self, other: Self, scale: f32) -> Self {
        let along = plus(self.along, other.along).map(|d| d.mul_scalar(scale));
        Dual { at: ops::scaled_sum(self.at, other.at, scale), along }
    }

    fn gated_add(self, gate: Self, y: Self) -> Self {
        let samples = gate.at.dims()[0];
        let mut along = self.along;
        if let Some(dy) = y.along {
            along = plus(along, Some(flat(by_sample(dy, samples) * one_row(gate.at.clone()))));
        }
        if let Some(dg) = gate.along {
            along = plus(along, Some(flat(by_sample(y.at.clone(), samples) * one_row(dg))));
        }
        Dual { at: ops::gated_add(self.at, gate.at, y.at), along }
    }

    fn shift(self, b: Self) -> Self {
        let along = match (self.along, b.along) {
            (Some(dx), Some(db)) => Some(ops::shift(dx, db)),
            (None, Some(db)) => Some(ops::shift(self.at.zeros_like(), db)),
            (along, None) => along,
        };
        Dual { at: ops::shift(self.at, b.at), along }
    }

    fn activate(self, activation: Activation) -> Self {
        if activation == Activation::None {
            return self;
        }
        let along = self.along.map(|dx| ops::slope(self.at.clone(), activation) * dx);
        Dual { at: ops::activate(self.at, activation), along }
    }

    fn slope(self, activation: Activation) -> Self {
        let along = self.along.map(|dx| ops::curvature(self.at.clone(), activation) * dx);
        Dual { at: ops::slope(self.at, activation), along }
    }

    fn times(self, other: Self) -> Self {
        let moves = self.along.map(|dx| dx * other.at.clone());
        let along = plus(moves, other.along.map(|dy| self.at.clone() * dy));
        Dual { at: self.at * other.at, along }
    }

    fn waves(self, frequencies: Matrix) -> Self {
        let phase = self.at.matmul(frequencies.clone());
        let (cos, sin) = (phase.clone().cos(), phase.sin());
        let along = self.along.map(|dx| {
            let moves = dx.matmul(frequencies);
            Matrix::cat(vec![(sin.clone() * moves.clone()).neg(), cos.clone() * moves], 1)
        });
        Dual { at: Matrix::cat(vec![cos, sin], 1), along }
    }

    fn columns(self, first: usize, count: usize) -> Self {
        self.map(|x| x.narrow(1, first, count))
    }

    fn reshape(self, dims: [usize; 2]) -> Self {
        self.map(|x| Matrix::reshape(x, dims))
    }

    fn patches(self, patches: Patches) -> Self {
        self.map(|x| Value::patches(x, patches))
    }
}
