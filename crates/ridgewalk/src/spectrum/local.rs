//! The spectrum within neighbourhoods, cross-validated.
//!
//! Around a point of a manifold of dimension d* with noise η, the k nearest points within the radius R vary by
//! about R²/(d* + 2) along the manifold and by η² + O(R⁴) off it. Small neighbourhoods are balls of noise,
//! isotropic whatever the manifold; large ones see its curvature. In between there is a gap.

use ndarray::Axis;
use rayon::prelude::*;

use super::{Line, VarianceSpectrum};
use crate::error::{Error, Result};
use crate::latent::{Components, Latent, Pca};
use crate::neighbours;
use crate::points::{Moments, PointSet};
use crate::random::{Purpose, Stream};

/// Points around which neighbourhoods are taken.
const CENTRES: usize = 128;

impl VarianceSpectrum {
    /// Mean variances within neighbourhoods of `neighbours` points, by rank: every other neighbour gives the
    /// principal components, the rest the variances along them. Around 128 points drawn by `seed`, or all.
    /// Cost O(centres·d·(n + k·min(k, d))).
    ///
    /// # Errors
    /// If there are fewer than 8 neighbours, or not more points than those.
    pub fn local(points: &PointSet, neighbours: usize, seed: u64) -> Result<Self> {
        if neighbours < 8 || neighbours >= points.len() {
            return Err(Error::argument(
                "neighbours",
                format!("is {neighbours} of {} points", points.len()),
                "give at least 8, and fewer than there are points",
            ));
        }
        let mut centres = Stream::new(seed, Purpose::Split, 2, 0).permutation(points.len());
        centres.truncate(CENTRES);
        let queries = points.values().select(Axis(0), &centres);
        let found = neighbours::nearest_excluding(queries.view(), points.values(), neighbours, &centres)?;
        let d = points.dim();
        let spectra: Vec<Option<Vec<f64>>> = (0..centres.len())
            .into_par_iter()
            .map(|row| {
                let near: Vec<usize> = found.indices.row(row).to_vec();
                let every_other =
                    |first: usize| -> Vec<usize> { near.iter().copied().skip(first).step_by(2).collect() };
                within(points, &every_other(0), &every_other(1))
            })
            .collect::<Result<_>>()?;
        let spectra: Vec<Vec<f64>> = spectra.into_iter().flatten().collect();
        if spectra.is_empty() {
            return Err(Error::argument("points", "are all equal", "give points that vary"));
        }
        let mean =
            |rank: usize| spectra.iter().filter_map(|s| s.get(rank)).sum::<f64>() / spectra.len() as f64;
        Ok(VarianceSpectrum::new((0..d).map(|rank| Line { variance: mean(rank), directions: 1.0 }).collect()))
    }
}

/// Variances of the points `others` along the principal components of the points `first`, `[d]`; what they do not
/// span counts as one direction more for each. Nothing for points that are all equal.
fn within(points: &PointSet, first: &[usize], others: &[usize]) -> Result<Option<Vec<f64>>> {
    let (first, others) = (points.select(first)?, points.select(others)?);
    if Moments::of(first.values()).std <= 0.0 {
        return Ok(None);
    }
    let pca = Pca::fit(&first, Components::Share(1.0))?;
    let encoded = pca.encode(others.values())?;
    let n = (others.len() - 1).max(1) as f64;
    let centred = |x: ndarray::ArrayView2<f64>| {
        let mean = Moments::of(x).mean;
        (&x - &mean).map_axis(Axis(0), |c| c.dot(&c) / n)
    };
    let mut along = centred(encoded.view()).to_vec();
    let rest = centred(others.values()).sum() - along.iter().sum::<f64>();
    let missing = points.dim().saturating_sub(along.len());
    along.extend(std::iter::repeat_n((rest / missing.max(1) as f64).max(0.0), missing));
    Ok(Some(along))
}
