//! A folder for work whose results may not be wanted: gone at the end, and when Ctrl-C ends the process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::failure::{Failure, Result};

/// Names that are tried.
const ATTEMPTS: u32 = 1000;

/// Folders of this process that are in use.
static IN_USE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A new folder, removed with all that is in it when this is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Within `folder`, so that files can be moved there by renaming.
    pub fn new(folder: &Path) -> Result<Self> {
        let failed = |e: std::io::Error| {
            let problem = format!("cannot be written into ({e})");
            Failure::new(folder.display(), problem, "choose another folder with --output")
        };
        // A killed process may have left one of the same name.
        let mut attempt = 0u32;
        let path = loop {
            let path = folder.join(format!(".ridgewalk-{}-{attempt}", std::process::id()));
            match std::fs::create_dir(&path) {
                Ok(()) => break path,
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists && attempt < ATTEMPTS => attempt += 1,
                Err(e) => return Err(failed(e)),
            }
        };
        IN_USE.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
        Ok(Scratch(path))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
        IN_USE.lock().unwrap_or_else(PoisonError::into_inner).retain(|path| path != &self.0);
    }
}

/// Removes them all: for a handler that ends the process.
pub fn remove_all() {
    for path in IN_USE.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        std::fs::remove_dir_all(path).ok();
    }
}
