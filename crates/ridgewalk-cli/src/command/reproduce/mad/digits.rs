//! The embedded digits under noise, as a case.

use ridgewalk::closed_form::CovarianceKind;
use ridgewalk::{PointSet, Result as LibraryResult};
use ridgewalk_data::{add_noise, digits};

use super::case::{Case, Fit, split};
use super::settings::Settings;
use crate::failure::Result;

/// η, a tenth of the range.
pub const NOISE: f64 = 1.6;
/// Images that the model sees, with noise.
const TRAIN: usize = 1300;

/// A mixture of 20 with this form of covariances.
pub fn fit(settings: &Settings, kind: CovarianceKind) -> Fit {
    Fit { components: 20, kind, principal: None, seed: settings.seed() }
}

/// Clean images, those to train on and those held out.
pub fn sets(settings: &Settings) -> Result<(PointSet, PointSet)> {
    split(&digits(), TRAIN, settings.seed())
}

/// The case of Gaussian noise η.
pub fn case(settings: &Settings, kind: CovarianceKind, noise: f64) -> Result<Case> {
    let (clean, held_out) = sets(settings)?;
    let noisy = add_noise(&clean, noise, settings.seed())?;
    Case::new(&clean, noisy, held_out, noise, fit(settings, kind), TRAIN)
}

/// Rows of the list, or all if there are fewer.
pub fn first(points: &PointSet, count: usize) -> LibraryResult<PointSet> {
    points.select(&(0..points.len().min(count)).collect::<Vec<_>>())
}
