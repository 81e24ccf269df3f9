//! Small data and small networks.

use std::ops::ControlFlow;
use std::path::Path;

use ridgewalk_nn::network::{Architecture, MlpConfig};
use ridgewalk_nn::train::{
    About, Ending, Every, OptimizerConfig, TrainConfig, TrainProgress, Trainer, TrainingData,
};

pub fn data() -> TrainingData {
    let points = ridgewalk_data::load("circle:n=300,seed=3").unwrap();
    TrainingData::new(points).held_out(0.1, 0).unwrap()
}

pub fn config(steps: u64) -> TrainConfig {
    TrainConfig {
        steps: Some(steps),
        batch: 16,
        architecture: Some(Architecture::Mlp(MlpConfig {
            width: 24,
            depth: 2,
            embedding: 8,
            ..MlpConfig::default()
        })),
        optimizer: OptimizerConfig { warm_up: 5, ..OptimizerConfig::default() },
        every: Every { log: 4, evaluate: 8, checkpoint: 8, sample: 0 },
        ..TrainConfig::default()
    }
}

pub fn about(data: &TrainingData) -> About {
    About::of(data.points(), "circle:n=300,seed=3")
}

/// A run that is stopped after a step, or goes to its end.
pub fn run(trainer: &mut Trainer, folder: &Path, stop_after: Option<u64>) -> Ending {
    let about = about(trainer.data());
    let mut observer = |progress: &TrainProgress| match stop_after {
        Some(step) if progress.step >= step => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    trainer.run(folder, &about, &mut observer).unwrap()
}
