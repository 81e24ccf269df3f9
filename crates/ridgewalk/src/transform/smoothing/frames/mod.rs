//! Where displacements point: from standard normal nodes z to ξ, for all rows alike or at each row.

mod pca;
mod span;
mod tangent;

use std::sync::Arc;

use ndarray::{Array2, Array3, ArrayView2, Axis};

pub use pca::{Dimension, LocalPca};
pub use span::span;
pub use tangent::{NearestPoints, Surface};

use super::kernel::{DrawDisplacements, Kernel, Law};
use crate::closed_form::Covariance;
use crate::error::{Error, Result};
use crate::points::require_finite;

/// Rows of a frame may be this far from orthonormal.
const ORTHONORMALITY: f64 = 1e-8;

/// A law of ξ in a given dimension.
#[derive(Clone)]
pub(super) enum Frames {
    /// ξ = h z in R^d.
    Identity(usize),
    /// ξ = h Mᵀz, M `[r, d]`.
    Mapped(Array2<f64>),
    /// ξ = h Σ^{1/2} z, where a matrix would be too large.
    Filtered(Covariance),
    Tangents(LocalPca),
    Surface(Arc<dyn Surface>, usize),
    Custom(Arc<dyn DrawDisplacements>, usize),
}

/// Displacements of a batch, as [`Displacements`](crate::Displacements) has them.
pub(super) struct Moves {
    pub nodes: Array2<f64>,
    pub frames: Option<Array3<f64>>,
}

impl Frames {
    /// The kernel's law in `dim` dimensions.
    pub fn new(kernel: &Kernel, dim: usize) -> Result<Self> {
        if let Some(frame) = &kernel.within {
            check_frame(frame, dim)?;
        }
        match (&kernel.law, &kernel.within) {
            (Law::Isotropic, None) => Ok(Frames::Identity(dim)),
            (Law::Isotropic, Some(frame)) => Ok(Frames::Mapped(frame.clone())),
            (Law::Anisotropic(covariance), within) => {
                require_dim("the kernel's covariance", covariance.dim(), dim)?;
                match within {
                    None => of_covariance(covariance),
                    Some(frame) => {
                        let root = covariance.square_root(frame.view())?;
                        let inner = Covariance::from_dense(root.dot(&root.t()).view())?;
                        match of_covariance(&inner)? {
                            Frames::Mapped(map) => Ok(Frames::Mapped(map.dot(frame))),
                            _ => Ok(Frames::Mapped(
                                inner.square_root(Array2::eye(inner.dim()).view())?.dot(frame),
                            )),
                        }
                    }
                }
            }
            (_, Some(_)) => Err(Error::argument(
                "kernel",
                "depends on where it stands and is to be drawn within a frame",
                "Kernel::within is for isotropic and anisotropic kernels",
            )),
            (Law::Manifold(tangents), None) => {
                require_dim("the points of the tangent planes", tangents.dim(), dim)?;
                Ok(Frames::Tangents(tangents.clone()))
            }
            (Law::Tangent(surface), None) => Ok(Frames::Surface(surface.clone(), dim)),
            (Law::Custom(draw), None) => Ok(Frames::Custom(draw.clone(), dim)),
        }
    }

    /// Number r of coordinates of z.
    pub fn coordinates(&self) -> usize {
        match self {
            Frames::Identity(dim) | Frames::Surface(_, dim) => *dim,
            Frames::Mapped(map) => map.nrows(),
            Frames::Filtered(covariance) => covariance.dim(),
            Frames::Tangents(tangents) => tangents.dimension(),
            Frames::Custom(draw, dim) => draw.coordinates(*dim),
        }
    }

    /// Whether E ξ = 0.
    pub fn centred(&self) -> bool {
        match self {
            Frames::Surface(..) => false,
            Frames::Custom(draw, _) => draw.centred(),
            _ => true,
        }
    }

    /// Displacements `[draws, d]` if they are the same for all rows.
    pub fn common(&self, z: ArrayView2<f64>, scale: f64) -> Result<Option<Array2<f64>>> {
        Ok(match self {
            Frames::Identity(_) => Some(&z * scale),
            Frames::Mapped(map) => Some(z.dot(map) * scale),
            Frames::Filtered(covariance) => Some(covariance.square_root(z)? * scale),
            _ => None,
        })
    }

