use ridgewalk::Shape;
use ridgewalk::random::{Purpose, Stream};

use super::*;
use crate::network::{Architecture, MlpConfig, NetworkConfig};
use crate::neural::ModelConfig;
use crate::ops::Activation;
use crate::preconditioning::Prediction;

const CENTER: f64 = 0.4;
const SCALE: f64 = 1.7;

fn config(prediction: Prediction, mlp: MlpConfig, dim: usize) -> ModelConfig {
    ModelConfig {
        network: NetworkConfig {
            blind: mlp.depth == 0,
            architecture: Architecture::Mlp(MlpConfig { potential: true, ..mlp }),
            shape: Shape::Vector(dim),
            classes: 0,
        },
        preconditioning: Preconditioning { prediction, center: CENTER, scale: SCALE },
        label: crate::label::NoiseLabel::default(),
    }
}

fn small(activation: Activation) -> MlpConfig {
    MlpConfig { width: 12, depth: 3, embedding: 8, activation, ..MlpConfig::default() }
}

fn normals(count: usize, seed: u64, size: f64) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    (0..count).map(|_| size * stream.normal()).collect()
}

fn stirred(config: &ModelConfig) -> Vec<f32> {
    let count = Model::new(config).unwrap().layout().len();
    normals(count, 3, 0.3).into_iter().map(|value| value as f32).collect()
}

/// Along a direction of all numbers at once; central differences with h = 0.005 in single precision.
#[test]
fn the_gradient_of_the_regulariser_is_that_of_differences() {
    for activation in [Activation::Silu, Activation::Gelu, Activation::Softplus] {
        let config = config(Prediction::Edm, small(activation), 2);
        let model = Model::new(&config).unwrap();
        let values = stirred(&config);
        let direction = normals(values.len(), 13, 1.0);
        let sample = |(index, sigma): (usize, f64)| Sample {
            clean: normals(2, 20 + index as u64, 1.0),
            noise: normals(2, 40 + index as u64, 1.0),
            sigma,
            class: None,
            weight: 1.0 + index as f64,
        };
        let samples: Vec<Sample> = [0.4, 1.0, 5.0].into_iter().enumerate().map(sample).collect();
        let device = Device::flex();
        let at = |h: f64| {
            let moved: Vec<f32> =
                values.iter().zip(&direction).map(|(v, d)| (f64::from(*v) + h * d) as f32).collect();
            let leaves = Leaves::new(model.layout(), &moved, &device);
            let found = penalties(&model, &leaves, &samples, &device).unwrap().into_data();
            found.iter::<f32>().map(f64::from).sum::<f64>()
        };
        let h = 0.005;
        let difference = (at(h) - at(-h)) / (2.0 * h);
        let leaves = Leaves::new(model.layout(), &values, &device).tracked();
        let loss = penalties(&model, &leaves, &samples, &device.clone().autodiff()).unwrap().sum();
        let mut gradients = loss.backward();
        let mut along = 0.0;
        for (leaf, entry) in leaves.tensors().iter().zip(model.layout().entries()) {
            let gradient = leaf.grad_remove(&mut gradients).unwrap().into_data();
            let own = direction.iter().skip(entry.offset);
            along += gradient.iter::<f32>().zip(own).map(|(g, d)| f64::from(g) * d).sum::<f64>();
        }
        assert!((along - difference).abs() < 1e-2 * difference.abs(), "{activation:?}: {along} {difference}");
    }
}
