//! Along a line that leaves a point of the data across the plane: the singularity of the energy, and what is left of it in
//! the blind fields.

use ndarray::Array2;
use ridgewalk::FlowMatching;
use ridgewalk::autonomous::{Autonomous, Blind, EnergyParts, Target, TimePrior};
use ridgewalk::survey::{Axis, Finding, Table};
use ridgewalk_report::format_number;

use super::super::part::Part;
use super::chi::{blind_length, natural_length};
use super::claims::{Claim, Verdict};
use super::common::{at_most, lines, series};
use super::settings::{Settings, embedded, three};
use crate::failure::Result;

/// Where limits are read.
const NEAR: f64 = 1e-3;
/// The datum that the line leaves.
const DATUM: [f64; 2] = [0.5, 0.5];

/// What is found near a datum, beside D − 1, C and G of its dimension.
struct Near {
    k: f64,
    c: f64,
    g: f64,
    at: At,
}

/// Components along the line, at one distance.
struct At {
    r: f64,
    energy: f64,
    slope: f64,
    conformal: f64,
    noise: f64,
    velocity: f64,
    equilibrium: f64,
    natural: f64,
    transport: f64,
    drift: f64,
    /// Of the equilibrium target.
    still_transport: f64,
}

fn along(dim: usize, distances: &[f64]) -> Result<Vec<At>> {
    // Across the plane; in the plane, along the circle about the origin: there the shrinking α(t) x does not matter.
    let direction = |k: usize| match (dim, k) {
        (2, 0) => 0.5f64.sqrt(),
        (2, 1) => -(0.5f64.sqrt()),
        (_, 2) => 1.0,
        _ => 0.0,
    };
    let model = embedded(three(), dim)?;
    let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(1e-6..0.999)?)?;
    let u = Array2::from_shape_fn((distances.len(), dim), |(i, k)| {
        DATUM.get(k).copied().unwrap_or(0.0) + distances[i] * direction(k)
    });
    let component = |rows: &Array2<f64>, i: usize| -> f64 {
        rows.row(i).iter().enumerate().map(|(k, v)| v * direction(k)).sum()
    };
    let energy = blind.energy(u.view())?;
    let noise = blind.field(Target::Noise).field(u.view())?;
    let parts: EnergyParts = blind.parts(u.view(), Target::Velocity)?;
    let still = blind.parts(u.view(), Target::Equilibrium)?;
    let at = |(i, r): (usize, &f64)| At {
        r: *r,
        energy: energy[i],
        slope: component(&parts.gradient, i),
        conformal: parts.conformal[i],
        noise: component(&noise, i),
        velocity: component(&parts.field, i),
        equilibrium: component(&still.field, i),
        natural: component(&parts.natural, i),
        transport: component(&parts.transport, i),
        drift: component(&parts.drift, i),
        still_transport: component(&still.transport, i),
    };
    Ok(distances.iter().enumerate().map(at).collect())
}

