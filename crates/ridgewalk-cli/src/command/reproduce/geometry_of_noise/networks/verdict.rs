//! The paper's claims on trained networks, and what four of them say.

use ridgewalk_report::format_number;

use super::super::claims::{Claim, Verdict};
use super::data::Images;
use super::levels::cost;
use super::{Outcome, STARTS};

/// A network that loses more than this factor of the Fréchet distance loses much.
const MUCH: f64 = 1.5;

fn of<'a>(outcomes: &'a [Outcome], id: &str) -> Option<&'a Outcome> {
    outcomes.iter().find(|outcome| outcome.kind.id == id)
}

/// Fréchet distance of a blind network over that of its told twin, for noise prediction and for flow matching: on the
/// whole way, and from every start.
pub fn ratios(outcomes: &[Outcome]) -> Option<[(f64, Vec<f64>); 2]> {
    let pair = |blind: &str, told: &str| {
        let (blind, told) = (of(outcomes, blind)?, of(outcomes, told)?);
        let starts = blind.starts.iter().zip(&told.starts).map(|(b, t)| b / t);
        Some((blind.whole.value / told.whole.value, starts.collect()))
    };
    Some([pair("ddpm-blind", "ddpm-told")?, pair("flow-blind", "flow-told")?])
}

/// Why, in one sentence of numbers.
pub fn why(outcomes: &[Outcome]) -> Option<String> {
    let [noise_told, noise_blind, flow_told, flow_blind] =
        ["ddpm-told", "ddpm-blind", "flow-told", "flow-blind"].map(|id| of(outcomes, id));
    let (noise_told, noise_blind) = (noise_told?, noise_blind?);
    let (flow_told, flow_blind) = (flow_told?, flow_blind?);
    let last = noise_told.levels.len().checked_sub(1)?;
    let at = |outcome: &Outcome, k: usize| outcome.levels.get(k).copied();
    let (low, high) = (at(noise_told, 0)?.level, at(noise_told, last)?.level);
    let [(_, noise), (_, flow)] = ratios(outcomes)?;
    let below = STARTS.len().checked_sub(1)?;
    Some(format!(
        "At σ = {high} s not being told costs noise prediction {} s in D and flow matching {} s (the error of F is multiplied \
         by σ and by σs/(σ + s)); at σ = {low} s, where the gain 1/b of the noise is {}, it costs {} s and {} s. Samples that \
         start at images with noise of {} s, below which most of the first is left out, have blind over told Fréchet \
         distances of {} (noise) and {} (flow).",
        format_number(cost(at(noise_blind, last)?, at(noise_told, last)?)),
        format_number(cost(at(flow_blind, last)?, at(flow_told, last)?)),
        format_number((1.0 + low * low).sqrt() / low),
        format_number(cost(at(noise_blind, 0)?, at(noise_told, 0)?)),
        format_number(cost(at(flow_blind, 0)?, at(flow_told, 0)?)),
        STARTS.get(below)?,
        format_number(*noise.get(below)?),
        format_number(*flow.get(below)?)
    ))
}

pub fn claims(images: &Images, outcomes: &[Outcome]) -> Vec<Claim> {
    let Some([(noise, noise_starts), (flow, _)]) = ratios(outcomes) else { return Vec::new() };
    let place = match images.slug {
        "mnist" => "networks, MNIST",
        "fashion" => "networks, Fashion-MNIST",
        _ => "networks, digits",
    };
    let found = format!(
        "without the noise level the Fréchet distance of noise prediction is {} times that with it, of flow matching \
         {} times",
        format_number(noise),
        format_number(flow)
    );
    let below = noise_starts.last().copied().unwrap_or(f64::NAN);
    vec![
        Claim {
            place,
            claim: "A network of noise prediction loses much by being blind",
            verdict: Verdict::of(noise > MUCH),
            found: found.clone(),
        },
        Claim {
            place,
            claim: "A network of flow matching loses little by being blind, and less",
            verdict: match (flow < MUCH, flow < noise) {
                (true, true) => Verdict::Held,
                (false, false) => Verdict::Not,
                _ => Verdict::InPart,
            },
            found,
        },
        Claim {
            place,
            claim: "What noise prediction loses it loses at low noise, where its gain is large",
            verdict: match (below > MUCH, below >= noise) {
                (true, true) => Verdict::Held,
                (true, false) => Verdict::InPart,
                _ => Verdict::Not,
            },
            found: why(outcomes).unwrap_or_default(),
        },
    ]
}
