//! The nonlinearities.

use burn::tensor::activation::{gelu_approximate, sigmoid, silu, softplus, tanh};
use serde::{Deserialize, Serialize};

use super::Matrix;

/// √(2/π), of the customary form of GELU by a hyperbolic tangent (arXiv 1606.08415).
const GELU: f64 = 0.797_884_560_802_865_4;
const GELU_CUBIC: f64 = 0.044_715;

/// A nonlinearity, applied to every value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Activation {
    /// None: the value itself.
    None,
    /// x·sigmoid(x) (arXiv 1702.03118), also called swish.
    #[default]
    Silu,
    /// The Gaussian error linear unit in its form by a hyperbolic tangent (arXiv 1606.08415).
    Gelu,
    /// log(1 + eˣ): smooth to all orders, for potentials.
    Softplus,
}

/// The nonlinearity of every value.
pub(crate) fn activate(x: Matrix, activation: Activation) -> Matrix {
    match activation {
        Activation::None => x,
        Activation::Silu => silu(x),
        Activation::Gelu => gelu_approximate(x),
        Activation::Softplus => softplus(x, 1.0),
    }
}

/// Its derivative at every value, itself differentiable.
pub(crate) fn slope(x: Matrix, activation: Activation) -> Matrix {
    match activation {
        Activation::None => x.ones_like(),
        Activation::Silu => {
            let s = sigmoid(x.clone());
            s.clone() * ((s.neg().add_scalar(1.0) * x).add_scalar(1.0))
        }
        Activation::Gelu => {
            let square = x.clone() * x.clone();
            let inner = x.clone() * square.clone().mul_scalar(GELU_CUBIC).add_scalar(1.0).mul_scalar(GELU);
            let t = tanh(inner);
            let inner_slope = square.mul_scalar(3.0 * GELU_CUBIC).add_scalar(1.0).mul_scalar(GELU);
            let part = (t.clone() * t.clone()).neg().add_scalar(1.0) * x * inner_slope;
            (t.add_scalar(1.0) + part).mul_scalar(0.5)
        }
        Activation::Softplus => sigmoid(x),
    }
}
