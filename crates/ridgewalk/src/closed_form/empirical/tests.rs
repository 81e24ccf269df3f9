use ndarray::{Array1, Array2, ArrayView2, array};

use super::*;
use crate::denoiser::FiniteDifference;
use crate::points::rows;
use crate::random::{Purpose, Stream};

/// D, ∂D/∂σ, tr J, log p and J v by plain f64 sums over all points: the definition.
struct Direct {
    mean: Array1<f64>,
    sigma_derivative: Array1<f64>,
    divergence: f64,
    log_density: f64,
    jvp: Array1<f64>,
}

fn direct(
    points: ArrayView2<f64>,
    weights: &[f64],
    x: ndarray::ArrayView1<f64>,
    sigma: f64,
    v: ndarray::ArrayView1<f64>,
) -> Direct {
    let r2: Vec<f64> =
        points.outer_iter().map(|p| p.iter().zip(&x).map(|(a, b)| (a - b) * (a - b)).sum()).collect();
    let total: f64 = weights.iter().sum();
    let logs: Vec<f64> =
        r2.iter().zip(weights).map(|(r2, w)| (w / total).ln() - r2 / (2.0 * sigma * sigma)).collect();
    let top = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let z: f64 = logs.iter().map(|l| (l - top).exp()).sum();
    let gamma: Vec<f64> = logs.iter().map(|l| (l - top).exp() / z).collect();
    let d = points.ncols();
    let mut mean = Array1::zeros(d);
    for (g, p) in gamma.iter().zip(points.outer_iter()) {
        mean.scaled_add(*g, &p);
    }
    let mean_r2: f64 = gamma.iter().zip(&r2).map(|(g, r)| g * r).sum();
    let mut sigma_derivative = Array1::zeros(d);
    let mut jvp = Array1::zeros(d);
    let mut divergence = 0.0;
    for ((g, p), r) in gamma.iter().zip(points.outer_iter()).zip(&r2) {
        let offset = &p - &mean;
        sigma_derivative.scaled_add(g * (r - mean_r2) / sigma.powi(3), &offset);
        jvp.scaled_add(g * offset.dot(&v) / sigma.powi(2), &offset);
        divergence += g * offset.dot(&offset) / sigma.powi(2);
    }
    let log_density = top + z.ln() - d as f64 / 2.0 * (2.0 * std::f64::consts::PI * sigma * sigma).ln();
    Direct { mean, sigma_derivative, divergence, log_density, jvp }
}

fn normals(n: usize, d: usize, scale: f64, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || scale * stream.normal())
}

/// Points in clusters, so that at every noise level some, but not all, carry weight.
fn clusters(n: usize, d: usize, scale: f64) -> Array2<f64> {
    let centers = normals(20, d, scale, 1);
    let mut points = normals(n, d, 0.3 * scale, 2);
    for (i, mut row) in points.outer_iter_mut().enumerate() {
        row += &centers.row(i % 20);
    }
    points
}

/// The largest error of D in units of `scale`; errors of derivatives and of log p count a tenth.
fn compare(points: &Array2<f64>, weights: Option<&[f64]>, sigma: f64, scale: f64) -> f64 {
    let data = PointSet::vectors(points.clone()).unwrap();
    let ones = vec![1.0; data.len()];
    let model = match weights {
        Some(w) => Empirical::weighted(&data, w).unwrap(),
        None => Empirical::new(&data).unwrap(),
    };
    let weights = weights.unwrap_or(&ones);
    let d = data.dim();
    let batch = 5;
    let mut x = normals(batch, d, sigma, 5);
    for (q, mut row) in x.outer_iter_mut().enumerate() {
        row += &points.row(q * 7);
    }
    let v = normals(batch, d, 1.0, 6);
    let mean = model.denoise(x.view(), sigma).unwrap();
    let (again, by_sigma) = model.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
    assert_eq!(mean, again);
    let jvp = model.jvp(x.view(), sigma, v.view()).unwrap();
    let divergence = model.divergence(x.view(), sigma).unwrap();
    let log_density = model.log_density(x.view(), sigma).unwrap();
    let mut worst: f64 = 0.0;
    for q in 0..batch {
        let expected = direct(points.view(), weights, x.row(q), sigma, v.row(q));
        let error = |a: ndarray::ArrayView1<f64>, b: &Array1<f64>| {
            a.iter().zip(b).fold(0.0f64, |m, (a, b)| m.max((a - b).abs()))
        };
        worst = worst.max(error(mean.row(q), &expected.mean) / scale);
        worst = worst.max(0.1 * error(by_sigma.row(q), &expected.sigma_derivative) * sigma / scale);
        let size = expected.jvp.dot(&expected.jvp).sqrt().max(1e-3);
        worst = worst.max(0.1 * error(jvp.row(q), &expected.jvp) / size);
        worst = worst.max(0.1 * (divergence[q] - expected.divergence).abs() / (1.0 + expected.divergence));
        worst = worst.max(0.1 * (log_density[q] - expected.log_density).abs());
    }
    worst
}

