//! Groups of samples with their two distances, and how two ways of smoothing compare at equal novelty.

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use ridgewalk::closed_form::KernelDensity;
use ridgewalk::metrics::Bootstrap;
use ridgewalk::metrics::bootstrap::{mean, quantile_of_sorted};
use ridgewalk::neighbours::nearest;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::schedule::range_for;
use ridgewalk::survey::{Axis, Expectation, Figure, Finding, Plot, Series};
use ridgewalk::{Denoiser, Heun, Karras, LogLinear, Moments, PointSet, ReverseSde, Sampler};
use ridgewalk_report::format_number;

use crate::failure::Result;
use crate::progress::Meter;

/// Lowest noise level of the published sampler.
pub const SIGMA_MIN: f64 = 1e-3;
/// Steps of the flow sampler that draws images.
const FLOW_STEPS: usize = 18;
/// Draws of a density estimate whose bandwidth is matched: enough for its 1 %.
const MATCHED: usize = 400;
/// A distance that nobody sees, as a part of the data's range.
const NO_DISTANCE: f64 = 1e-6;

/// Samples of one kernel scale (or bandwidth).
#[derive(Debug, Clone)]
pub struct Group {
    pub scale: f64,
    pub samples: Array2<f64>,
    /// Distance to the nearest training point, of every sample.
    pub to_data: Vec<f64>,
    pub to_manifold: Vec<f64>,
}

/// What groups are measured against.
pub struct Ruler<'a> {
    pub train: &'a PointSet,
    pub manifold: &'a dyn Fn(ArrayView2<f64>) -> Result<Vec<f64>>,
}

impl Ruler<'_> {
    pub fn group(&self, scale: f64, samples: Array2<f64>) -> Result<Group> {
        let to_data = nearest(samples.view(), self.train.values(), 1)?.nearest_distances().to_vec();
        let to_manifold = (self.manifold)(samples.view())?;
        Ok(Group { scale, samples, to_data, to_manifold })
    }

    /// Density smoothing as far from the training data as a group is.
    pub fn density_twin(&self, group: &Group, seed: u64) -> Result<Group> {
        let n = group.to_data.len();
        // Samples that are training points to the bit have a twin of next to no bandwidth.
        let (low, high) = self.train.range();
        let distance = group.novelty().max(NO_DISTANCE * (high - low));
        let estimate = KernelDensity::at_distance(self.train, distance, MATCHED.max(n), seed)?;
        self.group(estimate.bandwidth(), estimate.sample(MATCHED.max(n), seed))
    }

    pub fn density_twins(&self, groups: &[Group], seed: u64) -> Result<Vec<Group>> {
        groups.iter().map(|group| self.density_twin(group, seed)).collect()
    }
}

impl Group {
    pub fn novelty(&self) -> f64 {
        mean(&self.to_data)
    }

    pub fn off(&self) -> f64 {
        mean(&self.to_manifold)
    }
}

/// The published sampler: from σ_max·ε down an even grid in log t by Euler–Maruyama, with noise on the last step.
pub fn published(
    model: &dyn Denoiser,
    n: usize,
    sigma_max: f64,
    steps: usize,
    seed: u64,
    name: &str,
) -> Result<Array2<f64>> {
    let mut start = Array2::zeros((n, model.dim()));
    for (i, mut row) in start.outer_iter_mut().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Start, i as u64, 0);
        row.iter_mut().for_each(|x| *x = sigma_max * stream.normal());
    }
    let sampler = Sampler::new(ReverseSde, LogLinear::new(SIGMA_MIN..sigma_max, steps)).seed(seed);
    let samples = sampler.run_from(model, start.view(), &mut Meter::new(name))?;
    Ok(ReverseSde::land(samples.points, SIGMA_MIN, seed)?)
}

/// The flow: Heun on Karras's grid, which takes a third of the steps.
pub fn flow(model: &dyn Denoiser, n: usize, seed: u64, name: &str) -> Result<Array2<f64>> {
    let moments = model.moments().unwrap_or(Moments { mean: ndarray::Array1::zeros(model.dim()), std: 1.0 });
    let sampler = Sampler::new(Heun::new(), Karras::new(range_for(&moments), FLOW_STEPS)).seed(seed);
    Ok(sampler.run_observed(model, n, &mut Meter::new(name))?.points)
}

/// How far from the manifold `own` are, over how far `other` would be at the same novelty.
pub struct Ratio {
    pub value: f64,
    pub interval: Option<(f64, f64)>,
    /// Groups that could be compared.
    pub groups: usize,
    pub samples: usize,
}

