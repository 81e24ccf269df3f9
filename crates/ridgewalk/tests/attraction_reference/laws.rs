//! What holds for every law: the two forms of A, independent blocks, units.

use std::sync::Arc;

use ndarray::{Array1, Array2, ArrayView2, Axis, array, concatenate};
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture, Product};
use ridgewalk::schedule::Focused;
use ridgewalk::solver::Attracted;
use ridgewalk::{Denoiser, Differentiable, Euler, Heun, Karras, Mad, MadConfig, Sampler, Schedule, Solver};

use crate::{DIFFERENCE, with};

fn blobs() -> Mixture {
    let one = |mean: [f64; 2], variance: f64| {
        Gaussian::new(Array1::from(mean.to_vec()), Covariance::isotropic(2, variance).unwrap()).unwrap()
    };
    let components =
        vec![one([0.0, 0.0], 0.02), one([1.0, 0.2], 0.05), one([-0.4, 0.9], 0.01), one([0.3, -0.8], 0.03)];
    Mixture::new(vec![0.4, 0.3, 0.2, 0.1], components).unwrap()
}

/// u ∂D/∂u − J(D − x) = ½u² ∇(div s), u = σ²: by the heat equation. The divergence of s is (tr J − d)/u, its
/// gradient a central difference with an error of h² and of rounding 1e-16/h.
#[test]
fn the_two_forms_differ_by_the_gradient_of_the_divergence() {
    let model = blobs();
    let x = array![[0.4, 0.3], [-0.2, 0.5], [0.9, -0.4]];
    for sigma in [0.3f64, 0.5] {
        let u = sigma * sigma;
        let (denoised, mut by_level) = model.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
        by_level *= 0.5 * sigma;
        let along = model.jvp(x.view(), sigma, (&denoised - &x).view()).unwrap();
        let divergence = |x: ArrayView2<f64>| (model.divergence(x, sigma).unwrap() - 2.0) / u;
        let h = 1e-5;
        for k in 0..2 {
            let moved = |by: f64| {
                let mut moved = x.clone();
                moved.column_mut(k).map_inplace(|v| *v += by);
                divergence(moved.view())
            };
            let slope = (moved(h) - moved(-h)) / (2.0 * h);
            for row in 0..3 {
                let expected = 0.5 * u * u * slope[row];
                let got = by_level[(row, k)] - along[(row, k)];
                assert!((got - expected).abs() < 1e-6, "{sigma} {row} {k}: {got} {expected}");
            }
        }
        // Away from Gaussians they do differ.
        assert!((&by_level - &along).iter().any(|e| e.abs() > 0.01));
    }
}

/// Independent blocks are attracted each by itself.
#[test]
fn blocks_do_not_mix() {
    let second = Gaussian::new(array![0.5], Covariance::isotropic(1, 0.3).unwrap()).unwrap();
    let both = Product::new(vec![Arc::new(blobs()), Arc::new(second.clone())]).unwrap();
    let x = array![[0.4, 0.3, 0.1], [-0.2, 0.5, 1.4]];
    let attracted = |model: &dyn Denoiser, x: ArrayView2<f64>| {
        Mad::new(model, with(6.0, DIFFERENCE)).unwrap().denoise(x, 0.15).unwrap()
    };
    let parts = [
        attracted(&blobs(), x.select(Axis(1), &[0, 1]).view()),
        attracted(&second, x.select(Axis(1), &[2]).view()),
    ];
    let expected = concatenate(Axis(1), &[parts[0].view(), parts[1].view()]).unwrap();
    let got = attracted(&both, x.view());
    assert!((&got - &expected).iter().all(|e| e.abs() < 1e-12), "{got} {expected}");
}

/// Data, levels and σ_data times c: samples times c, with A in the model and along the path.
#[test]
fn scale_covariance() {
    let run = |c: f64, along_the_path: bool| -> Array2<f64> {
        let model = Gaussian::new(array![0.0], Covariance::isotropic(1, 0.01 * c * c).unwrap()).unwrap();
        let config = MadConfig { sigma_data: Some(0.5 * c), ..with(4.0, DIFFERENCE) };
        let levels = Karras::new(0.002 * c..80.0 * c, 20);
        let run = if along_the_path {
            Sampler::new(Attracted::new(config, 1.0).unwrap(), levels).run(&model, 5)
        } else {
            Sampler::new(Euler, levels).run(&Mad::new(model, config).unwrap(), 5)
        };
        run.unwrap().points / c
    };
    for along_the_path in [false, true] {
        let (one, other) = (run(1.0, along_the_path), run(255.0, along_the_path));
        assert!((one - other).iter().all(|e| e.abs() < 1e-10));
    }
}

/// Without strength all is as without attraction, to the bit.
#[test]
fn without_strength_nothing_changes() {
    let model = blobs();
    let levels = || Karras::new(0.002..80.0, 18);
    let plain = |solver: &dyn Solver| Sampler::new(solver, levels()).seed(4).run(&model, 20).unwrap();
    let none = Mad::new(&model, with(0.0, DIFFERENCE)).unwrap();
    assert_eq!(plain(&Heun::new()), Sampler::new(Heun::new(), levels()).seed(4).run(&none, 20).unwrap());
    let path = || Attracted::new(with(0.0, DIFFERENCE), 1.0).unwrap();
    assert_eq!(plain(&Euler), plain(&path()));
    assert_eq!(plain(&Heun::new()), plain(&path().below(Heun::new())));
}

/// The window is that of the onset σ_data/a = 0.2: from a tenth of it to where κ = b/(1 + (σ/0.2)⁸) is 0.01.
/// Levels focused on it are even in log σ on both sides, and closer within.
#[test]
fn levels_are_focused_on_the_window() {
    let mad = Mad::new(blobs(), with(8.0, DIFFERENCE)).unwrap();
    let window = mad.window();
    assert!((window.start - 0.02).abs() < 1e-15 && (window.end - 0.2 * 799f64.powf(0.125)).abs() < 1e-12);
    assert!((mad.strength(window.end) - 0.01).abs() < 1e-12);
    let levels = Focused::over(&window, 80.0, 20).levels().unwrap();
    assert_eq!((levels.len(), levels[0], levels[19]), (20, 80.0, window.start));
    let steps: Vec<f64> = levels.windows(2).map(|pair| (pair[0] / pair[1]).ln()).collect();
    // 40 % of the levels are above, the one that parts them is the ninth.
    assert!((levels[8] / window.end - 1.0).abs() < 1e-12);
    for (step, expected) in steps.iter().zip((0..19).map(|i| {
        if i < 8 { (80.0 / window.end).ln() / 8.0 } else { (window.end / window.start).ln() / 11.0 }
    })) {
        assert!((step - expected).abs() < 1e-12, "{step} {expected}");
    }
    // Without strength there is no window to speak of, and levels are a grid all the same.
    let none = Mad::new(blobs(), with(0.0, DIFFERENCE)).unwrap();
    assert_eq!(none.onset_level(), 0.0);
    assert_eq!(Focused::over(&none.window(), 80.0, 9).levels().unwrap().len(), 9);
}
