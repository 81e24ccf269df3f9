//! The ridge of p_σ, and projection onto it.
//!
//! ```text
//! R = { x : N(x) ∇log p_σ(x) = 0  and  λ_{d*+1}(x) ≤ −β }          β = c/σ²
//! ```
//!
//! N projects on the normal space, that of the d − d* smallest eigenvalues of ∇² log p_σ (arXiv 2602.06021;
//! Genovese et al. 2014, arXiv 1212.5156). In units of the noise level the second condition is
//! 1 − g_{d*+1} ≥ c, and the first ‖N(D − x)‖ = 0.
//!
//! Projection is subspace-constrained mean shift, x ← x + N(D − x) (Ozertem & Erdogmus 2011), which converges
//! linearly with the factor g_{d*+1}, or its Newton form, which divides every normal coordinate by 1 − g, is
//! accelerated by its last steps (Anderson 1965), and takes a few. It moves in the normal space only, so that the point's place along the ridge stays; it
//! is the orthogonal projection up to second order in the distance.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::anderson::Anderson;
use crate::denoiser::{Differentiable, check_sigma};
use crate::error::{Error, Result};
use crate::frames::Frames;

/// Largest length of a step, in noise levels times √(d − d*): farther the frame is another.
const LONGEST: f64 = 1.0;
/// Newton steps shorter than this part of σ are accelerated.
const NEAR: f64 = 0.1;
/// Convergence counts as linear where the residual falls by less than 1 over this more than the step before.
const LINEAR: f64 = 0.5;
/// Steps that differ by less than this part count as one.
const SAME: f64 = 0.01;
/// After this many steps a point at which no frame is defined is given up.
const PATIENCE: usize = 30;
/// Rounding of D and x, relative to their size.
const ROUNDING: f64 = 16.0 * f64::EPSILON;

/// Which steps a projection takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Steps {
    /// Newton's where log p_σ is concave in the normal directions and they shorten N(D − x), mean shift elsewhere.
    #[default]
    Newton,
    /// Subspace-constrained mean shift only: slower, and the textbook's.
    MeanShift,
}

/// The ridge of dimension d* of a model's p_σ.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::PointSet;
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::geometry::Ridge;
///
/// // The ridge of two points is the line through them.
/// let model = Empirical::new(&PointSet::vectors(array![[-3.0, 0.0], [3.0, 0.0]])?)?;
/// let found = Ridge::new(&model, 1)?.project(array![[1.0, 0.4]].view(), 0.5)?;
/// assert!(found.on_ridge(0) && (found.distances()[0] - 0.4).abs() < 1e-9);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct Ridge<'a> {
    model: &'a dyn Differentiable,
    dimension: usize,
    concavity: f64,
    tolerance: f64,
    most_steps: usize,
    steps: Steps,
}

/// Why the projection of a point ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// On the ridge: converged, concave in the normal directions by at least c, with a tangent space of its own.
    OnRidge,
    /// Converged where log p_σ is not concave enough in all normal directions: no ridge there.
    NotConcave,
    /// Tangent and normal space are not told apart there: no ridge of this dimension is defined.
    Undefined,
    /// Did not converge in the steps that were allowed.
    NotConverged,
}

/// Points projected onto a ridge.
#[derive(Debug, Clone)]
pub struct Projection {
    start: Array2<f64>,
    points: Array2<f64>,
    frames: Frames,
    ended: Vec<Ended>,
    steps: Vec<usize>,
}

impl<'a> Ridge<'a> {
    /// The ridge of `dimension` d* (0: the modes) of a denoiser with derivatives, with c = 0.1, a tolerance of
    /// 10⁻⁹ noise levels and at most 500 steps.
    ///
    /// # Errors
    /// If the dimension is not below that of the model.
    pub fn new(model: &'a dyn Differentiable, dimension: usize) -> Result<Self> {
        if dimension >= model.dim() {
            let help = format!("a ridge in {} dimensions has fewer", model.dim());
            return Err(Error::argument("dimension", format!("is {dimension}"), help));
        }
        let steps = Steps::default();
        Ok(Ridge { model, dimension, concavity: 0.1, tolerance: 1e-9, most_steps: 500, steps })
    }

