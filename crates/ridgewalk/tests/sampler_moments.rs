//! The exact law of a sampler's output on a Gaussian: recursions by hand, reference tables, and the
//! sampler itself.

use std::sync::Mutex;

use ndarray::{Array1, Array2, Axis, array};
use ridgewalk::closed_form::{Covariance, Gaussian};
use ridgewalk::solver::{Order, Step};
use ridgewalk::{
    Euler, Heun, Karras, Levels, LogLinear, Result, Sampler, SamplerMoments, Schedule, Solver, Switched,
};

fn scalar(mean: f64, variance: f64) -> Gaussian {
    Gaussian::new(array![mean], Covariance::isotropic(1, variance).unwrap()).unwrap()
}

/// N((1, −2, ½), diag(4, 1, 0.09)).
fn reference() -> Gaussian {
    let covariance = Covariance::from_dense(Array2::from_diag(&array![4.0, 1.0, 0.09]).view()).unwrap();
    Gaussian::new(array![1.0, -2.0, 0.5], covariance).unwrap()
}

/// Levels e^{−λ} for λ in n equal steps from −3 to 3.
fn uniform(n: usize) -> LogLinear {
    LogLinear::new((-3.0f64).exp()..3f64.exp(), n + 1)
}

/// α of the variance-preserving process at λ = 3: the reference tables are in its coordinates.
fn alpha() -> f64 {
    (1.0 / (1.0 + (-6.0f64).exp())).sqrt()
}

/// The law at the lowest level, before the step to σ = 0.
fn at_the_lowest_level(moments: &SamplerMoments) -> &ridgewalk::StepMoments {
    &moments.per_step[moments.per_step.len() - 2]
}

#[test]
fn euler_and_heun_are_their_scalar_recursions() {
    let (mean, v) = (3.0, 2.5);
    let model = scalar(mean, v);
    let levels: Vec<f64> = Karras::new(0.01..50.0, 30).levels().unwrap();
    // dx/dσ = κ(σ)(x − m)
    let kappa = |s: f64| s / (v + s * s);
    let heun = |s: f64, n: f64| {
        let ahead = 1.0 + (n - s) * kappa(s);
        1.0 + 0.5 * (n - s) * (kappa(s) + kappa(n) * ahead)
    };
    let euler = |s: f64, n: f64| 1.0 + (n - s) * kappa(s);
    type Factor<'a> = &'a dyn Fn(f64, f64) -> f64;
    let methods: [(&dyn Solver, Factor, usize); 2] = [(&Euler, &euler, 30), (&Heun::new(), &heun, 59)];
    for (solver, factor, evaluations) in methods {
        let moments = Sampler::new(solver, Levels(levels.clone())).moments(&model).unwrap();
        // The start is N(μ, σ_max² + λ), which is exact in one dimension.
        let (mut variance, mut gain) = (2500.0 + v, 1.0);
        assert!((moments.per_step[0].variances[0] / variance - 1.0).abs() < 1e-14);
        for (i, pair) in levels.windows(2).enumerate() {
            gain *= factor(pair[0], pair[1]);
            let step = &moments.per_step[i + 1];
            assert_eq!(step.sigma, pair[1]);
            assert!((step.gains[0] / gain - 1.0).abs() < 1e-12);
            assert!((step.variances[0] / (variance * gain * gain) - 1.0).abs() < 1e-12);
        }
        gain *= v / (v + levels[29] * levels[29]);
        variance *= gain * gain;
        assert!((moments.covariance.trace() / variance - 1.0).abs() < 1e-12);
        assert!((moments.mean[0] - mean).abs() < 1e-12);
        assert_eq!(moments.evaluations, evaluations);
    }
}

#[test]
fn churn_is_its_scalar_recursion() {
    let v = 0.4;
    let (churn, noise, n) = (6.0, 1.01, 25);
    let levels = Karras::new(0.02..20.0, n).levels().unwrap();
    let solver = Heun::with_churn(churn, n, 0.1..=5.0, noise).unwrap();
    let moments = Sampler::new(solver, Levels(levels.clone())).moments(&scalar(-1.0, v)).unwrap();
    let kappa = |s: f64| s / (v + s * s);
    let mut variance = 400.0 + v;
    for (i, pair) in levels.windows(2).enumerate() {
        let mut s = pair[0];
        if (0.1..=5.0).contains(&s) {
            s *= 1.0 + churn / n as f64;
            variance += noise * noise * (s * s - pair[0] * pair[0]);
        }
        let ahead = 1.0 + (pair[1] - s) * kappa(s);
        variance *= (1.0 + 0.5 * (pair[1] - s) * (kappa(s) + kappa(pair[1]) * ahead)).powi(2);
        assert!((moments.per_step[i + 1].variances[0] / variance - 1.0).abs() < 1e-12);
    }
}

