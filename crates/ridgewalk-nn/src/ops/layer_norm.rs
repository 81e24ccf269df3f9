//! Layer normalisation (arXiv 1607.06450) without gain of its own, modulated per sample (adaLN, arXiv 2212.09748).
//!
//! ```text
//! y = (x − mean)/√(variance + ε) · (1 + scale) + shift                per row
//! ```

use super::{EPSILON, Matrix, by_sample, flat, one_row};

/// `x` `[n·t, c]`; modulation (scale, shift) `[n, c]` each.
pub(crate) fn layer_norm(x: Matrix, modulation: Option<(Matrix, Matrix)>) -> Matrix {
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
