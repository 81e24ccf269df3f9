//! The kernel scale chosen by held-out denoising loss.
//!
//! ```text
//! loss(h; σ) = mean over k of ‖D_h⁻ᵏ(xₖ + σε; σ) − xₖ‖²      D_h⁻ᵏ: smoothed with scale h, without point k
//! ```
//!
//! Every point is held out in turn, which for independent points leaves the model that a new point sees:
//! a split would widen the spacing and with it the best scale. The empirical denoiser (h = 0) returns the
//! other points; a kernel too wide returns averages; in between the loss is least.
//!
//! The **single scale** is that of the loss at the last noise levels of sampling, a small part of the
//! spacing of neighbours: there the sample comes to rest, and a scale best at higher levels flattens what
//! is curved. The levels above have a best scale each; the table tells them.
//!
//! D_h is a mean over draws. Two independent halves of them, A and B, give the loss of infinitely many:
//! E⟨D_A − x, D_B − x⟩ = ‖D_h − x‖². Draws, noise and held-out points are the same for all scales, which
//! share one distance pass a level (scaling the draws scales their products with the points).
//!
//! Cost: a pass over the data for 256 noisy points at each of six levels and for every refinement; peak
//! memory beyond the data as for smoothing, and 256·(scales)·d numbers.

use super::held_out::{HeldOut, Loss};
use crate::closed_form::Empirical;
use crate::error::{Error, Result};
use crate::points::PointSet;

/// Candidates, in units of the median distance between nearest neighbours. In many dimensions the best
/// is a fraction of it (the kernel's scale is that of one coordinate), on curves and surfaces with
/// unevenly spread points a multiple.
const CANDIDATES: [f64; 18] =
    [0.0, 0.025, 0.035, 0.05, 0.07, 0.1, 0.14, 0.2, 0.28, 0.4, 0.56, 0.8, 1.1, 1.6, 2.2, 3.2, 4.5, 6.4];
/// Noise levels of the table, in the same units.
const LEVELS: [f64; 6] = [0.015, 0.03, 0.1, 0.3, 1.0, 3.0];
/// The first so many of them decide on the single scale.
const FINAL: usize = 2;
/// Noisy points at each level: as many held-out points, or fewer with several noises each.
const ROWS: usize = 256;
/// Scales tried in each narrowing of the search, between the neighbours of the best so far.
const NARROWER: usize = 6;
/// Narrowings for the single scale: neighbours then differ by less than 2 %.
const ROUNDS: usize = 2;

/// A chosen kernel scale and the curve that it is the minimum of.
#[derive(Debug, Clone, PartialEq)]
pub struct ScaleChoice {
    /// The single scale h, in the data's units.
    pub scale: f64,
    /// Median distance between nearest neighbours.
    pub spacing: f64,
    /// (h, mean log loss over the last noise levels) of every scale tried, ascending in h.
    pub curve: Vec<(f64, f64)>,
    /// Standard error over held-out points of every value of the curve. Those of different scales move
    /// together, so differences are known better.
    pub standard_errors: Vec<f64>,
    /// Whether the minimum is at an end of the candidates: scale 0 (smoothing does not help these data)
    /// or the largest one (a wider kernel may be better still).
    pub at_edge: bool,
    /// The best scale at each noise level, ascending in σ.
    pub levels: Vec<LevelScale>,
}

/// The best kernel scale at one noise level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelScale {
    /// Noise level σ, in the data's units.
    pub sigma: f64,
    /// The scale h of the least loss at it.
    pub scale: f64,
    /// Log loss with it.
    pub loss: f64,
    /// Log loss with the single scale less that with this one: what a scale of its own wins there.
    pub improvement: f64,
    /// Standard error of the log loss over held-out points.
    pub standard_error: f64,
}