#[test]
fn agrees_with_direct_sums_at_every_noise_level() {
    for d in [1, 2, 16, 17, 64, 300] {
        for scale in [1.0, 255.0] {
            let points = clusters(3000, d, scale);
            for level in [1e-3, 1e-2, 0.1, 0.3, 1.0, 2.0, 5.0, 30.0, 1e3] {
                let error = compare(&points, None, level * scale, scale);
                assert!(error < 1e-6, "d {d} scale {scale} level {level}: {error:e}");
            }
        }
    }
}

#[test]
fn agrees_with_direct_sums_under_weights() {
    for d in [3, 40] {
        let points = clusters(2000, d, 1.0);
        let weights: Vec<f64> = (0..2000).map(|i| f64::from(i % 7) * 10f64.powi(i % 3)).collect();
        for level in [1e-3, 0.3, 2.0, 100.0, 1e3, 1e4] {
            let error = compare(&points, Some(&weights), level, 1.0);
            assert!(error < 1e-6, "d {d} level {level}: {error:e}");
        }
    }
}

/// The mean is far from zero compared with the spread: expanded squares would lose everything.
#[test]
fn an_offset_costs_no_digits() {
    let points = clusters(2000, 30, 1.0) + 1e4;
    for level in [1e-3, 0.1, 1.0, 100.0] {
        let error = compare(&points, None, level, 1.0);
        assert!(error < 1e-6, "level {level}: {error:e}");
    }
}

#[test]
fn duplicates_and_a_single_point() {
    let mut points = clusters(1500, 24, 1.0);
    let copy = points.row(3).to_owned();
    for i in 0..1000 {
        points.row_mut(i).assign(&copy);
    }
    let merged = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
    assert_eq!(merged.len(), 501);
    for level in [1e-3, 0.5, 5.0] {
        let error = compare(&points, None, level, 1.0);
        assert!(error < 1e-6, "level {level}: {error:e}");
    }
    let one = Empirical::new(&PointSet::vectors(normals(1, 40, 1.0, 3)).unwrap()).unwrap();
    let out = one.denoise(normals(2, 40, 9.0, 4).view(), 0.7).unwrap();
    assert_eq!(out.row(1), one.points().row(0));
    assert_eq!(one.divergence(normals(2, 40, 9.0, 4).view(), 0.7).unwrap(), array![0.0, 0.0]);
}

#[test]
fn derivatives_agree_with_central_differences() {
    // Few coordinates: all in f64, so that differences have digits to lose.
    let data = PointSet::vectors(clusters(400, 12, 1.0)).unwrap();
    let model = Empirical::new(&data).unwrap();
    let numeric = FiniteDifference::new(&model);
    let x = &rows(&data.values(), 0..4) + &normals(4, 12, 0.8, 8);
    let v = normals(4, 12, 1.0, 9);
    for sigma in [0.4, 0.8] {
        let exact = model.jvp(x.view(), sigma, v.view()).unwrap();
        let approximate = numeric.jvp(x.view(), sigma, v.view()).unwrap();
        assert!((&exact - &approximate).iter().all(|e| e.abs() < 1e-5), "{:?}", &exact - &approximate);
        let (_, exact) = model.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
        let (_, approximate) = numeric.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
        assert!((exact - approximate).iter().all(|e| e.abs() < 1e-5));
    }
}

