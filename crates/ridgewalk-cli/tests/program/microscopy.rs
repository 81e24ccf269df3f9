//! MRC files and tiles, from a micrograph to samples.

use crate::support::{Folder, gzip};

/// A micrograph of 5×7 pixels numbered in order, with pixels of 3 Å, written word by word.
fn micrograph() -> Vec<u8> {
    let mut bytes = vec![0u8; 1024];
    let mut put = |at: usize, word: [u8; 4]| bytes[at..at + 4].copy_from_slice(&word);
    for (axis, size) in [7i32, 5, 1].into_iter().enumerate() {
        put(4 * axis, size.to_le_bytes());
        put(28 + 4 * axis, size.to_le_bytes());
        put(40 + 4 * axis, (3.0 * size as f32).to_le_bytes());
    }
    put(12, 2i32.to_le_bytes());
    put(208, *b"MAP ");
    put(212, [0x44, 0x44, 0, 0]);
    bytes.extend((0..35).flat_map(|v| (v as f32).to_le_bytes()));
    bytes
}

#[test]
fn a_micrograph_becomes_tiles() {
    let folder = Folder::with("m.mrc", micrograph());
    let run = folder.ok("data info m.mrc");
    assert!(
        run.out.contains("points       1\n") && run.out.contains("pixels of 3.0000×3.0000 Å"),
        "{}",
        run.out
    );
    let run = folder.ok("data convert m.mrc tiles.mrcs --tile 2");
    assert!(run.err.contains("6 tiles of 2×2 from 1 images of m.mrc"), "{}", run.err);
    assert!(run.err.contains("the last 1 rows and 1 columns of each are in no tile"), "{}", run.err);
    let tiles = folder.points("tiles.mrcs");
    assert_eq!(tiles.values().row(4).to_vec(), [16.0, 17.0, 23.0, 24.0]);
    // A pixel keeps its size.
    let info = folder.ok("data info tiles.mrcs --json").out;
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    assert_eq!((&info["n"], &info["mrc"]["voxel_size"][0]), (&6.into(), &3.0.into()));
    folder.ok("data convert m.mrc some.npz --tile 2 --points 4");
    assert_eq!(folder.points("some.npz").len(), 4);
}

#[test]
fn stacks_go_through_every_format_of_images() {
    let folder = Folder::new();
    folder.ok("data make projections --dim 256 --points 9 -o a.mrcs");
    let first = folder.points("a.mrcs");
    assert_eq!(first.shape().to_string(), "grey image 16×16");
    for (from, to) in [("a.mrcs", "b.npy"), ("b.npy", "c.npz"), ("c.npz", "d.mrc")] {
        folder.ok(&format!("data convert {from} {to}"));
        assert_eq!(folder.points(to).values(), first.values(), "{to}");
    }
    assert_eq!(folder.read("d.mrc"), folder.read("a.mrcs"));
    folder.write("e.mrcs.gz", gzip(&folder.read("a.mrcs")));
    assert_eq!(folder.points("e.mrcs.gz").values(), first.values());
}

/// The survey rebuilds the training tiles from the record, and finds the run's points.
#[test]
fn samples_of_tiles_as_a_stack() {
    let folder = Folder::with("m.mrc", micrograph());
    folder.ok("sample m.mrc --tile 2 --smooth 1 -n 5 --format mrcs -o s");
    assert_eq!(folder.points("s/samples.mrcs").shape().to_string(), "grey image 2×2");
    folder.ok("survey s --data m.mrc --resamples 5");
    assert_eq!(folder.json("s/survey-run.json")["settings"]["training"]["matches_run"], true);
    folder.ok("rerun s/run.json");
    folder.ok("sample m.mrc --tile 2 --smooth 1 -n 5 -o s");
    assert!(!folder.path("s/samples.mrcs").exists() && folder.path("s/samples.npy").exists());
}

/// What is compared with tiles is cut as they are; what is of their size already stays.
#[test]
fn points_to_evaluate_are_cut_as_the_data() {
    let folder = Folder::with("m.mrc", micrograph());
    folder.ok("data convert m.mrc tiles.npy --tile 2");
    for at in ["m.mrc", "tiles.npy"] {
        folder.ok(&format!("eval m.mrc --tile 2 --at {at} --sigma 1 -o {at}.y.npy"));
    }
    assert_eq!(folder.read("m.mrc.y.npy"), folder.read("tiles.npy.y.npy"));
}

#[test]
fn files_that_lie() {
    let whole = micrograph();
    let folder = Folder::with("m.mrc", &whole[..whole.len() - 1]);
    folder.refused("data info m.mrc", &["m.mrc", "5×7 values", "was cut short"]);
    folder.write("m.mrc", [&whole[..], &[0; 3]].concat());
    folder.refused("data convert m.mrc y.npy", &["m.mrc", "NSYMBT"]);
    let mut complex = whole.clone();
    complex[12] = 4;
    folder.write("m.mrc", complex);
    folder.refused("fit m.mrc -o y.safetensors", &["m.mrc", "byte 12", "mode 4, complex", "mode 2"]);
    let mut lost = whole;
    lost[1024 + 4 * 9..1024 + 4 * 10].copy_from_slice(&f32::NAN.to_le_bytes());
    folder.write("m.mrc", lost);
    folder.refused("sample m.mrc --tile 2 -o y", &["m.mrc", "section 0, row 1, column 2", "NaN"]);
}
