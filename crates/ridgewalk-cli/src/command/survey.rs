//! `ridgewalk survey`: where samples went, relative to the data.

use std::path::{Path, PathBuf};

use ridgewalk::PointSet;
use ridgewalk::sampler::observers::Trajectories;
use ridgewalk::survey::{Comparison, Finding, Reference, Subject, Truth};
use ridgewalk_data::{ModelFile, Normalization, Synthetic, names};
use ridgewalk_report::{Footer, Page};
use serde_json::json;

use crate::arguments::{Survey, Table};
use crate::failure::{Failure, Result};
use crate::features::Features;
use crate::page;
use crate::progress::{result, say};
use crate::record::{FileDigest, NAME, Record, digest, make_folder, probe_folder, remove_old};
use crate::source::read_other;
use crate::training::Training;
use crate::trajectories;

/// Findings that are told beside the first two.
const TOLD: [&str; 8] = [
    "noise-level",
    "noise-in-samples",
    "ridge-distance",
    "share-on-ridge",
    "reach",
    "normal-error-share",
    "noise-input",
    "frechet-distance",
];

pub fn run(survey: &Survey, arguments: &[String]) -> Result<()> {
    let folder = survey.output.clone().unwrap_or_else(|| match &survey.samples[0] {
        path if path.is_dir() => path.clone(),
        _ => PathBuf::from("survey"),
    });
    probe_folder(&folder)?;
    let groups: Vec<(String, PointSet)> =
        survey.samples.iter().map(|path| Ok((name(path), samples(path, survey)?))).collect::<Result<_>>()?;
    let training = Training::of(survey)?;
    let held_out = match &survey.held_out {
        Some(spec) => Some(read_other(spec, &training.reading.table)?),
        None => training.held_out.clone(),
    };
    let features = Features::of(survey, &training.points, held_out.as_ref())?;
    let seen = |points: &PointSet| -> Result<PointSet> {
        training.space.as_ref().map_or_else(|| Ok(points.clone()), |space| space.see(points))
    };
    let held_out = held_out.as_ref().map(seen).transpose()?;
    let train = &seen(&training.points)?;
    let clean = survey.clean.as_deref().map(|spec| read_other(spec, &training.reading.table)).transpose()?;
    // A path wins over a name; and a tile of an image is not on the images' manifold.
    let truth = match Path::new(&survey.data).exists() || training.reading.table.tile.is_some() {
        true => None,
        false => names::synthetic(&survey.data)?.map(Manifold),
    };
    let mut reference = Reference::new(train);
    if let Some(held_out) = &held_out {
        reference = reference.held_out(held_out);
    }
    if let Some(clean) = &clean {
        reference = reference.clean(clean);
    }
    if let Some(truth) = &truth {
        reference = reference.truth(truth);
    }
    let paths: Vec<Option<Trajectories>> =
        survey.samples.iter().map(|path| trajectories::read(path)).collect::<Result<_>>()?;
    let model = survey.model.as_deref().map(model).transpose()?;
    let subjects: Vec<Subject> = groups
        .iter()
        .zip(&paths)
        .map(|((name, points), paths)| {
            let subject = Subject::new(name, points, &reference);
            let subject = match paths {
                Some(paths) => subject.trajectories(paths),
                None => subject,
            };
            match &model {
                Some(file) => subject.model(file.model.as_denoiser()),
                None => subject,
            }
        })
        .collect();
    let mut distances = Vec::new();
    if let Some(features) = &features {
        for (name, points) in &groups {
            distances.push(features.finding(name, points)?);
        }
    }
    let mut comparison = ridgewalk::survey::Survey::standard()
        .seed(survey.seed)
        .resamples(survey.resamples)
        .compare(&subjects)?;
    for (result, distance) in comparison.results.iter_mut().zip(distances) {
        result.findings.push(distance);
    }
    write(survey, &comparison, &training, &folder, arguments)
}

/// A model that can be asked in the data's own units.
fn model(path: &Path) -> Result<ModelFile> {
    let file = ModelFile::load(path)?;
    if file.latent.is_some() || file.normalization != Normalization::None {
        return Err(Failure::new(
            path.display(),
            "is a model of principal components or of standardized data, whose noise is not that of the data",
            "fit it without --latent and --standardize, or survey its samples without --model",
        ));
    }
    Ok(file)
}

/// The true manifold of a synthetic set.
struct Manifold(Synthetic);

impl Truth for Manifold {
    fn distance(&self, x: ndarray::ArrayView2<f64>) -> ridgewalk::Result<Vec<f64>> {
        self.0.distances(x).map_err(|e| {
            ridgewalk::Error::argument("samples", format!("do not fit the manifold: {e}"), "check --data")
        })
    }
}

fn write(
    survey: &Survey,
    comparison: &Comparison,
    training: &Training,
    folder: &Path,
    arguments: &[String],
) -> Result<()> {
    let findings = findings(comparison);
    let page = compose(survey, comparison, training, &findings, arguments);
    make_folder(folder)?;
    // The folder of samples keeps its own run.json; the survey's record stands beside it.
    let record_name = record_name(folder);
    remove_old(folder, record_name);
    let outputs = page::write(folder, &page, &findings)?;
    let mut inputs: Vec<PathBuf> =
        training.reading.inputs(&survey.data).into_iter().map(Path::to_path_buf).collect();
    inputs.extend(survey.samples.iter().map(|path| sample_file(path).unwrap_or_else(|_| path.clone())));
    inputs.extend(survey.held_out.iter().chain(&survey.clean).map(PathBuf::from));
    inputs.extend(survey.model.clone());
    inputs.extend(survey.features.clone());
    inputs.extend(
        survey.samples.iter().map(|path| path.join(trajectories::NUMBERS)).filter(|path| path.is_file()),
    );
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let settings = json!({
        "seed": survey.seed, "resamples": survey.resamples, "training": training.settings(survey),
    });
    let record = Record::new(arguments, settings, &inputs)?;
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    record.finish_as(folder, record_name, &outputs)?;
    for result in &comparison.results {
        let noise = result.findings.iter().skip(2).filter(|f| TOLD.contains(&f.id.as_str()));
        for finding in result.findings.iter().take(2).chain(noise) {
            say(&format!("{}: {}", result.name, finding.statement));
        }
        for skipped in &result.skipped {
            say(&format!("{}: {} was not measured: {}", result.name, skipped.probe, skipped.reason));
        }
    }
    say(&format!("open {}", folder.join("report.html").display()));
    if survey.json {
        result(&serde_json::to_string_pretty(&findings).unwrap_or_default())?;
    }
    Ok(())
}

