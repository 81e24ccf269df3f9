//! Stochastic interpolants (arXiv 2303.08797): coefficients, exact fields, and what samplers make of them.

use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture};
use ridgewalk::interpolant::{
    self, Bridge, Direction, Fields, Gamma, Interpolant, InterpolantSampler, MixtureBridge, OneSided, PATHS,
    Path, Scheme,
};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, FlowMatching, PointSet, Process};

fn normals(rows: usize, cols: usize, scale: f64) -> Array2<f64> {
    let mut stream = Stream::new(6, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((rows, cols), || scale * stream.normal())
}

fn line(mean: f64, variance: f64) -> Gaussian {
    Gaussian::new(array![mean], Covariance::isotropic(1, variance).unwrap()).unwrap()
}

/// N(0, 1) to N(2, ¼) with γ = √(2t(1 − t)).
fn line_bridge() -> MixtureBridge {
    let interpolant = interpolant::named("linear:scale=2").unwrap();
    MixtureBridge::gaussians(interpolant, &line(0.0, 1.0), &line(2.0, 0.25)).unwrap()
}

fn plane(mean: [f64; 2], covariance: [[f64; 2]; 2]) -> Gaussian {
    let covariance = Covariance::from_dense(Array2::from(covariance.to_vec()).view()).unwrap();
    Gaussian::new(Array1::from(mean.to_vec()), covariance).unwrap()
}

/// Three components to two, in the plane, whose covariances have no common eigenvectors.
fn mixtures() -> (Mixture, Mixture) {
    let first = vec![
        plane([-1.0, 0.5], [[0.5, 0.2], [0.2, 0.3]]),
        plane([1.0, 1.5], [[0.2, -0.1], [-0.1, 0.4]]),
        plane([0.5, -2.0], [[0.1, 0.0], [0.0, 0.6]]),
    ];
    let last =
        vec![plane([2.0, 0.0], [[0.3, 0.1], [0.1, 0.2]]), plane([-2.0, 1.0], [[0.1, 0.05], [0.05, 0.3]])];
    (Mixture::new(vec![0.5, 0.3, 0.2], first).unwrap(), Mixture::new(vec![0.6, 0.4], last).unwrap())
}

/// Every path of the catalogue with every γ that it takes.
fn interpolants() -> Vec<Interpolant> {
    let gammas = [Gamma::None, Gamma::SquareRoot { scale: 2.0 }, Gamma::Quadratic, Gamma::SineSquared];
    let paths = [
        Path::Linear,
        Path::Trigonometric,
        Path::EncodingDecoding,
        Path::OneSidedLinear,
        Path::OneSidedTrigonometric,
        Path::Mirror,
    ];
    assert_eq!(paths.len(), PATHS.len());
    let all = paths.iter().flat_map(|p| gammas.iter().filter_map(|g| Interpolant::new(*p, *g).ok()));
    let all: Vec<Interpolant> = all.collect();
    // One γ is refused on the trigonometric path, one on each of two others.
    assert_eq!(all.len(), 21);
    all
}

fn bridge(interpolant: Interpolant) -> MixtureBridge {
    let (first, last) = mixtures();
    if interpolant.is_one_sided() {
        return MixtureBridge::one_sided(interpolant, &last).unwrap();
    }
    MixtureBridge::new(interpolant, &first, &last).unwrap()
}

#[test]
fn coefficients_begin_at_one_end_and_have_their_derivatives() {
    for interpolant in interpolants() {
        let name = format!("{interpolant:?}");
        let (start, end) = (interpolant.coefficients(0.0).unwrap(), interpolant.coefficients(1.0).unwrap());
        let starts = if interpolant.is_one_sided() { (0.0, 0.0, 1.0) } else { (1.0, 0.0, 0.0) };
        let starts = if interpolant.path() == Path::Mirror { (0.0, 1.0, 0.0) } else { starts };
        assert_eq!((start.a, start.b, start.gamma), starts, "{name}");
        assert_eq!((end.a, end.b, end.gamma), (0.0, 1.0, 0.0), "{name}");
        for t in [0.1, 0.3, 0.49, 0.6, 0.95] {
            let h = 1e-6;
            let (back, here, ahead) = (t - h, interpolant.coefficients(t).unwrap(), t + h);
            let (back, ahead) =
                (interpolant.coefficients(back).unwrap(), interpolant.coefficients(ahead).unwrap());
            let slope = |f: f64, g: f64| (f - g) / (2.0 * h);
            assert!((slope(ahead.a, back.a) - here.a_derivative).abs() < 1e-8, "{name} {t}");
            assert!((slope(ahead.b, back.b) - here.b_derivative).abs() < 1e-8, "{name} {t}");
            let half = 0.5 * slope(ahead.gamma * ahead.gamma, back.gamma * back.gamma);
            assert!((half - here.gamma_product).abs() < 1e-8, "{name} {t}");
        }
        assert!(interpolant.coefficients(-1e-9).is_err() && interpolant.coefficients(f64::NAN).is_err());
    }
}

/// The known answer: var_t = (1 − t)² + t²/4 + 2t(1 − t), b = 2 + ½(var′/var)(x − 2t), s = −(x − 2t)/var, and
/// v = b + γγ′s; at both ends too, where γ′ is infinite.
#[test]
fn fields_between_two_gaussians_are_known() {
    let bridge = line_bridge();
    for t in [0.0, 1e-9, 0.2, 0.5, 0.8, 1.0 - 1e-9, 1.0] {
        let variance: f64 = (1.0 - t) * (1.0 - t) + 0.25 * t * t + 2.0 * t * (1.0 - t);
        let rate = -2.0 * (1.0 - t) + 0.5 * t + 2.0 * (1.0 - 2.0 * t);
        for x in [-1.0, 0.3, 2.5] {
            let fields = bridge.fields(array![[x]].view(), t).unwrap();
            let (b, s) = (2.0 + 0.5 * rate / variance * (x - 2.0 * t), -(x - 2.0 * t) / variance);
            let close = |found: &Array2<f64>, known: f64| (found[(0, 0)] - known).abs() < 1e-13;
            assert!(close(&fields.velocity(), b) && close(&fields.score, s), "{t} {x}");
            assert!(close(&fields.mean_velocity, b + (1.0 - 2.0 * t) * s), "{t} {x}");
            assert!(close(&fields.noise(), -(2.0 * t * (1.0 - t)).sqrt() * s), "{t} {x}");
            let density =
                -0.5 * ((std::f64::consts::TAU * variance).ln() + (x - 2.0 * t) * (x - 2.0 * t) / variance);
            let found = bridge.log_density(array![[x]].view(), t).unwrap()[0];
            assert!((found - density).abs() < 1e-13, "{t} {x}");
        }
    }
}

/// v and η are conditional means of what is drawn: over draws of (x₀, x₁, z), the products of b, v, s and η
/// with functions of x_t equal those of what they are means of. The tolerance is five standard errors.
#[test]
fn fields_are_conditional_means_with_this_sign() {
    let (first, last) = mixtures();
    let interpolant = interpolant::named("trigonometric:scale=2").unwrap();
    let bridge = MixtureBridge::new(interpolant, &first, &last).unwrap();
    let (n, t) = (20_000, 0.35);
    let at = interpolant.coefficients(t).unwrap();
    let (x0, x1, z) = (first.sample(n, 1), last.sample(n, 2), normals(n, 2, 1.0));
    let x = &x0 * at.a + &x1 * at.b + &z * at.gamma;
    let fields = bridge.fields(x.view(), t).unwrap();
    let moved = &x0 * at.a_derivative + &x1 * at.b_derivative;
    for test in [|x: f64, _: f64| x, |_: f64, y: f64| y, |x: f64, y: f64| (x - y).sin()] {
        let check = |what: &str, drawn: &Array2<f64>, mean: &Array2<f64>| {
            for k in 0..2 {
                let off: Array1<f64> =
                    Array1::from_shape_fn(n, |i| test(x[(i, 0)], x[(i, 1)]) * (drawn[(i, k)] - mean[(i, k)]));
                let (mean, error) = (off.mean().unwrap(), off.std(1.0) / (n as f64).sqrt());
                assert!(mean.abs() < 5.0 * error, "{what}: {mean} ± {error}");
            }
        };
        check("v", &moved, &fields.mean_velocity);
        check("eta", &z, &fields.noise());
        check("b", &(&moved + &z * (at.gamma_product / at.gamma)), &fields.velocity());
    }
}

#[test]
fn conversions_agree_to_rounding() {
    let x = normals(5, 2, 1.5);
    for interpolant in interpolants().into_iter().filter(|i| i.coefficients(0.3).unwrap().gamma > 0.0) {
        let (bridge, at) = (bridge(interpolant), interpolant.coefficients(0.3).unwrap());
        let fields = bridge.fields(x.view(), 0.3).unwrap();
        let (b, eta, v, s) =
            (fields.velocity(), fields.noise(), fields.mean_velocity.clone(), fields.score.clone());
        let others = [
            Fields::from_velocity_and_noise(b.clone(), eta.clone(), &at).unwrap(),
            Fields::from_velocity_and_score(b.clone(), s.clone(), &at).unwrap(),
            Fields::from_mean_velocity_and_noise(v.clone(), eta.clone(), &at).unwrap(),
        ];
        let close = |p: &Array2<f64>, q: &Array2<f64>| (p - q).iter().all(|e| e.abs() < 1e-13 * 100.0);
        for other in others {
            assert!(close(&other.velocity(), &b) && close(&other.noise(), &eta), "{interpolant:?}");
            assert!(close(&other.mean_velocity, &v) && close(&other.score, &s), "{interpolant:?}");
        }
        assert!(close(&(&v + &eta * (at.gamma_product / at.gamma)), &b), "b = v + γ′η");
    }
    let flat = interpolant::named("linear:gamma=none").unwrap().coefficients(0.3).unwrap();
    assert!(Fields::from_velocity_and_noise(x.clone(), x.clone(), &flat).is_err());
    assert!(Fields::new(x.clone(), normals(4, 2, 1.0), &flat).is_err());
}

/// ∂_t log ρ + ∇·b + ⟨b, s⟩ = 0 and s = ∇log ρ, by central differences, on every path and γ.
#[test]
fn the_continuity_equation_holds() {
    let x = normals(6, 2, 1.5);
    for interpolant in interpolants() {
        let bridge = bridge(interpolant);
        for t in [0.2, 0.45, 0.7] {
            let h = 1e-5;
            let density = |x: ArrayView2<f64>, t: f64| bridge.log_density(x, t).unwrap();
            let rate = (density(x.view(), t + h) - density(x.view(), t - h)) / (2.0 * h);
            let (b, s) = (bridge.velocity(x.view(), t).unwrap(), bridge.score(x.view(), t).unwrap());
            let divergence = bridge.divergence(x.view(), t).unwrap();
            let residual = &rate + &divergence + (&b * &s).sum_axis(Axis(1));
            let size = 1.0 + rate.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(residual.iter().all(|r| r.abs() < 1e-6 * size), "{interpolant:?} {t}: {residual}");
            let mut differences = Array1::<f64>::zeros(6);
            for k in 0..2 {
                let (mut ahead, mut behind) = (x.clone(), x.clone());
                ahead.column_mut(k).mapv_inplace(|v| v + h);
                behind.column_mut(k).mapv_inplace(|v| v - h);
                let slope = (density(ahead.view(), t) - density(behind.view(), t)) / (2.0 * h);
                assert!((&slope - &s.column(k)).iter().all(|e| e.abs() < 1e-6 * size), "{interpolant:?} {t}");
                let (ahead, behind) =
                    (bridge.velocity(ahead.view(), t).unwrap(), bridge.velocity(behind.view(), t).unwrap());
                differences += &((&ahead.column(k) - &behind.column(k)) / (2.0 * h));
            }
            assert!(
                (&differences - &divergence).iter().all(|e| e.abs() < 1e-5 * size),
                "{interpolant:?} {t}"
            );
        }
    }
}

/// d/dt var = 2 (b_x ± ε s_x) var ± 2ε for the fields' slopes in x, by Runge and Kutta's method.
fn moment_equations(epsilon: f64, direction: Direction) -> (f64, f64) {
    let bridge = line_bridge();
    let sign = if direction == Direction::Forward { 1.0 } else { -1.0 };
    let affine = |t: f64| {
        let fields = bridge.fields(array![[0.0], [1.0]].view(), t.clamp(0.0, 1.0)).unwrap();
        let drift = fields.velocity() + fields.score * (sign * epsilon);
        (drift[(0, 0)], drift[(1, 0)] - drift[(0, 0)])
    };
    let rate = |t: f64, (m, v): (f64, f64)| {
        let (c, g) = affine(t);
        (c + g * m, 2.0 * g * v + sign * 2.0 * epsilon)
    };
    let ((mut m, mut v), steps) = (if sign > 0.0 { (0.0, 1.0) } else { (2.0, 0.25) }, 2000);
    let h = sign / f64::from(steps);
    for i in 0..steps {
        let t = if sign > 0.0 { f64::from(i) * h } else { 1.0 + f64::from(i) * h };
        let k1 = rate(t, (m, v));
        let k2 = rate(t + 0.5 * h, (m + 0.5 * h * k1.0, v + 0.5 * h * k1.1));
        let k3 = rate(t + 0.5 * h, (m + 0.5 * h * k2.0, v + 0.5 * h * k2.1));
        let k4 = rate(t + h, (m + h * k3.0, v + h * k3.1));
        m += h / 6.0 * (k1.0 + 2.0 * k2.0 + 2.0 * k3.0 + k4.0);
        v += h / 6.0 * (k1.1 + 2.0 * k2.1 + 2.0 * k3.1 + k4.1);
    }
    (m, v)
}

#[test]
fn the_law_at_the_other_end_does_not_depend_on_the_noise() {
    for epsilon in [0.0, 0.5, 3.0] {
        let (mean, variance) = moment_equations(epsilon, Direction::Forward);
        assert!((mean - 2.0).abs() < 1e-8 && (variance - 0.25).abs() < 1e-8, "{epsilon}: {mean} {variance}");
        let (mean, variance) = moment_equations(epsilon, Direction::Backward);
        assert!(mean.abs() < 1e-8 && (variance - 1.0).abs() < 1e-8, "{epsilon}: {mean} {variance}");
    }
}

/// Errors of mean and variance at the other end, exactly, at 40 and 80 steps: they fall by 2ᵖ. Also with an ε
/// that varies, and between Gaussians of the plane whose covariances do not commute.
#[test]
fn schemes_have_their_order() {
    let (first, last) =
        (plane([0.0, 1.0], [[1.0, 0.4], [0.4, 0.5]]), plane([2.0, -1.0], [[0.3, -0.1], [-0.1, 0.2]]));
    let dense =
        MixtureBridge::gaussians(interpolant::named("linear:scale=2").unwrap(), &first, &last).unwrap();
    let bridges = [(line_bridge(), line(0.0, 1.0), line(2.0, 0.25)), (dense, first, last)];
    type Strength = fn(f64) -> f64;
    let strengths: [Option<Strength>; 4] = [None, Some(|_| 0.5), Some(|_| 3.0), Some(|t| 1.0 + t.cos())];
    for (bridge, first, last) in &bridges {
        for direction in [Direction::Forward, Direction::Backward] {
            let (from, to) = if direction == Direction::Forward { (first, last) } else { (last, first) };
            for (scheme, order) in [(Scheme::Euler, 1.0), (Scheme::Heun, 2.0), (Scheme::RungeKutta4, 4.0)] {
                for (which, strength) in strengths.iter().enumerate() {
                    if scheme == Scheme::RungeKutta4 && strength.is_some() {
                        continue;
                    }
                    let error = |steps: usize| {
                        let mut sampler = InterpolantSampler::new(scheme, steps);
                        if let Some(strength) = strength {
                            sampler = sampler.diffusion(*strength);
                        }
                        let covariance = from.covariance().to_dense();
                        let laws =
                            sampler.moments(bridge, from.mean(), covariance.view(), direction).unwrap();
                        let end = laws.last().unwrap();
                        assert_eq!(laws.len(), steps);
                        let off = &end.covariance - &to.covariance().to_dense();
                        let mean = &end.mean - &to.mean();
                        off.iter().chain(&mean).fold(0.0f64, |m, e| m.max(e.abs()))
                    };
                    let (coarse, fine) = (error(80), error(160));
                    let found = (coarse / fine).log2();
                    assert!(
                        (found - order).abs() < 0.2,
                        "{direction:?} {scheme:?} {which}: {coarse:e} {found}"
                    );
                    assert!(fine < 0.1, "{direction:?} {scheme:?} {which}: {fine}");
                }
            }
        }
    }
}

/// What a scheme's moments say is what its samples have: 20,000 of them, five standard errors.
#[test]
fn exact_moments_are_those_of_samples() {
    let n = 20_000;
    let sampler = InterpolantSampler::new(Scheme::Euler, 7).diffusion(|t| 0.3 + t).batch(1000);
    let laws = sampler.moments(&line_bridge(), array![0.0].view(), array![[1.0]].view(), Direction::Forward);
    let end = laws.unwrap().pop().unwrap();
    let start = line(0.0, 1.0).sample(n, 3);
    let points = sampler.run(&line_bridge(), start.view(), Direction::Forward).unwrap().points;
    let (mean, variance) = (points.mean().unwrap(), points.var(1.0));
    let known = end.covariance[(0, 0)];
    assert!((mean - end.mean[0]).abs() < 5.0 * (known / n as f64).sqrt());
    assert!((variance / known - 1.0).abs() < 5.0 * (2.0 / n as f64).sqrt(), "{variance} {known}");
    assert!((known - 0.25).abs() > 0.01, "so few steps leave an error that is seen");
}

/// b of a one-sided path is the velocity of the probability flow, of any denoiser.
#[test]
fn a_diffusion_is_a_one_sided_interpolant() {
    /// α = sin(πt/2), σ = cos(πt/2), time running to the data.
    struct Trigonometric;
    impl Process for Trigonometric {
        fn name(&self) -> &'static str {
            "trigonometric"
        }
        fn alpha(&self, t: f64) -> f64 {
            (0.5 * std::f64::consts::PI * t).sin()
        }
        fn sigma(&self, t: f64) -> f64 {
            (0.5 * std::f64::consts::PI * t).cos()
        }
        fn alpha_derivative(&self, t: f64) -> f64 {
            0.5 * std::f64::consts::PI * self.sigma(t)
        }
        fn sigma_derivative(&self, t: f64) -> f64 {
            -0.5 * std::f64::consts::PI * self.alpha(t)
        }
        fn time(&self, level: f64) -> f64 {
            (1.0 / level).atan() * 2.0 / std::f64::consts::PI
        }
    }
    let (first, last) = mixtures();
    let points = Empirical::new(&PointSet::vectors(first.sample(30, 4)).unwrap()).unwrap();
    let x = normals(8, 2, 1.2);
    let linear = interpolant::named("one-sided-linear").unwrap();
    let trigonometric = interpolant::named("one-sided-trigonometric").unwrap();
    let models: [&dyn Denoiser; 2] = [&last, &points];
    for model in models {
        for t in [0.02, 0.3, 0.6, 0.97] {
            let close = |p: Array2<f64>, q: Array2<f64>| {
                let size = 1.0 + q.iter().fold(0.0f64, |m, v| m.max(v.abs()));
                assert!((p - q).iter().all(|e| e.abs() < 1e-11 * size), "{t}");
            };
            let bridge = OneSided::new(model, linear).unwrap();
            let flow = model.velocity(&FlowMatching, x.view(), 1.0 - t).unwrap();
            close(bridge.velocity(x.view(), t).unwrap(), -flow);
            let bridge = OneSided::new(model, trigonometric).unwrap();
            let flow = model.velocity(&Trigonometric, x.view(), t).unwrap();
            close(bridge.velocity(x.view(), t).unwrap(), flow);
        }
    }
    // With noise of its own beside the Gaussian end, and at t = 0, against the mixture's exact fields.
    for text in ["one-sided-linear", "one-sided-linear:gamma=sqrt", "one-sided-trigonometric:gamma=sine"] {
        let interpolant = interpolant::named(text).unwrap();
        let exact = MixtureBridge::one_sided(interpolant, &last).unwrap();
        let bridge = OneSided::new(&last, interpolant).unwrap();
        for t in [0.0, 0.01, 0.5, 0.99] {
            let (found, known) = (bridge.fields(x.view(), t).unwrap(), exact.fields(x.view(), t).unwrap());
            let off = |p: &Array2<f64>, q: &Array2<f64>| (p - q).iter().fold(0.0f64, |m, e| m.max(e.abs()));
            assert!(off(&found.score, &known.score) < 1e-9, "{text} {t}");
            assert!(off(&found.mean_velocity, &known.mean_velocity) < 1e-9, "{text} {t}");
            let divergence = bridge.divergence(x.view(), t).unwrap() - exact.divergence(x.view(), t).unwrap();
            assert!(divergence.iter().all(|e| e.abs() < 1e-8), "{text} {t}: {divergence}");
        }
    }
}

