//! Size of an autoencoder.

use ridgewalk::{Error, Result, Shape};
use serde::{Deserialize, Serialize};

use crate::ops::Activation;

/// Beyond these a size is a slip, and products of sizes might not fit an integer.
const WIDEST: usize = 1 << 14;
const DEEPEST: usize = 1 << 10;
/// Images are halved until a side is at least this.
const SMALLEST_SIDE: usize = 4;

/// An autoencoder's settings. What is none is chosen for the shape; [`AutoencoderConfig::resolved`] says how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AutoencoderConfig {
    /// Coordinates of the latent space; of a map, those of each of its pixels.
    pub latent: Option<usize>,
    /// β: weight of the divergence from the standard normal; 0 for an autoencoder without noise.
    pub kl: f64,
    /// Encoder and decoder.
    pub network: Option<CoderConfig>,
}

impl Default for AutoencoderConfig {
    fn default() -> Self {
        AutoencoderConfig { latent: None, kl: 1e-3, network: None }
    }
}

/// What encoder and decoder are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CoderConfig {
    /// Perceptrons.
    Perceptron(PerceptronConfig),
    /// Residual blocks of 3×3 convolutions, for images.
    Convolutional(ConvolutionalConfig),
}

/// Size of a perceptron on either side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PerceptronConfig {
    /// Channels of hidden layers.
    pub width: usize,
    /// Hidden layers; with 0 encoder and decoder are linear.
    pub depth: usize,
    /// The nonlinearity.
    pub activation: Activation,
}

impl Default for PerceptronConfig {
    fn default() -> Self {
        PerceptronConfig { width: 256, depth: 2, activation: Activation::Silu }
    }
}

/// Size of a convolutional network on either side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ConvolutionalConfig {
    /// Channels at full size.
    pub channels: usize,
    /// Channels of every level in units of `channels`; each level has half the size of the one before.
    pub multipliers: Vec<usize>,
    /// Residual blocks a level.
    pub blocks: usize,
    /// Whether the latent space is a map of the coarsest level's size, instead of one vector.
    pub map: bool,
}

impl Default for ConvolutionalConfig {
    fn default() -> Self {
        ConvolutionalConfig { channels: 16, multipliers: vec![1, 2, 4], blocks: 1, map: false }
    }
}

impl ConvolutionalConfig {
    /// For images of this size: as many levels as halve it evenly, down to 4 to 7 pixels a side where that is possible.
    pub fn for_image(height: usize, width: usize) -> Self {
        let mut multipliers = vec![1];
        let (mut h, mut w) = (height, width);
        while h.is_multiple_of(2) && w.is_multiple_of(2) && h.min(w) >= 2 * SMALLEST_SIDE {
            (h, w) = (h / 2, w / 2);
            multipliers.push(if multipliers.len() == 1 { 2 } else { 4 });
        }
        let channels = if height.max(width) > 32 { 32 } else { 16 };
        ConvolutionalConfig { channels, multipliers, ..ConvolutionalConfig::default() }
    }

    /// By how much the coarsest level is smaller.
    fn factor(&self) -> usize {
        1_usize.checked_shl(self.multipliers.len().saturating_sub(1) as u32).unwrap_or(0)
    }

    fn problem(&self, height: usize, width: usize) -> Option<String> {
        let widest = self.multipliers.iter().max().and_then(|most| most.checked_mul(self.channels));
        if widest.is_none_or(|widest| widest > WIDEST) || self.blocks > DEEPEST || self.multipliers.len() > 16
        {
            return Some("channels, multipliers or blocks are too large".into());
        }
        if self.channels == 0 || self.multipliers.is_empty() || self.multipliers.contains(&0) {
            return Some("channels and multipliers must be at least 1".into());
        }
        let factor = self.factor();
        if !height.is_multiple_of(factor) || !width.is_multiple_of(factor) {
            let levels = self.multipliers.len();
            return Some(format!(
                "{levels} levels need sides that are multiples of {factor}, not {height}×{width}"
            ));
        }
        None
    }
}

