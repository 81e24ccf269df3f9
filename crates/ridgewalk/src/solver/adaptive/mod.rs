//! Adaptive embedded Runge–Kutta on dx/dσ = ε̂(x; σ), to a tolerance, with each sample's own steps.
//!
//! Every interval of the grid is tried whole. A row whose embedded error is too large crosses the interval in
//! two halves (meeting at √(σσ′), the middle in λ), each of them tried in turn, and so on: rows that are on the
//! same part share one call of the model, and what a row does never depends on the others in its batch. The
//! error of a part is the root mean square, over coordinates, of the difference between the pair's two results,
//! in the data's units; it may be
//!
//! ```text
//! absolute + relative · max(‖x‖, ‖x′‖)/√d
//! ```
//!
//! Solvers of other crates take one state vector a call, which would give up either the batch or each
//! sample's own steps. Where the tolerance is met without halving, this is the fixed method of the pair
//! (`pair.rs`).

mod pair;

use ndarray::{Array2, ArrayView1};

use super::{Order, Solver, Step};
use crate::error::{Error, Result};
use pair::{Part, scratch};

pub use pair::Pair;

/// Halvings of an interval of the grid, at the most.
const DEEPEST: u32 = 24;

/// Adaptive embedded Runge–Kutta.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adaptive {
    pair: Pair,
    absolute: f64,
    relative: f64,
    /// The unit of `absolute`.
    scale: f64,
}

impl Adaptive {
    /// Dormand–Prince 5(4), with the error that a part may have: `absolute` in the data's units
    /// (or [`Adaptive::scale`]), `relative` to the state.
    ///
    /// # Errors
    /// If a tolerance is negative or not finite, or both are 0.
    pub fn new(absolute: f64, relative: f64) -> Result<Self> {
        let sound = |v: f64| v >= 0.0 && v.is_finite();
        if sound(absolute) && sound(relative) && absolute + relative > 0.0 {
            return Ok(Adaptive { pair: Pair::DormandPrince, absolute, relative, scale: 1.0 });
        }
        Err(Error::argument(
            "tolerance",
            format!("is {absolute} (absolute) and {relative} (relative)"),
            "give finite numbers, not negative and not both 0; 1e-5 is usual",
        ))
    }

    /// With the absolute tolerance in units of this: the data's standard deviation makes it a part of theirs.
    ///
    /// # Errors
    /// If it is not a positive number.
    pub fn scale(mut self, scale: f64) -> Result<Self> {
        crate::denoiser::check_sigma(scale)?;
        self.scale = scale;
        Ok(self)
    }

    /// With another pair.
    pub fn pair(mut self, pair: Pair) -> Self {
        self.pair = pair;
        self
    }

    /// Carries some rows over a part of an interval. `wanted` has, for every row of the batch, the depth above
    /// which it need not be tried.
    fn cross(
        &self,
        step: &mut Step,
        state: &mut State,
        rows: &[usize],
        wanted: &mut [u32],
        part: Part,
    ) -> Result<()> {
        let depth_of = |row: usize, wanted: &[u32]| wanted.get(row).copied().unwrap_or_default();
        let (ready, deep): (Vec<usize>, Vec<usize>) =
            rows.iter().partition(|&&row| depth_of(row, wanted) <= part.depth);
        let mut split: Vec<(usize, u32)> = deep.iter().map(|&row| (row, depth_of(row, wanted))).collect();
        if !ready.is_empty() {
            let before = state.take(step, &ready);
            let trial = self.pair.attempt(step, &ready, &before.x, &before.denoised, part)?;
            for (k, &row) in ready.iter().enumerate() {
                let size = norm(before.x.row(k)).max(norm(trial.x.row(k)));
                let excess = norm(trial.error.row(k)) / (self.scale * self.absolute + self.relative * size);
                if excess <= 1.0 {
                    state.put(row, trial.x.row(k), trial.denoised.row(k));
                } else {
                    split.push((row, part.depth + self.halvings(excess)));
                }
            }
            for array in [before.x, before.denoised, trial.x, trial.denoised, trial.error] {
                step.recycle(array);
            }
        }
        if let (Some(&(row, _)), DEEPEST..) = (split.first(), part.depth) {
            return Err(self.too_deep(step, row, part));
        }
        split.sort_unstable();
        let rows: Vec<usize> = split.iter().map(|&(row, _)| row).collect();
        for half in part.halves().into_iter().filter(|_| !rows.is_empty()) {
            for &(row, depth) in &split {
                wanted.iter_mut().skip(row).take(1).for_each(|w| *w = depth);
            }
            self.cross(step, state, &rows, wanted, half)?;
        }
        Ok(())
    }

    /// Halvings after which an error that is too large by this factor is likely to be small enough: at least
    /// one, and rather too few, as each is tried.
    fn halvings(&self, excess: f64) -> u32 {
        let likely = libm::log2(excess) / f64::from(self.pair.order());
        // Not finite, or huge: the depth's limit tells.
        if likely.is_finite() { (likely as u32).clamp(1, DEEPEST) } else { 1 }
    }

    fn too_deep(&self, step: &Step, row: usize, part: Part) -> Error {
        let sample = step.samples.get(row).copied().unwrap_or(row as u64);
        Error::Numerical {
            what: "adaptive Runge-Kutta",
            problem: format!(
                "sample {sample} does not meet the tolerance (absolute {:e}, relative {:e}) in step {} between \
                 sigma {:.6e} and {:.6e}, after {} halvings",
                self.absolute, self.relative, step.index, part.from, part.to, part.depth
            ),
            help: "allow a larger error, or look whether the model jumps there".into(),
        }
    }
}

impl Solver for Adaptive {
    fn name(&self) -> String {
        let name = match self.pair {
            Pair::DormandPrince => "rk45",
            Pair::BogackiShampine => "rk23",
        };
        format!("{name}:absolute={:e},relative={:e}", self.absolute, self.relative)
    }

    /// That of the fixed method, which runs where every interval meets the tolerance whole.
    fn order(&self) -> Order {
        Order::Path(self.pair.order())
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let denoised = step.denoised(x.view())?;
        let rows: Vec<usize> = (0..x.nrows()).collect();
        let mut state = State { x, denoised };
        let part = Part { from: step.sigma, to: step.next, depth: 0 };
        self.cross(step, &mut state, &rows, &mut vec![0; rows.len()], part)?;
        step.carry(state.denoised);
        Ok(state.x)
    }
}

/// States `[rows, d]` and D there.
struct State {
    x: Array2<f64>,
    denoised: Array2<f64>,
}

impl State {
    fn take(&self, step: &mut Step, rows: &[usize]) -> State {
        let shape = (rows.len(), self.x.ncols());
        let mut taken = State { x: scratch(step, shape), denoised: scratch(step, shape) };
        for (k, &row) in rows.iter().enumerate() {
            taken.put(k, self.x.row(row), self.denoised.row(row));
        }
        taken
    }

    fn put(&mut self, row: usize, x: ArrayView1<f64>, denoised: ArrayView1<f64>) {
        self.x.row_mut(row).assign(&x);
        self.denoised.row_mut(row).assign(&denoised);
    }
}

/// Root mean square over coordinates.
fn norm(row: ArrayView1<f64>) -> f64 {
    (row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64).sqrt()
}
