//! The bandwidth of a kernel density estimate by held-out likelihood.
//!
//! ```text
//! L(h) = mean over k of log p_h⁻ᵏ(xₖ)     p_h⁻ᵏ(x) = Σ_{xᵢ ≠ xₖ} N(x; xᵢ, h²I) / #{xᵢ ≠ xₖ}
//! ```
//!
//! Every point is held out in turn with all its copies: a copy left in the model would make L grow without
//! bound as h → 0. Distances are direct differences in f64 and are measured once for all bandwidths: a grid
//! finds the highest bump, golden section its top.
//!
//! Cost: m·n·d for m held-out points (at most 256), and 8·m·n bytes, at most 256 MiB unless 32 points
//! take more.

use ndarray::ArrayView2;
use rayon::prelude::*;
use ridgewalk_kernels::{exp_shifted_f64, squared_distance};

use super::KernelDensity;
use crate::closed_form::empirical::multiplicities;
use crate::error::{Error, Result};
use crate::points::{Moments, PointSet};
use crate::random::{Purpose, Stream};

/// At most this many points are held out.
const HELD_OUT: usize = 256;
/// Never fewer than this many of them, however many points there are.
const FEWEST: usize = 32;
/// Bytes of squared distances.
const BYTES: usize = 256 << 20;
/// Held-out points that share a pass over the data.
const BLOCK: usize = 16;
/// Points that stay in the second-level cache meanwhile: 64 rows of 784 coordinates are 400 kB.
const POINTS: usize = 64;
/// The grid begins at this part of the median distance to the nearest point over √d, where hardly any
/// point sees another, and ends at this multiple of the data's standard deviation.
const LOW: f64 = 0.05;
const HIGH: f64 = 4.0;
/// Ratio of neighbours of the grid.
const RATIO: f64 = 1.3;
/// The grid has at most this many bandwidths; its ratio widens instead.
const MOST: usize = 80;
/// Golden section ends when log h is known to this.
const WIDTH: f64 = 1e-5;

/// A chosen bandwidth and the curve that it is the maximum of.
#[derive(Debug, Clone, PartialEq)]
pub struct BandwidthChoice {
    /// The bandwidth h, in the data's units.
    pub bandwidth: f64,
    /// Mean held-out log-density with it, in nats.
    pub log_likelihood: f64,
    /// Standard error of that over the held-out points.
    pub standard_error: f64,
    /// (h, mean held-out log-density) of every bandwidth tried, ascending in h.
    pub curve: Vec<(f64, f64)>,
    /// Points held out, each in turn.
    pub held_out: usize,
    /// Whether the maximum is at an end of the bandwidths tried.
    pub at_edge: bool,
}

impl KernelDensity {
    /// The bandwidth of the greatest held-out likelihood. At most 256 points are held out, chosen by `seed`,
    /// each in turn and with all its copies.
    ///
    /// # Errors
    /// If all points are equal, or a squared distance overflows.
    pub fn choose_bandwidth(data: &PointSet, seed: u64) -> Result<BandwidthChoice> {
        let likelihood = Likelihood::new(data, seed)?;
        let (low, high) = likelihood.range(data)?;
        let steps = ((libm::log(high / low) / libm::log(RATIO)).ceil() as usize).clamp(2, MOST);
        let grid =
            (0..=steps).map(|step| low * libm::exp(libm::log(high / low) * step as f64 / steps as f64));
        let mut curve: Vec<(f64, f64)> = grid.map(|h| (h, likelihood.mean(h).0)).collect();
        let best = (1..curve.len()).fold(0, |best, i| if curve[i].1 > curve[best].1 { i } else { best });
        let at_edge = best == 0 || best == steps;
        let from = libm::log(curve[best.saturating_sub(1)].0);
        let to = libm::log(curve[(best + 1).min(steps)].0);
        let ratio = 0.5 * (5f64.sqrt() - 1.0);
        let (mut from, mut to) = (from, to);
        let mut at = |log_h: f64| {
            let (h, value) = (libm::exp(log_h), likelihood.mean(libm::exp(log_h)).0);
            curve.push((h, value));
            value
        };
        let (mut left, mut right) = (to - ratio * (to - from), from + ratio * (to - from));
        let (mut at_left, mut at_right) = (at(left), at(right));
        while to - from > WIDTH {
            if at_left >= at_right {
                (to, right, at_right) = (right, left, at_left);
                left = to - ratio * (to - from);
                at_left = at(left);
            } else {
                (from, left, at_left) = (left, right, at_right);
                right = from + ratio * (to - from);
                at_right = at(right);
            }
        }
        curve.sort_by(|a, b| a.0.total_cmp(&b.0));
        let bandwidth = curve.iter().fold((0.0, f64::NEG_INFINITY), |m, c| if c.1 > m.1 { *c } else { m }).0;
        let (log_likelihood, standard_error) = likelihood.mean(bandwidth);
        let held_out = likelihood.held_out.len();
        Ok(BandwidthChoice { bandwidth, log_likelihood, standard_error, curve, held_out, at_edge })
    }
}

