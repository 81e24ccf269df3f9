//! Gains, conformal factors and errors of the drift: every target under every process.
//!
//! du/dt = μ u + ν f(u) (eq. 63 of the paper): an error of the field enters with the gain ν, and what it has moved the state by at
//! t₀ is carried on by μ alone, as exp ∫ μ dt.

use ridgewalk::autonomous::{Autonomous, Blind, Target, TimePrior};
use ridgewalk::process::{self, Marginal};
use ridgewalk::survey::{Axis, Cell, Finding, Table};
use ridgewalk::{FlowMatching, Process, VarianceExploding};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::chi::jensen_gap;
use super::claims::{Claim, Verdict};
use super::common::{at_most, lines, series};
use super::settings::{Settings, circles, embedded, noisy, padded};
use super::verdicts;
use crate::failure::Result;
use crate::progress::say;

const DIM: usize = 32;
/// Noise levels of the table.
const LEVELS: [f64; 3] = [0.1, 1.0, 9.0];

pub struct Case {
    pub name: &'static str,
    pub process: Box<dyn Process>,
    pub prior: TimePrior,
}

impl Case {
    fn last(&self) -> f64 {
        self.prior.range().end
    }
}

fn cases() -> Result<Vec<Case>> {
    let named = |name: &'static str, prior: &dyn Fn(&dyn Process) -> ridgewalk::Result<TimePrior>| {
        let process = process::named(name)?;
        let prior = prior(&*process)?;
        Ok(Case { name, process, prior })
    };
    let customary = |process: &dyn Process| TimePrior::customary(process, 1e-3);
    let all: Vec<ridgewalk::Result<Case>> = vec![
        named("flow-matching", &|_| TimePrior::uniform(1e-3..1.0)),
        named("variance-preserving", &customary),
        named("ddpm", &|_| TimePrior::steps((1..=1000).map(f64::from))),
        named("cosine", &customary),
        named("variance-exploding", &|_| TimePrior::log_normal(-1.2, 1.2, 0.002..80.0)),
    ];
    Ok(all.into_iter().collect::<ridgewalk::Result<Vec<_>>>()?)
}

pub fn run(settings: &Settings) -> Result<(Part, Vec<Claim>)> {
    let mut part = Part::new(
        "Gains and errors of the drift",
        "Gain ν, conformal factor λ, Jensen gap and error of the drift ν |f* − f_t| at noisy points \
         of the two circles in 32 dimensions. \
         Times are in parts of the last of each process, gains per such unit. Times are uniform \
         over the process's own, and \
         log-normal (−1.2, 1.2) for the variance-exploding one, as EDM trains.",
    );
    let mut claims = Vec::new();
    coefficients(&mut part)?;
    let cases = cases()?;
    let (mut gaps, mut rows) = (Vec::new(), Vec::new());
    let (mut growth_off, mut bounded) = (0.0f64, 0.0f64);
    for case in &cases {
        say(case.name);
        gaps.push(series(case.name, measured(settings, &mut part, case)?));
        for target in Target::ALL {
            let exponent = exponent(case, target)?;
            let growth = growth(case, target)?;
            if let (Some(known), false) = (known_growth(case, target), case.name == "ddpm") {
                growth_off = growth_off.max((growth / known - 1.0).abs());
            }
            if target == Target::Velocity {
                bounded = bounded.max(exponent.abs());
            }
            rows.push(row(case, target, exponent, growth)?);
        }
    }
    let columns = [
        "process",
        "target",
        "ν at σ/α = 0.1",
        "ν at 1",
        "ν at 9",
        "λ at 0.1",
        "λ at 1",
        "λ at 9",
        "ν ∝ σ to the power",
        "an early error, times",
        "so it",
        "the paper",
    ];
    part.table(
        "noise-gains",
        "Gains (per unit of t/T), conformal factors, the power of σ by which the gain goes towards \
         the data, and what becomes of an error made at σ/α = 9 until σ/α = 0.01 (of equilibrium: \
         if it is integrated by the clock, which a descent does not need)",
        Table { columns: columns.map(Into::into).to_vec(), rows },
    );
    part.finding(
        Finding::new(
            "noise-growth",
            format!(
                "∫ μ dt carries an early error as α does for noise, σ for data, √(α² + σ²) for \
                 v-prediction, and not at all for velocity, to {}.",
                format_number(growth_off)
            ),
            growth_off,
            16,
        )
        .expect(at_most(1e-6, "the integral in closed form, of four processes")),
    );
    let law = jensen_gap(DIM as f64);
    gaps.push(series("beside one datum, σ = t", vec![(0.02, law), (20.0, law)]));
    part.figure(lines(
        "noise-jensen",
        "Jensen's gap",
        "Root mean square of σ E[1/σ|u] − 1 over noisy points in 32 dimensions: how well the noise \
         level is read from the state. \
         Processes of constant variance lose it where σ comes near 1.",
        (Axis::log("noise level σ/α"), Axis::log("root mean square Jensen gap")),
        gaps,
    ));
    let verdicts = verdicts::run(settings, &mut part, &cases)?;
    judge(&cases, &mut claims, bounded)?;
    claims.push(verdicts);
    Ok((part, claims))
}

