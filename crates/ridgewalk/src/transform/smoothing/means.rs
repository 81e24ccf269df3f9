//! The mean of D(x + ξ) − ξ over draws, the standard error of its groups, and draws added to a tolerance.

use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::estimator::{Estimator, Nodes};
use super::kernel::Tolerance;
use super::{Estimate, Smoothed};
use crate::denoiser::{Denoiser, Displacements, Visit};
use crate::error::{Error, Result};
use crate::points::rows;

/// Values held for a block of rows: 32 MiB.
const BLOCK: usize = 1 << 22;

/// Means of every group.
struct Groups {
    /// Of D, `[groups, batch, d]`.
    denoised: Array3<f64>,
    /// Of ξ, the same shape, where the estimator uses them.
    displacements: Option<Array3<f64>>,
}

impl<D: Denoiser> Smoothed<D> {
    /// D_k over the kernel's own number of draws.
    pub(super) fn mean(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        scale: f64,
        visit: &Visit,
    ) -> Result<Array2<f64>> {
        if self.kernel.estimator == Estimator::ControlVariate {
            return Ok(self.combine(&self.groups(x, sigma, scale, &self.nodes, visit)?).0);
        }
        // One group: a model that shares work among draws adds their weights up first.
        let share = 1.0 / self.nodes.groups as f64;
        let weights = self.nodes.weights.iter().map(|w| w * share).collect();
        let nodes = Nodes { z: self.nodes.z.clone(), weights, groups: 1 };
        Ok(self.combine(&self.groups(x, sigma, scale, &nodes, visit)?).0)
    }

    /// D_k and its error, with as many draws as the tolerance asks for, if there is one.
    pub(super) fn estimate(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        scale: f64,
        visit: &Visit,
    ) -> Result<Estimate> {
        let (batch, variance) = (x.nrows(), sigma * sigma);
        let bound = match self.kernel.tolerance {
            None => f64::INFINITY,
            Some(Tolerance::Score(bound)) => bound * variance,
            Some(Tolerance::Denoised(bound)) => bound,
        };
        let mut out = Estimate {
            denoised: Array2::zeros(x.raw_dim()),
            standard_error: Array1::zeros(batch),
            draws: Array1::zeros(batch),
        };
        let mut pending: Vec<usize> = (0..batch).collect();
        let mut plan = self.plan.clone();
        let mut groups = self.groups(x, sigma, scale, &self.nodes, visit)?;
        loop {
            let here = x.select(Axis(0), &pending);
            let samples: Vec<u64> = pending.iter().map(|&row| visit.sample(row)).collect();
            let visit = Visit { samples: &samples, step: visit.step };
            let (denoised, mut errors) = self.combine(&groups);
            if let Some(smaller) = plan.smaller() {
                let nodes = smaller.nodes();
                let other = self.combine(&self.groups(here.view(), sigma, scale, &nodes, &visit)?).0;
                let difference = &denoised - &other;
                errors = difference.outer_iter().map(|row| row.dot(&row).sqrt()).collect();
            }
            let mut left = Vec::new();
            for (slot, (&row, (value, &error))) in
                pending.iter().zip(denoised.outer_iter().zip(&errors)).enumerate()
            {
                if error > bound {
                    left.push(slot);
                    continue;
                }
                out.denoised.row_mut(row).assign(&value);
                if let (Some(e), Some(n)) = (out.standard_error.get_mut(row), out.draws.get_mut(row)) {
                    (*e, *n) = (error / variance, plan.draws());
                }
            }
            let Some(&first) = left.first() else { return Ok(out) };
            let more = plan.doubled().filter(|more| more.draws() <= self.kernel.most_draws);
            let Some(more) = more else {
                let error = errors.get(first).copied().unwrap_or(f64::INFINITY);
                let row = pending.get(first).copied().unwrap_or(first);
                return Err(missed(error, bound, row, sigma, plan.draws()));
            };
            let here = here.select(Axis(0), &left);
            let samples: Vec<u64> = left.iter().filter_map(|&slot| samples.get(slot).copied()).collect();
            let visit = Visit { samples: &samples, step: visit.step };
            pending = left.iter().filter_map(|&slot| pending.get(slot).copied()).collect();
            groups = if plan.nested() {
                let nodes = more.range(plan.per_group..more.per_group);
                let added = self.groups(here.view(), sigma, scale, &nodes, &visit)?;
                groups.rows(&left).with(&added)
            } else {
                self.groups(here.view(), sigma, scale, &more.nodes(), &visit)?
            };
            plan = more;
        }
    }

