//! From findings to a page, and a page to files.

use std::path::Path;

use ridgewalk::PointSet;
use ridgewalk::Shape;
use ridgewalk::survey::{Comparison, Figure, Finding, ImageRow, Plot};
use ridgewalk_data::atomic::write_atomically;
use ridgewalk_report::{Page, Section, figure_svg, sheet_png};
use serde_json::Value;
use std::io::Write;

use crate::failure::{Failure, Result};
use crate::record::{make_folder, write_json, write_text};

/// Writes report.html, survey.json and figures/ into a folder, and returns the names of what it wrote.
pub fn write(folder: &Path, page: &Page, findings: &[Finding]) -> Result<Vec<String>> {
    let figures = folder.join("figures");
    make_folder(&figures)?;
    let mut names = Vec::new();
    for (name, figure) in page.figures() {
        let svg = format!("figures/{name}.svg");
        write_text(&folder.join(&svg), &figure_svg(figure))?;
        names.push(svg);
        if matches!(figure.plot, Plot::Images { .. }) {
            let file = format!("figures/{name}.png");
            write_sheet(&folder.join(&file), figure)?;
            names.push(file);
        }
    }
    write_text(&folder.join("report.html"), &page.to_html())?;
    names.push("report.html".into());
    let value = serde_json::to_value(findings).unwrap_or(Value::Null);
    write_json(&folder.join("survey.json"), &value)?;
    names.push("survey.json".into());
    Ok(names)
}

/// An image figure as a PNG file.
pub fn write_sheet(path: &Path, figure: &Figure) -> Result<()> {
    let png = sheet_png(&figure.plot)
        .map_err(|e| Failure::new(path.display(), format!("cannot be drawn ({e})"), "show fewer images"))?;
    Ok(write_atomically(path, |out| out.write_all(&png))?)
}

/// One row of a sheet a set of images.
pub fn sheet(shape: Shape, range: (f64, f64), rows: &[(&str, &PointSet)], columns: usize) -> Option<Plot> {
    let Shape::Image { height, width, channels } = shape else { return None };
    let rows = rows
        .iter()
        .map(|(label, set)| ImageRow {
            label: (*label).into(),
            images: (0..set.len().min(columns)).map(|i| set.point(i).to_vec()).collect(),
            notes: Vec::new(),
        })
        .collect();
    Some(Plot::Images { height, width, channels, range, rows })
}

/// The joint figures and table of a comparison, and each group's images, as a section.
pub fn section(title: &str, text: &str, comparison: &Comparison) -> Section {
    let mut section = Section::new(title).text(text);
    for figure in comparison.figures() {
        section = section.figure(figure);
    }
    section = section.table("Every number, with its 95 % interval", comparison.table());
    for finding in comparison.findings() {
        // One sheet a group: the first samples beside their nearest training images.
        if let Some(figure) = finding.figures.iter().find(|f| matches!(f.plot, Plot::Images { .. })) {
            section = section.figure(figure.clone());
        }
    }
    section
}
