//! The empirical denoiser: the posterior mean when the distribution is the data themselves.
//!
//! ```text
//! p = Σᵢ wᵢ δ(xᵢ)          γᵢ(x) ∝ wᵢ exp(−‖x − xᵢ‖²/2σ²)
//! D(x; σ)    = Σᵢ γᵢ xᵢ
//! log p_σ(x) = log Σᵢ wᵢ exp(−‖x − xᵢ‖²/2σ²) − (d/2) log 2πσ²
//! J          = Cov_γ[xᵢ]/σ²                          tr J = Σᵢ γᵢ ‖xᵢ − D‖²/σ²
//! ∂D/∂σ      = Σᵢ γᵢ (rᵢ² − Σⱼ γⱼ rⱼ²) (xᵢ − D)/σ³     rᵢ = ‖x − xᵢ‖
//! ```
//!
//! It is the minimiser of the denoising loss over all functions, so it generates the training
//! points and nothing else; smoothing it (arXiv 2510.02305) is what makes it generalise.
//!
//! Cost of a call: 2·n·d multiply-adds a query for distances, and as much again for the weighted
//! sum at noise levels where most points carry weight. Peak memory beyond the data: two packed f32
//! copies and the scores of a block of 8 to 64 queries with all points, 4 bytes each: 64 MiB or less up to
//! n = 2·10⁶, 32·n bytes beyond, twice as much for Jacobian products, and kept for the next call. Up to
//! n = 16,384 every thread has a block of its own, of at most 4 MiB. Right to 1e-6 of the data's scale for σ from 1e-3 to 1e3
//! times that scale: distances come from an f32 matrix product, and every point that can carry
//! weight beyond that product's error is measured again by direct difference in f64.

mod crowd;
mod displaced;
mod exact;
mod frames;
mod multiplicities;
mod scores;
mod screen;

use ndarray::{ArcArray2, Array1, Array2, Array3, ArrayView1, ArrayView2, ArrayViewMut1, Axis};
use rayon::prelude::*;

use crate::autonomous::{DataRay, Queries, Ray};
use crate::denoiser::{
    Denoiser, Density, Differentiable, Displacements, Visit, check_query, check_tangent, displaced_one_by_one,
};
use crate::error::{Error, Result};
use crate::frames::Frames;
use crate::points::{Moments, PointSet};
use crate::random::Stream;
pub(crate) use displaced::Ask;
pub(super) use multiplicities::multiplicities;
use screen::Screen;

/// At most this many coordinates are measured directly for all points: below it a matrix product
/// costs more than it saves.
const DIRECT_DIMENSIONS: usize = 16;
/// Data sets of at most this size are evaluated with one task a block of queries; larger ones
/// share the points of each block among the threads.
const SMALL: usize = 16_384;
/// Log-weights from a file may sum to one up to this: the rounding of a plain sum over 10⁹ weights.
const NORMALISED: f64 = 1e-6;

/// The denoiser of a weighted set of points.
#[derive(Debug, Clone)]
pub struct Empirical {
    points: ArcArray2<f64>,
    log_weights: Option<Vec<f64>>,
    moments: Moments,
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    /// Points by columns, for few coordinates.
    Columns(Vec<f64>),
    /// Packed f32 copies that say which points can matter.
    Packed(Box<Screen>),
}

/// What a call wants besides D.
#[derive(Clone, Copy, Default)]
struct Want<'a> {
    log_density: bool,
    divergence: bool,
    sigma_derivative: bool,
    tangent: Option<ArrayView2<'a, f64>>,
}

/// Where the results of one query go.
struct Row<'a> {
    mean: ArrayViewMut1<'a, f64>,
    /// ∂D/∂σ or J v, whichever was wanted.
    derivative: ArrayViewMut1<'a, f64>,
    log_density: &'a mut f64,
    divergence: &'a mut f64,
}

struct Output {
    mean: Array2<f64>,
    derivative: Array2<f64>,
    log_density: Array1<f64>,
    divergence: Array1<f64>,
}

impl Output {
    fn rows(&mut self) -> Vec<Row<'_>> {
        self.mean
            .outer_iter_mut()
            .zip(self.derivative.outer_iter_mut())
            .zip(self.log_density.iter_mut().zip(self.divergence.iter_mut()))
            .map(|((mean, derivative), (log_density, divergence))| Row {
                mean,
                derivative,
                log_density,
                divergence,
            })
            .collect()
    }
}

impl Empirical {
    /// All points with equal weight. The values are shared with `data`, not copied, unless some
    /// points are equal: those become one point of greater weight.
    ///
    /// # Errors
    /// None that a valid point set can cause; the signature leaves room for limits of memory.
    pub fn new(data: &PointSet) -> Result<Self> {
        let points = data.shared_values();
        match multiplicities(points.view()) {
            None => Self::build(points, None),
            Some((first, counts)) => {
                let n = points.nrows() as f64;
                let logs = counts.iter().map(|&c| libm::log(c as f64 / n)).collect();
                Self::build(points.select(Axis(0), &first).into_shared(), Some(logs))
            }
        }
    }

