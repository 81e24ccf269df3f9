//! Errors that are known, and what they do: across the ridge distance, along it motion.

use ndarray::{Array1, Array2, array};
use ridgewalk::geometry::{Comparison, ErrorSplit, Motion, Ridge, TubeBound};
use ridgewalk::solver::RungeKutta4;
use ridgewalk::transform::{Field, InjectedError, Perturbed};
use ridgewalk::{Denoiser, Differentiable, Frames, Heun, LogLinear, ReverseSde, Schedule};

use crate::{close, empirical, mean, path, ring};

/// On the ridge of the circle at the highest level.
fn start(ridge: &Ridge, sigma: f64) -> Array2<f64> {
    let around = Array2::from_shape_fn((40, 2), |(j, k)| {
        let angle = 0.157 * j as f64 + 0.01;
        0.9 * if k == 0 { angle.cos() } else { angle.sin() }
    });
    ridge.project(around.view(), sigma).unwrap().points().to_owned()
}

#[test]
fn a_normal_error_sets_the_distance_and_a_tangential_one_slides() {
    let exact = empirical(ring(200));
    let ridge = Ridge::new(&exact, 1).unwrap();
    let levels = LogLinear::new(0.05..0.5, 100).levels().unwrap();
    let start = start(&ridge, 0.5);
    let pure = path(RungeKutta4, &levels, &exact, start.view(), 0);
    let split = |error: InjectedError| -> (ErrorSplit, Comparison) {
        let model = Perturbed::new(&exact, error).unwrap();
        let run = path(RungeKutta4, &levels, &model, start.view(), 0);
        let split = ErrorSplit::along(&ridge, &model, &run, Motion::ProbabilityFlow).unwrap();
        let found = split.compare(&ridge, &pure, &run).unwrap();
        assert_eq!(found.samples.len(), 40);
        let bound = TubeBound::from(&split, 0.5).unwrap();
        for (bound, found) in bound.bound().iter().zip(&bound.measured) {
            // To first order: the curve's bend over a distance of at most 0.06 at σ ≥ 0.05.
            assert!(*found <= bound * 1.03 + 1e-6, "{found} above {bound}");
        }
        (split, found)
    };
    // Inwards, for the exact run lags behind the ridge, which grows.
    let own = ridge.project(crate::end(&pure), 0.05).unwrap().distances().mean().unwrap();
    for e in [0.01, 0.02, 0.05] {
        let inwards = InjectedError::new(Field::away_from(array![0.0, 0.0])).normal(&exact, 1).unwrap();
        let (_, found) = split(inwards.of_size(-e).unwrap());
        let predicted = mean(&found.normal.0);
        close(mean(&found.normal.1) / predicted, 1.0, 0.05);
        close((mean(&found.distance.1) - own) / predicted, 1.0, 0.05);
        // All of the error, but what the run has not yet had the time for.
        close(predicted / e, 0.9, 0.02);
        assert!(mean(&found.tangential.1) < 1e-6);

        let (split, found) = split(
            InjectedError::new(Field::around(array![0.0, 0.0], (0, 1)))
                .tangential(&exact, 1)
                .unwrap()
                .of_size(e)
                .unwrap(),
        );
        let slope = mean(&found.tangential.1) / mean(&found.tangential.0);
        close(slope, 1.0, 0.05);
        close(mean(&found.distance.1), own, 4e-4);
        // Along a dense circle D neither gathers nor spreads but by the growth of its ridge.
        let most = split.tangential_integral(0.5);
        let farthest = most.row(levels.len() - 1).mean().unwrap();
        close(farthest, e * (0.5f64 / 0.05).ln(), 1e-6);
        assert!(mean(&found.tangential.0) < 1.25 * farthest && mean(&found.tangential.0) > 0.8 * farthest);
    }
}

/// A reverse SDE with the same noise: the prediction is the difference of the paths.
#[test]
fn noisy_runs_are_displaced_as_predicted() {
    let exact = empirical(ring(200));
    let ridge = Ridge::new(&exact, 1).unwrap();
    let levels = LogLinear::new(0.05..0.5, 200).levels().unwrap();
    let start = start(&ridge, 0.5);
    let field = Field::random(2, 64, 0.7, 3).unwrap();
    let model = Perturbed::new(&exact, InjectedError::new(field).of_size(0.002).unwrap()).unwrap();
    let pure = path(ReverseSde, &levels, &exact, start.view(), 5);
    let run = path(ReverseSde, &levels, &model, start.view(), 5);
    let split = ErrorSplit::along(&ridge, &model, &run, Motion::ReverseSde).unwrap();
    let found = split.compare(&ridge, &pure, &run).unwrap();
    let (normal, tangential) = (found.normal_agreement().unwrap(), found.tangential_agreement().unwrap());
    close(normal.slope, 1.0, 0.05);
    assert!(normal.pearson > 0.99 && tangential.pearson > 0.97);
    close(tangential.slope, 1.0, 0.05);
    let (bound, measured) = TubeBound::from(&split, 0.4).unwrap().rms();
    assert!(measured.iter().zip(&bound).all(|(m, b)| *m <= b * 1.03), "{measured} {bound}");
}

