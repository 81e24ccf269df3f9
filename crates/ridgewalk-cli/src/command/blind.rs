//! `ridgewalk blind`: may a model of these data drop its noise input?

use ridgewalk::survey::NoiseInput;
use ridgewalk::{Target, process};
use ridgewalk_report::{Footer, Page, Section};
use serde_json::json;

use crate::arguments::Blind;
use crate::command::survey::record_name;
use crate::failure::Result;
use crate::page;
use crate::progress::{result, say};
use crate::record::{Record, make_folder, probe_folder, remove_old};
use crate::source::read;

/// Targets that are usual for any process.
const USUAL: [Target; 3] = [Target::Noise, Target::Velocity, Target::Data];

pub fn run(blind: &Blind, arguments: &[String]) -> Result<()> {
    probe_folder(&blind.output)?;
    let data = read(&blind.data, &blind.reading, blind.seed)?;
    let asked = NoiseInput {
        questions: questions(blind),
        samples: blind.n,
        steps: blind.steps,
        prior: blind.prior.clone(),
        levels: blind.sigma_max.zip(blind.sigma_min),
    };
    say(&format!(
        "{} points of {} coordinates; each question is tried on {} samples, told and blind",
        data.len(),
        data.dim(),
        blind.n
    ));
    let found = asked.ask(&data, blind.seed)?;
    let finding = asked.finding(&found, &data);
    let headline = finding.statement.clone();
    let findings = [finding];
    let mut section = Section::new("May a model of these data drop its noise input?").text(
        "For every process and target the exact model of the data is run twice from the same starts: told its noise level at \
         every step, and blind, as the best network without a noise input would be. What counts is the noise that is left in \
         the samples.",
    );
    for finding in &findings {
        section = section.finding(finding.clone());
    }
    let reasons: Vec<String> = found.verdicts.iter().map(ToString::to_string).collect();
    let reasons = Section::new("Why").text(reasons.join("\n\n"));
    let page = Page::new(format!("{} without the noise input", blind.data))
        .headline(headline)
        .lead(format!("{} points of {}, {} coordinates.", data.len(), blind.data, data.dim()))
        .section(section)
        .section(reasons)
        .footer(
            Footer::new()
                .setting("ridgewalk", env!("CARGO_PKG_VERSION"))
                .setting("data", blind.data.clone())
                .setting("seed", blind.seed)
                .command(format!("ridgewalk {}", arguments.join(" "))),
        );
    make_folder(&blind.output)?;
    let record_name = record_name(&blind.output);
    remove_old(&blind.output, record_name);
    let outputs = page::write(&blind.output, &page, &findings)?;
    let settings = json!({
        "seed": blind.seed, "samples": blind.n, "steps": blind.steps, "prior": blind.prior,
        "questions": asked.questions.iter().map(|(p, t)| format!("{t} under {p}")).collect::<Vec<_>>(),
    });
    let record = Record::new(arguments, settings, &blind.reading.inputs(&blind.data))?;
    let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
    record.finish_as(&blind.output, record_name, &outputs)?;
    for verdict in &found.verdicts {
        say(&verdict.to_string());
    }
    say(&format!("open {}", blind.output.join("report.html").display()));
    if blind.json {
        result(&serde_json::to_string_pretty(&findings).unwrap_or_default())?;
    }
    Ok(())
}

/// The questions that the flags leave: those of the survey, or of one process, or of one target.
fn questions(blind: &Blind) -> Vec<(String, Target)> {
    let standard = NoiseInput::default().questions;
    match (&blind.process, blind.target) {
        (None, None) => standard,
        (Some(process), Some(target)) => vec![(process.clone(), target)],
        (Some(process), None) => {
            let same = |name: &str| match (process::named(name), process::named(process)) {
                (Ok(a), Ok(b)) => a.name() == b.name(),
                _ => false,
            };
            let known: Vec<(String, Target)> = standard
                .into_iter()
                .filter(|(name, _)| same(name))
                .map(|(_, target)| (process.clone(), target))
                .collect();
            match known.is_empty() {
                false => known,
                true => USUAL.map(|target| (process.clone(), target)).to_vec(),
            }
        }
        (None, Some(target)) => {
            let mut processes: Vec<String> = standard.into_iter().map(|(name, _)| name).collect();
            processes.dedup();
            processes.into_iter().map(|process| (process, target)).collect()
        }
    }
}
