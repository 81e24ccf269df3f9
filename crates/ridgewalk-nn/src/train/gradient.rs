//! Losses of a batch and their gradient, in parts that fit into memory.

use burn::tensor::Device as Opened;
use ridgewalk_kernels::network::add;

use crate::autoencoder::{self, Coder};
use crate::device::Device;
use crate::neural::Model;
use crate::objective::{MOST, NoiseLevels, Sample, Weighting, losses, penalties, tensors};
use crate::ops::Matrix;
use crate::parameters::{Layout, Leaves};

/// What is trained, and by which loss.
pub(super) enum Objective {
    /// A denoiser, on noise of these levels, with this weight of the Fokker–Planck residual.
    Denoising { model: Box<Model>, weighting: Weighting, levels: NoiseLevels, fokker_planck: f64 },
    /// An autoencoder, on what it gives back.
    Reconstruction(Box<Coder>),
}

/// What is trained, and how much of it at a time.
pub(super) struct Task {
    pub objective: Objective,
    pub device: Device,
    pub opened: Opened,
    /// Samples in memory at a time.
    pub part: usize,
}

/// The loss of every sample, and the gradient of their sum over `batch`.
pub(super) struct Gradient {
    pub losses: Vec<f32>,
    pub gradient: Vec<f32>,
}

impl Task {
    /// What lies where among its numbers.
    pub fn layout(&self) -> &Layout {
        match &self.objective {
            Objective::Denoising { model, .. } => model.layout(),
            Objective::Reconstruction(coder) => coder.layout(),
        }
    }

    /// The loss of every sample, `[n, 1]`; `device` is that of the leaves.
    fn each(&self, leaves: &Leaves, samples: &[Sample], device: &Opened) -> Matrix {
        match &self.objective {
            Objective::Denoising { model, weighting, levels, .. } => {
                let batch = tensors(model, samples, (weighting, levels), &self.opened);
                losses(model, leaves, batch, device)
            }
            Objective::Reconstruction(coder) => {
                autoencoder::parts(coder, leaves, samples, (device, &self.opened)).loss()
            }
        }
    }

    /// The loss of every sample at these values.
    pub fn losses(&self, values: &[f32], samples: &[Sample]) -> Vec<f32> {
        let leaves = Leaves::new(self.layout(), values, &self.opened);
        let parts = samples
            .chunks(self.part)
            .map(|part| self.each(&leaves, part, &self.opened).into_data().iter::<f32>().collect::<Vec<_>>());
        parts.collect::<Vec<_>>().concat()
    }

    /// Of an autoencoder: means over samples of the reconstruction's square and of the divergence, which without noise
    /// there is none of.
    pub fn reconstruction(&self, values: &[f32], samples: &[Sample]) -> Option<(f64, Option<f64>)> {
        let Objective::Reconstruction(coder) = &self.objective else { return None };
        let leaves = Leaves::new(self.layout(), values, &self.opened);
        let sum = |matrix: Matrix| matrix.into_data().iter::<f32>().map(f64::from).sum::<f64>();
        let (mut squares, mut divergences) = (0.0, None);
        for part in samples.chunks(self.part) {
            let parts = autoencoder::parts(coder, &leaves, part, (&self.opened, &self.opened));
            squares += sum(parts.reconstruction);
            if let Some(divergence) = parts.divergence {
                *divergences.get_or_insert(0.0) += sum(divergence);
            }
        }
        let n = samples.len().max(1) as f64;
        Some((squares / n, divergences.map(|sum| sum / n)))
    }

    /// w R²/d of every sample at these values, R the Fokker–Planck residual: of a potential of few coordinates.
    pub fn residuals(&self, values: &[f32], samples: &[Sample]) -> Option<Vec<f64>> {
        let Objective::Denoising { model, .. } = &self.objective else { return None };
        let config = model.network.config();
        if !config.architecture.is_potential() || config.shape.dim() > MOST || model.mix().is_some() {
            return None;
        }
        let leaves = Leaves::new(model.layout(), values, &self.opened);
        let parts = samples.chunks(self.part).map(|part| {
            let found = penalties(model, &leaves, part, &self.opened)?.into_data();
            Some(found.iter::<f32>().map(f64::from).collect::<Vec<_>>())
        });
        Some(parts.collect::<Option<Vec<_>>>()?.concat())
    }

    /// The losses, with the gradient of their sum over `batch`, that of the residuals included.
    pub fn gradient(&self, values: &[f32], samples: &[Sample], batch: usize) -> Gradient {
        let layout = self.layout();
        let leaves = Leaves::new(layout, values, &self.opened);
        let device = self.opened.clone().autodiff();
        let mut out =
            Gradient { losses: Vec::with_capacity(samples.len()), gradient: vec![0.0; layout.len()] };
        for part in samples.chunks(self.part) {
            let leaves = leaves.tracked();
            let each = self.each(&leaves, part, &device);
            out.losses.extend(each.clone().inner().into_data().iter::<f32>());
            let each = match &self.objective {
                Objective::Denoising { model, fokker_planck, .. } if *fokker_planck > 0.0 => {
                    match penalties(model, &leaves, part, &device) {
                        Some(penalties) => each + penalties.mul_scalar(*fokker_planck),
                        None => each,
                    }
                }
                _ => each,
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
