//! Gauss–Hermite rules for the standard normal: Σᵢ wᵢ f(zᵢ) = E f(z) for polynomials f of degree up to 2m − 1.
//!
//! Nodes are the eigenvalues of the Jacobi matrix of the orthonormal Hermite polynomials, which has zeros
//! on its diagonal and √k beside it (Golub & Welsch 1969), found by bisection on Sturm's count; weights
//! are wᵢ = 1/Σₖ hₖ(zᵢ)², k = 0..m − 1 (the Christoffel function).

/// Nodes, ascending and exactly symmetric about 0, and weights, which sum to one; m up to a few hundred.
pub(super) fn rule(m: usize) -> (Vec<f64>, Vec<f64>) {
    let mut nodes = vec![0.0; m];
    for k in 0..m / 2 {
        let z = eigenvalue(m, m - 1 - k);
        if let Some(low) = nodes.get_mut(k) {
            *low = -z;
        }
        if let Some(high) = nodes.get_mut(m - 1 - k) {
            *high = z;
        }
    }
    let mut weights: Vec<f64> = nodes.iter().map(|&z| 1.0 / squares(m, z)).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    (nodes, weights)
}

/// The k-th eigenvalue (ascending, from 0), to the last bits.
fn eigenvalue(m: usize, k: usize) -> f64 {
    // Gershgorin: all are within ±2√m.
    let (mut low, mut high) = (-2.0 * (m as f64).sqrt(), 2.0 * (m as f64).sqrt());
    loop {
        let middle = 0.5 * (low + high);
        if middle <= low || middle >= high {
            return middle;
        }
        if below(m, middle) > k {
            high = middle;
        } else {
            low = middle;
        }
    }
}

/// How many eigenvalues are below z: negative pivots of the matrix less z (Sturm's count).
fn below(m: usize, z: f64) -> usize {
    let (mut pivot, mut count) = (-z, usize::from(-z < 0.0));
    for k in 1..m {
        let safe = if pivot == 0.0 { f64::MIN_POSITIVE } else { pivot };
        pivot = -z - k as f64 / safe;
        count += usize::from(pivot < 0.0);
    }
    count
}

/// Σₖ hₖ(z)² by the recurrence √(k+1) hₖ₊₁ = z hₖ − √k hₖ₋₁.
fn squares(m: usize, z: f64) -> f64 {
    let (mut last, mut current, mut sum) = (0.0, 1.0, 1.0);
    for k in 1..m {
        let k = k as f64;
        let next = (z * current - (k - 1.0).sqrt() * last) / k.sqrt();
        (last, current) = (current, next);
        sum += current * current;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three nodes by hand: 0 and ±√3, weights 2/3 and 1/6.
    #[test]
    fn three_nodes_are_known() {
        let (nodes, weights) = rule(3);
        for (value, expected) in nodes.iter().zip([-(3f64.sqrt()), 0.0, 3f64.sqrt()]) {
            assert!((value - expected).abs() < 1e-15);
        }
        for (value, expected) in weights.iter().zip([1.0 / 6.0, 2.0 / 3.0, 1.0 / 6.0]) {
            assert!((value - expected).abs() < 1e-15);
        }
        assert_eq!(rule(1), (vec![0.0], vec![1.0]));
    }

    /// E z^{2p} = (2p − 1)!! for 2p ≤ 2m − 1, and E cos(z) = e^{−1/2} for every larger rule.
    #[test]
    fn moments_are_those_of_the_normal() {
        for m in [2, 5, 8, 20, 127, 128] {
            let (nodes, weights) = rule(m);
            let mean =
                |f: &dyn Fn(f64) -> f64| -> f64 { nodes.iter().zip(&weights).map(|(&z, &w)| w * f(z)).sum() };
            let mut factorial = 1.0;
            for p in 1..m.min(12) {
                factorial *= (2 * p - 1) as f64;
                let moment = mean(&|z| libm::pow(z, (2 * p) as f64));
                assert!((moment / factorial - 1.0).abs() < 1e-11, "{m} {p}: {moment} {factorial}");
            }
            if m >= 20 {
                assert!((mean(&|z| libm::cos(z)) - libm::exp(-0.5)).abs() < 1e-13);
            }
        }
    }
}
