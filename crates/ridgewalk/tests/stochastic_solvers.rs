//! Solvers that draw noise: the law of their states, by exact moments on Gaussians and by draws from a
//! mixture; their limits, and what their names promise of one another.

use ndarray::{Array1, Array2, ArrayView2, array};
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
use ridgewalk::solver::{
    AnnealedLangevin, Ddim, Ddpm, DpmSolverSde, DpmSolverSde2S, Extrapolation, LangevinStep, Order,
    PredictorCorrector, SOLVERS, named,
};
use ridgewalk::{Euler, Levels, LogLinear, ReverseSde, Sampler, SamplerMoments, Schedule, Solver, Trace};

fn scalar(variance: f64) -> Gaussian {
    Gaussian::new(array![0.0], Covariance::isotropic(1, variance).unwrap()).unwrap()
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

/// The law at the lowest level, before the step to σ = 0.
fn at_the_lowest_level(moments: &SamplerMoments) -> &ridgewalk::StepMoments {
    &moments.per_step[moments.per_step.len() - 2]
}

/// Whether `found` rounds to what is printed: half a unit of the last digit.
fn rounds_to(found: f64, printed: &str) -> bool {
    let digits = printed.split_once('.').unwrap().1.len() as i32;
    (found - printed.parse::<f64>().unwrap()).abs() <= 0.5001 * 10f64.powi(-digits)
}

/// Error of the final variance on N(0, 1.7), in the coordinates of the variance-preserving process, for
/// N = 20, 40, 80, 160: a separate computation of every scheme gives these.
#[test]
fn variances_err_as_the_reference_table_says() {
    let first = ["0.421", "0.231", "0.121", "0.062"];
    let rows: [(&str, [&str; 4]); 6] = [
        ("ddpm", first),
        ("ddim:eta=1", first),
        ("sde-dpm++1", first),
        ("sde-dpm++2m", ["0.047", "0.0124", "0.0031", "0.00079"]),
        ("sde-dpm++2m:kind=heun", ["0.112", "0.027", "0.0065", "0.0016"]),
        ("sde-dpm++2s", ["0.029", "0.0064", "0.0014", "0.00033"]),
    ];
    let alpha_squared = 1.0 / (1.0 + (-6f64).exp());
    for (text, errors) in rows {
        for (n, printed) in [20, 40, 80, 160].into_iter().zip(errors) {
            let moments = Sampler::new(named(text, n).unwrap(), uniform(n)).moments(&scalar(1.7)).unwrap();
            let exact = 1.7 + (-6f64).exp();
            let error = (at_the_lowest_level(&moments).variances[0] - exact).abs() * alpha_squared;
            assert!(rounds_to(error, printed), "{text} {n}: {error} {printed}");
        }
    }
}

/// A solver whose law has an order.
struct Law {
    text: String,
    /// Strength e of its noise, where the reverse SDE has 1.
    noise: f64,
    /// Order with which it follows the reverse SDE of that strength, if another than that of its law.
    mean: Option<u8>,
}

/// All solvers that draw noise by their defaults, and settings of them.
fn laws() -> Vec<Law> {
    let settings = [
        ("ddim:eta=0.5", 0.25, None),
        ("ddim:eta=1", 1.0, None),
        ("ddpm:variance=large,data=2", 1.0, None),
        ("sde-dpm++1:eta=0.5", 0.5, None),
        ("sde-dpm++2m:eta=0.5", 0.5, None),
        ("sde-dpm++2m:eta=2", 2.0, None),
        ("sde-dpm++2m:kind=heun", 1.0, None),
        ("sde-dpm++3m:eta=0.3", 0.3, None),
        // Its noise has the strength η² to first order in h only, which its marginals do not show.
        ("sde-dpm++2s:eta=0.5", 0.25, Some(1)),
    ];
    let draws = |name: &&str| matches!(named(name, 20).unwrap().order(), Order::Law(_));
    let defaults = SOLVERS.iter().map(|entry| entry.name).filter(draws);
    let defaults = defaults.map(|name| Law { text: name.into(), noise: 1.0, mean: None });
    let settings = settings.map(|(text, noise, mean)| Law { text: text.into(), noise, mean });
    defaults.chain(settings).collect()
}

/// Weak order, without Monte Carlo: from the marginal the variance stays the marginal's, and from a
/// displaced start the mean falls as ((v + σ′²)/(v + σ²))^{(1 + e)/2}.
#[test]
fn laws_have_their_order() {
    for law in laws() {
        let text = law.text.as_str();
        let errors = |n: usize| {
            let (mut variance, mut gain) = (0f64, 0f64);
            for v in [4.0, 1.0, 0.09] {
                let solver = named(text, n).unwrap();
                let moments = Sampler::new(solver, uniform(n)).moments(&scalar(v)).unwrap();
                let end = at_the_lowest_level(&moments);
                let (high, low) = (v + 6f64.exp(), v + (-6f64).exp());
                let exact = (low / high).powf(0.5 * (1.0 + law.noise));
                variance = variance.max((end.variances[0] / low - 1.0).abs());
                gain = gain.max((end.gains[0] / exact - 1.0).abs());
            }
            (variance, gain)
        };
        let Order::Law(order) = named(text, 20).unwrap().order() else { panic!("{text}") };
        let (coarse, fine) = (errors(200), errors(400));
        let mean = law.mean.unwrap_or(order);
        for (what, order, coarse, fine) in
            [("variance", order, coarse.0, fine.0), ("mean", mean, coarse.1, fine.1)]
        {
            // A mean that is exact, to rounding, has no slope.
            if fine > 1e-11 {
                let slope = (coarse / fine).log2();
                assert!((slope - f64::from(order)).abs() < 0.2, "{text} {what}: {slope}");
            }
        }
    }
}

/// In several dimensions, with a mean: no step moves a state that is at rest there.
#[test]
fn means_stay() {
    for law in laws() {
        let moments = Sampler::new(named(&law.text, 12).unwrap(), uniform(12)).moments(&reference()).unwrap();
        for step in &moments.per_step {
            let offset = &step.mean - &reference().mean();
            assert!(offset.iter().all(|m| m.abs() < 1e-12), "{}", law.text);
        }
    }
}

/// The large variance is exact for N(0, s²) at any step; and for s = 1 it is β of the variance-preserving
/// process: mean (x − (β/σ)ε̂)/√a with a = α²/α′², β = 1 − a, variance β, in that process's coordinates.
#[test]
fn the_large_variance_is_beta() {
    let exact = Sampler::new(Ddpm::large(1.3).unwrap(), uniform(5)).moments(&scalar(1.69)).unwrap();
    for step in &exact.per_step[..6] {
        assert!((step.variances[0] / (1.69 + step.sigma * step.sigma) - 1.0).abs() < 1e-12);
    }
    let v = 0.7;
    for (text, small) in [("ddpm:variance=large", false), ("ddpm", true)] {
        let moments = Sampler::new(named(text, 9).unwrap(), uniform(9)).moments(&scalar(v)).unwrap();
        let levels = uniform(9).levels().unwrap();
        let alpha_squared = |level: f64| 1.0 / (1.0 + level * level);
        let mut variance = (v + levels[0] * levels[0]) * alpha_squared(levels[0]);
        for (pair, step) in levels.windows(2).zip(&moments.per_step[1..]) {
            let (a0, a1) = (alpha_squared(pair[0]), alpha_squared(pair[1]));
            let (a, beta) = (a0 / a1, 1.0 - a0 / a1);
            // ε̂ = (x − αD)/σ with D = αv/(α²v + σ²)·x, σ² = 1 − α².
            let noise = (1.0 - a0 * v / (a0 * v + 1.0 - a0)) / (1.0 - a0).sqrt();
            let gain = (1.0 - beta / (1.0 - a0).sqrt() * noise) / a.sqrt();
            let fresh = if small { beta * (1.0 - a1) / (1.0 - a0) } else { beta };
            variance = gain * gain * variance + fresh;
            assert!((step.variances[0] * a1 / variance - 1.0).abs() < 1e-12, "{text}");
        }
    }
}

/// Three modes of unlike weights and widths.
fn modes() -> Mixture {
    let component = |mean: [f64; 2], covariance: [[f64; 2]; 2]| {
        let covariance = Covariance::from_dense(Array2::from(covariance.to_vec()).view());
        Gaussian::new(Array1::from(mean.to_vec()), covariance.unwrap()).unwrap()
    };
    let components = vec![
        component([-2.0, 0.0], [[0.3, 0.1], [0.1, 0.2]]),
        component([1.0, 1.5], [[0.1, 0.0], [0.0, 0.4]]),
        component([1.5, -1.5], [[0.2, -0.15], [-0.15, 0.3]]),
    ];
    Mixture::new(vec![0.5, 0.3, 0.2], components).unwrap()
}

/// Means with their standard errors of some statistics of every sample: coordinates, their products, and of each
/// mode its share, its first coordinate's square from its mean, and the product of both.
fn statistics(points: ArrayView2<f64>, model: &Mixture) -> Vec<(f64, f64)> {
    let shares = model.responsibilities(points, 1e-3).unwrap();
    let mut rows = Vec::new();
    for (x, share) in points.outer_iter().zip(shares.outer_iter()) {
        let mut row = vec![x[0], x[1], x[0] * x[0], x[0] * x[1], x[1] * x[1]];
        for (g, share) in model.components().iter().zip(share) {
            let (a, b) = (x[0] - g.mean()[0], x[1] - g.mean()[1]);
            row.extend([*share, share * a * a, share * a * b]);
        }
        rows.push(row);
    }
    let n = rows.len() as f64;
    (0..rows[0].len())
        .map(|k| {
            let mean = rows.iter().map(|row| row[k]).sum::<f64>() / n;
            let spread = rows.iter().map(|row| (row[k] - mean).powi(2)).sum::<f64>() / n;
            (mean, (spread / n).sqrt())
        })
        .collect()
}

/// Fine steps draw from the mixture itself: what is not linear has the right law too. Every statistic is within
/// four standard errors (its own and that of as many exact draws) of the exact draws'; first-order solvers take so
/// many steps that their variances, which err by about 1 %, stay within them.
#[test]
fn fine_steps_draw_from_the_mixture() {
    let model = modes();
    let n = 2000;
    let exact = statistics(model.sample(20_000, 9).view(), &model);
    for (text, steps) in [
        ("reverse-sde", 300),
        ("ddpm", 300),
        ("ddpm:variance=large,data=2", 300),
        ("ddim:eta=0.5", 300),
        ("sde-dpm++1:eta=2", 300),
        ("sde-dpm++2m", 60),
        ("sde-dpm++2m:kind=heun,eta=0.5", 60),
        ("sde-dpm++3m", 60),
        ("sde-dpm++2s", 60),
        ("heun:churn=20", 60),
        ("pc:predictor=ddim:eta=1", 150),
        ("pc:predictor=sde-dpm++2s,rule=fixed,moves=2", 40),
    ] {
        let sampler = Sampler::new(named(text, steps).unwrap(), LogLinear::new(0.01..30.0, steps)).seed(3);
        let found = statistics(sampler.run(&model, n).unwrap().points.view(), &model);
        for (k, ((found, error), (exact, exact_error))) in found.iter().zip(&exact).enumerate() {
            let z = (found - exact) / error.hypot(*exact_error);
            assert!(
                z.abs() < 4.0,
                "{text}: statistic {k} is {found}, exactly {exact}: {z:.1} standard errors"
            );
        }
    }
}

/// x ← x(1 − δ/v) + √(2δ)ε has the stationary variance v/(1 − δ/(2v)), here v = 1.7 + 0.5² and δ = c·0.5².
#[test]
fn langevin_moves_converge_to_their_stationary_law() {
    let v = 1.7 + 0.25;
    for c in [0.1, 0.7, 1.8] {
        let stationary = v / (1.0 - 0.25 * c / (2.0 * v));
        let fixed = LangevinStep::Fixed(c);
        let solvers: [Box<dyn Solver>; 2] = [
            Box::new(AnnealedLangevin::new(600, c).unwrap()),
            Box::new(PredictorCorrector::new(Euler, 600, fixed).unwrap()),
        ];
        for (solver, evaluations) in solvers.iter().zip([601, 602]) {
            // From 30² the law has 600 moves of factor 1 − δ/v, 1 − 0.013 at the least, to converge.
            let moments = Sampler::new(solver, Levels(vec![30.0, 0.5])).moments(&scalar(1.7)).unwrap();
            let found = at_the_lowest_level(&moments).variances[0];
            let start = moments.per_step[0].variances[0];
            let left = (1.0 - 0.25 * c / v).powi(1200) * start;
            assert!((found - stationary).abs() <= left + 1e-10, "{c}: {found} {stationary}");
            assert_eq!(moments.evaluations, evaluations);
            assert_eq!(solver.order(), Order::Langevin);
        }
    }
    // No moves are the predictor itself.
    let none = PredictorCorrector::new(Euler, 0, LangevinStep::Fixed(0.1)).unwrap();
    assert_eq!(none.order(), Order::Path(1));
    let of = |solver: &dyn Solver| Sampler::new(solver, uniform(7)).moments(&scalar(1.7)).unwrap();
    assert_eq!(of(&none), of(&Euler));
}

/// In many dimensions norms are √d times deviations, so that δ = 2s²v²/V, and the stationary V = v(1 + s²).
#[test]
fn the_signal_to_noise_rule_has_its_stationary_law() {
    let (d, s) = (3000, 0.5);
    let model = Gaussian::new(Array1::zeros(d), Covariance::isotropic(d, 0.1).unwrap()).unwrap();
    let size = LangevinStep::SignalToNoise(s);
    let solver = PredictorCorrector::new(Euler, 40, size).unwrap();
    let mut trace = Trace::default();
    Sampler::new(solver, Levels(vec![1.05, 1.0])).run_observed(&model, 8, &mut trace).unwrap();
    let found = trace.states[0].mapv(|x| x * x).mean().unwrap() / 1.1;
    // Standard error √(2/24,000) = 0.9 %; four of them.
    assert!((found / (1.0 + s * s) - 1.0).abs() < 0.037, "{found}");
    // At a mode the gradient vanishes and the move is no longer than the whole way.
    let line = Sampler::new(PredictorCorrector::new(Euler, 3, size).unwrap(), Levels(vec![1.05, 1.0]));
    let starts = array![[0.0], [1e-300], [1e-8]];
    let run = line.run_from(&scalar(0.1), starts.view(), &mut Trace::default()).unwrap();
    assert!(run.points.iter().all(|x| x.abs() < 5.0));
}

/// η = 0 is Euler, to the bit.
#[test]
fn no_noise_is_the_flow() {
    let of =
        |solver: &dyn Solver| Sampler::new(solver, uniform(15)).seed(1).run(&modes(), 20).unwrap().points;
    assert_eq!(of(&Ddim::new(0.0).unwrap()), of(&Euler));
    let near = |a: Array2<f64>, b: Array2<f64>| a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-11);
    let first = |eta| DpmSolverSde::new(Extrapolation::Constant, eta).unwrap();
    assert!(near(of(&first(0.0)), of(&Euler)));
    // η = 1: three names of one step.
    let ancestral = of(&Ddpm::small());
    assert!(near(of(&Ddim::new(1.0).unwrap()), ancestral.clone()));
    assert!(near(of(&first(1.0)), ancestral.clone()));
    // Euler–Maruyama is the large variance for data without bound.
    assert!(near(of(&Ddpm::large(1e8).unwrap()), of(&ReverseSde)));
    assert!(!near(of(&Ddpm::large(1.0).unwrap()), ancestral));
}

