//! Adams weights: what the integral of an interpolated past comes to.
//!
//! A multistep method replaces the model's values between two levels by the polynomial through the values
//! that it knows, and integrates that exactly. The polynomial is one in a time variable τ(σ), and the flow
//! dx/dσ = (x − D)/σ = ε̂ can be integrated for either quantity:
//!
//! ```text
//! noise      x′ = x + Σ_j C_j ε̂_j               C_j = ∫_σ^σ′ L_j(τ(s)) ds
//! denoised   x′ = (σ′/σ) x + Σ_j C_j D_j         C_j = ∫_λ^λ′ (σ′/s) L_j(τ(s)) dλ,   λ = −ln s
//! ```
//!
//! with L_j the Lagrange polynomials of the nodes τ(σ_j). The first with τ = σ is a linear multistep method,
//! with another τ it is DEIS (arXiv 2204.13902, eq. 15); the second with τ = λ is an exponential
//! Adams–Bashforth method, whose order 2 is DPM-Solver++(2M), and with σ′ among the nodes the corrector of
//! UniPC (arXiv 2302.04867).

use super::multistep::MOST;

/// The time variable in which values between the noise levels are interpolated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum InterpolationTime {
    /// λ = −ln σ, half the log-SNR.
    #[default]
    LogSnr,
    /// σ^{1/7}, in which EDM's levels are evenly spaced (arXiv 2206.00364).
    SigmaRoot,
    /// σ.
    Sigma,
    /// The time of the variance-preserving process with β from 0.1 to 20, rising linearly (arXiv 2011.13456):
    /// ln(1 + σ²) = 0.1 t + 9.95 t².
    LinearBeta,
}

impl InterpolationTime {
    fn of(self, sigma: f64) -> f64 {
        match self {
            InterpolationTime::LogSnr => -libm::log(sigma),
            InterpolationTime::SigmaRoot => libm::pow(sigma, 1.0 / 7.0),
            InterpolationTime::Sigma => sigma,
            InterpolationTime::LinearBeta => {
                // The root of the quadratic in the form that does not cancel at low levels.
                let integral = libm::log1p(sigma * sigma);
                2.0 * integral / (0.1 + (0.01 + 39.8 * integral).sqrt())
            }
        }
    }
}

/// Positive points of the Gauss–Legendre rule of 16 points on (−1, 1), with their weights.
const GAUSS: [(f64, f64); 8] = [
    (0.09501250983763745, 0.18945061045506859),
    (0.2816035507792589, 0.1826034150449236),
    (0.45801677765722737, 0.16915651939500262),
    (0.6178762444026438, 0.14959598881657676),
    (0.755404408355003, 0.12462897125553403),
    (0.8656312023878318, 0.09515851168249259),
    (0.9445750230732326, 0.062253523938647706),
    (0.9894009349916499, 0.027152459411754037),
];

/// C_j of the noise ε̂_j at the levels `nodes`, for a step between two levels.
pub(super) fn noise_weights(time: InterpolationTime, nodes: &[f64], from: f64, to: f64) -> [f64; MOST] {
    integrate(time, nodes, from, to, |sigma| -sigma)
}

/// C_j of the denoised states D_j at the levels `nodes`, interpolated in λ, for a step between two levels.
pub(super) fn denoised_weights(nodes: &[f64], from: f64, to: f64) -> [f64; MOST] {
    integrate(InterpolationTime::LogSnr, nodes, from, to, |sigma| to / sigma)
}

/// ∫ w(s) L_j(τ(s)) dλ for every node.
///
/// All is analytic in λ but for poles at a distance of π/2 or more (of the linear-β time), so that 16 points
/// are exact to rounding on panels of length 1.
fn integrate(
    time: InterpolationTime,
    nodes: &[f64],
    from: f64,
    to: f64,
    weight: impl Fn(f64) -> f64,
) -> [f64; MOST] {
    let mut sums = [0.0; MOST];
    let mut taus = [0.0; MOST];
    taus.iter_mut().zip(nodes).for_each(|(tau, &sigma)| *tau = time.of(sigma));
    let span = libm::log(from / to);
    let panels = span.abs().ceil().max(1.0);
    let half = 0.5 * span / panels;
    for panel in 0..panels as usize {
        let middle = half * (2.0 * panel as f64 + 1.0);
        for (point, share) in GAUSS.iter().flat_map(|&(p, w)| [(-p, w), (p, w)]) {
            let sigma = from * libm::exp(-(middle + half * point));
            let (tau, scale) = (time.of(sigma), half * share * weight(sigma));
            for (j, sum) in sums.iter_mut().enumerate().take(nodes.len()) {
                *sum += scale * lagrange(taus.iter().take(nodes.len()), j, tau);
            }
        }
    }
    sums
}

