//! Percentile bootstrap intervals (Efron and Tibshirani 1993, chapter 13), 95 %.
//!
//! Rows are drawn with replacement; the interval runs from the 2.5 % to the 97.5 % quantile of the
//! statistic over the resamples. Every resample has its own random stream, so the interval depends
//! on the seed alone. Below about ten rows the intervals are too narrow; for fractions use
//! [`fraction_interval`](super::fraction_interval), which stays honest at 0 and 1.
//!
//! ```
//! let bootstrap = ridgewalk::metrics::Bootstrap::new(1000, 7);
//! let (low, high) = bootstrap.mean(&[1.0, 2.0, 3.0, 4.0]).unwrap();
//! assert!(low < 2.5 && 2.5 < high);
//! assert_eq!(bootstrap.mean(&[1.0]), None); // one value says nothing about its spread
//! ```

use rayon::prelude::*;

use crate::random::{Purpose, Stream};

/// How bootstrap intervals are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Number of resamples B; 1000 or more for 95 % limits.
    pub resamples: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Bootstrap { resamples: 1000, seed: 0 }
    }
}

impl Bootstrap {
    /// With this many resamples and this seed.
    pub fn new(resamples: usize, seed: u64) -> Self {
        Bootstrap { resamples, seed }
    }

    /// Interval of any statistic of row indices (of `n` rows, drawn with replacement).
    ///
    /// `None` if there are fewer than two rows or two resamples, or if the statistic is not finite
    /// on some resample.
    pub fn interval(&self, n: usize, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Option<(f64, f64)> {
        percentiles(self.replicates(n, statistic)?)
    }

    /// The statistic on every resample, in order; `None` as for [`Bootstrap::interval`].
    pub fn replicates(&self, n: usize, statistic: impl Fn(&[usize]) -> f64 + Sync) -> Option<Vec<f64>> {
        self.replicates_of_two(n, n, |rows, _| statistic(rows))
    }

    /// The statistic on resamples of two independent sets of rows; `None` as for
    /// [`Bootstrap::interval`], for either set.
    pub fn replicates_of_two(
        &self,
        n: usize,
        m: usize,
        statistic: impl Fn(&[usize], &[usize]) -> f64 + Sync,
    ) -> Option<Vec<f64>> {
        if n < 2 || m < 2 || self.resamples < 2 {
            return None;
        }
        let values: Vec<f64> = (0..self.resamples as u64)
            .into_par_iter()
            .map(|resample| statistic(&self.draw(n, resample, 0), &self.draw(m, resample, 1)))
            .collect();
        values.iter().all(|v| v.is_finite()).then_some(values)
    }

    /// Interval of the mean.
    pub fn mean(&self, values: &[f64]) -> Option<(f64, f64)> {
        self.interval(values.len(), |rows| mean_of(values, rows))
    }

    /// Interval of the median.
    pub fn median(&self, values: &[f64]) -> Option<(f64, f64)> {
        self.interval(values.len(), |rows| median(&rows.iter().map(|&r| values[r]).collect::<Vec<_>>()))
    }

    /// Interval of mean(numerator)/mean(denominator) of paired values; `None` also if the lengths
    /// differ.
    pub fn ratio(&self, numerator: &[f64], denominator: &[f64]) -> Option<(f64, f64)> {
        if numerator.len() != denominator.len() {
            return None;
        }
        self.interval(numerator.len(), |rows| mean_of(numerator, rows) / mean_of(denominator, rows))
    }

    /// Interval of mean(a) − mean(b) of two independent groups.
    pub fn difference(&self, a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
        let statistic = |rows: &[usize], others: &[usize]| mean_of(a, rows) - mean_of(b, others);
        percentiles(self.replicates_of_two(a.len(), b.len(), statistic)?)
    }

    /// Interval of mean(a)/mean(b) of two independent groups.
    pub fn quotient(&self, a: &[f64], b: &[f64]) -> Option<(f64, f64)> {
        let statistic = |rows: &[usize], others: &[usize]| mean_of(a, rows) / mean_of(b, others);
        percentiles(self.replicates_of_two(a.len(), b.len(), statistic)?)
    }

    fn draw(&self, n: usize, resample: u64, set: u64) -> Vec<usize> {
        let mut stream = Stream::new(self.seed, Purpose::Bootstrap, resample, set);
        (0..n).map(|_| stream.below(n)).collect()
    }
}

/// The 2.5 % and 97.5 % quantiles of replicates.
pub(crate) fn percentiles(mut replicates: Vec<f64>) -> Option<(f64, f64)> {
    replicates.sort_unstable_by(f64::total_cmp);
    Some((quantile_of_sorted(&replicates, 0.025)?, quantile_of_sorted(&replicates, 0.975)?))
}

/// Quantile by linear interpolation of order statistics (Hyndman and Fan's type 7); `None` if
/// there are no values. `sorted` ascends, 0 ≤ `level` ≤ 1.
pub fn quantile_of_sorted(sorted: &[f64], level: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = level.clamp(0.0, 1.0) * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (position - below as f64) * (sorted[above] - sorted[below]))
}

