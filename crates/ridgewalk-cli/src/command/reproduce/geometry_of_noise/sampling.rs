//! Deterministic samplers of one field, told its noise level or not, and where they end.

use ndarray::{Array2, ArrayView2};
use ridgewalk::autonomous::Autonomous;
use ridgewalk::neighbours::nearest;
use ridgewalk::process::Marginal;
use ridgewalk::{Denoiser, Process};

use super::common::mean;
use crate::failure::Result;

/// Times from one to another in equal steps.
pub fn evenly(from: f64, to: f64, steps: usize) -> Vec<f64> {
    (0..=steps).map(|i| from + (to - from) * i as f64 / steps as f64).collect()
}

/// DDIM's exact transfer with what a blind field means at every time.
pub fn transfer(
    field: &dyn Autonomous,
    process: &dyn Process,
    times: &[f64],
    mut u: Array2<f64>,
) -> Result<Array2<f64>> {
    for (&t, &s) in times.iter().zip(times.iter().skip(1)) {
        let c = field.target().coefficients(process, t)?;
        let (of_u, of_field) = c.data();
        let data = &u * of_u + field.field(u.view())? * of_field;
        step(process, (t, s), &mut u, &data);
    }
    Ok(u)
}

/// The same, told every time.
pub fn told(
    model: &dyn Denoiser,
    process: &dyn Process,
    times: &[f64],
    mut u: Array2<f64>,
) -> Result<Array2<f64>> {
    let marginal = Marginal::new(model, process);
    for (&t, &s) in times.iter().zip(times.iter().skip(1)) {
        let data = marginal.denoised(u.view(), t)?;
        step(process, (t, s), &mut u, &data);
    }
    Ok(u)
}

fn step(process: &dyn Process, (t, s): (f64, f64), u: &mut Array2<f64>, data: &Array2<f64>) {
    let (alpha, sigma) = (process.alpha(t), process.sigma(t));
    let (next, level) = (process.alpha(s), process.sigma(s) / sigma);
    u.zip_mut_with(data, |u, x| *u = next * x + level * (*u - alpha * x));
}

/// Euler's step of a v-prediction in the angle of the process (arXiv 2202.00512, appendix D).
pub fn turned(
    field: &dyn Autonomous,
    process: &dyn Process,
    times: &[f64],
    mut u: Array2<f64>,
) -> Result<Array2<f64>> {
    let angle = |t: f64| libm::atan2(process.sigma(t), process.alpha(t));
    for (&t, &s) in times.iter().zip(times.iter().skip(1)) {
        let f = field.field(u.view())?;
        u.scaled_add(angle(s) - angle(t), &f);
    }
    Ok(u)
}

/// Descent along a field, without a clock.
pub fn descent(field: &dyn Autonomous, rate: f64, steps: usize, mut u: Array2<f64>) -> Result<Array2<f64>> {
    for _ in 0..steps {
        let f = field.field(u.view())?;
        u.scaled_add(-rate, &f);
    }
    Ok(u)
}

/// Where samples end.
pub struct End {
    pub states: Array2<f64>,
    /// To the nearest point of the data.
    pub distances: Vec<f64>,
    /// Which that is.
    pub nearest: Vec<usize>,
}

impl End {
    pub fn of(states: Array2<f64>, data: ArrayView2<f64>) -> Result<Self> {
        let found = nearest(states.view(), data, 1)?;
        Ok(End {
            states,
            distances: found.nearest_distances().to_vec(),
            nearest: found.nearest_indices().to_vec(),
        })
    }

    /// Mean, median and 90th percentile of the distance.
    pub fn summary(&self) -> [f64; 3] {
        [mean(&self.distances), self.quantile(0.5), self.quantile(0.9)]
    }

    fn quantile(&self, q: f64) -> f64 {
        let mut sorted = self.distances.clone();
        sorted.sort_by(f64::total_cmp);
        let at = q * sorted.len().saturating_sub(1) as f64;
        let value = |i: f64| sorted.get(i as usize).copied().unwrap_or(f64::NAN);
        value(at.floor()) + at.fract() * (value(at.ceil()) - value(at.floor()))
    }

    /// Beyond which a sample has failed: a tenth of the data's spread, and twice the 90th percentile of this
    /// (told) sampler.
    pub fn limit(&self, spread: f64) -> f64 {
        (0.1 * spread).max(2.0 * self.quantile(0.9))
    }

    /// Share of samples beyond a limit.
    pub fn failed(&self, limit: f64) -> f64 {
        let beyond = self.distances.iter().filter(|d| **d > limit).count();
        beyond as f64 / self.distances.len().max(1) as f64
    }

    /// Number of different points of the data that samples within the limit reach.
    pub fn reached(&self, limit: f64) -> usize {
        let within = self.nearest.iter().zip(&self.distances).filter(|(_, d)| **d <= limit);
        within.map(|(i, _)| *i).collect::<std::collections::BTreeSet<usize>>().len()
    }

    /// Share of samples whose nearest point is among the first `count`.
    pub fn share_of_first(&self, count: usize) -> f64 {
        self.nearest.iter().filter(|i| **i < count).count() as f64 / self.nearest.len().max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn ends_by_hand() {
        let data = array![[0.0, 0.0], [10.0, 0.0]];
        let end = End::of(array![[0.0, 1.0], [10.0, 2.0], [10.0, 6.0]], data.view()).unwrap();
        assert_eq!(end.summary(), [3.0, 2.0, 5.2]);
        assert_eq!((end.limit(1.0), end.failed(2.0), end.reached(2.0)), (10.4, 1.0 / 3.0, 2));
        assert_eq!((end.reached(1.5), end.share_of_first(1)), (1, 1.0 / 3.0));
    }
}
