//! A model's error along a run, parted by the ridge's frames, and what it does to the samples.
//!
//! With δ = D_model − D, D the exact denoiser whose ridge it is, and s = −log σ:
//!
//! ```text
//! probability flow   dx = k (D − x + δ) ds                    k = 1
//! reverse SDE        dx = k (D − x + δ) ds + √2 σ dW          k = 2
//! first order        dy/ds = −k (I − J) y + k δ               y = x_model − x_exact, J = ∂D/∂x along the run
//! ```
//!
//! Both runs with the same start and noise. Across the ridge I − J is near I, so that y there follows the recent
//! normal error, y_N → δ_N: distance. Along it J is near I and y sums up, y_T ≈ k ∫ δ_T ds: sliding
//! (arXiv 2602.06021). y is what the error does to first order; it is exact where D is affine.
//!
//! The equation is integrated exponentially in its constant part, −k y + k(J y + δ): in log σ all its rates
//! are k at most, so that steps of any length are stable but where J itself is large, between modes. For the
//! flow J y + δ is linear over a step; for the SDE it is that of the step's beginning, which makes y the exact
//! derivative of [`ReverseSde`](crate::ReverseSde)'s states.

use ndarray::{Array1, Array2, ArrayView2, Axis};

use super::Ridge;
use super::agreement::Agreement;
use super::follow::length;
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::sampler::observers::Trajectories;

/// How a recorded run moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Motion {
    /// Along the probability-flow ODE: any deterministic solver.
    ProbabilityFlow,
    /// By the reverse SDE that keeps the marginals, as [`ReverseSde`](crate::ReverseSde) and
    /// [`Ddpm`](crate::solver::Ddpm).
    ReverseSde,
}

impl Motion {
    /// k: how many times D − x the drift is, per unit of −log σ.
    pub fn factor(self) -> f64 {
        match self {
            Motion::ProbabilityFlow => 1.0,
            Motion::ReverseSde => 2.0,
        }
    }
}

/// The error of a model at the states of a run. Arrays are `[levels, n]`; lengths in the data's units.
#[derive(Debug, Clone)]
pub struct ErrorSplit {
    /// Positive noise levels of the run, falling.
    pub sigmas: Vec<f64>,
    /// How the run moved.
    pub motion: Motion,
    /// d − d*.
    pub codimension: usize,
    /// ‖Nδ‖.
    pub normal: Array2<f64>,
    /// ‖Tδ‖.
    pub tangential: Array2<f64>,
    /// Newton distance of the state to the reference's ridge.
    pub distances: Array2<f64>,
    /// 1 − g of the flattest normal direction.
    pub concavity: Array2<f64>,
    /// How fast the ridge itself moves, in its normal directions, over the step that begins here; per unit of −log σ.
    pub ridge_speed: Array2<f64>,
    /// Whether the reference's ridge is defined at the state.
    pub defined: Array2<bool>,
    /// y at the last level, `[n, d]`: how far the error has displaced every sample, to first order.
    pub displacement: Array2<f64>,
}

/// What [`ErrorSplit`] predicts beside what happened, over the samples at whose ends the ridge is defined.
#[derive(Debug, Clone)]
pub struct Comparison {
    /// Those samples.
    pub samples: Vec<usize>,
    /// ‖N y‖, predicted, and ‖N(x_model − x_exact)‖, measured; N at the point of the ridge below the exact run's
    /// sample. What moves far along a bent ridge leaves that frame: of second order, length²·curvature/2.
    pub normal: (Vec<f64>, Vec<f64>),
    /// ‖T y‖ and ‖T(x_model − x_exact)‖.
    pub tangential: (Vec<f64>, Vec<f64>),
    /// Distance of the model's samples to the ridge by [`Ridge::project`]: ‖z + N y‖, z the offset of the exact
    /// run's sample, and measured.
    pub distance: (Vec<f64>, Vec<f64>),
    /// Distance of the exact run's samples to the ridge, ‖z‖: what would be predicted without the error.
    pub without_error: Vec<f64>,
}

