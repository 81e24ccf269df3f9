//! How many steps to leave out for a tolerance: measured on a pilot of a few dozen paths.
//!
//! Every path is solved finely from the highest level, and again from each level to which the Gaussian's flow
//! may carry its start. How far apart the two end is the floor of that teleport: what no solver after it can
//! undo. It is a property of the data.
//!
//! The pilot is solved in the Gaussian's own coordinates (Lawson's Runge–Kutta method of fourth order): the
//! flow of the Gaussian is taken exactly and only D_G − D, which is small at high noise, by the method,
//!
//! ```text
//! x(σ) = Φ_{σ₀→σ}(y),     dx/d log σ = (x − D_G) + (D_G − D)
//! ```
//!
//! so that on Gaussian data the two ends differ by rounding alone.

use ndarray::{Array2, ArrayView2, Axis, Zip};

use crate::closed_form::Gaussian;
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::sampler::{Sampler, observers::median};
use crate::schedule::{Levels, Schedule, checked};
use crate::solver::{Heun, check_answer, first_not_finite};

/// Times the tolerance that a path may move, and the share of paths that may move farther: one of 32.
const FAR: f64 = 10.0;
const FEW: f64 = 1.0 / 32.0;

/// A pilot run that chooses how many steps to teleport.
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
/// use ridgewalk::sampler::TeleportPilot;
/// use ridgewalk::{Heun, Karras, Sampler};
///
/// let at = |m: f64| Gaussian::new(array![m], Covariance::isotropic(1, 0.04)?);
/// let model = Mixture::new(vec![0.5, 0.5], vec![at(-1.0)?, at(1.0)?])?;
/// let moments = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.04)?)?;
/// let schedule = Karras::new(0.002..80.0, 18);
/// let choice = TeleportPilot::new(1e-2).measure(&model, &moments, &schedule)?;
/// assert!(choice.steps > 3 && choice.floor <= 1e-2);
/// let samples = Sampler::new(Heun::new(), schedule).teleport(&moments, choice.steps).run(&model, 8)?;
/// assert_eq!(samples.evaluations, 2 * (18 - choice.steps) - 1);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct TeleportPilot {
    tolerance: f64,
    samples: usize,
    seed: u64,
    resolution: f64,
    landmarks: Option<Array2<f64>>,
}

/// How many steps to leave out, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct TeleportChoice {
    /// For [`Sampler::teleport`](crate::Sampler::teleport); 0 if no level is within the tolerance.
    pub steps: usize,
    /// Where it lands.
    pub level: f64,
    /// The floor there, relative to the data's scale.
    pub floor: f64,
    /// The data's scale: root mean square over coordinates of their standard deviation.
    pub scale: f64,
    /// What was measured, from the highest level down to the second that is beyond the tolerance.
    pub table: Vec<TeleportFloor>,
}

/// What a teleport to one level costs, whatever the solver after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TeleportFloor {
    /// Steps left out.
    pub steps: usize,
    /// The level at which it lands.
    pub level: f64,
    /// Median over paths of the root-mean-square difference of the samples over coordinates, relative to the
    /// data's scale.
    pub floor: f64,
    /// Share of the paths whose difference is more than ten times the tolerance: those that the median hides.
    pub moved: f64,
    /// Root mean square over paths and coordinates of the states' difference where it lands, in data units.
    pub landing: f64,
    /// Share of the paths whose sample is nearest to another landmark, if there are landmarks.
    pub strays: Option<f64>,
}

impl TeleportPilot {
    /// The lowest level whose floor is at most `tolerance`, relative to the data's scale, by 32 paths, of which
    /// at most one moves more than ten times as far.
    pub fn new(tolerance: f64) -> Self {
        TeleportPilot { tolerance, samples: 32, seed: 0, resolution: 0.125, landmarks: None }
    }

    /// By this many paths.
    pub fn samples(mut self, samples: usize) -> Self {
        self.samples = samples;
        self
    }

    /// With another seed: the starts are those of a sampler of this seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// In steps of at most this size in log σ, four evaluations each; 1/8 unless told otherwise.
    pub fn resolution(mut self, step: f64) -> Self {
        self.resolution = step;
        self
    }

