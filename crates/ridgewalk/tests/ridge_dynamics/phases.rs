//! When runs reach a ridge, align with it and slide along it.

use ndarray::{Array2, array};
use ridgewalk::geometry::{FollowRidge, Phase, PhaseTimes, Ridge, RidgeRun};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::transform::{Field, InjectedError, Perturbed};
use ridgewalk::{Denoiser, Error, Heun, Levels, LogLinear, ReverseSde, Sampler, Solver};

use crate::{close, empirical, level, levels, mean, ring, scale, splitmix_normals, time};

fn start() -> Array2<f64> {
    Array2::from_shape_vec((256, 2), splitmix_normals(9, 512)).unwrap() / level(3.0).0
}

fn follow<D: Denoiser>(solver: impl Solver, steps: usize, model: &D, batch: usize) -> RidgeRun {
    let exact = empirical(ring(24));
    let ridge = Ridge::new(&exact, 1).unwrap();
    let mut follow = FollowRidge::new(&ridge).points(exact.points());
    let sampler = Sampler::new(solver, Levels(levels(3.0, 1e-3, steps))).batch(batch).seed(1);
    sampler.run_from(model, start().view(), &mut follow).unwrap();
    follow.finish().unwrap()
}

fn around<'a>(d: f64) -> InjectedError<'a> {
    InjectedError::new(Field::around(array![0.0, 0.0], (0, 1))).of_size_at(move |sigma| d / scale(sigma))
}

/// Flow without error: no ridge above t = 0.2027, the tube by t = 0.1.
#[test]
fn a_run_onto_the_ring() {
    let exact = empirical(ring(24));
    let run = follow(Heun::new(), 120, &exact, 256);
    let phases = run.phases();
    let reach = time(phases.run.reach.unwrap());
    assert!((0.05..0.2027).contains(&reach), "{reach}");
    for level in run.levels.iter().filter(|level| level.sigma <= phases.run.reach.unwrap()) {
        assert!(level.fraction_in_tube() >= 0.95);
        assert_ne!(phases.run.phase(level.sigma), Phase::Reach);
    }
    assert_eq!(phases.run.phase(1.0), Phase::Reach);
    // Samples start to go to the data: half a gap's mean was 0.52 of half the gap.
    let nearest = run.levels.last().unwrap().nearest.as_ref().unwrap().mean().unwrap();
    let half = std::f64::consts::PI / 24.0;
    assert!(nearest / half < 0.5, "{nearest}");
    assert_eq!(phases.samples.len(), 256);
    let own = phases.samples.iter().filter(|times| times.reach.is_some()).count();
    assert!(own >= 250, "{own}");
}

/// An error along the ridge makes samples slide, twice as fast under the reverse SDE, whose noise counts for nothing.
#[test]
fn runs_that_slide() {
    let exact = empirical(ring(24));
    let model = Perturbed::new(&exact, around(0.15)).unwrap();
    let flow = follow(Heun::new(), 120, &model, 256);
    let sde = follow(ReverseSde, 200, &model, 256);
    let quiet = follow(ReverseSde, 200, &exact, 256);
    let (of_flow, of_sde) = (flow.phases().run, sde.phases().run);
    // Half the gap is 0.1305: above it there is no end.
    assert!(of_flow.aligned.is_some() && of_flow.settled.is_none());
    assert!(of_sde.aligned > of_flow.aligned && of_sde.settled.is_none());
    assert!(quiet.phases().run.reach.is_some() && quiet.phases().run.aligned.is_none());
    assert_eq!(of_flow.phase(of_flow.reach.unwrap()), Phase::Align);
    assert_eq!(of_flow.phase(1e-9), Phase::Slide);
    // k·δ per unit of −log σ, in the limit of little noise; of the SDE's 256 paths the mean square has a standard
    // error of about a tenth.
    let speed = |run: &RidgeRun| {
        let late: Vec<f64> = run
            .levels
            .iter()
            .filter(|level| time(level.sigma) < 0.004)
            .map(|level| level.over_moving(&level.tangential_squares).unwrap().mean)
            .collect();
        mean(&late).sqrt()
    };
    close(speed(&flow), 0.15, 0.01);
    close(speed(&sde), 0.3, 0.06);
    // Arc length of the flow since the tube: what the speeds sum to from t = 0.005 on.
    let (a, b) = (flow.levels.iter().find(|l| time(l.sigma) < 0.005).unwrap(), flow.levels.last().unwrap());
    let way = (&b.arc - &a.arc).mean().unwrap() / (a.sigma / b.sigma).ln();
    close(way, speed(&flow), 0.01);
}

