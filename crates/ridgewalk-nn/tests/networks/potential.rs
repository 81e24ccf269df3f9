//! Networks that are the gradient of a potential (arXiv 2311.15996).

use ridgewalk::{Denoiser, Differentiable, Shape};
use ridgewalk_nn::network::{Architecture, MlpConfig};

use crate::{configurations, noise, stirred};

/// The Jacobian is a Hessian: J v by forward and Jᵀ v by reverse mode agree to the rounding of single precision; those of
/// an ordinary network do not.
#[test]
fn the_jacobian_of_a_potential_is_symmetric() {
    for config in configurations().into_iter().filter(|config| config.network.shape == Shape::Vector(5)) {
        let denoiser = stirred(&config);
        let (x, v) = (noise(3, 5, 1), noise(3, 5, 2));
        for sigma in [0.2, 1.0, 5.0] {
            let forward = denoiser.jvp(x.view(), sigma, v.view()).unwrap();
            let reverse = denoiser.vjp(x.view(), sigma, v.view()).unwrap();
            let most = |values: &ndarray::Array2<f64>| values.iter().fold(0.0_f64, |a, b| a.max(b.abs()));
            let part = most(&(&forward - &reverse)) / most(&forward);
            match denoiser.is_potential() {
                true => assert!(part < 1e-5, "{part} at {sigma}"),
                false => assert!(part > 1e-3, "{part} at {sigma}"),
            }
        }
    }
}

#[test]
fn only_potentials_of_few_coordinates_have_a_residual() {
    let of = |dim: usize, potential: bool| {
        let mut config = configurations().remove(0);
        let mlp = MlpConfig { width: 16, depth: 1, embedding: 8, potential, ..MlpConfig::default() };
        config.network.architecture = Architecture::Mlp(mlp);
        config.network.shape = Shape::Vector(dim);
        stirred(&config)
    };
    let x = noise(1, 5, 1);
    let message = of(5, false).log_density(x.view(), 1.0).unwrap_err().to_string();
    assert!(message.contains("no potential"), "{message}");
    let x = noise(70, 65, 1);
    let wide = of(65, true);
    assert_eq!(wide.log_density(x.view(), 1.0).unwrap().len(), 70);
    let message = wide.fokker_planck_residual(x.view(), 1.0).unwrap_err().to_string();
    assert!(message.contains("at most 64"), "{message}");
    assert_eq!(wide.dim(), 65);
}
