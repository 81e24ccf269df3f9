use ndarray::{Array1, Array2, Array3, ArrayView2, Axis};

use super::*;
use crate::denoiser::{Denoiser, Visit};
use crate::points::{Moments, PointSet};
use crate::random::{Purpose, Stream};
use crate::{Error, Result};

/// A denoiser without sharing: the trait's own body, a query for every draw.
struct OneByOne<'a>(&'a Empirical);

impl Denoiser for OneByOne<'_> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.0.denoise(x, sigma)
    }
    fn moments(&self) -> Option<Moments> {
        None
    }
}

fn normals(n: usize, d: usize, scale: f64, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || scale * stream.normal())
}

/// Points in twenty clusters near a subspace of few dimensions, so that at every noise level some but not
/// all of them carry weight; every hundredth stands twice.
fn points(n: usize, d: usize) -> PointSet {
    let k = d.min(10);
    let centers = normals(20, k, 1.0, 1);
    let mut low = normals(n, k, 0.3, 2);
    for (i, mut row) in low.outer_iter_mut().enumerate() {
        row += &centers.row(i % 20);
    }
    let mut points = low.dot(&(normals(k, d, 1.0, 3) / (d as f64).sqrt())) + normals(n, d, 0.02, 4);
    for i in (0..n - 1).step_by(100) {
        let copy = points.row(i).to_owned();
        points.row_mut(i + 1).assign(&copy);
    }
    PointSet::vectors(points).unwrap()
}

/// Queries at a noise level about the points.
fn queries(data: &PointSet, batch: usize, sigma: f64) -> Array2<f64> {
    let mut x = normals(batch, data.dim(), sigma, 5);
    for (q, mut row) in x.outer_iter_mut().enumerate() {
        row += &data.values().row(q * 7 % data.len());
    }
    x
}

fn largest(a: &Array3<f64>, b: &Array3<f64>) -> f64 {
    a.iter().zip(b).fold(0.0, |m, (a, b)| m.max((a - b).abs()))
}

fn common<'a>(nodes: &'a Array2<f64>, weights: &'a [f64], groups: usize) -> Displacements<'a> {
    Displacements { nodes: nodes.view(), frames: None, weights, groups }
}

/// Noise levels from 1e-3 to 1e3 times the data's scale (about 1), displacements far below and above both.
#[test]
fn sharing_agrees_with_one_query_a_draw() {
    for (n, d) in [(400, 2), (1000, 10), (4000, 50), (500, 784)] {
        let data = points(n, d);
        let model = Empirical::new(&data).unwrap();
        let levels: &[f64] = if d > 100 { &[1e-3, 0.1, 1.0] } else { &[1e-3, 0.05, 0.3, 1.0, 1e3] };
        for &sigma in levels {
            let x = queries(&data, 3, sigma);
            for shift in [0.05, 0.5, 50.0] {
                let nodes = normals(20, d, shift, 6);
                let displacements = common(&nodes, &[0.1; 20], 2);
                let shared =
                    model.denoise_displaced(x.view(), sigma, &displacements, &Visit::default()).unwrap();
                let alone = OneByOne(&model)
                    .denoise_displaced(x.view(), sigma, &displacements, &Visit::default())
                    .unwrap();
                let error = largest(&shared, &alone);
                assert!(error < 1e-6, "n {n} d {d} sigma {sigma} shift {shift}: {error:e}");
            }
        }
    }
}