/// Errors of the drift of one process as a figure with its gains; Jensen's gap by noise level.
fn measured(settings: &Settings, part: &mut Part, case: &Case) -> Result<Vec<(f64, f64)>> {
    let data = padded(circles().view(), DIM);
    let model = embedded(circles(), DIM)?;
    let blind = Blind::from(&model, &*case.process, case.prior.clone())?.tolerance(1e-8);
    let marginal = Marginal::new(&model, &*case.process);
    let (n, count) = (settings.size(128, 32), settings.size(13, 7));
    let mut gaps = Vec::new();
    let mut errors = Target::ALL.map(|target| series(target.name(), Vec::new()));
    let mut gains = Target::ALL.map(|target| series(target.name(), Vec::new()));
    for i in 0..count {
        let level = 0.02 * libm::pow(1000.0, i as f64 / (count - 1) as f64);
        let t = case.process.time(level);
        let (alpha, sigma) = (case.process.alpha(t), case.process.sigma(t));
        let u = noisy(data.view(), n, 2, (alpha, sigma));
        let posteriors = blind.posterior(u.view())?;
        let square: f64 = posteriors.iter().map(|p| p.jensen_gap(&*case.process, sigma).powi(2)).sum();
        gaps.push((level, (square / n as f64).sqrt()));
        let denoised = marginal.denoised(u.view(), t)?;
        for ((errors, gains), target) in errors.iter_mut().zip(&mut gains).zip(Target::ALL) {
            let c = target.coefficients(&*case.process, t)?;
            let (of_u, of_data) = c.of_state_and_denoised();
            let off = blind.field(target).field(u.view())? - (&u * of_u + &denoised * of_data);
            let size = (off.iter().map(|v| v * v).sum::<f64>() / n as f64).sqrt();
            let gain = c.gain.abs() * case.last();
            gains.points.push((t / case.last(), gain));
            errors.points.push((t / case.last(), gain * size));
        }
    }
    for (kind, title, y, series) in [
        ("gain", "Gain", "|ν| per unit of t/T", gains),
        ("drift", "Error of the drift", "|ν| |f* − f_t| per unit of t/T, root mean square", errors),
    ] {
        part.figure(lines(
            &format!("noise-{kind}-{}", case.name),
            &format!("{title}, {}", case.name),
            &format!("From σ/α = 0.02 to 20. Law of times: {}.", case.prior),
            (Axis::log("t/T"), Axis::log(y)),
            series.to_vec(),
        ));
    }
    Ok(gaps)
}

/// d ln|ν| / d ln σ towards the data.
fn exponent(case: &Case, target: Target) -> Result<f64> {
    // A table of steps has one slope between two of them.
    let times = match case.name {
        "ddpm" => [1.0, 1.9],
        "variance-exploding" => [2e-3, 4e-3],
        _ => [1e-3, 1.1e-3].map(|level| case.process.time(level)),
    };
    let at = |t: f64| -> Result<(f64, f64)> {
        let c = target.coefficients(&*case.process, t)?;
        Ok((libm::log(c.sigma), libm::log(c.gain.abs())))
    };
    let (from, to) = (at(times[0])?, at(times[1])?);
    Ok((to.1 - from.1) / (to.0 - from.0))
}

/// Where an early error is made, and where it is looked at.
fn span(case: &Case) -> (f64, f64) {
    (case.process.time(9.0), case.process.time(0.01))
}

/// exp ∫ μ dt from an early time to a late one, by Simpson's rule in ln t.
fn growth(case: &Case, target: Target) -> Result<f64> {
    const PIECES: usize = 20_000;
    let (from, to) = span(case);
    let step = libm::log(to / from) / PIECES as f64;
    let mut sum = 0.0;
    for i in 0..=PIECES {
        let t = from * libm::exp(i as f64 * step);
        let weight = if i == 0 || i == PIECES { 1.0 } else { [2.0, 4.0][i % 2] };
        sum += weight * t * target.coefficients(&*case.process, t)?.drift;
    }
    Ok(libm::exp(sum * step / 3.0))
}

fn known_growth(case: &Case, target: Target) -> Option<f64> {
    let (from, to) = span(case);
    let ratio = |f: &dyn Fn(f64) -> f64| f(to) / f(from);
    match target {
        Target::Noise => Some(ratio(&|t| case.process.alpha(t))),
        Target::Data => Some(ratio(&|t| case.process.sigma(t))),
        Target::Velocity => Some(1.0),
        Target::VPrediction => Some(ratio(&|t| case.process.alpha(t).hypot(case.process.sigma(t)))),
        Target::Equilibrium => None,
    }
}

