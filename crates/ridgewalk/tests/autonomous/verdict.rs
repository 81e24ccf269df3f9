//! The verdict on every row of the tables of blind sampling, and on data that it was not made for.

use ndarray::Array2;
use ridgewalk::autonomous::{
    Autonomous, Blind, BlindTrial, Blindness, Cause, Stability, Target, TimePrior, blindness,
};
use ridgewalk::closed_form::Empirical;
use ridgewalk::process::{self, Ddpm};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{FlowMatching, Karras, Process, Schedule};

use crate::closed_form::{embedded, points};
use crate::sampling::{circles, transfer};
use crate::tables::Normals;

fn ask(dim: usize, process: &dyn Process, target: Target, times: (f64, f64), prior: TimePrior) -> Blindness {
    let model = embedded(&circles(), dim);
    let trial = BlindTrial {
        samples: 64,
        steps: 50,
        times: Some(times),
        prior: Some(prior),
        ..BlindTrial::default()
    };
    let verdict = blindness(&model, process, target, &trial).unwrap();
    println!("{dim} from {}: {verdict}", times.0);
    verdict
}

fn kind(verdict: &Blindness) -> char {
    match verdict.stability {
        Stability::Yes => 'y',
        Stability::OnlyAbove(_) => 'a',
        Stability::No => 'n',
    }
}

/// The tables' 90th percentiles of the distance, divided by √D, are noise levels; the data's deviation is 0.56. In
/// two dimensions blind data and equilibrium end between the circles (distances .28 and .37, all of them), noise and velocity
/// keep .12 and .15. Beyond, the noise's are .54, .67, .54, .34, the velocity's .20, .13, .07, .04, the others' nothing.
#[test]
fn on_the_tables_of_the_straight_path() {
    let prior = || TimePrior::uniform(1e-3..1.0).unwrap();
    let targets = [Target::Noise, Target::Velocity, Target::Data, Target::Equilibrium];
    for (dim, expected) in [(2, "aann"), (8, "nayy"), (32, "nayy"), (128, "nayy"), (512, "nayy")] {
        let found: String = targets
            .iter()
            .map(|&target| kind(&ask(dim, &FlowMatching, target, (0.9, 1e-3), prior())))
            .collect();
        assert_eq!(found, expected, "{dim}");
    }
    // .033, .075, .17 and .29 for the noise, .024 to .06 for the velocity.
    for (from, expected) in [(0.3, "aay"), (0.5, "aay"), (0.7, "nay"), (0.8, "nay")] {
        let found: String = targets[..3]
            .iter()
            .map(|&target| kind(&ask(128, &FlowMatching, target, (from, 1e-3), prior())))
            .collect();
        assert_eq!(found, expected, "from {from}");
    }
}

/// Noise left: .14, .35, .31, .22, .17 for the noise; .39, .81, .87, .81, .65 for v; nothing for the data, but in
/// two dimensions, where all end between the circles.
#[test]
fn on_the_table_of_ddpm() {
    for (dim, expected) in [(2, "ann"), (8, "nny"), (32, "nny"), (128, "nny"), (512, "nny")] {
        let verdicts: Vec<Blindness> = [Target::Noise, Target::VPrediction, Target::Data]
            .into_iter()
            .map(|target| {
                let prior = TimePrior::steps((0..500).map(|i| (1 + 2 * i) as f64)).unwrap();
                ask(dim, &Ddpm::linear(), target, (1000.0, 1.0), prior)
            })
            .collect();
        let found: String = verdicts.iter().map(kind).collect();
        assert_eq!(found, expected, "{dim}");
    }
}

/// 90th percentile of the distance to the nearest datum, divided by √D, of runs in the process's own coordinates from other
/// noise: no part of the verdict has to do with it.
fn left(data: &Array2<f64>, field: &dyn Autonomous, process: &dyn Process, times: &[f64]) -> f64 {
    let (alpha, sigma) = (process.alpha(times[0]), process.sigma(times[0]));
    let normals = Normals::new(9);
    let d = data.ncols();
    let start = Array2::from_shape_fn((48, d), |(i, k)| {
        alpha * data[(i % data.nrows(), k)] + sigma * normals.get((i * d + k) as u64)
    });
    let last = process.alpha(times[times.len() - 1]);
    let end = transfer(field, process, times, start) / last;
    let mut all: Vec<f64> = end
        .outer_iter()
        .map(|x| {
            let square = |row: ndarray::ArrayView1<f64>| (&row - &x).mapv(|v| v * v).sum();
            (data.outer_iter().map(square).fold(f64::INFINITY, f64::min) / d as f64).sqrt()
        })
        .collect();
    all.sort_by(f64::total_cmp);
    all[(0.9 * (all.len() - 1) as f64).round() as usize]
}

