//! Weights of PyTorch's own implementations, with an input and the output that they gave.

use std::collections::BTreeMap;

use ndarray::Array2;
use ridgewalk::{Denoiser, Shape};
use ridgewalk_nn::network::{Architecture, DitConfig, NetworkConfig, UNetConfig};
use ridgewalk_nn::{ModelConfig, NeuralDenoiser, NoiseLabel, Preconditioning, Prediction};
use safetensors::SafeTensors;

type Arrays = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

pub fn read(bytes: &[u8]) -> Arrays {
    let file = SafeTensors::deserialize(bytes).unwrap();
    let array = |(name, view): (String, safetensors::tensor::TensorView)| {
        let values = view.data().as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        (name, (view.shape().to_vec(), values))
    };
    file.tensors().into_iter().map(array).collect()
}

/// Images `[n, c, h, w]` as rows of (h, w, c).
pub fn rows(arrays: &Arrays, name: &str) -> Array2<f64> {
    let (shape, values) = &arrays[name];
    let [n, c, h, w] = shape[..] else { panic!("{shape:?}") };
    Array2::from_shape_fn((n, c * h * w), |(image, at)| {
        let (pixel, channel) = (at / c, at % c);
        f64::from(values[(image * c + channel) * h * w + pixel])
    })
}

/// With D = F, c_noise and the input of the file at every row.
fn agrees(bytes: &[u8], architecture: Architecture, classes: usize) {
    let arrays = read(bytes);
    let (input, output) = (rows(&arrays, "golden.input"), rows(&arrays, "golden.output"));
    let [_, channels, height, width] = arrays["golden.input"].0[..] else { panic!() };
    let shape = Shape::Image { height, width, channels };
    let network = NetworkConfig { architecture, shape, classes, blind: false };
    let preconditioning = Preconditioning { prediction: Prediction::Denoised, center: 0.0, scale: 1.0 };
    let denoiser = NeuralDenoiser::from_torch(
        &ModelConfig { network, preconditioning, label: NoiseLabel::default() },
        &arrays,
    )
    .unwrap();
    for row in 0..input.nrows() {
        let sigma = (4.0 * f64::from(arrays["golden.noise"].1[row])).exp();
        let c = preconditioning.coefficients(sigma);
        let class = arrays.get("golden.class").and_then(|(_, values)| {
            values[row * classes..(row + 1) * classes].iter().position(|one| *one == 1.0)
        });
        let x = input.select(ndarray::Axis(0), &[row]) / c.input;
        let got = denoiser.of_class(class).unwrap().denoise(x.view(), sigma).unwrap();
        for (got, wanted) in got.iter().zip(output.row(row)) {
            assert!((got - wanted).abs() < 1e-4 * (1.0 + wanted.abs()), "row {row}: {got} {wanted}");
        }
    }
    // And back: the same names, shapes and values.
    for (name, shape, values) in denoiser.to_torch() {
        assert_eq!(arrays[&name], (shape, values), "{name}");
    }
    let names = arrays.keys().filter(|name| !name.starts_with("golden.")).count();
    assert_eq!(denoiser.to_torch().len(), names);
}

/// `SongUNet(8, 1, 1, label_dim=3, model_channels=8, channel_mult=[1, 2], num_blocks=1, attn_resolutions=[8])` of EDM.
#[test]
fn edm_unet() {
    let config = UNetConfig {
        channels: 8,
        multipliers: vec![1, 2],
        blocks: 1,
        attention: vec![8],
        head_width: None,
        adaptive: false,
        skip_scale: 1.0,
    };
    agrees(include_bytes!("fixtures/song_unet.safetensors"), Architecture::UNet(config), 3);
}

/// `SongUNet(8, 3, 3, model_channels=4, channel_mult=[1, 1], num_blocks=1, attn_resolutions=[])` on images of 8×4.
#[test]
fn edm_unet_in_colour() {
    let config = UNetConfig {
        channels: 4,
        multipliers: vec![1, 1],
        blocks: 1,
        attention: vec![],
        head_width: None,
        adaptive: false,
        skip_scale: 1.0,
    };
    agrees(include_bytes!("fixtures/song_unet_rgb.safetensors"), Architecture::UNet(config), 0);
}

/// `DiT(input_size=8, patch_size=2, in_channels=1, hidden_size=16, depth=2, num_heads=2, mlp_ratio=2, num_classes=3,
/// learn_sigma=False)` of the paper's code.
#[test]
fn dit() {
    let config = DitConfig { patch: 2, width: 16, depth: 2, heads: 2, mlp_ratio: 2 };
    agrees(include_bytes!("fixtures/dit.safetensors"), Architecture::Dit(config), 3);
}

#[test]
fn weights_that_do_not_fit_are_named() {
    let mut arrays = read(include_bytes!("fixtures/dit.safetensors"));
    let config = DitConfig { patch: 2, width: 16, depth: 2, heads: 2, mlp_ratio: 2 };
    let shape = Shape::Image { height: 8, width: 8, channels: 1 };
    let network = NetworkConfig { architecture: Architecture::Dit(config), shape, classes: 3, blind: false };
    let preconditioning = Preconditioning { prediction: Prediction::Edm, center: 0.0, scale: 0.5 };
    let config = ModelConfig { network, preconditioning, label: NoiseLabel::default() };
    let said = |arrays: &Arrays| NeuralDenoiser::from_torch(&config, arrays).err().unwrap().to_string();
    arrays.get_mut("blocks.1.mlp.fc2.bias").unwrap().0 = vec![4, 4];
    assert!(said(&arrays).contains("'blocks.1.mlp.fc2.bias' has shape [4, 4]"), "{}", said(&arrays));
    arrays.remove("blocks.1.mlp.fc2.bias");
    assert!(said(&arrays).contains("'blocks.1.mlp.fc2.bias' is missing"), "{}", said(&arrays));
}
