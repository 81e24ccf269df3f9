//! The same model, the same fields, the same bytes.

use ridgewalk::closed_form::{
    Activation, CovarianceKind, Empirical, Gaussian, Mixture, MixtureFit, RandomFeatureFit,
};
use ridgewalk::{Denoiser, PointSet, Shape};
use ridgewalk_data::{ErrorKind, Model, ModelFile, Normalization};
use safetensors::{Dtype, SafeTensors};

use super::{bytes_of, full, load_bytes, normals, set};

/// Bits of D at several noise levels.
fn denoised(model: &dyn Denoiser) -> Vec<u64> {
    let x = normals(5, model.dim(), 9) * 3.0;
    [1e-3, 0.3, 2.0, 50.0]
        .iter()
        .flat_map(|&sigma| model.denoise(x.view(), sigma).unwrap().into_iter().map(f64::to_bits))
        .collect()
}

/// Saves, loads, compares what the model says, and saves again: the same bytes.
fn round_trip(model: Model, data: &PointSet) -> (ModelFile, Vec<u8>) {
    let file = ModelFile::new(model, data, "data.npy");
    let bytes = bytes_of(&file);
    let read = load_bytes(&bytes).unwrap();
    assert_eq!(read.model.kind(), file.model.kind());
    assert_eq!(denoised(read.model.as_denoiser()), denoised(file.model.as_denoiser()));
    assert_eq!(read.model.as_denoiser().moments(), file.model.as_denoiser().moments());
    assert_eq!(bytes_of(&read), bytes);
    SafeTensors::deserialize(&bytes).expect("the reference reader takes it");
    (read, bytes)
}

fn dtype(bytes: &[u8], name: &str) -> Dtype {
    SafeTensors::deserialize(bytes).unwrap().tensor(name).unwrap().dtype()
}

#[test]
fn gaussians_of_every_rank_are_the_same_again() {
    let data = set(normals(40, 6, 1));
    let kinds = [
        CovarianceKind::Full,
        CovarianceKind::LowRank(2),
        CovarianceKind::LowRank(0),
        CovarianceKind::Diagonal,
    ];
    for kind in kinds {
        let model = Gaussian::fit(&data, kind).unwrap();
        let (read, _) = round_trip(Model::Gaussian(model.clone()), &data);
        assert!(matches!(read.model, Model::Gaussian(g) if g == model));
    }
}

#[test]
fn mixtures_are_the_same_again() {
    let data = set(normals(90, 4, 2));
    let kinds = [
        (1, CovarianceKind::Full),
        (12, CovarianceKind::LowRank(1)),
        (3, CovarianceKind::LowRank(0)),
        (4, CovarianceKind::Diagonal),
    ];
    for (k, kind) in kinds {
        let model = MixtureFit::new(k, kind).fit(&data).unwrap();
        let (read, _) = round_trip(Model::Mixture(model.clone()), &data);
        assert!(matches!(read.model, Model::Mixture(m) if m == model));
    }
}

/// Components of any form side by side; a diagonal one takes d numbers, not d².
#[test]
fn mixed_forms_are_the_same_again() {
    let data = set(normals(90, 50, 8));
    let gaussians: Vec<Gaussian> =
        [CovarianceKind::Diagonal, CovarianceKind::LowRank(2), CovarianceKind::Diagonal]
            .into_iter()
            .map(|kind| Gaussian::fit(&data, kind).unwrap())
            .collect();
    let model = Mixture::new(vec![0.5, 0.25, 0.25], gaussians.clone()).unwrap();
    let (read, bytes) = round_trip(Model::Mixture(model.clone()), &data);
    assert!(matches!(read.model, Model::Mixture(m) if m == model));
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(tensors.tensor("component.2.diagonal").unwrap().shape(), [50]);
    assert!(
        tensors.tensor("component.2.vectors").is_err() && tensors.tensor("component.1.diagonal").is_err()
    );
    let version = |bytes: &[u8]| {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        metadata.metadata().as_ref().and_then(|m| m.get("version").cloned()).unwrap()
    };
    assert_eq!(version(&bytes), "2");
    // Readers of version 1 know the other forms, and still read them.
    assert_eq!(version(&round_trip(Model::Gaussian(gaussians[1].clone()), &data).1), "1");
    let (_, bytes) = round_trip(Model::Gaussian(gaussians[0].clone()), &data);
    assert!(bytes.len() < 100 * 8 + 2048, "{} bytes", bytes.len());
}

#[test]
fn the_data_themselves_are_the_same_again_in_the_smallest_type() {
    let values = normals(60, 20, 3);
    let single = values.mapv(|v| f64::from(v as f32));
    let bytes = values.mapv(|v| (40.0 * v + 120.0).clamp(0.0, 255.0).round());
    let mut negative_zero = bytes.clone();
    negative_zero[(0, 0)] = -0.0;
    let cases = [(values, Dtype::F64), (single, Dtype::F32), (bytes, Dtype::U8), (negative_zero, Dtype::F32)];
    for (values, expected) in cases {
        let data = set(values);
        let (read, bytes) = round_trip(Model::Empirical(Empirical::new(&data).unwrap()), &data);
        assert_eq!(dtype(&bytes, "points"), expected);
        let Model::Empirical(model) = read.model else { panic!() };
        let bits = |a: ndarray::ArrayView2<f64>| a.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(model.points()), bits(data.values()));
    }
}

