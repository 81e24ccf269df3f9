//! All numbers of a network in one flat vector.
//!
//! Optimisers, averages and checkpoints work on the vector; a network reads its arrays as views of it. What lies where
//! is the [`Layout`], which a network's configuration determines. In files the arrays bear PyTorch's names, shapes and
//! orders ([`Form`]), so that a network can go to PyTorch and come from there.

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use ridgewalk::random::{Purpose, Stream};

use crate::ops::Matrix;

/// How an array lies in PyTorch; here all are matrices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `[1, c]` here, `[c]` there.
    Vector,
    /// `[in, out]` here, `[out, in]` there.
    Linear,
    /// `[9·in, out]` with rows (ky, kx, in) here, `[out, in, 3, 3]` there.
    Convolution,
    /// A convolution by one pixel: `[in, out]` here, `[out, in, 1, 1]` there.
    Pointwise,
    /// A convolution that cuts patches: `[side·side·in, out]` with rows (y, x, in) here, `[out, in, side, side]` there.
    Patch { side: usize },
    /// Rows are the same on both sides: embeddings of classes.
    Table,
    /// A [`Form::Pointwise`] whose outputs lie there as (head, channel, query|key|value) and here as (query|key|value,
    /// head, channel).
    Interleaved { heads: usize },
    /// The bias of [`Form::Interleaved`].
    InterleavedVector { heads: usize },
}

/// How an array begins.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Init {
    /// All the same.
    Constant(f32),
    /// Uniform on ±limit.
    Uniform(f64),
    /// Normal with this deviation.
    Normal(f64),
}

impl Init {
    /// Xavier's uniform law times a factor.
    pub fn xavier(fan_in: usize, fan_out: usize, factor: f64) -> Self {
        Init::Uniform(factor * (6.0 / (fan_in + fan_out).max(1) as f64).sqrt())
    }

    /// PyTorch's default for linear maps: uniform on ±1/√fan_in.
    pub fn kaiming(fan_in: usize) -> Self {
        Init::Uniform(1.0 / (fan_in.max(1) as f64).sqrt())
    }
}

/// One array of a network.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    pub dims: [usize; 2],
    pub form: Form,
    pub init: Init,
    pub offset: usize,
}

impl Entry {
    /// Values of the array.
    pub fn len(&self) -> usize {
        self.dims[0] * self.dims[1]
    }
}

/// Which array of a [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Handle(usize);

/// What lies where in the flat vector.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layout {
    entries: Vec<Entry>,
    length: usize,
}

impl Layout {
    /// One more array.
    pub fn add(&mut self, name: impl Into<String>, dims: [usize; 2], form: Form, init: Init) -> Handle {
        let entry = Entry { name: name.into(), dims, form, init, offset: self.length };
        self.length += entry.len();
        self.entries.push(entry);
        Handle(self.entries.len() - 1)
    }

    /// All arrays, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Values of all arrays together.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The values with which training begins: every array from its own stream.
    pub fn initial(&self, seed: u64) -> Vec<f32> {
        let mut values = Vec::with_capacity(self.length);
        for (index, entry) in self.entries.iter().enumerate() {
            let mut stream = Stream::new(seed, Purpose::Weights, index as u64, 0);
            values.extend((0..entry.len()).map(|_| match entry.init {
                Init::Constant(value) => value,
                Init::Uniform(limit) => ((2.0 * stream.uniform() - 1.0) * limit) as f32,
                Init::Normal(deviation) => (stream.normal() * deviation) as f32,
            }));
        }
        values
    }

    /// The arrays as views of a flat tensor.
    pub fn leaves(&self, flat: &Tensor<1>) -> Leaves {
        let tensors = self.entries.iter().map(|entry| {
            let [rows, columns] = entry.dims;
            flat.clone().narrow(0, entry.offset, entry.len()).reshape([rows, columns])
        });
        Leaves { tensors: tensors.collect() }
    }

