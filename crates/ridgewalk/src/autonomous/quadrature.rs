//! Adaptive Gauss–Kronrod quadrature of a positive integrand that is given by its logarithm.
//!
//! The integrand p(t) p(u|t) spans thousands of nats and may have its mass in a peak of relative width
//! 1/√(2d); so panels lie in ln t, all sums are taken relative to the largest value met, and the panel of the largest
//! error is halved until the sum of errors is below the tolerance. The error of a panel is the difference of its
//! 15-point Kronrod and 7-point Gauss sums, which overstates the error of the former by far.

use crate::error::Result;

/// Positive abscissae of the 15-point Kronrod rule; those of the 7-point Gauss rule are every second.
const ABSCISSAE: [f64; 8] = [
    0.991_455_371_120_812_6,
    0.949_107_912_342_758_5,
    0.864_864_423_359_769_1,
    0.741_531_185_599_394_4,
    0.586_087_235_467_691_1,
    0.405_845_151_377_397_2,
    0.207_784_955_007_898_47,
    0.0,
];
const KRONROD: [f64; 8] = [
    0.022_935_322_010_529_224,
    0.063_092_092_629_978_55,
    0.104_790_010_322_250_18,
    0.140_653_259_715_525_92,
    0.169_004_726_639_267_9,
    0.190_350_578_064_785_4,
    0.204_432_940_075_298_9,
    0.209_482_141_084_727_83,
];
const GAUSS: [f64; 4] =
    [0.129_484_966_168_869_7, 0.279_705_391_489_276_7, 0.381_830_050_505_118_9, 0.417_959_183_673_469_4];
/// Points of a panel.
pub(super) const POINTS: usize = 15;
/// Panels at the most; a posterior needs some tens.
const MOST: usize = 4000;
/// Widest panel, in ln t.
const WIDEST: f64 = 0.9;
/// In a peak of d coordinates the integrand falls by d·δ² nats a distance δ (in ln t) from it: points lie so close
/// that no peak falls by more than this between them, and a peak that matters is seen.
const DROP: f64 = 10.0;

/// One point of the quadrature: its time, and the logarithm of its part of the integral.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) time: f64,
    pub(super) log_weight: f64,
}

/// What a quadrature gives.
#[derive(Debug, Clone)]
pub(super) struct Integral {
    /// All points.
    pub(super) nodes: Vec<Node>,
    /// ln of the integral.
    pub(super) log_total: f64,
    /// Bound on its relative error, the largest of those of all moments.
    pub(super) error: f64,
}

struct Panel {
    from: f64,
    to: f64,
    /// Of every point: time, ln of the integrand with Jacobian and half width but without the rule's weight, and the moments.
    points: [(f64, f64, [f64; MOMENTS]); POINTS],
}

/// ln f and the moments at some times.
pub(super) type LogIntegrand<'f> = dyn Fn(&[f64]) -> Result<Vec<(f64, [f64; MOMENTS])>> + 'f;

/// Functions of time that are integrated with the same accuracy as 1.
pub(super) const MOMENTS: usize = 3;

/// ∫ exp(f(t)) dt over `from..to` (positive), to a relative `tolerance`, where `log_integrand` gives f and the
/// moments (positive functions of t, whose integrals get the same relative accuracy) for some times. `dim` is
/// the number of coordinates that the integrand's width depends on.
pub(super) fn integrate(
    (from, to): (f64, f64),
    dim: usize,
    tolerance: f64,
    log_integrand: &LogIntegrand,
) -> Result<Integral> {
    let (from, to) = (libm::log(from), libm::log(to));
    // Points of a panel of width h are at most 0.104 h apart.
    let widest = WIDEST.min(2.0 * (DROP / dim.max(1) as f64).sqrt() / 0.104);
    let count = ((to - from) / widest).ceil().max(1.0) as usize;
    let edge = |i: usize| from + (to - from) * i as f64 / count as f64;
    let mut panels = (0..count)
        .map(|i| Panel::new(edge(i), edge(i + 1), log_integrand))
        .collect::<Result<Vec<Panel>>>()?;
    loop {
        let top = panels.iter().flat_map(|p| p.points.iter().map(|q| q.1)).fold(f64::NEG_INFINITY, f64::max);
        let mut totals = [0.0; MOMENTS + 1];
        let errors: Vec<[f64; MOMENTS + 1]> = panels
            .iter()
            .map(|panel| {
                let (sum, error) = panel.sums(top);
                totals.iter_mut().zip(sum).for_each(|(t, s)| *t += s);
                error
            })
            .collect();
        let relative =
            |error: &[f64; MOMENTS + 1]| error.iter().zip(&totals).map(|(e, t)| e / t).fold(0.0, f64::max);
        let mut sum = [0.0; MOMENTS + 1];
        errors.iter().for_each(|error| sum.iter_mut().zip(error).for_each(|(s, e)| *s += e));
        let error = relative(&sum);
        // Rounding keeps some panels from ever getting better.
        let share = tolerance / panels.len() as f64;
        let worst: Vec<usize> = (0..panels.len())
            .filter(|&i| relative(&errors[i]) > share && panels[i].to - panels[i].from > 1e-9)
            .collect();
        if error <= tolerance || worst.is_empty() || panels.len() + worst.len() > MOST || !error.is_finite() {
            let nodes = panels.iter().flat_map(Panel::nodes).collect();
            return Ok(Integral { nodes, log_total: top + libm::log(totals[0]), error });
        }
        let mut next = Vec::with_capacity(panels.len() + worst.len());
        let mut worst = worst.into_iter().peekable();
        for (i, panel) in panels.into_iter().enumerate() {
            if worst.next_if_eq(&i).is_none() {
                next.push(panel);
                continue;
            }
            let middle = 0.5 * (panel.from + panel.to);
            next.push(Panel::new(panel.from, middle, log_integrand)?);
            next.push(Panel::new(middle, panel.to, log_integrand)?);
        }
        panels = next;
    }
}

