//! The ridge that samples are held against: its points, its dimension, its levels, and the data that say what is near.

use ndarray::{Array2, ArrayView2};

use super::super::{Finding, Reference};
use super::{Measured, drawn};
use crate::closed_form::{Empirical, KernelDensity};
use crate::error::Result;
use crate::geometry::RidgeSpectrum;
use crate::neighbours::nearest;
use crate::points::PointSet;
use crate::random::{Purpose, Stream};

/// Most training points that a ridge is made of.
const POINTS: usize = 4_000;
/// Points projected at every level: many coordinates cost more.
const QUERIES: usize = 200;
const QUERIES_OF_IMAGES: usize = 64;
const IMAGES: usize = 17;
/// Points at which spectra are taken, and ranks of them.
const SPECTRA: usize = 48;
const RANKS: usize = 16;
/// Levels are these powers of √2 times the bandwidth of greatest held-out likelihood.
const POWERS: std::ops::RangeInclusive<i32> = -2..=10;
/// Fewest held-out points that can say what is near.
const FEWEST_NULL: usize = 20;
/// Part of the training data that is kept back where none is held out.
const KEPT_BACK: usize = 10;

/// Distances below this part of the data's deviation are none.
const ROUNDING: f64 = 1e-6;
/// All random choices: the ridge is that of the reference, whoever surveys against it.
const SEED: u64 = 0;

/// What a ridge is measured with: computed once a reference.
pub(in crate::survey) struct Setting {
    pub(super) model: Empirical,
    /// Data that the ridge is not made of, measured at every level.
    pub(super) null: Vec<Measured>,
    /// Distances of these to the nearest training point other than themselves.
    pub(super) null_nearest: Vec<f64>,
    pub(super) null_name: &'static str,
    /// Noise levels, rising.
    pub(super) levels: Vec<f64>,
    /// Where among them the spectrum has its widest gap.
    pub(super) chosen: usize,
    pub(super) dimension: usize,
    pub(super) gap: f64,
    bandwidth: f64,
    /// Less than this is rounding.
    pub(super) floor: f64,
}

impl Setting {
    pub(in crate::survey) fn of(reference: &Reference) -> Result<Self> {
        let train = reference.distinct_train()?;
        let held_out = reference.held_out_set().filter(|set| set.len() >= FEWEST_NULL);
        let most = queries(train.dim());
        let (points, null, null_name) = match held_out {
            Some(held_out) => {
                let points = drawn(train.values(), POINTS, 3);
                (points, drawn(held_out.values(), most, 4), "held-out data")
            }
            None => {
                let mut order = Stream::new(SEED, Purpose::Split, 5, 0).permutation(train.len());
                let kept = (train.len() / KEPT_BACK).clamp(train.len().min(8), most);
                let back = order.split_off(train.len() - kept);
                order.truncate(POINTS);
                let of = |rows: &[usize]| train.values().select(ndarray::Axis(0), rows);
                (of(&order), of(&back), "training data kept back")
            }
        };
        let points = PointSet::vectors(points)?;
        let bandwidth = KernelDensity::choose_bandwidth(&points, SEED)?.bandwidth;
        let largest = points.moments().std;
        let model = Empirical::new(&points)?;
        let levels: Vec<f64> = POWERS
            .map(|power| bandwidth * libm::exp(0.5 * f64::from(power) * std::f64::consts::LN_2))
            .enumerate()
            .filter(|(i, sigma)| *i < 3 || *sigma <= 2.0 * largest)
            .map(|(_, sigma)| sigma)
            .collect();
        let at = drawn(points.values(), SPECTRA, 6);
        let (mut chosen, mut dimension, mut gap) = (0, 1, f64::NEG_INFINITY);
        for (i, &sigma) in levels.iter().enumerate() {
            let ranks = RANKS.min(points.dim());
            let spectrum = RidgeSpectrum::at(&model, noisy(at.view(), sigma).view(), sigma, ranks)?;
            // A ridge of dimension 0 would be the training points themselves; one of d is everything.
            if let Some((k, drop)) = spectrum.widest()
                && drop > gap
            {
                (chosen, dimension, gap) = (i, k, drop);
            }
        }
        // Data that were kept back are training points, and nearest to themselves.
        let rank = usize::from(held_out.is_none());
        let near = nearest(null.view(), train.values(), rank + 1)?;
        let null_nearest = near.distances.column(rank).to_vec();
        let mut setting = Setting {
            model,
            null: Vec::new(),
            null_nearest,
            null_name,
            levels,
            chosen,
            dimension,
            gap,
            bandwidth,
            floor: ROUNDING * largest,
        };
        setting.null =
            setting.levels.iter().map(|&sigma| setting.measure(null.view(), sigma)).collect::<Result<_>>()?;
        Ok(setting)
    }

    /// As many of the points as are projected.
    pub(super) fn some(&self, x: ArrayView2<f64>) -> Array2<f64> {
        drawn(x, queries(x.ncols()), 7)
    }

    /// Draws of p_σ, from the points of the ridge.
    pub(super) fn draws(&self, sigma: f64) -> Array2<f64> {
        noisy(drawn(self.model.points(), SPECTRA, 6).view(), sigma)
    }

    pub(super) fn record(&self, finding: Finding) -> Finding {
        finding
            .setting("ridge_dimension", self.dimension)
            .setting("ridge_noise_level", self.levels[self.chosen])
            .setting("ridge_gap", self.gap)
            .setting("ridge_points", self.model.len())
            .setting("ridge_seed", SEED)
            .setting("ridge_dimension_below", RANKS.min(self.model.points().ncols()))
            .setting("bandwidth", self.bandwidth)
            .setting("near_is_what_95_percent_reach_of", self.null_name)
    }
}

fn queries(d: usize) -> usize {
    if d < IMAGES { QUERIES } else { QUERIES_OF_IMAGES }
}

/// x + σε, the same ε at every level.
fn noisy(x: ArrayView2<f64>, sigma: f64) -> Array2<f64> {
    let mut out = x.to_owned();
    for (row, mut x) in out.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(SEED, Purpose::Evaluation, row as u64, 1);
        x.mapv_inplace(|v| v + sigma * stream.normal());
    }
    out
}
