//! The Rényi divergence of two densities on the nodes of one quadrature rule.
//!
//! ```text
//! D_q(P‖Q) = log(∫ P^q Q^{1−q}) / (q − 1),   D_1(P‖Q) = KL(P‖Q) = ∫ P log(P/Q)
//! ```
//!
//! Densities come as logarithms that need not be normalised: the rule itself normalises them, so its error
//! cancels where P and Q are alike, and D_q ≥ 0 always.

use crate::error::{Error, Result};

/// D_q(P‖Q) in nats for the order q > 0. The three slices have one entry a node: log P and log Q up to a
/// constant each, and the logarithm of the node's weight.
///
/// # Errors
/// If the lengths differ or are 0, a value is not finite, or q is not a positive number.
///
/// ```
/// // P = (½, ½), Q = (¼, ¾): D₂ = log(¼/¼ + ¼/¾) = log 4/3.
/// let (p, q) = ([0.0, 0.0], [0.25f64.ln(), 0.75f64.ln()]);
/// let divergence = ridgewalk::metrics::renyi_divergence(&p, &q, &[0.0, 0.0], 2.0)?;
/// assert!((divergence - (4.0f64 / 3.0).ln()).abs() < 1e-15);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub fn renyi_divergence(log_p: &[f64], log_q: &[f64], log_weights: &[f64], order: f64) -> Result<f64> {
    if log_p.is_empty() || log_p.len() != log_q.len() || log_p.len() != log_weights.len() {
        let found = format!("{}, {} and {}", log_p.len(), log_q.len(), log_weights.len());
        return Err(Error::shape("log densities and weights", found, "one value a node, at least one"));
    }
    if !(order > 0.0 && order.is_finite()) {
        return Err(Error::argument("order", format!("is {order}"), "choose a positive number, such as 2"));
    }
    for (what, values) in [("log P", log_p), ("log Q", log_q), ("log weights", log_weights)] {
        if let Some(row) = values.iter().position(|v| !v.is_finite()) {
            return Err(Error::NonFinite { what: what.into(), row, column: 0, value: values[row] });
        }
    }
    let (p, q) = (normalised(log_p, log_weights), normalised(log_q, log_weights));
    let divergence = if order == 1.0 {
        p.iter().zip(&q).map(|(p, q)| libm::exp(*p) * (p - q)).sum::<f64>()
    } else {
        let terms: Vec<f64> = p.iter().zip(&q).map(|(p, q)| order * p + (1.0 - order) * q).collect();
        log_sum(&terms) / (order - 1.0)
    };
    // Below rounding the sign means nothing, and a divergence has none.
    Ok(divergence.max(0.0))
}

/// Log of every node's mass, with total mass one.
fn normalised(log_density: &[f64], log_weights: &[f64]) -> Vec<f64> {
    let masses: Vec<f64> = log_density.iter().zip(log_weights).map(|(l, w)| l + w).collect();
    let total = log_sum(&masses);
    masses.iter().map(|m| m - total).collect()
}

/// log Σ exp.
pub(crate) fn log_sum(values: &[f64]) -> f64 {
    let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    largest + libm::log(values.iter().map(|v| libm::exp(v - largest)).sum::<f64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian_nodes(mean: f64, variance: f64) -> Vec<f64> {
        let node = |i: i32| 0.01 * f64::from(i);
        (-2000..=2000).map(|i| -(node(i) - mean) * (node(i) - mean) / (2.0 * variance)).collect()
    }

    /// Gaussians of one variance: D_q = q·Δ²/(2v). Of two: the closed form of van Erven and Harremoës
    /// (arXiv 1206.2459, eq. 10) with v* = (1−q)·v_P + q·v_Q.
    #[test]
    fn gaussians_have_the_closed_form() {
        let weights = vec![0.0; 4001];
        let (p, q) = (gaussian_nodes(0.3, 1.0), gaussian_nodes(-0.2, 1.0));
        for order in [0.5, 1.0, 2.0, 3.0] {
            let found = renyi_divergence(&p, &q, &weights, order).unwrap();
            assert!((found - order * 0.125).abs() < 1e-10, "{order} {found}");
        }
        let wide = gaussian_nodes(-0.2, 1.5);
        for order in [0.5f64, 2.0] {
            let mixed = (1.0 - order) * 1.0 + order * 1.5;
            let expected = order * 0.25 / (2.0 * mixed)
                + (mixed.ln() - (1.0 - order) * 1f64.ln() - order * 1.5f64.ln()) / (2.0 * (1.0 - order));
            let found = renyi_divergence(&p, &wide, &weights, order).unwrap();
            assert!((found - expected).abs() < 1e-10, "{order} {found} {expected}");
        }
    }

    #[test]
    fn equal_is_zero_and_constants_do_not_matter() {
        let p = gaussian_nodes(0.0, 1.0);
        let shifted: Vec<f64> = p.iter().map(|v| v + 700.0).collect();
        let weights: Vec<f64> = (0..p.len()).map(|i| (i % 7) as f64).collect();
        assert!(renyi_divergence(&p, &shifted, &weights, 2.0).unwrap() < 1e-12);
    }

    #[test]
    fn what_has_no_meaning_is_refused() {
        assert!(renyi_divergence(&[], &[], &[], 2.0).is_err());
        assert!(renyi_divergence(&[0.0], &[0.0, 1.0], &[0.0], 2.0).is_err());
        assert!(renyi_divergence(&[f64::NAN], &[0.0], &[0.0], 2.0).is_err());
        assert!(renyi_divergence(&[0.0], &[0.0], &[0.0], 0.0).is_err());
    }
}
