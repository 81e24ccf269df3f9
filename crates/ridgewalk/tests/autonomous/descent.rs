//! Descent on linear fields, whose rates are known, and on blind fields of data.

use std::ops::ControlFlow;

use ndarray::{Array2, ArrayView2, Axis, array};
use ridgewalk::autonomous::{
    Autonomous, Blind, Clocked, Descent, DescentStep, Momentum, Scaled, Target, TimePrior,
};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian};
use ridgewalk::sampler::Start;
use ridgewalk::{Denoiser, Density, Differentiable, Error, FlowMatching, Result};

use crate::closed_form::{embedded, points, three};
use crate::sampling::circles;

/// f(u) = A u with A diagonal.
struct Linear(Vec<f64>, Target);

impl Autonomous for Linear {
    fn dim(&self) -> usize {
        self.0.len()
    }
    fn field(&self, u: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(Array2::from_shape_fn(u.dim(), |(i, k)| self.0[k] * u[(i, k)]))
    }
    fn target(&self) -> Target {
        self.1
    }
}

/// u_k = (1 − ηa)^k u_0 in every coordinate, and the mean length of the field on the way.
#[test]
fn a_linear_field_contracts_at_its_rate() {
    let field = Linear(vec![0.5, 2.0], Target::Equilibrium);
    let start = array![[1.0, -3.0], [4.0, 0.5], [0.0, 2.0]];
    let end = Descent::new(0.1, 30).run(&field, start.view()).unwrap();
    for (row, u) in start.outer_iter().enumerate() {
        for (k, a) in [0.5f64, 2.0].into_iter().enumerate() {
            let expected = (1.0 - 0.1 * a).powi(30) * u[k];
            assert!((end.points[(row, k)] - expected).abs() < 1e-14);
        }
    }
    assert_eq!(end.steps, vec![30; 3]);
    assert_eq!((end.rested, end.mean_evaluations), (0, 30.0));
    let length = |k: i32| {
        let of = |u: &[f64; 2]| (0.5 * 0.95f64.powi(k) * u[0]).hypot(2.0 * 0.8f64.powi(k) * u[1]);
        [[1.0, -3.0], [4.0, 0.5], [0.0, 2.0]].iter().map(of).sum::<f64>() / 3.0
    };
    for (k, norm) in end.norms.iter().enumerate() {
        assert!((norm - length(k as i32)).abs() < 1e-13, "{k}");
    }
}

/// The residual u − f of a field that predicts the data: f = (1 − a) u is descended as a u.
#[test]
fn data_and_equilibrium_are_one_field() {
    let start = array![[1.0, -3.0]];
    let direct =
        Descent::new(0.3, 12).run(&Linear(vec![0.25, 1.5], Target::Equilibrium), start.view()).unwrap();
    let of_data = Descent::new(0.3, 12).run(&Linear(vec![0.75, -0.5], Target::Data), start.view()).unwrap();
    assert!((&direct.points - &of_data.points).iter().all(|v| v.abs() < 1e-14));
    let blind_model = Empirical::new(&points(three())).unwrap();
    let blind = Blind::from(&blind_model, FlowMatching, TimePrior::uniform(1e-3..1.0).unwrap()).unwrap();
    let starts = Descent::starts(&blind_model, &FlowMatching, 0.8, Start::Gaussian, 5, 3).unwrap();
    let ends = [Target::Equilibrium, Target::Data]
        .map(|target| Descent::new(0.1, 40).run(&blind.field(target), starts.view()).unwrap().points);
    assert!((&ends[0] - &ends[1]).iter().all(|v| v.abs() < 1e-12));
}

