//! The library onnxruntime of this machine: found when it is needed, loaded once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use ort::environment::Environment;

use crate::error::{Error, Result};

/// The variable that names the library's file.
const VARIABLE: &str = "ORT_DYLIB_PATH";
const HELP: &str =
    "install it by `pip install -U onnxruntime` (1.24 or later), or name its file in ORT_DYLIB_PATH";
/// Prints where the package of Python lies, without importing it.
const ASK: &str = "import importlib.util as u; s = u.find_spec('onnxruntime'); \
                   print(s.submodule_search_locations[0] if s else '')";

/// The one environment that a process may have.
static ENVIRONMENT: Mutex<Option<Environment>> = Mutex::new(None);

/// The environment of the library, which is loaded when this is first called: of the file given, else of that which
/// `ORT_DYLIB_PATH` names, else of the package onnxruntime of `python3` or `python`.
///
/// # Errors
/// If there is no library, or one that is too old.
pub(super) fn environment(file: Option<&Path>) -> Result<Environment> {
    let mut loaded = ENVIRONMENT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(environment) = loaded.as_ref() {
        return Ok(environment.clone());
    }
    let path = match file {
        Some(file) => file.to_path_buf(),
        None => find().ok_or_else(|| {
            Error::file(Path::new("onnxruntime"), "the library that runs ONNX networks was not found", HELP)
        })?,
    };
    // A name without a folder would be looked for beside the program.
    let path = std::path::absolute(&path).unwrap_or(path);
    if !path.is_file() {
        return Err(Error::file(&path, "the library onnxruntime is not there", HELP));
    }
    let failed =
        |e: String| Error::file(&path, format!("cannot be used as the library onnxruntime ({e})"), HELP);
    let builder = ort::init_from(&path).map_err(|e| failed(e.to_string()))?;
    let environment =
        builder.with_name("ridgewalk").with_telemetry(false).build().map_err(|e| failed(e.to_string()))?;
    Ok(loaded.insert(environment).clone())
}

fn find() -> Option<PathBuf> {
    match std::env::var_os(VARIABLE).filter(|path| !path.is_empty()) {
        Some(path) => Some(path.into()),
        None => ["python3", "python"].into_iter().find_map(of_python),
    }
}

/// The library in the package of this interpreter.
fn of_python(interpreter: &str) -> Option<PathBuf> {
    let output = Command::new(interpreter).args(["-c", ASK]).output().ok().filter(|o| o.status.success())?;
    let folder = String::from_utf8(output.stdout).ok()?;
    let folder = Path::new(folder.trim_end());
    if folder.as_os_str().is_empty() {
        return None;
    }
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder.join("capi"))
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.file_name().and_then(|name| name.to_str()).is_some_and(is_library))
        .collect();
    found.sort();
    found.pop()
}

/// `libonnxruntime.so.1.32.0`, `libonnxruntime.1.32.0.dylib`, `onnxruntime.dll`; providers have longer names.
fn is_library(name: &str) -> bool {
    let rest = name.strip_prefix("lib").unwrap_or(name).strip_prefix("onnxruntime");
    rest.is_some_and(|rest| {
        rest.starts_with('.') && [".so", ".dylib", ".dll"].iter().any(|ending| rest.contains(ending))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_by_their_names() {
        for name in
            ["libonnxruntime.so.1.32.0", "libonnxruntime.so", "libonnxruntime.1.2.dylib", "onnxruntime.dll"]
        {
            assert!(is_library(name), "{name}");
        }
        for name in
            ["libonnxruntime_providers_shared.so", "onnxruntime_pybind11_state.so", "__init__.py", "x.so"]
        {
            assert!(!is_library(name), "{name}");
        }
    }
}