/// Mean, scale and weights of the modes at the other end, of 2,000 samples; five standard errors (which are
/// 1/√2000 of the standard deviations), and the scheme's error, which at 60 Heun steps is below them.
#[test]
fn mixtures_are_carried_to_mixtures() {
    let (first, last) = mixtures();
    let n = 2000;
    let spread = 5.0 / (n as f64).sqrt();
    for text in ["linear:scale=2", "trigonometric", "encoding-decoding"] {
        let bridge = MixtureBridge::new(interpolant::named(text).unwrap(), &first, &last).unwrap();
        for noisy in [false, true] {
            for direction in [Direction::Forward, Direction::Backward] {
                let (from, to) =
                    if direction == Direction::Forward { (&first, &last) } else { (&last, &first) };
                let mut sampler = InterpolantSampler::new(Scheme::Heun, 60).seed(5);
                if noisy {
                    sampler = sampler.diffusion(|t| 2.0 * t * (1.0 - t));
                }
                let run = sampler.run(&bridge, from.sample(n, 9).view(), direction).unwrap();
                assert_eq!(run.evaluations, 120);
                let (mean, moments) = (run.points.mean_axis(Axis(0)).unwrap(), to.moments().unwrap());
                let what = format!("{text} {noisy} {direction:?}");
                assert!((&mean - &moments.mean).iter().all(|e| e.abs() < spread * 2.0), "{what}: {mean}");
                let std = ridgewalk::Moments::of(run.points.view()).std;
                assert!((std / moments.std - 1.0).abs() < spread, "{what}: {std} {}", moments.std);
                let shares =
                    to.responsibilities(run.points.view(), 1e-3).unwrap().mean_axis(Axis(0)).unwrap();
                for (share, weight) in shares.iter().zip(to.weights()) {
                    assert!((share - weight).abs() < 0.5 * spread, "{what}: {share} {weight}");
                }
                // As good as exact draws under the end's own density: its entropy has a standard error of
                // about 1/√n.
                let density =
                    |x: ArrayView2<f64>| to.density().unwrap().log_density(x, 1e-3).unwrap().mean().unwrap();
                let off = density(run.points.view()) - density(to.sample(n, 77).view());
                assert!(off.abs() < 1.5 * spread, "{what}: {off}");
            }
        }
    }
}