/// Linear recursions of second order: the larger root of r² − (1 + μ)(1 − ηa) r + μ(1 − ηa) is Nesterov's rate, which for the
/// best μ of a convex quadratic, (1 − √(ηa))/(1 + √(ηa)), is 1 − √(ηa); look-ahead has r² − (1 − (1 + μ)ηa) r − μηa.
#[test]
fn momentum_has_its_rate_on_a_quadratic() {
    let (eta, a) = (0.1, 0.4f64);
    let root = (eta * a).sqrt();
    let best = (1.0 - root) / (1.0 + root);
    let rate = |momentum: Momentum, steps: usize| {
        let field = Linear(vec![a], Target::Equilibrium);
        let run =
            |steps| Descent::new(eta, steps).momentum(momentum).run(&field, array![[1.0]].view()).unwrap();
        run(steps + 1).points[(0, 0)] / run(steps).points[(0, 0)]
    };
    // A double root r: u_k = (1 + ck) r^k, whose ratio at k is r (1 + 1/k) to second order.
    let found = rate(Momentum::Nesterov(best), 100) / (1.0 + 1.0 / 101.0);
    assert!((found - (1.0 - root)).abs() < 1e-3, "{found} {}", 1.0 - root);
    let found = rate(Momentum::LookAhead(0.5), 200);
    let (b, c) = (1.0 - 1.5 * eta * a, 0.5 * eta * a);
    let expected = 0.5 * (b + (b * b + 4.0 * c).sqrt());
    assert!((found - expected).abs() < 1e-12, "{found} {expected}");
    // It gains nothing over plain descent to first order in ηa: 1 − ηa + O((ηa)²).
    assert!((expected - (1.0 - eta * a)).abs() < (eta * a).powi(2));
    assert!((rate(Momentum::None, 50) - (1.0 - eta * a)).abs() < 1e-12);
    // By hand: y = 1, u₁ = 0.96; y = 0.96 − 0.5·0.04 = 0.94, u₂ = 0.94·0.96 and 0.96 − 0.04·0.94.
    for (momentum, by_hand) in [(Momentum::Nesterov(0.5), 0.9024), (Momentum::LookAhead(0.5), 0.9224)] {
        let field = Linear(vec![a], Target::Equilibrium);
        let end = Descent::new(eta, 2).momentum(momentum).run(&field, array![[1.0]].view()).unwrap();
        assert!((end.points[(0, 0)] - by_hand).abs() < 1e-15);
    }
}

/// Samples at rest stay: a coordinate at distance u stops at the first k with a(1 − ηa)^k u ≤ the threshold.
#[test]
fn samples_stop_where_the_field_is_small() {
    let field = Linear(vec![1.0], Target::Equilibrium);
    let start = array![[1.0], [0.2], [1e-4], [50.0]];
    let descent = Descent::new(0.5, 8).stop(0.1);
    let mut moving = Vec::new();
    let end = descent
        .run_observed(&field, start.view(), &mut |step: &DescentStep| {
            moving.push(step.moving);
            ControlFlow::Continue(())
        })
        .unwrap();
    // 1 → ½ → ¼ → ⅛ → 1/16, 0.2 → 0.1, 1e-4 at once, 50/2⁸ = 0.195 never.
    assert_eq!(end.steps, [4, 1, 0, 8]);
    assert_eq!(end.points.column(0).to_vec(), [0.0625, 0.1, 1e-4, 50.0 / 256.0]);
    assert_eq!(moving, [3, 2, 2, 2, 1, 1, 1, 1]);
    assert_eq!((end.rested, end.mean_evaluations), (3, (5.0 + 2.0 + 1.0 + 8.0) / 4.0));
    let last = (0.0625 + 0.1 + 1e-4 + 50.0 / 128.0) / 4.0;
    assert!((end.norms[7] - last).abs() < 1e-15);
    let stopped = descent.run_observed(&field, start.view(), &mut |step: &DescentStep| match step.step {
        3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert_eq!(stopped, Err(Error::Stopped { step: 2 }));
}

/// The same bytes in batches of any size, from starts that do not depend on their number.
#[test]
fn batches_do_not_change_samples() {
    let model = embedded(&circles(), 8);
    let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0).unwrap()).unwrap();
    let field = blind.field(Target::Equilibrium);
    let starts = |n| Descent::starts(&model, &FlowMatching, 0.9, Start::Auto, n, 5).unwrap();
    let few = starts(3);
    assert_eq!(starts(7).select(Axis(0), &[0, 1, 2]), few);
    for momentum in [Momentum::None, Momentum::Nesterov(0.5), Momentum::LookAhead(0.3)] {
        let descent = Descent::new(0.1, 25).momentum(momentum).stop(0.3);
        let whole = descent.run(&field, starts(7).view()).unwrap();
        assert!(whole.rested > 0, "{momentum:?}: {:?}", whole.steps);
        assert_eq!(descent.clone().batch(3).run(&field, starts(7).view()).unwrap(), whole);
    }
}

/// αx₀ + σε: the variance that it should have, whether x₀ is drawn or only its moments are known, and σε at α = 0.
#[test]
fn starts_have_the_law_of_the_process() {
    let model = Gaussian::new(array![2.0, 2.0], Covariance::isotropic(2, 0.25).unwrap()).unwrap();
    for start in [Start::Gaussian, Start::Exact] {
        for (t, mean, variance) in
            [(0.3, 1.4, 0.49 * 0.25 + 0.09), (0.9, 0.2, 0.0025 + 0.81), (1.0, 0.0, 1.0)]
        {
            let n = 4000;
            let states = Descent::starts(&model, &FlowMatching, t, start, n, 1).unwrap();
            let found = states.mean().unwrap();
            let spread = states.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (2 * n) as f64;
            // Four standard errors of 8000 numbers.
            assert!((found - mean).abs() < 4.0 * (variance / 8000.0f64).sqrt(), "{t}: {found}");
            assert!((spread / variance - 1.0).abs() < 4.0 * (2.0 / 8000.0f64).sqrt(), "{t}: {spread}");
        }
    }
    // A field that is no denoiser is one with its clock.
    let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-3..1.0).unwrap()).unwrap();
    let clocked = Clocked::new(blind.field(Target::Velocity), FlowMatching);
    let of =
        |model: &dyn Denoiser| Descent::starts(model, &FlowMatching, 0.9, Start::Gaussian, 4, 2).unwrap();
    assert_eq!(of(&clocked), of(&model));
}