    /// Counting the paths whose sample is nearest to another of these points (`[m, d]`): the modes of a
    /// mixture, or the training data.
    pub fn landmarks(mut self, landmarks: Array2<f64>) -> Self {
        self.landmarks = Some(landmarks);
        self
    }

    /// Measures the floors of `model` teleported by `gaussian` over the levels of `schedule`, from the
    /// highest down until two are beyond the tolerance.
    ///
    /// # Errors
    /// If the tolerance or the resolution is not a positive number, there are no paths, the schedule makes
    /// no grid, dimensions disagree, the model fails, or a state stops being finite.
    pub fn measure<D: Denoiser + ?Sized>(
        &self,
        model: &D,
        gaussian: &Gaussian,
        schedule: &impl Schedule,
    ) -> Result<TeleportChoice> {
        self.check(model.dim(), gaussian)?;
        let levels = checked(schedule.levels()?)?;
        let highest = levels.first().copied().unwrap_or_default();
        let samples: Vec<u64> = (0..self.samples as u64).collect();
        let pilot =
            Pilot { model, gaussian, levels: &levels, samples: &samples, resolution: self.resolution };
        let sampler = Sampler::new(Heun::new(), Levels(levels.clone())).seed(self.seed);
        let starts = sampler.start_states(model, highest, &samples)?;
        let mut states = vec![starts.clone()];
        for index in 1..levels.len() {
            let state = states.last().map(|x| pilot.carry(x.clone(), index - 1, index)).transpose()?;
            states.extend(state);
        }
        let last = levels.len() - 1;
        let ends = states.last().map(|x| pilot.land(x)).transpose()?.unwrap_or_default();
        let scale = model.moments().map_or_else(|| deviation(gaussian), |m| m.std);
        let scale = if scale > 0.0 { scale } else { 1.0 };
        let homes = self.nearest(ends.view())?;
        let (mut table, mut beyond) = (Vec::new(), 0);
        let mut choice = TeleportChoice { steps: 0, level: highest, floor: 0.0, scale, table: Vec::new() };
        for (steps, (&level, state)) in levels.iter().zip(&states).enumerate().skip(1) {
            let landed = gaussian.flow_levels(starts.view(), highest, level)?;
            let landing = (&landed - state).mapv(|e| e * e).mean().unwrap_or(f64::NAN).sqrt();
            let found = pilot.land(&pilot.carry(landed, steps, last)?)?;
            let off = (&found - &ends).mapv(|e| e * e).mean_axis(Axis(1)).unwrap_or_default();
            let off: Vec<f64> = off.iter().map(|square| square.sqrt() / scale).collect();
            let moved = off.iter().filter(|e| **e > FAR * self.tolerance).count();
            let moved = moved as f64 / off.len().max(1) as f64;
            let floor = median(off);
            let strays = match (&homes, self.nearest(found.view())?) {
                (Some(homes), Some(found)) => {
                    let strayed = homes.iter().zip(&found).filter(|(a, b)| a != b).count();
                    Some(strayed as f64 / homes.len().max(1) as f64)
                }
                _ => None,
            };
            table.push(TeleportFloor { steps, level, floor, moved, landing, strays });
            if floor <= self.tolerance && moved <= FEW && beyond == 0 {
                (choice.steps, choice.level, choice.floor) = (steps, level, floor);
            } else {
                beyond += 1;
            }
            if beyond == 2 {
                break;
            }
        }
        choice.table = table;
        Ok(choice)
    }

    fn check(&self, dim: usize, gaussian: &Gaussian) -> Result<()> {
        for (name, value) in [("tolerance", self.tolerance), ("resolution", self.resolution)] {
            if !(value > 0.0 && value.is_finite()) {
                let help = "choose a small positive number, such as 0.01";
                return Err(Error::argument(name, format!("is {value}"), help));
            }
        }
        if self.samples == 0 {
            return Err(Error::argument("samples", "are 0", "take a few dozen paths"));
        }
        let found = gaussian.covariance().dim();
        if found != dim {
            let expected = format!("{dim} (the model's dimension)");
            return Err(Error::shape("the Gaussian to teleport by", format!("{found} dimensions"), expected));
        }
        match &self.landmarks {
            Some(points) => crate::denoiser::check_query(dim, points.view(), 1.0),
            None => Ok(()),
        }
    }

