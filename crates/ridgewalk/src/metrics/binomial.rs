//! Exact intervals of a fraction (Clopper and Pearson, Biometrika 26, 1934).
//!
//! A fraction of 0 of n resamples to 0 for ever, so its bootstrap interval is the single point 0:
//! exact binomial limits say instead how large it may still be (about 3.7/n).

/// P(at least `k` successes in `n` trials of probability `p`).
fn upper_tail(k: usize, n: usize, p: f64) -> f64 {
    if k == 0 || p >= 1.0 {
        return 1.0;
    }
    if p <= 0.0 || k > n {
        return 0.0;
    }
    // Terms in logarithms: p^k underflows for n in the thousands.
    let (log_p, log_q) = (libm::log(p), libm::log1p(-p));
    let choose = |j: usize| {
        libm::lgamma(n as f64 + 1.0) - libm::lgamma(j as f64 + 1.0) - libm::lgamma((n - j) as f64 + 1.0)
    };
    let term = |j: usize| libm::exp(choose(j) + j as f64 * log_p + (n - j) as f64 * log_q);
    // Sum the shorter-valued side: small terms are then never lost against 1.
    let tail = if k as f64 > n as f64 * p {
        (k..=n).map(term).sum::<f64>()
    } else {
        1.0 - (0..k).map(term).sum::<f64>()
    };
    tail.clamp(0.0, 1.0)
}

/// The p at which P(at least `k` of `n`) is `probability`: also that quantile of the
/// Beta(k, n + 1 − k) law of the k-th smallest of n uniforms. 1 ≤ k ≤ n.
fn tail_inverse(k: usize, n: usize, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    // 60 halvings end below the resolution of f64.
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if upper_tail(k, n, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// 95 % interval of a fraction of which `successes` of `n` were seen; `None` for n = 0 or more
/// successes than trials.
pub fn fraction_interval(successes: usize, n: usize) -> Option<(f64, f64)> {
    if n == 0 || successes > n {
        return None;
    }
    let low = if successes == 0 { 0.0 } else { tail_inverse(successes, n, 0.025) };
    let high = if successes == n { 1.0 } else { tail_inverse(successes + 1, n, 0.975) };
    Some((low, high))
}

/// 95 % range of the probability that lies below the `k`-th smallest of `n` independent draws, a
/// Beta(k, n + 1 − k) variable whatever the distribution: how far a threshold set on n points
/// can be from its nominal level. `None` unless 1 ≤ k ≤ n.
pub fn order_statistic_range(k: usize, n: usize) -> Option<(f64, f64)> {
    if k == 0 || k > n {
        return None;
    }
    Some((tail_inverse(k, n, 0.025), tail_inverse(k, n, 0.975)))
}

/// The smallest count c with P(at most c successes in `n` of probability `p`) ≥ `probability`.
pub fn binomial_quantile(n: usize, p: f64, probability: f64) -> usize {
    (0..n).find(|&c| 1.0 - upper_tail(c + 1, n, p) >= probability).unwrap_or(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Closed forms at the ends, and the tabulated 8 of 10 (R: `binom.test(8, 10)`).
    #[test]
    fn known_intervals() {
        let (low, high) = fraction_interval(0, 20).unwrap();
        assert_eq!(low, 0.0);
        assert!((high - (1.0 - 0.025f64.powf(1.0 / 20.0))).abs() < 1e-12);
        let (low, high) = fraction_interval(8, 10).unwrap();
        assert!((low - 0.4439045).abs() < 1e-6 && (high - 0.9747893).abs() < 1e-6, "{low} {high}");
        let (low, high) = fraction_interval(30_000, 60_000).unwrap();
        assert!((low - 0.49599).abs() < 2e-5 && (high - 0.50401).abs() < 2e-5, "{low} {high}");
        assert_eq!(fraction_interval(1, 0), None);
    }

    /// The smallest of n uniforms is below x with probability 1 − (1 − x)^n.
    #[test]
    fn range_of_the_smallest() {
        let (low, high) = order_statistic_range(1, 50).unwrap();
        assert!((low - (1.0 - 0.975f64.powf(0.02))).abs() < 1e-12);
        assert!((high - (1.0 - 0.025f64.powf(0.02))).abs() < 1e-12);
    }

    #[test]
    fn quantile_of_a_fair_coin() {
        // P(≤ 1 of 2) = 0.75
        assert_eq!(binomial_quantile(2, 0.5, 0.75), 1);
        assert_eq!(binomial_quantile(2, 0.5, 0.76), 2);
        assert_eq!(binomial_quantile(5, 0.0, 0.99), 0);
    }
}
