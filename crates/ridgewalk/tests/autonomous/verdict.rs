//! The verdict on every row of the tables of blind sampling, and on data that it was not made for.

use ridgewalk::autonomous::{BlindTrial, Blindness, Cause, Stability, Target, TimePrior, blindness};
use ridgewalk::process::Ddpm;
use ridgewalk::{FlowMatching, Process};

use crate::closed_form::embedded;
use crate::sampling::circles;

fn ask(dim: usize, process: &dyn Process, target: Target, times: (f64, f64), prior: TimePrior) -> Blindness {
    let model = embedded(&circles(), dim);
    let trial = BlindTrial {
        samples: 96,
        steps: 100,
        times: Some(times),
        prior: Some(prior),
        ..BlindTrial::default()
    };
    let verdict = blindness(&model, process, target, &trial).unwrap();
    let (blind, told) = verdict.noise_left();
    println!(
        "{dim} {} {target} from {}: {} {:?}; noise {blind:.4} told {told:.4} widest {:.3} spread {:.2}",
        process.name(),
        times.0,
        verdict.answer(),
        verdict.cause,
        verdict.deviation,
        verdict.blind.spread / verdict.told.spread,
    );
    verdict
}

/// What the tables' 90th percentiles of the distance, divided by √D, say beside the data's deviation 0.56.
#[test]
fn on_the_tables_of_the_straight_path() {
    let prior = || TimePrior::uniform(1e-3..1.0).unwrap();
    for dim in [2, 8, 32, 128, 512] {
        for target in [Target::Noise, Target::Velocity, Target::Data, Target::Equilibrium] {
            let verdict = ask(dim, &FlowMatching, target, (0.9, 1e-3), prior());
            println!("    {verdict}");
        }
    }
    for from in [0.3, 0.5, 0.7, 0.8] {
        for target in [Target::Noise, Target::Velocity, Target::Data] {
            ask(128, &FlowMatching, target, (from, 1e-3), prior());
        }
    }
}

#[test]
fn on_the_table_of_ddpm() {
    for dim in [2, 8, 32, 128, 512] {
        for target in [Target::Noise, Target::VPrediction, Target::Data] {
            let prior = TimePrior::steps((0..500).map(|i| (1 + 2 * i) as f64)).unwrap();
            let verdict = ask(dim, &Ddpm::linear(), target, (1000.0, 1.0), prior);
            println!("    {verdict}");
        }
    }
}
