//! Drawings with two axes: lines, scatter plots and distributions.

use std::fmt::Write;

use crate::curves::{Curve, Curves, Kind};
use crate::number::{coordinate as c, format_number};
use crate::palette::LIGHT;
use crate::scale::{Domain, forward};
use crate::svg::{Anchor, Drawing, WIDE, dash, fill, ink, legend, notes, quiet, rule, stroke, text_width};

/// Up to this many points of a curve are marked by dots.
const DOTTED: usize = 30;
/// A cloud is drawn as this many paths, so that points on top of each other show darker.
const LAYERS: usize = 8;
/// Height of one summary (median, quartiles, 90 % range) below the densities.
const STRIP: f64 = 14.0;

/// The area inside the axes and the maps onto it.
struct Frame {
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    x: Domain,
    y: Domain,
}

impl Frame {
    /// The pixel of a point in the data's units; `None` if an axis cannot show it.
    fn pixel(&self, (x, y): (f64, f64)) -> Option<(f64, f64)> {
        let x = forward(self.x.log, x)?;
        let y = forward(self.y.log, y)?;
        Some((self.x.pixel(x, self.left, self.right), self.y.pixel(y, self.bottom, self.top)))
    }
}

/// Draws curves over `width` px. `scope` must be unique on the page.
pub(crate) fn draw(curves: &Curves, width: f64, scope: &str) -> Drawing {
    let wide = width >= WIDE;
    let mut body = String::new();

    let (keys, legend_height) = draw_legend(curves, width);
    body += &keys;
    body += &quiet(0.0, legend_height + 14.0, Anchor::Start, &crate::svg::fit(&curves.y_label, width));

    let frame = place(curves, width, legend_height + 28.0, wide);
    let strips =
        if curves.kind == Kind::Distributions { STRIP * curves.curves.len() as f64 + 8.0 } else { 0.0 };
    let floor = frame.bottom + strips;
    body += &axes(&frame, floor, curves.kind == Kind::Scatter, wide);
    body += &ink(
        0.5 * (frame.left + frame.right),
        floor + 42.0,
        Anchor::Middle,
        &crate::svg::fit(&curves.x_label, width),
    );

    let _ = write!(
        body,
        "<clipPath id=\"{scope}-c\"><rect x=\"{l}\" y=\"{t}\" width=\"{w}\" height=\"{h}\"/></clipPath>\
         <g clip-path=\"url(#{scope}-c)\" class=\"clip\"><g class=\"m\" fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">",
        l = c(frame.left - 3.0),
        t = c(frame.top - 3.0),
        w = c(frame.right - frame.left + 6.0),
        h = c(frame.bottom - frame.top + 6.0),
    );
    for (i, curve) in curves.curves.iter().enumerate() {
        let _ = write!(body, "<g data-k=\"{i}\">");
        body += &match curves.kind {
            Kind::Lines => line(curve, i, &frame),
            Kind::Scatter => cloud(curve, i, &frame),
            Kind::Distributions => hill(curve, i, &frame),
        };
        body += "</g>";
    }
    body += "</g></g>";
    if strips > 0.0 {
        let _ = write!(
            body,
            "<clipPath id=\"{scope}-s\"><rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/></clipPath>\
             <g clip-path=\"url(#{scope}-s)\"><g class=\"mx\" fill=\"none\" stroke-linecap=\"round\">",
            c(frame.left - 3.0),
            c(frame.bottom),
            c(frame.right - frame.left + 6.0),
            c(strips),
        );
        for (i, curve) in curves.curves.iter().enumerate() {
            body += &summary(curve, i, &frame, frame.bottom + 4.0 + STRIP * (i as f64 + 0.5));
        }
        body += "</g></g>";
    }
    let (small, extra) = notes(&curves.notes, 0.0, floor + 54.0, width);
    body += &small;
    Drawing {
        body,
        width,
        height: floor + 52.0 + extra,
        frame: Some([frame.left, frame.top, frame.right, frame.bottom]),
    }
}

fn draw_legend(curves: &Curves, width: f64) -> (String, f64) {
    let entries: Vec<(String, String)> = curves
        .curves
        .iter()
        .map(|curve| {
            let note = match (curve.n, curves.kind) {
                (0, _) => "no data".into(),
                (_, Kind::Lines) => String::new(),
                (n, _) => format!("n = {n}"),
            };
            (curve.name.clone(), note)
        })
        .collect();
    if let [(name, _)] = entries.as_slice()
        && name.is_empty()
    {
        return (String::new(), 0.0);
    }
    let swatch = |i: usize| match curves.kind {
        Kind::Lines => format!("<path {} stroke-width=\"2.25\"{} d=\"M0 10h20\"/>", stroke(i), dash(i)),
        Kind::Scatter => format!("<circle {} cx=\"10\" cy=\"10\" r=\"4\"/>", fill(i)),
        Kind::Distributions => format!(
            "<path {} fill-opacity=\".18\" d=\"M0 16C8 16 6 3 10 3S12 16 20 16Z\"/>\
             <path {} stroke-width=\"2\"{} fill=\"none\" d=\"M0 16C8 16 6 3 10 3S12 16 20 16\"/>",
            fill(i),
            stroke(i),
            dash(i)
        ),
    };
    legend(&entries, swatch, 0.0, width)
}

