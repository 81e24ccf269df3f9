//! Types of flag values, and how they are read from text.

use std::path::PathBuf;

use clap::ValueEnum;
use ridgewalk::closed_form::RandomFeatureFit;
use ridgewalk::latent::Components;
use ridgewalk::transform::MadConfig;

/// Share of the variance that a latent space keeps, unless a number of components says otherwise.
pub const LATENT_SHARE: f64 = 0.9;

/// A closed-form model.
#[derive(Debug, Clone, PartialEq)]
pub enum ModelName {
    Empirical,
    Gaussian,
    Mixture,
    /// With its settings.
    RandomFeatures(String),
}

impl std::str::FromStr for ModelName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "empirical" => Ok(ModelName::Empirical),
            "gaussian" => Ok(ModelName::Gaussian),
            "mixture" => Ok(ModelName::Mixture),
            // What cannot be read is told while the flag is at hand; the seed has no part in it.
            _ => match RandomFeatureFit::named(text, 0) {
                Ok(_) => Ok(ModelName::RandomFeatures(text.into())),
                Err(e) if e.to_string().contains("is not known") => {
                    Err("choose among empirical, gaussian, mixture, random-features".into())
                }
                Err(e) => Err(e.to_string()),
            },
        }
    }
}

/// Which of the weights of a trained network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ema(pub ridgewalk_nn::train::Average);

impl std::str::FromStr for Ema {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        use ridgewalk_nn::train::Average;
        match text {
            "last" => Ok(Ema(Average::Last)),
            length => positive_number(length)
                .map(|length| Ema(Average::Length(length)))
                .map_err(|e| format!("{e}, or last")),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum FormatName {
    Npy,
    Npz,
    Csv,
    Parquet,
    /// Grey images: 32-bit floats, with pixels of 1 Å
    Mrcs,
}

impl FormatName {
    pub fn extension(self) -> &'static str {
        match self {
            FormatName::Npy => "npy",
            FormatName::Npz => "npz",
            FormatName::Csv => "csv",
            FormatName::Parquet => "parquet",
            FormatName::Mrcs => "mrcs",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub enum Quantity {
    Denoised,
    Score,
    LogDensity,
    /// log p by the probability flow, for any model: nats
    FlowLogDensity,
    /// The same as bits a coordinate of the data, on a grid of --bin-width
    BitsPerDimension,
    Divergence,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rank {
    Full,
    Diagonal,
    Low(usize),
}

impl std::str::FromStr for Rank {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "full" => Ok(Rank::Full),
            "diagonal" => Ok(Rank::Diagonal),
            _ => text.parse().map(Rank::Low).map_err(|_| "give full, diagonal or a whole number".into()),
        }
    }
}

/// `pca`, `pca:32`, `pca:0.9`, each with `,whiten`; or where an autoencoder lies.
#[derive(Debug, Clone, PartialEq)]
pub enum LatentName {
    Pca { components: Components, whiten: bool },
    Autoencoder(PathBuf),
}

impl LatentName {
    /// The file that is read, if it is one.
    pub fn file(&self) -> Option<PathBuf> {
        match self {
            LatentName::Pca { .. } => None,
            LatentName::Autoencoder(path) if path.is_dir() => Some(path.join(ridgewalk_nn::train::MODEL)),
            LatentName::Autoencoder(path) => Some(path.clone()),
        }
    }
}

impl std::str::FromStr for LatentName {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, whiten) = match text.split_once(',') {
            None => (text, false),
            Some((name, "whiten")) => (name, true),
            Some((name, other)) if name.starts_with("pca") => {
                return Err(format!("'{other}' is not a setting; there is whiten"));
            }
            Some(_) => (text, false),
        };
        let (kind, size) = name.split_once(':').map_or((name, None), |(kind, size)| (kind, Some(size)));
        if kind != "pca" {
            // Whether there is one is seen when it is read: a record may tell of one that is gone.
            return Ok(LatentName::Autoencoder(PathBuf::from(text)));
        }
        let components = match size {
            None => Components::Share(LATENT_SHARE),
            Some(size) => match size.parse::<f64>() {
                Ok(share) if share > 0.0 && share < 1.0 => Components::Share(share),
                _ => Components::Count(positive(size).map_err(|e| format!("{e}, or a share such as 0.9"))?),
            },
        };
        Ok(LatentName::Pca { components, whiten })
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ComponentCount {
    Auto,
    Count(usize),
}

impl std::str::FromStr for ComponentCount {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(ComponentCount::Auto),
            _ => count(text).map(ComponentCount::Count).map_err(|e| format!("{e}, or auto")),
        }
    }
}

/// The noise of data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Noise {
    /// Read from the data.
    Auto,
    /// Its standard deviation.
    Given(f64),
}

