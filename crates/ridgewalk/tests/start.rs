//! The law from which a sampler starts: exact draws have their model's moments, and low starts their law.

use std::sync::Arc;

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::closed_form::{
    Covariance, Embedded, Empirical, FieldMixture, Gaussian, Mixture, Plane, Product, Sphere, Torus,
};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::Start;
use ridgewalk::{
    Denoiser, Euler, FiniteDifference, Heun, Kernel, Levels, LogLinear, PointSet, Sampler, Smoothed,
};

fn gaussian(mean: Array1<f64>, variances: &[f64]) -> Gaussian {
    let covariance = Covariance::from_dense(Array2::from_diag(&Array1::from(variances.to_vec())).view());
    Gaussian::new(mean, covariance.unwrap()).unwrap()
}

fn drawn(model: &dyn Denoiser, n: u64) -> Array2<f64> {
    let mut out = Array2::zeros((n as usize, model.dim()));
    for (sample, mut row) in (0..n).zip(out.outer_iter_mut()) {
        row.assign(&model.draw(&mut Stream::new(3, Purpose::Evaluation, sample, 0)).unwrap());
    }
    out
}

fn models() -> Vec<Box<dyn Denoiser>> {
    let first = gaussian(array![1.0, -2.0, 0.5], &[4.0, 1.0, 0.09]);
    let second = gaussian(array![-3.0, 0.0, 0.5], &[0.2, 0.3, 2.0]);
    let points = PointSet::vectors(array![[0.0, 1.0], [2.0, 3.0], [-4.0, 2.0]]).unwrap();
    let frame = array![[0.0, 0.6, 0.8], [1.0, 0.0, 0.0]];
    let circle = Embedded::new(Sphere::new(2, 2.0).unwrap(), frame, array![1.0, 1.0, 0.0]).unwrap();
    let rings: Vec<Arc<dyn ridgewalk::Density>> =
        vec![Arc::new(Sphere::new(2, 1.0).unwrap()), Arc::new(Plane::new(vec![2.0, 0.5]).unwrap())];
    vec![
        Box::new(first.clone()),
        Box::new(Mixture::new(vec![0.3, 0.7], vec![first.clone(), second]).unwrap()),
        Box::new(Empirical::new(&points).unwrap()),
        Box::new(Empirical::weighted(&points, &[1.0, 2.0, 5.0]).unwrap()),
        Box::new(Torus::of_revolution(2.0, 0.7).unwrap()),
        Box::new(Torus::flat(&[1.0, 3.0]).unwrap()),
        Box::new(
            Product::with_coordinates(vec![(vec![2, 0], rings[1].clone()), (vec![1, 3], rings[0].clone())])
                .unwrap(),
        ),
        Box::new(FieldMixture::new(vec![1.0, 3.0], rings).unwrap()),
        Box::new(circle),
        Box::new(FiniteDifference::new(first)),
    ]
}

/// 20,000 draws: a mean's standard error is σ/√n, that of a mean square at most √(3/n) of it; five of them.
#[test]
fn draws_have_the_moments_of_their_law() {
    for (which, model) in models().iter().enumerate() {
        let (n, moments) = (20_000, model.moments().unwrap());
        let found = drawn(model, n);
        let centred = &found - &moments.mean;
        let (root, d) = ((n as f64).sqrt(), model.dim() as f64);
        let error = centred.mean_axis(Axis(0)).unwrap().iter().fold(0.0f64, |m, v| m.max(v.abs()));
        assert!(error < 5.0 * moments.std * d.sqrt() / root, "{which}: {error}");
        let std = centred.mapv(|v| v * v).mean().unwrap().sqrt();
        assert!((std / moments.std - 1.0).abs() < 5.0 * 3f64.sqrt() / root, "{which}: {std} {}", moments.std);
    }
}

/// Uniform by area the mean of cos φ on the tube is r/2R; on the circle draws lie on it.
#[test]
fn draws_lie_where_their_law_is() {
    let torus = drawn(&Torus::of_revolution(2.0, 0.7).unwrap(), 20_000);
    let cos: Array1<f64> = torus.outer_iter().map(|p| (p[0].hypot(p[1]) - 2.0) / 0.7).collect();
    for (cos, p) in cos.iter().zip(torus.outer_iter()) {
        assert!((cos.hypot(p[2] / 0.7) - 1.0).abs() < 1e-12);
    }
    // Its standard deviation is below 0.71; five standard errors.
    assert!((cos.mean().unwrap() - 0.175).abs() < 0.025, "{}", cos.mean().unwrap());
    let point = PointSet::vectors(array![[0.0], [1.0], [2.0]]).unwrap();
    let weighted = drawn(&Empirical::weighted(&point, &[1.0, 0.0, 3.0]).unwrap(), 4000);
    let share = weighted.iter().filter(|v| **v == 2.0).count() as f64 / 4000.0;
    assert!((share - 0.75).abs() < 0.035 && weighted.iter().all(|v| *v != 1.0), "{share}");
}

