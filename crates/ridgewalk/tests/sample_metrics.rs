//! Metrics of samples against closed forms: Fréchet distance, energy distance, precision, recall, density and
//! coverage, PSNR to the nearest clean image.

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::metrics::{
    Bootstrap, NearestPsnr, NeighbourBalls, energy_distance, expected_coverage, frechet_between,
    frechet_distance, frechet_with_interval,
};
use ridgewalk::random::{Purpose, Stream};

fn normals(n: usize, d: usize, key: u64) -> Array2<f64> {
    let mut stream = Stream::new(11, Purpose::Synthetic, key, 0);
    Array2::from_shape_simple_fn((n, d), || stream.normal())
}

/// A rotation of R³ by two angles.
fn rotation() -> Array2<f64> {
    let (c, s) = (0.6, 0.8);
    let a = array![[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]];
    let b = array![[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]];
    a.dot(&b)
}

/// Covariances that commute: tr(Σ + Σ′ − 2(ΣΣ′)^{1/2}) = Σ (√λ − √λ′)². Singular ones among them.
#[test]
fn frechet_of_commuting_covariances_is_a_sum_over_the_spectrum() {
    let r = rotation();
    let with = |values: [f64; 3]| {
        let m = r.dot(&Array2::from_diag(&Array1::from(values.to_vec()))).dot(&r.t());
        0.5 * (&m + &m.t())
    };
    for (a, b) in [
        ([4.0, 1.0, 0.25], [1.0, 9.0, 0.25]),
        ([4.0, 0.0, 0.0], [0.0, 9.0, 0.0]),
        ([2.0, 1e-6, 0.0], [2.0, 0.0, 1e-6]),
    ] {
        let known: f64 =
            a.iter().zip(&b).map(|(x, y): (&f64, &f64)| (x.sqrt() - y.sqrt()).powi(2)).sum::<f64>() + 5.0;
        let (zero, one) = (array![0.0, 0.0, 0.0], array![1.0, 0.0, 2.0]);
        let found = frechet_between(zero.view(), with(a).view(), one.view(), with(b).view()).unwrap();
        // A variance of 1e-16 that rounding makes of a zero one would show as 1e-8.
        assert!((found - known).abs() < 1e-12 * known, "{a:?} {b:?}: {found}, not {known}");
    }
}

/// Covariances that do not commute: in two dimensions tr (ΣΣ′)^{1/2} = √(tr ΣΣ′ + 2√det ΣΣ′), since
/// (√a + √b)² = a + b + 2√(ab) for the two eigenvalues.
#[test]
fn frechet_of_two_by_two_covariances() {
    let (a, b) = (array![[2.0, 0.5], [0.5, 1.0]], array![[1.0, -1.0], [-1.0, 5.0]]);
    let trace: f64 = a.dot(&b).diag().sum();
    let determinant: f64 = (2.0 - 0.25) * (5.0 - 1.0);
    let known = 3.0 + 6.0 - 2.0 * (trace + 2.0 * determinant.sqrt()).sqrt();
    let zero = array![0.0, 0.0];
    let found = frechet_between(zero.view(), a.view(), zero.view(), b.view()).unwrap();
    assert!((found - known).abs() < 1e-12, "{found} {known}");
    let back = frechet_between(zero.view(), b.view(), zero.view(), a.view()).unwrap();
    assert!((found - back).abs() < 1e-12);
}

/// Points in few dimensions, and the same points padded with zeros to more coordinates than points: the path by
/// moments and the path by products of the data give one number.
#[test]
fn frechet_of_few_points_in_many_dimensions_is_that_of_their_span() {
    let (a, b) = (normals(12, 4, 1), 2.0 * normals(9, 4, 2) + 1.0);
    let wide = |x: &Array2<f64>| {
        let mut out = Array2::zeros((x.nrows(), 40));
        for (mut row, from) in out.outer_iter_mut().zip(x.outer_iter()) {
            row.iter_mut().zip(from).for_each(|(o, v)| *o = *v);
        }
        out
    };
    let near = frechet_distance(a.view(), b.view()).unwrap();
    let far = frechet_distance(wide(&a).view(), wide(&b).view()).unwrap();
    assert!((near / far - 1.0).abs() < 1e-12, "{near} {far}");
    // A set and its shifted copy differ by the shift alone, also where Σ is singular.
    let shifted = &wide(&a) + 0.5;
    let found = frechet_distance(wide(&a).view(), shifted.view()).unwrap();
    assert!((found - 40.0 * 0.25).abs() < 1e-10, "{found}");
}

