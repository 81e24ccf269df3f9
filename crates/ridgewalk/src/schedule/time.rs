//! Even in the time of a process.

use std::ops::Range;

use super::{Schedule, check, checked, no_grid, pinned};
use crate::error::{Error, Result};
use crate::process::Process;

/// Levels evenly spaced in the time of a process: σ(t)/α(t) for t falling linearly between the
/// times of the two ends. For flow matching these are the usual uniform steps; for the cosine process
/// they are the cosine schedule of arXiv 2102.09672.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearTime<P> {
    process: P,
    range: Range<f64>,
    n: usize,
    scale: f64,
}

impl<P: Process> LinearTime<P> {
    /// n levels over `sigma_min..sigma_max` (noise levels σ/α in the data's units, not times).
    pub fn new(process: P, range: Range<f64>, n: usize) -> Self {
        LinearTime { process, range, n, scale: 1.0 }
    }

    /// For data of this standard deviation: even in the time of the process that the data divided by it
    /// would have. For flow matching this is the time shift t ← μt/(1 + (μ − 1)t) with μ the scale
    /// (arXiv 2403.03206, eq. 23).
    pub fn scale(mut self, data: f64) -> Self {
        self.scale = data;
        self
    }
}

impl<P: Process> Schedule for LinearTime<P> {
    fn name(&self) -> String {
        format!("linear in the time of {}", self.process.name())
    }

    fn levels(&self) -> Result<Vec<f64>> {
        in_time(&self.process, &self.range, self.n, self.scale, |u| u)
    }
}

/// n levels at the fractions `at(i/(n − 1))` of the way in time, from the highest level down.
pub(super) fn in_time(
    process: &dyn Process,
    range: &Range<f64>,
    n: usize,
    scale: f64,
    at: impl Fn(f64) -> f64,
) -> Result<Vec<f64>> {
    check(range, n)?;
    check_scale(scale)?;
    let (high, low) = (process.time(range.end / scale), process.time(range.start / scale));
    let level = |u: f64| scale * process.noise_level(high + at(u) * (low - high));
    checked(pinned(range, n, level)).map_err(|_| {
        let problem = format!("is {n}: in the time of {} {}", process.name(), no_grid(range, n));
        Error::argument("steps", problem, "choose fewer steps, or the range and scale of the data")
    })
}

pub(super) fn check_scale(scale: f64) -> Result<()> {
    if scale > 0.0 && scale.is_finite() {
        return Ok(());
    }
    let help = "give the data's standard deviation, a positive number";
    Err(Error::argument("data", format!("is {scale}"), help))
}
