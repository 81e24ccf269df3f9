//! How findings put numbers in words: one way for all probes.

use super::finding::Cell;

/// Four significant digits.
pub(super) fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let exponent = value.abs().log10().floor();
    if !(-4.0..6.0).contains(&exponent) {
        return format!("{value:.3e}");
    }
    format!("{value:.*}", (3.0 - exponent).max(0.0) as usize)
}

/// A fraction as a percentage with one decimal.
pub(super) fn percent(fraction: f64) -> String {
    format!("{:.1} %", 100.0 * fraction)
}

/// " (95 % interval a to b)", or nothing where there is none.
pub(super) fn interval(interval: Option<(f64, f64)>, show: impl Fn(f64) -> String) -> String {
    match interval {
        Some((low, high)) => format!(" (95 % interval {} to {})", show(low), show(high)),
        None => String::new(),
    }
}

/// "1 sample", "2 samples".
pub(super) fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

/// A cell with an interval, where there is one.
pub(super) fn cell(value: f64, interval: Option<(f64, f64)>) -> Cell {
    match interval {
        Some(interval) => Cell::Interval { value, interval },
        None => Cell::Number(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_digits_at_every_size() {
        assert_eq!(number(0.0), "0");
        assert_eq!(number(12.3456), "12.35");
        assert_eq!(number(-0.0123456), "-0.01235");
        assert_eq!(number(123456.0), "123456");
        assert_eq!(number(1.5e-7), "1.500e-7");
        assert_eq!(percent(0.3), "30.0 %");
        assert_eq!(count(1, "point"), "1 point");
    }
}
