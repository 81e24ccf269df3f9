//! Models to tensors and back.

use ndarray::{Array1, Array2};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::{Pca, PointSet, Shape};

use super::container::{Container, Tensor, here};
use super::features;
use super::header::{Header, Kind, LatentKind, Units};
use super::{LatentParts, LatentSpace, Model, ModelFile, ReadNetwork};
use crate::element::Element;
use crate::error::{Error, Result};
use crate::normalization::Normalization;

pub(super) const F64: &[Element] = &[Element::F64];
/// What points may be stored as.
const POINTS: &[Element] = &[Element::U8, Element::F32, Element::F64];

/// The tensors of a file, the widest numbers first.
pub(super) fn tensors(file: &ModelFile) -> Vec<Tensor<'_>> {
    let mut tensors = Vec::new();
    if let Normalization::Standardized { mean, std } = &file.normalization {
        tensors.push(vector("normalization.mean", mean));
        tensors.push(vector("normalization.std", std));
    }
    match &file.latent {
        Some(LatentSpace::Pca(pca)) => push_components_of_data(&mut tensors, pca),
        Some(LatentSpace::Network(network)) => push_network(&mut tensors, network.parts()),
        None => {}
    }
    match &file.model {
        Model::Gaussian(model) => push_components(&mut tensors, std::slice::from_ref(model)),
        Model::Mixture(model) => {
            tensors.push(vector("weights", model.weights()));
            push_components(&mut tensors, model.components());
        }
        Model::Empirical(model) => {
            if let Some(logs) = model.log_weights() {
                tensors.push(vector("log_weights", logs));
            }
            let points = model.points();
            tensors.push(Tensor {
                name: "points".into(),
                shape: points.shape().to_vec(),
                element: narrowest(points.iter().copied()),
                values: Box::new(points.into_iter().copied()),
            });
        }
        Model::RandomFeatures(model) => features::push(&mut tensors, model),
        Model::Network(_) => {}
    }
    tensors
}

pub(super) fn vector<'a>(name: &str, values: &'a [f64]) -> Tensor<'a> {
    let values_of = Box::new(values.iter().copied());
    Tensor { name: name.into(), shape: vec![values.len()], element: Element::F64, values: values_of }
}

fn push_components<'a>(tensors: &mut Vec<Tensor<'a>>, components: &'a [Gaussian]) {
    let d = components.first().map_or(0, |g| g.covariance().dim());
    tensors.push(Tensor {
        name: "means".into(),
        shape: vec![components.len(), d],
        element: Element::F64,
        values: Box::new(components.iter().flat_map(|g| g.mean().into_iter().copied())),
    });
    for (k, component) in components.iter().enumerate() {
        let covariance = component.covariance();
        if let Some(variances) = covariance.diagonal_variances() {
            tensors.push(vector(&name(k, "diagonal"), variances));
            continue;
        }
        tensors.push(Tensor {
            name: name(k, "vectors"),
            shape: vec![covariance.rank(), d],
            element: Element::F64,
            values: Box::new(covariance.vectors().into_iter().copied()),
        });
        tensors.push(vector(&name(k, "values"), covariance.values()));
        tensors.push(Tensor {
            name: name(k, "isotropic"),
            shape: vec![1],
            element: Element::F64,
            values: Box::new(std::iter::once(covariance.isotropic_variance())),
        });
    }
}

fn push_components_of_data<'a>(tensors: &mut Vec<Tensor<'a>>, latent: &'a Pca) {
    let (mean, components) = (latent.mean(), latent.components());
    tensors.push(Tensor {
        name: "latent.mean".into(),
        shape: vec![mean.len()],
        element: Element::F64,
        values: Box::new(mean.into_iter().copied()),
    });
    tensors.push(Tensor {
        name: "latent.components".into(),
        shape: components.shape().to_vec(),
        element: Element::F64,
        values: Box::new(components.into_iter().copied()),
    });
    tensors.push(vector("latent.scales", latent.scales()));
    tensors.push(vector("latent.spectrum", latent.spectrum()));
}

/// How the names of a latent space's tensors begin.
const LATENT: &str = "latent.";

fn push_network<'a>(tensors: &mut Vec<Tensor<'a>>, parts: &'a LatentParts) {
    // The widest numbers first, so that all are aligned.
    let mut own: Vec<Tensor> = parts
        .arrays
        .iter()
        .map(|(name, (shape, values))| {
            let element = match narrowest(values.iter().copied()) {
                Element::U8 => Element::F32,
                wider => wider,
            };
            let shape = shape.clone();
            Tensor {
                name: format!("{LATENT}{name}"),
                shape,
                element,
                values: Box::new(values.iter().copied()),
            }
        })
        .collect();
    own.sort_by_key(|tensor| std::cmp::Reverse(tensor.element.size()));
    tensors.append(&mut own);
}

fn name(component: usize, part: &str) -> String {
    format!("component.{component}.{part}")
}

/// The smallest type that keeps every bit (−0 is no u8).
fn narrowest(values: impl Iterator<Item = f64> + Clone) -> Element {
    let same = |a: f64, b: f64| a.to_bits() == b.to_bits();
    if values.clone().all(|v| same(f64::from(v as u8), v)) {
        Element::U8
    } else if values.clone().all(|v| same(f64::from(v as f32), v)) {
        Element::F32
    } else {
        Element::F64
    }
}

