//! Names that stand for data: `digits`, and the synthetic sets with their parameters, as in
//! `circle`, `circle:n=500` or `torus:n=2000,seed=7,dim=10`.
//!
//! | parameter | meaning | default |
//! |---|---|---|
//! | `n` | number of points (for `digits`: the first n) | 1000 |
//! | `seed` | seed of the points; the manifold itself does not depend on it | 0 |
//! | `dim` | ambient dimension, by a fixed rotation; of images: pixels, a square such as 1024 | the manifold's own |
//! | `spacing` | curves: `random` or `even` (equal arc length) | `even` for `wavy-circle` |
//! | `noise` | standard deviation of Gaussian noise added to the points | 0 |

use ridgewalk::PointSet;

use crate::digits::digits;
use crate::error::{Error, ErrorKind, Result};
use crate::load::{FORMATS, LoadOptions};
use crate::noise::add_noise;
use crate::synthetic::{Manifold, Spacing, Synthetic};

/// All names that [`crate::load`] knows, `digits` first.
pub fn names() -> Vec<&'static str> {
    std::iter::once("digits").chain(Manifold::ALL.iter().map(|m| m.name())).collect()
}

/// The synthetic set that a name with parameters stands for; none for `digits` and for unknown
/// names. `noise` is accepted and left to the caller: the manifold does not depend on it.
///
/// # Errors
/// If a parameter is unknown or has a value without meaning.
pub fn synthetic(spec: &str) -> Result<Option<Synthetic>> {
    let (name, parameters) = spec.split_once(':').unwrap_or((spec, ""));
    let Some(manifold) = Manifold::from_name(name) else { return Ok(None) };
    let mut set = Synthetic::new(manifold);
    for (key, value) in pairs(parameters)? {
        match key {
            "n" => set.n = number(key, value)?,
            "seed" => set.seed = number(key, value)?,
            "dim" => set.dim = Some(number(key, value)?),
            "spacing" => set.spacing = spacing(value)?,
            "noise" => {}
            _ => return Err(unknown_parameter(key, "n, seed, dim, spacing, noise")),
        }
    }
    Ok(Some(set))
}

/// The points of a name, and whether they were made to measure.
pub(crate) fn read(spec: &str, options: &LoadOptions) -> Result<(PointSet, bool)> {
    let (name, parameters) = spec.split_once(':').unwrap_or((spec, ""));
    if name == "digits" {
        return Ok((first_digits(parameters)?, false));
    }
    let Some(mut set) = synthetic(spec)? else {
        return Err(Error::new(
            ErrorKind::NotFound,
            format!("`{spec}` is neither a file nor a name"),
            format!("the names are {}; of files, {FORMATS}", names().join(", ")),
        ));
    };
    set.n = options.n.unwrap_or(set.n);
    // A name that gives its seed means those points, whatever else is seeded.
    if !pairs(parameters)?.iter().any(|(key, _)| *key == "seed") {
        set.seed = options.seed.unwrap_or(set.seed);
    }
    set.dim = options.dim.or(set.dim);
    set.limit = options.limit;
    let points = set.points()?;
    match pairs(parameters)?.into_iter().find(|(key, _)| *key == "noise") {
        Some((key, value)) => Ok((add_noise(&points, number(key, value)?, set.seed)?, true)),
        None => Ok((points, true)),
    }
}

fn first_digits(parameters: &str) -> Result<PointSet> {
    let set = digits();
    let mut n = set.len();
    for (key, value) in pairs(parameters)? {
        match key {
            "n" => n = number(key, value)?,
            _ => return Err(unknown_parameter(key, "n")),
        }
    }
    if n >= set.len() { Ok(set) } else { Ok(set.select(&(0..n).collect::<Vec<_>>())?) }
}

fn pairs(parameters: &str) -> Result<Vec<(&str, &str)>> {
    let parts = parameters.split(',').filter(|p| !p.trim().is_empty());
    parts
        .map(|part| {
            part.split_once('=').map(|(key, value)| (key.trim(), value.trim())).ok_or_else(|| {
                Error::argument(format!("`{part}` is not key=value"), "write e.g. circle:n=500")
            })
        })
        .collect()
}

fn number<T: std::str::FromStr>(key: &str, value: &str) -> Result<T> {
    value.parse().map_err(|_| {
        Error::argument(format!("{key} cannot be `{value}`"), "write e.g. torus:n=2000,seed=7,dim=10")
    })
}

fn spacing(value: &str) -> Result<Spacing> {
    match value {
        "even" => Ok(Spacing::Even),
        "random" => Ok(Spacing::Random),
        _ => Err(Error::argument(format!("spacing cannot be `{value}`"), "choose even or random")),
    }
}

fn unknown_parameter(key: &str, known: &str) -> Error {
    Error::argument(format!("there is no parameter `{key}`"), format!("the parameters are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{load, load_with};

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let error = load("cirle").unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotFound);
        assert!(
            error.to_string().contains("neither a file nor a name; the names are digits, circle"),
            "{error}"
        );
    }

    #[test]
    fn parameters_and_options() {
        let set = load("torus:n=20,seed=3,dim=7").unwrap();
        assert_eq!((set.len(), set.dim()), (20, 7));
        let options = LoadOptions { n: Some(20), seed: Some(3), dim: Some(7), ..LoadOptions::default() };
        assert_eq!(load_with("torus", &options).unwrap(), set);
        assert_eq!(load("digits:n=5").unwrap().len(), 5);
        for bad in [
            "circle:n=0",
            "circle:n=x",
            "circle:m=1",
            "circle:n",
            "circle:dim=1",
            "shapes:dim=257",
            "projections:dim=100",
            "torus:spacing=even",
            "digits:n=0",
            "digits:seed=1",
            "circle:n=1000000000000",
            "circle:noise=-1",
            "circle:noise=nan",
        ] {
            assert_ne!(load(bad).unwrap_err().kind, ErrorKind::NotFound, "{bad}");
        }
    }

    /// Noise of the name is that of [`add_noise`] with the points' seed, in the ambient dimension.
    #[test]
    fn noise_in_many_dimensions() {
        let noisy = load("circle:dim=256,noise=0.1,n=20,seed=3").unwrap();
        let clean = load("circle:dim=256,n=20,seed=3").unwrap();
        assert_eq!(noisy, add_noise(&clean, 0.1, 3).unwrap());
        for point in clean.values().outer_iter() {
            assert!((point.dot(&point) - 1.0).abs() < 1e-12);
        }
    }
}
