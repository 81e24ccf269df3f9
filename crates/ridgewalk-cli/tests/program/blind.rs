//! `ridgewalk blind`: may a model drop its noise input?

use crate::support::Folder;

/// On the handwritten digits a prediction of the data works blind and one of the velocity leaves noise; a record is done again to the
/// byte, and a name and its alias ask the same.
#[test]
fn the_answer_its_record_and_its_names() {
    let folder = Folder::new();
    let small = "-n 16 --steps 30 --points 120";
    folder.ok(&format!("blind digits {small} --process flow-matching -o one"));
    let found = folder.json("one/survey.json");
    let finding = &found[0];
    assert_eq!(finding["id"], "noise-input");
    let rows = finding["table"]["rows"].as_array().unwrap();
    let answer = |target: &str| {
        let row = rows.iter().find(|row| row[1] == target).unwrap();
        row[2].as_str().unwrap().to_string()
    };
    assert_eq!(answer("data"), "yes");
    assert!(answer("velocity").starts_with("only above"), "{}", answer("velocity"));
    assert_eq!(rows.len(), 4);
    let page = folder.text("one/report.html");
    assert!(page.contains("Without its noise input") && page.contains("Why"));
    folder.ok("rerun one/run.json -o again");

    folder.ok(&format!("blind digits {small} --process rectified-flow -o two"));
    let alias = folder.json("two/survey.json");
    assert_eq!(alias[0]["table"], finding["table"]);
}

#[test]
fn what_cannot_be_asked_is_told() {
    let folder = Folder::new();
    for (words, told) in [
        ("blind digits --process vq", "vq"),
        ("blind digits --target x0", "x0"),
        ("blind digits --target data --process vp --prior never", "never"),
        ("blind digits --target data --process vp --sigma-max 1 --sigma-min 2", "the higher first"),
        ("blind digits --target data --process ddpm --sigma-max 1e6 --sigma-min 1", "two noise levels"),
        ("blind digits --target data --process vp --steps 1", "at least two"),
        ("sample digits --network no.safetensors --process vp", "--network"),
    ] {
        folder.refused(words, &[told]);
    }
}
