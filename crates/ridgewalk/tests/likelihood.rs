//! Log-likelihoods by the probability flow against closed forms: solved in log σ, and by random probes.

use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::sampler::likelihood::{
    Divergence, Integrator, LogLikelihood, ProbeLaw, Variable, bits_per_dimension,
};
use ridgewalk::{Denoiser, Density, FiniteDifference, LogLinear, PointSet, Result};

fn normals(rows: usize, cols: usize, scale: f64) -> Array2<f64> {
    let mut stream = Stream::new(8, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || scale * stream.normal())
}

fn gaussian() -> Gaussian {
    let covariance = array![[2.0, 0.6, 0.1], [0.6, 0.5, -0.2], [0.1, -0.2, 0.9]];
    Gaussian::new(array![1.0, -2.0, 0.5], Covariance::from_dense(covariance.view()).unwrap()).unwrap()
}

fn mixture() -> Mixture {
    let at = |m: [f64; 3], v: f64| {
        Gaussian::new(Array1::from(m.to_vec()), Covariance::diagonal(vec![v, 0.5 * v, 2.0 * v]).unwrap())
            .unwrap()
    };
    let parts = vec![at([1.0, 0.0, 0.0], 0.2), at([-1.0, 0.5, 0.0], 0.1), at([0.0, -1.0, 1.0], 0.3)];
    Mixture::new(vec![0.5, 0.2, 0.3], parts).unwrap()
}

/// Largest error of log p at points of the model's own, as they are at the lowest level.
fn error(
    model: &impl Density,
    from: f64,
    points: &Array2<f64>,
    likelihood: &LogLikelihood<LogLinear>,
) -> f64 {
    let x = points + &normals(points.nrows(), 3, from);
    let exact = model.log_density(x.view(), from).unwrap();
    let found = likelihood.run(model, x.view()).unwrap();
    (&found - &exact).iter().fold(0.0f64, |m, e| m.max(e.abs()))
}

fn likelihood(from: f64, steps: usize) -> LogLikelihood<LogLinear> {
    let likelihood = LogLikelihood::new(LogLinear::new(from..500.0, steps + 1));
    likelihood.variable(Variable::LogSigma).integrator(Integrator::RungeKutta4)
}

/// 200 evaluations and fewer: 10⁻⁴ on a Gaussian, a mixture and five points. At t = σ² steps of as many
/// evaluations, Heun's error is a hundred times larger.
#[test]
fn two_hundred_evaluations_in_log_sigma_are_enough() {
    let points =
        array![[1.0, 0.0, 0.0], [-1.0, 0.5, 0.2], [0.0, -1.0, 1.0], [0.3, 1.2, -1.0], [0.5, 0.5, 0.5]];
    let five = Empirical::new(&PointSet::vectors(points.clone()).unwrap()).unwrap();
    let (gaussian, mixture) = (gaussian(), mixture());
    let draws = (gaussian.sample(20, 1), mixture.sample(20, 1));
    assert_eq!(likelihood(0.05, 40).estimate(&gaussian, draws.0.view()).unwrap().evaluations, 160);
    let found = [
        error(&gaussian, 0.05, &draws.0, &likelihood(0.05, 40)),
        error(&mixture, 0.05, &draws.1, &likelihood(0.05, 50)),
        error(&five, 0.3, &points, &likelihood(0.3, 50)),
    ];
    assert!(found.iter().all(|e| *e < 1e-4), "{found:?}");
    let heun = LogLikelihood::new(LogLinear::new(0.05..500.0, 101));
    let in_variance = error(&mixture, 0.05, &draws.1, &heun);
    assert!(in_variance > 100.0 * found[1], "{in_variance} {found:?}");
}

/// Errors fall as the first, second and fourth power of the steps in log σ, down to that of the start.
#[test]
fn integrators_have_their_order_in_log_sigma() {
    let (model, draws) = (gaussian(), gaussian().sample(20, 1));
    for (integrator, order, steps) in
        [(Integrator::Euler, 1.0, 400), (Integrator::Heun, 2.0, 100), (Integrator::RungeKutta4, 4.0, 12)]
    {
        let at = |steps: usize| error(&model, 0.05, &draws, &likelihood(0.05, steps).integrator(integrator));
        let (coarse, fine) = (at(steps), at(2 * steps));
        let found = (coarse / fine).log2();
        assert!((found - order).abs() < 0.35, "{integrator:?}: {coarse:e} {fine:e} {found}");
    }
}

