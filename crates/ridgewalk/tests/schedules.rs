//! Schedules and processes: known grids, tables and limits, derivatives, inverses, and what holds for all.

use std::ops::Range;

use proptest::prelude::*;
use ridgewalk::process::{Cosine, Ddpm, PROCESSES, SubVariancePreserving, VariancePreserving};
use ridgewalk::schedule::{Beta, DiscreteTable, Piecewise, PolyExponential, SCHEDULES, Spacing};
use ridgewalk::{
    Error, FlowMatching, Heun, Karras, Levels, LinearTime, LogLinear, OrnsteinUhlenbeck, Process, Sampler,
    Schedule, VarianceExploding, process, schedule,
};

fn processes() -> Vec<Box<dyn Process>> {
    let mut all: Vec<Box<dyn Process>> =
        PROCESSES.iter().map(|entry| process::named(entry.name).unwrap()).collect();
    for text in [
        "ou:rate=0.3",
        "ou:rate=0",
        "vp:beta-min=1,beta-max=1",
        "sub-vp:beta-max=5",
        "cosine:s=0",
        "cosine:s=0.5",
        "ddpm:betas=scaled-linear",
        "ddpm:betas=squared-cosine",
    ] {
        all.push(process::named(text).unwrap());
    }
    all
}

/// Times inside of a process, none of them at a step of a table.
fn times(process: &dyn Process) -> impl Iterator<Item = f64> + use<> {
    let end = process.end().min(process.time(1e3)).min(1e3);
    [0.001_37, 0.0213, 0.2137, 0.5003, 0.7777, 0.9713].into_iter().map(move |u| u * end)
}

/// Central differences leave a rounding of 1e-16/h and h² f‴/6, h = 1e-6 t.
#[test]
fn derivatives_agree_with_central_differences() {
    for process in processes() {
        for t in times(&process) {
            let h = 1e-6 * t;
            let slope = |f: &dyn Fn(f64) -> f64| (f(t + h) - f(t - h)) / (2.0 * h);
            let (da, ds) = (slope(&|t| process.alpha(t)), slope(&|t| process.sigma(t)));
            let scale = (process.alpha(t) + process.sigma(t)) / t;
            let (a, s) = (process.alpha_derivative(t), process.sigma_derivative(t));
            assert!((da - a).abs() < 1e-8 * scale, "{} {t}: {da} {a}", process.name());
            assert!((ds - s).abs() < 1e-8 * scale, "{} {t}: {ds} {s}", process.name());
        }
    }
}

/// Over eight decades; α loses digits beyond a level of 10⁴, where it is 1e-4.
#[test]
fn time_inverts_noise_level() {
    for process in processes() {
        let mut last = 0.0;
        for power in -16..=16 {
            let level = 10f64.powf(0.25 * f64::from(power));
            let t = process.time(level);
            assert!(t > last, "{} {level}", process.name());
            last = t;
            let back = process.noise_level(t);
            assert!((back / level - 1.0).abs() < 1e-9, "{} {level} {back}", process.name());
        }
    }
}

/// α² + σ² = 1, but for the sub-variance-preserving one, where σ = 1 − α².
#[test]
fn variances_are_preserved() {
    let preserving: [&dyn Process; 5] = [
        &VariancePreserving::default(),
        &Cosine::default(),
        &Ddpm::linear(),
        &Ddpm::squared_cosine(),
        &OrnsteinUhlenbeck::variance_preserving(),
    ];
    for process in preserving {
        for t in times(process) {
            let (alpha, sigma) = (process.alpha(t), process.sigma(t));
            assert!((alpha * alpha + sigma * sigma - 1.0).abs() < 1e-14, "{} {t}", process.name());
        }
    }
    let (sub, full) = (SubVariancePreserving::default(), VariancePreserving::default());
    for t in [1e-6, 0.01, 0.5, 1.0] {
        assert_eq!(sub.alpha(t), full.alpha(t));
        let square = full.sigma(t) * full.sigma(t);
        assert!((sub.sigma(t) / square - 1.0).abs() < 1e-13);
    }
}

