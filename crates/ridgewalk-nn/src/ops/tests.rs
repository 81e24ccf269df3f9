//! Every fused operation against the same in ordinary operations: values and all gradients.

use burn::tensor::{Device, TensorData};
use ridgewalk::random::{Purpose, Stream};

use super::*;

const ACTIVATIONS: [Activation; 4] =
    [Activation::None, Activation::Silu, Activation::Gelu, Activation::Softplus];

fn normal(dims: [usize; 2], seed: u64) -> Matrix {
    let mut stream = Stream::new(seed, Purpose::Evaluation, 0, 0);
    let values: Vec<f32> = (0..dims[0] * dims[1]).map(|_| stream.normal() as f32).collect();
    Matrix::from_data(TensorData::new(values, dims), &Device::flex())
}

fn values(x: Matrix) -> Vec<f32> {
    x.into_data().try_to_vec::<f32>().unwrap()
}

/// The result, and the gradients of Σ weight·result.
fn answers(inputs: &[Matrix], f: impl Fn(&[Matrix]) -> Matrix) -> Vec<Vec<f32>> {
    let inputs: Vec<Matrix> = inputs.iter().map(|x| x.clone().autodiff().require_grad()).collect();
    let y = f(&inputs);
    let weight = normal(y.dims(), 99).autodiff();
    let mut gradients = (y.clone() * weight).sum().backward();
    let mut all = vec![values(y.inner())];
    all.extend(inputs.iter().map(|x| values(x.grad_remove(&mut gradients).unwrap())));
    all
}

fn agree(what: &str, dims: &[[usize; 2]], f: impl Fn(&[Matrix]) -> Matrix, g: impl Fn(&[Matrix]) -> Matrix) {
    let inputs: Vec<Matrix> = dims.iter().enumerate().map(|(i, dims)| normal(*dims, i as u64)).collect();
    let (got, expected) = (answers(&inputs, f), answers(&inputs, g));
    for (i, (got, expected)) in got.iter().zip(&expected).enumerate() {
        let size = expected.iter().fold(1.0f32, |a, b| a.max(b.abs()));
        assert_eq!(got.len(), expected.len(), "{what} {i}");
        for (a, b) in got.iter().zip(expected) {
            assert!((a - b).abs() <= 2e-5 * size, "{what}, output or gradient {i}: {a} {b}");
        }
    }
}

#[test]
fn nonlinearities_agree() {
    for activation in ACTIVATIONS {
        agree(
            &format!("{activation:?}"),
            &[[7, 5]],
            |x| activate(x[0].clone(), activation),
            |x| activation::composed(x[0].clone(), activation),
        );
    }
}

#[test]
fn linear_agrees() {
    for activation in ACTIVATIONS {
        agree(
            &format!("linear {activation:?}"),
            &[[7, 5], [5, 3], [1, 3]],
            |x| linear(x[0].clone(), x[1].clone(), Some(x[2].clone()), activation),
            |x| linear::composed(x[0].clone(), x[1].clone(), Some(x[2].clone()), activation),
        );
    }
    agree(
        "linear of a view, without bias",
        &[[7, 5], [5, 7]],
        |x| linear(x[1].clone().transpose(), x[0].clone().transpose(), None, Activation::None),
        |x| linear::composed(x[1].clone().transpose(), x[0].clone().transpose(), None, Activation::None),
    );
}

#[test]
fn conv3x3_agrees() {
    let grid = Grid { images: 2, height: 3, width: 4 };
    for scale in [1.0, 0.7] {
        agree(
            "convolution with all",
            &[[24, 3], [27, 5], [1, 5], [24, 5]],
            |x| conv3x3(x[0].clone(), x[1].clone(), Some(x[2].clone()), Some(x[3].clone()), scale, grid),
            |x| {
                let (b, residual) = (Some(x[2].clone()), Some(x[3].clone()));
                convolution::composed(x[0].clone(), x[1].clone(), b, residual, scale, grid)
            },
        );
    }
    agree(
        "convolution with a residual that is its input, without bias",
        &[[24, 3], [27, 3]],
        |x| conv3x3(x[0].clone(), x[1].clone(), None, Some(x[0].clone()), 1.0, grid),
        |x| convolution::composed(x[0].clone(), x[1].clone(), None, Some(x[0].clone()), 1.0, grid),
    );
}

