//! A classifier of a file: features and logits of images.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView2, Axis};
use ridgewalk::{PointSet, Shape};

use super::head::Head;
use super::{Pixels, recognition};
use crate::error::{Error, Result};
use crate::pretrained::file;

/// Images that pass at once: about 100 MB of a ResNet-20's states, whatever the number of images.
const BATCH: usize = 64;

/// The layers before the last.
pub(super) trait Body: Send + Sync {
    /// What the network sees of a value, black being 0 and white 1.
    fn scaled(&self, value: f32, channel: usize) -> f32;

    /// `[n, features]` of `[n, channels, height, width]`.
    fn features(&self, x: Tensor<4>) -> Tensor<2>;
}

/// What a classifier is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassifierArchitecture {
    /// `LeNet`, `ResNet-20`, …
    pub name: String,
    /// Rows, and columns, of its images.
    pub side: usize,
    /// 1 (grey) or 3 (RGB).
    pub channels: usize,
    /// Numbers before the last layer.
    pub features: usize,
    /// Classes that it tells.
    pub classes: usize,
    /// Numbers in all, statistics of normalisation included.
    pub parameters: usize,
}

impl fmt::Display for ClassifierArchitecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ClassifierArchitecture { name, features, classes, parameters, .. } = self;
        write!(f, "{name}, {features} features, {classes} classes, {parameters} parameters")
    }
}

/// What a classifier says of images.
#[derive(Debug, Clone, PartialEq)]
pub struct Outputs {
    /// The numbers before the last layer, `[n, features]`.
    pub features: Array2<f64>,
    /// Logarithms of class probabilities up to a constant, `[n, classes]`.
    pub logits: Array2<f64>,
}

impl Outputs {
    /// The likeliest class of each image, the first of equals.
    pub fn classes(&self) -> Vec<usize> {
        let likeliest = |row: ndarray::ArrayView1<f64>| {
            row.iter().enumerate().fold((0, f64::NEG_INFINITY), |best, (class, logit)| {
                if *logit > best.1 { (class, *logit) } else { best }
            })
        };
        self.logits.outer_iter().map(|row| likeliest(row).0).collect()
    }
}

/// A classifier of images of one size, read from a file: see [`crate::classifier`].
#[derive(Clone)]
pub struct Classifier {
    body: Arc<dyn Body>,
    head: Arc<Head>,
    architecture: ClassifierArchitecture,
}

impl Classifier {
    pub(super) fn new(body: Arc<dyn Body>, head: Head, architecture: ClassifierArchitecture) -> Self {
        Classifier { body, head: Arc::new(head), architecture }
    }

    /// Reads a classifier; which one it is, the file's tensors tell ([`crate::classifier`]).
    ///
    /// # Errors
    /// If the file cannot be read, is damaged or no safetensors file, or holds no classifier that is known here: the
    /// message names the tensor.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        recognition::classifier(path, file::read(path)?)
    }

    /// What it is made of.
    pub fn architecture(&self) -> &ClassifierArchitecture {
        &self.architecture
    }

    /// What one of its images is.
    pub fn shape(&self) -> Shape {
        let ClassifierArchitecture { side, channels, .. } = self.architecture;
        Shape::Image { height: side, width: side, channels }
    }

    /// Features of images, `[n, features]`. `pixels` says what the numbers of the images mean; the classifier's own scale
    /// is no concern of the caller. Vectors of as many values as an image are taken for images, row by row.
    ///
    /// # Errors
    /// If the images are of another shape, or their values are clearly in other units than `pixels` says.
    pub fn features(&self, images: &PointSet, pixels: Pixels) -> Result<Array2<f64>> {
        self.check(images, pixels)?;
        let mut out = Array2::zeros((images.len(), self.architecture.features));
        let values = images.values();
        for (batch, mut to) in
            values.axis_chunks_iter(Axis(0), BATCH).zip(out.axis_chunks_iter_mut(Axis(0), BATCH))
        {
            to.assign(&self.batch(batch, pixels)?);
        }
        Ok(out)
    }

    /// Logits of images, `[n, classes]`. Arguments and errors as [`Classifier::features`].
    pub fn logits(&self, images: &PointSet, pixels: Pixels) -> Result<Array2<f64>> {
        Ok(self.outputs(images, pixels)?.logits)
    }

    /// Features and logits of images in one pass. Arguments and errors as [`Classifier::features`].
    pub fn outputs(&self, images: &PointSet, pixels: Pixels) -> Result<Outputs> {
        let features = self.features(images, pixels)?;
        let logits = self.head.logits(features.view());
        Ok(Outputs { features, logits })
    }

    fn check(&self, images: &PointSet, pixels: Pixels) -> Result<()> {
        let expected = self.shape();
        let fits = images.shape() == expected || images.shape() == Shape::Vector(expected.dim());
        if !fits {
            let found = format!("points of {}", images.shape());
            return Err(Error::Model(ridgewalk::Error::shape("the set of images", found, expected)));
        }
        Ok(pixels.check(images)?)
    }

    fn batch(&self, images: ArrayView2<f64>, pixels: Pixels) -> Result<Array2<f64>> {
        let ClassifierArchitecture { side, channels, features, .. } = self.architecture;
        let (n, d) = images.dim();
        let mut planes = Vec::with_capacity(n * d);
        for image in images.outer_iter() {
            for channel in 0..channels {
                let own = image.iter().skip(channel).step_by(channels);
                planes.extend(own.map(|v| self.body.scaled(pixels.unit(*v) as f32, channel)));
            }
        }
        let x = Tensor::from_data(TensorData::new(planes, [n, channels, side, side]), &Device::flex());
        let values = self.body.features(x).try_into_vec_as::<f32>().unwrap_or_default();
        let fault = |found: usize| ridgewalk::Error::Numerical {
            what: "classifier",
            problem: format!("gave {found} values for {n} images of {features} features"),
            help: "this is a fault of the program: report it".into(),
        };
        let found = values.len();
        let values = Array2::from_shape_vec((n, features), values).map_err(|_| fault(found))?;
        Ok(values.mapv(f64::from))
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Classifier").field("architecture", &self.architecture).finish_non_exhaustive()
    }
}
