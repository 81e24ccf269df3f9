//! Quantiles of the beta distribution in the time of a process (arXiv 2407.12173).
//!
//! ```text
//! t_i = t_max − q(i/(n − 1)) (t_max − t_min),   q the quantile function of Beta(β, α): 1 − q(u) is that of
//!                                               Beta(α, β) at 1 − u, the paper's form
//! ```
//!
//! With both parameters below 1 times crowd at both ends, with both at 1 this is
//! [`LinearTime`](super::LinearTime). The paper draws in the time of its model; the default here is the
//! variance-preserving process with linear β(t), of which the table of DDPM is the discrete form.
//!
//! The quantile is found by bisection of the regularised incomplete beta function, in the logit of x so that
//! it keeps its digits at both ends; the function by its continued fraction (modified Lentz).

use std::ops::Range;

use super::Schedule;
use super::time::in_time;
use crate::error::{Error, Result};
use crate::process::{Process, VariancePreserving};

/// Both parameters in arXiv 2407.12173.
const PUBLISHED: f64 = 0.6;

/// Levels at the quantiles of Beta(α, β) in the time of a process.
#[derive(Debug, Clone, PartialEq)]
pub struct Beta<P = VariancePreserving> {
    process: P,
    range: Range<f64>,
    n: usize,
    shape: (f64, f64),
    scale: f64,
}

impl Beta {
    /// n levels over `sigma_min..sigma_max`, α = β = 0.6, in the time of the variance-preserving process.
    pub fn new(range: Range<f64>, n: usize) -> Self {
        let process = VariancePreserving::default();
        Beta { process, range, n, shape: (PUBLISHED, PUBLISHED), scale: 1.0 }
    }
}

impl<P: Process> Beta<P> {
    /// With other parameters α and β.
    pub fn shape(mut self, alpha: f64, beta: f64) -> Self {
        self.shape = (alpha, beta);
        self
    }

    /// In the time of another process.
    pub fn process<Q: Process>(self, process: Q) -> Beta<Q> {
        let Beta { range, n, shape, scale, .. } = self;
        Beta { process, range, n, shape, scale }
    }

    /// For data of this standard deviation, as [`LinearTime::scale`](super::LinearTime::scale).
    pub fn scale(mut self, data: f64) -> Self {
        self.scale = data;
        self
    }
}

impl<P: Process> Schedule for Beta<P> {
    fn name(&self) -> String {
        let (alpha, beta) = self.shape;
        format!("beta({alpha}, {beta}) in the time of {}", self.process.name())
    }

    fn levels(&self) -> Result<Vec<f64>> {
        let (alpha, beta) = self.shape;
        if ![alpha, beta].iter().all(|v| (SMALLEST..=LARGEST).contains(v)) {
            let problem = format!("has the parameters {alpha} and {beta}");
            let help = format!("choose both from {SMALLEST} to {LARGEST} (0.6 is usual)");
            return Err(Error::argument("beta", problem, help));
        }
        in_time(&self.process, &self.range, self.n, self.scale, |u| quantile(u, beta, alpha))
    }
}

/// Parameters for which times do not all crowd into one number.
const SMALLEST: f64 = 0.05;
const LARGEST: f64 = 100.0;

/// The x at which I_x(a, b) is u.
fn quantile(u: f64, a: f64, b: f64) -> f64 {
    if u > 0.5 {
        return 1.0 - lower_quantile(1.0 - u, b, a);
    }
    lower_quantile(u, a, b)
}

fn lower_quantile(u: f64, a: f64, b: f64) -> f64 {
    if u <= 0.0 {
        return 0.0;
    }
    let logistic = |y: f64| 1.0 / (1.0 + libm::exp(-y));
    let (mut low, mut high) = (-700.0, 40.0);
    // Each halves the interval; past 60 it is as narrow as f64 goes.
    for _ in 0..64 {
        let middle = 0.5 * (low + high);
        if incomplete_beta(logistic(middle), logistic(-middle), a, b) < u {
            low = middle;
        } else {
            high = middle;
        }
    }
    logistic(0.5 * (low + high))
}

/// I_x(a, b), of x and 1 − x.
fn incomplete_beta(x: f64, rest: f64, a: f64, b: f64) -> f64 {
    let log_front =
        libm::lgamma(a + b) - libm::lgamma(a) - libm::lgamma(b) + a * libm::log(x) + b * libm::log(rest);
    let front = libm::exp(log_front);
    // The fraction converges quickly on this side of the mean.
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(rest, b, a) / b
    }
}

/// The continued fraction 1/(1 + d₁/(1 + d₂/(1 + …))) of the incomplete beta function.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let guarded = |v: f64| if v.abs() < TINY { TINY } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guarded(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    // About √max(a, b) terms are needed.
    for m in 1..500 {
        let m = f64::from(m);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        let mut last = 1.0;
        for term in [even, odd] {
            d = 1.0 / guarded(1.0 + term * d);
            c = guarded(1.0 + term / c);
            last = c * d;
            value *= last;
        }
        if (last - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against scipy.stats.beta.ppf at u = 0.001, 0.1, 0.35, 0.5, 0.9.
    #[test]
    fn quantiles_are_the_reference() {
        let reference = [
            (
                0.6,
                0.6,
                [1.855873851745199e-05, 0.03958440558878085, 0.2967352964353557, 0.5, 0.9604155944112192],
            ),
            (
                2.0,
                5.0,
                [
                    0.008255492787746678,
                    0.09259525891312873,
                    0.20218104339977006,
                    0.26444998329566005,
                    0.5103163065514917,
                ],
            ),
            (
                0.3,
                1.7,
                [
                    5.0664653422119e-11,
                    0.00023519427457544619,
                    0.015436577387792137,
                    0.051697104839436736,
                    0.4700012804565922,
                ],
            ),
            (
                10.0,
                3.0,
                [
                    0.356432215103271,
                    0.6144783085321186,
                    0.7364901599272546,
                    0.7833135892134544,
                    0.9043470944313959,
                ],
            ),
        ];
        for (a, b, expected) in reference {
            for (u, expected) in [0.001, 0.1, 0.35, 0.5, 0.9].into_iter().zip(expected) {
                let found = quantile(u, a, b);
                assert!((found / expected - 1.0).abs() < 1e-10, "({a}, {b}) at {u}: {found} {expected}");
            }
        }
        // Beta(1/2, 1/2) is the arcsine law.
        for u in [0.01, 0.3, 0.77] {
            let exact = (std::f64::consts::FRAC_PI_2 * u).sin().powi(2);
            assert!((quantile(u, 0.5, 0.5) / exact - 1.0).abs() < 1e-12);
        }
    }
}
