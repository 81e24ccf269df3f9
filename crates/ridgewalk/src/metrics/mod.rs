//! Metrics of point sets, and the uncertainty of what they measure.

pub mod binomial;
pub mod bootstrap;
pub mod chi_square;
pub mod transport;

pub use binomial::fraction_interval;
pub use bootstrap::Bootstrap;
pub use transport::{SlicedWasserstein, wasserstein_1d};
