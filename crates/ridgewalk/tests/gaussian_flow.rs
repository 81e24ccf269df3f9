//! The closed-form probability flow of a Gaussian, against integration, the law, and its two ends.

use ndarray::{Array1, Array2, array};
use ridgewalk::closed_form::{Covariance, Gaussian};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, FlowMatching, OrnsteinUhlenbeck, Process, VarianceExploding};

fn normals(rows: usize, cols: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || stream.normal())
}

/// Orthonormal rows from the eigenvectors of a random covariance.
fn frame(r: usize, d: usize) -> Array2<f64> {
    let a = normals(d, d, 1);
    let all = Covariance::from_dense(a.dot(&a.t()).view()).unwrap();
    Array2::from_shape_fn((r, d), |(j, i)| all.vectors()[[j, i]])
}

/// Every form of a covariance in four dimensions, singular ones too.
fn gaussians() -> Vec<Gaussian> {
    let a = normals(4, 4, 2);
    let forms = [
        Covariance::from_dense(a.dot(&a.t()).view()).unwrap(),
        Covariance::from_parts(frame(2, 4), vec![9.0, 0.3], 0.04).unwrap(),
        Covariance::from_parts(frame(2, 4), vec![2.0, 0.5], 0.0).unwrap(),
        Covariance::isotropic(4, 0.7).unwrap(),
    ];
    forms.into_iter().map(|c| Gaussian::new(array![1.0, -2.0, 0.5, 3.0], c).unwrap()).collect()
}

fn processes() -> Vec<Box<dyn Process>> {
    vec![
        Box::new(VarianceExploding),
        Box::new(OrnsteinUhlenbeck::variance_preserving()),
        Box::new(OrnsteinUhlenbeck::new(0.3).unwrap()),
        Box::new(FlowMatching),
    ]
}

fn worst(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |m, v| m.max(v.abs()))
}

/// The classical Runge–Kutta method on the probability-flow ODE, in the process's own time.
fn integrate(model: &Gaussian, process: &dyn Process, x: &Array2<f64>, from: f64, to: f64) -> Array2<f64> {
    let steps = 2000;
    let h = (to - from) / f64::from(steps);
    let slope = |x: &Array2<f64>, t: f64| model.velocity(process, x.view(), t).unwrap();
    let mut x = x.clone();
    for i in 0..steps {
        let t = from + f64::from(i) * h;
        let k1 = slope(&x, t);
        let k2 = slope(&(&x + &(&k1 * (0.5 * h))), t + 0.5 * h);
        let k3 = slope(&(&x + &(&k2 * (0.5 * h))), t + 0.5 * h);
        let k4 = slope(&(&x + &(&k3 * h)), t + h);
        x = x + (k1 + (k2 + k3) * 2.0 + k4) * (h / 6.0);
    }
    x
}

#[test]
fn the_flow_is_what_the_ode_integrates_to() {
    for model in gaussians() {
        for process in processes() {
            for (from, to) in [(0.9, 0.3), (0.3, 0.9)] {
                let x = normals(3, 4, 3) * 2.0;
                let integrated = integrate(&model, process.as_ref(), &x, from, to);
                let exact = model.flow(process.as_ref(), x.view(), from, to).unwrap();
                assert!(worst(&exact, &integrated) < 1e-10, "{}", process.name());
                // D along it is the denoiser there, by the change of variables.
                let denoised = model.flow_denoised(process.as_ref(), x.view(), from, to).unwrap();
                let (alpha, sigma) = (process.alpha(to), process.sigma(to));
                let asked = model.denoise((&exact / alpha).view(), sigma / alpha).unwrap();
                assert!(worst(&denoised, &asked) < 1e-12, "{}", process.name());
            }
        }
    }
}

/// The flow is affine, so a covariance M Cov Mᵀ is exact: rows of units give M.
#[test]
fn the_law_of_one_time_becomes_that_of_the_other() {
    let law = |model: &Gaussian, process: &dyn Process, t: f64| {
        let (alpha, sigma) = (process.alpha(t), process.sigma(t));
        let noise: Array2<f64> = Array2::eye(4) * (sigma * sigma);
        (&model.mean() * alpha, model.covariance().to_dense() * (alpha * alpha) + noise)
    };
    for model in gaussians() {
        for process in processes() {
            // The last pair ends at the data themselves, σ = 0.
            for (from, to) in [(0.95, 0.2), (0.2, 0.95), (1.0, 0.0)] {
                let ((mean, before), (after_mean, after)) =
                    (law(&model, process.as_ref(), from), law(&model, process.as_ref(), to));
                let carried = |x: Array2<f64>| model.flow(process.as_ref(), x.view(), from, to).unwrap();
                let centre = carried(mean.clone().insert_axis(ndarray::Axis(0)));
                assert!(worst(&centre, &after_mean.insert_axis(ndarray::Axis(0))) < 1e-12);
                let map = carried(Array2::eye(4) + &mean) - &centre; // rows are M's columns
                assert!(worst(&map.t().dot(&before).dot(&map), &after) < 1e-10, "{}", process.name());
            }
        }
    }
}

