//! Steps: they do not depend on how they are computed, and tell where they fail.

use ridgewalk::{Denoiser, PointSet};
use ridgewalk_nn::train::{OptimizerConfig, TrainConfig, Trainer, TrainingData};

use crate::support::{config, data};

fn after(config: &TrainConfig, data: &TrainingData, steps: u64) -> Trainer {
    let mut trainer = Trainer::new(config, data.clone()).unwrap();
    for _ in 0..steps {
        trainer.step().unwrap();
    }
    trainer
}

/// The gradient of a batch is the sum of its parts': single precision rounds it, 10⁻⁷ a number and some steps.
#[test]
fn parts_of_a_batch_make_the_same_steps() {
    let data = data();
    let whole = after(&config(10), &data, 3);
    let parts = after(&TrainConfig { micro_batch: Some(5), ..config(10) }, &data, 3);
    for (a, b) in whole.values().iter().zip(parts.values()) {
        assert!((a - b).abs() < 1e-4 * (1.0 + a.abs()), "{a} {b}");
    }
}

#[test]
fn results_do_not_depend_on_threads() {
    let data = data();
    let steps = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| after(&config(10), &data, 5).values().to_vec())
    };
    assert_eq!(steps(1), steps(3));
}

/// EDM's loss begins at that of the best linear denoiser, 1 by construction. Data on a line in the plane: across it all is
/// known, so that the loss can fall to ½.
#[test]
fn the_loss_falls_below_that_of_an_isotropic_gaussian() {
    let mut config = TrainConfig { batch: 128, ..config(400) };
    config.optimizer.learning_rate = Some(5e-3);
    let line = ndarray::Array2::from_shape_fn((400, 2), |(i, j)| (i as f64 / 200.0 - 1.0) * [0.6, 0.8][j]);
    let data = TrainingData::new(PointSet::vectors(line).unwrap()).held_out(0.2, 0).unwrap();
    let mut trainer = Trainer::new(&config, data).unwrap();
    let before = trainer.held_out_loss(trainer.values()).unwrap().0;
    let losses: Vec<f64> = (0..400).map(|_| trainer.step().unwrap().loss).collect();
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    assert!((mean(&losses[..5]) - 1.0).abs() < 0.15, "{}", mean(&losses[..5]));
    assert!(mean(&losses[300..]) < 0.9, "{}", mean(&losses[300..]));
    let held_out = trainer.held_out_loss(trainer.values()).unwrap().0;
    assert!(held_out < 0.9 * before, "{held_out} {before}");
    let denoiser = trainer.denoiser(Some(0.1)).unwrap();
    assert_eq!(denoiser.moments().map(|m| m.mean.len()), Some(denoiser.dim()));
}

#[test]
fn a_step_that_is_not_finite_names_itself_and_changes_nothing() {
    let mut config = config(10);
    config.optimizer =
        OptimizerConfig { learning_rate: Some(1e30), clip: None, warm_up: 0, ..config.optimizer };
    let mut trainer = Trainer::new(&config, data()).unwrap();
    let (mut before, error) = loop {
        let before = trainer.values().to_vec();
        if let Err(error) = trainer.step() {
            break (before, error.to_string());
        }
        assert!(trainer.steps_done() < 9, "1e30 is no learning rate");
    };
    let step = trainer.steps_done() + 1;
    assert!(error.contains(&format!("in step {step}")) && error.contains("noise level"), "{error}");
    before.retain(|value| value.is_finite());
    assert_eq!(before, trainer.values());
}

#[test]
fn settings_without_meaning_are_errors() {
    let with = |change: &dyn Fn(&mut TrainConfig)| {
        let mut config = config(10);
        change(&mut config);
        Trainer::new(&config, data()).map(|_| ()).unwrap_err().to_string()
    };
    assert!(with(&|c| c.batch = 0).contains("batch"));
    assert!(with(&|c| c.classes = true).contains("labels"));
    assert!(with(&|c| c.averages = vec![0.5]).contains("averages"));
    assert!(with(&|c| c.noise_levels = "nonsense".into()).contains("nonsense"));
    assert!(with(&|c| c.optimizer.betas = [1.0, 0.9]).contains("betas"));
    let constant = PointSet::vectors(ndarray::Array2::ones((10, 2))).unwrap();
    assert!(Trainer::new(&config(10), TrainingData::new(constant)).is_err());
    let points = data().points().clone();
    assert!(TrainingData::new(points.clone()).weighted(vec![1.0; 3]).is_err());
    assert!(TrainingData::new(points.clone()).weighted(vec![-1.0; points.len()]).is_err());
    assert!(TrainingData::new(points.clone()).weighted(vec![0.0; points.len()]).is_err());
}
