//! Figures: as SVG files of their own, and as parts of the page.

use std::fmt::Write;

use ridgewalk::survey::{Figure, Plot};
use serde_json::{Value, json};

use crate::curves::{Curves, Kind};
use crate::escape;
use crate::film::Reel;
use crate::gallery;
use crate::number::{coordinate as c, format_number};
use crate::palette::LIGHT;
use crate::scale::Domain;
use crate::svg::{Anchor, Drawing, FAMILY, FONT, NARROW, WIDE, fit, ink, no_data};
use crate::{bars, plane, strip};

/// Height of the title of a file of its own.
const TITLE: f64 = 40.0;
/// White around a file of its own.
const MARGIN: f64 = 16.0;

/// A figure as an SVG file of its own: title, drawing, legend, on white, with no style sheet and no font to load.
///
/// The image sheets hold their images as PNG. Figures without data say so.
pub fn figure_svg(figure: &Figure) -> String {
    let drawing = draw(&figure.plot, WIDE, "w");
    let title = ink(0.0, -18.0, Anchor::Start, &fit(&figure.title, WIDE / 1.25)).replacen(
        "<text ",
        "<text font-size=\"16\" font-weight=\"600\" ",
        1,
    );
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"{x} {y} {w} {h}\" \
         font-family=\"{FAMILY}\" font-size=\"{FONT}\" fill=\"{ink}\">\n<title>{name}</title>\n<desc>{desc}</desc>\n\
         <rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"{paper}\"/>\n{title}{body}\n</svg>\n",
        w = c(drawing.width + 2.0 * MARGIN),
        h = c(drawing.height + TITLE + MARGIN),
        x = c(-MARGIN),
        y = c(-TITLE),
        ink = LIGHT.ink,
        paper = LIGHT.paper,
        name = escape::text(&figure.title),
        desc = escape::text(&figure.caption),
        body = drawing.body,
    )
}

/// A figure as part of the page. `id` is unique on it and safe.
pub(crate) fn html(figure: &Figure, id: &str) -> String {
    let mut out = format!(
        "<figure class=\"figure\" id=\"{id}\" data-title=\"{title}\"><div class=\"figure-head\"><h3>{title}</h3>\
         <div class=\"tools\" hidden></div></div>",
        title = escape::text(&figure.title)
    );
    match &figure.plot {
        Plot::Images { height, width, channels, range, rows } => {
            out += &gallery::html((*height, *width, *channels), *range, rows);
        }
        plot => {
            let alt = escape::text(&format!("{}. {}", figure.title, figure.caption));
            for (class, width) in [("wide", WIDE), ("narrow", NARROW)] {
                let drawing = draw(plot, width, &format!("{id}-{class}"));
                let frame = drawing.frame.map(|f| f.map(c).join(" ")).unwrap_or_default();
                let _ = write!(
                    out,
                    "<svg class=\"plot {class}\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" \
                     aria-label=\"{alt}\" data-frame=\"{frame}\" font-family=\"{FAMILY}\" font-size=\"{FONT}\" fill=\"{}\">{}</svg>",
                    c(drawing.width),
                    c(drawing.height),
                    LIGHT.ink,
                    drawing.body,
                );
            }
            let _ = write!(out, "<script type=\"application/json\">{}</script>", escape::json(&data(plot)));
        }
    }
    if !figure.caption.is_empty() {
        let _ = write!(out, "<figcaption>{}</figcaption>", escape::text(&figure.caption));
    }
    out + "</figure>"
}

fn draw(plot: &Plot, width: f64, scope: &str) -> Drawing {
    match plot {
        Plot::Bars { y, bars } => bars::draw(y, bars, width, scope),
        Plot::Images { height, width: w, channels, range, rows } => {
            gallery::draw((*height, *w, *channels), *range, rows, width)
        }
        Plot::Film(film) => match Reel::of(film) {
            Ok(reel) => strip::draw(&reel, width, scope),
            Err(reason) => no_data(width, reason),
        },
        plot => match Curves::of(plot) {
            Some(curves) => plane::draw(&curves, width, scope),
            None => no_data(width, "There is no finite value that these axes can show."),
        },
    }
}

/// The numbers that the page's script needs for tooltips and zoom; null if there is nothing to show.
fn data(plot: &Plot) -> Value {
    let domain = |d: Domain, label: &str| json!({ "log": d.log, "min": d.min, "max": d.max, "label": label });
    match plot {
        Plot::Bars { y, bars: list } => bars::domain(y, list).map_or(Value::Null, |d| {
            let bars: Vec<_> = list
                .iter()
                .map(|b| json!({ "name": b.name, "value": format_number(b.value), "interval": b.interval.map(|(a, b)| [format_number(a), format_number(b)]) }))
                .collect();
            json!({ "kind": "bars", "x": domain(d, &y.label), "bars": bars })
        }),
        Plot::Film(film) => Reel::of(film).map_or(Value::Null, |reel| reel.data()),
        plot => Curves::of(plot).map_or(Value::Null, |curves| {
            let kind = match curves.kind {
                Kind::Lines => "lines",
                Kind::Scatter => "scatter",
                Kind::Distributions => "distributions",
            };
            let series: Vec<_> = curves
                .curves
                .iter()
                .map(|curve| {
                    // Densities are estimates: digits beyond the fifth are noise, and bytes.
                    let digits = if curves.kind == Kind::Distributions { 5 } else { 9 };
                    let points: Vec<_> = curve
                        .points
                        .iter()
                        .map(|&(x, y)| if x.is_nan() { Value::Null } else { json!([short(x, digits), short(y, digits)]) })
                        .collect();
                    json!({ "name": curve.name, "n": curve.n, "points": points })
                })
                .collect();
            json!({
                "kind": kind,
                "x": domain(curves.x, &curves.x_label),
                "y": domain(curves.y, &curves.y_label),
                "series": series,
            })
        }),
    }
}

/// A value with so many significant digits.
fn short(value: f64, digits: usize) -> f64 {
    format!("{value:.*e}", digits.saturating_sub(1)).parse().unwrap_or(value)
}