/// N(0, I) and N(0, 4I) in 3 dimensions are 3·(2 − 1)² = 3 apart. Var of the estimate from 2000 + 2000 points is
/// about Σ (1 − 2)²·[Var s² + Var s′²/4] = 3·(2 + 8)/2000: 0.12; three of them. The interval holds the truth.
#[test]
fn frechet_of_samples_finds_the_law_and_says_how_sure_it_is() {
    let (a, b) = (normals(2000, 3, 3), 2.0 * normals(2000, 3, 4));
    let (value, interval) = frechet_with_interval(a.view(), b.view(), &Bootstrap::new(200, 1)).unwrap();
    let (low, high) = interval.unwrap();
    assert!(
        (value - 3.0).abs() < 0.36 && low < 3.0 && 3.0 < high && high - low < 0.8,
        "{value} {low} {high}"
    );
}

#[test]
fn frechet_refuses_what_has_no_covariance() {
    let (one, two) = (normals(1, 3, 0), normals(2, 3, 0));
    let message = frechet_distance(one.view(), two.view()).unwrap_err().to_string();
    assert!(message.contains("two points or more"), "{message}");
    assert!(frechet_distance(two.view(), normals(4, 2, 0).view()).is_err());
    assert!(frechet_distance(array![[0.0], [f64::NAN]].view(), array![[0.0], [1.0]].view()).is_err());
    let zero = array![0.0, 0.0];
    let indefinite = array![[1.0, 2.0], [2.0, 1.0]];
    let fine = Array2::eye(2);
    assert!(frechet_between(zero.view(), indefinite.view(), zero.view(), fine.view()).is_err());
    assert!(frechet_between(zero.view(), fine.view(), array![0.0].view(), fine.view()).is_err());
}

/// Two points at 0 and δ: E‖X − X′‖ of N(0, 1) is 2/√π, E‖X − Y‖ of N(0, 1) and N(δ, 1) is that of |N(δ, 2)|.
/// At δ = 1: E|N(1, 2)| = √2·√(2/π)·e^{−1/4} + erf(1/2). Standard error about 0.06 from 2 × 1000 points; three.
#[test]
fn energy_of_two_normals() {
    let (a, b) = (normals(1000, 1, 5), normals(1000, 1, 6) + 1.0);
    let pi = std::f64::consts::PI;
    let across = 2.0 / pi.sqrt() * libm::exp(-0.25) + libm::erf(0.5);
    let known = 2.0 * across - 4.0 / pi.sqrt();
    let found = energy_distance(a.view(), b.view()).unwrap();
    assert!((found - known).abs() < 0.18, "{found} {known}");
    // Unbiased: the mean over 40 pairs of sets of one law, of which each scatters by about 0.06.
    let mean: f64 = (0..40)
        .map(|key| {
            energy_distance(normals(40, 2, 100 + key).view(), normals(40, 2, 200 + key).view()).unwrap()
        })
        .sum::<f64>()
        / 40.0;
    assert!(mean.abs() < 0.03, "{mean}");
    assert!(energy_distance(a.view(), normals(1, 1, 0).view()).is_err());
}

/// Four reference points with k = 1: balls [−1, 1], [0, 2], [7, 13], [7, 13] of 0, 1, 10, 13.
#[test]
fn balls_by_hand() {
    let reference = array![[0.0], [1.0], [10.0], [13.0]];
    let samples = array![[0.5], [2.0], [5.0], [7.0]];
    let found = NeighbourBalls::new(1).compare(samples.view(), reference.view()).unwrap();
    // 0.5 is in two balls, 2 on the surface of one, 5 in none, 7 on the surface of that of 10.
    assert_eq!(found.densities, [2.0, 1.0, 0.0, 1.0]);
    assert_eq!((found.precision(), found.density()), (0.75, 1.0));
    assert_eq!(found.covered, [true, true, true, false]);
    // Balls of the samples: [−1, 2], [0.5, 3.5], [3, 7], [5, 9].
    assert_eq!(found.recalled, [true, true, false, false]);
    assert_eq!((found.coverage(), found.recall()), (0.75, 0.5));
    for bad in [0, 4] {
        assert!(NeighbourBalls::new(bad).compare(samples.view(), reference.view()).is_err());
    }
    assert!(NeighbourBalls::default().compare(normals(9, 2, 0).view(), normals(9, 3, 0).view()).is_err());
}

