//! EVODiff (arXiv 2509.26096): a two-point multistep method whose coefficients are set, row by row, from
//! projections of successive denoised states on each other. One evaluation a step.
//!
//! With m₀ = D at σ, m₁ that at the level before (σ₁), r = ln(σ₁/σ)/ln(σ/σ′), and ⟨a|b⟩ = ⟨a, b⟩/⟨b, b⟩
//! clipped to ±2,
//!
//! ```text
//! x_E = (σ′/σ) x + (1 − σ′/σ) m₀                 c = ½ (1 − σ′/σ)
//! w  = ½ (1 − ((σ′ + σ_min)/(σ_max + σ_min))²),     b = √((σ′/σ)/(σ/σ₁))
//! D₁ = m₀ − r₁ m₁,   r₁ = (1 − w) b + w ⟨m₀|m₁⟩,    rᵢ = S(|r₁|/4) r  within [r/4, 3r/2]
//! x_p = x_E + c D₁/rᵢ,                            m′ = D(x_p; σ′)
//! D₂ = m′ − r₂ m₀,   r₂ = (1 − w) b + w ⟨m′|m₀⟩
//! B⁻ = D₁/r,  B⁺ = r D₂,     η = ½ S(½ |⟨B⁺ + B⁻|B⁺ − B⁻⟩|),    B = −(η/r) D₁ + r (1 − η) D₂
//! ζ* = |⟨x_p − x_E − c B/rᵢ|D₁⟩|/(1 − σ′/σ),        x′ = x_E + c B/ζ
//! ζ  = S(ζ* − ½) in runs of up to 20 steps, else S(−(ζ* − ½) S(⟨m₀|(m₀ − m₁)/(1/σ′ − 1/σ)⟩ (2 − (σ′/σ)²)))
//! ```
//!
//! all about the mean of the data, where the model knows it: lengths and angles of m depend on where the origin
//! lies, and the papers' images lie about 0. S is the logistic function, and m′ is the next step's m₀. These are the steps of the released program, of
//! which the paper differs in η and ζ. As h → 0 the factors η and ζ do not tend to what makes the expansion of D
//! consistent, so that this is a first-order method, less accurate than DPM-Solver++(2M): its aim is where it
//! places samples, not to follow the flow. The program takes its products over each channel of an image; a
//! solver knows rows only, so here they are over the row. The program's other last step at σ_min > 0 is left out:
//! it scales the state by 1 − √(σ σ′), which depends on the units, and a sampler's last step here returns D.

use ndarray::{Array2, ArrayView1};

use super::fused::update;
use super::{Order, Solver, Step};
use crate::error::Result;

/// EVODiff. Not affine in the state; the first step is Euler's.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct EvoDiff;

/// Runs of more steps than this damp ζ.
const SHORT: usize = 20;

/// What a step's levels determine.
struct Levels {
    /// σ′/σ.
    ratio: f64,
    /// 1/σ′ − 1/σ.
    h: f64,
    /// r, the steps' ratio in λ.
    r: f64,
    /// w, b.
    weight: f64,
    balance: f64,
    short: bool,
}

impl Levels {
    fn of(step: &Step, before: f64) -> Self {
        let (first, last) = (step.levels.first(), step.levels.last());
        let (first, last) = (first.copied().unwrap_or(step.sigma), last.copied().unwrap_or(step.next));
        let time = (step.next + first.min(last)) / (first.max(last) + first.min(last));
        let ratio = step.next / step.sigma;
        Levels {
            ratio,
            h: 1.0 / step.next - 1.0 / step.sigma,
            r: libm::log(before / step.sigma) / libm::log(step.sigma / step.next),
            weight: 0.5 * (1.0 - time * time),
            balance: (ratio / (step.sigma / before)).sqrt(),
            short: step.levels.len() <= SHORT + 1,
        }
    }

    /// r₁ or r₂.
    fn blend(&self, projection: f64) -> f64 {
        (1.0 - self.weight) * self.balance + self.weight * projection
    }

    /// r₁ and rᵢ of a row.
    fn first(&self, m0: &[f64], m1: &[f64]) -> (f64, f64) {
        let r1 = self.blend(projection(dot(m0, m1), dot(m1, m1)));
        let inner = (logistic(0.25 * r1.abs()) * self.r).clamp(0.25 * self.r, 1.5 * self.r);
        (r1, inner)
    }
}

impl Solver for EvoDiff {
    fn name(&self) -> String {
        "evodiff".into()
    }