    /// Whether mean(ξ) is subtracted as it is: for Monte Carlo, which averages the score, and for kernels
    /// that are not centred, where it stands for E ξ.
    fn subtracts(&self) -> bool {
        self.kernel.estimator == Estimator::MonteCarlo || !self.frames.centred()
    }

    /// What Monte Carlo subtracts, from means of D over a kernel's draws that are the same for all rows.
    pub(super) fn subtract_mean_displacement(&self, means: &mut Array2<f64>, scale: f64) -> Result<()> {
        if self.subtracts()
            && let Some(displacements) = self.frames.common(self.nodes.z.view(), scale)?
        {
            let share = 1.0 / self.nodes.groups as f64;
            for (displacement, weight) in displacements.outer_iter().zip(&self.nodes.weights) {
                means.outer_iter_mut().for_each(|mut row| row.scaled_add(-weight * share, &displacement));
            }
        }
        Ok(())
    }

    fn groups(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        scale: f64,
        nodes: &Nodes,
        visit: &Visit,
    ) -> Result<Groups> {
        let dim = self.inner.dim();
        let wanted = self.subtracts() || self.kernel.estimator == Estimator::ControlVariate;
        let shape = (nodes.groups, x.nrows(), dim);
        let mut out =
            Groups { denoised: Array3::zeros(shape), displacements: wanted.then(|| Array3::zeros(shape)) };
        let held = self.frames.size_of_row(nodes.z.nrows(), dim).max(nodes.groups * dim).max(1);
        let block = (BLOCK / held).max(1);
        let common = self.frames.common(nodes.z.view(), scale)?;
        for first in (0..x.nrows()).step_by(block) {
            let range = first..(first + block).min(x.nrows());
            let here = rows(&x, range.clone());
            let samples: Vec<u64> = range.clone().map(|row| visit.sample(row)).collect();
            let visit = Visit { samples: &samples, step: visit.step };
            let own =
                if common.is_some() { None } else { Some(self.frames.at(here, nodes.z.view(), scale)?) };
            let displacements = match (&common, &own) {
                (Some(nodes_alike), _) => Displacements {
                    nodes: nodes_alike.view(),
                    frames: None,
                    weights: &nodes.weights,
                    groups: nodes.groups,
                },
                (None, Some(own)) => Displacements {
                    nodes: own.nodes.view(),
                    frames: own.frames.as_ref().map(|frames| frames.view()),
                    weights: &nodes.weights,
                    groups: nodes.groups,
                },
                (None, None) => continue,
            };
            let means = self.inner.denoise_displaced(here, sigma, &displacements, &visit)?;
            let place = |all: &mut Array3<f64>, part: Array3<f64>| {
                let mut slot = all.view_mut();
                slot.slice_axis_inplace(Axis(1), range.clone().into());
                slot.assign(&part);
            };
            place(&mut out.denoised, means);
            if let Some(all) = &mut out.displacements {
                place(all, mean_displacements(&displacements, here.nrows(), dim));
            }
        }
        Ok(out)
    }