/// Chooses the scale of an isotropic kernel for `data`. At most 256 points are held out, each in turn and
/// with all its copies.
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
    let model = Empirical::new(data)?;
    if model.len() == 1 {
        let problem = "has points that are all equal, so no kernel scale can be chosen";
        return Err(Error::argument("data", problem, "give data that vary, or a scale of your own"));
    }
    let held_out = HeldOut::new(&model, seed, ROWS);
    let spacing = held_out.spacing()?;
    let sigmas: Vec<f64> = LEVELS.iter().map(|level| level * spacing).collect();
    let candidates: Vec<f64> = CANDIDATES.iter().map(|candidate| candidate * spacing).collect();
    let of_level: Vec<Vec<Loss>> =
        sigmas.iter().map(|&sigma| held_out.losses(sigma, &candidates)).collect::<Result<_>>()?;

    let mut tried: Vec<Tried> = candidates
        .iter()
        .enumerate()
        .map(|(c, &h)| Tried::new(h, of_level.iter().take(FINAL).map(|l| l[c])))
        .collect();
    for _ in 0..ROUNDS {
        let Some(between) = narrower(&tried) else { break };
        let losses: Vec<Vec<Loss>> = sigmas
            .iter()
            .take(FINAL)
            .map(|&sigma| held_out.losses(sigma, &between))
            .collect::<Result<_>>()?;
        tried.extend(between.iter().enumerate().map(|(c, &h)| Tried::new(h, losses.iter().map(|l| l[c]))));
        tried.sort_by(|a, b| a.scale.total_cmp(&b.scale));
    }
    let scale = least(&tried).map_or(0.0, |best| tried[best].scale);

    let mut levels = Vec::with_capacity(sigmas.len());
    for (&sigma, losses) in sigmas.iter().zip(&of_level) {
        let mut tried: Vec<Tried> =
            candidates.iter().zip(losses).map(|(&h, &loss)| Tried::new(h, [loss].into_iter())).collect();
        let mut more = narrower(&tried).unwrap_or_default();
        more.push(scale);
        let losses = held_out.losses(sigma, &more)?;
        tried.extend(more.iter().zip(losses).map(|(&h, loss)| Tried::new(h, [loss].into_iter())));
        let single = tried.last().map_or(0.0, |t| t.log);
        tried.sort_by(|a, b| a.scale.total_cmp(&b.scale));
        if let Some(best) = least(&tried).map(|best| tried[best]) {
            let improvement = single - best.log;
            levels.push(LevelScale {
                sigma,
                scale: best.scale,
                loss: best.log,
                improvement,
                standard_error: best.error,
            });
        }
    }
    let at_edge = scale == 0.0 || candidates.last().is_some_and(|&last| scale >= last);
    Ok(ScaleChoice {
        scale,
        spacing,
        curve: tried.iter().map(|t| (t.scale, t.log)).collect(),
        standard_errors: tried.iter().map(|t| t.error).collect(),
        at_edge,
        levels,
    })
}

/// A scale with the mean of its log losses, and the standard error of that.
#[derive(Debug, Clone, Copy)]
struct Tried {
    scale: f64,
    log: f64,
    error: f64,
}

impl Tried {
    fn new(scale: f64, losses: impl ExactSizeIterator<Item = Loss>) -> Self {
        let count = losses.len() as f64;
        let (mut log, mut error) = (0.0, 0.0);
        for loss in losses {
            log += libm::log(loss.mean) / count;
            // The same points at every level: their errors add up.
            error += loss.error / loss.mean / count;
        }
        Tried { scale, log, error }
    }
}

/// The first of the least losses.
fn least(tried: &[Tried]) -> Option<usize> {
    (0..tried.len()).reduce(|best, i| if tried[i].log < tried[best].log { i } else { best })
}

