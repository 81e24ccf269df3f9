//! Help, man pages and completions. The help texts are under version control in tests/help; after a
//! wanted change, `RIDGEWALK_UPDATE_HELP=1 cargo test -p ridgewalk-cli help` writes them anew.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::support::Folder;

const COMMANDS: [&str; 24] = [
    "walk",
    "fit",
    "train",
    "import",
    "sample",
    "invert",
    "bridge",
    "denoise",
    "eval",
    "survey",
    "blind",
    "reproduce",
    "reproduce log-domain-smoothing",
    "reproduce mad",
    "reproduce ridge",
    "reproduce geometry-of-noise",
    "data",
    "data info",
    "data make",
    "data convert",
    "list",
    "rerun",
    "completions",
    "man",
];

/// Help at a width that does not depend on the terminal of whoever runs the tests.
fn help(words: &str) -> String {
    let folder = Folder::new();
    let output = folder.command(&format!("{words} --help")).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "{words}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn help_texts_are_those_under_version_control() {
    let update = std::env::var_os("RIDGEWALK_UPDATE_HELP").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let mut expected = BTreeSet::new();
    for words in COMMANDS.into_iter().chain([""]) {
        let name = format!("ridgewalk {words}").trim().replace(' ', "-") + ".txt";
        let (file, text) = (folder.join(&name), help(words));
        if update {
            fs::write(&file, &text).unwrap();
        }
        let old = fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(text, old, "{name} differs: if that is wanted, set RIDGEWALK_UPDATE_HELP=1");
        expected.insert(name);
    }
    let found = fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap());
    assert_eq!(found.collect::<BTreeSet<_>>(), expected, "one file a command");
}

/// A new command that is not in [`COMMANDS`] would go untested.
#[test]
fn every_command_is_listed_here() {
    for parent in ["", "data", "reproduce"] {
        let text = help(parent);
        let section = text.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
        let listed = section.lines().filter_map(|l| l.strip_prefix("  ")).filter(|l| !l.starts_with(' '));
        for command in listed.filter_map(|l| l.split_whitespace().next()).filter(|c| *c != "help") {
            let words = format!("{parent} {command}");
            assert!(COMMANDS.contains(&words.trim()), "{words}");
        }
    }
}

#[test]
fn every_help_has_an_example() {
    for words in COMMANDS {
        let text = help(words);
        assert!(text.contains("Example"), "{words}");
        let first = format!("ridgewalk {}", words.split(' ').next().unwrap());
        let examples = text.split("Example").nth(1).unwrap();
        assert!(examples.contains(&first), "{words}: {examples}");
    }
}

/// An example that does not parse teaches nothing: each fails, if at all, for want of a file.
#[test]
fn the_examples_parse() {
    let folder = Folder::new();
    for words in COMMANDS {
        let text = help(words);
        let examples = text.split("Example").nth(1).unwrap_or_default();
        for line in examples.lines().filter_map(|l| l.trim().strip_prefix("ridgewalk ")) {
            let line = line.split(['>', '|', '<']).next().unwrap();
            // Parsed whole, and then help is shown instead of doing it.
            let run = folder.run(&format!("{line} --no-such-flag"));
            assert_eq!(run.code, Some(2), "{line}");
            assert!(run.err.contains("--no-such-flag"), "{line}: {}", run.err);
        }
    }
}

#[test]
fn every_shell_completes_every_command() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = folder.ok(&format!("completions {shell}")).out;
        for words in COMMANDS {
            let last = words.split(' ').next_back().unwrap();
            assert!(script.contains(last), "{shell}: {last}");
        }
        assert!(script.contains("hold-out"), "{shell}");
    }
    folder.refused("completions csh", &["csh", "bash", "fish", "zsh"]);
    // Bash itself finds no fault in its script.
    folder.write("script", folder.ok("completions bash").out);
    let bash = std::process::Command::new("bash").arg("-n").arg(folder.path("script")).output();
    assert!(bash.is_ok_and(|o| o.status.success()));
}

#[test]
fn every_command_has_a_man_page() {
    let folder = Folder::new();
    let page = folder.ok("man").out;
    assert!(page.contains(".TH ridgewalk 1"), "{}", &page[..200]);
    folder.ok("man -o pages");
    for words in COMMANDS {
        let page = folder.text(&format!("pages/ridgewalk-{}.1", words.replace(' ', "-")));
        assert!(page.contains(&format!("ridgewalk {words}")) || page.contains("ridgewalk\\-"), "{words}");
        let first = words.split(' ').next().unwrap();
        assert!(folder.text("pages/ridgewalk.1").contains(first), "{words}");
    }
}
