//! Errors of learned denoisers by direction (arXiv 2602.06021, the directional split of the training error).

use ndarray::{Array2, ArrayView2, array};
use ridgewalk::closed_form::{Empirical, RandomFeatureFit, Stopping, TrainedFeatures};
use ridgewalk::geometry::{Directional, DirectionalDraws};
use ridgewalk::{Denoiser, PointSet, Result};

/// 13 points along a sine.
fn curve() -> PointSet {
    let values = Array2::from_shape_fn((13, 2), |(i, k)| {
        let x = -3.0 + i as f64 / 2.0;
        if k == 0 { x } else { 1.2 * (std::f64::consts::PI * x / 3.0).sin() }
    });
    PointSet::vectors(values).unwrap()
}

fn modes() -> PointSet {
    PointSet::vectors(array![[-3.0, 0.0], [3.0, 0.0]]).unwrap()
}

fn fit(points: &PointSet, features: usize) -> TrainedFeatures {
    RandomFeatureFit { seed: 3, ..RandomFeatureFit::new(features) }.fit(points).unwrap()
}

/// D of the modes and a displacement that is known.
struct Displaced(Empirical, [f64; 2]);

impl Denoiser for Displaced {
    fn dim(&self) -> usize {
        2
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        Ok(self.0.denoise(x, sigma)? + &array![[self.1[0], self.1[1]]])
    }
}

/// The ridge of two points is the line through them: an error of (0.3, 0.2) is 0.3 along and 0.2 across.
#[test]
fn a_known_error_is_found() {
    let exact = Empirical::new(&modes()).unwrap();
    let draws = DirectionalDraws::new(&exact, &[0.5, 3.0], 1, 100, 0).unwrap();
    assert_eq!(draws.undefined(), [0, 0]);
    for found in draws.error(&Displaced(exact.clone(), [0.3, 0.2])).unwrap() {
        for (found, size) in [(found.tangential, 0.09), (found.normal, 0.04)] {
            assert!((found.mean - size).abs() < 1e-12 && found.standard_error < 1e-12, "{found:?}");
        }
    }
}

/// Loss − least loss = error, in each direction. The two sides differ by a mean of 40,000 products of the error and
/// of what cannot be known, about 0.5 % of the error for one that is not trained to the end.
#[test]
fn what_the_loss_says_by_direction_is_the_error_and_what_cannot_be_known() {
    let exact = Empirical::new(&curve()).unwrap();
    let model = fit(&curve(), 60).at(3.0).unwrap();
    let sigma = 0.2f64.exp_m1().sqrt(); // t = 0.1
    let draws = DirectionalDraws::new(&exact, &[sigma], 1, 40_000, 5).unwrap();
    let (error, loss) = (draws.error(&model).unwrap()[0], draws.loss(&model).unwrap()[0]);
    let least = draws.least_loss().unwrap()[0];
    let parts = |of: fn(&Directional) -> f64| (of(&loss) - of(&least), of(&error));
    for (by_loss, direct) in [parts(|d| d.normal.mean), parts(|d| d.tangential.mean)] {
        assert!((by_loss / direct - 1.0).abs() < 0.01, "{by_loss} {direct}");
    }
}

/// Data that are 0 along y: no bias there, and an error of optimisation that decays to 0.
#[test]
fn directions_without_data_have_no_bias() {
    let exact = Empirical::new(&modes()).unwrap();
    let draws = DirectionalDraws::new(&exact, &[0.4, 1.5], 1, 500, 1).unwrap();
    let times = [0.0, 1.0, 1e2, 1e4, f64::INFINITY].map(Stopping::GradientFlow);
    let rows = draws.feature_errors(&[fit(&modes(), 40), fit(&modes(), 120)], &times).unwrap();
    assert_eq!(rows.iter().map(|r| r.features).collect::<Vec<_>>(), [[40; 5], [120; 5]].concat());
    for fit in rows.chunks(5) {
        for k in 0..2 {
            for errors in fit.iter().map(|row| row.levels[k]) {
                assert!(errors.bias.normal.mean < 1e-20 && errors.alone.normal.mean < 1e-20);
                assert!((errors.whole.normal.mean - errors.optimisation.normal.mean).abs() < 1e-12);
                assert!(errors.bias.tangential.mean > errors.alone.tangential.mean);
            }
            let left: Vec<f64> = fit.iter().map(|row| row.levels[k].optimisation.normal.mean).collect();
            assert!(left.is_sorted_by(|a, b| a > b || *b == 0.0), "{left:?}");
            assert!(left[4] < 1e-3 * left[0], "{left:?}");
        }
    }
    // More features, less bias.
    for k in 0..2 {
        assert!(rows[5].levels[k].bias.tangential.mean < rows[0].levels[k].bias.tangential.mean);
    }
}

/// A standard error is one: over 40 seeds the means scatter by it, which is known to 1/√80 = 11 %; three of these.
#[test]
fn standard_errors_are_those_of_repetition() {
    let exact = Empirical::new(&curve()).unwrap();
    let model = fit(&curve(), 30).at(Stopping::LeastSquares).unwrap();
    let (mut means, mut stated) = (Vec::new(), 0.0);
    for seed in 0..40 {
        let draws = DirectionalDraws::new(&exact, &[0.5], 1, 400, seed).unwrap();
        let found = draws.error(&model).unwrap()[0].tangential;
        means.push(found.mean);
        stated += found.standard_error.powi(2) / 40.0;
    }
    let mean = means.iter().sum::<f64>() / 40.0;
    let scatter = means.iter().map(|m| (m - mean).powi(2)).sum::<f64>() / 39.0;
    let ratio = (scatter / stated).sqrt();
    assert!((ratio - 1.0).abs() < 0.34, "{ratio}");
}

#[test]
fn bad_input_is_told() {
    let exact = Empirical::new(&modes()).unwrap();
    let new =
        |levels: &[f64], dimension, draws| DirectionalDraws::new(&exact, levels, dimension, draws, 0).err();
    assert!(new(&[], 1, 9).unwrap().to_string().contains("no noise levels"));
    assert!(new(&[0.0], 1, 9).unwrap().to_string().contains("sigma is 0"));
    assert!(new(&[1.0], 2, 9).unwrap().to_string().contains("dimension is 2"));
    assert!(new(&[1.0], 1, 1).unwrap().to_string().contains("draws is 1"));
    // A learned model has no law.
    let learned = fit(&modes(), 20).at(1.0).unwrap();
    let error = DirectionalDraws::new(&learned, &[1.0], 1, 9, 0).err().unwrap();
    assert!(error.to_string().contains("no law"), "{error}");
    let three = Empirical::new(&PointSet::vectors(Array2::eye(3)).unwrap()).unwrap();
    let draws = DirectionalDraws::new(&exact, &[1.0], 1, 9, 0).unwrap();
    assert!(draws.error(&three).unwrap_err().to_string().contains("dimension 3"));
}
