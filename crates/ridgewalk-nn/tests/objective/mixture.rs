//! A learned k of k x₀ − (1−k) ε (arXiv 2601.21419).

use ndarray::Array2;
use ridgewalk::PointSet;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk_nn::network::{Architecture, MlpConfig};
use ridgewalk_nn::objective::{NoiseLevels, Weighting};
use ridgewalk_nn::train::{TrainConfig, Trainer, TrainingData};
use ridgewalk_nn::{Activation, Prediction};

use crate::linear;

/// Data N(0, 1) on the first two of D coordinates, σ = s = 1: c_skip = 1 − k, c_out = 1, and the best gain is ½ on the plane and 0
/// off it. A direction that the network leaves alone errs by 2(½ − k)² on the plane and (1 − k)² off it, and a linear network
/// of rank 1 mends one direction, the worse. For D = 4 that is one off the plane, and of what is left,
/// 4(½ − k)² + (1 − k)², the least is at k = 3/5; for D = 12 it is one on the plane: 2(½ − k)² + 10(1 − k)², k = 11/12. Without any
/// network it were D/(D + 2). 4000 points vary by 2 %, which moves k by 0.01.
#[test]
fn a_learned_k_grows_with_the_codimension_to_its_least_squares() {
    for (dim, expected) in [(4, 3.0 / 5.0), (12, 11.0 / 12.0)] {
        let mut stream = Stream::new(17, Purpose::Evaluation, 0, 0);
        let points =
            Array2::from_shape_fn((4000, dim), |(_, axis)| if axis < 2 { stream.normal() } else { 0.0 });
        let data = TrainingData::new(PointSet::vectors(points).unwrap());
        let mlp = MlpConfig { width: 1, depth: 1, activation: Activation::None, ..MlpConfig::default() };
        let config = TrainConfig {
            steps: Some(600),
            batch: 256,
            center: Some(0.0),
            scale: Some(1.0),
            architecture: Some(Architecture::Mlp(mlp)),
            ..linear(Prediction::KMix { k: 0.5, learned: true }, Weighting::Simple)
        };
        let levels = NoiseLevels::discrete(vec![1.0], &[1.0]).unwrap();
        let mut trainer = Trainer::new(&config, data).unwrap().with_levels(levels).unwrap();
        for _ in 0..600 {
            trainer.step().unwrap();
        }
        let k = trainer.denoiser(Some(0.1)).unwrap().mix().unwrap();
        assert!((k - expected).abs() < 0.03, "D = {dim}: {k}, not {expected}");
    }
}
