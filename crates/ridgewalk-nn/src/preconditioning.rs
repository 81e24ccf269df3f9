//! What a network predicts, and how the denoiser is made of it.
//!
//! ```text
//! D(x; σ) = m + c_skip(σ) (x − m) + c_out(σ) F(c_in(σ) (x − m); c_noise(σ))           (arXiv 2206.00364, eq. 7)
//! ```
//!
//! with x = x₀ + σε in the data's units, m the center of the data and s its deviation. Every customary prediction is a
//! choice of the coefficients; with c_in on the variance-preserving or on the linear process of the data over s:
//!
//! | prediction | c_in | c_skip | c_out |
//! |---|---|---|---|
//! | EDM | 1/√(σ²+s²) | s²/(σ²+s²) | σs/√(σ²+s²) |
//! | denoised x₀/s | 1/√(σ²+s²) | 0 | s |
//! | noise ε | 1/√(σ²+s²) | 1 | −σ |
//! | velocity αε − σx₀ of the variance-preserving process (arXiv 2202.00512) | 1/√(σ²+s²) | s²/(σ²+s²) | −σs/√(σ²+s²) |
//! | flow ε − x₀ of the linear process (arXiv 2210.02747) | 1/(σ+s) | s/(σ+s) | −σs/(σ+s) |
//! | k-mix k x₀ − (1−k) ε of the linear process, t = σ/(σ+s), q = tk + (1−t)(1−k) | 1/(σ+s) | (1−k)(1−t)/q | st/q |

use serde::{Deserialize, Serialize};

/// What a network predicts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Prediction {
    /// The mixture of data and noise whose error is the same at all noise levels.
    #[default]
    Edm,
    /// The data.
    Denoised,
    /// The noise.
    Noise,
    /// v of the variance-preserving process.
    Velocity,
    /// The velocity of the linear process: flow matching.
    Flow,
    /// A mixture of data and noise with weight k, which may be learned with the network.
    KMix {
        /// k, with which training begins if it is learned; within 0…1.
        k: f64,
        /// Whether it is learned.
        learned: bool,
    },
}

/// The coefficients at one noise level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coefficients {
    /// c_in.
    pub input: f64,
    /// c_skip.
    pub skip: f64,
    /// c_out.
    pub output: f64,
    /// c_noise = ln(σ/s)/4.
    pub noise: f64,
}

/// How the denoiser is made of a network's output.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Preconditioning {
    /// What the network predicts.
    pub prediction: Prediction,
    /// m: mean of the data's coordinates.
    pub center: f64,
    /// s: deviation of the data's coordinates about m.
    pub scale: f64,
}

impl Preconditioning {
    /// The coefficients at σ.
    pub fn coefficients(&self, sigma: f64) -> Coefficients {
        self.with_mix(sigma, self.mix())
    }

    /// k, if the prediction is a mixture with one.
    pub fn mix(&self) -> f64 {
        match self.prediction {
            Prediction::KMix { k, .. } => k,
            _ => 0.0,
        }
    }

    /// The coefficients at σ for a k that has been learned.
    pub(crate) fn with_mix(&self, sigma: f64, k: f64) -> Coefficients {
        let s = self.scale;
        let total = libm::hypot(sigma, s);
        let sum = sigma + s;
        let on = |input: f64, skip: f64, output: f64| Coefficients {
            input,
            skip,
            output,
            noise: 0.25 * libm::log(sigma / s),
        };
        match self.prediction {
            Prediction::Edm => on(1.0 / total, (s / total) * (s / total), sigma * (s / total)),
            Prediction::Denoised => on(1.0 / total, 0.0, s),
            Prediction::Noise => on(1.0 / total, 1.0, -sigma),
            Prediction::Velocity => on(1.0 / total, (s / total) * (s / total), -sigma * (s / total)),
            Prediction::Flow => on(1.0 / sum, s / sum, -sigma * (s / sum)),
            Prediction::KMix { .. } => {
                let (t, rest) = (sigma / sum, s / sum);
                let q = t * k + rest * (1.0 - k);
                on(1.0 / sum, (1.0 - k) * rest / q, s * t / q)
            }
        }
    }

