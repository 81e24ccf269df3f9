//! All schedules by name: what a command line offers, what a table lists, what every test runs over.

use std::ops::Range;

use super::focused::SHARE;
use super::{
    Beta, DiscreteTable, Focused, Karras, Levels, LinearTime, LogLinear, Piecewise, PolyExponential,
    Schedule, Spacing,
};
use crate::error::{Error, Result};
use crate::process::{self, Cosine, FlowMatching};
use crate::spec::Spec;

/// A schedule that can be asked for by name.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its settings with their defaults; empty if it has none. The default of `data` is what
    /// [`named_for`] is told.
    pub settings: &'static str,
    /// Where it comes from: an arXiv id, or a field's name for it.
    pub source: &'static str,
    build: fn(&Spec, &Ask) -> Result<Box<dyn Schedule>>,
}

/// What a schedule is asked for.
struct Ask {
    range: Range<f64>,
    n: usize,
    /// Standard deviation of the data.
    data: f64,
}

/// All of them, in the order in which a newcomer should meet them.
pub const SCHEDULES: &[Entry] = &[
    Entry {
        name: "karras",
        aliases: &["edm", "polynomial"],
        summary: "even in sigma^(1/rho)",
        settings: "rho=7",
        source: "2206.00364",
        build: |spec, ask| Ok(Box::new(Karras::new(ask.range.clone(), ask.n).rho(spec.number("rho", 7.0)?))),
    },
    Entry {
        name: "log-linear",
        aliases: &["log-snr", "exponential"],
        summary: "even in log sigma, that is in the log-SNR",
        settings: "",
        source: "2206.00927",
        build: |_, ask| Ok(Box::new(LogLinear::new(ask.range.clone(), ask.n))),
    },
    Entry {
        name: "poly-exponential",
        aliases: &[],
        summary: "a power of log sigma: levels crowd at the low end",
        settings: "rho=1.5",
        source: "2206.00364",
        build: |spec, ask| {
            Ok(Box::new(PolyExponential::new(ask.range.clone(), ask.n, spec.number("rho", 1.5)?)))
        },
    },
    Entry {
        name: "linear-time",
        aliases: &[],
        summary: "even in the time of a process, whose settings it takes",
        settings: "process=variance-preserving,data=1",
        source: "2011.13456",
        build: |spec, ask| {
            let process = process::of_spec(spec.text("process").unwrap_or("variance-preserving"), spec)?;
            let schedule = LinearTime::new(process, ask.range.clone(), ask.n);
            Ok(Box::new(schedule.scale(spec.number("data", ask.data)?)))
        },
    },
    Entry {
        name: "flow",
        aliases: &["rectified-flow", "flow-matching"],
        summary: "even in the time of flow matching, shifted for the data's scale",
        settings: "data=1",
        source: "2403.03206",
        build: |spec, ask| {
            let schedule = LinearTime::new(FlowMatching, ask.range.clone(), ask.n);
            Ok(Box::new(schedule.scale(spec.number("data", ask.data)?)))
        },
    },
    Entry {
        name: "cosine",
        aliases: &[],
        summary: "even in the time of the cosine process",
        settings: "s=0.008,data=1",
        source: "2102.09672",
        build: |spec, ask| {
            let process = Cosine::new(spec.number("s", 0.008)?)?;
            let schedule = LinearTime::new(process, ask.range.clone(), ask.n);
            Ok(Box::new(schedule.scale(spec.number("data", ask.data)?)))
        },
    },
    Entry {
        name: "beta",
        aliases: &[],
        summary: "quantiles of Beta(alpha, beta) in the time of a process, whose settings it takes",
        settings: "alpha=0.6,beta=0.6,process=variance-preserving,data=1",
        source: "2407.12173",
        build: |spec, ask| {
            let process = process::of_spec(spec.text("process").unwrap_or("variance-preserving"), spec)?;
            let schedule = Beta::new(ask.range.clone(), ask.n)
                .shape(spec.number("alpha", 0.6)?, spec.number("beta", 0.6)?)
                .process(process);
            Ok(Box::new(schedule.scale(spec.number("data", ask.data)?)))
        },
    },
    Entry {
        name: "ddpm",
        aliases: &[],
        summary: "levels of a table of 1000 betas; spacing trailing or leading leaves one of its ends out",
        settings: "betas=linear,spacing=linspace,data=1",
        source: "2006.11239",
        build: |spec, ask| {
            let spacing = match spec.word("spacing", &["linspace", "trailing", "leading"])? {
                0 => Spacing::Linspace,
                1 => Spacing::Trailing,
                _ => Spacing::Leading,
            };
            let schedule = DiscreteTable::new(process::table_of_spec(spec)?, ask.range.clone(), ask.n);
            Ok(Box::new(schedule.spacing(spacing).scale(spec.number("data", ask.data)?)))
        },
    },
    Entry {
        name: "focused",
        aliases: &[],
        summary: "even in log sigma, closer below a level, as for attraction; at in deviations of the data, share of the levels above",
        settings: "at=0.92,share=0.4",
        source: "the window of attraction",
        build: |spec, ask| {
            let at = spec.number("at", 0.92)? * ask.data;
            let focused = Focused::new(ask.range.clone(), ask.n, at).share(spec.number("share", SHARE)?);
            focused.check()?;
            Ok(Box::new(focused))
        },
    },
    Entry {
        name: "piecewise",
        aliases: &[],
        summary: "one schedule above a level, another below; at in deviations of the data, share of the levels above",
        settings: "above=log-linear,below=karras,at=1,share=0.5",
        source: "the joining of two grids",
        build: piecewise,
    },
];

