//! The random feature model: a denoiser that was trained, with every stage of its training in closed form.
//!
//! ```text
//! m_θ(t, x) = A σ_t(x)/√p      σ_t(x) = act(W_x x + W_t φ(t) + b)      A trained, the rest frozen
//! ```
//!
//! is the smallest model that learns a posterior mean by gradient descent on the denoising loss (arXiv 2602.06021).
//! Its gradient flow, its limit, and the split of its error into what the features cannot do and what training has
//! not done are formulas. [`RandomFeatureFit`] fits one to any data; [`Training`] has every part to choose;
//! [`TrainedFeatures`] holds all training times at once, and gives a [`RandomFeatures`] denoiser at each.

mod denoiser;
mod errors;
mod features;
mod fit;
mod moments;
mod sampled;
mod times;
mod training;

pub use denoiser::RandomFeatures;
pub use errors::FeatureErrors;
pub use features::{Activation, FeatureDraw, Features};
pub use fit::RandomFeatureFit;
pub use moments::SamplingError;
pub use times::{TimeGrid, Weighting};
pub use training::{Stopping, TrainedFeatures, Training};
