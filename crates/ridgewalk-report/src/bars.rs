//! One number a group with its interval, drawn as horizontal bars: names and numbers stay readable.
//!
//! On a logarithmic axis a bar's length means nothing, so a dot with its interval is drawn instead.

use std::fmt::Write;

use ridgewalk::survey::{Axis, Bar};

use crate::number::{coordinate as c, format_interval, format_number};
use crate::palette::LIGHT;
use crate::scale::{Domain, forward};
use crate::svg::{Anchor, Drawing, WIDE, fill, fit, ink, no_data, quiet, rule, text_width};

/// The domain of the bars' axis; `None` if no bar has a value that can be shown.
pub(crate) fn domain(axis: &Axis, bars: &[Bar]) -> Option<Domain> {
    let ends = bars.iter().filter_map(|bar| {
        let value = forward(axis.log, bar.value)?;
        let (low, high) = bar.interval.unwrap_or((bar.value, bar.value));
        Some([value, forward(axis.log, low).unwrap_or(value), forward(axis.log, high).unwrap_or(value)])
    });
    let ends: Vec<f64> = ends.flatten().collect();
    if ends.is_empty() {
        return None;
    }
    if axis.log {
        return Domain::of(true, ends.into_iter(), 0.06);
    }
    let mut domain = Domain::of(false, ends.iter().copied().chain([0.0]), 0.05)?;
    // Bars grow from zero: an axis that begins elsewhere would lie about their ratio.
    if ends.iter().all(|&v| v >= 0.0) {
        domain.min = 0.0;
    } else if ends.iter().all(|&v| v <= 0.0) {
        domain.max = 0.0;
    }
    Some(domain)
}

/// Draws bars over `width` px. `scope` must be unique on the page.
pub(crate) fn draw(axis: &Axis, bars: &[Bar], width: f64, scope: &str) -> Drawing {
    let Some(domain) = domain(axis, bars) else {
        return no_data(width, "No group has a value that this axis can show.");
    };
    let wide = width >= WIDE;
    let row = if wide { 36.0 } else { 50.0 };
    let values: Vec<String> = bars.iter().map(|bar| value_text(bar, axis.log)).collect();
    let names = bars.iter().map(|b| text_width(&b.name)).fold(0.0, f64::max).min(0.36 * width).ceil();
    let numbers = values.iter().map(|v| text_width(v)).fold(0.0, f64::max).ceil();
    let (left, right) = if wide { (names + 16.0, width - numbers - 22.0) } else { (0.0, width - 14.0) };
    let (top, bottom) = (4.0, 4.0 + row * bars.len() as f64 + 4.0);

    let mut body = String::from("<g class=\"ax\">");
    for tick in domain.ticks(((right - left) / if wide { 92.0 } else { 66.0 }) as usize) {
        let x = domain.pixel(tick.at, left, right);
        if tick.label.is_empty() {
            body += &rule(x, bottom, x, bottom + 4.0);
        } else {
            body += &rule(x, top, x, bottom + 6.0);
            let anchor = if x < left + 6.0 && !wide { Anchor::Start } else { Anchor::Middle };
            body += &quiet(x, bottom + 20.0, anchor, &tick.label);
        }
    }
    body += "</g>";
    body += &ink(0.5 * (left + right), bottom + 42.0, Anchor::Middle, &fit(&axis.label, width));

    let _ = write!(
        body,
        "<clipPath id=\"{scope}-c\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\
         <g clip-path=\"url(#{scope}-c)\" class=\"clip\"><g class=\"mx\" fill=\"none\" stroke-linecap=\"round\">",
        c(left - 5.0),
        c(top),
        c(right - left + 10.0),
        c(bottom - top),
    );
    let zero = domain.pixel(if axis.log { domain.min } else { 0.0 }, left, right);
    for (i, bar) in bars.iter().enumerate() {
        body +=
            &mark(bar, &domain, zero, (left, right), top + row * i as f64 + if wide { 18.0 } else { 36.0 });
    }
    let _ = write!(
        body,
        "<path class=\"a\" stroke=\"{}\" d=\"M{} {}V{}\"/></g></g>",
        LIGHT.quiet,
        c(zero),
        c(top),
        c(bottom)
    );
    for (i, (bar, value)) in bars.iter().zip(&values).enumerate() {
        let y = top + row * i as f64;
        let _ = write!(
            body,
            "<g class=\"bar\" data-k=\"{i}\"><title>{}</title><rect x=\"0\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"none\" pointer-events=\"all\"/>",
            crate::escape::text(&format!("{}: {value}", bar.name)),
            c(y),
            c(width),
            c(row),
        );
        if wide {
            body += &ink(left - 12.0, y + 22.5, Anchor::End, &fit(&bar.name, names + 1.0));
            body += &quiet(width, y + 22.5, Anchor::End, value);
        } else {
            body += &ink(7.0, y + 20.0, Anchor::Start, &fit(&bar.name, width - text_width(value) - 19.0));
            body += &quiet(width, y + 20.0, Anchor::End, value);
        }
        body += "</g>";
    }
    Drawing { body, width, height: bottom + 52.0, frame: Some([left, top, right, bottom]) }
}

