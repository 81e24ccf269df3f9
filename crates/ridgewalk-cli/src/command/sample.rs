//! `ridgewalk sample`: a folder of samples.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use ridgewalk::closed_form::KernelDensity;
use ridgewalk::sampler::Start;
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::transform::tweedie_step;
use ridgewalk::{Denoiser, PointSet, Schedule, Shape};
use ridgewalk_data::{SheetOptions, write_points, write_sheet};
use serde_json::{Value, json};

use crate::arguments::{Bandwidth, FormatName, Interval, Sample, Sampling, StartName, Table};
use crate::blind_sampling;
use crate::failure::{Failure, Result};
use crate::guidance;
use crate::network;
use crate::noise_level;
use crate::prepared::{self, Prepared};
use crate::progress::{Meter, result, say};
use crate::record::{NAME, Record, make_folder, probe_folder, remove_old};
use crate::sampling;
use crate::source::{self, Source};
use crate::teleport::teleport;
use crate::trajectories::{self, Watch};

/// Samples that tell a variance, and the part of the data's below which smoothing made averages.
const ENOUGH: usize = 16;
const LOST: f64 = 0.5;
/// Part of the data's variance from which on samples are not of their kind.
const WILD: f64 = 4.0;

/// Part of the noise at which the score is asked for a Tweedie step, at the most.
const TWEEDIE: f64 = 0.1;

/// Endings of the files that a run may write as `samples.*`.
const EXTENSIONS: [&str; 6] = ["npy", "npz", "csv", "parquet", "mrcs", "png"];

pub fn run(sample: &Sample, arguments: &[String]) -> Result<()> {
    if let Some(file) = &sample.implicit.network {
        return network::sample(file, sample, arguments);
    }
    if let Some(flag) = sample.implicit.given() {
        return Err(Failure::new(
            flag,
            "acts on a pretrained network",
            "add --network FILE, or drop the flag",
        ));
    }
    let source = open(sample)?;
    let second = guidance::second(sample, &source)?;
    probe_folder(&sample.output)?;
    source::check_memory(sample.n, source.file.shape.dim())?;
    check_format(sample.format, source.file.shape)?;
    let drawn = match sample.kde {
        Some(bandwidth) => {
            let data = source.points("--kde", "give DATA instead of MODEL")?;
            let (bandwidth, curve) = match bandwidth {
                Bandwidth::Width(bandwidth) => (bandwidth, Value::Null),
                Bandwidth::Auto => choose_bandwidth(&data, sample.seed)?,
            };
            let points = KernelDensity::new(&data, bandwidth)?.sample(sample.n, sample.seed);
            let settings = json!({ "kde": bandwidth, "curve": curve, "seed": sample.seed });
            Drawn { points, settings, written: Vec::new() }
        }
        None => {
            let guide = second.as_ref().map(|second| (second, &sample.guidance));
            let prepared = prepared::prepare(&source, guide, &sample.transform, sample.seed)?;
            match sample.blind.blind {
                None => draw(sample, &sample.sampling, &source, &prepared, None)?,
                Some(target) => blind_sampling::draw(sample, target, &source, &prepared)?,
            }
        }
    };
    let Drawn { points, mut settings, written } = drawn;
    let mut points = source.to_points(points)?;
    if sample.clip {
        let (low, high) = source.file.range;
        points = points.with_values(points.values().mapv(|v| v.clamp(low, high)))?;
        settings["clip"] = json!([low, high]);
    }
    // Guided by the model of all classes, the samples may copy any point, not those of their class alone.
    let saw = second.as_ref().filter(|_| sample.guidance.guide.is_none()).unwrap_or(&source);
    let fitted = saw.data.is_some().then(|| sample.preparation.hold_out.unwrap_or(0.0));
    settings["model"] = saw.settings(fitted);
    if source.units() != "data" {
        say(&format!(
            "noise levels, scales and bandwidths are in {} units; samples in the data's own",
            source.units()
        ));
    }
    let files = SampleFiles {
        folder: &sample.output,
        extension: sample.format.extension(),
        range: source.file.range,
        json: sample.json,
        beside: &written,
    };
    let inputs = sample.inputs();
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    write(&files, &points, settings, &inputs, arguments)
}

