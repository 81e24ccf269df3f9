//! Points of the data under noise, each denoised without itself: what kernels and scales are chosen by.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis};

use crate::closed_form::{Ask, Empirical};
use crate::denoiser::Displacements;
use crate::error::Result;
use crate::neighbours;
use crate::random::{Purpose, Stream};

/// At most this many noises of one point.
const NOISES: usize = 8;
/// Draws of the kernel in each of the two halves, in pairs of ±ξ: at least and at most. Among few points
/// their chance shows, and costs little to average out.
const DRAWS: (usize, usize) = (32, 128);
/// Draws of a half times points, between those ends.
const DRAWS_TIMES_POINTS: usize = 32_000;

/// Mean over held-out points, and its standard error.
#[derive(Debug, Clone, Copy)]
pub(super) struct Loss {
    pub mean: f64,
    pub error: f64,
}

impl Loss {
    pub fn of(points: &[f64]) -> Self {
        let n = points.len() as f64;
        let mean = points.iter().sum::<f64>() / n;
        let spread: f64 = points.iter().map(|p| (p - mean) * (p - mean)).sum();
        // Of two halves that disagree about a loss of next to nothing the product may be below it.
        Loss { mean: mean.max(f64::MIN_POSITIVE), error: (spread / (n - 1.0).max(1.0) / n).sqrt() }
    }
}

/// Draws for a data set: more where they cost little.
fn draws(model: &Empirical) -> usize {
    2 * ((DRAWS_TIMES_POINTS / model.len()).clamp(DRAWS.0, DRAWS.1) / 2 * 2)
}

/// Standard normal coordinates of the draws, `[draws, r]`: two halves, in pairs ±z.
pub(super) fn nodes(seed: u64, draws: usize, r: usize) -> Array2<f64> {
    let mut nodes = Array2::zeros((draws, r));
    for (pair, mut two) in nodes.axis_chunks_iter_mut(Axis(0), 2).enumerate() {
        let mut stream = Stream::new(seed, Purpose::Kernel, 0, pair as u64);
        for mut column in two.axis_iter_mut(Axis(1)) {
            let value = stream.normal();
            column.iter_mut().zip([value, -value]).for_each(|(c, v)| *c = v);
        }
    }
    nodes
}

/// Noisy points, each with the point of the model that it came from.
pub(super) struct HeldOut<'a> {
    model: &'a Empirical,
    pub origin: Vec<u32>,
    pub clean: Array2<f64>,
    /// Of unit size.
    pub noise: Array2<f64>,
    /// Of unit scale: two halves of pairs.
    pub nodes: Array2<f64>,
    noises: usize,
}

impl<'a> HeldOut<'a> {
    /// About this many noisy points.
    pub fn new(model: &'a Empirical, seed: u64, rows: usize) -> Self {
        let d = model.points().ncols();
        let mut chosen = Stream::new(seed, Purpose::Split, 0, 0).permutation(model.len());
        chosen.truncate(rows);
        let noises = (rows / chosen.len()).clamp(1, NOISES);
        let origin: Vec<u32> = chosen.iter().flat_map(|&i| std::iter::repeat_n(i as u32, noises)).collect();
        let rows: Vec<usize> = origin.iter().map(|&i| i as usize).collect();
        let mut noise = Array2::zeros((origin.len(), d));
        for (i, mut row) in noise.axis_iter_mut(Axis(0)).enumerate() {
            let mut stream = Stream::new(seed, Purpose::Evaluation, i as u64, 0);
            row.iter_mut().for_each(|v| *v = stream.normal());
        }
        let nodes = nodes(seed, draws(model), d);
        HeldOut { model, clean: model.points().select(Axis(0), &rows), origin, noise, nodes, noises }
    }

    /// Losses with these scales at a noise level.
    pub fn losses(&self, sigma: f64, scales: &[f64]) -> Result<Vec<Loss>> {
        let x = self.noisy(sigma);
        let squares = self.squares(x.view(), sigma, scales, None, true)?;
        Ok(squares.iter().map(|squares| Loss::of(squares)).collect())
    }

    /// Number of draws.
    pub fn draws(&self) -> usize {
        self.nodes.nrows()
    }

    /// The noisy points at a noise level, `[rows, d]`.
    pub fn noisy(&self, sigma: f64) -> Array2<f64> {
        &self.clean + &(&self.noise * sigma)
    }

    /// ‖D_h − x‖² of every point, a list for every scale; ξ is drawn in the frames of the rows
    /// (`[rows, r, d]`) if there are any, and the point itself is left out of the data or not.
    pub fn squares(
        &self,
        x: ArrayView2<f64>,
        sigma: f64,
        scales: &[f64],
        frames: Option<(ArrayView2<f64>, ArrayView3<f64>)>,
        leave_out: bool,
    ) -> Result<Vec<Vec<f64>>> {
        let (nodes, frames) = match frames {
            None => (self.nodes.view(), None),
            Some((nodes, frames)) => (nodes, Some(frames)),
        };
        let weights = vec![2.0 / nodes.nrows() as f64; nodes.nrows()];
        let displacements = Displacements { nodes, frames, weights: &weights, groups: 2 };
        let excluded = leave_out.then_some(self.origin.as_slice());
        let ask = Ask { x, sigma, scales, displacements: &displacements, excluded };
        let means = self.model.means_displaced(&ask)?;
        Ok(means.iter().map(|means| self.of_points(means)).collect())
    }

    fn of_points(&self, means: &Array3<f64>) -> Vec<f64> {
        let (a, b) = (means.index_axis(Axis(0), 0), means.index_axis(Axis(0), 1));
        let of_row = |row: usize| -> f64 {
            let parts = a.row(row).into_iter().zip(b.row(row)).zip(self.clean.row(row));
            parts.map(|((a, b), x)| (a - x) * (b - x)).sum()
        };
        let rows: Vec<f64> = (0..self.clean.nrows()).map(of_row).collect();
        rows.chunks(self.noises).map(|rows| rows.iter().sum::<f64>() / rows.len() as f64).collect()
    }

    /// Median distance of the held-out points to their nearest other point.
    pub fn spacing(&self) -> Result<f64> {
        let rows: Vec<usize> =
            self.origin.chunks(self.noises).filter_map(|c| c.first()).map(|&i| i as usize).collect();
        let points = self.model.points();
        let found = neighbours::nearest_excluding(points.select(Axis(0), &rows).view(), points, 1, &rows)?;
        let mut distances = found.nearest_distances().to_vec();
        distances.sort_unstable_by(f64::total_cmp);
        Ok(distances.get(distances.len() / 2).copied().unwrap_or(0.0))
    }
}
