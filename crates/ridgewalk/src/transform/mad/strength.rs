//! How strongly attraction acts at a noise level, and how strongly a step may be attracted.

use std::ops::Range;

use super::Attraction;
use crate::error::{Error, Result};

/// Below this strength attraction is not computed: it would change a step by less than 1 % of q(1−q).
const NEGLIGIBLE: f64 = 0.01;

/// Settings of [`Mad`](super::Mad).
#[derive(Debug, Clone, PartialEq)]
pub struct MadConfig {
    /// Onset: attraction acts below σ_on = σ_data/a. Larger is weaker. Default 2.5.
    pub a: f64,
    /// Strength: directions with variance far below σ_on² end with standard deviation × e^{−b/2}. Default 8.
    pub b: f64,
    /// Sharpness of the onset. Default 8.
    pub p: f64,
    /// Compensation c, 0 to 1: above the onset variations are held back from shrinking (κ = −c between the onset
    /// and `reach` times it), which returns to the wanted ones what attraction takes. Default 0.
    pub c: f64,
    /// Where compensation ends, as a multiple of the onset. Default 3.
    pub reach: f64,
    /// σ_data, in the data's units; by default the model's own.
    pub sigma_data: Option<f64>,
    /// How A is computed.
    pub attraction: Attraction,
}

impl Default for MadConfig {
    fn default() -> Self {
        MadConfig {
            a: 2.5,
            b: 8.0,
            p: 8.0,
            c: 0.0,
            reach: 3.0,
            sigma_data: None,
            attraction: Attraction::Automatic,
        }
    }
}

impl MadConfig {
    fn check(&self) -> Result<()> {
        for (name, value, positive) in [("a", self.a, true), ("b", self.b, false), ("p", self.p, true)] {
            if !value.is_finite() || value < 0.0 || (positive && value == 0.0) {
                return Err(Error::argument(
                    name,
                    format!("of the attraction is {value}"),
                    "a and p are positive, b is not negative; the defaults are a=2.5, b=8, p=8",
                ));
            }
        }
        if !(0.0..=1.0).contains(&self.c) {
            return Err(Error::argument(
                "c",
                format!("of the attraction is {}", self.c),
                "compensation is from 0 to 1: more would let variations grow",
            ));
        }
        if !(self.reach >= 1.0 && self.reach.is_finite()) {
            return Err(Error::argument(
                "reach",
                format!("of the attraction is {}", self.reach),
                "compensation ends at or above the onset: give 1 or more, such as 3",
            ));
        }
        let step = match self.attraction {
            Attraction::Automatic => 1.0,
            Attraction::VarianceDifference(step) | Attraction::Directional(step) => step,
        };
        if !(step > 0.0 && step.is_finite()) {
            return Err(Error::argument(
                "attraction",
                format!("has the relative step {step}"),
                "choose a positive number such as 0.05",
            ));
        }
        Ok(())
    }
}

/// κ(σ) of these settings for data of this scale.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Strength {
    config: MadConfig,
    sigma_data: f64,
}

impl Strength {
    /// For data of the standard deviation that the settings say, or else of this one.
    pub(crate) fn new(config: MadConfig, known: Option<f64>) -> Result<Self> {
        config.check()?;
        let sigma_data = config.sigma_data.or(known).ok_or_else(|| {
            Error::argument("sigma_data", "is not known to this model", "set MadConfig::sigma_data")
        })?;
        if !(sigma_data > 0.0 && sigma_data.is_finite()) {
            return Err(Error::argument(
                "sigma_data",
                format!("is {sigma_data}"),
                "it is the standard deviation of the data, a positive number in their units",
            ));
        }
        Ok(Strength { config, sigma_data })
    }

    /// κ(σ), without the cap of a step.
    pub(crate) fn at(&self, sigma: f64) -> f64 {
        let MadConfig { a, b, p, c, reach, .. } = self.config;
        let ratio = a * sigma / self.sigma_data;
        let gate = |ratio: f64| 1.0 / (1.0 + libm::pow(ratio, p));
        let attracted = b * gate(ratio);
        if c == 0.0 { attracted } else { attracted - c * (gate(ratio / reach) - gate(ratio)) }
    }

    /// σ_on = σ_data/a.
    fn onset(&self) -> f64 {
        self.sigma_data / self.config.a
    }

    /// Where |κ| = 0.01; 0 if it is so nowhere.
    pub(crate) fn onset_level(&self) -> f64 {
        let MadConfig { b, p, c, reach, .. } = self.config;
        let last = |strength: f64| libm::pow((strength / NEGLIGIBLE - 1.0).max(0.0), 1.0 / p);
        last(b).max(if c > 0.0 { reach * last(c) } else { 0.0 }) * self.onset()
    }

    /// From a tenth of the onset to the onset level.
    pub(crate) fn window(&self) -> Range<f64> {
        0.1 * self.onset()..self.onset_level().max(self.onset())
    }
}

/// κ_cap(h) = (2/h − 1) + 2√((1/h)(1/h − 1)): the largest κ for which a step of relative length h
/// overshoots in no Gaussian direction; the root of h·(κ+1)²/(4κ) = 1.
pub fn no_overshoot_cap(h: f64) -> f64 {
    let r = 1.0 / h;
    (2.0 * r - 1.0) + 2.0 * (r * (r - 1.0)).max(0.0).sqrt()
}

impl MadConfig {
    /// The part f that remains of the standard deviation of a Gaussian direction of this `variance` under the
    /// onset level `onset`, for fine steps and a sharp onset:
    /// exp(−(b/2)·u/(v+u) + (c/2)·[r²u/(v+r²u) − u/(v+u)]), u the square of the onset.
    pub fn remaining(&self, variance: f64, onset: f64) -> f64 {
        let part = |level: f64| level * level / (variance + level * level);
        let (on, off) = (part(onset), part(onset * self.reach));
        libm::exp(-0.5 * self.b * on + 0.5 * self.c * (off - on))
    }
}