    /// Derivatives of the coefficients by σ.
    pub(crate) fn derivatives(&self, sigma: f64, k: f64) -> Coefficients {
        let s = self.scale;
        let square = sigma * sigma + s * s;
        let (root, sum) = (square.sqrt(), sigma + s);
        let preserving = -sigma / (square * root);
        let linear = -1.0 / (sum * sum);
        let (input, skip, output) = match self.prediction {
            Prediction::Edm => {
                (preserving, -2.0 * sigma * s * s / (square * square), s * s * s / (square * root))
            }
            Prediction::Denoised => (preserving, 0.0, 0.0),
            Prediction::Noise => (preserving, 0.0, -1.0),
            Prediction::Velocity => {
                (preserving, -2.0 * sigma * s * s / (square * square), -s * s * s / (square * root))
            }
            Prediction::Flow => (linear, s * linear, s * s * linear),
            Prediction::KMix { .. } => {
                // With numerators and denominators multiplied by σ + s: (1−k)s/Q and sσ/Q, Q = σk + s(1−k).
                let q = sigma * k + s * (1.0 - k);
                (linear, -(1.0 - k) * s * k / (q * q), s * s * (1.0 - k) / (q * q))
            }
        };
        Coefficients { input, skip, output, noise: 0.25 / sigma }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Prediction; 6] = [
        Prediction::Edm,
        Prediction::Denoised,
        Prediction::Noise,
        Prediction::Velocity,
        Prediction::Flow,
        Prediction::KMix { k: 0.3, learned: false },
    ];

    /// The definition of each target, put into D, gives back x₀.
    #[test]
    fn the_targets_of_known_data_and_noise_give_the_data_back() {
        let (center, s) = (0.4, 1.7);
        for prediction in ALL {
            let preconditioning = Preconditioning { prediction, center, scale: s };
            for sigma in [0.01, 0.5, 3.0, 80.0] {
                let (x0, noise) = (center + 0.9, -0.7);
                let x = x0 + sigma * noise;
                let total = f64::hypot(sigma, s);
                let (data, t) = ((x0 - center) / s, sigma / (sigma + s));
                let target = match prediction {
                    Prediction::Edm => (sigma * data - s * noise) / total,
                    Prediction::Denoised => data,
                    Prediction::Noise => noise,
                    Prediction::Velocity => (s * noise - sigma * data) / total,
                    Prediction::Flow => noise - data,
                    Prediction::KMix { k, .. } => k * data - (1.0 - k) * noise,
                };
                let c = preconditioning.coefficients(sigma);
                let denoised = center + c.skip * (x - center) + c.output * target;
                assert!(
                    (denoised - x0).abs() < 1e-12 * (1.0 + sigma),
                    "{prediction:?} at {sigma}: {denoised}"
                );
                // What the network is given: the state of its process.
                let state = match prediction {
                    Prediction::Flow | Prediction::KMix { .. } => (1.0 - t) * data + t * noise,
                    _ => (s * data + sigma * noise) / total,
                };
                assert!((c.input * (x - center) - state).abs() < 1e-12, "{prediction:?} at {sigma}");
            }
        }
    }

    #[test]
    fn derivatives_are_those_of_differences() {
        for prediction in ALL {
            let preconditioning = Preconditioning { prediction, center: 0.0, scale: 0.6 };
            for sigma in [0.05, 0.6, 7.0] {
                let (h, k) = (1e-5 * sigma, preconditioning.mix());
                let [up, down] = [sigma + h, sigma - h].map(|at| preconditioning.with_mix(at, k));
                let exact = preconditioning.derivatives(sigma, k);
                for (exact, up, down) in [
                    (exact.input, up.input, down.input),
                    (exact.skip, up.skip, down.skip),
                    (exact.output, up.output, down.output),
                    (exact.noise, up.noise, down.noise),
                ] {
                    let difference = (up - down) / (2.0 * h);
                    assert!(
                        (exact - difference).abs() < 1e-7 * (1.0 + exact.abs()),
                        "{prediction:?} at {sigma}"
                    );
                }
            }
        }
    }
}
