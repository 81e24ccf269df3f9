//! Files that are whole or absent: written under a temporary name in the same folder, synced,
//! renamed, and the folder synced. A crash at any moment leaves the old file or the new one.
//!
//! Temporary files are called `.NAME.XXXXXX.ridgewalk-tmp`; one is removed when writing fails.
//! Those of a killed process are found by that name: [`remove_stale`].

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::error::{Error, Result};

/// How every temporary file's name ends.
const SUFFIX: &str = ".ridgewalk-tmp";

/// Age at which a temporary file counts as left behind: no single file takes a day to write.
pub const STALE_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// Longest part of the target's name that a temporary name repeats: names end at 255 bytes.
const LONGEST_STEM: usize = 100;

/// Temporary files of this process that are being written.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a temporary file for as long as it may be left behind.
struct Noted(PathBuf);

impl Drop for Noted {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
    }
}

/// Removes the temporary files that this process is writing: for a handler that ends the process.
///
/// From then on every [`write_atomically`] waits for that end, where it begins, finishes or fails: no new
/// temporary file appears, and no thread reports as an error that its file was taken away.
pub fn remove_unfinished() {
    let unfinished = unfinished();
    for path in unfinished.iter() {
        fs::remove_file(path).ok();
    }
    std::mem::forget(unfinished);
}

/// Writes `path` through `write`, atomically, with the permissions that a new file gets (those of
/// the old file if there is one). A symbolic link is followed: its target is replaced.
/// Temporary files in the folder that are older than [`STALE_AFTER`] are removed on the way.
///
/// # Errors
/// If the folder does not exist, or what `write` or the operating system reports; the message
/// names `path`. The temporary file is gone then, and the old file is as it was.
///
/// # Examples
/// ```
/// use std::io::Write;
///
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("run.json");
/// ridgewalk_data::atomic::write_atomically(&path, |writer| writer.write_all(b"{}")).unwrap();
/// assert_eq!(std::fs::read(&path).unwrap(), b"{}");
/// ```
pub fn write_atomically<T>(path: &Path, write: impl FnOnce(&mut Output) -> io::Result<T>) -> Result<T> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let name = target.file_name().map(|n| n.to_string_lossy().into_owned()).ok_or_else(|| {
        Error::argument("is not the name of a file", "give the path of a file").at_path(path)
    })?;
    let old = fs::metadata(&target).ok();
    // A rename would put a plain file in the place of a device such as /dev/null.
    if old.as_ref().is_some_and(|m| !m.is_file()) {
        return Err(Error::argument("is not a regular file", "give the path of a file").at_path(path));
    }
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    };
    let failed = |e| Error::io(path, "write", e);
    remove_stale(&folder, STALE_AFTER).ok();
    let stem: String = name.chars().take(LONGEST_STEM / 4).collect();
    // Made and noted under one lock: `remove_unfinished` finds every file that there is.
    let mut noted = unfinished();
    let temporary = tempfile::Builder::new()
        .prefix(&format!(".{stem}."))
        .suffix(SUFFIX)
        .rand_bytes(8)
        // `File::create` honours the umask, where tempfile's own way is always 0600.
        .make_in(&folder, |p| File::options().write(true).read(true).create_new(true).open(p))
        .map_err(failed)?;
    noted.insert(temporary.path().to_path_buf());
    let _noted = Noted(temporary.path().to_path_buf());
    drop(noted);
    if let Some(old) = old {
        temporary.as_file().set_permissions(old.permissions()).map_err(failed)?;
    }
    let mut output = Output { inner: BufWriter::with_capacity(1 << 16, temporary) };
    let result = write(&mut output).map_err(failed)?;
    let temporary = output.inner.into_inner().map_err(|e| failed(e.into_error()))?;
    temporary.as_file().sync_all().map_err(failed)?;
    temporary.persist(&target).map_err(|e| failed(e.error))?;
    // Not every file system can sync a folder; the file itself is safe already.
    File::open(&folder).and_then(|f| f.sync_all()).ok();
    Ok(result)
}