fn row(case: &Case, target: Target, exponent: f64, growth: f64) -> Result<Vec<Cell>> {
    let mut row: Vec<Cell> = vec![case.name.into(), target.name().into()];
    let coefficients = LEVELS
        .iter()
        .map(|level| target.coefficients(&*case.process, case.process.time(*level)))
        .collect::<ridgewalk::Result<Vec<_>>>()?;
    row.extend(coefficients.iter().map(|c| Cell::from(c.gain * case.last())));
    row.extend(coefficients.iter().map(|c| Cell::from(c.conformal())));
    row.push(format!("{exponent:.2}").into());
    row.push(growth.into());
    row.push(
        if growth > 1.5 {
            "grows"
        } else if growth < 0.67 {
            "fades"
        } else {
            "stays"
        }
        .into(),
    );
    row.push(published(target).into());
    Ok(row)
}

/// Gain and verdict in the paper's table 2.
pub fn published(target: Target) -> &'static str {
    match target {
        Target::Noise => "O(1/b), unstable",
        Target::Data => "O(1/b²), stable",
        Target::Velocity => "1, inherently stable",
        Target::Equilibrium => "a fixed point, stable",
        Target::VPrediction => "–",
    }
}

/// Coefficients in closed form.
fn coefficients(part: &mut Part) -> Result<()> {
    let vp = process::named("vp")?;
    let mut worst = 0.0f64;
    let mut count = 0;
    let mut check = |process: &dyn Process, target: Target, t: f64, expected: [f64; 4]| -> Result<()> {
        let c = target.coefficients(process, t)?;
        let found = [c.drift, c.gain, c.conformal(), c.linear_drift()];
        worst =
            found.iter().zip(expected).map(|(f, e)| (f - e).abs() / (1.0 + e.abs())).fold(worst, f64::max);
        count += 1;
        Ok(())
    };
    for t in [0.05, 0.3, 0.9] {
        let s = 1.0 - t;
        check(&FlowMatching, Target::Noise, t, [-1.0 / s, 1.0 / s, t, 0.0])?;
        check(&FlowMatching, Target::Data, t, [1.0 / t, -1.0 / t, -t * t / s, 1.0 / s])?;
        check(&FlowMatching, Target::Velocity, t, [0.0, 1.0, t / s, -1.0 / s])?;
        check(&FlowMatching, Target::Equilibrium, t, [0.0, 1.0 / t, t * t / s, -t / s])?;
        check(&VarianceExploding, Target::Noise, t, [0.0, 1.0, t, 0.0])?;
        check(&VarianceExploding, Target::Data, t, [1.0 / t, -1.0 / t, -t * t, 1.0])?;
        let (a, b, da, db) = (vp.alpha(t), vp.sigma(t), vp.alpha_derivative(t), vp.sigma_derivative(t));
        check(&*vp, Target::Noise, t, [da / a, (db * a - da * b) / a, b, 0.0])?;
        check(&*vp, Target::VPrediction, t, [0.0, db * a - da * b, b / a, -b / a])?;
    }
    part.finding(
        Finding::new(
            "noise-coefficients",
            format!(
                "μ, ν, λ and c/α of eight pairs of process and target are those of eq. 63, to {}.",
                format_number(worst)
            ),
            worst,
            count,
        )
        .expect(at_most(1e-12, "closed forms, to rounding")),
    );
    Ok(())
}

fn judge(cases: &[Case], claims: &mut Vec<Claim>, bounded: f64) -> Result<()> {
    let of = |target: Target| -> Result<Vec<String>> {
        cases.iter().map(|case| Ok(format!("{} {:+.2}", case.name, exponent(case, target)?))).collect()
    };
    claims.push(Claim {
        place: "table 2",
        claim: "The gain of noise prediction is O(1/b)",
        verdict: Verdict::InPart,
        found: format!(
            "power of σ towards the data: {}; where σ is proportional to t the gain is bounded",
            of(Target::Noise)?.join(", ")
        ),
    });
    claims.push(Claim {
        place: "table 2",
        claim: "The gain of data prediction is O(1/b²)",
        verdict: Verdict::InPart,
        found: format!("power of σ towards the data: {}", of(Target::Data)?.join(", ")),
    });
    claims.push(Claim {
        place: "table 2",
        claim: "The gain of velocity prediction is 1",
        verdict: Verdict::of(bounded < 1e-9),
        found: "for every process, if the target is the derivative of its own path".into(),
    });
    let exploding = cases.iter().find(|case| case.name == "variance-exploding");
    if let Some(case) = exploding {
        let c = Target::Data.coefficients(&*case.process, 0.5)?;
        claims.push(Claim {
            place: "appendix E",
            claim: "DDPM and EDM have λ of about b and no drift",
            verdict: Verdict::InPart,
            found: format!(
                "DDPM's noise does; EDM's data prediction has λ = −σ² ({} at σ = 0.5) and c/α = {}",
                format_number(c.conformal()),
                format_number(c.linear_drift())
            ),
        });
    }
    Ok(())
}
