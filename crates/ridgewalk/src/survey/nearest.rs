//! How far samples are from the training data and from held-out data.
//!
//! A distance alone means little: it shrinks with the number of reference points and grows with
//! noise. Beside it stands the same distance for held-out points.

use super::finding::{Axis, Figure, Finding, Group, Plot, Table};
use super::{Probe, Subject, words};
use crate::error::Result;
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::{mean, median};

/// Distances to the nearest training point and to the nearest held-out point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NearestDistances;

impl Probe for NearestDistances {
    fn id(&self) -> &'static str {
        "nearest-distances"
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let reference = subject.reference();
        let own = subject.to_train()?.nearest_distances().to_vec();
        let null = reference.held_out_to_train()?.map(|found| found.nearest_distances().to_vec());
        let mut finding = describe("training", subject, own, null, bootstrap);
        finding.statement += &reference.duplicates_note()?;
        let mut findings = vec![finding];
        if let Some(found) = subject.to_held_out()? {
            let null = reference.held_out_to_others()?.map(|found| found.nearest_distances().to_vec());
            let own = found.nearest_distances().to_vec();
            findings.push(describe("held-out", subject, own, null, bootstrap));
        }
        Ok(findings)
    }
}

fn describe(
    to: &str,
    subject: &Subject,
    own: Vec<f64>,
    null: Option<Vec<f64>>,
    bootstrap: &Bootstrap,
) -> Finding {
    let (value, interval) = (mean(&own), bootstrap.mean(&own));
    let mut statement = format!(
        "Samples are {} from their nearest {to} point on average{}",
        words::number(value),
        words::interval(interval, words::number)
    );
    match &null {
        Some(null) => {
            let (value, interval) = (mean(null), bootstrap.mean(null));
            statement += &format!(
                "; held-out points are {}{} from theirs.",
                words::number(value),
                words::interval(interval, words::number)
            );
        }
        None => statement += "; without held-out points there is nothing to compare this with.",
    }
    let n = own.len();
    let mut groups = vec![Group { name: subject.name().into(), values: own }];
    groups.extend(null.map(|values| Group { name: "held-out".into(), values }));
    let rows = groups
        .iter()
        .map(|Group { name, values }| {
            vec![
                name.as_str().into(),
                words::cell(mean(values), bootstrap.mean(values)),
                words::cell(median(values), bootstrap.median(values)),
            ]
        })
        .collect();
    let id = format!("nearest-{to}-distance");
    let finding = Finding::new(id.clone(), statement, value, n)
        .table(Table { columns: vec!["points".into(), "mean".into(), "median".into()], rows })
        .figure(Figure {
            id,
            title: format!("Distance to the nearest {to} point"),
            caption: format!(
                "New data look like the held-out group. Mass near 0 that the held-out group lacks lies on {to} points."
            ),
            plot: Plot::Distributions {
                x: Axis::linear(format!("distance to the nearest {to} point (data units)")),
                groups,
            },
        });
    match interval {
        Some(interval) => finding.interval(interval),
        None => finding,
    }
}
