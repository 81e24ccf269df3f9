//! May a model of the two circles drop its noise input? The library's verdict for every process and target.

use ridgewalk::autonomous::{BlindTrial, Stability, Target, blindness};
use ridgewalk::survey::Table;

use super::super::part::Part;
use super::claims::{Claim, Verdict};
use super::gains::{Case, published};
use super::settings::{Settings, circles, embedded};
use crate::failure::Result;
use crate::progress::say;

/// Dimensions that the circles lie in.
const DIM: usize = 32;

pub fn run(settings: &Settings, part: &mut Part, cases: &[Case]) -> Result<Claim> {
    let model = embedded(circles(), DIM)?;
    let columns = [
        "process",
        "target",
        "may it be blind",
        "noise kept, blind",
        "told",
        "why",
        "the \
     paper",
    ];
    let (mut rows, mut unlike) = (Vec::new(), Vec::new());
    for case in cases.iter().take(settings.size(cases.len(), 1)) {
        say(&format!("verdicts, {}", case.name));
        for target in Target::ALL {
            let trial = BlindTrial {
                samples: settings.size(64, 16),
                steps: settings.size(100, 25),
                // Uniform over the run's times, but where times are levels that span decades.
                prior: (case.name == "variance-exploding").then(|| case.prior.clone()),
                ..BlindTrial::default()
            };
            let verdict = blindness(&model, &*case.process, target, &trial)?;
            let stable = published(target).ends_with(" stable");
            if target != Target::VPrediction && stable != (verdict.stability == Stability::Yes) {
                unlike.push(format!("{target} under {} ({})", case.name, verdict.answer()));
            }
            let (blind, told) = verdict.noise_left();
            rows.push(vec![
                case.name.into(),
                target.name().into(),
                verdict.answer().into(),
                blind.into(),
                told.into(),
                format!("{:?}", verdict.cause).to_lowercase().into(),
                published(target).into(),
            ]);
        }
    }
    part.table(
        "noise-verdicts",
        "The verdict on the two circles in 32 dimensions: the noise level that nine in ten samples \
         stay below, blind and told, and why",
        Table { columns: columns.map(Into::into).to_vec(), rows },
    );
    Ok(Claim {
        place: "table 2",
        claim: "Whether a model may be blind goes by its target",
        verdict: if unlike.is_empty() { Verdict::Held } else { Verdict::InPart },
        found: match unlike.is_empty() {
            true => "the same verdicts, on two circles in 32 dimensions".into(),
            false => format!(
                "by the process as well; on two circles in 32 dimensions other verdicts than the paper's are {}",
                unlike.join(", ")
            ),
        },
    })
}
