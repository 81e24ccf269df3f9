//! A grid of noise levels chosen from the model: that which equalises what every step of a solver adds to the
//! error at the end.
//!
//! Let a step of length h in log σ at log σ = l leave an error at the lowest level of e(l) h^{p+1}, p the
//! solver's order. Of all grids of n levels the sum of the errors is least where all steps add alike, on the
//! grid of density
//!
//! ```text
//! 1/h ∝ e(l)^{1/(p+1)}
//! ```
//!
//! (the rule of equal distribution of boundary value problems; de Boor, 1973). What a step adds is measured on
//! a few paths of the model itself: one step of the solver from the path, then the flow itself down to the
//! lowest level, where it is held against the path. So an error across the data's manifold counts for what
//! contraction leaves of it, an error along it in full. As no step of a coarse grid is short, the rule is
//! applied to the steps of the grid at hand, damped, and again to those of the grid that results. Medians over
//! paths keep out the few that an error sends to another mode. Of all grids that were tried, Karras's first, the
//! one on which the paths end with the least median error is kept.
//!
//! Cost: about max(3, 2p) n² evaluations of the model a path and pass, p the order: for 16 levels with 32 paths
//! what some thousands of samples on the grid take. It pays where a grid serves for many samples.

use std::ops::Range;

use ndarray::{Array2, Axis};

use super::Sampler;
use super::observers::median;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::schedule::{Karras, Levels, LogLinear, Schedule};
use crate::solver::{Heun, Memory, Order, Seeded, Solver, Step, Tally};

/// Heun steps of the flow in one step of the grid on average, over the solver's order, and the least of them: for
/// Euler's and second-order methods the flow's error is then about a tenth of the step's.
const PARTS: usize = 2;
const LEAST_PARTS: f64 = 3.0;
/// Part of the way to the rule's grid that a pass goes, in the logarithm of the density.
const DAMPING: f64 = 0.7;
/// Least part of the mean that a step counts for: no step becomes so long that its measured error says
/// nothing of its parts.
const FLOOR: f64 = 0.1;

/// How the errors are measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Pilot {
    paths: usize,
    passes: usize,
    seed: u64,
}

impl Default for Pilot {
    fn default() -> Self {
        Self::new()
    }
}

impl Pilot {
    /// 32 paths of seed 0, three passes.
    pub const fn new() -> Self {
        Pilot { paths: 32, passes: 3, seed: 0 }
    }

    /// On this many paths; one is taken if there are to be none.
    pub fn paths(mut self, paths: usize) -> Self {
        self.paths = paths.max(1);
        self
    }

    /// With this many grids after the first.
    pub fn passes(mut self, passes: usize) -> Self {
        self.passes = passes;
        self
    }

    /// With another seed of the paths' starts.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The grid of n levels over `sigma_min..sigma_max` for this model and solver.
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::closed_form::{Covariance, Gaussian};
    /// use ridgewalk::sampler::Pilot;
    /// use ridgewalk::{Euler, Sampler};
    ///
    /// let model = Gaussian::new(array![1.0], Covariance::isotropic(1, 4.0)?)?;
    /// let grid = Pilot::new().paths(16).run(&model, &Euler, 0.01..100.0, 8)?;
    /// assert!(grid.error() < 0.7 * grid.karras_error());
    /// let samples = Sampler::new(Euler, grid).run(&model, 10)?;
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// If the solver draws noise, range and n make no grid, or the model fails.
    pub fn run<D: Denoiser + ?Sized, V: Solver + ?Sized>(
        &self,
        model: &D,
        solver: &V,
        range: Range<f64>,
        n: usize,
    ) -> Result<Equalized> {
        let Order::Path(order) = solver.order() else {
            let problem = format!("{} draws noise: its paths have no error of their own", solver.name());
            return Err(Error::argument("solver", problem, "choose the grid for a deterministic one"));
        };
        let levels = Karras::new(range, n).levels()?;
        let highest = levels.first().copied().unwrap_or_default();
        let samples: Vec<u64> = (0..self.paths as u64).collect();
        let sampler = Sampler::new(Heun::new(), Levels(levels.clone())).seed(self.seed);
        let starts = sampler.start_states(model, highest, &samples)?;
        let mut paths = Paths { model: &model, solver: &solver, order, samples: &samples, evaluations: 0 };
        let mut best = paths.measure(levels, &starts)?;
        let karras_error = best.total;
        let mut last = best.clone();
        // Two levels are the ends of the range: there is nothing to choose.
        for _ in 0..if n > 2 { self.passes } else { 0 } {
            last = paths.measure(last.refined(order), &starts)?;
            if last.total < best.total {
                best = last.clone();
            }
        }
        Ok(Equalized {
            solver: solver.name(),
            order,
            grid: best,
            karras_error,
            paths: self.paths,
            evaluations: paths.evaluations,
        })
    }
}

