//! Several groups of samples side by side.

use serde::{Deserialize, Serialize};

use super::finding::{Cell, Figure, Finding, Plot, Table};
use super::{Subject, Survey, SurveyResult, words};
use crate::error::{Error, Result};

/// One survey a group, and the findings of all of them joined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The groups' own results, in order.
    pub results: Vec<SurveyResult>,
}

pub(super) fn compare(survey: &Survey, subjects: &[Subject]) -> Result<Comparison> {
    if subjects.is_empty() {
        return Err(Error::empty("the list of groups", "give at least one group of samples"));
    }
    for (i, subject) in subjects.iter().enumerate() {
        if subjects[..i].iter().any(|other| kebab(other.name()) == kebab(subject.name())) {
            return Err(Error::argument(
                "name",
                format!("'{}' is given to two groups of samples", subject.name()),
                "name every group differently, in letters and digits",
            ));
        }
    }
    let results = subjects.iter().map(|subject| survey.run(subject)).collect::<Result<_>>()?;
    Ok(Comparison { results })
}

impl Comparison {
    /// One row a finding, one column a group.
    pub fn table(&self) -> Table {
        let mut ids: Vec<&str> = Vec::new();
        for finding in self.results.iter().flat_map(|result| &result.findings) {
            if !ids.contains(&finding.id.as_str()) {
                ids.push(&finding.id);
            }
        }
        let columns =
            std::iter::once("finding".into()).chain(self.results.iter().map(|r| r.name.clone())).collect();
        let row = |id: &str| {
            let cells = self.results.iter().map(|result| match result.finding(id) {
                Some(finding) => words::cell(finding.value, finding.interval),
                None => Cell::Text("not measured".into()),
            });
            std::iter::once(Cell::from(id)).chain(cells).collect()
        };
        Table { columns, rows: ids.into_iter().map(row).collect() }
    }

    /// Figures that several groups share, each with all groups; a group that is the same in all,
    /// such as the held-out null, stands once and last.
    pub fn figures(&self) -> Vec<Figure> {
        let mut joint: Vec<Figure> = Vec::new();
        for figure in self.results.iter().flat_map(|r| &r.findings).flat_map(|f| &f.figures) {
            if !joins(figure) {
                continue;
            }
            match joint.iter_mut().find(|other| other.id == figure.id) {
                Some(other) => join(&mut other.plot, &figure.plot),
                None => joint.push(figure.clone()),
            }
        }
        joint
    }

    /// For a report: first a finding with the joint table and figures, then every finding of every
    /// group, its id and those of its own figures prefixed by the group's name in kebab case.
    pub fn findings(&self) -> Vec<Finding> {
        let names: Vec<&str> = self.results.iter().map(|result| result.name.as_str()).collect();
        let n = self.results.iter().map(|result| result.samples.nearest_train.len()).sum();
        let statement = format!("{} side by side: {}.", words::count(names.len(), "group"), names.join(", "));
        let mut first = Finding::new("comparison", statement, names.len() as f64, n).table(self.table());
        first.figures = self.figures();
        let mut findings = vec![first];
        for result in &self.results {
            let prefix = kebab(&result.name);
            findings.extend(result.findings.iter().cloned().map(|mut finding| {
                finding.id = format!("{prefix}-{}", finding.id);
                finding.figures.retain(|figure| !joins(figure));
                for figure in &mut finding.figures {
                    figure.id = format!("{prefix}-{}", figure.id);
                    figure.title = format!("{}: {}", result.name, figure.title);
                }
                finding
            }));
        }
        findings
    }
}

fn joins(figure: &Figure) -> bool {
    !matches!(figure.plot, Plot::Images { .. })
}

/// Adds what `from` has and `into` lacks, by name, before the groups that both have.
fn join(into: &mut Plot, from: &Plot) {
    match (into, from) {
        (Plot::Distributions { groups: into, .. }, Plot::Distributions { groups: from, .. }) => {
            add(into, from, |group| &group.name)
        }
        (Plot::Bars { bars: into, .. }, Plot::Bars { bars: from, .. }) => add(into, from, |bar| &bar.name),
        (Plot::Lines { series: into, .. }, Plot::Lines { series: from, .. })
        | (Plot::Scatter { series: into, .. }, Plot::Scatter { series: from, .. }) => {
            add(into, from, |series| &series.name)
        }
        _ => {}
    }
}

fn add<T: Clone>(into: &mut Vec<T>, from: &[T], name: impl Fn(&T) -> &String) {
    let shared = |item: &T| from.iter().any(|other| name(other) == name(item));
    let (last, mut kept): (Vec<T>, Vec<T>) = into.drain(..).partition(shared);
    let new = from.iter().filter(|item| last.iter().all(|other| name(other) != name(item)));
    kept.extend(new.cloned());
    kept.extend(last);
    *into = kept;
}

fn kebab(name: &str) -> String {
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect::<Vec<_>>().join("-")
}
