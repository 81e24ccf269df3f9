//! The loss of a batch, as tensors.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Device, TensorData};
use rayon::prelude::*;

use super::{NoiseLevels, Sample, Weighting};
use crate::network::Condition;
use crate::neural::Model;
use crate::ops::Matrix;
use crate::parameters::Leaves;

/// What the network is asked, and what it should answer.
pub(crate) struct Tensors {
    input: Matrix,
    condition: Condition<Matrix>,
    target: Target,
    /// w_n λ(σ_n) c_out(σ_n)², `[n, 1]`; with a learned k without its part of c_out.
    weight: Matrix,
}

enum Target {
    /// F*.
    Known(Box<Matrix>),
    /// x₀ over its scale, ε, and t of the linear process, of which a learned k makes the target.
    Mix(Box<[Matrix; 3]>),
}

/// A batch as tensors.
pub(crate) fn tensors(
    model: &Model,
    samples: &[Sample],
    weighting: (&Weighting, &NoiseLevels),
    device: &Device,
) -> Tensors {
    let preconditioning = &model.preconditioning;
    let (center, scale, n) = (preconditioning.center, preconditioning.scale, samples.len());
    let config = model.network.config();
    let dim = config.shape.dim();
    let matrix =
        |values: Vec<f32>, columns: usize| Matrix::from_data(TensorData::new(values, [n, columns]), device);
    let column =
        |value: &dyn Fn(&Sample) -> f64| matrix(samples.iter().map(|s| value(s) as f32).collect(), 1);
    // What is linear in x₀ − m and ε: their factors, of every sample.
    let each = |factors: &(dyn Fn(&Sample) -> [f64; 2] + Sync)| {
        let mut values = vec![0.0; n * dim];
        values.par_chunks_mut(dim.max(1)).zip(samples).for_each(|(values, sample)| {
            let [of_clean, of_noise] = factors(sample);
            for (value, (clean, noise)) in values.iter_mut().zip(sample.clean.iter().zip(&sample.noise)) {
                *value = (of_clean * (clean - center) + of_noise * noise) as f32;
            }
        });
        matrix(values, dim)
    };
    let at = |sample: &Sample| preconditioning.coefficients(sample.sigma);
    let input = each(&|sample| [at(sample).input, at(sample).input * sample.sigma]);
    let noise = (!config.blind).then(|| column(&|sample| model.told(sample.sigma)));
    let class = (config.classes > 0).then(|| {
        let mut one_hot = vec![0.0; n * config.classes];
        for (row, sample) in one_hot.chunks_mut(config.classes).zip(samples) {
            if let Some(one) = sample.class.and_then(|class| row.get_mut(class)) {
                *one = 1.0;
            }
        }
        matrix(one_hot, config.classes)
    });
    let lambda = |sample: &Sample| sample.weight * weighting.0.at(sample.sigma, scale, weighting.1);
    let (target, weight) = match model.mix() {
        Some(_) => {
            let time = |sample: &Sample| sample.sigma / (sample.sigma + scale);
            let parts = [each(&|_| [1.0 / scale, 0.0]), each(&|_| [0.0, 1.0]), column(&time)];
            let target = Target::Mix(Box::new(parts));
            (target, column(&|sample| lambda(sample) * (scale * time(sample)) * (scale * time(sample))))
        }
        None => {
            let target = each(&|sample| {
                let c = at(sample);
                [(1.0 - c.skip) / c.output, -c.skip * sample.sigma / c.output]
            });
            (
                Target::Known(Box::new(target)),
                column(&|sample| lambda(sample) * at(sample).output * at(sample).output),
            )
        }
    };
    Tensors { input, condition: Condition { noise, class }, target, weight }
}

/// The loss of every sample, `[n, 1]`: w λ ‖D − x₀‖²/d. `device` is that of the leaves.
///
/// With a learned k, D is that of this k: k changes how D is made, and nothing is gained by a k of small targets.
pub(crate) fn losses(model: &Model, leaves: &Leaves, batch: Tensors, device: &Device) -> Matrix {
    let tracked = |matrix: Matrix| if device.is_autodiff() { matrix.autodiff() } else { matrix };
    let Tensors { input, condition, target, weight } = batch;
    let condition = Condition { noise: condition.noise.map(tracked), class: condition.class.map(tracked) };
    let answer = model.network.forward(leaves, tracked(input), &condition, device);
    let weight = tracked(weight);
    match (target, model.mix()) {
        (Target::Mix(parts), Some(handle)) => {
            let [data, noise, time] = parts.map(tracked);
            let k = sigmoid(leaves.get(handle));
            let rest = k.clone().neg().add_scalar(1.0);
            let target = data * k.clone() - noise * rest.clone();
            // D − x₀ = s t (F − F*)/q.
            let q = time.clone() * k + time.neg().add_scalar(1.0) * rest;
            mean_square(answer - target) * weight / (q.clone() * q)
        }
        (Target::Known(target), _) => mean_square(answer - tracked(*target)) * weight,
        (Target::Mix(parts), None) => {
            let [data, ..] = parts.map(tracked);
            mean_square(answer - data) * weight
        }
    }
}

