//! The choice of the kernel: isotropic against adapted to the manifold, on surfaces in R^32, on a curve of
//! rendered images, and on photographs from a turntable.

use ndarray::{Array1, Array2, ArrayView2};
use ridgewalk::PointSet;
use ridgewalk::metrics::principal_directions;
use ridgewalk::transform::smoothing;

use super::super::part::Part;
use super::settings::Settings;
use super::{bumps, surfaces, theorem, turntable};
use crate::failure::Result;

/// Highest noise level: T = 9.
pub const SIGMA_MAX: f64 = 3.0;

pub fn run(settings: &Settings) -> Result<Part> {
    let mut part = Part::new(
        "The choice of the kernel",
        "An isotropic kernel moves across the manifold as much as along it; one adapted to the manifold moves along it only. \
         Where the manifold curves within the kernel's scale the difference shows. The tangent kernel knows the manifold \
         (an oracle, as in the paper's experiments); the local-PCA kernel takes tangents from neighbouring data.",
    );
    surfaces::surfaces(settings, &mut part)?;
    bumps::bumps(settings, &mut part)?;
    if !settings.paper.small {
        bumps::dense(settings, &mut part)?;
    }
    theorem::reach(settings, &mut part)?;
    match &settings.turntable {
        Some(views) => turntable::turntable(settings, &mut part, views)?,
        None => crate::progress::say("no --coil20 FILE: the turntable photographs are left out"),
    }
    Ok(part)
}

/// A curve of images in coordinates of its own: distances are the same, vectors far shorter.
pub struct Views {
    mean: Array1<f64>,
    /// `[r, d]`.
    pub frame: Array2<f64>,
}

impl Views {
    pub fn of(curve: &PointSet) -> Result<Self> {
        Ok(Views { mean: curve.moments().mean, frame: smoothing::span(curve)? })
    }

    /// In its `most` directions of greatest variance only.
    pub fn principal(curve: &PointSet, most: usize) -> Result<Self> {
        let whole = Views::of(curve)?;
        let turn = principal_directions(&whole.coordinates(curve)?, most)?;
        Ok(Views { frame: turn.dot(&whole.frame), mean: whole.mean })
    }

    pub fn coordinates(&self, points: &PointSet) -> Result<PointSet> {
        Ok(PointSet::vectors((&points.values() - &self.mean).dot(&self.frame.t()))?)
    }

    pub fn images(&self, coordinates: ArrayView2<f64>) -> Array2<f64> {
        coordinates.dot(&self.frame) + &self.mean
    }
}
