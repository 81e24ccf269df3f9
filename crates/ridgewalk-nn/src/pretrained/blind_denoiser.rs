//! A blind denoiser of a file, for images of any size.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::network::Network;
use super::{ImageDenoiser, file, recognition};
use crate::error::Result;

/// What a network is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Architecture {
    /// `DnCNN` or `U-Net`.
    pub name: &'static str,
    /// Convolutions.
    pub layers: usize,
    /// Most channels of a layer.
    pub width: usize,
    /// Whether any convolution has biases. Without, the network is homogeneous: D(αy) = α D(y) for α > 0, and
    /// J(y) y = D(y) (arXiv 1906.05478).
    pub biased: bool,
    /// Numbers in all.
    pub parameters: usize,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Architecture { name, layers, width, parameters, .. } = self;
        let bias = if self.biased { "with biases" } else { "bias-free" };
        write!(f, "{name}, {bias}, {layers} convolutions of up to {width} channels, {parameters} parameters")
    }
}

/// A denoiser of grey images that is never told how much noise there is, read from a file. Fully convolutional:
/// [`BlindDenoiser::image`] makes it a model of images of one size.
#[derive(Clone)]
pub struct BlindDenoiser {
    pub(super) network: Arc<dyn Network>,
    architecture: Architecture,
}

impl BlindDenoiser {
    /// Reads a network; which one it is, the file's tensors tell ([`crate::pretrained`]).
    ///
    /// # Errors
    /// If the file cannot be read, is damaged or no safetensors file, or holds no network that is known here: the
    /// message names the tensor.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let (network, architecture) = recognition::network(path, file::read(path)?)?;
        Ok(BlindDenoiser { network, architecture })
    }

    /// What it is made of.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The model of images of this size: points of height · width values, row by row.
    ///
    /// Any size will do. Where the network halves its input and a side is odd, the image is reflected by one pixel
    /// beyond its last row or column, and cut again.
    ///
    /// # Errors
    /// If a side is 0, or the image has more than 2²⁸ pixels.
    pub fn image(&self, height: usize, width: usize) -> Result<ImageDenoiser> {
        ImageDenoiser::new(self.network.clone(), height, width)
    }
}

impl fmt::Debug for BlindDenoiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlindDenoiser").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}
