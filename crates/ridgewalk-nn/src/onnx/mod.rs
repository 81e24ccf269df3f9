//! Networks in the ONNX format, run by the library onnxruntime of the machine.
//!
//! A file holds a network and the shapes of its inputs, but not what it was trained to answer: [`OnnxOptions`] says that.
//!
//! ```no_run
//! use ridgewalk::process::Ddpm;
//! use ridgewalk::Denoiser;
//! use ridgewalk_nn::onnx::{Answer, OnnxDenoiser, OnnxOptions, Told};
//! use ridgewalk_nn::{Prediction, Preconditioning};
//!
//! // A UNet2DModel of diffusers, trained on noise by DDPM's linear table.
//! let preconditioning = Preconditioning { prediction: Prediction::Noise, center: 0.0, scale: 1.0 };
//! let model = OnnxDenoiser::load(
//!     "unet.onnx",
//!     &OnnxOptions {
//!         answer: Some(Answer::Network(preconditioning)),
//!         told: Some(Told::step(Ddpm::linear())),
//!         ..OnnxOptions::default()
//!     },
//! )?;
//! let denoised = model.denoise(ndarray::Array2::zeros((1, model.dim())).view(), 0.5)?;
//! let differentiable = model.with_derivatives();
//! # Ok::<(), ridgewalk_nn::Error>(())
//! ```
//!
//! Points are in the network's own units, images with their channels last; the network has them first. It computes in f32,
//! and has no derivatives of its own: [`OnnxDenoiser::with_derivatives`] gives them by differences.

mod denoiser;
mod library;
mod network;
mod options;

pub use denoiser::{OnnxDenoiser, OnnxField};
pub use options::{Answer, OnnxOptions, Told};
