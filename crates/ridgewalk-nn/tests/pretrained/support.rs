//! Files of made-up networks, published ones, and noise.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use ridgewalk::random::{Purpose, Stream};
use safetensors::Dtype;
use safetensors::tensor::TensorView;

pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// Writes tensors as a file.
pub fn write(path: &Path, tensors: &Tensors) {
    let bytes: BTreeMap<&String, Vec<u8>> = tensors
        .iter()
        .map(|(name, (_, values))| (name, values.iter().flat_map(|v| v.to_le_bytes()).collect()))
        .collect();
    let views = tensors.iter().map(|(name, (shape, _))| {
        (name.clone(), TensorView::new(Dtype::F32, shape.clone(), &bytes[name]).unwrap())
    });
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

/// Normal numbers of a deviation.
pub fn normals(seed: u64, n: usize, deviation: f64) -> Vec<f64> {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    (0..n).map(|_| deviation * stream.normal()).collect()
}

/// Tensors of made-up values; their names end in `bias` or in `weight`, whose size keeps the scale of what passes.
pub fn made_up(shapes: &[(String, Vec<usize>)], seed: u64) -> Tensors {
    shapes
        .iter()
        .enumerate()
        .map(|(index, (name, shape))| {
            let n: usize = shape.iter().product();
            let fan = shape.iter().skip(1).product::<usize>().max(1) as f64;
            let deviation = if name.ends_with("bias") { 0.1 } else { (2.0 / fan).sqrt() };
            let values = normals(seed + index as u64, n, deviation).iter().map(|v| *v as f32).collect();
            (name.clone(), (shape.clone(), values))
        })
        .collect()
}

/// A DnCNN of this depth and width.
pub fn dncnn(depth: usize, width: usize, biased: bool, seed: u64) -> Tensors {
    let channels = |layer: usize| if layer == 0 || layer == depth { 1 } else { width };
    let mut shapes = Vec::new();
    for layer in 0..depth {
        shapes.push((format!("conv.{layer}.weight"), vec![channels(layer + 1), channels(layer), 3, 3]));
        if biased {
            shapes.push((format!("conv.{layer}.bias"), vec![channels(layer + 1)]));
        }
    }
    made_up(&shapes, seed)
}

/// The U-Net with narrow layers.
pub fn unet(seed: u64) -> Tensors {
    let shapes: [&[usize]; 9] = [
        &[3, 1, 5, 5],
        &[4, 3, 3, 3],
        &[5, 4, 3, 3],
        &[5, 5, 3, 3],
        &[5, 5, 3, 3],
        &[6, 5, 3, 3],
        &[6, 5, 4, 4],
        &[3, 9, 3, 3],
        &[1, 3, 5, 5],
    ];
    let named = shapes.iter().enumerate().map(|(i, shape)| (format!("conv{}.weight", i + 1), shape.to_vec()));
    made_up(&named.collect::<Vec<_>>(), seed)
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

/// One row.
pub fn row(values: Vec<f64>) -> Array2<f64> {
    let n = values.len();
    Array2::from_shape_vec((1, n), values).unwrap()
}

pub fn largest(a: &Array2<f64>, b: &Array2<f64>) -> f64 {
    (a - b).iter().fold(0.0, |most, v| most.max(v.abs()))
}

pub fn norm(a: &Array2<f64>) -> f64 {
    a.iter().map(|v| v * v).sum::<f64>().sqrt()
}
