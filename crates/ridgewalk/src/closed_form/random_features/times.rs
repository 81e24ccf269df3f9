//! Times of the Ornstein–Uhlenbeck process and integrals over them.
//!
//! ```text
//! x_t = a x₀ + √h z     a = e^{−t},  h = 1 − e^{−2t}       ∫ w(t) … dt ≈ Σ_k w_k w(t_k) …
//! ```

use std::ops::Range;

use crate::error::{Error, Result};

/// a and h at a time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Instant {
    pub time: f64,
    /// The time of which the features are told.
    pub embedded: f64,
    pub a: f64,
    pub h: f64,
}

impl Instant {
    pub fn new(t: f64) -> Result<Self> {
        if t >= 0.0 && t.is_finite() {
            return Ok(Instant { time: t, embedded: t, a: libm::exp(-t), h: -libm::expm1(-2.0 * t) });
        }
        Err(Error::argument("t", format!("is {t}"), "a time is finite and not negative"))
    }

    /// At the noise level σ of x = x₀ + σε: x/√(1 + σ²) is x_t for t = log(1 + σ²)/2. The features are told the
    /// nearest time in `range`.
    pub fn at_level(sigma: f64, (earliest, latest): (f64, f64)) -> Self {
        let root = libm::hypot(1.0, sigma);
        let t = if sigma < 1.0 { 0.5 * libm::log1p(sigma * sigma) } else { libm::log(root) };
        let share = sigma / root;
        Instant { time: t, embedded: t.max(earliest).min(latest), a: 1.0 / root, h: share * share }
    }
}

/// How the loss weights the times. The names are those of the loss of the score; the loss of the mean, which is
/// what is trained, has the weight w(t) with 1/h² more (|s_θ − s|² = |m_θ − m|²/h²).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weighting {
    /// Weight 1 on the score: w = 1/h².
    One,
    /// Weight h on the score: w = 1/h.
    H,
    /// Weight h² on the score: w = 1.
    HSquared,
}

impl Weighting {
    /// w, the weight on the loss of the mean.
    pub fn on_mean(self, h: f64) -> f64 {
        match self {
            Weighting::One => 1.0 / (h * h),
            Weighting::H => 1.0 / h,
            Weighting::HSquared => 1.0,
        }
    }

    /// `1`, `h` or `h2`.
    pub fn name(self) -> &'static str {
        match self {
            Weighting::One => "1",
            Weighting::H => "h",
            Weighting::HSquared => "h2",
        }
    }
}

/// Times and weights of a quadrature of ∫ … dt.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeGrid {
    nodes: Vec<(f64, f64)>,
}

impl TimeGrid {
    /// These (time, weight).
    ///
    /// # Errors
    /// If there are none, or a time or a weight is not positive and finite.
    pub fn new(nodes: Vec<(f64, f64)>) -> Result<Self> {
        if nodes.is_empty() {
            return Err(Error::argument("times", "holds no times", "give one at least"));
        }
        let positive = |v: f64| v > 0.0 && v.is_finite();
        if let Some((t, w)) = nodes.iter().find(|(t, w)| !(positive(*t) && positive(*w))) {
            let problem = format!("holds the time {t} of weight {w}");
            return Err(Error::argument("times", problem, "both are positive and finite"));
        }
        Ok(TimeGrid { nodes })
    }

    /// Simpson's rule on `points` (odd, 3 at least) equidistant times, as arXiv 2602.06021's experiments have it.
    ///
    /// # Errors
    /// If the range is empty or does not begin above 0, or the number is even or below 3.
    pub fn simpson(range: Range<f64>, points: usize) -> Result<Self> {
        check(&range)?;
        if points < 3 || points.is_multiple_of(2) {
            let help = "Simpson's rule takes an odd number, 3 at least";
            return Err(Error::argument("points", format!("is {points}"), help));
        }
        let step = (range.end - range.start) / (points - 1) as f64;
        let weight = |k: usize| match k {
            0 => 1.0,
            k if k == points - 1 => 1.0,
            k if k % 2 == 1 => 4.0,
            _ => 2.0,
        };
        TimeGrid::new((0..points).map(|k| (range.start + step * k as f64, weight(k) * step / 3.0)).collect())
    }

