//! Films of a run: the ridge of p_σ, the data, and samples on their way, over the noise level (arXiv 2602.06021,
//! figure 1). For data in two or three dimensions.
//!
//! ```
//! use ridgewalk::closed_form::Empirical;
//! use ridgewalk::geometry::RidgeFilm;
//! use ridgewalk::sampler::observers::Trajectories;
//! use ridgewalk::{Heun, Karras, PointSet, Sampler};
//! use ndarray::array;
//!
//! let data = PointSet::vectors(array![[-1.0, 0.0], [0.0, 0.3], [1.0, 0.0]])?;
//! let model = Empirical::new(&data)?;
//! let mut paths = Trajectories::new();
//! Sampler::new(Heun::new(), Karras::new(0.1..10.0, 20)).run_observed(&model, 16, &mut paths)?;
//! let figure = RidgeFilm::new(&model, 1)?.frames(8).draw("film", data.values(), &paths)?;
//! # let _ = figure;
//! # Ok::<(), ridgewalk::Error>(())
//! ```

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;

use super::curves::RidgeTracer;
use super::ridge::Ridge;
use super::seeds::ridge_cloud;
use crate::denoiser::Density;
use crate::error::{Error, Result};
use crate::points::rows;
use crate::sampler::observers::Trajectories;
use crate::survey::{Figure, Film, FilmFrame, FilmLayer, Marks, Plot, Role};

/// Margin around the data, as a part of their longest side.
const MARGIN: f64 = 0.3;
/// Most points and most samples from which a frame's ridge is sought.
const SEEDS: usize = 400;
/// Points of a curve that are nearer to it than this part of the data's longest side are left out.
const SEEN: f64 = 2e-4;
/// Most data drawn: more are a blot.
const DATA: usize = 4000;
/// Most points of a cloud, a frame.
const CLOUD: usize = 600;

/// What a film of a run shows.
pub struct RidgeFilm<'a> {
    model: &'a dyn Density,
    dimension: usize,
    frames: usize,
    samples: usize,
    density: f64,
    phase: Box<dyn Fn(f64) -> String + Sync + 'a>,
}

impl<'a> RidgeFilm<'a> {
    /// Of the ridge of `dimension` 1 (curves), 0 or 2 (points) of a model in two or three dimensions: 40 frames, 200
    /// samples, the ridge where p_σ is at least 10⁻³ of its maximum, no phases named.
    ///
    /// # Errors
    /// If the model has not two or three dimensions, or the ridge as many.
    pub fn new(model: &'a dyn Density, dimension: usize) -> Result<Self> {
        if !(2..=3).contains(&model.dim()) {
            let help = "a film shows two or three: take principal components";
            return Err(Error::argument("model", format!("has {} dimensions", model.dim()), help));
        }
        Ridge::new(model, dimension)?;
        Ok(RidgeFilm {
            model,
            dimension,
            frames: 40,
            samples: 200,
            density: 1e-3,
            phase: Box::new(|_| String::new()),
        })
    }

    /// With at most this many frames.
    pub fn frames(mut self, most: usize) -> Self {
        self.frames = most;
        self
    }

    /// With at most this many samples: the first ones.
    pub fn samples(mut self, most: usize) -> Self {
        self.samples = most;
        self
    }

    /// With another least density of the ridge shown, as a part of the maximum.
    ///
    /// # Errors
    /// As [`RidgeTracer::least_density`].
    pub fn least_density(mut self, part: f64) -> Result<Self> {
        RidgeTracer::new(self.model)?.least_density(part)?;
        self.density = part;
        Ok(self)
    }

    /// With a name for what happens at each noise level, such as `reach`.
    pub fn phase(mut self, name: impl Fn(f64) -> String + Sync + 'a) -> Self {
        self.phase = Box::new(name);
        self
    }

