//! What a noisy point tells of its own noise level, and what blind fields get wrong there, against tables.

use ridgewalk::FlowMatching;
use ridgewalk::autonomous::{Autonomous, Blind, Target, TimePosterior};
use ridgewalk::process::Marginal;
use ridgewalk::survey::{Axis, Finding, Table};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::claims::{Claim, Verdict};
use super::common::{at_most, lines, mean, series};
use super::settings::{Settings, circles, embedded, even_in_log, noisy, padded};
use super::tables::AT_NOISY_DATA;
use crate::failure::Result;

const TARGETS: [Target; 3] = [Target::Noise, Target::Velocity, Target::Data];

/// The numbers of one row of the table.
pub fn measure(dim: usize, t: f64, n: usize) -> Result<[f64; 8]> {
    let data = padded(circles().view(), dim);
    let model = embedded(circles(), dim)?;
    let blind = Blind::from(&model, FlowMatching, even_in_log(1e-4, 1.0, 300)?)?;
    let u = noisy(data.view(), n, 2, (1.0 - t, t));
    let posteriors = blind.posterior(u.view())?;
    let over = |g: &dyn Fn(&TimePosterior) -> f64| mean(&posteriors.iter().map(g).collect::<Vec<_>>());
    let gap = |p: &TimePosterior| p.jensen_gap(&FlowMatching, t);
    let mut found = [0.0; 8];
    found[0] = over(&|p| p.mean());
    found[1] = over(&|p| p.deviation());
    found[2] = over(&gap);
    found[3] = over(&|p| gap(p) * gap(p)).sqrt();
    found[4] = over(&|p| p.convexity_gap(&FlowMatching));
    let denoised = Marginal::new(&model, &FlowMatching).denoised(u.view(), t)?;
    for (to, target) in found.iter_mut().skip(5).zip(TARGETS) {
        let c = target.coefficients(&FlowMatching, t)?;
        let (of_u, of_data) = c.of_state_and_denoised();
        let off = blind.field(target).field(u.view())? - (&u * of_u + &denoised * of_data);
        *to = c.gain.abs() * (off.iter().map(|v| v * v).sum::<f64>() / n as f64).sqrt();
    }
    Ok(found)
}

pub fn run(settings: &Settings, part: &mut Part, claims: &mut Vec<Claim>) -> Result<()> {
    let columns = [
        "D",
        "t",
        "mean of t given u",
        "deviation of t given u",
        "t/√(2(D−2))",
        "Jensen gap, mean",
        "Jensen gap, rms",
        "convexity gap",
        "drift error, noise",
        "drift error, velocity",
        "drift error, data",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let (mut worst, mut rows, mut law, mut bias) = (0.0f64, 0, 0.0f64, 0.0f64);
    for (dim, t, expected) in AT_NOISY_DATA {
        if !settings.dimensions().contains(&dim) {
            continue;
        }
        let found = measure(dim, t, 256)?;
        // The smallest numbers of the table have two digits.
        worst =
            found.iter().zip(expected).map(|(f, e)| (f - e).abs() / (e.abs() + 1e-6)).fold(worst, f64::max);
        rows += 1;
        let width = if dim > 2 { t / (2.0 * (dim - 2) as f64).sqrt() } else { f64::NAN };
        if dim >= 32 && t < 0.9 {
            law = law.max((found[1] / width - 1.0).abs());
            bias = bias.max((found[2] / found[3]).abs());
        }
        let mut row = vec![(dim as f64).into(), t.into(), found[0].into(), found[1].into()];
        row.push(if dim > 2 { width.into() } else { "–".into() });
        row.extend(found[2..].iter().map(|v| (*v).into()));
        table.rows.push(row);
    }
    part.table(
        "noise-posterior",
        "What 256 noisy points tell of their time, and what blind fields get wrong there",
        table,
    );
    part.finding(
        Finding::new(
            "noise-posterior-table",
            format!(
                "{} numbers of the posterior and of blind fields are the table's, to {} of each.",
                8 * rows,
                format_number(worst)
            ),
            worst,
            256,
        )
        .expect(at_most(6e-4, "four digits of an independent computation")),
    );
    part.finding(Finding::new(
        "noise-posterior-width",
        format!(
            "From 32 dimensions on the deviation of the time given a point is t/√(2(D − 2)) to {}, \
             while t is not near 1.",
            format_number(law)
        ),
        law,
        256,
    ));
    let times = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95];
    let mut curves = Vec::new();
    for &dim in settings.dimensions() {
        let points =
            times.iter().map(|&t| Ok((t, measure(dim, t, 32)?[1] / t))).collect::<Result<Vec<_>>>()?;
        curves.push(series(format!("D = {dim}"), points));
    }
    part.figure(lines(
        "noise-posterior",
        "How well a point tells its own time",
        "Deviation of t given u, in parts of t, at noisy points of the two circles on the straight \
         path. At little noise it \
         is 1/√(2(D − 1)) beside a single point of the data. At D = 2 nothing can be told.",
        (Axis::log("time t"), Axis::log("deviation of t given u / t")),
        curves,
    ));
    claims.push(Claim {
        place: "concentration lemmas",
        claim: "p(t|u) concentrates as the codimension grows, with a deviation of about t/√(2(D − d))",
        verdict: Verdict::of(law < 0.15),
        found: format!("within {} % for D ≥ 32 and t ≤ 0.3", format_number(100.0 * law)),
    });
    claims.push(Claim {
        place: "eq. 65",
        claim: "Jensen's gap b E[1/b|u] − 1 is what the noise target amplifies",
        verdict: Verdict::InPart,
        found: format!(
            "on noisy points its mean is at most {} of its root mean square (D ≥ 32, t ≤ 0.3): it is \
             the error of an \
             estimate, of either sign, and no bias",
            format_number(bias)
        ),
    });
    Ok(())
}
