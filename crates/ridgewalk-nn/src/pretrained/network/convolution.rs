//! One convolution, plain or transposed, and what a file must hold for it.

use burn::tensor::module::{conv_transpose2d, conv2d};
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions};
use burn::tensor::{Device, Tensor, TensorData};

/// Numbers of a convolution: weights `[out, in, k, k]`, or `[in, out, k, k]` of a transposed one; biases `[out]`.
pub(crate) struct Weights {
    pub shape: [usize; 4],
    pub values: Vec<f32>,
    pub bias: Option<Vec<f32>>,
}

enum Kind {
    Plain(ConvOptions<2>),
    Transposed(ConvTransposeOptions<2>),
}

/// A convolution of square kernels.
pub(crate) struct Convolution {
    weight: Tensor<4>,
    bias: Option<Tensor<1>>,
    kind: Kind,
}

impl Convolution {
    /// A plain one.
    pub fn new(weights: Weights, stride: usize, padding: usize, dilation: usize) -> Self {
        let options = ConvOptions::new([stride; 2], [padding; 2], [dilation; 2], 1);
        Self::of(weights, Kind::Plain(options))
    }

    /// A transposed one, which enlarges by `stride`.
    pub fn transposed(weights: Weights, stride: usize, padding: usize) -> Self {
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], 1);
        Self::of(weights, Kind::Transposed(options))
    }

    fn of(weights: Weights, kind: Kind) -> Self {
        let device = Device::flex();
        let Weights { shape, values, bias } = weights;
        let bias = bias.map(|bias| {
            let length = bias.len();
            Tensor::from_data(TensorData::new(bias, [length]), &device)
        });
        Convolution { weight: Tensor::from_data(TensorData::new(values, shape), &device), bias, kind }
    }

    /// The output.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, self.bias.clone())
    }

    /// J v, which does not depend on where.
    pub fn tangent(&self, v: Tensor<4>) -> Tensor<4> {
        self.apply(v, None)
    }

    fn apply(&self, x: Tensor<4>, bias: Option<Tensor<1>>) -> Tensor<4> {
        match &self.kind {
            Kind::Plain(options) => conv2d(x, self.weight.clone(), bias, options.clone()),
            Kind::Transposed(options) => conv_transpose2d(x, self.weight.clone(), bias, options.clone()),
        }
    }
}
