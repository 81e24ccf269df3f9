//! Displacements of queries, over which a denoiser is averaged: what the smoothing of a score asks for.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::denoiser::{Denoiser, Visit, check_query};
use crate::error::{Error, Result};

/// Displacements ξ of the queries, over which a denoiser is averaged: see [`Denoiser::denoise_displaced`].
#[derive(Debug, Clone, Copy)]
pub struct Displacements<'a> {
    /// Coordinates of every draw, `[draws, r]`.
    pub nodes: ArrayView2<'a, f64>,
    /// What the coordinates are of, `[batch, r, d]`: row b is displaced by `nodes · frames[b]`. `None`
    /// where r = d and the draws, the same for all rows, are displacements as they stand.
    pub frames: Option<ArrayView3<'a, f64>>,
    /// Weight of every draw; those of a group sum to one.
    pub weights: &'a [f64],
    /// The draws, in order, are this many groups of equal size, each averaged apart: from the spread of
    /// the groups the error of their mean is known.
    pub groups: usize,
}

impl Displacements<'_> {
    /// Number of draws.
    pub fn draws(&self) -> usize {
        self.nodes.nrows()
    }

    /// Displacements of one row of the batch, `[draws, d]`.
    pub fn of_row(&self, row: usize) -> Array2<f64> {
        match &self.frames {
            None => self.nodes.to_owned(),
            Some(frames) => self.nodes.dot(&frames.index_axis(Axis(0), row)),
        }
    }

    /// Checks all lengths against a batch of rows of dimension d.
    ///
    /// # Errors
    /// If they disagree, a value is not finite, or the draws do not make equal groups.
    pub fn check(&self, batch: usize, dim: usize) -> Result<()> {
        let (draws, r) = self.nodes.dim();
        let wanted = self.frames.map_or((batch, dim, dim), |f| f.dim());
        if wanted != (batch, r, dim) {
            return Err(Error::shape(
                "the displacements",
                format!("nodes {:?} with frames {wanted:?}", self.nodes.dim()),
                format!("nodes [draws, r] and frames [{batch}, r, {dim}]"),
            ));
        }
        if draws == 0 || self.groups == 0 || draws % self.groups != 0 || self.weights.len() != draws {
            return Err(Error::shape(
                "the displacements",
                format!("{draws} draws, {} weights, {} groups", self.weights.len(), self.groups),
                "one weight a draw, and equal groups",
            ));
        }
        crate::points::require_finite("the displacements", self.nodes)
    }
}

/// Displaced rows evaluated at a time, where each is a query of its own.
const DISPLACED: usize = 4096;

/// [`Denoiser::denoise_displaced`] with a query for every draw.
pub(crate) fn displaced_one_by_one<D: Denoiser + ?Sized>(
    model: &D,
    x: ArrayView2<f64>,
    sigma: f64,
    displacements: &Displacements,
    visit: &Visit,
) -> Result<Array3<f64>> {
    check_query(model.dim(), x, sigma)?;
    displacements.check(x.nrows(), x.ncols())?;
    let draws = displacements.draws();
    let per_group = draws / displacements.groups;
    let mut sums = Array3::zeros((displacements.groups, x.nrows(), x.ncols()));
    let pairs: Vec<(usize, usize)> =
        (0..x.nrows()).flat_map(|row| (0..draws).map(move |draw| (row, draw))).collect();
    for block in pairs.chunks(DISPLACED) {
        let mut queries = Array2::zeros((block.len(), x.ncols()));
        let mut current: Option<(usize, Array2<f64>)> = None;
        for (mut query, &(row, draw)) in queries.outer_iter_mut().zip(block) {
            if current.as_ref().is_none_or(|(of, _)| *of != row) {
                current = Some((row, displacements.of_row(row)));
            }
            query.assign(&x.row(row));
            if let Some((_, shifts)) = &current {
                query += &shifts.row(draw);
            }
        }
        let samples: Vec<u64> = block.iter().map(|&(row, _)| visit.sample(row)).collect();
        let visit = Visit { samples: &samples, step: visit.step };
        let values = model.denoise_at(queries.view(), sigma, &visit)?;
        for (value, &(row, draw)) in values.outer_iter().zip(block) {
            let mut sum = sums.index_axis_mut(Axis(0), draw / per_group);
            sum.row_mut(row).scaled_add(displacements.weights[draw], &value);
        }
    }
    Ok(sums)
}
