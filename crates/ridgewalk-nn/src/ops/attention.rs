//! Self-attention (arXiv 1706.03762) of the tokens of every sample.
//!
//! ```text
//! y = softmax(q kᵀ/√d) v                                             per sample and head
//! ```

use burn::tensor::Tensor;
use burn::tensor::activation::softmax;

use super::Matrix;

/// `qkv` `[n·t, 3·c]`: queries, keys and values side by side, heads side by side within each; the result `[n·t, c]`.
pub(crate) fn attention(qkv: Matrix, heads: usize, samples: usize) -> Matrix {
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