/// The mean over the groups of `own` whose novelty lies in the window and within reach of `other`, whose curve
/// is interpolated linearly between its groups.
pub fn ratio_at_equal_novelty(
    own: &[Group],
    other: &[Group],
    window: Range<f64>,
    bootstrap: &Bootstrap,
) -> Ratio {
    let all = |group: &Group| (0..group.to_data.len()).collect::<Vec<usize>>();
    let means = |group: &Group, rows: &[usize]| {
        let of = |values: &[f64]| {
            let picked: Vec<f64> = rows.iter().filter_map(|r| values.get(*r)).copied().collect();
            mean(&picked)
        };
        (of(&group.to_data), of(&group.to_manifold))
    };
    let reach =
        other.iter().map(Group::novelty).fold((f64::INFINITY, 0.0f64), |r, v| (r.0.min(v), r.1.max(v)));
    let usable: Vec<&Group> = own
        .iter()
        .filter(|g| window.contains(&g.novelty()))
        .filter(|g| (0.95 * reach.0..=1.05 * reach.1).contains(&g.novelty()))
        .collect();
    let (Some(first), Some(second)) = (usable.first(), other.first()) else {
        return Ratio { value: f64::NAN, interval: None, groups: 0, samples: 0 };
    };
    let statistic = |rows: &[usize], others: &[usize]| {
        let mut curve: Vec<(f64, f64)> = other.iter().map(|g| means(g, others)).collect();
        curve.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let ratios = usable.iter().map(|group| {
            let (novelty, off) = means(group, rows);
            off / interpolate(&curve, novelty)
        });
        ratios.sum::<f64>() / usable.len() as f64
    };
    let value = statistic(&all(first), &all(second));
    let replicates = bootstrap.replicates_of_two(first.to_data.len(), second.to_data.len(), statistic);
    let interval = replicates.and_then(|mut values| {
        values.sort_unstable_by(f64::total_cmp);
        Some((quantile_of_sorted(&values, 0.025)?, quantile_of_sorted(&values, 0.975)?))
    });
    Ratio { value, interval, groups: usable.len(), samples: usable.len() * first.to_data.len() }
}

/// Linear between the points, which rise in x; proportional beyond them.
fn interpolate(curve: &[(f64, f64)], x: f64) -> f64 {
    let after = curve.partition_point(|p| p.0 < x);
    match (after.checked_sub(1).and_then(|i| curve.get(i)), curve.get(after)) {
        (Some(a), Some(b)) if b.0 > a.0 => a.1 + (b.1 - a.1) * (x - a.0) / (b.0 - a.0),
        (Some(end), _) | (None, Some(end)) => end.1 * x / end.0,
        (None, None) => f64::NAN,
    }
}

/// A ratio as a finding: `sentence` is completed by the number.
pub fn ratio_finding(id: &str, sentence: &str, expected: &str, at_most: f64, ratio: &Ratio) -> Finding {
    let interval = match ratio.interval {
        Some((low, high)) => format!(" (95 % interval {} to {})", format_number(low), format_number(high)),
        None => String::new(),
    };
    let statement = format!("{sentence} {}{interval}.", format_number(ratio.value));
    let finding = Finding::new(id, statement, ratio.value, ratio.samples)
        .setting("groups_compared", ratio.groups)
        .expect(Expectation { text: expected.into(), at_least: None, at_most: Some(at_most) });
    match ratio.interval {
        Some(interval) => finding.interval(interval),
        None => finding,
    }
}

/// How the scale that the data choose fares on a curve of (scale, distance) that has its least value inside.
pub fn automatic(id: &str, what: &str, curve: &[(f64, f64)], chosen: f64) -> Finding {
    let least = curve.iter().map(|c| c.1).fold(f64::INFINITY, f64::min);
    let at = curve.iter().find(|c| c.0 == chosen).map_or(f64::NAN, |c| c.1);
    let statement = format!(
        "{what}: {} at the scale chosen by held-out loss ({}), {} at the best scale tried. The former over the latter: {}.",
        format_number(at),
        format_number(chosen),
        format_number(least),
        format_number(at / least)
    );
    Finding::new(id, statement, at / least, curve.len()).setting("chosen_scale", chosen).expect(Expectation {
        text: "at most 1.05: the data choose a scale as good as the best".into(),
        at_least: None,
        at_most: Some(1.05),
    })
}

/// Distance to the manifold against novelty, one line a way of smoothing.
pub fn novelty_figure(
    id: &str,
    title: &str,
    caption: &str,
    unit: &str,
    curves: &[(&str, &[Group])],
) -> Figure {
    let series = curves.iter().map(|(name, groups)| {
        let mut points: Vec<(f64, f64)> = groups.iter().map(|g| (g.novelty(), g.off())).collect();
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        Series { name: (*name).into(), points }
    });
    Figure {
        id: id.into(),
        title: title.into(),
        caption: caption.into(),
        plot: Plot::Lines {
            x: Axis::linear(format!("mean distance to the nearest training point{unit}")),
            y: Axis::linear(format!("mean distance to the manifold{unit}")),
            series: series.collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(novelty: f64, off: f64) -> Group {
        Group {
            scale: 1.0,
            samples: Array2::zeros((3, 1)),
            to_data: vec![novelty; 3],
            to_manifold: vec![off; 3],
        }
    }

    #[test]
    fn ratios_by_hand() {
        let other = [group(2.0, 4.0), group(1.0, 1.0)];
        let own = [group(1.5, 0.5), group(2.0, 1.0), group(9.0, 9.0), group(0.1, 0.1)];
        let ratio = ratio_at_equal_novelty(&own, &other, 0.0..10.0, &Bootstrap::new(20, 1));
        // 0.5/2.5 and 1/4; the others are beyond the reach of the curve.
        assert_eq!(ratio.groups, 2);
        assert!((ratio.value - 0.5 * (0.2 + 0.25)).abs() < 1e-12);
        let (low, high) = ratio.interval.unwrap();
        assert!((low - ratio.value).abs() < 1e-12 && (high - ratio.value).abs() < 1e-12);
        assert!(ratio_at_equal_novelty(&own, &other, 3.0..4.0, &Bootstrap::new(20, 1)).value.is_nan());
    }
}