/// The same bytes in any batch; other noise with another seed; a watcher hears of every step and can stop.
#[test]
fn runs_are_reproducible_and_observed() {
    let (first, last) = mixtures();
    let bridge = MixtureBridge::new(interpolant::named("linear").unwrap(), &first, &last).unwrap();
    let start = first.sample(11, 1);
    let sampler = InterpolantSampler::new(Scheme::Heun, 10).diffusion(|_| 0.4).seed(3);
    let run = |s: &InterpolantSampler| s.run(&bridge, start.view(), Direction::Forward).unwrap();
    let whole = run(&sampler);
    for batch in [1, 4, 7] {
        assert_eq!(whole, run(&sampler.clone().batch(batch)));
    }
    assert_ne!(whole, run(&sampler.clone().seed(4)));
    let mut times = Vec::new();
    let mut watch = |p: &interpolant::InterpolantProgress| {
        times.push(p.t);
        if p.step == 4 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) }
    };
    let stopped = sampler.run_observed(&bridge, start.view(), Direction::Forward, &mut watch);
    assert_eq!(stopped, Err(ridgewalk::Error::Stopped { step: 3 }));
    // Ten steps even in u, with t = sin²(πu/2).
    let expected = |k: usize| (0.05 * std::f64::consts::PI * k as f64).sin().powi(2);
    assert!(times.iter().enumerate().all(|(k, t)| (t - expected(k + 1)).abs() < 1e-15), "{times:?}");
}

