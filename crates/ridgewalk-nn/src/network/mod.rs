//! The architectures, written once for values and for tangents.
//!
//! A network is a function of `Value`s: matrices, or `Dual` numbers, which carry a direction along. So the same
//! lines give D and its derivative along a direction (forward mode); the derivative against a direction (reverse mode)
//! comes of the automatic differentiation of the tensors below. Forward mode is made of operations that have
//! derivatives themselves: a loss may contain Jacobian products.

mod architecture;
mod block;
mod dit;
mod dual;
mod embedding;
mod layer;
mod mlp;
mod potential;
#[cfg(test)]
mod reverse_over_forward;
mod unet;
mod value;

pub use architecture::{Architecture, NetworkConfig};
pub use dit::DitConfig;
pub use mlp::MlpConfig;
pub use unet::UNetConfig;

pub(crate) use architecture::Network;
pub(crate) use dit::places;
pub(crate) use dual::Dual;
pub(crate) use embedding::Condition;
pub(crate) use layer::{Convolution, GroupNorm, Linear};
pub(crate) use value::Value;
