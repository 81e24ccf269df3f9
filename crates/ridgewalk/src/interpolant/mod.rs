//! Stochastic interpolants: paths between any two laws, and what moves samples along them.
//!
//! ```text
//! x_t = a(t) x₀ + b(t) x₁ + γ(t) z,     x₀ ~ ρ₀,  x₁ ~ ρ₁,  z ~ N(0, I)  independent,  0 ≤ t ≤ 1
//! ```
//!
//! is x₀ at t = 0 and x₁ at t = 1 (arXiv 2303.08797). Its law ρ_t is carried by one velocity and known by one
//! score, both conditional means:
//!
//! ```text
//! v = E[a′x₀ + b′x₁ | x_t = x]     η = E[z | x_t = x]
//! s = ∇log ρ_t = −η/γ              b = v + γ̇η = v − γγ̇ s          ∂_t ρ_t + ∇·(b ρ_t) = 0
//! ```
//!
//! and so by a family of processes with the same law at every time, for any ε(t) ≥ 0 chosen at sampling time:
//!
//! ```text
//! forward    dx = (b + ε s) dt + √(2ε) dW          from ρ₀ at t = 0 to ρ₁ at t = 1
//! backward   dx = (b − ε s) dt + √(2ε) dW          in reversed time, from ρ₁ to ρ₀
//! ```
//!
//! The sign is that of the paper: η is +E[z | x]. A diffusion model is the one-sided case, whose x₀ is
//! Gaussian noise: b(t) is its α, and what multiplies the noise its σ.
//!
//! | what | where |
//! |---|---|
//! | a, b and γ, by name or by value | [`Interpolant`], [`Path`], [`Gamma`], [`named`] |
//! | b, v, s and η, and what turns one into the other | [`Bridge`], [`Fields`] |
//! | exact fields between mixtures of Gaussians, Gaussians, or points | [`MixtureBridge`] |
//! | from Gaussian noise to the data of any denoiser | [`OneSided`] |
//! | the ODE and the SDEs in either direction, their exact moments, log-densities | [`InterpolantSampler`] |

mod bridge;
mod catalogue;
mod mixture;
mod moments;
mod one_sided;
mod pair;
mod path;
mod sampler;
mod volume;

pub use bridge::{Bridge, Fields};
pub use catalogue::{Entry, PATHS, named};
pub use mixture::MixtureBridge;
pub use moments::LawAt;
pub use one_sided::OneSided;
pub use path::{Coefficients, Gamma, Interpolant, Path};
pub use sampler::{Direction, InterpolantProgress, InterpolantSampler, Scheme, Transported};
pub use volume::PulledBack;