#[test]
fn laws_that_cannot_be_drawn_from_say_so() {
    let stream = || Stream::new(0, Purpose::Start, 0, 1);
    assert!(Plane::infinite(2).unwrap().draw(&mut stream()).is_none());
    let unit = gaussian(array![0.0, 0.0], &[1.0, 1.0]);
    let mixed = FieldMixture::new(
        vec![1.0, 1.0],
        vec![Arc::new(unit.clone()), Arc::new(Plane::infinite(2).unwrap())],
    );
    assert!(mixed.unwrap().draw(&mut stream()).is_none());
    let smoothed = Smoothed::new(&unit, Kernel::isotropic(0.5)).unwrap();
    assert!(smoothed.draw(&mut stream()).is_none());
    let sampler = Sampler::new(Euler, Levels(vec![0.5])).start(Start::Exact);
    assert!(sampler.run(&smoothed, 1).unwrap_err().to_string().contains("cannot be drawn from"));
    assert!(Sampler::new(Euler, Levels(vec![0.5])).run(&smoothed, 1).is_ok());
}

/// Which start `Auto` takes: exact below min(2√d, 100) σ_data. High starts keep their bytes.
#[test]
fn high_starts_are_gaussian_and_low_ones_exact() {
    let model = gaussian(array![3.0, 0.0, 0.0], &[9.0, 0.0, 0.0]);
    let states = |sigma: f64, start| {
        let sampler = Sampler::new(Euler, Levels(vec![sigma])).seed(4).start(start);
        sampler.run(&model, 5).unwrap().points
    };
    // σ_data = √3, so that the two meet at 2·√3·√3 = 6.
    assert_eq!(states(6.001, Start::Auto), states(6.001, Start::Gaussian));
    assert_eq!(states(5.999, Start::Auto), states(5.999, Start::Exact));
    assert_ne!(states(5.999, Start::Auto), states(5.999, Start::Gaussian));
    // In any dimension the Gaussian is kept from 100 σ_data on.
    let wide = Gaussian::new(Array1::zeros(2500 + 100), Covariance::isotropic(2600, 1.0).unwrap()).unwrap();
    let state = |sigma: f64, start| {
        Sampler::new(Euler, Levels(vec![sigma])).start(start).run(&wide, 1).unwrap().points
    };
    assert_eq!(state(100.5, Start::Auto), state(100.5, Start::Gaussian));
    assert_eq!(state(99.5, Start::Auto), state(99.5, Start::Exact));
}

/// From σ_max = ½, far below the data's scale, to 0: the exact start keeps the weight of the middle one of three
/// modes, 0.1; the Gaussian one, of deviation 3.8 about it, begins next to it in 0.4 of all cases. 4000 samples:
/// the share's standard error is 0.0047 and 0.0077; five of them.
#[test]
fn a_low_start_keeps_the_law() {
    let at = |m: f64| gaussian(array![m], &[0.04]);
    let model = Mixture::new(vec![0.45, 0.1, 0.45], vec![at(-4.0), at(0.0), at(4.0)]).unwrap();
    let share = |start| {
        let sampler = Sampler::new(Heun::new(), LogLinear::new(0.01..0.5, 12)).start(start).seed(2);
        let points = sampler.run(&model, 4000).unwrap().points;
        points.iter().filter(|x| x.abs() < 2.0).count() as f64 / 4000.0
    };
    assert!((share(Start::Auto) - 0.1).abs() < 0.024, "{}", share(Start::Auto));
    assert!((share(Start::Gaussian) - 0.4).abs() < 0.04, "{}", share(Start::Gaussian));
}

/// The exact moments know the start: with the exact one the variances begin at λ + σ², and stay right.
#[test]
fn moments_know_the_start() {
    let model = gaussian(array![1.0, -2.0, 0.5], &[4.0, 1.0, 0.09]);
    let moments = |start| {
        let sampler = Sampler::new(Heun::new(), LogLinear::new(0.001..2.0, 400)).start(start);
        sampler.moments(&model).unwrap()
    };
    let exact = moments(Start::Auto);
    for (found, variance) in exact.per_step[0].variances.iter().zip([0.09, 1.0, 4.0]) {
        assert!((found - (variance + 4.0)).abs() < 1e-12);
    }
    let ends = &exact.per_step[exact.per_step.len() - 1].variances;
    for (found, variance) in ends.iter().zip([0.09, 1.0, 4.0]) {
        assert!((found / variance - 1.0).abs() < 1e-3, "{found} {variance}");
    }
    // The Gaussian start has 4 + 5.09/3 in every direction, so that 0.09 becomes 0.09·5.697/4.09.
    let gaussian = moments(Start::Gaussian);
    let narrow = gaussian.per_step[gaussian.per_step.len() - 1].variances[0];
    assert!((narrow / (0.09 * (4.0 + 5.09 / 3.0) / 4.09) - 1.0).abs() < 1e-3, "{narrow}");
    // And agree with samples: 8000 of them, standard error of a variance √(2/8000) = 1.6 %; five of them.
    let sampler = Sampler::new(Heun::new(), LogLinear::new(0.001..2.0, 40));
    let found = sampler.run(&model, 8000).unwrap().points;
    let column = found.column(2).mapv(|v| (v - 0.5) * (v - 0.5)).mean().unwrap();
    assert!((column / 0.09 - 1.0).abs() < 0.08, "{column}");
}

/// An exact start does not depend on the batch.
#[test]
fn the_same_bytes_for_every_batch() {
    let data = ridgewalk_data::digits();
    let model = Empirical::new(&data).unwrap();
    let run = |batch| {
        let sampler = Sampler::new(Euler, LogLinear::new(1.0..20.0, 4)).batch(batch).seed(8);
        sampler.run(&model, 12).unwrap().points
    };
    assert_eq!(run(5), run(256));
    assert_eq!(run(1), run(12));
}
