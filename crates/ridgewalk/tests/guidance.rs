//! Guidance against what is known in closed form: shifted Gaussians, Bayes' rule on a mixture, and the models
//! that weights of 1 and 0 name.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array1, Array2, ArrayView2, Axis, array};
use ridgewalk::closed_form::{Covariance, Gaussian, Mixture};
use ridgewalk::{
    Denoiser, Differentiable, FiniteDifference, Guided, Heun, Karras, Kernel, LogLinear, Mad, MadConfig,
    Result, Sampler, Schedule, Smoothed,
};

fn gaussian(mean: [f64; 2]) -> Gaussian {
    let covariance = Covariance::from_dense(array![[1.0, 0.3], [0.3, 0.5]].view()).unwrap();
    Gaussian::new(Array1::from(mean.to_vec()), covariance).unwrap()
}

fn classes() -> Vec<Gaussian> {
    let class = |mean: [f64; 2], v: f64| {
        Gaussian::new(Array1::from(mean.to_vec()), Covariance::isotropic(2, v).unwrap()).unwrap()
    };
    vec![class([-1.0, 0.0], 0.3), class([1.5, 0.5], 0.2), class([0.0, -2.0], 0.5)]
}

fn mixture() -> Mixture {
    Mixture::new(vec![0.5, 0.3, 0.2], classes()).unwrap()
}

fn states() -> Array2<f64> {
    array![[0.2, -0.7], [1.4, 2.0], [-3.0, 0.1], [0.0, 0.0]]
}

fn near(a: ArrayView2<f64>, b: ArrayView2<f64>, tolerance: f64) -> bool {
    a.dim() == b.dim() && a.iter().zip(&b).all(|(a, b)| (a - b).abs() <= tolerance)
}

/// Counts the rows' worth of calls, and hides that its model is known in closed form.
struct Counted<D>(D, AtomicUsize);

impl<D: Denoiser> Denoiser for Counted<D> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.denoise(x, sigma)
    }
}

fn counted<D>(model: D) -> Counted<D> {
    Counted(model, AtomicUsize::new(0))
}

/// Equal covariances: the guided model is the Gaussian of mean μ_u + w(μ_c − μ_u), derivatives included.
#[test]
fn gaussians_of_equal_covariance_guide_to_a_shifted_one() {
    let (conditional, unconditional) = (gaussian([1.0, -0.5]), gaussian([0.2, 0.3]));
    for w in [-1.0, 0.0, 0.3, 1.0, 2.5, 7.0] {
        let guided = Guided::classifier_free(&conditional, &unconditional, w).unwrap();
        let shifted = gaussian([0.2 + w * 0.8, 0.3 - w * 0.8]);
        let (x, v) = (states(), array![[1.0, 0.5], [0.0, 1.0], [-2.0, 0.3], [1.0, 1.0]]);
        for sigma in [0.05, 0.7, 20.0] {
            let same = |a: Array2<f64>, b: Array2<f64>| near(a.view(), b.view(), 1e-12);
            let (g, s) = (guided.differentiable().unwrap(), shifted.differentiable().unwrap());
            assert!(same(
                guided.denoise(x.view(), sigma).unwrap(),
                shifted.denoise(x.view(), sigma).unwrap()
            ));
            assert!(same(
                g.jvp(x.view(), sigma, v.view()).unwrap(),
                s.jvp(x.view(), sigma, v.view()).unwrap()
            ));
            assert!(same(
                g.vjp(x.view(), sigma, v.view()).unwrap(),
                s.vjp(x.view(), sigma, v.view()).unwrap()
            ));
            let (d, by_sigma) = g.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            let (ds, by_sigma_s) = s.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
            assert!(same(d, ds) && same(by_sigma, by_sigma_s));
            let (trace, expected) =
                (g.divergence(x.view(), sigma).unwrap(), s.divergence(x.view(), sigma).unwrap());
            assert!((trace - expected).iter().all(|t| t.abs() < 1e-12));
        }
    }
}

/// The sampler lands on that Gaussian: with paired seeds, on its very samples but for the start, which knows the
/// conditional mean: √(v/(v + σ_max²)) of the difference of means is left of it.
#[test]
fn guided_samples_land_on_the_shifted_gaussian() {
    let guided = Guided::classifier_free(gaussian([1.0, -0.5]), gaussian([0.2, 0.3]), 3.0).unwrap();
    let shifted = gaussian([2.6, -2.1]);
    let sampler = Sampler::new(Heun::new(), Karras::new(1e-3..300.0, 60)).seed(4);
    let n = 2000;
    let found = sampler.run(&guided, n).unwrap().points;
    let expected = sampler.run(&shifted, n).unwrap().points;
    assert!(near(found.view(), expected.view(), 0.02));
    // Standard errors 0.022 and 0.016; four of them.
    let mean = found.mean_axis(Axis(0)).unwrap();
    assert!((mean[0] - 2.6).abs() < 0.09 && (mean[1] + 2.1).abs() < 0.064, "{mean}");
}

