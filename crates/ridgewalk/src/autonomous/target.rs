//! What a network predicts, r = c(t) x₀ + d(t) ε, and the coefficients that follow from it.
//!
//! With u = α x₀ + σ ε, Δ = αd − σc and a prediction r, the data, the noise and the probability flow are
//!
//! ```text
//! x̂₀ = (d u − σ r)/Δ      ε̂ = (α r − c u)/Δ      du/dt = μ u + ν r
//! μ = (α′d − σ′c)/Δ       ν = (σ′α − α′σ)/Δ                                   (arXiv 2602.18428, eq. 63)
//! λ = (σ/α)(dα − cσ)                                                          (eq. 15: the gain of a level)
//! ```

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::process::Process;

/// What a network predicts (arXiv 2602.18428, table 1). Only [`Target::Velocity`] depends on how fast the process's time
/// runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The noise: c = 0, d = 1 (DDPM).
    Noise,
    /// The data: c = 1, d = 0 (EDM's denoiser).
    Data,
    /// The velocity of the flow: c = α′, d = σ′ (flow matching).
    Velocity,
    /// v-prediction: c = −σ, d = α (arXiv 2202.00512).
    VPrediction,
    /// The residual u − x₀, which vanishes at the data: c = α − 1, d = σ. On the straight path it is t(ε − x₀), the target of equilibrium
    /// matching (arXiv 2510.02300).
    Equilibrium,
}

/// The coefficients of a process and a target at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// α(t).
    pub alpha: f64,
    /// σ(t).
    pub sigma: f64,
    /// c(t): the data in the target.
    pub signal: f64,
    /// d(t): the noise in the target.
    pub noise: f64,
    /// Δ = αd − σc.
    pub determinant: f64,
    /// μ(t), the factor of the state in the flow.
    pub drift: f64,
    /// ν(t), the factor of the prediction in the flow: what an error of the field is multiplied by.
    pub gain: f64,
}

impl Coefficients {
    /// λ(t) = (σ/α)(dα − cσ): what the level's own energy gradient is multiplied by in the target. Infinite where α = 0.
    pub fn conformal(&self) -> f64 {
        self.sigma / self.alpha * (self.noise * self.alpha - self.signal * self.sigma)
    }

    /// c/α: the factor of the state beside the energy gradient in the target. Infinite where α = 0 and c ≠ 0.
    pub fn linear_drift(&self) -> f64 {
        if self.signal == 0.0 { 0.0 } else { self.signal / self.alpha }
    }

    /// (of u, of D_t) in the conditional optimum: d/σ and c − dα/σ.
    pub fn of_state_and_denoised(&self) -> (f64, f64) {
        (self.noise / self.sigma, self.signal - self.noise * self.alpha / self.sigma)
    }

    /// (of u, of the prediction) in the data that a prediction means: d/Δ and −σ/Δ.
    pub fn data(&self) -> (f64, f64) {
        (self.noise / self.determinant, -self.sigma / self.determinant)
    }
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 5] =
        [Target::Noise, Target::Data, Target::Velocity, Target::VPrediction, Target::Equilibrium];

    /// Its name, as it is parsed.
    pub fn name(self) -> &'static str {
        match self {
            Target::Noise => "noise",
            Target::Data => "data",
            Target::Velocity => "velocity",
            Target::VPrediction => "v-prediction",
            Target::Equilibrium => "equilibrium",
        }
    }

    /// (c, d) at time `t` of a process.
    pub fn weights(self, process: &dyn Process, t: f64) -> (f64, f64) {
        match self {
            Target::Noise => (0.0, 1.0),
            Target::Data => (1.0, 0.0),
            Target::Velocity => (process.alpha_derivative(t), process.sigma_derivative(t)),
            Target::VPrediction => (-process.sigma(t), process.alpha(t)),
            Target::Equilibrium => (process.alpha(t) - 1.0, process.sigma(t)),
        }
    }

    /// All coefficients at time `t` of a process.
    ///
    /// # Errors
    /// If the process has no noise at `t` or is not defined there, or if a prediction of this target says nothing
    /// about the data there (Δ = 0).
    pub fn coefficients(self, process: &dyn Process, t: f64) -> Result<Coefficients> {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t));
        let (signal, noise) = self.weights(process, t);
        let determinant = alpha * noise - sigma * signal;
        if !(sigma > 0.0 && sigma.is_finite() && alpha >= 0.0 && t <= process.end()) {
            return Err(Error::argument(
                "t",
                format!("is {t}, where the process {} has alpha {alpha} and sigma {sigma}", process.name()),
                format!("choose a time above 0 and at most {}", process.end()),
            ));
        }
        if determinant == 0.0 || !determinant.is_finite() {
            return Err(Error::argument(
                "t",
                format!("is {t}, where a prediction of the {self} says nothing about the data"),
                "begin at a lower noise level, or predict something else",
            ));
        }
        Ok(self.unchecked(process, t))
    }

    /// [`Target::coefficients`], infinite or no numbers where they have no meaning.
    pub(super) fn unchecked(self, process: &dyn Process, t: f64) -> Coefficients {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t));
        let (signal, noise) = self.weights(process, t);
        let determinant = alpha * noise - sigma * signal;
        let (da, ds) = (process.alpha_derivative(t), process.sigma_derivative(t));
        Coefficients {
            alpha,
            sigma,
            signal,
            noise,
            determinant,
            drift: (da * noise - ds * signal) / determinant,
            gain: (ds * alpha - da * sigma) / determinant,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Target {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Target::ALL.into_iter().find(|target| target.name() == text).ok_or_else(|| {
            let names: Vec<&str> = Target::ALL.iter().map(|target| target.name()).collect();
            Error::argument(
                "target",
                format!("'{text}' is not known"),
                format!("choose among {}", names.join(", ")),
            )
        })
    }
}
