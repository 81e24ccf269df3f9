//! What a network is told of the noise level.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ridgewalk::{Error, Process, Result, process};
use serde::{Deserialize, Serialize};

/// How a noise level σ is told to a network, as a text: `relative`, `label`, `sigma`, `time:NAME` or `step:NAME`.
///
/// ```
/// use ridgewalk_nn::NoiseLabel;
///
/// let label: NoiseLabel = "step:ddpm-linear".parse()?;
/// assert!((label.at(0.01, 1.0).round() - 0.0).abs() < 1e-9);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[non_exhaustive]
pub enum NoiseLabel {
    /// `relative`: ln(σ/s)/4 for data of deviation s. Networks that are trained here.
    #[default]
    Relative,
    /// `label`: ln(σ)/4, that of EDM (arXiv 2206.00364, table 1).
    Log,
    /// `sigma`: σ itself.
    Level,
    /// `time:NAME*FACTOR` or `step:NAME`: from the time of a process.
    Time(TimeLabel),
}

/// The time at which a process has the noise level, times a factor, plus an offset.
#[derive(Clone)]
pub struct TimeLabel {
    text: String,
    /// The process.
    pub process: Arc<dyn Process>,
    /// What the time is multiplied by.
    pub factor: f64,
    /// What is added then: −1 for steps that are counted from 0.
    pub offset: f64,
}

impl PartialEq for TimeLabel {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for TimeLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl NoiseLabel {
    /// What is told of σ, for data of deviation `scale` = s.
    pub fn at(&self, sigma: f64, scale: f64) -> f64 {
        match self {
            NoiseLabel::Relative => 0.25 * libm::log(sigma / scale),
            NoiseLabel::Log => 0.25 * libm::log(sigma),
            NoiseLabel::Level => sigma,
            NoiseLabel::Time(time) => time.factor * time.process.time(sigma) + time.offset,
        }
    }

    /// Its derivative by σ.
    pub fn slope(&self, sigma: f64) -> f64 {
        match self {
            NoiseLabel::Relative | NoiseLabel::Log => 0.25 / sigma,
            NoiseLabel::Level => 1.0,
            NoiseLabel::Time(TimeLabel { process, factor, .. }) => {
                let t = process.time(sigma);
                let (alpha, level) = (process.alpha(t), process.sigma(t));
                let rate = process.sigma_derivative(t) / alpha
                    - level * process.alpha_derivative(t) / (alpha * alpha);
                factor / rate
            }
        }
    }

    /// Whether it is that of networks that are trained here.
    pub(crate) fn is_relative(&self) -> bool {
        *self == NoiseLabel::Relative
    }
}

impl FromStr for NoiseLabel {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            let help = "choose relative, sigma, label, step:NAME or time:NAME*FACTOR, as in step:ddpm-linear; \
                        `ridgewalk list processes` has the names";
            Error::argument("the noise label", format!("{text} is not known"), help)
        };
        match text {
            "relative" => return Ok(NoiseLabel::Relative),
            "label" => return Ok(NoiseLabel::Log),
            "sigma" => return Ok(NoiseLabel::Level),
            _ => {}
        }
        let (kind, rest) = text.split_once(':').ok_or_else(wrong)?;
        let (name, factor) = match rest.split_once('*') {
            None => (rest, 1.0),
            Some((name, factor)) => (name, factor.parse().map_err(|_| wrong())?),
        };
        if !(f64::is_finite(factor) && factor != 0.0) {
            return Err(wrong());
        }
        let offset = match kind {
            "step" => -1.0,
            "time" => 0.0,
            _ => return Err(wrong()),
        };
        if kind == "step" && !name.starts_with("ddpm") {
            return Err(wrong());
        }
        let process = Arc::from(process::named(name)?);
        Ok(NoiseLabel::Time(TimeLabel { text: text.to_string(), process, factor, offset }))
    }
}

impl fmt::Display for NoiseLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NoiseLabel::Relative => "relative",
            NoiseLabel::Log => "label",
            NoiseLabel::Level => "sigma",
            NoiseLabel::Time(time) => &time.text,
        })
    }
}

impl TryFrom<String> for NoiseLabel {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<NoiseLabel> for String {
    fn from(label: NoiseLabel) -> Self {
        label.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_go_through_text_and_have_their_slopes() {
        let texts = ["relative", "label", "sigma", "step:ddpm-linear", "time:flow-matching*1000"];
        for text in texts {
            let label: NoiseLabel = text.parse().unwrap();
            assert_eq!(label.to_string(), text);
            for sigma in [0.3, 2.0] {
                let h = 1e-5 * sigma;
                let difference = (label.at(sigma + h, 0.5) - label.at(sigma - h, 0.5)) / (2.0 * h);
                let slope = label.slope(sigma);
                assert!(
                    (slope - difference).abs() < 1e-4 * (1.0 + slope.abs()),
                    "{text}: {slope} {difference}"
                );
            }
        }
        for text in [
            "ddpm-linear",
            "step:nothing",
            "hour:ddpm-linear",
            "time:flow-matching*x",
            "time:flow-matching*nan",
            "time:flow-matching*0",
            "step:flow-matching",
        ] {
            assert!(text.parse::<NoiseLabel>().is_err(), "{text}");
        }
    }

    /// t = σ/(1+σ) of the linear process; EDM's label of σ = e⁴ is 1.
    #[test]
    fn known_labels() {
        let at = |text: &str, sigma: f64| text.parse::<NoiseLabel>().unwrap().at(sigma, 0.5);
        assert!((at("time:flow-matching*1000", 3.0) - 750.0).abs() < 1e-9);
        assert!((at("label", 4f64.exp()) - 1.0).abs() < 1e-12);
        assert!((at("relative", 0.5 * 4f64.exp()) - 1.0).abs() < 1e-12);
    }
}
