//! The phases of sampling: samples reach the ridge's tube, align with the ridge, and slide along it
//! (arXiv 2602.06021).
//!
//! | phase | from | until |
//! |---|---|---|
//! | reach | the start | it is in the tube for good; a run: at least 95 % of its samples at every level from there on |
//! | align | then | motion along the ridge is faster than towards it |
//! | slide | then | what moves along the ridge is slower than the noise: ‖T ẋ‖ ≤ σ√d* |
//! | settled | then | the end; at such a speed no sample has more than σ√d* to go |
//!
//! The speeds compared are the systematic ones of [`RidgeLevel`], per unit of −log σ, the ridge's own motion
//! taken off the normal one. Single levels of a noisy run may say either, so that a phase does not begin where
//! the last of them changes its mind: it begins where the levels after are parted best into those before and
//! those of the phase, each weighted by its span of log σ. At a level of a run the mean square along must
//! exceed that across by two standard errors.

use super::{RidgeLevel, RidgeRun};

/// Part of a run's samples that must be in the tube.
const MOST: f64 = 0.95;
/// Standard errors by which a run's motion along must exceed its motion across.
const CLEARLY: f64 = 2.0;

/// What a sample, or a run, is doing at a noise level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// On its way to the tube around the ridge.
    Reach,
    /// In the tube: mainly moving towards the ridge, or not at all.
    Align,
    /// Mainly moving along the ridge.
    Slide,
    /// Slid, and no longer moving along by more than the noise.
    Settled,
}

impl Phase {
    /// A word for tables and figures.
    pub fn name(self) -> &'static str {
        match self {
            Phase::Reach => "reach",
            Phase::Align => "align",
            Phase::Slide => "slide",
            Phase::Settled => "settled",
        }
    }
}

/// Noise levels at which phases begin; `None` if they do not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PhaseTimes {
    /// The first level in the tube. Of a run: the first with 95 % of its samples in it.
    pub entry: Option<f64>,
    /// The highest level from which on it stays in the tube: alignment begins.
    pub reach: Option<f64>,
    /// Where motion along the ridge takes over: sliding begins.
    pub aligned: Option<f64>,
    /// Where sliding has ended.
    pub settled: Option<f64>,
}

impl PhaseTimes {
    /// The phase at a noise level.
    pub fn phase(&self, sigma: f64) -> Phase {
        let begun = |level: Option<f64>| level.is_some_and(|level| sigma <= level);
        match () {
            _ if begun(self.settled) => Phase::Settled,
            _ if begun(self.aligned) => Phase::Slide,
            _ if begun(self.reach) => Phase::Align,
            _ => Phase::Reach,
        }
    }
}

/// The phases of a run and of each of its samples.
#[derive(Debug, Clone, PartialEq)]
pub struct Phases {
    /// Of the run as a whole.
    pub run: PhaseTimes,
    /// Of every sample. Under a noisy solver the later times of one sample are rough.
    pub samples: Vec<PhaseTimes>,
}

/// What one level says.
struct Verdict {
    sigma: f64,
    /// Span of log σ that it stands for.
    span: f64,
    in_tube: bool,
    sliding: bool,
    still: bool,
}

impl RidgeRun {
    /// The phases.
    pub fn phases(&self) -> Phases {
        let dimension = self.dimension as f64;
        let spans: Vec<f64> = (0..self.levels.len()).map(|k| self.span(k)).collect();
        let each = || self.levels.iter().zip(&spans);
        let run = each().map(|(level, span)| whole(level, *span, dimension)).collect::<Vec<_>>();
        let samples = self.levels.first().map_or(0, |level| level.distances.len());
        let sample = |row: usize| {
            let one = |(level, span): (&RidgeLevel, &f64)| {
                let (along, across) = (level.tangential_squares[row], level.approach_squares[row]);
                Verdict {
                    sigma: level.sigma,
                    span: *span,
                    in_tube: level.in_tube[row],
                    sliding: level.moving[row] && along > across,
                    still: along <= level.sigma * level.sigma * dimension,
                }
            };
            times(&each().map(one).collect::<Vec<_>>())
        };
        Phases { run: times(&run), samples: (0..samples).map(sample).collect() }
    }

    fn span(&self, k: usize) -> f64 {
        let log = |k: usize| self.levels.get(k).map(|level| libm::log(level.sigma));
        match (log(k.wrapping_sub(1)), log(k)) {
            (Some(before), Some(now)) => before - now,
            _ => 0.0,
        }
    }
}

fn whole(level: &RidgeLevel, span: f64, dimension: f64) -> Verdict {
    let squares = level.tangential_squares.iter().zip(&level.approach_squares);
    let pairs: Vec<(f64, f64)> =
        squares.zip(&level.moving).filter(|(_, moving)| **moving).map(|((a, n), _)| (*a, *n)).collect();
    let n = pairs.len().max(1) as f64;
    let along = pairs.iter().map(|p| p.0).sum::<f64>() / n;
    let excess = pairs.iter().map(|p| p.0 - p.1).sum::<f64>() / n;
    let variance = pairs.iter().map(|p| (p.0 - p.1 - excess).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
    Verdict {
        sigma: level.sigma,
        span,
        in_tube: level.fraction_in_tube() >= MOST,
        sliding: excess > CLEARLY * (variance / n).sqrt(),
        still: along <= level.sigma * level.sigma * dimension,
    }
}

fn times(levels: &[Verdict]) -> PhaseTimes {
    let sigma = |k: usize| levels.get(k).map(|level| level.sigma);
    let entry = levels.iter().position(|level| level.in_tube).and_then(sigma);
    let reach = levels.iter().rposition(|level| !level.in_tube).map_or(0, |last| last + 1);
    let aligned = reach + begin(levels.get(reach..).unwrap_or_default(), |level| level.sliding);
    let settled = aligned + begin(levels.get(aligned..).unwrap_or_default(), |level| level.still);
    PhaseTimes { entry, reach: sigma(reach), aligned: sigma(aligned), settled: sigma(settled) }
}

/// The index that best parts levels into those that are not yet so and those that are; their number if none
/// of them is.
fn begin(levels: &[Verdict], so: impl Fn(&Verdict) -> bool) -> usize {
    let mut wrong: f64 = levels.iter().filter(|level| !so(level)).map(|level| level.span).sum();
    let mut best = (wrong, 0);
    for (k, level) in levels.iter().enumerate() {
        wrong += if so(level) { level.span } else { -level.span };
        // Among equals the later: what hardly begins has not begun.
        if wrong <= best.0 + 1e-12 {
            best = (wrong, k + 1);
        }
    }
    best.1
}