    /// Displacements of the rows of x.
    pub fn at(&self, x: ArrayView2<f64>, z: ArrayView2<f64>, scale: f64) -> Result<Moves> {
        if let Some(nodes) = self.common(z, scale)? {
            return Ok(Moves { nodes, frames: None });
        }
        match self {
            Frames::Tangents(tangents) => {
                Ok(Moves { nodes: z.to_owned(), frames: Some(tangents.tangents(x)? * scale) })
            }
            Frames::Surface(surface, _) => each(tangent::along(surface.as_ref(), x, z, scale)?, x, z),
            Frames::Custom(draw, _) => each(draw.draw(x, scale, z)?, x, z),
            _ => Ok(Moves { nodes: z.to_owned(), frames: None }),
        }
    }

    /// Values that [`Frames::at`] holds for a row and `draws` draws: what limits the rows at a time.
    pub fn size_of_row(&self, draws: usize, dim: usize) -> usize {
        match self {
            Frames::Tangents(tangents) => tangents.dimension() * dim,
            Frames::Surface(..) | Frames::Custom(..) => draws * dim,
            _ => dim,
        }
    }
}

/// Displacements of every row's own, `[batch, draws, d]`: the nodes pick one each.
fn each(displacements: Array3<f64>, x: ArrayView2<f64>, z: ArrayView2<f64>) -> Result<Moves> {
    let expected = (x.nrows(), z.nrows(), x.ncols());
    if displacements.dim() != expected {
        return Err(Error::shape(
            "what the kernel's function gave",
            format!("{:?}", displacements.dim()),
            format!("{expected:?} ([batch, draws, d])"),
        ));
    }
    for of_row in displacements.outer_iter() {
        require_finite("a displacement of the kernel", of_row)?;
    }
    Ok(Moves { nodes: Array2::eye(z.nrows()), frames: Some(displacements) })
}

/// ξ = Σ^{1/2} z with a coordinate for every direction that has variance.
fn of_covariance(covariance: &Covariance) -> Result<Frames> {
    if covariance.rank() < covariance.dim() && covariance.isotropic_variance() > 0.0 {
        return Ok(Frames::Filtered(covariance.clone()));
    }
    let largest = covariance.values().iter().copied().fold(0.0, f64::max);
    let kept: Vec<usize> = covariance
        .values()
        .iter()
        .enumerate()
        .filter(|(_, v)| **v > f64::EPSILON * largest)
        .map(|(j, _)| j)
        .collect();
    if kept.is_empty() {
        return Err(Error::argument(
            "covariance",
            "of the kernel is zero (in the frame, if one is given)",
            "give it some variance, or use the model without smoothing",
        ));
    }
    let roots: Vec<f64> = kept.iter().filter_map(|&j| covariance.values().get(j)).map(|v| v.sqrt()).collect();
    let mut map = covariance.vectors().select(Axis(0), &kept);
    for (mut row, root) in map.outer_iter_mut().zip(roots) {
        row *= root;
    }
    Ok(Frames::Mapped(map))
}

fn require_dim(what: &str, found: usize, dim: usize) -> Result<()> {
    if found == dim {
        return Ok(());
    }
    Err(Error::shape(what, format!("{found} coordinates"), format!("{dim} (the model's dimension)")))
}

fn check_frame(frame: &Array2<f64>, dim: usize) -> Result<()> {
    require_dim("the kernel's frame", frame.ncols(), dim)?;
    require_finite("the kernel's frame", frame.view())?;
    if frame.nrows() == 0 {
        return Err(Error::empty("the kernel's frame", "give at least one direction"));
    }
    let gram = frame.dot(&frame.t());
    for ((i, j), value) in gram.indexed_iter() {
        if (value - f64::from(u8::from(i == j))).abs() > ORTHONORMALITY {
            return Err(Error::argument(
                "frame",
                format!("has rows {i} and {j} with the scalar product {value}"),
                "give orthonormal rows, such as those of smoothing::span",
            ));
        }
    }
    Ok(())
}
