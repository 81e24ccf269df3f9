//! DPM-Solver++ (2S) on the reverse SDE, as it is used under the name "DPM++ SDE" (after arXiv 2211.01095):
//! second order, two evaluations a step.
//!
//! ```text
//! σ_m = √(σσ′), the middle in λ
//! u   = D + (σ_down,m/σ)(x − D) + σ_up,m·ε_m        D = D(x; σ)
//! x  ← D′ + (σ_down/σ)(x − D′) + σ_up·ε             D′ = D(u; σ_m)
//! ```
//!
//! with σ_down and σ_up those of [`Ddim`](crate::solver::Ddim) from σ to σ_m and to σ′. The two noises are those
//! of one Brownian path that runs in σ, so that u lies on the way to x′: ε = cε_m + √(1 − c²)·ε′ with
//! c² = (σ − σ_m)/(σ − σ′) and ε′ independent. (Two independent noises leave the law of first order.)
//!
//! For 0 < η < 1 the states' laws at every level are of second order too, but the noise is η² times the reverse
//! SDE's only to first order in h: a displaced start is forgotten a little faster or slower.

use ndarray::Array2;

use crate::error::Result;
use crate::solver::ddim::{ancestral, share};
use crate::solver::fused::{update, update2, update3};
use crate::solver::{Order, Solver, Step};

/// DPM-Solver++ (2S) with noise.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DpmSolverSde2S {
    eta: f64,
}

impl DpmSolverSde2S {
    /// With η between 0 (no noise: DPM-Solver++ (2S)) and 1 (the reverse SDE).
    ///
    /// # Errors
    /// If η is not between 0 and 1.
    pub fn new(eta: f64) -> Result<Self> {
        Ok(DpmSolverSde2S { eta: share(eta)? })
    }
}

impl Solver for DpmSolverSde2S {
    fn name(&self) -> String {
        format!("sde-dpm++2s:eta={}", self.eta)
    }

    fn order(&self) -> Order {
        if self.eta == 0.0 { Order::Path(2) } else { Order::Law(2) }
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let (sigma, next) = (step.sigma, step.next);
        let middle = (sigma * next).sqrt();
        let denoised = step.denoised(x.view())?;
        let mut u = step.spare();
        let (keep, spread) = ancestral(sigma, middle, self.eta);
        let noise = (self.eta > 0.0).then(|| step.noise());
        match &noise {
            Some(noise) => {
                update3(&mut u, [&x, &denoised, noise], |_, x, d, e| d + keep * (x - d) + spread * e);
            }
            None => update2(&mut u, [&x, &denoised], |_, x, d| d + keep * (x - d)),
        }
        step.recycle(denoised);
        let denoised = step.denoise(u.view(), middle)?;
        step.recycle(u);
        let (keep, spread) = ancestral(sigma, next, self.eta);
        match noise {
            Some(first) => {
                let share = (sigma - middle) / (sigma - next);
                let (same, other) = (spread * share.sqrt(), spread * (1.0 - share).sqrt());
                let second = step.noise();
                update3(&mut x, [&denoised, &first, &second], |x, d, e, f| {
                    d + keep * (x - d) + same * e + other * f
                });
                step.recycle(first);
                step.recycle(second);
            }
            None => update(&mut x, &denoised, |x, d| d + keep * (x - d)),
        }
        step.recycle(denoised);
        Ok(x)
    }
}
