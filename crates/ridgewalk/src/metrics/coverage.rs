//! How faithful and how complete samples are, by balls around points: improved precision and recall
//! (arXiv 1904.06991) and density and coverage (arXiv 2002.09797).
//!
//! The ball of a point reaches to its k-th nearest neighbour within its own set. With n reference points x and m
//! samples y,
//!
//! ```text
//! precision = share of samples in the ball of some x          recall   = share of x in the ball of some y
//! density   = Σ_y (number of balls of x that hold y) / (k m)  coverage = share of balls of x that hold a sample
//! ```
//!
//! **Recall says nothing of noisy samples.** Their balls are as large as the noise, so a noisy set "covers"
//! whatever is near it: the noisier, the higher its recall. Precision is fooled likewise by outliers and by noise
//! of the reference. Coverage and density take balls around the reference alone: with a clean reference, *coverage
//! is the one to trust*. It does not reach 1: for samples of the reference's own law it is
//! [`expected_coverage`] on average, whatever that law.
//!
//! Distances are Euclidean, in the coordinates that are given: pixels, or a feature space that the caller makes.
//! Cost O(n·m·d).

use ndarray::ArrayView2;
use rayon::prelude::*;
use ridgewalk_kernels::squared_distance;

use super::binomial::fraction_interval;
use super::bootstrap::{Bootstrap, mean};
use crate::error::{Error, Result};
use crate::neighbours::{nearest, nearest_others};

/// Precision, recall, density and coverage by the k-th neighbour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NeighbourBalls {
    /// k; 5 as in arXiv 2002.09797 (arXiv 1904.06991 takes 3).
    pub k: usize,
}

impl Default for NeighbourBalls {
    fn default() -> Self {
        NeighbourBalls { k: 5 }
    }
}

/// What [`NeighbourBalls::compare`] finds.
#[derive(Debug, Clone, PartialEq)]
pub struct Coverage {
    /// Of every sample, the number of reference balls that hold it, divided by k; its mean is the density.
    pub densities: Vec<f64>,
    /// Whether every reference point lies in the ball of a sample.
    pub recalled: Vec<bool>,
    /// Whether the ball of every reference point holds a sample.
    pub covered: Vec<bool>,
}

impl NeighbourBalls {
    /// With this k.
    pub fn new(k: usize) -> Self {
        NeighbourBalls { k }
    }

    /// Compares `samples` (`[m, d]`) with a `reference` (`[n, d]`). A point on the surface of a ball is in it.
    ///
    /// ```
    /// use ndarray::array;
    /// use ridgewalk::metrics::NeighbourBalls;
    ///
    /// let reference = array![[0.0], [1.0], [10.0], [11.0]];
    /// let samples = array![[0.5], [0.6], [0.7]]; // one of the two groups
    /// let found = NeighbourBalls::new(1).compare(samples.view(), reference.view())?;
    /// assert_eq!((found.precision(), found.coverage()), (1.0, 0.5));
    /// # Ok::<(), ridgewalk::Error>(())
    /// ```
    ///
    /// # Errors
    /// If k is 0, a set has k points or fewer, the dimensions differ, or a value is not finite.
    pub fn compare(&self, samples: ArrayView2<f64>, reference: ArrayView2<f64>) -> Result<Coverage> {
        for (name, set) in [("samples", samples), ("reference", reference)] {
            if self.k == 0 || set.nrows() <= self.k {
                return Err(Error::argument(
                    "k",
                    format!("is {} for {} points ({name})", self.k, set.nrows()),
                    "choose 1 or more, below the number of points in each set",
                ));
            }
        }
        // Whatever else is wrong with the sets is an error here.
        let radii = kth(&nearest_others(reference, self.k)?);
        let own = kth(&nearest_others(samples, self.k)?);
        let to_samples = nearest(reference, samples, 1)?.nearest_distances();
        let covered = to_samples.iter().zip(&radii).map(|(d, r)| d <= r).collect();
        Ok(Coverage {
            densities: holding(samples, reference, &radii)
                .into_iter()
                .map(|n| n as f64 / self.k as f64)
                .collect(),
            recalled: holding(reference, samples, &own).into_iter().map(|n| n > 0).collect(),
            covered,
        })
    }
}

impl Coverage {
    /// Share of samples in the ball of some reference point.
    pub fn precision(&self) -> f64 {
        share(self.densities.iter().map(|d| *d > 0.0))
    }

    /// Share of reference points in the ball of some sample; vacuous for noisy samples.
    pub fn recall(&self) -> f64 {
        share(self.recalled.iter().copied())
    }

    /// Mean number of reference balls that hold a sample, over k: 1 on average for samples of the
    /// reference's law, above it where samples crowd in its dense parts.
    pub fn density(&self) -> f64 {
        mean(&self.densities)
    }

    /// Share of reference balls that hold a sample.
    pub fn coverage(&self) -> f64 {
        share(self.covered.iter().copied())
    }

    /// 95 % interval of the precision over new samples, the reference being fixed.
    pub fn precision_interval(&self) -> Option<(f64, f64)> {
        let inside = self.densities.iter().filter(|d| **d > 0.0).count();
        fraction_interval(inside, self.densities.len())
    }

    /// 95 % interval of the recall over new reference points, the samples being fixed.
    pub fn recall_interval(&self) -> Option<(f64, f64)> {
        fraction_interval(self.recalled.iter().filter(|r| **r).count(), self.recalled.len())
    }

    /// 95 % interval of the density over new samples, the reference being fixed.
    pub fn density_interval(&self, bootstrap: &Bootstrap) -> Option<(f64, f64)> {
        bootstrap.mean(&self.densities)
    }

    /// 95 % interval of the coverage over new reference points, the samples being fixed.
    pub fn coverage_interval(&self) -> Option<(f64, f64)> {
        fraction_interval(self.covered.iter().filter(|c| **c).count(), self.covered.len())
    }
}

/// The mean coverage of n reference points by m samples of the same continuous law, whatever it is
/// (arXiv 2002.09797, lemma 2): 1 − Π_{i=1}^{k} (n − i)/(n + m − i).
///
/// A ball holds no sample if the k nearest of the n − 1 + m other points all belong to the reference.
pub fn expected_coverage(reference: usize, samples: usize, k: usize) -> f64 {
    let (n, m) = (reference as f64, samples as f64);
    1.0 - (1..=k).map(|i| ((n - i as f64) / (n + m - i as f64)).max(0.0)).product::<f64>()
}

fn kth(found: &crate::neighbours::Neighbours) -> Vec<f64> {
    found.distances.outer_iter().map(|row| row.last().copied().unwrap_or(0.0)).collect()
}

/// For every query, the number of points in whose ball it is.
fn holding(queries: ArrayView2<f64>, points: ArrayView2<f64>, radii: &[f64]) -> Vec<usize> {
    let (queries, points) = (queries.as_standard_layout(), points.as_standard_layout());
    let d = points.ncols().max(1);
    let points = points.as_slice().unwrap_or_default();
    let queries = queries.as_slice().unwrap_or_default();
    let count = |query: &[f64]| {
        // Roots are compared, as the radii are: squares of them would put a point off its own surface.
        points.chunks(d).zip(radii).filter(|(point, r)| squared_distance(query, point).sqrt() <= **r).count()
    };
    queries.par_chunks(d).map(count).collect()
}

fn share(marks: impl ExactSizeIterator<Item = bool>) -> f64 {
    let n = marks.len();
    marks.filter(|m| *m).count() as f64 / n as f64
}