/// Weights over nine orders of magnitude, unequal weights of draws, and draws that make a part of a group
/// in one block: two draws, and forty.
#[test]
fn weighted_points_and_draws() {
    let data = points(5000, 40);
    let mut stream = Stream::new(8, Purpose::Evaluation, 0, 0);
    let weights: Vec<f64> = (0..data.len()).map(|_| 10f64.powf(-9.0 * stream.uniform())).collect();
    let model = Empirical::weighted(&data, &weights).unwrap();
    for draws in [2, 40] {
        let nodes = normals(draws, 40, 0.2, 9);
        let mut of_draw: Vec<f64> = (0..draws).map(|_| stream.uniform()).collect();
        let total: f64 = of_draw.iter().sum();
        of_draw.iter_mut().for_each(|w| *w /= total);
        for sigma in [0.01, 0.1, 0.4, 2.0, 100.0] {
            let x = queries(&data, 4, sigma);
            let displacements = common(&nodes, &of_draw, 1);
            let shared = model.denoise_displaced(x.view(), sigma, &displacements, &Visit::default()).unwrap();
            let alone = OneByOne(&model)
                .denoise_displaced(x.view(), sigma, &displacements, &Visit::default())
                .unwrap();
            let error = largest(&shared, &alone);
            assert!(error < 1e-6, "draws {draws} sigma {sigma}: {error:e}");
        }
    }
}

/// Every row displaced within three directions of its own.
#[test]
fn frames_of_rows_agree_with_one_query_a_draw() {
    for (n, d) in [(500, 3), (3000, 60)] {
        let data = points(n, d);
        let model = Empirical::new(&data).unwrap();
        let nodes = normals(24, 3, 1.0, 10);
        let frames = normals(5 * 3, d, 0.4 / (d as f64).sqrt(), 11).into_shape_with_order((5, 3, d)).unwrap();
        let displacements = Displacements {
            nodes: nodes.view(),
            frames: Some(frames.view()),
            weights: &[1.0 / 24.0; 24],
            groups: 1,
        };
        for sigma in [1e-3, 0.1, 0.5, 20.0] {
            let x = queries(&data, 5, sigma);
            let ask =
                Ask { x: x.view(), sigma, scales: &[1.0], displacements: &displacements, excluded: None };
            let shared = model.means_displaced(&ask).unwrap().swap_remove(0);
            let chosen = model.denoise_displaced(x.view(), sigma, &displacements, &Visit::default()).unwrap();
            let alone = OneByOne(&model)
                .denoise_displaced(x.view(), sigma, &displacements, &Visit::default())
                .unwrap();
            for way in [shared, chosen] {
                let error = largest(&way, &alone);
                assert!(error < 1e-6, "d {d} sigma {sigma}: {error:e}");
            }
        }
    }
}

/// Many points at a high level, where all are summed as products, and few at a low one: the same bytes.
#[test]
fn bytes_do_not_depend_on_threads_or_batches() {
    let data = points(17_000, 20);
    let model = Empirical::new(&data).unwrap();
    let nodes = normals(32, 20, 0.3, 12);
    let displacements = common(&nodes, &[1.0 / 16.0; 32], 2);
    for sigma in [0.02, 0.6] {
        let x = queries(&data, 70, sigma);
        let run = |threads: usize, x: ArrayView2<f64>| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| model.denoise_displaced(x, sigma, &displacements, &Visit::default()).unwrap())
        };
        let one = run(1, x.view());
        assert_eq!(one, run(3, x.view()));
        let part = run(2, crate::points::rows(&x.view(), 65..68));
        for row in 0..3 {
            assert_eq!(part.index_axis(Axis(1), row), one.index_axis(Axis(1), 65 + row));
        }
    }
}

