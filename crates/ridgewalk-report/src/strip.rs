//! A film on paper: up to six of its frames side by side, as small multiples.

use std::fmt::Write;

use ridgewalk::survey::Role;

use crate::film::{Kind, Layer, Place, Reel, spread};
use crate::number::{coordinate as c, format_number};
use crate::palette::LIGHT;
use crate::svg::{Anchor, Drawing, WIDE, fill, fit, ink, legend, notes, quiet, stroke, text_width};

/// From where a film in three dimensions is seen at first: turn about the upward axis and height, in radians.
pub(crate) const CAMERA: [f64; 2] = [-0.55, 0.4];
/// Most frames of a strip.
const MOST: usize = 6;
/// About how many ticks an axis has.
const TICKS: usize = 4;
/// Frames back to which a sample's tail reaches.
const TAIL: usize = 6;
/// Marks nearer to the viewer are larger and stronger: factors of size and opacity, from far to near.
const DEPTHS: [(f64, f64); 4] = [(0.75, 0.4), (0.9, 0.6), (1.05, 0.8), (1.2, 1.0)];

/// The map from the grid to a panel.
struct Panel {
    left: f64,
    top: f64,
    width: f64,
    height: f64,
    scale: f64,
    /// Sides on the grid; three of them if it is turned.
    size: Vec<f64>,
}

impl Panel {
    /// Pixel and depth class (the nearest is the last).
    fn pixel(&self, place: Place) -> (f64, f64, usize) {
        let [x, y, z] = place.map(f64::from);
        match self.size.as_slice() {
            [sx, sy, sz] => {
                let (x, y, z) = (x - 0.5 * sx, y - 0.5 * sy, z - 0.5 * sz);
                let [(sin, cos), (up_sin, up_cos)] = CAMERA.map(f64::sin_cos);
                let (right, back) = (x * cos + y * sin, y * cos - x * sin);
                let (up, near) = (z * up_cos + back * up_sin, z * up_sin - back * up_cos);
                let radius = 0.5 * (sx * sx + sy * sy + sz * sz).sqrt();
                let depth = ((near / radius + 1.0) * 0.5 * DEPTHS.len() as f64).max(0.0) as usize;
                (
                    self.left + 0.5 * self.width + self.scale * right,
                    self.top + 0.5 * self.height - self.scale * up,
                    depth.min(DEPTHS.len() - 1),
                )
            }
            _ => (self.left + self.scale * x, self.top + self.height - self.scale * y, DEPTHS.len() - 1),
        }
    }
}

/// Draws the strip over `width` px. `scope` must be unique on the page.
pub(crate) fn draw(reel: &Reel, width: f64, scope: &str) -> Drawing {
    let (mut body, mut top) = keys(reel, width);
    let chosen: Vec<usize> = spread(reel.frames.len(), MOST).collect();
    let size = reel.size();
    let (across, up) = match size.as_slice() {
        // Turned boxes get a square; they are at most as wide as their diagonal.
        [sx, sy] => (*sx, *sy),
        _ => (1.0, 1.0),
    };
    // Six in a row where they are not much wider than high; otherwise two rows.
    let wide = width >= WIDE;
    let columns = if wide && (up / across >= 0.8 || chosen.len() <= 3) { chosen.len() } else { 3 };
    let columns = columns.min(if wide { MOST } else { 2 }).min(chosen.len()).max(1);
    let gutter = 10.0;
    let left = if reel.is_solid() { 0.0 } else { y_labels(reel) };
    let panel_width = ((width - 2.0 - left - gutter * (columns - 1) as f64) / columns as f64).min(320.0);
    let panel_height = (panel_width * up / across).min(320.0);
    let panel_width = panel_width.min(panel_height * across / up);

    let explained = explanation(reel);
    let joined = explained.join(" ");
    let lines = if text_width(&joined) <= width { vec![joined] } else { explained };
    for line in &lines {
        body += &quiet(0.0, top + 14.0, Anchor::Start, &fit(line, width));
        top += 18.0;
    }
    top += 10.0;
    let rows = chosen.len().div_ceil(columns);
    for (i, &frame) in chosen.iter().enumerate() {
        let (row, column) = (i / columns, i % columns);
        let panel = Panel {
            left: left + (panel_width + gutter) * column as f64,
            top: top + 20.0 + (panel_height + 30.0) * row as f64,
            width: panel_width,
            height: panel_height,
            scale: scale(&size, panel_width),
            size: size.clone(),
        };
        let lowest = i + columns >= chosen.len();
        body += &draw_panel(reel, frame, &panel, (column == 0, lowest), &format!("{scope}-{i}"));
    }
    let bottom = top + (panel_height + 30.0) * rows as f64 + if reel.is_solid() { 0.0 } else { 16.0 };
    let (small, extra) = notes(&reel.notes, 0.0, bottom, width);
    body += &small;
    Drawing { body, width, height: bottom + extra + 4.0, frame: None }
}

