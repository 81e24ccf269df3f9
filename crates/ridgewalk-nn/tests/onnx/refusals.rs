//! Files and options that make no sense.

use ndarray::Array2;
use ridgewalk::Denoiser;
use ridgewalk::process::Ddpm;
use ridgewalk_nn::onnx::{Answer, OnnxDenoiser, OnnxOptions, Told};

use super::support::{F32, constant, file, gaussian, load, node, stepped, tinted, value};

fn refused(file: &[u8], options: OnnxOptions, told: &str) {
    let Some(result) = load(file, &options) else { return };
    let error = result.unwrap_err().to_string();
    assert!(error.contains(told) && error.contains("network.onnx"), "{error}");
}

#[test]
fn what_a_file_does_not_tell_must_be_said() {
    let plain = OnnxOptions::default;
    refused(&stepped(), plain(), "its input `timestep`");
    refused(&stepped(), OnnxOptions { told: Some(Told::Sigma), ..plain() }, "its output `out`");
    refused(&tinted(0, 0), plain(), "how many rows and columns");
    refused(&tinted(4, 4), OnnxOptions { sides: Some((4, 5)), ..plain() }, "is of images of 4×4");
    refused(&tinted(4, 4), OnnxOptions { told: Some(Told::step(Ddpm::linear())), ..plain() }, "is blind");
    refused(&gaussian(0), OnnxOptions { told: Some(Told::Nothing), ..plain() }, "an input `sigma`");
    refused(
        &gaussian(0),
        OnnxOptions { noisy: Some("y".into()), ..plain() },
        "no input `y`: it has `x` [?, 2]",
    );
    refused(&gaussian(0), OnnxOptions { output: Some("y".into()), ..plain() }, "no output named `y`");
    refused(&gaussian(0), OnnxOptions { level: Some("y".into()), ..plain() }, "more than points");
}

#[test]
fn networks_of_other_kinds_are_refused() {
    let any = || OnnxOptions { answer: Some(Answer::Denoised), ..OnnxOptions::default() };
    refused(b"", any(), "no network that can be run");
    refused(b"no network at all", any(), "no network that can be run");
    let whole = gaussian(0);
    refused(&whole[..whole.len() / 2], any(), "no network that can be run");
    let sum = |other: &[u64], out: &[u64]| {
        file(
            &[node("Add", &["x", "other"], "y"), node("ReduceSum", &["y"], "z")],
            &[],
            &[value("x", F32, &[0, 3]), value("other", F32, other)],
            &[value(if out.is_empty() { "z" } else { "y" }, F32, out)],
        )
    };
    refused(&sum(&[0, 3], &[0, 3]), any(), "where one number a point belongs");
    let classifier = file(
        &[node("MatMul", &["x", "weight"], "classes")],
        &[constant("weight", &[3, 2], &[0.0; 6])],
        &[value("x", F32, &[0, 3])],
        &[value("classes", F32, &[0, 2])],
    );
    refused(&classifier, any(), "no output of the points' shape: it gives `classes` [?, 2]");
    let open =
        file(&[node("Neg", &["x"], "y")], &[], &[value("x", F32, &[0, 0])], &[value("y", F32, &[0, 0])]);
    refused(&open, any(), "how many numbers");
    let scalar = file(&[node("Neg", &["x"], "y")], &[], &[value("x", F32, &[0])], &[value("y", F32, &[0])]);
    refused(&scalar, any(), "no input for noisy points");
    assert!(OnnxDenoiser::load("missing.onnx", &any()).unwrap_err().to_string().contains("is not there"));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    let Some(model) = load(&gaussian(0), &OnnxOptions::default()) else { return };
    let model = model.unwrap();
    assert!(model.denoise(Array2::zeros((1, 3)).view(), 1.0).is_err());
    assert!(model.denoise(Array2::zeros((1, 2)).view(), 0.0).is_err());
    assert!(model.denoise(Array2::from_elem((1, 2), f64::NAN).view(), 1.0).is_err());
    let far = model.denoise(Array2::from_elem((1, 2), 1e300).view(), 1.0).unwrap_err().to_string();
    assert!(far.contains("f32"), "{far}");
    assert_eq!(model.denoise(Array2::zeros((0, 2)).view(), 1.0).unwrap().dim(), (0, 2));
}

/// A published classifier is no denoiser. Set `RIDGEWALK_DATA` to a folder that holds `models/`.
#[test]
fn a_published_classifier_is_no_denoiser() {
    let Some(folder) = std::env::var_os("RIDGEWALK_DATA") else {
        println!("skipped: RIDGEWALK_DATA is not set");
        return;
    };
    let path = std::path::PathBuf::from(folder).join("models/lenet_mnist_cntk.onnx");
    let options = OnnxOptions { answer: Some(Answer::Denoised), ..OnnxOptions::default() };
    match OnnxDenoiser::load(&path, &options).unwrap_err().to_string() {
        error if error.contains("was not found") || error.contains("is not there") => {
            println!("skipped: {error}")
        }
        error => assert!(error.contains("no output of the points' shape"), "{error}"),
    }
}
