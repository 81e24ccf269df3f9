//! The diffusion transformer (arXiv 2212.09748), for images: tokens are patches, conditions modulate (adaLN-zero).
//!
//! ```text
//! (s₁, t₁, g₁… ) = W silu(c)
//! h = h + g₁ ⊙ proj attention(qkv modulate(norm h; s₁, t₁))
//! h = h + g₂ ⊙ fc₂ gelu(fc₁ modulate(norm h; s₂, t₂))
//! ```
//!
//! Its arrays bear the names of the paper's code.

use burn::tensor::TensorData;
use serde::{Deserialize, Serialize};

use crate::ops::{Activation, Grid, Matrix};
use crate::parameters::{Form, Handle, Init, Layout, Leaves};

use super::Value;
use super::architecture::{DEEPEST, WIDEST};
use super::embedding::{Condition, Embedding};
use super::layer::Linear;
use super::value::Patches;

/// Channels of the waves of the noise level.
const WAVES: usize = 256;
const LONGEST: f64 = 10_000.0;

/// Size of a diffusion transformer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DitConfig {
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Channels of a token; a multiple of 4 and of `heads`.
    pub width: usize,
    /// Number of blocks.
    pub depth: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Hidden channels of a block's perceptron in units of `width`.
    pub mlp_ratio: usize,
}

impl Default for DitConfig {
    fn default() -> Self {
        DitConfig { patch: 2, width: 192, depth: 6, heads: 3, mlp_ratio: 4 }
    }
}

impl DitConfig {
    /// For images of this size: the smallest patch of 1, 2, 4, … that divides it into at most 256 tokens.
    pub fn for_image(height: usize, width: usize) -> Self {
        let fits = |patch: &usize| height.is_multiple_of(*patch) && width.is_multiple_of(*patch);
        let patches = [1, 2, 4, 7, 8, 14, 16, 32].into_iter().filter(fits);
        let mut best = 1;
        for patch in patches {
            best = patch;
            if (height / patch) * (width / patch) <= 256 {
                break;
            }
        }
        DitConfig { patch: best, ..DitConfig::default() }
    }

    /// What is wrong with it for images of this size, if anything.
    pub(crate) fn problem(&self, height: usize, width: usize) -> Option<String> {
        let DitConfig { patch, width: channels, heads, depth, mlp_ratio } = *self;
        if channels.max(heads) > WIDEST || depth > DEEPEST || mlp_ratio > 1 << 10 {
            return Some("width, depth, heads or mlp_ratio are too large".into());
        }
        if patch == 0 || !height.is_multiple_of(patch) || !width.is_multiple_of(patch) {
            return Some(format!("patches of {patch} do not divide images of {height}×{width}"));
        }
        if channels == 0 || channels % 4 != 0 || heads == 0 || channels % heads != 0 {
            return Some(format!("width {channels} must be a multiple of 4 and of the {heads} heads"));
        }
        (depth == 0 || mlp_ratio == 0).then(|| "depth and mlp_ratio must be at least 1".into())
    }
}

#[derive(Debug, Clone)]
struct DitBlock {
    modulation: Linear,
    qkv: Linear,
    projection: Linear,
    perceptron: [Linear; 2],
}

#[derive(Debug, Clone)]
pub(crate) struct Dit {
    patch: usize,
    width: usize,
    heads: usize,
    outputs: usize,
    channels: usize,
    embedding: Embedding,
    classes: Option<Handle>,
    cut: Linear,
    blocks: Vec<DitBlock>,
    modulation: Linear,
    last: Linear,
}

impl Dit {
    pub fn new(
        config: &DitConfig,
        (inputs, outputs): (usize, usize),
        classes: usize,
        layout: &mut Layout,
    ) -> Self {
        let DitConfig { patch, width, depth, heads, mlp_ratio } = *config;
        let window = patch * patch;
        let zero = Init::Constant(0.0);
        let form = Form::Patch { side: patch };
        let init = Init::xavier(window * inputs, width, 1.0);
        let cut = Linear::of(layout, "x_embedder.proj", [window * inputs, width], form, init, Some(zero));
        let embedding = Embedding::dit(layout, WAVES, width);
        let name = "y_embedder.embedding_table.weight";
        let classes =
            (classes > 0).then(|| layout.add(name, [classes + 1, width], Form::Table, Init::Normal(0.02)));
        let still = |layout: &mut Layout, name: &str, outputs: usize| {
            Linear::of(layout, name, [width, outputs], Form::Linear, zero, Some(zero))
        };
        let blocks = (0..depth).map(|index| {
            let name = |what: &str| format!("blocks.{index}.{what}");
            DitBlock {
                qkv: Linear::xavier(layout, &name("attn.qkv"), width, 3 * width, 1.0),
                projection: Linear::xavier(layout, &name("attn.proj"), width, width, 1.0),
                perceptron: [
                    Linear::xavier(layout, &name("mlp.fc1"), width, mlp_ratio * width, 1.0),
                    Linear::xavier(layout, &name("mlp.fc2"), mlp_ratio * width, width, 1.0),
                ],
                modulation: still(layout, &name("adaLN_modulation.1"), 6 * width),
            }
        });
        let blocks = blocks.collect();
        let last = still(layout, "final_layer.linear", window * outputs);
        let modulation = still(layout, "final_layer.adaLN_modulation.1", 2 * width);
        Dit {
            patch,
            width,
            heads,
            outputs,
            channels: inputs,
            embedding,
            classes,
            cut,
            blocks,
            modulation,
            last,
        }
    }