    /// With another least concavity c = βσ² in the normal directions, in (0, 1].
    ///
    /// # Errors
    /// If it is not in (0, 1]: no normal eigenvalue of ∇² log p_σ is below −1/σ².
    pub fn concavity(mut self, c: f64) -> Result<Self> {
        if c > 0.0 && c <= 1.0 {
            self.concavity = c;
            return Ok(self);
        }
        Err(Error::argument("concavity", format!("is {c}"), "it is β·σ², in (0, 1]"))
    }

    /// With another curvature floor β (of the units of 1/σ²) at one noise level: the c of that level.
    ///
    /// # Errors
    /// As [`Ridge::concavity`], of c = βσ².
    pub fn beta(self, beta: f64, sigma: f64) -> Result<Self> {
        check_sigma(sigma)?;
        self.concavity(beta * sigma * sigma)
    }

    /// With another tolerance for ‖N(D − x)‖, in noise levels.
    ///
    /// # Errors
    /// If it is not a positive number.
    pub fn tolerance(mut self, tolerance: f64) -> Result<Self> {
        if tolerance > 0.0 && tolerance.is_finite() {
            self.tolerance = tolerance;
            return Ok(self);
        }
        let help = "it is a positive number of noise levels";
        Err(Error::argument("tolerance", format!("is {tolerance}"), help))
    }

    /// With at most this many steps.
    pub fn most_steps(mut self, most: usize) -> Self {
        self.most_steps = most;
        self
    }

    /// With these steps.
    pub fn steps(mut self, steps: Steps) -> Self {
        self.steps = steps;
        self
    }

