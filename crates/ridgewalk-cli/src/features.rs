//! The Fréchet distance of samples to the data in a classifier's features, named by them.

use ndarray::{Array2, Axis};
use ridgewalk::PointSet;
use ridgewalk::metrics::{Bootstrap, frechet_distance, frechet_with_interval};
use ridgewalk::survey::Finding;
use ridgewalk_nn::{Classifier, Pixels};
use ridgewalk_report::format_number;

use crate::arguments::{Span, Survey};
use crate::failure::{Failure, Result};
use crate::progress::say;

/// Resamples of an interval, at the most: each takes a decomposition of the features' covariances.
const RESAMPLES: usize = 200;

/// What samples are compared with.
pub struct Features {
    classifier: Classifier,
    pixels: Pixels,
    /// Of the training data, `[n, features]`.
    train: Array2<f64>,
    /// Of the held-out data.
    held_out: Option<Array2<f64>>,
    bootstrap: Bootstrap,
    file: String,
}

impl Features {
    /// By `--features`, if it was given.
    pub fn of(survey: &Survey, train: &PointSet, held_out: Option<&PointSet>) -> Result<Option<Self>> {
        let Some(file) = &survey.features else {
            return match survey.pixels {
                None => Ok(None),
                Some(_) => {
                    Err(Failure::new("--pixels", "acts on --features", "add --features FILE, or drop it"))
                }
            };
        };
        let classifier = Classifier::load(file)?;
        let pixels = match survey.pixels {
            Some(Span { low, high }) => Pixels::new(low, high)?,
            None => Pixels::of(train).ok_or_else(|| {
                let (low, high) = train.range();
                Failure::new(
                    &survey.data,
                    format!("has values of {low} to {high}, which tell no black and white"),
                    "say with --pixels BLACK,WHITE what they are",
                )
            })?,
        };
        say(&format!("features: {}; black and white at {pixels}", classifier.architecture()));
        let held_out = held_out.map(|set| classifier.features(set, pixels)).transpose()?;
        let train = classifier.features(train, pixels)?;
        let bootstrap = Bootstrap::new(survey.resamples.min(RESAMPLES), survey.seed);
        let file = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        Ok(Some(Features { classifier, pixels, train, held_out, bootstrap, file }))
    }

    /// The distance of one group of samples to the training data, beside that of as many held-out points.
    pub fn finding(&self, name: &str, samples: &PointSet) -> Result<Finding> {
        let architecture = self.classifier.architecture();
        let found = self.classifier.features(samples, self.pixels)?;
        let (value, interval) = frechet_with_interval(found.view(), self.train.view(), &self.bootstrap)?;
        let mut statement = format!(
            "Fréchet distance {}{} of {} samples to {} training points, in the {} features of {} ({}): no FID, which is in \
             features of Inception-v3",
            format_number(value),
            interval.map_or_else(String::new, |(low, high)| {
                format!(" (95 % interval {} to {})", format_number(low), format_number(high))
            }),
            found.nrows(),
            self.train.nrows(),
            architecture.features,
            architecture.name,
            self.file
        );
        let null = self.null(found.nrows())?;
        if let Some((n, null)) = null {
            statement += &format!("; that of {n} held-out points is {}", format_number(null));
        }
        if found.nrows() <= architecture.features {
            statement += "; with no more samples than features it is far above its value for many";
        }
        let mut finding = Finding::new("frechet-distance", statement + ".", value, found.nrows())
            .setting("samples", name)
            .setting("features", architecture.to_string())
            .setting("features_file", self.file.clone())
            .setting("black", self.pixels.black)
            .setting("white", self.pixels.white)
            .setting("train_points", self.train.nrows())
            .setting("resamples", self.bootstrap.resamples)
            .setting("seed", self.bootstrap.seed)
            .setting("intervals", "bootstrap percentiles, centred on the estimate");
        if let Some((n, null)) = null {
            finding = finding.setting("held_out_points", n).setting("held_out_distance", null);
        }
        Ok(match interval {
            Some(interval) => finding.interval(interval),
            None => finding,
        })
    }

    /// How many held-out points, no more than the samples are, and their distance to the training data.
    fn null(&self, n: usize) -> Result<Option<(usize, f64)>> {
        let Some(held_out) = &self.held_out else { return Ok(None) };
        let n = n.min(held_out.nrows());
        if n < 2 {
            return Ok(None);
        }
        let part = held_out.select(Axis(0), &(0..n).collect::<Vec<_>>());
        Ok(Some((n, frechet_distance(part.view(), self.train.view())?)))
    }
}