    /// See [`Network::values_per_point`](super::Network::values_per_point).
    pub fn values_per_point(&self, grid: Grid) -> usize {
        let tokens = grid.pixels() / (self.patch * self.patch).max(1);
        let of_block =
            |block: &DitBlock| block.qkv.outputs() + 4 * self.width + block.perceptron[0].outputs();
        tokens * self.blocks.iter().map(of_block).sum::<usize>()
    }

    pub fn forward<V: Value>(
        &self,
        leaves: &Leaves,
        x: V,
        condition: &Condition<V>,
        like: &Matrix,
        grid: Grid,
    ) -> V {
        let (width, samples) = (self.width, grid.images);
        let patches = Patches { grid, side: self.patch, channels: self.channels, cut: true };
        let tokens = self.cut.apply(leaves, x.patches(patches), Activation::None);
        let mut h = tokens.sum(V::constant(self.places(grid, like)), 1.0);
        let mut c: V = self.embedding.apply(leaves, condition, like, samples);
        if let Some(table) = self.classes {
            let class = condition.class.clone();
            let table = leaves.get(table);
            let count = table.dims()[0] - 1;
            let class = class.unwrap_or_else(|| Matrix::zeros([samples, count], &like.device()));
            // The last row stands for no class.
            let none = class.clone().sum_dim(1).neg().add_scalar(1.0);
            c = c.sum(V::constant(Matrix::cat(vec![class, none], 1).matmul(table)), 1.0);
        }
        let c = c.activate(Activation::Silu);
        for block in &self.blocks {
            let modulation = block.modulation.apply(leaves, c.clone(), Activation::None);
            let part = |index: usize| modulation.clone().columns(index * width, width);
            let seen = h.clone().layer_norm(Some((part(1), part(0))));
            let qkv = block.qkv.apply(leaves, seen, Activation::None);
            let seen = block.projection.apply(leaves, qkv.attention(self.heads, samples), Activation::None);
            h = h.gated_add(part(2), seen);
            let thought = h.clone().layer_norm(Some((part(4), part(3))));
            let thought = block.perceptron[0].apply(leaves, thought, Activation::Gelu);
            h = h.gated_add(part(5), block.perceptron[1].apply(leaves, thought, Activation::None));
        }
        let modulation = self.modulation.apply(leaves, c, Activation::None);
        let part = |index: usize| modulation.clone().columns(index * width, width);
        let h = h.layer_norm(Some((part(1), part(0))));
        let h = self.last.apply(leaves, h, Activation::None);
        h.patches(Patches { grid, side: self.patch, channels: self.outputs, cut: false })
    }

    /// Waves of the place of every token: x in the first half of the channels, y in the second.
    fn places(&self, grid: Grid, like: &Matrix) -> Matrix {
        let (lines, columns) = (grid.height / self.patch, grid.width / self.patch);
        let values = places(self.width, (lines, columns));
        let places =
            Matrix::from_data(TensorData::new(values, [lines * columns, self.width]), &like.device());
        places.repeat(&[grid.images, 1])
    }
}

/// Waves of the place of every token, of `width` channels each.
pub(crate) fn places(width: usize, (lines, columns): (usize, usize)) -> Vec<f32> {
    let quarter = width / 4;
    let mut values = Vec::with_capacity(lines * columns * width);
    for y in 0..lines {
        for x in 0..columns {
            for place in [x, y] {
                let phase = |k: usize| place as f64 * libm::pow(LONGEST, -(k as f64) / quarter as f64);
                values.extend((0..quarter).map(|k| libm::sin(phase(k)) as f32));
                values.extend((0..quarter).map(|k| libm::cos(phase(k)) as f32));
            }
        }
    }
    values
}
