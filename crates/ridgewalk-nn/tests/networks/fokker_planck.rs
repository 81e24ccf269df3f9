//! The Fokker–Planck residual of potentials whose own is known (arXiv 2311.15996).

use ndarray::Array2;
use ridgewalk::Shape;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk_nn::network::{Architecture, MlpConfig, NetworkConfig};
use ridgewalk_nn::{Activation, ModelConfig, NeuralDenoiser, Preconditioning, Prediction};

const CENTER: f64 = 0.4;
const SCALE: f64 = 1.7;

fn config(prediction: Prediction, mlp: MlpConfig, dim: usize) -> ModelConfig {
    ModelConfig {
        network: NetworkConfig {
            blind: mlp.depth == 0,
            architecture: Architecture::Mlp(MlpConfig { potential: true, ..mlp }),
            shape: Shape::Vector(dim),
            classes: 0,
        },
        preconditioning: Preconditioning { prediction, center: CENTER, scale: SCALE },
        label: ridgewalk_nn::NoiseLabel::default(),
    }
}

fn small(activation: Activation) -> MlpConfig {
    MlpConfig { width: 12, depth: 3, embedding: 8, activation, ..MlpConfig::default() }
}

fn normals(count: usize, seed: u64, size: f64) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    (0..count).map(|_| size * stream.normal()).collect()
}

fn stirred(config: &ModelConfig) -> Vec<f32> {
    let count = NeuralDenoiser::initial(config, 0).unwrap().values().len();
    normals(count, 3, 0.3).into_iter().map(|value| value as f32).collect()
}

/// Φ = 0: u is that of an isotropic Gaussian for EDM's coefficients, −(d/2) ln 2π(σ²+s²) for those of the noise, and
/// −‖y‖²/2σ² besides for those of the data; of which R is 0, −dσ²/(σ²+s²) and ds²/(σ²+s²).
#[test]
fn the_residual_of_no_potential_is_known() {
    let dim = 3;
    for sigma in [0.01, 0.5, 3.0, 40.0] {
        let variance = sigma * sigma + SCALE * SCALE;
        let parts = [sigma * sigma / variance, SCALE * SCALE / variance];
        for (prediction, expected) in [
            (Prediction::Edm, 0.0),
            (Prediction::Velocity, 0.0),
            (Prediction::Noise, -3.0 * parts[0]),
            (Prediction::Denoised, 3.0 * parts[1]),
        ] {
            let model = config(prediction, small(Activation::Silu), dim);
            let denoiser = NeuralDenoiser::initial(&model, 1).unwrap();
            let points = normals(4 * dim, 5, 1.0).into_iter().map(|e| CENTER + variance.sqrt() * e).collect();
            let x = Array2::from_shape_vec((4, dim), points).unwrap();
            // Where c_skip is 0, ‖y‖²/σ² cancels: to its own rounding.
            let size = x.iter().map(|x| (x - CENTER).powi(2)).sum::<f64>() / (sigma * sigma);
            let rounding = 1e-6 * (1.0 + if prediction == Prediction::Denoised { size } else { 0.0 });
            for found in denoiser.fokker_planck_residual(x.view(), sigma).unwrap() {
                assert!((found - expected).abs() < rounding, "{prediction:?} at {sigma}: {found} {expected}");
            }
            if prediction == Prediction::Edm {
                let density = denoiser.log_density(x.view(), sigma).unwrap();
                for (row, found) in x.outer_iter().zip(density) {
                    let square: f64 = row.iter().map(|x| (x - CENTER).powi(2)).sum();
                    let normal = 3.0 * (2.0 * std::f64::consts::PI * variance).ln();
                    assert!((found + 0.5 * (square / variance + normal)).abs() < 1e-9);
                }
            }
        }
    }
}

/// Φ = w·z + β and T = σ² + s²: ∇u = −y/T + s w/(σ√T), Δu = −d/T, and with all of it
/// R = −s³ w·y/(σ T√T) − s β/σ − s²‖w‖²/T.
#[test]
fn the_residual_of_a_linear_potential_is_that_by_hand() {
    let model = config(Prediction::Edm, MlpConfig { depth: 0, ..MlpConfig::default() }, 2);
    let (w, beta) = ([0.8_f32, -0.3], 0.25_f32);
    let denoiser = NeuralDenoiser::new(&model, vec![w[0], w[1], beta]).unwrap();
    let y = [1.3, -2.1];
    let x = Array2::from_shape_vec((1, 2), y.iter().map(|y| CENTER + y).collect()).unwrap();
    let w = w.map(f64::from);
    for sigma in [0.1, 0.9, 6.0] {
        let t = sigma * sigma + SCALE * SCALE;
        let along = w[0] * y[0] + w[1] * y[1];
        let expected = -SCALE.powi(3) * along / (sigma * t * t.sqrt())
            - SCALE * f64::from(beta) / sigma
            - SCALE * SCALE * (w[0] * w[0] + w[1] * w[1]) / t;
        let found = denoiser.fokker_planck_residual(x.view(), sigma).unwrap()[0];
        assert!((found - expected).abs() < 1e-5 * (1.0 + expected.abs()), "at {sigma}: {found} {expected}");
    }
}

