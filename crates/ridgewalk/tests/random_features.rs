//! The random feature model against its closed forms, reference values, and brute force (arXiv 2602.06021).

use std::f64::consts::TAU;

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::closed_form::{
    Activation, Empirical, FeatureDraw, Features, RandomFeatureFit, RandomFeatures, Stopping, TimeGrid,
    TrainedFeatures, Training, Weighting,
};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Differentiable, Heun, Karras, PointSet, Sampler};

/// SplitMix64 as a counter, the generator of the reference values.
fn bits(seed: u64, k: u64) -> u64 {
    let mut z = seed.wrapping_add((k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

fn uniforms(seed: u64, n: usize) -> Vec<f64> {
    (0..n as u64).map(|k| (bits(seed, k) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)).collect()
}

fn reference_normals(seed: u64, n: usize) -> Vec<f64> {
    let pair = |u: &[f64]| {
        let r = (-2.0 * (1.0 - u[0]).ln()).sqrt();
        [r * (TAU * u[1]).cos(), r * (TAU * u[1]).sin()]
    };
    uniforms(seed, n.next_multiple_of(2)).chunks(2).flat_map(pair).take(n).collect()
}

fn normals(seed: u64, rows: usize, columns: usize) -> Array2<f64> {
    let mut out = Array2::zeros((rows, columns));
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    out.iter_mut().for_each(|v| *v = stream.normal());
    out
}

fn modes() -> PointSet {
    PointSet::vectors(array![[-3.0, 0.0], [3.0, 0.0]]).unwrap()
}

/// The setting of the reference values: 64 features, blind to the time, on two modes, at three times.
fn reference() -> TrainedFeatures {
    reference_cut(1.0 / 64e4)
}

fn reference_cut(cut: f64) -> TrainedFeatures {
    let p = 64;
    let directions = Array2::from_shape_vec((p, 2), reference_normals(7, 2 * p)).unwrap();
    let biases = uniforms(8, p).into_iter().map(|u| TAU * u).collect();
    let features = Features::new(Activation::Cosine, directions, Array2::zeros((p, 0)), biases, 1.0).unwrap();
    let times = TimeGrid::new([0.1, 0.5, 1.0].map(|t| (t, 1.0 / 3.0)).to_vec()).unwrap();
    let initial = Array2::from_shape_vec((2, p), reference_normals(9, 2 * p)).unwrap() / 8.0;
    Training { initial, cut, ..Training::new(features, times, 0) }.train(&modes()).unwrap()
}

/// m_θ at a time, from D.
fn mean(model: &RandomFeatures, x: [f64; 2], t: f64) -> Array1<f64> {
    let a = (-t).exp();
    let sigma = (2.0 * t).exp_m1().sqrt();
    let x = array![[x[0] / a, x[1] / a]];
    model.denoise(x.view(), sigma).unwrap().row(0).to_owned() * a
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found / expected - 1.0).abs() < tolerance, "{found} where {expected} was expected");
}

#[test]
fn the_generator_is_that_of_the_reference() {
    for (found, expected) in
        uniforms(1, 3).iter().zip([0.566_561_575_172_280_9, 0.745_781_757_262_701_1, 0.971_002_753_586_796_2])
    {
        close(*found, expected, 1e-15);
    }
    close(reference_normals(1, 3)[2], -2.50006749336987, 1e-13);
}

/// Printed to six digits: 1e-5 relative. The loss at infinity depends on the cut: 1e-3.
#[test]
fn the_reference_table() {
    let trained = reference();
    for (found, expected) in
        trained.eigenvalues().iter().zip([0.235716, 0.193824, 0.123517, 0.0863967, 0.0645573])
    {
        close(*found, expected, 1e-5);
    }
    close(trained.eigenvalues().iter().sum(), 1.00845, 1e-5);
    assert_eq!(trained.rank(), 44);
    close(trained.loss_of_nothing()[0], 3.96584, 1e-5);
    assert_eq!(trained.loss_of_nothing()[1], 0.0);
    for (time, loss_x, loss_y, m_x, m_y) in [
        (0.0, 5.78881, 1.02978, 0.384223, -2.53872),
        (1.0, 3.17808, 0.721709, 0.810339, -2.1008),
        (10.0, 0.68093, 0.190796, 1.1332, -0.744901),
        (100.0, 0.405069, 0.00858297, 1.30849, 0.0256169),
        (1000.0, 0.392418, 0.000841578, 1.33752, 0.0055006),
        (10000.0, 0.391094, 6.65273e-05, 1.33345, 0.000618949),
        (f64::INFINITY, 0.390478, 1.83796e-06, 1.33059, 0.000295807),
    ] {
        let tolerance = if time < 1e9 { 1e-5 } else { 1e-3 };
        let loss = trained.loss(time).unwrap();
        close(loss[0], loss_x, tolerance);
        close(loss[1], loss_y, tolerance);
        let model = trained.at(time).unwrap();
        // The features are blind to the time: m_θ is the same at all.
        for t in [0.1, 0.7] {
            let m = mean(&model, [1.0, 0.3], t);
            close(m[0], m_x, 1e-5);
            close(m[1], m_y, 1e-5);
        }
    }
}

/// L per direction: along an axis that of its coordinate; summed over an orthonormal frame, the whole.
#[test]
fn loss_along_directions() {
    let trained = reference();
    let loss = trained.loss(30.0).unwrap();
    close(trained.loss_along(array![0.0, -2.0].view(), 30.0).unwrap(), loss[1], 1e-12);
    let (one, other) = (array![0.6, 0.8], array![-0.8, 0.6]);
    let sum = [one, other].map(|u| trained.loss_along(u.view(), 30.0).unwrap()).iter().sum::<f64>();
    close(sum, loss.iter().sum(), 1e-12);
    assert!(trained.loss_along(array![0.0, 0.0].view(), 1.0).is_err());
    assert!(trained.loss_along(array![1.0].view(), 1.0).is_err());
}

/// A fit of few features to scattered points in 3 dimensions, with a time embedding.
fn small(activation: Activation, features: usize) -> (PointSet, TrainedFeatures) {
    let points = PointSet::vectors(normals(3, 6, 3) * 2.0 + 5.0).unwrap();
    let fit = RandomFeatureFit { activation, frequencies: 2, seed: 4, ..RandomFeatureFit::new(features) };
    let trained = fit.fit(&points).unwrap();
    (points, trained)
}

/// Central differences of step ε err by ε², about 1e-10 of the size, plus rounding/ε, about 1e-10.
#[test]
fn derivatives_are_those_of_differences() {
    for (activation, time) in [(Activation::Cosine, f64::INFINITY), (Activation::Relu, 50.0)] {
        let (_, trained) = small(activation, 40);
        let model = trained.at(time).unwrap();
        let x = normals(1, 4, 3) * 3.0 + 5.0;
        let (u, v) = (normals(2, 4, 3), normals(5, 4, 3));
        // The last two are outside of the trained times.
        for sigma in [0.3, 2.0, 30.0, 1e-3, 1e3] {
            let difference = |up: Array2<f64>, down: Array2<f64>, step: f64| (up - down) / (2.0 * step);
            let denoise = |x: &Array2<f64>, sigma: f64| model.denoise(x.view(), sigma).unwrap();
            let scale = denoise(&x, sigma).iter().fold(1.0f64, |m, v| m.max(v.abs()));
            let near = |a: &Array2<f64>, b: &Array2<f64>, what: &str| {
                let worst = (a - b).iter().fold(0.0f64, |m, v| m.max(v.abs()));
                assert!(worst < 2e-6 * scale, "{what} of {activation:?} at {sigma}: {worst:e} of {scale}");
            };
            let step = 1e-5;
            let jvp = model.jvp(x.view(), sigma, v.view()).unwrap();
            let up = denoise(&(&x + &(&v * step)), sigma);
            near(&jvp, &difference(up, denoise(&(&x - &(&v * step)), sigma), step), "jvp");
            let step = 1e-5 * sigma;
            let (value, by_sigma) = model.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            assert_eq!(value, denoise(&x, sigma));
            let slope = difference(denoise(&x, sigma + step), denoise(&x, sigma - step), step);
            near(&(by_sigma * sigma), &(slope * sigma), "sigma derivative");
            // ⟨u, J v⟩ = ⟨Jᵀu, v⟩, and tr J = Σ_k ⟨e_k, J e_k⟩.
            let vjp = model.vjp(x.view(), sigma, u.view()).unwrap();
            let (one, other) = ((&u * &jvp).sum(), (&vjp * &v).sum());
            assert!((one - other).abs() < 1e-9 * (1.0 + one.abs()), "{one} {other}");
            let jacobian = model.jacobian(x.view(), sigma).unwrap();
            let traces = model.divergence(x.view(), sigma).unwrap();
            for (j, trace) in jacobian.outer_iter().zip(&traces) {
                let sum = j.diag().sum();
                assert!(
                    (sum - trace).abs() < 1e-9 * (1.0 + j.iter().map(|v| v.abs()).sum::<f64>()),
                    "{sum} {trace}"
                );
            }
        }
    }
}

/// Not a gradient: J of a learned mean is not symmetric, and its products say so.
#[test]
fn the_jacobian_is_not_symmetric() {
    let (_, trained) = small(Activation::Cosine, 40);
    let j = trained.at(1.0).unwrap().jacobian(array![[5.0, 4.0, 6.0]].view(), 1.0).unwrap();
    let j = j.index_axis(Axis(0), 0).to_owned();
    assert!((&j - &j.t()).iter().any(|v| v.abs() > 1e-3), "{j}");
}

/// dW/dτ = −2(W U − V) by small steps, with U and V summed straightforwardly from their definition.
#[test]
fn gradient_flow_is_the_limit_of_small_steps() {
    // V along the eigenvectors that are cut off is not followed: hardly any are, here.
    let trained = reference_cut(1e-13);
    let p = 64;
    let features = trained.features();
    let (mut u, mut v) = (Array2::<f64>::zeros((p, p)), Array2::<f64>::zeros((2, p)));
    let points = modes();
    for t in [0.1f64, 0.5, 1.0] {
        let a = (-t).exp();
        let h = 1.0 - a * a;
        for x in points.values().outer_iter() {
            let q: Vec<f64> =
                (0..p).map(|j| a * features.directions().row(j).dot(&x) + features.biases()[j]).collect();
            for j in 0..p {
                let w = features.directions().row(j).to_owned();
                for k in 0..p {
                    let other = features.directions().row(k).to_owned();
                    let fade = |w: Array1<f64>| (-0.5 * h * w.dot(&w)).exp();
                    u[[j, k]] += (fade(&w - &other) * (q[j] - q[k]).cos()
                        + fade(&w + &other) * (q[j] + q[k]).cos())
                        / (6 * p) as f64;
                }
                let s = 2f64.sqrt() * (-0.5 * h * w.dot(&w)).exp() * q[j].cos();
                v.column_mut(j).scaled_add(s / (6 * p) as f64, &(&x * a));
            }
        }
    }
    let mut w = trained.at(0.0).unwrap().weights().to_owned();
    let (time, steps) = (2.0, 4000);
    for _ in 0..steps {
        // Heun's step: its error is (2 λ)³ dt² τ/6 of W, 1e-8 here.
        let dt = time / f64::from(steps);
        let slope = |w: &Array2<f64>| (w.dot(&u) - &v) * -2.0;
        let first = slope(&w);
        let second = slope(&(&w + &(&first * dt)));
        w = w + (first + second) * (0.5 * dt);
    }
    let model = trained.at(time).unwrap();
    let worst = (&model.weights() - &w).iter().fold(0.0f64, |m, v| m.max(v.abs()));
    assert!(worst < 1e-7, "{worst}");
}

/// The minimum of L + λ p |W|² has the gradient W U − V + λ W = 0; as λ → 0 it is that of least squares.
#[test]
fn ridge_regression_is_between_nothing_and_least_squares() {
    let trained = reference_cut(1e-13);
    let loss = |stopping: Stopping| trained.loss(stopping).unwrap().iter().sum::<f64>();
    let least = loss(Stopping::LeastSquares);
    let mut before = trained.loss_of_nothing().iter().sum::<f64>();
    for ridge in [1.0, 1e-2, 1e-4, 1e-6] {
        let now = loss(Stopping::Ridge(ridge));
        assert!(now < before, "{ridge}: {now} {before}");
        before = now;
    }
    assert!(before - least < 1e-3 && before > least, "{before} {least}");
    assert!(trained.at(Stopping::Ridge(0.0)).is_err() && trained.at(-1.0).is_err());
    assert!(trained.at(f64::NAN).is_err() && trained.at(Stopping::Ridge(f64::INFINITY)).is_err());
}

/// E σ and the moments of relu by brute force. 200,000 draws: a mean of features of size 1 errs by 0.003; five of them.
#[test]
fn expectations_are_those_of_monte_carlo() {
    for activation in [Activation::Cosine, Activation::Relu] {
        let draw = FeatureDraw { activation, frequencies: 3, period: 4.0, seed: 2, ..FeatureDraw::new(7, 3) };
        let features = draw.draw().unwrap();
        let (x, t) = (array![[0.4, -1.0, 0.3], [2.0, 0.1, -0.7]], 0.3f64);
        let (a, h) = ((-t).exp(), -(-2.0 * t).exp_m1());
        let exact = features.expectation(x.view(), t).unwrap();
        for (i, x) in x.outer_iter().enumerate() {
            let n = 200_000;
            let noisy = normals(8 + i as u64, n, 3) * h.sqrt() + &(&x * a);
            let mean = features.values(noisy.view(), t).unwrap().mean_axis(Axis(0)).unwrap();
            for (found, expected) in mean.iter().zip(exact.row(i)) {
                assert!((found - expected).abs() < 0.015, "{activation:?}: {found} {expected}");
            }
        }
    }
}

/// The trained moments are not public: tr U and the loss of any W at τ = 0 are, and say whether they are right.
/// The loss of W(0), L = E|W σ − a x₀|², by 200,000 draws of (point, time, noise): its standard error is about
/// 0.5 % of it; five of them.
#[test]
fn the_loss_is_that_of_monte_carlo() {
    for activation in [Activation::Cosine, Activation::Relu] {
        let features =
            FeatureDraw { activation, frequencies: 2, period: 3.0, seed: 6, ..FeatureDraw::new(24, 2) };
        let features = features.draw().unwrap();
        let grid = [(0.05, 0.2), (0.3, 0.5), (1.2, 1.0)];
        let times = TimeGrid::new(grid.to_vec()).unwrap();
        let points = PointSet::vectors(array![[1.0, 0.0], [-1.0, 0.5], [0.0, -2.0]]).unwrap();
        let training = Training { draws: 4000, ..Training::new(features.clone(), times, 3) };
        for (weighting, power) in [(Weighting::One, -2), (Weighting::H, -1), (Weighting::HSquared, 0)] {
            let trained = Training { weighting, ..training.clone() }.train(&points).unwrap();
            if activation == Activation::Relu {
                let sampling = trained.sampling_error().unwrap();
                assert!(
                    sampling.draws == 4000 && sampling.second < 0.01 && sampling.first < 0.01,
                    "{sampling:?}"
                );
            }
            for stopping in [Stopping::GradientFlow(0.0), Stopping::GradientFlow(0.7), Stopping::LeastSquares]
            {
                let weights = trained.at(stopping).unwrap().weights().to_owned();
                let mut sum = Array1::<f64>::zeros(2);
                let n = 20_000;
                for (k, (t, w)) in grid.iter().enumerate() {
                    let (a, h) = ((-t).exp(), -(-2.0 * t).exp_m1());
                    for (i, x) in points.values().outer_iter().enumerate() {
                        let noisy = normals(20 + (3 * k + i) as u64, n, 2) * h.sqrt() + &(&x * a);
                        let m = features.values(noisy.view(), *t).unwrap().dot(&weights.t());
                        let wrong = (m - &(&x * a)).mapv(|e| e * e).sum_axis(Axis(0));
                        sum = sum + wrong * (w * h.powi(power) / (3 * n) as f64);
                    }
                }
                for (found, expected) in trained.loss(stopping).unwrap().iter().zip(&sum) {
                    close(*found, *expected, 0.03);
                }
            }
        }
    }
}

/// U is the same whatever the draws estimate: relu features by brute force against themselves with other seeds, whose
/// spread is what the stated standard error says, within a factor of 2 (four replicates give it to about 40 %).
#[test]
fn the_standard_error_of_sampled_moments_is_honest() {
    let features = FeatureDraw { activation: Activation::Relu, seed: 1, ..FeatureDraw::new(30, 2) };
    let features = features.draw().unwrap();
    let times = TimeGrid::new(vec![(0.5, 1.0)]).unwrap();
    let train = |draws, seed| {
        let training = Training::new(features.clone(), times.clone(), 0);
        Training { draws, seed, ..training }.train(&modes()).unwrap()
    };
    let exact: f64 = train(200_000, 9).eigenvalues().iter().map(|v| v * v).sum::<f64>().sqrt();
    let (mut errors, mut stated) = (0.0, 0.0);
    for seed in 0..24 {
        let found = train(64, seed);
        let size = found.eigenvalues().iter().map(|v| v * v).sum::<f64>().sqrt();
        errors += (size / exact - 1.0).powi(2) / 24.0;
        stated += found.sampling_error().unwrap().second.powi(2) / 24.0;
    }
    // |U|_F alone moves less than U does.
    assert!(errors.sqrt() < 2.0 * stated.sqrt(), "{} {}", errors.sqrt(), stated.sqrt());
    assert!(stated.sqrt() < 4.0 * errors.sqrt(), "{} {}", errors.sqrt(), stated.sqrt());
}

/// Nested features can do all that fewer can: the least loss never rises, but for what the cut leaves out.
#[test]
fn more_features_never_raise_the_least_loss() {
    let features = FeatureDraw { frequencies: 2, period: 10.0, seed: 5, ..FeatureDraw::new(96, 2) };
    let features = features.draw().unwrap();
    let mut before = f64::INFINITY;
    for count in [1, 2, 4, 8, 16, 32, 64, 96] {
        let times = TimeGrid::logarithmic(1e-2..5.0, 16).unwrap();
        let training = Training::new(features.first(count).unwrap(), times, 0);
        let trained = Training { cut: 1e-10, ..training }.train(&modes()).unwrap();
        let now: f64 = trained.loss(Stopping::LeastSquares).unwrap().iter().sum();
        assert!(now <= before + 1e-9 && now > 0.0, "{count}: {now} after {before}");
        before = now;
        if count == 96 {
            assert!(now < 0.3 * trained.loss_of_nothing().iter().sum::<f64>(), "{now}");
        }
    }
}

/// The first features of a larger draw are those of a smaller.
#[test]
fn draws_are_nested() {
    let draw = FeatureDraw { frequencies: 2, seed: 5, ..FeatureDraw::new(9, 4) };
    let few = FeatureDraw { features: 5, ..draw }.draw().unwrap();
    assert_eq!(draw.draw().unwrap().first(5).unwrap(), few);
}

/// D_τ − D_exact is the sum of its parts; data without extent along y have no bias there, and an optimisation error
/// that decays.
#[test]
fn the_error_is_the_sum_of_its_parts() {
    let trained = RandomFeatureFit { seed: 2, ..RandomFeatureFit::new(120) }.fit(&modes()).unwrap();
    let exact = Empirical::new(&modes()).unwrap();
    let x = normals(1, 50, 2) * 2.0;
    let mut before = f64::INFINITY;
    for time in [0.0, 10.0, 1e3, 1e5] {
        let errors = trained.errors(&exact, x.view(), 1.0, time).unwrap();
        let model = trained.at(time).unwrap();
        let whole = model.denoise(x.view(), 1.0).unwrap() - exact.denoise(x.view(), 1.0).unwrap();
        let worst = (whole - &errors.bias - &errors.optimisation).iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(worst < 1e-12, "{worst}");
        // V is exactly 0 along y, so that W is.
        assert!(errors.bias.column(1).iter().all(|v| v.abs() < 1e-12), "{}", errors.bias);
        let rms = errors.optimisation.column(1).mapv(|v| v * v).mean().unwrap().sqrt();
        assert!(rms < 0.7 * before, "{time}: {rms} after {before}");
        before = rms;
    }
    assert!(before < 0.05, "{before}");
    let three = Empirical::new(&PointSet::vectors(Array2::eye(3)).unwrap()).unwrap();
    assert!(trained.errors(&three, x.view(), 1.0, 1.0).is_err());
}

/// At its own level the fit of that level alone has the least error under p_σ, which sharing can only raise.
#[test]
fn sharing_has_a_price() {
    let trained = RandomFeatureFit { seed: 2, ..RandomFeatureFit::new(60) }.fit(&modes()).unwrap();
    let exact = Empirical::new(&modes()).unwrap();
    for sigma in [0.5, 2.0] {
        let mut x = normals(1, 4000, 2) * sigma;
        x.outer_iter_mut().enumerate().for_each(|(i, mut x)| x[0] += if i % 2 == 0 { 3.0 } else { -3.0 });
        let shared = trained.errors(&exact, x.view(), sigma, 1.0).unwrap().bias;
        let alone = trained.bias_alone(&exact, x.view(), sigma).unwrap();
        let size = |e: Array2<f64>| e.mapv(|v| v * v).sum() / 4000.0;
        let (shared, alone) = (size(shared), size(alone));
        assert!(alone < shared, "{sigma}: {alone} {shared}");
    }
}

/// Heun's sampler from the learned denoiser: samples end near the modes, about as many at each.
#[test]
fn samples_end_near_the_modes() {
    let trained = RandomFeatureFit { seed: 1, ..RandomFeatureFit::new(400) }.fit(&modes()).unwrap();
    let model = trained.at(f64::INFINITY).unwrap();
    let samples = Sampler::new(Heun::new(), Karras::new(0.02..300.0, 24)).seed(3).run(&model, 200).unwrap();
    let near = |x: f64| samples.points.outer_iter().filter(|s| (s[0] - x).hypot(s[1]) < 0.5).count();
    let (left, right) = (near(-3.0), near(3.0));
    assert!(left + right >= 160 && left.min(right) >= 60, "{left} {right}");
}

/// Neither the batch nor the threads change a bit.
#[test]
fn rows_are_on_their_own() {
    let (_, trained) = small(Activation::Cosine, 50);
    let model = trained.at(7.0).unwrap();
    let x = normals(4, 13, 3);
    let all = model.denoise(x.view(), 0.7).unwrap();
    for (i, row) in x.outer_iter().enumerate() {
        let one = model.denoise(row.insert_axis(Axis(0)), 0.7).unwrap();
        assert_eq!(one.row(0), all.row(i));
    }
}

#[test]
fn bad_input_is_told() {
    let told = |error: ridgewalk::Error, words: &str| assert!(error.to_string().contains(words), "{error}");
    for (text, words) in [
        ("random-features:features=0", "features is 0"),
        ("random-features:features=100000", "choose 1 to"),
        ("random-features:time=-1", "time=-1"),
        ("random-features:time=soon", "time=soon"),
        ("random-features:ridge=0", "ridge=0"),
        ("random-features:ridge=1,time=2", "both"),
        ("random-features:kind=tanh", "cosine, relu"),
        ("random-features:weight=2", "h, 1, h2"),
        ("random-features:frequencies=9999", "frequencies is 9999"),
        ("random-features:length=0", "length is 0"),
        ("random-features:seed=-3", "seed=-3"),
        ("random-features:width=3", "'width'"),
        ("features", "not known"),
    ] {
        told(RandomFeatureFit::named(text, 0).unwrap_err(), words);
    }
    let fit = RandomFeatureFit::named("random-features:features=20,time=inf,weight=1", 9).unwrap();
    assert_eq!((fit.features, fit.seed, fit.weighting), (20, 9, Weighting::One));
    assert_eq!(fit.stopping, Stopping::GradientFlow(f64::INFINITY));
    told(TimeGrid::new(vec![]).unwrap_err(), "no times");
    told(TimeGrid::new(vec![(0.0, 1.0)]).unwrap_err(), "positive");
    told(TimeGrid::simpson(0.1..1.0, 4).unwrap_err(), "odd");
    told(TimeGrid::logarithmic(0.0..1.0, 4).unwrap_err(), "above 0");
    told(TimeGrid::logarithmic(0.1..1.0, 0).unwrap_err(), "no times");
    let features = || FeatureDraw::new(5, 2).draw().unwrap();
    let times = || TimeGrid::new(vec![(0.5, 1.0)]).unwrap();
    let training = || Training::new(features(), times(), 0);
    told(Training { scale: 0.0, ..training() }.train(&modes()).unwrap_err(), "scale is 0");
    told(Training { cut: f64::NAN, ..training() }.train(&modes()).unwrap_err(), "cut is NaN");
    let three = PointSet::vectors(Array2::eye(3)).unwrap();
    told(training().train(&three).unwrap_err(), "3 coordinates");
    let model = training().train(&modes()).unwrap().at(1.0).unwrap();
    assert!(model.denoise(array![[1.0, 2.0, 3.0]].view(), 1.0).is_err());
    assert!(model.denoise(array![[1.0, f64::NAN]].view(), 1.0).is_err());
    assert!(model.denoise(array![[1.0, 2.0]].view(), 0.0).is_err());
    let parts = |times: (f64, f64), scale: f64| {
        let moments = modes().moments();
        RandomFeatures::from_parts(
            features(),
            Array2::zeros((2, 5)),
            (array![0.0, 0.0], scale),
            times,
            moments,
        )
    };
    assert!(parts((0.1, 1.0), 1.0).is_ok());
    assert!(parts((1.0, 0.1), 1.0).is_err() && parts((0.1, f64::INFINITY), 1.0).is_err());
    assert!(parts((0.1, 1.0), -1.0).is_err());
    // One point has no scale, and is fitted all the same.
    let point = PointSet::vectors(array![[2.0, 1.0]]).unwrap();
    let trained = RandomFeatureFit::new(10).fit(&point).unwrap();
    let d = trained.at(Stopping::LeastSquares).unwrap().denoise(array![[0.0, 0.0]].view(), 1.0).unwrap();
    assert_eq!(d, array![[2.0, 1.0]]);
}