/// Bayes: D_u + wσ²∇log p(class | x), whose gradient is taken by differences of the responsibilities.
#[test]
fn guidance_follows_the_classifier() {
    let (mixture, w) = (mixture(), 2.2);
    for (k, class) in classes().into_iter().enumerate() {
        let guided = Guided::classifier_free(class, &mixture, w).unwrap();
        for sigma in [0.4, 1.5] {
            let (x, h) = (states(), 1e-5);
            let mut expected = mixture.denoise(x.view(), sigma).unwrap();
            for j in 0..2 {
                let log_odds = |shift: f64| {
                    let mut x = x.clone();
                    x.column_mut(j).mapv_inplace(|v| v + shift);
                    mixture.responsibilities(x.view(), sigma).unwrap().column(k).mapv(f64::ln)
                };
                let gradient = (log_odds(h) - log_odds(-h)) / (2.0 * h);
                expected.column_mut(j).scaled_add(w * sigma * sigma, &gradient);
            }
            let found = guided.denoise(x.view(), sigma).unwrap();
            assert!(near(found.view(), expected.view(), 1e-7), "{k} {sigma}");
        }
    }
}

#[test]
fn weights_of_one_and_zero_are_the_models_to_the_bit() {
    let (c, u) = (counted(classes().remove(1)), counted(mixture()));
    let sampler = Sampler::new(Heun::new(), Karras::new(0.01..50.0, 12)).seed(2);
    for (w, model) in [(1.0, &classes()[1] as &dyn Denoiser), (0.0, &mixture())] {
        let guided = Guided::classifier_free(&c, &u, w).unwrap();
        for sigma in [0.03, 1.0, 40.0] {
            let expected = model.denoise(states().view(), sigma).unwrap();
            assert_eq!(guided.denoise(states().view(), sigma).unwrap(), expected);
            assert_eq!(guided.evaluations_per_call(sigma), 1);
        }
        // Starts from states, since a run's own start knows the conditional moments.
        let starts = states() * 50.0;
        let mut ignore = |_: &ridgewalk::Progress| std::ops::ControlFlow::Continue(());
        let found = sampler.run_from(&guided, starts.view(), &mut ignore).unwrap();
        assert_eq!(found.points, sampler.run_from(model, starts.view(), &mut ignore).unwrap().points);
    }
    // Each model was asked by its own weight alone: 3 calls and 23 of the run.
    assert_eq!((c.1.into_inner(), u.1.into_inner()), (26, 26));
}

/// Outside of σ_lo < σ ≤ σ_hi the conditional model alone is asked; a sample's evaluations are those made.
#[test]
fn an_interval_costs_two_inside_and_one_outside() {
    let (c, u) = (counted(classes().remove(0)), counted(mixture()));
    let schedule = LogLinear::new(0.01..10.0, 25);
    let levels = schedule.levels().unwrap();
    let (low, high) = (levels[16], levels[5]);
    let guided = Guided::classifier_free(&c, &u, 2.0).unwrap().interval(low..high).unwrap();
    for (sigma, inside) in [(low, false), (high, true), (high * 1.01, false), (low * 1.01, true)] {
        assert_eq!(guided.evaluations_per_call(sigma), 1 + usize::from(inside));
        let found = guided.denoise(states().view(), sigma).unwrap();
        assert_eq!(found == c.0.denoise(states().view(), sigma).unwrap(), !inside);
    }
    let (c_before, u_before) = (c.1.load(Ordering::Relaxed), u.1.load(Ordering::Relaxed));
    assert_eq!((c_before, u_before), (4, 2));
    let samples = Sampler::new(ridgewalk::Euler, schedule).run(&guided, 3).unwrap();
    // 25 levels, of which 5 to 15 (counted from 0) are guided: σ_hi belongs to them, σ_lo does not.
    assert_eq!(samples.evaluations, 25 + 11);
    assert_eq!((c.1.load(Ordering::Relaxed) - 4, u.1.load(Ordering::Relaxed) - 2), (25, 11));
}

