//! Neural denoisers: networks read from files, as models of `ridgewalk`.
//!
//! ```no_run
//! use ridgewalk::Autonomous;
//! use ridgewalk_nn::BlindDenoiser;
//!
//! let denoiser = BlindDenoiser::load("dncnn.safetensors")?;
//! println!("{}", denoiser.architecture());
//! let model = denoiser.image(64, 64)?;
//! let grey = ndarray::Array2::from_elem((1, model.dim()), 0.5);
//! let denoised = model.field(grey.view())?;
//! # Ok::<(), ridgewalk_nn::Error>(())
//! ```
//!
//! | concept | where |
//! |---|---|
//! | networks that others trained, read from safetensors | [`pretrained`] |
//! | classifiers that others trained, for their features | [`classifier`] |
//! | networks in the ONNX format, with the feature `onnx` | `onnx` |
//! | their layers, with derivatives | `network` (not public: only this crate names a tensor type of its framework) |
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod classifier;
mod error;
pub mod network;
mod neural;
#[cfg(feature = "onnx")]
pub mod onnx;
mod ops;
mod parameters;
mod preconditioning;
pub mod pretrained;

pub use classifier::{Classifier, ClassifierArchitecture, Outputs, Pixels};
pub use error::{Error, Result};
pub use neural::{BlindNetwork, ModelConfig, NeuralDenoiser};
pub use ops::Activation;
pub use preconditioning::{Coefficients, Preconditioning, Prediction};
pub use pretrained::{Architecture, BlindDenoiser, ImageDenoiser};
