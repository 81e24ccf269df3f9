//! The edges of a run: few levels, a past that is forgotten, what is left for the last step, and evaluations.

use ndarray::{Array2, ArrayView2};
use ridgewalk::solver::{Order, named};
use ridgewalk::{
    Denoiser, Euler, Heun, Karras, Levels, LogLinear, Result, Sampler, Schedule, Solver, Switched, Trace,
};

use crate::models::{carried, gaussian, inverted, mixture, states, uniform, worst};
use crate::slopes::solvers;

#[test]
fn every_number_of_levels_works() {
    let model = mixture();
    for solver in solvers() {
        let solver = solver.as_ref();
        let all = [5.0, 2.0, 0.9, 0.4, 0.15];
        for n in 1..=all.len() {
            let levels = || Levels(all[..n].to_vec());
            let mut trace = Trace::default();
            let down =
                Sampler::new(solver, levels()).run_from(&model, states(&model, 5.0).view(), &mut trace);
            let down = down.unwrap();
            assert_eq!((trace.states.len(), down.sigmas.len()), (n, n), "{}", solver.name());
            let up =
                Sampler::new(solver, levels()).invert(&model, states(&model, all[n - 1]).view()).unwrap();
            if n == 1 {
                assert_eq!(down.points, model.denoise(states(&model, 5.0).view(), 5.0).unwrap());
                assert_eq!(up.points, states(&model, 5.0), "{}", solver.name());
            }
            assert!(up.points.iter().chain(&down.points).all(|v| v.is_finite()), "{} {n}", solver.name());
        }
    }
}

/// Steps a hundred times longer than any accuracy asks for.
#[test]
fn long_steps_stay_finite() {
    for solver in solvers() {
        for n in [2, 3, 5, 9] {
            let samples = Sampler::new(&solver, Karras::new(0.002..80.0, n)).run(&mixture(), 8).unwrap();
            assert!(samples.points.iter().all(|v| v.is_finite()), "{} {n}", solver.name());
            let wide = Sampler::new(&solver, LogLinear::new(1e-6..1e6, n)).run(&gaussian(), 3).unwrap();
            assert!(wide.points.iter().all(|v| v.is_finite()), "{} {n}", solver.name());
        }
    }
}

/// After a switch in mid-run a solver has no past, and begins again as it began.
#[test]
fn a_run_begins_again_where_solvers_switch() {
    let model = mixture();
    let x = states(&model, 4.0);
    let all = LogLinear::new(0.1..4.0, 13).levels().unwrap();
    // EVODiff looks at the ends of the whole run, so that the half of one is no reference.
    for solver in solvers().into_iter().filter(|solver| solver.name() != "evodiff") {
        let solver = solver.as_ref();
        let upper = carried(solver, &model, Levels(all[..7].to_vec()), x.view());
        let lower =
            |first: &dyn Solver, x: &Array2<f64>| carried(first, &model, Levels(all[6..].to_vec()), x.view());
        // Levels are compared as they begin: the step from all[6] is the first below.
        let level = 0.5 * (all[5] + all[6]);
        let found =
            carried(&Switched::new(solver, Heun::new(), level), &model, Levels(all.clone()), x.view());
        assert!(worst(&found, &lower(&Heun::new(), &upper)) < 1e-12, "{}", solver.name());
        let after_heun = carried(&Heun::new(), &model, Levels(all[..7].to_vec()), x.view());
        let found =
            carried(&Switched::new(Heun::new(), solver, level), &model, Levels(all.clone()), x.view());
        assert!(worst(&found, &lower(solver, &after_heun)) < 1e-12, "{}", solver.name());
        // To the same method of other settings: nothing of the first is used.
        let other = named("unipc:order=3", 13).unwrap();
        let found = carried(&Switched::new(solver, &other, level), &model, Levels(all.clone()), x.view());
        assert!(worst(&found, &lower(&other, &upper)) < 1e-12, "{}", solver.name());
    }
}

/// The last step returns D at the last state; where a solver that hands D on is followed by one that asks in its
/// own way, nothing stale is taken for it.
#[test]
fn what_is_handed_on_is_never_stale() {
    let model = mixture();
    for solver in solvers() {
        for other in [&Heun::new() as &dyn Solver, &Euler] {
            let both = Switched::new(&solver, other, 1.0);
            let mut trace = Trace::default();
            let sampler = Sampler::new(both, LogLinear::new(0.1..4.0, 9));
            let samples = sampler.run_from(&model, states(&model, 4.0).view(), &mut trace).unwrap();
            assert_eq!(samples.points, model.denoise(trace.states[7].view(), 0.1).unwrap());
        }
    }
}

