//! How well predictions agree with measurements, pair by pair.

use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::mean;

/// Agreement of predicted with measured values; intervals are 95 % bootstrap percentiles over the pairs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// Number of pairs.
    pub count: usize,
    /// Σ pm/Σ p²: the measured over the predicted, by least squares through 0.
    pub slope: f64,
    /// Interval of the slope.
    pub slope_interval: (f64, f64),
    /// Pearson's correlation.
    pub pearson: f64,
    /// Interval of Pearson's correlation.
    pub pearson_interval: (f64, f64),
    /// Spearman's correlation, that of ranks; equal values share their mean rank.
    pub spearman: f64,
}

impl Agreement {
    /// Of pairs; `None` if there are fewer than three, or either side does not vary.
    ///
    /// ```
    /// use ridgewalk::geometry::Agreement;
    ///
    /// let found = Agreement::of(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 8.0]).unwrap();
    /// assert!((found.slope - 2.0).abs() < 1e-12 && (found.pearson - 1.0).abs() < 1e-12);
    /// assert!(Agreement::of(&[1.0, 1.0, 1.0], &[1.0, 2.0, 3.0]).is_none());
    /// ```
    pub fn of(predicted: &[f64], measured: &[f64]) -> Option<Self> {
        let n = predicted.len();
        if n != measured.len() || n < 3 {
            return None;
        }
        let pearson = correlation(predicted, measured)?;
        let spearman = correlation(&ranks(predicted), &ranks(measured))?;
        let slope = through_zero(predicted, measured);
        let bootstrap = Bootstrap::default();
        let pick = |values: &[f64], rows: &[usize]| -> Vec<f64> { rows.iter().map(|&r| values[r]).collect() };
        // A resample of one value many times has no correlation, and says nothing: it counts as the whole's.
        let of_rows =
            |rows: &[usize]| correlation(&pick(predicted, rows), &pick(measured, rows)).unwrap_or(pearson);
        let slope_of = |rows: &[usize]| through_zero(&pick(predicted, rows), &pick(measured, rows));
        Some(Agreement {
            count: n,
            slope,
            slope_interval: bootstrap.interval(n, slope_of).unwrap_or((slope, slope)),
            pearson,
            pearson_interval: bootstrap.interval(n, of_rows).unwrap_or((pearson, pearson)),
            spearman,
        })
    }
}

fn through_zero(p: &[f64], m: &[f64]) -> f64 {
    p.iter().zip(m).map(|(p, m)| p * m).sum::<f64>() / p.iter().map(|p| p * p).sum::<f64>()
}

fn correlation(p: &[f64], m: &[f64]) -> Option<f64> {
    let (centre_p, centre_m) = (mean(p), mean(m));
    let mut sums = [0.0; 3];
    for (p, m) in p.iter().zip(m) {
        let (p, m) = (p - centre_p, m - centre_m);
        sums[0] += p * m;
        sums[1] += p * p;
        sums[2] += m * m;
    }
    let found = sums[0] / (sums[1] * sums[2]).sqrt();
    found.is_finite().then_some(found)
}

fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for equal in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let first = order.iter().position(|&i| Some(&i) == equal.first()).unwrap_or(0);
        let rank = first as f64 + 0.5 * (equal.len() as f64 - 1.0);
        equal.iter().for_each(|&i| ranks[i] = rank);
    }
    ranks
}
