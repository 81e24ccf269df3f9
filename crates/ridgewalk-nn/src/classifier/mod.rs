//! Classifiers that others trained, read from safetensors: feature spaces in which distributions of images are compared.
//!
//! What a file holds is told by the names and shapes of its tensors, which are those of PyTorch:
//!
//! | tensors | network | features |
//! |---|---|---|
//! | `conv1`, `conv2`, `fc` (`.weight`, `.bias`) | LeNet for grey 28×28 digits | the 256 numbers before `fc` |
//! | `conv1`, `bn1`, `layer1.0.conv1`, …, `linear` | ResNet for 32×32 colour images (arXiv 1512.03385, section 4.2) | the 64 numbers before `linear` |
//!
//! A Fréchet distance in such features is one of these features, and must be named by them: it is no FID, which is in
//! those of Inception-v3, and values of different classifiers have nothing to do with each other.
//!
//! ```no_run
//! use ridgewalk::metrics::frechet_distance;
//! use ridgewalk_nn::{Classifier, Pixels};
//!
//! # fn sets() -> (ridgewalk::PointSet, ridgewalk::PointSet) { unimplemented!() }
//! let (samples, data) = sets();
//! let classifier = Classifier::load("lenet.safetensors")?;
//! let of_data = classifier.features(&data, Pixels::BYTES)?;
//! let of_samples = classifier.features(&samples, Pixels::BYTES)?;
//! let distance = frechet_distance(of_samples.view(), of_data.view())?;
//! println!("{distance} in features of {}", classifier.architecture());
//! # Ok::<(), ridgewalk_nn::Error>(())
//! ```

mod head;
mod lenet;
mod model;
mod pixels;
mod recognition;
mod resnet;

pub use model::{Classifier, ClassifierArchitecture, Outputs};
pub use pixels::Pixels;
