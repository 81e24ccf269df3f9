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
    folder.ok("sample two-moons:n=100 -n 40 --hold-out 0.3 -o b");
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

/// Ids and values of all findings.
fn values(folder: &Folder, name: &str) -> Vec<(Value, Value)> {
    findings(folder, name).into_iter().map(|f| (f["id"].clone(), f["value"].clone())).collect()
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
    let strip = |name: &str| values(&folder, name);
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

/// The training set is rebuilt from the run of the samples, whatever flags and seed it had: every sample of
/// the empirical model is a copy of one of its points, and the digests agree.
#[test]
fn the_training_set_of_the_sample_run_is_found_again() {
    let folder = Folder::new();
    let digits = "digits:n=400";
    for (data, flags) in [
        (digits, ""),
        (digits, "--class 3 --hold-out 0.2"),
        (digits, "--noise 1.6 --seed 5 --hold-out 0.2"),
        ("circle:n=200", "--seed 7"),
        ("sphere:n=60", "--seed 7"),
    ] {
        folder.ok(&format!("sample {data} {flags} -n 12 -o direct"));
        folder.ok(&format!("fit {data} {flags} -o m.safetensors"));
        folder.ok("sample m.safetensors -n 12 --seed 9 -o through");
        for name in ["direct", "through"] {
            let run = folder.ok(&format!("survey {name} --data {data} --resamples 20 --seed 1"));
            assert!(!run.err.contains("warning"), "{data} {flags}: {}", run.err);
            let found = findings(&folder, &format!("{name}/survey.json"));
            // Neighbours on a curve are too close together for the lowest noise level to tell them apart.
            let apart = !data.starts_with("circle");
            let copies = &find(&found, "memorised-fraction")["value"];
            assert!(!apart || *copies == 1.0, "{data} {flags} {name}: {copies}");
            let (run, survey) =
                (folder.json(&format!("{name}/run.json")), folder.json(&format!("{name}/survey-run.json")));
            let (model, training) = (&run["settings"]["model"], &survey["settings"]["training"]);
            assert_eq!(model["sha256"].as_str().unwrap().len(), 64);
            assert_eq!((&model["sha256"], &model["points"]), (&training["sha256"], &training["points"]));
            assert_eq!(model["hold_out"], training["hold_out"], "{name}");
            assert_eq!(training["matches_run"], true);
        }
    }
}

#[test]
fn columns_and_arrays_of_the_sample_run_are_found_again() {
    let folder = Folder::with("p.csv", "a,b,c,label\n1,2,9,0\n3,4,8,1\n5,7,7,1\n9,1,3,1\n2,2,4,1\n");
    folder.ok("sample p.csv --columns a,c --label-column label --class 1 -n 9 -o s");
    let run = folder.ok("survey s --data p.csv --resamples 20");
    assert!(!run.err.contains("warning"), "{}", run.err);
    assert_eq!(find(&findings(&folder, "s/survey.json"), "memorised-fraction")["value"], 1.0);
    // Tables beside the data are read by the same columns, with or without labels.
    folder.write("other.csv", "c,b,a\n9,0,1\n8,0,3\n7,0,2\n");
    folder.ok("survey s --data p.csv --held-out other.csv --clean other.csv --resamples 20 -o t");
    folder.ok("survey other.csv --data p.csv --columns a,c --resamples 20 -o u");
    folder.ok("eval p.csv --at other.csv --columns a,c --sigma 1 -o y.npy");
    assert_eq!(folder.points("y.npy").dim(), 2);
    folder.ok("fit p.csv --columns a,c -o m.safetensors");
    folder.ok("eval m.safetensors --at other.csv --columns a,c --sigma 1 -o z.npy");
    assert_eq!(folder.read("y.npy"), folder.read("z.npy"));
}

/// A flag of the survey stands above that of the run; that these are other points is said aloud.
#[test]
fn another_training_set_is_told() {
    let folder = Folder::new();
    folder.ok("sample circle:n=60 --noise 0.1 --hold-out 0.2 -n 30 -o s");
    for flags in ["--noise 0", "--hold-out 0.3", "--points 50", "--noise 0 --hold-out 0"] {
        let run = folder.ok(&format!("survey s --data circle:n=60 {flags} --resamples 20 -o t"));
        assert!(run.err.contains("warning") && run.err.contains("48 points"), "{flags}: {}", run.err);
        assert_eq!(folder.json("t/run.json")["settings"]["training"]["matches_run"], false);
        assert!(folder.text("t/report.html").contains("are not the 48 points"), "{flags}");
    }
    let run = folder.ok("survey s --data circle:n=61 --resamples 20 -o t");
    assert!(run.err.contains("warning"), "{}", run.err);
    assert!(!folder.ok("survey s --data circle:n=60 --resamples 20 -o t").err.contains("warning"));
}

#[test]
fn groups_of_different_training_sets_are_refused() {
    let folder = Folder::new();
    folder.ok("sample sphere:n=60 -n 30 --seed 5 -o a");
    folder.ok("sample sphere:n=60 -n 30 --seed 7 -o b");
    folder.ok("sample sphere:n=60 -n 30 --seed 5 --hold-out 0.2 -o c");
    for other in ["b", "c"] {
        let words = format!("survey a {other} --data sphere:n=60 --resamples 20 -o both");
        folder.refused(&words, &["a and ", other, "different training sets", "one by one"]);
    }
    // Seeds that move no point make no difference.
    folder.ok("sample sphere:n=60,seed=5 -n 30 --seed 8 -o d");
    folder.ok("fit sphere:n=60 --seed 5 -o m.safetensors");
    folder.ok("sample m.safetensors -n 30 --seed 6 -o e");
    folder.ok("survey a d e --data sphere:n=60 --resamples 20 -o both");
}

/// The file that run.json names is surveyed, whatever else lies there; one that was changed is told.
#[test]
fn the_recorded_samples_are_read() {
    let folder = Folder::new();
    folder.ok("sample circle:n=30 -n 9 -o out");
    folder.ok("sample two-moons:n=30 -n 9 --format csv -o out");
    assert!(!folder.path("out/samples.npy").exists(), "samples of another run");
    folder.ok("data make circle --points 9 -o out/samples.npy");
    let run = folder.ok("survey out --data two-moons:n=30 --resamples 20");
    assert!(!run.err.contains("warning"), "{}", run.err);
    assert_eq!(find(&findings(&folder, "out/survey.json"), "memorised-fraction")["value"], 1.0);
    folder.ok("data make circle --points 9 -o out/samples.csv");
    let run = folder.ok("survey out --data two-moons:n=30 --resamples 20");
    assert!(run.err.contains("warning") && run.err.contains("samples.csv"), "{}", run.err);
}

/// A run.json of someone else stays.
#[test]
fn a_foreign_record_is_kept() {
    let folder = Folder::with("mine/run.json", "{\"mine\": 1}");
    folder.ok("sample circle:n=30 -n 9 -o s");
    folder.ok("survey s/samples.npy --data circle:n=30 --resamples 20 -o mine");
    assert_eq!(folder.text("mine/run.json"), "{\"mine\": 1}");
    assert_eq!(folder.json("mine/survey-run.json")["command"][0], "survey");
    // Its own record is replaced.
    folder.ok("survey s/samples.npy --data circle:n=30 --resamples 20 -o own");
    folder.ok("survey s/samples.npy --data circle:n=30 --resamples 21 -o own");
    assert_eq!(folder.json("own/run.json")["settings"]["resamples"], 21);
    assert!(!folder.path("own/survey-run.json").exists());
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
