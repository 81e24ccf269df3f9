//! Networks that others trained, read from safetensors: nothing in such a file can run.
//!
//! What a file holds is told by the names and shapes of its tensors:
//!
//! | tensors | network |
//! |---|---|
//! | `conv.0.weight` `[c, 1, 3, 3]`, …, `conv.L.weight` `[1, c, 3, 3]`, with or without `conv.i.bias` | DnCNN: denoised = y − network(y) |
//! | `conv1.weight` … `conv9.weight` | the bias-free U-Net: denoised = network(y) |
//!
//! Grey images of values 0…1, to which noise was added: the process explodes its variance, u = x₀ + σε, and the network is
//! never told σ.

mod blind_denoiser;
pub(crate) mod file;
mod image_denoiser;
pub(crate) mod network;
mod recognition;
mod strips;

pub use blind_denoiser::{Architecture, BlindDenoiser};
pub use image_denoiser::ImageDenoiser;