/// On a Gaussian all Jacobians commute, so that the integral of ⟨z, J z⟩ is ⟨z, A z⟩ with
/// A = log(σ_T/σ_0) − ½ log[(Σ + σ_T²)/(Σ + σ_0²)]: its variance is 2Σ_{i≠j} A_ij² for signs and 2‖A‖² for
/// normals. 4000 probes: the mean within five of its standard errors of the exact divergence's answer, the
/// reported error within 10 % of the known one, which is four standard errors of a variance of such heavy
/// tails.
#[test]
fn probes_are_unbiased_with_the_known_variance() {
    let (model, n) = (gaussian(), 4000);
    let x = array![[0.3, -1.0, 0.2]];
    let exact = likelihood(0.05, 20).run(&model, x.view()).unwrap()[0];
    let (from, to) = (0.05f64, 500.0f64);
    let integral = |v: f64| (to / from).ln() - 0.5 * ((v + to * to) / (v + from * from)).ln();
    let integral = model.covariance().map(integral).unwrap();
    let a = integral.to_dense();
    let all = 2.0 * a.iter().map(|v| v * v).sum::<f64>();
    let diagonal = 2.0 * a.diag().iter().map(|v| v * v).sum::<f64>();
    for (law, variance) in [(ProbeLaw::Rademacher, all - diagonal), (ProbeLaw::Gaussian, all)] {
        let random = Divergence::Hutchinson { probes: n, law, seed: 2 };
        let estimate = likelihood(0.05, 20).divergence(random).estimate(&model, x.view()).unwrap();
        let (found, error) = (estimate.log_density[0], estimate.standard_error.unwrap()[0]);
        assert!((found - exact).abs() < 5.0 * error, "{law:?}: {found} {exact} ± {error}");
        let known = (variance / n as f64).sqrt();
        assert!((error / known - 1.0).abs() < 0.1, "{law:?}: {error} {known}");
        assert_eq!((estimate.evaluations, estimate.products), (80, 80 * n));
    }
}

/// A probe depends on its row's number alone, one probe has no error, and a diagonal Jacobian none either.
#[test]
fn probes_are_keyed_by_row() {
    let random = |probes| Divergence::Hutchinson { probes, law: ProbeLaw::Rademacher, seed: 2 };
    let run = likelihood(0.1, 10).divergence(random(2));
    let x = normals(5, 3, 1.0);
    let whole = run.run(&mixture(), x.view()).unwrap();
    let part = run.run(&mixture(), x.select(Axis(0), &[0, 1]).view()).unwrap();
    assert_eq!(whole.iter().take(2).collect::<Vec<_>>(), part.iter().collect::<Vec<_>>());
    let one = likelihood(0.1, 10).divergence(random(1)).estimate(&mixture(), x.view()).unwrap();
    assert!(one.standard_error.is_none());
    let still =
        Gaussian::new(array![0.0, 1.0, 2.0], Covariance::diagonal(vec![1.0, 2.0, 3.0]).unwrap()).unwrap();
    let estimate = run.estimate(&still, x.view()).unwrap();
    let exact = likelihood(0.1, 10).run(&still, x.view()).unwrap();
    assert!(estimate.standard_error.unwrap().iter().all(|e| *e < 1e-12));
    assert!((estimate.log_density - exact).iter().all(|e| e.abs() < 1e-11));
    assert!(likelihood(0.1, 10).divergence(random(0)).run(&still, x.view()).is_err());
}

/// A model that has no derivatives, by central differences along the probes.
#[test]
fn a_model_without_derivatives_has_a_likelihood_too() {
    struct Plain(Mixture);
    impl Denoiser for Plain {
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
            self.0.denoise(x, sigma)
        }
        fn moments(&self) -> Option<ridgewalk::Moments> {
            self.0.moments()
        }
    }
    let random = Divergence::Hutchinson { probes: 8, law: ProbeLaw::Gaussian, seed: 5 };
    let run = likelihood(0.1, 20).divergence(random);
    let x = normals(4, 3, 0.7);
    let known = run.run(&mixture(), x.view()).unwrap();
    let found = run.run(&FiniteDifference::new(Plain(mixture())), x.view()).unwrap();
    assert!((&found - &known).iter().all(|e| e.abs() < 1e-6), "{}", found - known);
    assert!(run.run(&Plain(mixture()), x.view()).unwrap_err().to_string().contains("FiniteDifference"));
}

/// The entropy of a unit Gaussian is ½ log₂(2πe) bits a dimension: the mean of −log₂ p over the law, taken
/// at the points ±1 of every coordinate, whose squares are the mean square.
#[test]
fn bits_per_dimension_of_a_unit_gaussian() {
    let log_density = 7.0 * -0.5 * ((2.0 * std::f64::consts::PI).ln() + 1.0);
    let known = 0.5 * (2.0 * std::f64::consts::PI * std::f64::consts::E).log2();
    assert!((bits_per_dimension(log_density, 7, 1.0).unwrap() - known).abs() < 1e-14);
    // On a grid of 256 values to a unit, eight bits more.
    assert!((bits_per_dimension(log_density, 7, 1.0 / 256.0).unwrap() - known - 8.0).abs() < 1e-13);
    assert!(bits_per_dimension(1.0, 0, 1.0).is_err() && bits_per_dimension(1.0, 2, 0.0).is_err());
}
