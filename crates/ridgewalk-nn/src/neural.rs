//! A network as a denoiser with derivatives.
//!
//! Values are f64 at this boundary and f32 within the network; the state itself passes by the network, through c_skip,
//! in f64. J v is forward mode, Jᵀ v reverse mode, ∂D/∂σ forward mode through c_in and c_noise: all exact up to rounding.
//! The Jacobian of a network is not symmetric, although that of a posterior mean is, unless the network is a potential.

mod potential;

use std::collections::BTreeMap;
use std::sync::Arc;

use burn::tensor::{Device as Opened, TensorData};
use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use ridgewalk::autonomous::{Autonomous, Target};
use ridgewalk::denoiser::{check_query, check_tangent};
use ridgewalk::{Denoiser, Differentiable, Error, Moments, Result, Shape};
use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::label::NoiseLabel;
use crate::network::{Condition, Dual, Network, NetworkConfig};
use crate::ops::Matrix;
use crate::parameters::{Form, Handle, Init, Layout, Leaves};
use crate::preconditioning::{Coefficients, Preconditioning, Prediction};

/// Vectors that a perceptron is asked of together: a single one takes as long as these.
const VECTORS: usize = 64;
/// Images that are asked together on the processor: more gain nothing, fewer pack the weights too often.
const IMAGES: usize = 16;
/// Bytes that a call takes unless told.
const MEMORY: usize = 1 << 29;
/// Name of the array that holds the logit of a learned k.
const MIX: &str = "k_mix.logit";

/// All that determines a neural denoiser besides its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelConfig {
    /// The network.
    pub network: NetworkConfig,
    /// What it predicts.
    pub preconditioning: Preconditioning,
    /// What it is told of the noise level, unless it is blind.
    #[serde(default, skip_serializing_if = "NoiseLabel::is_relative")]
    pub label: NoiseLabel,
}

/// A network with what it predicts, without its numbers.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub network: Network,
    pub preconditioning: Preconditioning,
    label: NoiseLabel,
    layout: Layout,
    mix: Option<Handle>,
}

impl Model {
    /// # Errors
    /// If the configuration does not fit the shape of the points, or the numbers in it are not sound.
    pub fn new(config: &ModelConfig) -> Result<Self> {
        let Preconditioning { prediction, center, scale } = config.preconditioning;
        if !center.is_finite() || !scale.is_finite() || scale <= 0.0 {
            let problem = format!("center {center} and scale {scale}");
            return Err(Error::argument(
                "preconditioning",
                problem,
                "give a finite center and a positive scale",
            ));
        }
        let network = Network::new(config.network.clone())?;
        let mut layout = network.layout().clone();
        let mut mix = None;
        if let Prediction::KMix { k, learned } = prediction {
            if !(0.0..=1.0).contains(&k) || (learned && (k == 0.0 || k == 1.0)) {
                let help = "give 0…1, and neither end if it is to be learned";
                return Err(Error::argument("k", format!("is {k}"), help));
            }
            if learned {
                let init = Init::Constant(libm::log(k / (1.0 - k)) as f32);
                mix = Some(layout.add(MIX, [1, 1], Form::Vector, init));
            }
        }
        Ok(Model {
            network,
            preconditioning: config.preconditioning,
            label: config.label.clone(),
            layout,
            mix,
        })
    }

    /// The configuration of which it was made.
    pub fn config(&self) -> ModelConfig {
        ModelConfig {
            network: self.network.config().clone(),
            preconditioning: self.preconditioning,
            label: self.label.clone(),
        }
    }

    /// What the network is told of σ.
    pub fn told(&self, sigma: f64) -> f64 {
        self.label.at(sigma, self.preconditioning.scale)
    }

    /// What lies where among its numbers.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// The array of a learned k's logit.
    pub fn mix(&self) -> Option<Handle> {
        self.mix
    }
}

