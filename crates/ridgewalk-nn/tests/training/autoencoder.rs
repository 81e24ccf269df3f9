//! Autoencoders: trained to what is known of them, frozen, written and read.

use ndarray::{Array2, Axis};
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{Model, ModelFile};
use ridgewalk_nn::autoencoder::{
    Autoencoder, AutoencoderConfig, AutoencoderModel, CoderConfig, ConvolutionalConfig, PerceptronConfig,
    TrainedAutoencoder, load_model_file,
};
use ridgewalk_nn::train::{
    Every, OptimizerConfig, RateSchedule, TrainConfig, TrainedModel, Trainer, TrainingData, checkpoints,
};

use crate::support::{about, run};

/// Points of five coordinates that vary most in two directions of their own.
fn points() -> PointSet {
    let mut stream = Stream::new(5, Purpose::Evaluation, 0, 0);
    let mixing = Array2::from_shape_fn((5, 5), |_| stream.normal());
    let scales = [2.0, 1.5, 0.4, 0.3, 0.2];
    let own = Array2::from_shape_fn((400, 5), |(_, j)| scales[j] * stream.normal());
    PointSet::vectors(own.dot(&mixing) + 3.0).unwrap()
}

fn linear(kl: f64) -> AutoencoderConfig {
    let network = PerceptronConfig { depth: 0, ..PerceptronConfig::default() };
    AutoencoderConfig { latent: Some(2), kl, network: Some(CoderConfig::Perceptron(network)) }
}

fn config(autoencoder: AutoencoderConfig, steps: u64) -> TrainConfig {
    TrainConfig {
        steps: Some(steps),
        batch: 32,
        autoencoder: Some(autoencoder),
        optimizer: OptimizerConfig {
            learning_rate: Some(1e-2),
            schedule: RateSchedule::Cosine,
            warm_up: 5,
            ..OptimizerConfig::default()
        },
        every: Every { log: 4, evaluate: 8, checkpoint: 8, sample: 0 },
        ..TrainConfig::default()
    }
}

fn square(a: &Array2<f64>, b: ndarray::ArrayView2<f64>) -> f64 {
    (a - &b).iter().map(|e| e * e).sum::<f64>() / a.nrows() as f64
}

/// No linear autoencoder is better than principal components, and trained it is as good: within 3 %, what is left of the
/// last steps' learning rate.
#[test]
fn a_linear_autoencoder_finds_the_principal_components() {
    let points = points();
    let data = TrainingData::new(points.clone());
    let mut trainer = Trainer::new(&config(linear(0.0), 1500), data).unwrap();
    for _ in 0..1500 {
        trainer.step().unwrap();
    }
    let found = trainer.autoencoder(None).unwrap().standardised(&points).unwrap();
    let best = Pca::fit(&points, Components::Count(2)).unwrap().residual_variance();
    let error = square(&found.reconstruct(points.values()).unwrap(), points.values());
    assert!(error / best > 0.9999 && error / best < 1.03, "{error} {best}");
    let codes = PointSet::vectors(found.encode(points.values()).unwrap()).unwrap().moments();
    assert!((codes.std - 1.0).abs() < 1e-6 && codes.mean.iter().all(|m| m.abs() < 1e-6));
}

/// At its beginning ln v is −4 everywhere: ½(mean μ² + e⁻⁴ + 4 − 1) nats a coordinate.
#[test]
fn the_divergence_is_the_closed_form() {
    let data = TrainingData::new(points()).held_out(0.2, 1).unwrap();
    let rest = data.rest().unwrap().clone();
    let trainer = Trainer::new(&config(linear(0.5), 10), data).unwrap();
    let means = trainer.autoencoder(None).unwrap().encode(rest.values()).unwrap();
    let expected =
        0.5 * (means.iter().map(|m| m * m).sum::<f64>() / means.len() as f64 + (-4f64).exp() + 3.0);
    let (squares, found) = trainer.held_out_reconstruction(trainer.values()).unwrap();
    assert!((found.unwrap() / expected - 1.0).abs() < 1e-5, "{found:?} {expected}");
    let (loss, by_level) = trainer.held_out_loss(trainer.values()).unwrap();
    assert!((loss - squares - 0.5 * expected).abs() < 1e-5 && by_level.is_empty());
}

fn digits() -> TrainingData {
    let digits = ridgewalk_data::digits();
    TrainingData::new(digits.select(&(0..60).collect::<Vec<_>>()).unwrap()).held_out(0.3, 1).unwrap()
}

fn convolutional(map: bool) -> AutoencoderConfig {
    let network = ConvolutionalConfig { channels: 4, multipliers: vec![1, 2], blocks: 1, map };
    AutoencoderConfig { network: Some(CoderConfig::Convolutional(network)), ..AutoencoderConfig::default() }
}