    /// d*.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// The model.
    pub fn model(&self) -> &'a dyn Differentiable {
        self.model
    }

    /// Frames at the rows of `x`, of this ridge's dimension. Errors as [`Frames::at`].
    pub fn frames(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Frames> {
        self.model.frames(x, sigma, self.dimension)
    }

    /// Which rows are on the ridge: N(D − x) is 0 to the tolerance, log p_σ is concave enough in the normal
    /// directions, and these are defined.
    ///
    /// # Errors
    /// As [`Frames::at`].
    pub fn contains(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Vec<bool>> {
        let frames = self.frames(x, sigma)?;
        let on = |row: usize| {
            self.converged(&frames, x.row(row), row) && self.judge(&frames, row) == Ended::OnRidge
        };
        Ok((0..x.nrows()).map(on).collect())
    }

    /// Rows in the tube around the ridge: the Newton distance is at most κ·σ√(d − d*), and log p_σ is concave
    /// enough. An exact draw of p_σ near a flat ridge has the root mean square distance σ√(d − d*).
    pub fn in_tube(&self, frames: &Frames, kappa: f64) -> Vec<bool> {
        let radius = kappa * self.spread(frames.sigma());
        let distances = frames.newton().map_axis(Axis(1), length);
        (0..frames.len())
            .map(|row| distances[row] <= radius && self.judge(frames, row) == Ended::OnRidge)
            .collect()
    }

    /// σ√(d − d*): the root mean square distance of a draw of p_σ from a flat ridge.
    pub fn spread(&self, sigma: f64) -> f64 {
        sigma * ((self.model.dim() - self.dimension) as f64).sqrt()
    }

    /// Projects the rows of `x` (`[n, d]`) onto the ridge at σ. Every row is on its own: the result does not
    /// depend on the others. Cost: one call of [`Differentiable::frames`] a step, for the rows that are still on
    /// their way.
    ///
    /// # Errors
    /// As [`Frames::at`].
    pub fn project(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Projection> {
        let n = x.nrows();
        let mut points = x.to_owned();
        let mut frames = self.frames(x, sigma)?;
        let mut ways = vec![Way::default(); n];
        let mut steps = vec![0; n];
        let mut pending: Vec<usize> = (0..n).collect();
        for step in 0..self.most_steps {
            // Where no tangent space is defined there is nothing to converge to.
            let lost = |row: usize| step >= PATIENCE && frames.gaps()[row] < Frames::DEFINED;
            pending.retain(|&row| !self.converged(&frames, points.row(row), row) && !lost(row));
            if pending.is_empty() {
                break;
            }
            for &row in &pending {
                let next = ways[row].next(self, &frames, points.row(row), row);
                points.row_mut(row).assign(&next);
                steps[row] += 1;
            }
            let moved = self.frames(points.select(Axis(0), &pending).view(), sigma)?;
            pending.iter().enumerate().for_each(|(at, &row)| frames.set_row(row, &moved, at));
        }
        let ended = |row: usize| match self.converged(&frames, points.row(row), row) {
            true => self.judge(&frames, row),
            false if frames.gaps()[row] < Frames::DEFINED => Ended::Undefined,
            false => Ended::NotConverged,
        };
        let ended = (0..n).map(ended).collect();
        Ok(Projection { start: x.to_owned(), points, frames, ended, steps })
    }

    fn converged(&self, frames: &Frames, x: ArrayView1<f64>, row: usize) -> bool {
        let size = length(x) + length(frames.denoised().row(row));
        let allowed = (self.tolerance * frames.sigma()).max(ROUNDING * size);
        length(frames.mean_shift().row(row)) <= allowed
    }

    /// Whether a point where N(D − x) = 0 is on a ridge.
    fn judge(&self, frames: &Frames, row: usize) -> Ended {
        if frames.gaps()[row] < Frames::DEFINED {
            Ended::Undefined
        } else if 1.0 - frames.gains()[(row, self.dimension)] < self.concavity {
            Ended::NotConcave
        } else {
            Ended::OnRidge
        }
    }
}

/// The way of one point to the ridge.
#[derive(Debug, Clone, Default)]
struct Way {
    /// Where the last Newton step began, and the mean-shift step from there.
    retreat: Option<(Array1<f64>, Array1<f64>)>,
    anderson: Anderson,
    /// ‖N(D − x)‖ before the last step, and its ratio to the one before that.
    last: Option<(f64, f64)>,
}

impl Way {
    fn next(&mut self, ridge: &Ridge, frames: &Frames, x: ArrayView1<f64>, row: usize) -> Array1<f64> {
        let shift = frames.mean_shift().row(row).to_owned();
        if let Some((from, other)) = self.retreat.take()
            && length(shift.view()) > length(other.view())
        {
            self.anderson.clear();
            return from + other;
        }
        if ridge.steps == Steps::MeanShift || frames.gains()[(row, ridge.dimension)] >= 1.0 {
            self.anderson.clear();
            return &x + &shift;
        }
        let newton = frames.newton();
        let newton = newton.row(row);
        // Newton's steps converge linearly where the frame turns on the way: they are accelerated once it is
        // nearly that of the end, and a step no longer shortens the rest by more than the one before did.
        let residual = length(shift.view());
        let (before, ratio) = self.last.unwrap_or((residual, 0.0));
        self.last = Some((residual, residual / before));
        let accelerated = match length(newton) < NEAR * frames.sigma() {
            true => Some(self.anderson.step(x, newton)),
            false => None,
        };
        let step =
            accelerated.filter(|_| residual > LINEAR * ratio * before).unwrap_or_else(|| newton.to_owned());
        let most = LONGEST * ridge.spread(frames.sigma());
        let step = &step * (most / length(step.view())).min(1.0);
        // From what is mean shift anyway there is nothing to retreat to.
        if length((&step - &shift).view()) > SAME * length(shift.view()) {
            self.retreat = Some((x.to_owned(), shift));
        }
        &x + &step
    }
}

impl Projection {
    /// The points after projection, `[n, d]`.
    pub fn points(&self) -> ArrayView2<'_, f64> {
        self.points.view()
    }

    /// Frames at [`Projection::points`].
    pub fn frames(&self) -> &Frames {
        &self.frames
    }

    /// Distance of every point from where it was projected to, `[n]`, in the data's units.
    pub fn distances(&self) -> Array1<f64> {
        (&self.points - &self.start).map_axis(Axis(1), length)
    }

    /// Why the projection of every point ended.
    pub fn ended(&self) -> &[Ended] {
        &self.ended
    }

    /// Whether a point was brought onto the ridge.
    pub fn on_ridge(&self, row: usize) -> bool {
        self.ended.get(row) == Some(&Ended::OnRidge)
    }

    /// Steps that every point took.
    pub fn steps(&self) -> &[usize] {
        &self.steps
    }
}

fn length(v: ArrayView1<f64>) -> f64 {
    v.dot(&v).sqrt()
}
