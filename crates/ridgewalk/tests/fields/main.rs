//! Every exact field against the laws that bind its parts, and against independent sums.

mod each;
mod references;

use ndarray::{Array1, Array2, ArrayView2, Axis, Slice};
use ridgewalk::Density;
use ridgewalk::closed_form::Covariance;
use ridgewalk::random::{Purpose, Stream};

fn normals(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || stream.normal())
}

/// m orthonormal rows of R^d.
fn frame(m: usize, d: usize, seed: u64) -> Array2<f64> {
    let a = normals(d, d, seed);
    let all = Covariance::from_dense(a.dot(&a.t()).view()).unwrap();
    all.vectors().slice_axis(Axis(0), Slice::from(..m)).to_owned()
}

fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    assert_eq!(a.dim(), b.dim());
    (a - b).iter().fold(0.0, |m, v| if v.is_nan() { f64::INFINITY } else { m.max(v.abs()) })
}

fn column(a: Array1<f64>) -> Array2<f64> {
    a.insert_axis(Axis(1))
}

/// f′(0) by the five-point formula: an error of h⁴f⁽⁵⁾/30.
fn slope(h: f64, f: impl Fn(f64) -> Array2<f64>) -> Array2<f64> {
    ((f(-2.0 * h) - f(2.0 * h)) + (f(h) - f(-h)) * 8.0) / (12.0 * h)
}

/// All laws that tie a field's answers together, at `points` displaced by a few σ, for every σ.
///
/// Lengths are in units of σ. Differences use a step of σ/500: with derivatives of order 100 in that
/// unit, their own error is below 1e-9, and rounding of D and of log p adds about 1e-16·|x|/σ and
/// 1e-16·|log p| times 500.
fn check_field(name: &str, field: &dyn Density, points: ArrayView2<f64>, sigmas: &[f64]) {
    let d = field.dim();
    for (level, &sigma) in sigmas.iter().enumerate() {
        let x = &points + &(normals(points.nrows(), d, level as u64) * (1.5 * sigma));
        let at = format!("{name} at sigma {sigma}");
        let h = 0.002 * sigma;
        let eye = Array2::<f64>::eye(d);
        let size = x.iter().fold(0.0f64, |m, v| m.max(v.abs())) / sigma + 1.0;

        let denoised = field.denoise(x.view(), sigma).unwrap();
        let score = field.score(x.view(), sigma).unwrap() * sigma;
        let log_p = field.log_density(x.view(), sigma).unwrap();
        let depth = log_p.iter().fold(1.0f64, |m, v| m.max(v.abs()))
            + score.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
        let close = 1e-13 * size;
        let rough = 2e-8 + 1e-13 * (size + depth);

        assert!(worst(&score, &((&denoised - &x) / sigma)) < close, "Tweedie: {at}");
        let noise = field.noise(x.view(), sigma).unwrap();
        assert!(worst(&noise, &-&score) < close, "noise: {at}");

        let jacobian = field.jacobian(x.view(), sigma).unwrap();
        let hessian = field.hessian(x.view(), sigma).unwrap() * (sigma * sigma);
        for k in 0..d {
            let along = |t: f64| &x + &(&eye.row(k) * t);
            let gradient = slope(h, |t| column(field.log_density(along(t).view(), sigma).unwrap()));
            let error = worst(&(gradient * sigma), &column(score.column(k).to_owned()));
            assert!(error < rough, "score: {at}, axis {k}: {error:e}");
            let by_difference = slope(h, |t| field.denoise(along(t).view(), sigma).unwrap());
            let error = worst(&by_difference, &jacobian.index_axis(Axis(2), k).to_owned());
            assert!(error < rough, "Jacobian: {at}, axis {k}: {error:e}");
        }
        for (j, h) in jacobian.outer_iter().zip(hessian.outer_iter()) {
            assert_eq!(h, h.t(), "symmetry: {at}");
            assert!(worst(&h.to_owned(), &(&j - &eye)) < close, "Hessian: {at}");
        }

        let v = normals(x.nrows(), d, 77);
        let (jv, jtv) =
            (field.jvp(x.view(), sigma, v.view()).unwrap(), field.vjp(x.view(), sigma, v.view()).unwrap());
        let hv = field.hessian_product(x.view(), sigma, v.view()).unwrap() * (sigma * sigma);
        let divergence = field.divergence(x.view(), sigma).unwrap();
        for row in 0..x.nrows() {
            let j = jacobian.index_axis(Axis(0), row);
            let (v, scale) = (v.row(row), close * d as f64);
            let near = |a: Array1<f64>, b: Array1<f64>| (a - b).iter().all(|e| e.abs() < scale);
            assert!(near(jv.row(row).to_owned(), j.dot(&v)), "J v: {at}");
            assert!(near(jtv.row(row).to_owned(), j.t().dot(&v)), "v J: {at}");
            assert!(near(hv.row(row).to_owned(), hessian.index_axis(Axis(0), row).dot(&v)), "H v: {at}");
            assert!((divergence[row] - j.diag().sum()).abs() < scale, "trace: {at}");
        }

        let (again, derivative) = field.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
        assert!(worst(&again, &denoised) < close * sigma, "D twice: {at}");
        let by_difference = slope(h, |t| field.denoise(x.view(), sigma + t).unwrap());
        let error = worst(&by_difference, &derivative);
        assert!(error < rough, "sigma derivative: {at}: {error:e}");
        let rate = slope(h, |t| column(field.log_density(x.view(), sigma + t).unwrap())) * sigma;
        let heat: Array1<f64> = divergence - d as f64 + (&score * &score).sum_axis(Axis(1));
        // Both sides are of the size of ‖score‖².
        let error =
            worst(&rate, &column(heat.clone())) / (1.0 + heat.iter().fold(0.0f64, |m, v| m.max(v.abs())));
        assert!(error < rough, "heat equation: {at}: {error:e}");

        // A row is its own, whatever the batch.
        let one = x.slice_axis(Axis(0), Slice::from(1..2));
        assert_eq!(field.denoise(one, sigma).unwrap().row(0), denoised.row(1), "batch: {at}");
        assert_eq!(field.log_density(one, sigma).unwrap()[0], log_p[1], "batch: {at}");
        assert_eq!(
            field.jacobian(one, sigma).unwrap().index_axis(Axis(0), 0),
            jacobian.index_axis(Axis(0), 1),
            "batch: {at}"
        );
        assert!(field.differentiable().is_some() && field.density().is_some());
    }
}

