//! The small U-Net of the bias-free denoisers (arXiv 1906.05478): one level down, dilated there, one skip.
//!
//! ```text
//! s = ρC₂ ρC₁ y                                      full size
//! h = ρC₇ᵀ ρC₆ ρC₅ ρC₄ ρC₃ s                         half size, dilations 1, 1, 2, 4; C₇ᵀ back to full
//! D(y) = C₉ ρC₈ [h, s]
//! ```

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{Convolution, Network, rectified};

/// Nine convolutions; it gives the denoised image itself.
pub(crate) struct UNet {
    /// C₁ … C₉.
    layers: [Convolution; 9],
    radius: usize,
}

/// Index of the layer whose output is kept, and of that before which it comes back.
const KEPT: usize = 1;
const JOINED: usize = 7;

impl UNet {
    /// From its convolutions in order, and how far they see.
    pub fn new(layers: [Convolution; 9], radius: usize) -> Self {
        UNet { layers, radius }
    }
}

impl Network for UNet {
    fn multiple(&self) -> usize {
        2
    }

    fn radius(&self) -> usize {
        self.radius
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let (mut state, mut kept) = (x, None);
        for (index, layer) in self.layers.iter().enumerate() {
            if let Some(kept) = kept.take_if(|_| index == JOINED) {
                state = Tensor::cat(vec![state, kept], 1);
            }
            state = layer.forward(state);
            if index + 1 < self.layers.len() {
                state = relu(state);
            }
            if index == KEPT {
                kept = Some(state.clone());
            }
        }
        state
    }

    fn tangent(&self, x: Tensor<4>, v: Tensor<4>) -> Tensor<4> {
        let (mut state, mut tangent, mut kept) = (x, v, None);
        for (index, layer) in self.layers.iter().enumerate() {
            if let Some((x, v)) = kept.take_if(|_| index == JOINED) {
                (state, tangent) = (Tensor::cat(vec![state, x], 1), Tensor::cat(vec![tangent, v], 1));
            }
            (state, tangent) = (layer.forward(state), layer.tangent(tangent));
            if index + 1 < self.layers.len() {
                (state, tangent) = rectified(state, tangent);
            }
            if index == KEPT {
                kept = Some((state.clone(), tangent.clone()));
            }
        }
        tangent
    }
}
