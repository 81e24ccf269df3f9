//! All solvers by name: what a command line offers, what a table lists, what every test runs over.

use super::{Euler, Heun, ReverseSde, Solver};
use crate::error::Result;
use crate::spec::Spec;

/// A solver that can be asked for by name.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its settings with their defaults, as in `order=2,variant=bh2`; empty if it has none.
    pub settings: &'static str,
    /// Evaluations of the model a step.
    pub evaluations: &'static str,
    /// Where it comes from: an arXiv id, or a book's name for it.
    pub source: &'static str,
    build: fn(&Spec, usize) -> Result<Box<dyn Solver>>,
}

/// All of them, in the order in which a newcomer should meet them.
pub const SOLVERS: &[Entry] = &[
    Entry {
        name: "euler",
        summary: "Euler's method, which is DDIM with eta = 0",
        settings: "",
        evaluations: "1",
        source: "2010.02502",
        build: |_, _| Ok(Box::new(Euler)),
    },
    Entry {
        name: "heun",
        summary: "Heun's method, with EDM's churn where asked for",
        settings: "churn=0,noise=1",
        evaluations: "2",
        source: "2206.00364",
        build: |spec, steps| {
            let (churn, noise) = (spec.number("churn", 0.0)?, spec.number("noise", 1.0)?);
            Ok(Box::new(Heun::with_churn(churn, steps, 0.0..=f64::INFINITY, noise)?))
        },
    },
    Entry {
        name: "reverse-sde",
        summary: "Euler-Maruyama on the reverse SDE",
        settings: "",
        evaluations: "1",
        source: "2011.13456",
        build: |_, _| Ok(Box::new(ReverseSde)),
    },
];

/// The solver of a specification, as `unipc:order=3,variant=bh1`, for a run of `steps` levels.
///
/// ```
/// use ridgewalk::solver;
///
/// let heun = solver::named("heun:churn=40", 18)?;
/// assert_eq!(heun.order(), solver::Order::Law(2));
/// assert!(solver::named("heum", 18).is_err());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the name or a setting is not known, or a setting has a value of no meaning.
pub fn named(text: &str, steps: usize) -> Result<Box<dyn Solver>> {
    let spec = Spec::parse("solver", text)?;
    let found = SOLVERS.iter().find(|entry| entry.name == spec.name());
    let entry = found.ok_or_else(|| spec.unknown(SOLVERS.iter().map(|entry| entry.name)))?;
    let solver = (entry.build)(&spec, steps)?;
    spec.done()?;
    Ok(solver)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings that an entry lists are those that it takes, with these defaults.
    #[test]
    fn listed_settings_are_the_defaults() {
        for entry in SOLVERS {
            let plain = named(entry.name, 20).unwrap();
            let spelled = named(&format!("{}:{}", entry.name, entry.settings), 20).unwrap();
            assert_eq!(plain.name(), spelled.name());
            assert_eq!(plain.order(), spelled.order());
            assert!(named(&format!("{}:nonsense=1", entry.name), 20).is_err(), "{}", entry.name);
        }
    }
}
