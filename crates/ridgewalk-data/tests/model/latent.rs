//! Models in a latent space: the chain data → units → latent space → model, and back.

use ndarray::array;
use ridgewalk::closed_form::{CovarianceKind, Empirical, Gaussian};
use ridgewalk::latent::{Components, Latent, Pca};
use ridgewalk_data::{ErrorKind, Model, ModelFile, Normalization};

use super::{bytes_of, load_bytes, normals, set};

/// Points (1, 2) ± 5·(0.6, 0.8), of which the first component holds all.
pub fn encoded() -> ModelFile {
    let data = set(array![[4.0, 6.0], [-2.0, -2.0]]);
    let pca = Pca::fit(&data, Components::Count(1)).unwrap();
    let points = pca.encode_points(&data).unwrap();
    let model = Model::Empirical(Empirical::new(&points).unwrap());
    ModelFile { latent: Some(pca.into()), ..ModelFile::new(model, &data, "x") }
}

#[test]
fn by_hand_there_and_back() {
    let file = load_bytes(&bytes_of(&encoded())).unwrap();
    assert_eq!((file.model.dim(), file.shape.dim()), (1, 2));
    let z = file.to_model(array![[4.0, 6.0], [1.0, 2.0], [1.8, 1.4]].view()).unwrap();
    assert!((z - array![[5.0], [0.0], [0.0]]).iter().all(|e| e.abs() < 1e-12));
    let x = file.to_data(array![[2.0]]).unwrap();
    assert!((x - array![[2.2, 3.6]]).iter().all(|e| e.abs() < 1e-12));
    assert!(file.to_model(array![[1.0]].view()).is_err() && file.to_data(array![[1.0, 2.0]]).is_err());
}

/// Standardized columns first, components of those: columns of other scales weigh the same.
#[test]
fn units_are_changed_before_points_are_encoded() {
    let data = set(normals(60, 3, 1) * array![[1.0, 1e4, 1e-4]]);
    let units = Normalization::fit(&data).unwrap();
    let standardized = units.apply(&data).unwrap();
    for white in [false, true] {
        let pca = Pca::fit(&standardized, Components::Count(2)).unwrap();
        let pca = if white { pca.whitened() } else { pca };
        let points = pca.encode_points(&standardized).unwrap();
        let model = Gaussian::fit(&points, CovarianceKind::Full).unwrap();
        let file = ModelFile {
            normalization: units.clone(),
            latent: Some(pca.clone().into()),
            ..ModelFile::new(Model::Gaussian(model), &data, "x")
        };
        let bytes = bytes_of(&file);
        let read = load_bytes(&bytes).unwrap();
        assert_eq!(read.latent, Some(pca.into()));
        assert_eq!(read.to_model(data.values()).unwrap(), points.values());
        assert_eq!(bytes_of(&read), bytes);
        let back = read.to_data(points.values().to_owned()).unwrap();
        let again = read.to_model(back.view()).unwrap();
        assert!((again - points.values()).iter().all(|e| e.abs() < 1e-9));
    }
}

/// Files of models without a latent space do not mention one: they are what they were before there was any.
#[test]
fn other_files_are_as_they_were() {
    let file = ModelFile { latent: None, ..encoded() };
    let data = set(array![[4.0, 6.0], [-2.0, -2.0]]);
    let file = ModelFile { model: Model::Empirical(Empirical::new(&data).unwrap()), ..file };
    assert!(!String::from_utf8_lossy(&bytes_of(&file)).contains("latent"));
    assert!(load_bytes(&bytes_of(&file)).unwrap().latent.is_none());
}

#[test]
fn a_model_of_another_dimension_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let other = ModelFile { latent: None, ..encoded() };
    let data = set(array![[4.0, 6.0], [-2.0, -2.0]]);
    let wide = ModelFile { model: Model::Empirical(Empirical::new(&data).unwrap()), ..encoded() };
    for bad in [other, wide] {
        let error = bad.save(&folder.path().join("m.safetensors")).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Argument, "{error}");
    }
}
