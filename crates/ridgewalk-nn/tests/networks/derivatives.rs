//! J v, Jᵀ v and ∂D/∂σ.

use ridgewalk::{Denoiser, Differentiable};

use crate::{configurations, noise, stirred};

/// Central differences in f32 err by roundoff/h + h²: about 1e-3 of the size of the derivative at h = 1e-2.
const TOLERANCE: f64 = 4e-3;

#[test]
fn jacobian_products_are_those_of_differences() {
    for config in configurations() {
        let denoiser = stirred(&config);
        let d = denoiser.dim();
        for sigma in [0.3, 2.0] {
            let (x, v, h) = (noise(2, d, 1), noise(2, d, 2), 1e-2);
            let up = denoiser.denoise((&x + &(&v * h)).view(), sigma).unwrap();
            let down = denoiser.denoise((&x - &(&v * h)).view(), sigma).unwrap();
            let difference = (up - down) / (2.0 * h);
            let exact = denoiser.jvp(x.view(), sigma, v.view()).unwrap();
            let size = exact.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let error = (&exact - &difference).iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            assert!(error < TOLERANCE * size, "{config:?} at {sigma}: {error} of {size}");
        }
    }
}

/// ⟨w, J v⟩ = ⟨Jᵀ w, v⟩: forward and reverse mode are of the same Jacobian, to rounding.
#[test]
fn forward_and_reverse_mode_agree() {
    for config in configurations() {
        let denoiser = stirred(&config);
        let d = denoiser.dim();
        let (x, v, w) = (noise(3, d, 3), noise(3, d, 4), noise(3, d, 5));
        let forward = denoiser.jvp(x.view(), 0.7, v.view()).unwrap();
        let reverse = denoiser.vjp(x.view(), 0.7, w.view()).unwrap();
        for row in 0..3 {
            let (a, b) = (w.row(row).dot(&forward.row(row)), reverse.row(row).dot(&v.row(row)));
            let size = w.row(row).dot(&w.row(row)).sqrt() * forward.row(row).dot(&forward.row(row)).sqrt();
            assert!((a - b).abs() < 1e-5 * size, "{config:?}: {a} {b}");
        }
    }
}

#[test]
fn the_noise_derivative_is_that_of_differences() {
    for config in configurations() {
        let denoiser = stirred(&config);
        let x = noise(2, denoiser.dim(), 6);
        for sigma in [0.2, 1.5] {
            let h = 1e-2 * sigma;
            let at = |sigma| denoiser.denoise(x.view(), sigma).unwrap();
            let difference = (at(sigma + h) - at(sigma - h)) / (2.0 * h);
            let (value, exact) = denoiser.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            assert!((&value - &at(sigma)).iter().all(|e| e.abs() < 1e-5), "{config:?}");
            let size = exact.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let error = (&exact - &difference).iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            assert!(error < TOLERANCE * size, "{config:?} at {sigma}: {error} of {size}");
        }
    }
}