/// B(1) = 10.05: α = e^{−5.025} = 0.0065716. The scale of the cosine process by hand at t = ½, s = 0: 45°.
#[test]
fn known_coefficients() {
    let vp = VariancePreserving::default();
    assert!((vp.alpha(1.0) - 6.571_587e-3).abs() < 1e-9, "{}", vp.alpha(1.0));
    assert!((vp.noise_level(1.0) - 152.167).abs() < 1e-3, "{}", vp.noise_level(1.0));
    assert!((Cosine::new(0.0).unwrap().noise_level(0.5) - 1.0).abs() < 1e-14);
    // At the end that is customary nothing is zero, infinite or NaN.
    let [noise, data] = Cosine::default().end_points();
    assert!(noise.alpha > 0.008 && noise.level < 120.0 && data.sigma > 0.0, "{noise} {data}");
    assert_eq!(FlowMatching.end_points()[0].level, f64::INFINITY);
    assert!(FlowMatching.checked_levels(1.0).is_err());
    assert!(FlowMatching.checked_levels(0.0).is_err());
    assert!(Cosine::default().checked_levels(1.0).is_err());
    assert!(VarianceExploding.checked_levels(f64::NAN).is_err());
    assert!(Ddpm::linear().checked_levels(1000.5).is_err());
}

/// Conventions of one name differ at their ends, and the end points show it: linear β in continuous time
/// (arXiv 2011.13456) leaves α = 0.0066, the table of arXiv 2006.11239 0.0064, that of latent diffusion 0.068.
#[test]
fn end_points_tell_conventions_apart() {
    let alphas: Vec<f64> = ["vp", "ddpm", "ddpm:betas=scaled-linear"]
        .iter()
        .map(|text| process::named(text).unwrap().end_points()[0].alpha)
        .collect();
    for (found, expected) in alphas.iter().zip([6.5716e-3, 6.3528e-3, 6.8265e-2]) {
        assert!((found / expected - 1.0).abs() < 1e-4, "{found} {expected}");
    }
    assert_eq!(
        process::named("ve").unwrap().describe(),
        "variance-exploding: from t = 80 (alpha 1, sigma 80, sigma/alpha 80) to \
         t = 0.002 (alpha 1, sigma 0.002, sigma/alpha 0.002)"
    );
}

#[test]
fn impossible_processes_are_refused() {
    for text in ["vp:beta-min=0", "vp:beta-max=0.01", "ou:rate=-1", "cosine:s=2", "ddpm:betas=quadratic", ""]
    {
        assert!(process::named(text).is_err(), "{text}");
    }
    assert!(Ddpm::new(&[]).is_err());
    assert!(Ddpm::new(&[0.1, 1.0]).is_err());
}

/// ᾱ after 1, 100, 250, 500, 750 and 1000 steps, from the tables' definitions in another language.
#[test]
fn tables_are_the_published_ones() {
    let steps = [1, 100, 250, 500, 750, 1000];
    let reference = [
        (
            Ddpm::linear(),
            [
                0.9999,
                0.89701814567496,
                0.5240853738253606,
                0.07858724288177824,
                0.0033505504389367744,
                4.035829765375676e-05,
            ],
        ),
        (
            Ddpm::scaled_linear(),
            [
                0.99915,
                0.8954627734950016,
                0.6754324137251241,
                0.27766965045646763,
                0.056623491598269717,
                0.004660098513077238,
            ],
        ),
        (
            Ddpm::squared_cosine(),
            [
                0.999958715775178,
                0.9720927371139696,
                0.847012161326905,
                0.4938435904406382,
                0.14427210238573596,
                2.4287669070348567e-09,
            ],
        ),
    ];
    for (process, expected) in reference {
        for (step, expected) in steps.into_iter().zip(expected) {
            let found = process.alpha_bar(step).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-10, "{} {step}: {found}", process.name());
            let alpha = process.alpha(step as f64);
            assert!((alpha * alpha / expected - 1.0).abs() < 1e-10);
        }
        assert_eq!(process.alpha_bar(1001), None);
    }
    // Two steps by hand: ᾱ = 0.9, 0.9·0.8; half-way between them 0.9·√0.8.
    let two = Ddpm::new(&[0.1, 0.2]).unwrap();
    assert!((two.alpha(1.5).powi(2) - 0.9 * 0.8f64.sqrt()).abs() < 1e-15);
}

