//! The pieces of a drawing: text, keys of a legend, and the envelope of an SVG.
//!
//! Colours stand as attributes, so that a drawing is complete on its own; the classes beside them
//! let the page's style sheet choose others in the dark.

use std::fmt::Write;

use crate::escape;
use crate::number::coordinate as c;
use crate::palette::{DASHES, LIGHT, SERIES};

/// Width of a drawing for a desk, in px.
pub(crate) const WIDE: f64 = 720.0;
/// Width of a drawing for a phone, in px.
pub(crate) const NARROW: f64 = 340.0;
/// Size of text, in px.
pub(crate) const FONT: f64 = 13.0;
/// The system's own font: no file to load.
pub(crate) const FAMILY: &str =
    "system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue','Noto Sans',sans-serif";

/// The inside of an SVG, and its size in px.
pub(crate) struct Drawing {
    pub(crate) body: String,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Left, top, right and bottom of the area inside the axes.
    pub(crate) frame: Option<[f64; 4]>,
}

/// Where text is held.
#[derive(Clone, Copy)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

impl Anchor {
    fn attribute(self) -> &'static str {
        match self {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        }
    }
}

/// An estimate of the width of text in px: no font is at hand, so narrow and wide letters are guessed.
pub(crate) fn text_width(text: &str) -> f64 {
    let em: f64 = text
        .chars()
        .map(|ch| match ch {
            'i' | 'j' | 'l' | 't' | 'f' | 'r' | ' ' | '.' | ',' | ':' | ';' | '|' | '\'' | '(' | ')'
            | '[' | ']' => 0.37,
            'm' | 'w' | 'M' | 'W' | '—' | '…' => 0.95,
            'A'..='Z' | '×' | '−' | '=' | '+' => 0.72,
            '⁰' | '¹' | '²' | '³' | '⁴'..='⁹' | '⁻' => 0.4,
            // East Asian letters and pictographs take a full square.
            '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7FF}' | '\u{F900}'.. => 1.0,
            _ => 0.61,
        })
        .sum();
    em * FONT
}

/// Text cut to a width in px, with an ellipsis if something was lost.
pub(crate) fn fit(text: &str, width: f64) -> String {
    if text_width(text) <= width {
        return text.into();
    }
    let mut out = String::new();
    for ch in text.chars() {
        out.push(ch);
        if text_width(&out) + 0.95 * FONT > width {
            out.pop();
            break;
        }
    }
    format!("{}…", out.trim_end())
}

/// Text at (x, y), in the text colour.
pub(crate) fn ink(x: f64, y: f64, anchor: Anchor, text: &str) -> String {
    format!("<text x=\"{}\" y=\"{}\"{}>{}</text>", c(x), c(y), anchor.attribute(), escape::text(text))
}

/// Text at (x, y), in the quiet colour.
pub(crate) fn quiet(x: f64, y: f64, anchor: Anchor, text: &str) -> String {
    format!(
        "<text class=\"q\" fill=\"{}\" x=\"{}\" y=\"{}\"{}>{}</text>",
        LIGHT.quiet,
        c(x),
        c(y),
        anchor.attribute(),
        escape::text(text)
    )
}

/// A grid line or rule.
pub(crate) fn rule(x1: f64, y1: f64, x2: f64, y2: f64) -> String {
    format!("<path class=\"g\" stroke=\"{}\" d=\"M{} {}L{} {}\"/>", LIGHT.rule, c(x1), c(y1), c(x2), c(y2))
}

/// Class and colour of the stroke of series `i`.
pub(crate) fn stroke(i: usize) -> String {
    format!("class=\"c{0}\" stroke=\"{1}\"", i % SERIES, LIGHT.series[i % SERIES])
}

/// Class and colour of the area of series `i`.
pub(crate) fn fill(i: usize) -> String {
    format!("class=\"f{0}\" fill=\"{1}\"", i % SERIES, LIGHT.series[i % SERIES])
}

