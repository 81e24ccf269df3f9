//! Layer normalisation (arXiv 1607.06450) without gain of its own, modulated per sample (adaLN, arXiv 2212.09748).
//!
//! ```text
//! y = (x − mean)/√(variance + ε) · (1 + scale) + shift                per row
//! ```

use ridgewalk_kernels::network::LayerNorm;

use super::fused::{self, Gradient, Input, Operation, Outcome};
use super::{EPSILON, Matrix, by_sample, flat, one_row};

/// `x` `[n·t, c]`; modulation (scale, shift) `[n, c]` each.
pub(crate) fn layer_norm(x: Matrix, modulation: Option<(Matrix, Matrix)>) -> Matrix {
    let extra = modulation.iter().flat_map(|(scale, shift)| [scale.clone(), shift.clone()]);
    let inputs = std::iter::once(x.clone()).chain(extra).collect();
    fused::apply(Fused, inputs).unwrap_or_else(|| composed(x, modulation))
}

/// The same in ordinary operations.
pub(crate) fn composed(x: Matrix, modulation: Option<(Matrix, Matrix)>) -> Matrix {
    let y = standardised(x);
    match modulation {
        Some((scale, shift)) => {
            let samples = scale.dims()[0];
            flat(by_sample(y, samples) * one_row(scale).add_scalar(1.0) + one_row(shift))
        }
        None => y,
    }
}

/// (x − mean)/√(variance + ε) of every row.
pub(crate) fn standardised(x: Matrix) -> Matrix {
    let centered = x.clone() - x.mean_dim(1);
    let variance = (centered.clone() * centered.clone()).mean_dim(1);
    centered / variance.add_scalar(EPSILON).sqrt()
}

#[derive(Debug)]
struct Fused;

fn kernel(x: &Input<'_>, scale: Option<&Input<'_>>) -> LayerNorm {
    let samples = scale.map_or(1, |scale| scale.dims[0]);
    let rows = x.dims[0] / samples.max(1);
    LayerNorm { samples, rows, channels: x.dims[1], epsilon: EPSILON as f32 }
}

impl Operation for Fused {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, rest @ ..] = inputs else { return Outcome::none() };
        let modulation = if let [a, b, ..] = rest { Some((a.values, b.values)) } else { None };
        let (values, saved) = kernel(x, rest.first()).forward(x.values, modulation);
        Outcome { dims: x.dims, values, saved }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        saved: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [x, rest @ ..] = inputs else { return Vec::new() };
        let scale = rest.first();
        let found = kernel(x, scale).backward(x.values, scale.map(|s| s.values), saved, gradient);
        let (scale, shift) = found.modulation.unzip();
        [Some(found.x), scale, shift].into_iter().map(|found| found.map(Gradient::Values)).collect()
    }

    fn keeps(&self, input: usize) -> bool {
        input < 2
    }
}
