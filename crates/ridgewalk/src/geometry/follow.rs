//! A run beside the ridge of its own noise level: distances, speeds along and across, the way along the ridge.
//!
//! ```text
//! x_k − x_j = T(x_k − x_j) + N(x_k − x_j)            z_k = x_k − ridge = −Newton step,  approach N(z_k − z_j)
//! ```
//!
//! Speeds are displacements over a window of log σ, per unit of −log σ, so that they do not depend on the number
//! of steps (arXiv 2602.06021 parts a run's motion in this way). A noisy run moves at random too, and over any
//! window about as far along the ridge as across it. What is systematic is therefore told apart:
//! ‖Σ Δ_i‖² − Σ ‖Δ_i‖² sums the products of displacements in *different* steps, to which independent noise adds
//! nothing in the mean; over 1 − Σ w_i², w_i the steps' shares of the window, it is the square of a steady motion.

use std::collections::VecDeque;
use std::ops::ControlFlow;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::Ridge;
use crate::error::{Error, Result};
use crate::frames::Frames;
use crate::metrics::bootstrap::{mean, quantile_of_sorted};
use crate::neighbours;
use crate::sampler::{Observer, Progress};

/// Speeds are taken over a halving of the noise level.
const WINDOW: f64 = std::f64::consts::LN_2;
/// Radius of the tube in units of σ√(d − d*).
const KAPPA: f64 = 3.0;

/// An observer that follows a run against the ridge of its own noise level: one call of
/// [`Ridge::frames`] a level. The landing at σ = 0, where there is no ridge, is left out.
///
/// ```
/// use ndarray::Array2;
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::geometry::{FollowRidge, Ridge};
/// use ridgewalk::{Heun, LogLinear, PointSet, Sampler};
///
/// // A dense straight line in the plane.
/// let line = Array2::from_shape_fn((101, 2), |(i, k)| if k == 0 { 0.1 * i as f64 - 5.0 } else { 0.0 });
/// let model = Empirical::new(&PointSet::vectors(line)?)?;
/// let ridge = Ridge::new(&model, 1)?;
/// let mut follow = FollowRidge::new(&ridge);
/// Sampler::new(Heun::new(), LogLinear::new(0.1..5.0, 60)).run_observed(&model, 32, &mut follow)?;
/// let run = follow.finish()?;
/// assert!(run.phases().run.reach.is_some());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct FollowRidge<'a> {
    ridge: &'a Ridge<'a>,
    points: Option<ArrayView2<'a, f64>>,
    kappa: f64,
    window: f64,
    levels: Vec<Growing>,
    past: VecDeque<Past>,
    arc: Vec<f64>,
    entered: Vec<bool>,
    failure: Option<Error>,
}

/// What [`FollowRidge`] recorded.
#[derive(Debug, Clone)]
pub struct RidgeRun {
    /// One record for every positive noise level after a step, falling.
    pub levels: Vec<RidgeLevel>,
    /// d*.
    pub dimension: usize,
    /// Radius of the tube in units of σ√(d − d*).
    pub kappa: f64,
    /// Length in log σ over which speeds are taken.
    pub window: f64,
}

/// All samples at one noise level. Arrays are `[n]`, by sample, in the data's units; speeds are per unit of −log σ.
#[derive(Debug, Clone)]
pub struct RidgeLevel {
    /// Noise level.
    pub sigma: f64,
    /// σ√(d − d*).
    pub spread: f64,
    /// Whether the ridge is defined at the state: concave enough in its normal directions, and these defined.
    pub defined: Vec<bool>,
    /// Whether the state is in the tube: defined, and within κ spreads.
    pub in_tube: Vec<bool>,
    /// Newton distance to the ridge; where it is not defined, the length of a mean-shift step.
    pub distances: Array1<f64>,
    /// 1 − g of the flattest normal direction.
    pub concavity: Array1<f64>,
    /// Whether the ridge was defined at all levels of the window of the speeds. Never at the first level.
    pub moving: Vec<bool>,
    /// ‖N(x_k − x_j)‖ over the window.
    pub normal_speeds: Array1<f64>,
    /// The change of the offset from the ridge over the window: the normal motion less the ridge's own.
    pub approach_speeds: Array1<f64>,
    /// ‖T(x_k − x_j)‖ over the window.
    pub tangential_speeds: Array1<f64>,
    /// Square of the approach that is systematic; of noise alone 0 in the mean, of a sample maybe below it.
    pub approach_squares: Array1<f64>,
    /// Square of the tangential speed that is systematic.
    pub tangential_squares: Array1<f64>,
    /// Length of the way along the ridge since the tube was first entered: the sum of all steps', which for a
    /// noisy run grows with their number.
    pub arc: Array1<f64>,
    /// Distance to the nearest of the points that were given.
    pub nearest: Option<Array1<f64>>,
}

/// Mean, root mean square and quantiles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// Of how many values.
    pub count: usize,
    /// Mean.
    pub mean: f64,
    /// Root mean square.
    pub rms: f64,
    /// The 5, 25, 50, 75 and 95 % quantiles.
    pub quantiles: [f64; 5],
}

