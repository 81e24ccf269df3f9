//! Heun's method with optional churn: EDM's sampler (arXiv 2206.00364, algorithm 2). Second order,
//! two evaluations a step.
//!
//! ```text
//! churn      γ = min(S_churn/n, √2 − 1) if S_min ≤ σ ≤ S_max, else 0
//!            σ̂ = σ(1 + γ),  x̂ = x + √(σ̂² − σ²)·S_noise·ε
//! predict    d  = (x̂ − D(x̂; σ̂))/σ̂,       x′ = x̂ + (σ′ − σ̂) d
//! correct    d′ = (x′ − D(x′; σ′))/σ′,     x ← x̂ + (σ′ − σ̂)(d + d′)/2
//! ```

use ndarray::Array2;

use super::fused::{update, update2, update3};
use super::{Order, Solver, Step};
use crate::error::{Error, Result};

/// Heun's method, with EDM's churn where asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Heun {
    churn: Option<Churn>,
}

/// Noise that EDM adds before every step (arXiv 2206.00364, algorithm 2).
#[derive(Debug, Clone, PartialEq)]
struct Churn {
    total: f64,
    per_step: f64,
    range: std::ops::RangeInclusive<f64>,
    noise: f64,
}

impl Heun {
    /// Without churn: deterministic.
    pub const fn new() -> Self {
        Heun { churn: None }
    }

    /// With `s_churn` spread over `steps` steps, at levels within `range`, noise scaled by `s_noise`.
    ///
    /// # Errors
    /// If a number is negative or not finite, or `steps` is 0.
    pub fn with_churn(
        s_churn: f64,
        steps: usize,
        range: std::ops::RangeInclusive<f64>,
        s_noise: f64,
    ) -> Result<Self> {
        let sound = |v: f64| v >= 0.0 && v.is_finite();
        if !(sound(s_churn) && sound(s_noise)) || steps == 0 {
            return Err(Error::argument(
                "churn",
                format!("is {s_churn} over {steps} steps with noise {s_noise}"),
                "give finite numbers that are not negative, and at least one step",
            ));
        }
        let per_step = (s_churn / steps as f64).min(std::f64::consts::SQRT_2 - 1.0);
        Ok(Heun { churn: Some(Churn { total: s_churn, per_step, range, noise: s_noise }) })
    }
}

impl Solver for Heun {
    fn name(&self) -> String {
        match &self.churn {
            Some(churn) if churn.per_step > 0.0 => {
                let noise =
                    if churn.noise == 1.0 { String::new() } else { format!(",noise={}", churn.noise) };
                let (low, high) = (churn.range.start(), churn.range.end());
                let range = if (*low, *high) == (0.0, f64::INFINITY) {
                    String::new()
                } else {
                    format!(",min={low},max={high}")
                };
                format!("heun:churn={}{noise}{range}", churn.total)
            }
            _ => "heun".into(),
        }
    }

    fn order(&self) -> Order {
        match &self.churn {
            Some(churn) if churn.per_step > 0.0 => Order::Law(2),
            _ => Order::Path(2),
        }
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let mut sigma = step.sigma;
        if let Some(churn) = self.churn.as_ref().filter(|c| c.per_step > 0.0 && c.range.contains(&sigma)) {
            sigma = step.sigma * (1.0 + churn.per_step);
            let scale = churn.noise * (sigma * sigma - step.sigma * step.sigma).sqrt();
            let noise = step.noise();
            update(&mut x, &noise, |x, e| x + scale * e);
            step.recycle(noise);
            step.start_from(sigma);
        }
        let mut slope = step.denoise(x.view(), sigma)?;
        let (mut ahead, h) = (step.spare(), step.next - sigma);
        update(&mut slope, &x, |d, x| (x - d) / sigma);
        update2(&mut ahead, [&x, &slope], |_, x, slope| x + h * slope);
        let denoised = step.denoise(ahead.view(), step.next)?;
        let (half, next) = (0.5 * h, step.next);
        update3(&mut x, [&slope, &ahead, &denoised], |x, slope, ahead, d| {
            x + half * (slope + (ahead - d) / next)
        });
        [slope, ahead, denoised].into_iter().for_each(|array| step.recycle(array));
        Ok(x)
    }
}