    /// Gauss–Legendre in log t: few nodes over many decades, exact for smooth integrands.
    ///
    /// # Errors
    /// If the range is empty or does not begin above 0, or there are no nodes.
    pub fn logarithmic(range: Range<f64>, points: usize) -> Result<Self> {
        check(&range)?;
        let (low, high) = (libm::log(range.start), libm::log(range.end));
        let node = |(x, w): (f64, f64)| {
            let t = libm::exp(0.5 * (low + high) + 0.5 * (high - low) * x);
            (t, 0.5 * (high - low) * w * t)
        };
        TimeGrid::new(legendre(points).into_iter().map(node).collect())
    }

    /// (t_k, w_k).
    pub fn nodes(&self) -> &[(f64, f64)] {
        &self.nodes
    }

    /// Earliest and latest time.
    pub fn range(&self) -> (f64, f64) {
        let ends = |(low, high): (f64, f64), &(t, _): &(f64, f64)| (low.min(t), high.max(t));
        self.nodes.iter().fold((f64::INFINITY, 0.0), ends)
    }

    /// (instant, w_k w(t_k)) of every node.
    pub(super) fn weighted(&self, weighting: Weighting) -> Result<Vec<(Instant, f64)>> {
        let node = |&(t, w): &(f64, f64)| {
            let at = Instant::new(t)?;
            let weight = w * weighting.on_mean(at.h);
            if weight.is_finite() {
                return Ok((at, weight));
            }
            Err(Error::argument("times", format!("holds the time {t}, too early"), "begin later"))
        };
        self.nodes.iter().map(node).collect()
    }
}

fn check(range: &Range<f64>) -> Result<()> {
    if range.start > 0.0 && range.start < range.end && range.end.is_finite() {
        return Ok(());
    }
    let problem = format!("is from {} to {}", range.start, range.end);
    Err(Error::argument("times", problem, "give an earliest time above 0 and a latest after it"))
}

/// Nodes in (−1, 1), increasing, and weights of Gauss and Legendre's rule, by Newton's iteration on P_n.
fn legendre(n: usize) -> Vec<(f64, f64)> {
    let root = |k: usize| {
        let mut x = -libm::cos(std::f64::consts::PI * (k as f64 + 0.75) / (n as f64 + 0.5));
        let mut slope = 1.0;
        for _ in 0..100 {
            let (mut before, mut value) = (1.0, x);
            for m in 2..=n {
                let m = m as f64;
                (before, value) = (value, ((2.0 * m - 1.0) * x * value - (m - 1.0) * before) / m);
            }
            slope = n as f64 * (x * value - before) / (x * x - 1.0);
            let step = value / slope;
            x -= step;
            if step.abs() < 1e-15 {
                break;
            }
        }
        (x, 2.0 / ((1.0 - x * x) * slope * slope))
    };
    (0..n).map(root).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n nodes integrate polynomials of degree 2n − 1: of xᵐ, 2/(m + 1) for even m and 0 for odd.
    #[test]
    fn gauss_and_legendre_integrate_polynomials() {
        for n in 1..20 {
            let rule = legendre(n);
            for m in 0..2 * n {
                let sum: f64 = rule.iter().map(|(x, w)| w * x.powi(m as i32)).sum();
                let exact = if m % 2 == 0 { 2.0 / (m as f64 + 1.0) } else { 0.0 };
                assert!((sum - exact).abs() < 1e-13, "{n} nodes, degree {m}: {sum}");
            }
        }
    }

    #[test]
    fn both_rules_integrate_a_smooth_function() {
        let exact = libm::exp(-0.001) - libm::exp(-10.0);
        for grid in
            [TimeGrid::simpson(0.001..10.0, 2001).unwrap(), TimeGrid::logarithmic(0.001..10.0, 40).unwrap()]
        {
            let sum: f64 = grid.nodes().iter().map(|(t, w)| w * libm::exp(-t)).sum();
            assert!((sum - exact).abs() < 1e-9, "{sum} {exact}");
        }
    }

    #[test]
    fn a_level_has_its_time() {
        for t in [1e-3, 0.1, 1.0, 5.0] {
            let by_time = Instant::new(t).unwrap();
            let sigma = libm::expm1(2.0 * t).sqrt();
            let by_level = Instant::at_level(sigma, (0.0, 10.0));
            for (a, b) in
                [(by_time.a, by_level.a), (by_time.h, by_level.h), (by_time.embedded, by_level.embedded)]
            {
                assert!((a / b - 1.0).abs() < 1e-12, "{by_time:?} {by_level:?}");
            }
        }
        let huge = Instant::at_level(1e300, (1e-3, 5.0));
        assert_eq!((huge.embedded, huge.h), (5.0, 1.0));
    }
}
