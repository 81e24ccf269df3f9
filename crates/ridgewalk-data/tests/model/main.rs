//! Model files: read back bit for bit, and never trusted.

mod hostile;
mod latent;
mod round_trip;

use std::fs;

use ndarray::{Array2, array};
use ridgewalk::PointSet;
use ridgewalk::closed_form::{CovarianceKind, MixtureFit};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk_data::{Error, Model, ModelFile, Normalization};

fn normals(n: usize, d: usize, seed: u64) -> Array2<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    Array2::from_shape_simple_fn((n, d), || stream.normal())
}

fn set(values: Array2<f64>) -> PointSet {
    PointSet::vectors(values).unwrap()
}

fn bytes_of(file: &ModelFile) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    file.save(&path).unwrap();
    fs::read(path).unwrap()
}

fn load_bytes(bytes: &[u8]) -> Result<ModelFile, Error> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    fs::write(&path, bytes).unwrap();
    ModelFile::load_with(&path, 1 << 24)
}

/// A file with every field set, to numbers that a sloppy decimal would change.
fn full() -> ModelFile {
    let data = set(normals(30, 2, 5) * array![[3.0, 1e-5]])
        .with_columns(vec!["height \"cm\"".into(), "größe\n".into()])
        .unwrap();
    let units = Normalization::fit(&data).unwrap();
    let model = MixtureFit::new(2, CovarianceKind::Full).fit(&units.apply(&data).unwrap()).unwrap();
    ModelFile {
        normalization: units,
        range: (0.1 + 0.2, 1.7976931348623157e308),
        seed: u64::MAX,
        command: vec!["ridgewalk".into(), "fit".into(), "a b.csv".into()],
        noise: 5e-324,
        salt_and_pepper: 0.1 + 0.2,
        smoothing_spacing: Some(1.0 / 3.0),
        training_sha256: Some("00ff".into()),
        ..ModelFile::new(Model::Mixture(model), &data, "a b.csv")
    }
}