/// EDM's table for 18 steps, from the formula by hand to six digits.
#[test]
fn karras_is_edm() {
    let levels = Karras::new(0.002..80.0, 18).levels().unwrap();
    for (i, expected) in
        [(0, 80.0), (1, 57.585985), (10, 1.0881706), (11, 0.58534812), (16, 0.00752802), (17, 0.002)]
    {
        assert!((levels[i] / expected - 1.0).abs() < 1e-6, "{i}: {}", levels[i]);
    }
}

#[test]
fn log_linear_has_constant_ratio_in_every_log_snr() {
    let levels = LogLinear::new(0.01..100.0, 5).levels().unwrap();
    for pair in levels.windows(2) {
        assert!((pair[0] / pair[1] - 10.0).abs() < 1e-12);
    }
    let same = PolyExponential::new(0.01..100.0, 5, 1.0).levels().unwrap();
    assert!(levels.iter().zip(&same).all(|(a, b)| (a / b - 1.0).abs() < 1e-13));
    // λ = log(α/σ) is even for a process of any α.
    let vp = VariancePreserving::default();
    let lambda = |level: f64| (vp.alpha(vp.time(level)) / vp.sigma(vp.time(level))).ln();
    for triple in levels.windows(3) {
        let bend = lambda(triple[0]) - 2.0 * lambda(triple[1]) + lambda(triple[2]);
        assert!(bend.abs() < 1e-9, "{bend}");
    }
    // ρ = 2 by hand: log σ = log low + (1 − u)² log(high/low), u = ½.
    let middle = PolyExponential::new(0.002..80.0, 5, 2.0).levels().unwrap();
    for (found, expected) in middle.iter().zip([80.0, 0.775690979, 0.0282842712, 3.87845489e-3, 2e-3]) {
        assert!((found / expected - 1.0).abs() < 1e-8, "{found} {expected}");
    }
}

#[test]
fn linear_time_is_linear_in_time_at_the_datas_scale() {
    for process in processes() {
        for scale in [1.0, 5.0] {
            let levels = LinearTime::new(&process, 1e-3..1e2, 9).scale(scale).levels().unwrap();
            let times: Vec<f64> = levels.iter().map(|&s| process.time(s / scale)).collect();
            for triple in times.windows(3) {
                let bend = triple[0] - 2.0 * triple[1] + triple[2];
                assert!(bend.abs() < 1e-9 * times[0], "{} {bend}", process.name());
            }
            // The grid of data times 5 is the grid, times 5.
            let unit = LinearTime::new(&process, 1e-3 / scale..1e2 / scale, 9).levels().unwrap();
            assert!(levels.iter().zip(&unit).all(|(a, b)| (a / (scale * b) - 1.0).abs() < 1e-9));
        }
    }
    // The time shift of arXiv 2403.03206 with μ = 3: t = ½ becomes ¾, a level of 3.
    let shifted = LinearTime::new(FlowMatching, 3.0 / 9.0..27.0, 3).scale(3.0).levels().unwrap();
    assert!((shifted[1] - 3.0).abs() < 1e-12, "{shifted:?}");
}

