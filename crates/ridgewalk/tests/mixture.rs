//! The exact denoisers of Gaussians and their mixtures, against closed forms, integrals and laws.

use ndarray::{Array1, Array2, array};
use proptest::prelude::*;
use ridgewalk::closed_form::{Covariance, CovarianceKind, Gaussian, Mixture};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Density, Differentiable, Error, FiniteDifference, PointSet};

fn normals(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || stream.normal())
}

/// A random covariance: full rank for r = d, low rank plus isotropic below.
fn covariance(d: usize, r: usize, seed: u64) -> Covariance {
    let a = normals(d, d, seed);
    let full = Covariance::from_dense(a.dot(&a.t()).view()).unwrap();
    let vectors = Array2::from_shape_fn((r, d), |(j, i)| full.vectors()[[j, i]]);
    Covariance::from_parts(vectors, full.values()[..r].to_vec(), 0.3).unwrap()
}

/// Components of ranks d, d, 2, 0 and a diagonal one in five dimensions, one to three standard
/// deviations apart.
fn mixture(seed: u64) -> Mixture {
    let d = 5;
    let means = normals(5, d, seed) * 2.0;
    let variances = normals(1, d, seed + 20).iter().map(|v| v * v).collect();
    let diagonal = Gaussian::new(means.row(4).to_owned(), Covariance::diagonal(variances).unwrap()).unwrap();
    let component = |(k, r): (usize, usize)| {
        Gaussian::new(means.row(k).to_owned(), covariance(d, r, seed + 10 + k as u64)).unwrap()
    };
    let components = [5, 5, 2, 0].into_iter().enumerate().map(component).chain([diagonal]).collect();
    Mixture::new(vec![0.1, 0.3, 0.2, 0.1, 0.3], components).unwrap()
}

fn one_dimensional() -> Mixture {
    let part = |m: f64, v: f64| Gaussian::new(array![m], Covariance::isotropic(1, v).unwrap()).unwrap();
    Mixture::new(vec![0.3, 0.7], vec![part(-1.0, 0.04), part(2.0, 0.25)]).unwrap()
}

fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |m, v| m.max(v.abs()))
}

#[test]
fn covariance_functions_are_those_of_the_dense_matrix() {
    for r in [0, 1, 3, 5] {
        let c = covariance(5, r, 3);
        let dense = c.to_dense();
        let sigma = 0.7;
        let noisy = &dense + &(Array2::<f64>::eye(5) * (sigma * sigma));
        let x = normals(3, 5, 4);
        let solved = c.solve(x.view(), sigma).unwrap();
        assert!(worst(&solved.dot(&noisy), &x) < 1e-12);
        assert!(worst(&c.shrink(x.view(), sigma).unwrap(), &solved.dot(&dense)) < 1e-12);
        let root = c.square_root(c.square_root(x.view()).unwrap().view()).unwrap();
        assert!(worst(&root, &x.dot(&dense)) < 1e-12);
        assert!((c.trace() - dense.diag().sum()).abs() < 1e-12);
        let again = Covariance::from_dense(noisy.view()).unwrap();
        let log_det: f64 = again.values().iter().map(|v| v.ln()).sum();
        assert!((c.log_determinant(sigma).unwrap() - log_det).abs() < 1e-12);
    }
}

