use ndarray::{Array1, array};

use super::*;
use crate::closed_form::{Covariance, Empirical, Gaussian};
use crate::points::PointSet;
use crate::random::{Purpose, Stream};
use crate::schedule::{Karras, Levels, LogLinear};
use crate::solver::{Euler, Heun, Order, Switched};

fn points(n: usize, d: usize) -> PointSet {
    let mut stream = Stream::new(3, Purpose::Synthetic, 0, 0);
    PointSet::vectors(Array2::from_shape_simple_fn((n, d), || stream.normal())).unwrap()
}

fn unit_gaussian(d: usize) -> Gaussian {
    Gaussian::new(Array1::zeros(d), Covariance::isotropic(d, 1.0).unwrap()).unwrap()
}

fn ignore() -> impl FnMut(&Progress) -> ControlFlow<()> {
    |_| ControlFlow::Continue(())
}

/// On N(0, 1) the flow multiplies a state by √((1+σ²)/(1+σ₀²)): the slope of log error against log step
/// is the order.
fn order(solver: &dyn Solver) -> f64 {
    let low: f64 = 0.05;
    let error = |n: usize| {
        let sampler = Sampler::new(solver, LogLinear::new(low..5.0, n + 1));
        let moments = sampler.moments(&unit_gaussian(1)).unwrap();
        let lowest = moments.per_step.iter().find(|step| step.sigma == low).unwrap();
        (lowest.gains[0] - ((1.0 + low * low) / 26.0f64).sqrt()).abs()
    };
    (error(64) / error(256)).log2() / 2.0
}

#[test]
fn solvers_have_their_order() {
    let euler = order(&Euler);
    let heun = order(&Heun::new());
    let switched = order(&Switched::new(Heun::new(), Heun::new(), 1.0));
    assert!((euler - 1.0).abs() < 0.1, "{euler}");
    assert!((heun - 2.0).abs() < 0.1, "{heun}");
    assert!((switched - 2.0).abs() < 0.1, "{switched}");
}

/// Churn leaves the law of a Gaussian alone, but for the steps' own error, which falls as their square. The
/// recursion of the variance, worked apart from this code, leaves 0.00255132622 at 300 steps.
#[test]
fn churn_keeps_the_law() {
    let error = |n: usize| {
        let solver = Heun::with_churn(40.0, n, 0.01..=50.0, 1.0).unwrap();
        let moments = Sampler::new(solver, Karras::new(0.002..80.0, n)).moments(&unit_gaussian(1)).unwrap();
        (moments.covariance.trace() - 1.0).abs()
    };
    assert!((error(300) - 0.002_551_326_22).abs() < 1e-11, "{}", error(300));
    let order = (error(150) / error(300)).log2();
    assert!((order - 2.0).abs() < 0.3, "{order}");
}

#[test]
fn the_last_step_returns_the_denoised_state() {
    let model = Empirical::new(&points(1, 4)).unwrap();
    for n in [1, 2, 18] {
        let samples = Sampler::new(Heun::new(), Karras::new(0.002..80.0, n)).run(&model, 3).unwrap();
        for row in samples.points.outer_iter() {
            assert_eq!(row, model.points().row(0));
        }
        assert_eq!(samples.evaluations, 2 * n - 1);
    }
}

#[test]
fn empirical_samples_are_training_points() {
    let data = points(200, 5);
    let model = Empirical::new(&data).unwrap();
    let samples = Sampler::new(Heun::new(), Karras::new(0.002..80.0, 18)).run(&model, 50).unwrap();
    for row in samples.points.outer_iter() {
        let nearest = data
            .values()
            .outer_iter()
            .map(|p| p.iter().zip(&row).map(|(a, b)| (a - b) * (a - b)).sum::<f64>().sqrt())
            .fold(f64::INFINITY, f64::min);
        assert!(nearest < 1e-6, "{nearest}");
    }
}

#[test]
fn the_same_bytes_for_every_batch_and_thread_count() {
    for d in [6, 40] {
        let model = Empirical::new(&points(700, d)).unwrap();
        let solver = Heun::with_churn(10.0, 12, 0.05..=50.0, 1.003).unwrap();
        let run = |batch: usize, threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let sampler = Sampler::new(solver.clone(), Karras::new(0.01..80.0, 12)).seed(9).batch(batch);
            pool.install(|| sampler.run(&model, 70).unwrap().points)
        };
        let whole = run(256, 1);
        for (batch, threads) in [(1, 1), (7, 2), (64, 7), (70, 2)] {
            assert_eq!(whole, run(batch, threads), "d {d} batch {batch} threads {threads}");
        }
    }
}

#[test]
fn observers_trace_and_stop() {
    let model = unit_gaussian(2);
    let sampler = Sampler::new(Euler, Levels(vec![3.0, 2.0, 1.0])).batch(4);
    let mut trace = Trace::default();
    let samples = sampler.run_observed(&model, 10, &mut trace).unwrap();
    assert_eq!(trace.sigmas, vec![2.0, 1.0, 0.0]);
    assert_eq!(trace.states.len(), 3);
    assert_eq!(trace.states[2], samples.points);
    let mut stop =
        |p: &Progress| if p.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    assert_eq!(sampler.run_observed(&model, 3, &mut stop), Err(Error::Stopped { step: 1 }));
}

