//! Attraction with A taken from the path, for models that can only be called.

use std::ops::ControlFlow;

use ndarray::Array2;
use ridgewalk::solver::{Attracted, Order, Solver, Step};
use ridgewalk::transform::Attraction;
use ridgewalk::transform::mad::no_overshoot_cap;
use ridgewalk::{Heun, Levels, LogLinear, MadConfig, Progress, Sampler, Schedule};

use crate::gaussians::{DEVIATIONS, at_one_deviation, directions};
use crate::{DIFFERENCE, with};

fn run(solver: &dyn Solver, levels: &[f64]) -> Array2<f64> {
    let sampler = Sampler::new(solver, Levels(levels.to_vec()));
    let start = at_one_deviation(levels[0]);
    let quiet = &mut |_: &Progress| ControlFlow::Continue(());
    sampler.run_from(&directions(), start.view(), quiet).unwrap().points
}

/// Every direction of a Gaussian is multiplied by a number that follows from its variance alone: worked out here
/// from the formulas, with D = v x/(v + σ²).
#[test]
fn multipliers_on_gaussians() {
    for (share, b) in [(0.1, 4.0), (0.3, 8.0), (0.5, 30.0)] {
        let levels = LogLinear::new(0.02..0.4, 9).levels().unwrap();
        let solver = Attracted::new(with(b, DIFFERENCE), 1.0).unwrap().share(share).unwrap();
        let got = run(&solver, &levels);
        for (k, s) in DEVIATIONS.into_iter().enumerate() {
            let v = s * s;
            let gain = |sigma: f64| v / (v + sigma * sigma);
            let mut x = s.hypot(levels[0]);
            for pair in levels.windows(2) {
                let (from, to) = (pair[0], pair[1]);
                let middle = from * (to / from).powf(share);
                let before = gain(from) * x;
                x = middle / from * x + (1.0 - middle / from) * before;
                let after = gain(middle) * x;
                let slope = (before - after) / (from / middle).ln();
                let kappa = b / (1.0 + (middle / 0.2).powi(8)) / (1.0 - share);
                let h = 1.0 - to / middle;
                x += h * (after - x + kappa.min(no_overshoot_cap(h)) * slope);
            }
            x *= gain(0.02);
            assert!((got[(0, k)] - x).abs() < 1e-10, "{share} {b} {s}: {} {x}", got[(0, k)]);
        }
    }
}

/// A fine grid and a sharp onset meet the closed form √v·exp(−(b/2)σ_on²/(v+σ_on²)), as with A from the model.
#[test]
fn the_limit_is_the_soft_threshold_curve() {
    let levels = LogLinear::new(0.002..80.0, 6000).levels().unwrap();
    let config = MadConfig { p: 64.0, ..with(4.0, Attraction::Automatic) };
    let got = run(&Attracted::new(config, 1.0).unwrap().below(Heun::new()), &levels);
    for (k, s) in DEVIATIONS.into_iter().enumerate().skip(2) {
        let expected = (-2.0 * 0.04 / (s * s + 0.04)).exp();
        assert!((got[(0, k)] / s - expected).abs() < 4e-3, "{s}: {} {expected}", got[(0, k)] / s);
    }
}

/// The control: A from the last two denoised states of a path that is attracted all the way.
struct LastDifference;

impl Solver for LastDifference {
    fn name(&self) -> String {
        "last difference".into()
    }
    fn order(&self) -> Order {
        Order::Path(1)
    }
    fn step(&self, x: Array2<f64>, step: &mut Step) -> ridgewalk::Result<Array2<f64>> {
        let denoised = step.denoise(x.view(), step.sigma)?;
        let h = 1.0 - step.next / step.sigma;
        let mut moved = &x + &((&denoised - &x) * h);
        if let Some(past) = step.past(0) {
            let slope = (&past.value - &denoised) / (past.sigma / step.sigma).ln();
            let kappa = 8.0 / (1.0 + (step.sigma / 0.2).powi(8));
            moved += &(slope * (h * kappa.min(no_overshoot_cap(h))));
        }
        step.remember(denoised, 1);
        Ok(moved)
    }
}

/// Such an estimate T = A − κJT feeds back on itself: wanted directions (J near 1) grow without bound. With a
/// plain part in every step they do not, and noise is taken out.
#[test]
fn every_other_part_must_be_plain() {
    let levels = LogLinear::new(0.02..0.46, 25).levels().unwrap();
    let fed_back = run(&LastDifference, &levels);
    assert!(fed_back[(0, 7)].abs() > 1e3, "{fed_back}");
    let half: Vec<f64> = levels.iter().copied().step_by(2).collect();
    let sound = run(&Attracted::new(with(8.0, DIFFERENCE), 1.0).unwrap(), &half);
    assert!((sound[(0, 7)] - 0.85).abs() < 0.01 && sound[(0, 2)].abs() < 0.03 * 0.05, "{sound}");
}

/// The same samples whatever the batch.
#[test]
fn batches_change_nothing() {
    let model = crate::circle::noisy_circle(2, 0.1);
    let solver = Attracted::new(with(8.0, DIFFERENCE), 1.0).unwrap();
    let sampler = Sampler::new(solver.below(Heun::new()), LogLinear::new(0.02..40.0, 16)).seed(2);
    let all = sampler.run(&model, 7).unwrap();
    assert_eq!(all, sampler.batch(3).run(&model, 7).unwrap());
}

/// Backwards it is plain: a state carried up and down without attraction comes back.
#[test]
fn backwards_it_is_plain() {
    let solver = Attracted::new(with(8.0, DIFFERENCE), 1.0).unwrap();
    let levels = LogLinear::new(0.05..20.0, 30);
    let points = Array2::from_shape_fn((1, 10), |(_, k)| DEVIATIONS[k].hypot(0.05));
    let up = Sampler::new(&solver, levels.clone()).invert(&directions(), points.view()).unwrap();
    let plain = Sampler::new(ridgewalk::Euler, levels).invert(&directions(), points.view()).unwrap();
    assert_eq!(up, plain);
}

#[test]
fn settings_out_of_range_are_refused() {
    let with = |config: MadConfig| Attracted::new(config, 1.0);
    for share in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(with(MadConfig::default()).unwrap().share(share).is_err());
    }
    assert!(with(MadConfig { b: f64::NAN, ..MadConfig::default() }).is_err());
    assert!(Attracted::new(MadConfig::default(), 0.0).is_err());
}
