//! All processes by name: what a command line offers, what a table lists, what every test runs over.

use super::{
    Cosine, Ddpm, FlowMatching, OrnsteinUhlenbeck, Process, SubVariancePreserving, VarianceExploding,
    VariancePreserving,
};
use crate::error::Result;
use crate::spec::Spec;

/// A process that can be asked for by name.
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// What it is, in a few words.
    pub summary: &'static str,
    /// Its settings with their defaults; empty if it has none.
    pub settings: &'static str,
    /// Where it comes from: an arXiv id.
    pub source: &'static str,
    build: fn(&Spec) -> Result<Box<dyn Process>>,
}

/// All of them, in the order in which a newcomer should meet them.
pub const PROCESSES: &[Entry] = &[
    Entry {
        name: "variance-exploding",
        aliases: &["ve", "edm"],
        summary: "alpha = 1, sigma = t: the data plus noise",
        settings: "",
        source: "2206.00364",
        build: |_| Ok(Box::new(VarianceExploding)),
    },
    Entry {
        name: "variance-preserving",
        aliases: &["vp"],
        summary: "alpha^2 + sigma^2 = 1, linear beta(t) for t up to 1",
        settings: "beta-min=0.1,beta-max=20",
        source: "2011.13456",
        build: |spec| {
            let (min, max) = betas(spec)?;
            Ok(Box::new(VariancePreserving::new(min, max)?))
        },
    },
    Entry {
        name: "sub-variance-preserving",
        aliases: &["sub-vp"],
        summary: "alpha of variance-preserving, sigma = 1 - alpha^2",
        settings: "beta-min=0.1,beta-max=20",
        source: "2011.13456",
        build: |spec| {
            let (min, max) = betas(spec)?;
            Ok(Box::new(SubVariancePreserving::new(min, max)?))
        },
    },
    Entry {
        name: "cosine",
        aliases: &[],
        summary: "alpha a quarter of a cosine, alpha^2 + sigma^2 = 1",
        settings: "s=0.008",
        source: "2102.09672",
        build: |spec| Ok(Box::new(Cosine::new(spec.number("s", 0.008)?)?)),
    },
    Entry {
        name: "flow-matching",
        aliases: &["rectified-flow"],
        summary: "alpha = 1 - t, sigma = t: straight paths",
        settings: "",
        source: "2210.02747",
        build: |_| Ok(Box::new(FlowMatching)),
    },
    Entry {
        name: "ornstein-uhlenbeck",
        aliases: &["ou"],
        summary: "alpha = exp(-rate t), the variance of unit data kept at rate 1",
        settings: "rate=1",
        source: "2510.02305",
        build: |spec| Ok(Box::new(OrnsteinUhlenbeck::new(spec.number("rate", 1.0)?)?)),
    },
    Entry {
        name: "ddpm",
        aliases: &[],
        summary: "a table of 1000 betas, t counting the steps",
        settings: "betas=linear",
        source: "2006.11239",
        build: |spec| Ok(Box::new(table(spec)?)),
    },
];

/// The table of β that the setting `betas` names.
pub(crate) fn table(spec: &Spec) -> Result<Ddpm> {
    Ok(match spec.word("betas", &["linear", "scaled-linear", "squared-cosine"])? {
        0 => Ddpm::linear(),
        1 => Ddpm::scaled_linear(),
        _ => Ddpm::squared_cosine(),
    })
}

fn betas(spec: &Spec) -> Result<(f64, f64)> {
    Ok((spec.number("beta-min", 0.1)?, spec.number("beta-max", 20.0)?))
}

/// The process of a specification, as `variance-preserving:beta-max=12`.
///
/// ```
/// use ridgewalk::{Process, process};
///
/// let process = process::named("vp:beta-max=12")?;
/// assert!((process.alpha(1.0) - (-0.25f64 * 11.9 - 0.05).exp()).abs() < 1e-15);
/// assert!(process::named("vq").is_err());
/// # Ok::<(), ridgewalk::Error>(())
/// ```
///
/// # Errors
/// If the name or a setting is not known, or a setting has a value of no meaning.
pub fn named(text: &str) -> Result<Box<dyn Process>> {
    let spec = Spec::parse("process", text)?;
    let process = of(spec.name(), &spec)?;
    spec.done()?;
    Ok(process)
}

/// The process of this name, its settings among those of `spec`.
pub(crate) fn of(name: &str, spec: &Spec) -> Result<Box<dyn Process>> {
    // As the tables of β call themselves.
    match name {
        "ddpm-linear" => return Ok(Box::new(Ddpm::linear())),
        "ddpm-scaled-linear" => return Ok(Box::new(Ddpm::scaled_linear())),
        "ddpm-squared-cosine" => return Ok(Box::new(Ddpm::squared_cosine())),
        _ => {}
    }
    let found = PROCESSES.iter().find(|entry| entry.name == name || entry.aliases.contains(&name));
    let entry = found.ok_or_else(|| {
        let names: Vec<&str> = PROCESSES.iter().map(|entry| entry.name).collect();
        let help = format!("choose among {}", names.join(", "));
        crate::error::Error::argument("process", format!("'{name}' is not known"), help)
    })?;
    (entry.build)(spec)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_beta_are_known_by_their_own_names() {
        for text in ["ddpm:betas=linear", "ddpm:betas=scaled-linear", "ddpm:betas=squared-cosine"] {
            let process = named(text).unwrap();
            let own = named(process.name()).unwrap();
            assert_eq!(own.noise_level(300.0), process.noise_level(300.0), "{text}");
        }
    }

    /// The settings that an entry lists are those that it takes, with these defaults.
    #[test]
    fn listed_settings_are_the_defaults() {
        for entry in PROCESSES {
            let plain = named(entry.name).unwrap();
            let spelled = named(&format!("{}:{}", entry.name, entry.settings)).unwrap();
            assert_eq!(plain.describe(), spelled.describe());
            assert!(named(&format!("{}:nonsense=1", entry.name)).is_err(), "{}", entry.name);
            for alias in entry.aliases {
                assert_eq!(named(alias).unwrap().describe(), plain.describe());
            }
        }
    }
}
