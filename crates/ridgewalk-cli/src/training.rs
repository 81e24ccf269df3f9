//! The training set that samples are judged against: rebuilt as the run of the samples read it, and checked.

use std::path::Path;

use ridgewalk::PointSet;
use ridgewalk::latent::Latent;
use ridgewalk_data::{LatentSpace, Normalization};
use serde_json::{Value, json};

use crate::arguments::{Cli, Command, LatentName, Model as ModelFlags, Preparation, Reading, Survey};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::record::{NAME, Record, digest_points};
use crate::source::{self, latent_space, read, split};

/// The points that the model of the samples was fitted to.
pub struct Training {
    pub points: PointSet,
    /// What that run held out.
    pub held_out: Option<PointSet>,
    /// Flags by which the data were read: those of the survey, else those of the run.
    pub reading: Reading,
    /// Sentences without a full stop, where the points are not those of the run.
    pub warnings: Vec<String>,
    /// The latent space of the model of all samples, if they are of one.
    pub space: Option<Space>,
    origin: Origin,
    sha256: String,
}

/// A latent space with the units before it.
pub struct Space {
    normalization: Normalization,
    latent: LatentSpace,
}

impl Space {
    /// Of this name; that of an autoencoder from the model of the samples, which holds it whole, as long as it is there.
    fn of(latent: &LatentName, standardize: bool, model: Option<&str>, train: &PointSet) -> Result<Self> {
        if let (LatentName::Autoencoder(_), Some(model)) = (latent, model) {
            let none = (Reading::default(), Preparation::default(), ModelFlags::default());
            let file = source::open(model, &none.0, &none.1, &none.2, 0)?.file;
            if let Some(latent) = file.latent {
                return Ok(Space { normalization: file.normalization, latent });
            }
        }
        let normalization = if standardize { Normalization::fit(train)? } else { Normalization::None };
        let latent = latent_space(latent, &normalization.apply(train)?, standardize)?;
        Ok(Space { normalization, latent })
    }

    /// Points as a model in this space sees them: encoded and decoded. What it cannot hold, all of a copy's
    /// distance to its original, is left out.
    pub fn see(&self, points: &PointSet) -> Result<PointSet> {
        let inner = self.normalization.apply_points(points.values())?;
        let seen = self.latent.reconstruct(inner.view())?;
        Ok(points.with_values(self.normalization.undo(seen)?)?)
    }

    /// For the page.
    pub fn sentence(&self) -> String {
        format!(
            "The model lives in {}. Training and held-out points are compared as it sees them, \
             decoded from there: what the {} leave out would hide a copy.",
            self.latent.description(),
            if self.latent.explained().is_some() { "components" } else { "coordinates" }
        )
    }
}

/// How a run read its data. Where the points depend on a seed or a split, a survey against those of another
/// would find nothing copied.
#[derive(Clone, PartialEq, Default)]
struct Origin {
    reading: Reading,
    hold_out: f64,
    seed: u64,
    /// The latent space of the model, and whether its data were standardized before.
    space: Option<(LatentName, bool)>,
    /// The model that the samples were drawn from, if it was a file or a run.
    model: Option<String>,
    /// Number of the points that the model saw, and the SHA-256 of their values, where the run recorded them.
    saw: Option<(u64, String)>,
}

impl Origin {
    /// From the record beside samples, if there is one.
    fn of(samples: &Path) -> Option<Self> {
        let record = Record::read(&samples.join(NAME)).ok()?;
        let model = &record.settings["model"];
        let drawn_from = match Cli::parse_words(&record.command).ok()?.command {
            Command::Sample(sample) => Some(sample.source).filter(|source| source::is_model(source)),
            _ => None,
        };
        // A model file knows how its own data were read; the sample run says nothing of data then.
        let words: Vec<String> = model["command"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|w| w.as_str().map(String::from))
            .collect();
        let words = if words.is_empty() { record.command } else { words };
        let (reading, preparation, model_flags, seed) = match Cli::parse_words(&words).ok()?.command {
            Command::Fit(fit) => (fit.reading, fit.preparation, fit.model, fit.seed),
            Command::Train(train) => {
                // What a network held out by default depends on the number of points: its record has the part.
                let part = model["hold_out"].as_f64().or(train.preparation.hold_out);
                let preparation = Preparation { hold_out: part, ..train.preparation.clone() };
                let seed = model["training"]["seed"].as_u64().or(train.seed).unwrap_or(0);
                let flags = ModelFlags { latent: train.space.latent.clone(), ..ModelFlags::default() };
                (train.reading, preparation, flags, seed)
            }
            Command::Sample(sample) => (sample.saw(), sample.preparation, sample.model, sample.seed),
            _ => return None,
        };
        let space = model_flags.latent.map(|latent| (latent, preparation.standardize));
        let saw = model["points"].as_u64().zip(model["sha256"].as_str().map(String::from));
        let hold_out = preparation.hold_out.unwrap_or(0.0);
        Some(Origin { reading, hold_out, seed, space, model: drawn_from, saw })
    }

