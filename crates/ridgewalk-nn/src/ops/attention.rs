//! Self-attention (arXiv 1706.03762) of the tokens of every sample.
//!
//! ```text
//! y = softmax(q kᵀ/√d) v                                             per sample and head
//! ```

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use ridgewalk_kernels::network::Attention;

use super::Matrix;
use super::fused::{self, Gradient, Input, Operation, Outcome};

/// `qkv` `[n·t, 3·c]`: queries, keys and values side by side, heads side by side within each; the result `[n·t, c]`.
pub(crate) fn attention(qkv: Matrix, heads: usize, samples: usize) -> Matrix {
    let [rows, columns] = qkv.dims();
    let tokens = rows / samples.max(1);
    let operation = Fused(Attention { samples, tokens, channels: columns / 3, heads });
    fused::apply(operation, vec![qkv.clone()]).unwrap_or_else(|| composed(qkv, heads, samples))
}

/// The same in ordinary operations.
pub(crate) fn composed(qkv: Matrix, heads: usize, samples: usize) -> Matrix {
    let [q, k, v] = split(qkv, heads, samples);
    joined(weights(q, k).matmul(v))
}

/// Queries, keys and values, `[n, heads, t, c/heads]` each.
pub(crate) fn split(qkv: Matrix, heads: usize, samples: usize) -> [Tensor<4>; 3] {
    let [rows, columns] = qkv.dims();
    let (tokens, channels) = (rows / samples.max(1), columns / 3);
    [0, 1, 2].map(|part| {
        qkv.clone()
            .narrow(1, part * channels, channels)
            .reshape([samples, tokens, heads, channels / heads.max(1)])
            .permute([0, 2, 1, 3])
    })
}

/// softmax(q kᵀ/√d), `[n, heads, t, t]`.
pub(crate) fn weights(q: Tensor<4>, k: Tensor<4>) -> Tensor<4> {
    let scale = 1.0 / (q.dims()[3] as f64).sqrt();
    softmax(q.matmul(k.swap_dims(2, 3)).mul_scalar(scale), 3)
}

/// `[n, heads, t, c/heads]` as `[n·t, c]`.
pub(crate) fn joined(y: Tensor<4>) -> Matrix {
    let [samples, heads, tokens, width] = y.dims();
    y.permute([0, 2, 1, 3]).reshape([samples * tokens, heads * width])
}

#[derive(Debug)]
struct Fused(Attention);

impl Operation for Fused {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [qkv, ..] = inputs else { return Outcome::none() };
        let (values, saved) = self.0.forward(qkv.values);
        Outcome { dims: [qkv.dims[0], self.0.channels], values, saved }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        saved: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [qkv, ..] = inputs else { return Vec::new() };
        vec![Some(Gradient::Values(self.0.backward(qkv.values, saved, gradient)))]
    }
}
