//! The loss of a batch, in its two parts.

use burn::tensor::{Device, TensorData};

use super::{AutoencoderModel, Coder};
use crate::objective::Sample;
use crate::ops::Matrix;
use crate::parameters::Leaves;

/// ln v is kept within these: what is beyond is no noise, or all.
const LOG_VARIANCES: [f64; 2] = [-30.0, 20.0];

/// What the loss of every sample is made of, `[n, 1]` each.
pub(crate) struct Parts {
    /// ‖û − u‖²/d.
    pub reconstruction: Matrix,
    /// Divergence of q from the standard normal, nats a coordinate; none without noise.
    pub divergence: Option<Matrix>,
    weight: Matrix,
    kl: f64,
}

impl Parts {
    /// w_n (reconstruction + β divergence).
    pub fn loss(self) -> Matrix {
        let sum = match self.divergence {
            Some(divergence) => self.reconstruction + divergence.mul_scalar(self.kl),
            None => self.reconstruction,
        };
        sum * self.weight
    }
}

/// The loss of every sample, its noise being the first k of the sample's. The devices are that of the leaves, and the same without gradients.
pub(crate) fn parts(
    coder: &Coder,
    leaves: &Leaves,
    samples: &[Sample],
    (device, plain): (&Device, &Device),
) -> Parts {
    let AutoencoderModel { config, shape, center, scale } = coder.model();
    let (n, k) = (samples.len(), coder.latent());
    let matrix = |values: Vec<f32>, columns: usize| {
        let matrix = Matrix::from_data(TensorData::new(values, [n, columns]), plain);
        if device.is_autodiff() { matrix.autodiff() } else { matrix }
    };
    let points = samples.iter().flat_map(|sample| sample.clean.iter().map(|x| ((x - center) / scale) as f32));
    let u = matrix(points.collect(), shape.dim());
    let (mean, log_variance) = coder.encode(leaves, u.clone());
    let weight = matrix(samples.iter().map(|sample| sample.weight as f32).collect(), 1);
    let [low, high] = LOG_VARIANCES;
    let log_variance = log_variance.map(|log_variance| log_variance.clamp(low, high));
    let code = match &log_variance {
        None => mean.clone(),
        Some(log_variance) => {
            let noise = samples.iter().flat_map(|sample| sample.noise.iter().take(k).map(|e| *e as f32));
            mean.clone() + log_variance.clone().mul_scalar(0.5).exp() * matrix(noise.collect(), k)
        }
    };
    let error = coder.decode(leaves, code) - u;
    let reconstruction = (error.clone() * error).mean_dim(1);
    let divergence = log_variance.map(|log_variance| {
        let sum = mean.clone() * mean + log_variance.clone().exp() - log_variance;
        sum.add_scalar(-1.0).mul_scalar(0.5).mean_dim(1)
    });
    Parts { reconstruction, divergence, weight, kl: config.kl }
}