#[test]
fn group_norm_agrees() {
    let grid = Grid { images: 3, height: 2, width: 4 };
    for activation in ACTIVATIONS {
        agree(
            &format!("group norm {activation:?}"),
            &[[24, 6], [1, 6], [1, 6]],
            |x| group_norm(x[0].clone(), (x[1].clone(), x[2].clone()), None, 3, activation, grid),
            |x| group_norm::composed(x[0].clone(), (x[1].clone(), x[2].clone()), None, 3, activation, grid),
        );
        agree(
            &format!("modulated group norm {activation:?}"),
            &[[24, 6], [1, 6], [1, 6], [3, 6], [3, 6]],
            |x| {
                let (affine, m) = ((x[1].clone(), x[2].clone()), Some((x[3].clone(), x[4].clone())));
                group_norm(x[0].clone(), affine, m, 3, activation, grid)
            },
            |x| {
                let (affine, m) = ((x[1].clone(), x[2].clone()), Some((x[3].clone(), x[4].clone())));
                group_norm::composed(x[0].clone(), affine, m, 3, activation, grid)
            },
        );
    }
}

#[test]
fn sums_agree() {
    for scale in [1.0, 0.7] {
        agree(
            "sum",
            &[[4, 3], [4, 3]],
            |x| scaled_sum(x[0].clone(), x[1].clone(), scale),
            |x| sums::scaled_sum_composed(x[0].clone(), x[1].clone(), scale),
        );
    }
    agree(
        "gated sum",
        &[[6, 4], [3, 4], [6, 4]],
        |x| gated_add(x[0].clone(), x[1].clone(), x[2].clone()),
        |x| sums::gated_add_composed(x[0].clone(), x[1].clone(), x[2].clone()),
    );
}

#[test]
fn layer_norm_agrees() {
    agree(
        "layer norm",
        &[[6, 5]],
        |x| layer_norm(x[0].clone(), None),
        |x| layer_norm::composed(x[0].clone(), None),
    );
    agree(
        "modulated layer norm",
        &[[6, 5], [3, 5], [3, 5]],
        |x| layer_norm(x[0].clone(), Some((x[1].clone(), x[2].clone()))),
        |x| layer_norm::composed(x[0].clone(), Some((x[1].clone(), x[2].clone()))),
    );
}

#[test]
fn attention_agrees() {
    for (heads, samples) in [(1, 2), (2, 3)] {
        agree(
            "attention",
            &[[12, 24]],
            |x| attention(x[0].clone(), heads, samples),
            |x| attention::composed(x[0].clone(), heads, samples),
        );
    }
}

#[test]
fn resampling_and_joining_agree() {
    let grid = Grid { images: 2, height: 2, width: 4 };
    agree(
        "half size",
        &[[16, 3]],
        |x| downsample(x[0].clone(), grid),
        |x| resample::downsample_composed(x[0].clone(), grid),
    );
    agree(
        "double size",
        &[[16, 3]],
        |x| upsample(x[0].clone(), grid),
        |x| resample::upsample_composed(x[0].clone(), grid),
    );
    agree(
        "join",
        &[[6, 3], [6, 2]],
        |x| join(x[0].clone(), x[1].clone(), 0.7),
        |x| resample::join_composed(x[0].clone(), x[1].clone(), 0.7),
    );
}

/// Where only some inputs are tracked, the others are constants.
#[test]
fn constants_need_no_gradient() {
    let (x, w) = (normal([4, 3], 1), normal([3, 2], 2));
    let tracked = w.clone().autodiff().require_grad();
    let y = linear(x.clone(), tracked.clone(), None, Activation::None);
    let got = values(tracked.grad_remove(&mut y.sum().backward()).unwrap());
    let expected = values(x.transpose().matmul(Matrix::ones([4, 2], &Device::flex())));
    assert!(got.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5), "{got:?} {expected:?}");
    assert_eq!(values(linear(normal([4, 3], 1), w, None, Activation::None)).len(), 8);
}