/// Largest error to the exact probability-flow map from the state m + √(λ_k + σ²)·(0.7, −1.3, 0.4), for
/// N = 20, 40, 80, 160: a separate computation gives these to two digits.
#[test]
fn maps_err_as_the_reference_table_says() {
    let model = reference();
    let table: [(Box<dyn Solver>, [f64; 4]); 2] = [
        (Box::new(Euler), [1.0e-1, 5.1e-2, 2.6e-2, 1.3e-2]),
        (Box::new(Heun::new()), [1.7e-2, 4.0e-3, 9.8e-4, 2.4e-4]),
    ];
    for (solver, errors) in &table {
        for (n, expected) in [20, 40, 80, 160].into_iter().zip(errors) {
            let moments = Sampler::new(solver, uniform(n)).moments(&model).unwrap();
            let end = at_the_lowest_level(&moments);
            // Modes rise: 0.09, 1, 4.
            let error =
                moments.modes.iter().zip(&end.gains).zip([0.4, -1.3, 0.7]).map(|((mode, gain), c)| {
                    let start = c * (mode.variance + 6f64.exp()).sqrt();
                    let exact = c * (mode.variance + (-6f64).exp()).sqrt();
                    (gain * start - exact).abs() * alpha()
                });
            let error = error.fold(0.0, f64::max);
            assert!((error / expected - 1.0).abs() < 0.04, "{} {n}: {error:e}", solver.name());
        }
    }
}

/// Error of the final variance on N(0, 1.7), N = 20, 40, 80, 160: churn of S_churn/N a step is second
/// order, a fixed γ = 0.3 only first.
#[test]
fn churn_errs_as_the_reference_table_says() {
    let model = scalar(0.0, 1.7);
    let spread: [f64; 4] = [0.126, 0.036, 0.0090, 0.0023];
    let fixed: [f64; 4] = [0.104, 0.040, 0.018, 0.0084];
    for (i, n) in [20usize, 40, 80, 160].into_iter().enumerate() {
        for (s_churn, expected) in [(10.0, spread[i]), (0.3 * n as f64, fixed[i])] {
            let solver = Heun::with_churn(s_churn, n, 0.0..=f64::INFINITY, 1.0).unwrap();
            let moments = Sampler::new(solver, uniform(n)).moments(&model).unwrap();
            let exact = 1.7 + (-6f64).exp();
            let error = (at_the_lowest_level(&moments).variances[0] - exact).abs() * alpha() * alpha();
            assert!((error / expected - 1.0).abs() < 0.025, "{s_churn} {n}: {error}");
        }
    }
}

/// 20,000 samples: every entry of mean and covariance within five of its standard errors, √(Σ_ii/n) and
/// √((Σ_ii Σ_jj + Σ_ij²)/n). Coarse steps and loud noise, so that the moments are far from the model's.
#[test]
fn the_sampler_draws_from_this_law() {
    let covariance = array![[2.0, 0.6, -0.3], [0.6, 0.5, 0.1], [-0.3, 0.1, 0.2]];
    let model =
        Gaussian::new(array![5.0, 0.0, -1.0], Covariance::from_dense(covariance.view()).unwrap()).unwrap();
    let solver = Heun::with_churn(4.0, 10, 0.05..=20.0, 1.05).unwrap();
    let sampler = Sampler::new(solver, Karras::new(0.02..30.0, 10)).seed(11);
    let exact = sampler.moments(&model).unwrap();
    let n = 20_000;
    let samples = sampler.run(&model, n).unwrap();
    assert_eq!(samples.evaluations, exact.evaluations);
    let law = exact.covariance.to_dense();
    let off = &samples.points - &exact.mean;
    let mean: Array1<f64> = off.mean_axis(Axis(0)).unwrap();
    let sample = off.t().dot(&off) / n as f64;
    let n = n as f64;
    for i in 0..3 {
        assert!(mean[i].abs() < 5.0 * (law[(i, i)] / n).sqrt(), "mean {i}: {}", mean[i]);
        for j in 0..3 {
            let error = ((law[(i, i)] * law[(j, j)] + law[(i, j)] * law[(i, j)]) / n).sqrt();
            assert!((sample[(i, j)] - law[(i, j)]).abs() < 5.0 * error, "{i} {j}: {sample} {law}");
        }
    }
    assert!((law[(0, 0)] - 2.0).abs() > 0.05, "{law}");
}

