//! Schedules: the grid of noise levels that a sampler visits, from the highest down.
//!
//! A schedule lists positive levels only; the last step, from the lowest level to σ = 0, is the
//! sampler's and always returns D. With n = 1 the grid is the highest level alone.
//!
//! Levels are in the units of the data. Schedules that are even in the time of a process which preserves the
//! variance of unit data have a scale, the data's standard deviation, by which levels are divided on the way
//! into that time: so a grid for pixels of 0 … 16 is the one for unit data, times their deviation.

mod beta;
mod catalogue;
mod focused;
mod karras;
mod list;
mod log_linear;
mod piecewise;
mod table;
mod time;

use std::ops::Range;

pub use beta::Beta;
pub use catalogue::{Entry, SCHEDULES, named, named_for};
pub use focused::Focused;
pub use karras::Karras;
pub use list::Levels;
pub use log_linear::{LogLinear, PolyExponential};
pub use piecewise::Piecewise;
pub use table::{DiscreteTable, Spacing};
pub use time::LinearTime;

use crate::error::{Error, Result};
use crate::points::Moments;
use crate::process::short;

/// A grid of noise levels σ (of the variance-exploding process; for another one σ/α).
pub trait Schedule: Send + Sync {
    /// The levels, falling, all positive.
    ///
    /// # Errors
    /// If the range or the number of levels makes no grid.
    fn levels(&self) -> Result<Vec<f64>>;

    /// Name for records and tables.
    fn name(&self) -> String {
        "levels".into()
    }

    /// Name, number of levels and ends, as `karras: 18 levels from 80 to 0.002`.
    ///
    /// # Errors
    /// As [`Schedule::levels`].
    fn describe(&self) -> Result<String> {
        Ok(format!("{}: {}", self.name(), ends(&self.levels()?)))
    }
}

macro_rules! forward_schedule {
    ($($pointer:ty),*) => {$(
        impl<S: Schedule + ?Sized> Schedule for $pointer {
            fn levels(&self) -> Result<Vec<f64>> {
                (**self).levels()
            }
            fn name(&self) -> String {
                (**self).name()
            }
            fn describe(&self) -> Result<String> {
                (**self).describe()
            }
        }
    )*};
}
forward_schedule!(&S, Box<S>);

/// `18 levels from 80 to 0.002`, or `1 level at 80`.
fn ends(levels: &[f64]) -> String {
    match levels {
        [first, .., last] => format!("{} levels from {} to {}", levels.len(), short(*first), short(*last)),
        [only] => format!("1 level at {}", short(*only)),
        [] => "no levels".into(),
    }
}

/// Levels from σ_max to σ_min that suit data of this scale: 160·σ_data and 0.004·σ_data, which are
/// EDM's 80 and 0.002 at its σ_data = 0.5 (arXiv 2206.00364, table 1).
pub fn range_for(moments: &Moments) -> Range<f64> {
    let scale = if moments.std > 0.0 { moments.std } else { 1.0 };
    0.004 * scale..160.0 * scale
}

pub(crate) fn check(range: &Range<f64>, n: usize) -> Result<()> {
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