/// One evaluation a level for multistep methods, correctors included; three more for each step of an
/// accurate start.
#[test]
fn evaluations_are_counted() {
    let model = gaussian();
    let n = 12;
    for (name, down, up) in [
        ("dpm++2s", 2 * n - 1, 2 * n - 2),
        ("dpm++2m", n, n - 1),
        ("dpm++3m", n, n - 1),
        ("unipc:order=1", n, n),
        ("unipc:order=3", n, n),
        ("deis", n, n - 1),
        ("lms", n, n - 1),
        ("eab", n, n - 1),
        ("ipndm", n, n - 1),
        ("evodiff", n, n),
        ("rk4", 4 * n - 3, 4 * n - 4),
        ("rk45:absolute=100", 6 * n - 5, 6 * n - 5),
        ("rk23:absolute=100", 3 * n - 2, 3 * n - 2),
        ("deis:order=3,start=accurate", n + 6, n + 5),
        ("lms:order=4,start=accurate", n + 9, n + 8),
        ("unipc:order=3,start=accurate", n + 6, n + 6),
    ] {
        let sampler = Sampler::new(named(name, n).unwrap(), LogLinear::new(0.1..4.0, n));
        assert_eq!(sampler.run(&model, 2).unwrap().evaluations, down, "{name}");
        assert_eq!(sampler.invert(&model, states(&model, 0.1).view()).unwrap().evaluations, up, "{name}");
    }
}

#[test]
fn the_same_bytes_in_every_batch() {
    let model = mixture();
    for solver in solvers() {
        let run = |batch: usize| {
            let sampler = Sampler::new(&solver, Karras::new(0.01..20.0, 8)).seed(5).batch(batch);
            sampler.run(&model, 7).unwrap()
        };
        let whole = run(7);
        assert_eq!(whole, run(1), "{}", solver.name());
        assert_eq!(whole, run(3), "{}", solver.name());
    }
}

/// Answers with columns one after the other.
struct ByColumns<D>(D);

impl<D: Denoiser> Denoiser for ByColumns<D> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        let rows = self.0.denoise(x, sigma)?;
        Ok(rows.t().as_standard_layout().into_owned().reversed_axes())
    }
    fn moments(&self) -> Option<ridgewalk::Moments> {
        self.0.moments()
    }
}

#[test]
fn the_layout_of_answers_does_not_matter() {
    let x = states(&mixture(), 4.0);
    for solver in solvers() {
        let levels = || LogLinear::new(0.1..4.0, 9);
        let rows = carried(solver.as_ref(), &mixture(), levels(), x.view());
        let columns = carried(solver.as_ref(), &ByColumns(mixture()), levels(), x.view());
        assert_eq!(rows, columns, "{}", solver.name());
    }
}

/// Methods that are the same: of order 1 all are Euler's, and DEIS in σ is the linear multistep method.
#[test]
fn methods_that_coincide() {
    let model = mixture();
    let levels = || Karras::new(0.05..6.0, 9);
    let run =
        |name: &str| carried(named(name, 9).unwrap().as_ref(), &model, levels(), states(&model, 6.0).view());
    let euler = run("euler");
    for time in ["lambda", "sigma-root", "sigma", "vp"] {
        assert!(worst(&euler, &run(&format!("deis:order=1,time={time}"))) < 1e-13);
    }
    for name in ["lms:order=1", "eab:order=1", "ipndm:order=1", "eab:order=1,start=accurate"] {
        assert!(worst(&euler, &run(name)) < 1e-13, "{name}");
    }
    for order in 2..=4 {
        for start in ["published", "accurate"] {
            let lms = run(&format!("lms:order={order},start={start}"));
            let deis = run(&format!("deis:order={order},time=sigma,start={start}"));
            assert!(worst(&lms, &deis) < 1e-13, "{order}");
            assert!(worst(&lms, &run(&format!("ipndm:order={order},start={start}"))) > 1e-3, "{order}");
        }
    }
}

/// A name is the specification of its solver.
#[test]
fn names_are_specifications() {
    for solver in solvers() {
        let again = named(&solver.name(), 100).unwrap();
        assert_eq!((again.name(), again.order()), (solver.name(), solver.order()));
    }
}