/// Squared distances of held-out points to all different points.
struct Likelihood {
    squares: Vec<f64>,
    /// Copies of every different point, and how many points there are with them.
    counts: Vec<usize>,
    total: usize,
    /// Which of the different points are held out.
    held_out: Vec<usize>,
    dim: usize,
}

impl Likelihood {
    fn new(data: &PointSet, seed: u64) -> Result<Self> {
        let (rows, counts) =
            multiplicities(data.values()).unwrap_or_else(|| ((0..data.len()).collect(), vec![1; data.len()]));
        let n = rows.len();
        if n == 1 {
            let problem = "has points that are all equal, so no bandwidth can be chosen";
            return Err(Error::argument("data", problem, "give data that vary, or a bandwidth of your own"));
        }
        let mut held_out = Stream::new(seed, Purpose::Split, 2, 0).permutation(n);
        held_out.truncate((BYTES / (8 * n)).clamp(FEWEST, HELD_OUT));
        let mut squares = vec![0.0; held_out.len() * n];
        let points = data.values();
        squares.par_chunks_mut(BLOCK * n).zip(held_out.par_chunks(BLOCK)).for_each(|(squares, held_out)| {
            for first in (0..n).step_by(POINTS) {
                for (squares, &k) in squares.chunks_exact_mut(n).zip(held_out) {
                    let from = row(&points, rows[k]);
                    for (square, &to) in squares[first..].iter_mut().zip(&rows[first..]).take(POINTS) {
                        *square = squared_distance(from, row(&points, to));
                    }
                }
            }
        });
        if let Some(place) = squares.iter().position(|square| !square.is_finite()) {
            return Err(Error::Numerical {
                what: "held-out likelihood",
                problem: format!(
                    "the squared distance between rows {} and {} overflows",
                    rows[held_out[place / n]],
                    rows[place % n]
                ),
                help: "rescale the data".into(),
            });
        }
        Ok(Likelihood { squares, counts, total: data.len(), held_out, dim: data.dim() })
    }

    /// The ends of the grid.
    fn range(&self, data: &PointSet) -> Result<(f64, f64)> {
        let n = self.counts.len();
        let nearest = |(squares, &k): (&[f64], &usize)| {
            let others = squares.iter().enumerate().filter(|(i, _)| *i != k);
            others.fold(f64::INFINITY, |m, (_, square)| m.min(*square)).sqrt()
        };
        let mut nearest: Vec<f64> = self.squares.chunks_exact(n).zip(&self.held_out).map(nearest).collect();
        nearest.sort_unstable_by(f64::total_cmp);
        // Different points whose squared distance underflows are at 0.
        let median = nearest.get(nearest.len() / 2).copied().unwrap_or(0.0);
        let (low, high) = (LOW * median / (self.dim as f64).sqrt(), HIGH * Moments::of(data.values()).std);
        if low > 0.0 && high.is_finite() && low < high {
            return Ok((low, high));
        }
        Err(Error::Numerical {
            what: "held-out likelihood",
            problem: format!("distances between neighbours ({median:e}) leave the range of f64"),
            help: "rescale the data".into(),
        })
    }