/// Diagonal in every function as the dense matrix with the same diagonal.
#[test]
fn diagonal_covariances_are_those_of_the_dense_matrix() {
    let variances = vec![0.0, 0.3, 2.0, 1e-3, 5.0];
    let c = Covariance::diagonal(variances.clone()).unwrap();
    assert_eq!((c.dim(), c.rank(), c.diagonal_variances()), (5, 0, Some(&variances[..])));
    let dense = Array2::from_diag(&Array1::from(variances.clone()));
    assert_eq!(c.to_dense(), dense);
    assert_eq!(c.trace(), dense.diag().sum());
    let sigma = 0.7;
    let noisy = &dense + &(Array2::<f64>::eye(5) * (sigma * sigma));
    let x = normals(3, 5, 4);
    assert!(worst(&c.solve(x.view(), sigma).unwrap().dot(&noisy), &x) < 1e-15);
    assert!(worst(&c.shrink(x.view(), sigma).unwrap().dot(&noisy), &x.dot(&dense)) < 1e-14);
    let root = c.square_root(c.square_root(x.view()).unwrap().view()).unwrap();
    assert!(worst(&root, &x.dot(&dense)) < 1e-14);
    let log_det: f64 = variances.iter().map(|v| (v + sigma * sigma).ln()).sum();
    assert!((c.log_determinant(sigma).unwrap() - log_det).abs() < 1e-14);
    // The same law in another form is the same field.
    let mean = normals(1, 5, 5).row(0).to_owned();
    let diagonal = Gaussian::new(mean.clone(), c).unwrap();
    let full = Gaussian::new(mean, Covariance::from_dense(dense.view()).unwrap()).unwrap();
    let x = x * 3.0;
    for sigma in [0.01, 1.0, 30.0] {
        let both = [&diagonal, &full].map(|g| {
            let (d, ds) = g.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            let log_p = g.log_density(x.view(), sigma).unwrap().insert_axis(ndarray::Axis(1));
            let jv = g.jvp(x.view(), sigma, normals(3, 5, 6).view()).unwrap();
            ndarray::concatenate(ndarray::Axis(1), &[d.view(), ds.view(), log_p.view(), jv.view()]).unwrap()
        });
        // log p is of order ‖x‖²/2σ², 10⁵ here.
        assert!(worst(&both[0], &both[1]) < 1e-12 / (sigma * sigma).min(1.0));
    }
    assert_eq!(diagonal.sample(2, 9).column(0), ndarray::arr1(&[diagonal.mean()[0]; 2]));
}

#[test]
fn covariances_that_are_none_are_refused() {
    assert!(Covariance::diagonal(vec![]).is_err());
    assert!(Covariance::diagonal(vec![1.0, -1.0]).is_err());
    assert!(Covariance::diagonal(vec![1.0, f64::NAN]).is_err());
    assert!(Covariance::from_dense(array![[1.0, 0.5], [0.4, 1.0]].view()).is_err());
    assert!(Covariance::from_dense(array![[1.0, 2.0], [2.0, 1.0]].view()).is_err());
    assert!(Covariance::from_dense(array![[1.0, f64::NAN], [0.0, 1.0]].view()).is_err());
    assert!(Covariance::from_dense(Array2::zeros((0, 0)).view()).is_err());
    assert!(Covariance::from_parts(array![[1.0, 0.1]], vec![1.0], 0.0).is_err());
    assert!(Covariance::from_parts(array![[1.0, 0.0]], vec![-1.0], 0.0).is_err());
    assert!(Covariance::from_parts(array![[1.0, 0.0]], vec![1.0, 2.0], 0.0).is_err());
    assert!(Covariance::isotropic(2, -1.0).is_err());
    // Singular is fine: the outer product of (1, 2).
    let singular = Covariance::from_dense(array![[1.0, 2.0], [2.0, 4.0]].view()).unwrap();
    assert!((singular.values()[0] - 5.0).abs() < 1e-14 && singular.values()[1].abs() < 1e-14);
}

#[test]
fn mixtures_that_are_none_are_refused() {
    let one = || Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0).unwrap()).unwrap();
    assert!(Mixture::new(vec![], vec![]).is_err());
    assert!(Mixture::new(vec![1.0, 1.0], vec![one()]).is_err());
    assert!(Mixture::new(vec![-1.0], vec![one()]).is_err());
    assert!(Mixture::new(vec![0.0], vec![one()]).is_err());
    let two = Gaussian::new(array![0.0, 0.0], Covariance::isotropic(2, 1.0).unwrap()).unwrap();
    assert!(Mixture::new(vec![0.5, 0.5], vec![one(), two]).is_err());
    let model = one();
    assert!(model.denoise(array![[1.0, 2.0]].view(), 1.0).is_err());
    assert!(model.denoise(array![[f64::NAN]].view(), 1.0).is_err());
    assert!(model.denoise(array![[1.0]].view(), 0.0).is_err());
    assert!(model.denoise(array![[1.0]].view(), 1e-200).is_err());
    assert!(matches!(model.denoise(array![[1e200]].view(), 1.0), Err(Error::NonFinite { row: 0, .. })));
}