/// Data that no threshold was chosen on: handwritten digits, and a cloud of isolated points.
#[test]
fn on_other_data_and_schedules() {
    let digits = ridgewalk_data::digits();
    let some = digits.values().select(ndarray::Axis(0), &(0..120).collect::<Vec<_>>());
    let centered = &some - &some.mean_axis(ndarray::Axis(0)).unwrap();
    let unit = &centered / (centered.iter().map(|v| v * v).sum::<f64>() / centered.len() as f64).sqrt();
    let mut stream = Stream::new(5, Purpose::Evaluation, 0, 0);
    let cloud = Array2::from_shape_simple_fn((60, 32), || stream.normal());
    let trial = BlindTrial { samples: 48, steps: 50, ..BlindTrial::default() };
    let mut kinds = String::new();
    for (data, name, target) in [
        (&unit, "flow-matching", Target::Noise),
        (&unit, "flow-matching", Target::Velocity),
        (&unit, "flow-matching", Target::Data),
        (&unit, "variance-preserving", Target::Noise),
        (&unit, "variance-preserving", Target::VPrediction),
        (&unit, "variance-preserving", Target::Data),
        (&unit, "cosine", Target::VPrediction),
        (&unit, "variance-exploding", Target::Data),
        (&cloud, "flow-matching", Target::Velocity),
        (&cloud, "variance-preserving", Target::Noise),
        (&cloud, "cosine", Target::Data),
    ] {
        let process = process::named(name).unwrap();
        let model = Empirical::new(&points(data.clone())).unwrap();
        let verdict = blindness(&model, &process, target, &trial).unwrap();
        let (from, to) = verdict.times;
        let times: Vec<f64> = match name {
            "variance-exploding" => Karras::new(to..from, 51).levels().unwrap(),
            _ => (0..=50).map(|i| from + (to - from) * f64::from(i) / 50.0).collect(),
        };
        let last = from.max(process.customary_times().end.min(process.end()));
        let prior = TimePrior::uniform(to..last).unwrap();
        let blind = Blind::from(&model, &process, prior).unwrap().tolerance(1e-6);
        let found = left(data, &blind.field(target), &process, &times);
        println!("{name} {target}: {found:.4} by distance; {verdict}");
        let noise = verdict.noise_left();
        let told = noise.1.max(0.02 * verdict.deviation / 2.0);
        let by_distance = match found {
            found if found <= 2.0 * told => 'y',
            found if found > 0.5 * verdict.deviation => 'n',
            _ => 'a',
        };
        kinds.push(kind(&verdict));
        assert!(
            kind(&verdict) == by_distance || verdict.cause == Cause::Amplified,
            "{name} {target}: {by_distance}"
        );
        let close = (noise.0 / found).ln().abs() < 0.7 || noise.0.max(found) < 2.0 * told;
        assert!(close || verdict.cause == Cause::Amplified, "{name} {target}: {noise:?}");
    }
    println!("{kinds}");
    assert!(kinds.contains('y') && kinds.contains('a') && kinds.contains('n'), "{kinds}");
}

/// What the parts of the verdict are on the straight path, where they are known.
#[test]
fn the_parts_of_the_verdict() {
    let prior = TimePrior::uniform(1e-3..1.0).unwrap();
    let noise = ask(32, &FlowMatching, Target::Noise, (0.9, 1e-3), prior.clone());
    let velocity = ask(32, &FlowMatching, Target::Velocity, (0.9, 1e-3), prior.clone());
    let data = ask(32, &FlowMatching, Target::Data, (0.9, 1e-3), prior);
    // Noise that is kept from t: t/(1 − t), t and the last level.
    for (noise, (velocity, data)) in noise.levels.iter().zip(velocity.levels.iter().zip(&data.levels)) {
        let (t, last) = (noise.time, 1e-3 / (1.0 - 1e-3));
        assert!((noise.kept / (t / (1.0 - t)) - 1.0).abs() < 1e-6, "{noise:?}");
        assert!((velocity.kept / (t / 0.999) - 1.0).abs() < 1e-6, "{velocity:?}");
        assert!((data.kept / last - 1.0).abs() < 1e-6, "{data:?}");
        assert!((noise.gain - 1.0 / (1.0 - t)).abs() < 1e-9 && (velocity.gain - 1.0).abs() < 1e-12);
    }
    assert_eq!(noise.cause, Cause::Amplified);
    assert_eq!(velocity.cause, Cause::Carried);
    // ν = −1/t for the data: it grows as 1/σ and does no harm.
    assert!((data.gain_exponent - 1.0).abs() < 1e-2 && !data.bounded_gain());
    assert!(velocity.bounded_gain() && noise.bounded_gain());
    // Beside data of codimension 30, at the level .02: width 1/√(2·31), Jensen's gap 1/√(2·31) (its square mean).
    let near = &noise.levels[5];
    assert!((near.width - 0.128).abs() < 0.02 && (near.gap_rms - 0.138).abs() < 0.03, "{near:?}");
    // DDPM's gain grows as 1/σ for a prediction of the noise, as a variance-preserving process has it.
    let table = Ddpm::linear();
    let verdict = ask(32, &table, Target::Noise, (1000.0, 1.0), TimePrior::uniform(1.0..1000.0).unwrap());
    assert!((verdict.gain_exponent - 1.0).abs() < 0.01, "{}", verdict.gain_exponent);
}

#[test]
fn what_cannot_be_asked_is_told() {
    let model = embedded(&circles(), 2);
    let trial = BlindTrial { samples: 1, ..BlindTrial::default() };
    assert!(
        blindness(&model, &FlowMatching, Target::Noise, &trial)
            .unwrap_err()
            .to_string()
            .contains("at least two")
    );
    let trial = BlindTrial { times: Some((1.0, 1e-3)), ..BlindTrial::default() };
    let told = blindness(&model, &FlowMatching, Target::Noise, &trial).unwrap_err().to_string();
    assert!(told.contains("levels") && told.contains("inf"), "{told}");
    let trial = BlindTrial { times: Some((0.1, 0.9)), ..BlindTrial::default() };
    assert!(blindness(&model, &FlowMatching, Target::Noise, &trial).is_err());
}
