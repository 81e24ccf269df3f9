//! Many points in many dimensions.

use ndarray::{Array2, Axis};
use ridgewalk::closed_form::Empirical;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Frames, PointSet};

use crate::{close, length};

/// A noisy circle in R¹⁰⁰ of more points than a block holds: the frames of every way of the empirical model (few
/// points of weight, or products with many) against the posterior's covariance, summed in f64.
#[test]
fn frames_are_those_of_the_posterior() {
    let (n, d) = (3000, 100);
    let mut stream = Stream::new(8, Purpose::Synthetic, 0, 0);
    let points = Array2::from_shape_fn((n, d), |(i, k)| {
        let angle = 2.0 * std::f64::consts::PI * i as f64 / n as f64;
        let on = [angle.cos(), angle.sin()].get(k).copied().unwrap_or(0.0);
        on + 0.01 * stream.normal()
    });
    let model = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
    let x = points.select(Axis(0), &[5, 700, 1999]) * 1.05;
    let mut heavy = Vec::new();
    for sigma in [0.012, 0.03, 0.1, 0.3] {
        let frames = Frames::at(&model, x.view(), sigma, 1).unwrap();
        for row in 0..3 {
            let off = &points - &x.row(row);
            let squares: Vec<f64> = off.outer_iter().map(|r| r.dot(&r)).collect();
            let least = squares.iter().copied().fold(f64::INFINITY, f64::min);
            let mut weights: Vec<f64> =
                squares.iter().map(|s| (-(s - least) / (2.0 * sigma * sigma)).exp()).collect();
            let total: f64 = weights.iter().sum();
            heavy.push(weights.iter().filter(|w| **w > 4e-18).count());
            weights.iter_mut().for_each(|w| *w /= total);
            let weights = ndarray::Array1::from(weights);
            let denoised = points.t().dot(&weights);
            close(length((&frames.denoised().row(row) - &denoised).view()), 0.0, 1e-12);
            let centred = &points - &denoised;
            let image =
                |v: &ndarray::Array1<f64>| centred.t().dot(&(&centred.dot(v) * &weights)) / (sigma * sigma);
            let tangent = frames.tangent(row).row(0).to_owned();
            let gain = frames.gains()[(row, 0)];
            close(length((&image(&tangent) - &(&tangent * gain)).view()) / gain, 0.0, 1e-8);
            // Across it no direction has more, by power iteration: of that gain the residual is at most √1e-11 of
            // the largest gain, which bounds its error.
            let mut v = ndarray::Array1::from_shape_fn(d, |k| ((k * 7 + 1) % 13) as f64 - 6.0);
            let mut across = 0.0;
            for _ in 0..400 {
                let along = tangent.dot(&v);
                v.scaled_add(-along, &tangent);
                v /= length(v.view());
                let next = image(&v);
                across = v.dot(&next);
                v = next;
            }
            let found = frames.gains()[(row, 1)];
            assert!(across <= found + 3.2e-6 * gain && across > 0.97 * found, "{across} {found}");
        }
    }
    heavy.sort_unstable();
    assert!(heavy[0] < 96 && heavy[heavy.len() - 1] == n, "{heavy:?}: not all ways were taken");
}