/// D = μ + Σ(Σ + σ²I)⁻¹(x − μ) for Σ = [[2, 1], [1, 2]], σ = 1: Σ + I = [[3, 1], [1, 3]], whose
/// inverse is [[3, −1], [−1, 3]]/8, so that the shrinkage is [[5, 1], [1, 5]]/8.
#[test]
fn gaussian_by_hand() {
    let c = Covariance::from_dense(array![[2.0, 1.0], [1.0, 2.0]].view()).unwrap();
    let g = Gaussian::new(array![1.0, 0.0], c).unwrap();
    let x = array![[9.0, 8.0]];
    assert!(worst(&g.denoise(x.view(), 1.0).unwrap(), &array![[7.0, 6.0]]) < 1e-14);
    assert!(worst(&g.score(x.view(), 1.0).unwrap(), &array![[-2.0, -2.0]]) < 1e-14);
    assert!(worst(&g.jvp(x.view(), 1.0, array![[8.0, 0.0]].view()).unwrap(), &array![[5.0, 1.0]]) < 1e-14);
    assert!((g.divergence(x.view(), 1.0).unwrap()[0] - 1.25).abs() < 1e-14);
    // log N = −log 2π − ½ log 8 − ½ (8, 8)·(2, 2)
    let log_p = -(2.0 * std::f64::consts::PI).ln() - 0.5 * 8f64.ln() - 16.0;
    assert!((g.log_density(x.view(), 1.0).unwrap()[0] - log_p).abs() < 1e-13);
    let moments = g.moments().unwrap();
    assert_eq!(moments.mean, array![1.0, 0.0]);
    assert!((moments.std - 2f64.sqrt()).abs() < 1e-15);
}

/// E[x₀|x], the density, and tr J = Var[x₀|x]/σ² by the trapezoidal rule, which for these analytic
/// integrands over the whole line converges to rounding.
#[test]
fn one_dimension_agrees_with_integration() {
    let p = one_dimensional();
    let normal = |x: f64, v: f64| (-0.5 * x * x / v).exp() / (2.0 * std::f64::consts::PI * v).sqrt();
    for sigma in [0.05, 0.4, 3.0] {
        for x in [-3.0, -0.9, 0.2, 0.5, 2.0, 4.0] {
            let (mut m0, mut m1, mut m2) = (0.0, 0.0, 0.0);
            let h = 0.001;
            for i in -8_000..8_000 {
                let x0 = f64::from(i) * h;
                let w = h
                    * (0.3 * normal(x0 + 1.0, 0.04) + 0.7 * normal(x0 - 2.0, 0.25))
                    * normal(x - x0, sigma * sigma);
                m0 += w;
                m1 += w * x0;
                m2 += w * x0 * x0;
            }
            let at = array![[x]];
            let (mean, variance) = (m1 / m0, m2 / m0 - (m1 / m0).powi(2));
            assert!((p.denoise(at.view(), sigma).unwrap()[[0, 0]] - mean).abs() < 1e-10);
            assert!((p.log_density(at.view(), sigma).unwrap()[0] - m0.ln()).abs() < 1e-10);
            let divergence = p.divergence(at.view(), sigma).unwrap()[0];
            assert!((divergence - variance / (sigma * sigma)).abs() < 1e-9);
        }
    }
}

#[test]
fn density_integrates_to_one() {
    let x = Array2::from_shape_fn((40_000, 1), |(i, _)| (i as f64 - 20_000.0) * 1e-3);
    for sigma in [0.01, 1.0, 2.0] {
        let sum: f64 = one_dimensional().log_density(x.view(), sigma).unwrap().iter().map(|l| l.exp()).sum();
        assert!((sum * 1e-3 - 1.0).abs() < 1e-12);
    }
}