/// η = 0 is DPM-Solver++ 2M, 3M and 2S (r = ½) as they are written in the coordinates of the variance-preserving
/// process, α and σ of λ, worked for a scalar Gaussian; in both directions.
#[test]
fn no_noise_is_dpm_solver() {
    let v = 1.7;
    let alpha = |lambda: f64| (1.0 / (1.0 + (-2.0 * lambda).exp())).sqrt();
    let sigma = |lambda: f64| (1.0 / (1.0 + (2.0 * lambda).exp())).sqrt();
    let denoised = |x: f64, l: f64| alpha(l) * v * x / (alpha(l).powi(2) * v + sigma(l).powi(2));
    let run = |which: &str, lambdas: &[f64]| {
        let mut x = alpha(lambdas[0]);
        let mut past: Vec<(f64, f64)> = vec![];
        for pair in lambdas.windows(2) {
            let (l, next) = (pair[0], pair[1]);
            let (h, d) = (next - l, denoised(x, l));
            let step =
                |x: f64, h: f64, d: f64| sigma(l + h) / sigma(l) * x + alpha(l + h) * (1.0 - (-h).exp()) * d;
            let (one, two) = (past.last().copied(), past.len().checked_sub(2).map(|i| past[i]));
            x = match (which, one, two) {
                ("2s", ..) => step(x, h, denoised(step(x, 0.5 * h, d), l + 0.5 * h)),
                (_, None, _) => step(x, h, d),
                ("2m", Some((l1, d1)), _) => {
                    let r = (l - l1) / h;
                    step(x, h, (1.0 + 0.5 / r) * d - 0.5 / r * d1)
                }
                (_, Some((l1, d1)), two) => {
                    let p2 = (-h).exp_m1() / h + 1.0;
                    let (r0, e0) = ((l - l1) / h, (d - d1) * h / (l - l1));
                    let (first, second) = match two {
                        None => (e0, 0.0),
                        Some((l2, d2)) => {
                            let (r1, e1) = ((l1 - l2) / h, (d1 - d2) * h / (l1 - l2));
                            (e0 + (e0 - e1) * r0 / (r0 + r1), (e0 - e1) / (r0 + r1))
                        }
                    };
                    step(x, h, d) + alpha(next) * (p2 * first - (p2 / h - 0.5) * second)
                }
            };
            past.push((l, d));
        }
        x / alpha(*lambdas.last().unwrap())
    };
    let lambdas = [-3.0, -2.5, -1.7, -1.0, -0.1, 0.4, 1.3, 2.0, 2.2, 3.0];
    let down: Vec<f64> = lambdas.iter().map(|l: &f64| (-l).exp()).collect();
    let up: Vec<f64> = lambdas.iter().rev().copied().collect();
    for (which, text) in
        [("2m", "sde-dpm++2m:eta=0"), ("3m", "sde-dpm++3m:eta=0"), ("2s", "sde-dpm++2s:eta=0")]
    {
        let solver = named(text, 10).unwrap();
        assert_eq!(solver.order(), Order::Path(2));
        let moments = Sampler::new(&solver, Levels(down.clone())).moments(&scalar(v)).unwrap();
        let found = at_the_lowest_level(&moments).gains[0];
        assert!((found / run(which, &lambdas) - 1.0).abs() < 1e-12, "{text}");
        let back =
            Sampler::new(&solver, Levels(down.clone())).invert(&scalar(v), array![[1.0]].view()).unwrap();
        assert!((back.points[[0, 0]] / run(which, &up) - 1.0).abs() < 1e-12, "{text} backwards");
    }
}