/// The dash of series `i`: colours alone do not tell curves apart for everyone.
pub(crate) fn dash(i: usize) -> String {
    // When the colours begin again, the dashes must not be in step with them.
    match DASHES[(i + i / SERIES) % DASHES.len()] {
        "" => String::new(),
        pattern => format!(" stroke-dasharray=\"{pattern}\""),
    }
}

/// A legend over `width` px from `left`: its markup and its height.
pub(crate) fn legend(
    entries: &[(String, String)],
    swatch: impl Fn(usize) -> String,
    left: f64,
    width: f64,
) -> (String, f64) {
    const LINE: f64 = 22.0;
    const SWATCH: f64 = 26.0;
    const GAP: f64 = 20.0;
    let (mut x, mut row, mut out) = (left, 0.0, String::new());
    for (i, (name, note)) in entries.iter().enumerate() {
        let note_width = if note.is_empty() { 0.0 } else { text_width(note) + 6.0 };
        let shown = fit(name, width - SWATCH - note_width);
        let needed = SWATCH + text_width(&shown) + note_width;
        if x > left && x + needed > left + width {
            x = left;
            row += 1.0;
        }
        let _ = write!(
            out,
            "<g class=\"key\" data-k=\"{i}\" transform=\"translate({} {})\"><title>{}</title>\
             <rect width=\"{}\" height=\"20\" fill=\"none\" pointer-events=\"all\"/>{}\
             <text x=\"{SWATCH}\" y=\"14.5\">{}<tspan class=\"q\" fill=\"{}\" dx=\"6\">{}</tspan></text></g>",
            c(x),
            c(row * LINE),
            escape::text(name),
            c(needed),
            swatch(i),
            escape::text(&shown),
            LIGHT.quiet,
            escape::text(note),
        );
        x += needed + GAP;
    }
    (out, if entries.is_empty() { 0.0 } else { (row + 1.0) * LINE + 8.0 })
}

/// Small print below a drawing: its markup and its height.
pub(crate) fn notes(lines: &[String], left: f64, top: f64, width: f64) -> (String, f64) {
    const LINE: f64 = 16.0;
    const MOST: usize = 4;
    let mut shown: Vec<String> = lines.iter().take(MOST).map(|l| fit(l, width * 1.08)).collect();
    if lines.len() > MOST {
        shown.push(format!("… and {} more remarks.", lines.len() - MOST));
    }
    let mut out = String::new();
    for (i, line) in shown.iter().enumerate() {
        out += &quiet(left, top + 12.0 + LINE * i as f64, Anchor::Start, line).replacen(
            "<text ",
            "<text font-size=\"12\" ",
            1,
        );
    }
    (out, if shown.is_empty() { 0.0 } else { LINE * shown.len() as f64 + 6.0 })
}

/// What is drawn where there is nothing to draw.
pub(crate) fn no_data(width: f64, reason: &str) -> Drawing {
    let height = 120.0;
    let body = format!(
        "<rect class=\"p\" fill=\"{}\" width=\"{}\" height=\"{height}\" rx=\"6\"/>{}{}",
        LIGHT.panel,
        c(width),
        ink(0.5 * width, 56.0, Anchor::Middle, "No data"),
        quiet(0.5 * width, 78.0, Anchor::Middle, &fit(reason, width - 20.0)),
    );
    Drawing { body, width, height, frame: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fitted_text_fits() {
        let long = "Distance to the nearest training point, in units of the data";
        let cut = fit(long, 120.0);
        assert!(cut.ends_with('…') && text_width(&cut) <= 120.0, "{cut}");
        assert_eq!(fit("short", 120.0), "short");
    }

    #[test]
    fn dashes_and_colours_do_not_repeat_together() {
        let looks: std::collections::BTreeSet<_> =
            (0..SERIES * DASHES.len()).map(|i| (stroke(i), dash(i))).collect();
        assert_eq!(looks.len(), SERIES * DASHES.len());
    }
}
