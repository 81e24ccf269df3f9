//! Schedules: the grid of noise levels that a sampler visits, from the highest down.
//!
//! A schedule lists positive levels only; the last step, from the lowest level to σ = 0, is the
//! sampler's and always returns D. With n = 1 the grid is the highest level alone.

use std::ops::Range;

use crate::error::{Error, Result};
use crate::points::Moments;
use crate::process::Process;

/// A grid of noise levels σ (of the variance-exploding process; for another one σ/α).
pub trait Schedule: Send + Sync {
    /// The levels, falling, all positive.
    ///
    /// # Errors
    /// If the range or the number of levels makes no grid.
    fn levels(&self) -> Result<Vec<f64>>;
}

/// Levels from σ_max to σ_min that suit data of this scale: 160·σ_data and 0.004·σ_data, which are
/// EDM's 80 and 0.002 at its σ_data = 0.5 (arXiv 2206.00364, table 1).
pub fn range_for(moments: &Moments) -> Range<f64> {
    let scale = if moments.std > 0.0 { moments.std } else { 1.0 };
    0.004 * scale..160.0 * scale
}

/// σᵢ = (σ_max^{1/ρ} + i/(n−1)·(σ_min^{1/ρ} − σ_max^{1/ρ}))^ρ (Karras et al., arXiv 2206.00364, eq. 5), ρ = 7.
#[derive(Debug, Clone, PartialEq)]
pub struct Karras {
    range: Range<f64>,
    n: usize,
    rho: f64,
}

impl Karras {
    /// n levels over `sigma_min..sigma_max`, ρ = 7.
    pub fn new(range: Range<f64>, n: usize) -> Self {
        Karras { range, n, rho: 7.0 }
    }

    /// With another ρ.
    pub fn rho(mut self, rho: f64) -> Self {
        self.rho = rho;
        self
    }
}

impl Schedule for Karras {
    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        if !(self.rho > 0.0 && self.rho.is_finite()) {
            return Err(Error::argument(
                "rho",
                format!("is {}", self.rho),
                "choose a positive number; 7 is usual",
            ));
        }
        let root = |x: f64| libm::pow(x, 1.0 / self.rho);
        let (high, low) = (root(self.range.end), root(self.range.start));
        let levels = pinned(&self.range, self.n, |u| libm::pow(high + u * (low - high), self.rho));
        checked(levels).map_err(|_| {
            Error::argument(
                "rho",
                format!("is {}, for which {}", self.rho, no_grid(&self.range, self.n)),
                "choose rho between 1 and 100 (7 is usual), a wider range, or fewer steps",
            )
        })
    }
}

/// Levels evenly spaced in log σ.
#[derive(Debug, Clone, PartialEq)]
pub struct LogLinear {
    range: Range<f64>,
    n: usize,
}

impl LogLinear {
    /// n levels over `sigma_min..sigma_max`.
    pub fn new(range: Range<f64>, n: usize) -> Self {
        LogLinear { range, n }
    }
}

impl Schedule for LogLinear {
    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        let (high, low) = (libm::log(self.range.end), libm::log(self.range.start));
        checked(pinned(&self.range, self.n, |u| libm::exp(high + u * (low - high)))).map_err(|_| {
            let problem = format!("is {}: {}", self.n, no_grid(&self.range, self.n));
            Error::argument("steps", problem, "choose a wider range, or fewer steps")
        })
    }
}

/// Levels evenly spaced in the time of a process: σ(t)/α(t) for t falling linearly between the
/// times of the two ends. For flow matching these are the usual uniform steps.
#[derive(Debug, Clone, PartialEq)]
pub struct LinearTime<P> {
    process: P,
    range: Range<f64>,
    n: usize,
}

impl<P: Process> LinearTime<P> {
    /// n levels over `sigma_min..sigma_max` (noise levels σ/α, not times).
    pub fn new(process: P, range: Range<f64>, n: usize) -> Self {
        LinearTime { process, range, n }
    }
}

impl<P: Process> Schedule for LinearTime<P> {
    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        let (high, low) = (self.process.time(self.range.end), self.process.time(self.range.start));
        let levels = pinned(&self.range, self.n, |u| self.process.noise_level(high + u * (low - high)));
        checked(levels)
    }
}

/// The caller's own levels.
#[derive(Debug, Clone, PartialEq)]
pub struct Levels(pub Vec<f64>);

impl Schedule for Levels {
    fn levels(&self) -> Result<Vec<f64>> {
        checked(self.0.clone())
    }
}

impl<S: Schedule + ?Sized> Schedule for Box<S> {
    fn levels(&self) -> Result<Vec<f64>> {
        (**self).levels()
    }
}

