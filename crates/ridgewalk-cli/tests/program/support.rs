//! A folder to run the program in, and what every run must keep to.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use flate2::Compression;
use flate2::write::GzEncoder;
use ridgewalk::PointSet;
use ridgewalk_data::load;

/// A temporary folder in which the program runs: all paths are relative to it.
pub struct Folder(tempfile::TempDir);

/// What a run gave.
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Folder {
    pub fn new() -> Self {
        Folder(tempfile::tempdir().unwrap())
    }

    /// With one file in it.
    pub fn with(name: &str, content: impl AsRef<[u8]>) -> Self {
        let folder = Folder::new();
        folder.write(name, content);
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    pub fn text(&self, name: &str) -> String {
        String::from_utf8(self.read(name)).unwrap()
    }

    pub fn json(&self, name: &str) -> serde_json::Value {
        serde_json::from_slice(&self.read(name)).unwrap()
    }

    pub fn points(&self, name: &str) -> PointSet {
        load(self.path(name).to_str().unwrap()).unwrap()
    }

    /// The program, about to run here with these words.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ridgewalk"));
        command.current_dir(self.root()).args(words.split_whitespace());
        command
    }

    /// Runs with words separated by spaces, whatever comes of it; a panic is never right.
    pub fn run(&self, words: &str) -> Run {
        Run::of(words, &self.command(words).output().unwrap())
    }

    /// Runs what must succeed.
    pub fn ok(&self, words: &str) -> Run {
        let run = self.run(words);
        assert_eq!(run.code, Some(0), "{words}: {}", run.err);
        run
    }

    /// Runs what must be refused with a message that holds all `parts`, and must change no file.
    pub fn refused(&self, words: &str, parts: &[&str]) -> String {
        let before = self.everything();
        let run = self.run(words);
        run.is_refusal(words, parts);
        let after = self.everything();
        let changed: Vec<_> = after.iter().filter(|(path, file)| before.get(*path) != Some(file)).collect();
        assert!(changed.is_empty() && before.len() == after.len(), "{words}: changed {changed:?}");
        run.err
    }

    /// All files and folders below, with the files' bytes.
    pub fn everything(&self) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
        everything(self.root())
    }
}

/// All files (with their bytes) and folders below a folder.
pub fn everything(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.append(&mut everything(&path));
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path).unwrap();
            found.insert(path, Some(bytes));
        }
    }
    found
}

/// Files below a folder that were not finished.
pub fn unfinished(folder: &Path) -> Vec<PathBuf> {
    everything(folder).into_keys().filter(|p| p.to_string_lossy().ends_with("-tmp")).collect()
}

impl Run {
    pub fn of(words: &str, output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let run = Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(!run.err.contains("panicked"), "{words}: {}", run.err);
        run
    }

    /// Fails unless this ended with an error whose message holds all `parts`.
    pub fn is_refusal(&self, words: &str, parts: &[&str]) {
        assert!(
            self.code.is_some_and(|code| code == 1 || code == 2),
            "{words}: {:?} {}",
            self.code,
            self.err
        );
        assert!(self.err.contains("error: "), "{words}: {}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "{words}: no `{part}` in: {}", self.err);
        }
    }
}

/// An NPY file (format 1.0) with this header and these bytes.
pub fn npy(descr: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

/// An NPY file of f64 numbers.
pub fn npy_f64(shape: &str, values: &[f64]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    npy("'<f8'", shape, &bytes)
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Whether two numbers agree to within rounding of a few operations.
pub fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * (1.0 + b.abs())
}