/// Fits the frame between the tick labels and the right edge.
fn place(curves: &Curves, width: f64, top: f64, wide: bool) -> Frame {
    let height = match (curves.kind, wide) {
        (Kind::Scatter, true) => 420.0,
        (Kind::Scatter, false) => 290.0,
        (Kind::Lines, true) => 300.0,
        (Kind::Lines, false) => 230.0,
        (Kind::Distributions, true) => 230.0,
        (Kind::Distributions, false) => 180.0,
    };
    let labels = curves.y.ticks(y_count(height)).iter().map(|t| text_width(&t.label)).fold(0.0, f64::max);
    let mut frame = Frame {
        left: labels.ceil() + 10.0,
        top,
        right: width - 14.0,
        bottom: top + height,
        x: curves.x,
        y: curves.y,
    };
    if curves.equal {
        let unit = ((frame.right - frame.left) / curves.x.span()).min(height / curves.y.span());
        let slack = (frame.right - frame.left) - unit * curves.x.span();
        frame.left += 0.5 * slack;
        frame.right -= 0.5 * slack;
        frame.bottom = top + unit * curves.y.span();
    }
    frame
}

fn y_count(height: f64) -> usize {
    (height / 52.0) as usize
}

fn axes(frame: &Frame, floor: f64, vertical_grid: bool, wide: bool) -> String {
    let mut out = String::from("<g class=\"ay\">");
    for tick in frame.y.ticks(y_count(frame.bottom - frame.top)) {
        let y = frame.y.pixel(tick.at, frame.bottom, frame.top);
        if tick.label.is_empty() {
            out += &rule(frame.left - 4.0, y, frame.left, y);
        } else {
            out += &rule(frame.left, y, frame.right, y);
            out += &quiet(frame.left - 8.0, y + 4.5, Anchor::End, &tick.label);
        }
    }
    out += "</g><g class=\"ax\">";
    let count = (frame.right - frame.left) / if wide { 92.0 } else { 66.0 };
    for tick in frame.x.ticks(count as usize) {
        let x = frame.x.pixel(tick.at, frame.left, frame.right);
        if tick.label.is_empty() {
            out += &rule(x, floor, x, floor + 4.0);
        } else {
            out += &rule(x, if vertical_grid { frame.top } else { floor }, x, floor + 6.0);
            out += &quiet(x, floor + 20.0, Anchor::Middle, &tick.label);
        }
    }
    let _ = write!(
        out,
        "</g><path class=\"a\" stroke=\"{}\" d=\"M{} {}H{}\"/>",
        LIGHT.quiet,
        c(frame.left),
        c(floor),
        c(frame.right)
    );
    out
}

/// `M` and `L` commands through the points, interrupted where there is none.
fn path(curve: &Curve, frame: &Frame) -> String {
    let mut out = String::new();
    let mut pen_down = false;
    for &point in &curve.points {
        match frame.pixel(point) {
            Some((x, y)) => {
                let _ = write!(out, "{}{} {}", if pen_down { 'L' } else { 'M' }, c(x), c(y));
                pen_down = true;
            }
            None => pen_down = false,
        }
    }
    out
}

fn line(curve: &Curve, i: usize, frame: &Frame) -> String {
    let outline = path(curve, frame);
    if outline.is_empty() {
        return outline;
    }
    let mut out = format!("<path {} stroke-width=\"2.25\"{} d=\"{outline}\"/>", stroke(i), dash(i));
    let still = curve.points.windows(2).all(|w| w[0] == w[1]);
    let dots: String = if still || curve.points.len() <= DOTTED {
        dots(curve.points.iter().copied(), frame)
    } else {
        // A point between two gaps has no line that would show it.
        let alone = |k: usize| {
            let gap = |k: Option<usize>| k.and_then(|k| curve.points.get(k)).is_none_or(|p| p.0.is_nan());
            gap(k.checked_sub(1)) && gap(k.checked_add(1))
        };
        dots((0..curve.points.len()).filter(|&k| alone(k)).map(|k| curve.points[k]), frame)
    };
    if !dots.is_empty() {
        let _ = write!(out, "<path {} stroke-width=\"6\" d=\"{dots}\"/>", stroke(i));
    }
    out
}

/// Dots as strokes of no length with round ends: they stay round when a zoom stretches one axis.
fn dots(points: impl Iterator<Item = (f64, f64)>, frame: &Frame) -> String {
    points.filter_map(|p| frame.pixel(p)).fold(String::new(), |mut out, (x, y)| {
        let _ = write!(out, "M{} {}h0", c(x), c(y));
        out
    })
}