#[test]
fn merged_duplicates_and_weights_are_the_same_again() {
    for d in [1, 20] {
        let mut values = normals(50, d, 4);
        let copy = values.row(3).to_owned();
        (10..17).for_each(|i| values.row_mut(i).assign(&copy));
        let data = set(values);
        let merged = Empirical::new(&data).unwrap();
        assert_eq!(merged.len(), 43);
        round_trip(Model::Empirical(merged), &data);
        let weights: Vec<f64> = (0..50).map(|i| f64::from(i % 7) / 3.0).collect();
        round_trip(Model::Empirical(Empirical::weighted(&data, &weights).unwrap()), &data);
    }
}

#[test]
fn random_features_are_the_same_again() {
    let data = set(normals(12, 3, 5));
    for (activation, frequencies) in [(Activation::Cosine, 2), (Activation::Cosine, 0), (Activation::Relu, 1)]
    {
        let fit = RandomFeatureFit { activation, frequencies, ..RandomFeatureFit::new(9) };
        let model = fit.fit(&data).unwrap().at(2.0).unwrap();
        let (read, bytes) = round_trip(Model::RandomFeatures(model.clone()), &data);
        assert!(matches!(read.model, Model::RandomFeatures(m) if m == model));
        let (_, metadata) = SafeTensors::read_metadata(&bytes).unwrap();
        assert_eq!(metadata.metadata().as_ref().unwrap()["version"], "3");
    }
}

#[test]
fn images_keep_their_shape_and_a_byte_a_pixel() {
    let digits = ridgewalk_data::digits();
    let data = digits.select(&(0..200).collect::<Vec<_>>()).unwrap();
    let (read, bytes) = round_trip(Model::Empirical(Empirical::new(&data).unwrap()), &data);
    assert_eq!(read.shape, data.shape());
    assert_eq!(dtype(&bytes, "points"), Dtype::U8);
    assert!(bytes.len() < 200 * data.dim() + 2048, "{} bytes", bytes.len());
}

#[test]
fn every_field_comes_back() {
    let file = full();
    let read = load_bytes(&bytes_of(&file)).unwrap();
    assert_eq!(read.shape, file.shape);
    assert_eq!(read.normalization, file.normalization);
    assert_eq!(read.range, file.range);
    assert_eq!(read.columns, file.columns);
    assert_eq!((&read.data, read.points, read.seed), (&"a b.csv".to_string(), 30, u64::MAX));
    assert_eq!(read.command, file.command);
    assert_eq!((read.noise, read.smoothing_spacing), (5e-324, Some(1.0 / 3.0)));
    assert_eq!(read.salt_and_pepper, 0.1 + 0.2);
    assert_eq!(read.training_sha256.as_deref(), Some("00ff"));
}

#[test]
fn parts_that_disagree_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    let three = vec!["a".to_string(); 3];
    let units = Normalization::Standardized { mean: vec![0.0; 3], std: vec![1.0; 3] };
    for bad in [
        ModelFile { shape: Shape::Vector(3), ..full() },
        ModelFile { shape: Shape::Image { height: usize::MAX, width: 2, channels: 1 }, ..full() },
        ModelFile { normalization: units, ..full() },
        ModelFile { columns: Some(three), ..full() },
        ModelFile { range: (1.0, 0.0), ..full() },
        ModelFile { range: (0.0, f64::INFINITY), ..full() },
        ModelFile { noise: -1.0, ..full() },
        ModelFile { salt_and_pepper: 1.1, ..full() },
        ModelFile { salt_and_pepper: f64::NAN, ..full() },
        ModelFile { smoothing_spacing: Some(f64::NAN), ..full() },
        ModelFile { points: 0, ..full() },
    ] {
        let error = bad.save(&path).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Argument, "{error}");
        assert!(error.to_string().contains("m.safetensors") && !path.exists());
    }
}

/// A parser that is a last bit off in one number of a hundred would be caught.
#[test]
fn decimals_come_back_to_the_last_bit() {
    let data = set(normals(3, 1, 6));
    let file = ModelFile::new(Model::Empirical(Empirical::new(&data).unwrap()), &data, "x");
    for (i, row) in normals(200, 4, 7).outer_iter().enumerate() {
        let scale = 10f64.powi(i as i32 - 100);
        let [a, b, noise, spacing] = [0, 1, 2, 3].map(|k| row[k].abs() * scale);
        let file = ModelFile { range: (-a, b), noise, smoothing_spacing: Some(spacing), ..file.clone() };
        let read = load_bytes(&bytes_of(&file)).unwrap();
        assert_eq!((read.range, read.noise, read.smoothing_spacing), ((-a, b), noise, Some(spacing)));
    }
}
