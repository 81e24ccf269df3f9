//! Networks of made-up weights: every output is a sum that is written out here, in f64.

use ndarray::{Array1, Array2, Array3, Axis};
use ridgewalk::PointSet;
use ridgewalk_nn::{Classifier, Pixels};

use super::support::{Tensors, error, lenet, noise, resnet, write};

fn load(tensors: &Tensors) -> Classifier {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    write(&path, tensors);
    Classifier::load(&path).unwrap()
}

/// Σ over kernel and channels; beyond the image there are zeros.
fn convolved(x: &Array3<f64>, tensors: &Tensors, name: &str, stride: usize) -> Array3<f64> {
    let (shape, weights) = &tensors[&format!("{name}.weight")];
    let (out, k) = (shape[0], shape[2]);
    let (channels, height, width) = x.dim();
    Array3::from_shape_fn((out, height / stride, width / stride), |(o, i, j)| {
        let mut sum = tensors.get(&format!("{name}.bias")).map_or(0.0, |(_, values)| f64::from(values[o]));
        for c in 0..channels {
            for a in 0..k {
                for b in 0..k {
                    let at = (i * stride + a).checked_sub(k / 2).zip((j * stride + b).checked_sub(k / 2));
                    let value = at.and_then(|(i, j)| x.get((c, i, j))).copied().unwrap_or(0.0);
                    sum += value * f64::from(weights[((o * channels + c) * k + a) * k + b]);
                }
            }
        }
        sum
    })
}

fn normalised(mut x: Array3<f64>, tensors: &Tensors, name: &str) -> Array3<f64> {
    for (channel, mut plane) in x.outer_iter_mut().enumerate() {
        let [gain, shift, mean, variance] = ["weight", "bias", "running_mean", "running_var"]
            .map(|part| f64::from(tensors[&format!("{name}.{part}")].1[channel]));
        plane.mapv_inplace(|v| gain * (v - mean) / (variance + 1e-5).sqrt() + shift);
    }
    x
}

fn rectified(x: Array3<f64>) -> Array3<f64> {
    x.mapv(|v| v.max(0.0))
}

fn pooled(x: &Array3<f64>, k: usize) -> Array3<f64> {
    let (channels, height, width) = x.dim();
    Array3::from_shape_fn((channels, height / k, width / k), |(c, i, j)| {
        (0..k * k).fold(f64::NEG_INFINITY, |most, n| most.max(x[(c, i * k + n / k, j * k + n % k)]))
    })
}

fn lenet_by_hand(tensors: &Tensors, x: &Array3<f64>) -> Vec<f64> {
    let x = pooled(&rectified(convolved(&(255.0 * x), tensors, "conv1", 1)), 2);
    pooled(&rectified(convolved(&x, tensors, "conv2", 1)), 3).into_iter().collect()
}

fn resnet_by_hand(tensors: &Tensors, x: &Array3<f64>) -> Vec<f64> {
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let x = Array3::from_shape_fn(x.dim(), |(c, i, j)| (x[(c, i, j)] - mean[c]) / deviation[c]);
    let mut x = rectified(normalised(convolved(&x, tensors, "conv1", 1), tensors, "bn1"));
    for (name, stride) in [("layer1.0", 1), ("layer1.1", 1), ("layer2.0", 2), ("layer3.0", 2)] {
        let [a, b] = ["1", "2"].map(|k| (format!("{name}.conv{k}"), format!("{name}.bn{k}")));
        let y = rectified(normalised(convolved(&x, tensors, &a.0, stride), tensors, &a.1));
        let y = normalised(convolved(&y, tensors, &b.0, 1), tensors, &b.1);
        let before = (y.dim().0 - x.dim().0) / 2;
        x = rectified(Array3::from_shape_fn(y.dim(), |(c, i, j)| {
            let own = c.checked_sub(before).and_then(|c| x.get((c, i * stride, j * stride)));
            y[(c, i, j)] + own.copied().unwrap_or(0.0)
        }));
    }
    x.outer_iter().map(|plane| plane.mean().unwrap()).collect()
}

/// Planes of an image whose channels are its last axis, black being 0 and white 1.
fn planes(images: &PointSet, i: usize, side: usize, pixels: Pixels) -> Array3<f64> {
    let channels = images.dim() / (side * side);
    Array3::from_shape_fn((channels, side, side), |(c, row, column)| {
        (images.point(i)[(row * side + column) * channels + c] - pixels.black) / (pixels.white - pixels.black)
    })
}

fn head(tensors: &Tensors, name: &str, features: &Array2<f64>) -> Array2<f64> {
    let (shape, weights) = &tensors[&format!("{name}.weight")];
    let weights = Array2::from_shape_vec((shape[0], shape[1]), weights.clone()).unwrap().mapv(f64::from);
    let bias: Array1<f64> = tensors[&format!("{name}.bias")].1.iter().map(|v| f64::from(*v)).collect();
    features.dot(&weights.t()) + bias
}

type Sums = fn(&Tensors, &Array3<f64>) -> Vec<f64>;