/// With the relative step 1e-6 the error of central differences, which falls as its square, is 2e-8 at
/// the smallest σ, where responsibilities change fastest; rounding adds 1e-9.
#[test]
fn derivatives_agree_with_central_differences() {
    let p = mixture(1);
    let (x, v) = (normals(6, 5, 2) * 2.0, normals(6, 5, 3));
    let by_difference = FiniteDifference::with_step(&p, 1e-6).unwrap();
    for sigma in [0.3, 1.0, 5.0] {
        let jv = p.jvp(x.view(), sigma, v.view()).unwrap();
        assert!(worst(&jv, &by_difference.jvp(x.view(), sigma, v.view()).unwrap()) < 1e-7);
        let (d, ds) = p.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
        let (_, ds_difference) = by_difference.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
        assert_eq!(d, p.denoise(x.view(), sigma).unwrap());
        assert!(worst(&ds, &ds_difference) < 1e-7);
        let hv = p.hessian_product(x.view(), sigma, v.view()).unwrap();
        assert!(worst(&hv, &((&jv - &v) / (sigma * sigma))) < 1e-12 / (sigma * sigma));
        let w = normals(6, 5, 4);
        let jw = p.jvp(x.view(), sigma, w.view()).unwrap();
        let mut trace = Array1::<f64>::zeros(6);
        for k in 0..5 {
            let mut unit = Array2::zeros((6, 5));
            unit.column_mut(k).fill(1.0);
            trace += &p.jvp(x.view(), sigma, unit.view()).unwrap().column(k);
        }
        let divergence = p.divergence(x.view(), sigma).unwrap();
        for row in 0..6 {
            assert!((jv.row(row).dot(&w.row(row)) - jw.row(row).dot(&v.row(row))).abs() < 1e-12);
            assert!((divergence[row] - trace[row]).abs() < 1e-12);
        }
    }
}

#[test]
fn score_is_the_gradient_of_the_log_density() {
    let p = mixture(5);
    let x = normals(4, 5, 6) * 2.0;
    for sigma in [0.2, 1.0, 4.0] {
        let score = p.score(x.view(), sigma).unwrap();
        let tweedie = (p.denoise(x.view(), sigma).unwrap() - &x) / (sigma * sigma);
        assert!(worst(&score, &tweedie) < 1e-12 / (sigma * sigma));
        let h = 1e-5;
        for k in 0..5 {
            let mut shift = Array2::<f64>::zeros((4, 5));
            shift.column_mut(k).fill(h);
            let slope = (p.log_density((&x + &shift).view(), sigma).unwrap()
                - p.log_density((&x - &shift).view(), sigma).unwrap())
                / (2.0 * h);
            for row in 0..4 {
                assert!((slope[row] - score[[row, k]]).abs() < 1e-6);
            }
        }
    }
}

/// Far away and at extreme noise everything is finite, and the law of the leading component holds.
#[test]
fn far_away_and_at_extreme_noise() {
    let p = mixture(7);
    for sigma in [1e-3, 1.0, 1e3] {
        for scale in [1.0, 1e3, 1e3 * sigma + 1e3] {
            let x = normals(3, 5, 8) * scale;
            let v = normals(3, 5, 9);
            let gamma = p.responsibilities(x.view(), sigma).unwrap();
            assert!(gamma.rows().into_iter().all(|r| (r.sum() - 1.0).abs() < 1e-14));
            assert!(p.log_density(x.view(), sigma).is_ok());
            assert!(p.divergence(x.view(), sigma).unwrap().iter().all(|t| *t >= 0.0));
            p.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            p.jvp(x.view(), sigma, v.view()).unwrap();
            p.hessian_product(x.view(), sigma, v.view()).unwrap();
        }
    }
    // The broad component takes all the mass far away, and D is then its own: 0.3·x/(0.3 + σ²) …
    let part = |m: f64, v: f64| Gaussian::new(array![m], Covariance::isotropic(1, v).unwrap()).unwrap();
    let two = Mixture::new(vec![0.5, 0.5], vec![part(0.0, 1.0), part(1.0, 4.0)]).unwrap();
    let d = two.denoise(array![[1e6]].view(), 1e-3).unwrap()[[0, 0]];
    let exact = 1.0 + (1e6 - 1.0) * 4.0 / (4.0 + 1e-6);
    assert!((d / exact - 1.0).abs() < 1e-15);
    // … and a score keeps its digits where D − x has lost nearly all of them.
    let score = two.score(array![[1e6]].view(), 1e-6).unwrap()[[0, 0]];
    assert!((score / (-(1e6 - 1.0) / (4.0 + 1e-12)) - 1.0).abs() < 1e-14);
}

