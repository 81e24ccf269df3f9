//! Reverse mode over forward mode: the gradient by the numbers of a network of what contains its Jacobian products.

use burn::tensor::{Device, TensorData};
use ridgewalk::Shape;
use ridgewalk::random::{Purpose, Stream};

use super::{Architecture, Condition, DitConfig, Dual, MlpConfig, Network, NetworkConfig, UNetConfig};
use crate::ops::Matrix;
use crate::parameters::Leaves;

fn normals(count: usize, seed: u64, size: f64) -> Vec<f32> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    (0..count).map(|_| (size * stream.normal()) as f32).collect()
}

fn networks() -> Vec<NetworkConfig> {
    let mlp = MlpConfig { width: 12, depth: 2, embedding: 8, ..MlpConfig::default() };
    let potential = MlpConfig { potential: true, ..mlp.clone() };
    let unet = UNetConfig {
        channels: 4,
        multipliers: vec![1, 2],
        blocks: 1,
        attention: vec![4],
        skip_scale: 0.7,
        ..UNetConfig::default()
    };
    let dit = DitConfig { patch: 2, width: 8, depth: 1, heads: 2, mlp_ratio: 2 };
    let image = Shape::Image { height: 4, width: 4, channels: 1 };
    let of = |architecture, shape| NetworkConfig { architecture, shape, classes: 0, blind: false };
    vec![
        of(Architecture::Mlp(mlp), Shape::Vector(3)),
        of(Architecture::Mlp(potential), Shape::Vector(3)),
        of(Architecture::UNet(unet), image),
        of(Architecture::Dit(dit), image),
    ]
}

/// ‖J v‖², summed over two points.
fn square(network: &Network, leaves: &Leaves, device: &Device) -> Matrix {
    let dim = network.config().shape.dim();
    let matrix = |values: Vec<f32>| Matrix::from_data(TensorData::new(values, [2, dim]), device);
    let noise = Matrix::from_data(TensorData::new(vec![0.3_f32, -0.4], [2, 1]), device);
    let x = Dual::new(matrix(normals(2 * dim, 1, 1.0)), matrix(normals(2 * dim, 2, 1.0)));
    let condition = Condition { noise: Some(Dual { at: noise, along: None }), class: None };
    let moves = network.forward(leaves, x, &condition, device).tangent();
    (moves.clone() * moves).sum_dim(1).sum_dim(0)
}

/// Along a random direction of all numbers. Central differences with h = 0.004 and a third-order step beside them (h and
/// 2h, so that h⁴ is left) in single precision: a part in a hundred.
#[test]
fn the_gradient_of_a_squared_jacobian_product_is_that_of_differences() {
    for config in networks() {
        let network = Network::new(config).unwrap();
        let (layout, device) = (network.layout(), Device::flex());
        let start: Vec<f32> =
            layout.initial(4).iter().zip(normals(layout.len(), 3, 0.2)).map(|(a, b)| a + b).collect();
        let direction = normals(layout.len(), 5, 1.0);
        let at = |h: f64| {
            let moved: Vec<f32> = start.iter().zip(&direction).map(|(v, d)| v + h as f32 * d).collect();
            let value = square(&network, &Leaves::new(layout, &moved, &device), &device);
            f64::from(value.into_scalar::<f32>())
        };
        let h = 0.004;
        let central = |h: f64| (at(h) - at(-h)) / (2.0 * h);
        let difference = (4.0 * central(h) - central(2.0 * h)) / 3.0;
        let leaves = Leaves::new(layout, &start, &device).tracked();
        let mut gradients = square(&network, &leaves, &device.clone().autodiff()).sum().backward();
        let mut along = 0.0;
        for (leaf, entry) in leaves.tensors().iter().zip(layout.entries()) {
            // A bias that J does not depend on has none.
            let Some(gradient) = leaf.grad_remove(&mut gradients) else { continue };
            let own = direction.iter().skip(entry.offset);
            let data = gradient.into_data();
            along += data.iter::<f32>().zip(own).map(|(g, d)| f64::from(g) * f64::from(*d)).sum::<f64>();
        }
        let name = network.config().architecture.name();
        assert!((along - difference).abs() < 1e-2 * difference.abs(), "{name}: {along} {difference}");
    }
}
