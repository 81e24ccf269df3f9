//! Denoisers known in closed form: exact fields that generate, and that everything else is tested against.
//!
//! | law of x₀ | type | cost of one call |
//! |---|---|---|
//! | N(μ, Σ) | [`Gaussian`] | O(batch·d·rank), O(batch·d) if diagonal |
//! | Σ_k w_k N(μ_k, Σ_k) | [`Mixture`] | O(batch·d·Σ_k rank_k) |
//! | Σ_i w_i δ(x_i), the data themselves | [`Empirical`] | O(batch·d·n) |
//! | uniform on a sphere of R^m | [`Sphere`] | O(batch·m) |
//! | uniform on a box of R^m, or flat on all of it | [`Plane`] | O(batch·m) |
//! | uniform on a torus of revolution, or a flat one | [`Torus`] | O(batch), about 50 nodes a point |
//! | any of these on a subspace of R^d | [`Embedded`] | the field's + O(batch·d·m) |
//! | Π_b p_b(x_b), independent blocks of coordinates | [`Product`] | that of the blocks |
//! | Σ_k w_k p_k of any fields | [`FieldMixture`] | that of the fields |
//! | none: W σ_t(x), trained | [`RandomFeatures`] | O(batch·d·p) |
//!
//! All give D, J (products, trace and matrix) and ∂D/∂σ exactly, and all but the last, which is of no law, the
//! score's potential log p_σ and its Hessian.

pub(crate) mod covariance;
pub mod deconvolution;
mod embedded;
mod empirical;
mod field_mixture;
mod fit;
mod flow;
mod gaussian;
mod kernel_density;
mod kmeans;
mod mixture;
mod pointwise;
mod posterior;
mod product;
mod random_features;
pub(crate) mod rows;
pub(crate) mod scatter;
mod uniform;

pub use covariance::{Covariance, CovarianceKind};
pub use embedded::Embedded;
pub(crate) use empirical::Ask;
pub use empirical::Empirical;
pub use field_mixture::FieldMixture;
pub use fit::{FitReport, Fitted, MixtureFit};
pub use flow::Mode;
pub use gaussian::Gaussian;
pub use kernel_density::{BandwidthChoice, KernelDensity};
pub use mixture::Mixture;
pub use product::Product;
pub use random_features::{
    Activation, FeatureDraw, FeatureErrors, Features, RandomFeatureFit, RandomFeatures, SamplingError,
    Stopping, TimeGrid, TrainedFeatures, Training, Weighting,
};
pub use uniform::{Plane, Sphere, Torus};
