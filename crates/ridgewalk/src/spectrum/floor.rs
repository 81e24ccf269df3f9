//! The noise level of data, read from the floor of their spectrum.

use super::{Line, VarianceSpectrum, principal};
use crate::error::{Error, Result};
use crate::neighbours;
use crate::points::PointSet;

/// The upper half of a flat floor lies above the lower one by this part at the most, and its sampling error.
const FLAT: f64 = 0.1;
/// The first direction of a floor lies above it by this part at the most, and its sampling error.
const FIRST: f64 = 0.5;
/// Its level is that of the lowest part of its directions: above them there may be some signal left.
const LOWEST: f64 = 0.2;
/// Below this part of the largest variance a direction does not vary.
const CONSTANT: f64 = 1e-9;
/// A floor has at least this many directions, and this part of all.
const DIRECTIONS: f64 = 3.0;
const SHARE: f64 = 0.125;
/// Noise below this part of σ_data is none that matters.
const NOTICEABLE: f64 = 0.03;
/// Something must stand out of the noise by this factor in variance.
const STANDS_OUT: f64 = 2.0;
/// Within neighbourhoods a floor is what lies below a gap of at least this factor in variance.
const GAP: f64 = 4.0;
/// A smaller neighbourhood with this part of the best gap is preferred: it sees less of the curvature.
const AS_GOOD: f64 = 0.7;
/// A floor that grows by more than this factor in variance from a neighbourhood to the next larger one is curvature,
/// which grows by 2.25 on a surface, and 5 on a curve; a floor of noise does not grow.
const GROWTH: f64 = 1.6;
/// Neighbourhoods are looked at in up to this many dimensions.
const LOCAL_DIMENSIONS: usize = 32;

/// Noise that data were found to have.
#[derive(Debug, Clone, PartialEq)]
pub struct NoiseFloor {
    /// Its standard deviation η, in the data's units.
    pub noise: f64,
    /// Directions in which there is nothing but noise.
    pub directions: f64,
    /// Directions that do not vary at all, as constant coordinates; they lie below the floor and are none of it.
    pub constant: f64,
    /// The least variance above the floor, in units of η²: a clear gap is 4 and more.
    pub gap: f64,
    /// Points of a neighbourhood, if the floor is that of neighbourhoods; nothing if that of principal
    /// components.
    pub neighbours: Option<usize>,
    /// The spectrum in which it was found.
    pub spectrum: VarianceSpectrum,
}

impl NoiseFloor {
    /// The noise of `points`: the flat end of the cross-validated principal spectrum or, where that has none and
    /// there are no more than 32 dimensions, what lies below the gap of the spectrum within neighbourhoods
    /// (of the size that shows it best).
    ///
    /// η² is the mean variance of the lowest fifth of the floor: above it there may be some signal left. Directions
    /// that do not vary at all do not count.
    ///
    /// # Errors
    /// If there is no floor: the message says what was found instead (no flat end, next to no noise, nothing that
    /// stands out of the noise). As [`VarianceSpectrum::principal`].
    pub fn of_points(points: &PointSet, seed: u64) -> Result<Self> {
        Self::find(points, seed)?.map_err(|found| {
            Error::argument(
                "noise",
                format!("cannot be read from the data: {found}"),
                "give its standard deviation, if it is known; of clean data there is none to take out",
            )
        })
    }

    /// [`NoiseFloor::of_points`], or what was found instead, in words.
    ///
    /// # Errors
    /// As [`VarianceSpectrum::principal`].
    pub fn find(points: &PointSet, seed: u64) -> Result<std::result::Result<Self, String>> {
        let principal = VarianceSpectrum::principal(points, seed)?;
        let std = points.moments().std;
        match Self::of_principal(&principal, points.len(), std) {
            Ok(floor) => Ok(Ok(floor)),
            Err(found) if points.dim() > LOCAL_DIMENSIONS => Ok(Err(found)),
            Err(found) => Ok(Self::of_neighbourhoods(points, std, seed)?.ok_or(found)),
        }
    }

    fn of_principal(spectrum: &VarianceSpectrum, n: usize, std: f64) -> std::result::Result<Self, String> {
        // Constant coordinates, as outside of a mask, and what a latent space has cut off tell nothing of noise.
        let top = spectrum.lines().first().map_or(0.0, |l| l.variance);
        let vary = |l: &&Line| l.variance > CONSTANT * top;
        let varying = VarianceSpectrum::new(spectrum.lines().iter().filter(vary).copied().collect());
        let (lines, d) = (varying.lines(), varying.directions());
        let least = varying.mean_of_last((SHARE * d).max(1.0)).sqrt();
        if least < NOTICEABLE * std {
            return Err(format!(
                "the least of their variances are those of a standard deviation of {least:.3e}, {:.2} % of the whole: next to \
                 no noise",
                100.0 * least / std
            ));
        }
        let Some(start) = (0..lines.len()).find(|&start| is_flat(lines.get(start..).unwrap_or_default(), n))
        else {
            return Err(String::from(
                "the variances along principal components fall to the last: they have no flat end",
            ));
        };
        let tail = lines.get(start..).unwrap_or_default();
        let directions: f64 = tail.iter().map(|l| l.directions).sum();
        let noise = lowest(tail).sqrt();
        let constant = spectrum.directions() - d;
        if directions < DIRECTIONS.max(SHARE * d) && constant > 0.0 {
            return Err(format!(
                "{constant:.0} directions do not vary at all, and of the other {d:.0} only {directions:.0} vary alike"
            ));
        }
        if directions < DIRECTIONS.max(SHARE * d) {
            return Err(format!(
                "the flat end of their spectrum has {directions:.0} of {d:.0} directions, too few to be noise"
            ));
        }
        if top < STANDS_OUT * noise * noise {
            return Err(String::from(
                "no direction varies by twice the variance of the others: nothing stands out of the noise",
            ));
        }
        let above = start.checked_sub(1).and_then(|last| lines.get(last)).map_or(top, |l| l.variance);
        Ok(NoiseFloor {
            noise,
            directions,
            constant,
            gap: above / (noise * noise),
            neighbours: None,
            spectrum: spectrum.clone(),
        })
    }

