//! Samples of networks: of a blind denoiser's implicit prior, or of an ONNX network that is told the noise level.

use std::ops::ControlFlow;
use std::path::Path;

use ridgewalk::autonomous::{Autonomous, CoarseToFine, CoarseToFineRun, Ending};
use ridgewalk::sampler::Progress;
use ridgewalk::{PointSet, Shape};
use ridgewalk_nn::BlindDenoiser;
use serde_json::json;

use crate::arguments::{Sample, ScheduleName, Sides, SolverName};
use crate::command::sample::{SampleFiles, check_format, write};
use crate::failure::{Failure, Result};
use crate::onnx;
use crate::progress::{Meter, say};
use crate::record::probe_folder;
use crate::source;

/// Noise levels between which samples are drawn unless flags say otherwise: pixels go from 0 to 1.
const HIGHEST: f64 = 1.0;
const LOWEST: f64 = 0.01;
/// First part of the residual, how fast the noise falls, and steps at the most.
const H0: f64 = 0.01;
const BETA: f64 = 0.5;
const STEPS: usize = 10_000;
/// Parts of the way that a progress bar shows.
const PARTS: usize = 1000;

/// `ridgewalk sample --network`.
pub fn sample(file: &Path, sample: &Sample, arguments: &[String]) -> Result<()> {
    let of_data = sample.reading.given().or(sample.reading.table.given()).or(sample.preparation.given());
    if let Some(flag) = of_data.or(sample.model.given()) {
        return Err(Failure::new(flag, "acts on DATA, and a network was given", "drop the flag"));
    }
    if onnx::is_file(file) {
        return onnx::sample(file, sample, arguments);
    }
    let of_onnx = [(&sample.implicit.predicts, "--predicts"), (&sample.implicit.told, "--told")];
    if let Some((_, flag)) = of_onnx.iter().find(|(value, _)| value.is_some()) {
        let help = "drop the flag: what a safetensors file answers, its tensors tell";
        return Err(Failure::new(flag, "acts on an ONNX network, a file whose name ends in .onnx", help));
    }
    let Some(Sides { height, width }) = sample.implicit.shape else {
        return Err(Failure::new("--network", "makes images of any size", "say which with --shape HxW"));
    };
    let network = BlindDenoiser::load(file)?;
    let model = network.image(height, width)?;
    let shape = Shape::Image { height, width, channels: 1 };
    implicit(&model, &network.architecture().to_string(), shape, (file, sample, arguments))
}

/// Of the prior that is implicit in a blind denoiser.
pub fn implicit(
    model: &dyn Autonomous,
    description: &str,
    shape: Shape,
    (file, sample, arguments): (&Path, &Sample, &[String]),
) -> Result<()> {
    let flags = &sample.sampling;
    let of_levels = [
        (flags.solver != SolverName::Auto, "--solver"),
        (!matches!(flags.schedule, ScheduleName::Auto), "--schedule"),
        (flags.steps.is_some(), "--steps"),
    ];
    if let Some((_, flag)) = of_levels.iter().find(|(given, _)| *given) {
        let problem = "cannot be used with a blind network, which finds its noise levels itself";
        return Err(Failure::new(flag, problem, "drop the flag, or see --h0 and --beta"));
    }
    check_format(sample.format, shape)?;
    source::check_memory(sample.n, shape.dim())?;
    probe_folder(&sample.output)?;
    let levels = sample.sampling.sigma_min.unwrap_or(LOWEST)..sample.sampling.sigma_max.unwrap_or(HIGHEST);
    let (h0, beta) = (sample.implicit.h0.unwrap_or(H0), sample.implicit.beta.unwrap_or(BETA));
    let sampler = CoarseToFine::new(levels.clone())?
        .first_step(h0)?
        .beta(beta)?
        .step_limit(sample.implicit.step_limit.unwrap_or(STEPS))
        .seed(sample.seed)
        .batch(sample.sampling.batch);
    let mut meter = Meter::new("sampling");
    let way = (levels.end / levels.start).ln();
    let mut furthest = 0;
    let run = sampler.run_observed(model, sample.n, &mut |progress: &Progress| {
        // The noise of the slowest says how far a batch is; it may rise now and then, a bar may not.
        let done = ((levels.end / progress.sigma).ln() / way).clamp(0.0, 1.0);
        let batch = sample.sampling.batch.min(progress.total - progress.finished) as f64;
        let part = (progress.finished as f64 + done * batch) / progress.total as f64;
        furthest = furthest.max((part * PARTS as f64) as usize);
        meter.tell(furthest, PARTS);
        ControlFlow::Continue(())
    })?;
    meter.tell(PARTS, PARTS);
    tell(&run, &levels);
    let points = match sample.clip {
        true => run.points.mapv(|value| value.clamp(0.0, 1.0)),
        false => run.points,
    };
    let settings = json!({
        "network": description, "sampler": "coarse-to-fine", "h0": h0,
        "beta": beta, "sigma_min": levels.start, "sigma_max": levels.end, "seed": sample.seed,
        "clip": sample.clip, "steps": run.steps, "noise": run.noise,
        "endings": run.endings.iter().map(|ending| name(*ending)).collect::<Vec<_>>(),
    });
    let files = SampleFiles {
        folder: &sample.output,
        extension: sample.format.extension(),
        range: (0.0, 1.0),
        json: sample.json,
        beside: &[],
    };
    write(&files, &PointSet::new(points, shape)?, settings, &[file], arguments)
}

fn name(ending: Ending) -> &'static str {
    match ending {
        Ending::Reached => "reached",
        Ending::Stalled => "stalled",
        Ending::StepLimit => "step-limit",
    }
}

/// How many steps were taken, and what did not come to an end.
fn tell(run: &CoarseToFineRun, levels: &std::ops::Range<f64>) {
    let (fewest, most) = (run.steps.iter().min(), run.steps.iter().max());
    say(&format!(
        "coarse to fine from sigma {} to {}: {} to {} steps a sample",
        levels.end,
        levels.start,
        fewest.copied().unwrap_or_default(),
        most.copied().unwrap_or_default()
    ));
    let of = |wanted: Ending| run.endings.iter().filter(|ending| **ending == wanted).count();
    let lowest = run.noise.iter().filter_map(|noise| noise.last()).fold(0f64, |most, s| most.max(*s));
    if of(Ending::Stalled) > 0 {
        say(&format!(
            "note: {} samples stalled: the noise that the network finds in them no longer falls, up to {lowest:.4}; a \
             higher --sigma-min ends before, a larger --beta goes faster",
            of(Ending::Stalled)
        ));
    }
    if of(Ending::StepLimit) > 0 {
        say(&format!(
            "note: {} samples were left with noise of up to {lowest:.4} at the limit of steps: raise --step-limit, or --beta",
            of(Ending::StepLimit)
        ));
    }
}
