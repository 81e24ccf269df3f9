//! What training comes to is what the loss is the least of: known for linear networks.

mod likelihood;
mod mixture;

use ndarray::Array2;
use ridgewalk::PointSet;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk_nn::network::{Architecture, MlpConfig};
use ridgewalk_nn::objective::{NoiseLevels, Weighting};
use ridgewalk_nn::train::{OptimizerConfig, RateSchedule, TrainConfig, Trainer, TrainingData};
use ridgewalk_nn::{Preconditioning, Prediction};

/// Blind and without hidden layers: F(u) = W u + b at all noise levels alike.
fn linear(prediction: Prediction, weighting: Weighting) -> TrainConfig {
    TrainConfig {
        steps: Some(400),
        batch: 512,
        blind: true,
        prediction,
        weighting,
        hold_out: Some(0.0),
        averages: vec![0.1],
        architecture: Some(Architecture::Mlp(MlpConfig { depth: 0, ..MlpConfig::default() })),
        optimizer: OptimizerConfig {
            learning_rate: Some(0.05),
            schedule: RateSchedule::Cosine,
            warm_up: 0,
            clip: None,
            ..OptimizerConfig::default()
        },
        ..TrainConfig::default()
    }
}

/// W and b after training.
fn trained(config: &TrainConfig, data: TrainingData, levels: NoiseLevels) -> [f64; 2] {
    let mut trainer = Trainer::new(config, data).unwrap().with_levels(levels).unwrap();
    for _ in 0..config.steps.unwrap() {
        trainer.step().unwrap();
    }
    let values = trainer.average(Some(0.1)).unwrap();
    assert_eq!(values.len(), 2);
    [values[0], values[1]].map(f64::from)
}

/// λ by its definition, for data of deviation s.
fn lambda(weighting: Weighting, sigma: f64, s: f64) -> f64 {
    match weighting {
        Weighting::Edm => (sigma * sigma + s * s) / (sigma * s * sigma * s),
        Weighting::Simple => 1.0 / (sigma * sigma),
        Weighting::MinSnr { gamma } => (s * s / (sigma * sigma)).min(gamma) / (s * s),
        Weighting::Flow => ((sigma + s) / (sigma * s)).powi(2),
        _ => panic!("has no definition here"),
    }
}

/// Data of one dimension and levels σ₁, σ₂ with probabilities p: with D = m + c_skip x + c_out W c_in x of centred x the sum
/// Σ p λ E(D − x₀)² is least at W = Σ p λ c_out c_in (s² − c_skip (s² + σ²)) / Σ p λ (c_out c_in)² (s² + σ²). 512 samples
/// a step and a rate that falls to 0 leave W within 1 %; a factor two wrong in λ moves it by ten times that.
#[test]
fn every_target_and_weighting_comes_to_its_least_squares() {
    let mut stream = Stream::new(11, Purpose::Evaluation, 0, 0);
    let points: Vec<f64> = (0..3000).map(|_| 0.7 + 1.3 * stream.normal()).collect();
    let data =
        TrainingData::new(PointSet::vectors(Array2::from_shape_vec((3000, 1), points).unwrap()).unwrap());
    let (center, s) = data.center_and_scale();
    let cases = [
        (Prediction::Noise, Weighting::Simple),
        (Prediction::Noise, Weighting::MinSnr { gamma: 5.0 }),
        (Prediction::Denoised, Weighting::Edm),
        (Prediction::Denoised, Weighting::MinSnr { gamma: 0.2 }),
        (Prediction::Flow, Weighting::Flow),
        (Prediction::Flow, Weighting::Simple),
        (Prediction::Velocity, Weighting::Edm),
        (Prediction::KMix { k: 0.3, learned: false }, Weighting::Edm),
    ];
    for (prediction, weighting) in cases {
        let (levels, p) = ([0.3, 1.5], [0.4, 0.6]);
        let preconditioning = Preconditioning { prediction, center, scale: s };
        let (mut above, mut below) = (0.0, 0.0);
        for (level, p) in levels.into_iter().zip(p) {
            let sigma = level * s;
            let (c, square) = (preconditioning.coefficients(sigma), s * s + sigma * sigma);
            let weight = p * lambda(weighting, sigma, s);
            above += weight * c.output * c.input * (s * s - c.skip * square);
            below += weight * (c.output * c.input).powi(2) * square;
        }
        let levels = NoiseLevels::discrete(levels.to_vec(), &p).unwrap();
        let [w, b] = trained(&linear(prediction, weighting), data.clone(), levels);
        let expected = above / below;
        assert!((w - expected).abs() < 0.02, "{prediction:?} {weighting}: {w}, not {expected}");
        assert!(b.abs() < 0.02, "{prediction:?} {weighting}: {b}");
    }
}

/// Data N(0, 1) with weights e^{τx}, that is N(τ, 1): the linear ε̂ at α = 0.8, σ = 0.6 is σ x_t − σατ (arXiv 2401.10700).
/// The data are a grid with the normal density as a part of the weights, so that nothing is left to chance but the
/// noise; 512 points a step, of which some 180 count.
#[test]
fn weights_tilt_the_law_of_the_data() {
    let tau = 1.5;
    let x: Vec<f64> = (0..2000).map(|i| -4.0 + 10.0 * (f64::from(i) + 0.5) / 2000.0).collect();
    let weights = x.iter().map(|x| (tau * x - 0.5 * x * x).exp()).collect();
    let points = PointSet::vectors(Array2::from_shape_vec((2000, 1), x).unwrap()).unwrap();
    let data = TrainingData::new(points).weighted(weights).unwrap();
    // N(τ, 1) on a grid of spacing h: Σw = √(2π)/h, Σw² = √π/h, in units of w.
    let size = 2.0 * std::f64::consts::PI.sqrt() * 2000.0 / 10.0;
    assert!((data.effective_size() / size - 1.0).abs() < 1e-3, "{}", data.effective_size());
    let moments = data.moments();
    assert!((moments.mean[0] - tau).abs() < 1e-3 && (moments.std - 1.0).abs() < 1e-3);
    let mut config = linear(Prediction::Noise, Weighting::Simple);
    (config.center, config.scale) = (Some(0.0), Some(1.0));
    let [w, b] = trained(&config, data, NoiseLevels::discrete(vec![0.75], &[1.0]).unwrap());
    assert!((w - 0.6).abs() < 0.02 && (b + 0.72).abs() < 0.02, "{w} {b}");
}