    /// D_k of every row, and the standard error of D_k from the spread of the groups.
    fn combine(&self, groups: &Groups) -> (Array2<f64>, Vec<f64>) {
        let (count, batch, dim) = groups.denoised.dim();
        let mut mean = Array2::zeros((batch, dim));
        let mut errors = Vec::with_capacity(batch);
        for row in 0..batch {
            let mut values = groups.denoised.index_axis(Axis(1), row).to_owned();
            let mut freedom = (count as f64 - 1.0).max(1.0);
            if let Some(displacements) = &groups.displacements {
                let shifts = displacements.index_axis(Axis(1), row);
                let mut coefficient = 1.0;
                if !self.subtracts() {
                    coefficient = slope(values.view(), shifts);
                    freedom = (count as f64 - 2.0).max(1.0);
                }
                values.scaled_add(-coefficient, &shifts);
            }
            let centre = values.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(dim));
            values -= &centre;
            let spread: f64 = values.iter().map(|v| v * v).sum();
            errors.push((spread / (freedom * count as f64)).sqrt());
            mean.row_mut(row).assign(&centre);
        }
        (mean, errors)
    }
}

impl Groups {
    fn rows(&self, rows: &[usize]) -> Groups {
        Groups {
            denoised: self.denoised.select(Axis(1), rows),
            displacements: self.displacements.as_ref().map(|d| d.select(Axis(1), rows)),
        }
    }

    /// The means with as many draws again.
    fn with(mut self, added: &Groups) -> Groups {
        self.denoised = (self.denoised + &added.denoised) * 0.5;
        if let (Some(all), Some(added)) = (&mut self.displacements, &added.displacements) {
            *all += added;
            *all *= 0.5;
        }
        self
    }
}

/// Σⱼ wⱼ ξⱼ of every group, `[groups, batch, d]`.
fn mean_displacements(displacements: &Displacements, batch: usize, dim: usize) -> Array3<f64> {
    let groups = displacements.groups.max(1);
    let size = (displacements.draws() / groups).max(1);
    let mut nodes = Array2::zeros((groups, displacements.nodes.ncols()));
    let weighted = displacements.nodes.outer_iter().zip(displacements.weights);
    for (draw, (node, weight)) in weighted.enumerate() {
        nodes.row_mut((draw / size).min(groups - 1)).scaled_add(*weight, &node);
    }
    let mut out = Array3::zeros((groups, batch, dim));
    for row in 0..batch {
        let mut slot = out.index_axis_mut(Axis(1), row);
        match &displacements.frames {
            None => slot.assign(&nodes),
            Some(frames) => slot.assign(&nodes.dot(&frames.index_axis(Axis(0), row))),
        }
    }
    out
}

/// The β for which the groups' D − β ξ spread least.
fn slope(values: ArrayView2<f64>, shifts: ArrayView2<f64>) -> f64 {
    let centre = |a: ArrayView2<f64>| a.mean_axis(Axis(0)).unwrap_or_else(|| Array1::zeros(a.ncols()));
    let (value, shift) = (centre(values), centre(shifts));
    let (mut product, mut square) = (0.0, 0.0);
    for (v, s) in values.outer_iter().zip(shifts.outer_iter()) {
        for ((v, s), (mean_v, mean_s)) in v.iter().zip(s).zip(value.iter().zip(&shift)) {
            product += (v - mean_v) * (s - mean_s);
            square += (s - mean_s) * (s - mean_s);
        }
    }
    if square > 0.0 { product / square } else { 0.0 }
}

fn missed(error: f64, bound: f64, row: usize, sigma: f64, draws: usize) -> Error {
    let variance = sigma * sigma;
    Error::Numerical {
        what: "the smoothed score",
        problem: format!(
            "has the standard error {:.3e} at row {row}, sigma {sigma:.6e}, with {draws} draws, above the \
             tolerance of {:.3e} (of the denoised point: {error:.3e} above {bound:.3e})",
            error / variance,
            bound / variance
        ),
        help: "raise the tolerance (or the most draws), or take quasi-Monte Carlo or a kernel of fewer \
               coordinates"
            .into(),
    }
}