    /// Whether two runs saw the same points and held out the same. By their values where both are recorded:
    /// a seed that moves no point makes no difference.
    fn agrees(&self, other: &Origin) -> bool {
        match (&self.saw, &other.saw) {
            (Some(a), Some(b)) => a == b && self.hold_out == other.hold_out,
            // Where the samples were drawn from is another matter.
            _ => *self == Origin { model: self.model.clone(), ..other.clone() },
        }
    }
}

impl Training {
    /// Of the samples of a survey.
    pub fn of(survey: &Survey) -> Result<Self> {
        let found: Vec<(&Path, Origin)> =
            survey.samples.iter().filter_map(|path| Some((path.as_path(), Origin::of(path)?))).collect();
        if let [(first, origin), rest @ ..] = found.as_slice()
            && let Some((other, _)) = rest.iter().find(|(_, other)| !other.agrees(origin))
        {
            return Err(Failure::new(
                format!("{} and {}", first.display(), other.display()),
                "were made by models of different training sets, so that no one set can judge both",
                "survey them one by one, or make them with the same data, --seed and --hold-out",
            ));
        }
        let mut origin = match found.first() {
            Some((_, origin)) => origin.clone(),
            None => Origin { seed: survey.seed, ..Origin::default() },
        };
        origin.hold_out = survey.hold_out.unwrap_or(origin.hold_out);
        let reading = survey.reading.or(&origin.reading);
        let data = read(&survey.data, &reading, origin.seed)?;
        let (points, held_out) = split(&data, origin.hold_out, origin.seed)?;
        let sha256 = digest_points(&points);
        let same = found.len() == survey.samples.len() && found.iter().all(|(_, o)| o.space == origin.space);
        let space = match &origin.space {
            Some((latent, standardize)) if same => {
                Some(Space::of(latent, *standardize, origin.model.as_deref(), &points)?)
            }
            _ => None,
        };
        let warnings = Vec::new();
        let mut training = Training { points, held_out, reading, warnings, space, origin, sha256 };
        if training.space.is_none() && found.iter().any(|(_, origin)| origin.space.is_some()) {
            let warning = "some of the samples are of a model in a latent space and others are not of that space: copies in it \
                           are not seen as such among all coordinates";
            say(&format!("warning: {warning}; survey those samples alone"));
            training.warnings.push(warning.into());
        }
        if training.matches() == Some(false)
            && let Some((path, Origin { saw: Some((n, _)), .. })) = found.first()
        {
            let warning = format!(
                "the {} points of {} are not the {n} points that the model of {} was fitted to, so that what \
                 is said of copies does not speak of its training set",
                training.points.len(),
                survey.data,
                path.display()
            );
            say(&format!("warning: {warning}; give the data and flags of its {NAME}"));
            training.warnings.push(warning);
        }
        Ok(training)
    }

    /// Whether these are the points that the run recorded, if it recorded any.
    fn matches(&self) -> Option<bool> {
        self.origin.saw.as_ref().map(|(n, sha256)| *n == self.points.len() as u64 && *sha256 == self.sha256)
    }

    /// For the record.
    pub fn settings(&self, survey: &Survey) -> Value {
        json!({
            "data": survey.data, "points": self.points.len(), "sha256": self.sha256, "seed": self.origin.seed,
            "hold_out": self.origin.hold_out, "matches_run": self.matches(),
            "principal_components": self.space.as_ref().map(|space| space.latent.dim()),
        })
    }
}
