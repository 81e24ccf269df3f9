//! A blind field in the hands of a sampler that has a clock.
//!
//! The field is not told the time, but the step that uses it is scheduled: at time t the data that a prediction means
//! are x̂₀ = (d u − σ f(u))/Δ (arXiv 2602.18428, eq. 63). That makes a denoiser of it,
//!
//! ```text
//! D(x; σ̄) = (d/Δ) αx − (σ/Δ) f(αx)        at the time t at which σ(t)/α(t) = σ̄
//! ```
//!
//! and every solver and schedule a blind sampler: DDIM's step is its exact transfer, the Euler step of flow matching
//! equals it, DDPM's ancestral step and EDM's Heun step use the same x̂₀.

use ndarray::{Array2, ArrayView2};

use super::Autonomous;
use crate::denoiser::{Denoiser, check_query};
use crate::error::Result;
use crate::points::Moments;
use crate::process::Process;

/// A blind field and the clock of its process: a [`Denoiser`].
///
/// ```
/// use ndarray::array;
/// use ridgewalk::autonomous::{Blind, Clocked, Target, TimePrior};
/// use ridgewalk::closed_form::Empirical;
/// use ridgewalk::{Euler, FlowMatching, LinearTime, PointSet, Sampler, Shape};
///
/// let data = PointSet::new(array![[-1.0], [1.0]], Shape::Vector(1))?;
/// let model = Empirical::new(&data)?;
/// let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0)?)?;
/// let velocity = Clocked::new(blind.field(Target::Velocity), FlowMatching);
/// // 50 Euler steps of flow matching, from t = 0.9.
/// let schedule = LinearTime::new(FlowMatching, 1e-3..9.0, 50);
/// let samples = Sampler::new(Euler, schedule).run(&velocity, 4)?;
/// assert_eq!(samples.points.dim(), (4, 1));
/// # Ok::<(), ridgewalk::Error>(())
/// ```
pub struct Clocked<A, P> {
    field: A,
    process: P,
}

impl<A: Autonomous, P: Process> Clocked<A, P> {
    /// `field`, made for `process`.
    pub fn new(field: A, process: P) -> Self {
        Clocked { field, process }
    }

    /// The field.
    pub fn field(&self) -> &A {
        &self.field
    }
}

impl<A: Autonomous, P: Process> Denoiser for Clocked<A, P> {
    fn dim(&self) -> usize {
        self.field.dim()
    }

    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        check_query(self.dim(), x, sigma)?;
        let t = self.process.time(sigma);
        let coefficients = self.field.target().coefficients(&self.process, t)?;
        let u = &x * coefficients.alpha;
        let (of_u, of_field) = coefficients.data();
        let mut out = self.field.field(u.view())?;
        out.zip_mut_with(&u, |f, u| *f = of_u * u + of_field * *f);
        Ok(out)
    }

    fn moments(&self) -> Option<Moments> {
        self.field.moments()
    }
}