/// Points of the unit sphere of R^m.
fn directions(n: usize, m: usize, seed: u64) -> Array2<f64> {
    let x = normals(n, m, seed);
    let norms = x.map_axis(Axis(1), |row| row.dot(&row).sqrt());
    x / norms.insert_axis(Axis(1))
}

/// Two fields that are the same law say the same, to `tolerance` in units of σ.
fn agree(
    name: &str,
    a: &dyn Density,
    b: &dyn Density,
    points: ArrayView2<f64>,
    sigmas: &[f64],
    tolerance: f64,
) {
    for &sigma in sigmas {
        let x = &points + &(normals(points.nrows(), a.dim(), 91) * sigma);
        let v = normals(points.nrows(), a.dim(), 92);
        let all = |f: &dyn Density| {
            let (d, ds) = f.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            let batch = x.nrows();
            let flat = |m: ndarray::Array3<f64>| m.into_shape_with_order((batch, a.dim() * a.dim())).unwrap();
            [
                ("D", d / sigma),
                ("dD/dsigma", ds),
                ("score", f.score(x.view(), sigma).unwrap() * sigma),
                ("log p", column(f.log_density(x.view(), sigma).unwrap())),
                ("J v", f.jvp(x.view(), sigma, v.view()).unwrap()),
                ("J", flat(f.jacobian(x.view(), sigma).unwrap())),
                ("H", flat(f.hessian(x.view(), sigma).unwrap() * (sigma * sigma))),
                ("H v", f.hessian_product(x.view(), sigma, v.view()).unwrap() * (sigma * sigma)),
                ("trace", column(f.divergence(x.view(), sigma).unwrap())),
            ]
        };
        for ((what, a), (_, b)) in all(a).into_iter().zip(all(b)) {
            let size = b.iter().fold(1.0f64, |m, v| m.max(v.abs()));
            let error = worst(&a, &b) / size;
            assert!(error < tolerance, "{name}, {what} at sigma {sigma}: {error:e}");
        }
        if let (Some(a), Some(b)) = (a.moments(), b.moments()) {
            assert!(
                (&a.mean - &b.mean).iter().all(|e| e.abs() < 1e-12) && (a.std - b.std).abs() < 1e-12 * b.std
            );
        }
    }
}
