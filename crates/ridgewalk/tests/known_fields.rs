//! Known answers about exact fields: identities that published diagnostics rest on.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::closed_form::{Covariance, Embedded, FieldMixture, Gaussian, Mixture, Plane, Sphere, Torus};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, Density, OrnsteinUhlenbeck, Process, VarianceExploding};

fn normals(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || stream.normal())
}

/// m orthonormal rows of R^d.
fn frame(m: usize, d: usize) -> Array2<f64> {
    let a = normals(d, d, 4);
    let all = Covariance::from_dense(a.dot(&a.t()).view()).unwrap();
    Array2::from_shape_fn((m, d), |(i, j)| all.vectors()[[i, j]])
}

/// d log p_σ/d log σ = σ² (tr ∇² log p_σ + ‖s‖²), by the heat equation.
fn log_density_slope(field: &dyn Density, x: &Array2<f64>, sigma: f64) -> Array1<f64> {
    let score = field.score(x.view(), sigma).unwrap() * sigma;
    let divergence = field.divergence(x.view(), sigma).unwrap();
    divergence - field.dim() as f64 + (&score * &score).sum_axis(Axis(1))
}

/// LID = D + d log p_σ/d log σ at small σ: the dimension of the manifold under the point. On a plane
/// exact: with N(0, I₂) on a 2-plane of R⁵ it is 2 − 2σ²/(1 + σ²) + σ²‖z‖²/(1 + σ²)², 2 to O(σ²).
#[test]
fn local_intrinsic_dimension() {
    let sigma = 0.01;
    let inner = Gaussian::new(Array1::zeros(2), Covariance::isotropic(2, 1.0).unwrap()).unwrap();
    let plane = Embedded::new(inner, frame(2, 5), Array1::zeros(5)).unwrap();
    let z = array![[1.0, -2.0], [0.3, 0.4], [0.0, 0.0]];
    let x = z.dot(&plane.frame());
    let lid = log_density_slope(&plane, &x, sigma) + 5.0;
    let v = sigma * sigma;
    for (lid, z) in lid.iter().zip(z.outer_iter()) {
        let exact = 2.0 - 2.0 * v / (1.0 + v) + v * z.dot(&z) / ((1.0 + v) * (1.0 + v));
        assert!((lid - exact).abs() < 1e-10, "{lid} {exact}");
    }
    // The same from the slopes of log p itself, and for flat planes of every dimension exactly.
    let step = 1e-4f64;
    for m in 1..=4 {
        let flat =
            Plane::infinite(m).unwrap().embed(frame(m, 5), normals(1, 5, 1).row(0).to_owned()).unwrap();
        let x = normals(3, m, 2).dot(&flat.frame()) + flat.origin();
        assert!(log_density_slope(&flat, &x, sigma).iter().all(|s| (s + 5.0 - m as f64).abs() < 1e-10));
        let log_p = |factor: f64| flat.log_density(x.view(), sigma * factor).unwrap();
        let slope = (log_p(step.exp()) - log_p((-step).exp())) / (2.0 * step);
        assert!(slope.iter().all(|s| (s + 5.0 - m as f64).abs() < 1e-7));
    }
    // Curved: the sphere S² and the torus are surfaces, up to curvature² σ².
    let sphere = Sphere::new(3, 1.0).unwrap().embed(frame(3, 5), Array1::zeros(5)).unwrap();
    let x = array![[0.6, 0.0, 0.8]].dot(&sphere.frame());
    assert!((log_density_slope(&sphere, &x, 1e-3)[0] + 5.0 - 2.0).abs() < 1e-5);
    let torus = Torus::of_revolution(1.0, 0.5).unwrap();
    let x = array![[1.5, 0.0, 0.0], [0.0, 1.0, 0.5]];
    assert!(log_density_slope(&torus, &x, 1e-3).iter().all(|s| (s + 3.0 - 2.0).abs() < 1e-4));
}

/// Three Gaussians, and the same with a ring: laws whose Fokker–Planck residual is to vanish.
fn laws() -> Vec<Box<dyn Density>> {
    let part = |m: [f64; 2], v: [f64; 2]| {
        Gaussian::new(ndarray::arr1(&m), Covariance::diagonal(v.to_vec()).unwrap()).unwrap()
    };
    let parts =
        vec![part([0.0, 1.0], [0.3, 0.1]), part([-1.0, 0.0], [0.2, 0.2]), part([1.0, -1.0], [0.05, 0.6])];
    let mixture = Mixture::new(vec![0.5, 0.3, 0.2], parts).unwrap();
    let fields: Vec<Arc<dyn Density>> =
        vec![Arc::new(mixture.clone()), Arc::new(Sphere::new(2, 1.5).unwrap())];
    vec![Box::new(mixture), Box::new(FieldMixture::new(vec![1.0, 1.0], fields).unwrap())]
}