pub fn run(settings: &Settings, part: &mut Part, claims: &mut Vec<Claim>) -> Result<()> {
    let count = settings.size(25, 13);
    let mut distances: Vec<f64> =
        (0..count).map(|i| libm::pow(10.0, -4.0 + 3.75 * i as f64 / (count - 1) as f64)).collect();
    distances.push(NEAR);
    distances.sort_by(f64::total_cmp);
    let columns = [
        "D",
        "r",
        "E",
        "r ∂E/∂r",
        "D − 1",
        "λ̄",
        "noise",
        "velocity",
        "C",
        "natural",
        "G",
        "transport",
        "C − G",
        "drift",
        "equilibrium / r",
        "its transport / r",
    ];
    let mut table = Table { columns: columns.map(Into::into).to_vec(), rows: Vec::new() };
    let mut near = Vec::new();
    for dim in [2, 8, 32] {
        let found = along(dim, &distances)?;
        let k = dim as f64;
        let (c, g) = (blind_length(k), if dim > 2 { natural_length(k) } else { f64::INFINITY });
        for at in &found {
            let row = [
                k,
                at.r,
                at.energy,
                at.r * at.slope,
                k - 1.0,
                at.conformal,
                at.noise,
                at.velocity,
                c,
                at.natural,
                g,
                at.transport,
                c - g,
                at.drift,
                at.equilibrium / at.r,
                at.still_transport / at.r,
            ];
            if [NEAR].contains(&at.r) || [0, found.len() - 1].iter().any(|i| found[*i].r == at.r) {
                table.rows.push(row.map(Into::into).to_vec());
            }
        }
        figures(part, dim, &found);
        if let Some(at) = found.into_iter().find(|at| at.r == NEAR) {
            near.push(Near { k, c, g, at });
        }
    }
    part.table(
        "noise-line",
        "Along a line from a point of the data: components of fields along it, at the ends and at r \
         = 0.001",
        table,
    );
    limits(part, claims, &near);
    stiffness(part, claims)
}

fn figures(part: &mut Part, dim: usize, found: &[At]) {
    let curve = |name: &str, value: &dyn Fn(&At) -> f64| {
        series(name, found.iter().map(|at| (at.r, value(at))).collect())
    };
    part.figure(lines(
        &format!("noise-line-{dim}"),
        &format!("Beside a point of the data, D = {dim}"),
        "The slope of the energy grows as (D − 1)/r; the gain that multiplies it in a field falls as \
         fast, so that the blind noise and \
         velocity keep one length, and the equilibrium's field vanishes.",
        (Axis::log("distance r from the point"), Axis::log("component along the line")),
        vec![
            curve("∂E/∂r", &|at| at.slope),
            curve("λ̄ (velocity)", &|at| at.conformal),
            curve("blind noise", &|at| at.noise),
            curve("blind velocity", &|at| at.velocity),
            curve("equilibrium", &|at| at.equilibrium),
        ],
    ));
    if dim > 2 {
        part.figure(lines(
            &format!("noise-parts-{dim}"),
            &format!("Parts of the blind velocity, D = {dim}"),
            "Natural gradient, transport correction and drift along the line. The transport \
             correction does not vanish at the data: it \
             tends to C − G.",
            (Axis::log("distance r from the point"), Axis::linear("component along the line")),
            vec![
                curve("blind velocity", &|at| at.velocity),
                curve("natural", &|at| at.natural),
                curve("transport", &|at| at.transport),
                curve("drift", &|at| at.drift),
            ],
        ));
    }
}

