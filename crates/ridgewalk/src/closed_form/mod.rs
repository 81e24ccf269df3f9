//! Denoisers known in closed form: exact fields that generate, and that everything else is tested against.
//!
//! | law of x₀ | type | cost of one call |
//! |---|---|---|
//! | N(μ, Σ) | [`Gaussian`] | O(batch·d·rank) |
//! | Σ_k w_k N(μ_k, Σ_k) | [`Mixture`] | O(batch·d·Σ_k rank_k) |
//! | Σ_i w_i δ(x_i), the data themselves | [`Empirical`] | O(batch·d·n) |

mod covariance;
mod empirical;
mod fit;
mod gaussian;
mod kernel_density;
mod kmeans;
mod mixture;
mod posterior;
mod rows;
mod scatter;

pub use covariance::{Covariance, CovarianceKind};
pub(crate) use empirical::Ask;
pub use empirical::Empirical;
pub use fit::{FitReport, Fitted, MixtureFit};
pub use gaussian::Gaussian;
pub use kernel_density::{BandwidthChoice, KernelDensity};
pub use mixture::Mixture;