/// Beta(½, ½) in the time of flow matching: t = cos² at equal angles. Beta(1, 1) is linear.
#[test]
fn beta_is_the_quantile_in_time() {
    let range = 1e-3..1e2;
    let levels = Beta::new(range.clone(), 7).shape(0.5, 0.5).process(FlowMatching).levels().unwrap();
    let (low, high) = (FlowMatching.time(1e-3), FlowMatching.time(1e2));
    for (i, level) in levels.iter().enumerate() {
        let cos = (std::f64::consts::FRAC_PI_2 * i as f64 / 6.0).cos();
        let t = low + cos * cos * (high - low);
        assert!((FlowMatching.time(*level) - t).abs() < 1e-12, "{i}");
    }
    let flat = Beta::new(range.clone(), 7).shape(1.0, 1.0).levels().unwrap();
    let linear = LinearTime::new(VariancePreserving::default(), range.clone(), 7).levels().unwrap();
    assert!(flat.iter().zip(&linear).all(|(a, b)| (a / b - 1.0).abs() < 1e-9));
    // α = 2, β = 5 has more of its weight at low t: the paper's quantile at 1 − u = ½ is 0.26445.
    let low_end = Beta::new(range, 3).shape(2.0, 5.0).process(FlowMatching).levels().unwrap();
    assert!((FlowMatching.time(low_end[1]) - low - 0.26444998329566005 * (high - low)).abs() < 1e-10);
    assert!(Beta::new(1e-3..1e2, 7).shape(0.0, 1.0).levels().is_err());
}

/// Steps of 1000 for six levels, as published code takes them (counted from 0).
#[test]
fn tables_are_visited_as_published() {
    let process = Ddpm::linear();
    for (spacing, steps) in [
        (Spacing::Leading, [830, 664, 498, 332, 166, 0]),
        (Spacing::Trailing, [999, 832, 666, 499, 332, 166]),
        (Spacing::Linspace, [999, 799, 599, 400, 200, 0]),
    ] {
        let levels = DiscreteTable::whole(process.clone(), 6).spacing(spacing).scale(2.0).levels().unwrap();
        for (level, step) in levels.iter().zip(steps) {
            let alpha_bar = process.alpha_bar(step + 1).unwrap();
            let expected = 2.0 * ((1.0 - alpha_bar) / alpha_bar).sqrt();
            assert!((level / expected - 1.0).abs() < 1e-12, "{spacing:?} {step}");
        }
        let whole = DiscreteTable::whole(process.clone(), 1000).spacing(spacing).levels().unwrap();
        assert_eq!(whole.len(), 1000);
        let highest = DiscreteTable::whole(process.clone(), 1).spacing(spacing).levels().unwrap();
        assert_eq!(highest, whole[..1]);
    }
}

#[test]
fn a_table_says_what_it_cannot_reach() {
    let table = |range: Range<f64>| DiscreteTable::new(Ddpm::scaled_linear(), range, 10);
    let told = table(0.002..80.0).describe().unwrap();
    assert!(told.contains("10 levels from 14.61 to") && told.contains("14.61 to 0.02917 only"), "{told}");
    let inside = table(0.1..10.0).describe().unwrap();
    assert!(!inside.contains("only"), "{inside}");
    let message = table(20.0..80.0).levels().unwrap_err().to_string();
    assert!(message.contains("has 0 levels") && message.contains("14.61 to 0.02917"), "{message}");
}

#[test]
fn pieces_are_joined_without_a_double_level() {
    let high = || Box::new(LogLinear::new(1.0..100.0, 3));
    let joined = Piecewise::new(vec![high(), Box::new(Levels(vec![1.0, 0.5]))]);
    let found = joined.levels().unwrap();
    assert!(found.iter().zip([100.0, 10.0, 1.0, 0.5]).all(|(a, b)| (a / b - 1.0).abs() < 1e-12));
    assert_eq!(found.len(), 4);
    let apart = Piecewise::new(vec![high(), Box::new(Levels(vec![0.5, 0.25]))]);
    assert_eq!(apart.levels().unwrap().len(), 5);
    let overlap = Piecewise::new(vec![high(), Box::new(Levels(vec![2.0, 0.25]))]);
    assert!(overlap.levels().unwrap_err().to_string().contains("piece 1"));
    assert!(Piecewise::new(vec![]).levels().is_err());
}

