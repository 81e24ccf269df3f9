//! Networks that an experiment trains: the loss on the way, and what is asked of them at some steps.

use ndarray::Array2;
use ridgewalk::PointSet;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk_nn::NeuralDenoiser;
use ridgewalk_nn::train::{TrainConfig, Trainer, TrainingData};

use crate::failure::Result;
use crate::progress::{Meter, say};

/// Points of the curve of a run.
const CURVE: u64 = 20;

/// Trains for the steps of `config`, and hands the network, with the usual average of its weights, to `asked` after
/// every step that is in `stops`. (Steps, mean loss since the point before) all along.
pub fn train(
    name: &str,
    config: &TrainConfig,
    data: TrainingData,
    stops: &[u64],
    mut asked: impl FnMut(u64, &NeuralDenoiser) -> Result<()>,
) -> Result<Vec<(f64, f64)>> {
    let mut trainer = Trainer::new(config, data)?;
    let steps = trainer.config().steps.unwrap_or_default();
    say(&format!("{name}: {steps} steps, {} numbers", trainer.parameters()));
    let mut meter = Meter::new(name);
    let (mut curve, mut sum, every) = (Vec::new(), 0.0, (steps / CURVE).max(1));
    for step in 1..=steps {
        sum += trainer.step()?.loss;
        if step % every == 0 {
            curve.push((step as f64, sum / every as f64));
            sum = 0.0;
        }
        meter.tell(step as usize, steps as usize);
        if stops.contains(&step) {
            asked(step, &trainer.denoiser(trainer.usual_average())?)?;
        }
    }
    Ok(curve)
}

/// Points with noise of deviation σ, the same for the same seed and index.
pub fn noised(points: &PointSet, sigma: f64, seed: u64, index: usize) -> Array2<f64> {
    let mut values = points.values().to_owned();
    for (row, mut x) in values.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::DataNoise, row as u64, index as u64);
        x.mapv_inplace(|value| value + sigma * stream.normal());
    }
    values
}
