//! `ridgewalk rerun`: the same bytes again, and the proof that they are.

use std::path::{Path, PathBuf};

use clap::Parser;

use super::survey::record_name;
use crate::arguments::{Cli, Command, Rerun};
use crate::failure::{Failure, Result};
use crate::progress::say;
use crate::record::{NAME, Record};

pub fn run(rerun: &Rerun) -> Result<()> {
    let old = Record::read(&rerun.record)?;
    let words = std::iter::once("ridgewalk".to_string()).chain(old.command.iter().cloned());
    let mut command = Cli::try_parse_from(words)
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
    // Without --output the results go beside the record, wherever that was moved to.
    let beside = rerun.record.parent().unwrap_or(Path::new(".")).to_path_buf();
    *folder = rerun.output.clone().unwrap_or(beside);
    let folder = folder.clone();
    if old.ridgewalk != env!("CARGO_PKG_VERSION") {
        say(&format!(
            "note: the record is of version {}, this is {}",
            old.ridgewalk,
            env!("CARGO_PKG_VERSION")
        ));
    }
    for input in &old.inputs {
        let now = Record::new(&[], serde_json::Value::Null, &[&input.path])?;
        if now.inputs.first().is_none_or(|new| new.sha256 != input.sha256) {
            return Err(Failure::new(
                input.path.display(),
                "is missing or not the file that the record was made from",
                "restore it, or run from the folder in which the command was first given",
            ));
        }
    }
    let name = match command {
        Command::Survey(_) => record_name(&folder),
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
    if differing.is_empty() {
        say(&format!("the same bytes again: {} files", new.outputs.len()));
        return Ok(());
    }
    Err(Failure::new(
        differing.join(", "),
        "differ from the first run",
        "results are the same only with the same version and kind of machine",
    ))
}

fn output(command: &mut Command) -> Option<&mut PathBuf> {
    match command {
        Command::Walk(walk) => Some(&mut walk.output),
        Command::Sample(sample) => Some(&mut sample.output),
        Command::Survey(survey) => Some(survey.output.get_or_insert_default()),
        _ => None,
    }
}