    /// Points with the given weights (not negative, any finite sum). Points whose part of the sum
    /// is zero are left out.
    ///
    /// # Errors
    /// If there is not one weight a point, or a weight is negative or not finite, or all are zero.
    pub fn weighted(data: &PointSet, weights: &[f64]) -> Result<Self> {
        if weights.len() != data.len() {
            return Err(Error::shape("the list of weights", weights.len(), data.len()));
        }
        if let Some(i) = weights.iter().position(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(Error::argument(
                "weights",
                format!("has {} at {i}", weights[i]),
                "weights are finite and not negative",
            ));
        }
        let total: f64 = weights.iter().sum();
        let kept: Vec<usize> = (0..weights.len()).filter(|&i| weights[i] / total > 0.0).collect();
        if kept.is_empty() {
            return Err(Error::argument("weights", "are all zero", "give at least one point some weight"));
        }
        let logs = kept.iter().map(|&i| libm::log(weights[i] / total)).collect();
        Self::build(data.shared_values().select(Axis(0), &kept).into_shared(), Some(logs))
    }

    /// Points with normalised log-weights, both kept bit for bit: what [`Empirical::points`] and
    /// [`Empirical::log_weights`] gave is the same model again. The validating constructor for models
    /// read from files.
    ///
    /// # Errors
    /// If there is not one log-weight a point, or one is not finite, or the weights do not sum to one.
    pub fn from_log_weights(data: &PointSet, log_weights: Vec<f64>) -> Result<Self> {
        if log_weights.len() != data.len() {
            return Err(Error::shape("the list of log-weights", log_weights.len(), data.len()));
        }
        let total: f64 = log_weights.iter().map(|&log| libm::exp(log)).sum();
        let finite = log_weights.iter().all(|log| log.is_finite());
        if !finite || (total - 1.0).abs() > NORMALISED {
            return Err(Error::argument(
                "log_weights",
                format!("are those of weights that sum to {total}"),
                "they are finite, and the weights sum to one",
            ));
        }
        Self::build(data.shared_values(), Some(log_weights))
    }

    fn build(points: ArcArray2<f64>, log_weights: Option<Vec<f64>>) -> Result<Self> {
        let moments = match &log_weights {
            None => Moments::of(points.view()),
            Some(logs) => weighted_moments(points.view(), logs),
        };
        let layout = if points.ncols() <= DIRECT_DIMENSIONS {
            Layout::Columns(points.t().iter().copied().collect())
        } else {
            Layout::Packed(Box::new(Screen::new(points.view(), &moments)))
        };
        Ok(Empirical { points, log_weights, moments, layout })
    }

    /// Number of different points.
    #[allow(clippy::len_without_is_empty)] // never empty, by construction
    pub fn len(&self) -> usize {
        self.points.nrows()
    }

    /// The points, `[n, d]`.
    pub fn points(&self) -> ArrayView2<'_, f64> {
        self.points.view()
    }

    /// log wᵢ, normalised; `None` where all are equal.
    pub fn log_weights(&self) -> Option<&[f64]> {
        self.log_weights.as_deref()
    }

    /// Largest distance of a point from the center, the unit of packed copies; 1 where there are none.
    fn radius(&self) -> f64 {
        match &self.layout {
            Layout::Columns(_) => 1.0,
            Layout::Packed(screen) => screen.radius,
        }
    }

    fn log_weight(&self, i: usize) -> f64 {
        match &self.log_weights {
            Some(logs) => logs[i],
            None => -libm::log(self.len() as f64),
        }
    }

    fn evaluate(&self, x: ArrayView2<f64>, sigma: f64, want: Want) -> Result<Output> {
        check_query(self.dim(), x, sigma)?;
        if let Some(v) = want.tangent {
            check_tangent(x, v)?;
        }
        let with_derivative = want.sigma_derivative || want.tangent.is_some();
        let mut output = Output {
            mean: Array2::zeros(x.raw_dim()),
            derivative: Array2::zeros(if with_derivative { x.dim() } else { (x.nrows(), 0) }),
            log_density: Array1::zeros(x.nrows()),
            divergence: Array1::zeros(x.nrows()),
        };
        let x = x.as_standard_layout();
        let mut rows = output.rows();
        match &self.layout {
            Layout::Columns(columns) => {
                rows.par_iter_mut().enumerate().for_each(|(q, row)| {
                    let active = self.active_by_columns(columns, x.row(q).as_slice().unwrap_or(&[]), sigma);
                    self.finish(&active, sigma, &want, q, row);
                });
            }
            Layout::Packed(screen) => {
                let block = screen.queries_per_block();
                let run = |(b, rows): (usize, &mut [Row])| {
                    screen.evaluate(self, x.view(), b * block, sigma, &want, rows);
                };
                if self.len() <= SMALL {
                    rows.par_chunks_mut(block).enumerate().for_each(run);
                } else {
                    rows.chunks_mut(block).enumerate().for_each(run);
                }
            }
        }
        drop(rows);
        let derivative =
            if want.tangent.is_some() { "the Jacobian product" } else { "the derivative in sigma" };
        require_computed("the denoised batch", output.mean.outer_iter().map(|r| all_finite(&r)), sigma)?;
        require_computed(derivative, output.derivative.outer_iter().map(|r| all_finite(&r)), sigma)?;
        require_computed("the divergence", output.divergence.iter().map(|v| v.is_finite()), sigma)?;
        require_computed("the log-density", output.log_density.iter().map(|v| v.is_finite()), sigma)?;
        Ok(output)
    }
}

