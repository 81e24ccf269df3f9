//! Solvers in λ give the same states in the coordinates of any process: the published formulas, with α, σ and the
//! process's own denoiser, written out again here.

use ndarray::Array2;
use ridgewalk::solver::{Solver, named};
use ridgewalk::{Denoiser, FlowMatching, Levels, Marginal, OrnsteinUhlenbeck, Process};

use crate::models::{carried, inverted, mixture, states, worst};

/// A process's coefficients at a level, and D there.
struct Here<'a> {
    model: &'a dyn Denoiser,
    process: &'a dyn Process,
}

/// α, σ and λ at a level σ/α.
fn coefficients(process: &dyn Process, level: f64) -> (f64, f64, f64) {
    let t = process.time(level);
    let (alpha, sigma) = (process.alpha(t), process.sigma(t));
    (alpha, sigma, (alpha / sigma).ln())
}

impl Here<'_> {
    fn denoised(&self, x: &Array2<f64>, level: f64) -> Array2<f64> {
        Marginal::new(self.model, self.process).denoised(x.view(), self.process.time(level)).unwrap()
    }

    /// One step; `past` is (λ, D), latest first, and gets what is to be remembered.
    fn step(
        &self,
        method: &str,
        x: &Array2<f64>,
        pair: [f64; 2],
        past: &mut Vec<(f64, Array2<f64>)>,
        carried: &mut Option<Array2<f64>>,
    ) -> Array2<f64> {
        let (_, s, lambda) = coefficients(self.process, pair[0]);
        let (alpha, s_next, lambda_next) = coefficients(self.process, pair[1]);
        let h = lambda_next - lambda;
        let d = carried.take().unwrap_or_else(|| self.denoised(x, pair[0]));
        let base = x * (s_next / s) + &d * (alpha * (1.0 - (-h).exp()));
        let out = match (method, past.as_slice()) {
            ("euler", _) => base,
            ("dpm++2s", _) => {
                let middle = (-(lambda + 0.5 * h)).exp();
                let (alpha_m, s_m, _) = coefficients(self.process, middle);
                let u = x * (s_m / s) + &d * (alpha_m * (1.0 - (-0.5 * h).exp()));
                x * (s_next / s) + self.denoised(&u, middle) * (alpha * (1.0 - (-h).exp()))
            }
            ("dpm++2m" | "dpm++3m", []) => base,
            ("dpm++2m", [(l1, d1), ..]) | ("dpm++3m", [(l1, d1)]) => {
                let r = (lambda - l1) / h;
                let mixed = &d * (1.0 + 0.5 / r) - d1 * (0.5 / r);
                x * (s_next / s) + mixed * (alpha * (1.0 - (-h).exp()))
            }
            ("dpm++3m", [(l1, d1), (l2, d2), ..]) => {
                let (r0, r1) = ((lambda - l1) / h, (l1 - l2) / h);
                let (p2, e0, e1) = (((-h).exp() - 1.0) / h + 1.0, (&d - d1) / r0, (d1 - d2) / r1);
                let p3 = p2 / h - 0.5;
                let second = (&e0 - &e1) / (r0 + r1);
                let first = &e0 + &second * r0;
                base + (first * p2 - second * p3) * alpha
            }
            _ => {
                let (order, bh1) = (method.as_bytes()[12] - b'0', method.ends_with("bh1"));
                let points: Vec<(f64, Array2<f64>)> = past
                    .iter()
                    .take(usize::from(order) - 1)
                    .map(|(l, value)| ((l - lambda) / h, (value - &d) / ((l - lambda) / h)))
                    .collect();
                let b = if bh1 { -h } else { (-h).exp() - 1.0 };
                let mut rs: Vec<f64> = points.iter().map(|(r, _)| *r).collect();
                let combined = |rs: &[f64], values: &[Array2<f64>]| {
                    let mut sum = Array2::<f64>::zeros(x.raw_dim());
                    for (rho, value) in rho(rs, h, b).into_iter().zip(values) {
                        sum = sum + value * rho;
                    }
                    sum * (alpha * b)
                };
                let mut values: Vec<Array2<f64>> = points.into_iter().map(|(_, e)| e).collect();
                let predicted = &base - &combined(&rs, &values);
                let ahead = self.denoised(&predicted, pair[1]);
                rs.push(1.0);
                values.push(&ahead - &d);
                *carried = Some(ahead);
                base - combined(&rs, &values)
            }
        };
        past.insert(0, (lambda, d));
        out
    }
}

/// The solution of R ρ = b, R_qk = r_k^{q−1}, b_q = q! g_q/B; ½ for one point.
fn rho(rs: &[f64], h: f64, b: f64) -> Vec<f64> {
    let n = rs.len();
    if n == 1 {
        return vec![0.5];
    }
    let (mut g, mut factorial) = (((-h).exp() - 1.0) / -h - 1.0, 1.0);
    let mut rows: Vec<Vec<f64>> = Vec::new();
    for q in 1..=n {
        factorial *= q as f64;
        let mut row: Vec<f64> = rs.iter().map(|r| r.powi(q as i32 - 1)).collect();
        row.push(factorial * g / b);
        rows.push(row);
        g = g / -h - 1.0 / (factorial * (q + 1) as f64);
    }
    for i in 0..n {
        for j in (0..n).filter(|j| *j != i) {
            let (factor, pivot) = (rows[j][i] / rows[i][i], rows[i].clone());
            rows[j].iter_mut().zip(pivot).for_each(|(value, above)| *value -= factor * above);
        }
    }
    (0..n).map(|i| rows[i][n] / rows[i][i]).collect()
}

#[test]
fn states_times_alpha_are_those_of_the_process() {
    let model = mixture();
    let levels = [4.0, 2.9, 1.7, 1.1, 0.6, 0.25, 0.1];
    let processes: [&dyn Process; 2] = [&OrnsteinUhlenbeck::variance_preserving(), &FlowMatching];
    let methods = [
        "euler",
        "dpm++2s",
        "dpm++2m",
        "dpm++3m",
        "unipc:order=1",
        "unipc:order=1,variant=bh1",
        "unipc:order=2",
        "unipc:order=2,variant=bh1",
        "unipc:order=3",
        "unipc:order=3,variant=bh1",
    ];
    for process in processes {
        for method in methods {
            let solver: Box<dyn Solver> = named(method, 6).unwrap();
            for up in [false, true] {
                let mut levels = levels.to_vec();
                let found = if up {
                    levels.reverse();
                    let x = states(&model, 0.1);
                    inverted(
                        solver.as_ref(),
                        &model,
                        Levels(levels.iter().rev().copied().collect()),
                        x.view(),
                    )
                } else {
                    let x = states(&model, 4.0);
                    carried(solver.as_ref(), &model, Levels(levels.clone()), x.view())
                };
                let here = Here { model: &model, process };
                let alpha = |level: f64| coefficients(process, level).0;
                let mut x = states(&model, levels[0]) * alpha(levels[0]);
                let (mut past, mut carried) = (Vec::new(), None);
                for pair in levels.windows(2) {
                    x = here.step(method, &x, [pair[0], pair[1]], &mut past, &mut carried);
                }
                let error = worst(&(found * alpha(levels[6])), &x);
                let size = x.iter().fold(1.0f64, |m, v| m.max(v.abs()));
                assert!(error < 1e-12 * size, "{} {method} {up}: {error:e}", process.name());
            }
        }
    }
}