    /// Mean held-out log-density and its standard error.
    fn mean(&self, h: f64) -> (f64, f64) {
        let n = self.counts.len();
        let to_nats = -0.5 / h / h;
        let of_point = |(squares, &k): (&[f64], &usize)| {
            let mut values: Vec<f64> = squares.iter().map(|square| to_nats * square).collect();
            values[k] = f64::NEG_INFINITY;
            let shift = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            exp_shifted_f64(&mut values, shift);
            let sum: f64 = values.iter().zip(&self.counts).map(|(v, &c)| v * c as f64).sum();
            shift + libm::log(sum) - libm::log((self.total - self.counts[k]) as f64)
        };
        let logs: Vec<f64> = self.squares.par_chunks_exact(n).zip(&self.held_out).map(of_point).collect();
        let m = logs.len() as f64;
        let mean = logs.iter().sum::<f64>() / m;
        let spread: f64 = logs.iter().map(|l| (l - mean) * (l - mean)).sum();
        let normalizer = self.dim as f64 * (0.5 * libm::log(2.0 * std::f64::consts::PI) + libm::log(h));
        (mean - normalizer, (spread / (m - 1.0).max(1.0) / m).sqrt())
    }
}

fn row<'a>(points: &'a ArrayView2<f64>, i: usize) -> &'a [f64] {
    let d = points.ncols();
    points.as_slice().and_then(|values| values.get(i * d..(i + 1) * d)).unwrap_or(&[])
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array2, Axis, array, concatenate};

    fn normals(n: usize, d: usize) -> Array2<f64> {
        let mut stream = Stream::new(4, Purpose::Evaluation, 0, 0);
        Array2::from_shape_simple_fn((n, d), || stream.normal())
    }

    /// Two points at distance r in the line: L(h) = −r²/2h² − log h + const has its maximum at h = r, and
    /// there L = −½ − log(r√2π).
    #[test]
    fn two_points_by_hand() {
        let choice =
            KernelDensity::choose_bandwidth(&PointSet::vectors(array![[1.0], [4.0]]).unwrap(), 0).unwrap();
        assert!((choice.bandwidth / 3.0 - 1.0).abs() < 1e-4, "{choice:?}");
        let expected = -0.5 - (3.0 * (2.0 * std::f64::consts::PI).sqrt()).ln();
        assert!((choice.log_likelihood - expected).abs() < 1e-7 && !choice.at_edge);
        assert!(choice.standard_error < 1e-12 && choice.held_out == 2);
    }

    /// At the maximum the derivative is 0: h² d = mean over k of Σᵢ γᵢ r²ᵢₖ, the fixed point of EM.
    #[test]
    fn the_maximum_is_the_fixed_point_of_em() {
        let points = normals(150, 3);
        let choice = KernelDensity::choose_bandwidth(&PointSet::vectors(points.clone()).unwrap(), 1).unwrap();
        let h = choice.bandwidth;
        let mut mean = 0.0;
        for (k, x) in points.outer_iter().enumerate() {
            let others = points.outer_iter().enumerate().filter(|(i, _)| *i != k);
            let squares: Vec<f64> = others.map(|(_, p)| (&p - &x).mapv(|v| v * v).sum()).collect();
            let weights: Vec<f64> = squares.iter().map(|r2| (-r2 / (2.0 * h * h)).exp()).collect();
            let product: f64 = squares.iter().zip(&weights).map(|(r2, w)| r2 * w).sum();
            mean += product / weights.iter().sum::<f64>() / 150.0;
        }
        assert!((mean / (3.0 * h * h) - 1.0).abs() < 1e-3, "{mean} {h}");
        assert!(choice.curve.iter().all(|c| c.1 <= choice.log_likelihood));
    }

    /// Copies of every point change neither the estimate nor its held-out points.
    #[test]
    fn copies_are_held_out_together() {
        let once = normals(60, 2);
        let twice = concatenate(Axis(0), &[once.view(), once.view()]).unwrap();
        let once = KernelDensity::choose_bandwidth(&PointSet::vectors(once).unwrap(), 2).unwrap();
        let twice = KernelDensity::choose_bandwidth(&PointSet::vectors(twice).unwrap(), 2).unwrap();
        assert!((once.bandwidth / twice.bandwidth - 1.0).abs() < 1e-4);
        assert!((once.log_likelihood - twice.log_likelihood).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_answer_is_refused() {
        let same = PointSet::vectors(Array2::from_elem((9, 2), 1.0)).unwrap();
        assert!(KernelDensity::choose_bandwidth(&same, 0).unwrap_err().to_string().contains("all equal"));
        let far = PointSet::vectors(array![[1e200], [-1e200]]).unwrap();
        assert!(KernelDensity::choose_bandwidth(&far, 0).unwrap_err().to_string().contains("rescale"));
        let near = PointSet::vectors(array![[0.0], [1e-200]]).unwrap();
        assert!(KernelDensity::choose_bandwidth(&near, 0).is_err());
    }
}