    fn order(&self) -> Order {
        Order::Path(1)
    }

    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let (mut x, mut m0) = {
            let denoised = step.denoised(x.view())?;
            (by_rows(x), by_rows(denoised))
        };
        step.shift(&mut x, -1.0);
        step.shift(&mut m0, -1.0);
        let ratio = step.next / step.sigma;
        let Some(before) = step.past(0).map(|past| past.sigma) else {
            update(&mut x, &m0, |x, d| d + ratio * (x - d));
            step.shift(&mut x, 1.0);
            step.remember(m0, 1);
            return Ok(x);
        };
        let levels = Levels::of(step, before);
        let reach = 0.5 * (1.0 - ratio);
        // From here on x is x_E.
        update(&mut x, &m0, |x, d| d + ratio * (x - d));
        let mut probe = by_rows(step.spare());
        probe.assign(&x);
        if let Some(m1) = step.past(0).map(|past| &past.value) {
            for ((mut probe, m0), m1) in probe.outer_iter_mut().zip(m0.outer_iter()).zip(m1.outer_iter()) {
                let (m0, m1) = (values(&m0), values(&m1));
                let (r1, inner) = levels.first(m0, m1);
                let probe = probe.as_slice_mut().unwrap_or_default().iter_mut();
                probe.zip(m0).zip(m1).for_each(|((p, m0), m1)| *p += reach / inner * (m0 - r1 * m1));
            }
        }
        step.shift(&mut probe, 1.0);
        let answer = step.denoise(probe.view(), step.next)?;
        let mut ahead = probe;
        ahead.assign(&answer);
        step.shift(&mut ahead, -1.0);
        if let Some(m1) = step.past(0).map(|past| &past.value) {
            let known = m0.outer_iter().zip(m1.outer_iter()).zip(ahead.outer_iter());
            for (mut x, ((m0, m1), ahead)) in x.outer_iter_mut().zip(known) {
                let (m0, m1, ahead) = (values(&m0), values(&m1), values(&ahead));
                let (r1, r2, first, second) = correction(&levels, m0, m1, ahead);
                let x = x.as_slice_mut().unwrap_or_default().iter_mut();
                x.zip(m0).zip(m1).zip(ahead).for_each(|(((x, m0), m1), m)| {
                    *x += reach * (first * (m0 - r1 * m1) + second * (m - r2 * m0));
                });
            }
        }
        step.shift(&mut x, 1.0);
        step.remember(m0, 1);
        step.recycle(ahead);
        step.carry(answer);
        Ok(x)
    }
}

/// r₁, r₂ and the factors of D₁ and D₂ in B/ζ, of a row.
fn correction(levels: &Levels, m0: &[f64], m1: &[f64], ahead: &[f64]) -> (f64, f64, f64, f64) {
    let (r1, inner) = levels.first(m0, m1);
    let r2 = levels.blend(projection(dot(ahead, m0), dot(m0, m0)));
    let r = levels.r;
    let (mut mixed, mut differences) = (0.0, 0.0);
    let (mut first_first, mut first_second) = (0.0, 0.0);
    let (mut change, mut along) = (0.0, 0.0);
    for ((&m0, &m1), &m) in m0.iter().zip(m1).zip(ahead) {
        let (d1, d2) = (m0 - r1 * m1, m - r2 * m0);
        let (behind, onward) = (d1 / r, r * d2);
        mixed += (onward + behind) * (onward - behind);
        differences += (onward - behind) * (onward - behind);
        first_first += d1 * d1;
        first_second += d1 * d2;
        change += (m0 - m1) * (m0 - m1);
        along += m0 * (m0 - m1);
    }
    let eta = 0.5 * logistic(0.5 * projection(mixed, differences).abs());
    let (first, second) = (-eta / r, r * (1.0 - eta));
    // x_p − x_E − cB/rᵢ = (c/rᵢ)(D₁ − B), with c = ½ (1 − σ′/σ).
    let reach = 0.5 * (1.0 - levels.ratio);
    let off = reach / inner * (first_first - first * first_first - second * first_second);
    let balance = projection(off, first_first).abs() / (2.0 * reach).abs() - 0.5;
    let zeta = if levels.short {
        logistic(balance)
    } else {
        let slope = projection(along * levels.h, change);
        logistic(-balance * logistic(slope * (2.0 - levels.ratio * levels.ratio)))
    };
    (r1, r2, first / zeta, second / zeta)
}

/// ⟨a|b⟩ from ⟨a, b⟩ and ⟨b, b⟩, clipped; 0 on the vector 0.
fn projection(product: f64, square: f64) -> f64 {
    if square > 0.0 { (product / square).clamp(-2.0, 2.0) } else { 0.0 }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// With rows one after the other, in whatever layout a model answers.
fn by_rows(array: Array2<f64>) -> Array2<f64> {
    if array.is_standard_layout() { array } else { array.as_standard_layout().into_owned() }
}

fn values<'a>(row: &'a ArrayView1<f64>) -> &'a [f64] {
    row.as_slice().unwrap_or_default()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-x))
}
