//! AuthPct: the fraction of samples that are not closer to a training point than training points
//! are to each other (authenticity, arXiv 2102.08921, section 3.3).
//!
//! A sample x with nearest training point t is authentic if d(x, t) > d(t, t′), t′ being the
//! nearest other *distinct* training point of t. Only the points t that occur are measured, so
//! nothing is n × n. Held-out points score below 100 % too: they are the null.

use super::finding::{Axis, Bar, Figure, Finding, Plot};
use super::memorisation::Count;
use super::{Probe, Reference, Subject, words};
use crate::error::Result;
use crate::metrics::Bootstrap;
use crate::neighbours::{Neighbours, nearest_excluding};

/// The fraction of authentic samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Authenticity;

impl Probe for Authenticity {
    fn id(&self) -> &'static str {
        "authentic-fraction"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let reference = subject.reference();
        let distinct = reference.train().len() - reference.duplicates().ok()?;
        (distinct < 2).then(|| "needs two distinct training points".into())
    }

    fn measure(&self, subject: &Subject, _bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let reference = subject.reference();
        let own = authentic(reference, subject.to_distinct_train()?)?;
        let mut statement = format!(
            "{} of the samples are authentic{}: no closer to a training point than its nearest fellow is.",
            words::percent(own.fraction()),
            words::interval(own.interval(), words::percent)
        );
        let mut bars =
            vec![Bar { name: subject.name().into(), value: own.fraction(), interval: own.interval() }];
        if let Some(found) = reference.held_out_to_train()? {
            let null = authentic(reference, found)?;
            statement += &format!(
                " Held-out points score {}{}.",
                words::percent(null.fraction()),
                words::interval(null.interval(), words::percent)
            );
            bars.push(Bar { name: "held-out".into(), value: null.fraction(), interval: null.interval() });
        }
        statement += &reference.duplicates_note()?;
        let finding = Finding::new(self.id(), statement, own.fraction(), own.of)
            .setting("intervals", "exact binomial (Clopper-Pearson)")
            .figure(Figure {
                id: self.id().into(),
                title: "Authentic samples (AuthPct)".into(),
                caption: "Copies lower the bar below that of held-out data.".into(),
                plot: Plot::Bars { y: Axis::linear("fraction authentic"), bars },
            });
        Ok(vec![own.attach(finding)])
    }
}

fn authentic(reference: &Reference, found: &Neighbours) -> Result<Count> {
    let train = reference.distinct_train()?;
    let mut rows = found.nearest_indices().to_vec();
    rows.sort_unstable();
    rows.dedup();
    let radii = nearest_excluding(train.select(&rows)?.values(), train.values(), 1, &rows)?;
    let radius = |row: usize| rows.binary_search(&row).map_or(0.0, |at| radii.distances[[at, 0]]);
    let flags: Vec<bool> = found
        .distances
        .outer_iter()
        .zip(found.indices.outer_iter())
        .map(|(d, i)| d[0] > radius(i[0]))
        .collect();
    Ok(Count::of(&flags))
}
