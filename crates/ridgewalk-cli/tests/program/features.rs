//! Fréchet distances in a classifier's features.

use ndarray::Array2;
use ridgewalk::metrics::frechet_distance;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::write_points;
use ridgewalk_nn::{Classifier, Pixels};

use crate::support::Folder;

/// A safetensors file of a LeNet of two channels and made-up weights.
fn lenet() -> Vec<u8> {
    let shapes: [(&str, &[usize]); 6] = [
        ("conv1.weight", &[2, 1, 5, 5]),
        ("conv1.bias", &[2]),
        ("conv2.weight", &[2, 2, 5, 5]),
        ("conv2.bias", &[2]),
        ("fc.weight", &[3, 32]),
        ("fc.bias", &[3]),
    ];
    let mut stream = Stream::new(5, Purpose::Evaluation, 0, 0);
    let (mut entries, mut numbers) = (Vec::new(), Vec::new());
    for (name, shape) in shapes {
        let start = numbers.len();
        let scale = if name.starts_with("conv1") { 1e-3 } else { 0.3 };
        for _ in 0..shape.iter().product() {
            numbers.extend(((scale * stream.normal()) as f32).to_le_bytes());
        }
        entries.push(format!(
            r#""{name}":{{"dtype":"F32","shape":{shape:?},"data_offsets":[{start},{}]}}"#,
            numbers.len()
        ));
    }
    let header = format!("{{{}}}", entries.join(","));
    (header.len() as u64).to_le_bytes().into_iter().chain(header.into_bytes()).chain(numbers).collect()
}

/// Squares of random places and greys, of 0 to `white`, the brighter the higher `light`.
fn images(folder: &Folder, name: &str, n: usize, white: f64, light: f64, seed: u64) -> PointSet {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    let mut values = Array2::zeros((n, 28 * 28));
    for mut image in values.outer_iter_mut() {
        let (row, column) = (stream.below(16), stream.below(16));
        let grey = white * (light + (1.0 - light) * stream.uniform());
        for k in 0..144 {
            image[(row + k / 12) * 28 + column + k % 12] = grey;
        }
    }
    let points = PointSet::new(values, Shape::Image { height: 28, width: 28, channels: 1 }).unwrap();
    write_points(&folder.path(name), &points).unwrap();
    points
}

fn found(folder: &Folder, survey: &str, id: &str) -> serde_json::Value {
    let findings = folder.json(survey);
    let finding = findings.as_array().unwrap().iter().find(|f| f["id"] == id);
    finding.unwrap_or_else(|| panic!("{survey} has no {id}")).clone()
}

#[test]
fn distances_are_those_of_the_features() {
    let folder = Folder::with("lenet.safetensors", lenet());
    let train = images(&folder, "train.npy", 60, 255.0, 0.2, 1);
    let near = images(&folder, "near.npy", 50, 255.0, 0.2, 2);
    let far = images(&folder, "far.npy", 50, 255.0, 0.9, 3);
    let held_out = images(&folder, "test.npy", 80, 255.0, 0.2, 4);
    let run = folder.ok(
        "survey near.npy far.npy --data train.npy --held-out test.npy --features lenet.safetensors --resamples 40 -o out",
    );
    assert!(run.err.contains("LeNet, 32 features, 3 classes"), "{}", run.err);
    assert!(run.err.contains("black and white at 0 and 255"), "{}", run.err);
    let classifier = Classifier::load(folder.path("lenet.safetensors")).unwrap();
    let of = |set: &PointSet| classifier.features(set, Pixels::BYTES).unwrap();
    let train = of(&train);
    let mut values = Vec::new();
    for (name, set) in [("near", &near), ("far", &far)] {
        let finding = found(&folder, "out/survey.json", &format!("{name}-frechet-distance"));
        let expected = frechet_distance(of(set).view(), train.view()).unwrap();
        let value = finding["value"].as_f64().unwrap();
        assert!((value / expected - 1.0).abs() < 1e-9, "{value} for {expected}");
        let interval: [f64; 2] = serde_json::from_value(finding["interval"].clone()).unwrap();
        assert!(interval[0] <= value && value <= interval[1]);
        // As many held-out points as there are samples.
        let part = held_out.select(&(0..50).collect::<Vec<_>>()).unwrap();
        let null = frechet_distance(of(&part).view(), train.view()).unwrap();
        let told = finding["settings"]["held_out_distance"].as_f64().unwrap();
        assert!((told / null - 1.0).abs() < 1e-9);
        let statement = finding["statement"].as_str().unwrap();
        assert!(statement.contains("in the 32 features of LeNet (lenet.safetensors)"), "{statement}");
        values.push(value);
    }
    assert!(values[1] > 2.0 * values[0], "{values:?}");
    let inputs = folder.json("out/run.json")["inputs"].to_string();
    assert!(inputs.contains("lenet.safetensors"), "{inputs}");
    let again = folder.ok("rerun out/run.json -o again");
    assert!(again.err.contains("the same bytes again"), "{}", again.err);
}

/// The classifier's own scale is its own concern: images of 0 to 1, or of any range that is told, are the same.
#[test]
fn units_change_no_distance() {
    let folder = Folder::with("lenet.safetensors", lenet());
    let mut values = Vec::new();
    for (white, flag) in [(255.0, ""), (1.0, ""), (16.0, "--pixels 0,16")] {
        images(&folder, "train.npy", 40, white, 0.2, 1);
        images(&folder, "samples.npy", 40, white, 0.5, 2);
        folder.ok(&format!(
            "survey samples.npy --data train.npy --features lenet.safetensors --resamples 2 -o out {flag}"
        ));
        values.push(found(&folder, "out/survey.json", "frechet-distance")["value"].as_f64().unwrap());
    }
    for value in &values {
        assert!((value / values[0] - 1.0).abs() < 1e-4, "{values:?}");
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    let folder = Folder::with("lenet.safetensors", lenet());
    images(&folder, "grey.npy", 40, 16.0, 0.2, 1);
    folder.write("foreign.safetensors", "no network at all");
    for (words, told) in [
        ("survey grey.npy --data grey.npy --features lenet.safetensors", "--pixels BLACK,WHITE"),
        ("survey grey.npy --data grey.npy --features lenet.safetensors --pixels 0,1", "far beyond"),
        ("survey grey.npy --data grey.npy --features lenet.safetensors --pixels 0,65535", "next to nothing"),
        ("survey grey.npy --data grey.npy --features foreign.safetensors", "not in the safetensors format"),
        ("survey grey.npy --data grey.npy --pixels 0,16", "--features"),
        ("survey grey.npy --data digits --features lenet.safetensors --pixels 0,16", "grey image 28×28"),
    ] {
        folder.refused(&format!("{words} -o out"), &[told]);
    }
}