/// The score of N(0, s²) times 1+δ at one level: u = −(1+δ)y²/2T − ½ ln 2πT, T = σ² + s², has ∂u/∂σ − σ(u″ + u′²) =
/// δ(σ/T)(1 − (1+δ)y²/T). Here Φ = κ z² with κ = −δσ/2s at this level, and a blind network says the same at all others: its
/// ∂u/∂ln σ is greater by δy²/2T. Of two nonlinearities, silu(εz) + silu(−εz) = ε²z²/2 (1 − ε²z²/12 + …).
#[test]
fn the_residual_of_a_score_that_is_too_long_is_known() {
    let mlp = MlpConfig { width: 2, depth: 1, residual: false, ..MlpConfig::default() };
    let mut model = config(Prediction::Edm, mlp, 1);
    model.network.blind = true;
    let (sigma, epsilon) = (0.9, 0.05);
    let t = sigma * sigma + SCALE * SCALE;
    for delta in [0.05, 0.2, -0.1] {
        let kappa = -delta * sigma / (2.0 * SCALE);
        let last = (2.0 * kappa / (epsilon * epsilon)) as f32;
        let values = vec![epsilon as f32, -epsilon as f32, 0.0, 0.0, last, last, 0.0];
        let denoiser = NeuralDenoiser::new(&model, values).unwrap();
        for y in [-2.0, 0.3, 1.4] {
            let x = Array2::from_elem((1, 1), CENTER + y);
            let found = denoiser.fokker_planck_residual(x.view(), sigma).unwrap()[0];
            let of_the_level = sigma * delta * (sigma / t) * (1.0 - (1.0 + delta) * y * y / t);
            let expected = of_the_level + delta * y * y / (2.0 * t);
            assert!((found - expected).abs() < 2e-3 * delta.abs(), "{delta} at {y}: {found} {expected}");
        }
    }
}

/// By differences of the log-density: with h = 0.05 rounding is 10⁻⁷/h² and what is cut off h²/12 of fourth derivatives.
#[test]
fn the_residual_is_that_of_differences_of_the_log_density() {
    for activation in [Activation::Silu, Activation::Gelu, Activation::Softplus] {
        for prediction in [Prediction::Edm, Prediction::Flow, Prediction::KMix { k: 0.3, learned: false }] {
            let model = config(prediction, small(activation), 2);
            let denoiser = NeuralDenoiser::new(&model, stirred(&model)).unwrap();
            let x = Array2::from_shape_vec((4, 2), normals(8, 7, 1.5)).unwrap();
            let (sigma, h) = (1.1, 0.05);
            let u = |x: &Array2<f64>, sigma: f64| denoiser.log_density(x.view(), sigma).unwrap();
            let here = u(&x, sigma);
            let step = libm::exp(h);
            let mut expected = (u(&x, sigma * step) - u(&x, sigma / step)) / (2.0 * h);
            for axis in 0..2 {
                let moved = |h: f64| {
                    let mut x = x.clone();
                    x.column_mut(axis).mapv_inplace(|x| x + h);
                    u(&x, sigma)
                };
                let (up, down) = (moved(h), moved(-h));
                let slope = (&up - &down) / (2.0 * h);
                let bend = (up + down - 2.0 * &here) / (h * h);
                expected = expected - (bend + &slope * &slope) * (sigma * sigma);
            }
            let found = denoiser.fokker_planck_residual(x.view(), sigma).unwrap();
            for (found, expected) in found.iter().zip(&expected) {
                let allowed = 5e-3 * (1.0 + expected.abs());
                assert!(
                    (found - expected).abs() < allowed,
                    "{activation:?} {prediction:?}: {found} {expected}"
                );
            }
        }
    }
}

/// ∇u is the score: differences as above.
#[test]
fn the_gradient_of_the_log_density_is_the_score() {
    use ridgewalk::Denoiser;
    for prediction in [Prediction::Edm, Prediction::Noise, Prediction::Denoised] {
        let model = config(prediction, small(Activation::Silu), 2);
        let denoiser = NeuralDenoiser::new(&model, stirred(&model)).unwrap();
        let x = Array2::from_shape_vec((4, 2), normals(8, 9, 1.5)).unwrap();
        let (sigma, h) = (0.8, 0.02);
        let score = (denoiser.denoise(x.view(), sigma).unwrap() - &x) / (sigma * sigma);
        for axis in 0..2 {
            let moved = |h: f64| {
                let mut x = x.clone();
                x.column_mut(axis).mapv_inplace(|x| x + h);
                denoiser.log_density(x.view(), sigma).unwrap()
            };
            let slope = (moved(h) - moved(-h)) / (2.0 * h);
            for (found, expected) in slope.iter().zip(score.column(axis)) {
                assert!((found - expected).abs() < 2e-3 * (1.0 + expected.abs()), "{found} {expected}");
            }
        }
    }
}