impl Summary {
    /// Of these values; `None` of none.
    pub fn of(values: &[f64]) -> Option<Self> {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |level| quantile_of_sorted(&sorted, level);
        let quantiles = [at(0.05)?, at(0.25)?, at(0.5)?, at(0.75)?, at(0.95)?];
        let rms = (values.iter().map(|v| v * v).sum::<f64>() / values.len() as f64).sqrt();
        Some(Summary { count: values.len(), mean: mean(values), rms, quantiles })
    }
}

impl RidgeLevel {
    /// Part of all samples that are in the tube.
    pub fn fraction_in_tube(&self) -> f64 {
        self.in_tube.iter().filter(|t| **t).count() as f64 / self.in_tube.len().max(1) as f64
    }

    /// Number of samples at which the ridge is not defined.
    pub fn undefined(&self) -> usize {
        self.defined.iter().filter(|d| !**d).count()
    }

    /// Summary of one of the arrays over the samples at which the ridge is defined; `None` if it is at none.
    pub fn over_defined(&self, values: &Array1<f64>) -> Option<Summary> {
        Summary::of(&chosen(values, &self.defined))
    }

    /// Summary of one of the speeds over the samples that have them; `None` if none has.
    pub fn over_moving(&self, speeds: &Array1<f64>) -> Option<Summary> {
        Summary::of(&chosen(speeds, &self.moving))
    }

    /// Newton distances over σ√(d − d*), where defined: of exact draws near a flat ridge the root mean square is 1.
    pub fn relative_distances(&self) -> Option<Summary> {
        Summary::of(&chosen(&(&self.distances / self.spread), &self.defined))
    }
}

pub(super) fn chosen(values: &Array1<f64>, which: &[bool]) -> Vec<f64> {
    values.iter().zip(which).filter(|(_, w)| **w).map(|(v, _)| *v).collect()
}

/// A level while batches are still joined to it.
#[derive(Default)]
struct Growing {
    sigma: f64,
    defined: Vec<bool>,
    in_tube: Vec<bool>,
    moving: Vec<bool>,
    /// In the order of [`RidgeLevel`]'s arrays.
    values: [Vec<f64>; 8],
    nearest: Vec<f64>,
}

/// A level of this batch that is still within the window.
struct Past {
    log_sigma: f64,
    state: Array2<f64>,
    frames: Frames,
    defined: Vec<bool>,
    /// Of the step that ended here, by sample.
    approach: Vec<f64>,
    along: Vec<f64>,
}

impl<'a> FollowRidge<'a> {
    /// Follows runs against this ridge: the tube has κ = 3, speeds are taken over a halving of σ.
    pub fn new(ridge: &'a Ridge<'a>) -> Self {
        FollowRidge {
            ridge,
            points: None,
            kappa: KAPPA,
            window: WINDOW,
            levels: Vec::new(),
            past: VecDeque::new(),
            arc: Vec::new(),
            entered: Vec::new(),
            failure: None,
        }
    }

    /// Measures the distance to the nearest of these points (`[m, d]`) too.
    pub fn points(mut self, points: ArrayView2<'a, f64>) -> Self {
        self.points = Some(points);
        self
    }

    /// With another radius of the tube, in units of σ√(d − d*).
    ///
    /// # Errors
    /// If it is not a positive number.
    pub fn kappa(mut self, kappa: f64) -> Result<Self> {
        positive("kappa", kappa)?;
        self.kappa = kappa;
        Ok(self)
    }

    /// With another window of log σ for the speeds. One step is the least.
    ///
    /// # Errors
    /// If it is not a positive number.
    pub fn window(mut self, window: f64) -> Result<Self> {
        positive("window", window)?;
        self.window = window;
        Ok(self)
    }

    /// What was recorded.
    ///
    /// # Errors
    /// What stopped the record: those of the frames, or that the noise level rose; and if no level was recorded.
    pub fn finish(self) -> Result<RidgeRun> {
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        if self.levels.is_empty() {
            return Err(Error::empty("the record", "observe a run of at least two noise levels first"));
        }
        let spread = |sigma| self.ridge.spread(sigma);
        let finished = |level: Growing| {
            let [distances, concavity, normal, approach, tangential, approach_sq, tangential_sq, arc] =
                level.values.map(Array1::from_vec);
            RidgeLevel {
                sigma: level.sigma,
                spread: spread(level.sigma),
                defined: level.defined,
                in_tube: level.in_tube,
                distances,
                concavity,
                moving: level.moving,
                normal_speeds: normal,
                approach_speeds: approach,
                tangential_speeds: tangential,
                approach_squares: approach_sq,
                tangential_squares: tangential_sq,
                arc,
                nearest: (!level.nearest.is_empty()).then(|| Array1::from_vec(level.nearest)),
            }
        };
        let levels = self.levels.into_iter().map(finished).collect();
        let (dimension, kappa, window) = (self.ridge.dimension(), self.kappa, self.window);
        Ok(RidgeRun { levels, dimension, kappa, window })
    }