/// Neither batches nor threads change a record.
#[test]
fn records_do_not_depend_on_the_batch() {
    let exact = empirical(ring(24));
    let (one, many) = (follow(ReverseSde, 20, &exact, 256), follow(ReverseSde, 20, &exact, 100));
    for (a, b) in one.levels.iter().zip(&many.levels) {
        assert_eq!((a.sigma, &a.in_tube, &a.moving), (b.sigma, &b.in_tube, &b.moving));
        assert_eq!((&a.distances, &a.concavity, &a.arc), (&b.distances, &b.concavity, &b.arc));
        assert_eq!(
            (&a.approach_squares, &a.tangential_squares),
            (&b.approach_squares, &b.tangential_squares)
        );
        assert_eq!(a.nearest, b.nearest);
    }
    assert_eq!(one.phases(), many.phases());
}

/// Points in R³⁰ on a plane, d* = 2: an exact draw's distance is σ√(d − d*) in the root mean square. And data of one
/// place, which have no ridge at all.
#[test]
fn many_dimensions_and_no_ridge() {
    let mut stream = Stream::new(3, Purpose::Synthetic, 0, 0);
    let plane = Array2::from_shape_fn((200, 30), |(_, k)| if k < 2 { 3.0 * stream.normal() } else { 0.0 });
    let model = empirical(plane);
    let ridge = Ridge::new(&model, 2).unwrap();
    let mut watch = FollowRidge::new(&ridge);
    Sampler::new(ReverseSde, LogLinear::new(1.0..10.0, 60)).run_observed(&model, 100, &mut watch).unwrap();
    let run = watch.finish().unwrap();
    let last = run.levels.last().unwrap();
    close(last.relative_distances().unwrap().rms, 1.0, 0.06);
    assert_eq!((last.undefined(), last.fraction_in_tube()), (0, 1.0));

    let place = empirical(Array2::ones((3, 4)));
    let ridge = Ridge::new(&place, 1).unwrap();
    let mut watch = FollowRidge::new(&ridge);
    Sampler::new(Heun::new(), LogLinear::new(0.1..10.0, 6)).run_observed(&place, 10, &mut watch).unwrap();
    let run = watch.finish().unwrap();
    for level in &run.levels {
        assert_eq!((level.undefined(), level.fraction_in_tube()), (10, 0.0));
        assert!(level.relative_distances().is_none() && level.over_moving(&level.arc).is_none());
        assert!(level.tangential_speeds.iter().chain(&level.approach_squares).all(|v| v.is_finite()));
    }
    assert_eq!(run.phases().run, PhaseTimes::default());
}

#[test]
fn what_cannot_be_followed_is_refused() {
    let exact = empirical(ring(24));
    let ridge = Ridge::new(&exact, 1).unwrap();
    assert!(
        FollowRidge::new(&ridge).kappa(0.0).is_err() && FollowRidge::new(&ridge).window(f64::NAN).is_err()
    );
    assert!(FollowRidge::new(&ridge).finish().is_err());
    let sampler = Sampler::new(Heun::new(), LogLinear::new(0.1..1.0, 5));
    let mut rising = FollowRidge::new(&ridge);
    let stopped = sampler.invert_observed(&exact, ring(5).view(), &mut rising);
    assert!(matches!(stopped, Err(Error::Stopped { .. })));
    assert!(rising.finish().unwrap_err().to_string().contains("rose"));
    let other = empirical(Array2::from_shape_fn((5, 3), |(i, k)| (i * k) as f64));
    let mut wrong = FollowRidge::new(&ridge);
    assert!(sampler.run_observed(&other, 5, &mut wrong).is_err());
    assert!(wrong.finish().unwrap_err().to_string().contains("columns"));
}