/// Refuses a format that cannot hold the samples before they are drawn.
pub fn check_format(format: FormatName, shape: Shape) -> Result<()> {
    match (format, shape) {
        (FormatName::Mrcs, Shape::Image { channels: 1, .. }) => Ok(()),
        (FormatName::Mrcs, _) => Err(Failure::new(
            "--format mrcs",
            format!("holds grey images, and each sample is a {shape}"),
            "choose npy, npz, csv or parquet",
        )),
        _ => Ok(()),
    }
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
    if let (true, Some(flag)) = (source::is_model(&sample.source), sample.reading.table.given()) {
        return Err(Failure::new(flag, "reads data, and a model file was given", "drop the flag"));
    }
    let Sample { source, reading, preparation, model, seed, .. } = sample;
    source::open(source, reading, preparation, model, *seed)
}

/// What a run drew.
pub struct Drawn {
    /// In the model's units.
    pub points: Array2<f64>,
    pub settings: Value,
    /// Files that it wrote itself.
    pub written: Vec<&'static str>,
}

/// Where samples are written, and how.
pub struct SampleFiles<'a> {
    pub folder: &'a Path,
    pub extension: &'a str,
    /// Values of black and white in pictures, if they differ.
    pub range: (f64, f64),
    /// Whether the record goes to stdout, too.
    pub json: bool,
    /// Other files of the folder that belong to the record.
    pub beside: &'a [&'a str],
}

/// Writes samples, a sheet of those that are images, and the record.
pub fn write(
    files: &SampleFiles,
    points: &PointSet,
    settings: Value,
    inputs: &[&Path],
    arguments: &[String],
) -> Result<()> {
    let (folder, range) = (files.folder, files.range);
    let record = Record::new(arguments, settings, inputs)?;
    make_folder(folder)?;
    remove_old(folder, NAME);
    let name = format!("samples.{}", files.extension);
    write_points(&folder.join(&name), points)?;
    let mut outputs = vec![name.as_str()];
    outputs.extend(files.beside);
    if points.shape().is_image() {
        let sheet = folder.join("samples.png");
        let options = SheetOptions { range: (range.0 < range.1).then_some(range), ..SheetOptions::default() };
        let shown: Vec<usize> = (0..points.len().min(400)).collect();
        write_sheet(&sheet, &points.select(&shown)?, &options)?;
        outputs.push("samples.png");
    }
    // Samples of an earlier run in another format would be taken for these.
    for extension in EXTENSIONS {
        let other = format!("samples.{extension}");
        if !outputs.contains(&other.as_str()) {
            std::fs::remove_file(folder.join(other)).ok();
        }
    }
    let record = record.finish(folder, &outputs)?;
    say(&format!("{} samples ({}): {}", points.len(), points.shape(), folder.join(&name).display()));
    if files.json {
        result(&record.to_json())?;
    }
    Ok(())
}

/// The states of --from.
fn read_states(
    path: &Path,
    sample: &Sample,
    source: &Source,
    dim: usize,
    highest: f64,
) -> Result<Array2<f64>> {
    // States have the model's coordinates, whatever the data were cut from.
    let table = Table { tile: None, ..sample.reading.table.clone() };
    let states = source::read_other(&path.to_string_lossy(), &table)?;
    if states.dim() != dim {
        return Err(Failure::new(
            path.display(),
            format!("has states of {} coordinates, the model has {dim}", states.dim()),
            &format!("give states in {} units, as `ridgewalk invert` writes them", source.units()),
        ));
    }
    check_level(path, highest)?;
    Ok(states.values().to_owned())
}

/// States that `ridgewalk invert` wrote are those of its highest level: a run begins there or nowhere.
fn check_level(states: &Path, highest: f64) -> Result<()> {
    let Ok(record) = Record::read(&states.with_file_name(NAME)) else { return Ok(()) };
    let theirs = record.settings["levels"].get(0).and_then(Value::as_f64);
    match theirs.filter(|_| record.command.first().is_some_and(|c| c == "invert")) {
        Some(level) if (level / highest - 1.0).abs() > 1e-9 => Err(Failure::new(
            states.display(),
            format!("has states at the level {level}, and the run begins at {highest}"),
            "give the levels of their record: --schedule with the run.json beside them",
        )),
        _ => Ok(()),
    }
}

/// Mean variance of a coordinate of the rows.
fn variance(points: &Array2<f64>) -> f64 {
    let std = points.std_axis(ndarray::Axis(0), 0.0);
    std.iter().map(|s| s * s).sum::<f64>() / std.len().max(1) as f64
}

