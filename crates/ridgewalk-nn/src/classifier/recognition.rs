//! From the tensors of a file to a classifier: which one it is, and whether all of it is there.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use ndarray::{Array1, Array2};

use super::head::Head;
use super::lenet::{self, LeNet};
use super::model::{Body, Classifier, ClassifierArchitecture};
use super::resnet::{self, BlockWeights, ResNet};
use crate::error::{Error, Result};
use crate::pretrained::file::Values;
use crate::pretrained::network::Weights;

const HELP: &str = "tensors conv1, conv2 and fc make a LeNet, conv1, bn1, layer1.0.conv1, … and linear a ResNet of \
                    CIFAR-10: rename those of your network";
/// What batch normalisation adds to a variance.
const EPSILON: f64 = 1e-5;

/// The tensors of a file that are not yet taken.
struct Tensors<'a> {
    path: &'a Path,
    left: BTreeMap<String, Values>,
    parameters: usize,
}

impl Tensors<'_> {
    fn error(&self, problem: String) -> Error {
        Error::file(self.path, problem, HELP)
    }

    fn has(&self, name: &str) -> bool {
        self.left.contains_key(name)
    }

    fn take(&mut self, name: &str) -> Result<Values> {
        let values = self.left.remove(name).ok_or_else(|| self.error(format!("has no tensor `{name}`")))?;
        self.parameters += values.values.len();
        Ok(values)
    }

    /// A list of numbers, one a channel.
    fn vector(&mut self, name: &str, length: usize) -> Result<Vec<f32>> {
        let Values { shape, values } = self.take(name)?;
        if shape == [length] {
            return Ok(values);
        }
        Err(self.error(format!("has `{name}` of shape {shape:?}, where [{length}] belongs")))
    }

    /// Square kernels of this size, with as many channels on the side that comes in.
    fn kernels(&mut self, name: &str, kernel: usize, incoming: usize) -> Result<Weights> {
        let full = format!("{name}.weight");
        let Values { shape, values } = self.take(&full)?;
        match shape.as_slice() {
            &[out, into, rows, columns]
                if (into, rows, columns) == (incoming, kernel, kernel) && out > 0 =>
            {
                Ok(Weights { shape: [out, into, rows, columns], values, bias: None })
            }
            _ => Err(self.error(format!(
                "has `{full}` of shape {shape:?}, where {kernel}×{kernel} kernels and {incoming} channels in second place belong"
            ))),
        }
    }

    /// A convolution without biases, and the normalisation after it, in one: in f64, at the statistics of training.
    fn normalised(&mut self, name: &str, norm: &str, incoming: usize) -> Result<Weights> {
        let mut weights = self.kernels(name, resnet::KERNEL, incoming)?;
        let channels = weights.shape[0];
        let mut of = |part: &str| self.vector(&format!("{norm}.{part}"), channels);
        let (gain, shift) = (of("weight")?, of("bias")?);
        let (mean, variance) = (of("running_mean")?, of("running_var")?);
        if let Some(channel) = variance.iter().position(|v| *v < 0.0) {
            let problem =
                format!("has a variance of {} in `{norm}.running_var` at place {channel}", variance[channel]);
            return Err(self.error(problem));
        }
        let each = weights.values.len() / channels.max(1);
        let factors: Vec<f64> = gain
            .iter()
            .zip(&variance)
            .map(|(gain, variance)| f64::from(*gain) / (f64::from(*variance) + EPSILON).sqrt())
            .collect();
        for (kernels, factor) in weights.values.chunks_mut(each.max(1)).zip(&factors) {
            kernels.iter_mut().for_each(|v| *v = (f64::from(*v) * factor) as f32);
        }
        let bias = shift.iter().zip(&mean).zip(&factors);
        weights.bias = Some(
            bias.map(|((shift, mean), factor)| (f64::from(*shift) - f64::from(*mean) * factor) as f32)
                .collect(),
        );
        Ok(weights)
    }

    /// The last layer, of this many features.
    fn head(&mut self, name: &str, features: usize) -> Result<Head> {
        let full = format!("{name}.weight");
        let Values { shape, values } = self.take(&full)?;
        let wrong = format!("has `{full}` of shape {shape:?}, where [classes, {features}] belongs");
        let (&[classes, _], true) = (shape.as_slice(), shape.get(1) == Some(&features)) else {
            return Err(self.error(wrong));
        };
        let weight = Array2::from_shape_vec((classes, features), values).map_err(|_| self.error(wrong))?;
        let bias = Array1::from(self.vector(&format!("{name}.bias"), classes)?);
        Ok(Head { weight: weight.mapv(f64::from), bias: bias.mapv(f64::from) })
    }

    /// That nothing is left: a part that is not applied would make another network of it.
    fn finish(&self) -> Result<()> {
        match self.left.keys().next() {
            None => Ok(()),
            Some(name) => Err(self.error(format!("has a tensor `{name}` that has no place in the network"))),
        }
    }
}

