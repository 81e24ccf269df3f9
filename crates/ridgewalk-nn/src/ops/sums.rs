//! Sums of two matrices: (a + b)·scale, and x + gate ⊙ y.

use ridgewalk_kernels::network as kernels;

use super::fused::{self, Gradient, Input, Operation, Outcome};
use super::{Matrix, by_sample, flat, one_row};

/// (a + b)·scale, elementwise.
pub(crate) fn scaled_sum(a: Matrix, b: Matrix, scale: f32) -> Matrix {
    fused::apply(Sum { scale }, vec![a.clone(), b.clone()])
        .unwrap_or_else(|| scaled_sum_composed(a, b, scale))
}

/// The same in ordinary operations.
pub(crate) fn scaled_sum_composed(a: Matrix, b: Matrix, scale: f32) -> Matrix {
    if scale == 1.0 { a + b } else { (a + b).mul_scalar(scale) }
}

/// x + gate ⊙ y, the gate `[n, c]` per sample.
pub(crate) fn gated_add(x: Matrix, gate: Matrix, y: Matrix) -> Matrix {
    let inputs = vec![x.clone(), gate.clone(), y.clone()];
    fused::apply(GatedSum, inputs).unwrap_or_else(|| gated_add_composed(x, gate, y))
}

/// The same in ordinary operations.
pub(crate) fn gated_add_composed(x: Matrix, gate: Matrix, y: Matrix) -> Matrix {
    let [samples, _] = gate.dims();
    x + flat(by_sample(y, samples) * one_row(gate))
}

#[derive(Debug)]
struct Sum {
    scale: f32,
}

impl Operation for Sum {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [a, b, ..] = inputs else { return Outcome::none() };
        let values = kernels::scaled_sum(a.values, b.values, self.scale);
        Outcome { dims: a.dims, values, saved: Vec::new() }
    }

    fn backward(
        &self,
        _: &[Input<'_>],
        _: &[f32],
        gradient: &[f32],
        needed: &[bool],
    ) -> Vec<Option<Gradient>> {
        let one = || match self.scale {
            1.0 => Gradient::Same,
            scale => Gradient::Values(kernels::scale(gradient, scale)),
        };
        needed.iter().map(|needed| needed.then(one)).collect()
    }

    fn keeps(&self, _: usize) -> bool {
        false
    }
}

#[derive(Debug)]
struct GatedSum;

impl Operation for GatedSum {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, gate, y, ..] = inputs else { return Outcome::none() };
        let values = kernels::gated_add(x.values, gate.values, y.values, gate.dims[1]);
        Outcome { dims: x.dims, values, saved: Vec::new() }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        _: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [_, gate, y, ..] = inputs else { return Vec::new() };
        let found = kernels::gated_add_backward(gradient, gate.values, y.values, gate.dims[1]);
        vec![Some(Gradient::Same), Some(Gradient::Values(found.gate)), Some(Gradient::Values(found.y))]
    }

    fn keeps(&self, input: usize) -> bool {
        input > 0
    }
}
