//! The kernel scale chosen by held-out denoising loss.
//!
//! ```text
//! loss(h) = mean over σ of log mean ‖D_h(x + σε; σ) − x‖²,   x held out, D_h fitted to the rest
//! ```
//!
//! The empirical denoiser (h = 0) returns training points, which held-out points are not; a kernel too
//! wide returns averages. In between the loss is least. Logarithms count every noise level alike; the
//! levels span the ones at which the choice matters, from a fifth of to twice the spacing of neighbours.

use ndarray::{Array2, Axis};

use super::smoothing::{Kernel, Smoothed};
use crate::closed_form::Empirical;
use crate::denoiser::{Denoiser, Visit};
use crate::error::{Error, Result};
use crate::neighbours;
use crate::points::PointSet;
use crate::random::{Purpose, Stream};

/// Candidates, in units of the median distance between nearest neighbours. In many dimensions the best
/// is a fraction of it (the kernel's scale is that of one coordinate), on curves and surfaces with
/// unevenly spread points a multiple.
const CANDIDATES: [f64; 17] =
    [0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0];
/// The search ends when this many candidates in a row were worse than the best by more than `MARGIN`:
/// scales too small to matter are equal to the last digits, and must not end it.
const PATIENCE: usize = 3;
const MARGIN: f64 = 1e-3;
/// Noise levels of the loss, in the same units divided by √d (the noise of one coordinate).
const LEVELS: [f64; 5] = [0.2, 0.35, 0.6, 1.0, 2.0];
/// At most this many held-out points are denoised at each level.
const HELD_OUT: usize = 128;
/// Draws of the kernel: fewer than for sampling, since the loss averages over many points.
const DRAWS: usize = 32;

/// A chosen kernel scale and the curve that it is the minimum of.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleChoice {
    /// The scale h, in the data's units.
    pub scale: f64,
    /// Median distance between nearest neighbours of the points fitted.
    pub spacing: f64,
    /// (h, mean log loss) of every candidate tried.
    pub curve: Vec<(f64, f64)>,
    /// Whether the minimum is at an end of the candidates: scale 0 (smoothing does not help these data)
    /// or the largest one (a wider kernel may be better still).
    pub at_edge: bool,
}

/// Chooses the scale of an isotropic kernel for `data`: one fifth of the points (at most 128) is held out.
///
/// # Errors
/// With fewer than 10 points, or if all points are equal.
pub fn choose_scale(data: &PointSet, seed: u64) -> Result<ScaleChoice> {
    if data.len() < 10 {
        return Err(Error::argument(
            "data",
            format!("has {} points, too few to choose a kernel scale from", data.len()),
            "give at least 10 points, or a scale of your own",
        ));
    }
    let order = Stream::new(seed, Purpose::Split, 0, 0).permutation(data.len());
    let (held_out, rest) = order.split_at((data.len() / 5).min(HELD_OUT));
    let (held_out, rest) = (data.select(held_out)?, data.select(rest)?);
    let spacing = spacing(&rest, seed)?;
    let model = Empirical::new(&rest)?;
    let noise = {
        let mut noise = Array2::zeros(held_out.values().raw_dim());
        for (i, mut row) in noise.axis_iter_mut(Axis(0)).enumerate() {
            let mut stream = Stream::new(seed, Purpose::Evaluation, i as u64, 0);
            row.iter_mut().for_each(|v| *v = stream.normal());
        }
        noise
    };
    let samples: Vec<u64> = (0..held_out.len() as u64).collect();
    let per_coordinate = spacing / (data.dim() as f64).sqrt();
    let loss = |scale: f64| -> Result<f64> {
        let smoothed = Smoothed::new(&model, Kernel::isotropic(scale).draws(DRAWS).seed(seed))?;
        let mut sum = 0.0;
        for level in LEVELS {
            let sigma = level * per_coordinate;
            let x = &held_out.values() + &(&noise * sigma);
            let visit = Visit { samples: &samples, step: None };
            let error = smoothed.denoise_at(x.view(), sigma, &visit)? - held_out.values();
            let mean = error.iter().map(|e| e * e).sum::<f64>() / held_out.len() as f64;
            sum += libm::log(mean.max(f64::MIN_POSITIVE));
        }
        Ok(sum / LEVELS.len() as f64)
    };
    let (best, losses) = search(|candidate| loss(candidate * spacing))?;
    let curve = CANDIDATES.iter().zip(losses).map(|(candidate, loss)| (candidate * spacing, loss)).collect();
    let at_edge = best == 0 || best + 1 == CANDIDATES.len();
    Ok(ScaleChoice { scale: CANDIDATES[best] * spacing, spacing, curve, at_edge })
}

