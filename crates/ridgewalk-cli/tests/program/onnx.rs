//! ONNX networks: in a program that was built with them, and in one that was not.

#[cfg(feature = "onnx")]
#[path = "../../../ridgewalk-nn/tests/onnx/support.rs"]
#[allow(dead_code)]
mod file;

use crate::support::Folder;

#[cfg(not(feature = "onnx"))]
#[test]
fn a_program_without_them_says_so() {
    let folder = Folder::with("network.onnx", "");
    ridgewalk_data::write_points(
        &folder.path("x.npy"),
        &ridgewalk::PointSet::vectors(ndarray::Array2::zeros((1, 4))).unwrap(),
    )
    .unwrap();
    for words in ["sample --network network.onnx", "denoise x.npy --shape 2x2 --network network.onnx"] {
        folder.refused(words, &["network.onnx", "built without them", "--features onnx"]);
    }
}

#[test]
fn flags_of_onnx_networks_act_on_nothing_else() {
    let folder = Folder::with("network.safetensors", "");
    for (words, told) in [
        ("sample digits --predicts noise", "--network"),
        ("sample --network network.safetensors --shape 4x4 --told sigma", "ends in .onnx"),
    ] {
        folder.refused(words, &[told]);
    }
}

#[cfg(feature = "onnx")]
mod with {
    use super::*;

    #[test]
    fn what_makes_no_sense_is_said() {
        let folder = Folder::with("network.onnx", file::gaussian(0));
        for (flags, told) in [
            ("--told often", "step:ddpm-linear"),
            ("--told step:brown", "brown"),
            ("--predicts weather", "weather"),
            ("--predicts noise:size=3", "size"),
        ] {
            folder.refused(&format!("sample --network network.onnx {flags}"), &[told]);
        }
        let mut command = folder.command("sample --network network.onnx");
        let output = command.env("ORT_DYLIB_PATH", "/nowhere/libonnxruntime.so").output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains("pip install -U onnxruntime") && told.contains("/nowhere/"), "{told}");
    }

    /// Samples have the mean (1, −2) and the deviation ½ of the Gaussian, within five standard errors.
    #[test]
    fn samples_are_those_of_the_gaussian() {
        let folder = Folder::with("network.onnx", file::gaussian(0));
        let run = folder.run("sample --network network.onnx -n 900 --solver heun --steps 20 --seed 3 -o out");
        if run.err.contains("was not found") {
            println!("skipped: {}", run.err);
            return;
        }
        assert_eq!(run.code, Some(0), "{}", run.err);
        let samples = folder.points("out/samples.npy");
        let values = samples.values();
        for (column, mean) in values.columns().into_iter().zip([1.0, -2.0]) {
            assert!((column.mean().unwrap() - mean).abs() < 5.0 * 0.5 / 30.0);
            assert!((column.std(1.0) - 0.5).abs() < 5.0 * 0.5 / 1800f64.sqrt());
        }
        let again = folder.ok("rerun out/run.json -o again");
        assert!(again.err.contains("the same bytes again"), "{}", again.err);
        folder.refused("sample --network network.onnx --beta 0.3", &["--beta"]);
    }

    /// A blind network of grey images, f(u) = u/2.
    #[test]
    fn blind_networks_denoise() {
        let graph = file::file(
            &[file::node("Mul", &["y", "half"], "denoised")],
            &[file::constant("half", &[], &[0.5])],
            &[file::value("y", file::F32, &[0, 1, 0, 0])],
            &[file::value("denoised", file::F32, &[0, 1, 0, 0])],
        );
        let folder = Folder::with("half.onnx", graph);
        folder.write("x.csv", "0.2,0.4,0.6\n0.8,1,0.1\n");
        let run = folder.run("denoise x.csv --network half.onnx --shape 1x3 --range 0,1 -o out");
        if run.err.contains("was not found") {
            println!("skipped: {}", run.err);
            return;
        }
        assert_eq!(run.code, Some(0), "{}", run.err);
        let (x, y) = (folder.points("x.csv"), folder.points("out/denoised.npy"));
        for (x, y) in x.values().iter().zip(y.values()) {
            assert!((y - x / 2.0).abs() < 1e-6);
        }
        // J = 1/2: the noise is √2 of the residual, by differences too.
        let image = &folder.json("out/run.json")["settings"]["images"][0];
        let [noise, residual] = ["noise", "implied_noise"].map(|name| image[name].as_f64().unwrap());
        assert!((noise / residual - 2f64.sqrt()).abs() < 1e-3);
    }
}
