//! Sheets of images with their labels and notes: as part of the page, and as a drawing.

use std::fmt::Write;

use ridgewalk::survey::ImageRow;

use crate::escape;
use crate::number::coordinate as c;
use crate::sheet::Form;
use crate::svg::{Anchor, Drawing, fit, ink, no_data, quiet};

/// Most values of all images of one sheet on a page, so that a page stays below a few MB.
const MOST_VALUES: usize = 900_000;

/// What a sheet shows of its rows.
struct Shown<'a> {
    form: Form,
    rows: &'a [ImageRow],
    /// Most images of a row.
    most: usize,
    notes: Vec<String>,
}

impl<'a> Shown<'a> {
    /// Checks the form, and chooses how many images of each row fit.
    fn of(
        (height, width, channels): (usize, usize, usize),
        range: (f64, f64),
        rows: &'a [ImageRow],
    ) -> Result<Self, String> {
        let form = Form::checked(height, width, channels, range).map_err(|e| e.to_string())?;
        let longest = rows.iter().map(|r| r.images.len()).max().unwrap_or(0);
        if longest == 0 {
            return Err("There are no images.".into());
        }
        let most = (MOST_VALUES / (height * width * channels) / rows.len()).max(1);
        let mut notes = Vec::new();
        if longest > most {
            notes.push(format!("Shown: the first {most} images of each row; the longest row has {longest}."));
        }
        let images = || rows.iter().flat_map(|r| r.images.iter().take(most));
        let bad = images().flatten().filter(|v| v.is_nan()).count();
        if bad > 0 {
            notes.push(format!("Black: {bad} values that are NaN."));
        }
        Ok(Shown { form, rows, most, notes })
    }
}

/// The name of one image: what it shows, which one it is, and its note.
fn name(row: &ImageRow, k: usize) -> String {
    let note = row.notes.get(k).filter(|n| !n.is_empty()).map(|n| format!(" · {n}")).unwrap_or_default();
    format!("{} · {}{note}", row.label, k + 1)
}

/// The sheet as part of the page: its rows wrap on a narrow screen.
pub(crate) fn html(shape: (usize, usize, usize), range: (f64, f64), rows: &[ImageRow]) -> String {
    let shown = match Shown::of(shape, range, rows) {
        Ok(shown) => shown,
        Err(reason) => {
            return format!("<p class=\"empty\"><strong>No data</strong> {}</p>", escape::text(&reason));
        }
    };
    let Form { height, width, .. } = shown.form;
    let mut out = format!("<div class=\"sheet{}\">", if width.max(height) > 48 { " large" } else { "" });
    for row in rows {
        let _ = write!(
            out,
            "<div class=\"sheet-row\"><h4>{}</h4><div class=\"tiles\">",
            escape::text(&row.label)
        );
        for (k, image) in row.images.iter().take(shown.most).enumerate() {
            let name = escape::text(&name(row, k));
            match shown.form.data_url(image) {
                Some(url) => {
                    let _ = write!(
                        out,
                        "<button type=\"button\" class=\"tile\" title=\"{name}\"><img src=\"{url}\" width=\"{width}\" \
                         height=\"{height}\" alt=\"{name}\">"
                    );
                }
                None => {
                    let _ = write!(
                        out,
                        "<button type=\"button\" class=\"tile\" disabled title=\"{name}\"><i>no data</i>"
                    );
                }
            }
            if let Some(note) = row.notes.get(k).filter(|n| !n.is_empty()) {
                let _ = write!(out, "<span>{}</span>", escape::text(note));
            }
            out += "</button>";
        }
        out += "</div></div>";
    }
    for note in &shown.notes {
        let _ = write!(out, "<p class=\"note\">{}</p>", escape::text(note));
    }
    out + "</div>"
}

/// The sheet as a drawing.
pub(crate) fn draw(
    shape: (usize, usize, usize),
    range: (f64, f64),
    rows: &[ImageRow],
    total_width: f64,
) -> Drawing {
    const GAP: f64 = 8.0;
    let shown = match Shown::of(shape, range, rows) {
        Ok(shown) => shown,
        Err(reason) => return no_data(total_width, &reason),
    };
    let ratio = shown.form.height as f64 / shown.form.width as f64;
    let side: f64 = if shown.form.width.max(shown.form.height) > 48 { 112.0 } else { 64.0 };
    let (tile_w, tile_h) = if ratio > 1.0 { (side / ratio, side) } else { (side, side * ratio) };
    let columns = (((total_width + GAP) / (tile_w + GAP)) as usize).max(1);
    let (mut body, mut y) = (String::new(), 0.0);
    for row in shown.rows {
        body += &ink(0.0, y + 14.0, Anchor::Start, &fit(&row.label, total_width)).replacen(
            "<text ",
            "<text font-weight=\"600\" ",
            1,
        );
        y += 22.0;
        let line = tile_h + if row.notes.iter().any(|n| !n.is_empty()) { 22.0 } else { GAP };
        let count = row.images.len().min(shown.most);
        for (k, image) in row.images.iter().take(count).enumerate() {
            let (x, y) = ((k % columns) as f64 * (tile_w + GAP), y + (k / columns) as f64 * line);
            match shown.form.data_url(image) {
                Some(url) => {
                    let _ = write!(
                        body,
                        "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
                         style=\"image-rendering:pixelated\" href=\"{url}\"><title>{}</title></image>",
                        c(x),
                        c(y),
                        c(tile_w),
                        c(tile_h),
                        escape::text(&name(row, k))
                    );
                }
                None => body += &quiet(x + 0.5 * tile_w, y + 0.5 * tile_h, Anchor::Middle, "no data"),
            }
            if let Some(note) = row.notes.get(k) {
                body +=
                    &quiet(x + 0.5 * tile_w, y + tile_h + 13.0, Anchor::Middle, &fit(note, tile_w * 1.15))
                        .replacen("<text ", "<text font-size=\"11\" ", 1);
            }
        }
        y += count.div_ceil(columns) as f64 * line + 12.0;
    }
    let (small, extra) = crate::svg::notes(&shown.notes, 0.0, y, total_width);
    Drawing { body: body + &small, width: total_width, height: y + extra, frame: None }
}