#[test]
fn lists_are_read_and_what_is_wrong_is_shown() {
    let text = "# mine\n80, 40;10\n\n 2.5e-1 # the last\n";
    assert_eq!(Levels::parse(text).unwrap(), Levels(vec![80.0, 40.0, 10.0, 0.25]));
    for (text, words) in
        [("80,forty", "'forty' in line 1"), ("8\n9", "followed by 9"), ("", "empty"), ("nan", "NaN")]
    {
        let message = Levels::parse(text).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
    let mut levels: Vec<f64> = (1..=1000).rev().map(f64::from).collect();
    levels[700] = 299.5;
    levels[701] = 299.5;
    let message = Levels(levels).levels().unwrap_err().to_string();
    assert!(message.contains("has 299.5 at 700, followed by 299.5") && message.len() < 200, "{message}");
}

#[test]
fn grids_that_f64_cannot_hold_are_refused_by_name() {
    for rho in [1e-3, 1e300] {
        let err = Karras::new(0.002..80.0, 18).rho(rho).levels().unwrap_err();
        assert!(matches!(err, Error::Argument { name: "rho", .. }), "{err}");
    }
    let narrow = 1.0..1.0 + 2.0 * f64::EPSILON;
    let err = LogLinear::new(narrow, 9).levels().unwrap_err();
    assert!(matches!(err, Error::Argument { name: "steps", .. }), "{err}");
}

#[test]
fn schedules_describe_themselves() {
    let told = |text: &str, n| schedule::named(text, 0.002..80.0, n).unwrap().describe().unwrap();
    assert_eq!(told("karras", 18), "karras: 18 levels from 80 to 0.002");
    assert_eq!(told("karras:rho=3", 1), "karras with rho 3: 1 level at 80");
    assert_eq!(told("flow", 4), "linear in the time of flow-matching: 4 levels from 80 to 0.002");
    assert_eq!(told("3,2,1", 4), "own levels: 3 levels from 3 to 1");
    let sampler = Sampler::new(Heun::new(), Karras::new(0.002..80.0, 18));
    assert_eq!(sampler.describe().unwrap(), "heun over karras: 18 levels from 80 to 0.002");
}

#[test]
fn impossible_schedules_are_refused() {
    for entry in SCHEDULES {
        for range in [Range { start: 3.0, end: 2.0 }, 0.0..2.0, 1.0..f64::INFINITY, f64::NAN..1.0] {
            let found = schedule::named(entry.name, range, 5).and_then(|s| s.levels());
            assert!(found.is_err(), "{}", entry.name);
        }
        assert!(schedule::named(entry.name, 0.1..2.0, 0).and_then(|s| s.levels()).is_err(), "{}", entry.name);
    }
    for text in ["linear-time:data=0", "flow:data=-1", "piecewise:at=-1", "piecewise:share=2", "ddpm:data=0"]
    {
        assert!(schedule::named(text, 0.1..2.0, 5).and_then(|s| s.levels()).is_err(), "{text}");
    }
    assert!(schedule::named("linear-time:process=nothing", 0.1..2.0, 5).is_err());
    assert!(schedule::named("linear-time:beta-max=12", 0.1..2.0, 5).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every schedule, over any range of eight decades: n levels, falling, positive, finite, ends exact.
    /// Only the table has ends of its own, and refuses where it has not n levels within the range.
    #[test]
    fn every_schedule_makes_a_grid(low in -4.0..3.9f64, width in 0.05..8.0f64, n in 1usize..40, data in -1.0..1.5f64) {
        let range = 10f64.powf(low)..10f64.powf((low + width).min(4.0));
        let data = 10f64.powf(data);
        for entry in SCHEDULES {
            let schedule = schedule::named_for(entry.name, range.clone(), n, data).unwrap();
            let levels = match schedule.levels() {
                Ok(levels) => levels,
                Err(error) => {
                    let told = error.to_string();
                    prop_assert!(entry.name == "ddpm" && told.contains("the table reaches"), "{}: {told}", entry.name);
                    continue;
                }
            };
            prop_assert_eq!(levels.len(), n, "{}", entry.name);
            prop_assert!(levels.iter().all(|s| *s > 0.0 && s.is_finite()), "{}", entry.name);
            prop_assert!(levels.windows(2).all(|pair| pair[0] > pair[1]), "{}", entry.name);
            if entry.name != "ddpm" {
                prop_assert_eq!(levels[0], range.end);
                prop_assert!(n == 1 || levels[n - 1] == range.start, "{}", entry.name);
            }
            prop_assert!(schedule.describe().is_ok());
        }
    }
}
