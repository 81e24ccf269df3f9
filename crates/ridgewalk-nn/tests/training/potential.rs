//! Potentials with the Fokker–Planck residual in their loss (arXiv 2311.15996).

use ridgewalk::PointSet;
use ridgewalk_nn::network::{Architecture, MlpConfig};
use ridgewalk_nn::train::{TrainConfig, Trainer, TrainingData, read_log};

use crate::support::{config, data, run};

fn potential(fokker_planck: f64, steps: u64) -> TrainConfig {
    let mlp = MlpConfig { width: 32, depth: 2, embedding: 8, potential: true, ..MlpConfig::default() };
    let mut config = TrainConfig {
        batch: 64,
        fokker_planck,
        architecture: Some(Architecture::Mlp(mlp)),
        averages: vec![0.1],
        ..config(steps)
    };
    config.optimizer.learning_rate = Some(5e-3);
    config
}

/// Two Gaussians in the plane, of deviation 0.4 at (±1, 0).
fn two() -> TrainingData {
    let mut stream = ridgewalk::random::Stream::new(5, ridgewalk::random::Purpose::Synthetic, 0, 0);
    let points = ndarray::Array2::from_shape_fn((600, 2), |(row, column)| {
        let middle = if column == 0 { [-1.0, 1.0][row % 2] } else { 0.0 };
        middle + 0.4 * stream.normal()
    });
    TrainingData::new(PointSet::vectors(points).unwrap()).held_out(0.2, 0).unwrap()
}

/// The same batches with and without the regulariser: the residual of held-out points falls to less than a fifth, and the
/// denoiser still is far better than the linear one, whose loss is 1 by construction.
#[test]
fn the_regulariser_makes_the_residual_small() {
    let [without, with] = [0.0, 0.3].map(|weight| {
        let mut trainer = Trainer::new(&potential(weight, 400), two()).unwrap();
        for _ in 0..400 {
            trainer.step().unwrap();
        }
        let values = trainer.average(Some(0.1)).unwrap();
        let loss = trainer.held_out_loss(values).unwrap().0;
        (trainer.fokker_planck_residual(values).unwrap(), loss)
    });
    assert!(with.0 < 0.2 * without.0, "{with:?} {without:?}");
    assert!(with.1 < 0.9 && without.1 < 0.9, "{with:?} {without:?}");
}

#[test]
fn the_residual_is_logged_and_a_resumed_run_is_the_same() {
    let [whole, parts] = [(); 2].map(|()| tempfile::tempdir().unwrap());
    let config = potential(0.1, 16);
    let mut unbroken = Trainer::new(&config, data()).unwrap();
    run(&mut unbroken, whole.path(), None);
    let mut first = Trainer::new(&config, data()).unwrap();
    run(&mut first, parts.path(), Some(7));
    let checkpoint = ridgewalk_nn::train::checkpoints(parts.path()).pop().unwrap();
    let mut second = Trainer::resume(&config, data(), &checkpoint).unwrap();
    run(&mut second, parts.path(), None);
    assert_eq!(unbroken.values(), second.values());
    let residuals = |folder: &tempfile::TempDir| -> Vec<Option<f64>> {
        read_log(folder.path()).unwrap().iter().map(|line| line.fokker_planck).collect()
    };
    let found = residuals(&whole);
    assert_eq!(found, residuals(&parts));
    // Where the held-out loss is measured: steps 8 and 16 of lines at each 4.
    assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false, true]);
}

#[test]
fn a_regulariser_without_a_potential_is_refused() {
    let refused = |config: &TrainConfig, data: TrainingData| {
        Trainer::new(config, data).map(|_| ()).unwrap_err().to_string()
    };
    let message = refused(&TrainConfig { fokker_planck: 0.1, ..config(4) }, data());
    assert!(message.contains("no potential"), "{message}");
    assert!(refused(&potential(-1.0, 4), data()).contains("fokker_planck"));
    let wide = ndarray::Array2::from_shape_fn((20, 65), |(i, j)| (i * j % 7) as f64);
    let wide = TrainingData::new(PointSet::vectors(wide).unwrap());
    assert!(refused(&potential(0.1, 4), wide).contains("at most 64"));
}

/// Held-out points count by their weights: those of a half and of the other half, together all. Weights are told by the
/// first coordinate, a row's number.
#[test]
fn held_out_points_count_by_their_weights() {
    let n = 200;
    let points = ndarray::Array2::from_shape_fn((n, 2), |(i, j)| [i as f64 / 50.0, (i % 7) as f64][j]);
    let heavy = |first: f64| ((first * 50.0).round() as usize).is_multiple_of(3);
    let loss = |weight: &dyn Fn(bool) -> f64| {
        let weights = points.column(0).iter().map(|first| weight(heavy(*first))).collect();
        let data = TrainingData::new(PointSet::vectors(points.clone()).unwrap());
        let data = data.weighted(weights).unwrap().held_out(0.4, 3).unwrap();
        let config = TrainConfig { center: Some(1.5), scale: Some(2.0), ..config(4) };
        let trainer = Trainer::new(&config, data).unwrap();
        let rest = trainer.data().rest().unwrap().values().column(0).to_vec();
        (trainer.held_out_loss(trainer.values()).unwrap().1, rest)
    };
    let (all, rest) = loss(&|_| 1.0);
    let [of_heavy, of_light, mixed] =
        [[1.0, 0.0], [0.0, 1.0], [3.0, 1.0]].map(|[a, b]| loss(&|heavy| if heavy { a } else { b }).0);
    for (level, (sigma, loss)) in all.iter().enumerate() {
        let own: Vec<bool> = rest.iter().skip(level).step_by(8).map(|first| heavy(*first)).collect();
        let count = own.iter().filter(|heavy| **heavy).count() as f64;
        let others = own.len() as f64 - count;
        assert!(count > 0.0 && others > 0.0);
        let together = |a: f64, b: f64| {
            (a * count * of_heavy[level].1 + b * others * of_light[level].1) / (a * count + b * others)
        };
        assert_eq!(mixed[level].0, *sigma);
        assert!((together(1.0, 1.0) / loss - 1.0).abs() < 1e-5, "{level}");
        assert!((together(3.0, 1.0) / mixed[level].1 - 1.0).abs() < 1e-5, "{level}");
        assert!((mixed[level].1 / loss - 1.0).abs() > 1e-4, "{level}: weights do nothing");
    }
}
