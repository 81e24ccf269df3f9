//! The size of the reproduction, the coordinates of its tables, and what its experiments share.

use std::path::Path;

use ndarray::{Array2, ArrayView1, ArrayView2};
use ridgewalk::closed_form::Empirical;
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::survey::{Axis, Expectation, Figure, Plot, Series};
use ridgewalk::transform::{Field, InjectedError};
use ridgewalk::{Denoiser, Levels, PointSet, Sampler, Solver};

use crate::arguments::RidgePaper;
use crate::failure::{Failure, Result};

pub struct Settings<'a> {
    pub paper: &'a RidgePaper,
    /// MNIST with its labels, if it is given.
    pub mnist: Option<PointSet>,
}

impl<'a> Settings<'a> {
    /// Reads and checks the data.
    pub fn new(paper: &'a RidgePaper) -> Result<Self> {
        Ok(Settings { paper, mnist: paper.mnist.as_deref().map(read_digits).transpose()? })
    }

    pub fn seed(&self) -> u64 {
        self.paper.seed
    }

    /// One of two sizes.
    pub fn size<T>(&self, full: T, small: T) -> T {
        if self.paper.small { small } else { full }
    }
}

fn read_digits(path: &Path) -> Result<PointSet> {
    let points = ridgewalk_data::load(&path.to_string_lossy())?;
    let help = "give an IDX file of images with its labels beside it, named as MNIST's are";
    if points.labels().is_none() {
        return Err(Failure::new(path.display(), "has no labels", help));
    }
    if !points.shape().is_image() || points.len() < 2000 {
        let problem = format!("holds {} points ({}), not thousands of images", points.len(), points.shape());
        return Err(Failure::new(path.display(), problem, help));
    }
    Ok(points)
}

/// σ at a time.
pub fn level(t: f64) -> f64 {
    libm::expm1(2.0 * t).sqrt()
}

/// The time of a noise level.
pub fn time(sigma: f64) -> f64 {
    0.5 * libm::log1p(sigma * sigma)
}

/// a at a noise level: lengths of the process are a times those in the data's units.
pub fn scale(sigma: f64) -> f64 {
    1.0 / sigma.hypot(1.0)
}

/// Noise levels at times spaced exponentially.
pub fn levels(from: f64, to: f64, steps: usize) -> Vec<f64> {
    let ratio = libm::log(to / from) / steps as f64;
    (0..=steps).map(|i| level(from * libm::exp(ratio * i as f64))).collect()
}

/// A recorded run from these states.
pub fn path<D: Denoiser + ?Sized>(
    solver: impl Solver,
    levels: &[f64],
    model: &D,
    start: ArrayView2<f64>,
    seed: u64,
) -> Result<Trajectories> {
    let first = levels.first().copied().unwrap_or_default();
    let mut path = Trajectories::starting_at(first, start.to_owned());
    Sampler::new(solver, Levels(levels.to_vec())).seed(seed).run_from(model, start, &mut path)?;
    Ok(path)
}

/// Noise level and states of a run at the first time of its grid that is not after t: where the tables are.
pub fn at(path: &Trajectories, t: f64) -> Option<(f64, ArrayView2<'_, f64>)> {
    path.states().find(|(sigma, _)| *sigma > 0.0 && time(*sigma) <= t * (1.0 + 1e-9))
}

/// n points of the unit circle.
pub fn ring(n: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, 2), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / n as f64;
        if k == 0 { libm::cos(angle) } else { libm::sin(angle) }
    })
}

pub fn empirical(points: Array2<f64>) -> Result<Empirical> {
    Ok(Empirical::new(&PointSet::vectors(points)?)?)
}

/// Radius of the ridge of a uniform unit circle: the root of r = I₁(k)/I₀(k), k = r/σ², for σ < 1/√2.
pub fn ring_radius(sigma: f64) -> f64 {
    let ratio = |k: f64| {
        let (mut first, mut zeroth) = (0.0, 0.0);
        for i in 0..400 {
            let c = libm::cos(2.0 * std::f64::consts::PI * f64::from(i) / 400.0);
            let weight = libm::exp(k * (c - 1.0));
            first += weight * c;
            zeroth += weight;
        }
        first / zeroth
    };
    let (mut low, mut high) = (1e-6, 1.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        let inside = ratio(middle / (sigma * sigma)) > middle;
        (low, high) = if inside { (middle, high) } else { (low, middle) };
    }
    low
}

/// An error away from the centre of the ring, of this length in the tables' units.
pub fn outward<'a>(d: f64) -> InjectedError<'a> {
    InjectedError::new(Field::away_from(ndarray::array![0.0, 0.0])).of_size_at(move |sigma| d / scale(sigma))
}

/// An error around the ring.
pub fn around<'a>(d: f64) -> InjectedError<'a> {
    let field = Field::around(ndarray::array![0.0, 0.0], (0, 1));
    InjectedError::new(field).of_size_at(move |sigma| d / scale(sigma))
}

/// The uniforms of the tables: SplitMix64.
pub fn table_uniforms(seed: u64, n: usize) -> Vec<f64> {
    let uniform = |k: u64| {
        let mut z = seed.wrapping_add((k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    };
    (0..n as u64).map(uniform).collect()
}

/// The standard normals that the tables' runs start from: pairs of those uniforms, by Box and Muller.
pub fn table_normals(seed: u64, n: usize) -> Vec<f64> {
    let uniforms = table_uniforms(seed, 2 * n.div_ceil(2));
    let pair = |pair: &[f64]| {
        let radius = (-2.0 * libm::log1p(-pair[0])).sqrt();
        let angle = 2.0 * std::f64::consts::PI * pair[1];
        [radius * libm::cos(angle), radius * libm::sin(angle)]
    };
    uniforms.chunks_exact(2).flat_map(pair).take(n).collect()
}

pub fn percent(value: f64) -> String {
    format!("{:.0}\u{a0}%", 100.0 * value)
}

pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

pub fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}

pub fn at_most(limit: f64, text: impl Into<String>) -> Expectation {
    Expectation { text: text.into(), at_least: None, at_most: Some(limit) }
}

pub fn at_least(limit: f64, text: impl Into<String>) -> Expectation {
    Expectation { text: text.into(), at_least: Some(limit), at_most: None }
}

pub fn series(name: impl Into<String>, points: Vec<(f64, f64)>) -> Series {
    Series { name: name.into(), points }
}

pub fn lines(id: &str, title: &str, caption: &str, axes: (Axis, Axis), series: Vec<Series>) -> Figure {
    let (x, y) = axes;
    let plot = Plot::Lines { x, y, series };
    Figure { id: id.into(), title: title.into(), caption: caption.into(), plot }
}

pub fn scatter(id: &str, title: &str, caption: &str, axes: (Axis, Axis), series: Vec<Series>) -> Figure {
    let (x, y) = axes;
    let plot = Plot::Scatter { x, y, series };
    Figure { id: id.into(), title: title.into(), caption: caption.into(), plot }
}
