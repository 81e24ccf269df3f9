//! The grid chosen from the model, where the best one is known.

use ndarray::array;
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian};
use ridgewalk::sampler::Pilot;
use ridgewalk::{Euler, Heun, Karras, PointSet, ReverseSde, Sampler, Schedule};

fn unit() -> Gaussian {
    Gaussian::new(array![0.0], Covariance::isotropic(1, 1.0).unwrap()).unwrap()
}

/// On N(0, 1) the flow is x ∝ √(1 + σ²). An Euler step of Δσ errs by ½x″Δσ², of which √((1 + σ_min²)/(1 + σ²))
/// is left: e ∝ σ²/(1 + σ²)², so that the density of levels is σ/(1 + σ²) in log σ and the best grid is even in
/// arctan σ.
#[test]
fn eulers_grid_for_a_gaussian_is_even_in_the_angle() {
    let (low, high, n) = (0.05f64, 20.0f64, 33);
    let grid = Pilot::new().paths(8).passes(6).run(&unit(), &Euler, low..high, n).unwrap();
    let levels = grid.levels().unwrap();
    let length = high.atan() - low.atan();
    for (i, sigma) in levels.iter().enumerate() {
        let part = (high.atan() - sigma.atan()) / length;
        assert!((part - i as f64 / (n - 1) as f64).abs() < 0.04, "{i} {sigma} {part}");
    }
    // Karras's grid of as many levels is far from even there, and pays for it.
    assert!(grid.error() < 0.8 * grid.karras_error(), "{} {}", grid.error(), grid.karras_error());
    // All steps add alike.
    let steps = grid.steps();
    let mean = steps.iter().map(|s| s.error).sum::<f64>() / steps.len() as f64;
    let inside = &steps[3..steps.len() - 3];
    assert!(inside.iter().all(|s| (s.error / mean - 1.0).abs() < 0.6), "{steps:?}");
}

/// What the pilot says of the error is what runs of other paths show: the law's variance by exact moments.
#[test]
fn the_grid_is_better_for_paths_that_the_pilot_did_not_see() {
    let range = 0.01..50.0;
    for n in [6, 12] {
        let grid = Pilot::new().paths(8).run(&unit(), &Heun::new(), range.clone(), n).unwrap();
        let error = |schedule: &dyn Schedule| {
            let sampler = Sampler::new(Heun::new(), schedule);
            let moments = sampler.moments(&unit()).unwrap();
            let exact = ((1.0 + 1e-4) / (1.0 + 2500.0f64)).sqrt();
            (moments.per_step[n - 1].gains[0] - exact).abs()
        };
        let (own, karras) = (error(&grid), error(&Karras::new(range.clone(), n)));
        assert!(own < 0.7 * karras, "{n}: {own} {karras}");
        let ratio = grid.error() / grid.karras_error();
        assert!((own / karras / ratio - 1.0).abs() < 0.1, "{ratio} {own} {karras}");
    }
}

#[test]
fn small_grids_exact_solvers_and_noise() {
    let point = Empirical::new(&PointSet::vectors(array![[1.0, 2.0]]).unwrap()).unwrap();
    // Euler makes no error on one point: any grid will do.
    let grid = Pilot::new().paths(3).run(&point, &Euler, 0.1..10.0, 5).unwrap();
    assert!(grid.error() < 1e-12 && grid.levels().unwrap().len() == 5);
    for n in [1, 2] {
        let grid = Pilot::new().paths(2).run(&unit(), &Euler, 0.1..10.0, n).unwrap();
        assert_eq!(grid.levels(), Karras::new(0.1..10.0, n).levels());
    }
    assert!(Pilot::new().run(&unit(), &Euler, 0.1..10.0, 0).is_err());
    let refused = Pilot::new().run(&unit(), &ReverseSde, 0.1..10.0, 5).unwrap_err().to_string();
    assert!(refused.contains("draws noise"), "{refused}");
}

/// The same grid whatever the number of threads; the ends are the range's; the cost is told.
#[test]
fn the_grid_depends_on_nothing_but_its_arguments() {
    let data = ridgewalk_data::Synthetic::new(ridgewalk_data::Manifold::TwoMoons).points().unwrap();
    let model = Empirical::new(&data).unwrap();
    let run = |threads: usize| {
        let pool = rayon_pool(threads);
        pool.install(|| Pilot::new().paths(6).passes(1).run(&model, &Heun::new(), 0.01..100.0, 6).unwrap())
    };
    let grid = run(1);
    assert_eq!(grid, run(3));
    let levels = grid.levels().unwrap();
    assert_eq!((levels[0], levels[5]), (100.0, 0.01));
    assert!(levels.windows(2).all(|pair| pair[0] > pair[1]));
    assert!(grid.error() <= grid.karras_error());
    assert!(
        grid.evaluations() > 6 * 2 * 6
            && grid.describe().unwrap().starts_with("equalized for heun: 6 levels")
    );
}

fn rayon_pool(threads: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap()
}

/// On three data sets, of their points themselves, the chosen levels lead fresh paths nearer to where the flow
/// does than as many of Karras's: the median distance at the lowest level falls to less than 0.7 of theirs.
#[test]
fn chosen_levels_beat_karras_on_data() {
    for name in ["digits:n=400", "swiss-roll:n=300", "two-moons:n=300"] {
        let data = ridgewalk_data::load(name).unwrap();
        let model = ridgewalk::closed_form::Empirical::new(&data).unwrap();
        let range = ridgewalk::schedule::range_for(&ridgewalk::Denoiser::moments(&model).unwrap());
        let solver = ridgewalk::solver::DpmSolver2M;
        let chosen = Pilot::new().seed(1).run(&model, &solver, range.clone(), 12).unwrap();
        let lowest = |solver: &dyn ridgewalk::Solver, schedule: &dyn Schedule| {
            let mut trace = ridgewalk::Trace::default();
            Sampler::new(solver, schedule).seed(2).run_observed(&model, 48, &mut trace).unwrap();
            trace.states.swap_remove(trace.states.len() - 2)
        };
        let exact = lowest(&Heun::new(), &Karras::new(range.clone(), 300));
        let error = |schedule: &dyn Schedule| {
            let off = &lowest(&solver, schedule) - &exact;
            let mut distances: Vec<f64> = off.outer_iter().map(|row| row.dot(&row).sqrt()).collect();
            distances.sort_by(f64::total_cmp);
            distances[distances.len() / 2]
        };
        let (ours, karras) = (error(&chosen), error(&Karras::new(range.clone(), 12)));
        assert!(ours < 0.7 * karras, "{name}: {ours} {karras}");
    }
}