/// Tweedie: the score is the gradient of log p_σ.
#[test]
fn score_is_the_gradient_of_the_log_density() {
    let data = PointSet::vectors(clusters(300, 12, 1.0)).unwrap();
    let model = Empirical::new(&data).unwrap();
    let x = normals(1, 12, 1.0, 10);
    let score = model.score(x.view(), 0.9).unwrap();
    for k in 0..12 {
        let h = 1e-4;
        let (mut ahead, mut behind) = (x.clone(), x.clone());
        ahead[(0, k)] += h;
        behind[(0, k)] -= h;
        let slope = (model.log_density(ahead.view(), 0.9).unwrap()[0]
            - model.log_density(behind.view(), 0.9).unwrap()[0])
            / (2.0 * h);
        assert!((slope - score[(0, k)]).abs() < 1e-5);
    }
}

#[test]
fn the_same_bytes_for_every_batch_and_thread_count() {
    for d in [5, 70] {
        let points = clusters(2500, d, 1.0);
        let model = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
        let x = &rows(&points.view(), 0..150) + &normals(150, d, 1.0, 11);
        for sigma in [0.05, 0.7, 2.0, 10.0] {
            let run = |threads: usize| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                pool.install(|| model.denoise_with_sigma_derivative(x.view(), sigma).unwrap())
            };
            let whole = run(1);
            assert_eq!(whole, run(2));
            assert_eq!(whole, run(7));
            for row in [0, 9, 63, 64, 149] {
                let alone =
                    model.denoise_with_sigma_derivative(rows(&x.view(), row..row + 1), sigma).unwrap();
                assert_eq!(alone.0.row(0), whole.0.row(row), "d {d} sigma {sigma} row {row}");
                assert_eq!(alone.1.row(0), whole.1.row(row), "d {d} sigma {sigma} row {row}");
            }
        }
    }
}

#[test]
fn far_away_and_extreme_levels_are_finite() {
    let data = PointSet::vectors(clusters(500, 33, 1.0)).unwrap();
    let model = Empirical::new(&data).unwrap();
    for (distance, sigma) in [(1e3, 1e-3), (1e8, 1.0), (1.0, 1e-12), (1.0, 1e12)] {
        let x = normals(3, 33, distance, 12);
        let out = model.denoise(x.view(), sigma).unwrap();
        let (low, high) = data.range();
        assert!(out.iter().all(|v| *v >= low - 1e-9 && *v <= high + 1e-9), "{distance} {sigma}");
    }
}

/// Squared distances that overflow: the nearest point is still the answer. At x = 1e200·(1, …, 1) that is
/// the point of the largest sum of coordinates, although all differences round to the same number.
#[test]
fn the_nearest_point_beyond_the_range_of_squares() {
    for d in [3, 40] {
        let points = clusters(300, d, 1.0);
        let model = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
        let sums = points.sum_axis(Axis(1));
        let farthest = (0..300).max_by(|&i, &j| sums[i].total_cmp(&sums[j])).unwrap();
        let out = model.denoise(Array2::from_elem((2, d), 1e200).view(), 1.0).unwrap();
        assert_eq!(out.row(1), points.row(farthest), "d {d}");

        let near = &points + &normals(300, d, 1e-3, 12);
        let (out, by_sigma) = model.denoise_with_sigma_derivative(near.view(), 1e-170).unwrap();
        assert_eq!(out, points, "d {d}");
        assert!(by_sigma.iter().all(|v| *v == 0.0));
        let jvp = model.jvp(near.view(), 1e-170, normals(300, d, 1.0, 13).view()).unwrap();
        assert!(jvp.iter().all(|v| *v == 0.0));

        // Data of that size, at a noise level of that size: all scales by the factor.
        let large = Empirical::new(&PointSet::vectors(&points * 1e200).unwrap()).unwrap();
        let x = &points + &normals(300, d, 0.5, 14);
        let expected = model.denoise(x.view(), 0.5).unwrap();
        let out = large.denoise((&x * 1e200).view(), 0.5e200).unwrap() / 1e200;
        assert!((out - expected).iter().all(|e| e.abs() < 1e-6), "d {d}");
    }
}

