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

    fn measure(&self, subject: &Subject, _bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some(null) = subject.reference().held_out_to_train()? else {
            return Err(Error::argument("held_out", "is missing", "give held-out data"));
        };
        let own = subject.to_train()?.nearest_distances().to_vec();
        let null = null.nearest_distances().to_vec();
        let z = mann_whitney(&own, &null);
        let verdict = if z < -3.0 {
            "samples are closer to the training data than held-out data are: copies, or less noise"
        } else if z > 3.0 {
            "samples are farther from the training data than held-out data are"
        } else {
            "samples are as far from the training data as held-out data are"
        };
        let statement =
            format!("Data-copying statistic C_T = {} (new data: within ±3): {verdict}.", words::number(z));
        Ok(vec![Finding::new("data-copying", statement, z, own.len()).setting("cells", 1)])
    }
}

/// Standardised U of `own` against `null`; 0 if all values are equal.
fn mann_whitney(own: &[f64], null: &[f64]) -> f64 {
    let (m, n) = (own.len() as f64, null.len() as f64);
    let mut all: Vec<(f64, bool)> =
        own.iter().map(|&d| (d, true)).chain(null.iter().map(|&d| (d, false))).collect();
    all.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut u, mut below, mut ties) = (0.0, 0.0, 0.0);
    for tied in all.chunk_by(|a, b| a.0 == b.0) {
        let mine = tied.iter().filter(|v| v.1).count() as f64;
        let size = tied.len() as f64;
        u += mine * (below + 0.5 * (size - mine));
        below += size - mine;
        ties += size * size * size - size;
    }
    let total = m + n;
    let variance = m * n / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)));
    if variance > 0.0 { (u - 0.5 * m * n) / variance.sqrt() } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hand-worked: own {1, 4}, null {2, 3, 5}: pairs won 0 + 2, U = 2, mean 3, variance 3.
    #[test]
    fn mann_whitney_by_hand() {
        assert!((mann_whitney(&[1.0, 4.0], &[2.0, 3.0, 5.0]) + 1.0 / 3f64.sqrt()).abs() < 1e-15);
        // a tie counts one half: {1, 2} against {2, 3}: U = 0.5, mean 2, variance 4/12·(5 − 6/12)
        let z = mann_whitney(&[1.0, 2.0], &[2.0, 3.0]);
        assert!((z + 1.5 / 1.5f64.sqrt()).abs() < 1e-15);
        assert_eq!(mann_whitney(&[1.0; 9], &[1.0; 9]), 0.0);
    }
}
