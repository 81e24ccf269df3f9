//! Networks of another package with random weights, beside what that package makes of them. The files are made by
//! `make_foreign.py` in this folder, whose first lines say how.

use std::ops::ControlFlow;
use std::path::PathBuf;

use ndarray::Array2;
use ridgewalk::process::{Ddpm, Process};
use ridgewalk::sampler::Progress;
use ridgewalk::schedule::Levels;
use ridgewalk::{Denoiser, Sampler, solver};
use ridgewalk_nn::onnx::{Answer, OnnxDenoiser, OnnxOptions, Told};
use ridgewalk_nn::{Preconditioning, Prediction};

fn folder() -> PathBuf {
    PathBuf::from(
        std::env::var_os("RIDGEWALK_FOREIGN").expect("RIDGEWALK_FOREIGN names a folder of make_foreign.py"),
    )
}

fn points(name: &str) -> Array2<f64> {
    ridgewalk_data::load(folder().join(name).to_str().unwrap()).unwrap().values().to_owned()
}

fn load(name: &str, prediction: Option<(Prediction, f64)>, told: Option<Told>) -> OnnxDenoiser {
    let answer = prediction
        .map(|(prediction, scale)| Answer::Network(Preconditioning { prediction, center: 0.0, scale }));
    OnnxDenoiser::load(folder().join(name), &OnnxOptions { answer, told, ..OnnxOptions::default() }).unwrap()
}

/// The largest difference, in parts of the largest value.
fn close(what: &str, found: &Array2<f64>, expected: &Array2<f64>) {
    let largest = |a: &Array2<f64>| a.iter().fold(0f64, |most, v| most.max(v.abs()));
    let error = largest(&(found - expected)) / largest(expected);
    println!("{what}: error {error:.1e} of {:.3}", largest(expected));
    assert!(error < 1e-4, "{what}: {error:.1e}");
}

#[test]
#[ignore = "needs the files of make_foreign.py"]
fn noise_is_that_of_the_package() {
    let process = Ddpm::linear();
    let model = load("unet.onnx", Some((Prediction::Noise, 1.0)), Some(Told::step(process.clone())));
    // Step 499, counted from 0, is the state after 500.
    let (alpha, level) = (process.alpha(500.0), process.noise_level(500.0));
    let found = model.noise((points("x.npy") / alpha).view(), level).unwrap();
    close("noise", &found, &points("noise.npy"));
}

/// A whole run of DDIM, which is Euler's rule for the process that explodes its variance.
#[test]
#[ignore = "needs the files of make_foreign.py"]
fn a_run_of_ddim_is_that_of_the_package() {
    let process = Ddpm::linear();
    let model = load("unet.onnx", Some((Prediction::Noise, 1.0)), Some(Told::step(process.clone())));
    let times: Vec<f64> = points("steps.npy").iter().map(|step| step + 1.0).collect();
    let levels: Vec<f64> = times.iter().map(|t| process.noise_level(*t)).collect();
    let sampler = Sampler::new(solver::named("ddim", levels.len()).unwrap(), Levels(levels));
    let start = points("x.npy") / process.alpha(times[0]);
    let found =
        sampler.run_from(&model, start.view(), &mut |_: &Progress| ControlFlow::Continue(())).unwrap();
    close("ddim", &found.points, &points("ddim.npy"));
}

/// With the preconditioning within the file, and around the bare network.
#[test]
#[ignore = "needs the files of make_foreign.py"]
fn edm_is_that_of_the_package() {
    let bare = load("unet.onnx", Some((Prediction::Edm, 0.5)), Some(Told::QuarterLog));
    for (what, model) in [("edm, whole", load("edm.onnx", None, None)), ("edm, bare", bare)] {
        let found = model.denoise(points("x.npy").view(), 0.7).unwrap();
        close(what, &found, &points("denoised.npy"));
    }
}

/// The same bits alone and in a batch, on one thread and on all.
#[test]
#[ignore = "needs the files of make_foreign.py"]
fn results_depend_on_neither_batch_nor_threads() {
    let x = points("x.npy");
    let together = load("edm.onnx", None, None).denoise(x.view(), 0.7).unwrap();
    let options = OnnxOptions { threads: Some(1), ..OnnxOptions::default() };
    let single = OnnxDenoiser::load(folder().join("edm.onnx"), &options).unwrap();
    assert_eq!(single.denoise(x.view(), 0.7).unwrap(), together);
    for i in 0..x.nrows() {
        let alone = single.denoise(x.select(ndarray::Axis(0), &[i]).view(), 0.7).unwrap();
        assert_eq!(alone.row(0), together.row(i), "image {i}");
    }
}
