//! Surveys: measurements of where samples go relative to data, each a [`Finding`].
//!
//! A [`Survey`] is a list of [`Probe`]s, one measurement each. It is run on a [`Subject`] (samples,
//! perhaps with the model that made them) against a [`Reference`] (training data, held-out data,
//! the true manifold, a clean set: whatever is known). Probes whose reference is missing are
//! skipped, with the reason.
//!
//! ```
//! use ndarray::array;
//! use ridgewalk::PointSet;
//! use ridgewalk::survey::{Reference, Subject, Survey};
//!
//! let train = PointSet::vectors(array![[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])?;
//! let samples = PointSet::vectors(array![[0.0, 0.0], [0.6, 0.3]])?;
//! let reference = Reference::new(&train);
//! let result = Survey::standard().seed(7).run(&Subject::new("mine", &samples, &reference))?;
//! assert_eq!(result.samples.nearest_train, [0, 1]);
//! assert!(result.finding("nearest-training-distance").is_some());
//! # Ok::<(), ridgewalk::Error>(())
//! ```

mod authenticity;
mod blindness;
mod classes;
mod cleaning;
mod closer;
mod comparison;
mod copying;
mod film;
mod finding;
mod gallery;
mod manifold;
mod memorisation;
mod nearest;
mod noise;
mod novelty;
mod ridge;
mod spectrum;
mod subject;
#[cfg(test)]
mod tests;
mod transport;
mod words;

use serde::{Deserialize, Serialize};

pub use authenticity::Authenticity;
pub use blindness::{BlindVerdicts, NoiseInput};
pub use classes::ClassBalance;
pub use cleaning::cleaning;
pub use closer::CloserToTraining;
pub use comparison::Comparison;
pub use copying::DataCopying;
pub use film::{Film, FilmFrame, FilmLayer, Marks, Role};
pub use finding::{Axis, Bar, Cell, Expectation, Figure, Finding, Group, ImageRow, Plot, Series, Table};
pub use gallery::Gallery;
pub use manifold::ManifoldDistance;
pub use memorisation::{Memorisation, Verdicts};
pub use nearest::NearestDistances;
pub use noise::ResidualNoise;
pub use novelty::novelty;
pub use ridge::RidgeDistance;
pub use spectrum::Spectrum;
pub use subject::{Reference, Subject, Truth};
pub use transport::SlicedTransport;

use crate::error::Result;
use crate::metrics::Bootstrap;

/// Below this many samples a finding says that its number rests on few.
const FEW_SAMPLES: usize = 20;

/// One measurement of a survey.
pub trait Probe: Send + Sync {
    /// Stable identifier in kebab case; that of its finding, if it makes only one.
    fn id(&self) -> &'static str;

    /// Why this probe has no meaning for the subject, if it has none.
    fn inapplicable(&self, subject: &Subject) -> Option<String> {
        let _ = subject;
        None
    }

    /// The measurement. Random choices are keyed by the bootstrap's seed.
    ///
    /// # Errors
    /// If the subject's parts do not fit each other, or a number cannot be computed.
    fn measure(&self, subject: &Subject, bootstrap: &Bootstrap) -> Result<Vec<Finding>>;
}

/// A list of probes, run together.
pub struct Survey {
    probes: Vec<Box<dyn Probe>>,
    bootstrap: Bootstrap,
}

impl Survey {
    /// No probes yet.
    pub fn empty() -> Self {
        Survey { probes: Vec::new(), bootstrap: Bootstrap::default() }
    }

    /// Every probe of this module; those whose reference is missing are skipped.
    pub fn standard() -> Self {
        Survey::empty()
            .with(Memorisation::default())
            .with(NearestDistances)
            .with(CloserToTraining)
            .with(Authenticity)
            .with(DataCopying)
            .with(SlicedTransport::default())
            .with(ManifoldDistance)
            .with(ResidualNoise)
            .with(Spectrum)
            .with(RidgeDistance)
            .with(NoiseInput::default())
            .with(ClassBalance)
            .with(Gallery::default())
    }

    /// With one more probe.
    pub fn with(mut self, probe: impl Probe + 'static) -> Self {
        self.probes.push(Box::new(probe));
        self
    }