#[test]
fn settings_without_meaning_are_refused() {
    for text in [
        "dpm++2s:r=0",
        "dpm++2s:r=1.5",
        "unipc:order=4",
        "unipc:order=0",
        "unipc:variant=bh3",
        "deis:order=5",
        "deis:time=sigma2",
        "lms:order=0",
        "eab:order=5",
        "ipndm:start=fast",
        "rk45:absolute=0,relative=0",
        "rk45:absolute=-1",
    ] {
        let Err(error) = named(text, 10) else { panic!("{text} is taken") };
        assert!(error.to_string().contains("choose") || error.to_string().contains("give"), "{error}");
    }
}

/// The denoiser alone, without what else its model knows.
struct Bare(ridgewalk::closed_form::Gaussian);

impl ridgewalk::Denoiser for Bare {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ndarray::ArrayView2<f64>, sigma: f64) -> ridgewalk::Result<Array2<f64>> {
        self.0.denoise(x, sigma)
    }
}

/// Data that lie elsewhere are sampled there: every solver moves with them.
#[test]
fn samples_move_with_the_data() {
    use ridgewalk::closed_form::{Covariance, Gaussian};
    let at = |shift: f64| {
        let covariance = Covariance::diagonal(vec![4.0, 1.0, 0.09]).unwrap();
        Gaussian::new(ndarray::Array1::from_elem(3, shift), covariance).unwrap()
    };
    for entry in ridgewalk::solver::SOLVERS {
        let run = |shift: f64| {
            let solver = named(entry.name, 12).unwrap();
            let samples = Sampler::new(solver, ridgewalk::Karras::new(0.02..80.0, 12)).run(&at(shift), 5);
            samples.unwrap().points - shift
        };
        // An adaptive solver's tolerance is a part of the state, too.
        let bound = if ["rk45", "rk23"].contains(&entry.name) { 1.0 } else { 1e-8 };
        assert!(worst(&run(0.0), &run(1000.0)) < bound, "{}", entry.name);
    }
}

/// EVODiff of a Gaussian in λ from −1 to 1 and back, by a separate computation from its formulas, in runs short and
/// long; as a solver it lies between Euler's method and DPM-Solver++(2M); its moments are not to be had.
#[test]
fn evodiff_is_its_formulas() {
    let model = gaussian();
    let evodiff = named("evodiff", 10).unwrap();
    let x = {
        let offsets = [0.7, -1.3, 0.4].iter().zip([4.0f64, 1.0, 0.09]).zip([1.0, -2.0, 0.5]);
        let row = offsets.map(|((c, v), m)| m + c * (v + 2f64.exp()).sqrt()).collect();
        Array2::from_shape_vec((1, 3), row).unwrap()
    };
    let near = |found: Array2<f64>, expected: [f64; 3]| {
        let expected = Array2::from_shape_vec((1, 3), expected.to_vec()).unwrap();
        assert!(worst(&found, &expected) < 1e-12, "{found} {expected}");
    };
    let range = -1.0..1.0;
    let solver = evodiff.as_ref();
    // The formulas as they stand: of a model that does not tell its mean nothing is subtracted.
    let bare = Bare(model.clone());
    near(
        carried(solver, &bare, uniform(&range, 4), x.view()),
        [2.3394781380627814, -3.294554926365589, 0.6847387992657002],
    );
    near(
        inverted(solver, &bare, uniform(&range, 4), x.view()),
        [4.871578578778453, -11.758039372655858, 6.516153621712412],
    );
    near(
        carried(solver, &bare, uniform(&range, 30), x.view()),
        [2.413623987180567, -3.3744091470698985, 0.6890304038334816],
    );
    near(
        inverted(solver, &bare, uniform(&range, 30), x.view()),
        [4.893748129169575, -12.157447974914213, 6.776367412007398],
    );
    assert_eq!(evodiff.order(), Order::Path(1));
    let error = |name: &str, n: usize| {
        let end = carried(
            named(name, n).unwrap().as_ref(),
            &model,
            uniform(&(-4.0..6.0), n),
            states(&model, 4f64.exp()).view(),
        );
        worst(&end, &model.flow_levels(states(&model, 4f64.exp()).view(), 4f64.exp(), (-6f64).exp()).unwrap())
    };
    for n in [10, 20, 80, 320] {
        assert!(
            error("evodiff", n) < error("euler", n) && error("evodiff", n) > 2.0 * error("dpm++2m", n),
            "{n}"
        );
    }
    assert!(Sampler::new(&evodiff, uniform(&range, 5)).moments(&model).is_err());
}
