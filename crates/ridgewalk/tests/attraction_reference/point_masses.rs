//! Five point masses in the plane, bare and with noise: where samples end, and how often at each.

use ndarray::{Array2, array};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::{Denoiser, Karras, Mad, PointSet, Sampler};

use crate::{DIFFERENCE, hybrid, with};

const WEIGHTS: [f64; 5] = [0.35, 0.25, 0.2, 0.12, 0.08];

fn centres() -> Array2<f64> {
    array![[0.0, 0.0], [1.5, 0.3], [-1.0, 1.2], [0.4, -1.6], [-1.3, -1.0]]
}

/// Distances to the nearest centre, rising, and the frequency of each centre.
fn ends(model: &dyn Denoiser, b: f64, n: usize) -> (Vec<f64>, [f64; 5]) {
    let mad = Mad::new(model, with(b, DIFFERENCE)).unwrap();
    let sampler = Sampler::new(hybrid(mad.onset_level()), Karras::new(0.002..80.0, 40)).seed(3);
    let samples = sampler.run(&mad, n).unwrap().points;
    let found = ridgewalk::neighbours::nearest(samples.view(), centres().view(), 1).unwrap();
    let mut distances = found.nearest_distances().to_vec();
    distances.sort_by(f64::total_cmp);
    let mut frequencies = [0.0; 5];
    found.nearest_indices().iter().for_each(|&i| frequencies[i] += 1.0 / n as f64);
    (distances, frequencies)
}

fn check_frequencies(found: [f64; 5], expected: [f64; 5], n: usize) {
    for (found, expected) in found.iter().zip(expected) {
        // Four standard errors of the difference to the reference's own 4,000 samples.
        let error = (expected * (1.0 - expected) * (1.0 / n as f64 + 1.0 / 4000.0)).sqrt();
        assert!((found - expected).abs() < 4.0 * error, "{found} {expected}");
    }
}

/// The reference's means and 99th percentiles of 4,000 samples. A mean's relative standard error is about 0.9/√n at
/// the most (a Rayleigh law's is 0.52, attraction spreads it), a percentile's about 3/√n.
#[test]
fn noisy_point_masses() {
    let model = {
        let around = |row: ndarray::ArrayView1<f64>| {
            Gaussian::new(row.to_owned(), Covariance::isotropic(2, 0.0025).unwrap()).unwrap()
        };
        Mixture::new(WEIGHTS.to_vec(), centres().outer_iter().map(around).collect()).unwrap()
    };
    let n = 3000;
    for (b, mean, percentile, frequencies) in [
        (0.0, 0.06326, 0.15512, [0.335, 0.257, 0.205, 0.121, 0.082]),
        (2.0, 0.02150, 0.06090, [0.336, 0.257, 0.205, 0.121, 0.082]),
        (4.0, 0.00671, 0.02026, [0.337, 0.257, 0.204, 0.121, 0.082]),
        (8.0, 0.00020, 0.00066, [0.338, 0.257, 0.203, 0.121, 0.081]),
        (16.0, 0.00001, 0.00002, [0.340, 0.260, 0.203, 0.118, 0.080]),
    ] {
        let (distances, found) = ends(&model, b, n);
        let got = distances.iter().sum::<f64>() / n as f64;
        assert!((got - mean).abs() < 0.07 * mean + 5e-6, "{b}: {got} {mean}");
        let got = distances[n * 99 / 100];
        assert!((got - percentile).abs() < 0.15 * percentile + 5e-6, "{b}: {got} {percentile}");
        check_frequencies(found, frequencies, n);
    }
}

/// A point mass is reached whatever the strength: A vanishes there.
#[test]
fn bare_point_masses() {
    let model = Empirical::weighted(&PointSet::vectors(centres()).unwrap(), &WEIGHTS).unwrap();
    for (b, frequencies) in
        [(0.0, [0.335, 0.257, 0.205, 0.121, 0.082]), (16.0, [0.339, 0.260, 0.203, 0.119, 0.080])]
    {
        let (distances, found) = ends(&model, b, 1000);
        let mean = distances.iter().sum::<f64>() / 1000.0;
        assert!(mean < 1e-5 && distances[999] < 1e-4, "{b}: {mean} {}", distances[999]);
        check_frequencies(found, frequencies, 1000);
    }
}