/// The same bytes in batches of 1, 3 and 7, of every solver, and as few levels as there can be.
#[test]
fn batches_do_not_matter() {
    let settings = ["ddim:eta=0.5", "ddpm:variance=large", "pc:rule=snr,moves=2", "pc:predictor=sde-dpm++2m"];
    for text in SOLVERS.iter().map(|entry| entry.name).chain(settings) {
        for levels in [1, 2, 6] {
            let run = |batch: usize| {
                let solver = named(text, levels).unwrap();
                let sampler = Sampler::new(solver, LogLinear::new(0.05..20.0, levels)).seed(8).batch(batch);
                sampler.run(&modes(), 7).unwrap()
            };
            let whole = run(7);
            assert!(whole.points.iter().all(|x| x.is_finite()));
            for batch in [1, 3] {
                assert_eq!(run(batch), whole, "{text} {levels}");
            }
        }
    }
}

#[test]
fn settings_of_no_meaning_are_refused() {
    for (text, words) in [
        ("ddim:eta=1.5", "between 0"),
        ("ddim:eta=-1", "between 0"),
        ("ddpm:variance=large,data=0", "standard deviation"),
        ("ddpm:variance=middle", "small, large"),
        ("sde-dpm++2m:eta=-0.1", "not negative"),
        ("sde-dpm++2s:eta=2", "between 0"),
        ("pc:rule=snr,size=0", "signal-to-noise"),
        ("pc:size=2", "below 2"),
        ("pc:predictor=nothing", "choose among"),
        ("annealed-langevin:moves=0", "at least one"),
        ("annealed-langevin:step=2.5", "below 2"),
    ] {
        let message = named(text, 10).err().unwrap().to_string();
        assert!(message.contains(words), "{text}: {message}");
    }
    assert!(DpmSolverSde2S::new(f64::NAN).is_err() && Ddpm::large(f64::INFINITY).is_err());
}