    fn record(&mut self, progress: &Progress) -> Result<()> {
        let (sigma, x) = (progress.sigma, progress.state);
        if progress.step <= 1 || self.arc.len() != x.nrows() {
            self.past.clear();
            (self.arc, self.entered) = (vec![0.0; x.nrows()], vec![false; x.nrows()]);
        }
        let log_sigma = libm::log(sigma);
        if self.past.back().is_some_and(|last| last.log_sigma <= log_sigma) {
            let problem = format!("rose to {sigma:e}");
            return Err(Error::argument("sigma", problem, "follow a run from noise to data"));
        }
        let frames = self.ridge.frames(x, sigma)?;
        let defined = self.ridge.in_tube(&frames, f64::INFINITY);
        let in_tube = self.ridge.in_tube(&frames, self.kappa);
        let mut now = Past {
            log_sigma,
            state: x.to_owned(),
            frames,
            defined,
            approach: vec![0.0; x.nrows()],
            along: vec![0.0; x.nrows()],
        };
        if let Some(before) = self.past.back() {
            let moved = Moved::between(before, &now)?;
            now.approach = squares(&moved.approach);
            now.along = squares(&moved.tangential);
            for (row, along) in now.along.iter().enumerate() {
                if self.entered[row] {
                    self.arc[row] += along.sqrt();
                }
            }
        }
        self.entered.iter_mut().zip(&in_tube).for_each(|(entered, tube)| *entered |= tube);
        while self.past.get(1).is_some_and(|second| second.log_sigma - log_sigma >= self.window) {
            self.past.pop_front();
        }
        let rows = x.nrows();
        let mut moving = vec![false; rows];
        let mut speeds: [Vec<f64>; 5] = std::array::from_fn(|_| vec![0.0; rows]);
        if let Some(first) = self.past.front() {
            let span = first.log_sigma - log_sigma;
            let moved = Moved::between(first, &now)?;
            let steps: Vec<&Past> = self.past.iter().skip(1).chain([&now]).collect();
            let starts = self.past.iter().map(|p| p.log_sigma);
            let shares = starts.zip(&steps).map(|(from, to)| (from - to.log_sigma) / span);
            let steady = 1.0 - shares.map(|w| w * w).sum::<f64>();
            let systematic = |square: f64, of_step: &dyn Fn(&Past) -> f64| match steps.len() {
                // A single step cannot tell.
                1 => square / (span * span),
                _ => (square - steps.iter().map(|s| of_step(s)).sum::<f64>()) / steady / (span * span),
            };
            let (normal, approach) = (squares(&moved.normal), squares(&moved.approach));
            let along = squares(&moved.tangential);
            for row in 0..rows {
                moving[row] = now.defined[row] && self.past.iter().all(|level| level.defined[row]);
                speeds[0][row] = normal[row].sqrt() / span;
                speeds[1][row] = approach[row].sqrt() / span;
                speeds[2][row] = along[row].sqrt() / span;
                speeds[3][row] = systematic(approach[row], &|step| step.approach[row]);
                speeds[4][row] = systematic(along[row], &|step| step.along[row]);
            }
        }
        let index = progress.step.saturating_sub(1);
        if index >= self.levels.len() {
            self.levels.resize_with(index + 1, Growing::default);
        }
        let distances = now.frames.newton().map_axis(Axis(1), length).to_vec();
        let concavity = now.frames.concavity().to_vec();
        let level = &mut self.levels[index];
        level.sigma = sigma;
        level.defined.extend_from_slice(&now.defined);
        level.in_tube.extend(in_tube);
        level.moving.extend(moving);
        let found = [distances, concavity].into_iter().chain(speeds).chain([self.arc.clone()]);
        level.values.iter_mut().zip(found).for_each(|(to, from)| to.extend(from));
        if let Some(points) = self.points {
            level.nearest.extend(neighbours::nearest(x, points, 1)?.nearest_distances());
        }
        self.past.push_back(now);
        Ok(())
    }
}

impl Observer for FollowRidge<'_> {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        if progress.sigma <= 0.0 || self.failure.is_some() {
            return ControlFlow::Continue(());
        }
        match self.record(progress) {
            Ok(()) => ControlFlow::Continue(()),
            Err(failure) => {
                self.failure = Some(failure);
                ControlFlow::Break(())
            }
        }
    }
}

/// A displacement between two levels, in parts by the frames of both ends.
struct Moved {
    normal: Array2<f64>,
    approach: Array2<f64>,
    tangential: Array2<f64>,
}

impl Moved {
    fn between(before: &Past, now: &Past) -> Result<Self> {
        let moved = &now.state - &before.state;
        let ends = now.frames.tangential(moved.view())? + before.frames.tangential(moved.view())?;
        let tangential = 0.5 * ends;
        let normal = &moved - &tangential;
        let approach = &before.frames.newton() - &now.frames.newton();
        let approach = now.frames.normal(approach.view())?;
        Ok(Moved { normal, approach, tangential })
    }
}

fn squares(v: &Array2<f64>) -> Vec<f64> {
    v.outer_iter().map(|row| row.dot(&row)).collect()
}

pub(super) fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}

fn positive(name: &'static str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::argument(name, format!("is {value}"), "give a positive number"))
}
