//! DPM-Solver++(2M) and (3M): D expanded by differences with earlier levels, one evaluation a step.
//!
//! ```text
//! 2M   r = (λ − λ₁)/h,     x′ = (σ′/σ) x + (1 − σ′/σ) [(1 + 1/(2r)) D − D₁/(2r)]
//! 3M   r₀ = (λ − λ₁)/h,  r₁ = (λ₁ − λ₂)/h,  e₀ = (D − D₁)/r₀,  e₁ = (D₁ − D₂)/r₁
//!      Δ₂ = (e₀ − e₁)/(r₀ + r₁),  Δ₁ = e₀ + r₀ Δ₂,  p₂ = (e^{−h} − 1)/h + 1,  p₃ = p₂/h − ½
//!      x′ = (σ′/σ) x + (1 − σ′/σ) D + p₂ Δ₁ − p₃ Δ₂
//! ```
//!
//! The polynomial through the three values is D + s Δ₁ + s² Δ₂ with s = (l − λ)/h, whose last term integrates to
//! −2 p₃ Δ₂: the published 3M counts half of it, and so is of second order however it starts, with a smaller
//! error than 2M. [`ExponentialAdams`](crate::solver::ExponentialAdams) of order 3 is the same method with all
//! of it.

use ndarray::Array2;

use crate::error::Result;
use crate::solver::multistep::{Coefficients, MOST, Prediction, Start, advance};
use crate::solver::phi::phi;
use crate::solver::{Order, Solver, Step};

/// DPM-Solver++(2M), second order (arXiv 2211.01095, algorithm 2). The first step is Euler's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DpmSolver2M;

/// DPM-Solver++(3M) as released with arXiv 2211.01095, second order. The first step is Euler's, the second 2M's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct DpmSolver3M;

impl Solver for DpmSolver2M {
    fn name(&self) -> String {
        "dpm++2m".into()
    }

    fn order(&self) -> Order {
        Order::Path(2)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let next = step.next;
        advance(x, step, (2, Start::Published), Prediction::Denoised, |levels| coefficients(levels, next))
    }
}

impl Solver for DpmSolver3M {
    fn name(&self) -> String {
        "dpm++3m".into()
    }

    fn order(&self) -> Order {
        Order::Path(2)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let next = step.next;
        advance(x, step, (3, Start::Published), Prediction::Denoised, |levels| coefficients(levels, next))
    }
}

/// Those of order 1, 2 or 3, by how many levels there are.
fn coefficients(levels: &[f64], next: f64) -> Coefficients {
    let sigma = levels.first().copied().unwrap_or(next);
    let ratio = next / sigma;
    let (rest, h) = (1.0 - ratio, libm::log(sigma / next));
    let values: [f64; MOST] = match *levels {
        [_, one] => {
            let late = 0.5 * rest * h / libm::log(one / sigma);
            [rest + late, -late, 0.0, 0.0]
        }
        [_, one, two] => {
            let (r0, r1) = (libm::log(one / sigma) / h, libm::log(two / one) / h);
            let (p2, p3) = phi(h);
            // p₂Δ₁ − p₃Δ₂ = p₂ e₀ + bend (e₀ − e₁)
            let bend = (p2 * r0 - p3) / (r0 + r1);
            let (first, second) = ((p2 + bend) / r0, bend / r1);
            [rest + first, -first - second, second, 0.0]
        }
        _ => [rest, 0.0, 0.0, 0.0],
    };
    Coefficients { state: ratio, values }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::solver::adams::denoised_weights;

    /// With D = 1, s, s² of s = (l − λ)/h: the step's own integrals are 1 − e^{−h}, p₂ and −2 p₃, of which the
    /// released 3M has the first two and half of the third, and exponential Adams–Bashforth all.
    #[test]
    fn the_released_3m_counts_half_of_the_second_difference() {
        let (levels, next) = ([1.0f64, 1.9, 3.1], 0.4f64);
        let h = (levels[0] / next).ln();
        let p2 = (-h).exp_m1() / h + 1.0;
        let p3 = p2 / h - 0.5;
        let moment = |weights: [f64; MOST], k: i32| {
            let value = |(level, weight): (&f64, f64)| weight * ((levels[0] / level).ln() / h).powi(k);
            levels.iter().zip(weights).map(value).sum::<f64>()
        };
        let (released, exact) = (coefficients(&levels, next).values, denoised_weights(&levels, 1.0, next));
        for (k, integral, share) in [(0, 1.0 - next, 1.0), (1, p2, 1.0), (2, -2.0 * p3, 0.5)] {
            assert!((moment(exact, k) - integral).abs() < 1e-13, "{k}");
            assert!((moment(released, k) - share * integral).abs() < 1e-13, "{k}");
        }
    }
}
