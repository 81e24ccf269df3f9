//! Uniform laws on manifolds, each in the space that it spans; [`Embedded`](super::Embedded) puts
//! them into more dimensions.

mod bessel;
mod plane;
mod quadrature;
mod sphere;
mod torus;

pub use plane::Plane;
pub use sphere::Sphere;
pub use torus::Torus;