/// R[u] = ∂_t u + d·f + f x·∇u − ½g²(Δu + ‖∇u‖²) = 0 for u = log p_t of dx = f x dt + g dW, where
/// f = α′/α and g² = (σ²)′ − 2fσ². In x's own coordinates u = log p_{σ/α}(x/α) − d log α. Only ∂_t u is by
/// differences: step 1e-4, five points, so an error of 1e-16·4!·u⁽⁵⁾ and 1e-12 of rounding.
#[test]
fn fokker_planck_residual() {
    let x = normals(8, 2, 3);
    let processes: [Box<dyn Process>; 2] =
        [Box::new(VarianceExploding), Box::new(OrnsteinUhlenbeck::new(1.0).unwrap())];
    for law in laws() {
        for process in &processes {
            for t in [0.3, 0.8, 2.0] {
                let u = |t: f64| {
                    let (alpha, sigma) = (process.alpha(t), process.sigma(t));
                    law.log_density((&x / alpha).view(), sigma / alpha).unwrap() - 2.0 * alpha.ln()
                };
                let h = 1e-4;
                let rate = ((u(t - 2.0 * h) - u(t + 2.0 * h)) + (u(t + h) - u(t - h)) * 8.0) / (12.0 * h);
                let (alpha, sigma) = (process.alpha(t), process.sigma(t));
                let f = process.alpha_derivative(t) / alpha;
                let g2 = 2.0 * sigma * process.sigma_derivative(t) - 2.0 * f * sigma * sigma;
                let (y, level) = (&x / alpha, sigma / alpha);
                let score = law.score(y.view(), level).unwrap() / alpha;
                let divergence = law.divergence(y.view(), level).unwrap();
                let laplacian = (divergence - 2.0) / (sigma * sigma);
                let transport = (&x * &score).sum_axis(Axis(1)) * f + 2.0 * f;
                let diffusion = (laplacian + (&score * &score).sum_axis(Axis(1))) * (0.5 * g2);
                let residual = rate + transport - diffusion;
                assert!(residual.iter().all(|r| r.abs() < 1e-8), "{} {t}: {residual}", process.name());
            }
        }
    }
}

/// r = ωRx (R a quarter turn) is pure gauge for every isotropic law: ∇·r + r·∇log p_σ = 0, so that it
/// moves no probability; its circulation around a circle is 2πωρ² with s itself adding none. Beside an
/// anisotropic law it is not.
#[test]
fn gauge_freedom() {
    let omega = 0.7;
    let turn = |x: &Array2<f64>| Array2::from_shape_fn(x.dim(), |(i, k)| omega * [-x[[i, 1]], x[[i, 0]]][k]);
    let x = normals(6, 2, 5);
    let residual = |law: &dyn Density, sigma: f64| {
        let score = law.score(x.view(), sigma).unwrap();
        (&turn(&x) * &score).sum_axis(Axis(1)).mapv(f64::abs).sum()
    };
    let gaussian =
        |v: [f64; 2]| Gaussian::new(Array1::zeros(2), Covariance::diagonal(v.to_vec()).unwrap()).unwrap();
    for sigma in [0.1, 1.0] {
        assert!(residual(&gaussian([0.5, 0.5]), sigma) < 1e-13);
        assert!(residual(&Sphere::new(2, 1.0).unwrap(), sigma) < 1e-11);
        assert!(residual(&gaussian([0.5, 2.0]), sigma) > 0.1);
    }
    // Around a circle: the trapezoidal rule is exact for this integrand, and spectral for the score.
    let (n, rho) = (256, 1.3);
    let step = 2.0 * std::f64::consts::PI / n as f64;
    let circle =
        Array2::from_shape_fn((n, 2), |(i, k)| rho * [(i as f64 * step).cos(), (i as f64 * step).sin()][k]);
    let tangent = turn(&circle) / omega;
    for law in laws() {
        let field = law.score(circle.view(), 0.8).unwrap() + turn(&circle);
        let circulation = (&field * &tangent).sum() * step;
        let exact = 2.0 * std::f64::consts::PI * omega * rho * rho;
        assert!((circulation - exact).abs() < 1e-9, "{circulation} {exact}");
    }
    // Conservative: the Jacobian of an exact field is symmetric.
    for law in laws() {
        let j = law.jacobian(x.view(), 0.4).unwrap();
        assert!(j.outer_iter().all(|j| (j[[0, 1]] - j[[1, 0]]).abs() < 1e-13));
    }
}

/// Data A z: s(x) = A s_z(Aᵀx) − (I − AAᵀ)x/σ², with A's columns orthonormal, checked against the
/// mixture whose components lie in the subspace as low-rank covariances.
#[test]
fn subspace_split() {
    let rows = frame(2, 6);
    let part = |m: [f64; 2], v: [f64; 2]| {
        Gaussian::new(ndarray::arr1(&m), Covariance::diagonal(v.to_vec()).unwrap()).unwrap()
    };
    let inner =
        Mixture::new(vec![0.4, 0.6], vec![part([1.0, 0.0], [0.5, 0.2]), part([-1.0, 0.5], [0.1, 1.0])])
            .unwrap();
    let lifted = |g: &Gaussian| {
        let values = g.covariance().values().to_vec();
        Gaussian::new(g.mean().dot(&rows), Covariance::from_parts(rows.clone(), values, 0.0).unwrap())
            .unwrap()
    };
    let whole =
        Mixture::new(inner.weights().to_vec(), inner.components().iter().map(lifted).collect()).unwrap();
    let embedded = Embedded::new(inner.clone(), rows.clone(), Array1::zeros(6)).unwrap();
    let x = normals(5, 6, 7);
    for sigma in [0.05, 0.5, 5.0] {
        let z = x.dot(&rows.t());
        let by_hand =
            inner.score(z.view(), sigma).unwrap().dot(&rows) - (&x - &z.dot(&rows)) / (sigma * sigma);
        let scale = 1e-12 * (1.0 + 1.0 / (sigma * sigma));
        for field in [&whole as &dyn Denoiser, &embedded] {
            let error =
                (field.score(x.view(), sigma).unwrap() - &by_hand).iter().fold(0.0f64, |m, e| m.max(e.abs()));
            assert!(error < scale, "{sigma}: {error:e}");
        }
    }
}
