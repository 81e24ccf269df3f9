//! Files of made-up classifiers, published ones, and images.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use ridgewalk::{PointSet, Shape};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Writes tensors as a file, with counters of batches as PyTorch has them.
pub fn write(path: &Path, tensors: &Tensors) {
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let count = 7i64.to_le_bytes();
    let mut views: Vec<(String, TensorView)> = tensors
        .iter()
        .map(|(name, (shape, _))| {
            (name.clone(), TensorView::new(Dtype::F32, shape.clone(), &bytes[name]).unwrap())
        })
        .collect();
    if tensors.contains_key("bn1.weight") {
        let counter = TensorView::new(Dtype::I64, Vec::new(), &count).unwrap();
        views.push(("bn1.num_batches_tracked".into(), counter));
    }
    std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// Reads tensors of a file that is trusted.
pub fn read(path: &Path) -> Tensors {
    let bytes = std::fs::read(path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    file.iter()
        .map(|(name, view)| {
            let values = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
            (name.to_string(), (view.shape().to_vec(), values))
        })
        .collect()
}

/// A published file, or none, with the reason printed.
pub fn published(name: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("RIDGEWALK_DATA") else {
        println!("skipped: RIDGEWALK_DATA is not set");
        return None;
    };
    let path = PathBuf::from(folder).join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

/// Tensors of made-up values, whose size keeps the scale of what passes.
fn made_up(shapes: &[(String, Vec<usize>)], seed: u64) -> Tensors {
    let mut tensors = Tensors::new();
    for (index, (name, shape)) in shapes.iter().enumerate() {
        let mut stream = Stream::new(seed, Purpose::Evaluation, index as u64, 0);
        let fan = shape.iter().skip(1).product::<usize>().max(1) as f64;
        let mut draw = || match name.rsplit('.').next() {
            Some("running_var") => 0.5 + stream.uniform(),
            _ if shape.len() == 1 => 0.3 * stream.normal() + if name.ends_with("weight") { 1.0 } else { 0.0 },
            _ => (2.0 / fan).sqrt() * stream.normal(),
        };
        let values = (0..shape.iter().product()).map(|_| draw() as f32).collect();
        tensors.insert(name.clone(), (shape.clone(), values));
    }
    tensors
}

/// A LeNet with these channels.
pub fn lenet(first: usize, second: usize, classes: usize, seed: u64) -> Tensors {
    let shapes = [
        ("conv1.weight", vec![first, 1, 5, 5]),
        ("conv1.bias", vec![first]),
        ("conv2.weight", vec![second, first, 5, 5]),
        ("conv2.bias", vec![second]),
        ("fc.weight", vec![classes, second * 16]),
        ("fc.bias", vec![classes]),
    ];
    made_up(&shapes.map(|(name, shape)| (name.to_string(), shape)), seed)
}

/// A ResNet whose stages have these channels, a block each but for the first, which has two.
pub fn resnet(channels: [usize; 3], classes: usize, seed: u64) -> Tensors {
    let mut shapes = Vec::new();
    let mut layer = |name: &str, norm: &str, out: usize, into: usize| {
        shapes.push((format!("{name}.weight"), vec![out, into, 3, 3]));
        for part in ["weight", "bias", "running_mean", "running_var"] {
            shapes.push((format!("{norm}.{part}"), vec![out]));
        }
    };
    layer("conv1", "bn1", channels[0], 3);
    let mut into = channels[0];
    for (stage, out) in channels.into_iter().enumerate() {
        for block in 0..if stage == 0 { 2 } else { 1 } {
            let name = format!("layer{}.{block}", stage + 1);
            layer(&format!("{name}.conv1"), &format!("{name}.bn1"), out, into);
            layer(&format!("{name}.conv2"), &format!("{name}.bn2"), out, out);
            into = out;
        }
    }
    shapes.push(("linear.weight".into(), vec![classes, into]));
    shapes.push(("linear.bias".into(), vec![classes]));
    made_up(&shapes, seed)
}

/// Uniform noise between black and white as images.
pub fn noise(n: usize, side: usize, channels: usize, black: f64, white: f64) -> PointSet {
    let d = side * side * channels;
    let mut stream = Stream::new(3, Purpose::Evaluation, 0, 1);
    let values = Array2::from_shape_simple_fn((n, d), || black + (white - black) * stream.uniform());
    PointSet::new(values, Shape::Image { height: side, width: side, channels }).unwrap()
}

/// The largest difference, in parts of the largest value.
pub fn error(found: &Array2<f64>, expected: &Array2<f64>) -> f64 {
    assert_eq!(found.dim(), expected.dim());
    let largest = |a: &Array2<f64>| a.iter().fold(0f64, |most, v| most.max(v.abs()));
    largest(&(found - expected)) / largest(expected)
}
