//! The reverse SDE by Euler–Maruyama: each step adds fresh noise, so the states follow the marginals p_σ
//! rather than the flow lines of the ODE.
//!
//! ```text
//! dx = ∇log p_σ(x) dt + dw,  t = σ² (backwards):
//! x ← x + (t − t′)·∇log p_σ(x) + √(t − t′)·ε = x + (1 − t′/t)(D(x; σ) − x) + √(t − t′)·ε
//! ```
//!
//! Its mean is exactly E[x′ | x], as that of [`Ddpm`](super::Ddpm); its noise σ² − σ′² is more than Var[x′ | x] of
//! any data: DDPM's large variance for data without bound. So the law errs to the wide side, at first order.
//!
//! On the grid [`LogLinear`](crate::LogLinear)(1e-3..3, 100) these are the steps with which arXiv 2510.02305
//! samples: noise variance t = σ² evenly spaced in log t. Its last step, from σ_min to 0, adds noise too
//! ([`ReverseSde::land`]), where a [`Sampler`](crate::Sampler) returns D(x; σ_min).

use ndarray::Array2;

use super::fused::update2;
use super::{Order, Solver, Step};
use crate::error::{Error, Result};
use crate::random::{Purpose, Stream};

/// Euler–Maruyama on the reverse SDE.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ReverseSde;

impl ReverseSde {
    /// D(x; σ_min) + σ_min·ε: what the step from σ_min to 0 gives if it adds its noise like all others,
    /// so that samples of data in d dimensions end σ_min·√d away from D. `denoised` is `[n, d]`, from a run
    /// with this seed; row i gets the noise of sample i.
    ///
    /// # Errors
    /// If σ_min is negative or not finite.
    pub fn land(mut denoised: Array2<f64>, sigma_min: f64, seed: u64) -> Result<Array2<f64>> {
        if !(sigma_min >= 0.0 && sigma_min.is_finite()) {
            return Err(Error::argument(
                "sigma_min",
                format!("is {sigma_min}"),
                "give the lowest level of the run",
            ));
        }
        for (sample, mut row) in denoised.outer_iter_mut().enumerate() {
            // Steps are numbered from 0 up: the last number is that of no step.
            let mut stream = Stream::new(seed, Purpose::Churn, sample as u64, u64::MAX);
            row.iter_mut().for_each(|x| *x += sigma_min * stream.normal());
        }
        Ok(denoised)
    }
}

impl Solver for ReverseSde {
    fn name(&self) -> String {
        "reverse-sde".into()
    }

    fn order(&self) -> Order {
        Order::Law(1)
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let ratio = step.next / step.sigma;
        let h = 1.0 - ratio * ratio;
        let spread = step.sigma * h.sqrt();
        let denoised = step.denoised(x.view())?;
        let noise = step.noise();
        update2(&mut x, [&denoised, &noise], |x, d, e| x + (h * (d - x) + spread * e));
        step.recycle(denoised);
        step.recycle(noise);
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::closed_form::Empirical;
    use crate::{LogLinear, PointSet, Sampler, Schedule};
    use ndarray::array;

    /// One point at 0, where D = 0: x ← (t′/t)·x + √(t − t′)·ε, so the variance follows
    /// v′ = (t′/t)²·v + (t − t′) from v = t₀, step by step.
    #[test]
    fn variance_of_one_point_follows_its_recursion() {
        let model = Empirical::new(&PointSet::vectors(array![[0.0]]).unwrap()).unwrap();
        let schedule = LogLinear::new(0.1..2.0, 6);
        let levels = schedule.levels().unwrap();
        let mut variance = levels[0] * levels[0];
        for pair in levels.windows(2) {
            let (t, next) = (pair[0] * pair[0], pair[1] * pair[1]);
            variance = (next / t) * (next / t) * variance + (t - next);
        }
        let mut last = Array2::zeros((0, 1));
        let mut keep = |p: &crate::sampler::Progress| {
            if p.step == 5 {
                last = p.state.to_owned();
            }
            std::ops::ControlFlow::Continue(())
        };
        let n = 40_000;
        let sampler = Sampler::new(ReverseSde, schedule).seed(3).batch(n);
        let out = sampler.run_observed(&model, n, &mut keep).unwrap();
        let found = last.mapv(|x| x * x).mean().unwrap();
        // Standard error √(2/n) = 0.7 %; five of them.
        assert!((found / variance - 1.0).abs() < 0.035, "{found} {variance}");
        // The sampler lands on D, the published last step σ_min·ε away from it.
        assert!(out.points.iter().all(|x| *x == 0.0));
        let landed = ReverseSde::land(out.points, 0.1, 3).unwrap();
        let spread = landed.mapv(|x| x * x).mean().unwrap().sqrt();
        assert!((spread / 0.1 - 1.0).abs() < 0.02, "{spread}");
        assert!(ReverseSde::land(landed, f64::NAN, 3).is_err());
    }

    /// Without smoothing samples land √(t_min·d) from a data point (arXiv 2510.02305's printed
    /// 0.0049 to 0.0071 at d = 32): the mean of σ_min·χ₃₂ is 5.61e-3.
    #[test]
    fn unsmoothed_samples_land_beside_the_data() {
        let mut data = Array2::zeros((5, 32));
        for (i, mut row) in data.outer_iter_mut().enumerate() {
            Stream::new(1, Purpose::Synthetic, i as u64, 0).fill_normal(row.as_slice_mut().unwrap());
        }
        let data = PointSet::vectors(data).unwrap();
        let model = Empirical::new(&data).unwrap();
        let run = Sampler::new(ReverseSde, LogLinear::new(1e-3..3.0, 100)).run(&model, 100).unwrap();
        let landed = ReverseSde::land(run.points, 1e-3, 0).unwrap();
        let found = crate::neighbours::nearest(landed.view(), data.values(), 1).unwrap();
        let mean = found.nearest_distances().mean().unwrap();
        // χ₃₂ has standard deviation 0.70: of 100 samples' mean 0.070, times σ_min; five of them.
        assert!((mean - 5.61e-3).abs() < 0.36e-3, "{mean}");
    }
}
