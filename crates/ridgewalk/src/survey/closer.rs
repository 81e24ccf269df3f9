//! Whether samples lean towards the training set: the fraction that is nearer to it than to an
//! equal number of held-out points.
//!
//! The larger set is cut to the size of the smaller at random, because a larger set is nearer to
//! everything. New data score ½ whatever the distribution. It sees what the count of copies does
//! not: a slight pull of every sample towards the training data.
//!
//! Chance: were the labels training / held-out dealt at random to the 2N reference points, point i
//! being nearest to a share w_i of the samples, the fraction would have the standard deviation
//! ½(Σ w_i²)^½, which counts hubs (points nearest to many) for what they are. Two of them are allowed.

use super::finding::{Axis, Bar, Expectation, Figure, Finding, Plot};
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::mean;
use crate::neighbours::nearest;
use crate::points::PointSet;
use crate::random::{Purpose, Stream};

/// Fraction of samples closer to training data than to as many held-out points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CloserToTraining;

impl Probe for CloserToTraining {
    fn id(&self) -> &'static str {
        "closer-to-training-fraction"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        subject.reference().held_out_set().is_none().then(|| "needs held-out data".into())
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some(held_out) = subject.reference().held_out_set() else {
            return Err(Error::argument("held_out", "is missing", "give held-out data"));
        };
        let train = subject.reference().distinct_train()?;
        let size = train.len().min(held_out.len());
        let (train, held_out) =
            (subset(train, size, bootstrap.seed)?, subset(held_out, size, bootstrap.seed)?);
        let to = |set: &PointSet| nearest(subject.samples().values(), set.values(), 1);
        let (train, held_out) = (to(&train)?, to(&held_out)?);
        let closer: Vec<f64> = train
            .distances
            .iter()
            .zip(&held_out.distances)
            .map(|(t, h)| {
                if t < h {
                    1.0
                } else if t > h {
                    0.0
                } else {
                    0.5
                }
            })
            .collect();
        let mut owned = vec![0.0f64; 2 * size];
        for (i, &side) in closer.iter().enumerate() {
            let owner = if side > 0.0 { train.indices[[i, 0]] } else { size + held_out.indices[[i, 0]] };
            owned[owner] += 1.0 / closer.len() as f64;
        }
        let slack = 2.0 * 0.5 * owned.iter().map(|share| share * share).sum::<f64>().sqrt();
        let (value, interval) = (mean(&closer), bootstrap.mean(&closer));
        let statement = format!(
            "{} of the samples are closer to the training data than to as many ({size}) held-out points{}; \
             new data score 50 %.",
            words::percent(value),
            words::interval(interval, words::percent)
        );
        let mut finding = Finding::new(self.id(), statement, value, closer.len())
            .setting("reference_size", size)
            .figure(Figure {
                id: self.id().into(),
                title: "Closer to training than to held-out data".into(),
                caption: "Above one half, samples lean towards the data the model has seen.".into(),
                plot: Plot::Bars {
                    y: Axis::linear("fraction closer to training"),
                    bars: vec![Bar { name: subject.name().into(), value, interval }],
                },
            });
        if let Some(interval) = interval {
            finding = finding.interval(interval);
        }
        let text = format!("new data score 50 %, and at most {} by chance", words::percent(0.5 + slack));
        Ok(vec![finding.expect(Expectation { text, at_least: None, at_most: Some(0.5 + slack) })])
    }
}

/// `size` random points in their old order; the set itself if it has no more.
pub(super) fn subset(set: &PointSet, size: usize, seed: u64) -> Result<PointSet> {
    if set.len() <= size {
        return Ok(set.clone());
    }
    let mut rows = Stream::new(seed, Purpose::Split, 0, 0).permutation(set.len());
    rows.truncate(size);
    rows.sort_unstable();
    set.select(&rows)
}