/// Runs a prepared model. Where it cannot be drawn from itself, `law` is the one whose noisy data are the start.
pub fn draw(
    sample: &Sample,
    flags: &Sampling,
    source: &Source,
    prepared: &Prepared,
    law: Option<&dyn Denoiser>,
) -> Result<Drawn> {
    let denoiser = prepared.denoiser.as_ref();
    let moments = sampling::moments(denoiser);
    let (sampler, chosen) = sampling::sampler(flags, prepared, sample.seed)?;
    let sampler = sampler.start(match sample.start {
        None | Some(StartName::Auto) => Start::Auto,
        Some(StartName::Gaussian) => Start::Gaussian,
        Some(StartName::Exact) => Start::Exact,
    });
    let (sampler, teleported) = match &sample.teleport {
        None => (sampler, Value::Null),
        Some(wanted) => teleport(wanted, source, denoiser, sampler, sample.seed)?,
    };
    let levels = sampler.schedule().levels()?;
    let highest = levels.first().copied().unwrap_or_default();
    let given = match (&sample.from, law) {
        (None, None) => None,
        (None, Some(law)) => Some(sampler.starts(law, sample.n)?),
        (Some(path), _) => Some(read_states(path, sample, source, denoiser.dim(), highest)?),
    };
    let record = match (&given, sample.trajectories) {
        (_, false) => None,
        (Some(states), true) => Some(Trajectories::starting_at(highest, states.clone())),
        (None, true) => {
            // States, denoised states, and both in other coordinates.
            source::check_memory(sample.n, denoiser.dim().saturating_mul(4 * levels.len()))?;
            Some(Trajectories::starting_at(highest, sampler.starts(denoiser, sample.n)?))
        }
    };
    let mut watch = Watch { meter: Meter::new("sampling"), record };
    let mut samples = match &given {
        None => sampler.run_observed(denoiser, sample.n, &mut watch)?,
        Some(states) => sampler.run_from(denoiser, states.view(), &mut watch)?,
    };
    say(&format!("{}; {} evaluations a sample", sampler.describe()?, samples.evaluations));
    let mut settings = prepared.settings.clone();
    if let Some(Interval(interval)) = &sample.guidance.guidance_interval {
        let guided =
            levels.iter().filter(|level| interval.start < **level && **level <= interval.end).count();
        settings["guidance"]["levels"] = json!(guided);
        if guided == 0 {
            say("note: no level of the schedule lies in --guidance-interval: nothing was guided");
        }
    }
    if let Some(noise) = sample.tweedie {
        let draws = || noise_level::draws(denoiser, sample.seed);
        let (noise, described) = noise_level::level("--tweedie", noise, source, draws, sample.seed)?;
        let lowest = levels.last().copied().unwrap_or_default();
        // A score of a level near the noise's own would take less than is asked for.
        let level = lowest.min(TWEEDIE * noise);
        samples.points = tweedie_step(&denoiser, samples.points.view(), noise, level)?;
        let each = denoiser.evaluations_per_call(level);
        samples.evaluations += each;
        samples.mean_evaluations += each as f64;
        settings["tweedie"] = described;
    }
    settings["solver"] = json!(sampler.solver().name());
    settings["schedule"] = json!(sampler.schedule().describe()?);
    if !chosen.is_null() {
        settings["pilot"] = chosen;
    }
    settings["levels"] = json!(levels);
    settings["sigmas"] = json!(samples.sigmas);
    settings["evaluations"] = json!(samples.evaluations);
    settings["mean_evaluations"] = json!(samples.mean_evaluations);
    let kept = variance(&samples.points) / (moments.std * moments.std);
    if kept > WILD {
        say(&format!(
            "note: the samples have {kept:.1e} times the variance of the data: too strong a guidance, too few steps for the \
             solver, a Tweedie step for more noise than the model has, or states that do not belong to the highest level",
        ));
    }
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
    if !teleported.is_null() {
        settings["teleport"] = teleported;
    }
    let mut written = Vec::new();
    if let Some(record) = &watch.record {
        make_folder(&sample.output)?;
        remove_old(&sample.output, NAME);
        written = trajectories::write(record, denoiser, source, &sample.output)?;
    }
    Ok(Drawn { points: samples.points, settings, written })
}