/// What one step of the solver adds to the error at the end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepError {
    /// Noise level at which the step begins.
    pub from: f64,
    /// Noise level at which it ends.
    pub to: f64,
    /// Median over paths of the distance that it leaves at the lowest level, in the data's units.
    pub error: f64,
    /// e = error/h^{p+1} with h = log(from/to): the error of a step of unit length, as far as it is of order p.
    pub density: f64,
}

/// The grid that a [`Pilot`] chose, and what it measured.
#[derive(Debug, Clone, PartialEq)]
pub struct Equalized {
    solver: String,
    order: u8,
    grid: Measured,
    karras_error: f64,
    paths: usize,
    evaluations: usize,
}

impl Equalized {
    /// What every step of the grid adds to the error, highest level first.
    pub fn steps(&self) -> Vec<StepError> {
        let pairs = self.grid.levels.windows(2).zip(&self.grid.errors);
        pairs
            .filter_map(|(pair, &error)| {
                let &[from, to] = pair else { return None };
                let density = error / libm::pow(libm::log(from / to), f64::from(self.order) + 1.0);
                Some(StepError { from, to, error, density })
            })
            .collect()
    }

    /// Median distance between the solver's path on this grid and the flow's own, at the lowest level, over
    /// the pilot's paths.
    pub fn error(&self) -> f64 {
        self.grid.total
    }

    /// The same on the grid of [`Karras`], ρ = 7, of as many levels.
    pub fn karras_error(&self) -> f64 {
        self.karras_error
    }

    /// Evaluations of the model that the pilot took, over all its paths.
    pub fn evaluations(&self) -> usize {
        self.evaluations * self.paths
    }
}

impl Schedule for Equalized {
    fn name(&self) -> String {
        format!("equalized for {}", self.solver)
    }

    fn levels(&self) -> Result<Vec<f64>> {
        Ok(self.grid.levels.clone())
    }
}

/// A grid and the errors on it.
#[derive(Debug, Clone, PartialEq)]
struct Measured {
    levels: Vec<f64>,
    /// That which each step adds.
    errors: Vec<f64>,
    /// That of the whole path.
    total: f64,
}

impl Measured {
    /// The grid on which all steps would add alike, but for the damping.
    fn refined(&self, order: u8) -> Vec<f64> {
        let power = DAMPING / (f64::from(order) + 1.0);
        let raw: Vec<f64> = self.errors.iter().map(|&e| libm::pow(e, power)).collect();
        let at = |j: usize| raw.get(j).copied();
        let smooth = |(j, &m): (usize, &f64)| {
            let (before, after) = (j.checked_sub(1).and_then(at).unwrap_or(m), at(j + 1).unwrap_or(m));
            0.25 * before + 0.5 * m + 0.25 * after
        };
        let mut masses: Vec<f64> = raw.iter().enumerate().map(smooth).collect();
        let mean = masses.iter().sum::<f64>() / masses.len().max(1) as f64;
        if !mean.is_normal() {
            return self.levels.clone(); // no step makes an error
        }
        masses.iter_mut().for_each(|m| *m = m.max(FLOOR * mean));
        equal_parts(&self.levels, &masses)
    }
}