fn limits(part: &mut Part, claims: &mut Vec<Claim>, near: &[Near]) {
    let deep = || near.iter().filter(|near| near.k > 2.0);
    let relative = |found: f64, expected: f64| (found / expected - 1.0).abs();
    let worst = |off: &dyn Fn(&Near) -> f64| deep().map(off).fold(0.0, f64::max);
    let slope = worst(&|n| relative(n.at.r * n.at.slope, n.k - 1.0));
    let constant = worst(&|n| relative(n.at.noise, n.c).max(relative(n.at.velocity, n.c)));
    let parts = worst(&|n| relative(n.at.natural, n.g).max(relative(n.at.transport, n.c - n.g)));
    let still = worst(&|n| relative(n.at.equilibrium, n.at.r));
    for (id, what, value, limit, text) in [
        (
            "noise-line-slope",
            "r ∂E/∂r is D − 1",
            slope,
            1e-3,
            "the logarithmic well, (D − 1) ln r: \
         0.1 %",
        ),
        (
            "noise-line-length",
            "blind noise and velocity have the length C",
            constant,
            1e-3,
            "the chi law: 0.1 %",
        ),
        (
            "noise-line-parts",
            "natural and transport parts are G and C − G",
            parts,
            1e-2,
            "the chi \
         law: 1 %",
        ),
        ("noise-line-equilibrium", "the equilibrium's field is r", still, 1e-3, "u − x: 0.1 %"),
    ] {
        part.finding(
            Finding::new(
                id,
                format!(
                    "At r = {NEAR} from a point of the data, D = 8 and 32, {what}, to {} of each.",
                    format_number(value)
                ),
                value,
                2,
            )
            .expect(at_most(limit, text)),
        );
    }
    claims.push(Claim {
        place: "eq. 12",
        claim: "At the data the energy is −∞ and its gradient infinite",
        verdict: Verdict::of(slope < 1e-3),
        found: "E = (D − 1) ln r + constant: a logarithmic well with a gradient of (D − 1)/r".into(),
    });
    claims.push(Claim {
        place: "appendix E",
        claim: "The gain cancels the singularity: blind noise and velocity stay bounded, equilibrium \
         vanishes",
        verdict: Verdict::of(constant < 1e-3 && still < 1e-3),
        found: "noise and velocity keep the length C_D ≈ √(D − 1.5) at any distance, pointing away \
         from the datum: bounded, but \
                with a jump at the datum, about which samplers chatter"
            .into(),
    });
    let ratio = deep().map(|Near { k, at, .. }| {
        format!(
            "{} (D = \
         {k})",
            format_number(at.transport / at.velocity)
        )
    });
    let ratio: Vec<String> = ratio.collect();
    let still: Vec<String> = deep()
        .map(|Near { k, at, .. }| format!("{} r (D = {k})", format_number(at.still_transport / at.r)))
        .collect();
    claims.push(Claim {
        place: "eqs. 14, 15",
        claim: "The transport correction vanishes near the data in any dimension",
        verdict: Verdict::Not,
        found: format!(
            "for noise and velocity it tends to C − G = −C/(D − 2), here {} of the field: it \
             vanishes with 1/D, not with the distance; \
             for the equilibrium target it is {} and does vanish",
            ratio.join(", "),
            still.join(", ")
        ),
    });
}

/// The curvature at a datum under a law that ends at t_min.
fn stiffness(part: &mut Part, claims: &mut Vec<Claim>) -> Result<()> {
    let dim = 8;
    let model = embedded(three(), dim)?;
    let mut worst = 0.0f64;
    let mut last = 0.0;
    for least in [1e-2, 1e-3] {
        let blind = Blind::from(&model, FlowMatching, TimePrior::uniform(least..1.0)?)?;
        let u = Array2::from_shape_fn((1, dim), |(_, k)| DATUM.get(k).copied().unwrap_or(0.0));
        let across = Array2::from_shape_fn((1, dim), |(_, k)| if k == 2 { 1.0 } else { 0.0 });
        let product = blind.energy_hessian_product(u.view(), across.view())?;
        let k = dim as f64;
        // E[1/t²] under p(t|u) ∝ t^−D.
        let power = |p: f64| (libm::pow(least, -p) - 1.0) / p;
        last = power(k + 1.0) / power(k - 1.0);
        worst = worst.max((product[(0, 2)] / last - 1.0).abs());
    }
    part.finding(
        Finding::new(
            "noise-stiffness",
            format!(
                "With times cut at 0.001 the energy's curvature at a datum across the plane is {} (D \
                 = 8), as E[1/t²] = (D − 1)/(D + 1) t⁻² says, \
                 to {}.",
                format_number(last),
                format_number(worst)
            ),
            worst,
            2,
        )
        .expect(at_most(1e-6, "the closed form at a single datum, at 0.01 and 0.001")),
    );
    claims.push(Claim {
        place: "eq. 12",
        claim: "Cutting the times at t_min leaves a stiff landscape, with curvatures of about 1/t_min²",
        verdict: Verdict::of(worst < 1e-3),
        found: "(D − 1)/(D + 1) of it, exactly".into(),
    });
    Ok(())
}
