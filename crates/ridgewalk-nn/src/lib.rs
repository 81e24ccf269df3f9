//! Neural denoisers: networks trained here or read from files, as models of `ridgewalk`.
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
//! | what training makes small | [`objective`] |
//! | training, and the networks that come of it | [`train`] |
//! | networks that others trained, read from safetensors | [`pretrained`] |
//! | networks that others trained, of the architectures here, by PyTorch's names | [`TrainedModel::import`] |
//! | classifiers that others trained, for their features | [`classifier`] |
//! | networks in the ONNX format, with the feature `onnx` | `onnx` |
//! | architectures: perceptron, UNet, transformer | [`network`] |
//! | latent spaces that are learned | [`autoencoder`] |
//! | a network as a denoiser with derivatives | [`NeuralDenoiser`] |
//! | where it computes | [`Device`] |
//! | the operations on tensors (not public: only this crate names a tensor type of its framework) | `ops` |
#![deny(missing_docs)]
#![forbid(unsafe_code)]

pub mod autoencoder;
pub mod classifier;
mod device;
mod error;
mod import;
mod label;
pub mod network;
mod neural;
pub mod objective;
#[cfg(feature = "onnx")]
pub mod onnx;
mod ops;
mod parameters;
mod preconditioning;
pub mod pretrained;
pub mod train;

pub use autoencoder::{Autoencoder, AutoencoderConfig, TrainedAutoencoder, load_model_file};
pub use classifier::{Classifier, ClassifierArchitecture, Outputs, Pixels};
pub use device::Device;
pub use error::{Error, Result};
pub use import::{Arrays, ImportOptions, read_arrays, recognise};
pub use label::{NoiseLabel, TimeLabel};
pub use neural::{BlindNetwork, ModelConfig, NeuralDenoiser};
pub use ops::Activation;
pub use preconditioning::{Coefficients, Preconditioning, Prediction};
pub use pretrained::{Architecture, BlindDenoiser, ImageDenoiser};
pub use train::{TrainConfig, TrainedModel, Trainer, TrainingData};
