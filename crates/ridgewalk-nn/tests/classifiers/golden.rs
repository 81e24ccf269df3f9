//! Published classifiers against outputs of another implementation, and against measured figures. Set `RIDGEWALK_DATA` to a
//! folder that holds `models/` and `mnist/`; without it these tests pass and say so.

use ndarray::Array2;
use ridgewalk::metrics::frechet_distance;
use ridgewalk::{PointSet, Shape};
use ridgewalk_data::{LoadOptions, load_with};
use ridgewalk_nn::{Classifier, Pixels};

use super::support::{Tensors, error, published, read};

const LENET: &str = "lenet_mnist_cntk";
const RESNET: &str = "resnet20_cifar10";

fn load(name: &str) -> Option<(Classifier, Tensors)> {
    let file = published(&format!("models/{name}.safetensors"))?;
    let golden = published(&format!("models/{name}.golden.safetensors"))?;
    Some((Classifier::load(file).unwrap(), read(&golden)))
}

fn rows(golden: &Tensors, name: &str) -> Array2<f64> {
    let (shape, values) = &golden[name];
    let values: Vec<f64> = values.iter().map(|v| f64::from(*v)).collect();
    Array2::from_shape_vec((shape[0], values.len() / shape[0]), values).unwrap()
}

/// Images of a tensor whose numbers lie row by row, channels last: those of the colour images do, although the tensor's shape
/// has channels first.
fn images(golden: &Tensors, name: &str, unit: impl Fn(f64, usize) -> f64) -> PointSet {
    let shape = &golden[name].0;
    let (channels, side) = (shape[1], shape[2]);
    let mut values = rows(golden, name);
    values.indexed_iter_mut().for_each(|((_, k), value)| *value = unit(*value, k % channels));
    PointSet::new(values, Shape::Image { height: side, width: side, channels }).unwrap()
}

#[test]
fn lenet_is_that_of_another_implementation() {
    let Some((classifier, golden)) = load(LENET) else { return };
    let images = images(&golden, "x_0_255", |value, _| value);
    let found = classifier.outputs(&images, Pixels::BYTES).unwrap();
    let errors = [
        error(&found.features, &rows(&golden, "features256")),
        error(&found.logits, &rows(&golden, "logits")),
    ];
    println!("{}: errors {:.1e} and {:.1e}", classifier.architecture(), errors[0], errors[1]);
    assert!(errors.iter().all(|e| *e < 1e-4), "{errors:?}");
}

#[test]
fn resnet_is_that_of_another_implementation() {
    let Some((classifier, golden)) = load(RESNET) else { return };
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let images = images(&golden, "x_normalised", |value, channel| value * deviation[channel] + mean[channel]);
    let found = classifier.outputs(&images, Pixels::UNIT).unwrap();
    assert_eq!(classifier.architecture().name, "ResNet-20");
    let errors = [
        error(&found.features, &rows(&golden, "features64")),
        error(&found.logits, &rows(&golden, "logits")),
    ];
    println!("{}: errors {:.1e} and {:.1e}", classifier.architecture(), errors[0], errors[1]);
    assert!(errors.iter().all(|e| *e < 1e-4), "{errors:?}");
}

fn digits(images: &str) -> Option<PointSet> {
    let path = published(images)?;
    Some(load_with(path.to_str().unwrap(), &LoadOptions::default()).unwrap())
}

/// 9891 of the 10,000 test digits, as was measured elsewhere.
#[test]
fn digits_are_told_as_often_as_was_measured() {
    let Some((classifier, _)) = load(LENET) else { return };
    let Some(test) = digits("mnist/t10k-images-idx3-ubyte.gz") else { return };
    assert_eq!(Pixels::of(&test), Some(Pixels::BYTES));
    let outputs = classifier.outputs(&test, Pixels::BYTES).unwrap();
    let labels = test.labels().expect("labels lie beside the images");
    let right = outputs.classes().iter().zip(labels).filter(|(a, b)| **a == **b as usize).count();
    println!("{right} of {} digits", test.len());
    assert_eq!((test.len(), right), (10_000, 9891));
}

/// The two halves of the test set are nearer to each other than to a set of digits upside down.
#[test]
fn digits_upside_down_are_further_than_other_digits() {
    let Some((classifier, _)) = load(LENET) else { return };
    let Some(test) = digits("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let part = |range: std::ops::Range<usize>| test.select(&range.collect::<Vec<_>>()).unwrap();
    let (a, b) = (part(0..1000), part(1000..2000));
    let mut values = b.values().to_owned();
    values.invert_axis(ndarray::Axis(1));
    let turned = b.with_values(values).unwrap();
    let features = |set: &PointSet| classifier.features(set, Pixels::BYTES).unwrap();
    let of_a = features(&a);
    let [null, far] = [&b, &turned].map(|set| frechet_distance(of_a.view(), features(set).view()).unwrap());
    println!("other digits {null:.4e}, upside down {far:.4e}");
    assert!(far > 3.0 * null);
}
