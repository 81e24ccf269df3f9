//! Colours: eight for series, told apart with any colour vision, and the few of the page, for light and dark.
//!
//! The hues are those of Okabe & Ito (2008, "Color Universal Design"), with the lightness changed
//! until each has a contrast of at least 3:1 with its background (WCAG 2.1, 1.4.11).

use std::fmt::Write;

/// Number of series colours; further series begin again, with another dash.
pub(crate) const SERIES: usize = 8;

/// Colours of one theme, as `#rrggbb`.
pub(crate) struct Theme {
    /// Series, in the order of use.
    pub(crate) series: [&'static str; SERIES],
    /// Background of the page and of every drawing.
    pub(crate) paper: &'static str,
    /// Text.
    pub(crate) ink: &'static str,
    /// Text of less weight: captions, ticks, notes.
    pub(crate) quiet: &'static str,
    /// Grid lines and rules.
    pub(crate) rule: &'static str,
    /// Background of panels.
    pub(crate) panel: &'static str,
    /// Links and focus.
    pub(crate) accent: &'static str,
    /// An expectation that is met.
    pub(crate) good: &'static str,
    /// An expectation that is not met.
    pub(crate) bad: &'static str,
}

/// For a light background, and for every file that leaves the page.
pub(crate) const LIGHT: Theme = Theme {
    series: ["#0b68a8", "#cf5300", "#00997a", "#8f3d78", "#8f7400", "#2e93cc", "#555b66", "#7a4fc2"],
    paper: "#ffffff",
    ink: "#16191f",
    quiet: "#555d6b",
    rule: "#e2e5ea",
    panel: "#f6f7f9",
    accent: "#0b5f9c",
    good: "#0a6b43",
    bad: "#b02a1c",
};

/// For a dark background.
pub(crate) const DARK: Theme = Theme {
    series: ["#5cb4ee", "#ff9149", "#30c79c", "#d177b4", "#dcbf3e", "#2f8fd0", "#b4bac6", "#b294f5"],
    paper: "#14171c",
    ink: "#e9ecf1",
    quiet: "#a3abb9",
    rule: "#2d323b",
    panel: "#1b1f26",
    accent: "#74bdf3",
    good: "#5fd39b",
    bad: "#ff9183",
};

/// Dash patterns in the order of use, so that curves differ without colour too.
pub(crate) const DASHES: [&str; 4] = ["", "7 4", "2 4", "10 4 2 4"];

impl Theme {
    /// The custom properties of the style sheet.
    pub(crate) fn css(&self) -> String {
        let mut out = String::new();
        let named = [
            ("paper", self.paper),
            ("ink", self.ink),
            ("quiet", self.quiet),
            ("rule", self.rule),
            ("panel", self.panel),
            ("accent", self.accent),
            ("good", self.good),
            ("bad", self.bad),
        ];
        for (name, colour) in named {
            let _ = write!(out, "--{name}:{colour};");
        }
        for (i, colour) in self.series.iter().enumerate() {
            let _ = write!(out, "--s{i}:{colour};");
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn linear(colour: &str) -> [f64; 3] {
        [1, 3, 5].map(|i| {
            let c = f64::from(u8::from_str_radix(&colour[i..i + 2], 16).unwrap()) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// Contrast ratio of WCAG 2.1.
    fn contrast(a: &str, b: &str) -> f64 {
        let luminance = |c| {
            let [r, g, b] = linear(c);
            0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
        };
        let (a, b) = (luminance(a), luminance(b));
        if a > b { a / b } else { b / a }
    }

    #[test]
    fn contrast_of_black_and_white_is_21() {
        assert!((contrast("#000000", "#ffffff") - 21.0).abs() < 1e-9);
    }

    #[test]
    fn text_has_contrast_aa_and_marks_three_to_one() {
        for theme in [&LIGHT, &DARK] {
            for back in [theme.paper, theme.panel] {
                for text in [theme.ink, theme.quiet, theme.accent, theme.good, theme.bad] {
                    assert!(contrast(text, back) >= 4.5, "{text} on {back}: {:.2}", contrast(text, back));
                }
            }
            for mark in theme.series {
                assert!(contrast(mark, theme.paper) >= 3.0, "{mark}: {:.2}", contrast(mark, theme.paper));
            }
        }
    }

    /// The first four, which nearly every figure gets by with, stay apart for people without long-
    /// or medium-wave cones (matrices of Machado, Oliveira & Fernandes 2009, severity 1, linear RGB).
    #[test]
    fn first_colours_differ_with_any_colour_vision() {
        let protan = [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ];
        let deutan = [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ];
        let normal = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
        let lab = |rgb: [f64; 3]| {
            let [r, g, b] = rgb.map(|v| v.clamp(0.0, 1.0));
            let f = |t: f64| if t > 0.008856 { t.cbrt() } else { 7.787 * t + 16.0 / 116.0 };
            let x = f((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047);
            let y = f(0.2126 * r + 0.7152 * g + 0.0722 * b);
            let z = f((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
            [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
        };
        for theme in [&LIGHT, &DARK] {
            for matrix in [normal, protan, deutan] {
                let seen = theme.series.map(|c| {
                    let rgb = linear(c);
                    lab(matrix.map(|row| row.iter().zip(rgb).map(|(m, v)| m * v).sum()))
                });
                for i in 0..4 {
                    for j in 0..i {
                        let distance = (0..3).map(|k| (seen[i][k] - seen[j][k]).powi(2)).sum::<f64>().sqrt();
                        // CIE76: 2.3 is just noticeable.
                        assert!(
                            distance > 15.0,
                            "{} and {}: {distance:.1}",
                            theme.series[i],
                            theme.series[j]
                        );
                    }
                }
            }
        }
    }
}
