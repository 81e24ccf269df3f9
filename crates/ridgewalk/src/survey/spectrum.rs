//! Is there noise in the data, and in the samples? The spectrum of variances and its floor.
//!
//! Noise adds the same variance to every direction, so that the variances along the principal components of noisy
//! data end in a flat floor ([`crate::spectrum`]). In the directions of that floor clean data hardly vary at all: how
//! much samples vary there is the noise that they have, whether or not any clean data are known.

use super::finding::{Axis, Figure, Finding, Plot, Series};
use super::{Probe, Subject, words};
use crate::error::Result;
use crate::metrics::Bootstrap;
use crate::spectrum::{NoiseFloor, VarianceSpectrum};

/// Fewer points have no spectrum to speak of.
const FEWEST: usize = 16;
/// Variances below this part of the largest are drawn as this part.
const DRAWN: f64 = 1e-7;

/// The noise level of the training data from the floor of their variances, and that of samples in the same
/// directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spectrum;

impl Probe for Spectrum {
    fn id(&self) -> &'static str {
        "noise-level"
    }

    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let train = subject.reference().train();
        if train.len() < FEWEST {
            return Some(format!("needs {FEWEST} training points, to see how they vary"));
        }
        if subject.samples().len() < 2 {
            return Some("needs two samples, to see how they vary".into());
        }
        (train.moments().std <= 0.0).then(|| "all training points are equal".into())
    }

    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>> {
        let reference = subject.reference();
        let (train, samples, seed) = (reference.train(), subject.samples(), bootstrap.seed);
        let of_train = VarianceSpectrum::principal(train, seed)?;
        let of_samples = VarianceSpectrum::along_components_of(train, samples, seed)?;
        let largest = of_train.lines().first().map_or(1.0, |l| l.variance);
        let mut series = vec![drawn(subject.name(), &of_samples, largest)];
        if let Some(clean) = reference.clean_set().filter(|clean| clean.len() > 1) {
            let spectrum = VarianceSpectrum::along_components_of(train, clean, seed)?;
            series.push(drawn("clean data", &spectrum, largest));
        }
        series.push(drawn("training data", &of_train, largest));
        let floor = NoiseFloor::find(train, seed)?;
        let statement = match &floor {
            Ok(floor) => format!(
                "The training data hold noise of standard deviation {}: {}.",
                words::number(floor.noise),
                found(floor, train.dim())
            ),
            Err(instead) => format!("No noise is to be seen in the training data: {instead}."),
        };
        let noise = floor.as_ref().map_or(0.0, |floor| floor.noise);
        if noise > 0.0 {
            let ends = [1.0, train.dim().max(2) as f64];
            let points = ends.iter().map(|rank| (*rank, noise * noise)).collect();
            series.push(Series { name: "noise read".into(), points });
        }
        let mut first = Finding::new(self.id(), statement, noise, train.len()).figure(Figure {
            id: "variance-spectrum".into(),
            title: "How much is noise?".into(),
            caption: "Variance along the principal components of the training data, largest first. A flat end is a \
                      floor of noise: the same in every direction. A step above it is a gap between noise and what \
                      matters; a slope is none. Clean samples fall off where the training data stay flat."
                .into(),
            plot: Plot::Lines {
                x: Axis::log("principal component"),
                y: Axis::log("variance (data units squared)"),
                series,
            },
        });
        let mut findings = Vec::new();
        if let Ok(floor) = floor {
            first = first
                .setting("directions", floor.directions)
                .setting("gap", floor.gap)
                .setting("neighbours", floor.neighbours);
            // Within neighbourhoods the floor has other directions at every point.
            if floor.neighbours.is_none() {
                let left = of_samples.mean_within(&floor).sqrt();
                let statement = format!(
                    "In those directions the samples have a standard deviation of {}, {} of the noise.",
                    words::number(left),
                    words::percent(left / floor.noise),
                );
                findings.push(
                    Finding::new("noise-in-samples", statement, left, samples.len())
                        .setting("directions", floor.directions)
                        .setting("noise", floor.noise),
                );
            }
        }
        findings.insert(0, first);
        Ok(findings)
    }
}

/// Where a floor was found.
fn found(floor: &NoiseFloor, d: usize) -> String {
    let gap = match floor.gap {
        gap if gap >= 4.0 => {
            format!("a clear gap: what comes next is {} times the noise", words::number(gap))
        }
        _ => "without a gap: what comes next is hardly more".into(),
    };
    match floor.neighbours {
        Some(k) => format!(
            "within neighbourhoods of {k} points they vary by no more in {} of {d} directions, {gap} in variance",
            floor.directions
        ),
        None => format!(
            "the flat end of their variances, {:.0} of {d} directions, {gap} in variance",
            floor.directions
        ),
    }
}

/// Variance against rank, as a curve.
fn drawn(name: &str, spectrum: &VarianceSpectrum, largest: f64) -> Series {
    let mut points = Vec::new();
    let mut rank = 0.0;
    for line in spectrum.lines() {
        let variance = line.variance.max(DRAWN * largest);
        points.push((rank + 1.0, variance));
        if line.directions > 1.0 {
            points.push((rank + line.directions, variance));
        }
        rank += line.directions;
    }
    Series { name: name.into(), points }
}
