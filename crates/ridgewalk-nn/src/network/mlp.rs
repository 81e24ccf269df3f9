//! A multilayer perceptron, for vectors.
//!
//! ```text
//! h₀ = act(W₀ [x, e] + b₀),   hᵢ = act(Wᵢ hᵢ₋₁ + bᵢ) (+ hᵢ₋₁),   F = W hₗ + b
//! ```
//!
//! where e is the embedding of the noise level and the class, if the network is told any.

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
}

impl Default for MlpConfig {
    fn default() -> Self {
        MlpConfig { width: 256, depth: 4, embedding: 64, residual: true, activation: Activation::Silu }
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
    embedding: Option<Embedding>,
    layers: Vec<Linear>,
    last: Linear,
    residual: bool,
    activation: Activation,
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
        let last = Linear::of(layout, &name, [inputs, dim], Form::Linear, init, bias);
        Mlp { embedding, layers, last, residual: config.residual, activation: config.activation }
    }

    /// See [`Network::values_per_point`](super::Network::values_per_point).
    pub fn values_per_point(&self) -> usize {
        self.layers.iter().map(Linear::outputs).sum()
    }

    pub fn forward<V: Value>(&self, leaves: &Leaves, x: V, condition: &Condition<V>, like: &Matrix) -> V {
        let [samples, _] = x.dims();
        let mut h = x;
        if let Some(embedding) = &self.embedding {
            h = h.join(embedding.apply(leaves, condition, like, samples), 1.0);
        }
        for (index, layer) in self.layers.iter().enumerate() {
            let y = layer.apply(leaves, h.clone(), self.activation);
            h = if self.residual && index > 0 { h.sum(y, 1.0) } else { y };
        }
        self.last.apply(leaves, h, Activation::None)
    }
}