    /// The floor within neighbourhoods, if one of some size has a gap. Noise is there in the smallest that shows a
    /// gap as in larger ones; what grows with them is the curvature of clean data.
    fn of_neighbourhoods(points: &PointSet, std: f64, seed: u64) -> Result<Option<Self>> {
        let distinct = points.select(&neighbours::distinct_rows(points.values()))?;
        let n = distinct.len();
        let smallest = principal::FEWEST.max(4 * points.dim());
        let sizes = std::iter::successors(Some(smallest), |k| Some(k + k.div_ceil(2)));
        let mut found: Vec<NoiseFloor> = Vec::new();
        for k in sizes.take_while(|k| 3 * k <= n) {
            let spectrum = VarianceSpectrum::local(&distinct, k, seed)?;
            let variances: Vec<f64> = spectrum.lines().iter().map(|l| l.variance).collect();
            let ratio =
                |(above, below): (&f64, &f64)| if *below > 0.0 { above / below } else { f64::INFINITY };
            let best = variances.iter().zip(variances.iter().skip(1)).map(ratio).enumerate();
            let best = best.max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((last, gap)) = best.filter(|(_, gap)| *gap >= GAP) else { continue };
            let below = variances.get(last + 1..).unwrap_or_default();
            let noise = (below.iter().sum::<f64>() / below.len().max(1) as f64).sqrt();
            let directions = below.len() as f64;
            found.push(NoiseFloor { noise, directions, constant: 0.0, gap, neighbours: Some(k), spectrum });
        }
        // Of one size alone nobody knows whether the floor grows.
        let [first, second, ..] = found.as_slice() else { return Ok(None) };
        let grows =
            |from: &NoiseFloor, to: &NoiseFloor, by: f64| to.noise * to.noise > by * from.noise * from.noise;
        if first.noise < NOTICEABLE * std || grows(first, second, GROWTH) {
            return Ok(None);
        }
        let first = first.clone();
        let best = found.iter().map(|f| f.gap).fold(0.0, f64::max);
        let chosen = found.into_iter().find(|f| f.gap >= AS_GOOD * best);
        Ok(chosen.filter(|f| !grows(&first, f, GROWTH * GROWTH)))
    }
}

/// Whether the upper half of these lines lies no higher above the lower one than sampling explains, and the first of
/// them no higher than noise does. `n` points give a variance to the part √(2/n).
fn is_flat(lines: &[Line], n: usize) -> bool {
    let (upper, lower) = parts(lines, 0.5);
    if !(upper.1 > 0.0 && lower.1 > 0.0 && lower.0 > 0.0) {
        return false;
    }
    let one = (2.0 / n as f64).sqrt();
    let error = one * (1.0 / upper.1 + 1.0 / lower.1).sqrt();
    let first = lines.first().map_or(0.0, |l| l.variance);
    upper.0 / lower.0 <= 1.0 + FLAT + 2.0 * error && first / lower.0 <= 1.0 + FIRST + 4.0 * one
}

/// Mean variance of the lowest fifth of these directions, of all if they are one line.
fn lowest(lines: &[Line]) -> f64 {
    let (upper, lower) = parts(lines, 1.0 - LOWEST);
    if lower.1 > 0.0 { lower.0 } else { upper.0 }
}

/// (mean variance, directions) of the upper part of these directions, of this share, and of the rest.
fn parts(lines: &[Line], share: f64) -> ((f64, f64), (f64, f64)) {
    let cut = share * lines.iter().map(|l| l.directions).sum::<f64>();
    let (mut upper, mut lower, mut before) = ((0.0, 0.0), (0.0, 0.0), 0.0);
    for line in lines {
        // A line of many directions is cut where the part ends.
        let above = (cut - before).clamp(0.0, line.directions);
        for (part, directions) in [(&mut upper, above), (&mut lower, line.directions - above)] {
            part.0 += directions * line.variance;
            part.1 += directions;
        }
        before += line.directions;
    }
    let mean =
        |(sum, directions): (f64, f64)| (if directions > 0.0 { sum / directions } else { 0.0 }, directions);
    (mean(upper), mean(lower))
}
