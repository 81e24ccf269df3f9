//! run.json: from which the same bytes are made again.

use std::io::Write;
use std::path::{Path, PathBuf};

use ridgewalk::PointSet;
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
    /// Of a command with its settings; `inputs` are those arguments that may be files or folders of images.
    pub fn new(command: &[String], settings: Value, inputs: &[&Path]) -> Result<Self> {
        let inputs = inputs.iter().map(|p| digest_input(p)).collect::<Result<Vec<_>>>()?.concat();
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

/// A file, with the labels that lie beside it; or a folder of images as one, by their sorted names and bytes.
fn digest_input(path: &Path) -> Result<Vec<FileDigest>> {
    // What is no data (a model) is read whole all the same.
    let files = match ridgewalk_data::files(&path.to_string_lossy()) {
        Ok(files) => files,
        Err(_) if path.is_file() => vec![path.to_path_buf()],
        Err(e) => return Err(e.into()),
    };
    if !path.is_dir() {
        return files.iter().map(|file| digest(file, file)).collect();
    }
    let mut hasher = Sha256::new();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file);
        hasher.update(name.to_string_lossy().as_bytes());
        hasher.update([0]);
        hasher.update(digest(&file, &file)?.sha256);
    }
    Ok(vec![FileDigest { path: path.to_path_buf(), sha256: hexadecimal(hasher) }])
}

/// SHA-256 of a file's bytes, under another name.
pub fn digest(path: &Path, name: &Path) -> Result<FileDigest> {
    let failed = |e| Failure::new(path.display(), format!("cannot be read ({e})"), "check the file");
    let mut file = std::fs::File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(FileDigest { path: name.to_path_buf(), sha256: hexadecimal(hasher) })
}

/// SHA-256 of the values of points, row by row, as f64 of little endian: the same for the same points,
/// whatever file they come from.
pub fn digest_points(points: &PointSet) -> String {
    let mut hasher = Sha256::new();
    for row in points.values().outer_iter() {
        let bytes: Vec<u8> = row.iter().flat_map(|v| v.to_le_bytes()).collect();
        hasher.update(bytes);
    }
    hexadecimal(hasher)
}

fn hexadecimal(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// Removes the record of an earlier run: it must not stand beside new files if this run ends half way.
pub fn remove_old(folder: &Path, name: &str) {
    std::fs::remove_file(folder.join(name)).ok();
}

/// Whether a folder for output can be made and written into, told before the work; nothing stays.
pub fn probe_folder(folder: &Path) -> Result<()> {
    let missing: Vec<&Path> =
        folder.ancestors().take_while(|f| !f.as_os_str().is_empty() && !f.exists()).collect();
    let probe = folder.join(".ridgewalk-probe");
    let written = make_folder(folder).and_then(|()| write_text(&probe, ""));
    std::fs::remove_file(&probe).ok();
    // Deepest first; one that something else was put into meanwhile stays.
    for made in missing {
        std::fs::remove_dir(made).ok();
    }
    written
}

/// Makes a folder for output, with its parents.
pub fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| {
        Failure::new(folder.display(), format!("cannot be made ({e})"), "choose another folder with --output")
    })
}
