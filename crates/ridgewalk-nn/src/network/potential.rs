//! A perceptron as a potential: its one output Φ, and the gradient F = ∇Φ that the network answers (arXiv 2311.15996).
//!
//! ```text
//! ∇_hₗ Φ = w,   ∇_hᵢ₋₁ Φ = Wᵢᵀ (act′(aᵢ) ⊙ ∇_hᵢ Φ) (+ ∇_hᵢ Φ),   aᵢ = Wᵢ hᵢ₋₁ + bᵢ
//! ```
//!
//! The backward pass is written out in operations that have derivatives: forward mode through it gives the Hessian along
//! a direction, reverse mode the gradient of a loss that contains either.

use crate::ops::{Activation, Matrix};
use crate::parameters::Leaves;

use super::Value;
use super::embedding::Condition;
use super::mlp::Mlp;

impl Mlp {
    /// F = ∇ₓΦ `[n, d]` of a perceptron of one output.
    pub(super) fn gradient<V: Value>(
        &self,
        leaves: &Leaves,
        x: V,
        condition: &Condition<V>,
        like: &Matrix,
    ) -> V {
        let [samples, dim] = x.dims();
        let mut h = self.input(leaves, x, condition, like);
        let mut slopes = Vec::with_capacity(self.layers.len());
        for (index, layer) in self.layers.iter().enumerate() {
            let before = layer.apply(leaves, h.clone(), Activation::None);
            slopes.push(before.clone().slope(self.activation));
            let y = before.activate(self.activation);
            h = if self.residual && index > 0 { h.sum(y, 1.0) } else { y };
        }
        // The state alone is moved: what stands beside it in the first layer's input is no coordinate.
        let inputs = |index: usize| match index.checked_sub(1).and_then(|below| self.layers.get(below)) {
            Some(below) => below.outputs(),
            None => dim,
        };
        let ones = V::constant(Matrix::ones([samples, 1], &like.device()));
        let mut gradient = self.last.transposed(leaves, ones, inputs(self.layers.len()));
        for ((index, layer), slope) in self.layers.iter().enumerate().zip(slopes).rev() {
            let back = layer.transposed(leaves, gradient.clone().times(slope), inputs(index));
            gradient = if self.residual && index > 0 { gradient.sum(back, 1.0) } else { back };
        }
        gradient
    }
}
