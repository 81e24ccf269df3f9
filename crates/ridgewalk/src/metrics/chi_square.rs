//! The chi-square test that two lists of counts come from one distribution.

/// Outcome of a chi-square test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChiSquare {
    /// The statistic Σ (observed − expected)²/expected.
    pub statistic: f64,
    /// Degrees of freedom: categories that occur, minus one.
    pub degrees_of_freedom: usize,
    /// Probability of a statistic at least as large if both come from one distribution.
    pub p_value: f64,
    /// Smallest expected count; below 5 the p-value is rough.
    pub smallest_expected: f64,
}

/// Homogeneity of two lists of counts over the same categories: both are random (Pearson, 2 × K).
///
/// `None` if the lengths differ, a list sums to 0, or fewer than two categories occur.
pub fn homogeneity(a: &[usize], b: &[usize]) -> Option<ChiSquare> {
    let (n, m) = (a.iter().sum::<usize>() as f64, b.iter().sum::<usize>() as f64);
    if a.len() != b.len() || n == 0.0 || m == 0.0 {
        return None;
    }
    let (mut statistic, mut categories, mut smallest_expected) = (0.0, 0usize, f64::INFINITY);
    for (&x, &y) in a.iter().zip(b).filter(|&(&x, &y)| x + y > 0) {
        categories += 1;
        let together = (x + y) as f64 / (n + m);
        for (observed, size) in [(x as f64, n), (y as f64, m)] {
            let expected = together * size;
            smallest_expected = smallest_expected.min(expected);
            statistic += (observed - expected) * (observed - expected) / expected;
        }
    }
    let degrees_of_freedom = categories.checked_sub(1).filter(|&f| f > 0)?;
    let p_value = survival(statistic, degrees_of_freedom);
    Some(ChiSquare { statistic, degrees_of_freedom, p_value, smallest_expected })
}

/// Symmetry of a square table of paired outcomes (Bowker 1948): as many go from i to j as from j to i,
///
/// ```text
/// Σ_{i<j} (n_ij − n_ji)²/(n_ij + n_ji),   a degree of freedom for every pair i, j between which some go
/// ```
///
/// It allows for the two outcomes of a pair being dependent. A term's mean is exactly 1 under the null
/// and its variance 2 − 2/(n_ij + n_ji), so with few changes the p-value is too large, not too small.
///
/// `None` if the table is not square, or nothing changes.
pub fn symmetry(table: &[Vec<usize>]) -> Option<ChiSquare> {
    if table.iter().any(|row| row.len() != table.len()) {
        return None;
    }
    let (mut statistic, mut degrees_of_freedom, mut smallest_expected) = (0.0, 0, f64::INFINITY);
    for (i, row) in table.iter().enumerate() {
        for (j, &there) in row.iter().enumerate().skip(i + 1) {
            let (there, back) = (there as f64, table[j][i] as f64);
            if there + back > 0.0 {
                statistic += (there - back) * (there - back) / (there + back);
                degrees_of_freedom += 1;
                smallest_expected = smallest_expected.min(0.5 * (there + back));
            }
        }
    }
    let p_value = survival(statistic, degrees_of_freedom);
    (degrees_of_freedom > 0).then_some(ChiSquare {
        statistic,
        degrees_of_freedom,
        p_value,
        smallest_expected,
    })
}

/// P(χ² with `freedom` degrees of freedom > `x`), by the finite recurrence of the incomplete gamma
/// function Q(a + 1, y) = Q(a, y) + y^a e^(−y)/Γ(a + 1).
pub fn survival(x: f64, freedom: usize) -> f64 {
    let y = 0.5 * x.max(0.0);
    if y == 0.0 {
        return 1.0;
    }
    let (mut a, mut q) = if freedom % 2 == 1 { (0.5, libm::erfc(y.sqrt())) } else { (1.0, libm::exp(-y)) };
    while a < 0.5 * freedom as f64 {
        q += libm::exp(a * libm::log(y) - y - libm::lgamma(a + 1.0));
        a += 1.0;
    }
    q.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The 5 % points of the printed tables.
    #[test]
    fn tabulated_points() {
        for (freedom, x) in [(1, 3.841_459), (2, 5.991_465), (5, 11.070_498), (10, 18.307_038)] {
            assert!((survival(x, freedom) - 0.05).abs() < 1e-7, "{freedom}");
        }
        assert_eq!(survival(0.0, 3), 1.0);
    }

    /// Pairs (0, 1): 20 there, 5 back, 225/25 = 9; (0, 2): none; (1, 2): 4 and 4, 0. For two classes it is
    /// McNemar's test.
    #[test]
    fn symmetry_by_hand() {
        let test = symmetry(&[vec![50, 20, 0], vec![5, 60, 4], vec![0, 4, 9]]).unwrap();
        assert_eq!((test.statistic, test.degrees_of_freedom, test.smallest_expected), (9.0, 2, 4.0));
        assert!((test.p_value - libm::exp(-4.5)).abs() < 1e-15);
        assert_eq!(symmetry(&[vec![3, 0], vec![0, 7]]), None);
        assert_eq!(symmetry(&[vec![3, 1]]), None);
    }

    /// 10/20 against 20/10: all expected counts 15, statistic 4·25/15.
    #[test]
    fn two_by_two_by_hand() {
        let test = homogeneity(&[10, 20, 0], &[20, 10, 0]).unwrap();
        assert!((test.statistic - 20.0 / 3.0).abs() < 1e-12);
        assert_eq!((test.degrees_of_freedom, test.smallest_expected), (1, 15.0));
        assert_eq!(homogeneity(&[3, 4], &[6, 8]).unwrap().statistic, 0.0);
        assert_eq!(homogeneity(&[3, 0], &[6, 0]), None);
        assert_eq!(homogeneity(&[3], &[6, 0]), None);
    }
}
