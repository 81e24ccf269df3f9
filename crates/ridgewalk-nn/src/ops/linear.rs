//! y = act(x w + b).

use super::{Activation, Matrix, activate};

/// `x` `[rows, c_in]`, `w` `[c_in, c_out]`, `b` `[1, c_out]`.
pub(crate) fn linear(x: Matrix, w: Matrix, b: Option<Matrix>, activation: Activation) -> Matrix {
    let product = x.matmul(w);
    activate(
        match b {
            Some(b) => product + b,
            None => product,
        },
        activation,
    )
}
