//! Networks of made-up weights: every output is a sum that is written out here.

use std::path::Path;

use ndarray::{Array2, Array3, ArrayView2, Axis, concatenate};
use ridgewalk::autonomous::{Autonomous, CoarseToFine, Ending, Target};
use ridgewalk_nn::BlindDenoiser;

use super::support::{Tensors, dncnn, largest, norm, normals, row, unet, write};

fn load(tensors: &Tensors) -> BlindDenoiser {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    write(&path, tensors);
    BlindDenoiser::load(&path).unwrap()
}

/// Σ over kernel and channels, in f64, `[channels, h, w]`; beyond the image there are zeros.
fn convolved(
    x: &Array3<f64>,
    tensors: &Tensors,
    name: &str,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Array3<f64> {
    let (shape, weights) = &tensors[&format!("{name}.weight")];
    let bias = tensors.get(&format!("{name}.bias"));
    let (channels, height, width) = x.dim();
    let (out, k) = (shape[0], shape[2]);
    let side = |n: usize| (n + 2 * padding - dilation * (k - 1) - 1) / stride + 1;
    Array3::from_shape_fn((out, side(height), side(width)), |(o, i, j)| {
        let mut sum = bias.map_or(0.0, |(_, values)| f64::from(values[o]));
        for c in 0..channels {
            for a in 0..k {
                for b in 0..k {
                    let at = (i * stride + a * dilation).checked_sub(padding);
                    let at = at.zip((j * stride + b * dilation).checked_sub(padding));
                    let value = at.and_then(|(i, j)| x.get((c, i, j))).copied().unwrap_or(0.0);
                    sum += value * f64::from(weights[((o * channels + c) * k + a) * k + b]);
                }
            }
        }
        sum
    })
}

/// Every pixel sends a kernel: 4×4, stride 2, padding 1.
fn enlarged(x: &Array3<f64>, tensors: &Tensors, name: &str) -> Array3<f64> {
    let (shape, weights) = &tensors[&format!("{name}.weight")];
    let (channels, height, width) = x.dim();
    let out = shape[1];
    let mut y = Array3::zeros((out, 2 * height, 2 * width));
    for ((c, i, j), value) in x.indexed_iter() {
        assert!(c < channels);
        for o in 0..out {
            for a in 0..4 {
                for b in 0..4 {
                    let at = (2 * i + a).checked_sub(1).zip((2 * j + b).checked_sub(1));
                    if let Some(to) = at.and_then(|(i, j)| y.get_mut((o, i, j))) {
                        *to += value * f64::from(weights[((c * out + o) * 4 + a) * 4 + b]);
                    }
                }
            }
        }
    }
    y
}

fn relu(x: Array3<f64>) -> Array3<f64> {
    x.mapv(|v| v.max(0.0))
}

fn volume(u: ArrayView2<f64>, height: usize, width: usize) -> Array3<f64> {
    Array3::from_shape_vec((1, height, width), u.iter().copied().collect()).unwrap()
}

fn flat(y: &Array3<f64>) -> Array2<f64> {
    row(y.iter().copied().collect())
}

fn dncnn_by_hand(tensors: &Tensors, depth: usize, u: &Array3<f64>) -> Array3<f64> {
    let mut x = convolved(u, tensors, "conv.0", 1, 1, 1);
    for layer in 1..depth {
        x = convolved(&relu(x), tensors, &format!("conv.{layer}"), 1, 1, 1);
    }
    u - &x
}

fn unet_by_hand(tensors: &Tensors, u: &Array3<f64>) -> Array3<f64> {
    let x = relu(convolved(u, tensors, "conv1", 1, 2, 1));
    let skip = relu(convolved(&x, tensors, "conv2", 1, 1, 1));
    let x = relu(convolved(&skip, tensors, "conv3", 2, 1, 1));
    let x = relu(convolved(&x, tensors, "conv4", 1, 1, 1));
    let x = relu(convolved(&x, tensors, "conv5", 1, 2, 2));
    let x = relu(convolved(&x, tensors, "conv6", 1, 4, 4));
    let x = relu(enlarged(&x, tensors, "conv7"));
    let x = concatenate(Axis(0), &[x.view(), skip.view()]).unwrap();
    let x = relu(convolved(&x, tensors, "conv8", 1, 1, 1));
    convolved(&x, tensors, "conv9", 1, 2, 1)
}

/// f32 sums of some 10² terms of order 1: 1e-5 is ten times their rounding.
#[test]
fn dncnn_is_the_sums_written_out() {
    for (biased, depth, width) in [(false, 4, 6), (true, 3, 5), (false, 1, 1)] {
        let tensors = dncnn(depth, width, biased, 11);
        let denoiser = load(&tensors);
        let architecture = denoiser.architecture();
        assert_eq!((architecture.name, architecture.layers, architecture.biased), ("DnCNN", depth, biased));
        let numbers: usize = tensors.values().map(|(_, values)| values.len()).sum();
        assert_eq!((architecture.parameters, architecture.width), (numbers, width));
        let model = denoiser.image(9, 13).unwrap();
        assert_eq!((model.dim(), model.target()), (117, Target::Data));
        let u = row(normals(1, 117, 0.5));
        let by_hand = dncnn_by_hand(&tensors, depth, &volume(u.view(), 9, 13));
        let error = largest(&model.field(u.view()).unwrap(), &flat(&by_hand));
        assert!(error < 1e-5, "depth {depth}: {error:.1e}");
    }
}

#[test]
fn unet_is_the_sums_written_out() {
    let tensors = unet(5);
    let model = load(&tensors).image(12, 20).unwrap();
    let u = row(normals(2, 240, 0.5));
    let by_hand = unet_by_hand(&tensors, &volume(u.view(), 12, 20));
    let error = largest(&model.field(u.view()).unwrap(), &flat(&by_hand));
    assert!(error < 1e-5, "{error:.1e}");
}

/// Odd sides: the image with its last row and column mirrored, cut again.
#[test]
fn odd_sides_are_reflected_to_even_ones() {
    let tensors = unet(6);
    let (height, width) = (7, 9);
    let u = row(normals(3, height * width, 0.5));
    let small = volume(u.view(), height, width);
    let mirrored = |i: usize, n: usize| if i < n { i } else { n - 2 };
    let padded = Array3::from_shape_fn((1, 8, 10), |(_, i, j)| small[(0, mirrored(i, 7), mirrored(j, 9))]);
    let whole = unet_by_hand(&tensors, &padded);
    let cut = Array3::from_shape_fn((1, height, width), |at| whole[at]);
    let model = load(&tensors).image(height, width).unwrap();
    let error = largest(&model.field(u.view()).unwrap(), &flat(&cut));
    assert!(error < 1e-5, "{error:.1e}");
}

/// J by rows against central differences of the sums in f64, whose steps are too small to cross a rectifier.
#[test]
fn jacobian_products_are_those_of_the_sums() {
    let (narrow, wide) = (dncnn(3, 4, true, 21), unet(22));
    type Sums = Box<dyn Fn(&Array3<f64>) -> Array3<f64>>;
    let sums: [(BlindDenoiser, Sums, usize, usize); 2] = [
        (load(&narrow), Box::new(move |u| dncnn_by_hand(&narrow, 3, u)), 5, 7),
        (load(&wide), Box::new(move |u| unet_by_hand(&wide, u)), 6, 8),
    ];
    for (denoiser, by_hand, height, width) in sums {
        let d = height * width;
        let model = denoiser.image(height, width).unwrap();
        let u = row(normals(4, d, 0.5));
        let jacobian = model.jacobian(u.view()).unwrap();
        let jacobian = jacobian.index_axis(Axis(0), 0);
        let mut exact = Array2::zeros((d, d));
        for k in 0..d {
            let moved = |step: f64| {
                let mut at = volume(u.view(), height, width);
                at[(0, k / width, k % width)] += step;
                by_hand(&at)
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            exact.column_mut(k).assign(&flat(&difference).row(0));
        }
        assert!(largest(&jacobian.to_owned(), &exact) < 1e-4);
        let v = row(normals(5, d, 1.0));
        let forward = model.jvp(u.view(), v.view()).unwrap();
        assert!(largest(&forward, &v.dot(&exact.t())) < 1e-4);
        let backward = model.vjp(u.view(), v.view()).unwrap();
        assert!(largest(&backward, &v.dot(&exact)) < 1e-4);
        assert!(largest(&forward, &backward) > 1e-2, "a Jacobian of made-up weights is not symmetric");
        // √d times the unit vectors make the trace exact.
        let probes = Array2::eye(d) * (d as f64).sqrt();
        let trace = model.trace(u.view(), probes.view()).unwrap();
        assert!((trace[0] - exact.diag().sum()).abs() < 1e-3);
    }
}

/// w·(Jv) = v·(Jᵀw), odd sides, and an image of more than one strip included.
#[test]
fn the_two_products_are_adjoint() {
    for (denoiser, height, width) in
        [(load(&unet(7)), 7, 5), (load(&unet(7)), 8, 1), (load(&dncnn(2, 2, false, 8)), 700, 101)]
    {
        let model = denoiser.image(height, width).unwrap();
        let d = height * width;
        let (u, v, w) = (row(normals(1, d, 0.5)), row(normals(2, d, 1.0)), row(normals(3, d, 1.0)));
        let forward = (&w * &model.jvp(u.view(), v.view()).unwrap()).sum();
        let backward = (&v * &model.vjp(u.view(), w.view()).unwrap()).sum();
        let scale = norm(&v) * norm(&w) / (d as f64).sqrt();
        assert!((forward - backward).abs() < 1e-5 * scale, "{height}×{width}: {forward} and {backward}");
    }
}

/// Strips are told by nothing: the sums of the whole image, at the rows where strips meet and elsewhere.
#[test]
fn a_large_image_is_as_a_whole() {
    let tensors = dncnn(3, 3, true, 31);
    let (height, width) = (900, 100);
    let model = load(&tensors).image(height, width).unwrap();
    let u = row(normals(6, height * width, 0.5));
    let by_hand = dncnn_by_hand(&tensors, 3, &volume(u.view(), height, width));
    let error = largest(&model.field(u.view()).unwrap(), &flat(&by_hand));
    assert!(error < 1e-5, "{error:.1e}");
}

/// The same bits alone and in a batch, on one thread and on all.
#[test]
fn results_depend_on_neither_batch_nor_threads() {
    let model = load(&unet(9)).image(33, 34).unwrap();
    let d = model.dim();
    let u = Array2::from_shape_vec((3, d), normals(1, 3 * d, 0.5)).unwrap();
    let v = Array2::from_shape_vec((3, d), normals(2, 3 * d, 1.0)).unwrap();
    let all = || {
        (
            model.field(u.view()).unwrap(),
            model.jvp(u.view(), v.view()).unwrap(),
            model.vjp(u.view(), v.view()).unwrap(),
        )
    };
    let together = all();
    for i in 0..3 {
        let (u, v) = (u.select(Axis(0), &[i]), v.select(Axis(0), &[i]));
        assert_eq!(model.field(u.view()).unwrap().row(0), together.0.row(i));
        assert_eq!(model.jvp(u.view(), v.view()).unwrap().row(0), together.1.row(i));
        assert_eq!(model.vjp(u.view(), v.view()).unwrap().row(0), together.2.row(i));
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(pool.install(all), together);
}

#[test]
fn without_biases_the_network_is_homogeneous() {
    for (tensors, homogeneous) in
        [(dncnn(4, 6, false, 1), true), (unet(2), true), (dncnn(4, 6, true, 1), false)]
    {
        let model = load(&tensors).image(10, 10).unwrap();
        let u = row(normals(7, 100, 0.5));
        let y = model.field(u.view()).unwrap();
        let scaled = model.field((3.0 * &u).view()).unwrap() / 3.0;
        let product = model.jvp(u.view(), u.view()).unwrap();
        for other in [scaled, product] {
            let error = norm(&(&other - &y)) / norm(&y);
            assert_eq!(error < 1e-5, homogeneous, "{error:.1e}");
        }
    }
}

/// D = u/2, by a 1-layer network: the noise halves where the sampler takes all of the residual.
#[test]
fn the_sampler_runs_on_it() {
    let mut tensors = dncnn(1, 1, false, 1);
    let mut half = vec![0.0; 9];
    half[4] = 0.5;
    tensors.insert("conv.0.weight".into(), (vec![1, 1, 3, 3], half));
    let model = load(&tensors).image(4, 4).unwrap();
    let sampler = CoarseToFine::new(0.01..1.0).unwrap().first_step(1.0).unwrap();
    let run = sampler.run(&model, 2).unwrap();
    assert_eq!(run.endings, [Ending::Reached; 2]);
    for pair in run.noise[0].windows(2) {
        assert!((pair[1] / pair[0] - 0.5).abs() < 1e-6);
    }
}

#[test]
fn input_that_makes_no_sense_is_refused() {
    let denoiser = load(&dncnn(2, 2, false, 1));
    assert!(denoiser.image(0, 4).unwrap_err().to_string().contains("0×4"));
    assert!(denoiser.image(usize::MAX, 2).is_err());
    let model = denoiser.image(2, 2).unwrap();
    assert!(model.field(Array2::zeros((1, 5)).view()).is_err());
    let mut bad = Array2::zeros((2, 4));
    bad[(1, 2)] = f64::NAN;
    assert!(model.field(bad.view()).unwrap_err().to_string().contains("row 1, column 2"));
    assert!(model.jvp(Array2::zeros((1, 4)).view(), Array2::zeros((2, 4)).view()).is_err());
    assert!(model.vjp(Array2::zeros((2, 4)).view(), bad.view()).is_err());
    assert!(model.trace(Array2::zeros((1, 4)).view(), Array2::zeros((1, 3)).view()).is_err());
    let far = model.field(Array2::from_elem((1, 4), 1e300).view()).unwrap_err().to_string();
    assert!(far.contains("f32"), "{far}");
    assert_eq!(model.field(Array2::zeros((0, 4)).view()).unwrap().dim(), (0, 4));
}

#[test]
fn files_that_are_no_network_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("network.safetensors");
    let told = |expected: &str| {
        let error = BlindDenoiser::load(&path).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("network.safetensors"), "{error}");
    };
    told("cannot be read");
    for (bytes, expected) in [
        (&b""[..], "not in the safetensors format"),
        (b"\x89PNG\r\n\x1a\n and so on", "not in the safetensors format"),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff{}", "declares a header of"),
        (b"\x02\0\0\0\0\0\0\0{}", "holds no tensors"),
    ] {
        std::fs::write(&path, bytes).unwrap();
        told(expected);
    }
    let whole = dncnn(3, 2, true, 1);
    write(&path, &whole);
    let bytes = std::fs::read(&path).unwrap();
    for cut in [1, 7, 8, 20, bytes.len() / 2, bytes.len() - 1] {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        assert!(BlindDenoiser::load(&path).is_err(), "cut at {cut}");
    }
    let changed = |change: &dyn Fn(&mut Tensors), expected: &str| {
        let mut tensors = whole.clone();
        change(&mut tensors);
        write(&path, &tensors);
        told(expected);
    };
    changed(&|t| drop(t.remove("conv.0.weight")), "no known network");
    changed(&|t| drop(t.remove("conv.1.weight")), "`conv.0.weight`");
    changed(&|t| drop(t.insert("conv.1.bias".into(), (vec![5], vec![0.0; 5]))), "`conv.1.bias` of shape [5]");
    changed(&|t| drop(t.insert("head.weight".into(), (vec![1], vec![0.0]))), "`head.weight`");
    changed(
        &|t| drop(t.insert("conv.0.weight".into(), (vec![2, 3, 3, 3], vec![0.0; 54]))),
        "1 channels in second place",
    );
    changed(
        &|t| drop(t.insert("conv.1.weight".into(), (vec![2, 2, 9], vec![0.0; 36]))),
        "of shape [2, 2, 9]",
    );
    changed(
        &|t| {
            if let Some((_, values)) = t.get_mut("conv.2.weight") {
                values[3] = f32::NAN;
            }
        },
        "NaN in `conv.2.weight` at place 3",
    );
    assert!(BlindDenoiser::load(Path::new("/")).is_err());
}
