//! Model files: read back bit for bit, and never trusted.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use ndarray::{Array2, array};
use proptest::prelude::*;
use ridgewalk::closed_form::{Covariance, CovarianceKind, Empirical, Gaussian, Mixture, MixtureFit};
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{Denoiser, PointSet, Shape};
use ridgewalk_data::{Error, ErrorKind, Model, ModelFile, Normalization};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

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

fn error_of(bytes: &[u8]) -> Error {
    let error = load_bytes(bytes).unwrap_err();
    assert!(error.path.as_ref().is_some_and(|p| p.ends_with("m.safetensors")), "{error}");
    error
}

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
    for kind in [CovarianceKind::Full, CovarianceKind::LowRank(2), CovarianceKind::LowRank(0)] {
        let model = Gaussian::fit(&data, kind).unwrap();
        let (read, _) = round_trip(Model::Gaussian(model.clone()), &data);
        assert!(matches!(read.model, Model::Gaussian(g) if g == model));
    }
}

#[test]
fn mixtures_are_the_same_again() {
    let data = set(normals(90, 4, 2));
    for (k, kind) in
        [(1, CovarianceKind::Full), (12, CovarianceKind::LowRank(1)), (3, CovarianceKind::LowRank(0))]
    {
        let model = MixtureFit::new(k, kind).fit(&data).unwrap();
        let (read, _) = round_trip(Model::Mixture(model.clone()), &data);
        assert!(matches!(read.model, Model::Mixture(m) if m == model));
    }
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
fn images_keep_their_shape_and_a_byte_a_pixel() {
    let digits = ridgewalk_data::digits();
    let data = digits.select(&(0..200).collect::<Vec<_>>()).unwrap();
    let (read, bytes) = round_trip(Model::Empirical(Empirical::new(&data).unwrap()), &data);
    assert_eq!(read.shape, data.shape());
    assert_eq!(dtype(&bytes, "points"), Dtype::U8);
    assert!(bytes.len() < 200 * data.dim() + 2048, "{} bytes", bytes.len());
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
        smoothing_spacing: Some(1.0 / 3.0),
        ..ModelFile::new(Model::Mixture(model), &data, "a b.csv")
    }
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
        ModelFile { smoothing_spacing: Some(f64::NAN), ..full() },
        ModelFile { points: 0, ..full() },
    ] {
        let error = bad.save(&path).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Argument, "{error}");
        assert!(error.to_string().contains("m.safetensors") && !path.exists());
    }
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

/// Eight tensors of 2⁶¹ − … bytes end near 2⁶⁴: adding the header's length wraps round to a small file.
#[test]
fn declared_sizes_that_wrap_round_are_refused() {
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
    // 2⁶⁴ − 1 + 8 + length = 7 + length, modulo 2⁶⁴.
    let bytes = raw(json.len() as u64, &json, &[]);
    assert_eq!(error_of(&bytes).kind, ErrorKind::Malformed);
    assert_eq!(error_of(&bytes[..bytes.len() - 1]).kind, ErrorKind::Malformed);
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

/// Small files of all three kinds.
fn small() -> Vec<Vec<u8>> {
    let data = set(array![[0.5, 1.0], [2.0, 3.0], [2.0, 3.0]]);
    let gaussian = Gaussian::new(array![1.0, 2.0], Covariance::isotropic(2, 0.5).unwrap()).unwrap();
    let pair = Mixture::new(vec![0.25, 0.75], vec![gaussian.clone(), gaussian.clone()]).unwrap();
    [Model::Gaussian(gaussian), Model::Mixture(pair), Model::Empirical(Empirical::new(&data).unwrap())]
        .into_iter()
        .map(|model| bytes_of(&ModelFile::new(model, &data, "x")))
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
        which in 0usize..3,
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
            bytes_of(&file);
        }
    }
}
