//! What the tour must show, from a run of the program: see the constants for what is asked.

use std::process::Command;

use serde_json::Value;

/// Copies among samples of the exact score: all of them, but for the 1 % level of the rule.
const EXACT_COPIES: f64 = 0.95;
/// Copies among samples of the smoothed score, at most this part of the exact score's.
const SMOOTHED_COPIES: f64 = 0.5;

/// Findings that carry what the tour is to show.
const SHOWN: [&str; 5] = [
    "closer-than-density-smoothing",
    "fewer-copies",
    "noise-reduction",
    "clean-distance-ratio",
    "classes-kept",
];

#[test]
fn the_tour_shows_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ridgewalk"))
        .args(["walk", "-n", "300", "-o", "walk"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{words}");
    assert!(!words.contains("NOT MET"), "{words}");

    let walk = folder.path().join("walk");
    for file in ["report.html", "samples.png", "survey.json", "run.json"] {
        assert!(walk.join(file).metadata().unwrap().len() > 1000, "{file}");
    }
    assert!(walk.join("report.html").metadata().unwrap().len() < 3_000_000);

    let findings: Vec<Value> =
        serde_json::from_slice(&std::fs::read(walk.join("survey.json")).unwrap()).unwrap();
    let value = |id: &str| {
        let finding = findings.iter().find(|f| f["id"] == id).unwrap_or_else(|| panic!("no finding {id}"));
        finding["value"].as_f64().unwrap()
    };
    let exact = value("exact-score-memorised-fraction");
    assert!(exact >= EXACT_COPIES);
    assert!(value("smoothed-score-memorised-fraction") <= SMOOTHED_COPIES * exact);

    // At the same distance from the training digits, smoothing the score comes closer to new ones.
    let to_train = |name: &str| value(&format!("{name}-nearest-training-distance"));
    assert!((to_train("kernel-density") / to_train("smoothed-score") - 1.0).abs() < 0.05);
    let to_new = |name: &str| value(&format!("{name}-nearest-held-out-distance"));
    assert!(to_new("smoothed-score") < 0.9 * to_new("kernel-density"));

    // Attraction: 60 % of the noise, the distance of held-out clean digits to 5 %, the classes.
    assert!(value("noise-reduction") >= 0.6);
    assert!((value("clean-distance-ratio") - 1.0).abs() <= 0.05);
    for finding in &findings {
        if SHOWN.contains(&finding["id"].as_str().unwrap()) {
            assert_eq!(finding["holds"], true, "{finding}");
        }
    }
    // The negative control: a model that memorises gives the noise back.
    assert!(
        value("attraction-memorising-model-residual-noise") > 0.9 * value("plain-sampling-residual-noise")
    );
}
