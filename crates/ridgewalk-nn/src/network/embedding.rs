//! What a network is told besides the state: the noise level and the class, as one vector per sample.
//!
//! ```text
//! e = act(W₂ act(W₁ (waves(c_noise) + C·class)))
//! ```
//!
//! as in EDM (arXiv 2206.00364). A blind network is told no noise level (arXiv 2602.18428); if it has no classes either,
//! its e is a learned constant: that of c_noise = 0.

use burn::tensor::TensorData;

use crate::ops::{Activation, Matrix};
use crate::parameters::{Form, Init, Layout, Leaves};

use super::Value;
use super::layer::Linear;

/// The lowest frequency of the waves is one over this.
const LONGEST: f64 = 10_000.0;

/// The condition of a batch: c_noise `[n, 1]`, none if the network is blind; classes `[n, k]`, one 1 a row, or none in a
/// row where the class is left out.
#[derive(Debug, Clone)]
pub(crate) struct Condition<V> {
    pub noise: Option<V>,
    pub class: Option<Matrix>,
}

/// The order in which the waves stand, and their frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Waves {
    /// Sines first, the lowest frequency included: EDM's positional embedding.
    SineFirst,
    /// Cosines first, the lowest frequency excluded: that of DiT.
    CosineFirst,
}

/// The vector of every sample.
#[derive(Debug, Clone)]
pub(crate) struct Embedding {
    waves: usize,
    order: Waves,
    classes: Option<Linear>,
    class_scale: f32,
    layers: [Linear; 2],
    last: Activation,
}

impl Embedding {
    /// EDM's: Xavier's law, and the class added to the waves.
    pub fn edm(layout: &mut Layout, waves: usize, width: usize, classes: usize) -> Self {
        let own = (classes > 0).then(|| Linear::xavier(layout, "map_label", classes, waves, 1.0));
        Embedding {
            waves,
            order: Waves::SineFirst,
            classes: own,
            class_scale: (classes as f64).sqrt() as f32,
            layers: [
                Linear::xavier(layout, "map_layer0", waves, width, 1.0),
                Linear::xavier(layout, "map_layer1", width, width, 1.0),
            ],
            last: Activation::Silu,
        }
    }

    /// That of DiT, without the class, which is added after.
    pub fn dit(layout: &mut Layout, waves: usize, width: usize) -> Self {
        let init = Init::Normal(0.02);
        let mut linear = |name: &str, inputs: usize| {
            Linear::of(layout, name, [inputs, width], Form::Linear, init, Some(Init::Constant(0.0)))
        };
        Embedding {
            waves,
            order: Waves::CosineFirst,
            classes: None,
            class_scale: 1.0,
            layers: [linear("t_embedder.mlp.0", waves), linear("t_embedder.mlp.2", width)],
            last: Activation::None,
        }
    }

    /// `[n, width]` for n samples.
    pub fn apply<V: Value>(
        &self,
        leaves: &Leaves,
        condition: &Condition<V>,
        like: &Matrix,
        samples: usize,
    ) -> V {
        let device = like.device();
        let noise =
            condition.noise.clone().unwrap_or_else(|| V::constant(Matrix::zeros([samples, 1], &device)));
        let half = self.waves / 2;
        let last = match self.order {
            Waves::SineFirst => half.saturating_sub(1).max(1),
            Waves::CosineFirst => half.max(1),
        };
        let frequency = |k: usize| libm::exp(-libm::log(LONGEST) * k as f64 / last as f64) as f32;
        let frequencies: Vec<f32> = (0..half).map(frequency).collect();
        let frequencies = Matrix::from_data(TensorData::new(frequencies, [1, half]), &device);
        let waves = noise.waves(frequencies);
        let mut e = match self.order {
            Waves::SineFirst => {
                let sines = waves.clone().columns(half, half);
                sines.join(waves.columns(0, half), 1.0)
            }
            Waves::CosineFirst => waves,
        };
        if let (Some(layer), Some(class)) = (&self.classes, &condition.class) {
            let class = V::constant(class.clone().mul_scalar(self.class_scale));
            e = e.sum(layer.apply(leaves, class, Activation::None), 1.0);
        }
        let e = self.layers[0].apply(leaves, e, Activation::Silu);
        self.layers[1].apply(leaves, e, self.last)
    }
}