/// The data may lie anywhere: the start is drawn around their mean.
#[test]
fn samples_follow_a_translation_of_the_data() {
    let data = points(100, 3);
    let moved = PointSet::vectors(&data.values() + 1024.0).unwrap();
    let run = |set: &PointSet| {
        let model = Empirical::new(set).unwrap();
        Sampler::new(Heun::new(), Karras::new(0.004..160.0, 18)).seed(2).run(&model, 20).unwrap().points
    };
    let difference = run(&moved) - run(&data) - 1024.0;
    assert!(difference.iter().all(|e| e.abs() < 1e-6));
}

#[test]
fn impossible_requests_are_errors() {
    let model = unit_gaussian(2);
    let sampler = Sampler::new(Euler, Karras::new(0.1..10.0, 3));
    assert!(sampler.run(&model, 0).is_err());
    assert!(sampler.clone().batch(0).run(&model, 1).is_err());
    assert!(sampler.run_from(&model, array![[1.0]].view(), &mut ignore()).is_err());
    assert!(sampler.run_from(&model, array![[1.0, f64::NAN]].view(), &mut ignore()).is_err());
    assert!(Sampler::new(Euler, Karras::new(0.1..10.0, 0)).run(&model, 1).is_err());
}

#[test]
fn a_state_that_is_not_finite_is_named() {
    struct Overflows;
    impl Solver for Overflows {
        fn name(&self) -> String {
            "overflows".into()
        }
        fn order(&self) -> Order {
            Order::Path(1)
        }
        fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
            if step.index == 1 {
                x[(1, 0)] *= f64::MAX;
                x[(1, 0)] *= f64::MAX;
            }
            Ok(x)
        }
    }
    let sampler = Sampler::new(Overflows, Levels(vec![2.0, 0.5, 0.1]));
    let error = sampler.run(&unit_gaussian(1), 2).unwrap_err();
    assert_eq!(error, Error::Diverged { step: 1, sigma: 0.5, sample: 1 });
}

/// From data to noise and back: the round trip's error falls with the square of the steps, and a path that
/// is inverted ends where the flow of the Gaussian says.
#[test]
fn inverting_is_the_run_backwards() {
    let model = Gaussian::new(array![1.0, 0.0], Covariance::isotropic(2, 4.0).unwrap()).unwrap();
    let x = array![[5.0, -1.0], [0.5, 2.0]];
    let errors = |n: usize| {
        let sampler = Sampler::new(Heun::new(), LogLinear::new(0.01..50.0, n + 1));
        let noise = sampler.invert(&model, x.view()).unwrap();
        assert_eq!((noise.evaluations, noise.sigmas[0], noise.sigmas[n]), (2 * n, 0.01, 50.0));
        let exact = model.flow_levels(x.view(), 0.01, 50.0).unwrap();
        let back = sampler.run_from(&model, noise.points.view(), &mut ignore()).unwrap().points;
        let exact_back = model.denoise(x.view(), 0.01).unwrap();
        let largest = |a: &Array2<f64>, b: &Array2<f64>| (a - b).iter().fold(0.0f64, |m, v| m.max(v.abs()));
        (largest(&noise.points, &exact), largest(&back, &exact_back))
    };
    let (coarse, fine) = (errors(100), errors(200));
    assert!((coarse.0 / fine.0 - 4.0).abs() < 0.5, "{coarse:?} {fine:?}");
    assert!(fine.1 < 1e-2 && coarse.1 / fine.1 > 3.5, "{coarse:?} {fine:?}");
    let churned = Heun::with_churn(10.0, 20, 0.0..=50.0, 1.0).unwrap();
    let refused = Sampler::new(churned, LogLinear::new(0.01..50.0, 20)).invert(&model, x.view());
    assert!(refused.unwrap_err().to_string().contains("draws noise"));
}

/// What a model answers is looked at before it can spread: the error names step, level and sample.
#[test]
fn a_bad_answer_is_told_where_it_was_given() {
    struct Breaks(bool);
    impl Denoiser for Breaks {
        fn dim(&self) -> usize {
            2
        }
        fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
            if !self.0 {
                return Ok(Array2::zeros((1, 2)));
            }
            let mut denoised = x.to_owned();
            if sigma < 1.0 {
                denoised[(2, 1)] = f64::NAN;
            }
            Ok(denoised)
        }
    }
    let sampler = Sampler::new(Heun::new(), Levels(vec![4.0, 2.0, 0.5, 0.25])).batch(4);
    let error = sampler.run(&Breaks(true), 7).unwrap_err();
    assert_eq!(error, Error::Answer { step: 1, sigma: 0.5, sample: 2 });
    let error = sampler.run(&Breaks(false), 7).unwrap_err();
    assert!(matches!(error, Error::Shape { .. }), "{error}");
    // The last step asks the model itself.
    let error = Sampler::new(Euler, Levels(vec![4.0, 0.5])).batch(4).run(&Breaks(true), 7).unwrap_err();
    assert_eq!(error, Error::Answer { step: 1, sigma: 0.5, sample: 2 });
}
