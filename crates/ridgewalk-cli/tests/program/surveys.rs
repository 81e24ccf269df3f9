//! `survey`: what a program that reads survey.json may rely on, and findings that are known beforehand.

use serde_json::Value;

use crate::support::Folder;

fn findings(folder: &Folder, name: &str) -> Vec<Value> {
    folder.json(name).as_array().unwrap().clone()
}

fn find<'a>(findings: &'a [Value], id: &str) -> &'a Value {
    findings.iter().find(|f| f["id"] == id).unwrap_or_else(|| {
        panic!("no {id} among {:?}", findings.iter().map(|f| &f["id"]).collect::<Vec<_>>())
    })
}

#[test]
fn every_finding_has_all_keys() {
    let folder = Folder::new();
    folder.ok("sample two-moons:n=100 --smooth 0.1 --smooth-draws 8 -n 40 --hold-out 0.3 -o a");
    folder.ok("sample two-moons:n=100 -n 40 -o b");
    for (words, name) in [
        ("survey a --data two-moons:n=100 --resamples 20", "a/survey.json"),
        (
            "survey a b --data two-moons:n=100 --clean two-moons:n=100 --resamples 20 -o both",
            "both/survey.json",
        ),
    ] {
        folder.ok(words);
        let findings = findings(&folder, name);
        assert!(!findings.is_empty());
        for finding in &findings {
            let object = finding.as_object().unwrap();
            for key in ["id", "statement", "value", "interval", "n", "settings", "expectation", "holds"] {
                assert!(object.contains_key(key), "{} has no {key}", finding["id"]);
            }
            assert!(finding["value"].is_number(), "{finding}");
            assert!(finding["n"].as_u64().is_some_and(|n| n > 0), "{finding}");
            assert!(finding["statement"].as_str().is_some_and(|s| s.ends_with('.')), "{finding}");
            assert_eq!(finding["expectation"].is_null(), finding["holds"].is_null(), "{finding}");
        }
    }
    let ids = findings(&folder, "both/survey.json");
    for group in ["a-", "b-"] {
        assert!(ids.iter().any(|f| f["id"].as_str().unwrap().starts_with(group)), "{group}");
    }
    assert!(folder.text("both/report.html").contains("</html>"));
}

/// The empirical model gives training points back: all are copies. Points far away: none is.
#[test]
fn copies_are_found_and_others_are_not() {
    let folder = Folder::new();
    folder.ok("sample sphere:n=60 -n 30 -o copies");
    folder.ok("survey copies --data sphere:n=60 --resamples 20");
    let found = findings(&folder, "copies/survey.json");
    assert_eq!(find(&found, "memorised-fraction")["value"], 1.0);
    folder.ok("data make sphere --points 30 --seed 9 --noise 0.5 -o new.npy");
    folder.ok("survey new.npy --data sphere:n=60 --resamples 20 -o new");
    let found = findings(&folder, "new/survey.json");
    assert!(find(&found, "memorised-fraction")["value"].as_f64().unwrap() < 0.5);
}

/// What a sample run held out is held out of its survey, without a word: the same findings as with the
/// flags given, and other ones than with another split.
#[test]
fn the_split_of_the_sample_run_is_found_again() {
    let folder = Folder::new();
    folder.ok("sample torus:n=120 --smooth 0.1 --smooth-draws 8 -n 30 --hold-out 0.25 --seed 4 -o s");
    folder.ok("survey s --data torus:n=120 --resamples 20 --seed 4 -o own");
    folder
        .ok("survey s/samples.npy --data torus:n=120,seed=4 --resamples 20 --seed 4 --hold-out 0.25 -o told");
    let strip = |name: &str| -> Vec<(Value, Value)> {
        findings(&folder, name).into_iter().map(|f| (f["id"].clone(), f["value"].clone())).collect()
    };
    assert_eq!(strip("own/survey.json"), strip("told/survey.json"));
    folder.ok("survey s/samples.npy --data torus:n=120,seed=4 --resamples 20 --seed 4 -o none");
    assert_ne!(strip("own/survey.json"), strip("none/survey.json"));
    // The survey's own seed moves what it draws itself, not the split: distances to both parts stay.
    folder.ok("survey s --data torus:n=120 --resamples 20 --seed 1 -o seeded");
    let distances = |name: &str| -> Vec<(Value, Value)> {
        strip(name).into_iter().filter(|(id, _)| id.as_str().unwrap().starts_with("nearest-")).collect()
    };
    assert_eq!(distances("own/survey.json"), distances("seeded/survey.json"));
    // Through a model file too.
    folder.ok("fit torus:n=120 --hold-out 0.25 --seed 4 -o m.safetensors");
    folder.ok("sample m.safetensors --smooth 0.1 --smooth-draws 8 -n 30 --seed 4 -o t");
    folder.ok("survey t --data torus:n=120 --resamples 20 --seed 4 -o through");
    assert_eq!(strip("own/survey.json"), strip("through/survey.json"));
}

/// The points of a name depend on --seed: a survey with its own seed still takes the points that the
/// model had, and every sample of the empirical model is a copy of one.
#[test]
fn the_points_of_the_sample_run_are_found_again() {
    let folder = Folder::new();
    folder.ok("sample sphere:n=60 -n 30 --seed 5 -o s");
    folder.ok("fit sphere:n=60 --seed 5 -o m.safetensors");
    // What a run says of data is not used where a model file is given.
    folder.ok("sample m.safetensors -n 30 --seed 6 --hold-out 0.5 -o t");
    for name in ["s", "t"] {
        folder.ok(&format!("survey {name} --data sphere:n=60 --resamples 20 --seed 1"));
        let found = findings(&folder, &format!("{name}/survey.json"));
        assert_eq!(find(&found, "memorised-fraction")["value"], 1.0, "{name}");
    }
    let note = folder.ok("survey t s --data sphere:n=60 --resamples 20 -o both").err;
    assert!(!note.contains("different --seed"), "both saw the same points: {note}");
    folder.ok("sample sphere:n=60 -n 30 --seed 7 -o u");
    let note = folder.ok("survey s u --data sphere:n=60 --resamples 20 -o both").err;
    assert!(note.contains("different --seed"), "{note}");
}

#[test]
fn samples_of_another_shape_are_refused() {
    let folder = Folder::with("x.csv", "1,2,3\n4,5,6\n");
    folder.refused("survey x.csv --data circle:n=20 -o s", &["3", "2", "x"]);
    folder.refused("survey x.csv --data digits -o s", &["x"]);
    folder.refused("survey x.csv --data x.csv --held-out circle:n=20 -o s", &["held"]);
    folder.refused("survey x.csv --data x.csv --clean circle:n=20 -o s", &["clean"]);
    folder.write("empty/run.json", "{}");
    folder.refused("survey empty --data circle:n=20 -o s", &["empty", "samples.npy", "give a folder"]);
    folder.refused("survey absent.npy --data circle:n=20 -o s", &["absent.npy", "neither a file nor a name"]);
    folder.refused("survey x.csv x.csv --data x.csv -o s", &["'x'", "two groups"]);
}