/// The number and its interval; says so where there is none.
fn value_text(bar: &Bar, log: bool) -> String {
    match (forward(log, bar.value), bar.interval) {
        (None, _) if bar.value.is_finite() => format!("{} (not on a log axis)", format_number(bar.value)),
        (None, _) => "no data".into(),
        (Some(_), None) => format_number(bar.value),
        (Some(_), Some(interval)) => format!("{} {}", format_number(bar.value), format_interval(interval)),
    }
}

fn mark(bar: &Bar, domain: &Domain, zero: f64, (left, right): (f64, f64), y: f64) -> String {
    let pixel = |v: f64| forward(domain.log, v).map(|v| domain.pixel(v, left, right));
    let Some(x) = pixel(bar.value) else { return String::new() };
    let mut out = String::new();
    let ink = LIGHT.ink;
    if !domain.log {
        let _ = write!(
            out,
            "<rect {} x=\"{}\" y=\"{}\" width=\"{}\" height=\"16\"/>",
            fill(0),
            c(x.min(zero)),
            c(y - 8.0),
            c((x - zero).abs())
        );
    }
    // Ends that the axis cannot show are drawn to its edge.
    if let Some((low, high)) = bar.interval
        && !low.is_nan()
        && !high.is_nan()
    {
        let (a, b) = (pixel(low).unwrap_or(left), pixel(high).unwrap_or(right));
        let (a, b, y0, y1, y) = (c(a), c(b), c(y - 4.0), c(y + 4.0), c(y));
        let _ = write!(
            out,
            "<path class=\"i\" stroke=\"{ink}\" stroke-width=\"1.5\" d=\"M{a} {y}H{b}M{a} {y0}V{y1}M{b} {y0}V{y1}\"/>"
        );
    }
    if domain.log {
        let _ =
            write!(out, "<path {} stroke-width=\"10\" d=\"M{} {}h0\"/>", crate::svg::stroke(0), c(x), c(y));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(name: &str, value: f64, interval: Option<(f64, f64)>) -> Bar {
        Bar { name: name.into(), value, interval }
    }

    #[test]
    fn linear_bars_start_at_zero() {
        let axis = Axis::linear("share");
        let domain_of = |bars: &[Bar]| domain(&axis, bars).unwrap();
        assert_eq!(domain_of(&[bar("a", 5.0, Some((4.0, 6.0)))]).min, 0.0);
        assert_eq!(domain_of(&[bar("a", -5.0, None)]).max, 0.0);
        let both = domain_of(&[bar("a", -5.0, None), bar("b", 2.0, None)]);
        assert!(both.min < -5.0 && both.max > 2.0);
    }

    #[test]
    fn a_bar_without_a_value_says_so() {
        let bars =
            [bar("a", f64::NAN, Some((0.0, f64::INFINITY))), bar("b", 1.0, Some((f64::NEG_INFINITY, 2.0)))];
        let body = draw(&Axis::linear("y"), &bars, WIDE, "s").body;
        assert!(body.contains("a: no data") && !body.contains("NaN") && !body.contains("inf"), "{body}");
        assert!(draw(&Axis::log("y"), &[bar("a", -1.0, None)], WIDE, "s").body.contains("No data"));
        assert!(draw(&Axis::linear("y"), &[], WIDE, "s").body.contains("No data"));
    }
}
