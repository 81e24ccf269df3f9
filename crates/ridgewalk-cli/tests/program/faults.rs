//! Faults of the machine: a full disk, a closed pipe, no home.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::{Folder, Run, everything, unfinished};

/// A small file system of its own, unmounted at the end.
struct Disk(PathBuf);

impl Disk {
    /// None where mounting is not allowed; the reason goes to stderr.
    fn mount(folder: &Folder, kib: usize) -> Option<Disk> {
        let at = folder.path("disk");
        fs::create_dir(&at).unwrap();
        let options = format!("size={kib}k");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "none"]).arg(&at).output();
        match mount {
            Ok(output) if output.status.success() => Some(Disk(at)),
            Ok(output) => {
                eprintln!("skipped: {}", String::from_utf8_lossy(&output.stderr));
                None
            }
            Err(e) => {
                eprintln!("skipped: mount cannot be run ({e})");
                None
            }
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        Command::new("umount").arg(&self.0).output().ok();
    }
}

#[test]
fn a_full_disk_leaves_the_old_files() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, 64) else { return };
    folder.ok("sample circle:n=500 -n 9 -o disk/out");
    let old = folder.read("disk/out/samples.npy");
    folder.ok("data convert circle:n=9 disk/a.npy");
    let converted = folder.read("disk/a.npy");
    folder.ok("sample digits:n=300 -n 99 -o samples");
    for (words, name) in [
        ("fit digits -o disk/m.safetensors", "disk/m.safetensors"),
        ("sample digits:n=99 -n 300 --steps 4 -o disk/out", "disk/out/samples.npy"),
        ("data convert digits disk/a.npy", "disk/a.npy"),
        ("data convert digits disk/b.csv", "disk/b.csv"),
        ("data convert digits disk/c.npz", "disk/c.npz"),
        ("data convert digits disk/d.parquet", "disk/d.parquet"),
        ("data convert digits disk/e.png", "disk/e.png"),
        ("eval digits --at digits --sigma 1 -o disk/f.npy", "disk/f.npy"),
        ("survey samples --data digits:n=300 --resamples 9 -o disk/s", "disk/s/"),
    ] {
        let run = folder.run(words);
        run.is_refusal(words, &[name, "free some space"]);
        assert!(unfinished(&disk.0).is_empty(), "{words}: {:?}", unfinished(&disk.0));
    }
    assert_eq!((folder.read("disk/out/samples.npy"), folder.read("disk/a.npy")), (old, converted));
    let files = everything(&disk.0);
    for name in ["m.safetensors", "b.csv", "c.npz", "d.parquet", "e.png", "f.npy"] {
        assert!(!files.contains_key(&disk.0.join(name)), "{name} is partial");
    }
    for name in ["run.json", "survey.json", "report.html"] {
        assert!(!files.contains_key(&disk.0.join("s").join(name)), "{name} beside missing files");
    }
}

/// No room at all, not even for a folder's name.
#[test]
fn a_disk_without_room_for_a_name() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(&folder, 4) else { return };
    fs::write(disk.0.join("filler"), vec![0; 1 << 20]).ok();
    for words in ["sample circle:n=50 -n 9 -o disk/out", "fit circle:n=50 -o disk/m.safetensors"] {
        folder.run(words).is_refusal(words, &["disk/", "free some space"]);
        assert!(unfinished(&disk.0).is_empty());
    }
}

/// /dev/full takes no byte: results for programs are lost, and the exit code says so.
#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let folder = Folder::new();
    for words in ["data info circle --json", "completions bash", "man", "sample circle:n=9 -n 2 --json -o s"]
    {
        let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = folder.command(words).stdout(full).output().unwrap();
        Run::of(words, &output).is_refusal(words, &["standard output"]);
    }
}

/// As `ridgewalk … | head -0`: whoever reads has gone, which is no error of ours.
#[test]
fn a_closed_pipe_is_no_panic() {
    let folder = Folder::new();
    folder.ok("sample circle:n=30 -n 9 -o s");
    for words in [
        "--help",
        "sample --help",
        "man",
        "completions zsh",
        "data info circle",
        "data info circle --json",
        "sample circle:n=30 -n 9 --json -o s",
        "survey s --data circle:n=30 --resamples 9 --json",
        "fit circle:n=30 --json -o m.safetensors",
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = folder.command(words).stdout(writer).output().unwrap();
        let run = Run::of(words, &output);
        assert!(run.code == Some(0) && !run.err.contains("error"), "{words}: {:?} {}", run.code, run.err);
    }
    // stderr closed: progress goes nowhere, the work is done all the same.
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    fs::remove_file(folder.path("s/samples.npy")).unwrap();
    let status = folder.command("sample circle:n=30 -n 9 -o s").stderr(writer).stdout(Stdio::null()).status();
    assert!(status.unwrap().success() && folder.path("s/samples.npy").exists());
}

#[test]
fn no_home_and_no_environment() {
    let folder = Folder::new();
    for words in ["sample circle:n=30 -n 9 -o s", "survey s --data circle:n=30 --resamples 9", "--help"] {
        let output = folder.command(words).env_clear().output().unwrap();
        assert_eq!(Run::of(words, &output).code, Some(0), "{words}");
    }
    let output = folder.command("sample circle:n=30 -n 9 -o t").env("HOME", "/nonexistent").output().unwrap();
    assert!(output.status.success());
    assert_eq!(folder.read("s/samples.npy"), folder.read("t/samples.npy"));
}