#[test]
fn rescaling_keeps_the_standard_deviation() {
    let deviation = |row: ndarray::ArrayView1<f64>| row.std(0.0);
    let (class, mixture) = (classes().remove(2), mixture());
    let plain = Guided::classifier_free(&class, &mixture, 5.0).unwrap();
    let d = class.denoise(states().view(), 0.8).unwrap();
    let guided = plain.denoise(states().view(), 0.8).unwrap();
    for phi in [0.0, 0.7, 1.0] {
        let rescaled = plain.clone().rescale(phi).unwrap();
        let found = rescaled.denoise(states().view(), 0.8).unwrap();
        for ((found, guided), d) in found.outer_iter().zip(guided.outer_iter()).zip(d.outer_iter()) {
            let expected = phi * deviation(d) + (1.0 - phi) * deviation(guided);
            assert!((deviation(found) - expected).abs() < 1e-12);
            // About its own mean, so that data that lie elsewhere are guided in the same way.
            assert!((found.mean().unwrap() - guided.mean().unwrap()).abs() < 1e-12);
        }
        assert_eq!(rescaled.differentiable().is_some(), phi == 0.0);
        assert_eq!(rescaled.evaluations_per_call(0.8), 2);
    }
    // One coordinate has no spread: nothing to rescale.
    let line = |m: f64| Gaussian::new(array![m], Covariance::isotropic(1, 1.0).unwrap()).unwrap();
    let plain = Guided::auto(line(1.0), line(0.0), 2.0).unwrap();
    let x = array![[0.3]];
    let rescaled = plain.clone().rescale(1.0).unwrap();
    assert_eq!(rescaled.denoise(x.view(), 1.0).unwrap(), plain.denoise(x.view(), 1.0).unwrap());
}

/// Autoguidance by a model whose data are too wide contracts: v_c/(v_c + σ²) and v_b/(v_b + σ²) combine.
#[test]
fn autoguidance_extrapolates_from_the_worse_model() {
    let at = |v: f64| Gaussian::new(array![0.0], Covariance::isotropic(1, v).unwrap()).unwrap();
    let guided = Guided::auto(at(1.0), at(2.0), 2.0).unwrap();
    let found = guided.denoise(array![[1.0]].view(), 1.0).unwrap()[[0, 0]];
    assert!((found - (2.0 * 0.5 - 2.0 / 3.0)).abs() < 1e-15);
}

/// A guided denoiser is one: it may be smoothed, attracted, guided, and differentiated by differences; it shares
/// work over displacements with the same result as one by one.
#[test]
fn guidance_composes() {
    let plain = Guided::classifier_free(classes().remove(0), mixture(), 2.0).unwrap();
    let hidden = Guided::classifier_free(counted(classes().remove(0)), mixture(), 2.0).unwrap();
    assert!(plain.differentiable().is_some() && hidden.differentiable().is_none());
    assert!(hidden.jvp(states().view(), 1.0, states().view()).is_err());
    let (x, sigma) = (states(), 0.6);
    // Exact derivatives are those of differences.
    let by_differences = FiniteDifference::new(&hidden);
    let exact = plain.jvp(x.view(), sigma, x.view()).unwrap();
    assert!(near(exact.view(), by_differences.jvp(x.view(), sigma, x.view()).unwrap().view(), 1e-7));
    let (_, exact) = plain.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
    let (_, found) = by_differences.denoise_with_sigma_derivative(x.view(), sigma).unwrap();
    assert!(near(exact.view(), found.view(), 1e-7));
    // Smoothing is linear, so it may be inside or outside.
    let smooth = |model: Box<dyn Denoiser>| Smoothed::new(model, Kernel::isotropic(0.3)).unwrap();
    let outside = smooth(Box::new(plain.clone()));
    let inside =
        Guided::classifier_free(smooth(Box::new(classes().remove(0))), smooth(Box::new(mixture())), 2.0)
            .unwrap();
    assert_eq!((outside.smoothings(), inside.smoothings()), (1, 1));
    let found = inside.denoise(x.view(), sigma).unwrap();
    assert!(near(outside.denoise(x.view(), sigma).unwrap().view(), found.view(), 1e-12));
    // Attraction sees the derivatives; guidance of guidance multiplies weights where the reference is one.
    let mad = Mad::new(&plain, MadConfig::default()).unwrap();
    assert!(mad.denoise(x.view(), 0.05).unwrap().iter().all(|v| v.is_finite()));
    let twice = Guided::classifier_free(&plain, mixture(), 1.5).unwrap();
    let once = Guided::classifier_free(classes().remove(0), mixture(), 3.0).unwrap();
    assert_eq!(twice.evaluations_per_call(sigma), 3);
    let found = twice.denoise(x.view(), sigma).unwrap();
    assert!(near(found.view(), once.denoise(x.view(), sigma).unwrap().view(), 1e-12));
}

#[test]
fn what_makes_no_guidance_is_refused() {
    let line = Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0).unwrap()).unwrap();
    assert!(Guided::classifier_free(&line, mixture(), 2.0).unwrap_err().to_string().contains("dimension"));
    assert!(Guided::auto(&line, &line, f64::NAN).is_err());
    let sound = Guided::auto(&line, &line, 2.0).unwrap();
    for (low, high) in [(2.0, 1.0), (-1.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0)] {
        assert!(sound.clone().interval(low..high).is_err());
    }
    assert!(sound.clone().rescale(1.5).is_err() && sound.clone().rescale(f64::NAN).is_err());
    assert!(sound.denoise(array![[0.0]].view(), 0.0).is_err());
    assert!(sound.denoise(array![[0.0, 1.0]].view(), 1.0).is_err());
}
