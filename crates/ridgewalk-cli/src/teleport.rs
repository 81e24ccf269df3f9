//! Teleporting: the first steps of a run replaced by a Gaussian's flow, to a level that is given or measured.

use ridgewalk::closed_form::{CovarianceKind, Gaussian};
use ridgewalk::sampler::TeleportPilot;
use ridgewalk::{Denoiser, Schedule};
use ridgewalk_data::Model;
use serde_json::{Value, json};

use crate::arguments::Teleport;
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::sampling::Run;
use crate::source::Source;

/// Coordinates up to which the Gaussian has a full covariance, and its rank beyond.
const FULL: usize = 1024;
const RANK: usize = 256;
/// Products of points and coordinates up to which strays are counted.
const COUNTED: usize = 5_000_000;

/// The run with its first steps teleported, and what a record says of it.
pub fn teleport(
    wanted: &Teleport,
    source: &Source,
    denoiser: &dyn Denoiser,
    run: Run,
    seed: u64,
) -> Result<(Run, Value)> {
    let gaussian = gaussian(source)?;
    let levels = run.schedule().levels()?;
    let (steps, mut settings) = match wanted {
        Teleport::To(level) => {
            let above = levels.iter().take_while(|l| *l >= level).count();
            let Some(steps) = above.checked_sub(1) else {
                let highest = levels.first().copied().unwrap_or_default();
                let problem = format!("{level} is above the highest level, {highest}");
                return Err(Failure::new("--teleport", &problem, "give a lower level, or drop the flag"));
            };
            (steps, json!({}))
        }
        Teleport::Within(tolerance) => {
            let mut pilot = TeleportPilot::new(*tolerance).seed(seed);
            if let Ok(points) = source.points("--teleport", "")
                && points.len() * points.dim() <= COUNTED
            {
                pilot = pilot.landmarks(points.values().to_owned());
            }
            let choice = pilot.measure(denoiser, &gaussian, run.schedule())?;
            say("teleport to    difference at the end    moved far    ends elsewhere");
            let mut table = Vec::new();
            for row in &choice.table {
                let strays = row.strays.map_or(String::new(), |s| format!("{:.0} %", 100.0 * s));
                let chosen = if row.steps == choice.steps { "  <- chosen" } else { "" };
                let (level, floor, moved) = (row.level, row.floor, format!("{:.0} %", 100.0 * row.moved));
                say(&format!("{level:>11.4} {floor:>24.2e} {moved:>12} {strays:>17}{chosen}"));
                table.push(json!({
                    "steps": row.steps, "level": row.level, "floor": row.floor, "landing": row.landing,
                    "moved": row.moved, "strays": row.strays,
                }));
            }
            (choice.steps, json!({ "tolerance": tolerance, "floor": choice.floor, "table": table }))
        }
    };
    let landed = levels.get(steps).copied().unwrap_or_default();
    say(&match steps {
        0 => format!("teleport: no step is left out, the solver begins at {landed:.4}"),
        _ => {
            format!("teleport: {steps} of {} steps left out, the solver begins at {landed:.4}", levels.len())
        }
    });
    settings["steps"] = json!(steps);
    settings["level"] = json!(landed);
    Ok((run.teleport(&gaussian, steps), settings))
}

/// The Gaussian of the mean and covariance of the data, or of the model.
fn gaussian(source: &Source) -> Result<Gaussian> {
    Ok(match &source.file.model {
        Model::Gaussian(gaussian) => gaussian.clone(),
        Model::Mixture(mixture) => mixture.to_gaussian()?,
        Model::Empirical(_) | Model::RandomFeatures(_) | Model::Network(_) => {
            let points = source.points("--teleport", "fit a mixture or a Gaussian")?;
            let kind =
                if points.dim() <= FULL { CovarianceKind::Full } else { CovarianceKind::LowRank(RANK) };
            Gaussian::fit(&points, kind)?
        }
    })
}
