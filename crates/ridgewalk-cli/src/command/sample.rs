//! `ridgewalk sample`: a folder of samples.

use std::ops::Range;

use ndarray::Array2;
use ridgewalk::closed_form::KernelDensity;
use ridgewalk::schedule::range_for;
use ridgewalk::{
    Euler, FlowMatching, Heun, Karras, LinearTime, LogLinear, Moments, OrnsteinUhlenbeck, PointSet, Sampler,
    Schedule, Solver, Switched, VarianceExploding,
};
use ridgewalk_data::{SheetOptions, write_points, write_sheet};
use serde_json::{Value, json};

use crate::arguments::{Bandwidth, ProcessName, Sample, ScheduleName, SolverName};
use crate::failure::{Failure, Result};
use crate::progress::{Meter, result, say};
use crate::record::{NAME, Record, make_folder, probe_folder, remove_old};
use crate::source::{self, Prepared, Source};

/// Levels where attraction acts are wanted closer together: a coarse step caps its strength.
const STEPS: usize = 18;
const STEPS_WITH_ATTRACTION: usize = 40;
/// Samples that tell a variance, and the part of the data's below which smoothing made averages.
const ENOUGH: usize = 16;
const LOST: f64 = 0.5;

/// Endings of the files that a run may write as `samples.*`.
const EXTENSIONS: [&str; 5] = ["npy", "npz", "csv", "parquet", "png"];

pub fn run(sample: &Sample, arguments: &[String]) -> Result<()> {
    let source = open(sample)?;
    probe_folder(&sample.output)?;
    source::check_memory(sample.n, source.file.shape.dim())?;
    let (points, settings) = match sample.kde {
        Some(bandwidth) => {
            let data = source.points("--kde", "give DATA instead of MODEL")?;
            let (bandwidth, curve) = match bandwidth {
                Bandwidth::Width(bandwidth) => (bandwidth, Value::Null),
                Bandwidth::Auto => choose_bandwidth(&data, sample.seed)?,
            };
            let points = KernelDensity::new(&data, bandwidth)?.sample(sample.n, sample.seed);
            (points, json!({ "kde": bandwidth, "curve": curve, "seed": sample.seed }))
        }
        None => {
            let prepared = source::prepare(&source, &sample.transform, sample.seed)?;
            draw(sample, &prepared)?
        }
    };
    let mut points = source.to_points(points)?;
    let mut settings = settings;
    if sample.clip {
        let (low, high) = source.file.range;
        points = points.with_values(points.values().mapv(|v| v.clamp(low, high)))?;
        settings["clip"] = json!([low, high]);
    }
    let fitted = source.data.is_some().then(|| sample.preparation.hold_out.unwrap_or(0.0));
    settings["model"] = source.settings(fitted);
    if source.units() != "data" {
        say(&format!(
            "noise levels, scales and bandwidths are in {} units; samples in the data's own",
            source.units()
        ));
    }
    write(sample, &points, source.file.range, settings, arguments)
}

/// The bandwidth of the greatest held-out likelihood, and the curve that it is the maximum of.
fn choose_bandwidth(data: &PointSet, seed: u64) -> Result<(f64, Value)> {
    let chosen = KernelDensity::choose_bandwidth(data, seed)?;
    say(&format!("bandwidth {:.4} by held-out likelihood", chosen.bandwidth));
    if chosen.at_edge {
        say(
            "note: it is the end of the bandwidths tried, not a maximum: look at what comes out, or give one",
        );
    }
    Ok((chosen.bandwidth, json!(chosen.curve)))
}

fn open(sample: &Sample) -> Result<Source> {
    let slip = |flag: &str, problem: &str, help: &str| Err(Failure::new(flag, problem, help));
    if sample.process.is_some() && sample.schedule != ScheduleName::Linear {
        return slip("--process", "acts with --schedule linear only", "add that, or drop the flag");
    }
    if sample.rho.is_some() && sample.schedule != ScheduleName::Karras {
        return slip("--rho", "acts with --schedule karras only", "drop one of the two");
    }
    if let (true, Some(flag)) = (source::is_model(&sample.source), sample.reading.table.given()) {
        return slip(flag, "reads data, and a model file was given", "drop the flag");
    }
    let Sample { source, reading, preparation, model, seed, .. } = sample;
    source::open(source, reading, preparation, model, *seed)
}

