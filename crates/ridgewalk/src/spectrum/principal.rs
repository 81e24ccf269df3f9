//! The spectrum along principal components, cross-validated.
//!
//! ```text
//! halves A, B:   V = principal components of A (largest first),   λ_j = Var_{b ∈ B}⟨v_j, b⟩,   and A, B exchanged
//! ```
//!
//! The eigenvalues of a sample covariance spread: pure noise of variance η² in d dimensions gives values from
//! η²(1 − √(d/n))² to η²(1 + √(d/n))² (Marchenko & Pastur 1967), and no floor is to be seen. The variance of
//! *other* points along the components of these has no such spread: E λ_j = η² for every noise direction,
//! whatever n and d. Directions beyond the rank of A are one line of their mean variance.

use ndarray::{ArrayView2, Axis};

use super::{Line, VarianceSpectrum};
use crate::error::{Error, Result};
use crate::latent::{Components, Latent, Pca};
use crate::points::{Moments, PointSet};
use crate::random::{Purpose, Stream};

/// More points than this tell little that is new.
const MOST: usize = 4000;
/// In more dimensions than these, twice as many points are taken and no more: the cost grows with the cube of the
/// smaller of both numbers.
const LARGE: usize = 1024;
/// Fewer have no halves to speak of.
pub(crate) const FEWEST: usize = 16;

impl VarianceSpectrum {
    /// Variances along the principal components of `points`, each measured on points that the components have
    /// not seen; at most 4,000 points, drawn by `seed`. Cost that of two eigendecompositions of
    /// min(n, d) dimensions.
    ///
    /// # Errors
    /// If there are fewer than 16 points, or all are equal.
    pub fn principal(points: &PointSet, seed: u64) -> Result<Self> {
        if points.len() < FEWEST {
            return Err(Error::argument(
                "points",
                format!("are {}, too few for a spectrum", points.len()),
                format!("give at least {FEWEST}"),
            ));
        }
        let order = some(points, seed);
        let (first, second) = order.split_at(order.len() / 2);
        let (first, second) = (points.select(first)?, points.select(second)?);
        // A half of points that are all equal has no components of its own.
        let of = |half: &PointSet| all_components(half).or_else(|_| all_components(points));
        let one = variances_along(&of(&first)?, &second)?;
        let other = variances_along(&of(&second)?, &first)?;
        let (d, k) = (points.dim(), one.0.len().min(other.0.len()));
        let mut lines: Vec<Line> = one
            .0
            .iter()
            .zip(&other.0)
            .map(|(a, b)| Line { variance: 0.5 * (a + b), directions: 1.0 })
            .collect();
        if k < d {
            let rest = |(along, total): &(Vec<f64>, f64)| total - along.iter().take(k).sum::<f64>();
            let variance = (0.5 * (rest(&one) + rest(&other)) / (d - k) as f64).max(0.0);
            lines.push(Line { variance, directions: (d - k) as f64 });
        }
        Ok(VarianceSpectrum::new(lines))
    }

    /// Variances of `others` along the principal components of `points` (at most 4,000 of them, drawn by `seed`),
    /// so that sets can be compared direction by direction; what the components do not span is one line.
    ///
    /// # Errors
    /// If the dimensions differ, all points are equal, or there are less than two of either.
    pub fn along_components_of(points: &PointSet, others: &PointSet, seed: u64) -> Result<Self> {
        Self::along(&components(points, seed)?, others)
    }

    /// Variances of `others` along these components; what they do not span is one line.
    ///
    /// # Errors
    /// If the dimensions differ, or there are less than two points.
    pub(crate) fn along(components: &Pca, others: &PointSet) -> Result<Self> {
        if others.len() < 2 {
            return Err(Error::argument(
                "points",
                "are fewer than two",
                "give more, to measure how they vary",
            ));
        }
        let (along, total) = variances_along(components, others)?;
        let missing = others.dim().saturating_sub(along.len());
        let rest = (total - along.iter().sum::<f64>()).max(0.0) / missing.max(1) as f64;
        let mut lines: Vec<Line> =
            along.into_iter().map(|variance| Line { variance, directions: 1.0 }).collect();
        if missing > 0 {
            lines.push(Line { variance: rest, directions: missing as f64 });
        }
        Ok(VarianceSpectrum::new(lines))
    }
}

/// The points that a spectrum is taken of.
fn some(points: &PointSet, seed: u64) -> Vec<usize> {
    let mut order = Stream::new(seed, Purpose::Split, 1, 0).permutation(points.len());
    order.truncate(if points.dim() > LARGE { 2 * LARGE } else { MOST });
    order
}

/// The principal components of the points that a spectrum is taken of.
pub(crate) fn components(points: &PointSet, seed: u64) -> Result<Pca> {
    if points.len() < 2 {
        return Err(Error::argument("points", "are fewer than two", "give more, to measure how they vary"));
    }
    all_components(&points.select(&some(points, seed))?)
}

/// All of them: n points span n − 1 directions about their mean, one more would be rounding.
fn all_components(points: &PointSet) -> Result<Pca> {
    let pca = Pca::fit(points, Components::Share(1.0))?;
    let rank = points.len().saturating_sub(1).max(1);
    if pca.dim() <= rank { Ok(pca) } else { Pca::fit(points, Components::Count(rank)) }
}

/// Variances of points along components, and their total variance.
fn variances_along(pca: &Pca, others: &PointSet) -> Result<(Vec<f64>, f64)> {
    let variances = |x: ArrayView2<f64>| -> Vec<f64> {
        let mean = Moments::of(x).mean;
        let n = (x.nrows() - 1).max(1) as f64;
        let columns = x.axis_iter(Axis(1)).zip(&mean);
        columns.map(|(c, m)| c.iter().map(|v| (v - m) * (v - m)).sum::<f64>() / n).collect()
    };
    let along = variances(pca.encode(others.values())?.view());
    Ok((along, variances(others.values()).iter().sum()))
}
