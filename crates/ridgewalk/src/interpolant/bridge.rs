//! The fields of an interpolant: b, v, s and η, and the algebra between them.

use ndarray::{Array1, Array2, ArrayView2, Zip};

use super::{Coefficients, Interpolant};
use crate::error::{Error, Result};

/// All fields at one time: v and s, from which b and η follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Fields {
    /// v = E[a′x₀ + b′x₁ | x_t = x], `[batch, d]`, in the data's units per unit of t.
    pub mean_velocity: Array2<f64>,
    /// s = ∇log ρ_t(x), `[batch, d]`.
    pub score: Array2<f64>,
    /// γ at this time.
    gamma: f64,
    /// γγ′ at this time.
    gamma_product: f64,
}

impl Fields {
    /// From v and s, `[batch, d]` each.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn new(mean_velocity: Array2<f64>, score: Array2<f64>, at: &Coefficients) -> Result<Self> {
        same_shape(&mean_velocity, &score)?;
        let (gamma, gamma_product) = (at.gamma, at.gamma_product);
        Ok(Fields { mean_velocity, score, gamma, gamma_product })
    }

    /// From v and η, as a network may be trained on them: s = −η/γ.
    ///
    /// # Errors
    /// If their shapes differ, or γ is 0, where η does not determine s.
    pub fn from_mean_velocity_and_noise(
        v: Array2<f64>,
        noise: Array2<f64>,
        at: &Coefficients,
    ) -> Result<Self> {
        Self::new(v, score_of(noise, at)?, at)
    }

    /// From b and s: v = b + γγ′s.
    ///
    /// # Errors
    /// If their shapes differ.
    pub fn from_velocity_and_score(
        mut b: Array2<f64>,
        score: Array2<f64>,
        at: &Coefficients,
    ) -> Result<Self> {
        same_shape(&b, &score)?;
        b.scaled_add(at.gamma_product, &score);
        Self::new(b, score, at)
    }

    /// From b and η: s = −η/γ, v = b − γ′η.
    ///
    /// # Errors
    /// As [`Fields::from_mean_velocity_and_noise`].
    pub fn from_velocity_and_noise(b: Array2<f64>, noise: Array2<f64>, at: &Coefficients) -> Result<Self> {
        Self::from_velocity_and_score(b, score_of(noise, at)?, at)
    }

    /// b = v − γγ′s, `[batch, d]`: what carries ρ_t.
    pub fn velocity(&self) -> Array2<f64> {
        let mut b = self.mean_velocity.clone();
        b.scaled_add(-self.gamma_product, &self.score);
        b
    }

    /// η = +E[z | x_t = x] = −γs, `[batch, d]`.
    pub fn noise(&self) -> Array2<f64> {
        &self.score * -self.gamma
    }

    /// b + `strength`·s: the drift of a process with the law ρ_t and noise.
    pub(super) fn drift(self, strength: f64) -> Array2<f64> {
        let mut drift = self.mean_velocity;
        let weight = strength - self.gamma_product;
        Zip::from(&mut drift).and(&self.score).for_each(|v, s| *v += weight * s);
        drift
    }
}

fn same_shape(first: &Array2<f64>, second: &Array2<f64>) -> Result<()> {
    if first.dim() == second.dim() {
        return Ok(());
    }
    let (found, expected) = (format!("{:?}", second.dim()), format!("{:?} (as the velocity)", first.dim()));
    Err(Error::shape("the score or noise", found, expected))
}

fn score_of(noise: Array2<f64>, at: &Coefficients) -> Result<Array2<f64>> {
    if at.gamma > 0.0 {
        return Ok(noise / -at.gamma);
    }
    let help = "give the score itself, or ask at a time at which gamma is positive";
    Err(Error::argument("noise", "does not determine the score where gamma is 0", help))
}

/// The fields of an interpolant between two laws, known in closed form or learned.
///
/// One that is learned implements [`Bridge::fields`] by a constructor of [`Fields`], whichever two of the
/// fields it was trained on.
pub trait Bridge: Send + Sync {
    /// Dimension d of both laws.
    fn dim(&self) -> usize;

    /// a, b and γ.
    fn interpolant(&self) -> Interpolant;

    /// v and s at the states `x` (`[batch, d]`) and the time t.
    ///
    /// # Errors
    /// If `x` does not have d columns or is not finite, or t is outside of [`Bridge::range`].
    fn fields(&self, x: ArrayView2<f64>, t: f64) -> Result<Fields>;

    /// The first and the last time at which the fields are known: 0 and 1, unless an end's law has no score
    /// (points) or the model that stands for it cannot be asked there.
    fn range(&self) -> (f64, f64) {
        (0.0, 1.0)
    }

    /// A lower bound of the variance of ρ_t in any direction about any of its modes, where one is known: what
    /// limits the noise that a step can follow.
    fn least_variance(&self, t: f64) -> Option<f64> {
        let _ = t;
        None
    }

    /// ∇·b, `[batch]`.
    ///
    /// # Errors
    /// As [`Bridge::fields`], and if this bridge has no exact derivatives.
    fn divergence(&self, x: ArrayView2<f64>, t: f64) -> Result<Array1<f64>> {
        let _ = (x, t);
        let help = "use a bridge known in closed form, or one whose model has exact derivatives";
        Err(Error::argument("bridge", "has no exact divergence", help))
    }

    /// b, `[batch, d]`. Errors as [`Bridge::fields`]; so those that follow.
    fn velocity(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        Ok(self.fields(x, t)?.velocity())
    }

    /// v, `[batch, d]`.
    fn mean_velocity(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        Ok(self.fields(x, t)?.mean_velocity)
    }

    /// s = ∇log ρ_t, `[batch, d]`.
    fn score(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        Ok(self.fields(x, t)?.score)
    }

    /// η = +E[z | x_t = x], `[batch, d]`.
    fn noise(&self, x: ArrayView2<f64>, t: f64) -> Result<Array2<f64>> {
        Ok(self.fields(x, t)?.noise())
    }
}

/// Checks a query against a bridge's dimension and range.
pub(super) fn check(bridge: &(impl Bridge + ?Sized), x: ArrayView2<f64>, t: f64) -> Result<Coefficients> {
    crate::denoiser::check_query(bridge.dim(), x, 1.0)?;
    let (first, last) = bridge.range();
    if !(first..=last).contains(&t) {
        let problem = format!("is {t}, and the fields of this bridge are known from {first} to {last}");
        return Err(Error::argument("t", problem, "choose a time in between"));
    }
    bridge.interpolant().coefficients(t)
}
