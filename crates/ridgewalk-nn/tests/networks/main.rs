//! Networks as denoisers: against PyTorch's own code, and their derivatives against differences and one another.

mod derivatives;
mod fokker_planck;
mod imports;
mod potential;
mod scaled_skips;
mod torch;

use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Differentiable, Shape};
use ridgewalk_nn::network::{Architecture, DitConfig, MlpConfig, NetworkConfig, UNetConfig};
use ridgewalk_nn::{ModelConfig, NeuralDenoiser, NoiseLabel, Preconditioning, Prediction};

/// Small networks of every architecture, told the noise level or not.
fn configurations() -> Vec<ModelConfig> {
    let vector = Shape::Vector(5);
    let image = Shape::Image { height: 8, width: 4, channels: 1 };
    let unet = UNetConfig {
        channels: 8,
        multipliers: vec![1, 2],
        blocks: 1,
        attention: vec![8],
        head_width: Some(4),
        ..UNetConfig::default()
    };
    let plain = UNetConfig { adaptive: false, skip_scale: 0.7, ..unet.clone() };
    let mlp = MlpConfig { width: 16, depth: 3, embedding: 8, ..MlpConfig::default() };
    let dit = DitConfig { patch: 2, width: 16, depth: 2, heads: 2, mlp_ratio: 2 };
    let of = |architecture, shape, classes, blind, prediction| ModelConfig {
        network: NetworkConfig { architecture, shape, classes, blind },
        preconditioning: Preconditioning { prediction, center: 0.3, scale: 0.8 },
        label: NoiseLabel::default(),
    };
    vec![
        of(Architecture::Mlp(mlp.clone()), vector, 0, false, Prediction::Edm),
        of(Architecture::Mlp(mlp.clone()), vector, 0, true, Prediction::Flow),
        of(Architecture::Mlp(MlpConfig { potential: true, ..mlp }), vector, 0, false, Prediction::Edm),
        of(Architecture::UNet(unet), image, 3, false, Prediction::Noise),
        of(Architecture::UNet(plain), image, 0, true, Prediction::Velocity),
        of(Architecture::Dit(dit), image, 3, false, Prediction::KMix { k: 0.6, learned: true }),
    ]
}

/// A network in which nothing is zero: as it begins, its last layer is.
fn stirred(config: &ModelConfig) -> NeuralDenoiser {
    let initial = NeuralDenoiser::initial(config, 5).unwrap();
    let mut stream = Stream::new(9, Purpose::Weights, 0, 0);
    let values = initial.values().iter().map(|v| v + 0.2 * stream.normal() as f32).collect();
    NeuralDenoiser::new(config, values).unwrap()
}

fn noise(rows: usize, dim: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, dim), || stream.normal())
}

#[test]
fn a_point_is_denoised_alike_in_every_batch() {
    for config in configurations() {
        let denoiser = stirred(&config);
        let x = noise(70, denoiser.dim(), 1);
        let all = denoiser.denoise(x.view(), 0.6).unwrap();
        for row in [0, 33, 69] {
            let one = x.select(ndarray::Axis(0), &[row]);
            let alone = denoiser.denoise(one.view(), 0.6).unwrap();
            assert_eq!(alone.row(0), all.row(row), "{config:?}");
        }
    }
}

/// Asked one by one or many together: the same bits.
#[test]
fn no_answer_depends_on_the_limit_of_memory() {
    for config in configurations() {
        let (many, one) = (stirred(&config), stirred(&config).with_memory(1));
        let (x, v) = (noise(37, many.dim(), 1), noise(37, many.dim(), 2));
        let of = |denoiser: &NeuralDenoiser| {
            let (at, slope) = denoiser.denoise_with_sigma_derivative(x.view(), 0.6).unwrap();
            let jvp = denoiser.jvp(x.view(), 0.6, v.view()).unwrap();
            [
                denoiser.denoise(x.view(), 0.6).unwrap(),
                jvp,
                denoiser.vjp(x.view(), 0.6, v.view()).unwrap(),
                at,
                slope,
            ]
        };
        assert_eq!(of(&many), of(&one), "{config:?}");
    }
}

