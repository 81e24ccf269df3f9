//! y = act(x w + b).

use ridgewalk_kernels::network::{Linear, Nonlinearity};

use super::fused::{self, Gradient, Input, Operation, Outcome};
use super::{Activation, Matrix, activate};

/// `x` `[rows, c_in]`, `w` `[c_in, c_out]`, `b` `[1, c_out]`.
pub(crate) fn linear(x: Matrix, w: Matrix, b: Option<Matrix>, activation: Activation) -> Matrix {
    let Some(nonlinearity) = activation.in_kernels() else {
        return activate(linear(x, w, b, Activation::None), activation);
    };
    let inputs = [x.clone(), w.clone()].into_iter().chain(b.clone()).collect();
    fused::apply(Fused { activation: nonlinearity }, inputs).unwrap_or_else(|| composed(x, w, b, activation))
}

/// The same in ordinary operations.
pub(crate) fn composed(x: Matrix, w: Matrix, b: Option<Matrix>, activation: Activation) -> Matrix {
    let product = x.matmul(w);
    super::activation::composed(
        match b {
            Some(b) => product + b,
            None => product,
        },
        activation,
    )
}

#[derive(Debug)]
struct Fused {
    activation: Nonlinearity,
}

impl Fused {
    fn kernel(&self, x: &Input<'_>, w: &Input<'_>) -> Linear {
        Linear { rows: x.dims[0], inputs: w.dims[0], outputs: w.dims[1], activation: self.activation }
    }
}

impl Operation for Fused {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, w, b @ ..] = inputs else { return Outcome::none() };
        let kernel = self.kernel(x, w);
        let (values, before) = kernel.forward(x.values, w.values, b.first().map(|b| b.values));
        Outcome { dims: [kernel.rows, kernel.outputs], values, saved: before.unwrap_or_default() }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        saved: &[f32],
        gradient: &[f32],
        needed: &[bool],
    ) -> Vec<Option<Gradient>> {
        let ([x, w, ..], [need_x, need_w, ..]) = (inputs, needed) else { return Vec::new() };
        let before = (self.activation != Nonlinearity::None).then_some(saved);
        let kernel = self.kernel(x, w);
        let found = kernel.backward(x.values, w.values, before, gradient, (*need_x, *need_w));
        vec![found.x.map(Gradient::Values), found.w.map(Gradient::Values), Some(Gradient::Values(found.b))]
    }

    fn keeps(&self, input: usize) -> bool {
        input < 2
    }
}
