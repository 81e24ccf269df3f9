//! run.json: from which the same bytes are made again.

use std::io::Write;
use std::path::{Path, PathBuf};

use ridgewalk_data::atomic::write_atomically;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::failure::{Failure, Result};

/// Name of the record in a folder.
pub const NAME: &str = "run.json";

/// What was run, on what, and what came out. It holds no time and no host: the same run gives the same record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// Version of ridgewalk.
    pub ridgewalk: String,
    /// The arguments after the program's name.
    pub command: Vec<String>,
    /// Settings as they were resolved.
    pub settings: Value,
    /// Files read.
    pub inputs: Vec<FileDigest>,
    /// Files written, relative to the folder of this record.
    pub outputs: Vec<FileDigest>,
}

/// A file and the SHA-256 of its bytes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its path.
    pub path: PathBuf,
    /// Hexadecimal.
    pub sha256: String,
}

impl Record {
    /// Of a command with its settings; `inputs` are those arguments that are files.
    pub fn new(command: &[String], settings: Value, inputs: &[&Path]) -> Result<Self> {
        let inputs = inputs.iter().filter(|p| p.is_file()).map(|p| digest(p, p)).collect::<Result<_>>()?;
        Ok(Record {
            ridgewalk: env!("CARGO_PKG_VERSION").into(),
            command: command.to_vec(),
            settings,
            inputs,
            outputs: Vec::new(),
        })
    }

    /// Writes it into `folder`, with digests of the files in it named `outputs`. Last of all, so that a
    /// record stands only beside complete files.
    pub fn finish(self, folder: &Path, outputs: &[&str]) -> Result<Self> {
        self.finish_as(folder, NAME, outputs)
    }

    /// [`Record::finish`] under another name.
    pub fn finish_as(mut self, folder: &Path, name: &str, outputs: &[&str]) -> Result<Self> {
        for name in outputs {
            self.outputs.push(digest(&folder.join(name), Path::new(name))?);
        }
        write_json(&folder.join(name), &serde_json::to_value(&self).unwrap_or_default())?;
        Ok(self)
    }

    /// Reads one.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .map_err(|e| Failure::new(path.display(), format!("cannot be read ({e})"), "give a run.json"))?;
        serde_json::from_str(&text).map_err(|e| {
            Failure::new(
                path.display(),
                format!("is not a run record ({e})"),
                "give a run.json that ridgewalk wrote",
            )
        })
    }

    /// As text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

/// Writes JSON for people and programs, atomically.
pub fn write_json(path: &Path, value: &Value) -> Result<()> {
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    write_text(path, &(text + "\n"))
}

/// Writes text, atomically.
pub fn write_text(path: &Path, text: &str) -> Result<()> {
    Ok(write_atomically(path, |out| out.write_all(text.as_bytes()))?)
}

fn digest(path: &Path, name: &Path) -> Result<FileDigest> {
    let failed = |e| Failure::new(path.display(), format!("cannot be read ({e})"), "check the file");
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    let sha256 = hasher.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok(FileDigest { path: name.to_path_buf(), sha256 })
}

/// Makes a folder for output, with its parents.
pub fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::new(folder.display(), format!("cannot be made ({e})"), "choose another folder with --output")
    })
}