/// A point left out is a model without it; several scales are several calls.
#[test]
fn points_left_out_and_scales() {
    for d in [3, 40] {
        let data = points(1000, d);
        let model = Empirical::new(&data).unwrap();
        let nodes = normals(16, d, 1.0, 13);
        for sigma in [1e-3, 0.1, 1.0] {
            let x = queries(&data, 2, sigma);
            let displacements = common(&nodes, &[1.0 / 16.0; 16], 1);
            let excluded = [0, 500];
            let ask = Ask {
                x: x.view(),
                sigma,
                scales: &[0.0, 0.3],
                displacements: &displacements,
                excluded: Some(&excluded),
            };
            let got = model.means_displaced(&ask).unwrap();
            for (row, &out) in excluded.iter().enumerate() {
                let kept: Vec<usize> = (0..model.len()).filter(|&i| i != out as usize).collect();
                let rest = PointSet::vectors(model.points().select(Axis(0), &kept)).unwrap();
                let weights: Vec<f64> = kept.iter().map(|&i| model.log_weight(i).exp()).collect();
                let rest = Empirical::weighted(&rest, &weights).unwrap();
                for (scale, got) in [0.0, 0.3].iter().zip(&got) {
                    let scaled = &nodes * *scale;
                    let displacements = common(&scaled, &[1.0 / 16.0; 16], 1);
                    let x = crate::points::rows(&x.view(), row..row + 1).to_owned();
                    let expected = OneByOne(&rest)
                        .denoise_displaced(x.view(), sigma, &displacements, &Visit::default())
                        .unwrap();
                    let error = (&got.index_axis(Axis(1), row) - &expected.index_axis(Axis(1), 0))
                        .iter()
                        .fold(0.0f64, |m, e| m.max(e.abs()));
                    assert!(error < 1e-6, "d {d} sigma {sigma} scale {scale} row {row}: {error:e}");
                }
            }
        }
    }
}

/// Two points ±1 with displacements of ±z: (tanh((x + z)/σ²) + tanh((x − z)/σ²))/2, also where squares
/// of distances leave the range of f64.
#[test]
fn two_points_by_hand() {
    let model = Empirical::new(&PointSet::vectors(ndarray::array![[1.0], [-1.0]]).unwrap()).unwrap();
    let nodes = ndarray::array![[0.7], [-0.7]];
    let displacements = common(&nodes, &[0.5, 0.5], 1);
    let x = ndarray::array![[0.3]];
    let value = |sigma: f64| {
        model.denoise_displaced(x.view(), sigma, &displacements, &Visit::default()).unwrap()[(0, 0, 0)]
    };
    for sigma in [0.5f64, 1.0, 3.0] {
        let tanh = |x: f64| (x / sigma / sigma).tanh();
        assert!((value(sigma) - 0.5 * (tanh(1.0) + tanh(-0.4))).abs() < 1e-14);
    }
    assert_eq!(value(1e-160), 0.0);
}

#[test]
fn what_does_not_fit_is_refused() {
    for d in [2, 20] {
        let data = points(50, d);
        let model = Empirical::new(&data).unwrap();
        let x = queries(&data, 2, 1.0);
        let nodes = Array2::from_elem((2, 1), 1.0);
        let mut frames = Array3::zeros((2, 1, d));
        frames[(1, 0, 0)] = f64::NAN;
        let displacements =
            Displacements { nodes: nodes.view(), frames: Some(frames.view()), weights: &[0.5; 2], groups: 1 };
        let refused = model.denoise_displaced(x.view(), 1.0, &displacements, &Visit::default());
        assert!(refused.unwrap_err().to_string().contains("row 1"));
        let far = Array2::from_elem((1, d), 1e300);
        let far = common(&far, &[1.0], 1);
        let beyond = model.denoise_displaced(x.view(), 1.0, &far, &Visit::default());
        // Beyond the range, or right: at that distance the point farthest along the displacement.
        match beyond {
            Err(error) => assert!(matches!(error, Error::Numerical { .. }), "{error}"),
            Ok(mean) => {
                let sums: Array1<f64> = data.values().sum_axis(Axis(1));
                let best = (0..data.len()).max_by(|&a, &b| sums[a].total_cmp(&sums[b])).unwrap();
                let error = &mean.index_axis(Axis(0), 0).row(0) - &data.values().row(best);
                assert!(error.iter().all(|e| e.abs() < 1e-6), "{error}");
            }
        }
        let none = model.denoise_displaced(
            Array2::zeros((0, d)).view(),
            1.0,
            &common(&Array2::zeros((2, d)), &[0.5; 2], 1),
            &Visit::default(),
        );
        assert_eq!(none.unwrap().dim(), (1, 0, d));
    }
}
