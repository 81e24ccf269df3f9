//! Tables, with numbers aligned at their decimal points.

use std::fmt::Write;

use ridgewalk::survey::{Cell, Table};

use crate::escape;
use crate::number::{format_interval, format_number};

/// A table as HTML. Rows that are too short are filled, and cells beyond the last column head are kept.
pub(crate) fn html(table: &Table, caption: &str) -> String {
    let columns = table.rows.iter().map(Vec::len).max().unwrap_or(0).max(table.columns.len());
    if columns == 0 {
        return String::new();
    }
    let kinds: Vec<Column> = (0..columns).map(|k| Column::of(table, k)).collect();
    let mut out = String::from("<div class=\"table\" tabindex=\"0\" role=\"group\"><table>");
    if !caption.is_empty() {
        let _ = write!(out, "<caption>{}</caption>", escape::text(caption));
    }
    out += "<thead><tr>";
    for (k, kind) in kinds.iter().enumerate() {
        let head = table.columns.get(k).map_or("", String::as_str);
        let _ = write!(out, "<th scope=\"col\"{}>{}</th>", kind.class(), escape::text(head));
    }
    out += "</tr></thead><tbody>";
    for row in &table.rows {
        out += "<tr>";
        for (k, kind) in kinds.iter().enumerate() {
            out += &kind.cell(row.get(k));
        }
        out += "</tr>";
    }
    if table.rows.is_empty() {
        let _ = write!(out, "<tr><td colspan=\"{columns}\" class=\"q\">No data</td></tr>");
    }
    out + "</tbody></table></div>"
}

/// How the cells of one column are set.
struct Column {
    numeric: bool,
    /// Most digits after the decimal point.
    decimals: usize,
    /// Characters of the longest interval.
    interval: usize,
}

impl Column {
    fn of(table: &Table, k: usize) -> Self {
        let mut column = Column { numeric: false, decimals: 0, interval: 0 };
        for cell in table.rows.iter().filter_map(|row| row.get(k)) {
            if let Cell::Number(v) | Cell::Interval { value: v, .. } = cell {
                column.numeric = true;
                column.decimals = column.decimals.max(decimals(&format_number(*v)).unwrap_or(0));
            }
            if let Cell::Interval { interval, .. } = cell {
                column.interval = column.interval.max(format_interval(*interval).chars().count());
            }
        }
        column
    }

    fn class(&self) -> &'static str {
        if self.numeric { " class=\"n\"" } else { "" }
    }

    fn cell(&self, cell: Option<&Cell>) -> String {
        let (text, interval) = match cell {
            None => return "<td></td>".into(),
            Some(Cell::Text(text)) => {
                return format!("<td{}>{}</td>", self.class(), escape::text(text));
            }
            Some(Cell::Number(v)) => (format_number(*v), None),
            Some(Cell::Interval { value, interval }) => (format_number(*value), Some(*interval)),
        };
        // What a number lacks after the point is left free, so that points stand under points.
        let pad = match decimals(&text).map(|own| (own, self.decimals - own)) {
            None | Some((_, 0)) => String::new(),
            Some((own, missing)) => {
                let point = if own == 0 { " + .28em" } else { "" };
                format!("<span class=\"pad\" style=\"padding-left:calc({missing}ch{point})\"></span>")
            }
        };
        let interval = match (self.interval, interval) {
            (0, _) => String::new(),
            // As wide as the longest, so that the numbers before them stay aligned.
            (width, interval) => format!(
                " <span class=\"q interval\" style=\"width:{width}ch\">{}</span>",
                interval.map(format_interval).unwrap_or_default()
            ),
        };
        format!("<td class=\"n\">{text}{pad}{interval}</td>")
    }
}

/// Digits after the decimal point; `None` for a power of ten, which has no point to align.
fn decimals(text: &str) -> Option<usize> {
    (!text.contains('×')).then(|| text.split_once('.').map_or(0, |(_, fraction)| fraction.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stand_under_points() {
        let table = Table {
            columns: vec!["<b>".into()],
            rows: vec![vec![0.5.into()], vec![12.25.into()], vec![3.0.into()], vec!["a & b".into()]],
        };
        let out = html(&table, "");
        assert!(out.contains("<th scope=\"col\" class=\"n\">&lt;b&gt;</th>"));
        assert!(out.contains("<td class=\"n\">0.5<span class=\"pad\" style=\"padding-left:calc(1ch)\">"));
        assert!(out.contains("<td class=\"n\">12.25</td>"));
        assert!(out.contains("3<span class=\"pad\" style=\"padding-left:calc(2ch + .28em)\">"));
        assert!(out.contains("a &amp; b"));
    }

    #[test]
    fn ragged_and_empty_tables_are_whole() {
        let table = Table {
            columns: vec!["a".into(), "b".into()],
            rows: vec![vec![1.0.into()], vec![1.0.into(), 2.0.into(), 3.0.into()]],
        };
        assert_eq!(html(&table, "").matches("<td").count(), 6);
        assert!(html(&Table { columns: vec!["a".into()], rows: vec![] }, "").contains("No data"));
        assert_eq!(html(&Table::default(), ""), "");
    }
}
