//! SDE-DPM-Solver++ (Lu et al., arXiv 2211.01095, section 4.3 and appendix): exponential integrators
//! of the reverse SDE that extrapolate D from the levels before. One evaluation a step.
//!
//! With λ = −log σ, h = log(σ/σ′), g = (1 + η)h, q = 1 − e^{−g}, D₁ and D₂ the denoised states one and
//! two levels before, r = log(σ₁/σ)/h and r′ = log(σ₂/σ₁)/h:
//!
//! ```text
//! first      x ← e^{−g} x + q D + σ′ √(1 − e^{−2ηh})·ε
//! midpoint   … + ½ q (D − D₁)/r
//! heun       … + φ₂ (D − D₁)/r                                φ₂ = 1 − q/g
//! third      … + φ₂ Δ₁ − φ₃ Δ₂                                φ₃ = φ₂/g − ½
//!            δ = (D − D₁)/r,  δ′ = (D₁ − D₂)/r′,  Δ₂ = (δ − δ′)/(r + r′),  Δ₁ = δ + r Δ₂
//! ```
//!
//! The first steps of a run, and of a part of it that another solver began, have no past and are of lower
//! order. η = 1 is the reverse SDE, η = 0 the probability-flow ODE, where these are DPM-Solver++ of the same
//! order. First order with η = 1 is [`Ddpm::small`](super::Ddpm::small); with 0 < η < 1 it differs from
//! [`Ddim`](super::Ddim), whose η² is this η as steps get fine.
//!
//! "third" is what is published and in use, and is of second order, for two reasons. ∫ of the quadratic term is
//! −2φ₃Δ₂: the published weights have half of it, with or without noise. And D is no smooth function of λ on
//! a path with noise, so that no weights would make the law of third order.

mod singlestep;

use ndarray::Array2;

pub use singlestep::DpmSolverSde2S;

use super::fused::{update, update2};
use super::phi::phi;
use super::{Order, Solver, Step};
use crate::error::{Error, Result};

/// How D is extrapolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extrapolation {
    /// Not at all: first order.
    Constant,
    /// From one level before, with the weights of the midpoint rule.
    Midpoint,
    /// From one level before, integrated exactly.
    Heun,
    /// From two levels before, with the published weights: half of the quadratic term.
    Quadratic,
}

/// SDE-DPM-Solver++, multistep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DpmSolverSde {
    extrapolation: Extrapolation,
    eta: f64,
}

impl DpmSolverSde {
    /// With η ≥ 0 times the noise of the reverse SDE.
    ///
    /// # Errors
    /// If η is negative or not finite.
    pub fn new(extrapolation: Extrapolation, eta: f64) -> Result<Self> {
        if eta >= 0.0 && eta.is_finite() {
            return Ok(DpmSolverSde { extrapolation, eta });
        }
        Err(Error::argument(
            "eta",
            format!("is {eta}"),
            "choose a finite number that is not negative; 1 is the reverse SDE",
        ))
    }

    /// Levels before this one that are asked for.
    fn keep(&self) -> usize {
        match self.extrapolation {
            Extrapolation::Constant => 0,
            Extrapolation::Midpoint | Extrapolation::Heun => 1,
            Extrapolation::Quadratic => 2,
        }
    }

    /// Weights of D, D₁ and D₂, for the relative distances r and r′ of those that there are.
    fn weights(&self, g: f64, r: Option<f64>, older: Option<f64>) -> [f64; 3] {
        let q = -libm::expm1(-g);
        let (phi2, phi3) = phi(g);
        match (self.extrapolation, r, older) {
            (Extrapolation::Constant, _, _) | (_, None, _) => [q, 0.0, 0.0],
            (Extrapolation::Quadratic, Some(r), Some(older)) => {
                let curve = (phi2 * r - phi3) / (r + older);
                let (near, far) = ((phi2 + curve) / r, curve / older);
                [q + near, -near - far, far]
            }
            (extrapolation, Some(r), _) => {
                let slope = if extrapolation == Extrapolation::Midpoint { 0.5 * q } else { phi2 };
                [q + slope / r, -slope / r, 0.0]
            }
        }
    }
}

impl Solver for DpmSolverSde {
    fn name(&self) -> String {
        let (which, kind) = match self.extrapolation {
            Extrapolation::Constant => ("1", ""),
            Extrapolation::Midpoint => ("2m", ",kind=midpoint"),
            Extrapolation::Heun => ("2m", ",kind=heun"),
            Extrapolation::Quadratic => ("3m", ""),
        };
        format!("sde-dpm++{which}:eta={}{kind}", self.eta)
    }

    fn order(&self) -> Order {
        let order = if self.extrapolation == Extrapolation::Constant { 1 } else { 2 };
        if self.eta == 0.0 { Order::Path(order) } else { Order::Law(order) }
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let h = libm::log(step.sigma / step.next);
        let denoised = step.denoised(x.view())?;
        let noise = (self.eta > 0.0).then(|| step.noise());
        let (before, older) = (step.past(0), step.past(1));
        let r = before.map(|p| libm::log(p.sigma / step.sigma) / h);
        let r_older = before.zip(older).map(|(p, o)| libm::log(o.sigma / p.sigma) / h);
        let g = (1.0 + self.eta) * h;
        let keep = libm::exp(-g);
        let [now, one, two] = self.weights(g, r, r_older);
        match before {
            None => update(&mut x, &denoised, |x, d| keep * x + now * d),
            Some(p) => update2(&mut x, [&denoised, &p.value], |x, d, p| keep * x + now * d + one * p),
        }
        if let Some(older) = older.filter(|_| two != 0.0) {
            update(&mut x, &older.value, |x, p| x + two * p);
        }
        if let Some(noise) = noise {
            let spread = step.next * (-libm::expm1(-2.0 * self.eta * h)).sqrt();
            update(&mut x, &noise, |x, e| x + spread * e);
            step.recycle(noise);
        }
        match self.keep() {
            0 => step.recycle(denoised),
            keep => step.remember(denoised, keep),
        }
        Ok(x)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For D constant and linear in λ the weights give ∫ e^{−(h−s)} D(s) ds (η = 0); of the quadratic term those of
    /// third order, as published, give half. Distances r = 0.8 and r′ = 1.3.
    #[test]
    fn weights_integrate_polynomials() {
        let (h, r, older) = (0.7, 0.8, 1.3);
        let q = -libm::expm1(-h);
        // ∫₀^h e^{−(h−s)} sᵏ ds by parts.
        let moments = [q, h - q, h * h - 2.0 * (h - q)];
        let nodes = [0.0, -r * h, -(r + older) * h];
        let found = |kind, power: i32| {
            let weights = DpmSolverSde::new(kind, 0.0).unwrap().weights(h, Some(r), Some(older));
            weights.iter().zip(nodes).map(|(w, s): (&f64, f64)| w * s.powi(power)).sum::<f64>()
        };
        for (kind, power, share) in [
            (Extrapolation::Constant, 0, 1.0),
            (Extrapolation::Midpoint, 0, 1.0),
            (Extrapolation::Heun, 0, 1.0),
            (Extrapolation::Heun, 1, 1.0),
            (Extrapolation::Quadratic, 0, 1.0),
            (Extrapolation::Quadratic, 1, 1.0),
            (Extrapolation::Quadratic, 2, 0.5),
        ] {
            let expected = share * moments[power as usize];
            assert!((found(kind, power) - expected).abs() < 1e-14, "{kind:?} {power}");
        }
        assert!(DpmSolverSde::new(Extrapolation::Heun, f64::NAN).is_err());
    }
}