impl ErrorSplit {
    /// Of this model along a recorded run, for the ridge of an exact reference. The run may be the model's or the
    /// reference's own: to first order y is the same. Record it with its start
    /// ([`Trajectories::starting_at`]): at the first level y is 0. Cost: two frames and two to three Jacobian
    /// products of the reference, and an evaluation of each, a state.
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::closed_form::Empirical;
    /// use ridgewalk::geometry::{ErrorSplit, Motion, Ridge};
    /// use ridgewalk::sampler::observers::Trajectories;
    /// use ridgewalk::transform::{Field, InjectedError, Perturbed};
    /// use ridgewalk::{Heun, LogLinear, PointSet, Sampler};
    ///
    /// let exact = Empirical::new(&PointSet::vectors(array![[-3.0, 0.0], [3.0, 0.0]])?)?;
    /// let error = InjectedError::new(Field::along(array![0.0, 0.1]));
    /// let model = Perturbed::new(&exact, error)?;
    /// let start = array![[4.0, 5.0], [-3.0, 2.0]];
    /// let mut path = Trajectories::starting_at(10.0, start.clone());
    /// Sampler::new(Heun::new(), LogLinear::new(0.01..10.0, 60)).run_from(&model, start.view(), &mut path)?;
    /// let split = ErrorSplit::along(&Ridge::new(&exact, 1)?, &model, &path, Motion::ProbabilityFlow)?;
    /// // Off the line the data do not vary: y = δ(1 − σ/σ₀).
    /// assert!((split.displacement[[0, 1]] - 0.0999).abs() < 1e-9);
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// Those of the models; if the record has fewer than two positive noise levels, these do not fall, or the
    /// batches of the record do not fit.
    pub fn along<D: Denoiser + ?Sized>(
        ridge: &Ridge,
        model: &D,
        path: &Trajectories,
        motion: Motion,
    ) -> Result<Self> {
        let states: Vec<(f64, ArrayView2<f64>)> = path.states().filter(|(sigma, _)| *sigma > 0.0).collect();
        let Some((_, first)) = states.first().filter(|_| states.len() > 1) else {
            return Err(Error::empty("the record", "observe a run of at least two noise levels first"));
        };
        if states.windows(2).any(|pair| pair[0].0 <= pair[1].0 || pair[0].1.dim() != pair[1].1.dim()) {
            let help = "record one run from noise to data, from the states given as its start";
            return Err(Error::argument("path", "is not one run of falling noise levels", help));
        }
        let (n, count) = (first.nrows(), states.len());
        let samples: Vec<u64> = (0..n as u64).collect();
        let visit = Visit { samples: &samples, step: None };
        let table = || Array2::zeros((count, n));
        let mut split = ErrorSplit {
            sigmas: states.iter().map(|(sigma, _)| *sigma).collect(),
            motion,
            codimension: ridge.model().dim() - ridge.dimension(),
            normal: table(),
            tangential: table(),
            distances: table(),
            concavity: table(),
            ridge_speed: table(),
            defined: Array2::from_elem((count, n), false),
            displacement: Array2::zeros(first.raw_dim()),
        };
        // Jy + δ at the level before, and what it makes of the step.
        let mut before: Option<Array2<f64>> = None;
        for (k, (sigma, x)) in states.iter().enumerate() {
            let frames = ridge.frames(*x, *sigma)?;
            let error = model.denoise_at(*x, *sigma, &visit)? - frames.denoised();
            let along = frames.tangential(error.view())?;
            split.tangential.row_mut(k).assign(&along.map_axis(Axis(1), length));
            split.normal.row_mut(k).assign(&(&error - &along).map_axis(Axis(1), length));
            split.distances.row_mut(k).assign(&frames.newton().map_axis(Axis(1), length));
            split.concavity.row_mut(k).assign(&frames.concavity());
            let defined = Array1::from_vec(ridge.in_tube(&frames, f64::INFINITY));
            split.defined.row_mut(k).assign(&defined);
            if let Some((next, _)) = states.get(k + 1) {
                let later = ridge.frames(*x, *next)?;
                let moved = frames.normal((&later.newton() - &frames.newton()).view())?;
                let span = libm::log(sigma / next);
                split.ridge_speed.row_mut(k).assign(&(moved.map_axis(Axis(1), length) / span));
            } else if k > 0 {
                let last = split.ridge_speed.row(k - 1).to_owned();
                split.ridge_speed.row_mut(k).assign(&last);
            }
            if let Some(source) = &before {
                let span = motion.factor() * libm::log(states[k - 1].0 / sigma);
                let reached = -libm::expm1(-span);
                let mut y = &split.displacement * (1.0 - reached) + source * reached;
                if motion == Motion::ProbabilityFlow {
                    let now = ridge.model().jvp(*x, *sigma, y.view())? + &error;
                    y.scaled_add(1.0 - reached / span, &(now - source));
                }
                crate::points::require_finite("the predicted displacement", y.view())?;
                split.displacement = y;
            }
            before = Some(ridge.model().jvp(*x, *sigma, split.displacement.view())? + &error);
        }
        Ok(split)
    }

