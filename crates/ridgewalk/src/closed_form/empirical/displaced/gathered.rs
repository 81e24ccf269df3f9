//! Means over displacements from the points that can matter to one query, in f64.

use ndarray::Array1;
use ridgewalk_kernels::{add_scaled, exp_shifted_f64, squared_distance};

use super::super::Empirical;
use super::super::exact::Active;
use super::super::scores::TILE;
use super::look::Scored;
use super::{Ask, Block};

/// One query, one scale, some draws.
#[derive(Clone, Copy)]
pub(super) struct Gathered<'g, 'a, 'd, 'b, 's> {
    pub model: &'g Empirical,
    pub ask: &'g Ask<'a, 'd>,
    pub block: &'g Block<'b, 's>,
    pub scale: f64,
    /// Which of the scales it is.
    pub slot: usize,
    pub row: usize,
    /// Points that can matter under any draw, ascending.
    pub points: &'g [u32],
}

impl Gathered<'_, '_, '_, '_, '_> {
    /// With b measured again and the f32 products of the draws as they are.
    pub(super) fn with_products(&self, out: &mut [f64]) {
        let (model, sigma) = (self.model, self.ask.sigma);
        let x = self.ask.x.row(self.row);
        let x = x.to_slice().unwrap_or(&[]);
        let base: Vec<f64> = self
            .points
            .iter()
            .map(|&i| model.log_weight(i as usize) - 0.5 * squared_distance(x, model.row(i)) / sigma / sigma)
            .collect();
        let places: Vec<(usize, usize)> =
            self.points.iter().map(|&i| self.block.products.place(i as usize)).collect();
        let products = self.block.products.values();
        // In units of the radius squared (see `Screen`), so in nats over the noise level's square there.
        let radius = model.radius();
        let to_nats = self.scale * (radius / sigma) * (radius / sigma);
        let mut values = vec![0.0; self.points.len()];
        self.sum(out, |j, gamma, weight| {
            for (value, (base, &(first, stride))) in values.iter_mut().zip(base.iter().zip(&places)) {
                *value = base + to_nats * f64::from(products[first + j * stride]);
            }
            let shift = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            exp_shifted_f64(&mut values, shift);
            let factor = weight / values.iter().sum::<f64>();
            gamma.iter_mut().zip(&values).for_each(|(g, v)| *g += factor * v);
        });
    }

    /// With the points within reach of every draw (all, where there are no scores to tell) measured by
    /// direct difference from the displaced query.
    pub(super) fn by_differences(&self, scores: Option<&Scored>, out: &mut [f64]) {
        let Some(scores) = scores else {
            let all: Vec<u32> =
                (0..self.model.len() as u32).filter(|i| Some(*i) != self.ask.excluded(self.row)).collect();
            return Gathered { points: &all, ..*self }.measured(None, out);
        };
        self.measured(Some(scores), out);
    }

    fn measured(&self, scores: Option<&Scored>, out: &mut [f64]) {
        let x = self.ask.x.row(self.row);
        self.sum(out, |j, gamma, weight| {
            let candidates = match scores {
                Some(scores) => self.reaching(scores, j),
                None => self.points.to_vec(),
            };
            let query: Array1<f64> = &x + &(&self.block.shifts.row(j) * self.scale);
            let Active { index, mass, .. } =
                self.model.active_among(candidates, query.view(), self.ask.sigma);
            let total: f64 = mass.iter().sum();
            let mut slot = 0;
            for (i, mass) in index.iter().zip(&mass) {
                slot += self.points[slot..].partition_point(|p| p < i);
                gamma[slot] += weight * mass / total;
            }
        });
    }

    fn reaching(&self, scores: &Scored, j: usize) -> Vec<u32> {
        let products = self.block.products.values();
        let reaches = |i: &u32| {
            let (tile, within) = (*i as usize / TILE, *i as usize % TILE);
            let (first, stride) = self.block.products.place(*i as usize);
            let base = scores.base.of_query(scores.query, tile)[within];
            (self.scale as f32).mul_add(products[first + j * stride], base) >= scores.thresholds[j]
        };
        self.points.iter().copied().filter(reaches).collect()
    }

    /// Adds Σᵢ Γᵢ xᵢ of every group, with the weights that `draw(j, Γ, wⱼ)` adds to Γ.
    fn sum(&self, out: &mut [f64], mut draw: impl FnMut(usize, &mut [f64], f64)) {
        let (per_group, draws) = (self.ask.per_group(), self.block.largest.len());
        let mut gamma = vec![0.0; self.points.len()];
        let mut j = 0;
        while j < draws {
            let group = (self.block.first + j) / per_group;
            gamma.fill(0.0);
            while j < draws && (self.block.first + j) / per_group == group {
                draw(j, &mut gamma, self.ask.displacements.weights[self.block.first + j]);
                j += 1;
            }
            let out = &mut out[self.ask.place(self.slot, group)..][..self.ask.x.ncols()];
            for (&i, gamma) in self.points.iter().zip(&gamma).filter(|(_, gamma)| **gamma != 0.0) {
                add_scaled(out, *gamma, self.model.row(i));
            }
        }
    }
}
