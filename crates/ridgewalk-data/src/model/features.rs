//! Random feature models to tensors and back.

use ndarray::ArrayView2;
use ridgewalk::Moments;
use ridgewalk::closed_form::{Activation, Features, RandomFeatures};

use super::container::{Container, Tensor};
use super::header::ActivationName;
use super::parts::{F64, matrix, unsound, vector};
use crate::element::Element;
use crate::error::{Error, Location, Result};

const DIRECTIONS: &str = "features.directions";
const EMBEDDING: &str = "features.embedding";
const BIASES: &str = "features.biases";
const PERIOD: &str = "features.period";
const WEIGHTS: &str = "weights";

pub(super) fn push<'a>(tensors: &mut Vec<Tensor<'a>>, model: &'a RandomFeatures) {
    let features = model.features();
    tensors.push(table(DIRECTIONS, features.directions()));
    tensors.push(table(EMBEDDING, features.embedding()));
    tensors.push(vector(BIASES, features.biases()));
    tensors.push(numbers(PERIOD, vec![features.period()]));
    tensors.push(table(WEIGHTS, model.weights()));
    tensors.push(numbers("center", model.center().to_vec()));
    tensors.push(numbers("scale", vec![model.scale()]));
    let (earliest, latest) = model.times();
    tensors.push(numbers("times", vec![earliest, latest]));
    let moments = model.data_moments();
    tensors.push(numbers("mean", moments.mean.to_vec()));
    tensors.push(numbers("std", vec![moments.std]));
}

fn table<'a>(name: &str, values: ArrayView2<'a, f64>) -> Tensor<'a> {
    Tensor {
        name: name.into(),
        shape: values.shape().to_vec(),
        element: Element::F64,
        values: Box::new(values.into_iter().copied()),
    }
}

fn numbers(name: &str, values: Vec<f64>) -> Tensor<'static> {
    let shape = vec![values.len()];
    Tensor { name: name.into(), shape, element: Element::F64, values: Box::new(values.into_iter()) }
}

pub(super) fn read(
    activation: Option<ActivationName>,
    container: &mut Container,
    dim: usize,
) -> Result<RandomFeatures> {
    let activation = match activation {
        Some(ActivationName::Cosine) => Activation::Cosine,
        Some(ActivationName::Relu) => Activation::Relu,
        None => {
            let error = Error::malformed("random features have an activation, and none is named");
            return Err(error.at(Location::Part("header".into())));
        }
    };
    let [count] = container.shape(BIASES)?;
    let [_, width] = container.shape(EMBEDDING)?;
    let mut table = |name: &str, rows: usize, columns: usize| {
        matrix(name, rows, columns, container.values(name, &[rows, columns], F64)?)
    };
    let directions = table(DIRECTIONS, count, dim)?;
    let embedding = table(EMBEDDING, count, width)?;
    let weights = table(WEIGHTS, dim, count)?;
    let biases = container.values(BIASES, &[count], F64)?;
    let period = one(container, PERIOD)?;
    let features = Features::new(activation, directions, embedding, biases, period)
        .map_err(|e| unsound(DIRECTIONS, e))?;
    let center = container.values("center", &[dim], F64)?.into();
    let scale = one(container, "scale")?;
    let times = match container.values("times", &[2], F64)?[..] {
        [earliest, latest] => (earliest, latest),
        _ => (0.0, 0.0), // the shape was checked
    };
    let mean = container.values("mean", &[dim], F64)?.into();
    let moments = Moments { mean, std: one(container, "std")? };
    RandomFeatures::from_parts(features, weights, (center, scale), times, moments)
        .map_err(|e| unsound(WEIGHTS, e))
}

fn one(container: &mut Container, name: &str) -> Result<f64> {
    Ok(container.values(name, &[1], F64)?.first().copied().unwrap_or_default())
}
