//! Affine noising processes x_t = α(t) x₀ + σ(t) ε, and the change of variables between them.
//!
//! Dividing by α(t) turns any of them into the variance-exploding one at noise level σ/α, so a
//! single denoiser D(x; σ) serves all: D_process(x_t, t) = D(x_t/α(t); σ(t)/α(t)). [`Marginal`] is a
//! denoiser seen in a process's own coordinates.
//!
//! Noise levels are in the units of the data. Processes that preserve the variance do so for data of unit
//! variance: they are the same for other data, but their customary times then reach other noise levels,
//! relative to the data; grids in their time take the data's scale
//! ([`LinearTime::scale`](crate::schedule::LinearTime::scale)).

mod catalogue;
mod classic;
mod cosine;
mod ddpm;
mod marginal;
mod variance_preserving;

use std::fmt;
use std::ops::Range;

pub use catalogue::{Entry, PROCESSES, named};
pub(crate) use catalogue::{of as of_spec, table as table_of_spec};
pub use classic::{FlowMatching, OrnsteinUhlenbeck, VarianceExploding};
pub use cosine::Cosine;
pub use ddpm::Ddpm;
pub use marginal::Marginal;
pub use variance_preserving::{SubVariancePreserving, VariancePreserving};

use crate::error::{Error, Result};

/// Noise levels of EDM, for data of standard deviation ½ (arXiv 2206.00364, table 1).
const EDM_RANGE: Range<f64> = 0.002..80.0;

/// A process's coefficients at one time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EndPoint {
    /// The time t.
    pub t: f64,
    /// Signal coefficient α(t).
    pub alpha: f64,
    /// Noise coefficient σ(t).
    pub sigma: f64,
    /// Noise level σ(t)/α(t); infinite where nothing of the data is left.
    pub level: f64,
}

impl fmt::Display for EndPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [t, alpha, sigma, level] = [self.t, self.alpha, self.sigma, self.level].map(short);
        write!(f, "t = {t} (alpha {alpha}, sigma {sigma}, sigma/alpha {level})")
    }
}

/// Four significant digits, for people.
pub(crate) fn short(value: f64) -> String {
    let rounded: f64 = format!("{value:.3e}").parse().unwrap_or(value);
    match rounded.abs() {
        size if size == 0.0 || (1e-4..1e6).contains(&size) || !size.is_finite() => rounded.to_string(),
        _ => format!("{rounded:e}"),
    }
}

/// An affine noising process.
pub trait Process: Send + Sync {
    /// Name for messages and run records.
    fn name(&self) -> &'static str;
    /// Signal coefficient α(t).
    fn alpha(&self, t: f64) -> f64;
    /// Noise coefficient σ(t).
    fn sigma(&self, t: f64) -> f64;
    /// α′(t).
    fn alpha_derivative(&self, t: f64) -> f64;
    /// σ′(t).
    fn sigma_derivative(&self, t: f64) -> f64;
    /// The time at which σ(t)/α(t) is `level`: the inverse of [`Process::noise_level`].
    fn time(&self, level: f64) -> f64;
    /// Largest time at which the process is defined and α(t) > 0 (may be infinite).
    fn end(&self) -> f64 {
        f64::INFINITY
    }

    /// First and last time at which the process is customarily used, from the data to the noise.
    fn customary_times(&self) -> Range<f64> {
        self.time(EDM_RANGE.start)..self.time(EDM_RANGE.end)
    }

    /// Coefficients at the ends of [`Process::customary_times`], the noise first. Conventions of the same
    /// name can differ there: compare these before comparing anything else.
    fn end_points(&self) -> [EndPoint; 2] {
        let Range { start, end } = self.customary_times();
        [end, start].map(|t| EndPoint {
            t,
            alpha: self.alpha(t),
            sigma: self.sigma(t),
            level: self.noise_level(t),
        })
    }

    /// Name and end points, as `variance-preserving: t from 1 (alpha …, sigma …, sigma/alpha …) to …`.
    fn describe(&self) -> String {
        let [noise, data] = self.end_points();
        format!("{}: from {noise} to {data}", self.name())
    }

    /// Noise level σ(t)/α(t) of the variance-exploding process that this one is in disguise.
    fn noise_level(&self, t: f64) -> f64 {
        self.sigma(t) / self.alpha(t)
    }

    /// (α(t), σ(t)), or an error outside of (0, end) where one of them vanishes.
    fn checked_levels(&self, t: f64) -> Result<(f64, f64)> {
        let (alpha, sigma) = (self.alpha(t), self.sigma(t));
        if t > 0.0 && t <= self.end() && alpha > 0.0 && sigma > 0.0 && sigma.is_finite() {
            return Ok((alpha, sigma));
        }
        Err(Error::argument(
            "t",
            format!("is {t}, where the process {} has alpha {alpha} and sigma {sigma}", self.name()),
            format!("choose t above 0 and below {}", self.end()),
        ))
    }
}

macro_rules! forward_process {
    ($($pointer:ty),*) => {$(
        impl<P: Process + ?Sized> Process for $pointer {
            fn name(&self) -> &'static str {
                (**self).name()
            }
            fn alpha(&self, t: f64) -> f64 {
                (**self).alpha(t)
            }
            fn sigma(&self, t: f64) -> f64 {
                (**self).sigma(t)
            }
            fn alpha_derivative(&self, t: f64) -> f64 {
                (**self).alpha_derivative(t)
            }
            fn sigma_derivative(&self, t: f64) -> f64 {
                (**self).sigma_derivative(t)
            }
            fn time(&self, level: f64) -> f64 {
                (**self).time(level)
            }
            fn end(&self) -> f64 {
                (**self).end()
            }
            fn customary_times(&self) -> Range<f64> {
                (**self).customary_times()
            }
            fn noise_level(&self, t: f64) -> f64 {
                (**self).noise_level(t)
            }
        }
    )*};
}
forward_process!(&P, Box<P>);
