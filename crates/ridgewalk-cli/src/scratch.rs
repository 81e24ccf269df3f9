//! A folder for work whose results may not be wanted: gone at the end, and when Ctrl-C ends the process.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::failure::{Failure, Result};

/// Folders of this process that are in use.
static IN_USE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A new folder, removed with all that is in it when this is dropped.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Within `folder`, so that files can be moved there by renaming.
    pub fn new(folder: &Path) -> Result<Self> {
        let path = folder.join(format!(".ridgewalk-{}", std::process::id()));
        std::fs::create_dir(&path).map_err(|e| {
            let problem = format!("cannot be written into ({e})");
            Failure::new(folder.display(), problem, "choose another folder with --output")
        })?;
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