#[test]
fn batch_is_one_by_one_whatever_the_threads() {
    let p = mixture(11);
    let (x, v) = (normals(37, 5, 12), normals(37, 5, 13));
    let all = |x: ndarray::ArrayView2<f64>, v: ndarray::ArrayView2<f64>| {
        let (d, ds) = p.denoise_with_sigma_derivative(x, 0.5).unwrap();
        let jv = p.jvp(x, 0.5, v).unwrap();
        let hv = p.hessian_product(x, 0.5, v).unwrap();
        let score = p.score(x, 0.5).unwrap();
        let log_p = p.log_density(x, 0.5).unwrap().insert_axis(ndarray::Axis(1));
        let trace = p.divergence(x, 0.5).unwrap().insert_axis(ndarray::Axis(1));
        let parts = [d.view(), ds.view(), jv.view(), hv.view(), score.view(), log_p.view(), trace.view()];
        ndarray::concatenate(ndarray::Axis(1), &parts).unwrap()
    };
    let whole = all(x.view(), v.view());
    for i in 0..37 {
        let row = ndarray::Slice::from(i..=i);
        let axis = ndarray::Axis(0);
        assert_eq!(all(x.slice_axis(axis, row), v.slice_axis(axis, row)), whole.slice_axis(axis, row));
    }
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| all(x.view(), v.view())), whole);
    }
}

/// 20,000 draws: the mean's standard error is std/√n; five of them, and five for the variance.
#[test]
fn draws_have_the_moments_of_the_mixture() {
    let p = mixture(13);
    let n = 20_000;
    let drawn = PointSet::vectors(p.sample(n, 3)).unwrap().moments();
    let exact = p.moments().unwrap();
    let tolerance = 5.0 * exact.std * 2.0 / (n as f64).sqrt();
    assert!((&drawn.mean - &exact.mean).iter().all(|e| e.abs() < tolerance));
    assert!((drawn.std - exact.std).abs() < tolerance);
    // Draws are keyed by their index, not by how many are asked for.
    let few = p.sample(5, 3);
    assert_eq!(few, p.sample(n, 3).slice_axis(ndarray::Axis(0), ndarray::Slice::from(..5)));
    assert_ne!(few, p.sample(5, 4));
}

#[test]
fn parts_rebuild_the_same_mixture() {
    let p = mixture(17);
    let rebuild = |g: &Gaussian| {
        let c = g.covariance();
        if let Some(variances) = c.diagonal_variances() {
            let again = Covariance::diagonal(variances.to_vec()).unwrap();
            return Gaussian::new(g.mean().to_owned(), again).unwrap();
        }
        let parts = (c.vectors().to_owned(), c.values().to_vec(), c.isotropic_variance());
        Gaussian::new(g.mean().to_owned(), Covariance::from_parts(parts.0, parts.1, parts.2).unwrap())
            .unwrap()
    };
    let again = Mixture::new(p.weights().to_vec(), p.components().iter().map(rebuild).collect()).unwrap();
    assert_eq!(again, p);
}