/// The model of a file whose header says that it is of this kind, in `dim` dimensions.
pub(super) fn model(header: &Header, container: &mut Container, shape: Shape, dim: usize) -> Result<Model> {
    match header.kind {
        Kind::Gaussian => {
            let mut components = components(container, 1, dim)?;
            components.pop().map(Model::Gaussian).ok_or_else(|| Error::malformed("there is no component"))
        }
        Kind::Mixture => {
            let [count] = container.shape("weights")?;
            let weights = container.values("weights", &[count], F64)?;
            let components = components(container, count, dim)?;
            Mixture::new(weights, components).map(Model::Mixture).map_err(|e| unsound("weights", e))
        }
        Kind::RandomFeatures => features::read(header.activation, container, dim).map(Model::RandomFeatures),
        Kind::Empirical => {
            let [n, _] = container.shape("points")?;
            let values = container.values("points", &[n, dim], POINTS)?;
            let points = matrix("points", n, dim, values)?;
            let points = PointSet::new(points, shape).map_err(|e| unsound("points", e))?;
            let model = if container.has("log_weights") {
                let logs = container.values("log_weights", &[n], F64)?;
                Empirical::from_log_weights(&points, logs)
            } else {
                Empirical::new(&points)
            };
            model.map(Model::Empirical).map_err(|e| unsound("log_weights", e))
        }
    }
}

fn components(container: &mut Container, count: usize, dim: usize) -> Result<Vec<Gaussian>> {
    let means = container.values("means", &[count, dim], F64)?;
    let mut components = Vec::new();
    for (k, mean) in means.chunks_exact(dim).enumerate() {
        let covariance = covariance(container, k, dim)?;
        let mean = Array1::from(mean.to_vec());
        components.push(Gaussian::new(mean, covariance).map_err(|e| unsound("means", e))?);
    }
    Ok(components)
}

/// The covariance of component `k`. A file that holds two forms of one is refused by the tensor that
/// is left over.
fn covariance(container: &mut Container, k: usize, dim: usize) -> Result<Covariance> {
    let diagonal_name = name(k, "diagonal");
    if container.has(&diagonal_name) {
        let variances = container.values(&diagonal_name, &[dim], F64)?;
        return Covariance::diagonal(variances).map_err(|e| unsound(&diagonal_name, e));
    }
    let [vectors_name, values_name, rest_name] = ["vectors", "values", "isotropic"].map(|part| name(k, part));
    let [rank, _] = container.shape(&vectors_name)?;
    let vectors = container.values(&vectors_name, &[rank, dim], F64)?;
    let vectors = matrix(&vectors_name, rank, dim, vectors)?;
    let values = container.values(&values_name, &[rank], F64)?;
    let rest = container.values(&rest_name, &[1], F64)?;
    let isotropic = rest.first().copied().unwrap_or_default();
    Covariance::from_parts(vectors, values, isotropic).map_err(|e| unsound(&vectors_name, e))
}

/// The normalization that the header names.
pub(super) fn normalization(units: Units, container: &mut Container, dim: usize) -> Result<Normalization> {
    match units {
        Units::None => Ok(Normalization::None),
        Units::Standardized => Ok(Normalization::Standardized {
            mean: container.values("normalization.mean", &[dim], F64)?,
            std: container.values("normalization.std", &[dim], F64)?,
        }),
    }
}

/// The latent space that the header names, if it names one.
pub(super) fn latent(
    header: &Header,
    container: &mut Container,
    dim: usize,
    networks: Option<ReadNetwork>,
) -> Result<Option<LatentSpace>> {
    match header.latent {
        None => Ok(None),
        Some(LatentKind::Pca) => components_of_data(container, dim).map(|pca| Some(pca.into())),
        Some(LatentKind::Autoencoder) => {
            let read = networks.ok_or_else(|| {
                Error::unsupported(
                    "is a model in the latent space of an autoencoder, which is a network",
                    "read it with `ridgewalk_nn::load_model_file`",
                )
            })?;
            let mut parts = LatentParts {
                header: header.latent_network.clone().unwrap_or_default(),
                ..LatentParts::default()
            };
            for (name, shape) in container.beginning(LATENT) {
                let values = container.values(&name, &shape, POINTS)?;
                let own = name.strip_prefix(LATENT).unwrap_or(&name).to_string();
                parts.arrays.insert(own, (shape, values));
            }
            let network = read(parts).map_err(|problem| here("latent", Error::malformed(problem)))?;
            let latent = LatentSpace::Network(network);
            let wide = ridgewalk::Latent::data_dim(&latent);
            if wide != dim {
                let problem = format!("is one of points of {wide} coordinates, and the model's have {dim}");
                return Err(here("latent", Error::malformed(problem)));
            }
            Ok(Some(latent))
        }
    }
}

fn components_of_data(container: &mut Container, dim: usize) -> Result<Pca> {
    let name = "latent.components";
    let [k, _] = container.shape(name)?;
    let [rank] = container.shape("latent.spectrum")?;
    let mean = container.values("latent.mean", &[dim], F64)?;
    let components = matrix(name, k, dim, container.values(name, &[k, dim], F64)?)?;
    let scales = container.values("latent.scales", &[k], F64)?;
    let spectrum = container.values("latent.spectrum", &[rank], F64)?;
    Pca::from_parts(mean.into(), components, scales, spectrum).map_err(|e| unsound(name, e))
}

pub(super) fn matrix(name: &str, rows: usize, columns: usize, values: Vec<f64>) -> Result<Array2<f64>> {
    Array2::from_shape_vec((rows, columns), values).map_err(|e| here(name, Error::malformed(e.to_string())))
}

/// What the library refuses to build from a file's numbers is the file's fault.
pub(super) fn unsound(name: &str, error: ridgewalk::Error) -> Error {
    here(name, Error::malformed(error.to_string()))
}
