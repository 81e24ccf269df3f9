//! The size of the reproduction, its data, and the states that its tables start from.

use std::path::Path;

use ndarray::{Array1, Array2, ArrayView2, array};
use ridgewalk::PointSet;
use ridgewalk::autonomous::TimePrior;
use ridgewalk::closed_form::{Embedded, Empirical};

use super::common::{empirical, table_normals};
use crate::arguments::{NoiseExperiment, NoisePaper};
use crate::failure::{Failure, Result};

pub struct Settings<'a> {
    pub paper: &'a NoisePaper,
    /// Images of the user, if they are given.
    pub images: Option<PointSet>,
    /// Images of clothes, on which networks alone are trained.
    pub fashion: Option<PointSet>,
}

impl<'a> Settings<'a> {
    /// Reads and checks the data.
    pub fn new(paper: &'a NoisePaper) -> Result<Self> {
        for (flag, given) in
            [("--fashion", paper.fashion.is_some()), ("--features", paper.features.is_some())]
        {
            if given && !paper.only.contains(&NoiseExperiment::Networks) {
                let help = "add --only networks, or drop it";
                return Err(Failure::new(
                    flag,
                    "acts on the experiment on networks, which is not asked for",
                    help,
                ));
            }
        }
        let read = |path: &Option<std::path::PathBuf>| path.as_deref().map(read_images).transpose();
        Ok(Settings { paper, images: read(&paper.mnist)?, fashion: read(&paper.fashion)? })
    }

    /// One of two sizes.
    pub fn size<T>(&self, full: T, small: T) -> T {
        if self.paper.small { small } else { full }
    }

    /// Dimensions that the circles lie in.
    pub fn dimensions(&self) -> &'static [usize] {
        self.size(&[2, 8, 32, 128, 512], &[8, 32])
    }
}

fn read_images(path: &Path) -> Result<PointSet> {
    let points = ridgewalk_data::load(&path.to_string_lossy())?;
    if !points.shape().is_image() || points.len() < 100 {
        let problem = format!("holds {} points ({}), not hundreds of images", points.len(), points.shape());
        let help = "give an IDX file of images, such as MNIST's";
        return Err(Failure::new(path.display(), problem, help));
    }
    Ok(points)
}

/// 16 points on the circle of radius ½, then 16 on the unit circle.
pub fn circles() -> Array2<f64> {
    Array2::from_shape_fn((32, 2), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * (i % 16) as f64 / 16.0;
        let radius = if i < 16 { 0.5 } else { 1.0 };
        radius * if k == 0 { libm::cos(angle) } else { libm::sin(angle) }
    })
}

/// Three points of the plane that give the energies of the paper's first figure.
pub fn three() -> Array2<f64> {
    array![[-0.5, 0.25], [0.5, 0.5], [0.25, -0.5]]
}

/// Data of a plane in the first two of `dim` coordinates.
pub fn embedded(plane: Array2<f64>, dim: usize) -> Result<Embedded<Empirical>> {
    let frame = Array2::from_shape_fn((2, dim), |(i, k)| if i == k { 1.0 } else { 0.0 });
    Ok(Embedded::new(empirical(plane)?, frame, Array1::zeros(dim))?)
}

/// Data of a plane with zeros for the other coordinates.
pub fn padded(plane: ArrayView2<f64>, dim: usize) -> Array2<f64> {
    Array2::from_shape_fn((plane.nrows(), dim), |(i, k)| if k < 2 { plane[(i, k)] } else { 0.0 })
}

/// The tables' noisy states u = αx + σε: of the data in turn, with the tables' normals.
pub fn noisy(data: ArrayView2<f64>, n: usize, seed: u64, (alpha, sigma): (f64, f64)) -> Array2<f64> {
    let dim = data.ncols();
    let normals = table_normals(seed, n * dim);
    Array2::from_shape_fn((n, dim), |(i, k)| {
        alpha * data[(i % data.nrows(), k)] + sigma * normals[i * dim + k]
    })
}

/// The uniform law of t by the trapezoid rule on times even in ln t: the tables' law.
pub fn even_in_log(from: f64, to: f64, n: usize) -> Result<TimePrior> {
    let step = libm::log(to / from) / (n - 1) as f64;
    let time = |i: usize| if i == n - 1 { to } else { from * libm::exp(i as f64 * step) };
    let times: Vec<f64> = (0..n).map(time).collect();
    let end = |i: usize| if i == 0 || i == n - 1 { 0.5 } else { 1.0 };
    let weights: Vec<f64> = times.iter().enumerate().map(|(i, t)| t * end(i)).collect();
    Ok(TimePrior::discrete(times, &weights)?)
}

/// Root mean square distance of the data from their mean.
pub fn spread(data: ArrayView2<f64>) -> f64 {
    let mean = data.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| Array1::zeros(data.ncols()));
    let rest = &data - &mean;
    (rest.iter().map(|v| v * v).sum::<f64>() / data.nrows().max(1) as f64).sqrt()
}