/// Mean; NaN of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Median; NaN of nothing.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    quantile_of_sorted(&sorted, 0.5).unwrap_or(f64::NAN)
}

fn mean_of(values: &[f64], rows: &[usize]) -> f64 {
    rows.iter().map(|&r| values[r]).sum::<f64>() / rows.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normals(n: usize, key: u64) -> Vec<f64> {
        let mut values = vec![0.0; n];
        Stream::new(5, Purpose::Synthetic, key, 0).fill_normal(&mut values);
        values
    }

    /// The interval of a mean is mean ± 1.96 s/√n up to skewness and the error of a 2.5 % quantile
    /// from 4000 resamples, whose standard deviation is 0.042 of the half width's unit s/√n: 10 %.
    #[test]
    fn interval_of_a_mean_is_the_normal_one() {
        let values = normals(400, 1);
        let centre = mean(&values);
        let s = (values.iter().map(|v| (v - centre).powi(2)).sum::<f64>() / 400.0).sqrt();
        let (low, high) = Bootstrap::new(4000, 1).mean(&values).unwrap();
        let half = 1.96 * s / 20.0;
        assert!(((centre - low) / half - 1.0).abs() < 0.1, "{low} {centre} {half}");
        assert!(((high - centre) / half - 1.0).abs() < 0.1, "{high} {centre} {half}");
    }

    /// 200 intervals of 95 %: the number that covers has standard deviation 3.1 around 190 (a
    /// little fewer for n = 50); four of them.
    #[test]
    fn covers_the_truth_as_often_as_it_says() {
        let covered = (0..200)
            .filter(|&key| {
                let (low, high) = Bootstrap::new(400, key).mean(&normals(50, 100 + key)).unwrap();
                low <= 0.0 && 0.0 <= high
            })
            .count();
        assert!((176..=199).contains(&covered), "{covered}");
    }

    #[test]
    fn constants_ratios_and_differences() {
        let bootstrap = Bootstrap::new(100, 3);
        assert_eq!(bootstrap.mean(&[2.0; 9]), Some((2.0, 2.0)));
        // the numerator is exactly thrice the denominator on every resample
        assert_eq!(bootstrap.ratio(&[3.0, 6.0, 12.0], &[1.0, 2.0, 4.0]), Some((3.0, 3.0)));
        assert_eq!(bootstrap.difference(&[5.0; 4], &[2.0; 3]), Some((3.0, 3.0)));
        let (low, high) = bootstrap.median(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        assert!((1.0..3.0).contains(&low) && high > 3.0 && high <= 5.0);
    }

    #[test]
    fn says_nothing_where_nothing_is_known() {
        let bootstrap = Bootstrap::default();
        assert_eq!(bootstrap.mean(&[1.0]), None);
        assert_eq!(bootstrap.mean(&[]), None);
        assert_eq!(bootstrap.ratio(&[1.0, 2.0], &[0.0, 0.0]), None);
        assert_eq!(bootstrap.ratio(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(bootstrap.difference(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(Bootstrap::new(1, 0).mean(&[1.0, 2.0]), None);
    }

    #[test]
    fn bytes_do_not_depend_on_threads() {
        let values = normals(100, 2);
        let run = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Bootstrap::new(300, 4).median(&values))
        };
        assert_eq!(run(1), run(2));
        assert_eq!(run(1), run(7));
    }

    #[test]
    fn quantiles_interpolate() {
        assert_eq!(quantile_of_sorted(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(quantile_of_sorted(&[1.0, 2.0], 1.0), Some(2.0));
        assert_eq!(quantile_of_sorted(&[], 0.5), None);
    }
}
