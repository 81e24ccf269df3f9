//! A multilayer perceptron, for vectors.
//!
//! ```text
//! h₀ = act(W₀ [x, e] + b₀),   hᵢ = act(Wᵢ hᵢ₋₁ + bᵢ) (+ hᵢ₋₁),   F = W hₗ + b
//! ```
//!
//! where e is the embedding of the noise level and the class, if the network is told any. Of a potential the last layer has
//! one output, and F is its gradient: see [`potential`](super::potential).

use serde::{Deserialize, Serialize};

use crate::ops::{Activation, Matrix};
use crate::parameters::{Form, Init, Layout, Leaves};

use super::Value;
use super::embedding::{Condition, Embedding};
use super::layer::Linear;

/// Size of a multilayer perceptron.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MlpConfig {
    /// Channels of hidden layers.
    pub width: usize,
    /// Number of hidden layers.
    pub depth: usize,
    /// Width of the embedding of the noise level; even.
    pub embedding: usize,
    /// Whether a hidden layer adds to what it is given.
    pub residual: bool,
    /// The nonlinearity.
    pub activation: Activation,
    /// Whether it is a potential: of one output, whose gradient is what the network answers (arXiv 2311.15996).
    pub potential: bool,
}

impl Default for MlpConfig {
    fn default() -> Self {
        MlpConfig {
            width: 256,
            depth: 4,
            embedding: 64,
            residual: true,
            activation: Activation::Silu,
            potential: false,
        }
    }
}

impl MlpConfig {
    /// For vectors of `dim` numbers: wide enough to hold them four times, within 128 to 1024.
    pub fn for_dim(dim: usize) -> Self {
        let width = (4 * dim).next_power_of_two().clamp(128, 1024);
        MlpConfig { width, ..MlpConfig::default() }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Mlp {
    pub(super) embedding: Option<Embedding>,
    pub(super) layers: Vec<Linear>,
    pub(super) last: Linear,
    pub(super) residual: bool,
    pub(super) activation: Activation,
    pub(super) potential: bool,
}

impl Mlp {
    pub fn new(config: &MlpConfig, dim: usize, classes: usize, blind: bool, layout: &mut Layout) -> Self {
        let told = !blind || classes > 0;
        let embedding = told.then(|| Embedding::edm(layout, config.embedding, config.embedding, classes));
        let extra = if told { config.embedding } else { 0 };
        let mut layers = Vec::new();
        for index in 0..config.depth {
            let inputs = if index == 0 { dim + extra } else { config.width };
            layers.push(Linear::new(layout, &format!("layers.{index}"), inputs, config.width));
        }
        let name = format!("layers.{}", config.depth);
        let inputs = if config.depth == 0 { dim + extra } else { config.width };
        // Beginning at zero, the denoiser begins as the best linear one of isotropic data.
        let (init, bias) = (Init::Constant(0.0), Some(Init::Constant(0.0)));
        let outputs = if config.potential { 1 } else { dim };
        let last = Linear::of(layout, &name, [inputs, outputs], Form::Linear, init, bias);
        let MlpConfig { residual, activation, potential, .. } = *config;
        Mlp { embedding, layers, last, residual, activation, potential }
    }

    /// See [`Network::values_per_point`](super::Network::values_per_point).
    pub fn values_per_point(&self) -> usize {
        self.layers.iter().map(Linear::outputs).sum()
    }

    /// What the first layer is given: the state, with the embedding beside it.
    pub(super) fn input<V: Value>(
        &self,
        leaves: &Leaves,
        x: V,
        condition: &Condition<V>,
        like: &Matrix,
    ) -> V {
        let [samples, _] = x.dims();
        match &self.embedding {
            Some(embedding) => x.join(embedding.apply(leaves, condition, like, samples), 1.0),
            None => x,
        }
    }

    /// The last layer's output.
    pub fn forward<V: Value>(&self, leaves: &Leaves, x: V, condition: &Condition<V>, like: &Matrix) -> V {
        let mut h = self.input(leaves, x, condition, like);
        for (index, layer) in self.layers.iter().enumerate() {
            let y = layer.apply(leaves, h.clone(), self.activation);
            h = if self.residual && index > 0 { h.sum(y, 1.0) } else { y };
        }
        self.last.apply(leaves, h, Activation::None)
    }
}