    /// Number of samples.
    #[allow(clippy::len_without_is_empty)] // a run of none is of no use
    pub fn len(&self) -> usize {
        self.normal.ncols()
    }

    /// Root mean square over the samples of one of the tables, at every level, where the ridge is defined; `None`
    /// where it is at no sample.
    pub fn rms(&self, table: &Array2<f64>) -> Vec<Option<f64>> {
        let of_level = |(values, defined): (ndarray::ArrayView1<f64>, ndarray::ArrayView1<bool>)| {
            let squares = values.iter().zip(defined).filter(|(_, d)| **d).map(|(v, _)| v * v);
            let squares: Vec<f64> = squares.collect();
            (!squares.is_empty()).then(|| (squares.iter().sum::<f64>() / squares.len() as f64).sqrt())
        };
        table.outer_iter().zip(self.defined.outer_iter()).map(of_level).collect()
    }

    /// k ∫ ‖Tδ‖ ds from noise level `from` down to each level, `[levels, n]`: the farthest that the tangential
    /// error alone moves a sample along a ridge on which D neither gathers nor spreads. By the trapezoidal rule.
    pub fn tangential_integral(&self, from: f64) -> Array2<f64> {
        let mut sum = Array2::zeros(self.tangential.raw_dim());
        for k in 1..self.sigmas.len() {
            let mut next = sum.row(k - 1).to_owned();
            if self.sigmas[k - 1] <= from {
                let span = libm::log(self.sigmas[k - 1] / self.sigmas[k]) * self.motion.factor();
                next.scaled_add(0.5 * span, &self.tangential.row(k - 1));
                next.scaled_add(0.5 * span, &self.tangential.row(k));
            }
            sum.row_mut(k).assign(&next);
        }
        sum
    }

    /// The prediction beside what happened: the last positive level of the exact model's run and of the perturbed
    /// model's, from the same start with the same noise (one seed).
    ///
    /// # Errors
    /// Those of the reference; if the records end at another level than this one, or have another shape.
    pub fn compare(&self, ridge: &Ridge, exact: &Trajectories, model: &Trajectories) -> Result<Comparison> {
        let (exact, model) = (self.end(exact)?, self.end(model)?);
        let sigma = self.sigmas.last().copied().unwrap_or_default();
        let (base, found) = (ridge.project(exact, sigma)?, ridge.project(model, sigma)?);
        let frames = base.frames();
        let samples: Vec<usize> =
            (0..self.len()).filter(|&row| base.on_ridge(row) && found.on_ridge(row)).collect();
        let moved = &model - &exact;
        let lengths =
            |v: Array2<f64>| -> Vec<f64> { samples.iter().map(|&row| length(v.row(row))).collect() };
        let across = frames.normal(self.displacement.view())?;
        let distance = lengths(&exact - &base.points() + &across);
        let (all, own) = (found.distances(), base.distances());
        Ok(Comparison {
            normal: (lengths(across), lengths(frames.normal(moved.view())?)),
            tangential: (
                lengths(frames.tangential(self.displacement.view())?),
                lengths(frames.tangential(moved.view())?),
            ),
            distance: (distance, samples.iter().map(|&row| all[row]).collect()),
            without_error: samples.iter().map(|&row| own[row]).collect(),
            samples,
        })
    }

    fn end<'t>(&self, path: &'t Trajectories) -> Result<ArrayView2<'t, f64>> {
        let last = path.states().filter(|(sigma, _)| *sigma > 0.0).last();
        let sigma = self.sigmas.last().copied().unwrap_or_default();
        match last {
            Some((level, x)) if level == sigma && x.dim() == self.displacement.dim() => Ok(x),
            _ => {
                let problem = format!("does not end at sigma {sigma:e} with the samples of the split");
                Err(Error::argument("path", problem, "record runs on one schedule from one set of states"))
            }
        }
    }
}

impl Comparison {
    /// Agreement of the normal displacements.
    pub fn normal_agreement(&self) -> Option<Agreement> {
        Agreement::of(&self.normal.0, &self.normal.1)
    }

    /// Agreement of the tangential displacements.
    pub fn tangential_agreement(&self) -> Option<Agreement> {
        Agreement::of(&self.tangential.0, &self.tangential.1)
    }

    /// Agreement of the distances to the ridge.
    pub fn distance_agreement(&self) -> Option<Agreement> {
        Agreement::of(&self.distance.0, &self.distance.1)
    }
}