    /// PyTorch's arrays of a flat vector: name, shape, values.
    pub fn to_torch(&self, values: &[f32]) -> Vec<(String, Vec<usize>, Vec<f32>)> {
        let arrays = self.entries.iter().filter_map(|entry| {
            let own = values.get(entry.offset..entry.offset + entry.len())?;
            let mut there = vec![0.0; own.len()];
            entry.each(|here, to| there[to] = own[here]);
            Some((entry.name.clone(), entry.torch_shape(), there))
        });
        arrays.collect()
    }

    /// The flat vector of PyTorch's arrays; the problem, if one is missing or has another shape.
    pub fn read_torch(&self, arrays: &BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Result<Vec<f32>, String> {
        let mut values = vec![0.0; self.length];
        for entry in &self.entries {
            let Some((shape, there)) = arrays.get(&entry.name) else {
                return Err(format!("tensor '{}' is missing", entry.name));
            };
            let wanted = entry.torch_shape();
            if *shape != wanted || there.len() != entry.len() {
                return Err(format!(
                    "tensor '{}' has shape {shape:?}, but the network needs {wanted:?}",
                    entry.name
                ));
            }
            let own = &mut values[entry.offset..entry.offset + entry.len()];
            entry.each(|here, from| own[here] = there[from]);
        }
        Ok(values)
    }
}

impl Entry {
    /// The shape of the array in PyTorch.
    pub fn torch_shape(&self) -> Vec<usize> {
        let [rows, columns] = self.dims;
        match self.form {
            Form::Vector | Form::InterleavedVector { .. } => vec![columns],
            Form::Linear => vec![columns, rows],
            Form::Convolution => vec![columns, rows / 9, 3, 3],
            Form::Pointwise | Form::Interleaved { .. } => vec![columns, rows, 1, 1],
            Form::Patch { side } => vec![columns, rows / (side * side).max(1), side, side],
            Form::Table => vec![rows, columns],
        }
    }

    /// Every value's index here and in PyTorch.
    fn each(&self, mut put: impl FnMut(usize, usize)) {
        let [rows, columns] = self.dims;
        let window = match self.form {
            Form::Convolution => 9,
            Form::Patch { side } => side * side,
            _ => 1,
        };
        let inputs = rows / window.max(1);
        for row in 0..rows {
            for column in 0..columns {
                let there = match self.form {
                    Form::Vector | Form::Table => row * columns + column,
                    Form::Linear | Form::Pointwise | Form::Convolution | Form::Patch { .. } => {
                        let (place, input) = (row / inputs, row % inputs);
                        (column * inputs + input) * window + place
                    }
                    Form::Interleaved { heads } => interleaved(column, columns, heads) * rows + row,
                    Form::InterleavedVector { heads } => interleaved(column, columns, heads),
                };
                put(row * columns + column, there);
            }
        }
    }
}

/// Where the output (query|key|value, head, channel) lies in the order (head, channel, query|key|value).
fn interleaved(column: usize, columns: usize, heads: usize) -> usize {
    let channels = columns / 3;
    let width = (channels / heads.max(1)).max(1);
    let (part, channel) = (column / channels.max(1), column % channels.max(1));
    let (head, channel) = (channel / width, channel % width);
    (head * width + channel) * 3 + part
}

/// The arrays of a network, ready for use.
#[derive(Debug, Clone)]
pub(crate) struct Leaves {
    tensors: Vec<Matrix>,
}

impl Leaves {
    /// From values on the host.
    pub fn new(layout: &Layout, values: &[f32], device: &Device) -> Self {
        let flat = Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device);
        layout.leaves(&flat)
    }

    /// The same, with gradients to be taken.
    pub fn tracked(&self) -> Self {
        Leaves { tensors: self.tensors.iter().map(|leaf| leaf.clone().autodiff().require_grad()).collect() }
    }

    /// The same as constants of a graph of which gradients are taken.
    pub fn constant(&self) -> Self {
        Leaves { tensors: self.tensors.iter().map(|leaf| leaf.clone().autodiff()).collect() }
    }

    /// All arrays, in the order of the layout.
    pub fn tensors(&self) -> &[Matrix] {
        &self.tensors
    }

    /// One array.
    pub fn get(&self, handle: Handle) -> Matrix {
        self.tensors[handle.0].clone()
    }
}