/// Two schedules with n levels in all; only one where the range does not hold the level that parts them.
fn piecewise(spec: &Spec, ask: &Ask) -> Result<Box<dyn Schedule>> {
    let (above, below) = (spec.text("above").unwrap_or("log-linear"), spec.text("below").unwrap_or("karras"));
    let (at, share) = (spec.number("at", 1.0)? * ask.data, spec.number("share", 0.5)?);
    for (key, value, sound) in [("at", at, at > 0.0), ("share", share, (0.0..=1.0).contains(&share))] {
        if !sound {
            let help = "give a positive level and a share from 0 to 1";
            return Err(Error::argument("schedule", format!("has {key}={value}"), help));
        }
    }
    let piece = |name: &str, range: Range<f64>, n: usize| named_for(name, range, n, ask.data);
    if at >= ask.range.end || ask.n < 3 {
        return piece(below, ask.range.clone(), ask.n);
    }
    if at <= ask.range.start {
        return piece(above, ask.range.clone(), ask.n);
    }
    // The level that parts them is in both.
    let upper = ((share * ask.n as f64).round() as usize).clamp(2, ask.n - 1);
    Ok(Box::new(Piecewise::new(vec![
        piece(above, at..ask.range.end, upper)?,
        piece(below, ask.range.start..at, ask.n + 1 - upper)?,
    ])))
}

/// The schedule of a specification, as `karras:rho=5`, with n levels over `sigma_min..sigma_max`, for data of
/// unit variance; or the levels themselves, as `80,40,10`, whatever range and n.
///
/// ```
/// use ridgewalk::schedule;
///
/// let grid = schedule::named("beta:alpha=0.5,beta=0.7", 0.002..80.0, 18)?;
/// assert_eq!(grid.levels()?.len(), 18);
/// assert_eq!(schedule::named("80, 40, 10", 0.002..80.0, 18)?.levels()?, [80.0, 40.0, 10.0]);
/// assert!(schedule::named("carras", 0.002..80.0, 18).is_err());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the name or a setting is not known, or a setting has a value of no meaning. Whether range and n make a
/// grid is known when it is asked for its levels.
pub fn named(text: &str, range: Range<f64>, n: usize) -> Result<Box<dyn Schedule>> {
    named_for(text, range, n, 1.0)
}

/// [`named`] for data of this standard deviation, unless the specification says `data=…` itself: grids in the
/// time of a process that preserves the variance of unit data depend on it.
///
/// # Errors
/// As [`named`].
pub fn named_for(text: &str, range: Range<f64>, n: usize, data: f64) -> Result<Box<dyn Schedule>> {
    if text.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return Ok(Box::new(Levels::parse(text)?));
    }
    let spec = Spec::parse("schedule", text)?;
    let known = |entry: &&Entry| entry.name == spec.name() || entry.aliases.contains(&spec.name());
    let entry = SCHEDULES
        .iter()
        .find(known)
        .ok_or_else(|| spec.unknown(SCHEDULES.iter().map(|entry| entry.name).chain(["a list of levels"])))?;
    let schedule = (entry.build)(&spec, &Ask { range, n, data })?;
    spec.done()?;
    Ok(schedule)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings that an entry lists are those that it takes, with these defaults.
    #[test]
    fn listed_settings_are_the_defaults() {
        for entry in SCHEDULES {
            let ask = |text: &str| named(text, 0.02..80.0, 12);
            let plain = ask(entry.name).unwrap();
            let spelled = ask(&format!("{}:{}", entry.name, entry.settings)).unwrap();
            assert_eq!(plain.levels().unwrap(), spelled.levels().unwrap(), "{}", entry.name);
            assert_eq!(plain.name(), spelled.name());
            assert!(ask(&format!("{}:nonsense=1", entry.name)).is_err(), "{}", entry.name);
            for alias in entry.aliases {
                assert_eq!(ask(alias).unwrap().levels(), plain.levels(), "{alias}");
            }
        }
    }
}
