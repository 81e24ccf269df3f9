//! How much the error of the denoiser counts at every noise level: λ(σ) of λ(σ) ‖D − x₀‖².
//!
//! | weighting | λ(σ) |
//! |---|---|
//! | `edm` | (σ² + s²)/(σs)²: the error of EDM's network counts as 1 (arXiv 2206.00364), as that of v (arXiv 2202.00512) |
//! | `simple` | 1/σ²: the error of the predicted noise (arXiv 2006.11239) |
//! | `min-snr:gamma=5` | min(s²/σ², γ)/s² (arXiv 2303.09556) |
//! | `elbo` | 1/(σ² p(ln σ)): the likelihood, whatever the law p of the noise levels (arXiv 2303.00848) |
//! | `flow` | ((σ + s)/(σs))²: the error of the velocity of the linear process (arXiv 2210.02747) |

use std::fmt;
use std::str::FromStr;

use ridgewalk::spec::Spec;
use ridgewalk::{Error, Result};
use serde::{Deserialize, Serialize};

use super::NoiseLevels;

/// γ of arXiv 2303.09556.
const GAMMA: f64 = 5.0;

/// λ(σ).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum Weighting {
    /// The error of EDM's network.
    #[default]
    Edm,
    /// The error of the noise.
    Simple,
    /// That of the noise, no more than γ times that of the data.
    MinSnr {
        /// γ.
        gamma: f64,
    },
    /// The likelihood.
    Elbo,
    /// The error of the velocity of flow matching.
    Flow,
}

impl Weighting {
    /// λ(σ) for data of deviation `scale` = s; σ in the data's units.
    pub fn at(&self, sigma: f64, scale: f64, levels: &NoiseLevels) -> f64 {
        let (noise, data) = (1.0 / (sigma * sigma), 1.0 / (scale * scale));
        match self {
            Weighting::Edm => noise + data,
            Weighting::Simple => noise,
            Weighting::MinSnr { gamma } => noise.min(gamma * data),
            Weighting::Elbo => noise / levels.density(sigma / scale).unwrap_or(1.0),
            Weighting::Flow => (1.0 / sigma + 1.0 / scale) * (1.0 / sigma + 1.0 / scale),
        }
    }

    /// # Errors
    /// If the weighting needs a density that the law of the levels does not have.
    pub fn check(&self, levels: &NoiseLevels) -> Result<()> {
        match self {
            Weighting::Elbo if levels.density(1.0).is_none() => Err(Error::argument(
                "weighting",
                "is that of the likelihood, and the noise levels are some steps, which have no density",
                "choose noise levels with one: log-normal, uniform, log-uniform",
            )),
            Weighting::MinSnr { gamma } if !(*gamma > 0.0 && gamma.is_finite()) => Err(Error::argument(
                "weighting",
                format!("has gamma {gamma}"),
                "choose a positive one, such as 5",
            )),
            _ => Ok(()),
        }
    }
}

impl FromStr for Weighting {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let spec = Spec::parse("weighting", text)?;
        let weighting = match spec.name() {
            "edm" => Weighting::Edm,
            "simple" => Weighting::Simple,
            "min-snr" => Weighting::MinSnr { gamma: spec.number("gamma", GAMMA)? },
            "elbo" => Weighting::Elbo,
            "flow" => Weighting::Flow,
            _ => return Err(spec.unknown(["edm", "simple", "min-snr", "elbo", "flow"].into_iter())),
        };
        spec.done()?;
        Ok(weighting)
    }
}

impl fmt::Display for Weighting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Weighting::Edm => f.write_str("edm"),
            Weighting::Simple => f.write_str("simple"),
            Weighting::MinSnr { gamma } => write!(f, "min-snr:gamma={gamma}"),
            Weighting::Elbo => f.write_str("elbo"),
            Weighting::Flow => f.write_str("flow"),
        }
    }
}

impl TryFrom<String> for Weighting {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Weighting> for String {
    fn from(weighting: Weighting) -> Self {
        weighting.to_string()
    }
}
