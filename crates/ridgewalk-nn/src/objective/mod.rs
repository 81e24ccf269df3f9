//! What training makes small: a weighted mean error of the denoiser over noise levels and data.
//!
//! ```text
//! L = (1/N) Σ_n w_n λ(σ_n) ‖D(x_n; σ_n) − x₀_n‖²/d          x_n = x₀_n + σ_n ε_n
//!   = (1/N) Σ_n w_n λ(σ_n) c_out(σ_n)² ‖F_n − F*_n‖²/d       F* = ((1 − c_skip)(x₀ − m) − c_skip σε)/c_out
//! ```
//!
//! The second form loses nothing in f32 where c_skip(x − m) nearly is x₀. Weights w_n per sample turn the law of the data
//! into p(x₀)w(x₀)/Z (arXiv 2401.10700).

mod batch;
mod fokker_planck;
mod levels;
mod loss;
mod weighting;

pub use batch::Sample;
pub use levels::NoiseLevels;
pub use weighting::Weighting;

pub(crate) use batch::Draws;
pub(crate) use fokker_planck::{MOST, Place, penalties, potential, residuals};
pub(crate) use loss::{losses, tensors};
