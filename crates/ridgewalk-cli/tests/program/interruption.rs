//! Signals: Ctrl-C ends at once with nothing half-written; a killed process leaves old files or new ones.
#![cfg(unix)]

use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::support::{Folder, everything, unfinished};

fn start(folder: &Folder, words: &str) -> Child {
    folder.command(words).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

/// What a process that was told to stop left behind; one that does not stop is killed, and its exit code
/// fails the test.
fn ended(child: Child) -> Output {
    let id = child.id().to_string();
    let (done, watch) = std::sync::mpsc::channel::<()>();
    let watchdog = std::thread::spawn(move || {
        if watch.recv_timeout(Duration::from_secs(60)) == Err(RecvTimeoutError::Timeout) {
            Command::new("kill").args(["-KILL", &id]).status().ok();
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(done);
    watchdog.join().unwrap();
    output
}

/// A sample that would take minutes.
const LONG: &str = "sample digits -n 100000 --steps 1000 -o out";

#[test]
fn ctrl_c_in_the_middle_of_sampling() {
    let folder = Folder::new();
    for name in ["-INT", "-TERM"] {
        folder.ok("sample circle:n=9 -n 2 -o out");
        let before = folder.everything();
        let child = start(&folder, LONG);
        std::thread::sleep(Duration::from_millis(700));
        signal(&child, name);
        let output = ended(child);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{message}");
        assert!(message.contains("stopped"), "{message}");
        assert_eq!(folder.everything(), before);
    }
}

/// A run that is done again leaves the first one as it was, and nothing beside it.
#[test]
fn ctrl_c_in_the_middle_of_a_rerun() {
    let folder = Folder::new();
    folder.ok("sample circle:n=9 -n 2 -o out");
    let command: Vec<String> = LONG.split(' ').map(|word| format!("\"{word}\"")).collect();
    let record = format!(
        "{{\"ridgewalk\": \"0\", \"command\": [{}], \"settings\": 0, \"inputs\": [], \"outputs\": []}}",
        command.join(", ")
    );
    folder.write("out/run.json", record);
    let before = folder.everything();
    let child = start(&folder, "rerun out/run.json");
    std::thread::sleep(Duration::from_millis(700));
    signal(&child, "-INT");
    assert_eq!(ended(child).status.code(), Some(130));
    assert_eq!(folder.everything(), before);
}

/// A folder that cannot be written is told before the work: this one would take minutes.
#[test]
fn a_folder_that_cannot_be_written_is_told_first() {
    let folder = Folder::new();
    let child = start(&folder, &LONG.replace("-o out", "-o /proc/none/deeper"));
    let output = ended(child);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{message}");
    assert!(message.contains("/proc/none/deeper"), "{message}");
}

/// Where stderr is closed the message is lost, and the end comes all the same.
#[test]
fn ctrl_c_with_no_one_to_tell() {
    let folder = Folder::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut child = folder.command(LONG).stdout(Stdio::null()).stderr(writer).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(folder.everything().is_empty());
}

/// Ctrl-C at any moment of writing: no temporary file stays, the old file or the new one stands.
#[test]
fn ctrl_c_while_writing() {
    let folder = Folder::new();
    let [old, new] = two_sets(&folder);
    folder.write("y.csv", &old);
    for moment in 0..12 {
        let child = start(&folder, "data convert new.npy y.csv");
        std::thread::sleep(Duration::from_millis(4 + 9 * moment));
        signal(&child, "-INT");
        let output = child.wait_with_output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        // Before the handler stands the signal itself ends the process.
        assert!(matches!(code, Some(0 | 130)) || output.status.signal() == Some(2), "{code:?} {message}");
        assert!(!message.contains("error") && !message.contains("panicked"), "{message}");
        assert!(unfinished(folder.root()).is_empty(), "at moment {moment}");
        let now = folder.read("y.csv");
        assert!(now == old || now == new, "at moment {moment}");
        folder.write("y.csv", &old);
    }
}

/// Points in old.npy and new.npy; their bytes as CSV.
fn two_sets(folder: &Folder) -> [Vec<u8>; 2] {
    ["old", "new"].map(|name| {
        let seed = name.len() + usize::from(name == "new");
        folder.ok(&format!("data make swiss-roll --points 20000 --dim 9 --seed {seed} -o {name}.npy"));
        folder.ok(&format!("data convert {name}.npy {name}.csv"));
        folder.read(&format!("{name}.csv"))
    })
}

#[test]
fn a_killed_process_leaves_the_old_or_the_new() {
    let folder = Folder::new();
    two_sets(&folder);
    let works = [
        ("data convert SET.npy y.csv", "y.csv"),
        ("fit SET.npy -o y.safetensors", "y.safetensors"),
        ("sample SET.npy --kde 1 -n 20000 -o y", "y/samples.npy"),
    ];
    for (words, output) in works {
        let [old, new] = ["old", "new"].map(|set| {
            let started = Instant::now();
            folder.ok(&words.replace("SET", set));
            let record = folder.path("y/run.json").exists().then(|| folder.read("y/run.json"));
            (folder.read(output), started.elapsed(), record)
        });
        assert_ne!(old.0, new.0);
        for part in 0..8 {
            folder.write(output, &old.0);
            if let Some(record) = &old.2 {
                folder.write("y/run.json", record);
            }
            let mut child = start(&folder, &words.replace("SET", "new"));
            std::thread::sleep(new.1 * (2 * part + 1) / 14);
            child.kill().unwrap();
            child.wait().unwrap();
            let now = folder.read(output);
            assert!(now == old.0 || now == new.0, "{words} at part {part}");
            // A record stands only beside the samples that it describes.
            if folder.path("y/run.json").exists() && output == "y/samples.npy" {
                assert!(now == new.0 || !folder.text("y/run.json").contains("new.npy"), "part {part}");
            }
        }
    }
    // What a killed process left is named as such, and nothing else is there.
    let known = ["old", "new", "y"];
    for path in everything(folder.root()).into_keys() {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let stem = name.split('.').next().unwrap();
        let ours = known.contains(&stem) || ["samples", "run"].contains(&stem);
        assert!(ours || name.ends_with(".ridgewalk-tmp"), "{name}");
    }
}
