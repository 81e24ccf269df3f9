//! Model files that lie, break off or belong to others: an error that says where, never a panic.

use std::collections::HashMap;
use std::path::Path;

use ndarray::{Array2, array};
use proptest::prelude::*;
use ridgewalk::closed_form::{Covariance, Empirical, Gaussian, Mixture, RandomFeatureFit, RandomFeatures};
use ridgewalk_data::{Error, ErrorKind, Model, ModelFile};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::latent::encoded;
use super::{bytes_of, full, load_bytes, set};

fn error_of(bytes: &[u8]) -> Error {
    let error = load_bytes(bytes).unwrap_err();
    assert!(error.path.as_ref().is_some_and(|p| p.ends_with("m.safetensors")), "{error}");
    error
}

/// Parts of a file, to be changed and put together again.
struct Parts {
    metadata: HashMap<String, String>,
    tensors: HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>,
}

impl Parts {
    fn of(bytes: &[u8]) -> Self {
        let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
        let tensors = SafeTensors::deserialize(bytes).unwrap().tensors();
        let owned = |t: TensorView| (t.dtype(), t.shape().to_vec(), t.data().to_vec());
        Parts {
            metadata: metadata.metadata().clone().unwrap(),
            tensors: tensors.into_iter().map(|(name, t)| (name, owned(t))).collect(),
        }
    }

    fn put(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.tensors.insert(name.into(), (Dtype::F64, shape.to_vec(), bytes));
    }

    fn edit(&mut self, key: &str, from: &str, to: &str) {
        let value = self.metadata.get_mut(key).unwrap();
        assert!(value.contains(from), "{value}");
        *value = value.replace(from, to);
    }

    fn bytes(&self) -> Vec<u8> {
        let views = self.tensors.iter().map(|(name, (dtype, shape, data))| {
            (name, TensorView::new(*dtype, shape.clone(), data).unwrap())
        });
        safetensors::serialize(views, Some(self.metadata.clone())).unwrap()
    }
}

/// The error after a change to the file with every field set, a mixture of 2 in 2 dimensions.
fn changed(change: impl FnOnce(&mut Parts)) -> Error {
    let mut parts = Parts::of(&bytes_of(&full()));
    change(&mut parts);
    error_of(&parts.bytes())
}

#[test]
fn unchanged_parts_are_a_model() {
    load_bytes(&Parts::of(&bytes_of(&full())).bytes()).unwrap();
}

#[test]
fn lies_about_tensors_name_the_tensor() {
    type Change = fn(&mut Parts);
    let cases: [(Change, &str); 13] = [
        (|p| drop(p.tensors.remove("weights")), "`weights`: this tensor is missing"),
        (|p| drop(p.tensors.remove("component.1.values")), "`component.1.values`: this tensor is missing"),
        (|p| p.put("component.2.values", &[2], &[1.0; 2]), "`component.2.values`: is no part"),
        (|p| p.put("weights", &[3], &[0.3; 3]), "`means`: has the shape [2, 2] where [3, 2]"),
        (|p| p.put("weights", &[2, 1], &[0.5; 2]), "`weights`: has the shape [2, 1], not one of 1 axes"),
        (|p| p.put("weights", &[2], &[f64::NAN, 1.0]), "`weights`: value 0 (counted from 0) is NaN"),
        (|p| p.put("weights", &[2], &[-0.5, 1.5]), "`weights`: weights hold -0.5"),
        (|p| p.put("means", &[2, 2], &[0.0, 0.0, 1.0, f64::INFINITY]), "`means`: value 3"),
        (|p| p.put("component.0.vectors", &[2, 2], &[1.0; 4]), "orthonormal"),
        (|p| p.put("component.0.vectors", &[0, 1 << 60], &[]), "`component.0.vectors`: has the shape"),
        (|p| p.put("component.0.values", &[2], &[-1.0, 1.0]), "variance -1"),
        (|p| p.put("normalization.std", &[2], &[0.0, 1.0]), "std 0"),
        (|p| p.tensors.get_mut("weights").unwrap().0 = Dtype::I64, "`weights`: holds numbers of type I64"),
    ];
    for (change, expected) in cases {
        let error = changed(change);
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
        assert!(matches!(error.kind, ErrorKind::Malformed | ErrorKind::NonFinite), "{error}");
    }
}