fn all_finite(row: &ArrayView1<f64>) -> bool {
    row.iter().all(|v| v.is_finite())
}

/// Fails at the first row that is not finite.
fn require_computed(what: &'static str, mut rows: impl Iterator<Item = bool>, sigma: f64) -> Result<()> {
    match rows.position(|finite| !finite) {
        None => Ok(()),
        Some(row) => Err(Error::Numerical {
            what,
            problem: format!("is beyond the range of f64 at row {row}, sigma {sigma:e}"),
            help: "bring that row nearer to the data, or raise sigma".into(),
        }),
    }
}

fn weighted_moments(points: ArrayView2<f64>, logs: &[f64]) -> Moments {
    let mut mean = Array1::zeros(points.ncols());
    for (row, &log) in points.outer_iter().zip(logs) {
        mean.scaled_add(libm::exp(log), &row);
    }
    let mut variance = 0.0;
    for (row, &log) in points.outer_iter().zip(logs) {
        let spread: f64 = row.iter().zip(&mean).map(|(v, m)| (v - m) * (v - m)).sum();
        variance += libm::exp(log) * spread;
    }
    Moments { mean, std: (variance / points.ncols() as f64).sqrt() }
}

/// An index drawn with weights of these logarithms, which sum to one.
fn weighted_index(logs: &[f64], stream: &mut Stream) -> usize {
    let mut left = stream.uniform();
    let passed = logs.iter().position(|&log| {
        left -= libm::exp(log);
        left < 0.0
    });
    passed.unwrap_or(logs.len().saturating_sub(1))
}

impl Denoiser for Empirical {
    fn dim(&self) -> usize {
        self.points.ncols()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(self.evaluate(x, sigma, Want::default())?.mean)
    }
    /// One distance pass for all draws, instead of one for each, unless rows have frames of their own.
    fn denoise_displaced(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        displacements: &Displacements,
        visit: &Visit,
    ) -> Result<Array3<f64>> {
        // Products of r frames with all points, for every row anew, cost nearly what the draws' own do, and
        // the passes over the sums of both take more than the rest.
        if displacements.frames.is_some() && matches!(self.layout, Layout::Packed(_)) {
            displaced::check_frames(displacements)?;
            return displaced_one_by_one(self, x, sigma, displacements, visit);
        }
        let ask = Ask { x: x.view(), sigma, scales: &[1.0], displacements, excluded: None };
        Ok(self.means_displaced(&ask)?.swap_remove(0))
    }
    fn moments(&self) -> Option<Moments> {
        Some(self.moments.clone())
    }
    /// One of the points.
    fn draw(&self, stream: &mut Stream) -> Option<Array1<f64>> {
        let n = self.points.nrows();
        let chosen = match &self.log_weights {
            None => stream.below(n),
            Some(logs) => weighted_index(logs, stream),
        };
        Some(self.points.row(chosen.min(n - 1)).to_owned())
    }
    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
    fn density(&self) -> Option<&dyn Density> {
        Some(self)
    }
}

impl Differentiable for Empirical {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(self.evaluate(x, sigma, Want { tangent: Some(v), ..Want::default() })?.derivative)
    }
    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        let output = self.evaluate(x, sigma, Want { sigma_derivative: true, ..Want::default() })?;
        Ok((output.mean, output.derivative))
    }
    fn frames(&self, x: ArrayView2<f64>, sigma: f64, dimension: usize) -> Result<Frames> {
        self.posterior_frames(x, sigma, dimension)
    }
    fn divergence(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        Ok(self.evaluate(x, sigma, Want { divergence: true, ..Want::default() })?.divergence)
    }
}

impl Density for Empirical {
    fn log_density(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array1<f64>> {
        Ok(self.evaluate(x, sigma, Want { log_density: true, ..Want::default() })?.log_density)
    }

    fn ray_about<'a>(&'a self, u: ArrayView1<f64>, center: Option<ArrayView1<f64>>) -> Box<dyn Ray + 'a> {
        let fits = u.len() == self.dim() && center.is_none_or(|c| c.len() == self.dim());
        match self.points.as_slice() {
            Some(points) if fits => {
                let center = center.map(|c| c.to_vec());
                Box::new(DataRay::new(points, self.log_weights.as_deref(), &u.to_vec(), center))
            }
            _ => Box::new(Queries::new(self, u, center)),
        }
    }
}

#[cfg(test)]
mod tests;
