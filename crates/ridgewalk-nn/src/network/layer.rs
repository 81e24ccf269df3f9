//! Layers: which arrays an operation takes.

use crate::ops::{Activation, Grid};
use crate::parameters::{Form, Handle, Init, Layout, Leaves};

use super::Value;
use super::value::Norm;

/// A linear map of channels.
#[derive(Debug, Clone)]
pub(crate) struct Linear {
    weight: Handle,
    bias: Option<Handle>,
    outputs: usize,
}

impl Linear {
    /// As PyTorch's `Linear` begins.
    pub fn new(layout: &mut Layout, name: &str, inputs: usize, outputs: usize) -> Self {
        let init = Init::kaiming(inputs);
        Self::of(layout, name, [inputs, outputs], Form::Linear, init, Some(init))
    }

    /// With Xavier's law times a factor, zero biases.
    pub fn xavier(layout: &mut Layout, name: &str, inputs: usize, outputs: usize, factor: f64) -> Self {
        let init = Init::xavier(inputs, outputs, factor);
        Self::of(layout, name, [inputs, outputs], Form::Linear, init, Some(Init::Constant(0.0)))
    }

    /// Of a given form and beginning.
    pub fn of(
        layout: &mut Layout,
        name: &str,
        dims: [usize; 2],
        form: Form,
        weight: Init,
        bias: Option<Init>,
    ) -> Self {
        let of_bias = match form {
            Form::Interleaved { heads } => Form::InterleavedVector { heads },
            _ => Form::Vector,
        };
        let weight = layout.add(format!("{name}.weight"), dims, form, weight);
        let bias = bias.map(|init| layout.add(format!("{name}.bias"), [1, dims[1]], of_bias, init));
        Linear { weight, bias, outputs: dims[1] }
    }

    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// The gradient by the first `count` inputs, from that by the outputs.
    pub fn transposed<V: Value>(&self, leaves: &Leaves, gradient: V, count: usize) -> V {
        let w = leaves.get(self.weight).narrow(0, 0, count).transpose();
        gradient.linear(w, None, Activation::None)
    }

    pub fn apply<V: Value>(&self, leaves: &Leaves, x: V, activation: Activation) -> V {
        x.linear(leaves.get(self.weight), self.bias.map(|bias| leaves.get(bias)), activation)
    }
}

/// A convolution by 3×3 kernels.
#[derive(Debug, Clone)]
pub(crate) struct Convolution {
    weight: Handle,
    bias: Handle,
}

impl Convolution {
    /// With Xavier's law times a factor, zero biases.
    pub fn new(layout: &mut Layout, name: &str, inputs: usize, outputs: usize, factor: f64) -> Self {
        let init = Init::xavier(9 * inputs, 9 * outputs, factor);
        let weight = layout.add(format!("{name}.weight"), [9 * inputs, outputs], Form::Convolution, init);
        let bias = layout.add(format!("{name}.bias"), [1, outputs], Form::Vector, Init::Constant(0.0));
        Convolution { weight, bias }
    }

    /// (x ∗ w + b + residual)·scale.
    pub fn apply<V: Value>(&self, leaves: &Leaves, x: V, residual: Option<V>, scale: f32, grid: Grid) -> V {
        x.conv3x3(leaves.get(self.weight), Some(leaves.get(self.bias)), residual, scale, grid)
    }
}

/// Group normalisation with gain and bias.
#[derive(Debug, Clone)]
pub(crate) struct GroupNorm {
    gain: Handle,
    bias: Handle,
    groups: usize,
}

impl GroupNorm {
    /// 32 groups, or fewer so that each has at least four channels.
    pub fn new(layout: &mut Layout, name: &str, channels: usize) -> Self {
        let most = 32.min(channels / 4).max(1);
        let groups = (1..=most).rev().find(|groups| channels.is_multiple_of(*groups)).unwrap_or(1);
        let gain = layout.add(format!("{name}.weight"), [1, channels], Form::Vector, Init::Constant(1.0));
        let bias = layout.add(format!("{name}.bias"), [1, channels], Form::Vector, Init::Constant(0.0));
        GroupNorm { gain, bias, groups }
    }

    pub fn apply<V: Value>(
        &self,
        leaves: &Leaves,
        x: V,
        modulation: Option<(V, V)>,
        activation: Activation,
        grid: Grid,
    ) -> V {
        let norm = Norm { groups: self.groups, activation, grid };
        x.group_norm((leaves.get(self.gain), leaves.get(self.bias)), modulation, norm)
    }
}