#[test]
fn outputs_are_the_sums_written_out() {
    let cases: [(Tensors, Sums, &str, &str, usize, usize, usize); 3] = [
        (lenet(3, 5, 4, 1), lenet_by_hand, "fc", "LeNet", 28, 1, 80),
        (resnet([4, 6, 8], 5, 2), resnet_by_hand, "linear", "ResNet-10", 32, 3, 8),
        (resnet([4, 4, 7], 3, 5), resnet_by_hand, "linear", "ResNet-10", 32, 3, 7),
    ];
    for (tensors, by_hand, last, name, side, channels, features) in cases {
        let classifier = load(&tensors);
        let architecture = classifier.architecture().clone();
        assert_eq!((architecture.name.as_str(), architecture.features), (name, features));
        let numbers: usize = tensors.values().map(|(_, values)| values.len()).sum();
        assert_eq!(architecture.parameters, numbers);
        for pixels in [Pixels::UNIT, Pixels::BYTES, Pixels::SIGNED] {
            let images = noise(2, side, channels, pixels.black, pixels.white);
            let rows = (0..2).flat_map(|i| by_hand(&tensors, &planes(&images, i, side, pixels)));
            let expected = Array2::from_shape_vec((2, features), rows.collect()).unwrap();
            let found = classifier.outputs(&images, pixels).unwrap();
            assert!(error(&found.features, &expected) < 1e-5, "{name}");
            assert!(error(&found.logits, &head(&tensors, last, &expected)) < 1e-5, "{name}");
            let logits = classifier.logits(&images, pixels).unwrap();
            assert_eq!(logits, found.logits);
            for (row, class) in logits.outer_iter().zip(found.classes()) {
                assert!(row.iter().all(|v| *v <= row[class]));
            }
        }
    }
}

/// The same bits alone, in a set of several batches, on one thread and on all; vectors are images.
#[test]
fn results_depend_on_neither_batch_nor_threads() {
    for (classifier, side, channels) in
        [(load(&lenet(3, 4, 3, 7)), 28, 1), (load(&resnet([4, 6, 8], 3, 8)), 32, 3)]
    {
        let images = noise(70, side, channels, 0.0, 1.0);
        let together = classifier.features(&images, Pixels::UNIT).unwrap();
        for i in [0, 63, 69] {
            let alone = images.select(&[i]).unwrap();
            let alone = classifier.features(&alone, Pixels::UNIT).unwrap();
            assert_eq!(alone.index_axis(Axis(0), 0), together.row(i), "image {i}");
        }
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(pool.install(|| classifier.features(&images, Pixels::UNIT).unwrap()), together);
        let vectors = PointSet::vectors(images.values().to_owned()).unwrap();
        assert_eq!(classifier.features(&vectors, Pixels::UNIT).unwrap(), together);
    }
}

#[test]
fn images_that_make_no_sense_are_refused() {
    let classifier = load(&lenet(2, 2, 3, 1));
    for (images, pixels, told) in [
        (noise(1, 32, 1, 0.0, 1.0), Pixels::UNIT, "grey image 28×28"),
        (noise(1, 28, 3, 0.0, 1.0), Pixels::UNIT, "grey image 28×28"),
        (noise(1, 28, 1, 0.0, 1.0), Pixels::BYTES, "next to nothing"),
        (noise(1, 28, 1, 0.0, 255.0), Pixels::UNIT, "far beyond"),
    ] {
        let error = classifier.features(&images, pixels).unwrap_err().to_string();
        assert!(error.contains(told), "{error}");
    }
}

#[test]
fn files_that_are_no_classifier_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let changed = |whole: &Tensors, change: &dyn Fn(&mut Tensors), expected: &str| {
        let mut tensors = whole.clone();
        change(&mut tensors);
        write(&path, &tensors);
        let error = Classifier::load(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("network.safetensors"), "{error}");
    };
    let small = lenet(2, 2, 3, 1);
    changed(&small, &|t| t.clear(), "no known classifier: it holds no tensors");
    changed(&small, &|t| drop(t.remove("fc.weight")), "no known classifier: it holds `conv1.bias`");
    changed(&small, &|t| drop(t.remove("conv2.bias")), "no tensor `conv2.bias`");
    changed(&small, &|t| drop(t.insert("fc.weight".into(), (vec![3, 9], vec![0.0; 27]))), "[classes, 32]");
    changed(&small, &|t| drop(t.insert("fc.bias".into(), (vec![9], vec![0.0; 9]))), "where [3] belongs");
    changed(&small, &|t| drop(t.insert("more".into(), (vec![1], vec![0.0]))), "`more` that has no place");
    changed(
        &small,
        &|t| {
            t.clear();
            t.insert("conv.0.weight".into(), (vec![1, 1, 3, 3], vec![0.0; 9]));
        },
        "holds a denoiser",
    );
    let deep = resnet([4, 6, 8], 5, 2);
    changed(&deep, &|t| drop(t.remove("layer2.0.bn2.running_var")), "no tensor `layer2.0.bn2.running_var`");
    changed(&deep, &|t| drop(t.remove("layer3.0.conv1.weight")), "no tensor `layer3.0.conv1.weight`");
    changed(&deep, &|t| drop(t.remove("linear.weight")), "no tensor `linear.weight`");
    changed(
        &deep,
        &|t| t.get_mut("bn1.running_var").unwrap().1[2] = -1.0,
        "variance of -1 in `bn1.running_var` at place 2",
    );
    changed(
        &deep,
        &|t| drop(t.insert("layer1.0.conv1.weight".into(), (vec![4, 3, 3, 3], vec![0.0; 108]))),
        "4 channels in second place",
    );
    assert!(Classifier::load(folder.path().join("missing")).is_err());
}
