//! A record of a run, and the order in which its modes are decided.
//!
//! An observer sees states only. D along a path is asked of the model afterwards, at every recorded state:
//! exact whatever the solver was, at one evaluation a state.

use std::ops::{ControlFlow, RangeInclusive};

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use super::curve::{Bending, bending};
use super::flatness::{Flatness, of_path};
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::sampler::{Observer, Progress, Trace};

/// The states of a run, from its start, at falling noise levels.
///
/// A run tells of its states after every step. Give the start too, with [`Trajectories::starting_at`] and
/// [`Sampler::run_from`](crate::Sampler::run_from): otherwise a path begins with the state after the first
/// step.
///
/// ```
/// use ridgewalk::closed_form::Sphere;
/// use ridgewalk::sampler::observers::Trajectories;
/// use ridgewalk::{Euler, LogLinear, Sampler};
///
/// let model = Sphere::new(5, 1.0)?;
/// let mut paths = Trajectories::new();
/// Sampler::new(Euler, LogLinear::new(0.01..20.0, 40)).run_observed(&model, 6, &mut paths)?;
/// let (plane, three) = paths.flatness()?.means();
/// assert!(plane > 0.99 && three > 0.99);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
pub struct Trajectories {
    start: Option<(f64, Array2<f64>)>,
    trace: Trace,
}

impl Observer for Trajectories {
    fn observe(&mut self, progress: &Progress) -> ControlFlow<()> {
        self.trace.observe(progress)
    }
}

/// At which noise levels a mode was half decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Commitment {
    /// √λ along the mode.
    pub deviation: f64,
    /// √3·√λ: where the flow of Gaussian data is half decided.
    pub expected: f64,
    /// The lowest level above which D's coordinate was less than half of its final value, of every sample,
    /// `[n]`; interpolated in log σ. Infinite if it was at least half from the start.
    pub levels: Array1<f64>,
    /// Their median.
    pub median: f64,
}

impl Trajectories {
    /// Of paths that begin after the first step.
    pub fn new() -> Self {
        Trajectories::default()
    }

    /// Of paths that begin at these states `[n, d]` at this noise level.
    pub fn starting_at(sigma: f64, states: Array2<f64>) -> Self {
        Trajectories { start: Some((sigma, states)), trace: Trace::default() }
    }

    /// Of states that were recorded elsewhere: noise levels, falling, and states `[n, d]` of the same samples.
    ///
    /// # Errors
    /// If there are none, shapes differ, a level rises or is not finite, or a value is not finite.
    pub fn of_states(states: Vec<(f64, Array2<f64>)>) -> Result<Self> {
        let Some((_, first)) = states.first() else {
            return Err(Error::empty("the record", "give at least one state"));
        };
        let shape = first.dim();
        let mut before = f64::INFINITY;
        for (sigma, x) in &states {
            if x.dim() != shape {
                return Err(Error::shape(
                    "a state",
                    format!("{:?}", x.dim()),
                    format!("{shape:?} (as the first)"),
                ));
            }
            if !(0.0..before).contains(sigma) {
                let problem = format!("has the level {sigma} after {before}");
                return Err(Error::argument("record", problem, "give levels that fall to 0 or above"));
            }
            before = *sigma;
            crate::points::require_finite("a state", x.view())?;
        }
        let (sigmas, states) = states.into_iter().unzip();
        Ok(Trajectories { start: None, trace: Trace { sigmas, states } })
    }

    /// The states at noise levels within this range.
    ///
    /// # Errors
    /// If there are none.
    pub fn within(&self, levels: RangeInclusive<f64>) -> Result<Self> {
        let states = self.states().filter(|(sigma, _)| levels.contains(sigma));
        Self::of_states(states.map(|(sigma, x)| (sigma, x.to_owned())).collect())
    }

    /// Noise level and states `[n, d]`, from the start; the level of the samples is 0.
    pub fn states(&self) -> impl Iterator<Item = (f64, ArrayView2<'_, f64>)> {
        let start = self.start.iter().map(|(sigma, x)| (*sigma, x.view()));
        start.chain(self.trace.sigmas.iter().copied().zip(self.trace.states.iter().map(|x| x.view())))
    }

    /// The path of one sample, `[states, d]`.
    ///
    /// # Errors
    /// If there is no such sample or nothing was recorded.
    pub fn path(&self, sample: usize) -> Result<Array2<f64>> {
        let (steps, d) = (self.states().count(), self.states().next().map_or(0, |(_, x)| x.ncols()));
        if steps == 0 {
            return Err(Error::empty("the record", "observe a run first"));
        }
        let mut path = Array2::zeros((steps, d));
        for (mut row, (_, x)) in path.outer_iter_mut().zip(self.states()) {
            if sample >= x.nrows() || x.ncols() != d {
                let help = "observe one run, from the states given as its start, and count samples from 0";
                return Err(Error::argument("sample", format!("{sample} was not recorded"), help));
            }
            row.assign(&x.row(sample));
        }
        Ok(path)
    }