fn write(
    sample: &Sample,
    points: &PointSet,
    range: (f64, f64),
    settings: Value,
    arguments: &[String],
) -> Result<()> {
    let record = Record::new(arguments, settings, &sample.reading.inputs(&sample.source))?;
    make_folder(&sample.output)?;
    remove_old(&sample.output, NAME);
    let name = format!("samples.{}", sample.format.extension());
    write_points(&sample.output.join(&name), points)?;
    let mut outputs = vec![name.as_str()];
    if points.shape().is_image() {
        let sheet = sample.output.join("samples.png");
        let options = SheetOptions { range: (range.0 < range.1).then_some(range), ..SheetOptions::default() };
        let shown: Vec<usize> = (0..points.len().min(400)).collect();
        write_sheet(&sheet, &points.select(&shown)?, &options)?;
        outputs.push("samples.png");
    }
    // Samples of an earlier run in another format would be taken for these.
    for extension in EXTENSIONS {
        let other = format!("samples.{extension}");
        if !outputs.contains(&other.as_str()) {
            std::fs::remove_file(sample.output.join(other)).ok();
        }
    }
    let record = record.finish(&sample.output, &outputs)?;
    say(&format!("{} samples ({}): {}", points.len(), points.shape(), sample.output.join(&name).display()));
    if sample.json {
        result(&record.to_json())?;
    }
    Ok(())
}

/// Mean variance of a coordinate of the rows.
fn variance(points: &Array2<f64>) -> f64 {
    let std = points.std_axis(ndarray::Axis(0), 0.0);
    std.iter().map(|s| s * s).sum::<f64>() / std.len().max(1) as f64
}

fn draw(sample: &Sample, prepared: &Prepared) -> Result<(Array2<f64>, Value)> {
    let denoiser = prepared.denoiser.as_ref();
    let moments =
        denoiser.moments().unwrap_or(Moments { mean: ndarray::Array1::zeros(denoiser.dim()), std: 1.0 });
    let range = range_for(&moments);
    let range = sample.sigma_min.unwrap_or(range.start)..sample.sigma_max.unwrap_or(range.end);
    let steps = sample.steps.unwrap_or(if prepared.onset.is_some() { STEPS_WITH_ATTRACTION } else { STEPS });
    let solver = solver(sample, prepared.onset, steps)?;
    let name = solver.name();
    let schedule = schedule(sample, range.clone(), steps);
    let mut meter = Meter::new("sampling");
    let samples = Sampler::new(solver, schedule)
        .seed(sample.seed)
        .batch(sample.batch)
        .run_observed(denoiser, sample.n, &mut meter)?;
    let mut settings = prepared.settings.clone();
    settings["solver"] = json!(name);
    settings["sigmas"] = json!(samples.sigmas);
    settings["evaluations"] = json!(samples.evaluations);
    let kept = variance(&samples.points) / (moments.std * moments.std);
    if sample.n >= ENOUGH && kept.is_finite() {
        settings["variance_of_data"] = json!(kept);
        if kept < LOST && sample.transform.smoothing.smooth.is_some() {
            say(&format!(
                "note: the samples have {:.0} % of the variance of the data; they tend to averages: a smaller scale of \
                 smoothing keeps more, or planes of fewer dimensions (--smooth-kernel manifold:5,spread)",
                100.0 * kept
            ));
        }
    }
    settings["seed"] = json!(sample.seed);
    Ok((samples.points, settings))
}

fn solver(sample: &Sample, onset: Option<f64>, steps: usize) -> Result<Box<dyn Solver>> {
    let heun = || Heun::with_churn(sample.churn, steps, 0.0..=f64::INFINITY, 1.0);
    if sample.churn > 0.0 && sample.solver == SolverName::Euler {
        return Err(Failure::new("--churn", "needs --solver heun", "drop one of the two"));
    }
    Ok(match (sample.solver, onset) {
        (SolverName::Euler, _) => Box::new(Euler),
        (SolverName::Heun, _) | (SolverName::Auto, None) => Box::new(heun()?),
        (SolverName::HeunEuler | SolverName::Auto, Some(onset)) => {
            Box::new(Switched::new(heun()?, Euler, onset))
        }
        (SolverName::HeunEuler, None) => {
            return Err(Failure::new("--solver heun-euler", "switches where attraction begins", "add --mad"));
        }
    })
}

fn schedule(sample: &Sample, range: Range<f64>, steps: usize) -> Box<dyn Schedule> {
    match (sample.schedule, sample.process.unwrap_or(ProcessName::Flow)) {
        (ScheduleName::Karras, _) => Box::new(match sample.rho {
            Some(rho) => Karras::new(range, steps).rho(rho),
            None => Karras::new(range, steps),
        }),
        (ScheduleName::LogLinear, _) => Box::new(LogLinear::new(range, steps)),
        (ScheduleName::Linear, ProcessName::Ve) => Box::new(LinearTime::new(VarianceExploding, range, steps)),
        (ScheduleName::Linear, ProcessName::Vp) => {
            Box::new(LinearTime::new(OrnsteinUhlenbeck::variance_preserving(), range, steps))
        }
        (ScheduleName::Linear, ProcessName::Flow) => Box::new(LinearTime::new(FlowMatching, range, steps)),
    }
}