#[test]
fn errors_have_their_part_and_size() {
    let exact = empirical(ring(50));
    let x = array![[1.1, 0.2], [-0.3, 0.8], [0.0, -1.0]];
    let frames = Frames::at(&exact, x.view(), 0.3, 1).unwrap();
    let field = || Field::custom(|x, sigma| Array1::from_vec(vec![x[1] + sigma, 1.0]));
    let normal = InjectedError::new(field()).normal(&exact, 1).unwrap().of_size(0.2).unwrap();
    let tangential = InjectedError::new(field()).tangential(&exact, 1).unwrap().of_size_at(|s| 0.1 * s);
    let (normal, tangential) = (normal.at(x.view(), 0.3).unwrap(), tangential.at(x.view(), 0.3).unwrap());
    for row in 0..3 {
        close(crate::length(normal.row(row)), 0.2, 1e-14);
        close(crate::length(tangential.row(row)), 0.03, 1e-14);
        close(frames.tangent(row).row(0).dot(&normal.row(row)), 0.0, 1e-14);
    }
    // A part that vanishes stays 0: nothing of the radius is tangential, at a point on an axis of symmetry.
    let radial = InjectedError::new(Field::away_from(array![0.0, 0.0])).tangential(&exact, 1).unwrap();
    let found = radial.of_size(1.0).unwrap().at(array![[1.2, 0.0]].view(), 0.3).unwrap();
    assert!(found.iter().all(|v| *v == 0.0));
    // Parts sum to the field, and the model is D + δ, in a batch as alone.
    let whole = InjectedError::new(field()).at(x.view(), 0.3).unwrap();
    let parts = InjectedError::new(field()).normal(&exact, 1).unwrap().at(x.view(), 0.3).unwrap()
        + InjectedError::new(field()).tangential(&exact, 1).unwrap().at(x.view(), 0.3).unwrap();
    assert!((&whole - &parts).iter().all(|v| v.abs() < 1e-14));
    let model = Perturbed::new(&exact, InjectedError::new(field())).unwrap();
    let d = model.denoise(x.view(), 0.3).unwrap();
    assert_eq!(d, exact.denoise(x.view(), 0.3).unwrap() + whole);
    assert_eq!(model.denoise(x.slice_axis(ndarray::Axis(0), (1..2).into()), 0.3).unwrap().row(0), d.row(1));
    // A random field has variance 1 in every coordinate: 4000 points of many waves, 5 standard errors.
    let random = InjectedError::new(Field::random(2, 400, 0.1, 1).unwrap());
    let grid = Array2::from_shape_fn((4000, 2), |(i, k)| if k == 0 { i % 63 } else { i / 63 } as f64);
    let values = random.at(grid.view(), 1.0).unwrap();
    close(values.mapv(|v| v * v).mean().unwrap(), 1.0, 0.25);
}

#[test]
fn errors_of_errors_say_what_is_wrong() {
    let exact = empirical(ring(50));
    let other = empirical(Array2::zeros((3, 3)));
    let message =
        |error: InjectedError| Perturbed::new(&exact, error).err().map(|e| e.to_string()).unwrap_or_default();
    let x = array![[1.0, 0.0]];
    assert!(message(InjectedError::new(Field::along(array![1.0]))).contains("1 coordinates"));
    assert!(message(InjectedError::new(Field::around(array![0.0, 0.0], (0, 2)))).contains("plane is (0, 2)"));
    assert!(message(InjectedError::new(Field::away_from(array![0.0, f64::NAN]))).contains("NaN"));
    let three = InjectedError::new(Field::custom(|_, _| array![0.0, 0.0])).normal(&other, 1).unwrap();
    assert!(message(three).contains("3 dimensions"));
    assert!(InjectedError::new(Field::along(array![1.0, 0.0])).normal(&exact, 2).is_err());
    assert!(InjectedError::new(Field::along(array![1.0, 0.0])).of_size(f64::NAN).is_err());
    assert!(Field::random(2, 8, 0.0, 1).is_err() && Field::random(2, 0, 1.0, 1).is_err());
    for wrong in [
        InjectedError::new(Field::custom(|_, _| array![1.0])),
        InjectedError::new(Field::custom(|_, _| array![1.0, f64::INFINITY])),
        InjectedError::new(Field::along(array![1.0, 0.0])).of_size_at(|_| f64::NAN),
    ] {
        assert!(Perturbed::new(&exact, wrong).unwrap().denoise(x.view(), 0.1).is_err());
    }
    // At σ = 0 and beyond f64 the exact model refuses.
    let model = Perturbed::new(&exact, InjectedError::new(Field::along(array![1.0, 0.0]))).unwrap();
    assert!(model.denoise(x.view(), 0.0).is_err());
    assert!(model.denoise(array![[f64::NAN, 0.0]].view(), 0.1).is_err());
}

#[test]
fn splits_of_bad_records_are_refused() {
    let exact = empirical(ring(50));
    let ridge = Ridge::new(&exact, 1).unwrap();
    let levels = LogLinear::new(0.1..0.5, 8).levels().unwrap();
    let start = start(&ridge, 0.5);
    let run = path(Heun::new(), &levels, &exact, start.view(), 0);
    let split = ErrorSplit::along(&ridge, &exact, &run, Motion::ProbabilityFlow).unwrap();
    assert!(split.normal.iter().all(|v| *v < 1e-12) && split.displacement.iter().all(|v| v.abs() < 1e-12));
    let none = ridgewalk::sampler::observers::Trajectories::new();
    assert!(ErrorSplit::along(&ridge, &exact, &none, Motion::ProbabilityFlow).is_err());
    let short = path(Heun::new(), &levels[..6], &exact, start.view(), 0);
    assert!(split.compare(&ridge, &short, &run).is_err());
    assert!(TubeBound::from(&split, 0.1).is_err());
    // No error, no variation: nothing to agree with.
    assert!(split.compare(&ridge, &run, &run).unwrap().normal_agreement().is_none());
    assert!(exact.jvp(start.view(), 0.1, start.view()).is_ok());
}