impl std::str::FromStr for Noise {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Noise::Auto),
            _ => positive_number(text).map(Noise::Given).map_err(|e| format!("{e}, or auto")),
        }
    }
}

/// `auto`, `noise=1.6`, `a=2.5,b=8,p=8` or `onset=1.2,b=4`; what is not named keeps its default, or is chosen.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Mad {
    /// Choose what is not named for noise of this level.
    pub noise: Option<Noise>,
    a: Option<f64>,
    b: Option<f64>,
    p: Option<f64>,
    c: Option<f64>,
    reach: Option<f64>,
    onset: Option<f64>,
}

impl Mad {
    /// Puts what was named into settings for a model of this scale.
    pub fn apply(&self, config: &mut MadConfig, sigma_data: f64) {
        let set = |into: &mut f64, value: Option<f64>| *into = value.unwrap_or(*into);
        set(&mut config.a, self.a.or(self.onset.map(|onset| sigma_data / onset)));
        set(&mut config.b, self.b);
        set(&mut config.p, self.p);
        set(&mut config.c, self.c);
        set(&mut config.reach, self.reach);
    }
}

impl std::str::FromStr for Mad {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let mut mad = Mad::default();
        let mut seen: Vec<&str> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, value) = match part.split_once('=') {
                Some((name, value)) => (name.trim(), value),
                None if part == "auto" => (part, ""),
                None => return Err(format!("'{part}' is not of the form name=number, or auto")),
            };
            if seen.contains(&name) {
                return Err(format!("'{name}' is given twice"));
            }
            seen.push(name);
            match name {
                "auto" if value.is_empty() => mad.noise = Some(mad.noise.unwrap_or(Noise::Auto)),
                "noise" => mad.noise = Some(Noise::Given(positive_number(value)?)),
                "a" => mad.a = Some(positive_number(value)?),
                "b" => mad.b = Some(not_negative(value)?),
                "p" => mad.p = Some(positive_number(value)?),
                "c" => mad.c = Some(fraction_or_one(value)?),
                "reach" => mad.reach = Some(at_least_one(value)?),
                "onset" => mad.onset = Some(positive_number(value)?),
                other => {
                    return Err(format!(
                        "'{other}' is not a setting; there are auto, noise, onset, a, b, p, c and reach"
                    ));
                }
            }
        }
        if seen.contains(&"a") && seen.contains(&"onset") {
            return Err("a and onset say the same in two ways: give one of them".into());
        }
        Ok(mad)
    }
}

pub fn number(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        _ => Err(format!("'{text}' is not a finite number")),
    }
}

pub fn positive_number(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| if v > 0.0 { Ok(v) } else { Err("give a number above 0".into()) })
}

pub fn not_negative(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| if v >= 0.0 { Ok(v) } else { Err("give a number that is not negative".into()) })
}

pub fn fraction(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| {
        if (0.0..1.0).contains(&v) { Ok(v) } else { Err("give a fraction, 0 to below 1".into()) }
    })
}

pub fn fraction_or_one(text: &str) -> Result<f64, String> {
    number(text)
        .and_then(|v| if (0.0..=1.0).contains(&v) { Ok(v) } else { Err("give a number from 0 to 1".into()) })
}

fn at_least_one(text: &str) -> Result<f64, String> {
    number(text).and_then(|v| if v >= 1.0 { Ok(v) } else { Err("give 1 or more".into()) })
}

/// The largest number of steps, draws, resamples, components: a slip of the keyboard, not a wish, is beyond.
const MOST: usize = 1_000_000;

pub fn count(text: &str) -> Result<usize, String> {
    positive(text).and_then(|v| if v <= MOST { Ok(v) } else { Err(format!("give at most {MOST}")) })
}

pub fn positive(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("give at least 1".into()),
        Ok(value) => Ok(value),
        Err(_) => Err(format!("'{text}' is not a whole number")),
    }
}