/// The file under its temporary name, buffered; seekable, for formats that patch their header.
#[derive(Debug)]
pub struct Output {
    inner: BufWriter<tempfile::NamedTempFile>,
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl io::Seek for Output {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Removes temporary files of this crate in `folder` that were last written more than `age` ago,
/// and returns their paths. Files that vanish meanwhile are no error.
///
/// # Errors
/// If the folder cannot be read, or a stale file cannot be removed.
pub fn remove_stale(folder: &Path, age: Duration) -> Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let now = SystemTime::now();
    for entry in fs::read_dir(folder).map_err(|e| Error::io(folder, "list", e))? {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|n| n.starts_with('.') && n.ends_with(SUFFIX));
        let Ok(metadata) = entry.metadata() else { continue };
        let old = metadata.modified().is_ok_and(|m| now.duration_since(m).is_ok_and(|a| a >= age));
        if ours && old && metadata.is_file() {
            match fs::remove_file(entry.path()) {
                Ok(()) => removed.push(entry.path()),
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&entry.path(), "remove", e)),
            }
        }
    }
    removed.sort();
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_failure_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        write_atomically(&path, |w| w.write_all(b"old")).unwrap();
        let error = write_atomically(&path, |w| {
            w.write_all(b"new")?;
            Err::<(), _>(io::ErrorKind::StorageFull.into())
        })
        .unwrap_err();
        assert_eq!(error.path.as_deref(), Some(path.as_path()));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["x"]);
    }

    #[test]
    fn while_writing_the_old_file_stands_and_the_new_name_is_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        fs::write(&path, b"old").unwrap();
        write_atomically(&path, |w| {
            w.write_all(b"new")?;
            assert_eq!(fs::read(&path)?, b"old");
            let name = &names(folder.path())[0];
            assert!(name.starts_with(".x.") && name.ends_with(".ridgewalk-tmp"), "{name}");
            Ok(())
        })
        .unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn a_panic_of_the_caller_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        let caught = std::panic::catch_unwind(|| {
            write_atomically(&path, |_| -> io::Result<()> { panic!("the caller's own") })
        });
        assert!(caught.is_err());
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn stale_files_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in [".x.abc.ridgewalk-tmp", ".y.def.ridgewalk-tmp", "z.ridgewalk-tmp", ".other"] {
            let file = File::create(folder.path().join(name)).unwrap();
            if name != ".y.def.ridgewalk-tmp" {
                file.set_modified(SystemTime::now() - 2 * STALE_AFTER).unwrap();
            }
        }
        let removed = remove_stale(folder.path(), STALE_AFTER).unwrap();
        assert_eq!(removed, [folder.path().join(".x.abc.ridgewalk-tmp")]);
        assert_eq!(names(folder.path()), [".other", ".y.def.ridgewalk-tmp", "z.ridgewalk-tmp"]);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let error = write_atomically(Path::new("no/such/folder/x"), |_| Ok(())).unwrap_err();
        assert!(error.to_string().starts_with("no/such/folder/x: cannot write"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ours, plain) = (folder.path().join("ours"), folder.path().join("plain"));
        write_atomically(&ours, |_| Ok(())).unwrap();
        File::create(&plain).unwrap();
        let mode = |p: &Path| fs::metadata(p).unwrap().permissions().mode();
        assert_eq!(mode(&ours), mode(&plain));
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o640)).unwrap();
        write_atomically(&ours, |_| Ok(())).unwrap();
        assert_eq!(mode(&ours) & 0o777, 0o640);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn devices_and_folders_are_not_replaced() {
        for path in ["/dev/full", "/tmp"] {
            let error = write_atomically(Path::new(path), |w| w.write_all(b"x")).unwrap_err();
            assert!(error.to_string().contains("not a regular file"), "{error}");
        }
    }
}