/// Two points at ±δ with δ and σ near 1e-170: D = δ·tanh(xδ/σ²) in units of δ.
#[test]
fn squares_that_underflow() {
    let delta = 1e-170;
    let model = Empirical::new(&PointSet::vectors(array![[-delta], [delta]]).unwrap()).unwrap();
    let out = model.denoise(array![[0.3 * delta]].view(), delta).unwrap();
    assert!((out[(0, 0)] / delta - 0.3f64.tanh()).abs() < 1e-12);
}

#[test]
fn results_beyond_f64_are_errors_that_name_the_row() {
    for d in [3, 40] {
        let model = Empirical::new(&PointSet::vectors(clusters(300, d, 1.0)).unwrap()).unwrap();
        let mut x = normals(3, d, 1.0, 5);
        x[(1, 0)] = 1e200;
        let err = model.log_density(x.view(), 0.5).unwrap_err();
        assert!(matches!(err, Error::Numerical { what: "the log-density", .. }), "{err}");
        assert!(err.to_string().contains("row 1") && err.to_string().contains("5e-1"), "{err}");
    }
    let apart = PointSet::vectors(array![[-1e308, 1e308], [1e308, -1e308]]).unwrap();
    let model = Empirical::new(&apart).unwrap();
    let err = model.divergence(array![[0.0, 0.0]].view(), 1.0).unwrap_err();
    assert!(matches!(err, Error::Numerical { what: "the divergence", .. }), "{err}");
}

/// J is linear: a direction beyond f32's range is one of size one, scaled.
#[test]
fn tangents_of_any_size() {
    let data = PointSet::vectors(clusters(600, 40, 1.0)).unwrap();
    let model = Empirical::new(&data).unwrap();
    let (x, v) = (normals(2, 40, 5.0, 7), normals(2, 40, 1.0, 8));
    let expected = model.jvp(x.view(), 5.0, v.view()).unwrap();
    for size in [1e-60, 1e60, 1e200] {
        let got = model.jvp(x.view(), 5.0, (&v * size).view()).unwrap() / size;
        assert!((&got - &expected).iter().all(|e| e.abs() < 1e-9), "{size:e}");
    }
}

#[test]
fn bad_arguments_are_named() {
    let data = PointSet::vectors(normals(10, 3, 1.0, 1)).unwrap();
    let model = Empirical::new(&data).unwrap();
    for sigma in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(model.denoise(data.values(), sigma).unwrap_err().to_string().contains("sigma"));
    }
    assert!(model.denoise(normals(2, 4, 1.0, 1).view(), 1.0).unwrap_err().to_string().contains("4 columns"));
    assert!(Empirical::weighted(&data, &[1.0; 9]).is_err());
    assert!(Empirical::weighted(&data, &[0.0; 10]).is_err());
    assert!(Empirical::weighted(&data, &[-1.0; 10]).is_err());
}

#[test]
fn log_weights_make_the_same_model_bit_for_bit() {
    for d in [3, 40] {
        let data = PointSet::vectors(clusters(200, d, 1.0)).unwrap();
        let weights: Vec<f64> = (0..200).map(|i| f64::from(i % 7)).collect();
        let model = Empirical::weighted(&data, &weights).unwrap();
        let points = PointSet::vectors(model.points().to_owned()).unwrap();
        let logs = model.log_weights().unwrap().to_vec();
        let again = Empirical::from_log_weights(&points, logs.clone()).unwrap();
        let x = normals(6, d, 2.0, 3);
        for sigma in [0.1, 1.0, 10.0] {
            assert_eq!(model.denoise(x.view(), sigma).unwrap(), again.denoise(x.view(), sigma).unwrap());
        }
        assert_eq!(model.moments(), again.moments());
        let doubled = logs.iter().map(|l| l + 2f64.ln()).collect();
        for bad in [doubled, logs[1..].to_vec(), vec![f64::NAN; logs.len()]] {
            assert!(Empirical::from_log_weights(&points, bad).is_err());
        }
    }
}

#[test]
fn a_weight_that_vanishes_in_the_sum_leaves_its_point_out() {
    let data = PointSet::vectors(array![[0.0], [1.0]]).unwrap();
    let model = Empirical::weighted(&data, &[1e-300, 1e300]).unwrap();
    assert_eq!(model.points(), array![[1.0]]);
    assert!(Empirical::weighted(&data, &[1e308, 1e308]).is_err());
}
