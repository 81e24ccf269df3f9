//! `ridgewalk rerun`: the same bytes again, and the proof that they are.

use std::path::{Path, PathBuf};

use super::survey::record_name;
use crate::arguments::{Cli, Command, Paper, Rerun};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::record::{NAME, Record, digest, make_folder};
use crate::scratch::Scratch;

pub fn run(rerun: &Rerun) -> Result<()> {
    let old = Record::read(&rerun.record)?;
    let mut command = Cli::parse_words(&old.command)
        .map_err(|e| {
            Failure::new(
                rerun.record.display(),
                format!("holds a command that this version does not understand ({})", e.kind()),
                "use the version that the record names",
            )
        })?
        .command;
    let folder = output(&mut command).ok_or_else(|| {
        Failure::new(rerun.record.display(), "is of a command that writes no folder", "give a run.json")
    })?;
    // Without --output the results belong beside the record, wherever that was moved to; they are made in a
    // folder of their own, so that the first ones stand until the new ones are known to be the same.
    let beside = match rerun.record.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let scratch = rerun.output.is_none().then(|| Scratch::new(beside)).transpose()?;
    *folder = match (&scratch, &rerun.output) {
        (Some(scratch), _) => scratch.path().to_path_buf(),
        (None, output) => output.clone().unwrap_or_default(),
    };
    let folder = folder.clone();
    if old.ridgewalk != env!("CARGO_PKG_VERSION") {
        say(&format!(
            "note: the record is of version {}, this is {}",
            old.ridgewalk,
            env!("CARGO_PKG_VERSION")
        ));
    }
    for input in &old.inputs {
        let now = Record::new(&[], serde_json::Value::Null, &[&input.path]);
        if now.map_or(true, |now| now.inputs.first().is_none_or(|new| new.sha256 != input.sha256)) {
            return Err(Failure::new(
                input.path.display(),
                "is missing or not the file that the record was made from",
                "restore it, or run from the folder in which the command was first given",
            ));
        }
    }
    let name = match command {
        Command::Survey(_) | Command::Blind(_) => record_name(&folder),
        _ => NAME,
    };
    super::run(command, &old.command)?;
    let new = Record::read(&folder.join(name))?;
    let differing: Vec<String> = old
        .outputs
        .iter()
        .filter(|file| !new.outputs.contains(file))
        .map(|file| file.path.display().to_string())
        .collect();
    if !differing.is_empty() {
        return Err(Failure::new(
            differing.join(", "),
            match scratch {
                Some(_) => "differ from the first run, whose files are kept",
                None => "differ from the first run",
            },
            "results are the same only with the same version and kind of machine; --output keeps the new ones",
        ));
    }
    if scratch.is_some() {
        restore(&folder, beside, &new)?;
    }
    let place = if scratch.is_some() { beside } else { &folder };
    say(&format!("the same bytes again: {} files in {}", new.outputs.len(), place.display()));
    Ok(())
}

/// Moves files that are missing or changed beside the record to there; those that are the same stay.
fn restore(from: &Path, to: &Path, record: &Record) -> Result<()> {
    for file in &record.outputs {
        let target = to.join(&file.path);
        if digest(&target, &file.path).is_ok_and(|found| found == *file) {
            continue;
        }
        if let Some(parent) = target.parent() {
            make_folder(parent)?;
        }
        std::fs::rename(from.join(&file.path), &target).map_err(|e| {
            Failure::new(target.display(), format!("cannot be written ({e})"), "give a folder with --output")
        })?;
    }
    Ok(())
}

fn output(command: &mut Command) -> Option<&mut PathBuf> {
    match command {
        Command::Walk(walk) => Some(&mut walk.output),
        Command::Train(train) => Some(&mut train.output),
        Command::Sample(sample) => Some(&mut sample.output),
        Command::Bridge(bridge) => Some(&mut bridge.output),
        Command::Denoise(denoise) => Some(&mut denoise.output),
        Command::Invert(invert) => Some(&mut invert.output),
        Command::Reproduce(reproduce) => match &mut reproduce.paper {
            Paper::LogDomainSmoothing(paper) => Some(&mut paper.output),
            Paper::Mad(paper) => Some(&mut paper.output),
            Paper::Ridge(paper) => Some(&mut paper.output),
            Paper::GeometryOfNoise(paper) => Some(&mut paper.output),
        },
        Command::Blind(blind) => Some(&mut blind.output),
        Command::Survey(survey) => Some(survey.output.get_or_insert_default()),
        _ => None,
    }
}
