//! Axes as mathematics: the domain of the data, its map to pixels, and round ticks.
//!
//! A logarithmic axis lives in log₁₀ throughout; domains are kept in those units.

use crate::number::{format_decade, format_tick};

/// A closed interval of an axis, in the axis' own units (log₁₀ where it is logarithmic).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Domain {
    pub(crate) log: bool,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// One tick: where (in the axis' units), and its label (empty for a minor tick).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// A value in the axis' units, if the axis can show it.
pub(crate) fn forward(log: bool, value: f64) -> Option<f64> {
    let value = if log { if value > 0.0 { value.log10() } else { return None } } else { value };
    // Beyond this, differences and squares of coordinates overflow.
    (value.abs() < 1e150).then_some(value)
}

impl Domain {
    /// The domain of some values (in the axis' units) with a margin; `None` if there is none.
    pub(crate) fn of(log: bool, values: impl Iterator<Item = f64>, margin: f64) -> Option<Self> {
        let (min, max) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), v| (lo.min(v), hi.max(v)));
        if min > max {
            return None;
        }
        let middle = 0.5 * (min + max);
        // Equal values, or values that differ in the last digits only, still need room.
        let least = if log { 0.2 } else { (middle.abs() * 1e-9).max(f64::MIN_POSITIVE) };
        let half = 0.5 * (max - min);
        let half = match half > least {
            true => half * (1.0 + 2.0 * margin),
            false if log => 0.5,
            false => 0.5f64.max(middle.abs() * 0.05),
        };
        Some(Domain { log, min: middle - half, max: middle + half })
    }

    /// Its length.
    pub(crate) fn span(&self) -> f64 {
        self.max - self.min
    }

    /// The pixel of a value (both in the axis' units), if `start..end` shows the domain.
    pub(crate) fn pixel(&self, value: f64, start: f64, end: f64) -> f64 {
        start + (value - self.min) / self.span() * (end - start)
    }

    /// About `count` round ticks.
    pub(crate) fn ticks(&self, count: usize) -> Vec<Tick> {
        let count = count.max(2);
        if self.log && self.span() >= 0.8 { self.decades(count) } else { self.steps(count) }
    }

    /// Multiples of 1, 2 or 5 times a power of ten. On a short logarithmic axis, the round values within.
    fn steps(&self, count: usize) -> Vec<Tick> {
        let (low, high) = if self.log { (pow10(self.min), pow10(self.max)) } else { (self.min, self.max) };
        let step = round_step((high - low) / count as f64);
        let largest = low.abs().max(high.abs());
        let (first, last) = ((low / step).ceil(), (high / step).floor());
        if !(last - first).is_finite() || last - first > 100.0 {
            return Vec::new();
        }
        (0..=(last - first) as usize)
            .map(|i| (first + i as f64) * step)
            .map(|v| Tick { at: if self.log { v.log10() } else { v }, label: format_tick(v, step, largest) })
            .filter(|t| t.at.is_finite())
            .collect()
    }

    /// Powers of ten, with unlabelled ticks between them where there is room.
    fn decades(&self, count: usize) -> Vec<Tick> {
        let every = (self.span() / count as f64).ceil().max(1.0) as i32;
        let (low, high) = (self.min.floor() as i32, self.max.ceil() as i32);
        // With a decade or so in sight, powers of ten alone are too few to read from.
        let dense = self.span() < 0.4 * count as f64;
        let mut out = Vec::new();
        for exponent in low..=high {
            for digit in 1..=9 {
                let at = f64::from(exponent) + f64::from(digit).log10();
                if at < self.min - 1e-9 || at > self.max + 1e-9 {
                    continue;
                }
                let label = match digit {
                    1 if exponent.rem_euclid(every) == 0 => format_decade(exponent),
                    2 | 5 if dense => format_tick(
                        f64::from(digit) * pow10(f64::from(exponent)),
                        pow10(f64::from(exponent)),
                        pow10(self.max),
                    ),
                    _ if every > 1 => continue,
                    _ => String::new(),
                };
                out.push(Tick { at, label });
            }
        }
        out
    }
}

/// 10ˣ.
pub(crate) fn pow10(x: f64) -> f64 {
    10f64.powf(x)
}

/// The smallest of 1, 2, 5 times a power of ten that is not below `raw`.
fn round_step(raw: f64) -> f64 {
    let magnitude = pow10(raw.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|f| f * magnitude >= raw * (1.0 - 1e-9));
    factor.unwrap_or(10.0) * magnitude
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(domain: Domain, count: usize) -> Vec<String> {
        domain.ticks(count).into_iter().map(|t| t.label).filter(|l| !l.is_empty()).collect()
    }

    #[test]
    fn linear_ticks_are_round() {
        let domain = Domain { log: false, min: -0.03, max: 1.02 };
        assert_eq!(labels(domain, 6), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn long_log_axes_label_decades_and_skip_evenly() {
        let domain = Domain { log: true, min: -2.1, max: 2.0 };
        assert_eq!(labels(domain, 6), ["0.01", "0.1", "1", "10", "100"]);
        let domain = Domain { log: true, min: -12.0, max: 4.0 };
        assert_eq!(labels(domain, 5), ["10⁻¹²", "10⁻⁸", "10⁻⁴", "1", "10⁴"]);
    }

    #[test]
    fn short_log_axes_label_values_between_decades() {
        let domain = Domain { log: true, min: 0.0, max: 1.0 };
        assert_eq!(labels(domain, 6), ["1", "2", "5", "10"]);
        let domain = Domain { log: true, min: 2f64.log10(), max: 4f64.log10() };
        assert_eq!(labels(domain, 4), ["2.0", "2.5", "3.0", "3.5", "4.0"]);
    }

    #[test]
    fn equal_values_get_a_domain_around_them() {
        for (log, value) in [(false, 3.0), (false, 0.0), (false, 1e12), (true, 2.0), (false, -7e-8)] {
            let domain = Domain::of(log, [value, value].into_iter(), 0.05).unwrap();
            assert!(domain.min < value && value < domain.max);
            assert!(domain.ticks(5).len() >= 2, "{domain:?}");
        }
        assert_eq!(Domain::of(false, std::iter::empty(), 0.05), None);
    }

    #[test]
    fn extreme_domains_give_few_finite_ticks() {
        for (log, a, b) in
            [(false, -1e149, 1e149), (true, -320.0, 308.0), (false, 1e9, 1e9 + 1e-3), (false, 0.0, 5e-324)]
        {
            let domain = Domain::of(log, [a, b].into_iter(), 0.05).unwrap();
            let ticks = domain.ticks(6);
            assert!(ticks.len() < 110 && ticks.iter().all(|t| t.at.is_finite()), "{domain:?} {ticks:?}");
        }
    }

    #[test]
    fn only_positive_finite_values_reach_a_log_axis() {
        assert_eq!(forward(true, 100.0), Some(2.0));
        assert_eq!(forward(true, 0.0), None);
        assert_eq!(forward(false, f64::NAN), None);
        assert_eq!(forward(false, f64::INFINITY), None);
    }
}
