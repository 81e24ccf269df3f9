//! The folder of a reproduction: the page, its findings, its tables as CSV, and the record.

use std::path::Path;

use ridgewalk::survey::{Cell, Finding, Table};
use ridgewalk_report::Page;

use super::part::{Part, csv};
use crate::failure::Result;
use crate::page;
use crate::progress::say;
use crate::record::{NAME, Record, make_folder, remove_old, write_text};

/// Writes everything, the record last, and says how many expectations were met.
pub fn write(folder: &Path, record: Record, page: &Page, parts: &[Part]) -> Result<()> {
    let findings: Vec<Finding> = parts.iter().flat_map(|part| part.findings.clone()).collect();
    make_folder(folder)?;
    remove_old(folder, NAME);
    let mut outputs = page::write(folder, page, &findings)?;
    make_folder(&folder.join("tables"))?;
    for (name, table) in parts.iter().flat_map(|part| &part.tables) {
        let file = format!("tables/{name}.csv");
        write_text(&folder.join(&file), &csv(table))?;
        outputs.push(file);
    }
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    record.finish(folder, &outputs)?;
    let (met, expected) = met(&findings);
    if expected > 0 {
        say(&format!("\n{met} of {expected} expectations met"));
    }
    say(&format!("open {}", folder.join("report.html").display()));
    Ok(())
}

/// How many expectations are met, of how many.
pub fn met(findings: &[Finding]) -> (usize, usize) {
    let met = findings.iter().filter(|f| f.holds == Some(true)).count();
    (met, findings.iter().filter(|f| f.expectation.is_some()).count())
}

/// All findings in a table: what was expected, what was found.
pub fn summary(findings: &[Finding]) -> Table {
    let rows = findings.iter().map(|finding| {
        let met = match finding.holds {
            Some(true) => "met",
            Some(false) => "not met",
            None => "–",
        };
        let expected = finding.expectation.as_ref().map_or("", |e| e.text.as_str());
        let value = match finding.interval {
            Some(interval) => Cell::Interval { value: finding.value, interval },
            None => Cell::Number(finding.value),
        };
        vec![finding.id.as_str().into(), value, met.into(), expected.into()]
    });
    Table { columns: ["finding", "ours", "", "expected"].map(Into::into).to_vec(), rows: rows.collect() }
}