    /// The film of a recorded run over `data` (`[n, d]`), as a figure with this id. A frame is a recorded state at
    /// positive noise, of at most as many as are allowed, evenly in log σ, from the first level that is
    /// not above the longest side of the data: above, samples are out of sight.
    ///
    /// # Errors
    /// If shapes disagree, there are no data, nothing was recorded at such levels, or the ridge cannot be found.
    pub fn draw(&self, id: &str, data: ArrayView2<f64>, paths: &Trajectories) -> Result<Figure> {
        let d = self.model.dim();
        if data.nrows() == 0 {
            return Err(Error::empty("the data", "give the points that the model was fitted to"));
        }
        crate::denoiser::check_query(d, data, 1.0)?;
        let (view, longest) = view(data);
        let states: Vec<(f64, ArrayView2<f64>)> =
            paths.states().filter(|(sigma, _)| *sigma > 0.0 && *sigma <= longest).collect();
        let levels: Vec<f64> = states.iter().map(|s| s.0).collect();
        let chosen = evenly(&levels, self.frames);
        let states: Vec<&(f64, ArrayView2<f64>)> = chosen.iter().filter_map(|&k| states.get(k)).collect();
        if states.is_empty() {
            let help = format!(
                "observe a run that visits noise levels from {longest:.3} (the data's longest side) down"
            );
            return Err(Error::empty("the record", help));
        }
        for (sigma, x) in &states {
            crate::denoiser::check_query(d, x.view(), *sigma)?;
        }
        let shown = states.iter().map(|(_, x)| x.nrows()).min().unwrap_or(0).min(self.samples);
        // Levels are on their own: their order is that of the frames, whoever computes them.
        let ridges: Vec<Result<Vec<Array2<f64>>>> =
            states.par_iter().map(|(sigma, x)| self.ridge(data, x.view(), *sigma, SEEN * longest)).collect();
        let ridges = ridges.into_iter().collect::<Result<Vec<_>>>()?;
        let flat = |points: &Array2<f64>| points.iter().copied().collect::<Vec<f64>>();
        let ridge = match self.dimension {
            1 => Marks::Curves(ridges.iter().map(|curves| curves.iter().map(flat).collect()).collect()),
            _ => Marks::Clouds(ridges.iter().map(|points| points.iter().flat_map(flat).collect()).collect()),
        };
        let drawn = thinned(data, DATA);
        let name = match data.nrows() == drawn.nrows() {
            true => "Training data".into(),
            false => format!("Training data, {} of {}", drawn.nrows(), data.nrows()),
        };
        let samples = states.iter().map(|(_, x)| rows(x, 0..shown).iter().copied().collect());
        let film = Film {
            x: "x₁".into(),
            y: "x₂".into(),
            z: (d == 3).then(|| "x₃".into()),
            view,
            parameter: "noise level σ".into(),
            frames: states.iter().map(|(sigma, _)| FilmFrame::new(*sigma, (self.phase)(*sigma))).collect(),
            layers: vec![
                FilmLayer::new("Ridge of the smoothed density", Role::Ridge, ridge),
                FilmLayer::new(name, Role::Data, Marks::Still(drawn.iter().copied().collect())),
                FilmLayer::new("Samples", Role::Samples, Marks::Moving(samples.collect())),
            ],
        }
        .rounded();
        film.check()?;
        Ok(Figure {
            id: id.into(),
            title: "Samples, data and the ridge, from high to low noise".into(),
            caption: format!(
                "The samples of a run and the ridge of p_σ, while σ falls. The ridge, of dimension {}, is drawn \
                 where p_σ is at least {} of its maximum. Where σ is above the longest side of the data, samples are \
                 out of sight, and the film has no frames.",
                self.dimension, self.density
            ),
            plot: Plot::Film(film),
        })
    }

    /// Curves, to what can be seen, or one cloud.
    fn ridge(
        &self,
        data: ArrayView2<f64>,
        samples: ArrayView2<f64>,
        sigma: f64,
        seen: f64,
    ) -> Result<Vec<Array2<f64>>> {
        let (data, samples) = (thinned(data, SEEDS), thinned(samples, SEEDS));
        let seeds = concatenate(Axis(0), &[data.view(), samples.view()])
            .map_err(|e| Error::shape("the samples", e, "the data's dimension"))?;
        if self.dimension == 1 {
            let traced =
                RidgeTracer::new(self.model)?.least_density(self.density)?.trace(seeds.view(), sigma)?;
            return Ok(traced.curves.into_iter().map(|curve| curve.simplified(seen).points).collect());
        }
        let ridge = Ridge::new(self.model, self.dimension)?;
        Ok(vec![ridge_cloud(&ridge, self.model, seeds.view(), sigma, self.density, CLOUD)?])
    }
}

/// Every k-th row, of which there are at most `most`.
fn thinned(x: ArrayView2<f64>, most: usize) -> Array2<f64> {
    let every = x.nrows().div_ceil(most).max(1);
    x.select(Axis(0), &(0..x.nrows()).step_by(every).collect::<Vec<_>>())
}

/// A range an axis around the data, and the data's longest side (1, if they are one point).
fn view(data: ArrayView2<f64>) -> (Vec<(f64, f64)>, f64) {
    let ranges = data.columns().into_iter().map(|column| {
        column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)))
    });
    let ranges: Vec<(f64, f64)> = ranges.collect();
    let longest = ranges.iter().map(|(a, b)| b - a).fold(0.0, f64::max);
    let longest = if longest > 0.0 { longest } else { 1.0 };
    (ranges.into_iter().map(|(a, b)| (a - MARGIN * longest, b + MARGIN * longest)).collect(), longest)
}

/// The numbers of at most `most` levels (falling), evenly in their logarithms, with the first and the last.
fn evenly(levels: &[f64], most: usize) -> Vec<usize> {
    let (Some(&first), Some(&last)) = (levels.first(), levels.last()) else { return Vec::new() };
    if levels.len() <= most {
        return (0..levels.len()).collect();
    }
    let (top, bottom) = (libm::log(first), libm::log(last));
    let mut chosen: Vec<usize> = (0..most)
        .map(|i| {
            let wanted = top + (bottom - top) * i as f64 / (most.max(2) - 1) as f64;
            let distance =
                |&k: &usize| levels.get(k).map_or(f64::INFINITY, |&s| (libm::log(s) - wanted).abs());
            (0..levels.len()).min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap_or(0)
        })
        .collect();
    chosen.dedup();
    chosen
}
