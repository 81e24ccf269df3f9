//! All paths by name: what a command line offers, what a table lists, what every test runs over.

use super::{Gamma, Interpolant, Path};
use crate::error::Result;
use crate::spec::Spec;

/// A path that can be asked for by name.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its settings with their defaults.
    pub settings: &'static str,
    /// Where it comes from: an arXiv id.
    pub source: &'static str,
    path: Path,
    /// The words for γ, the path's own first.
    gammas: &'static [&'static str],
}

const FROM_ROOT: &[&str] = &["sqrt", "quadratic", "sine", "none"];
const FROM_SINE: &[&str] = &["sine", "sqrt", "quadratic", "none"];
const FROM_NONE: &[&str] = &["none", "sqrt", "quadratic", "sine"];

/// All of them, in the order in which a newcomer should meet them.
///
/// `gamma` is `sqrt` (√(c t(1−t)), with c = `scale`), `quadratic` (t(1−t)), `sine` (sin²(πt)) or `none`.
pub const PATHS: &[Entry] = &[
    Entry {
        name: "linear",
        summary: "straight from x0 to x1",
        settings: "gamma=sqrt,scale=1",
        source: "2303.08797",
        path: Path::Linear,
        gammas: FROM_ROOT,
    },
    Entry {
        name: "trigonometric",
        summary: "keeps the variance of unit data",
        settings: "gamma=sqrt,scale=1",
        source: "2303.08797",
        path: Path::Trigonometric,
        gammas: FROM_ROOT,
    },
    Entry {
        name: "encoding-decoding",
        summary: "x0 to pure noise at t = 1/2, and on to x1",
        settings: "gamma=sine",
        source: "2303.08797",
        path: Path::EncodingDecoding,
        gammas: FROM_SINE,
    },
    Entry {
        name: "one-sided-linear",
        summary: "from Gaussian noise straight to the data: flow matching",
        settings: "gamma=none",
        source: "2303.08797",
        path: Path::OneSidedLinear,
        gammas: FROM_NONE,
    },
    Entry {
        name: "one-sided-trigonometric",
        summary: "from Gaussian noise to the data, keeping the variance of unit data",
        settings: "gamma=none",
        source: "2303.08797",
        path: Path::OneSidedTrigonometric,
        gammas: FROM_NONE,
    },
    Entry {
        name: "mirror",
        summary: "the data to themselves, through noise",
        settings: "gamma=sqrt,scale=1",
        source: "2303.08797",
        path: Path::Mirror,
        gammas: FROM_ROOT,
    },
];

/// The interpolant of a specification, as `trigonometric:gamma=sqrt,scale=2`.
///
/// ```
/// use ridgewalk::interpolant::{self, Gamma};
///
/// let interpolant = interpolant::named("linear:gamma=sqrt,scale=2")?;
/// assert_eq!(interpolant.gamma(), Gamma::SquareRoot { scale: 2.0 });
/// assert!(interpolant::named("trigonometric:gamma=sine").is_err());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the name or a setting is not known, or as [`Interpolant::new`].
pub fn named(text: &str) -> Result<Interpolant> {
    let spec = Spec::parse("interpolant", text)?;
    let found = PATHS.iter().find(|entry| entry.name == spec.name());
    let entry = found.ok_or_else(|| spec.unknown(PATHS.iter().map(|entry| entry.name)))?;
    let word = entry.gammas.get(spec.word("gamma", entry.gammas)?).copied().unwrap_or_default();
    let gamma = match word {
        "sqrt" => Gamma::SquareRoot { scale: spec.number("scale", 1.0)? },
        "quadratic" => Gamma::Quadratic,
        "sine" => Gamma::SineSquared,
        _ => Gamma::None,
    };
    spec.done()?;
    Interpolant::new(entry.path, gamma)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The settings that an entry lists are those that it takes, with these defaults.
    #[test]
    fn listed_settings_are_the_defaults() {
        for entry in PATHS {
            let spelled = format!("{}:{}", entry.name, entry.settings);
            assert_eq!(named(entry.name), named(&spelled), "{spelled}");
            assert!(named(entry.name).is_ok());
        }
    }

    #[test]
    fn what_is_not_known_is_told() {
        for (text, words) in [
            ("liner", "one-sided-linear"),
            ("linear:gamma=cube", "quadratic"),
            ("linear:gamma=none,scale=2", "'scale'"),
            ("linear:scale=-1", "scale of gamma is -1"),
            ("mirror:gamma=none", "is 0"),
            ("trigonometric:scale=4", "reaches 1"),
        ] {
            let message = named(text).unwrap_err().to_string();
            assert!(message.contains(words), "{text}: {message}");
        }
    }
}