#[test]
fn what_has_no_meaning_is_refused() {
    let start = array![[1.0]];
    let field = Linear(vec![1.0], Target::Equilibrium);
    let refused = |descent: Descent, field: &Linear, start: &Array2<f64>, part: &str| {
        let message = descent.run(field, start.view()).unwrap_err().to_string();
        assert!(message.contains(part), "{message}");
    };
    let plain = Descent::new(0.1, 5);
    for target in [Target::Noise, Target::VPrediction] {
        refused(plain.clone(), &Linear(vec![1.0], target), &start, "Clocked");
    }
    for (descent, part) in [
        (Descent::new(0.0, 5), "step is 0"),
        (Descent::new(f64::NAN, 5), "step is NaN"),
        (Descent::new(0.1, 0), "at least one"),
        (plain.clone().batch(0), "batch size"),
        (plain.clone().momentum(Momentum::Nesterov(1.0)), "momentum is 1"),
        (plain.clone().momentum(Momentum::LookAhead(-0.1)), "below 1"),
        (plain.clone().stop(f64::NAN), "stop is NaN"),
        // 1 − ηa = −1e300
        (Descent::new(1e300, 5), "shorter steps"),
    ] {
        refused(descent, &field, &start, part);
    }
    refused(plain.clone(), &field, &array![[1.0, 2.0]], "dimension");
    refused(plain, &field, &array![[f64::NAN]], "row 0");
    let model = Empirical::new(&points(three())).unwrap();
    for t in [0.0, -1.0, 1.5, f64::NAN] {
        assert!(Descent::starts(&model, &FlowMatching, t, Start::Gaussian, 1, 0).is_err(), "{t}");
    }
}

/// A model of divided data is the model that is fitted to them: denoiser, derivatives, density, blind fields.
#[test]
fn scaled_models_are_those_of_divided_data() {
    let scale = 6.5;
    let (own, divided) = (points(circles() * scale), points(circles()));
    let (own, divided) = (Empirical::new(&own).unwrap(), Empirical::new(&divided).unwrap());
    let scaled = Scaled::new(&own, scale).unwrap();
    let x = array![[0.3, -0.2], [1.5, 0.1]];
    let v = array![[1.0, 2.0], [-0.5, 0.7]];
    let close =
        |a: Array2<f64>, b: Array2<f64>| assert!((&a - &b).iter().all(|d| d.abs() < 1e-12), "{a} {b}");
    for sigma in [0.1, 0.8] {
        let (x, v) = (x.view(), v.view());
        close(scaled.denoise(x, sigma).unwrap(), divided.denoise(x, sigma).unwrap());
        close(scaled.jvp(x, sigma, v).unwrap(), divided.jvp(x, sigma, v).unwrap());
        let of = |model: &dyn Differentiable| model.denoise_with_sigma_derivative(x, sigma).unwrap();
        close(of(&scaled).0, of(&divided).0);
        close(of(&scaled).1, of(&divided).1);
        let logs = scaled.log_density(x, sigma).unwrap() - divided.log_density(x, sigma).unwrap();
        assert!(logs.iter().all(|d| d.abs() < 1e-12), "{logs}");
    }
    assert!((scaled.moments().unwrap().std - divided.moments().unwrap().std).abs() < 1e-14);
    let prior = || TimePrior::uniform(1e-3..1.0).unwrap();
    let blind = Blind::from(&scaled, FlowMatching, prior()).unwrap();
    let direct = Blind::from(&divided, FlowMatching, prior()).unwrap();
    for target in Target::ALL {
        // To the quadratures' tolerance, which stop at different refinements at the most.
        let (a, b) =
            (blind.field(target).field(x.view()).unwrap(), direct.field(target).field(x.view()).unwrap());
        assert!((&a - &b).iter().all(|d| d.abs() < 1e-9), "{target}");
    }
    assert!(
        (blind.energy(x.view()).unwrap() - direct.energy(x.view()).unwrap()).iter().all(|d| d.abs() < 1e-9)
    );
    for scale in [0.0, -1.0, f64::NAN, 1e-310] {
        assert!(Scaled::new(&own, scale).is_err());
    }
}
