//! run.json and `rerun`: the same bytes again, and a word where that cannot be.

use std::fs;

use crate::support::{Folder, npy_f64};

fn sampled() -> Folder {
    let folder = Folder::with("p.csv", "0,0\n10,1\n-3,8\n");
    folder.ok("sample p.csv --model gaussian -n 20 --seed 8 -o out");
    folder
}

#[test]
fn a_run_is_done_again_in_place_and_elsewhere() {
    let folder = sampled();
    let (samples, record) = (folder.read("out/samples.npy"), folder.read("out/run.json"));
    fs::remove_file(folder.path("out/samples.npy")).unwrap();
    assert!(folder.ok("rerun out/run.json").err.contains("the same bytes again"));
    assert_eq!((folder.read("out/samples.npy"), folder.read("out/run.json")), (samples.clone(), record));
    folder.ok("rerun out/run.json -o new/deep");
    assert_eq!(folder.read("new/deep/samples.npy"), samples);
    // A record that was moved is done again beside itself.
    folder.write("moved/run.json", folder.read("out/run.json"));
    folder.ok("rerun moved/run.json");
    assert_eq!(folder.read("moved/samples.npy"), samples);
}

/// Another result is told, and the first one stands.
#[test]
fn a_run_that_differs_leaves_the_first() {
    let folder = sampled();
    let record = folder.text("out/run.json");
    let digest = folder.json("out/run.json")["outputs"][0]["sha256"].as_str().unwrap().to_string();
    folder.write("out/run.json", record.replace(&digest, &"0".repeat(64)));
    folder.refused("rerun out/run.json", &["samples.npy", "differ", "kept", "--output"]);
    folder.run("rerun out/run.json -o new").is_refusal("-o new", &["samples.npy", "differ"]);
    assert_eq!(folder.read("new/samples.npy"), folder.read("out/samples.npy"));
}

/// All images of a folder are inputs, and so are labels that are found beside a file of images.
#[test]
fn changed_files_beside_the_data_are_told() {
    let folder = Folder::new();
    for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
        let values: Vec<f64> = (0..12).map(|v| (v * (i + 2) * 37 % 256) as f64).collect();
        folder.write("one.npy", npy_f64("(1, 3, 4)", &values));
        folder.ok(&format!("data convert one.npy {name}.png"));
        folder.write(&format!("images/{name}.png"), folder.read(&format!("{name}.png")));
    }
    folder.ok("sample images -n 4 --steps 4 -o out");
    folder.ok("rerun out/run.json -o same");
    folder.write("images/b.png", folder.read("c.png"));
    folder.refused("rerun out/run.json -o new", &["images", "not the file"]);
    let idx = |axes: &[u8], values: &[u8]| {
        let mut bytes = vec![0, 0, 8, axes.len() as u8];
        axes.iter().for_each(|a| bytes.extend([0, 0, 0, *a]));
        [bytes.as_slice(), values].concat()
    };
    folder.write("train-images-idx3-ubyte", idx(&[3, 1, 2], &[0, 1, 2, 3, 9, 5]));
    folder.write("train-labels-idx1-ubyte", idx(&[3], &[0, 1, 1]));
    folder.ok("sample train-images-idx3-ubyte --class 1 -n 4 -o mnist");
    folder.write("train-labels-idx1-ubyte", idx(&[3], &[1, 1, 0]));
    folder.refused("rerun mnist/run.json -o new", &["train-labels-idx1-ubyte", "not the file"]);
}

#[test]
fn a_record_in_the_current_folder() {
    let folder = Folder::new();
    folder.ok("sample circle:n=20 -n 5 -o .");
    let samples = folder.read("samples.npy");
    folder.ok("rerun run.json");
    assert_eq!(folder.read("samples.npy"), samples);
}

#[test]
fn a_changed_input_is_told() {
    let folder = sampled();
    folder.write("p.csv", "0,0\n10,1\n-3,9\n");
    folder.refused("rerun out/run.json -o new", &["p.csv", "not the file", "restore it"]);
    fs::remove_file(folder.path("p.csv")).unwrap();
    folder.refused("rerun out/run.json -o new", &["p.csv", "missing"]);
}

/// Labels choose the points (--class), so they are an input like the data.
#[test]
fn changed_labels_are_told() {
    let folder = Folder::with("p.csv", "0,0\n10,1\n-3,8\n");
    folder.write("labels.txt", "0\n1\n1\n");
    folder.ok("sample p.csv --labels labels.txt --class 1 -n 4 -o out");
    folder.write("labels.txt", "1\n1\n0\n");
    folder.refused("rerun out/run.json -o new", &["labels.txt"]);
}

