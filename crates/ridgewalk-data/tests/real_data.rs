//! Published data sets, as they are. Set `RIDGEWALK_DATA` to a folder that holds them
//! (`mnist/train-images-idx3-ubyte.gz` and so on); without it these tests pass and say so.

use std::path::PathBuf;

use ridgewalk::Shape;
use ridgewalk_data::{LabelColumn, LoadOptions, describe, load, load_with, mrc_header, tile};

/// The path of a file, or none, with the reason printed.
fn data(name: &str) -> Option<String> {
    let Some(folder) = std::env::var_os("RIDGEWALK_DATA") else {
        println!("skipped: RIDGEWALK_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    path.to_str().map(String::from)
}

const fn grey(height: usize, width: usize) -> Shape {
    Shape::Image { height, width, channels: 1 }
}

/// The counts of classes are those that are published for MNIST's test set.
#[test]
fn mnist() {
    let Some(path) = data("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let info = describe(&load(&path).unwrap());
    assert_eq!((info.n, info.shape, info.min, info.max), (10_000, grey(28, 28), 0.0, 255.0));
    let counts: Vec<usize> = info.labels.unwrap().into_values().collect();
    assert_eq!(counts, [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
}

#[test]
fn shapes_and_labels_of_image_sets() {
    let rgb = Shape::Image { height: 32, width: 32, channels: 3 };
    for (name, n, shape, classes) in [
        ("cifar10-jpeg/test-images-idx4-ubyte.gz", 1000, rgb, Some(10)),
        ("pneumoniamnist/val-images-idx3-ubyte.gz", 524, grey(28, 28), Some(2)),
        ("olivetti/images-idx3-ubyte.gz", 400, grey(64, 64), Some(40)),
        ("coil20/images_20x72x32x32_u8.npy", 1440, grey(32, 32), None),
        ("isomap-faces/images_698x32x32_f32.npy", 698, grey(32, 32), None),
        ("isomap-faces/params_light_pan_tilt_698x3_f32.npy", 698, Shape::Vector(3), None),
        ("lfw_subset/lfw_subset_200x25x25_f64.npy", 200, grey(25, 25), None),
        ("singlecell/hspc_pca50_4423x50_f32.npy", 4423, Shape::Vector(50), None),
        ("mocap/cmu_131_01_channels_f32.npy", 994, Shape::Vector(96), None),
        ("images/camera.png", 1, grey(512, 512), None),
    ] {
        let Some(path) = data(name) else { continue };
        let info = describe(&load(&path).unwrap());
        assert_eq!((info.n, info.shape), (n, shape), "{name}");
        assert_eq!(info.labels.map(|l| l.len()), classes, "{name}");
    }
}

/// The README of PneumoniaMNIST's copy counts 17 exact duplicates within the 3,494 and 1 more.
#[test]
fn duplicates_are_found() {
    let Some(path) = data("pneumoniamnist/train-images-idx3-ubyte.gz") else { return };
    assert_eq!(describe(&load(&path).unwrap()).duplicates, 18);
}

#[test]
fn tables() {
    for (name, n, d, classes) in [
        ("tabular/breast_cancer.csv", 569, 30, 2),
        ("tabular/iris.csv", 150, 4, 3),
        ("tabular/wine_data.csv", 178, 13, 3),
    ] {
        let Some(path) = data(name) else { continue };
        let info = describe(&load(&path).unwrap());
        assert_eq!((info.n, info.dim, info.labels.unwrap().len()), (n, d, classes), "{name}");
    }
    if let Some(path) = data("digits8x8/digits.csv.gz") {
        let options = LoadOptions { label_column: LabelColumn::Named("-1".into()), ..LoadOptions::default() };
        let set = load_with(&path, &options).unwrap();
        assert_eq!(
            (set.values(), set.labels()),
            (ridgewalk_data::digits().values(), ridgewalk_data::digits().labels())
        );
    }
    if let Some(path) = data("mocap/mocap6.csv") {
        let error = load(&path).unwrap_err().to_string();
        assert!(error.contains("line 2, field 1: `13_29` is not a number"), "{error}");
        let options = LoadOptions {
            columns: Some((3..15).map(|i| i.to_string()).collect()),
            label_column: LabelColumn::Named("action".into()),
            ..LoadOptions::default()
        };
        let set = load_with(&path, &options).unwrap();
        assert_eq!((set.len(), set.dim()), (2058, 12));
    }
}

/// Sizes as EMDB, EMPIAR and the microscopes state them. One has neither tag nor machine stamp, one is gzipped too, and
/// three do not name a version of the format.
#[test]
fn cryo_em() {
    for (name, n, height, width, voxel) in [
        ("EMD-3197.map", 20, 20, 20, Some(11.4)),
        ("empiar_10076_7.mrcs", 7, 320, 320, None),
        ("epu_micrograph_bin4_top_512x1024.mrc", 1, 512, 1024, Some(2.666205)),
        ("fei_micrograph_bin4_left_958x463.mrc", 1, 958, 463, Some(3.415102)),
        ("ribosome_tilt_particles_220x64x64.mrcs", 220, 64, 64, Some(1.0)),
        ("toy_projections_1000x30x30.mrcs.gz", 1000, 30, 30, Some(1.0)),
        ("toy_volume_30.mrc", 30, 30, 30, Some(1.0)),
    ] {
        let Some(path) = data(&format!("cryoem/{name}")) else { continue };
        let points = load(&path).unwrap();
        assert_eq!((points.len(), points.shape()), (n, grey(height, width)), "{name}");
        let header = mrc_header(&path).unwrap().unwrap();
        assert_eq!((header.sections, header.rows, header.columns), (n, height, width), "{name}");
        match (header.voxel_size, voxel) {
            (Some([x, y, _]), Some(size)) => assert!((x - size).abs() < 1e-6 && (y - size).abs() < 1e-6),
            (found, expected) => assert_eq!(found.map(|v| v[0]), expected, "{name}"),
        }
    }
}

/// What the headers say of the values, which the microscope's software wrote, is what is found in them.
#[test]
fn statistics_of_micrographs() {
    for name in
        ["epu_micrograph_bin4_top_512x1024.mrc", "fei_micrograph_bin4_left_958x463.mrc", "EMD-3197.map"]
    {
        let Some(path) = data(&format!("cryoem/{name}")) else { continue };
        let bytes = std::fs::read(&path).unwrap();
        let stated = |at: usize| f64::from(f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()));
        let points = load(&path).unwrap();
        assert_eq!(points.range(), (stated(76), stated(80)), "{name}");
        let mean = points.values().mean().unwrap();
        assert!((mean - stated(84)).abs() < 1e-5 * (1.0 + mean.abs()), "{name}: {mean} and {}", stated(84));
    }
}

#[test]
fn tiles_of_a_micrograph() {
    let Some(path) = data("cryoem/fei_micrograph_bin4_left_958x463.mrc") else { return };
    let micrograph = load(&path).unwrap();
    let tiled = tile(&micrograph, 64).unwrap();
    assert_eq!((tiled.points.len(), tiled.dropped), (14 * 7, [958 - 14 * 64, 463 - 7 * 64]));
    // Tile 8 is the second of the second row of tiles: its first pixel is in row 64, column 64.
    assert_eq!(tiled.points.point(8)[0], micrograph.point(0)[64 * 463 + 64]);
}

/// Projections of one volume along many directions hold the same mass, up to what the interpolation of whoever made
/// them lost.
#[test]
fn projections_of_a_volume() {
    let (Some(volume), Some(stack)) =
        (data("cryoem/toy_volume_30.mrc"), data("cryoem/toy_projections_1000x30x30.mrcs.gz"))
    else {
        return;
    };
    let mass: f64 = load(&volume).unwrap().values().sum();
    for projection in load(&stack).unwrap().values().outer_iter() {
        assert!((projection.sum() / mass - 1.0).abs() < 0.05, "{} of {mass}", projection.sum());
    }
}
