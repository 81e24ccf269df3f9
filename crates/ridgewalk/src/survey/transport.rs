//! Sliced Wasserstein distance of samples to held-out data, beside its floor.
//!
//! Even new data are at a positive distance from held-out data. The floor is that of as many
//! training points, which follow the true distribution: samples cannot be expected below it. It
//! sees shape and spread, not copies: a copied training set sits at the floor.

use super::closer::subset;
use super::finding::{Axis, Bar, Figure, Finding, Plot, Table};
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::{Bootstrap, SlicedWasserstein};

/// Most resamples: each costs a pass over all projections, and 200 fix a 95 % interval to about
/// a tenth of its width.
const MOST_RESAMPLES: usize = 200;

/// Sliced 2-Wasserstein distance to held-out data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlicedTransport {
    /// Number of directions.
    pub directions: usize,
}

impl Default for SlicedTransport {
    fn default() -> Self {
        SlicedTransport { directions: 128 }
    }
}

impl Probe for SlicedTransport {
    fn id(&self) -> &'static str {
        "sliced-wasserstein"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let held_out = subject.reference().held_out_set().map_or(0, |set| set.len());
        (held_out < 2 || subject.samples().len() < 2)
            .then(|| "needs two samples and two held-out points".into())
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some(held_out) = subject.reference().held_out_set() else {
            return Err(Error::argument("held_out", "is missing", "give held-out data"));
        };
        let (samples, train) = (subject.samples(), subject.reference().train());
        let n = samples.len().min(train.len());
        let bootstrap = Bootstrap { resamples: bootstrap.resamples.min(MOST_RESAMPLES), ..*bootstrap };
        let sliced = SlicedWasserstein::new(self.directions, bootstrap.seed);
        let (samples, train) = (subset(samples, n, bootstrap.seed)?, subset(train, n, bootstrap.seed)?);
        let to = |set: &crate::PointSet| {
            sliced.distance_with_interval(set.values(), held_out.values(), &bootstrap)
        };
        let ((value, interval), (floor, floor_interval)) = (to(&samples)?, to(&train)?);
        let mut statement = format!(
            "The sliced Wasserstein distance of {} to the held-out data is {}{}; that of as many training points, \
             the floor, is {}{}.",
            words::count(n, "sample"),
            words::number(value),
            words::interval(interval, words::number),
            words::number(floor),
            words::interval(floor_interval, words::number),
        );
        if n < subject.samples().len() {
            statement += " Samples beyond the number of training points were left out at random.";
        }
        let bars = vec![
            Bar { name: subject.name().into(), value, interval },
            Bar { name: format!("floor (training, n = {n})"), value: floor, interval: floor_interval },
        ];
        let rows =
            bars.iter().map(|b| vec![b.name.as_str().into(), words::cell(b.value, b.interval)]).collect();
        let columns = vec!["set".into(), "sliced Wasserstein distance to held-out".into()];
        let finding = Finding::new(self.id(), statement, value, n)
            .setting("directions", self.directions)
            .setting("resamples", bootstrap.resamples)
            .setting("normalisation", "root mean over unit directions of W2 squared")
            .setting("intervals", "bootstrap percentiles, centred on the estimate")
            .setting("floor", floor)
            .table(Table { columns, rows })
            .figure(Figure {
                id: self.id().into(),
                title: "Sliced Wasserstein distance to held-out data".into(),
                caption:
                    "Samples at the floor's height follow the data's distribution as well as new data do."
                        .into(),
                plot: Plot::Bars { y: Axis::linear("sliced Wasserstein distance (data units)"), bars },
            });
        Ok(vec![match interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        }])
    }
}
