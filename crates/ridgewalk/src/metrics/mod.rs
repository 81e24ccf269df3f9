//! Metrics of point sets, and the uncertainty of what they measure.

pub mod binomial;
pub mod bootstrap;
pub mod chi_square;
pub mod closed_curve;
pub mod coverage;
pub mod energy;
pub mod explained;
pub mod frechet;
pub mod local_planes;
pub mod psnr;
pub mod renyi;
pub mod ring;
pub mod transport;

pub use binomial::fraction_interval;
pub use bootstrap::Bootstrap;
pub use closed_curve::ClosedCurve;
pub use coverage::{Coverage, NeighbourBalls, expected_coverage};
pub use energy::energy_distance;
pub use explained::{Explained, Explanation};
pub use frechet::{frechet_between, frechet_distance, frechet_with_interval};
pub use local_planes::{LocalPlanes, principal_directions};
pub use psnr::NearestPsnr;
pub use renyi::renyi_divergence;
pub use ring::{Ring, RingComparison};
pub use transport::{SlicedWasserstein, wasserstein_1d};