#[test]
fn lies_in_the_header_are_found() {
    for (from, to, expected) in [
        (r#"{"vector":2}"#, r#"{"vector":3}"#, "has the shape"),
        (r#"{"vector":2}"#, r#"{"vector":0}"#, "the shape is"),
        (
            r#"{"vector":2}"#,
            r#"{"image":{"height":4294967296,"width":4294967296,"channels":3}}"#,
            "the shape is",
        ),
        (r#""mixture""#, r#""empirical""#, "`points`: this tensor is missing"),
        (r#""mixture""#, r#""gaussian""#, "where [1, 2] was expected"),
        (r#""mixture""#, r#""pickle""#, "unknown variant"),
        (r#""standardized""#, r#""none""#, "is no part of such a model"),
        (r#""points":30"#, r#""points":0"#, "no points"),
        (r#""points":30"#, r#""points":-1"#, "invalid value"),
        (r#""seed""#, r#""seeds""#, "unknown field"),
        (r#"["height "#, r#"["x","height "#, "3 column names"),
        ("5e-324", "1e999", "out of range"),
        ("{", "", "`header`"),
    ] {
        let error = changed(|p| p.edit("header", from, to));
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
        assert_eq!(error.kind, ErrorKind::Malformed);
    }
    let error = changed(|p| drop(p.metadata.remove("header")));
    assert!(error.to_string().contains("`header`: is missing"), "{error}");
}

/// The error after a change to a file of two points in a latent space of one dimension out of two.
fn changed_latent(change: impl FnOnce(&mut Parts)) -> Error {
    let mut parts = Parts::of(&bytes_of(&encoded()));
    change(&mut parts);
    error_of(&parts.bytes())
}

#[test]
fn latent_spaces_that_do_not_fit_are_found() {
    type Change = fn(&mut Parts);
    let cases: [(Change, &str); 11] = [
        (|p| drop(p.tensors.remove("latent.mean")), "`latent.mean`: this tensor is missing"),
        (|p| p.put("latent.mean", &[1], &[0.0]), "`latent.mean`: has the shape [1] where [2]"),
        (|p| p.put("latent.components", &[2], &[0.6, 0.8]), "`latent.components`: has the shape [2], not"),
        (|p| p.put("latent.components", &[1, 2], &[0.6, 0.9]), "orthonormal"),
        (|p| p.put("latent.components", &[0, 2], &[]), "`latent.scales`: has the shape [1] where [0]"),
        (|p| p.put("latent.components", &[0, 1 << 60], &[]), "`latent.components`: has the shape"),
        (|p| p.put("latent.scales", &[1], &[-1.0]), "scales hold -1"),
        (|p| p.put("latent.spectrum", &[0], &[]), "a spectrum of 0"),
        (|p| p.put("latent.spectrum", &[2], &[1.0, 2.0]), "decreasing"),
        (|p| p.edit("header", r#""latent":"pca","#, ""), "where [2, 2] was expected"),
        (|p| p.edit("header", r#""latent":"pca""#, r#""latent":"net""#), "unknown variant"),
    ];
    for (change, expected) in cases {
        let error = changed_latent(change);
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
        assert_eq!(error.kind, ErrorKind::Malformed);
    }
}

#[test]
fn weights_of_points_that_do_not_sum_to_one() {
    let data = set(array![[0.0], [1.0], [1.0]]);
    let file = ModelFile::new(Model::Empirical(Empirical::new(&data).unwrap()), &data, "x");
    let mut parts = Parts::of(&bytes_of(&file));
    parts.put("log_weights", &[2], &[0.0, 0.0]);
    assert!(error_of(&parts.bytes()).to_string().contains("sum to 2"));
    parts.put("points", &[0, 1], &[]);
    parts.tensors.remove("log_weights");
    assert_eq!(error_of(&parts.bytes()).kind, ErrorKind::Malformed);
}

#[test]
fn files_of_others_are_told_apart() {
    let newer = changed(|p| p.edit("version", "1", "7"));
    assert_eq!(newer.kind, ErrorKind::Unsupported);
    assert!(newer.to_string().contains("format version 7") && newer.help == "update ridgewalk", "{newer}");
    for broken in ["0", "-1", "one", ""] {
        assert!(changed(|p| p.edit("version", "1", broken)).to_string().contains("is not a version"));
    }
    let torch = changed(|p| p.edit("format", "ridgewalk-model", "pt"));
    assert!(torch.to_string().contains("not a ridgewalk model (its format is `pt`)"), "{torch}");
    let bare = changed(|p| p.metadata.clear());
    assert!(bare.to_string().contains("but not a ridgewalk model;"), "{bare}");
    for (bytes, expected) in [
        (&b"PK\x03\x04\x00\x00\x08\x08\x00\x00\x00\x00"[..], "pickles can run code"),
        (b"\x80\x02}q\x00(X\x01\x00\x00\x00", "pickles can run code"),
        (b"\x93NUMPY\x01\x00v\x00{'descr': ", "holds data, not a model"),
        (b"a,b,c\n1,2,3\n", "not a safetensors file"),
        (b"{", "not a safetensors file"),
    ] {
        let error = error_of(bytes);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(error.kind, ErrorKind::Unsupported);
    }
    assert!(error_of(b"").to_string().contains("the file is empty"));
    assert_eq!(ModelFile::load(Path::new("no/such.safetensors")).unwrap_err().kind, ErrorKind::Io);
}

fn raw(length: u64, json: &str, data: &[u8]) -> Vec<u8> {
    [&length.to_le_bytes()[..], json.as_bytes(), data].concat()
}

#[test]
fn absurd_sizes_cost_nothing() {
    for length in [0, 1, 1 << 40, u64::MAX] {
        assert_eq!(error_of(&raw(length, "{}  ", &[])).kind, ErrorKind::Malformed);
    }
    // 24 MiB of blanks: a valid header, but no model's.
    let blanks = " ".repeat(24 << 20);
    let error = error_of(&raw(blanks.len() as u64 + 2, "{}", blanks.as_bytes()));
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    let json =
        r#"{"points":{"dtype":"U8","shape":[4611686018427387904],"data_offsets":[0,4611686018427387904]}}"#;
    assert_eq!(error_of(&raw(json.len() as u64, json, &[])).kind, ErrorKind::Malformed);
    let json = r#"{"points":{"dtype":"F64","shape":[9223372036854775807,9],"data_offsets":[0,8]}}"#;
    assert_eq!(error_of(&raw(json.len() as u64, json, &[0; 8])).kind, ErrorKind::Malformed);
    let deep = format!(r#"{{"a":{}"#, "[".repeat(100_000));
    assert_eq!(error_of(&raw(deep.len() as u64, &deep, &[])).kind, ErrorKind::Malformed);
}

/// Tensors that end at 2⁶⁴ − 1: a sum with the header's length overflows, which panics where that is
/// checked (as `SafeTensors::deserialize` 0.8.0 does).
#[test]
fn declared_sizes_that_overflow_are_refused() {
    let each = (1u64 << 61) - 1;
    let mut end = 0u64;
    let mut entries: Vec<String> = Vec::new();
    while let Some(next) = end.checked_add(each) {
        let name = entries.len();
        entries.push(format!(r#""t{name}":{{"dtype":"U8","shape":[{each}],"data_offsets":[{end},{next}]}}"#));
        end = next;
    }
    let rest = u64::MAX - end;
    entries.push(format!(r#""z":{{"dtype":"U8","shape":[{rest}],"data_offsets":[{end},{}]}}"#, u64::MAX));
    let json = format!("{{{}}}", entries.join(","));
    let error = error_of(&raw(json.len() as u64, &json, &[]));
    assert!(error.to_string().contains("18446744073709551615 bytes of numbers"), "{error}");
}

#[test]
fn the_limit_counts_what_bytes_become() {
    let data = set(Array2::from_shape_fn((100, 10), |(i, j)| (i + j) as f64));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("m.safetensors");
    ModelFile::new(Model::Empirical(Empirical::new(&data).unwrap()), &data, "x").save(&path).unwrap();
    assert_eq!(ModelFile::load_with(&path, 7_999).unwrap_err().kind, ErrorKind::TooLarge);
    ModelFile::load_with(&path, 8_000).unwrap();
}

#[test]
fn lies_about_a_diagonal_name_the_tensor() {
    let data = set(array![[0.5, 1.0], [2.0, 3.0]]);
    let model = Gaussian::new(array![1.0, 2.0], Covariance::diagonal(vec![1.0, 0.5]).unwrap()).unwrap();
    let bytes = bytes_of(&ModelFile::new(Model::Gaussian(model), &data, "x"));
    type Change = fn(&mut Parts);
    let cases: [(Change, &str); 7] = [
        (|p| drop(p.tensors.remove("component.0.diagonal")), "`component.0.vectors`: this tensor is missing"),
        (|p| p.put("component.0.diagonal", &[3], &[1.0; 3]), "`component.0.diagonal`: has the shape [3]"),
        (
            |p| p.put("component.0.diagonal", &[2, 1], &[1.0; 2]),
            "`component.0.diagonal`: has the shape [2, 1]",
        ),
        (|p| p.put("component.0.diagonal", &[2], &[1.0, -1.0]), "variance -1"),
        (|p| p.put("component.0.diagonal", &[2], &[1.0, f64::INFINITY]), "`component.0.diagonal`: value 1"),
        (|p| p.put("component.0.values", &[2], &[1.0; 2]), "`component.0.values`: is no part"),
        (|p| p.put("component.1.diagonal", &[2], &[1.0; 2]), "`component.1.diagonal`: is no part"),
    ];
    for (change, expected) in cases {
        let mut parts = Parts::of(&bytes);
        change(&mut parts);
        let error = error_of(&parts.bytes());
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
        assert!(matches!(error.kind, ErrorKind::Malformed | ErrorKind::NonFinite), "{error}");
    }
}

fn features() -> RandomFeatures {
    let data = set(array![[0.5, 1.0], [2.0, 3.0], [2.0, 3.0]]);
    let fit = RandomFeatureFit { frequencies: 1, ..RandomFeatureFit::new(3) };
    fit.fit(&data).unwrap().at(1.0).unwrap()
}

#[test]
fn lies_about_random_features_name_the_tensor() {
    let data = set(array![[0.5, 1.0], [2.0, 3.0]]);
    let bytes = bytes_of(&ModelFile::new(Model::RandomFeatures(features()), &data, "x"));
    type Change = fn(&mut Parts);
    let cases: [(Change, &str); 14] = [
        (|p| drop(p.tensors.remove("features.biases")), "`features.biases`: this tensor is missing"),
        (
            |p| p.put("features.biases", &[4], &[0.0; 4]),
            "`features.directions`: has the shape [3, 2] where [4, 2]",
        ),
        (|p| p.put("features.biases", &[0], &[]), "`features.directions`: has the shape [3, 2] where [0, 2]"),
        (|p| p.put("features.embedding", &[3, 2], &[0.0; 6]), "embedding (3, 2)"),
        (|p| p.put("features.embedding", &[0, 1 << 60], &[]), "`features.embedding`: has the shape"),
        (|p| p.put("features.period", &[1], &[0.0]), "period is 0"),
        (|p| p.put("weights", &[2, 3], &[f64::NAN; 6]), "`weights`: value 0"),
        (|p| p.put("weights", &[3, 2], &[0.0; 6]), "`weights`: has the shape [3, 2] where [2, 3]"),
        (|p| p.put("center", &[3], &[0.0; 3]), "`center`: has the shape [3]"),
        (|p| p.put("scale", &[1], &[-1.0]), "scale is -1"),
        (|p| p.put("times", &[2], &[2.0, 1.0]), "from 2 to 1"),
        (|p| p.put("std", &[1], &[-1.0]), "std -1"),
        (|p| p.put("means", &[1], &[-1.0]), "`means`: is no part"),
        (
            |p| p.edit("header", r#""activation":"cosine","#, ""),
            "`header`: random features have an activation",
        ),
    ];
    for (change, expected) in cases {
        let mut parts = Parts::of(&bytes);
        change(&mut parts);
        let error = error_of(&parts.bytes());
        assert!(error.to_string().contains(expected), "{error}, not {expected}");
        assert!(matches!(error.kind, ErrorKind::Malformed | ErrorKind::NonFinite), "{error}");
    }
}

/// Small files of all kinds, diagonal and not, and one in a latent space.
fn small() -> Vec<Vec<u8>> {
    let data = set(array![[0.5, 1.0], [2.0, 3.0], [2.0, 3.0]]);
    let gaussian = Gaussian::new(array![1.0, 2.0], Covariance::isotropic(2, 0.5).unwrap()).unwrap();
    let diagonal = Gaussian::new(array![1.0, 2.0], Covariance::diagonal(vec![1.0, 0.5]).unwrap()).unwrap();
    let pair = Mixture::new(vec![0.25, 0.75], vec![gaussian.clone(), diagonal]).unwrap();
    let empirical = Model::Empirical(Empirical::new(&data).unwrap());
    [Model::Gaussian(gaussian), Model::Mixture(pair), empirical, Model::RandomFeatures(features())]
        .into_iter()
        .map(|model| bytes_of(&ModelFile::new(model, &data, "x")))
        .chain([bytes_of(&encoded())])
        .collect()
}

#[test]
fn every_truncation_and_every_extension_is_refused() {
    for bytes in small() {
        for length in 0..bytes.len() {
            assert!(load_bytes(&bytes[..length]).is_err(), "{length}");
        }
        assert!(load_bytes(&[&bytes[..], b"x"].concat()).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]
    /// A flipped bit may be another valid number; then what was read must work and be writable.
    #[test]
    fn flipped_bytes_never_panic(
        which in 0usize..4,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        thread_local!(static FILES: Vec<Vec<u8>> = small());
        let mut bytes = FILES.with(|files| files[which].clone());
        for (at, value) in flips {
            *at.get_mut(&mut bytes) ^= value;
        }
        if let Ok(file) = load_bytes(&bytes) {
            let model = file.model.as_denoiser();
            if let Ok(out) = model.denoise(Array2::zeros((2, model.dim())).view(), 1.0) {
                prop_assert!(out.iter().all(|v| v.is_finite()));
            }
            file.to_data(Array2::zeros((2, model.dim()))).ok();
            bytes_of(&file);
        }
    }
}
