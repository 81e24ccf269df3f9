//! A denoiser in a process's coordinates: Tweedie, conversions, transport, and the law of a Gaussian.

use ndarray::{Array1, Array2, Axis, array};
use proptest::prelude::*;
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
use ridgewalk::{Denoiser, Density, FlowMatching, Marginal, Process, VarianceExploding, process};

const D: usize = 3;

fn gaussian(mean: &[f64], slope: f64, variances: &[f64]) -> Gaussian {
    // A rotation in the plane of the first two coordinates.
    let (sin, cos) = (slope.sin(), slope.cos());
    let frame = array![[cos, sin, 0.0], [-sin, cos, 0.0]];
    let covariance = Covariance::from_parts(frame, variances[..2].to_vec(), variances[2]).unwrap();
    Gaussian::new(Array1::from(mean.to_vec()), covariance).unwrap()
}

#[derive(Debug)]
struct Case {
    first: Gaussian,
    mixture: Mixture,
    process: usize,
    rate: f64,
    t: f64,
    x: Array2<f64>,
    v: Array2<f64>,
}

impl Case {
    fn process(&self) -> Box<dyn Process> {
        let rate = self.rate;
        process::named(&match self.process {
            0 => "variance-exploding".into(),
            1 => format!("ornstein-uhlenbeck:rate={rate}"),
            2 => "ornstein-uhlenbeck:rate=0".into(),
            3 => "flow-matching".into(),
            4 => format!("vp:beta-max={}", 1.0 + rate),
            5 => format!("sub-vp:beta-max={}", 1.0 + rate),
            _ => "cosine".into(),
        })
        .unwrap()
    }
    fn models(&self) -> [&dyn Density; 2] {
        [&self.first, &self.mixture]
    }
}

fn cases() -> impl Strategy<Value = Case> {
    let numbers = |n: usize| proptest::collection::vec(-2.0..2.0f64, n);
    let variances = || proptest::collection::vec(0.05..2.0f64, 3);
    (
        (numbers(6), 0.0..6.0f64, variances(), variances(), 0.1..0.9f64),
        (0usize..7, 0.2..3.0f64, 0.05..0.95f64),
        (numbers(6), numbers(6)),
    )
        .prop_map(|((means, slope, a, b, weight), (process, rate, t), (x, v))| {
            let first = gaussian(&means[..3], slope, &a);
            let second = gaussian(&means[3..], -slope, &b);
            Case {
                mixture: Mixture::new(vec![weight, 1.0 - weight], vec![first.clone(), second]).unwrap(),
                first,
                process,
                rate,
                t,
                x: Array2::from_shape_vec((2, D), x).unwrap(),
                v: Array2::from_shape_vec((2, D), v).unwrap(),
            }
        })
}

