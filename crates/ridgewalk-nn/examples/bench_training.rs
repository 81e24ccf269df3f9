//! Our side of `bench/run training`: a network in training as one long-lived process.
//!
//! `bench_training unet|mlp|dit FOLDER STEPS` writes FOLDER/weights.safetensors (the first weights, by PyTorch's names) and
//! FOLDER/batches.safetensors (`clean`, `noise` `[STEPS, batch, d]` and `sigma` `[STEPS, batch]`), answers one line, and
//! then one line of JSON for every line `steps K` on stdin: seconds, and the loss of each step before it was taken.
use std::collections::BTreeMap;
use std::error::Error;
use std::f64::consts::PI;
use std::io::{BufRead, Write, stdin, stdout};
use std::path::Path;
use std::time::Instant;

use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};
use ridgewalk_nn::network::{Architecture, DitConfig, MlpConfig, UNetConfig};
use ridgewalk_nn::train::{Every, OptimizerConfig, TrainConfig, Trainer, TrainingData};
use safetensors::tensor::{Dtype, TensorView, serialize_to_file};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Points of which neighbouring coordinates resemble each other: a dozen waves with random weights, and some noise.
fn points(shape: Shape, n: usize) -> Outcome<PointSet> {
    let d = shape.dim();
    let mut values = Array2::zeros((n, d));
    for (row, mut point) in values.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(11, Purpose::Synthetic, row as u64, 0);
        for wave in 1..=12 {
            let (weight, phase) = (stream.normal() / f64::from(wave), 2.0 * PI * stream.uniform());
            for (index, x) in point.iter_mut().enumerate() {
                *x += weight * libm::cos(2.0 * PI * f64::from(wave) * index as f64 / d as f64 + phase);
            }
        }
        point.iter_mut().for_each(|x| *x += 0.1 * stream.normal());
    }
    Ok(PointSet::new(values, shape)?)
}

fn trainer(case: &str) -> Outcome<Trainer> {
    let image = Shape::Image { height: 16, width: 16, channels: 3 };
    let (architecture, shape, batch, rate) = match case {
        "unet" => (Architecture::UNet(UNetConfig::default()), image, 64, 5e-4),
        "mlp" => {
            let mlp = MlpConfig { width: 512, depth: 4, residual: false, ..MlpConfig::default() };
            (Architecture::Mlp(mlp), Shape::Vector(64), 512, 1e-3)
        }
        "dit" => {
            let dit = DitConfig { patch: 2, width: 384, depth: 4, heads: 6, ..DitConfig::default() };
            (Architecture::Dit(dit), image, 32, 3e-4)
        }
        other => return Err(format!("no case {other}").into()),
    };
    let config = TrainConfig {
        steps: Some(100_000),
        batch,
        hold_out: Some(0.0),
        averages: vec![0.1],
        architecture: Some(architecture),
        optimizer: OptimizerConfig { learning_rate: Some(rate), ..OptimizerConfig::default() },
        // Every step as the others: none that also measures.
        every: Every { log: u64::MAX, evaluate: u64::MAX, ..Every::default() },
        ..TrainConfig::default()
    };
    Ok(Trainer::new(&config, TrainingData::new(points(shape, 2048)?))?)
}

fn write(path: &Path, arrays: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Outcome<()> {
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let arrays: Vec<(&String, &Vec<usize>, Vec<u8>)> =
        arrays.iter().map(|(name, (dims, values))| (name, dims, bytes(values))).collect();
    let views = arrays
        .iter()
        .map(|(name, dims, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, dims.to_vec(), bytes)?)))
        .collect::<Outcome<Vec<_>>>()?;
    Ok(serialize_to_file(views, None, path)?)
}

fn write_batches(path: &Path, trainer: &mut Trainer, steps: usize) -> Outcome<()> {
    let (mut clean, mut noise, mut sigma) = (Vec::new(), Vec::new(), Vec::new());
    for step in 1..=steps as u64 {
        for sample in trainer.samples(step) {
            clean.extend(sample.clean.iter().map(|x| *x as f32));
            noise.extend(sample.noise.iter().map(|x| *x as f32));
            sigma.push(sample.sigma as f32);
        }
    }
    let batch = sigma.len() / steps.max(1);
    let d = clean.len() / sigma.len().max(1);
    let arrays = [("clean", vec![steps, batch, d], clean), ("noise", vec![steps, batch, d], noise)]
        .into_iter()
        .chain([("sigma", vec![steps, batch], sigma)])
        .map(|(name, dims, values)| (name.to_string(), (dims, values)));
    write(path, &arrays.collect())
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [case, folder, steps] = words.as_slice() else {
        return Err("usage: bench_training unet|mlp|dit FOLDER STEPS".into());
    };
    let (folder, steps) = (Path::new(folder), steps.parse()?);
    let mut trainer = trainer(case)?;
    let weights = trainer.denoiser(None)?.to_torch();
    let weights = weights.into_iter().map(|(name, dims, values)| (name, (dims, values)));
    write(&folder.join("weights.safetensors"), &weights.collect())?;
    write_batches(&folder.join("batches.safetensors"), &mut trainer, steps)?;
    let preconditioning = trainer.model().ok_or("an autoencoder")?.preconditioning;
    println!(
        r#"{{"parameters": {}, "center": {}, "scale": {}, "learning_rate": {}, "instruction_set": "{}"}}"#,
        trainer.parameters(),
        preconditioning.center,
        preconditioning.scale,
        trainer.config().optimizer.rate(1_000_000, None),
        ridgewalk_kernels::instruction_set()
    );
    stdout().flush()?;
    for line in stdin().lock().lines() {
        let line = line?;
        let Some(count) = line.strip_prefix("steps ") else { return Err(format!("unknown `{line}`").into()) };
        let start = Instant::now();
        let mut losses = Vec::new();
        for _ in 0..count.trim().parse()? {
            losses.push(trainer.step()?.loss);
        }
        println!(r#"{{"seconds": {}, "losses": {losses:?}}}"#, start.elapsed().as_secs_f64());
        stdout().flush()?;
    }
    Ok(())
}

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