/// Pixels of a unit of the grid.
fn scale(size: &[f64], width: f64) -> f64 {
    match size {
        [sx, _] => width / sx,
        _ => width / size.iter().map(|s| s * s).sum::<f64>().sqrt(),
    }
}

/// What stands above the panels, and what their axes are.
fn explanation(reel: &Reel) -> Vec<String> {
    let axes = match (reel.labels.as_slice(), reel.is_solid()) {
        ([x, y], false) => format!("Across: {x}; up: {y}."),
        (labels, _) => {
            let sides = labels.iter().zip(&reel.domains);
            let sides = sides.map(|(label, a)| {
                format!("{label} from {} to {}", format_number(a.min), format_number(a.max))
            });
            format!("Box: {}.", sides.collect::<Vec<_>>().join(", "))
        }
    };
    vec![format!("Above each panel: {}.", reel.parameter), axes]
}

fn y_labels(reel: &Reel) -> f64 {
    let ticks = reel.domains.get(1).map(|y| y.ticks(TICKS)).unwrap_or_default();
    ticks.iter().map(|t| text_width(&t.label)).fold(0.0, f64::max).ceil().min(70.0) + 8.0
}

fn keys(reel: &Reel, width: f64) -> (String, f64) {
    let entries: Vec<(String, String)> = reel
        .layers
        .iter()
        .map(|layer| {
            let note = match (layer.kind, layer.n) {
                (_, 0) => "no data".into(),
                (Kind::Curves, _) => String::new(),
                (_, n) => format!("n = {n}"),
            };
            (layer.name.clone(), note)
        })
        .collect();
    let swatch = |i: usize| reel.layers.get(i).map(swatch).unwrap_or_default();
    legend(&entries, swatch, 0.0, width)
}

fn swatch(layer: &Layer) -> String {
    let k = layer.colour;
    match (layer.kind, layer.role) {
        (Kind::Curves, _) => format!("<path {} stroke-width=\"2\" fill=\"none\" d=\"M0 10h20\"/>", stroke(k)),
        (_, Role::Data) => format!("<path {} d=\"{}\"/>", fill(k), diamond(10.0, 10.0, 5.5)),
        (Kind::Moving, _) => format!(
            "<path {} stroke-width=\"1.5\" stroke-opacity=\".45\" d=\"M0 13L10 10\"/><circle {} cx=\"11\" cy=\"10\" r=\"4\"/>",
            stroke(k),
            fill(k)
        ),
        (_, Role::Ridge) => format!("<circle {} cx=\"10\" cy=\"10\" r=\"2.5\"/>", fill(k)),
        _ => format!("<circle {} cx=\"10\" cy=\"10\" r=\"4\"/>", fill(k)),
    }
}

fn diamond(x: f64, y: f64, r: f64) -> String {
    format!("M{} {}l{r} {r}l-{r} {r}l-{r} -{r}z", c(x), c(y - r), r = c(r))
}

fn draw_panel(reel: &Reel, frame: usize, panel: &Panel, outer: (bool, bool), scope: &str) -> String {
    let mut out = axes(reel, panel, outer);
    let (value, label) = reel.frames.get(frame).cloned().unwrap_or_default();
    let label = if label.is_empty() { label } else { format!(" · {label}") };
    let whole = format!("{} = {value}{label}", reel.parameter);
    let heading = if text_width(&whole) <= panel.width { whole } else { format!("{value}{label}") };
    out += &ink(panel.left, panel.top - 6.0, Anchor::Start, &fit(&heading, panel.width + 8.0));
    let _ = write!(
        out,
        "<clipPath id=\"{scope}-c\"><rect x=\"{l}\" y=\"{t}\" width=\"{w}\" height=\"{h}\"/></clipPath>\
         <rect class=\"g\" fill=\"none\" stroke=\"{rule}\" x=\"{l}\" y=\"{t}\" width=\"{w}\" height=\"{h}\"/>\
         <g clip-path=\"url(#{scope}-c)\" fill=\"none\" stroke-linecap=\"round\" stroke-linejoin=\"round\">",
        l = c(panel.left),
        t = c(panel.top),
        w = c(panel.width),
        h = c(panel.height),
        rule = LIGHT.rule,
    );
    for layer in &reel.layers {
        out += &match layer.kind {
            Kind::Curves => curves(layer, frame, panel),
            _ => points(layer, frame, panel),
        };
    }
    out + "</g>"
}