/// A network as the denoiser D(x; σ).
///
/// On the processor results depend neither on the batch nor on the number of threads.
#[derive(Clone)]
pub struct NeuralDenoiser {
    model: Arc<Model>,
    leaves: Leaves,
    values: Arc<Vec<f32>>,
    device: Device,
    opened: Opened,
    memory: usize,
    k: f64,
    class: Option<usize>,
    moments: Option<Moments>,
}

/// What of the network is asked.
enum Asked<'a> {
    Value,
    /// J v.
    Forward(ArrayView2<'a, f64>),
    /// Jᵀ v.
    Reverse(ArrayView2<'a, f64>),
    /// ∂/∂σ, with the value.
    Level,
}

impl NeuralDenoiser {
    /// A network of these numbers, in the order of its own arrays.
    ///
    /// # Errors
    /// If the configuration is not sound, or the numbers are not as many as it has or not finite.
    pub fn new(config: &ModelConfig, values: Vec<f32>) -> Result<Self> {
        Self::opened_on(config, values, (Device::default(), Opened::flex()))
    }

    /// The same network on another device.
    ///
    /// # Errors
    /// If the device cannot be opened.
    pub fn on(self, device: Device) -> Result<Self> {
        if device == self.device {
            return Ok(self);
        }
        let opened = device.open()?;
        Ok(NeuralDenoiser {
            leaves: Leaves::new(self.model.layout(), &self.values, &opened),
            device,
            opened,
            ..self
        })
    }

    /// The same network with another limit, in bytes, on what a call takes besides its states and the network: as many
    /// points are asked together as fit, one at the least. On the processor results do not depend on it.
    pub fn with_memory(self, memory: usize) -> Self {
        NeuralDenoiser { memory, ..self }
    }

    /// The network as its training begins, with random numbers from `seed`.
    ///
    /// # Errors
    /// If the configuration is not sound.
    pub fn initial(config: &ModelConfig, seed: u64) -> Result<Self> {
        let values = Model::new(config)?.layout().initial(seed);
        Self::new(config, values)
    }

    /// A network of PyTorch's arrays, by name: shape and values. The names are those of EDM's `SongUNet` for a UNet, of the paper's
    /// code for a DiT, and `layers.i.weight` and so on for a perceptron; arrays that the network does not have are passed over.
    ///
    /// # Errors
    /// As [`NeuralDenoiser::new`], and if an array is missing or has another shape.
    pub fn from_torch(
        config: &ModelConfig,
        arrays: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    ) -> Result<Self> {
        let values = Model::new(config)?.layout().read_torch(arrays);
        let help = "give the configuration with which the weights were made";
        Self::new(config, values.map_err(|problem| Error::argument("the network's arrays", problem, help))?)
    }

    fn opened_on(config: &ModelConfig, values: Vec<f32>, (device, opened): (Device, Opened)) -> Result<Self> {
        let model = Model::new(config)?;
        if values.len() != model.layout().len() {
            return Err(Error::shape("the network's numbers", values.len(), model.layout().len()));
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            let problem = format!("number {index} is {}", values.get(index).copied().unwrap_or(f32::NAN));
            return Err(Error::argument("the network's numbers", problem, "take an earlier checkpoint"));
        }
        let leaves = Leaves::new(model.layout(), &values, &opened);
        let learned = model.mix().and_then(|handle| leaves.get(handle).into_data().iter::<f32>().next());
        let k = match learned {
            Some(logit) => 1.0 / (1.0 + libm::exp(-f64::from(logit))),
            None => model.preconditioning.mix(),
        };
        Ok(NeuralDenoiser {
            model: Arc::new(model),
            leaves,
            values: Arc::new(values),
            device,
            opened,
            memory: MEMORY,
            k,
            class: None,
            moments: None,
        })
    }

    /// The same network told that all points are of this class, or of none.
    ///
    /// # Errors
    /// If it knows no such class.
    pub fn of_class(&self, class: Option<usize>) -> Result<Self> {
        let classes = self.classes();
        if let Some(class) = class.filter(|class| *class >= classes) {
            let problem = format!("is {class}, but the network knows {classes}");
            return Err(Error::argument(
                "class",
                problem,
                "give a class that it was trained on, counted from 0",
            ));
        }
        Ok(NeuralDenoiser { class, ..self.clone() })
    }

    /// The same network with the mean and scale of its data, from which samplers start.
    pub fn with_moments(self, moments: Moments) -> Self {
        NeuralDenoiser { moments: Some(moments), ..self }
    }

    /// What determines it besides its numbers.
    pub fn config(&self) -> ModelConfig {
        self.model.config()
    }

    /// Its numbers, in the order of its arrays.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Its arrays by PyTorch's names: name, shape, values.
    pub fn to_torch(&self) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        self.model.layout().to_torch(&self.values)
    }

    /// Number of classes that it may be told.
    pub fn classes(&self) -> usize {
        self.model.network.config().classes
    }

    /// k of a k-mix, as it was learned.
    pub fn mix(&self) -> Option<f64> {
        matches!(self.model.preconditioning.prediction, Prediction::KMix { .. }).then_some(self.k)
    }

    /// Shape of a point.
    pub fn shape(&self) -> Shape {
        self.model.network.config().shape
    }

    /// What it predicts of its own input, noise-blind: as a field that is never told σ. None if it is told, or if it
    /// predicts a k-mix, for which there is no [`Target`].
    pub fn autonomous(&self) -> Option<BlindNetwork> {
        let (target, sign) = match self.model.preconditioning.prediction {
            Prediction::Noise => (Target::Noise, 1.0),
            Prediction::Denoised => (Target::Data, 1.0),
            Prediction::Flow => (Target::Velocity, 1.0),
            Prediction::Velocity => (Target::VPrediction, 1.0),
            // EDM's mixture is v with the other sign.
            Prediction::Edm => (Target::VPrediction, -1.0),
            Prediction::KMix { .. } => return None,
        };
        self.model.network.config().blind.then(|| BlindNetwork { network: self.clone(), target, sign })
    }

    /// How many of n points are asked together.
    fn group(&self, n: usize, asked: &Asked) -> usize {
        if self.device.is_cpu() && matches!(self.shape(), Shape::Vector(_)) {
            return VECTORS;
        }
        // Values beside those that blocks put out, tangents, and what a derivative keeps.
        let copies = match asked {
            Asked::Value => 3,
            Asked::Forward(_) | Asked::Level => 6,
            Asked::Reverse(_) => 10,
        };
        let threads = if self.device.is_cpu() { rayon::current_num_threads() } else { 1 };
        let fit = self.memory / (threads * copies * 4 * self.model.network.values_per_point()).max(1);
        let most = if self.device.is_cpu() { IMAGES.min(n.div_ceil(threads)) } else { n };
        fit.min(most).max(1)
    }

    fn matrix(&self, values: Vec<f32>, rows: usize) -> Matrix {
        let columns = values.len() / rows.max(1);
        Matrix::from_data(TensorData::new(values, [rows, columns]), &self.opened)
    }

    fn condition<V>(&self, rows: usize, noise: impl FnOnce(Matrix) -> V, c_noise: f64) -> Condition<V> {
        let network = self.model.network.config();
        let noise = (!network.blind).then(|| noise(self.matrix(vec![c_noise as f32; rows], rows)));
        let class = (network.classes > 0).then(|| {
            let mut one_hot = vec![0.0; rows * network.classes];
            if let Some(class) = self.class {
                one_hot.iter_mut().skip(class).step_by(network.classes).for_each(|one| *one = 1.0);
            }
            self.matrix(one_hot, rows)
        });
        Condition { noise, class }
    }

    /// F and, if asked for, its product with a tangent, of a group of inputs.
    fn forward(&self, input: Matrix, c_noise: f64) -> Matrix {
        let condition = self.condition(input.dims()[0], |noise| noise, c_noise);
        self.model.network.forward(&self.leaves, input, &condition, &self.opened)
    }

    fn tangent(&self, input: Matrix, along: Matrix, c_noise: (f64, f64)) -> (Matrix, Matrix) {
        let rows = input.dims()[0];
        let moves = self.matrix(vec![c_noise.1 as f32; rows], rows);
        let condition = self.condition(rows, |noise| Dual::new(noise, moves), c_noise.0);
        let dual =
            self.model.network.forward(&self.leaves, Dual::new(input, along), &condition, &self.opened);
        let along = dual.tangent();
        (dual.at, along)
    }

    fn cotangent(&self, input: Matrix, against: Matrix, c_noise: f64) -> Option<Matrix> {
        let device = self.opened.clone().autodiff();
        let input = input.autodiff().require_grad();
        let condition = self.condition(input.dims()[0], |noise| noise.autodiff(), c_noise);
        let condition = Condition { class: condition.class.map(|class| class.autodiff()), ..condition };
        let leaves = self.leaves.constant();
        let output = self.model.network.forward(&leaves, input.clone(), &condition, &device);
        input.grad_remove(&mut (output * against.autodiff()).sum().backward())
    }

    /// What is asked of one group, padded by zeros to the group's size.
    fn group_of(
        &self,
        x: ArrayView2<f64>,
        v: Option<ArrayView2<f64>>,
        sigma: f64,
        (first, asked): (usize, &Asked),
    ) -> Result<[Array2<f64>; 2]> {
        let (rows, dim) = x.dim();
        let group = match self.shape() {
            Shape::Vector(_) => VECTORS.max(rows),
            _ => rows,
        };
        let Preconditioning { center, .. } = self.model.preconditioning;
        let c = self.model.preconditioning.with_mix(sigma, self.k);
        let told = self.model.told(sigma);
        let padded = |view: ArrayView2<f64>, factor: f64, center: f64| {
            let mut values = Vec::with_capacity(group * dim);
            for row in view.outer_iter() {
                values.extend(row.iter().map(|x| ((x - center) * factor) as f32));
            }
            values.resize(group * dim, 0.0);
            self.matrix(values, group)
        };
        let back = |matrix: Matrix| -> Result<Array2<f64>> {
            let data = matrix.into_data();
            let values: Vec<f64> = data.iter::<f32>().take(rows * dim).map(f64::from).collect();
            if let Some(index) = values.iter().position(|value| !value.is_finite()) {
                let problem = format!("is not finite at σ = {sigma}, row {}", first + index / dim.max(1));
                return Err(Error::argument(
                    "the network's output",
                    problem,
                    "ask within the levels and values of its training",
                ));
            }
            Array2::from_shape_vec((rows, dim), values)
                .map_err(|_| Error::shape("the network's output", rows, dim))
        };
        let input = padded(x, c.input, center);
        let zeros = || Array2::zeros((0, 0));
        Ok(match (asked, v) {
            (Asked::Forward(_), Some(v)) => {
                let (_, along) = self.tangent(input, padded(v, c.input, 0.0), (told, 0.0));
                [back(along)?, zeros()]
            }
            (Asked::Reverse(_), Some(v)) => match self.cotangent(input, padded(v, 1.0, 0.0), told) {
                Some(gradient) => [back(gradient)? * c.input, zeros()],
                None => [Array2::zeros((rows, dim)), zeros()],
            },
            (Asked::Level, _) => {
                let slope = self.model.preconditioning.derivatives(sigma, self.k);
                let (at, along) = self.tangent(
                    input,
                    padded(x, slope.input, center),
                    (told, self.model.label.slope(sigma)),
                );
                [back(at)?, back(along)?]
            }
            _ => [back(self.forward(input, told))?, zeros()],
        })
    }

    /// What is asked of every row: the network's own answers, without c_skip and c_out.
    fn ask(&self, x: ArrayView2<f64>, sigma: f64, asked: &Asked) -> Result<[Array2<f64>; 2]> {
        let (n, dim) = x.dim();
        let group = self.group(n, asked);
        let part = |index: usize| {
            let rows = index * group..n.min((index + 1) * group);
            let v = match asked {
                Asked::Forward(v) | Asked::Reverse(v) => Some(ridgewalk::points::rows(v, rows.clone())),
                _ => None,
            };
            self.group_of(ridgewalk::points::rows(&x, rows.clone()), v, sigma, (rows.start, asked))
        };
        let parts: Vec<[Array2<f64>; 2]> = match self.device.is_cpu() {
            true => (0..n.div_ceil(group)).into_par_iter().map(part).collect::<Result<_>>()?,
            false => (0..n.div_ceil(group)).map(part).collect::<Result<_>>()?,
        };
        let joined = |which: usize| -> Array2<f64> {
            let views: Vec<ArrayView2<f64>> = parts.iter().map(|part| part[which].view()).collect();
            ndarray::concatenate(Axis(0), &views).unwrap_or_else(|_| Array2::zeros((n, dim)))
        };
        Ok([joined(0), joined(1)])
    }

    fn coefficients(&self, sigma: f64) -> Coefficients {
        self.model.preconditioning.with_mix(sigma, self.k)
    }
}

