//! Denoisers known in closed form: exact fields that generate, and that everything else is tested against.

pub mod empirical;
pub mod kernel_density;

pub use empirical::Empirical;
pub use kernel_density::KernelDensity;
