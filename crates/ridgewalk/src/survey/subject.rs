//! What is surveyed, and against what.

use std::sync::OnceLock;

use ndarray::{ArrayView1, ArrayView2};

use super::blindness::{BlindVerdicts, NoiseInput};
use super::ridge::setting::Setting;
use crate::denoiser::Denoiser;
use crate::error::{Error, Result};
use crate::neighbours::{Neighbours, distinct_rows, nearest, nearest_others};
use crate::points::PointSet;
use crate::sampler::observers::Trajectories;

/// A manifold that is known: how far points are from it. Any `Fn(point) -> distance` is one.
pub trait Truth: Send + Sync {
    /// Distance of every row of `x` (`[m, d]`) to the manifold, in the data's units, not negative.
    ///
    /// # Errors
    /// If the distance cannot be computed, such as for a wrong dimension.
    fn distance(&self, x: ArrayView2<f64>) -> Result<Vec<f64>>;
}

impl<F: Fn(ArrayView1<f64>) -> f64 + Send + Sync> Truth for F {
    fn distance(&self, x: ArrayView2<f64>) -> Result<Vec<f64>> {
        Ok(x.outer_iter().map(self).collect())
    }
}

/// What samples are held against. Shared by all subjects, so that what concerns the data alone
/// (held-out against training) is computed once.
pub struct Reference<'a> {
    train: PointSet,
    held_out: Option<PointSet>,
    clean: Option<PointSet>,
    truth: Option<&'a dyn Truth>,
    distinct: OnceLock<Distinct>,
    held_out_to_train: OnceLock<Neighbours>,
    held_out_to_others: OnceLock<Neighbours>,
    ridge: OnceLock<Setting>,
    noise_input: OnceLock<(NoiseInput, u64, BlindVerdicts)>,
}

/// Training points without repeats: a repeated point would make its copies look harmless to every
/// rule that compares with the second nearest point.
struct Distinct {
    /// Their rows in the training set.
    rows: Vec<usize>,
    points: PointSet,
}

impl<'a> Reference<'a> {
    /// The data that the model was made from.
    pub fn new(train: &PointSet) -> Self {
        Reference {
            train: train.clone(),
            held_out: None,
            clean: None,
            truth: None,
            distinct: OnceLock::new(),
            held_out_to_train: OnceLock::new(),
            held_out_to_others: OnceLock::new(),
            ridge: OnceLock::new(),
            noise_input: OnceLock::new(),
        }
    }

    /// With data from the same source that the model has not seen: the null of all comparisons.
    /// Its distances to the training data cost O(n_held-out n_train d), once; a few thousand points
    /// are enough (they fix a 1 % threshold to a quarter of itself), so select that many of a large set.
    pub fn held_out(mut self, held_out: &PointSet) -> Self {
        self.held_out = Some(held_out.clone());
        (self.held_out_to_train, self.held_out_to_others) = (OnceLock::new(), OnceLock::new());
        self.ridge = OnceLock::new();
        self
    }

    /// With a clean set, where training data are noisy: the classes and the coordinates that never
    /// vary are read from it.
    pub fn clean(mut self, clean: &PointSet) -> Self {
        self.clean = Some(clean.clone());
        self
    }

    /// With the manifold on which clean data lie.
    pub fn truth(mut self, truth: &'a dyn Truth) -> Self {
        self.truth = Some(truth);
        self
    }

    /// Training data.
    pub fn train(&self) -> &PointSet {
        &self.train
    }

    /// Held-out data, if given.
    pub fn held_out_set(&self) -> Option<&PointSet> {
        self.held_out.as_ref()
    }

    /// The clean set, if given.
    pub fn clean_set(&self) -> Option<&PointSet> {
        self.clean.as_ref()
    }

    /// The true manifold, if known.
    pub fn true_manifold(&self) -> Option<&'a dyn Truth> {
        self.truth
    }

    /// Training points that repeat an earlier one exactly.
    pub fn duplicates(&self) -> Result<usize> {
        Ok(self.train.len() - self.distinct()?.rows.len())
    }

    /// A sentence about duplicates, or nothing if there are none.
    pub(super) fn duplicates_note(&self) -> Result<String> {
        Ok(match self.duplicates()? {
            0 => String::new(),
            n => format!(
                " {n} of the {} training points repeat an earlier one and were merged.",
                self.train.len()
            ),
        })
    }

    /// Training points without repeats; neighbour rows found here go through
    /// [`Reference::train_row`].
    pub(super) fn distinct_train(&self) -> Result<&PointSet> {
        Ok(&self.distinct()?.points)
    }

    /// Row in the training set of a row of [`Reference::distinct_train`].
    pub(super) fn train_row(&self, distinct: usize) -> Result<usize> {
        Ok(self.distinct()?.rows[distinct])
    }

    /// The ridge of the training data, and how near data that it is not made of are to it.
    pub(super) fn ridge(&self) -> Result<&Setting> {
        cached(&self.ridge, || Setting::of(self))
    }

    /// Whether models of the training data may drop their noise input; the first answer is kept for all subjects.
    pub(super) fn noise_input(&self, probe: &NoiseInput, seed: u64) -> Result<BlindVerdicts> {
        let ask = || Ok((probe.clone(), seed, probe.ask(&self.train, seed)?));
        let (asked, with, found) = cached(&self.noise_input, ask)?;
        if asked == probe && *with == seed { Ok(found.clone()) } else { probe.ask(&self.train, seed) }
    }

    fn distinct(&self) -> Result<&Distinct> {
        cached(&self.distinct, || {
            let rows = distinct_rows(self.train.values());
            let points =
                if rows.len() == self.train.len() { self.train.clone() } else { self.train.select(&rows)? };
            Ok(Distinct { rows, points })
        })
    }

    /// The nearest distinct training points of held-out points (two, where there are two), in rows
    /// of [`Reference::distinct_train`]; `None` without held-out data.
    pub(super) fn held_out_to_train(&self) -> Result<Option<&Neighbours>> {
        let Some(held_out) = &self.held_out else { return Ok(None) };
        let points = self.distinct_train()?;
        let search = || nearest(held_out.values(), points.values(), points.len().min(2));
        cached(&self.held_out_to_train, search).map(Some)
    }

    /// The nearest other held-out point of every held-out point; `None` with fewer than two.
    pub(super) fn held_out_to_others(&self) -> Result<Option<&Neighbours>> {
        match &self.held_out {
            Some(held_out) if held_out.len() > 1 => {
                cached(&self.held_out_to_others, || nearest_others(held_out.values(), 1)).map(Some)
            }
            _ => Ok(None),
        }
    }
}