#[test]
fn a_survey_beside_its_samples_is_done_again() {
    let folder = sampled();
    folder.ok("survey out --data p.csv --resamples 20");
    let first = folder.read("out/survey.json");
    assert!(folder.ok("rerun out/survey-run.json").err.contains("the same bytes again"));
    assert_eq!(folder.read("out/survey.json"), first);
    folder.ok("rerun out/survey-run.json -o new");
    assert_eq!(folder.read("new/survey.json"), first);
}

#[test]
fn a_record_holds_what_was_run() {
    let folder = sampled();
    let record = folder.json("out/run.json");
    assert_eq!(record["command"][0], "sample");
    assert_eq!(record["inputs"][0]["path"], "p.csv");
    assert_eq!(record["outputs"][0]["path"], "samples.npy");
    assert_eq!(record["settings"]["seed"], 8);
    assert_eq!(record["settings"]["sigmas"].as_array().unwrap().len(), 18);
    assert!(record["ridgewalk"].is_string());
}

/// All that was chosen for smoothing, by flags or by default.
#[test]
fn a_record_holds_how_the_score_was_smoothed() {
    let folder = Folder::new();
    let data = "sample swiss-roll:n=40,dim=50 -n 3 --steps 4 --smooth 0.5";
    folder.ok(&format!("{data} -o a"));
    let smooth = folder.json("a/run.json")["settings"]["smooth"].clone();
    let kernel = serde_json::json!({ "kind": "isotropic", "coordinates": 3 });
    assert_eq!((&smooth["scale"], &smooth["kernel"]), (&0.5.into(), &kernel));
    assert_eq!((&smooth["estimator"], &smooth["draws"]), (&"antithetic".into(), &64.into()));
    assert!(smooth["tolerance"].is_null() && smooth["below"].is_null());
    folder.ok(&format!("{data} --smooth-kernel manifold:2 --smooth-estimator qmc --smooth-below 2 -o b"));
    let smooth = folder.json("b/run.json")["settings"]["smooth"].clone();
    let kernel = serde_json::json!({ "kind": "manifold", "dimension": 2, "neighbours": 20, "spread": false });
    assert_eq!((&smooth["below"], &smooth["kernel"]), (&2.0.into(), &kernel));
    assert_eq!(smooth["estimator"], "qmc");
    folder.ok("sample swiss-roll:n=40,dim=50 -n 3 --steps 4 --smooth auto --smooth-kernel manifold:2 -o c");
    let smooth = folder.json("c/run.json")["settings"]["smooth"].clone();
    let curve = smooth["choice"]["curve"].as_array().unwrap().clone();
    let scales: Vec<f64> = curve.iter().map(|p| p["scale"].as_f64().unwrap()).collect();
    let scale = smooth["scale"].as_f64().unwrap();
    assert!(smooth["choice"]["scale"] == scale && scale >= scales[0] && scale <= scales[scales.len() - 1]);
    folder.ok("rerun b/run.json -o again");
    assert_eq!(folder.read("again/samples.npy"), folder.read("b/samples.npy"));
}

#[test]
fn json_goes_to_stdout_alone() {
    let folder = Folder::new();
    for words in [
        "sample circle:n=20 -n 5 --json -o s",
        "fit circle:n=20 --json -o m.safetensors",
        "survey s --data circle:n=20 --resamples 20 --json",
        "data info circle --json",
    ] {
        let run = folder.ok(words);
        serde_json::from_str::<serde_json::Value>(&run.out).unwrap_or_else(|e| panic!("{words}: {e}"));
    }
}

#[test]
fn what_is_no_record_is_refused() {
    let folder = Folder::with("text.json", "not json");
    folder.write("other.json", "{\"command\": 3}");
    folder.write("empty.json", "");
    folder.write("binary.json", [0xff, 0xfe, 0]);
    for name in ["text.json", "other.json", "empty.json", "binary.json", "absent.json"] {
        folder.refused(&format!("rerun {name}"), &[name, "give a run.json"]);
    }
    let record = |command: &str| {
        format!(
            "{{\"ridgewalk\": \"0\", \"command\": [{command}], \"settings\": 0, \"inputs\": [], \"outputs\": []}}"
        )
    };
    folder.write("unknown.json", record("\"fly\", \"--high\""));
    folder.refused("rerun unknown.json", &["unknown.json", "does not understand"]);
    folder.write("none.json", record(""));
    folder.refused("rerun none.json", &["none.json"]);
    folder.write("info.json", record("\"data\", \"info\", \"circle\""));
    folder.refused("rerun info.json", &["info.json", "writes no folder"]);
    folder.write("loop.json", record("\"rerun\", \"loop.json\""));
    folder.refused("rerun loop.json", &["loop.json", "writes no folder"]);
}
