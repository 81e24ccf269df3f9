//! Weights of PyTorch's own implementations as model files: the network is known by its tensors.

use std::path::Path;

use ndarray::Array2;
use ridgewalk::{Denoiser, Shape};
use ridgewalk_nn::network::{Architecture, UNetConfig};
use ridgewalk_nn::{Arrays, ImportOptions, NoiseLabel, Preconditioning, Prediction, TrainedModel};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize_to_file};

use super::torch::{read, rows};

/// The arrays of a fixture as a file of their own, each name after a prefix.
fn write(arrays: &Arrays, prefix: &str, path: &Path) {
    let bytes = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>();
    let own: Vec<(String, Vec<usize>, Vec<u8>)> = arrays
        .iter()
        .filter(|(name, _)| !name.starts_with("golden."))
        .map(|(name, (shape, values))| (format!("{prefix}{name}"), shape.clone(), bytes(values)))
        .collect();
    let views = own.iter().map(|(name, shape, bytes)| {
        (name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap())
    });
    serialize_to_file(views, None, path).unwrap();
}

fn options(label: &str) -> ImportOptions {
    ImportOptions {
        preconditioning: Preconditioning { prediction: Prediction::Denoised, center: 0.0, scale: 1.0 },
        label: label.parse().unwrap(),
        architecture: None,
        sides: None,
        moments: None,
    }
}

/// What PyTorch gave, of a file that was imported, written and read again.
fn agrees(bytes: &[u8], prefix: &str, options: &ImportOptions) -> TrainedModel {
    let arrays = read(bytes);
    let folder = tempfile::tempdir().unwrap();
    let (file, model) = (folder.path().join("torch.safetensors"), folder.path().join("model.safetensors"));
    write(&arrays, prefix, &file);
    TrainedModel::import(&file, options).unwrap().save(&model).unwrap();
    let model = TrainedModel::load(&model, None).unwrap();
    let (input, output) = (rows(&arrays, "golden.input"), rows(&arrays, "golden.output"));
    let classes = model.denoiser.classes();
    for row in 0..input.nrows() {
        let sigma = (4.0 * f64::from(arrays["golden.noise"].1[row])).exp();
        let class = arrays.get("golden.class").and_then(|(_, values)| {
            values[row * classes..(row + 1) * classes].iter().position(|one| *one == 1.0)
        });
        let label = class.map(|class| u32::try_from(class).unwrap());
        let x = input.select(ndarray::Axis(0), &[row]) * (1.0 + sigma * sigma).sqrt();
        let got: Array2<f64> = model.of_label(label).unwrap().denoise(x.view(), sigma).unwrap();
        for (got, wanted) in got.iter().zip(output.row(row)) {
            assert!((got - wanted).abs() < 1e-4 * (1.0 + wanted.abs()), "row {row}: {got} {wanted}");
        }
    }
    model
}

/// Under `model.`, as EDM's preconditioning holds it; EDM's label is ln(σ)/4.
#[test]
fn edm_unet_is_known_by_its_tensors() {
    let model = agrees(include_bytes!("fixtures/song_unet.safetensors"), "model.", &options("label"));
    let config = model.denoiser.config();
    let Architecture::UNet(unet) = &config.network.architecture else { panic!("{config:?}") };
    let expected = UNetConfig {
        channels: 8,
        multipliers: vec![1, 2],
        blocks: 1,
        attention: vec![8],
        head_width: None,
        adaptive: false,
        skip_scale: 1.0,
    };
    assert_eq!(*unet, expected);
    assert_eq!(
        (config.network.shape, model.labels.len()),
        (Shape::Image { height: 8, width: 8, channels: 1 }, 3)
    );
    assert_eq!(config.label, NoiseLabel::Log);
}

/// What the tensors do not say: sides that differ, and the two heads of this transformer.
#[test]
fn sides_and_heads_can_be_told() {
    let flat = ImportOptions { sides: Some((8, 4)), ..options("relative") };
    agrees(include_bytes!("fixtures/song_unet_rgb.safetensors"), "", &flat);
    let dit = ridgewalk_nn::network::DitConfig { patch: 2, width: 16, depth: 2, heads: 2, mlp_ratio: 2 };
    let told = ImportOptions {
        architecture: Some(Architecture::Dit(dit)),
        sides: Some((8, 8)),
        ..options("relative")
    };
    agrees(include_bytes!("fixtures/dit.safetensors"), "module.", &told);
}

#[test]
fn what_cannot_be_imported_is_named() {
    let arrays = read(include_bytes!("fixtures/song_unet.safetensors"));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("torch.safetensors");
    let said = |change: &dyn Fn(&mut Arrays)| {
        let mut arrays = arrays.clone();
        change(&mut arrays);
        write(&arrays, "", &path);
        TrainedModel::import(&path, &options("label")).err().unwrap().to_string()
    };
    let one = || (vec![1], vec![1.0]);
    let missing = said(&|arrays| drop(arrays.remove("dec.8x8_block0.conv1.bias")));
    assert!(missing.contains("'dec.8x8_block0.conv1.bias' is missing"), "{missing}");
    let more = said(&|arrays| drop(arrays.insert("dec.8x8_block0.odd".into(), one())));
    assert!(more.contains("'dec.8x8_block0.odd' has no place"), "{more}");
    let fourier = said(&|arrays| drop(arrays.insert("map_noise.freqs".into(), one())));
    assert!(fourier.contains("Fourier"), "{fourier}");
    let nan = said(&|arrays| arrays.get_mut("map_layer0.bias").unwrap().1[0] = f32::NAN);
    assert!(nan.contains("NaN in 'map_layer0.bias'"), "{nan}");
    let other = said(&|arrays| {
        arrays.clear();
        arrays.insert("conv.weight".into(), one());
    });
    assert!(other.contains("no known architecture"), "{other}");
    std::fs::write(&path, b"junk").unwrap();
    let junk = TrainedModel::import(&path, &options("label")).err().unwrap().to_string();
    assert!(junk.contains("not a sound safetensors file"), "{junk}");
}