#[test]
fn a_stopped_run_goes_on_and_what_is_written_is_read() {
    let (data, config) = (digits(), config(convolutional(false), 12));
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let mut unbroken = Trainer::new(&config, data.clone()).unwrap();
    run(&mut unbroken, whole.path(), None);
    let mut first = Trainer::new(&config, data.clone()).unwrap();
    run(&mut first, parts.path(), Some(7));
    assert!(TrainedAutoencoder::load(parts.path()).is_err());
    let checkpoint = checkpoints(parts.path()).pop().unwrap();
    let mut second = Trainer::resume(&config, data.clone(), &checkpoint).unwrap();
    run(&mut second, parts.path(), None);
    assert_eq!(unbroken.values(), second.values());
    for name in ["model.safetensors", "samples.png"] {
        let read = |folder: &tempfile::TempDir| std::fs::read(folder.path().join(name)).unwrap();
        assert_eq!(read(&whole), read(&parts), "{name}");
    }
    let trained = TrainedAutoencoder::load(whole.path()).unwrap();
    let own = unbroken.autoencoder(trained.average).unwrap().standardised(data.points()).unwrap();
    let x = data.points().values();
    let z = own.encode(x).unwrap();
    assert_eq!(trained.autoencoder.encode(x).unwrap(), z);
    assert_eq!(trained.about, about(&data));
    // As the latent space of a closed form.
    let encoded = trained.latent().encode_points(data.points()).unwrap();
    let model = Model::Empirical(ridgewalk::closed_form::Empirical::new(&encoded).unwrap());
    let file = ModelFile { latent: Some(trained.latent()), ..ModelFile::new(model, data.points(), "digits") };
    let path = whole.path().join("fitted.safetensors");
    file.save(&path).unwrap();
    let read = load_model_file(&path).unwrap();
    assert_eq!(read.latent, file.latent);
    assert_eq!(read.to_data(z.clone()).unwrap(), own.decode(z.view()).unwrap());
    assert!(ModelFile::load(&path).unwrap_err().to_string().contains("autoencoder"));
    // Neither is taken for the other.
    let message = TrainedModel::load(whole.path(), None).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("--latent"), "{message}");
    assert!(unbroken.denoiser(None).is_err());
    // Damage anywhere is an error and no panic.
    for (path, model) in [(whole.path().join("model.safetensors"), false), (path, true)] {
        let bytes = std::fs::read(&path).unwrap();
        let load = || match model {
            true => load_model_file(&path).is_err(),
            false => TrainedAutoencoder::load(&path).is_err(),
        };
        for length in (0..bytes.len()).step_by(997) {
            std::fs::write(&path, &bytes[..length]).unwrap();
            assert!(load(), "{length}");
        }
        for place in (0..3000).step_by(41) {
            let mut changed = bytes.clone();
            changed[place] = changed[place].wrapping_add(91);
            std::fs::write(&path, &changed).unwrap();
            load();
        }
    }
}

/// The same bytes alone and together, of vectors and images; J v of the decoder is that of differences, to 10⁻⁴ of its
/// size: single precision over a step of 10⁻².
#[test]
fn coding_does_not_depend_on_the_batch_and_has_its_derivative() {
    let images = digits();
    let deep = PerceptronConfig { width: 16, depth: 1, ..PerceptronConfig::default() };
    let deep = AutoencoderConfig { network: Some(CoderConfig::Perceptron(deep)), ..linear(1e-3) };
    let cases = [
        (points(), deep, 2),
        (images.points().clone(), convolutional(false), 16),
        (images.points().clone(), convolutional(true), 64),
    ];
    for (points, config, wide) in cases {
        let shape = points.shape();
        let model = AutoencoderModel { config, shape, center: 3.0, scale: 4.0 };
        let coder = Autoencoder::initial(&model, 3).unwrap();
        assert_eq!(coder.dim(), wide);
        let (x, z) = (points.values(), coder.encode(points.values()).unwrap());
        let back = coder.decode(z.view()).unwrap();
        for row in [0, 7, 31] {
            let one = |all: ndarray::ArrayView2<f64>| all.select(Axis(0), &[row]);
            assert_eq!(coder.encode(one(x).view()).unwrap(), one(z.view()));
            assert_eq!(coder.decode(one(z.view()).view()).unwrap(), one(back.view()));
        }
        let few = z.select(Axis(0), &[1, 2, 3]);
        let v = few.mapv(|z| (9.0 * z).sin());
        let exact = coder.decode_jvp(few.view(), v.view()).unwrap();
        let h = 1e-2;
        let [up, down] = [h, -h].map(|h| coder.decode((&few + &(&v * h)).view()).unwrap());
        let size = exact.iter().fold(0.0_f64, |most, e| most.max(e.abs()));
        for (exact, found) in exact.iter().zip((up - down) / (2.0 * h)) {
            assert!((exact - found).abs() < 2e-3 * size, "{shape}: {exact} {found}");
        }
        assert!(coder.encode(Array2::zeros((1, 1)).view()).is_err());
        assert!(coder.decode(Array2::from_elem((1, wide), f64::NAN).view()).is_err());
    }
}

#[test]
fn settings_without_meaning_are_errors() {
    let with = |config: AutoencoderConfig, shape: Shape| config.resolved(shape).unwrap_err().to_string();
    let image = Shape::Image { height: 8, width: 8, channels: 1 };
    assert!(with(AutoencoderConfig { kl: -1.0, ..linear(0.0) }, image).contains("kl"));
    assert!(with(AutoencoderConfig { latent: Some(65), ..linear(0.0) }, image).contains("65"));
    assert!(with(AutoencoderConfig { latent: Some(0), ..linear(0.0) }, image).contains("0 coordinates"));
    assert!(with(convolutional(false), Shape::Vector(64)).contains("images"));
    let odd = Shape::Image { height: 9, width: 9, channels: 1 };
    assert!(with(convolutional(false), odd).contains("multiples of 2"));
    let usual =
        AutoencoderConfig::default().resolved(Shape::Image { height: 28, width: 28, channels: 1 }).unwrap();
    assert_eq!(usual.latent, Some(32));
    let Some(CoderConfig::Convolutional(network)) = usual.network else { panic!("{usual:?}") };
    assert_eq!(network.multipliers, [1, 2, 4]);
}
