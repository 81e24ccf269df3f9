//! The levels of a discrete process, all or some of them.
//!
//! ```text
//! of T steps, n:   leading    0, ⌊T/n⌋, 2⌊T/n⌋, …            (arXiv 2010.02502; stops short of the noise)
//!                  trailing   T − 1, T − 1 − T/n, … rounded  (arXiv 2305.08891, table 2; short of the data)
//!                  linspace   T − 1 … 0, rounded             (both ends)
//! ```

use std::ops::Range;

use super::time::check_scale;
use super::{Schedule, check, checked, ends};
use crate::error::{Error, Result};
use crate::process::{Ddpm, Process, short};

/// Relative difference below which two levels are the same.
const ROUNDING: f64 = 1e-9;

/// Which of the steps of a table are visited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Spacing {
    /// From the noisiest step down, by T/n.
    #[default]
    Trailing,
    /// From the cleanest step up, by ⌊T/n⌋: the noisiest steps are never visited, a known flaw
    /// (arXiv 2305.08891).
    Leading,
    /// Evenly from the noisiest step to the cleanest.
    Linspace,
}

/// Levels √(1 − ᾱ)/√ᾱ of a table of DDPM: those within a range, of which n are visited. A range that
/// reaches beyond the table is cut at the table's ends; [`Schedule::describe`] says so.
#[derive(Debug, Clone, PartialEq)]
pub struct DiscreteTable {
    process: Ddpm,
    /// All of the table if there is none.
    range: Option<Range<f64>>,
    n: usize,
    spacing: Spacing,
    scale: f64,
}

impl DiscreteTable {
    /// n of the table's levels in `sigma_min..=sigma_max`, with trailing spacing.
    pub fn new(process: Ddpm, range: Range<f64>, n: usize) -> Self {
        DiscreteTable { range: Some(range), ..Self::whole(process, n) }
    }

    /// n of all levels of the table.
    pub fn whole(process: Ddpm, n: usize) -> Self {
        DiscreteTable { process, range: None, n, spacing: Spacing::default(), scale: 1.0 }
    }

    /// With another spacing.
    pub fn spacing(mut self, spacing: Spacing) -> Self {
        self.spacing = spacing;
        self
    }

    /// For data of this standard deviation, by which all levels are multiplied.
    pub fn scale(mut self, data: f64) -> Self {
        self.scale = data;
        self
    }

    /// The table's levels within the range, rising.
    fn within(&self) -> Result<Vec<f64>> {
        let [noise, data] = self.reach();
        let range = self.range.clone().unwrap_or(data..noise);
        check(&range, self.n)?;
        check_scale(self.scale)?;
        // An end of the range that is a level, but for rounding, is one.
        let (low, high) = (range.start * (1.0 - ROUNDING), range.end * (1.0 + ROUNDING));
        let all = (1..=self.process.steps()).map(|step| self.level(step));
        let found: Vec<f64> = all.filter(|level| (low..=high).contains(level)).collect();
        if found.len() >= self.n {
            return Ok(found);
        }
        let (name, count) = (self.process.name(), found.len());
        let problem =
            format!("is {}, but {name} has {count} levels from {} to {}", self.n, range.end, range.start);
        let [noise, data] = [noise, data].map(short);
        let help = format!("take fewer steps, or another range; the table reaches from {noise} to {data}");
        Err(Error::argument("steps", problem, help))
    }

    fn level(&self, step: usize) -> f64 {
        self.scale * self.process.noise_level(step as f64)
    }

    /// The table's highest and lowest level.
    fn reach(&self) -> [f64; 2] {
        [self.process.steps(), 1].map(|step| self.level(step))
    }
}

impl Schedule for DiscreteTable {
    fn name(&self) -> String {
        self.process.name().into()
    }

    fn levels(&self) -> Result<Vec<f64>> {
        let table = self.within()?;
        let (total, n) = (table.len(), self.n);
        let (size, count) = (total as f64, n as f64);
        let step = |i: usize| -> usize {
            match self.spacing {
                _ if n == 1 => total - 1,
                Spacing::Leading => (n - 1 - i) * (total / n),
                // Ties go to the even step, as in the published code.
                Spacing::Trailing => ((size - i as f64 * size / count).round_ties_even() as usize).max(1) - 1,
                Spacing::Linspace => {
                    ((count - 1.0 - i as f64) * (size - 1.0) / (count - 1.0)).round_ties_even() as usize
                }
            }
        };
        checked((0..n).filter_map(|i| table.get(step(i)).copied()).collect())
    }

    fn describe(&self) -> Result<String> {
        let mut text = format!("{}: {}", self.name(), ends(&self.levels()?));
        let [noise, data] = self.reach();
        let short_of = |range: &Range<f64>| {
            range.end > noise * (1.0 + ROUNDING) || range.start < data * (1.0 - ROUNDING)
        };
        if self.range.as_ref().is_some_and(short_of) {
            let [noise, data] = [noise, data].map(short);
            text += &format!(" (the table reaches from {noise} to {data} only)");
        }
        Ok(text)
    }
}
