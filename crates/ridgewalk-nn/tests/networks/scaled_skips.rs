//! Skips of a UNet times 1, κ, κ², … from the outermost in (arXiv 2310.13545).

use std::collections::BTreeMap;

use ndarray::Array2;
use ridgewalk::{Denoiser, Shape};
use ridgewalk_nn::network::{Architecture, NetworkConfig, UNetConfig};
use ridgewalk_nn::{ModelConfig, NeuralDenoiser, Preconditioning, Prediction};

use crate::{noise, stirred};

const CHANNELS: usize = 4;

/// Two skips: what the first convolution and the one block put out.
fn config(skip_scale: f64) -> ModelConfig {
    let unet = UNetConfig {
        channels: CHANNELS,
        multipliers: vec![1],
        blocks: 1,
        skip_scale,
        ..UNetConfig::default()
    };
    ModelConfig {
        network: NetworkConfig {
            architecture: Architecture::UNet(unet),
            shape: Shape::Image { height: 4, width: 4, channels: 1 },
            classes: 0,
            blind: false,
        },
        preconditioning: Preconditioning { prediction: Prediction::Edm, center: 0.0, scale: 1.0 },
        label: ridgewalk_nn::NoiseLabel::default(),
    }
}

type Arrays = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The decoder's block reads the skips by its 1×1 convolution alone.
fn arrays(block: &str) -> Arrays {
    let all = stirred(&config(1.0)).to_torch().into_iter();
    let mut arrays: Arrays = all.map(|(name, shape, values)| (name, (shape, values))).collect();
    arrays.get_mut(&format!("dec.4x4_{block}.conv0.weight")).unwrap().1.fill(0.0);
    arrays
}

fn denoised(skip_scale: f64, arrays: &Arrays) -> Array2<f64> {
    let denoiser = NeuralDenoiser::from_torch(&config(skip_scale), arrays).unwrap();
    denoiser.denoise(noise(2, 16, 3).view(), 0.7).unwrap()
}

/// The weights of the 1×1 convolution by which a skip is read, times a factor: `[outputs, inputs]`, the skip's inputs last.
fn scaled(block: &str, factor: f32) -> Arrays {
    let mut arrays = arrays(block);
    let (shape, values) = arrays.get_mut(&format!("dec.4x4_{block}.skip.weight")).unwrap();
    assert_eq!(shape[..2], [CHANNELS, 2 * CHANNELS]);
    for row in values.chunks_mut(2 * CHANNELS) {
        row[CHANNELS..].iter_mut().for_each(|weight| *weight *= factor);
    }
    arrays
}

/// [h, κ·skip] W = [h, skip] [W_h; κ W_skip]: the inner one of two skips has κ, the outer one 1. `block0` of the decoder reads
/// the inner skip, `block1` the outer one. A factor ½ rounds nothing.
#[test]
fn kappa_scales_the_inner_skip_and_leaves_the_outermost() {
    let inner = arrays("block0");
    let whole = denoised(1.0, &inner);
    // The outer skip is of κ⁰.
    for kappa in [0.0, 0.5] {
        let by_kappa = denoised(kappa, &inner);
        assert_eq!(by_kappa, denoised(1.0, &scaled("block0", kappa as f32)), "{kappa}");
        assert!((&by_kappa - &whole).iter().any(|e| e.abs() > 1e-3), "{kappa} does nothing");
    }
    // With κ = 0 what reads the inner skip has no say; what reads the outer one has.
    assert_eq!(denoised(0.0, &inner), denoised(0.0, &scaled("block0", 9.0)));
    assert_ne!(denoised(0.0, &arrays("block1")), denoised(0.0, &scaled("block1", 9.0)));
    // Nothing else depends on κ.
    assert_eq!(denoised(0.3, &scaled("block0", 0.0)), denoised(1.0, &scaled("block0", 0.0)));
}