/// Names that figures use for the reference itself.
const RESERVED: [&str; 3] = ["held-out", "training data", "clean data"];

/// A group of samples to survey.
pub struct Subject<'a> {
    name: String,
    samples: PointSet,
    reference: &'a Reference<'a>,
    model: Option<&'a dyn Denoiser>,
    paths: Option<&'a Trajectories>,
    to_distinct: OnceLock<Neighbours>,
    to_train: OnceLock<Neighbours>,
    to_held_out: OnceLock<Neighbours>,
}

impl<'a> Subject<'a> {
    /// Samples called `name`, against a reference.
    pub fn new(name: impl Into<String>, samples: &PointSet, reference: &'a Reference<'a>) -> Self {
        Subject {
            name: name.into(),
            samples: samples.clone(),
            reference,
            model: None,
            paths: None,
            to_distinct: OnceLock::new(),
            to_train: OnceLock::new(),
            to_held_out: OnceLock::new(),
        }
    }

    /// With the denoiser that the samples come from, for probes that ask it.
    pub fn model(mut self, model: &'a dyn Denoiser) -> Self {
        self.model = Some(model);
        self
    }

    /// With the paths of the samples, or of some of them, for probes that look at these.
    pub fn trajectories(mut self, paths: &'a Trajectories) -> Self {
        self.paths = Some(paths);
        self
    }

    /// Name of the group.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The samples.
    pub fn samples(&self) -> &PointSet {
        &self.samples
    }

    /// What they are held against.
    pub fn reference(&self) -> &'a Reference<'a> {
        self.reference
    }

    /// The denoiser that they come from, if given.
    pub fn denoiser(&self) -> Option<&'a dyn Denoiser> {
        self.model
    }

    /// The paths of the samples, if given.
    pub fn paths(&self) -> Option<&'a Trajectories> {
        self.paths
    }

    /// The nearest distinct training points of every sample (two, where there are two), in rows of
    /// the training set.
    ///
    /// # Errors
    /// If the dimensions differ.
    pub fn to_train(&self) -> Result<&Neighbours> {
        cached(&self.to_train, || {
            let mut found = self.to_distinct_train()?.clone();
            for index in &mut found.indices {
                *index = self.reference.train_row(*index)?;
            }
            Ok(found)
        })
    }

    /// As [`Subject::to_train`], in rows of [`Reference::distinct_train`].
    pub(super) fn to_distinct_train(&self) -> Result<&Neighbours> {
        cached(&self.to_distinct, || {
            let points = self.reference.distinct_train()?;
            nearest(self.samples.values(), points.values(), points.len().min(2))
        })
    }

    /// The nearest held-out point of every sample; `None` without held-out data.
    ///
    /// # Errors
    /// If the dimensions differ.
    pub fn to_held_out(&self) -> Result<Option<&Neighbours>> {
        let Some(held_out) = self.reference.held_out_set() else { return Ok(None) };
        cached(&self.to_held_out, || nearest(self.samples.values(), held_out.values(), 1)).map(Some)
    }

    pub(super) fn check(&self) -> Result<()> {
        let reference = self.reference;
        if !self.name.contains(char::is_alphanumeric) || RESERVED.contains(&self.name.as_str()) {
            return Err(Error::argument(
                "name",
                format!("is '{}'", self.name),
                format!("name the samples in letters or digits, other than {RESERVED:?}"),
            ));
        }
        let expected = reference.train.shape();
        let sets = [
            (format!("the sample set '{}'", self.name), Some(&self.samples)),
            ("the held-out set".into(), reference.held_out.as_ref()),
            ("the clean set".into(), reference.clean.as_ref()),
        ];
        for (what, set) in sets {
            if let Some(set) = set
                && set.shape() != expected
            {
                return Err(Error::shape(what, set.shape(), format!("{expected} (as the training set)")));
            }
        }
        if let Some((_, state)) =
            self.paths.and_then(|paths| paths.states().find(|(_, x)| x.ncols() != expected.dim()))
        {
            return Err(Error::shape("the paths", format!("{} coordinates", state.ncols()), expected.dim()));
        }
        match self.model {
            Some(model) if model.dim() != expected.dim() => {
                Err(Error::shape("the model", format!("{} coordinates", model.dim()), expected.dim()))
            }
            _ => Ok(()),
        }
    }
}

/// `OnceLock::get_or_try_init`, which is not stable yet. Two threads may both compute; the values
/// are equal.
fn cached<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(value) = cell.get() {
        return Ok(value);
    }
    let value = make()?;
    Ok(cell.get_or_init(|| value))
}