/// As many levels, with the ends kept, between which the masses of the steps are equal, each spread evenly in
/// log σ over its step.
fn equal_parts(levels: &[f64], masses: &[f64]) -> Vec<f64> {
    let total: f64 = masses.iter().sum();
    let (mut out, mut passed) = (Vec::with_capacity(levels.len()), 0.0);
    out.extend(levels.first());
    for (pair, &mass) in levels.windows(2).zip(masses) {
        let &[from, to] = pair else { continue };
        while out.len() + 1 < levels.len() {
            let wanted = total * out.len() as f64 / masses.len() as f64 - passed;
            if wanted >= mass {
                break;
            }
            out.push(from * libm::pow(to / from, wanted / mass));
        }
        passed += mass;
    }
    out.extend(levels.last().filter(|_| levels.len() > 1));
    out
}

/// Runs the pilot's paths.
struct Paths<'a> {
    model: &'a dyn Denoiser,
    solver: &'a dyn Solver,
    order: u8,
    samples: &'a [u64],
    /// Of every path.
    evaluations: usize,
}

impl Paths<'_> {
    fn measure(&mut self, levels: Vec<f64>, starts: &Array2<f64>) -> Result<Measured> {
        let (mut flow, mut own) = (starts.clone(), starts.clone());
        let mut deviated: Vec<Array2<f64>> = Vec::with_capacity(levels.len());
        let (mut of_flow, mut of_own) = (Memory::default(), Memory::default());
        let all = levels.first().zip(levels.last()).map_or(0.0, |(a, b)| libm::log(a / b));
        for (index, pair) in levels.windows(2).enumerate() {
            let &[from, to] = pair else { continue };
            let mean = all / (levels.len() - 1) as f64;
            let parts = (PARTS * usize::from(self.order)) as f64 * libm::log(from / to) / mean;
            let fine = LogLinear::new(to..from, parts.ceil().max(LEAST_PARTS) as usize + 1).levels()?;
            let next = self.follow(flow.clone(), &fine)?;
            // One step from the path, with what the solver would remember of it.
            let stepped = self.step(self.solver, flow, &levels, index, &mut of_flow)?;
            drop(of_flow.take_carried(to));
            for state in &mut deviated {
                *state = self.follow(std::mem::take(state), &fine)?;
            }
            deviated.push(stepped);
            own = self.step(self.solver, own, &levels, index, &mut of_own)?;
            flow = next;
        }
        let errors = deviated.iter().map(|state| median_distance(state, &flow)).collect();
        let total = median_distance(&own, &flow);
        Ok(Measured { levels, errors, total })
    }

    /// The flow itself over these levels, to the error of Heun's method.
    fn follow(&mut self, mut x: Array2<f64>, levels: &[f64]) -> Result<Array2<f64>> {
        let mut memory = Memory::default();
        for index in 0..levels.len().saturating_sub(1) {
            x = self.step(&Heun::new(), x, levels, index, &mut memory)?;
        }
        Ok(x)
    }

    fn step(
        &mut self,
        solver: &dyn Solver,
        x: Array2<f64>,
        levels: &[f64],
        index: usize,
        memory: &mut Memory,
    ) -> Result<Array2<f64>> {
        let (Some(&sigma), Some(&next)) = (levels.get(index), levels.get(index + 1)) else { return Ok(x) };
        let mut tally = Tally::default();
        let mut step = Step {
            index,
            sigma,
            next,
            levels,
            start: sigma,
            model: self.model,
            samples: self.samples,
            noise: &Seeded(0),
            memory,
            tally: &mut tally,
            draws: 0,
        };
        let x = solver.step(x, &mut step)?;
        self.evaluations += tally.most_and_sum(0).0;
        Ok(x)
    }
}

fn median_distance(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    median((a - b).map_axis(Axis(1), |row| row.dot(&row).sqrt()).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Masses 1 and 3 on two steps of length ln 4: half of 4 lies a third into the second.
    #[test]
    fn parts_are_equal() {
        let found = equal_parts(&[16.0, 4.0, 1.0], &[1.0, 3.0]);
        assert_eq!((found.len(), found[0], found[2]), (3, 16.0, 1.0));
        assert!((found[1] - 4.0 * 0.25f64.powf(1.0 / 3.0)).abs() < 1e-14);
        assert_eq!(equal_parts(&[2.0], &[]), [2.0]);
    }
}