impl Denoiser for NeuralDenoiser {
    fn dim(&self) -> usize {
        self.shape().dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        let c = self.coefficients(sigma);
        let center = self.model.preconditioning.center;
        let [mut out, _] = self.ask(x, sigma, &Asked::Value)?;
        out.zip_mut_with(&x, |f, &x| *f = center + c.skip * (x - center) + c.output * *f);
        Ok(out)
    }

    fn moments(&self) -> Option<Moments> {
        self.moments.clone()
    }

    fn differentiable(&self) -> Option<&dyn Differentiable> {
        Some(self)
    }
}

impl Differentiable for NeuralDenoiser {
    fn jvp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        check_tangent(x, v)?;
        let c = self.coefficients(sigma);
        let [mut out, _] = self.ask(x, sigma, &Asked::Forward(v))?;
        out.zip_mut_with(&v, |f, &v| *f = c.skip * v + c.output * *f);
        Ok(out)
    }

    fn vjp(&self, x: ArrayView2<f64>, sigma: f64, v: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        check_tangent(x, v)?;
        let c = self.coefficients(sigma);
        let [mut out, _] = self.ask(x, sigma, &Asked::Reverse(v))?;
        out.zip_mut_with(&v, |f, &v| *f = c.skip * v + c.output * *f);
        Ok(out)
    }

    fn denoise_with_sigma_derivative(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
    ) -> Result<(Array2<f64>, Array2<f64>)> {
        check_query(self.dim(), x, sigma)?;
        let c = self.coefficients(sigma);
        let slope = self.model.preconditioning.derivatives(sigma, self.k);
        let center = self.model.preconditioning.center;
        let [mut at, mut along] = self.ask(x, sigma, &Asked::Level)?;
        ndarray::Zip::from(&mut at).and(&mut along).and(&x).for_each(|f, df, &x| {
            *df = slope.skip * (x - center) + slope.output * *f + c.output * *df;
            *f = center + c.skip * (x - center) + c.output * *f;
        });
        Ok((at, along))
    }
}

/// A noise-blind network as the field that it is: what it predicts of its own input, never told σ.
///
/// Its states are those of its process on the data centered and over its scale s: u = α(x₀ − m)/s + σε, with
/// α² + σ² = 1 for the predictions of the variance-preserving process and α + σ = 1 for those of the linear one.
#[derive(Clone)]
pub struct BlindNetwork {
    network: NeuralDenoiser,
    target: Target,
    sign: f64,
}

impl Autonomous for BlindNetwork {
    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        let Preconditioning { center, scale, .. } = self.network.model.preconditioning;
        check_query(self.dim(), u, 1.0)?;
        // At σ = s both processes divide by a known number: what the network is given is u.
        let factor = self.network.coefficients(scale).input;
        let x = u.mapv(|u| u / factor + center);
        let [out, _] = self.network.ask(x.view(), scale, &Asked::Value)?;
        Ok(out * self.sign)
    }

    fn target(&self) -> Target {
        self.target
    }

    fn moments(&self) -> Option<Moments> {
        let Moments { mean, std } = self.network.moments.clone()?;
        let Preconditioning { center, scale, .. } = self.network.model.preconditioning;
        Some(Moments { mean: mean.mapv(|mean| (mean - center) / scale), std: std / scale })
    }
}
