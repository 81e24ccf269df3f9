//! Expectation-maximisation: known mixtures are found, the likelihood rises, edges have an answer.

use ndarray::{Array2, array};
use ridgewalk::closed_form::{Covariance, CovarianceKind, Gaussian, Mixture, MixtureFit};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Density, Error, PointSet};

const KINDS: [CovarianceKind; 4] =
    [CovarianceKind::Full, CovarianceKind::LowRank(2), CovarianceKind::LowRank(0), CovarianceKind::Diagonal];

fn normals(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || stream.normal())
}

/// Three components in the plane, many standard deviations apart.
fn truth() -> Mixture {
    let part = |m: [f64; 2], c: [[f64; 2]; 2]| {
        let c = ndarray::Array2::from(c.to_vec());
        Gaussian::new(ndarray::arr1(&m), Covariance::from_dense(c.view()).unwrap()).unwrap()
    };
    let parts = vec![
        part([0.0, 0.0], [[1.0, 0.5], [0.5, 1.0]]),
        part([20.0, 0.0], [[0.5, 0.0], [0.0, 2.0]]),
        part([0.0, 30.0], [[2.0, -1.0], [-1.0, 1.0]]),
    ];
    Mixture::new(vec![0.2, 0.3, 0.5], parts).unwrap()
}

fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// With 6,000 points the smallest component has 1,200: standard errors are √(2/1200) = 0.04 of an
/// entry of its covariance, of order 2 at most, and 0.006 of a weight; four of them.
#[test]
fn a_well_separated_mixture_is_found() {
    let truth = truth();
    let points = PointSet::vectors(truth.sample(6_000, 1)).unwrap();
    let fitted = MixtureFit::new(3, CovarianceKind::Full).fit_with_report(&points).unwrap();
    assert!(fitted.report.converged);
    for (w, g) in truth.weights().iter().zip(truth.components()) {
        let (v, found) = fitted
            .mixture
            .weights()
            .iter()
            .zip(fitted.mixture.components())
            .min_by(|a, b| distance(a.1, g).total_cmp(&distance(b.1, g)))
            .unwrap();
        assert!((w - v).abs() < 0.025);
        assert!(distance(found, g) < 0.2);
        assert!(worst(&found.covariance().to_dense(), &g.covariance().to_dense()) < 0.3);
    }
    // The maximum of the likelihood is above the truth's, by about parameters/(2n) per point.
    let at_truth = truth.log_density(points.values(), 1e-9).unwrap().sum() / 6_000.0;
    let gain = fitted.report.log_likelihood - at_truth;
    assert!(gain > 0.0 && gain < 3.0 * 17.0 / (2.0 * 6_000.0), "{gain}");
}

fn distance(a: &Gaussian, b: &Gaussian) -> f64 {
    let shift = &a.mean() - &b.mean();
    shift.dot(&shift).sqrt()
}

#[test]
fn bic_finds_the_number_of_components() {
    let points = PointSet::vectors(truth().sample(900, 2)).unwrap();
    let fits = MixtureFit::new(1, CovarianceKind::Full).choose_components(&points, 1..=5).unwrap();
    assert_eq!(fits.len(), 5);
    assert_eq!(fits[0].mixture.len(), 3);
    assert_eq!(fits[0].report.parameters, 2 + 3 * (2 + 3));
    assert!(MixtureFit::new(1, CovarianceKind::Full).choose_components(&points, 2..2).is_err());
}

/// Overlapping components, both kinds, and fewer points a component than dimensions, where the floor
/// is at work. Skipping probabilities below 1e-8 leaves that much slack, times a log-density of 10³.
#[test]
fn likelihood_rises_at_every_iteration() {
    for (n, d, k) in [(300, 3, 4), (60, 12, 6)] {
        let values = normals(n, d, 5) * &normals(1, d, 6);
        let points = PointSet::vectors(values).unwrap();
        for kind in KINDS {
            let fit = MixtureFit { tolerance: 0.0, max_iterations: 60, ..MixtureFit::new(k, kind) };
            let report = fit.fit_with_report(&points).unwrap().report;
            assert_eq!(report.iterations + 1, report.trace.len());
            assert_eq!(report.reseeded, 0);
            for pair in report.trace.windows(2) {
                assert!(pair[1] >= pair[0] - 1e-5, "{kind:?}: {} after {}", pair[1], pair[0]);
            }
        }
    }
}

#[test]
fn one_component_is_the_gaussian_by_moments() {
    let points = PointSet::vectors(normals(50, 4, 7) + 100.0).unwrap();
    for kind in KINDS {
        let mixture = MixtureFit::new(1, kind).fit(&points).unwrap();
        let gaussian = Gaussian::fit(&points, kind).unwrap();
        assert!(distance(&mixture.components()[0], &gaussian) < 1e-12);
        let found = mixture.components()[0].covariance().to_dense();
        assert!(worst(&found, &gaussian.covariance().to_dense()) < 1e-12);
    }
}

