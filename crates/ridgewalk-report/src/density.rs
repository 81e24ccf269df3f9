//! Kernel density estimates and quantiles of one group of values.
//!
//! f(x) = (1 / n h) Σ φ((x − xᵢ) / h) with Silverman's bandwidth (Silverman 1986, eq. 3.31), computed in
//! the axis' units: on a logarithmic axis it is a density per decade. Values that cannot be negative are
//! reflected at 0 (section 2.10 there), so that no mass leaks below it.

/// A density estimate on a regular grid.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Density {
    /// (x, f(x)), in the axis' units.
    pub(crate) points: Vec<(f64, f64)>,
}

/// Silverman's rule: 0.9 · min(standard deviation, interquartile range / 1.34) · n^(−1/5).
///
/// `sorted` must be ascending. Zero if all values are equal.
pub(crate) fn bandwidth(sorted: &[f64]) -> f64 {
    let n = sorted.len() as f64;
    if sorted.len() < 2 {
        return 0.0;
    }
    let mean = sorted.iter().sum::<f64>() / n;
    let deviation = (sorted.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let quartiles = (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / 1.34;
    // More than half of the values may be equal; the deviation still tells a width.
    let width = if quartiles > 0.0 { deviation.min(quartiles) } else { deviation };
    let width = 0.9 * width * n.powf(-0.2);
    if width > 1e-9 * mean.abs() { width } else { 0.0 }
}

/// The density of `sorted` at `count` points from `low` to `high`, with kernels of width `h` > 0.
pub(crate) fn estimate(sorted: &[f64], h: f64, low: f64, high: f64, count: usize, reflect: bool) -> Density {
    let scale = 1.0 / (sorted.len() as f64 * h * (2.0 * std::f64::consts::PI).sqrt());
    // Beyond eight bandwidths a kernel is below 1e-14 of its peak.
    let reach = 8.0 * h;
    let mass = |x: f64| {
        let start = sorted.partition_point(|&v| v < x - reach);
        let end = sorted.partition_point(|&v| v <= x + reach);
        sorted[start..end].iter().map(|v| (-0.5 * ((x - v) / h).powi(2)).exp()).sum::<f64>()
    };
    let points = (0..count)
        .map(|i| {
            let x = low + (high - low) * i as f64 / (count.max(2) - 1) as f64;
            let total = if reflect { mass(x) + mass(-x) } else { mass(x) };
            (x, scale * total)
        })
        .collect();
    Density { points }
}

/// Quantile of ascending values by linear interpolation (Hyndman & Fan 1996, definition 7); NaN if there are none.
pub(crate) fn quantile(sorted: &[f64], q: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let position = q.clamp(0.0, 1.0) * last as f64;
    let below = sorted[position.floor() as usize];
    let above = sorted[position.ceil() as usize];
    below + (above - below) * position.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(density: &Density) -> f64 {
        density.points.windows(2).map(|w| 0.5 * (w[0].1 + w[1].1) * (w[1].0 - w[0].0)).sum()
    }

    #[test]
    fn quantiles_by_hand() {
        let v = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(quantile(&v, 0.0), 1.0);
        assert_eq!(quantile(&v, 0.5), 3.0);
        assert_eq!(quantile(&v, 0.25), 1.75);
        assert_eq!(quantile(&v, 1.0), 8.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn one_value_gives_one_normal_density() {
        let density = estimate(&[2.0], 0.5, -2.0, 6.0, 801, false);
        assert!((area(&density) - 1.0).abs() < 1e-9);
        let peak = density.points[400];
        assert!((peak.1 - 0.797_884_560_802_865).abs() < 1e-12, "{peak:?}");
    }

    #[test]
    fn reflection_keeps_all_mass_above_zero() {
        let values = [0.0, 0.1, 0.2, 0.5, 1.0];
        let leaking = estimate(&values, 0.3, 0.0, 5.0, 2001, false);
        let reflected = estimate(&values, 0.3, 0.0, 5.0, 2001, true);
        assert!(area(&leaking) < 0.8);
        assert!((area(&reflected) - 1.0).abs() < 1e-6);
    }

    #[test]
    fn bandwidth_by_hand_and_zero_for_equal_values() {
        // Deviation √2.5 = 1.5811, quartiles 2 / 1.34 = 1.4925 (the smaller), 5^(−1/5) = 0.72478.
        assert!((bandwidth(&[1.0, 2.0, 3.0, 4.0, 5.0]) - 0.9 * 1.492_537 * 0.724_780).abs() < 1e-5);
        assert_eq!(bandwidth(&[3.0; 7]), 0.0);
        assert_eq!(bandwidth(&[0.1; 3]), 0.0);
    }
}
