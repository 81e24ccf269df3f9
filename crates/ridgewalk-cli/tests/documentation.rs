//! The commands in README and docs/ run as they stand there.

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The lines that begin with `ridgewalk ` in console blocks of a page.
fn commands(page: &str) -> Vec<Vec<String>> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let Some(rest) = line.strip_prefix("ridgewalk ").filter(|_| inside) {
            found.push(rest.split_whitespace().map(String::from).collect());
        }
    }
    found
}

#[test]
fn every_documented_command_runs() {
    let mut pages = vec![root().join("README.md")];
    pages.extend(std::fs::read_dir(root().join("docs")).unwrap().map(|e| e.unwrap().path()));
    let mut count = 0;
    for page in pages.iter().filter(|p| p.extension().is_some_and(|e| e == "md")) {
        let folder = tempfile::tempdir().unwrap();
        for arguments in commands(&std::fs::read_to_string(page).unwrap()) {
            let output = Command::new(env!("CARGO_BIN_EXE_ridgewalk"))
                .args(&arguments)
                .current_dir(folder.path())
                .output()
                .unwrap();
            assert!(
                output.status.success(),
                "{}: ridgewalk {}\n{}",
                page.display(),
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
            count += 1;
        }
    }
    assert!(count > 20, "only {count} commands were found: has the form of the pages changed?");
}

/// Links between the pages lead somewhere.
#[test]
fn relative_links_exist() {
    for page in ["README.md", "docs/README.md", "CONTRIBUTING.md"] {
        let path = root().join(page);
        let text = std::fs::read_to_string(&path).unwrap();
        for part in text.split("](").skip(1) {
            let target = part.split(')').next().unwrap();
            if !target.starts_with("http") {
                assert!(path.parent().unwrap().join(target).exists(), "{page}: {target}");
            }
        }
    }
}
