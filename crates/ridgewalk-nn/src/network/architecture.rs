//! A network of any architecture: its configuration, its arrays, and its function.

use burn::tensor::Device;
use ridgewalk::Shape;
use serde::{Deserialize, Serialize};

use crate::ops::{Grid, Matrix};
use crate::parameters::{Layout, Leaves};

use super::dit::Dit;
use super::embedding::Condition;
use super::mlp::Mlp;
use super::unet::UNet;
use super::{DitConfig, MlpConfig, UNetConfig, Value};

/// Beyond these a size is a slip, and products of sizes might not fit an integer.
pub(super) const WIDEST: usize = 1 << 16;
pub(super) const DEEPEST: usize = 1 << 12;
const MOST_CLASSES: usize = 1 << 20;
const MOST_NUMBERS: usize = 1 << 31;

/// The architecture of a network and its size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Architecture {
    /// A multilayer perceptron.
    Mlp(MlpConfig),
    /// EDM's UNet.
    UNet(UNetConfig),
    /// A diffusion transformer.
    Dit(DitConfig),
}

impl Architecture {
    /// Whether the network's answer is the gradient of a potential.
    pub fn is_potential(&self) -> bool {
        matches!(self, Architecture::Mlp(MlpConfig { potential: true, .. }))
    }

    /// A sound one for points of this shape: a UNet for images of at least 8×8 pixels, a perceptron for the rest.
    pub fn for_shape(shape: Shape) -> Self {
        match shape {
            Shape::Image { height, width, .. } if height.min(width) >= 8 => {
                Architecture::UNet(UNetConfig::for_image(height, width))
            }
            _ => Architecture::Mlp(MlpConfig::for_dim(shape.dim())),
        }
    }

    /// Its name as arguments have it.
    pub fn name(&self) -> &'static str {
        match self {
            Architecture::Mlp(_) => "mlp",
            Architecture::UNet(_) => "unet",
            Architecture::Dit(_) => "dit",
        }
    }
}

/// A network: its architecture, the points that it is for, and what it is told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkConfig {
    /// Architecture and size.
    pub architecture: Architecture,
    /// Shape of a point.
    pub shape: Shape,
    /// Number of classes that it is told; 0 for none.
    pub classes: usize,
    /// Whether it is told no noise level.
    pub blind: bool,
}

#[derive(Debug, Clone)]
enum Body {
    Mlp(Mlp),
    UNet(UNet),
    Dit(Dit),
}

/// A network without its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Network {
    config: NetworkConfig,
    layout: Layout,
    body: Body,
}

impl Network {
    /// # Errors
    /// If the configuration does not fit the shape.
    pub fn new(config: NetworkConfig) -> ridgewalk::Result<Self> {
        let (height, width, channels) = size(config.shape);
        let mut layout = Layout::default();
        let problem = match &config.architecture {
            Architecture::Mlp(mlp) if mlp.width.max(mlp.embedding) > WIDEST || mlp.depth > DEEPEST => {
                Some(format!("width {} and depth {} are too large", mlp.width, mlp.depth))
            }
            Architecture::Mlp(mlp) if mlp.width == 0 || mlp.embedding % 2 != 0 || mlp.embedding < 4 => {
                Some("width must be at least 1, embedding even and at least 4".to_string())
            }
            Architecture::Mlp(_) => None,
            Architecture::UNet(unet) => unet.problem(height, width),
            Architecture::Dit(dit) => dit.problem(height, width),
        };
        if let Some(problem) = problem {
            let what = config.architecture.name();
            return Err(ridgewalk::Error::argument(
                what,
                problem,
                "change its configuration, or take another architecture",
            ));
        }
        if config.classes > MOST_CLASSES {
            let problem = format!("are {}", config.classes);
            return Err(ridgewalk::Error::argument("classes", problem, "give a million at the most"));
        }
        let both = (channels, channels);
        let body = match &config.architecture {
            Architecture::Mlp(mlp) => {
                Body::Mlp(Mlp::new(mlp, config.shape.dim(), config.classes, config.blind, &mut layout))
            }
            Architecture::UNet(unet) => {
                Body::UNet(UNet::new(unet, both, height, config.classes, &mut layout))
            }
            Architecture::Dit(dit) => Body::Dit(Dit::new(dit, both, config.classes, &mut layout)),
        };
        if layout.len() > MOST_NUMBERS {
            let problem = format!("has {} numbers", layout.len());
            return Err(ridgewalk::Error::argument("the network", problem, "choose a smaller one"));
        }
        Ok(Network { config, layout, body })
    }

    pub fn config(&self) -> &NetworkConfig {
        &self.config
    }

    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Numbers that the blocks put out for one point: what memory is in proportion to.
    pub fn values_per_point(&self) -> usize {
        let (height, width, _) = size(self.config.shape);
        match &self.body {
            Body::Mlp(mlp) => mlp.values_per_point(),
            Body::UNet(unet) => unet.values_per_point(Grid { images: 1, height, width }),
            Body::Dit(dit) => dit.values_per_point(Grid { images: 1, height, width }),
        }
    }

    /// Φ(x; condition) `[n, 1]`, of which F is the gradient; none if the network is no potential.
    pub fn potential<V: Value>(
        &self,
        leaves: &Leaves,
        x: V,
        condition: &Condition<V>,
        device: &Device,
    ) -> Option<V> {
        match &self.body {
            Body::Mlp(mlp) if mlp.potential => {
                Some(mlp.forward(leaves, x, condition, &Matrix::zeros([1, 1], device)))
            }
            _ => None,
        }
    }

    /// F(x; condition) for a batch of points, `[n, d]` (an image's values in the order height, width, channel).
    pub fn forward<V: Value>(&self, leaves: &Leaves, x: V, condition: &Condition<V>, device: &Device) -> V {
        let [samples, dim] = x.dims();
        let (height, width, channels) = size(self.config.shape);
        let grid = Grid { images: samples, height, width };
        let like = Matrix::zeros([1, 1], device);
        match &self.body {
            Body::Mlp(mlp) if mlp.potential => mlp.gradient(leaves, x, condition, &like),
            Body::Mlp(mlp) => mlp.forward(leaves, x, condition, &like),
            Body::UNet(unet) => {
                let x = x.reshape([samples * grid.pixels(), channels]);
                unet.forward(leaves, x, condition, &like, grid).reshape([samples, dim])
            }
            Body::Dit(dit) => {
                let x = x.reshape([samples * grid.pixels(), channels]);
                dit.forward(leaves, x, condition, &like, grid).reshape([samples, dim])
            }
        }
    }
}

/// Height, width, channels; a vector is one line of pixels.
fn size(shape: Shape) -> (usize, usize, usize) {
    match shape {
        Shape::Image { height, width, channels } => (height, width, channels),
        other => (1, other.dim(), 1),
    }
}