/// Mean of squares of every row, `[n, 1]`.
fn mean_square(x: Matrix) -> Matrix {
    (x.clone() * x).mean_dim(1)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use ridgewalk::Denoiser;
    use ridgewalk::random::{Purpose, Stream};

    use super::*;
    use crate::label::NoiseLabel;
    use crate::network::{Architecture, MlpConfig, NetworkConfig};
    use crate::neural::{ModelConfig, NeuralDenoiser};
    use crate::preconditioning::{Preconditioning, Prediction};

    fn config(prediction: Prediction) -> ModelConfig {
        let mlp = MlpConfig { width: 16, depth: 2, embedding: 8, ..MlpConfig::default() };
        ModelConfig {
            network: NetworkConfig {
                architecture: Architecture::Mlp(mlp),
                shape: ridgewalk::Shape::Vector(3),
                classes: 2,
                blind: false,
            },
            preconditioning: Preconditioning { prediction, center: 0.4, scale: 1.7 },
            label: NoiseLabel::default(),
        }
    }

    fn values(model: &Model) -> Vec<f32> {
        let mut stream = Stream::new(2, Purpose::Evaluation, 0, 0);
        (0..model.layout().len()).map(|_| (0.3 * stream.normal()) as f32).collect()
    }

    fn samples() -> Vec<Sample> {
        let mut stream = Stream::new(3, Purpose::Evaluation, 0, 0);
        let levels = [0.05, 0.7, 2.0, 30.0];
        let normals = |stream: &mut Stream| (0..3).map(|_| stream.normal()).collect::<Vec<f64>>();
        let sample = |(index, sigma): (usize, f64)| Sample {
            clean: normals(&mut stream).iter().map(|x| 0.4 + 1.7 * x).collect(),
            noise: normals(&mut stream),
            sigma,
            class: [None, Some(0), Some(1)][index % 3],
            weight: 1.0 + index as f64,
        };
        levels.into_iter().enumerate().map(sample).collect()
    }

    fn of(model: &Model, values: &[f32], samples: &[Sample]) -> Vec<f64> {
        let (levels, device) = (NoiseLevels::named("log-normal").unwrap(), Device::flex());
        let leaves = Leaves::new(model.layout(), values, &device);
        let batch = tensors(model, samples, (&Weighting::Simple, &levels), &device);
        losses(model, &leaves, batch, &device).into_data().iter::<f32>().map(f64::from).collect()
    }

    /// w λ ‖D − x₀‖²/d, with D by the denoiser that is made of the same numbers. D loses digits where σ is small: the
    /// tolerance is for σ = 0.05.
    #[test]
    fn losses_are_those_of_the_denoiser() {
        let mixes = [false, true].map(|learned| Prediction::KMix { k: 0.3, learned });
        let others = [
            Prediction::Edm,
            Prediction::Denoised,
            Prediction::Noise,
            Prediction::Velocity,
            Prediction::Flow,
        ];
        for prediction in mixes.into_iter().chain(others) {
            let config = config(prediction);
            let model = Model::new(&config).unwrap();
            let values = values(&model);
            let denoiser = NeuralDenoiser::new(&config, values.clone()).unwrap();
            let samples = samples();
            for (sample, loss) in samples.iter().zip(of(&model, &values, &samples)) {
                let x: Vec<f64> =
                    sample.clean.iter().zip(&sample.noise).map(|(c, e)| c + sample.sigma * e).collect();
                let x = Array2::from_shape_vec((1, 3), x).unwrap();
                let denoised =
                    denoiser.of_class(sample.class).unwrap().denoise(x.view(), sample.sigma).unwrap();
                let square: f64 = denoised.iter().zip(&sample.clean).map(|(d, c)| (d - c) * (d - c)).sum();
                let expected = sample.weight * square / (3.0 * sample.sigma * sample.sigma);
                assert!(
                    (loss / expected - 1.0).abs() < 1e-3,
                    "{prediction:?} at {}: {loss} {expected}",
                    sample.sigma
                );
            }
        }
    }

    /// Central differences in single precision with h = 0.02: rounding 10⁻⁵, the third derivative a part in a thousand.
    #[test]
    fn the_gradient_of_a_learned_k_is_that_of_differences() {
        let model = Model::new(&config(Prediction::KMix { k: 0.3, learned: true })).unwrap();
        let mut values = values(&model);
        let place = values.len() - 1;
        values[place] = -0.8;
        let samples = &samples()[1..];
        let mut sum = |logit: f32| {
            values[place] = logit;
            of(&model, &values, samples).iter().sum::<f64>()
        };
        let h = 0.02;
        let difference = (sum(-0.8 + h) - sum(-0.8 - h)) / (2.0 * f64::from(h));
        values[place] = -0.8;
        let (levels, device) = (NoiseLevels::named("log-normal").unwrap(), Device::flex());
        let leaves = Leaves::new(model.layout(), &values, &device).tracked();
        let batch = tensors(&model, samples, (&Weighting::Simple, &levels), &device);
        let loss = losses(&model, &leaves, batch, &device.clone().autodiff()).sum();
        let leaf = leaves.get(model.mix().unwrap());
        let gradient =
            leaf.grad_remove(&mut loss.backward()).unwrap().into_data().iter::<f32>().next().unwrap();
        assert!((f64::from(gradient) / difference - 1.0).abs() < 5e-3, "{gradient} {difference}");
    }
}
