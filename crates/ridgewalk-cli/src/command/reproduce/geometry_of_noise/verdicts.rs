//! May a model of the two circles drop its noise input? The library's verdict for every process and target.

use ridgewalk::autonomous::{BlindTrial, Target, blindness};
use ridgewalk::survey::Table;

use super::super::part::Part;
use super::gains::{Case, published};
use super::settings::{Settings, circles, embedded};
use crate::failure::Result;
use crate::progress::say;

/// Dimensions that the circles lie in.
const DIM: usize = 32;

pub fn run(settings: &Settings, part: &mut Part, cases: &[Case]) -> Result<()> {
    let model = embedded(circles(), DIM)?;
    let columns = ["process", "target", "may it be blind", "noise kept, blind", "told", "why", "the paper"];
    let mut rows = Vec::new();
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
        "The verdict on the two circles in 32 dimensions: the noise level that nine in ten samples stay below, blind and told, and why",
        Table { columns: columns.map(Into::into).to_vec(), rows },
    );
    Ok(())
}
