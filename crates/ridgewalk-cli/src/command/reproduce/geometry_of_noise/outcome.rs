//! The paper's claims about its two circles, beside where the exact blind samplers end.

use ridgewalk_report::format_number;

use super::circles::Runs;
use super::claims::{Claim, Verdict};
use super::common::percent;

/// A sampler is clean if at most this share of its samples has failed.
const CLEAN: f64 = 0.05;

/// What the runs say to the paper's claims.
pub fn claims(straight: &[Runs], ddpm: &[Runs]) -> Vec<Claim> {
    let mut claims = Vec::new();
    let failed = |all: &[Runs], dim: usize, name: &str| {
        all.iter().find(|runs| runs.dim == dim).map(|runs| runs.failed(name))
    };
    let shares = |dim: usize| Some((failed(straight, dim, "velocity")?, failed(ddpm, dim, "noise")?));
    if let Some((flow, noise)) = shares(2) {
        claims.push(Claim {
            place: "figure 5",
            claim: "D = 2: blind flow matching and blind DDPM both fail",
            verdict: Verdict::of(flow > CLEAN && noise > CLEAN),
            found: format!(
                "{} and {} of samples failed; blind data fails more ({})",
                percent(flow),
                percent(noise),
                percent(failed(straight, 2, "data").unwrap_or(f64::NAN))
            ),
        });
    }
    for (dim, claim) in [
        (8, "D = 8: blind flow matching is tight, blind DDPM scattered"),
        (32, "D = 32: blind flow matching is tight, blind DDPM scattered"),
    ] {
        let Some((flow, noise)) = shares(dim) else { continue };
        let verdict = match (flow <= CLEAN, noise > CLEAN) {
            (true, true) => Verdict::Held,
            (false, true) => Verdict::InPart,
            _ => Verdict::Not,
        };
        let found = format!(
            "{} of flow matching's samples failed, {} of DDPM's: an exact blind velocity keeps the \
             remainder that the law \
             predicts at every D",
            percent(flow),
            percent(noise)
        );
        claims.push(Claim { place: "figure 5", claim, verdict, found });
    }
    if let Some((flow, noise)) = shares(128) {
        claims.push(Claim {
            place: "figure 5",
            claim: "D = 128: both are clean",
            verdict: Verdict::of(flow <= CLEAN && noise <= CLEAN),
            found: format!(
                "{} and {} of samples failed; in the plane of the data the remainder is √(2/D) of \
                 its length, which the picture \
                 does not show",
                percent(flow),
                percent(noise)
            ),
        });
    }
    let Some(last) = straight.last() else { return claims };
    let ratio = last.mean("noise") / last.mean("velocity");
    claims.push(Claim {
        place: "table 2",
        claim: "Noise prediction is unstable",
        verdict: Verdict::of(ratio > 2.0),
        found: format!(
            "D = {}: {} of samples failed, {} times as far as velocity's; not by a gain that grows \
             towards the data (on the \
             straight path it is 1/(1 − t)) but because an early error grows by 1/(1 − t₀)",
            last.dim,
            percent(last.failed("noise")),
            format_number(ratio)
        ),
    });
    claims.push(Claim {
        place: "table 2",
        claim: "Velocity prediction is inherently stable",
        verdict: Verdict::InPart,
        found: format!(
            "its gain is 1 and the error of its drift bounded, but nothing undoes an early error \
             either: {} of samples failed \
             (D = {}), a remainder of t₀ E[(χ − C)₊]",
            percent(last.failed("velocity")),
            last.dim
        ),
    });
    let stable =
        |name: &str| straight.iter().filter(|r| r.dim >= 8).map(|r| r.failed(name)).fold(0.0, f64::max);
    let in_the_plane = |name: &str| {
        failed(straight, 2, name).map_or(String::new(), |share| format!("; at D = 2, {}", percent(share)))
    };
    claims.push(Claim {
        place: "table 2",
        claim: "Data (signal) prediction is stable",
        verdict: Verdict::of(stable("data") <= CLEAN),
        found: format!("{} failed for D ≥ 8{}", percent(stable("data")), in_the_plane("data")),
    });
    claims.push(Claim {
        place: "appendix E",
        claim: "Equilibrium matching is a stable fixed point",
        verdict: Verdict::of(stable("equilibrium") <= CLEAN),
        found: format!(
            "{} failed for D ≥ \
         8{}",
            percent(stable("equilibrium")),
            in_the_plane("equilibrium")
        ),
    });
    if let Some(last) = ddpm.last() {
        claims.push(Claim {
            place: "eqs. 22, 64",
            claim: "Stability is that of the parameterisation: a target with a bounded gain samples \
             stably",
            verdict: Verdict::of(last.failed("v-prediction") <= CLEAN),
            found: format!(
                "under DDPM's schedule v-prediction, whose gain is 1 in the angle of the process, \
                 failed in {} of the samples (D = {}): near σ = 1 the length of a state does not tell \
                 its noise level, and what is got wrong there stays",
                percent(last.failed("v-prediction")),
                last.dim
            ),
        });
    }
    claims
}