/// As training begins, F = 0 up to what nearly vanishes: D is the best linear denoiser of isotropic data under EDM's
/// preconditioning.
#[test]
fn an_untrained_network_is_the_linear_denoiser() {
    let shape = Shape::Image { height: 8, width: 8, channels: 3 };
    for architecture in [Architecture::for_shape(shape), Architecture::Dit(DitConfig::for_image(8, 8))] {
        let preconditioning = Preconditioning { prediction: Prediction::Edm, center: 0.5, scale: 0.25 };
        let network = NetworkConfig { architecture, shape, classes: 0, blind: false };
        let denoiser = NeuralDenoiser::initial(
            &ModelConfig { network, preconditioning, label: NoiseLabel::default() },
            1,
        )
        .unwrap();
        let x = noise(2, denoiser.dim(), 2);
        let out = denoiser.denoise(x.view(), 0.5).unwrap();
        let expected = x.mapv(|x| 0.5 + 0.2 * (x - 0.5));
        assert!((&out - &expected).iter().all(|e| e.abs() < 1e-4));
    }
}

/// A blind network's field, put on the sampler's clock, is the denoiser that it is.
#[test]
fn a_blind_network_on_a_clock_is_its_denoiser() {
    use ridgewalk::autonomous::{Autonomous, Target};
    for config in configurations().into_iter().filter(|config| config.network.blind) {
        let denoiser = stirred(&config);
        let field = denoiser.autonomous().unwrap();
        let Preconditioning { center, scale, .. } = config.preconditioning;
        for sigma in [0.05, 0.8, 4.0] {
            let x = noise(3, denoiser.dim(), 4) * sigma;
            let c = config.preconditioning.coefficients(sigma);
            let u = x.mapv(|x| c.input * (x - center));
            let f = field.field(u.view()).unwrap();
            // x₀ of the target's definition, with α and σ of the process on the data over s.
            let (alpha, level) = (c.input * scale, c.input * sigma);
            let data = match field.target() {
                Target::Velocity => &u - &(&f * level),
                Target::VPrediction => &u * alpha - &f * level,
                other => panic!("{other:?}"),
            };
            let expected = data.mapv(|d| center + scale * d);
            let got = denoiser.denoise(x.view(), sigma).unwrap();
            assert!(
                (&got - &expected).iter().all(|e| e.abs() < 1e-5 * (1.0 + sigma)),
                "{config:?} at {sigma}"
            );
        }
    }
    let told = stirred(&configurations()[0]);
    assert!(told.autonomous().is_none());
}

#[test]
fn what_does_not_fit_is_refused() {
    let config = &configurations()[3];
    let refused = |config: &ModelConfig| NeuralDenoiser::initial(config, 0).err().unwrap().to_string();
    let mut odd = config.clone();
    odd.network.shape = Shape::Image { height: 7, width: 4, channels: 1 };
    assert!(refused(&odd).contains("multiples of 2"), "{}", refused(&odd));
    let mut flat = config.clone();
    flat.preconditioning.scale = 0.0;
    assert!(refused(&flat).contains("positive scale"), "{}", refused(&flat));
    let denoiser = stirred(config);
    let mut values = denoiser.values().to_vec();
    values[3] = f32::NAN;
    assert!(NeuralDenoiser::new(config, values).err().unwrap().to_string().contains("number 3"));
    assert!(NeuralDenoiser::new(config, vec![0.0]).is_err());
    assert!(denoiser.of_class(Some(3)).err().unwrap().to_string().contains("knows 3"));
    assert!(denoiser.denoise(noise(1, 31, 0).view(), 1.0).is_err());
    assert!(denoiser.denoise(noise(1, 32, 0).view(), 0.0).is_err());
}

/// A class changes what is said; no class is something else again.
#[test]
fn classes_are_told() {
    for config in configurations().into_iter().filter(|config| config.network.classes > 0) {
        let denoiser = stirred(&config);
        let x = noise(1, denoiser.dim(), 3);
        let said = |class| denoiser.of_class(class).unwrap().denoise(x.view(), 0.5).unwrap();
        let all = [said(None), said(Some(0)), said(Some(2))];
        assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    }
}
