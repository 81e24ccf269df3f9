//! A data set under noise: a mixture fitted to the noisy points, and what its samples are measured against.

use ndarray::{Array2, Axis};
use ridgewalk::MadConfig;
use ridgewalk::PointSet;
use ridgewalk::closed_form::{Covariance, CovarianceKind, Gaussian, Mixture, MixtureFit};
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::choose_attraction;
use ridgewalk::spectrum::NoiseFloor;
use ridgewalk_report::format_number;

use super::measure::{Measured, Yardstick};
use super::sampling::{Draw, Way, draw};
use super::settings::attraction;
use crate::failure::Result;
use crate::noise_level;
use crate::progress::say;

/// Iterations of a fit at the most: the likelihood hardly rises after them.
const ITERATIONS: usize = 60;

/// How the mixture is fitted.
#[derive(Debug, Clone, Copy)]
pub struct Fit {
    pub components: usize,
    pub kind: CovarianceKind,
    /// Eigenvectors are sought among this many principal components of all points (in all directions if `None`):
    /// with few points a component in many dimensions, noise would make most of what it holds for signal.
    pub principal: Option<usize>,
    pub seed: u64,
}

impl Fit {
    pub fn mixture(&self, points: &PointSet) -> Result<Mixture> {
        let fit = MixtureFit {
            seed: self.seed,
            restarts: 1,
            max_iterations: ITERATIONS,
            tolerance: 1e-3,
            ..MixtureFit::new(self.components, self.kind)
        };
        match self.principal.filter(|k| *k < points.dim()) {
            None => Ok(fit.fit(points)?),
            Some(count) => {
                let pca = Pca::fit(points, Components::Count(count))?;
                let inner = fit.fit(&PointSet::vectors(pca.encode(points.values())?)?)?;
                Ok(lifted(&inner, &pca)?)
            }
        }
    }
}

/// The mixture in the space of the data: the variance of all directions that are no eigenvectors is one, the mean of
/// that within the components and of what the components leave out.
fn lifted(inner: &Mixture, pca: &Pca) -> ridgewalk::Result<Mixture> {
    let (k, d) = (pca.dim(), pca.data_dim());
    let components = inner.components().iter().map(|g| {
        let mean = &g.mean().dot(&pca.components()) + &pca.mean();
        let c = g.covariance();
        let vectors: Array2<f64> = c.vectors().dot(&pca.components());
        let r = c.rank();
        let outside = (k - r) as f64 * c.isotropic_variance() + pca.residual_variance();
        let rest = if r < d { outside / (d - r) as f64 } else { 0.0 };
        Gaussian::new(mean, Covariance::from_parts(vectors, c.values().to_vec(), rest)?)
    });
    Mixture::new(inner.weights().to_vec(), components.collect::<ridgewalk::Result<Vec<_>>>()?)
}

/// A set with its noisy points, their model, and its yardstick.
pub struct Case {
    pub noisy: PointSet,
    pub mixture: Mixture,
    pub yardstick: Yardstick,
    /// η.
    pub noise: f64,
}

impl Case {
    /// A mixture fitted to `noisy`, whose clean versions are `clean`; `references` of them are what samples are
    /// compared with.
    pub fn new(
        clean: &PointSet,
        noisy: PointSet,
        held_out: PointSet,
        noise: f64,
        fit: Fit,
        references: usize,
    ) -> Result<Self> {
        let rows: Vec<usize> = (0..clean.len().min(references)).collect();
        let mixture = fit.mixture(&noisy)?;
        let yardstick = Yardstick::new(clean.select(&rows)?, held_out, &noisy.select(&rows)?)?;
        Ok(Case { noisy, mixture, yardstick, noise })
    }

    /// Settings chosen with nothing told but the noisy points and their model; the fixed rule where none are.
    pub fn chosen(&self, seed: u64) -> Result<MadConfig> {
        let floor = match NoiseFloor::find(&self.noisy, seed)? {
            Ok(floor) => floor,
            Err(instead) => {
                say(&format!("no noise is to be read ({instead}): attraction is set by the rule"));
                return Ok(attraction(self.noise));
            }
        };
        let draws = noise_level::draws(&self.mixture, seed)?;
        match choose_attraction(&self.mixture, draws.view(), &self.noisy, floor.noise, seed) {
            Ok(choice) => {
                say(&format!(
                    "noise {} (added: {}), onset {}, b = {}, c = {}",
                    format_number(floor.noise),
                    format_number(self.noise),
                    format_number(choice.onset),
                    choice.config.b,
                    choice.config.c
                ));
                Ok(choice.config)
            }
            Err(refused) => {
                say(&format!("{refused}: attraction is set by the rule"));
                Ok(attraction(self.noise))
            }
        }
    }

    pub fn samples(&self, way: &Way, draws: Draw, name: &str) -> Result<PointSet> {
        let values = draw(&self.mixture, way, draws, name)?;
        Ok(PointSet::new(values, self.noisy.shape())?)
    }

    pub fn measured(&self, way: &Way, draws: Draw, name: &str) -> Result<Measured> {
        self.yardstick.measure(name, &self.samples(way, draws, name)?)
    }
}

/// The first points of a random order, and those after them.
pub fn split(points: &PointSet, first: usize, seed: u64) -> Result<(PointSet, PointSet)> {
    let order = Stream::new(seed, Purpose::Split, 0, 0).permutation(points.len());
    let (train, held_out) = order.split_at(first.min(points.len().saturating_sub(1)));
    Ok((points.select(train)?, points.select(held_out)?))
}

/// The first rows of a set, for a sheet.
pub fn few(points: &PointSet, count: usize) -> Vec<Vec<f64>> {
    points.values().axis_iter(Axis(0)).take(count).map(|row| row.to_vec()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Points that vary in two of five directions, and a little in all: fitted within two principal components or in
    /// all directions, one component of rank one is the same Gaussian.
    #[test]
    fn a_fit_within_principal_components_is_the_fit() {
        let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
        let scales = [3.0, 1.0, 0.2, 0.2, 0.2];
        let values =
            Array2::from_shape_fn((400, 5), |(_, j)| scales.get(j).unwrap_or(&1.0) * stream.normal());
        let points = PointSet::vectors(values).unwrap();
        let fit = |principal| {
            let fit = Fit { components: 1, kind: CovarianceKind::LowRank(1), principal, seed: 0 };
            fit.mixture(&points).unwrap().components()[0].covariance().to_dense()
        };
        let off = &fit(Some(2)) - &fit(None);
        assert!(off.iter().all(|v| v.abs() < 1e-9), "{off}");
    }
}
