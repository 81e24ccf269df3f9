//! Images in a latent space, as far from the ridge as a random feature model leaves them (arXiv 2602.06021's experiment
//! on MNIST, with principal components in the place of an autoencoder).

mod images;
mod measure;

use ndarray::{Array2, Axis};
use ridgewalk::closed_form::{Empirical, KernelDensity, RandomFeatureFit, RandomFeatures};
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::{Heun, PointSet};
use ridgewalk_data::digits;

use super::super::part::Part;
use super::settings::{Settings, level, path};
use crate::failure::Result;
use crate::progress::say;
use measure::{Measured, Setting};

/// Classes of the published experiment.
const CLASSES: [u32; 2] = [1, 8];
/// Components and d* of MNIST, as published; of the embedded digits, about the same share.
const MNIST: (usize, usize) = (32, 25);
const DIGITS: (usize, usize) = (12, 9);
/// The run: from this time to that.
const FROM: f64 = 4.0;
const TO: f64 = 1e-3;

/// One class in its latent space, scaled to a standard deviation of 1, as times of the process suppose.
struct Class {
    name: String,
    images: PointSet,
    latent: Pca,
    scale: f64,
    exact: Empirical,
    model: RandomFeatures,
    /// d* as published.
    dimension: usize,
    /// Noise levels at which distances are measured, falling; the last is that of the end.
    levels: Vec<f64>,
}

pub fn run(settings: &Settings) -> Result<Part> {
    let (all, source, shape) = match &settings.mnist {
        Some(points) => (points.clone(), "MNIST, 28×28 pixels", MNIST),
        None => (digits(), "the embedded digits, 8×8 pixels, since no --mnist FILE was given", DIGITS),
    };
    let mut part = Part::new(
        "Images in a latent space",
        &format!(
            "Data: {source}; one class at a time, in {} principal components, all divided by one number so that their standard deviation is \
             1. p_σ is that of all its latents, and samples are those of a random feature model, from noise to t = {TO}. The published \
             experiment has the latents of an autoencoder and a network: its values are no targets here.",
            shape.0
        ),
    );
    let classes = if settings.paper.small { &CLASSES[1..] } else { &CLASSES[..] };
    let mut measured = Vec::new();
    for &label in classes {
        say(&format!("class {label}"));
        let class = class(settings, &all, label, shape)?;
        let found = one(settings, &class)?;
        part.figure(images::sheet(&class, &found)?);
        measured.push(found);
    }
    measure::tables(&mut part, &measured);
    measure::findings(&mut part, &measured, settings.mnist.is_some());
    Ok(part)
}

fn class(settings: &Settings, all: &PointSet, label: u32, shape: (usize, usize)) -> Result<Class> {
    let images = all.class(label)?;
    let rows: Vec<usize> = (0..settings.size(images.len(), 150).min(images.len())).collect();
    let images = images.select(&rows)?;
    let (components, dimension) = shape;
    let latent = Pca::fit(&images, Components::Count(components))?;
    let codes = latent.encode(images.values())?;
    let scale = PointSet::vectors(codes.clone())?.moments().std;
    let codes = PointSet::vectors(codes / scale)?;
    let features = settings.size(1000, 200);
    let fit = RandomFeatureFit { seed: settings.seed(), ..RandomFeatureFit::new(features) };
    let model = fit.fit(&codes)?.at(f64::INFINITY)?;
    let bandwidth = KernelDensity::choose_bandwidth(&codes, settings.seed())?.bandwidth;
    let powers = [4, 3, 2, 1, 0].map(|k| bandwidth * libm::exp(0.5 * f64::from(k) * std::f64::consts::LN_2));
    let measured = powers.into_iter().filter(|sigma| *sigma <= 1.0 || *sigma == bandwidth);
    Ok(Class {
        name: format!("digit {label}"),
        levels: measured.chain([level(TO)]).collect(),
        exact: Empirical::new(&codes)?,
        images,
        latent,
        scale,
        model,
        dimension,
    })
}

/// What is measured of one class, and the samples at the end with their distances.
struct Found {
    name: String,
    samples: Array2<f64>,
    residuals: Vec<f64>,
    rows: Vec<Measured>,
}

fn one(settings: &Settings, class: &Class) -> Result<Found> {
    let (many, d) = (settings.mnist.is_some(), class.exact.points().ncols());
    // A frame among thousands of images costs milliseconds.
    let (full, steps) = if many { (60, 6.0) } else { (200, 10.0) };
    let n = settings.size(full, 40);
    let mut grid = vec![level(FROM)];
    for &sigma in &class.levels {
        let above = grid.last().copied().unwrap_or(sigma);
        let steps = (settings.size(steps, 5.0) * libm::log(above / sigma)).ceil().max(1.0) as usize;
        grid.extend(between(above, sigma, steps).into_iter().skip(1));
    }
    let mut stream = Stream::new(settings.seed(), Purpose::Start, 19, 0);
    let start = Array2::from_shape_simple_fn((n, d), || level(FROM) * stream.normal());
    let start = start + &class.exact.points().mean_axis(Axis(0)).unwrap_or_else(|| ndarray::Array1::zeros(d));
    let exact = path(Heun::new(), &grid, &class.exact, start.view(), 0)?;
    let model = path(Heun::new(), &grid, &class.model, start.view(), 0)?;
    let mut rows = Vec::new();
    let spectra = class.levels.iter().map(|sigma| measure::widest_gap(settings, class, *sigma));
    let gaps = spectra.collect::<Result<Vec<_>>>()?;
    let above = gaps.len().saturating_sub(1);
    let widest = (0..above).fold(0, |best, k| if gaps[k].1 > gaps[best].1 { k } else { best });
    for (k, (&sigma, &(own, _))) in class.levels.iter().zip(&gaps).enumerate() {
        let (exact, model) = (down_to(&exact, sigma)?, down_to(&model, sigma)?);
        let setting = Setting {
            class,
            exact: &exact,
            model: &model,
            sigma,
            own,
            widest: k == widest,
            predict: k == widest || (!many && k < above),
        };
        rows.extend(measure::at(&setting)?);
    }
    let last = rows.iter().rev().find(|row| row.published);
    let residuals = last.map(|row| row.residuals.clone()).unwrap_or_default();
    let ends = model.states().filter(|(sigma, _)| *sigma > 0.0).last();
    let samples = ends.map_or_else(|| Array2::zeros((0, d)), |(_, x)| x.to_owned());
    Ok(Found { name: class.name.clone(), samples, residuals, rows })
}

/// Noise levels evenly in log σ, ends exact.
fn between(from: f64, to: f64, steps: usize) -> Vec<f64> {
    let ratio = libm::log(to / from) / steps as f64;
    let mut levels: Vec<f64> = (0..steps).map(|i| from * libm::exp(ratio * i as f64)).collect();
    levels.push(to);
    levels
}

/// The part of a run that ends at this level.
fn down_to(run: &Trajectories, sigma: f64) -> Result<Trajectories> {
    Ok(run.within(sigma..=f64::INFINITY)?)
}