/// The law of coverage does not depend on the data's law: 300 against 200 points in 2 and 20 dimensions, mean
/// over 20 draws. One coverage has a standard deviation of about √(0.1·0.9·2/300) = 0.025; four of 0.025/√20.
#[test]
fn coverage_of_samples_of_the_same_law() {
    let known = expected_coverage(300, 200, 3);
    let by_hand = 1.0 - (299.0 * 298.0 * 297.0) / (499.0 * 498.0 * 497.0);
    assert!((known - by_hand).abs() < 1e-15);
    for d in [2, 20] {
        let mut sums = [0.0; 2];
        for key in 0..20 {
            let (reference, samples) = (normals(300, d, 1000 + key), normals(200, d, 2000 + key));
            let found = NeighbourBalls::new(3).compare(samples.view(), reference.view()).unwrap();
            sums[0] += found.coverage() / 20.0;
            sums[1] += found.density() / 20.0;
        }
        assert!((sums[0] - known).abs() < 0.023, "{d} {sums:?} {known}");
        // The density is 1 on average too; hubs in 20 dimensions make it scatter more.
        assert!((sums[1] - 1.0).abs() < 0.1, "{d} {sums:?}");
    }
}

/// Why recall says nothing of noisy samples: noise raises it, while coverage falls.
#[test]
fn noise_raises_recall_and_lowers_coverage() {
    let circle = |n: usize, noise: f64, key: u64| {
        let mut points = noise * normals(n, 8, key);
        for (i, mut row) in points.axis_iter_mut(Axis(0)).enumerate() {
            let angle = (i as f64 + 0.5 * (key % 2) as f64) / n as f64 * std::f64::consts::TAU;
            row[0] += libm::cos(angle);
            row[1] += libm::sin(angle);
        }
        points
    };
    let reference = circle(200, 0.0, 0);
    // Samples of the upper half alone, with and without noise.
    let half = |noise: f64| circle(400, noise, 7).select(Axis(0), &(0..200).collect::<Vec<_>>());
    let balls = NeighbourBalls::new(5);
    let clean = balls.compare(half(0.0).view(), reference.view()).unwrap();
    let noisy = balls.compare(half(0.5).view(), reference.view()).unwrap();
    assert!((0.5..0.56).contains(&clean.recall()) && (0.5..0.56).contains(&clean.coverage()));
    assert!(noisy.recall() > 0.7, "{}", noisy.recall());
    assert!(noisy.coverage() < 0.05, "{}", noisy.coverage());
    let (low, high) = clean.coverage_interval().unwrap();
    assert!(low < clean.coverage() && clean.coverage() < high);
}

/// An image 0.1 off in every pixel of range 1 has 20 dB; one that is 0.01 off has 40.
#[test]
fn psnr_by_hand() {
    let clean = array![[0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0]];
    let samples = array![[0.1, 0.1, 0.9, 0.9], [1.01, 1.01, 0.01, 0.01], [1.0, 1.0, 0.0, 0.0]];
    let psnr = NearestPsnr::new(samples.view(), clean.view(), 1.0).unwrap();
    assert_eq!(psnr.nearest, [0, 1, 1]);
    let each = psnr.each();
    assert!((each[0] - 20.0).abs() < 1e-10 && (each[1] - 40.0).abs() < 1e-10 && each[2] == f64::INFINITY);
    // Mean MSE (0.01 + 0.0001)/3.
    let pooled = psnr.pooled();
    assert!((pooled + 10.0 * libm::log10(0.0101 / 3.0)).abs() < 1e-10);
    let (low, high) = psnr.interval(&Bootstrap::new(400, 0)).unwrap();
    assert!(low < pooled && pooled < high && low >= 20.0 - 1e-9);
    // A range of 255 adds 20 log₁₀ 255.
    let bytes = NearestPsnr::new((255.0 * &samples).view(), (255.0 * &clean).view(), 255.0).unwrap();
    assert!((bytes.pooled() - pooled).abs() < 1e-9);
    assert!(NearestPsnr::new(samples.view(), clean.view(), 0.0).is_err());
}