/// run.json, unless that name is taken: by the record of the samples, or by a file of someone else.
pub fn record_name(folder: &Path) -> &'static str {
    let path = folder.join(NAME);
    match Record::read(&path) {
        Ok(record) if record.command.first().is_some_and(|c| c == "survey") => NAME,
        _ if std::fs::symlink_metadata(&path).is_err() => NAME,
        _ => "survey-run.json",
    }
}

/// One group's findings keep their plain ids; those of several are prefixed by the group's name.
fn findings(comparison: &Comparison) -> Vec<Finding> {
    match comparison.results.as_slice() {
        [only] => only.findings.clone(),
        _ => comparison.findings(),
    }
}

fn compose(
    survey: &Survey,
    comparison: &Comparison,
    training: &Training,
    findings: &[Finding],
    arguments: &[String],
) -> Page {
    let headline = comparison
        .results
        .iter()
        .filter_map(|r| r.findings.first().map(|f| (r, f)))
        .map(|(r, f)| {
            if comparison.results.len() > 1 {
                format!("{}: {}", r.name, f.statement)
            } else {
                f.statement.clone()
            }
        })
        .collect::<Vec<_>>()
        .join(" ");
    let n: usize = comparison.results.iter().map(|r| r.samples.nearest_train.len()).sum();
    let mut lead = format!("{n} samples against the training data {}.", survey.data);
    if let Some(space) = &training.space {
        lead += &format!(" {}", space.sentence());
    }
    for warning in &training.warnings {
        lead += &format!(" Warning: {warning}.");
    }
    let mut page = Page::new(format!("Survey of {}", names_of(comparison))).headline(headline).lead(lead);
    if comparison.results.len() > 1 {
        page = page.section(page::section("Side by side", "", comparison));
    }
    for result in &comparison.results {
        let mut section = ridgewalk_report::Section::new(&result.name);
        if let [_] = comparison.results.as_slice() {
            section = ridgewalk_report::Section::new("What was measured");
        }
        let prefixed = |id: &str| findings.iter().find(|f| f.id.ends_with(id) && belongs(f, &result.name));
        for finding in &result.findings {
            section = section.finding(prefixed(&finding.id).unwrap_or(finding).clone());
        }
        page = page.section(section);
    }
    page.footer(
        Footer::new()
            .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
            .setting("training data", survey.data.clone())
            .setting("seed", survey.seed)
            .setting("bootstrap resamples", survey.resamples)
            .command(format!("ridgewalk {}", arguments.join(" "))),
    )
}

fn belongs(finding: &Finding, name: &str) -> bool {
    finding.settings.get("samples").and_then(|v| v.as_str()) == Some(name)
}

fn names_of(comparison: &Comparison) -> String {
    comparison.results.iter().map(|r| r.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn name(path: &Path) -> String {
    let canonical = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let stem = if path.is_dir() { canonical.file_name() } else { canonical.file_stem() };
    stem.map_or_else(|| "samples".into(), |s| s.to_string_lossy().into_owned())
}

/// A folder that a run wrote is read as it was written; any other table as the flags say.
fn samples(path: &Path, survey: &Survey) -> Result<PointSet> {
    let file = sample_file(path)?;
    let table = if file == path { survey.reading.table.clone() } else { Table::default() };
    read_other(&file.to_string_lossy(), &table)
}

/// The samples in a folder, or the file itself.
fn sample_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    if let Some(file) = recorded_samples(path) {
        let found = path.join(&file.path);
        if digest(&found, &file.path)? != file {
            say(&format!("warning: {} is not the file that {NAME} beside it describes", found.display()));
        }
        return Ok(found);
    }
    let found = ["npy", "npz", "parquet", "csv", "mrcs"]
        .iter()
        .map(|e| path.join(format!("samples.{e}")))
        .find(|p| p.is_file());
    match found {
        Some(file) => Ok(file),
        // A plain folder of images is data like any other.
        None if !path.join(NAME).exists() => Ok(path.to_path_buf()),
        None => Err(Failure::new(
            path.display(),
            "holds no samples.npy, .npz, .parquet, .csv or .mrcs",
            "give a folder that `ridgewalk sample` wrote, or a file of samples",
        )),
    }
}

/// The file of samples that the record of a folder names.
fn recorded_samples(folder: &Path) -> Option<FileDigest> {
    let record = Record::read(&folder.join(NAME)).ok()?;
    let sample = record.command.first().is_some_and(|c| c == "sample");
    let is_samples = |file: &FileDigest| {
        file.path.file_stem().is_some_and(|s| s == "samples")
            && file.path.extension().is_some_and(|e| e != "png")
            && file.path.components().count() == 1
    };
    record.outputs.into_iter().find(is_samples).filter(|_| sample)
}