/// The classifier of a file.
pub(super) fn classifier(path: &Path, tensors: BTreeMap<String, Values>) -> Result<Classifier> {
    let mut tensors = Tensors { path, left: tensors, parameters: 0 };
    if tensors.has("fc.weight") && !tensors.has("layer1.0.conv1.weight") {
        lenet(&mut tensors)
    } else if tensors.has("layer1.0.conv1.weight") {
        resnet(&mut tensors)
    } else if tensors.has("conv.0.weight") || tensors.has("conv9.weight") {
        Err(Error::file(
            path,
            "holds a denoiser, and a classifier was expected",
            "give a classifier here; denoisers go to `denoise` and `sample`",
        ))
    } else {
        let first: Vec<String> = tensors.left.keys().take(3).map(|name| format!("`{name}`")).collect();
        let held = if first.is_empty() { "no tensors".into() } else { first.join(", ") };
        Err(tensors.error(format!("is of no known classifier: it holds {held}")))
    }
}

fn lenet(tensors: &mut Tensors) -> Result<Classifier> {
    let mut convolution = |name: &str, incoming: usize| -> Result<Weights> {
        let weights = tensors.kernels(name, lenet::KERNEL, incoming)?;
        let bias = tensors.vector(&format!("{name}.bias"), weights.shape[0])?;
        Ok(Weights { bias: Some(bias), ..weights })
    };
    let first = convolution("conv1", 1)?;
    let second = convolution("conv2", first.shape[0])?;
    let features = second.shape[0] * lenet::LAST * lenet::LAST;
    let head = tensors.head("fc", features)?;
    let body = Arc::new(LeNet::new([first, second]));
    finish(tensors, body, head, ("LeNet".into(), lenet::SIDE, 1))
}

fn resnet(tensors: &mut Tensors) -> Result<Classifier> {
    let first = tensors.normalised("conv1", "bn1", 3)?;
    let mut channels = first.shape[0];
    let mut blocks = Vec::new();
    for stage in 1..=resnet::STAGES {
        let name = |block: usize| format!("layer{stage}.{block}");
        let count = (0..).take_while(|block| tensors.has(&format!("{}.conv1.weight", name(*block)))).count();
        if count == 0 {
            return Err(tensors.error(format!("has no tensor `layer{stage}.0.conv1.weight`")));
        }
        for block in 0..count {
            let name = name(block);
            let halves = stage > 1 && block == 0;
            let a = tensors.normalised(&format!("{name}.conv1"), &format!("{name}.bn1"), channels)?;
            let b = tensors.normalised(&format!("{name}.conv2"), &format!("{name}.bn2"), a.shape[0])?;
            let out = b.shape[0];
            let fits = if halves { out >= channels } else { out == channels };
            if !fits {
                let problem = format!(
                    "goes from {channels} to {out} channels in `{name}`, around which nothing can lead"
                );
                return Err(tensors.error(problem));
            }
            channels = out;
            blocks.push(BlockWeights { layers: [a, b], halves });
        }
    }
    let layers = 2 * blocks.len() + 2;
    let head = tensors.head("linear", channels)?;
    let body = Arc::new(ResNet::new(first, blocks));
    finish(tensors, body, head, (format!("ResNet-{layers}"), resnet::SIDE, 3))
}

fn finish(
    tensors: &Tensors,
    body: Arc<dyn Body>,
    head: Head,
    (name, side, channels): (String, usize, usize),
) -> Result<Classifier> {
    tensors.finish()?;
    let (classes, features) = head.weight.dim();
    let architecture =
        ClassifierArchitecture { name, side, channels, features, classes, parameters: tensors.parameters };
    Ok(Classifier::new(body, head, architecture))
}
