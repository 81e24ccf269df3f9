//! Noise left in samples, read from coordinates that never vary in a clean reference.
//!
//! A pixel that has the value c in every clean image should have it in every clean sample. The root
//! mean square of (x − c) over samples and such coordinates is the standard deviation of what is
//! left, without any model of the rest of the image. Clipping at c halves it: survey unclipped values.

use super::finding::{Axis, Bar, Figure, Finding, Plot};
use super::{Probe, Subject, words};
use crate::error::{Error, Result};
use crate::metrics::Bootstrap;
use crate::metrics::bootstrap::mean;
use crate::points::PointSet;

/// Standard deviation of samples in coordinates that are constant in the clean set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ResidualNoise;

impl Probe for ResidualNoise {
    fn id(&self) -> &'static str {
        "residual-noise"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        match subject.reference().clean_set() {
            None => Some("needs a clean reference set".into()),
            Some(clean) if clean.len() < 2 => Some("needs two clean points to see what is constant".into()),
            Some(clean) if constant(clean).is_empty() => {
                Some("no coordinate is constant in the clean reference set".into())
            }
            Some(_) => None,
        }
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let Some(clean) = subject.reference().clean_set() else {
            return Err(Error::argument("clean", "is missing", "give a clean reference set"));
        };
        let coordinates = constant(clean);
        let (value, interval) = rms(subject.samples(), &coordinates, bootstrap);
        let (base, base_interval) = rms(subject.reference().train(), &coordinates, bootstrap);
        let statement = format!(
            "In the {} that never vary in clean data, samples have a standard deviation of {}{}; the training \
             data have {}{}.",
            words::count(coordinates.len(), "coordinate"),
            words::number(value),
            words::interval(interval, words::number),
            words::number(base),
            words::interval(base_interval, words::number)
        );
        let bars = vec![
            Bar { name: subject.name().into(), value, interval },
            Bar { name: "training data".into(), value: base, interval: base_interval },
        ];
        let finding = Finding::new(self.id(), statement, value, subject.samples().len())
            .setting("clean_points", clean.len())
            .setting("constant_coordinates", coordinates.len())
            .figure(Figure {
                id: self.id().into(),
                title: "Noise left in samples".into(),
                caption: "Standard deviation where clean data are constant: what is left of the noise."
                    .into(),
                plot: Plot::Bars { y: Axis::linear("standard deviation (data units)"), bars },
            });
        Ok(vec![match interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        }])
    }
}

/// Coordinates with one value in all points, with that value.
pub(super) fn constant(clean: &PointSet) -> Vec<(usize, f64)> {
    let values = clean.values();
    let same = |(j, &c): (usize, &f64)| values.column(j).iter().all(|&v| v == c).then_some((j, c));
    clean.point(0).iter().enumerate().filter_map(same).collect()
}

pub(super) fn rms(
    set: &PointSet,
    coordinates: &[(usize, f64)],
    bootstrap: &Bootstrap,
) -> (f64, Option<(f64, f64)>) {
    let square = |row: ndarray::ArrayView1<f64>| {
        coordinates.iter().map(|&(j, c)| (row[j] - c) * (row[j] - c)).sum::<f64>() / coordinates.len() as f64
    };
    let squares: Vec<f64> = set.values().outer_iter().map(square).collect();
    let interval = bootstrap.mean(&squares).map(|(low, high)| (low.sqrt(), high.sqrt()));
    (mean(&squares).sqrt(), interval)
}
