//! How far samples are from the true manifold, where that is known.
//!
//! The same distance of the training data stands beside it: for noisy data it is the noise that a
//! sampler has removed, or not.

use super::finding::{Axis, Figure, Finding, Group, Plot, Table};
use super::{Probe, Subject, Truth, words};
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::{mean, median};
use crate::points::PointSet;

/// Mean distance to the true manifold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ManifoldDistance;

impl Probe for ManifoldDistance {
    fn id(&self) -> &'static str {
        "manifold-distance"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        subject.reference().true_manifold().is_none().then(|| "needs the true manifold".into())
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some(truth) = subject.reference().true_manifold() else {
            return Err(Error::argument("truth", "is missing", "give the distance to the true manifold"));
        };
        let own = distances(truth, subject.samples())?;
        let train = distances(truth, subject.reference().train())?;
        let (value, interval) = (mean(&own), bootstrap.mean(&own));
        let (base, base_interval) = (mean(&train), bootstrap.mean(&train));
        let statement = format!(
            "Samples are {} from the true manifold on average{}; the training data are {}{}.",
            words::number(value),
            words::interval(interval, words::number),
            words::number(base),
            words::interval(base_interval, words::number)
        );
        let n = own.len();
        let groups = vec![
            Group { name: subject.name().into(), values: own },
            Group { name: "training data".into(), values: train },
        ];
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
        let columns = vec!["points".into(), "mean".into(), "median".into()];
        let finding =
            Finding::new(self.id(), statement, value, n).table(Table { columns, rows }).figure(Figure {
                id: self.id().into(),
                title: "Distance to the true manifold".into(),
                caption: "At 0 samples are clean; at the training data's place they are as noisy as those."
                    .into(),
                plot: Plot::Distributions {
                    x: Axis::linear("distance to the true manifold (data units)"),
                    groups,
                },
            });
        Ok(vec![match interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        }])
    }
}

fn distances(truth: &dyn Truth, set: &PointSet) -> Result<Vec<f64>> {
    let out = truth.distance(set.values())?;
    if out.len() != set.len() {
        return Err(Error::shape("the distances to the true manifold", out.len(), set.len()));
    }
    match out.iter().position(|d| !(d.is_finite() && *d >= 0.0)) {
        Some(row) => Err(Error::argument(
            "truth",
            format!("gives the distance {} for row {row}", out[row]),
            "return finite distances that are not negative",
        )),
        None => Ok(out),
    }
}
