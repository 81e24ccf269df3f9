//! Attraction for models that can only be called, at no evaluation besides those of the path.
//!
//! Along the probability flow, from σ down, the denoised state of a Gaussian direction changes by
//!
//! ```text
//! dD/dlog σ = σ ∂D/∂σ + J (x − D) = 2A − J (D − x) = A,    A = σ² ∂D/∂(σ²), J = ∂D/∂x
//! ```
//!
//! so that the difference of two denoised states of the same path is A. A step here has two parts:
//!
//! ```text
//! σ → σ_m = σ (σ′/σ)^s        plain        x_m = x + (1 − σ_m/σ)(D₀ − x),          D₀ = D(x; σ)
//! σ_m → σ′                    attracted    x′ = x_m + h (D₁ − x_m + κ A),          D₁ = D(x_m; σ_m), h = 1 − σ′/σ_m
//!                                          A = (D₀ − D₁)/log(σ/σ_m),  κ = min(κ(σ_m)/(1 − s), κ_cap(h))
//! ```
//!
//! The attracted part makes up for the share s of the step that is plain. Both evaluations carry the state, and no
//! query is at a level other than the state's own, as that of a difference quotient in σ is.
//!
//! The difference over a step that was attracted will not do: with the last estimate T in the path, it is A − κJT,
//! which feeds back on itself and grows where κ‖J‖ > 1. So every other part must be plain.
//!
//! Derived here, as [`Mad`](crate::transform::Mad) is; on curved laws the difference holds A twice less its
//! form by Jacobian products, 2A − J(D − x).

use ndarray::Array2;

use super::fused::{update, update2};
use super::{Order, Solver, Step, Switched};
use crate::error::{Error, Result};
use crate::transform::mad::{MadConfig, Strength, no_overshoot_cap};

/// Plain above the onset (Euler's method), attracted below it: two evaluations a step, both of the path.
///
/// It runs on the model itself, not on [`Mad`](crate::transform::Mad).
///
/// ```
/// use ndarray::array;
/// use ridgewalk::closed_form::{Covariance, Gaussian};
/// use ridgewalk::schedule::Focused;
/// use ridgewalk::solver::{Attracted, DpmSolver2M};
/// use ridgewalk::{MadConfig, Sampler};
///
/// // Signal of variance 4 in one direction, noise of variance 0.01 in both.
/// let noisy = Gaussian::new(array![0.0, 0.0], Covariance::diagonal(vec![4.01, 0.01])?)?;
/// let solver = Attracted::new(MadConfig { a: 10.0, ..MadConfig::default() }, 2.0)?;
/// let schedule = Focused::over(&solver.window(), 200.0, 24);
/// let samples = Sampler::new(solver.below(DpmSolver2M), schedule).run(&noisy, 500)?;
/// let variance = samples.points.var_axis(ndarray::Axis(0), 0.0);
/// assert!(variance[0] > 3.0 && variance[1] < 1e-4);
/// # Ok::<(), ridgewalk::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Attracted {
    strength: Strength,
    share: f64,
}

impl Attracted {
    /// With these settings (of which [`MadConfig::attraction`] has no part in it), for data of this standard
    /// deviation unless the settings say another.
    ///
    /// # Errors
    /// As [`Mad::new`](crate::transform::Mad::new).
    pub fn new(config: MadConfig, sigma_data: f64) -> Result<Self> {
        Ok(Attracted { strength: Strength::new(config, Some(sigma_data))?, share: 0.3 })
    }

    /// With another share s of every step, in log σ, as its plain part; default 0.3. Less cleans as well with
    /// a smaller loss, but divides the model's own errors by a smaller number.
    ///
    /// # Errors
    /// If it is not above 0 and below 1.
    pub fn share(mut self, share: f64) -> Result<Self> {
        if !(share > 0.0 && share < 1.0) {
            return Err(Error::argument(
                "share",
                format!("of the plain part is {share}"),
                "choose it between 0 and 1, such as 0.3",
            ));
        }
        self.share = share;
        Ok(self)
    }

    /// The level below which it attracts.
    pub fn onset_level(&self) -> f64 {
        self.strength.onset_level()
    }

    /// The levels among which steps are to be short: from a tenth of the onset to [`Attracted::onset_level`].
    pub fn window(&self) -> std::ops::Range<f64> {
        self.strength.window()
    }

    /// With another solver above the onset.
    pub fn below<S: Solver>(self, above: S) -> Switched<S, Self> {
        let level = self.onset_level();
        Switched::new(above, self, level)
    }
}

impl Solver for Attracted {
    fn name(&self) -> String {
        "attracted".into()
    }

    /// One, to the attracted flow.
    fn order(&self) -> Order {
        Order::Path(1)
    }

    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        // Backwards there is nothing to attract: what was taken out does not come back.
        if step.sigma > self.onset_level() || step.next >= step.sigma {
            return super::Euler.step(x, step);
        }
        let length = libm::log(step.sigma / step.next);
        let middle = step.sigma * libm::exp(-self.share * length);
        let first = step.denoised(x.view())?;
        let h = 1.0 - middle / step.sigma;
        update(&mut x, &first, |x, d| x + h * (d - x));
        let second = step.denoise(x.view(), middle)?;
        let h = 1.0 - step.next / middle;
        let strength = (self.strength.at(middle) / (1.0 - self.share)).min(no_overshoot_cap(h));
        let factor = strength / (self.share * length);
        update2(&mut x, [&first, &second], |x, first, second| {
            x + h * (second - x + factor * (first - second))
        });
        [first, second].into_iter().for_each(|array| step.recycle(array));
        Ok(x)
    }
}
