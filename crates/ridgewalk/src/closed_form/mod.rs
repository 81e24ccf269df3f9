//! Denoisers known in closed form: exact answers for laws that are mixtures of simple ones.
//!
//! | law of x₀ | type | cost of one call |
//! |---|---|---|
//! | N(μ, Σ) | [`Gaussian`] | O(batch·d·rank) |
//! | Σ_k w_k N(μ_k, Σ_k) | [`Mixture`] | O(batch·d·Σ_k rank_k) |

mod covariance;
mod fit;
mod gaussian;
mod kmeans;
mod mixture;
mod posterior;
mod rows;
mod scatter;

pub use covariance::{Covariance, CovarianceKind};
pub use fit::{FitReport, Fitted, MixtureFit};
pub use gaussian::Gaussian;
pub use mixture::Mixture;