    /// The same paths in the coordinates of a process that keeps the variance of data of this scale: every
    /// state times scale/√(scale² + σ²). Otherwise the states at high noise outweigh all others.
    ///
    /// # Errors
    /// If the scale is not a positive number.
    pub fn variance_preserving(&self, scale: f64) -> Result<Self> {
        crate::denoiser::check_sigma(scale)?;
        let scaled = |sigma: f64, x: &Array2<f64>| x * (scale / scale.hypot(sigma));
        let start = self.start.as_ref().map(|(sigma, x)| (*sigma, scaled(*sigma, x)));
        let sigmas = self.trace.sigmas.clone();
        let states = sigmas.iter().zip(&self.trace.states).map(|(sigma, x)| scaled(*sigma, x)).collect();
        Ok(Trajectories { start, trace: Trace { sigmas, states } })
    }

    /// D(x; σ) at every recorded state, at the levels of [`Trajectories::states`]; a sample, at σ = 0, is its
    /// own. One evaluation a state.
    ///
    /// # Errors
    /// Those of the model.
    pub fn denoised<D: Denoiser + ?Sized>(&self, model: &D) -> Result<Trajectories> {
        let (mut sigmas, mut states) = (Vec::new(), Vec::new());
        for (sigma, x) in self.states() {
            let samples: Vec<u64> = (0..x.nrows() as u64).collect();
            let visit = Visit { samples: &samples, step: None };
            sigmas.push(sigma);
            states.push(if sigma > 0.0 { model.denoise_at(x, sigma, &visit)? } else { x.to_owned() });
        }
        Ok(Trajectories { start: None, trace: Trace { sigmas, states } })
    }

    /// How flat the paths are.
    ///
    /// # Errors
    /// If nothing was recorded, or an eigenvalue computation fails.
    pub fn flatness(&self) -> Result<Flatness> {
        let parts = self.each(of_path)?;
        let (plane, three_components): (Vec<f64>, Vec<f64>) = parts.into_iter().unzip();
        Ok(Flatness { plane: plane.into(), three_components: three_components.into() })
    }

    /// Length, turning and twisting of every path.
    ///
    /// # Errors
    /// If nothing was recorded.
    pub fn bending(&self) -> Result<Vec<Bending>> {
        self.each(bending)
    }

    /// When the coordinates ⟨u_k, D − μ⟩ reached half of their final value, for D as these paths
    /// ([`Trajectories::denoised`]), the mean μ (`[d]`), the directions u_k (rows of `vectors`, `[r, d]`) and
    /// the variances λ_k along them: a Gaussian's or a principal component analysis's.
    ///
    /// # Errors
    /// If the shapes disagree or nothing was recorded.
    pub fn commitment(
        &self,
        mean: ArrayView1<f64>,
        vectors: ArrayView2<f64>,
        variances: &[f64],
    ) -> Result<Vec<Commitment>> {
        let d = self.states().next().map_or(0, |(_, x)| x.ncols());
        if mean.len() != d || vectors.ncols() != d || vectors.nrows() != variances.len() {
            let found = format!(
                "a mean of {}, vectors {:?} and {} variances",
                mean.len(),
                vectors.dim(),
                variances.len()
            );
            return Err(Error::shape("the basis", found, format!("{d} dimensions of the recorded states")));
        }
        let sigmas: Vec<f64> = self.states().map(|(sigma, _)| sigma).collect();
        let coordinates: Vec<Array2<f64>> =
            self.states().map(|(_, x)| (&x - &mean).dot(&vectors.t())).collect();
        let mode = |(k, variance): (usize, &f64)| {
            let n = coordinates.first().map_or(0, |c| c.nrows());
            let sample = |i: usize| {
                let values: Vec<f64> = coordinates.iter().filter_map(|c| c.get((i, k)).copied()).collect();
                half_way(&sigmas, &values)
            };
            let levels: Array1<f64> = (0..n).map(sample).collect();
            let median = median(levels.to_vec());
            let deviation = variance.max(0.0).sqrt();
            Commitment { deviation, expected: 3f64.sqrt() * deviation, levels, median }
        };
        Ok(variances.iter().enumerate().map(mode).collect())
    }

    fn each<T>(&self, work: impl Fn(ArrayView2<f64>) -> Result<T>) -> Result<Vec<T>> {
        let n = self.states().next().map_or(0, |(_, x)| x.nrows());
        if n == 0 {
            return Err(Error::empty("the record", "observe a run first"));
        }
        (0..n).map(|sample| work(self.path(sample)?.view())).collect()
    }
}

/// The level at which the last crossing of half of the final value was, between two levels by the logarithm.
fn half_way(sigmas: &[f64], values: &[f64]) -> f64 {
    let Some(&end) = values.last() else { return f64::NAN };
    let share: Vec<f64> = values.iter().map(|v| v / end).collect();
    let Some(below) = share.iter().rposition(|s| *s < 0.5) else { return f64::INFINITY };
    let at = |list: &[f64], i: usize| list.get(i).copied().unwrap_or(f64::NAN);
    let (high, low) = (at(sigmas, below), at(sigmas, below + 1));
    if low <= 0.0 {
        return high;
    }
    let part = (0.5 - at(&share, below)) / (at(&share, below + 1) - at(&share, below));
    libm::exp(libm::log(high) + part * (libm::log(low) - libm::log(high)))
}

/// Middle value, or the mean of the two.
pub(in crate::sampler) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    let at = |i: usize| values.get(i).copied().unwrap_or(f64::NAN);
    if n % 2 == 1 { at(n / 2) } else { 0.5 * (at((n / 2).wrapping_sub(1)) + at(n / 2)) }
}
