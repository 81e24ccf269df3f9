//! What pictures of a ridge start from, and where they stop: a grid, the density's floor, points evenly thinned.

use ndarray::{Array2, ArrayView2, Axis};

use super::ridge::Ridge;
use crate::denoiser::Density;
use crate::error::{Error, Result};

/// Points of a side of the grid.
const GRID: usize = 20;
/// How far the grid goes beyond the seeds, in noise levels.
const BEYOND: f64 = 2.0;
/// Steps of mean shift, x ← D(x; σ), each of which raises p_σ: enough to find the height of its modes.
const CLIMB: usize = 40;
/// Seeds from which they are taken.
const CLIMBERS: usize = 64;

/// Points of a ridge of any dimension at σ for a picture: the rows of `seeds` (`[n, d]`) projected, of those where p_σ
/// is at least `density` of its maximum at most `most`, evenly thinned, `[≤ most, d]`.
///
/// A seed stays if it is farther than some distance from all that stay before it; the distance is halved from σ
/// until as many stay as may.
///
/// # Errors
/// As [`Ridge::project`], and if there are no seeds or the model is not the ridge's.
pub fn ridge_cloud(
    ridge: &Ridge,
    model: &dyn Density,
    seeds: ArrayView2<f64>,
    sigma: f64,
    density: f64,
    most: usize,
) -> Result<Array2<f64>> {
    if seeds.nrows() == 0 {
        return Err(Error::empty("the seeds", "give points to project, such as the data"));
    }
    let Seeds { points: seeds, floor } = Seeds::of(model, seeds, sigma, density)?;
    let found = ridge.project(seeds.view(), sigma)?;
    let densities = model.log_density(found.points(), sigma)?;
    let rows: Vec<usize> =
        (0..seeds.nrows()).filter(|&row| found.on_ridge(row) && densities[row] >= floor).collect();
    let points = found.points();
    let mut chosen = Vec::new();
    let mut spacing = sigma;
    // Twelve halvings: closer points are one in a picture.
    for _ in 0..12 {
        let next = apart(points, &rows, spacing, most);
        let full = next.len() >= most;
        if next.len() > chosen.len() {
            chosen = next;
        }
        if full || chosen.len() == rows.len() {
            break;
        }
        spacing *= 0.5;
    }
    Ok(points.select(Axis(0), &chosen))
}

/// The rows, in order, that are farther than `spacing` from all chosen before; at most `most`.
fn apart(points: ArrayView2<f64>, rows: &[usize], spacing: f64, most: usize) -> Vec<usize> {
    let mut chosen: Vec<usize> = Vec::new();
    for &row in rows {
        let far = |&other: &usize| {
            let squared =
                points.row(row).iter().zip(points.row(other)).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
            squared > spacing * spacing
        };
        if chosen.len() < most && chosen.iter().all(far) {
            chosen.push(row);
        }
    }
    chosen
}

/// Seeds that are worth a projection, and the floor below which a ridge is not drawn.
pub(super) struct Seeds {
    pub(super) points: Array2<f64>,
    /// ln(η · max p_σ).
    pub(super) floor: f64,
}

impl Seeds {
    /// Of the rows of `x`, those where p_σ is at least η² of its maximum: from farther away, what is found lies below
    /// the floor. The maximum is that of the modes above the densest seeds.
    pub(super) fn of(model: &dyn Density, x: ArrayView2<f64>, sigma: f64, part: f64) -> Result<Self> {
        let density = model.log_density(x, sigma)?;
        let mut order: Vec<usize> = (0..x.nrows()).collect();
        order.sort_by(|&a, &b| density[b].total_cmp(&density[a]).then(a.cmp(&b)));
        order.truncate(CLIMBERS);
        let mut top = x.select(Axis(0), &order);
        for _ in 0..CLIMB {
            top = model.denoise(top.view(), sigma)?;
        }
        let highest = model.log_density(top.view(), sigma)?.iter().fold(f64::NEG_INFINITY, |a, &b| a.max(b));
        let floor = highest + libm::log(part);
        let kept: Vec<usize> =
            (0..x.nrows()).filter(|&row| density[row] >= floor + libm::log(part)).collect();
        Ok(Seeds { points: x.select(Axis(0), &kept), floor })
    }
}

/// The seeds; in the plane with a grid around them.
pub(super) fn grid(seeds: ArrayView2<f64>, sigma: f64) -> Array2<f64> {
    if seeds.ncols() != 2 {
        return seeds.to_owned();
    }
    let side = |axis: usize| {
        let column = seeds.index_axis(Axis(1), axis);
        let (low, high) =
            column.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
        (low - BEYOND * sigma, high + BEYOND * sigma)
    };
    let sides = [side(0), side(1)];
    let n = seeds.nrows();
    Array2::from_shape_fn((n + GRID * GRID, 2), |(row, axis)| {
        if row < n {
            return seeds[(row, axis)];
        }
        let at = [(row - n) % GRID, (row - n) / GRID][axis];
        let (low, high) = sides[axis];
        low + (high - low) * at as f64 / (GRID - 1) as f64
    })
}
