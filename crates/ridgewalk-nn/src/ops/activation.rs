//! The nonlinearities.

use burn::tensor::activation::{gelu_approximate, sigmoid, silu, softplus, tanh};
use serde::{Deserialize, Serialize};

use ridgewalk_kernels::network::Nonlinearity;

use super::Matrix;
use super::fused::{self, Gradient, Input, Operation, Outcome};

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

impl Activation {
    /// The same in the kernels, if they have it.
    pub(super) fn in_kernels(self) -> Option<Nonlinearity> {
        match self {
            Activation::None => Some(Nonlinearity::None),
            Activation::Silu => Some(Nonlinearity::Silu),
            Activation::Gelu => Some(Nonlinearity::Gelu),
            Activation::Softplus => None,
        }
    }
}

/// The nonlinearity of every value.
pub(crate) fn activate(x: Matrix, activation: Activation) -> Matrix {
    match activation.in_kernels() {
        Some(Nonlinearity::None) => x,
        Some(nonlinearity) => {
            fused::apply(Fused(nonlinearity), vec![x.clone()]).unwrap_or_else(|| composed(x, activation))
        }
        None => composed(x, activation),
    }
}

/// The same in ordinary operations.
pub(crate) fn composed(x: Matrix, activation: Activation) -> Matrix {
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

/// Its second derivative at every value, itself differentiable.
pub(crate) fn curvature(x: Matrix, activation: Activation) -> Matrix {
    match activation {
        Activation::None => x.zeros_like(),
        Activation::Silu => {
            let s = sigmoid(x.clone());
            let odd = s.clone().mul_scalar(-2.0).add_scalar(1.0);
            s.clone() * s.neg().add_scalar(1.0) * (x * odd).add_scalar(2.0)
        }
        Activation::Gelu => {
            // With p the argument of the tangent t: (1 − t²)(p′ + x(p″/2 − t p′²)).
            let square = x.clone() * x.clone();
            let inner = x.clone() * square.clone().mul_scalar(GELU_CUBIC).add_scalar(1.0).mul_scalar(GELU);
            let t = tanh(inner);
            let first = square.mul_scalar(3.0 * GELU_CUBIC).add_scalar(1.0).mul_scalar(GELU);
            let second = x.clone().mul_scalar(6.0 * GELU * GELU_CUBIC);
            let bent = second.mul_scalar(0.5) - t.clone() * first.clone() * first.clone();
            (t.clone() * t).neg().add_scalar(1.0) * (first + x * bent)
        }
        Activation::Softplus => {
            let s = sigmoid(x);
            s.clone() * s.neg().add_scalar(1.0)
        }
    }
}

#[derive(Debug)]
struct Fused(Nonlinearity);

impl Operation for Fused {
    fn forward(&self, inputs: &[Input<'_>]) -> Outcome {
        let [x, ..] = inputs else { return Outcome::none() };
        Outcome { dims: x.dims, values: self.0.forward(x.values), saved: Vec::new() }
    }

    fn backward(
        &self,
        inputs: &[Input<'_>],
        _: &[f32],
        gradient: &[f32],
        _: &[bool],
    ) -> Vec<Option<Gradient>> {
        let [x, ..] = inputs else { return Vec::new() };
        vec![Some(Gradient::Values(self.0.backward(x.values, gradient)))]
    }
}
