//! Published data sets, as they are. Set `RIDGEWALK_DATA` to a folder that holds them
//! (`mnist/train-images-idx3-ubyte.gz` and so on); without it these tests pass and say so.

use std::path::PathBuf;

use ridgewalk::Shape;
use ridgewalk_data::{LabelColumn, LoadOptions, describe, load, load_with};

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
