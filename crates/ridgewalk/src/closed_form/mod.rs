//! Denoisers known in closed form: exact fields that generate, and that everything else is tested against.

pub mod empirical;

pub use empirical::Empirical;