    /// With this seed for resamples, directions and subsets.
    pub fn seed(mut self, seed: u64) -> Self {
        self.bootstrap.seed = seed;
        self
    }

    /// With this many bootstrap resamples.
    pub fn resamples(mut self, resamples: usize) -> Self {
        self.bootstrap.resamples = resamples;
        self
    }

    /// Runs every probe that applies, in order.
    ///
    /// # Errors
    /// If the samples and the reference differ in shape, or a probe fails.
    pub fn run(&self, subject: &Subject) -> Result<SurveyResult> {
        subject.check()?;
        let (mut findings, mut skipped) = (Vec::new(), Vec::new());
        for probe in &self.probes {
            if let Some(reason) = probe.inapplicable(subject) {
                skipped.push(Skipped { probe: probe.id().into(), reason });
                continue;
            }
            for finding in probe.measure(subject, &self.bootstrap)? {
                findings.push(self.record(finding, subject));
            }
        }
        Ok(SurveyResult {
            name: subject.name().into(),
            findings,
            samples: SampleTable::of(subject)?,
            skipped,
        })
    }

    /// What every finding must carry, so that no probe can forget it.
    fn record(&self, mut finding: Finding, subject: &Subject) -> Finding {
        let reference = subject.reference();
        if finding.n < FEW_SAMPLES {
            finding.statement +=
                &format!(" This rests on {} only: read the interval.", words::count(finding.n, "sample"));
        }
        finding = finding
            .setting("samples", subject.name())
            .setting("training_points", reference.train().len())
            .setting("distance", "Euclidean, in the data's units")
            .setting("seed", self.bootstrap.seed);
        if !finding.settings.contains_key("resamples") {
            finding = finding.setting("resamples", self.bootstrap.resamples);
        }
        match reference.held_out_set() {
            Some(held_out) => finding.setting("held_out_points", held_out.len()),
            None => finding,
        }
    }

    /// Surveys several groups of samples and sets them side by side.
    ///
    /// # Errors
    /// As [`Survey::run`]; also if there are no subjects or two have one name.
    pub fn compare(&self, subjects: &[Subject]) -> Result<Comparison> {
        comparison::compare(self, subjects)
    }
}

/// What a survey found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SurveyResult {
    /// Name of the subject.
    pub name: String,
    /// Findings in the order of the probes.
    pub findings: Vec<Finding>,
    /// One entry a sample.
    pub samples: SampleTable,
    /// Probes that did not apply.
    pub skipped: Vec<Skipped>,
}

impl SurveyResult {
    /// The finding with this id, if the survey made it.
    pub fn finding(&self, id: &str) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.id == id)
    }
}

/// A probe that did not apply.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Skipped {
    /// The probe's id.
    pub probe: String,
    /// Why.
    pub reason: String,
}

/// Where each sample went: entry i of every list is sample i.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SampleTable {
    /// Row of the nearest training point (the first, of exact duplicates).
    pub nearest_train: Vec<usize>,
    /// Distance to it.
    pub train_distance: Vec<f64>,
    /// Row of the nearest held-out point.
    pub nearest_held_out: Option<Vec<usize>>,
    /// Distance to it.
    pub held_out_distance: Option<Vec<f64>>,
    /// Whether the sample counts as memorised ([`Memorisation`] at its default level), if that can
    /// be said.
    pub memorised: Option<Vec<bool>>,
}

impl SampleTable {
    fn of(subject: &Subject) -> Result<Self> {
        let to_train = subject.to_train()?;
        let to_held_out = subject.to_held_out()?;
        let memorisation = Memorisation::default();
        let memorised = match memorisation.inapplicable(subject) {
            None => Some(memorisation.verdicts(subject)?.memorised),
            Some(_) => None,
        };
        Ok(SampleTable {
            nearest_train: to_train.nearest_indices().to_vec(),
            train_distance: to_train.nearest_distances().to_vec(),
            nearest_held_out: to_held_out.map(|found| found.nearest_indices().to_vec()),
            held_out_distance: to_held_out.map(|found| found.nearest_distances().to_vec()),
            memorised,
        })
    }
}