/// All equal within `tolerance` of the larger of 1 and the size of the second.
fn close<'a>(
    a: impl IntoIterator<Item = &'a f64>,
    b: impl IntoIterator<Item = &'a f64>,
    tolerance: f64,
) -> bool {
    a.into_iter().zip(b).all(|(a, b)| (a - b).abs() <= tolerance * b.abs().max(1.0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The four parametrisations are one: x = αD + σε̂, ∇log p = −ε̂/σ, v = α′D + σ′ε̂.
    #[test]
    fn conversions_agree(case in cases()) {
        let process = case.process();
        let (alpha, sigma) = (process.alpha(case.t), process.sigma(case.t));
        for model in case.models() {
            let marginal = Marginal::new(model, process.as_ref());
            let x = case.x.view();
            let denoised = marginal.denoised(x, case.t).unwrap();
            let noise = marginal.noise(x, case.t).unwrap();
            let score = marginal.score(x, case.t).unwrap();
            let velocity = marginal.velocity(x, case.t).unwrap();
            prop_assert!(close(&(&denoised * alpha + &noise * sigma), &case.x, 1e-12));
            prop_assert!(close(&(&noise / -sigma), &score, 1e-11));
            let (da, ds) = (process.alpha_derivative(case.t), process.sigma_derivative(case.t));
            prop_assert!(close(&(&denoised * da + &noise * ds), &velocity, 1e-10));
            prop_assert!(close(&model.velocity(process.as_ref(), x, case.t).unwrap(), &velocity, 1e-10));
        }
    }

    /// Against central differences of log p_t, whose error is about 1e-8 here: the score in x, and the
    /// rate in t. Those of D give its Jacobian product, those of the score the Hessian's.
    #[test]
    fn fields_are_derivatives_of_the_log_density(case in cases()) {
        let process = case.process();
        for model in case.models() {
            let marginal = Marginal::new(model, process.as_ref());
            let t = case.t;
            let h = 1e-5;
            let (ahead, behind) = (&case.x + &(&case.v * h), &case.x - &(&case.v * h));
            let slope = |ahead: Array2<f64>, behind: Array2<f64>| (ahead - behind) / (2.0 * h);
            let log = |x: &Array2<f64>, t: f64| marginal.log_density(x.view(), t).unwrap();
            let along = (log(&ahead, t) - log(&behind, t)) / (2.0 * h);
            let score = marginal.score(case.x.view(), t).unwrap();
            prop_assert!(close(&along, &(&score * &case.v).sum_axis(Axis(1)), 1e-6));
            let product = marginal.jvp(case.x.view(), t, case.v.view()).unwrap();
            let denoised = |x: &Array2<f64>| marginal.denoised(x.view(), t).unwrap();
            prop_assert!(close(&slope(denoised(&ahead), denoised(&behind)), &product, 1e-6));
            let product = marginal.hessian_product(case.x.view(), t, case.v.view()).unwrap();
            let scores = |x: &Array2<f64>| marginal.score(x.view(), t).unwrap();
            prop_assert!(close(&slope(scores(&ahead), scores(&behind)), &product, 1e-5));
            for (h, (v, p)) in marginal
                .hessian(case.x.view(), t)
                .unwrap()
                .outer_iter()
                .zip(case.v.outer_iter().zip(product.outer_iter()))
            {
                prop_assert!(close(&h.dot(&v), p, 1e-9));
            }
            let h = 1e-5 * t;
            let rate = (log(&case.x, t + h) - log(&case.x, t - h)) / (2.0 * h);
            prop_assert!(close(&rate, &marginal.log_density_rate(case.x.view(), t).unwrap(), 1e-5));
        }
    }

    /// ∂_t log p + ∇·v + ⟨v, ∇log p⟩ = 0 to rounding of its terms, and ∇·v is the trace of ∂v/∂x.
    #[test]
    fn the_probability_flow_transports_the_law(case in cases()) {
        let process = case.process();
        for model in case.models() {
            let marginal = Marginal::new(model, process.as_ref());
            let rate = marginal.log_density_rate(case.x.view(), case.t).unwrap();
            let divergence = marginal.velocity_divergence(case.x.view(), case.t).unwrap();
            let velocity = marginal.velocity(case.x.view(), case.t).unwrap();
            let score = marginal.score(case.x.view(), case.t).unwrap();
            let carried = (&velocity * &score).sum_axis(Axis(1));
            let sizes = (&velocity * &score).mapv(f64::abs).sum_axis(Axis(1));
            for row in 0..2 {
                let residual = rate[row] + divergence[row] + carried[row];
                // Small beside the terms, and beside those of the change of variables inside of them.
                let inner = D as f64 / case.t + case.x.row(row).dot(&score.row(row)).abs() / (1.0 - case.t);
                let size = rate[row].abs() + divergence[row].abs() + sizes[row] + inner;
                prop_assert!(residual.abs() <= 1e-12 * size.max(1.0), "{} {residual:e} {size:e}", process.name());
            }
            let h = 1e-5;
            let mut trace = Array1::zeros(2);
            for k in 0..D {
                let mut shift: Array2<f64> = Array2::zeros((2, D));
                shift.column_mut(k).fill(h);
                let ahead = marginal.velocity((&case.x + &shift).view(), case.t).unwrap();
                let behind = marginal.velocity((&case.x - &shift).view(), case.t).unwrap();
                trace += &((ahead - behind).column(k).to_owned() / (2.0 * h));
            }
            prop_assert!(close(&trace, &divergence, 1e-6));
        }
    }

    /// p_t of a Gaussian is N(αμ, α²Σ + σ²I).
    #[test]
    fn the_law_of_a_gaussian_is_a_gaussian(case in cases()) {
        let process = case.process();
        let (alpha, sigma) = (process.alpha(case.t), process.sigma(case.t));
        let marginal = Marginal::new(&case.first, process.as_ref());
        let scaled = case.first.covariance().map(|v| alpha * alpha * v).unwrap();
        let law = Gaussian::new(&case.first.mean() * alpha, scaled).unwrap();
        let expected = law.log_density(case.x.view(), sigma).unwrap();
        prop_assert!(close(&marginal.log_density(case.x.view(), case.t).unwrap(), &expected, 1e-11));
        prop_assert!(close(&marginal.score(case.x.view(), case.t).unwrap(),
            &law.score(case.x.view(), sigma).unwrap(), 1e-11));
    }
}

/// The straight path from N(0, 1) to N(2, ¼): variance (1 − t)²/4 + t², velocity ṁ + ½(var′/var)(x − m)
/// (arXiv 2303.08797, one-sided), here with t = 1 at the noise.
#[test]
fn the_interpolant_between_gaussians_has_its_velocity_and_variance() {
    let model = Gaussian::new(array![2.0], Covariance::isotropic(1, 0.25).unwrap()).unwrap();
    let marginal = Marginal::new(&model, &FlowMatching);
    for t in [0.05f64, 0.3, 0.5, 0.9, 0.99] {
        let x = array![[1.3], [-0.4]];
        let (mean, variance) = (2.0 * (1.0 - t), 0.25 * (1.0 - t) * (1.0 - t) + t * t);
        let rate = -0.5 * (1.0 - t) + 2.0 * t;
        let expected = x.mapv(|x| -2.0 + 0.5 * rate / variance * (x - mean));
        assert!(close(&marginal.velocity(x.view(), t).unwrap(), &expected, 1e-12), "{t}");
        // A state one standard deviation off stays so, down to √¼ at the data.
        let off = array![[mean + variance.sqrt()]];
        let end = model.flow(&FlowMatching, off.view(), t, 0.0).unwrap();
        assert!((end[(0, 0)] - 2.5).abs() < 1e-14);
    }
}

/// At σ = 1e-9 the difference x − αD has lost half of its digits; the velocity has not.
#[test]
fn the_velocity_keeps_its_digits_at_low_noise() {
    let model = Gaussian::new(array![100.0], Covariance::isotropic(1, 4.0).unwrap()).unwrap();
    let (t, x) = (1e-9, 103.0);
    // dx/dσ = σ (x − μ)/(λ + σ²)
    let exact = t * 3.0 / (4.0 + t * t);
    let velocity = Marginal::new(&model, &VarianceExploding).velocity(array![[x]].view(), t).unwrap();
    assert!((velocity[(0, 0)] / exact - 1.0).abs() < 1e-14, "{velocity}");
}

#[test]
fn times_outside_of_the_process_are_refused() {
    let model = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0).unwrap()).unwrap();
    let marginal = Marginal::new(&model, &FlowMatching);
    let x = array![[1.0]];
    for t in [0.0, 1.0, -0.5, f64::NAN] {
        assert!(marginal.score(x.view(), t).is_err());
        assert!(marginal.log_density_rate(x.view(), t).is_err());
    }
    assert!(marginal.velocity(array![[1.0, 2.0]].view(), 0.5).is_err());
    assert!(marginal.jvp(x.view(), 0.5, array![[1.0], [2.0]].view()).is_err());
    // A composed model is a denoiser behind a pointer; it has the fields too.
    let boxed: Box<dyn Denoiser> = Box::new(model);
    assert!(Marginal::new(&boxed, &FlowMatching).velocity(x.view(), 0.5).is_ok());
}