/// log ρ₁ by the ODE against its closed form, and ends that need clipping: points to points.
#[test]
fn densities_are_pulled_back_and_points_reached() {
    let (first, last) = mixtures();
    let bridge = MixtureBridge::new(interpolant::named("linear:scale=2").unwrap(), &first, &last).unwrap();
    let x = last.sample(20, 8);
    let back = InterpolantSampler::new(Scheme::RungeKutta4, 100).pull_back(&bridge, x.view()).unwrap();
    let found = bridge.log_density(back.points.view(), 0.0).unwrap() - &back.log_volume;
    let known = bridge.log_density(x.view(), 1.0).unwrap();
    assert!((&found - &known).iter().all(|e| e.abs() < 1e-5), "{}", found - known);
    assert_eq!(back.evaluations, 400);

    let points = |m: &Mixture, seed| PointSet::vectors(m.sample(6, seed)).unwrap();
    let (from, to) = (points(&first, 1), points(&last, 2));
    let bridge = MixtureBridge::empirical(interpolant::named("linear").unwrap(), &from, &to).unwrap();
    assert_eq!(bridge.range(), (1e-3, 1.0 - 1e-3));
    assert!(bridge.fields(from.values(), 0.0).is_err());
    let sampler = InterpolantSampler::new(Scheme::Heun, 400);
    // From a point its own paths part only through the noise that the state carries: start within it.
    let run = InterpolantSampler::diffusion(sampler, |t| t * (1.0 - t)).run(
        &bridge,
        from.values(),
        Direction::Forward,
    );
    for row in run.unwrap().points.rows() {
        let ends = to.values();
        let nearest = ends.outer_iter().map(|p| (&p - &row).mapv(|e| e * e).sum().sqrt());
        let nearest = nearest.fold(f64::INFINITY, f64::min);
        assert!(nearest < 0.05, "{nearest}");
    }
}

