//! The evaluations that a run tells are those that were made.

use std::sync::atomic::{AtomicUsize, Ordering};

use ndarray::{Array2, ArrayView2};
use ridgewalk::schedule::Focused;
use ridgewalk::solver::{Attracted, SOLVERS, named};
use ridgewalk::transform::Attraction;
use ridgewalk::{
    Denoiser, Euler, FiniteDifference, Guided, Heun, Karras, Mad, Moments, Result, Sampler, Solver, Switched,
};

use crate::circle::noisy_circle;
use crate::{DIFFERENCE, with};

/// Can only be called, and counts rows.
struct Counting<D>(D, AtomicUsize);

impl<D: Denoiser> Counting<D> {
    fn new(model: D) -> Self {
        Counting(model, AtomicUsize::new(0))
    }
    fn taken(&self) -> usize {
        self.1.swap(0, Ordering::Relaxed)
    }
}

impl<D: Denoiser> Denoiser for Counting<D> {
    fn dim(&self) -> usize {
        self.0.dim()
    }
    fn denoise(&self, x: ArrayView2<f64>, sigma: f64) -> Result<Array2<f64>> {
        self.1.fetch_add(x.nrows(), Ordering::Relaxed);
        self.0.denoise(x, sigma)
    }
    fn moments(&self) -> Option<Moments> {
        self.0.moments()
    }
}

const SAMPLES: usize = 5;

fn check(what: &str, counting: &Counting<impl Denoiser>, model: &dyn Denoiser, solver: &dyn Solver) {
    let run = Sampler::new(solver, Karras::new(0.01..10.0, 16)).batch(3).run(model, SAMPLES).unwrap();
    let made = counting.taken() as f64 / SAMPLES as f64;
    assert!((run.mean_evaluations - made).abs() < 1e-9, "{what}: {} of {made}", run.mean_evaluations);
}

/// Of every solver, for every way in which A is computed.
#[test]
fn evaluations_are_those_made() {
    let counting = Counting::new(noisy_circle(2, 0.1));
    let differences = FiniteDifference::new(&counting);
    let models: [(&str, Attraction, &dyn Denoiser, usize); 4] = [
        ("automatic", Attraction::Automatic, &counting, 2),
        ("variance", DIFFERENCE, &counting, 2),
        ("directional", Attraction::Directional(1.0), &counting, 2),
        ("finite", Attraction::Automatic, &differences, 3),
    ];
    for (name, attraction, model, each) in models {
        let mad = Mad::new(model, with(6.0, attraction)).unwrap();
        assert_eq!((mad.evaluations_per_call(5.0), mad.evaluations_per_call(0.1)), (1, each), "{name}");
        for entry in SOLVERS {
            // So many Langevin moves would only take time, and so would small tolerances.
            let text = match entry.name {
                "annealed-langevin" => "annealed-langevin:moves=2,step=0.1",
                "rk45" => "rk45:absolute=1e-2,relative=1e-2",
                name => name,
            };
            check(&format!("{name}, {text}"), &counting, &mad, &named(text, 16).unwrap());
        }
        let churn = named("heun:churn=10", 16).unwrap();
        check(name, &counting, &mad, &Switched::new(churn, Euler, mad.onset_level()));
    }
    let path = Attracted::new(with(6.0, DIFFERENCE), 1.0).unwrap();
    check("along the path", &counting, &counting, &path.below(Heun::new()));
}

/// Transforms hand the count on, whichever is within.
#[test]
fn counts_go_through_transforms() {
    let (one, other) = (Counting::new(noisy_circle(2, 0.1)), Counting::new(noisy_circle(2, 0.2)));
    let sum = |model: &dyn Denoiser| {
        let run = Sampler::new(Heun::new(), Karras::new(0.01..10.0, 12)).run(model, SAMPLES).unwrap();
        assert_eq!(run.evaluations * SAMPLES, one.taken() + other.taken());
    };
    let guided = Guided::classifier_free(&one, &other, 2.0).unwrap();
    sum(&Mad::new(&guided, with(6.0, DIFFERENCE)).unwrap());
    let attracted = Mad::new(&one, with(6.0, DIFFERENCE)).unwrap();
    sum(&Guided::classifier_free(&attracted, &other, 2.0).unwrap());
    sum(&FiniteDifference::new(&attracted));
    sum(&Mad::new(FiniteDifference::new(&guided), with(6.0, Attraction::Automatic)).unwrap());
}

/// Two for each attracted step, one for the others and for the last.
#[test]
fn attraction_along_the_path_costs_two_a_step() {
    let counting = Counting::new(noisy_circle(2, 0.1));
    let solver = Attracted::new(with(8.0, DIFFERENCE), 1.0).unwrap();
    let levels = Focused::over(&solver.window(), 40.0, 15).share(0.4);
    let run = Sampler::new(solver.below(Euler), levels).run(&counting, 4).unwrap();
    // 6 steps down to the level that parts them, 8 below.
    assert_eq!(run.evaluations, 6 + 2 * 8 + 1);
    assert_eq!(counting.taken(), 4 * run.evaluations);
}