    /// Index of the nearest landmark of every row.
    fn nearest(&self, x: ArrayView2<f64>) -> Result<Option<Vec<usize>>> {
        let Some(landmarks) = &self.landmarks else { return Ok(None) };
        let one = |row: ndarray::ArrayView1<f64>| {
            let (mut best, mut least) = (0, f64::INFINITY);
            for (index, point) in landmarks.outer_iter().enumerate() {
                let mut square = 0.0;
                Zip::from(&row).and(&point).for_each(|a, b| square += (a - b) * (a - b));
                if square < least {
                    (best, least) = (index, square);
                }
            }
            best
        };
        Ok(Some(x.outer_iter().map(one).collect()))
    }
}

fn deviation(gaussian: &Gaussian) -> f64 {
    (gaussian.covariance().trace() / gaussian.covariance().dim() as f64).sqrt()
}

/// The fine solver.
struct Pilot<'a, D: ?Sized> {
    model: &'a D,
    gaussian: &'a Gaussian,
    levels: &'a [f64],
    samples: &'a [u64],
    resolution: f64,
}

impl<D: Denoiser + ?Sized> Pilot<'_, D> {
    /// From one level of the schedule to a later one.
    fn carry(&self, mut x: Array2<f64>, from: usize, to: usize) -> Result<Array2<f64>> {
        for (index, pair) in self.levels.windows(2).enumerate().skip(from).take(to.saturating_sub(from)) {
            let &[high, low] = pair else { continue };
            let width = libm::log(low / high);
            let steps = (width.abs() / self.resolution).ceil().max(1.0);
            let h = width / steps;
            let mut sigma = high;
            for k in 1..=steps as usize {
                let next = if k as f64 == steps { low } else { high * libm::exp(h * k as f64) };
                x = self.step(x, sigma, next, h, index)?;
                sigma = next;
            }
        }
        Ok(x)
    }

    /// One step of Lawson's method: slopes are of D_G − D, and the flow carries what lies between.
    fn step(&self, x: Array2<f64>, from: f64, to: f64, h: f64, index: usize) -> Result<Array2<f64>> {
        let middle = (from * to).sqrt();
        let flow = |x: &Array2<f64>, from: f64, to: f64| self.gaussian.flow_levels(x.view(), from, to);
        let plus = |x: &Array2<f64>, part: f64, slope: &Array2<f64>| {
            let mut out = x.clone();
            out.scaled_add(part * h, slope);
            out
        };
        let k1 = self.slope(&x, from, index)?;
        let halfway = flow(&x, from, middle)?;
        let k2 = self.slope(&flow(&plus(&x, 0.5, &k1), from, middle)?, middle, index)?;
        let k3 = self.slope(&plus(&halfway, 0.5, &k2), middle, index)?;
        let k4 = self.slope(&flow(&plus(&halfway, 1.0, &k3), middle, to)?, to, index)?;
        let first = flow(&plus(&x, 1.0 / 6.0, &k1), from, middle)?;
        let second = flow(&plus(&first, 1.0 / 3.0, &(&k2 + &k3)), middle, to)?;
        Ok(plus(&second, 1.0 / 6.0, &k4))
    }

    /// D_G − D.
    fn slope(&self, x: &Array2<f64>, sigma: f64, index: usize) -> Result<Array2<f64>> {
        Ok(self.gaussian.denoise(x.view(), sigma)? - &self.ask(x, sigma, index)?)
    }

    /// D at the last level.
    fn land(&self, x: &Array2<f64>) -> Result<Array2<f64>> {
        self.ask(x, self.levels.last().copied().unwrap_or(1.0), self.levels.len().saturating_sub(1))
    }

    fn ask(&self, x: &Array2<f64>, sigma: f64, step: usize) -> Result<Array2<f64>> {
        if let Some(sample) = first_not_finite(x.view(), self.samples) {
            return Err(Error::Diverged { step, sigma, sample });
        }
        let visit = Visit { samples: self.samples, step: None };
        let denoised = self.model.denoise_at(x.view(), sigma, &visit)?;
        check_answer(x.view(), &denoised, step, sigma, self.samples)?;
        Ok(denoised)
    }
}