impl Panel {
    fn new(from: f64, to: f64, log_integrand: &LogIntegrand) -> Result<Self> {
        let (middle, half) = (0.5 * (from + to), 0.5 * (to - from));
        let mut times = [0.0; POINTS];
        for (i, time) in times.iter_mut().enumerate() {
            *time = libm::exp(middle + half * abscissa(i));
        }
        let values = log_integrand(&times)?;
        let mut points = [(0.0, f64::NEG_INFINITY, [1.0; MOMENTS]); POINTS];
        for ((point, time), (value, moments)) in points.iter_mut().zip(times).zip(values) {
            *point = (time, value + libm::log(time * half), moments);
        }
        Ok(Panel { from, to, points })
    }

    /// Kronrod sums of 1 and of the moments, relative to exp(top), and how far the Gauss sums are from them.
    fn sums(&self, top: f64) -> ([f64; MOMENTS + 1], [f64; MOMENTS + 1]) {
        let (mut kronrod, mut gauss) = ([0.0; MOMENTS + 1], [0.0; MOMENTS + 1]);
        for (i, (_, log, moments)) in self.points.iter().enumerate() {
            let value = libm::exp(log - top);
            let factors = std::iter::once(1.0).chain(moments.iter().copied());
            for (m, factor) in factors.enumerate() {
                kronrod[m] += kronrod_weight(i) * value * factor;
                if i % 2 == 1 {
                    gauss[m] += GAUSS[place(i) / 2] * value * factor;
                }
            }
        }
        let mut error = [0.0; MOMENTS + 1];
        for ((e, k), g) in error.iter_mut().zip(kronrod).zip(gauss) {
            *e = (k - g).abs();
        }
        (kronrod, error)
    }

    fn nodes(&self) -> impl Iterator<Item = Node> {
        self.points
            .iter()
            .enumerate()
            .map(|(i, (time, log, _))| Node { time: *time, log_weight: log + libm::log(kronrod_weight(i)) })
    }
}

/// Where point i of a panel, from the left, stands in the tables.
fn place(i: usize) -> usize {
    if i < 8 { i } else { 14 - i }
}

fn abscissa(i: usize) -> f64 {
    if i < 8 { -ABSCISSAE[i] } else { ABSCISSAE[14 - i] }
}

fn kronrod_weight(i: usize) -> f64 {
    KRONROD[place(i)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one<'f>(log: impl Fn(f64) -> f64 + 'f) -> Box<LogIntegrand<'f>> {
        Box::new(move |times: &[f64]| Ok(times.iter().map(|&t| (log(t), [1.0, 1.0 / (t * t), t])).collect()))
    }

    #[test]
    fn powers_and_peaks_are_integrated() {
        // ∫ t^-3 dt over 1e-6..1
        let cube = integrate((1e-6, 1.0), 1, 1e-10, &*one(|t| -3.0 * t.ln())).unwrap();
        assert!((cube.log_total - (0.5 * (1e12 - 1.0f64)).ln()).abs() < 1e-10, "{}", cube.log_total);
        assert!(cube.error <= 1e-10);
        // ∫ b^-D exp(−r²/2b²) db over (0, ∞) = ½ Γ((D−1)/2) (2/r²)^((D−1)/2), with the peak far from both ends.
        for (dim, r) in [(8.0, 1e-3), (64.0, 0.1), (4096.0, 0.7)] {
            let log = |t: f64| -dim * t.ln() - r * r / (2.0 * t * t);
            let found = integrate((1e-6, 1e3), dim as usize, 1e-10, &*one(log)).unwrap();
            let k = 0.5 * (dim - 1.0);
            let exact = libm::lgamma(k) + k * (2.0 / (r * r)).ln() + 0.5f64.ln();
            assert!(
                (found.log_total - exact).abs() < 1e-10 * exact.abs().max(1.0),
                "{dim}: {} {exact}",
                found.log_total
            );
            assert!(found.error <= 1e-10, "{dim}: {}", found.error);
        }
    }

    /// Two peaks of very different width and height, both narrower than a first panel.
    #[test]
    fn a_second_peak_is_not_missed() {
        let peak = |t: f64, at: f64, dim: f64, log: f64| {
            let z = (t / at).ln();
            log - dim * z * z
        };
        let (first, second) = ((2e-4, 4000.0, 0.0), (0.3, 4000.0, -18.0));
        let log = |t: f64| {
            let (a, b) = (peak(t, first.0, first.1, first.2), peak(t, second.0, second.1, second.2));
            a.max(b) + (-(a - b).abs()).exp().ln_1p() - t.ln()
        };
        let found = integrate((1e-6, 1.0), 4000, 1e-10, &*one(log)).unwrap();
        let area = |dim: f64, log: f64| log.exp() * (std::f64::consts::PI / dim).sqrt();
        let exact = (area(first.1, first.2) + area(second.1, second.2)).ln();
        assert!((found.log_total - exact).abs() < 1e-12, "{} {exact}", found.log_total);
    }
}
