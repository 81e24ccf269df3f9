//! With what samples are compared: the images held out, in features, and those trained on, in pixels.

use ndarray::{Array2, ArrayView2, Axis};
use ridgewalk::PointSet;
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk::metrics::{Bootstrap, frechet_distance, frechet_with_interval};
use ridgewalk::neighbours::nearest;
use ridgewalk_nn::{Classifier, Pixels};

use super::super::settings::Settings;
use crate::failure::{Failure, Result};

/// Principal components in which the Fréchet distance is taken.
const COMPONENTS: usize = 40;
const RESAMPLES: usize = 200;
const RESAMPLES_SMALL: usize = 50;
/// Held-out images of which distances to the training images are taken.
const COMPARED: usize = 500;

enum Features {
    Components(Pca),
    Classifier { classifier: Box<Classifier>, pixels: Pixels },
}

/// A Fréchet distance with its interval.
pub struct Distance {
    pub value: f64,
    pub interval: Option<(f64, f64)>,
}

pub struct Judge {
    features: Features,
    data: PointSet,
    rest: PointSet,
    rest_features: Array2<f64>,
    bootstrap: Bootstrap,
    /// Median distance of held-out images to the nearest of the training.
    ordinary: f64,
}

impl Judge {
    pub fn new(settings: &Settings, data: &PointSet, rest: PointSet) -> Result<Self> {
        let features = match &settings.paper.features {
            None => Features::Components(Pca::fit(data, Components::Count(COMPONENTS.min(data.dim())))?),
            Some(file) => {
                let pixels = Pixels::of(data).ok_or_else(|| {
                    let help = "give images of 0 to 1, 0 to 255, 0 to 65535 or -1 to 1";
                    Failure::new("the images", "have values that tell no black and white", help)
                })?;
                Features::Classifier { classifier: Box::new(Classifier::load(file)?), pixels }
            }
        };
        let rest_features = encode(&features, &rest)?;
        let some: Vec<usize> = (0..rest.len().min(COMPARED)).collect();
        let ordinary = median_distance(rest.select(&some)?.values(), data.values())?;
        let resamples = settings.size(RESAMPLES, RESAMPLES_SMALL);
        let bootstrap = Bootstrap::new(resamples, settings.paper.seed);
        Ok(Judge { features, data: data.clone(), rest, rest_features, bootstrap, ordinary })
    }

    /// Where Fréchet distances are taken, in words.
    pub fn features(&self) -> String {
        match &self.features {
            Features::Components(pca) => format!("the first {} principal components of the data", pca.dim()),
            Features::Classifier { classifier, .. } => format!(
                "the {} features of {} (--features)",
                classifier.architecture().features,
                classifier.architecture().name
            ),
        }
    }

    /// Number of images that were held out.
    pub fn held_out(&self) -> usize {
        self.rest.len()
    }

    pub fn rest(&self) -> &PointSet {
        &self.rest
    }

    pub fn distance(&self, samples: &Array2<f64>) -> Result<Distance> {
        let found = encode(&self.features, &self.rest.with_values(samples.clone())?)?;
        let (value, interval) =
            frechet_with_interval(found.view(), self.rest_features.view(), &self.bootstrap)?;
        Ok(Distance { value, interval })
    }

    /// Median distance to the nearest training image, over that of held-out images.
    pub fn nearness(&self, samples: &Array2<f64>) -> Result<f64> {
        Ok(median_distance(samples.view(), self.data.values())? / self.ordinary)
    }

    /// The Fréchet distance of one half of the held-out images, or of `count` of them, to the rest: what samples of the
    /// law itself would have.
    pub fn floor(&self, count: usize) -> Result<f64> {
        let n = self.rest_features.nrows();
        let count = count.min(n / 2);
        let pick =
            |from: usize, to: usize| self.rest_features.select(Axis(0), &(from..to).collect::<Vec<_>>());
        Ok(frechet_distance(pick(0, count).view(), pick(count, n).view())?)
    }
}

fn encode(features: &Features, points: &PointSet) -> Result<Array2<f64>> {
    match features {
        Features::Components(pca) => Ok(pca.encode(points.values())?),
        Features::Classifier { classifier, pixels } => Ok(classifier.features(points, *pixels)?),
    }
}

fn median_distance(points: ArrayView2<f64>, data: ArrayView2<f64>) -> Result<f64> {
    let distances = nearest(points, data, 1)?.nearest_distances().to_vec();
    Ok(ridgewalk::metrics::bootstrap::median(&distances))
}