fn check(range: &Range<f64>, n: usize) -> Result<()> {
    if n == 0 {
        return Err(Error::argument("steps", "is 0", "take at least one step"));
    }
    for (name, sigma) in [("sigma_min", range.start), ("sigma_max", range.end)] {
        if !(sigma > 0.0 && sigma.is_finite()) {
            return Err(Error::argument(name, format!("is {sigma}"), "choose a positive finite noise level"));
        }
    }
    if range.start >= range.end {
        return Err(Error::argument(
            "sigma_min",
            format!("is {}, not below sigma_max = {}", range.start, range.end),
            "noise levels fall from sigma_max to sigma_min",
        ));
    }
    Ok(())
}

/// n values of `level` on [0, 1], with both ends exact.
fn pinned(range: &Range<f64>, n: usize, level: impl Fn(f64) -> f64) -> Vec<f64> {
    (0..n)
        .map(|i| match i {
            0 => range.end,
            i if i + 1 == n => range.start,
            i => level(i as f64 / (n - 1) as f64),
        })
        .collect()
}

fn no_grid(range: &Range<f64>, n: usize) -> String {
    format!("{n} levels from {} to {} are not finite and strictly falling in f64", range.end, range.start)
}

/// The levels, if they make a grid; the error shows the first that do not.
pub(crate) fn checked(levels: Vec<f64>) -> Result<Vec<f64>> {
    let problem = if levels.is_empty() {
        "is empty".to_string()
    } else if let Some(i) = levels.iter().position(|s| !(*s > 0.0 && s.is_finite())) {
        format!("has {} at {i}", levels[i])
    } else if let Some(i) = levels.windows(2).position(|pair| pair[0] <= pair[1]) {
        format!("has {} at {i}, followed by {}", levels[i], levels[i + 1])
    } else {
        return Ok(levels);
    };
    Err(Error::argument(
        "levels",
        problem,
        "list positive finite noise levels, strictly falling, at least one",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::{FlowMatching, OrnsteinUhlenbeck};

    /// EDM's table for 18 steps, from the formula by hand to six digits.
    #[test]
    fn karras_is_edm() {
        let levels = Karras::new(0.002..80.0, 18).levels().unwrap();
        for (i, expected) in
            [(0, 80.0), (1, 57.585985), (10, 1.0881706), (11, 0.58534812), (16, 0.00752802), (17, 0.002)]
        {
            assert!((levels[i] / expected - 1.0).abs() < 1e-6, "{i}: {}", levels[i]);
        }
    }

    #[test]
    fn log_linear_has_constant_ratio() {
        let levels = LogLinear::new(0.01..100.0, 5).levels().unwrap();
        for pair in levels.windows(2) {
            assert!((pair[0] / pair[1] - 10.0).abs() < 1e-12);
        }
    }

    #[test]
    fn linear_time_is_linear_in_time() {
        let levels = LinearTime::new(FlowMatching, 1e-3..1e3, 9).levels().unwrap();
        let times: Vec<f64> = levels.iter().map(|&s| FlowMatching.time(s)).collect();
        for triple in times.windows(3) {
            assert!((triple[0] - 2.0 * triple[1] + triple[2]).abs() < 1e-12);
        }
        let ou = LinearTime::new(OrnsteinUhlenbeck::variance_preserving(), 1e-3..1e2, 9);
        assert_eq!(ou.levels().unwrap().len(), 9);
    }

    #[test]
    fn grids_that_f64_cannot_hold_are_refused_by_name() {
        for rho in [1e-3, 1e300] {
            let err = Karras::new(0.002..80.0, 18).rho(rho).levels().unwrap_err();
            assert!(matches!(err, Error::Argument { name: "rho", .. }), "{err}");
        }
        let narrow = 1.0..1.0 + 2.0 * f64::EPSILON;
        let err = LogLinear::new(narrow, 9).levels().unwrap_err();
        assert!(matches!(err, Error::Argument { name: "steps", .. }), "{err}");
    }

    #[test]
    fn the_first_bad_pair_of_a_long_list_is_shown() {
        let mut levels: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
        levels[700] = 299.5;
        levels[701] = 299.5;
        let message = Levels(levels).levels().unwrap_err().to_string();
        assert!(message.contains("has 299.5 at 700, followed by 299.5") && message.len() < 200, "{message}");
    }

    #[test]
    fn one_level_and_impossible_grids() {
        assert_eq!(Karras::new(0.1..2.0, 1).levels().unwrap(), vec![2.0]);
        assert_eq!(LogLinear::new(0.1..2.0, 1).levels().unwrap(), vec![2.0]);
        assert!(Karras::new(0.1..2.0, 0).levels().is_err());
        assert!(Karras::new(0.0..2.0, 3).levels().is_err());
        assert!(Karras::new(Range { start: 3.0, end: 2.0 }, 3).levels().is_err());
        assert!(Levels(vec![1.0, 1.0]).levels().is_err());
        assert!(Levels(vec![]).levels().is_err());
        assert!(Levels(vec![2.0, f64::NAN]).levels().is_err());
    }
}
