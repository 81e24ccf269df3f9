//! Numbers as people read them: four significant digits, a true minus sign, powers of ten as superscripts.

/// A number to at most four significant digits, without trailing zeros; `–` if it is NaN.
///
/// ```
/// use ridgewalk_report::format_number;
/// assert_eq!(format_number(0.5), "0.5");
/// assert_eq!(format_number(-1234.56), "−1235");
/// assert_eq!(format_number(42.0), "42");
/// assert_eq!(format_number(3.2e-7), "3.2×10⁻⁷");
/// ```
pub fn format_number(value: f64) -> String {
    if value.is_nan() {
        return "–".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞".into() } else { "−∞".into() };
    }
    let size = value.abs();
    // Counts (and zero) are exact: digits after the point would claim otherwise.
    if value.fract() == 0.0 && size < 1e6 {
        return signed(value, format!("{size:.0}"));
    }
    let (mantissa, exponent) = scientific(size, 3);
    if (-4..6).contains(&exponent) {
        let decimals = (3 - exponent).max(0) as usize;
        signed(value, without_trailing_zeros(&format!("{size:.decimals$}")).into())
    } else {
        signed(value, format!("{}×10{}", without_trailing_zeros(&mantissa), superscript(exponent)))
    }
}

fn without_trailing_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// An interval, `[low, high]`.
pub(crate) fn format_interval((low, high): (f64, f64)) -> String {
    format!("[{}, {}]", format_number(low), format_number(high))
}

/// A tick label with a fixed number of decimals, or as mantissa and power of ten where the axis is far from 1.
pub(crate) fn format_tick(value: f64, step: f64, largest: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    if !(1e-3..1e5).contains(&largest) {
        let (_, top) = scientific(value.abs(), 3);
        let (_, bottom) = scientific(step, 3);
        let (mantissa, exponent) = scientific(value.abs(), (top - bottom).clamp(0, 6) as usize);
        return signed(value, format!("{mantissa}×10{}", superscript(exponent)));
    }
    // A step of 0.25 has one digit more than its magnitude says.
    let mut decimals = 0;
    let mut scaled = step;
    while decimals < 12 && (scaled - scaled.round()).abs() > 1e-6 * scaled {
        scaled *= 10.0;
        decimals += 1;
    }
    signed(value, format!("{:.decimals$}", value.abs()))
}

/// A power of ten as a label: plain from 0.001 to 1000, else `10ⁿ`.
pub(crate) fn format_decade(exponent: i32) -> String {
    match exponent {
        -3..0 => format!("{:.*}", (-exponent) as usize, 10f64.powi(exponent)),
        0..=3 => format!("{:.0}", 10f64.powi(exponent)),
        _ => format!("10{}", superscript(exponent)),
    }
}

/// A coordinate of a drawing: two decimals, no trailing zeros.
pub(crate) fn coordinate(value: f64) -> String {
    let text = format!("{value:.2}");
    let text = without_trailing_zeros(&text);
    if text == "-0" { "0".into() } else { text.into() }
}

fn scientific(size: f64, digits: usize) -> (String, i32) {
    let text = format!("{size:.digits$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa.into(), exponent.parse().unwrap_or(0)),
        None => (text, 0),
    }
}

fn signed(value: f64, magnitude: String) -> String {
    if value < 0.0 { format!("−{magnitude}") } else { magnitude }
}

fn superscript(exponent: i32) -> String {
    exponent
        .to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            d => char::from_u32(0x2070 + d.to_digit(10).unwrap_or(0)).unwrap_or(d),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_significant_digits() {
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (0.99999, "1"),
            (12.3456, "12.35"),
            (999_999.5, "1×10⁶"),
            (1e6, "1×10⁶"),
            (123_456.7, "123457"),
            (0.000_123_46, "0.0001235"),
            (-2.5e-9, "−2.5×10⁻⁹"),
            (f64::NAN, "–"),
            (f64::NEG_INFINITY, "−∞"),
        ];
        for (value, expected) in cases {
            assert_eq!(format_number(value), expected, "{value:e}");
        }
    }

    #[test]
    fn ticks_show_the_digits_of_the_step() {
        assert_eq!(format_tick(0.3, 0.1, 1.0), "0.3");
        assert_eq!(format_tick(0.25, 0.25, 1.0), "0.25");
        assert_eq!(format_tick(-20.0, 10.0, 40.0), "−20");
        assert_eq!(format_tick(2.5e6, 5e5, 4e6), "2.5×10⁶");
        assert_eq!(format_tick(4e-5, 2e-5, 8e-5), "4×10⁻⁵");
        assert_eq!(format_decade(-2), "0.01");
        assert_eq!(format_decade(3), "1000");
        assert_eq!(format_decade(-12), "10⁻¹²");
    }
}
