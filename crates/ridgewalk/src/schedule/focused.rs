//! Levels closer together within a window: few above, where a path is nearly straight, many where attraction
//! acts.

use std::ops::Range;

use super::{LogLinear, Piecewise, Schedule, check};
use crate::error::{Error, Result};

/// Part of the levels above the window.
pub(super) const SHARE: f64 = 0.4;

/// n levels over a range, even in log σ above a level and, closer together, even in log σ below it.
///
/// ```
/// use ridgewalk::Schedule;
/// use ridgewalk::schedule::Focused;
///
/// // From 80 down, of 20 levels 12 in the window of 0.02 to 0.4.
/// let levels = Focused::over(&(0.02..0.4), 80.0, 20).levels()?;
/// assert_eq!(levels.iter().filter(|level| **level < 0.4001).count(), 12);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Focused {
    range: Range<f64>,
    n: usize,
    at: f64,
    share: f64,
}

impl Focused {
    /// n levels over the range `sigma_min..sigma_max`, 60 % of them below the level `at`.
    pub const fn new(range: Range<f64>, n: usize, at: f64) -> Self {
        Focused { range, n, at, share: SHARE }
    }

    /// n levels from `highest` to the lower end of a window, 60 % of them within it: for a window of attraction,
    /// as [`Mad::window`](crate::transform::Mad::window).
    pub fn over(window: &Range<f64>, highest: f64, n: usize) -> Self {
        Focused::new(window.start..highest, n, window.end)
    }

    /// With another part of the levels above, 0 to 1.
    pub const fn share(mut self, share: f64) -> Self {
        self.share = share;
        self
    }

    pub(super) fn check(&self) -> Result<()> {
        if !(self.at > 0.0 && (0.0..=1.0).contains(&self.share)) {
            return Err(Error::argument(
                "schedule",
                format!("is to be focused below {} with a share of {} above", self.at, self.share),
                "give a positive level and a share from 0 to 1",
            ));
        }
        Ok(())
    }
}

impl Schedule for Focused {
    fn name(&self) -> String {
        format!("focused below {}", crate::process::short(self.at))
    }

    /// Errors as those of all grids, and if the level or the share has no meaning.
    fn levels(&self) -> Result<Vec<f64>> {
        check(&self.range, self.n)?;
        self.check()?;
        let Range { start, end } = self.range;
        if self.n < 3 || self.at >= end || self.at <= start {
            return LogLinear::new(start..end, self.n).levels();
        }
        // The level that parts them is in both.
        let above = ((self.share * self.n as f64).round() as usize).clamp(1, self.n - 2) + 1;
        let pieces: Vec<Box<dyn Schedule>> = vec![
            Box::new(LogLinear::new(self.at..end, above)),
            Box::new(LogLinear::new(start..self.at, self.n + 1 - above)),
        ];
        Piecewise::new(pieces).levels()
    }
}