/// The candidate of the least loss, and the losses of all that were tried.
fn search(mut loss: impl FnMut(f64) -> Result<f64>) -> Result<(usize, Vec<f64>)> {
    let (mut best, mut least, mut worse) = (0, f64::INFINITY, 0);
    let mut losses = Vec::new();
    for (slot, candidate) in CANDIDATES.into_iter().enumerate() {
        let value = loss(candidate)?;
        losses.push(value);
        worse = if value > least + MARGIN { worse + 1 } else { 0 };
        if value < least {
            (best, least) = (slot, value);
        }
        if worse == PATIENCE {
            break;
        }
    }
    Ok((best, losses))
}

/// Median distance of a point to its nearest other point, over at most 1,000 points.
fn spacing(data: &PointSet, seed: u64) -> Result<f64> {
    let order = Stream::new(seed, Purpose::Split, 1, 0).permutation(data.len());
    let chosen = data.select(&order[..data.len().min(1000)])?;
    // The second neighbour: the first is the point itself.
    let found = neighbours::nearest(chosen.values(), data.values(), 2)?;
    let mut distances: Vec<f64> = found.distances.column(1).iter().copied().filter(|d| *d > 0.0).collect();
    distances.sort_unstable_by(f64::total_cmp);
    distances.get(distances.len() / 2).copied().ok_or_else(|| {
        let problem = "has points that are all equal, so no kernel scale can be chosen";
        Error::argument("data", problem, "give data that vary, or a scale of your own")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circle(n: usize, radius: f64) -> PointSet {
        let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
        let angles: Vec<f64> = (0..n).map(|_| std::f64::consts::TAU * stream.uniform()).collect();
        let value = |(i, k): (usize, usize)| radius * if k == 0 { angles[i].cos() } else { angles[i].sin() };
        PointSet::vectors(Array2::from_shape_fn((n, 2), value)).unwrap()
    }

    /// The loss falls, has its minimum inside the candidates, and rises: a U with an interior bottom.
    #[test]
    fn the_curve_has_an_interior_minimum_and_scales_with_the_data() {
        let choice = choose_scale(&circle(120, 1.0), 3).unwrap();
        let losses: Vec<f64> = choice.curve.iter().map(|c| c.1).collect();
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(choice.scale > 0.0 && least < losses[0] && least < losses[losses.len() - 1]);
        let larger = choose_scale(&circle(120, 1000.0), 3).unwrap();
        assert!((larger.scale / choice.scale / 1000.0 - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_search_ends_when_losses_rise_and_only_then() {
        // Least at 0.3, slot 7; the three after it are worse.
        let (best, losses) = search(|c| Ok((c - 0.3).abs())).unwrap();
        assert_eq!((best, losses.len()), (7, 11));
        // Small scales that change the last digits only, for the worse, and a minimum far out.
        let (best, losses) = search(|c| Ok(if c < 1.0 { 1e-9 * c } else { -c })).unwrap();
        assert_eq!((best, losses.len()), (CANDIDATES.len() - 1, CANDIDATES.len()));
        assert_eq!(search(Ok).unwrap().0, 0);
    }

    /// On a circle the best scale is inside. Where held-out points repeat training points (four corners,
    /// 100 times each, ten spacings apart) the plain denoiser is right to the last digit.
    #[test]
    fn a_minimum_at_an_end_is_told() {
        assert!(!choose_scale(&circle(120, 1.0), 3).unwrap().at_edge);
        // Two points of their own, since equal points tell no spacing.
        let corner = |(i, k): (usize, usize)| match i {
            400 | 401 => 100.0 + 0.07 * (i - 400) as f64,
            _ => f64::from(u8::from(i >> k & 1 == 1)),
        };
        let repeated = PointSet::vectors(Array2::from_shape_fn((402, 2), corner)).unwrap();
        let choice = choose_scale(&repeated, 3).unwrap();
        assert!(choice.at_edge && choice.scale == 0.0, "{choice:?}");
    }

    #[test]
    fn too_few_or_equal_points_are_refused() {
        let few = choose_scale(&circle(9, 1.0), 0).unwrap_err().to_string();
        assert!(few.contains("data has 9 points") && few.contains("scale of your own"), "{few}");
        let same = PointSet::vectors(Array2::from_shape_fn((30, 2), |_| 1.0)).unwrap();
        assert!(choose_scale(&same, 0).is_err());
    }
}