/// From the start that the sampler uses, the exact flow gives (σ_max² + tr Σ/d)·λ/(λ + σ_max²): the
/// error of the final variances falls with the solver's order, in every mode.
#[test]
fn the_law_tends_to_the_flow_of_the_start_with_the_solvers_order() {
    let model = reference();
    let solvers: [(Box<dyn Solver>, f64); 3] = [
        (Box::new(Euler), 1.0),
        (Box::new(Heun::new()), 2.0),
        (Box::new(Switched::new(Heun::new(), Heun::new(), 1.0)), 2.0),
    ];
    for (solver, order) in &solvers {
        let errors = |n: usize| {
            let moments = Sampler::new(solver, uniform(n)).moments(&model).unwrap();
            assert!((&moments.mean - &model.mean()).iter().all(|e| e.abs() < 1e-12));
            let end = at_the_lowest_level(&moments).variances.clone();
            let exact = moments.modes.iter().zip(&moments.per_step[0].variances);
            exact
                .zip(end)
                .map(|((mode, start), end)| {
                    end - start * mode.sensitivity(3f64.exp(), (-3f64).exp()).unwrap().powi(2)
                })
                .collect::<Vec<_>>()
        };
        for (coarse, fine) in errors(100).into_iter().zip(errors(200)) {
            let slope = (coarse / fine).log2();
            assert!((slope - order).abs() < 0.15, "{}: {slope}", solver.name());
        }
    }
}

/// The eigenvectors are the model's, the residual directions of a low rank included, and what is far from
/// the origin stays there.
#[test]
fn every_form_of_a_covariance_gives_one_law() {
    let parts = Covariance::from_parts(array![[0.6, 0.8, 0.0]], vec![3.0], 0.5).unwrap();
    let dense = Covariance::from_dense(parts.to_dense().view()).unwrap();
    let mean = array![100.0, -7.0, 0.3];
    let solver = || Heun::with_churn(5.0, 8, 0.0..=100.0, 1.0).unwrap();
    let law = |c: Covariance| {
        let model = Gaussian::new(mean.clone(), c).unwrap();
        Sampler::new(solver(), Karras::new(0.01..40.0, 8)).moments(&model).unwrap()
    };
    let (a, b) = (law(parts), law(dense));
    assert_eq!(a.modes.iter().map(|m| m.multiplicity).collect::<Vec<_>>(), vec![2, 1]);
    let difference = a.covariance.to_dense() - b.covariance.to_dense();
    assert!(difference.iter().all(|e| e.abs() < 1e-12), "{difference}");
    assert!((&a.mean - &mean).iter().all(|e| e.abs() < 1e-12 * 100.0));
}

/// Adams–Bashforth in two steps, with its own memory: whole runs are probed, so the past counts.
#[derive(Default)]
struct TwoStep(Mutex<Option<(f64, Array2<f64>)>>);

impl Solver for TwoStep {
    fn name(&self) -> String {
        "adams-bashforth".into()
    }
    fn order(&self) -> Order {
        Order::Path(2)
    }
    fn step(&self, x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let slope = (&x - &step.denoise(x.view(), step.sigma)?) / step.sigma;
        let mut past = self.0.lock().unwrap();
        let h = step.next - step.sigma;
        let next = match past.take().filter(|_| step.index > 0) {
            Some((before, old)) => {
                &x + &(&slope * (1.0 + 0.5 * h / before)) * h - &old * (0.5 * h * h / before)
            }
            None => &x + &slope * h,
        };
        *past = Some((h, slope));
        Ok(next)
    }
}