#[test]
fn bad_input_is_told() {
    let bridge = line_bridge();
    let x = array![[0.0], [1.0]];
    let sampler = |scheme| InterpolantSampler::new(scheme, 5);
    let message =
        |s: InterpolantSampler| s.run(&bridge, x.view(), Direction::Forward).unwrap_err().to_string();
    assert!(message(InterpolantSampler::new(Scheme::Euler, 0)).contains("steps is 0"));
    assert!(message(sampler(Scheme::RungeKutta4).diffusion(|_| 1.0)).contains("ODE only"));
    assert!(message(sampler(Scheme::Euler).diffusion(|t| 0.3 - t)).contains("gives -"));
    assert!(message(sampler(Scheme::Heun).diffusion(|_| f64::NAN)).contains("NaN"));
    // More noise than a step can follow is not taken where the bridge knows how much that is, ...
    for scheme in [Scheme::Euler, Scheme::Heun] {
        let much = sampler(scheme).diffusion(|_| 1e300).run(&bridge, x.view(), Direction::Forward).unwrap();
        assert!(much.points.iter().all(|x| x.abs() < 10.0), "{}", much.points);
    }
    // ... and where it does not, states that are thrown out are told.
    struct Unknown(MixtureBridge);
    impl Bridge for Unknown {
        fn dim(&self) -> usize {
            self.0.dim()
        }
        fn interpolant(&self) -> Interpolant {
            self.0.interpolant()
        }
        fn fields(&self, x: ArrayView2<f64>, t: f64) -> ridgewalk::Result<Fields> {
            self.0.fields(x, t)
        }
    }
    let unknown = Unknown(line_bridge());
    let blown =
        |s: InterpolantSampler| s.run(&unknown, x.view(), Direction::Forward).unwrap_err().to_string();
    let told = blown(sampler(Scheme::Euler).diffusion(|_| 1e300));
    assert!(told.contains("sample 1") && told.contains("t = 0.0954"), "{told}");
    let told = blown(sampler(Scheme::Heun).diffusion(|_| 1e308));
    assert!(told.contains("sample 0") && told.contains("step 0") && told.contains("t = 0.0954"), "{told}");
    assert!(sampler(Scheme::Euler).run(&bridge, normals(2, 3, 1.0).view(), Direction::Forward).is_err());
    assert!(bridge.fields(x.view(), 1.5).is_err());
    let one_sided = interpolant::named("one-sided-linear").unwrap();
    assert!(MixtureBridge::gaussians(one_sided, &line(0.0, 1.0), &line(0.0, 1.0)).is_err());
    assert!(OneSided::new(line(0.0, 1.0), interpolant::named("linear").unwrap()).is_err());
    let many = PointSet::vectors(normals(300, 1, 1.0)).unwrap();
    let refused = MixtureBridge::empirical(interpolant::named("linear").unwrap(), &many, &many);
    assert!(refused.unwrap_err().to_string().contains("65536"));
    let laws = InterpolantSampler::new(Scheme::Euler, 3).moments(
        &self::bridge(interpolant::named("linear").unwrap()),
        array![0.0, 0.0].view(),
        Array2::eye(2).view(),
        Direction::Forward,
    );
    assert!(laws.unwrap_err().to_string().contains("not affine"));
}