#[test]
fn a_coordinate_without_variance_ends_at_its_mean_exactly() {
    let vectors = array![[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]];
    let covariance = Covariance::from_parts(vectors, vec![4.0, 0.0], 0.0).unwrap();
    let model = Gaussian::new(array![0.1, 0.7, -0.3], covariance).unwrap();
    let x = normals(5, 3, 4) * 80.0;
    for sample in [
        model.flow_levels(x.view(), 80.0, 0.0).unwrap(),
        model.flow(&FlowMatching, x.view(), 1.0, 0.0).unwrap(),
        model.flow_denoised(&FlowMatching, x.view(), 1.0, 0.0).unwrap(),
    ] {
        assert!(sample.column(1).iter().all(|v| *v == 0.7));
        assert!(sample.column(2).iter().all(|v| *v == -0.3));
    }
}

/// From pure noise at t = 1, where α = 0 and no denoiser can be asked, straight to the data: x ↦ μ + √λ x.
#[test]
fn flow_matching_starts_from_pure_noise() {
    let model = Gaussian::new(array![2.0], Covariance::isotropic(1, 0.25).unwrap()).unwrap();
    let sample = model.flow(&FlowMatching, array![[1.0], [-3.0]].view(), 1.0, 0.0).unwrap();
    assert!(worst(&sample, &array![[2.5], [0.5]]) < 1e-15);
    let there = model.flow(&FlowMatching, sample.view(), 0.0, 1.0).unwrap();
    assert!(worst(&there, &array![[1.0], [-3.0]]) < 1e-14);
}

#[test]
fn what_has_no_flow_is_refused() {
    let model = Gaussian::new(array![0.0, 0.0], Covariance::isotropic(2, 0.0).unwrap()).unwrap();
    let x = array![[1.0, 2.0]];
    let error = model.flow_levels(x.view(), 0.0, 1.0).unwrap_err().to_string();
    assert!(error.contains("from_t") && error.contains("2 directions"), "{error}");
    for (from, to) in [(-1.0, 0.5), (f64::NAN, 0.5), (0.5, 1.5), (0.5, f64::INFINITY)] {
        assert!(model.flow(&FlowMatching, x.view(), from, to).is_err(), "{from} {to}");
    }
    assert!(model.flow_levels(array![[1.0]].view(), 1.0, 0.5).is_err());
    assert!(model.flow_levels(array![[1.0, f64::NAN]].view(), 1.0, 0.5).is_err());
}

/// Fractions worked by hand (arXiv 2303.02490): ½ at √3·√λ, 0.9 at 0.484·√λ.
#[test]
fn modes_are_committed_in_the_order_of_their_variance() {
    let covariance = Covariance::from_parts(frame(2, 5), vec![9.0, 0.04], 0.04).unwrap();
    let model = Gaussian::new(Array1::zeros(5), covariance).unwrap();
    let modes = model.modes();
    let listed: Vec<_> = modes.iter().map(|m| (m.variance, m.multiplicity)).collect();
    assert_eq!(listed, vec![(0.04, 4), (9.0, 1)]);
    let wide = modes[1];
    assert!((wide.commitment(3.0 * 3f64.sqrt()).unwrap() - 0.5).abs() < 1e-15);
    assert!((wide.committed_at(0.9).unwrap() / 3.0 - 0.484_322_1).abs() < 1e-7);
    assert_eq!(wide.committed_at(1.0).unwrap(), 0.0);
    // √((9 + 16)/(9 + 40²)) of a kick is left on the way from 40 to 4.
    assert!((wide.sensitivity(40.0, 4.0).unwrap() - 5.0 / 1609f64.sqrt()).abs() < 1e-15);
    assert!(modes[0].commitment(1.0).unwrap() < wide.commitment(1.0).unwrap());
    let nothing = ridgewalk::closed_form::Mode { variance: 0.0, multiplicity: 1 };
    assert_eq!(nothing.commitment(0.1).unwrap(), 0.0);
    assert!(
        wide.commitment(0.0).is_err() && wide.committed_at(0.0).is_err() && wide.committed_at(1.1).is_err()
    );
    assert!(wide.sensitivity(1.0, -1.0).is_err());
}

/// A kick along a mode arrives as `sensitivity` says, and D shows `commitment` of the sample.
#[test]
fn modes_say_what_the_flow_does() {
    for model in gaussians() {
        let (vector, variance) = match model.covariance().rank() {
            0 => (array![1.0, 0.0, 0.0, 0.0], model.covariance().isotropic_variance()),
            _ => (model.covariance().vectors().row(0).to_owned(), model.covariance().values()[0]),
        };
        let mode = *model.modes().iter().find(|m| m.variance == variance).unwrap();
        let states = |offset: f64| (&model.mean() + &vector * offset).insert_axis(ndarray::Axis(0));
        let along = |x: Array2<f64>| (&x.row(0) - &model.mean()).dot(&vector);
        let arrived = along(model.flow_levels(states(2.0).view(), 5.0, 0.5).unwrap());
        assert!((arrived - 2.0 * mode.sensitivity(5.0, 0.5).unwrap()).abs() < 1e-12);
        let shown = along(model.denoise(states(arrived).view(), 0.5).unwrap());
        let sample = along(model.flow_levels(states(arrived).view(), 0.5, 0.0).unwrap());
        assert!((shown - sample * mode.commitment(0.5).unwrap()).abs() < 1e-12);
    }
}
