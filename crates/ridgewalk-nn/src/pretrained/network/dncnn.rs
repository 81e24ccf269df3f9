//! DnCNN (arXiv 1608.03981), blind and, without biases, homogeneous (arXiv 1906.05478).
//!
//! ```text
//! D(y) = y − N(y),    N = C_L ∘ ρ ∘ C_{L−1} ∘ … ∘ ρ ∘ C_1,    C of 3×3, ρ the rectifier
//! ```
//!
//! Batch normalisation is folded into the convolutions, as it can be once a network is trained.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{Convolution, Network, rectified};

/// Convolutions with rectifiers between them, subtracted from their input.
pub(crate) struct DnCnn {
    layers: Vec<Convolution>,
    radius: usize,
}

impl DnCnn {
    /// From its convolutions in order; `radius` is the sum of their paddings.
    pub fn new(layers: Vec<Convolution>, radius: usize) -> Self {
        DnCnn { layers, radius }
    }
}

impl Network for DnCnn {
    fn multiple(&self) -> usize {
        1
    }

    fn radius(&self) -> usize {
        self.radius
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut noise = x.clone();
        for (index, layer) in self.layers.iter().enumerate() {
            noise = layer.forward(if index == 0 { noise } else { relu(noise) });
        }
        x - noise
    }

    fn tangent(&self, x: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
        let (mut noise, mut of_noise) = (x, v.clone());
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                (noise, of_noise) = rectified(noise, of_noise);
            }
            (noise, of_noise) = (layer.forward(noise), layer.tangent(of_noise));
        }
        v - of_noise
    }
}