/// L_j(τ): 1 at node j, 0 at the others.
fn lagrange<'a>(nodes: impl Iterator<Item = &'a f64> + Clone, j: usize, tau: f64) -> f64 {
    let own = nodes.clone().nth(j).copied().unwrap_or(tau);
    let others = nodes.enumerate().filter(|(k, _)| *k != j);
    others.map(|(_, other)| (tau - other) / (own - other)).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On equal steps the weights over the step are the classical ones of Adams and Bashforth.
    #[test]
    fn equal_steps_in_sigma_give_the_classical_weights() {
        let classical: [&[f64]; 4] = [
            &[1.0],
            &[3.0 / 2.0, -1.0 / 2.0],
            &[23.0 / 12.0, -16.0 / 12.0, 5.0 / 12.0],
            &[55.0 / 24.0, -59.0 / 24.0, 37.0 / 24.0, -9.0 / 24.0],
        ];
        // Down from 4 to 3, and up from 4 to 5.
        for sign in [1.0, -1.0] {
            let nodes: [f64; 4] = [4.0, 4.0 + sign, 4.0 + 2.0 * sign, 4.0 + 3.0 * sign];
            for (expected, order) in classical.iter().zip(1..) {
                let found = noise_weights(InterpolationTime::Sigma, &nodes[..order], 4.0, 4.0 - sign);
                for (found, expected) in found.iter().zip(*expected) {
                    assert!((found + sign * expected).abs() < 1e-13, "{order}: {found} {expected}");
                }
            }
        }
    }

    /// What is a polynomial in τ is integrated exactly: τᵏ by antiderivatives worked by hand.
    #[test]
    fn polynomials_are_integrated_exactly() {
        let nodes = [2.0, 2.6, 3.1, 4.4];
        for to in [1.3, 1.99, 0.01] {
            let from = 2.0f64;
            let moment = |weights: [f64; MOST], f: &dyn Fn(f64) -> f64| {
                nodes.iter().zip(weights).map(|(&node, c)| c * f(node)).sum::<f64>()
            };
            for k in 0..4 {
                let p = f64::from(k);
                let close = |found: f64, exact: f64| {
                    assert!((found - exact).abs() < 1e-12 * exact.abs().max(1.0), "{k} {found} {exact}");
                };
                let antiderivative = |s: f64| s.powf(p + 1.0) / (p + 1.0);
                let sigma = noise_weights(InterpolationTime::Sigma, &nodes, from, to);
                close(moment(sigma, &|s| s.powi(k)), antiderivative(to) - antiderivative(from));
                let root = noise_weights(InterpolationTime::SigmaRoot, &nodes, from, to);
                let antiderivative = |s: f64| s.powf(p / 7.0 + 1.0) / (p / 7.0 + 1.0);
                close(moment(root, &|s| s.powf(p / 7.0)), antiderivative(to) - antiderivative(from));
                // ∫ (σ′/s) lᵏ dl with l = −ln s: by parts, F = (σ′/s)(lᵏ − k l^{k−1} + …).
                let antiderivative = |s: f64| {
                    let l = -s.ln();
                    let series =
                        [1.0, l - 1.0, l * l - 2.0 * l + 2.0, l * l * l - 3.0 * l * l + 6.0 * l - 6.0];
                    to / s * series[k as usize]
                };
                let denoised = denoised_weights(&nodes, from, to);
                close(moment(denoised, &|s| (-s.ln()).powi(k)), antiderivative(to) - antiderivative(from));
                // ∫ tᵏ ds in the linear-β time: ds = (0.1 + 19.9 t) e^B/(2s) dt, by Simpson's rule in t.
                let time = |s: f64| InterpolationTime::LinearBeta.of(s);
                let (a, b, n) = (time(from), time(to), 20_000);
                let level = |t: f64| (0.1 * t + 9.95 * t * t).exp_m1().sqrt();
                let rate = |t: f64| (0.1 + 19.9 * t) * (level(t).powi(2) + 1.0) / (2.0 * level(t));
                let simpson: f64 = (0..=n)
                    .map(|i| {
                        let t = a + (b - a) * f64::from(i) / f64::from(n);
                        let share = if i == 0 || i == n {
                            1.0
                        } else if i % 2 == 1 {
                            4.0
                        } else {
                            2.0
                        };
                        share * t.powi(k) * rate(t) * (b - a) / (3.0 * f64::from(n))
                    })
                    .sum();
                let beta = noise_weights(InterpolationTime::LinearBeta, &nodes, from, to);
                assert!((moment(beta, &|s| time(s).powi(k)) - simpson).abs() < 1e-8, "{k} {simpson}");
            }
        }
    }
}
