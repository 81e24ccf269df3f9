//! Findings: the sentence, its number, its pictures, whether an expectation was met, and the details folded away.

use std::fmt::Write;

use ridgewalk::survey::Finding;

use crate::escape;
use crate::number::{format_interval, format_number};
use crate::table;

/// A finding as HTML; `figure` draws one of its figures.
pub(crate) fn html(finding: &Finding, id: &str, figures: &str) -> String {
    let mut out = format!(
        "<article class=\"finding\" id=\"{id}\"><p class=\"statement\">{}</p>",
        escape::text(&finding.statement)
    );
    let _ = write!(out, "<p class=\"number\"><strong>{}</strong>", format_number(finding.value));
    if let Some(interval) = finding.interval {
        let _ = write!(out, " <span class=\"q\">95 % interval {}</span>", format_interval(interval));
    }
    let _ = write!(out, " <span class=\"q\">n = {}</span></p>", finding.n);
    if finding.expectation.is_some() || finding.holds.is_some() {
        let text = finding.expectation.as_ref().map_or("", |e| e.text.as_str());
        let _ = write!(out, "<p class=\"expectation\">{} {}</p>", badge(finding.holds), escape::text(text));
    }
    out += figures;
    out += &details(finding);
    out + "</article>"
}

/// Met or not, in words and with a sign, not by colour alone.
pub(crate) fn badge(holds: Option<bool>) -> &'static str {
    match holds {
        Some(true) => "<span class=\"badge good\"><span aria-hidden=\"true\">✓</span> met</span>",
        Some(false) => "<span class=\"badge bad\"><span aria-hidden=\"true\">✗</span> not met</span>",
        None => "<span class=\"badge\"><span aria-hidden=\"true\">–</span> not checked</span>",
    }
}

fn details(finding: &Finding) -> String {
    let mut out = String::from("<details><summary>Details and settings</summary>");
    if let Some(t) = &finding.table {
        out += &table::html(t, "");
    }
    out += "<dl>";
    let mut item = |name: &str, value: &str| {
        let _ = write!(out, "<div><dt>{}</dt><dd>{}</dd></div>", escape::text(name), escape::text(value));
    };
    item("finding", &finding.id);
    item("value", &format_number(finding.value));
    if let Some(interval) = finding.interval {
        item("95 % interval", &format_interval(interval));
    }
    item("n", &finding.n.to_string());
    if let Some(expectation) = &finding.expectation {
        if let Some(low) = expectation.at_least {
            item("expected at least", &format_number(low));
        }
        if let Some(high) = expectation.at_most {
            item("expected at most", &format_number(high));
        }
    }
    for (name, value) in &finding.settings {
        item(name, &setting(value));
    }
    out + "</dl></details>"
}

/// A setting as people write it: text without quotes.
pub(crate) fn setting(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
