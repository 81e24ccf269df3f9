//! Kinds of data with an exact reference, and the models whose errors are measured on them.

use std::ops::Range;

use ndarray::Array2;
use ridgewalk::closed_form::{Covariance, CovarianceKind, Empirical, Gaussian, Mixture, MixtureFit};
use ridgewalk::latent::Components;
use ridgewalk::transform::{Field, InjectedError, Perturbed};
use ridgewalk::{Denoiser, Differentiable, Kernel, Latent, Pca, PointSet, Smoothed};
use ridgewalk_data::{Manifold, Synthetic};

use super::settings::Settings;
use crate::failure::Result;

/// Data, the exact denoiser of them (or of their law), and the range in which its ridge is looked at.
pub struct Kind {
    pub name: &'static str,
    pub reference: Box<dyn Differentiable>,
    pub points: PointSet,
    /// d*.
    pub dimension: usize,
    pub range: Range<f64>,
    /// Components of a mixture that is fitted to half of the data; none: half of the data themselves.
    fitted: Option<usize>,
    scale: f64,
    size: f64,
    reach: f64,
}

fn manifold(manifold: Manifold, n: usize, dim: Option<usize>, seed: u64) -> Result<PointSet> {
    let mut synthetic = Synthetic::new(manifold);
    (synthetic.n, synthetic.dim, synthetic.seed) = (n, dim, seed);
    Ok(synthetic.points()?)
}

fn empirical(points: &PointSet) -> Result<Box<dyn Differentiable>> {
    Ok(Box::new(Empirical::new(points)?))
}

/// All kinds. The lowest noise level of each is about the spacing of its points, below which a ridge is that of single
/// points.
pub fn all(settings: &Settings) -> Result<Vec<Kind>> {
    let seed = settings.seed() ^ 11;
    let circle = ridgewalk_data::add_noise(&manifold(Manifold::Circle, 400, Some(20), seed)?, 0.05, seed)?;
    let roll = manifold(Manifold::SwissRoll, settings.size(800, 600), None, seed)?;
    let moons = manifold(Manifold::TwoMoons, 400, None, seed)?;
    let digits = ridgewalk_data::digits();
    let latent = Pca::fit(&digits, Components::Count(8))?;
    let chosen: Vec<usize> = (0..settings.size(800, 600).min(digits.len())).collect();
    let digits = PointSet::vectors(latent.encode(digits.select(&chosen)?.values())?)?;
    let part = |mean: [f64; 3], long: usize| -> Result<Gaussian> {
        let covariance = Array2::from_shape_fn((3, 3), |(i, j)| match (i == j, i == long) {
            (true, true) => 0.5,
            (true, false) => 0.01,
            _ => 0.0,
        });
        Ok(Gaussian::new(
            ndarray::Array1::from_vec(mean.to_vec()),
            Covariance::from_dense(covariance.view())?,
        )?)
    };
    let parts = vec![part([-2.0, 0.0, 0.0], 0)?, part([2.0, 0.0, 1.0], 1)?, part([0.0, 2.0, -1.0], 2)?];
    let mixture = Mixture::new(vec![0.3, 0.3, 0.4], parts)?;
    let draws = PointSet::vectors(mixture.sample(600, seed))?;
    let kind = |name, reference, points, dimension, range, fitted, (scale, size, reach)| Kind {
        name,
        reference,
        points,
        dimension,
        range,
        fitted,
        scale,
        size,
        reach,
    };
    Ok(vec![
        kind("Noisy circle in R²⁰", empirical(&circle)?, circle, 1, 0.15..4.0, None, (0.1, 0.05, 0.5)),
        kind("Swiss roll", empirical(&roll)?, roll, 2, 1.5..40.0, None, (0.7, 0.3, 4.0)),
        kind("Two moons", empirical(&moons)?, moons, 1, 0.1..4.0, None, (0.1, 0.05, 0.5)),
        kind("Digits in 8 components", empirical(&digits)?, digits, 2, 5.0..100.0, None, (4.0, 1.5, 15.0)),
        kind("Gaussian mixture", Box::new(mixture), draws, 1, 0.1..10.0, Some(3), (0.1, 0.05, 0.5)),
    ])
}

impl Kind {
    /// Models that err as learned ones do: too smooth, of too few data, and at random.
    pub fn models(&self, seed: u64) -> Result<Vec<(&'static str, Box<dyn Denoiser + '_>)>> {
        // Pairs, for labels alternate.
        let half: Vec<usize> = (0..self.points.len()).filter(|i| i / 2 % 2 == 0).collect();
        let half = self.points.select(&half)?;
        let of_half: Box<dyn Denoiser> = match self.fitted {
            Some(components) => Box::new(MixtureFit::new(components, CovarianceKind::Full).fit(&half)?),
            None => Box::new(Empirical::new(&half)?),
        };
        let field = Field::random(self.points.dim(), 128, self.reach, seed ^ 5)?.times(self.size);
        Ok(vec![
            ("smoothed", Box::new(Smoothed::new(&self.reference, Kernel::isotropic(self.scale))?)),
            (if self.fitted.is_some() { "fitted to half" } else { "half of the data" }, of_half),
            ("random field", Box::new(Perturbed::new(&self.reference, InjectedError::new(field))?)),
        ])
    }
}