/// Scales between the neighbours of the best, even in log h; none where the best is scale 0.
fn narrower(tried: &[Tried]) -> Option<Vec<f64>> {
    let best = least(tried).filter(|&best| best > 0)?;
    let middle = tried[best].scale;
    let low = if tried[best - 1].scale > 0.0 { tried[best - 1].scale } else { 0.5 * middle };
    let high = tried.get(best + 1).map_or(middle, |next| next.scale);
    let half = NARROWER / 2 + 1;
    let at =
        |from: f64, to: f64, step: usize| from * libm::exp(libm::log(to / from) * step as f64 / half as f64);
    let below = (1..half).map(|step| at(low, middle, step));
    let above = (1..half).map(|step| at(middle, high, step)).filter(|_| high > middle);
    Some(below.chain(above).collect())
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Axis};

    use super::*;
    use crate::random::{Purpose, Stream};

    fn circle(n: usize, radius: f64) -> PointSet {
        let mut stream = Stream::new(1, Purpose::Synthetic, 0, 0);
        let angles: Vec<f64> = (0..n).map(|_| std::f64::consts::TAU * stream.uniform()).collect();
        let value = |(i, k): (usize, usize)| radius * if k == 0 { angles[i].cos() } else { angles[i].sin() };
        PointSet::vectors(Array2::from_shape_fn((n, 2), value)).unwrap()
    }

    /// The loss falls, has its minimum inside the candidates, and rises: a U with an interior bottom that
    /// is finer than the grid.
    #[test]
    fn the_curve_has_an_interior_minimum_and_scales_with_the_data() {
        let choice = choose_scale(&circle(120, 1.0), 3).unwrap();
        let losses: Vec<f64> = choice.curve.iter().map(|c| c.1).collect();
        let least = losses.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(choice.scale > 0.0 && least < losses[0] - 0.1 && least < losses[losses.len() - 1] - 0.1);
        assert!(choice.curve.is_sorted_by(|a, b| a.0 < b.0) && choice.standard_errors.len() == losses.len());
        let best = losses.iter().position(|l| *l == least).unwrap();
        assert!(choice.curve[best].0 == choice.scale && !choice.at_edge);
        assert!(
            choice.curve[best + 1].0 / choice.scale < 1.03 && choice.curve[best - 1].0 / choice.scale > 0.97
        );
        let larger = choose_scale(&circle(120, 1000.0), 3).unwrap();
        assert!((larger.scale / choice.scale / 1000.0 - 1.0).abs() < 1e-9);
    }

    /// Every level's own scale is at least as good there as the single one, and its loss is the definition's:
    /// a model without the point, averaged over the same draws.
    #[test]
    fn levels_have_scales_of_their_own() {
        let choice = choose_scale(&circle(60, 1.0), 5).unwrap();
        assert_eq!(choice.levels.len(), LEVELS.len());
        assert!(choice.levels.iter().all(|l| l.improvement >= 0.0 && l.standard_error > 0.0));
        assert!(choice.levels.is_sorted_by(|a, b| a.sigma < b.sigma));

        let data = circle(30, 1.0);
        let model = Empirical::new(&data).unwrap();
        let held_out = HeldOut::new(&model, 2, ROWS);
        let (sigma, scale) = (0.1, 0.2);
        let got = held_out.losses(sigma, &[scale]).unwrap()[0].mean;
        let mut expected = 0.0;
        for (row, &out) in held_out.origin.iter().enumerate() {
            let kept: Vec<usize> = (0..30).filter(|&i| i != out as usize).collect();
            let rest = model.points().select(Axis(0), &kept);
            let half = held_out.nodes.nrows() / 2;
            let mut halves = [[0.0; 2]; 2];
            for (j, node) in held_out.nodes.outer_iter().enumerate() {
                let x =
                    |k: usize| held_out.clean[(row, k)] + sigma * held_out.noise[(row, k)] + scale * node[k];
                let weights: Vec<f64> = rest
                    .outer_iter()
                    .map(|p| (-((x(0) - p[0]).powi(2) + (x(1) - p[1]).powi(2)) / (2.0 * sigma * sigma)).exp())
                    .collect();
                let total: f64 = weights.iter().sum();
                for (p, w) in rest.outer_iter().zip(&weights) {
                    for k in 0..2 {
                        halves[j / half][k] += w / total * p[k] / half as f64;
                    }
                }
            }
            let product: f64 = (0..2)
                .map(|k| {
                    (halves[0][k] - held_out.clean[(row, k)]) * (halves[1][k] - held_out.clean[(row, k)])
                })
                .sum();
            expected += product / held_out.origin.len() as f64;
        }
        assert!((got / expected - 1.0).abs() < 1e-9, "{got} {expected}");
    }

    /// Where a point is held out, so are its copies: data that stand twice choose as data that stand once.
    #[test]
    fn copies_do_not_make_scale_zero_the_best() {
        let once = circle(80, 1.0);
        let twice = ndarray::concatenate(Axis(0), &[once.values(), once.values()]).unwrap();
        let (once, twice) =
            (choose_scale(&once, 1).unwrap(), choose_scale(&PointSet::vectors(twice).unwrap(), 1).unwrap());
        assert!((twice.scale / once.scale - 1.0).abs() < 1e-9 && once.scale > 0.0);
    }

    /// A function that rises has its least value at scale 0, one that falls at the last candidate.
    #[test]
    fn the_search_narrows_only_inside() {
        let tried = |f: &dyn Fn(f64) -> f64| -> Vec<Tried> {
            [0.0, 1.0, 2.0, 4.0].iter().map(|&scale| Tried { scale, log: f(scale), error: 0.0 }).collect()
        };
        assert_eq!(narrower(&tried(&|h| h)), None);
        let inside = narrower(&tried(&|h| (h - 1.9).abs())).unwrap();
        assert_eq!(inside.len(), NARROWER);
        assert!(inside.iter().all(|&h| h > 1.0 && h < 4.0 && h != 2.0) && inside.is_sorted());
        let end = narrower(&tried(&|h| -h)).unwrap();
        assert!(end.iter().all(|&h| h > 2.0 && h < 4.0));
    }

    #[test]
    fn too_few_or_equal_points_are_refused() {
        let few = choose_scale(&circle(9, 1.0), 0).unwrap_err().to_string();
        assert!(few.contains("data has 9 points") && few.contains("scale of your own"), "{few}");
        let same = PointSet::vectors(Array2::from_shape_fn((30, 2), |_| 1.0)).unwrap();
        assert!(choose_scale(&same, 0).is_err());
    }
}