impl AutoencoderConfig {
    /// The same with all that was left open chosen: for images of at least 8×8 a convolutional network of
    /// [`ConvolutionalConfig::for_image`] and a latent space of 32 coordinates (16 below 16×16 pixels; 4 a pixel of a
    /// map), for the rest a perceptron of two hidden layers and half as many coordinates as the data have, 32 at the most.
    ///
    /// # Errors
    /// If a size has no meaning for the shape, or the latent space would be larger than the data's.
    pub fn resolved(&self, shape: Shape) -> Result<Self> {
        let mut config = self.clone();
        let dim = shape.dim();
        let usual = || match shape {
            Shape::Image { height, width, .. } if height.min(width) >= 8 => {
                CoderConfig::Convolutional(ConvolutionalConfig::for_image(height, width))
            }
            _ => CoderConfig::Perceptron(PerceptronConfig {
                width: dim.saturating_mul(4).next_power_of_two().clamp(64, 512),
                ..PerceptronConfig::default()
            }),
        };
        let network = config.network.get_or_insert_with(usual);
        let usual = match (&*network, shape) {
            (CoderConfig::Convolutional(ConvolutionalConfig { map: true, .. }), _) => 4,
            (_, Shape::Image { height, width, .. }) if height * width >= 256 => 32,
            (_, Shape::Image { .. }) => 16,
            _ => 32,
        };
        config.latent.get_or_insert(usual.min(dim.div_ceil(2)));
        config.check(shape)?;
        Ok(config)
    }

    fn check(&self, shape: Shape) -> Result<()> {
        let problem = match (&self.network, shape) {
            (Some(CoderConfig::Convolutional(network)), Shape::Image { height, width, .. }) => {
                network.problem(height, width)
            }
            (Some(CoderConfig::Convolutional(_)), _) => Some("convolutions are for images".into()),
            (Some(CoderConfig::Perceptron(network)), _)
                if network.width > WIDEST || network.depth > DEEPEST || network.width == 0 =>
            {
                Some(format!("width {} or depth {} has no meaning", network.width, network.depth))
            }
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(Error::argument("autoencoder", problem, "change [autoencoder] in its settings"));
        }
        if !(self.kl >= 0.0 && self.kl.is_finite()) {
            let help = "give a number that is not negative, such as 0.001";
            return Err(Error::argument("kl", format!("is {}", self.kl), help));
        }
        let wide = self.latent.unwrap_or(0).max(1).checked_mul(self.pixels(shape));
        if self.latent == Some(0) || wide.is_none_or(|wide| wide > shape.dim()) {
            let problem = format!(
                "would have {} coordinates, and a point has {}",
                wide.map_or("too many".into(), |w| if self.latent == Some(0) {
                    "0".into()
                } else {
                    w.to_string()
                }),
                shape.dim()
            );
            return Err(Error::argument(
                "the latent space",
                problem,
                "give at least 1, and no more than the data have",
            ));
        }
        Ok(())
    }

    /// Pixels of the latent map; 1 of a vector.
    fn pixels(&self, shape: Shape) -> usize {
        match (&self.network, shape) {
            (Some(CoderConfig::Convolutional(network)), Shape::Image { height, width, .. })
                if network.map =>
            {
                let factor = network.factor().max(1);
                (height / factor) * (width / factor)
            }
            _ => 1,
        }
    }

    /// Coordinates of the latent space, once it is resolved.
    pub fn latent_dim(&self, shape: Shape) -> usize {
        self.latent.unwrap_or(0).saturating_mul(self.pixels(shape))
    }
}

/// All that determines an autoencoder besides its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AutoencoderModel {
    /// Its settings.
    pub config: AutoencoderConfig,
    /// Shape of a point.
    pub shape: Shape,
    /// m: mean of the data's coordinates.
    pub center: f64,
    /// s: deviation of the data's coordinates about m.
    pub scale: f64,
}