#[test]
fn a_solver_with_memory_is_its_scalar_recursion() {
    let v = 1.3;
    let levels = LogLinear::new(0.1..10.0, 12).levels().unwrap();
    let moments = Sampler::new(TwoStep::default(), Levels(levels.clone())).moments(&scalar(2.0, v)).unwrap();
    let (mut x, mut past) = (1.0, None);
    for (i, pair) in levels.windows(2).enumerate() {
        let (h, slope) = (pair[1] - pair[0], x * pair[0] / (v + pair[0] * pair[0]));
        x += match past {
            Some((before, old)) => h * (slope + 0.5 * h / before * (slope - old)),
            None => h * slope,
        };
        past = Some((h, slope));
        assert!((moments.per_step[i + 1].gains[0] - x).abs() < 1e-12);
    }
}

/// Adds two draws in every step, of standard deviations 3 and 4.
struct TwoDraws;

impl Solver for TwoDraws {
    fn name(&self) -> String {
        "two draws".into()
    }
    fn order(&self) -> Order {
        Order::Langevin
    }
    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        x.scaled_add(3.0, &step.noise());
        x.scaled_add(4.0, &step.noise());
        Ok(x)
    }
}

#[test]
fn draws_of_one_step_are_independent() {
    let model = scalar(0.0, 1.0);
    let sampler = Sampler::new(TwoDraws, Levels(vec![3.0, 2.0, 1.0]));
    let moments = sampler.moments(&model).unwrap();
    // Start 10, two steps of 25 each; then D halves.
    assert!((moments.per_step[2].variances[0] - 60.0).abs() < 1e-12);
    assert!((moments.covariance.trace() - 15.0).abs() < 1e-12);
    // The one draw counted twice would give 7² a step: 27. Standard error of the variance of 4,000: 2.2 %.
    let samples = sampler.batch(4000).run(&model, 4000).unwrap();
    let variance = samples.points.mapv(|x| x * x).mean().unwrap();
    assert!((variance / 15.0 - 1.0).abs() < 0.1, "{variance}");
}

/// What makes a solver not affine.
#[derive(Clone, Copy)]
enum Bad {
    Clips,
    Normalises,
    Offsets,
    DrawsWhenLarge,
}

impl Solver for Bad {
    fn name(&self) -> String {
        "bad".into()
    }
    fn order(&self) -> Order {
        Order::Langevin
    }
    fn step(&self, mut x: Array2<f64>, step: &mut Step) -> Result<Array2<f64>> {
        let denoised = step.denoise(x.view(), step.sigma)?;
        match self {
            Bad::Clips => x = denoised.mapv(|d| d.clamp(-1.0, 1.0)),
            Bad::Normalises => {
                for mut row in x.outer_iter_mut() {
                    let norm = row.dot(&row).sqrt().max(1e-300);
                    row /= norm;
                }
            }
            Bad::Offsets => x += 1.0,
            Bad::DrawsWhenLarge if x.iter().any(|x| x.abs() > 3.0) => x += &step.noise(),
            Bad::DrawsWhenLarge => {}
        }
        Ok(x)
    }
}

#[test]
fn solvers_that_are_not_affine_are_refused() {
    let levels = Levels(vec![9.0, 3.0, 1.0]);
    for bad in [Bad::Clips, Bad::Normalises, Bad::Offsets, Bad::DrawsWhenLarge] {
        let error = Sampler::new(bad, levels.clone()).moments(&reference()).unwrap_err().to_string();
        assert!(error.contains("solver is not affine"), "{error}");
    }
    assert!(Sampler::new(Euler, Levels(vec![])).moments(&reference()).is_err());
}

/// Teleporting by the model leaves out the solver's error, not the start's: with the exact start of one
/// dimension, and the landing at the last level, the law is that of D on the exact marginal.
#[test]
fn the_law_of_a_teleported_run_is_known_too() {
    let model = scalar(4.0, 2.0);
    let sampler = Sampler::new(Euler, Karras::new(0.5..80.0, 6));
    let moments = sampler.clone().teleport(&model, 5).moments(&model).unwrap();
    assert_eq!((moments.per_step.len(), moments.evaluations), (2, 1));
    assert!((moments.per_step[0].variances[0] - 2.25).abs() < 1e-12);
    assert!((moments.covariance.trace() - 4.0 / 2.25).abs() < 1e-12);
    let error = |k: usize| {
        let moments = sampler.clone().teleport(&model, k).moments(&model).unwrap();
        (at_the_lowest_level(&moments).variances[0] - 2.25).abs()
    };
    assert!(error(4) < error(2) && error(2) < error(0));
    assert!(sampler.teleport(&scalar(4.0, 2.1), 5).moments(&model).is_err());
}
