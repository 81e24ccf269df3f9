//! C_T: the three-sample test for data copying (arXiv 2004.05675, section 4), over one cell.
//!
//! Mann–Whitney: U counts the pairs (sample, held-out point) in which the sample is farther from
//! the training set; with m samples and n held-out points
//!
//! ```text
//! C_T = (U − mn/2) / √( mn/12 · ((N + 1) − Σ(t³ − t)/(N(N − 1))) ),   N = m + n, t: sizes of ties
//! ```
//!
//! is standard normal for new data; far below 0 the samples are too close to the training set, far
//! above they miss it. Two cautions: clean samples of noisy data are closer than held-out points
//! without being copies (see [`Memorisation`](super::Memorisation)), and one cell for all data lets
//! copies in one region hide behind poor samples in another.

use super::finding::Finding;
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::percentiles;

/// The data-copying statistic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataCopying;

/// Below this size of either group the normal approximation of U is poor.
const MIN_GROUP: usize = 8;

impl Probe for DataCopying {
    fn id(&self) -> &'static str {
        "data-copying"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let held_out = subject.reference().held_out_set().map_or(0, |set| set.len());
        (held_out < MIN_GROUP || subject.samples().len() < MIN_GROUP)
            .then(|| format!("needs {MIN_GROUP} samples and {MIN_GROUP} held-out points"))
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some(null) = subject.reference().held_out_to_train()? else {
            return Err(Error::argument("held_out", "is missing", "give held-out data"));
        };
        let own = subject.to_train()?.nearest_distances().to_vec();
        let null = null.nearest_distances().to_vec();
        let (own, null, sizes) = ranks(&own, &null);
        let z = mann_whitney(own.iter().copied(), null.iter().copied(), sizes);
        let interval = bootstrap
            .replicates_of_two(own.len(), null.len(), |rows, others| {
                mann_whitney(rows.iter().map(|&r| own[r]), others.iter().map(|&r| null[r]), sizes)
            })
            .and_then(percentiles);
        let verdict = if z < -3.0 {
            "samples are closer to the training data than held-out data are: copies, or less noise"
        } else if z > 3.0 {
            "samples are farther from the training data than held-out data are"
        } else {
            "samples are as far from the training data as held-out data are"
        };
        let statement =
            format!("Data-copying statistic C_T = {} (new data: within ±3): {verdict}.", words::number(z));
        let mut finding = Finding::new("data-copying", statement, z, own.len()).setting("cells", 1);
        if let Some(interval) = interval {
            finding =
                finding.interval(interval).setting("interval", "bootstrap of samples and held-out points");
        }
        Ok(vec![finding])
    }
}

/// The ranks of both groups among their different values (from 0), and how many values there are: a
/// resample is then counted, not sorted.
fn ranks(own: &[f64], null: &[f64]) -> (Vec<usize>, Vec<usize>, usize) {
    let mut values = [own, null].concat();
    values.sort_unstable_by(f64::total_cmp);
    values.dedup();
    let rank = |value: &f64| values.partition_point(|v| v < value);
    (own.iter().map(rank).collect(), null.iter().map(rank).collect(), values.len())
}

/// Standardised U of `own` against `null`, given as ranks below `values`; 0 if all are equal.
fn mann_whitney(own: impl Iterator<Item = usize>, null: impl Iterator<Item = usize>, values: usize) -> f64 {
    let mut counts = vec![(0.0, 0.0); values];
    own.for_each(|rank| counts[rank].0 += 1.0);
    null.for_each(|rank| counts[rank].1 += 1.0);
    let (mut m, mut n, mut u, mut ties) = (0.0, 0.0, 0.0, 0.0);
    for (mine, theirs) in counts {
        let size: f64 = mine + theirs;
        u += mine * (n + 0.5 * theirs);
        (m, n) = (m + mine, n + theirs);
        ties += size * size * size - size;
    }
    let total = m + n;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance > 0.0 { (u - 0.5 * m * n) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statistic(own: &[f64], null: &[f64]) -> f64 {
        let (own, null, values) = ranks(own, null);
        mann_whitney(own.into_iter(), null.into_iter(), values)
    }

    /// Hand-worked: own {1, 4}, null {2, 3, 5}: pairs won 0 + 2, U = 2, mean 3, variance 3.
    #[test]
    fn mann_whitney_by_hand() {
        assert!((statistic(&[1.0, 4.0], &[2.0, 3.0, 5.0]) + 1.0 / 3f64.sqrt()).abs() < 1e-15);
        // a tie counts one half: {1, 2} against {2, 3}: U = 0.5, mean 2, variance 4/12·(5 − 6/12)
        let z = statistic(&[1.0, 2.0], &[2.0, 3.0]);
        assert!((z + 1.5 / 1.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(statistic(&[1.0; 9], &[1.0; 9]), 0.0);
    }
}