#[test]
fn gaussian_by_moments() {
    let points = PointSet::vectors(array![[0.0, 0.0], [2.0, 2.0], [0.0, 2.0], [2.0, 0.0]]).unwrap();
    let g = Gaussian::fit(&points, CovarianceKind::Full).unwrap();
    assert_eq!(g.mean(), array![1.0, 1.0]);
    assert!(worst(&g.covariance().to_dense(), &Array2::eye(2)) < 1e-15);
    // Fewer points than dimensions, a constant coordinate: the denoiser holds both fixed.
    let line = PointSet::vectors(array![[0.0, 5.0, 0.0], [2.0, 5.0, 2.0]]).unwrap();
    let g = Gaussian::fit(&line, CovarianceKind::LowRank(1)).unwrap();
    assert!((g.covariance().values()[0] - 2.0).abs() < 1e-14);
    let d = g.denoise(array![[3.0, 9.0, 1.0]].view(), 2f64.sqrt()).unwrap();
    assert!(worst(&d, &array![[1.5, 5.0, 1.5]]) < 1e-14);
    let one = PointSet::vectors(array![[7.0, 8.0]]).unwrap();
    let g = Gaussian::fit(&one, CovarianceKind::Full).unwrap();
    assert_eq!(g.denoise(array![[0.0, 0.0]].view(), 1.0).unwrap(), array![[7.0, 8.0]]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The law of s·R x + b is denoised by s·R D(·; σ) + b at s·σ.
    #[test]
    fn similarity_carries_over(seed in 0u64..1000, scale in 0.01f64..100.0, sigma in 0.05f64..5.0) {
        let p = mixture(seed);
        let rotation = covariance(5, 5, seed + 500).vectors().to_owned();
        let shift = normals(1, 5, seed + 600);
        let moved = |g: &Gaussian| {
            let c = g.covariance();
            let mean = (rotation.dot(&g.mean()) * scale) + shift.row(0);
            if c.diagonal_variances().is_some() {
                let moved = rotation.dot(&c.to_dense()).dot(&rotation.t()) * (scale * scale);
                return Gaussian::new(mean, Covariance::from_dense(moved.view()).unwrap()).unwrap();
            }
            let values = c.values().iter().map(|v| v * scale * scale).collect();
            let rest = c.isotropic_variance() * scale * scale;
            Gaussian::new(mean, Covariance::from_parts(c.vectors().dot(&rotation.t()), values, rest).unwrap()).unwrap()
        };
        let q = Mixture::new(p.weights().to_vec(), p.components().iter().map(moved).collect()).unwrap();
        let x = normals(3, 5, seed + 700) * 3.0;
        let y = x.dot(&rotation.t()) * scale + &shift;
        let expected = p.denoise(x.view(), sigma).unwrap().dot(&rotation.t()) * scale + &shift;
        prop_assert!(worst(&q.denoise(y.view(), sigma * scale).unwrap(), &expected) < 1e-9 * (1.0 + scale));
        let (lp, lq) = (p.log_density(x.view(), sigma).unwrap(), q.log_density(y.view(), sigma * scale).unwrap());
        for (a, b) in lp.iter().zip(&lq) {
            prop_assert!((a - b - 5.0 * scale.ln()).abs() < 1e-8);
        }
    }
}

/// Mean and covariance of a mixture by hand: weights ¼ and ¾ at ±1 with variances 1 and 4 have the mean ½, and
/// the variance ¼·1 + ¾·4 + ¼·(3/2)² + ¾·(1/2)² = 4.
#[test]
fn a_mixture_has_the_moments_of_its_gaussian() {
    let at =
        |m: f64, v: f64| Gaussian::new(array![m, 0.0], Covariance::diagonal(vec![v, 1.0]).unwrap()).unwrap();
    let mixture = Mixture::new(vec![0.25, 0.75], vec![at(-1.0, 1.0), at(1.0, 4.0)]).unwrap();
    let gaussian = mixture.to_gaussian().unwrap();
    assert!((gaussian.mean()[0] - 0.5).abs() < 1e-15 && gaussian.mean()[1] == 0.0);
    let covariance = gaussian.covariance().to_dense();
    let expected = array![[4.0, 0.0], [0.0, 1.0]];
    assert!((covariance - expected).iter().all(|e| e.abs() < 1e-13));
}
