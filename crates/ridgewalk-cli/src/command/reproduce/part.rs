//! One part of a reproduction: its section of the page, its findings, and its tables as CSV and as text.

use ridgewalk::survey::{Cell, Figure, Finding, Table};
use ridgewalk_report::{Section, format_number};

use crate::progress::say;

/// Collects what an experiment shows, and says it as it comes.
pub struct Part {
    section: Section,
    pub findings: Vec<Finding>,
    /// (name of the file without its ending, table).
    pub tables: Vec<(String, Table)>,
}

impl Part {
    pub fn new(title: &str, text: &str) -> Self {
        say(&format!("\n{title}"));
        Part { section: Section::new(title).text(text), findings: Vec::new(), tables: Vec::new() }
    }

    pub fn finding(&mut self, finding: Finding) {
        let mark = match finding.holds {
            Some(true) => "  [met]",
            Some(false) => "  [NOT MET]",
            None => "",
        };
        say(&format!("{}{mark}", finding.statement));
        self.section = std::mem::take(&mut self.section).finding(finding.clone());
        self.findings.push(finding);
    }

    pub fn figure(&mut self, figure: Figure) {
        self.section = std::mem::take(&mut self.section).figure(figure);
    }

    pub fn table(&mut self, id: &str, caption: &str, table: Table) {
        say(&format!("\n{caption}\n{}", text(&table)));
        self.section = std::mem::take(&mut self.section).table(caption, table.clone());
        self.tables.push((id.into(), table));
    }

    pub fn section(&self) -> Section {
        self.section.clone()
    }
}

fn cell(cell: &Cell) -> String {
    match cell {
        Cell::Number(value) | Cell::Interval { value, .. } => format_number(*value),
        Cell::Text(text) => text.clone(),
    }
}

/// Columns aligned for a terminal.
fn text(table: &Table) -> String {
    let rows: Vec<Vec<String>> = std::iter::once(table.columns.clone())
        .chain(table.rows.iter().map(|row| row.iter().map(cell).collect()))
        .collect();
    let width = |k: usize| rows.iter().filter_map(|r| r.get(k)).map(|c| c.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..table.columns.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).enumerate().map(|(k, (cell, width))| match k {
            0 => format!("{cell:<width$}"),
            _ => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Comma-separated, numbers in full.
pub fn csv(table: &Table) -> String {
    let quoted = |text: &str| {
        if text.contains([',', '"', '\n']) {
            format!("\"{}\"", text.replace('"', "\"\""))
        } else {
            text.into()
        }
    };
    let full = |cell: &Cell| match cell {
        Cell::Number(value) | Cell::Interval { value, .. } => value.to_string(),
        Cell::Text(text) => quoted(text),
    };
    let head = table.columns.iter().map(|c| quoted(c)).collect::<Vec<_>>().join(",");
    let rows = table.rows.iter().map(|row| row.iter().map(full).collect::<Vec<_>>().join(","));
    std::iter::once(head).chain(rows).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_survive() {
        let table = Table {
            columns: vec!["a, b".into(), "c".into()],
            rows: vec![vec![0.1.into(), "say \"x\"".into()], vec![Cell::Text("t".into()), 2.0.into()]],
        };
        assert_eq!(csv(&table), "\"a, b\",c\n0.1,\"say \"\"x\"\"\"\nt,2\n");
        assert_eq!(text(&table), "a, b        c\n0.1   say \"x\"\nt           2");
    }
}
