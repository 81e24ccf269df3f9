//! Experiments of papers on networks, which train them: minutes of work, but for what is refused.

use serde_json::Value;

use crate::support::Folder;

fn findings(folder: &Folder) -> Vec<Value> {
    folder.json("out/survey.json").as_array().unwrap().clone()
}

fn value(findings: &[Value], id: &str) -> f64 {
    let finding = findings.iter().find(|f| f["id"] == id).unwrap_or_else(|| panic!("no finding {id}"));
    finding["value"].as_f64().unwrap_or_else(|| panic!("{finding}"))
}

#[test]
fn files_for_networks_alone_are_refused_without_them() {
    let folder = Folder::with("few.csv", "1,2\n3,4\n");
    folder.refused(
        "reproduce geometry-of-noise --small --only gains --fashion few.csv -o out",
        &["--fashion", "--only networks"],
    );
    folder.refused(
        "reproduce geometry-of-noise --small --only networks --fashion few.csv -o out",
        &["few.csv", "not hundreds of images"],
    );
}

/// Run as `cargo test --workspace --test program -- --ignored reproduced_networks`, as those below.
#[test]
#[ignore = "takes half a minute"]
fn normal_error_holds_samples_off_the_ridge() {
    let folder = Folder::new();
    folder.ok("reproduce ridge --small --only networks -o out");
    let found = findings(&folder);
    assert!(value(&found, "ridge-networks-100") > 0.9, "{found:?}");
    assert!(value(&found, "ridge-networks-predicted") > 0.8, "{found:?}");
    let again = folder.ok("rerun out/run.json -o again");
    assert!(again.err.contains("the same bytes again"), "{}", again.err);
}

/// A perceptron of a hundred images comes to be explained by them, beyond what as many others explain.
#[test]
#[ignore = "takes two minutes"]
fn what_explains_a_network_of_few_images_is_those() {
    let folder = Folder::new();
    folder.ok("reproduce log-domain-smoothing --small --only networks -o out");
    let found = findings(&folder);
    assert!(value(&found, "explained-few") > value(&found, "explained-many"), "{found:?}");
}

#[test]
#[ignore = "takes minutes"]
fn a_network_of_noisy_shapes_draws_cleaner_ones_attracted() {
    let folder = Folder::new();
    folder.ok("reproduce mad --small --only networks -o out");
    let found = findings(&folder);
    assert!(value(&found, "shapes-networks-noise") > 0.5, "{found:?}");
    assert!(value(&found, "shapes-networks-distance") < 1.0, "{found:?}");
}

#[test]
#[ignore = "takes minutes"]
fn blind_noise_prediction_is_worse_than_blind_flow_matching() {
    let folder = Folder::new();
    folder.ok("reproduce geometry-of-noise --small --only networks -o out");
    assert!(value(&findings(&folder), "noise-networks-digits-blind") > 1.0);
}
