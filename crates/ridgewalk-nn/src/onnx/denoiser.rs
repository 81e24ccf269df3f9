//! An ONNX network as a denoiser.
//!
//! ```text
//! D(x; σ) = F(x; ·),    x + σ² F(x; ·),    or    m + c_skip (x − m) + c_out F(c_in (x − m); ·)
//! ```
//!
//! by what it answers: data, a score, or a [`Preconditioning`](crate::Preconditioning)'s prediction.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Zip};
use ridgewalk::autonomous::{Autonomous, Target};
use ridgewalk::denoiser::check_query;
use ridgewalk::{Denoiser, FiniteDifference, Moments, Result, Shape};

use super::network::OnnxNetwork;
use super::options::{Answer, OnnxOptions, Told};
use crate::error::Error;

/// Noise levels of EDM for data of deviation ½ (arXiv 2206.00364, table 1).
const LEVELS: Range<f64> = 0.002..80.0;
/// Deviation of images of −1 to 1, as EDM takes it.
const DEVIATION: f64 = 0.5;
/// Relative step of differences of a network in f32: below, its rounding weighs more than the curvature.
const STEP: f64 = 1e-3;

/// A network of a file as D(x; σ), in its own units. Points are images with their channels last, or vectors.
///
/// Results do not depend on the batch beyond the rounding of the library, and not on earlier calls.
#[derive(Clone)]
pub struct OnnxDenoiser {
    network: Arc<OnnxNetwork>,
    answer: Answer,
    told: Told,
}

impl OnnxDenoiser {
    /// Reads a network.
    ///
    /// # Errors
    /// If the library onnxruntime is not found, the file is no network of a denoiser, or it does not tell what it
    /// answers or is told and the options do not say so.
    pub fn load(path: impl AsRef<Path>, options: &OnnxOptions) -> crate::Result<Self> {
        let path = path.as_ref();
        let network = OnnxNetwork::load(path, options)?;
        let told = told(path, &network, options)?;
        let answer = answer(path, &network, options)?;
        Ok(OnnxDenoiser { network: Arc::new(network), answer, told })
    }

    /// What a point is. Images of neither one nor three channels count as vectors, channels last.
    pub fn shape(&self) -> Shape {
        self.network.shape()
    }

    /// Whether it is told the noise level.
    pub fn is_blind(&self) -> bool {
        matches!(self.told, Told::Nothing)
    }

    /// Noise levels for which such a network is customarily trained: those of the process whose time it is told, else
    /// EDM's, for the deviation of its data.
    pub fn levels(&self) -> Range<f64> {
        if let Told::Time { process, .. } = &self.told {
            let times = process.customary_times();
            let levels = process.noise_level(times.start)..process.noise_level(times.end);
            if levels.start > 0.0 && levels.end.is_finite() && levels.start < levels.end {
                return levels;
            }
        }
        let factor = self.deviation() / DEVIATION;
        factor * LEVELS.start..factor * LEVELS.end
    }

    /// With derivatives by central differences, of a step that suits f32.
    pub fn with_derivatives(self) -> FiniteDifference<Self> {
        match FiniteDifference::with_step(self.clone(), STEP) {
            Ok(model) => model,
            Err(_) => FiniteDifference::new(self),
        }
    }

    fn deviation(&self) -> f64 {
        match self.answer {
            Answer::Network(preconditioning) => preconditioning.scale,
            _ => DEVIATION,
        }
    }

    fn center(&self) -> f64 {
        match self.answer {
            Answer::Network(preconditioning) => preconditioning.center,
            _ => 0.0,
        }
    }

    /// The network itself as a blind field, if it is told nothing and answers the data.
    pub fn blind(&self) -> Option<OnnxField> {
        let denoised = matches!(self.answer, Answer::Denoised);
        (self.is_blind() && denoised).then(|| OnnxField(self.network.clone()))
    }
}

fn told(path: &Path, network: &OnnxNetwork, options: &OnnxOptions) -> crate::Result<Told> {
    match (&options.told, network.level()) {
        (None | Some(Told::Nothing), None) => Ok(Told::Nothing),
        (None, Some("sigma" | "noise_level")) => Ok(Told::Sigma),
        (None, Some(name)) => Err(Error::file(
            path,
            format!("does not tell what its input `{name}` is to be told of the noise"),
            "say so: sigma, the noise label of EDM, or the time of a process (`told`, or --told)",
        )),
        (Some(Told::Nothing), Some(name)) => Err(Error::file(
            path,
            format!("has an input `{name}` for the noise level, and nothing was to be told"),
            "say what it is told (`told`, or --told)",
        )),
        (Some(told), Some(_)) => Ok(told.clone()),
        (Some(told), None) => Err(Error::file(
            path,
            format!("has no input that could be told the noise level as {told:?}"),
            "drop the option: the network is blind",
        )),
    }
}

fn answer(path: &Path, network: &OnnxNetwork, options: &OnnxOptions) -> crate::Result<Answer> {
    match options.answer {
        Some(Answer::Network(p)) if !(p.scale > 0.0 && p.scale.is_finite() && p.center.is_finite()) => {
            let problem = format!("has center {} and scale {}", p.center, p.scale);
            let help = "give a finite center and a positive scale";
            Err(ridgewalk::Error::argument("preconditioning", problem, help).into())
        }
        Some(answer) => Ok(answer),
        None if network.output() == "denoised" || network.level() == Some("sigma") => Ok(Answer::Denoised),
        None => Err(Error::file(
            path,
            format!("does not tell what its output `{}` is", network.output()),
            "say so: the denoised data, a score, or a prediction with its coefficients (`answer`, or --predicts)",
        )),
    }
}

impl Denoiser for OnnxDenoiser {
    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        let level = self.told.number(sigma);
        match self.answer {
            Answer::Denoised => self.network.run(x, level),
            Answer::Score => {
                let mut out = self.network.run(x, level)?;
                Zip::from(&mut out).and(x).for_each(|out, x| *out = x + sigma * sigma * *out);
                Ok(out)
            }
            Answer::Network(preconditioning) => {
                let (c, center) = (preconditioning.coefficients(sigma), preconditioning.center);
                let mut out = self.network.run(x.mapv(|x| c.input * (x - center)).view(), level)?;
                Zip::from(&mut out)
                    .and(x)
                    .for_each(|out, x| *out = center + c.skip * (x - center) + c.output * *out);
                Ok(out)
            }
        }
    }

    fn moments(&self) -> Option<Moments> {
        let known = self.shape().is_image() || matches!(self.answer, Answer::Network(_));
        let mean = || Array1::from_elem(self.dim(), self.center());
        known.then(|| Moments { mean: mean(), std: self.deviation() })
    }
}

impl fmt::Debug for OnnxDenoiser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnnxDenoiser({}, answers {:?}, told {:?})", self.shape(), self.answer, self.told)
    }
}

/// A network that is told nothing of the noise and answers the data: f(u) = D(u).
#[derive(Clone)]
pub struct OnnxField(Arc<OnnxNetwork>);

impl Autonomous for OnnxField {
    fn dim(&self) -> usize {
        self.0.dim()
    }

    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_query(self.dim(), u, 1.0)?;
        self.0.run(u, None)
    }

    fn target(&self) -> Target {
        Target::Data
    }
}
