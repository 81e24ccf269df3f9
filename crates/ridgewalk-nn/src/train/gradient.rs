//! Losses of a batch and their gradient, in parts that fit into memory.

use burn::tensor::Device as Opened;
use ridgewalk_kernels::network::add;

use crate::device::Device;
use crate::neural::Model;
use crate::objective::{MOST, NoiseLevels, Sample, Weighting, losses, penalties, tensors};
use crate::parameters::Leaves;

/// What is trained, and by which loss.
pub(super) struct Task {
    pub model: Model,
    pub weighting: Weighting,
    pub levels: NoiseLevels,
    pub device: Device,
    pub opened: Opened,
    /// Samples in memory at a time.
    pub part: usize,
    /// Weight of the squared Fokker–Planck residual.
    pub fokker_planck: f64,
}

/// The loss of every sample, and the gradient of their sum over `batch`.
pub(super) struct Gradient {
    pub losses: Vec<f32>,
    pub gradient: Vec<f32>,
}

impl Task {
    /// The loss of every sample at these values.
    pub fn losses(&self, values: &[f32], samples: &[Sample]) -> Vec<f32> {
        let leaves = Leaves::new(self.model.layout(), values, &self.opened);
        let parts = samples.chunks(self.part).map(|part| {
            let batch = tensors(&self.model, part, (&self.weighting, &self.levels), &self.opened);
            losses(&self.model, &leaves, batch, &self.opened).into_data().iter::<f32>().collect::<Vec<_>>()
        });
        parts.collect::<Vec<_>>().concat()
    }

    /// w R²/d of every sample at these values, R the Fokker–Planck residual: of a potential of few coordinates.
    pub fn residuals(&self, values: &[f32], samples: &[Sample]) -> Option<Vec<f64>> {
        let config = self.model.network.config();
        if !config.architecture.is_potential() || config.shape.dim() > MOST || self.model.mix().is_some() {
            return None;
        }
        let leaves = Leaves::new(self.model.layout(), values, &self.opened);
        let parts = samples.chunks(self.part).map(|part| {
            let found = penalties(&self.model, &leaves, part, &self.opened)?.into_data();
            Some(found.iter::<f32>().map(f64::from).collect::<Vec<_>>())
        });
        Some(parts.collect::<Option<Vec<_>>>()?.concat())
    }

    /// The losses, with the gradient of their sum over `batch`, that of the residuals included.
    pub fn gradient(&self, values: &[f32], samples: &[Sample], batch: usize) -> Gradient {
        let layout = self.model.layout();
        let leaves = Leaves::new(layout, values, &self.opened);
        let device = self.opened.clone().autodiff();
        let mut out =
            Gradient { losses: Vec::with_capacity(samples.len()), gradient: vec![0.0; layout.len()] };
        for part in samples.chunks(self.part) {
            let leaves = leaves.tracked();
            let batch_tensors = tensors(&self.model, part, (&self.weighting, &self.levels), &self.opened);
            let each = losses(&self.model, &leaves, batch_tensors, &device);
            out.losses.extend(each.clone().inner().into_data().iter::<f32>());
            let penalties =
                (self.fokker_planck > 0.0).then(|| penalties(&self.model, &leaves, part, &device)).flatten();
            let each = match penalties {
                Some(penalties) => each + penalties.mul_scalar(self.fokker_planck),
                None => each,
            };
            let mut gradients = each.sum().div_scalar(batch as f32).backward();
            for (leaf, entry) in leaves.tensors().iter().zip(layout.entries()) {
                // Arrays that the loss does not depend on have none.
                let Some(gradient) = leaf.grad_remove(&mut gradients) else { continue };
                let data = gradient.into_data().convert::<f32>();
                let own = out.gradient.get_mut(entry.offset..entry.offset + entry.len());
                let (Some(own), Ok(found)) = (own, data.as_slice::<f32>()) else { continue };
                add(own, found);
            }
        }
        out
    }
}