/// Ticks of the outer panels, or the edges of the box.
fn axes(reel: &Reel, panel: &Panel, (first, lowest): (bool, bool)) -> String {
    let mut out = String::new();
    let [x, y] = reel.domains.as_slice() else {
        let corner = |bits: usize| {
            let mut place = [0; 3];
            for (axis, (at, size)) in place.iter_mut().zip(&panel.size).enumerate() {
                *at = if bits >> axis & 1 == 1 { *size as i32 } else { 0 };
            }
            panel.pixel(place)
        };
        let mut d = String::new();
        for (axis, from) in (0..3).flat_map(|axis| (0..8).map(move |from| (axis, from))) {
            if from >> axis & 1 == 0 {
                let (a, b) = (corner(from), corner(from | 1 << axis));
                let _ = write!(d, "M{} {}L{} {}", c(a.0), c(a.1), c(b.0), c(b.1));
            }
        }
        return format!("<path class=\"g\" stroke=\"{}\" fill=\"none\" d=\"{d}\"/>", LIGHT.rule);
    };
    let (right, bottom) = (panel.left + panel.width, panel.top + panel.height);
    if first {
        for tick in y.ticks(TICKS).iter().filter(|t| !t.label.is_empty()) {
            let at = y.pixel(tick.at, bottom, panel.top);
            out += &quiet(panel.left - 5.0, at + 4.5, Anchor::End, &tick.label);
        }
    }
    if lowest {
        for tick in x.ticks(TICKS).iter().filter(|t| !t.label.is_empty()) {
            let at = x.pixel(tick.at, panel.left, right);
            out += &quiet(at, bottom + 16.0, Anchor::Middle, &tick.label);
        }
    }
    out
}

/// One path a depth, the farthest first.
fn by_depth(paths: [String; DEPTHS.len()], attributes: impl Fn(f64, f64) -> String) -> String {
    paths.iter().zip(DEPTHS).filter(|(d, _)| !d.is_empty()).fold(
        String::new(),
        |mut out, (d, (size, opacity))| {
            let _ = write!(out, "<path {} d=\"{d}\"/>", attributes(size, opacity));
            out
        },
    )
}

fn curves(layer: &Layer, frame: usize, panel: &Panel) -> String {
    let mut paths: [String; DEPTHS.len()] = Default::default();
    for curve in layer.at(frame) {
        let mut last: Option<(f64, f64, usize)> = None;
        let mut pen = None;
        for place in curve.iter().flatten() {
            let (x, y, depth) = panel.pixel(*place);
            if let Some((px, py, _)) = last
                && let Some(path) = paths.get_mut(depth)
            {
                if pen != Some(depth) {
                    let _ = write!(path, "M{} {}", c(px), c(py));
                }
                let _ = write!(path, "L{} {}", c(x), c(y));
                pen = Some(depth);
            }
            last = Some((x, y, depth));
        }
        // A ridge that is a single point is one all the same.
        if let ([_], Some((x, y, depth))) = (curve.as_slice(), last)
            && let Some(path) = paths.get_mut(depth)
        {
            let _ = write!(path, "M{} {}h0", c(x), c(y));
        }
    }
    by_depth(paths, |size, opacity| {
        format!("{} stroke-width=\"{}\" stroke-opacity=\"{opacity}\"", stroke(layer.colour), c(1.75 * size))
    })
}

fn points(layer: &Layer, frame: usize, panel: &Panel) -> String {
    let n = layer.at(frame).iter().map(Vec::len).sum::<usize>();
    let r = match n {
        0..=40 => 2.75,
        41..=300 => 2.0,
        _ => 1.2,
    } * (panel.width / 180.0).clamp(0.6, 1.0);
    let k = layer.colour;
    let mut tails = String::new();
    if layer.kind == Kind::Moving {
        let first = frame.saturating_sub(TAIL);
        for i in 0..n {
            let past = (first..=frame).map(|f| layer.at(f).first().and_then(|list| *list.get(i)?));
            let mut pen = 'M';
            for place in past {
                match place.map(|p| panel.pixel(p)) {
                    Some((x, y, _)) => {
                        let _ = write!(tails, "{pen}{} {}", c(x), c(y));
                        pen = 'L';
                    }
                    None => pen = 'M',
                }
            }
        }
        tails = format!("<path {} stroke-width=\"1\" stroke-opacity=\".35\" d=\"{tails}\"/>", stroke(k));
    }
    let mut paths: [String; DEPTHS.len()] = Default::default();
    for place in layer.at(frame).iter().flatten().flatten() {
        let (x, y, depth) = panel.pixel(*place);
        let Some((path, (size, _))) = paths.get_mut(depth).zip(DEPTHS.get(depth)) else { continue };
        if layer.role == Role::Data {
            path.push_str(&diamond(x, y, 1.2 * r * size));
        } else {
            let _ = write!(path, "M{} {}h0", c(x), c(y));
        }
    }
    let marks = by_depth(paths, |size, opacity| match layer.role {
        Role::Data => format!("{} fill-opacity=\"{opacity}\"", fill(k)),
        Role::Ridge => format!(
            "{} stroke-width=\"{}\" stroke-opacity=\"{}\"",
            stroke(k),
            c(1.4 * r * size),
            0.7 * opacity
        ),
        Role::Samples => {
            format!("{} stroke-width=\"{}\" stroke-opacity=\"{opacity}\"", stroke(k), c(2.0 * r * size))
        }
    });
    tails + &marks
}
