//! `ridgewalk survey`: where samples went, relative to the data.

use std::path::{Path, PathBuf};

use clap::Parser;
use ridgewalk::PointSet;
use ridgewalk::survey::{Comparison, Finding, Reference, Subject, Truth};
use ridgewalk_data::{Synthetic, load, names};
use ridgewalk_report::{Footer, Page};
use serde_json::json;

use crate::arguments::{Cli, Command, Survey};
use crate::failure::{Failure, Result};
use crate::page;
use crate::progress::{result, say};
use crate::record::{NAME, Record, make_folder};
use crate::source::{read, split};

pub fn run(survey: &Survey, arguments: &[String]) -> Result<()> {
    let groups: Vec<(String, PointSet)> =
        survey.samples.iter().map(|path| Ok((name(path), samples(path)?))).collect::<Result<_>>()?;
    let mut origin = origin(survey).unwrap_or(Origin { hold_out: 0.0, seed: survey.seed });
    if survey.reading.hold_out > 0.0 {
        origin.hold_out = survey.reading.hold_out;
    }
    let data = read(&survey.data, &survey.reading, origin.seed)?;
    let (train, own_held_out) = split(&data, origin.hold_out, origin.seed)?;
    let held_out = match &survey.held_out {
        Some(spec) => Some(load(spec)?),
        None => own_held_out,
    };
    let clean = survey.clean.as_deref().map(load).transpose()?;
    let truth = match Path::new(&survey.data).exists() {
        true => None, // a path wins over a name
        false => names::synthetic(&survey.data)?.map(Manifold),
    };
    let mut reference = Reference::new(&train);
    if let Some(held_out) = &held_out {
        reference = reference.held_out(held_out);
    }
    if let Some(clean) = &clean {
        reference = reference.clean(clean);
    }
    if let Some(truth) = &truth {
        reference = reference.truth(truth);
    }
    let subjects: Vec<Subject> =
        groups.iter().map(|(name, points)| Subject::new(name, points, &reference)).collect();
    let comparison = ridgewalk::survey::Survey::standard()
        .seed(survey.seed)
        .resamples(survey.resamples)
        .compare(&subjects)?;
    let folder = survey.output.clone().unwrap_or_else(|| match &survey.samples[0] {
        path if path.is_dir() => path.clone(),
        _ => PathBuf::from("survey"),
    });
    write(survey, &comparison, &folder, arguments)
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

fn write(survey: &Survey, comparison: &Comparison, folder: &Path, arguments: &[String]) -> Result<()> {
    let findings = findings(comparison);
    let page = compose(survey, comparison, &findings, arguments);
    make_folder(folder)?;
    let outputs = page::write(folder, &page, &findings)?;
    let mut inputs: Vec<PathBuf> =
        survey.reading.inputs(&survey.data).into_iter().map(Path::to_path_buf).collect();
    inputs.extend(survey.samples.iter().map(|path| sample_file(path).unwrap_or_else(|_| path.clone())));
    inputs.extend(survey.held_out.iter().chain(&survey.clean).map(PathBuf::from));
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let record =
        Record::new(arguments, json!({ "seed": survey.seed, "resamples": survey.resamples }), &inputs)?;
    // The folder of samples keeps its own run.json; the survey's record stands beside it.
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    record.finish_as(folder, record_name(folder), &outputs)?;
    for result in &comparison.results {
        for finding in result.findings.iter().take(2) {
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

/// run.json, unless that name is taken by the record of the samples.
pub fn record_name(folder: &Path) -> &'static str {
    match Record::read(&folder.join(NAME)) {
        Ok(record) if record.command.first().is_some_and(|c| c != "survey") => "survey-run.json",
        _ => NAME,
    }
}

/// One group's findings keep their plain ids; those of several are prefixed by the group's name.
fn findings(comparison: &Comparison) -> Vec<Finding> {
    match comparison.results.as_slice() {
        [only] => only.findings.clone(),
        _ => comparison.findings(),
    }
}

fn compose(survey: &Survey, comparison: &Comparison, findings: &[Finding], arguments: &[String]) -> Page {
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
    let lead = format!("{n} samples against the training data {}.", survey.data);
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

fn samples(path: &Path) -> Result<PointSet> {
    Ok(load(&sample_file(path)?.to_string_lossy())?)
}

/// The samples in a folder, or the file itself.
fn sample_file(path: &Path) -> Result<PathBuf> {
    if !path.is_dir() {
        return Ok(path.to_path_buf());
    }
    let found = ["npy", "npz", "parquet", "csv"]
        .iter()
        .map(|e| path.join(format!("samples.{e}")))
        .find(|p| p.is_file());
    match found {
        Some(file) => Ok(file),
        // A plain folder of images is data like any other.
        None if !path.join(NAME).exists() => Ok(path.to_path_buf()),
        None => Err(Failure::new(
            path.display(),
            "holds no samples.npy, .npz, .parquet or .csv",
            "give a folder that `ridgewalk sample` wrote, or a file of samples",
        )),
    }
}

/// How a run read its data: what it held out, and the seed of split, noise and synthetic points.
#[derive(Clone, Copy, PartialEq)]
struct Origin {
    hold_out: f64,
    seed: u64,
}

/// That of the first samples with a record: where the points depend on a seed, a survey
/// against those of another seed would find nothing copied.
fn origin(survey: &Survey) -> Option<Origin> {
    let origins: Vec<Origin> = survey.samples.iter().filter_map(|path| origin_of(path)).collect();
    let first = *origins.first()?;
    if origins.iter().any(|other| *other != first) {
        say("note: the groups were made with different --seed or --hold-out; \
             the survey takes the data of the first");
    }
    Some(first)
}

fn origin_of(samples: &Path) -> Option<Origin> {
    let record = Record::read(&samples.join(NAME)).ok()?;
    // A model file knows how its own data were read; what the sample run says of data is not used then.
    let words = record.settings["model"]["command"].as_array().filter(|words| !words.is_empty());
    let words = words.map(|words| words.iter().filter_map(|w| w.as_str().map(String::from)).collect());
    let words: Vec<String> = words.unwrap_or(record.command);
    match Cli::try_parse_from(std::iter::once("ridgewalk".to_string()).chain(words)).ok()?.command {
        Command::Fit(fit) => Some(Origin { hold_out: fit.reading.hold_out, seed: fit.seed }),
        Command::Sample(sample) => Some(Origin { hold_out: sample.reading.hold_out, seed: sample.seed }),
        _ => None,
    }
}
