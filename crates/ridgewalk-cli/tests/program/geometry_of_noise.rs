//! `ridgewalk reproduce geometry-of-noise`: closed forms and tables, which do not depend on the size of the run.

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
fn energies_gains_and_fields_of_digits_are_the_known_ones() {
    let folder = Folder::new();
    folder.ok("reproduce geometry-of-noise --small --only landscape,gains,digits -o out");
    let found = findings(&folder);
    assert!(found.iter().all(|f| f["holds"] != false), "{found:?}");
    assert!(value(&found, "noise-energy-grid") < 1e-3 && value(&found, "noise-line-length") < 1e-3);
    assert!(value(&found, "noise-coefficients") < 1e-12 && value(&found, "noise-growth") < 1e-6);
    // Blind data prediction leaves nothing, blind noise fails: on the straight path and under DDPM's table.
    for process in ["flow", "ddpm"] {
        assert_eq!(value(&found, &format!("noise-digits-{process}-data")), 0.0);
        assert!(value(&found, &format!("noise-digits-{process}-noise")) > 0.1);
    }
    let claims = folder.text("out/tables/noise-claims.csv");
    let transport = claims.lines().find(|l| l.starts_with("The transport correction")).unwrap();
    assert!(transport.contains("did not hold"), "{transport}");
    for file in ["report.html", "tables/noise-verdicts.csv", "figures/noise-energy.png"] {
        assert!(folder.read(&format!("out/{file}")).len() > 200, "{file}");
    }
}

#[test]
fn a_rerun_gives_the_same_bytes() {
    let folder = Folder::new();
    folder.ok("reproduce geometry-of-noise --small --only gains -o out");
    let again = folder.ok("rerun out/run.json -o again");
    assert!(again.err.contains("the same bytes again"), "{}", again.err);
}

/// Tables of an independent implementation: a minute of work, as the library's own tests hold them too.
#[test]
#[ignore = "takes half a minute"]
fn blind_samplers_of_two_circles_end_where_the_tables_say() {
    let folder = Folder::new();
    folder.ok("reproduce geometry-of-noise --small --only circles -o out");
    let found = findings(&folder);
    assert!(found.iter().all(|f| f["holds"] != false), "{found:?}");
    assert!(value(&found, "noise-posterior-table") < 6e-4 && value(&found, "noise-straight-32") < 1e-3);
}

#[test]
fn what_are_no_images_is_refused() {
    let folder = Folder::with("few.csv", "1,2\n3,4\n");
    folder.refused(
        "reproduce geometry-of-noise --mnist few.csv -o out",
        &["few.csv", "not hundreds of images"],
    );
}