fn cloud(curve: &Curve, i: usize, frame: &Frame) -> String {
    let (size, opacity) = match curve.points.len() {
        0..=100 => ("7", ".85"),
        101..=600 => ("5.5", ".7"),
        _ => ("4", ".5"),
    };
    let mut out = String::new();
    for layer in 0..LAYERS.min(curve.points.len()) {
        let points = curve.points.iter().copied().skip(layer).step_by(LAYERS);
        let _ = write!(
            out,
            "<path {} stroke-width=\"{size}\" stroke-opacity=\"{opacity}\" d=\"{}\"/>",
            stroke(i),
            dots(points, frame)
        );
    }
    out
}

fn hill(curve: &Curve, i: usize, frame: &Frame) -> String {
    let outline = path(curve, frame);
    if outline.is_empty() {
        return outline;
    }
    let mut out = String::new();
    let ends = curve.points.first().zip(curve.points.last());
    if let (Some((&first, &last)), true) = (ends, curve.points.len() > 2)
        && let (Some((x1, _)), Some((x0, _))) = (frame.pixel(last), frame.pixel(first))
    {
        let bottom = c(frame.bottom);
        let _ = write!(
            out,
            "<path {} fill-opacity=\".14\" d=\"{outline}L{} {bottom}L{} {bottom}Z\"/>",
            fill(i),
            c(x1),
            c(x0)
        );
    }
    let _ = write!(out, "<path {} stroke-width=\"2\"{} d=\"{outline}\"/>", stroke(i), dash(i));
    out
}

/// Median (dot), quartiles (thick) and the range from 5 % to 95 % (thin).
fn summary(curve: &Curve, i: usize, frame: &Frame, y: f64) -> String {
    let Some(quantiles) = curve.quantiles else { return String::new() };
    let [a, b, m, d, e] = quantiles
        .map(|q| forward(frame.x.log, q).map_or(frame.left, |q| frame.x.pixel(q, frame.left, frame.right)));
    let s = stroke(i);
    let [low, _, median, _, high] = quantiles.map(format_number);
    format!(
        "<g data-k=\"{i}\"><title>{}: median {median}, 90 % of the values in [{low}, {high}]</title>\
         <path {s} stroke-width=\"1.5\" d=\"M{a} {y}H{e}\"/><path {s} stroke-width=\"5\" stroke-opacity=\".45\" d=\"M{b} {y}H{d}\"/>\
         <path {s} stroke-width=\"8\" d=\"M{m} {y}h0\"/></g>",
        crate::escape::text(&curve.name),
        a = c(a),
        b = c(b),
        m = c(m),
        d = c(d),
        e = c(e),
        y = c(y),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use ridgewalk::survey::{Axis, Plot, Series};

    fn scatter(points: Vec<(f64, f64)>) -> Curves {
        let series = vec![Series { name: "a".into(), points }];
        Curves::of(&Plot::Scatter { x: Axis::linear("x"), y: Axis::linear("y"), series }).unwrap()
    }

    #[test]
    fn a_unit_is_as_long_on_both_axes_of_a_round_cloud() {
        let curves = scatter(vec![(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0)]);
        for width in [WIDE, crate::svg::NARROW] {
            let [left, top, right, bottom] = draw(&curves, width, "s").frame.unwrap();
            let (x, y) = ((right - left) / curves.x.span(), (bottom - top) / curves.y.span());
            assert!((x / y - 1.0).abs() < 1e-9, "{x} {y}");
            assert!(left > 0.0 && right <= width);
        }
    }

    #[test]
    fn points_stand_where_the_axes_say() {
        let curves = scatter(vec![(0.0, 0.0), (10.0, 1000.0)]);
        let drawing = draw(&curves, WIDE, "s");
        let [left, top, right, bottom] = drawing.frame.unwrap();
        // A margin of 4 % on each side of the data.
        let x = left + (right - left) * 0.04 / 1.08;
        let y = bottom - (bottom - top) * 0.04 / 1.08;
        assert!(drawing.body.contains(&format!("d=\"M{} {}h0\"", c(x), c(y))), "{}", drawing.body);
    }

    #[test]
    fn a_gap_lifts_the_pen() {
        let series = vec![Series {
            name: "a".into(),
            points: vec![(0.0, 0.0), (f64::NAN, 1.0), (2.0, 1.0), (3.0, 1.0)],
        }];
        let curves = Curves::of(&Plot::Lines { x: Axis::linear("x"), y: Axis::linear("y"), series }).unwrap();
        let [left, top, right, bottom] = draw(&curves, WIDE, "s").frame.unwrap();
        let frame = Frame { left, top, right, bottom, x: curves.x, y: curves.y };
        let commands: String =
            path(&curves.curves[0], &frame).chars().filter(char::is_ascii_alphabetic).collect();
        assert_eq!(commands, "MML");
    }
}
