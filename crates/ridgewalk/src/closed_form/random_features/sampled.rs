//! Moments of features whose second moments have no cheap closed form (relu), by draws of the noise.
//!
//! The draws come in antithetic pairs z, −z, in a few replicates that are independent of each other: how much
//! those differ is the standard error. U and V are estimated by the same draws although the exact V is known:
//! the model that is trained then solves a least-squares problem, whose error by sampling is that of its
//! residual; an exact V with an estimated U errs in proportion to the data instead, which is more. The exact V
//! serves to say how far the draws are from it.

use faer::linalg::matmul::matmul;
use faer::{Accum, Mat, MatRef, Par};
use ndarray::Array2;
use rayon::prelude::*;

use super::features::STREAMS;
use super::moments::{Design, FeatureMoments, STRIP, SamplingError, add_product, symmetrise};
use super::times::Instant;
use crate::closed_form::rows::slice;
use crate::random::{Purpose, Stream};

/// Independent estimates.
const REPLICATES: usize = 4;
/// Fewest draws a point and time: a pair in every replicate.
pub(super) const FEWEST: usize = 2 * REPLICATES;
/// Pairs whose features are held at a time.
const BLOCK: usize = 256;
/// Streams before this one belong to the features and the initial weights.
const FIRST: u64 = STREAMS + 16;

/// Draws a point and time, for this many points: at least `wanted`, in whole pairs of every replicate.
pub(super) fn whole(wanted: usize) -> usize {
    wanted.max(1).div_ceil(FEWEST) * FEWEST
}

/// All moments by `draws` draws a point and time (a multiple of [`FEWEST`]).
pub(super) fn sampled(design: &Design, times: &[(Instant, f64)], draws: usize, seed: u64) -> FeatureMoments {
    let (p, d) = (design.features.len(), design.points.ncols());
    let pairs = draws / FEWEST;
    let mut first = Mat::<f64>::zeros(d, p);
    let estimates: Vec<Mat<f64>> = (0..REPLICATES)
        .map(|replicate| {
            let mut second = Mat::zeros(p, p);
            for (k, &(at, weight)) in times.iter().enumerate() {
                let stream = FIRST + (replicate * times.len() + k) as u64;
                accumulate(design, at, weight, pairs, (seed, stream), (&mut second, &mut first));
            }
            symmetrise(&mut second);
            second
        })
        .collect();
    let share = 1.0 / REPLICATES as f64;
    let mut second = Mat::<f64>::zeros(p, p);
    estimates.iter().for_each(|estimate| second += faer::Scale(share) * estimate);
    first *= faer::Scale(share);
    let between: f64 = estimates.iter().map(|estimate| (estimate - &second).squared_norm_l2()).sum();
    let error = (between * share / (REPLICATES - 1) as f64).sqrt();
    let exact = design.first(times);
    let part = |error: f64, whole: f64| if whole > 0.0 { error / whole } else { 0.0 };
    let sampling = SamplingError {
        draws,
        second: part(error, second.norm_l2()),
        first: part((&first - &exact).norm_l2(), exact.norm_l2()),
    };
    let (target, power) = design.target(times);
    FeatureMoments { second, first, target, power, sampling: Some(sampling) }
}

/// Adds what `pairs` antithetic pairs a point say of one time to (the lower part of U, V).
fn accumulate(
    design: &Design,
    at: Instant,
    weight: f64,
    pairs: usize,
    (seed, stream): (u64, u64),
    (second, first): (&mut Mat<f64>, &mut Mat<f64>),
) {
    let (n, d) = design.points.dim();
    let p = design.features.len();
    let activation = design.features.activation();
    let phase = design.features.phase(at.embedded);
    let root = at.h.sqrt();
    let total = n * pairs;
    let scale = weight / (2 * total * p) as f64;
    let mut values = vec![0.0; 2 * BLOCK.min(total) * p];
    for from in (0..total).step_by(BLOCK) {
        let size = BLOCK.min(total - from);
        let values = &mut values[..2 * size * p];
        values.par_chunks_mut(2 * p).enumerate().for_each(|(index, rows)| {
            let draw = from + index;
            let mut z = vec![0.0; d];
            Stream::new(seed, Purpose::Fit, stream, draw as u64).fill_normal(&mut z);
            let (plus, minus) = rows.split_at_mut(p);
            design.features.project(&z, minus);
            let means = design.projection(draw / pairs);
            for (((plus, minus), mean), phase) in plus.iter_mut().zip(minus).zip(means).zip(&phase) {
                let (q, swing) = (at.a * mean + phase, root * *minus);
                (*plus, *minus) = (activation.value(q + swing), activation.value(q - swing));
            }
        });
        let matrix = MatRef::from_row_major_slice(&*values, 2 * size, p);
        second.as_mut().par_col_chunks_mut(STRIP).enumerate().for_each(|(strip, columns)| {
            let (start, width) = (strip * STRIP, columns.ncols());
            let below = columns.subrows_mut(start, p - start);
            let left = matrix.subcols(start, p - start).transpose();
            matmul(below, Accum::Add, left, matrix.subcols(start, width), scale, Par::Seq);
        });
        let rows = slice(design.points);
        let mut targets = Array2::<f64>::zeros((2 * size, d));
        for (index, mut target) in targets.outer_iter_mut().enumerate() {
            let i = (from + index / 2) / pairs;
            target.iter_mut().zip(&rows[i * d..(i + 1) * d]).for_each(|(t, x)| *t = *x);
        }
        add_product(first, &targets, matrix, scale * at.a);
    }
}