/// The population covariance of a 4-d Gaussian by hand: its leading eigenvalues stay, the others are
/// replaced by their mean.
#[test]
fn low_rank_keeps_leading_variances_and_averages_the_rest() {
    let mut rows = Vec::new();
    for (axis, radius) in [4.0, 3.0, 2.0, 1.0f64].into_iter().enumerate() {
        for sign in [-1.0, 1.0] {
            let mut row = [0.0; 4];
            row[axis] = sign * radius;
            rows.push(row);
        }
    }
    let points = PointSet::vectors(Array2::from(rows)).unwrap();
    // Variances are r²·2/8: 4, 2.25, 1, 0.25.
    let c = Gaussian::fit(&points, CovarianceKind::LowRank(2)).unwrap().covariance().clone();
    assert!((c.values()[0] - 4.0).abs() < 1e-14 && (c.values()[1] - 2.25).abs() < 1e-14);
    assert!((c.isotropic_variance() - 0.625).abs() < 1e-14);
}

/// Diagonal clusters: the number of components, each coordinate's variance (four standard errors,
/// √(2/300) of it), and d parameters each. Correlated data cost a diagonal mixture likelihood.
#[test]
fn diagonal_mixtures_are_found_and_chosen() {
    let part = |m: [f64; 2], v: [f64; 2]| {
        Gaussian::new(ndarray::arr1(&m), Covariance::diagonal(v.to_vec()).unwrap()).unwrap()
    };
    let parts =
        vec![part([0.0, 0.0], [1.0, 0.01]), part([9.0, 0.0], [0.04, 4.0]), part([0.0, 9.0], [1.0, 1.0])];
    let points =
        PointSet::vectors(Mixture::new(vec![1.0; 3], parts.clone()).unwrap().sample(900, 3)).unwrap();
    let fits = MixtureFit::new(1, CovarianceKind::Diagonal).choose_components(&points, 1..=4).unwrap();
    assert_eq!(fits[0].mixture.len(), 3);
    assert_eq!(fits[0].report.parameters, 2 + 3 * (2 + 2));
    for g in &parts {
        let found =
            fits[0].mixture.components().iter().min_by(|a, b| distance(a, g).total_cmp(&distance(b, g)));
        let found = found.unwrap().covariance().diagonal_variances().unwrap();
        for (a, b) in found.iter().zip(g.covariance().diagonal_variances().unwrap()) {
            assert!((a / b - 1.0).abs() < 0.33, "{a} {b}");
        }
    }
    // By hand: the points (0, 0), (2, 4) have variances 1 and 4.
    let two = PointSet::vectors(array![[0.0, 0.0], [2.0, 4.0]]).unwrap();
    let g = Gaussian::fit(&two, CovarianceKind::Diagonal).unwrap();
    assert_eq!(g.covariance().diagonal_variances(), Some(&[1.0, 4.0][..]));
    let correlated = PointSet::vectors(truth().sample(300, 4)).unwrap();
    let likelihood =
        |kind| MixtureFit::new(3, kind).fit_with_report(&correlated).unwrap().report.log_likelihood;
    assert!(likelihood(CovarianceKind::Full) > likelihood(CovarianceKind::Diagonal) + 0.05);
}

#[test]
fn edges_have_a_defined_answer() {
    let fit = |k, values| MixtureFit::new(k, CovarianceKind::Full).fit(&PointSet::vectors(values).unwrap());
    assert!(matches!(fit(1, array![[1.0, 2.0]]), Err(Error::Argument { name: "points", .. })));
    assert!(matches!(fit(2, Array2::ones((5, 2))), Err(Error::Argument { name: "points", .. })));
    assert!(matches!(fit(3, array![[0.0], [1.0]]), Err(Error::Argument { name: "components", .. })));
    assert!(matches!(fit(0, array![[0.0], [1.0]]), Err(Error::Argument { name: "components", .. })));
    // One component a point; duplicates; a constant coordinate: the floor is their variance.
    let two = fit(2, array![[0.0, 5.0], [1.0, 5.0]]).unwrap();
    let floor = 1e-6 * 0.125;
    for g in two.components() {
        assert!(worst(&g.covariance().to_dense(), &(Array2::eye(2) * floor)) < 1e-12 * floor);
    }
    let pairs = fit(4, array![[0.0], [0.0], [1.0], [1.0], [0.0]]).unwrap();
    assert!((2..=4).contains(&pairs.len()));
    assert!((pairs.weights().iter().sum::<f64>() - 1.0).abs() < 1e-12);
    for bad in [
        MixtureFit { restarts: 0, ..MixtureFit::new(1, CovarianceKind::Full) },
        MixtureFit { floor: 0.0, ..MixtureFit::new(1, CovarianceKind::Full) },
        MixtureFit { tolerance: f64::NAN, ..MixtureFit::new(1, CovarianceKind::Full) },
    ] {
        assert!(bad.fit(&PointSet::vectors(array![[0.0], [1.0]]).unwrap()).is_err());
    }
}

#[test]
fn fit_does_not_depend_on_threads() {
    // More dimensions than one task of the scatter takes.
    let points = PointSet::vectors(normals(200, 150, 9)).unwrap();
    let fit = MixtureFit { max_iterations: 10, ..MixtureFit::new(3, CovarianceKind::LowRank(2)) };
    let whole = fit.fit_with_report(&points).unwrap();
    for threads in [1, 2, 7] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| fit.fit_with_report(&points).unwrap()), whole);
    }
    let other = MixtureFit { seed: 1, ..fit };
    assert_ne!(other.fit_with_report(&points).unwrap(), whole);
}
