//! Autoencoders: a latent space that is learned, for models of images and of other data.
//!
//! ```text
//! q(c | x) = N(μ(x), diag v(x))          û = decoder(c),  c = μ + √v ε          u = (x − m)/s
//! loss     = ‖û − u‖²/d + β/k Σᵢ ½(μᵢ² + vᵢ − 1 − ln vᵢ)          (arXiv 1312.6114, appendix B)
//! ```
//!
//! The sum is the divergence of q from the standard normal, in nats, here a coordinate; β = 0 leaves an autoencoder
//! without noise. Trained, it is frozen: [`Autoencoder`] encodes by the mean, z = (μ(x) − c̄)/t, with the mean c̄ of every
//! coordinate and the one deviation t of all of the training points, so that a coordinate of z has mean 0 and, over all
//! of them, deviation 1; distances keep their ratios.
//!
//! Latents of a map are flattened row by row, its channels side by side (height, width, channel).

mod config;
mod file;
mod loss;
mod model;
mod network;

pub use config::{AutoencoderConfig, AutoencoderModel, CoderConfig, ConvolutionalConfig, PerceptronConfig};
pub use file::{TrainedAutoencoder, load_model_file, read_latent};
pub use model::Autoencoder;

pub(crate) use file::{LatentHeader, latent_from_file, latent_into_file, of_arrays};
pub(crate) use loss::parts;
pub(crate) use network::Coder;
