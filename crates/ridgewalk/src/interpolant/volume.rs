//! Densities along the ODE: d log ρ(x_t) = −∇·b dt, so that points carried back know their density.

use ndarray::{Array1, Array2, ArrayView2};

use super::sampler::finite;
use super::{Bridge, Direction, InterpolantSampler, Scheme};
use crate::error::Result;

/// Points of the last end carried back to the first.
#[derive(Debug, Clone, PartialEq)]
pub struct PulledBack {
    /// Where they come from at t = 0, `[n, d]`.
    pub points: Array2<f64>,
    /// ∫₀¹ ∇·b dt along their paths, `[n]`: log ρ₁(x₁) = log ρ₀(x₀) − this.
    pub log_volume: Array1<f64>,
    /// Evaluations of the fields, and as many of the divergence, that a point took.
    pub evaluations: usize,
}

impl InterpolantSampler {
    /// Carries points `[n, d]` of the last end back along the ODE, with what it does to volumes:
    /// log ρ₁(x₁) = log ρ₀(x₀) − ∫∇·b dt. An ε has no part in it.
    ///
    /// # Errors
    /// As [`InterpolantSampler::run`], and those of [`Bridge::divergence`].
    pub fn pull_back<B: Bridge + ?Sized>(&self, bridge: &B, points: ArrayView2<f64>) -> Result<PulledBack> {
        crate::denoiser::check_query(bridge.dim(), points, 1.0)?;
        let samples: Vec<u64> = (0..points.nrows() as u64).collect();
        let mut evaluations = 0;
        let mut rate = |x: ArrayView2<f64>, t: f64| {
            evaluations += 1;
            Ok((bridge.velocity(x, t)?, bridge.divergence(x, t)?))
        };
        let (mut x, mut volume) = (points.to_owned(), Array1::<f64>::zeros(points.nrows()));
        let plain = self.without_noise();
        for (step, leg) in plain.legs(bridge, Direction::Backward)?.iter().enumerate() {
            let h = leg.to - leg.from;
            let mut moved = |t: f64, far: f64, slope: Option<&(Array2<f64>, Array1<f64>)>| {
                let mut state = x.clone();
                if let Some((velocity, _)) = slope {
                    state.scaled_add(far * h, velocity);
                }
                finite(&state, step, t, &samples)?;
                rate(state.view(), t)
            };
            let middle = 0.5 * (leg.from + leg.to);
            let slopes = match (leg.across, self.scheme) {
                (Some(edge), _) => vec![(moved(edge, 0.0, None)?, 1.0)],
                (None, Scheme::Euler) => vec![(moved(leg.from, 0.0, None)?, 1.0)],
                (None, Scheme::Heun) => {
                    let first = moved(leg.from, 0.0, None)?;
                    let second = moved(leg.to, 1.0, Some(&first))?;
                    vec![(first, 0.5), (second, 0.5)]
                }
                (None, Scheme::RungeKutta4) => {
                    let first = moved(leg.from, 0.0, None)?;
                    let second = moved(middle, 0.5, Some(&first))?;
                    let third = moved(middle, 0.5, Some(&second))?;
                    let fourth = moved(leg.to, 1.0, Some(&third))?;
                    let (out, within) = (1.0 / 6.0, 1.0 / 3.0);
                    vec![(first, out), (second, within), (third, within), (fourth, out)]
                }
            };
            for ((velocity, divergence), weight) in &slopes {
                x.scaled_add(weight * h, velocity);
                volume.scaled_add(-weight * h, divergence);
            }
            finite(&x, step, leg.to, &samples)?;
        }
        Ok(PulledBack { points: x, log_volume: volume, evaluations })
    }
}
